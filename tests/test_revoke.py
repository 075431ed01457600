"""Revoking: every key refused at once, then the copies; what is out of reach is said, and the next run goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecrwiz.flow import ci_key, infra
from ecrwiz.flow.context import Approvals, Context
from ecrwiz.flow.events import Asked, Status, StepFinished, StepId
from ecrwiz.flow.infra import follow_key
from ecrwiz.flow.runbook import STEPS, stand
from ecrwiz.flow.steps.provision import keys_to_replace
from ecrwiz.model.errors import MissingToolError, RemoteError
from ecrwiz.services import keychain
from ecrwiz.services.iam import Iam
from tests.aws_program import Aws, serve
from tests.fake_steps import Heard
from tests.rotation_world import ACCOUNT, Operator, World
from tests.test_rotation_crash import EFFECTS

YES = Approvals(everything=True)


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with serve() as running:
        yield running


@pytest.fixture
def world(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(ci_key, "_WAITS", (0.0, 0.0, 0.1))
    return World(aws, tmp_path, monkeypatch)


async def revoked(person: Operator, **options: Any) -> tuple[int, StepFinished, Heard]:
    options.setdefault("approvals", YES)
    end, heard = await person.run(StepId.REVOKE, **options)
    return end.exit_code, heard.ends()[StepId.REVOKE], heard


async def assert_gone(world: World, person: Operator) -> None:
    assert world.listed() == {}
    assert not world.works(world.first)
    assert person.ring.backend.kept == {}
    assert world.github == {}
    assert world.marks() == []
    assert person.note is None


async def assert_a_run_makes_a_new_key(world: World, person: Operator) -> None:
    """Provision is stale, with the reason, and would make a key with a fresh pair."""
    project = await person.open()
    state = await stand(project, STEPS[StepId.PROVISION])
    assert (state.status, state.reason) == (Status.STALE, "the access key was revoked")
    context = Context(project, StepId.PROVISION, YES, lambda _: None, _nobody)
    terraform = project.tools.terraform(lambda _: None, lambda _: None)
    held = await follow_key(context, terraform, await terraform.state())
    assert infra.ACCESS_KEY not in held.resources
    before = project.journal.get(StepId.PROVISION)
    assert await keys_to_replace(context, held, ACCOUNT, before) == ()


async def _nobody(_: object) -> None:
    return None


async def test_every_key_and_every_copy(world: World) -> None:
    person = await world.operator()
    other = world.client("iam").create_access_key(UserName=world.user)["AccessKey"]["AccessKeyId"]
    half = keychain.pgp_entry_name(ACCOUNT, world.project_id, "dev")
    person.ring.backend.kept[keychain.SERVICE, half] = "half"
    code, end, _ = await revoked(person)
    assert code == 0, end.error
    assert end.outputs == {
        "access_key_ids": (world.first[0], other),
        "removed": (
            "GitHub secret AWS_ACCESS_KEY_ID of octo/app",
            "GitHub secret AWS_SECRET_ACCESS_KEY of octo/app",
            f"keyring entry {world.entry}",
            f"keyring entry {half}",
        ),
    }
    await assert_gone(world, person)
    await assert_a_run_makes_a_new_key(world, person)


async def test_every_key_is_refused_before_one_is_deleted_and_before_anything_else(world: World) -> None:
    world.client("iam").create_access_key(UserName=world.user)
    person = await world.operator()
    await revoked(person)
    effects = [effect for effect in world.effects if effect != "_write"]
    assert effects[:4] == ["set_access_key", "set_access_key", "delete_access_key", "delete_access_key"]
    assert effects[4:6] == ["delete AWS_ACCESS_KEY_ID", "delete AWS_SECRET_ACCESS_KEY"]


@pytest.mark.parametrize(("typed", "done"), [("right", True), ("wrong", False), (None, False), ("", False)])
async def test_the_projects_id_is_typed(world: World, typed: str | None, done: bool) -> None:
    person = await world.operator()
    word = {"right": world.project_id, "wrong": "another"}.get(typed or "", typed)
    code, end, heard = await revoked(person, reply=lambda _: word, approvals=Approvals())
    (question,) = [event.question for event in heard if isinstance(event, Asked)]
    assert question.title == f"Type {world.project_id} to revoke every access key of {world.user}"
    assert question.body[0].startswith(f"access key {world.first[0]} of {world.user}, made 20")
    if done:
        assert code == 0
        await assert_gone(world, person)
        return
    assert code == 2
    assert end.error is not None
    assert f"--yes --confirm {world.project_id}" in end.error.hint
    assert world.listed() == {world.first[0]: "Active"}
    assert person.entry() == world.on_github() == world.first


async def test_github_out_of_reach(world: World) -> None:
    person = await world.operator()
    world.refusal = MissingToolError("GitHub cannot be reached.", "Check the network.")
    code, end, _ = await revoked(person)
    assert code == 1
    assert end.error is not None
    assert f"AWS refuses {world.first[0]} for good, but not every copy could be removed" in end.error.message
    assert "GitHub cannot be reached." in end.error.message
    assert end.error.hint == "Check the network. Then run again: ecrwiz credentials revoke"
    assert world.listed() == {}
    assert person.ring.backend.kept == {}, "what is in reach is removed all the same"
    world.refusal = None
    code, end, _ = await revoked(person)
    assert code == 0, end.error
    await assert_gone(world, person)
    await assert_a_run_makes_a_new_key(world, person)


async def test_a_locked_keyring(world: World) -> None:
    person = await world.operator()
    person.ring.usable = False
    code, end, _ = await revoked(person)
    assert code == 1
    assert end.error is not None
    assert "The keyring is locked." in end.error.message
    assert world.listed() == {}
    assert world.github == {}
    person.ring.usable = True
    code, end, _ = await revoked(person)
    assert code == 0, end.error
    await assert_gone(world, person)


async def test_when_iam_refuses_nothing_else_is_touched(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise RemoteError("AWS refused to update access key (iam): no.", code="AccessDenied")

    person = await world.operator()
    monkeypatch.setattr(Iam, "set_access_key", refuse)
    code, end, _ = await revoked(person)
    assert code == 1
    assert end.error is not None
    assert "AWS refused to update access key" in end.error.message
    assert person.entry() == world.on_github() == world.first, "CI goes on working with a key that is not revoked"


async def test_a_user_that_is_not_ecrwizs(world: World) -> None:
    person = await world.operator()
    world.client("iam").untag_user(UserName=world.user, TagKeys=["managed-by"])
    code, end, _ = await revoked(person)
    assert code == 1
    assert end.error is not None
    assert "was not made by ecrwiz" in end.error.message
    assert world.works(world.first)


async def test_a_repository_that_is_not_ecrwizs_keeps_no_leaked_key_alive(world: World) -> None:
    person = await world.operator()
    arn = world.client("ecr").describe_repositories(repositoryNames=[world.repository])["repositories"][0]
    world.client("ecr").untag_resource(resourceArn=arn["repositoryArn"], tagKeys=["managed-by"])
    code, end, _ = await revoked(person)
    assert code == 0, end.error
    await assert_gone(world, person)


async def test_nothing_to_revoke(world: World) -> None:
    person = await world.operator()
    await revoked(person)
    code, end, _ = await revoked(person)
    assert code == 0
    assert end.status is Status.SKIPPED
    assert "there is no access key" in end.note


async def test_in_the_middle_of_a_rotation(world: World) -> None:
    person = await world.operator()
    world.dies_before(EFFECTS.index("put AWS_SECRET_ACCESS_KEY"))
    await person.run()
    world.goes_on()
    code, end, _ = await revoked(person)
    assert code == 0, end.error
    assert len(end.outputs["access_key_ids"]) == 2  # type: ignore[arg-type]
    await assert_gone(world, person)


@pytest.mark.parametrize("number", range(10))
async def test_cut_anywhere_and_run_again(world: World, number: int) -> None:
    person = await world.operator()
    world.dies_before(number)
    end_of_run, _ = await person.run(StepId.REVOKE, approvals=YES)
    assert end_of_run.status is Status.CANCELLED
    assert len(world.effects) == number + 1
    world.goes_on()
    code, end, _ = await revoked(person)
    assert code == 0, end.error
    await assert_gone(world, person)
    await assert_a_run_makes_a_new_key(world, person)
