"""A rotation whose last call has perhaps had its effect: no key that CI may work with is deleted, none is orphaned."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ecrwiz.flow import ci_key, infra, second_key
from ecrwiz.flow.context import Approvals
from ecrwiz.flow.events import Status
from ecrwiz.flow.github_write import Target
from ecrwiz.flow.steps import rotate
from ecrwiz.model.errors import RemoteError
from ecrwiz.model.redact import Secret
from ecrwiz.services.iam import Iam
from tests.aws_program import Aws, serve
from tests.rotation_world import Death, Operator, Ring, World, assert_settled
from tests.test_rotation_crash import error_of

YES = Approvals(everything=True)


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with serve() as running:
        yield running


@pytest.fixture
def world(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(ci_key, "_WAITS", (0.0, 0.0, 0.1))
    monkeypatch.setattr(second_key, "_WAITS", (0.0, 0.1))
    return World(aws, tmp_path, monkeypatch)


# --- without a keyring, cut around the export to GitHub --------------------------------------------------------


async def _cut(world: World, *before: str) -> Operator:
    """Without a keyring, the process dies before the last of these effects, after the others in this order."""
    person, left = await world.operator(ring=Ring(usable=False)), list(before)

    def at(name: str) -> None:
        if name == left[0]:
            left.pop(0)
            if not left:
                raise Death

    world.at = at
    end, _ = await person.run(approvals=YES)
    assert end.status is Status.CANCELLED
    world.goes_on()
    return person


async def test_cut_after_github_got_the_key_ends_with_that_key(world: World) -> None:
    person = await _cut(world, "put AWS_SECRET_ACCESS_KEY", "write_note")
    new = world.on_github()
    assert new != world.first
    world.refusal = RemoteError("GitHub answered 503.", "Try again.", code="503")
    end, heard = await person.run(approvals=YES)
    assert end.exit_code == 1
    assert "GitHub answered 503." in error_of(heard)
    assert world.works(new), "what CI works with is not deleted on suspicion"
    assert set(world.listed()) == {new[0], world.first[0]}
    world.refusal = None
    end, heard = await person.run(approvals=YES)
    assert end.exit_code == 0, error_of(heard)
    assert world.on_github() == new, "no third key is needed"
    assert world.listed() == {new[0]: "Active"}
    assert world.state[infra.ACCESS_KEY] == {"id": new[0]}
    assert world.marks() == []
    assert person.note is None


@pytest.mark.parametrize("effect", ["put AWS_ACCESS_KEY_ID", "put AWS_SECRET_ACCESS_KEY"])
async def test_cut_before_github_had_all_of_it_keeps_the_old_key_until_a_third_is_there(
    world: World, effect: str
) -> None:
    person = await _cut(world, effect)
    (lost,) = set(world.listed()) - {world.first[0]}
    world.at = lambda name: _alive(world) if name == "create_access_key" else None
    end, heard = await person.run(approvals=YES)
    assert end.exit_code == 0, error_of(heard)
    assert world.on_github()[0] not in (lost, world.first[0])
    assert world.works(world.on_github())
    assert world.listed() == {world.on_github()[0]: "Active"}


def _alive(world: World) -> None:
    assert world.works(world.first)


async def test_when_one_place_has_it_and_another_not_the_person_decides(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await _cut(world, "put AWS_SECRET_ACCESS_KEY", "write_note")
    new = world.on_github()

    async def set_since(*_: object) -> dict[Target, bool]:
        return {Target("", "octo/app"): True, Target("", "octo/app", "prod"): False}

    monkeypatch.setattr(rotate, "set_since", set_since)
    end, heard = await person.run(approvals=YES)
    assert end.exit_code == 1
    told = error_of(heard)
    assert f"octo/app has it, the environment prod of octo/app has {world.first[0]} still" in told
    assert f"aws iam delete-access-key --user-name {world.user} --access-key-id {world.first[0]}" in told
    assert set(world.listed()) == {new[0], world.first[0]}
    world.client("iam").delete_access_key(UserName=world.user, AccessKeyId=world.first[0])  # as the sentence says
    world.at = lambda name: _still(world, new) if name == "put AWS_ACCESS_KEY_ID" else None
    end, heard = await person.run(approvals=YES)
    assert end.exit_code == 0, error_of(heard)
    assert world.listed() == {world.on_github()[0]: "Active"}
    assert world.on_github() != new


def _still(world: World, key: tuple[str, str]) -> None:
    assert world.works(key), "it serves until GitHub gets the third"


# --- AWS made the key, and its answer was a failure ------------------------------------------------------------


@pytest.mark.parametrize("code", ["ServiceFailure", "InternalFailure", "500"])
async def test_a_key_that_was_made_behind_a_failure_is_found_again(
    world: World, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    person = await world.operator()
    real = Iam.create_access_key

    async def answer_lost(self: Iam, name: str) -> tuple[str, Secret]:
        await real(self, name)
        raise RemoteError("AWS refused to create access key (iam): oops.", code=code, said="oops")

    monkeypatch.setattr(Iam, "create_access_key", answer_lost)
    end, heard = await person.run()
    assert end.exit_code == 1
    assert "is not known. Run again" in error_of(heard)
    assert len(world.listed()) == 2
    assert person.note is not None
    assert len(world.marks()) == 1
    monkeypatch.setattr(Iam, "create_access_key", real)
    end, heard = await person.run()
    assert end.exit_code == 0, error_of(heard)
    await assert_settled(world, person)


@pytest.mark.parametrize("code", ["AccessDenied", "Throttling"])
async def test_a_plain_refusal_leaves_nothing_behind(world: World, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    async def refuse(*_: object) -> None:
        raise RemoteError("AWS refused to create access key (iam): no.", code=code, said="no")

    person = await world.operator()
    monkeypatch.setattr(Iam, "create_access_key", refuse)
    end, heard = await person.run()
    assert end.exit_code == 1
    assert "AWS refused to create access key" in error_of(heard)
    assert world.marks() == []
    assert person.note is None
    assert world.listed() == {world.first[0]: "Active"}


async def test_the_step_asks_for_a_key_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from ecrwiz.services.aws import Aws as Service

    asked: list[str] = []
    real = Service.call_once

    async def call_once(self: Service, service: str, operation: str, /, **parameters: object) -> dict[str, object]:
        asked.append(operation)
        return await real(self, service, operation, **parameters)

    monkeypatch.setattr(Service, "call_once", call_once)
    person = await world.operator()
    end, heard = await person.run()
    assert end.exit_code == 0, error_of(heard)
    assert asked == ["create_access_key"]
