"""From the access key to the role in a real sandbox: each stage, each stop, and a death at every effect."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ecrwiz.cli import commands
from ecrwiz.flow import following, move
from ecrwiz.flow.context import Approvals, View
from ecrwiz.flow.events import Output, StepId
from ecrwiz.flow.github_access import NoTokenError
from ecrwiz.flow.layout import TRUST_FILE
from ecrwiz.flow.move import Moved, where
from ecrwiz.flow.steps import rehearse
from ecrwiz.model.errors import BadInputError, RemoteError
from ecrwiz.sandbox import Sandbox
from ecrwiz.services import keychain
from ecrwiz.services.github import GitHub
from ecrwiz.services.iam import Iam
from ecrwiz.services.templates.workflow import path_of
from tests.fake_steps import Heard
from tests.hub_world import Death, Fate, Hub

pytestmark = pytest.mark.skipif(shutil.which("docker-registry") is None, reason="the sandbox needs docker-registry")

SECRETS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


@pytest.fixture
def hub(box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.setattr(following, "_PAUSES", (0.05,))
    monkeypatch.setattr(rehearse, "_PUSH_SECONDS", 2.0)
    made = Hub(box, tmp_path, monkeypatch)
    made.without_terraform()
    return made


def said(everything: list[Heard]) -> str:
    return "\n".join(
        line for heard in everything for event in heard if isinstance(event, Output) for line in event.lines
    )


async def pushed(hub: Hub) -> None:
    """The person pushes the rendered workflow to the default branch."""
    project = await hub.open()
    hub.github(files=hub.workflow(project, ci_identity="both"))


def works(hub: Hub) -> bool:
    """Whether CI has what its workflow on the default branch needs."""
    secrets = hub.on_github()["secrets"]
    key = hub.keys().get(hub.key[0]) == "Active" and (
        secrets.get("AWS_ACCESS_KEY_ID"), secrets.get("AWS_SECRET_ACCESS_KEY"),
    ) == hub.key  # fmt: skip
    subject = f"repo:{hub.full_name}:ref:refs/heads/main"
    role = subject in hub.trusted() and "AWS_ROLE_ARN" in hub.on_github()["variables"]
    return key or role


async def assert_moved(hub: Hub) -> None:
    """The role alone is left."""
    project = await hub.open()
    assert project.answers.ci_identity == "oidc"
    assert not hub.has_user()
    assert hub.keys() == {}
    assert hub.trusted() == [f"repo:{hub.full_name}:ref:refs/heads/main"]
    assert not SECRETS & set(hub.on_github()["secrets"])
    assert [name for service, name in hub.ring.backend.kept if service == keychain.SERVICE] == []
    assert list(hub.github()["branches"]) == ["main"]
    assert hub.tags() == []


async def test_it_stops_for_the_push_and_then_goes_to_the_end(hub: Hub) -> None:
    project = await hub.set_up()
    hub.github(files=hub.workflow(project))
    lines: list[str] = []
    found, _ = await hub.move(lines.append)
    assert (found.done, found.exit_code) == (2, 1)
    assert f"Commit and push {path_of(project.answers)} to {hub.full_name}'s main" in found.next
    assert [line[:6] for line in lines] == ["1 of 5", "2 of 5", "3 of 5"]
    assert hub.keys() == {hub.key[0]: "Active"}
    assert set(hub.on_github()["secrets"]) == SECRETS
    assert len(hub.trusted()) == 2
    runs = len(hub.github()["runs"])
    again, _ = await hub.move()
    assert (again.done, again.next) == (2, found.next)
    assert len(hub.github()["runs"]) == runs, "what was proven is not proven again"
    await pushed(hub)
    last, everything = await hub.move()
    assert last == Moved(5, 0, "CI works with the role alone. Commit ecrwiz.toml and the rendered files.")
    assert f"access key {hub.key[0]}, made" in said(everything)
    await assert_moved(hub)
    over, everything = await hub.move()
    assert (over.done, over.exit_code, everything) == (5, 0, [])


async def test_a_process_that_dies_at_any_moment_loses_nothing(
    box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies before the first and before the last effect of each kind; then the command is given again."""
    monkeypatch.setattr(following, "_PAUSES", (0.05,))
    monkeypatch.setattr(rehearse, "_PUSH_SECONDS", 2.0)
    fate = Fate(monkeypatch)
    fate.watch()

    async def begin() -> Hub:
        made = Hub(box, tmp_path, monkeypatch, fate)
        made.without_terraform()
        await made.set_up()
        await pushed(made)
        return made

    whole = await begin()
    with fate.dying_at(-1):
        assert (await whole.move())[0].exit_code == 0
        effects = list(fate.effects)
    assert {"set_access_key", "delete_access_key", "delete_secret", "delete", "create_branch", "delete_branch",
            "save_answers", "terraform makes the role", "terraform removes the user"} <= set(effects)  # fmt: skip
    first = {name: effects.index(name) for name in effects}
    last = {name: len(effects) - 1 - effects[::-1].index(name) for name in effects}
    for number in sorted({*first.values(), *last.values()}):
        hub = await begin()
        with fate.dying_at(number), pytest.raises(Death):
            await hub.move()
        assert works(hub), (number, effects[number])
        found, everything = await hub.move()
        assert found.exit_code == 0, (number, effects[number], found, said(everything))
        await assert_moved(hub)


async def test_a_rehearsal_that_fails_leaves_the_key(hub: Hub) -> None:
    await hub.set_up()
    await pushed(hub)
    hub.github(plan={"fails": {"Build and push": ["ERROR: failed to solve: exit code: 1"]}})
    found, _ = await hub.move()
    assert (found.done, found.exit_code) == (1, 1)
    assert hub.keys() == {hub.key[0]: "Active"}
    assert set(hub.on_github()["secrets"]) == SECRETS
    hub.github(plan={"fails": {}})
    assert (await hub.move())[0].exit_code == 0
    await assert_moved(hub)


async def test_another_workflow_that_uses_the_key_keeps_it(hub: Hub) -> None:
    project = await hub.set_up()
    other = "on: push\njobs: {x: {steps: [{env: {K: '${{ secrets.AWS_SECRET_ACCESS_KEY }}'}}]}}\n"
    files = hub.workflow(project, ci_identity="both") | {".github/workflows/nightly.yml": other}
    hub.github(files=files)
    found, everything = await hub.move()
    assert (found.done, found.exit_code) == (3, 1)
    assert "nightly.yml" in repr(everything)
    assert hub.keys() == {hub.key[0]: "Active"}


async def test_a_key_that_nobody_here_knows_is_not_deleted_by_guess(hub: Hub) -> None:
    await hub.set_up()
    await pushed(hub)
    hub.patch.setattr(Hub, "keys", lambda self: {self.key[0]: "Active"})  # what provisioning looks at
    second = hub.client("iam").create_access_key(UserName=hub.user)["AccessKey"]["AccessKeyId"]
    found, everything = await hub.move()
    assert (found.done, found.exit_code) == (3, 1)
    assert second in repr(everything)
    listed = hub.client("iam").list_access_keys(UserName=hub.user)["AccessKeyMetadata"]
    assert {key["AccessKeyId"]: key["Status"] for key in listed} == {hub.key[0]: "Active", second: "Active"}


async def test_the_last_word_is_the_persons(hub: Hub) -> None:
    await hub.set_up()
    await pushed(hub)
    project = await hub.open()
    project.answer({"ci_identity": "both"})
    project.save_answers()
    yes = Approvals(everything=True)
    end, _ = await hub.run(StepId.RENDER, StepId.PROVISION, StepId.GITHUB, StepId.REHEARSE, approvals=yes)
    assert end.exit_code == 0
    end, heard = await hub.run(StepId.RETIRE, reply=lambda _: False)
    assert end.exit_code == 2
    assert "Nobody agreed" in repr(heard)
    assert hub.keys() == {hub.key[0]: "Active"}
    project = await hub.open()
    project.journal.spoil(StepId.REHEARSE, "the role was changed since")
    end, heard = await hub.run(StepId.RETIRE, reply=lambda _: True)
    assert end.exit_code == 2
    assert "as it is now (the role was changed since), so the access key stays" in repr(heard)
    assert hub.keys() == {hub.key[0]: "Active"}
    end, _ = await hub.run(StepId.REHEARSE, approvals=yes)
    assert end.exit_code == 0
    end, heard = await hub.run(StepId.RETIRE, reply=lambda _: True)
    assert end.exit_code == 0, repr(heard)
    assert hub.keys() == {}


async def test_a_role_that_does_not_let_the_workflow_itself_in_takes_no_keys_place(
    box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rehearsal works, for `both` trusts its branch; the runs on main would not."""
    monkeypatch.setattr(following, "_PAUSES", (0.05,))
    monkeypatch.setattr(rehearse, "_PUSH_SECONDS", 2.0)
    hub = Hub(box, tmp_path, monkeypatch, oidc_trust="branch:release")
    hub.without_terraform()
    await hub.set_up()
    await pushed(hub)
    found, everything = await hub.move()
    assert (found.done, found.exit_code) == (3, 2), repr(everything)
    assert f"(repo:{hub.full_name}:ref:refs/heads/main), so CI would have nothing to work with" in repr(everything)
    assert hub.keys() == {hub.key[0]: "Active"}
    assert set(hub.on_github()["secrets"]) == SECRETS
    assert works(hub)


async def test_a_rehearsal_counts_for_the_trust_that_it_was_done_with(hub: Hub) -> None:
    await hub.set_up()
    project = await hub.open()
    project.answer({"ci_identity": "both"})
    inputs = rehearse.STEP.inputs
    before = await inputs(View(project, StepId.REHEARSE))
    assert "AWS_REGION" in before["names on GitHub"]
    project.paths.infra.mkdir(exist_ok=True)
    (project.paths.infra / TRUST_FILE).write_text("{}")
    after = await inputs(View(project, StepId.REHEARSE))
    assert [name for name in after if after[name] != before[name]] == ["whom the role trusts"]


async def test_retiring_by_itself_wants_the_proof(hub: Hub) -> None:
    await hub.set_up()
    await pushed(hub)
    end, heard = await hub.run(StepId.REHEARSE, StepId.RETIRE, approvals=Approvals(everything=True))
    assert end.exit_code == 2
    assert "No workflow run has worked with the role yet" in repr(heard)
    assert hub.keys() == {hub.key[0]: "Active"}


async def test_secrets_out_of_reach_are_removed_the_next_time(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    await hub.set_up()
    await pushed(hub)
    real: Any = GitHub.delete_secret

    async def refused(*_: object) -> bool:
        raise RemoteError("GitHub did not delete it.", "", code="403")

    monkeypatch.setattr(GitHub, "delete_secret", refused)
    found, _ = await hub.move()
    assert (found.done, found.exit_code) == (3, 1)
    assert hub.keys() == {hub.key[0]: "Inactive"}
    assert works(hub)
    monkeypatch.setattr(GitHub, "delete_secret", real)
    assert (await hub.move())[0].exit_code == 0
    await assert_moved(hub)


async def test_without_a_keyring_the_secret_on_github_is_left_as_it_is(hub: Hub) -> None:
    """Nobody can read it, so nobody can send it again; there is nothing to remove from a keyring either."""
    await hub.set_up()
    project = await hub.open()
    project.journal.amend(StepId.CREDENTIALS, {"backend": "", "entry": ""}, {})
    hub.ring.backend.kept.clear()
    hub.ring.usable = False
    found, everything = await hub.move()
    assert found.done == 2, repr(everything)
    assert works(hub)
    assert "put AWS" not in said(everything)
    await pushed(hub)
    found, everything = await hub.move()
    assert found.exit_code == 0, repr(everything)
    assert "The keyring never had the secret" in said(everything)
    await assert_moved(hub)


async def test_without_a_repository_or_a_workflow_it_does_not_begin(hub: Hub) -> None:
    await hub.set_up()
    for answer in ({"github_repository": ""}, {"workflow": "no"}):
        hub.answers = answer
        project = await hub.open()
        project.answer(answer)
        project.save_answers()

        async def reopened(project: Any = project) -> Any:
            return project

        hub.open = reopened  # type: ignore[method-assign]
        with pytest.raises(BadInputError):
            await hub.move()
        assert hub.keys() == {hub.key[0]: "Active"}


async def test_a_role_from_the_beginning_is_no_move(hub: Hub) -> None:
    project = await hub.open()
    project.answer({"ci_identity": "oidc"})
    project.save_answers()
    iam = hub.client("iam")
    iam.delete_access_key(UserName=hub.user, AccessKeyId=hub.key[0])
    iam.delete_user_policy(UserName=hub.user, PolicyName="push")
    iam.delete_user(UserName=hub.user)
    assert await where(await hub.open()) == Moved(0, 1, "No access key works, and the role is made next.")
    found, everything = await hub.move()
    assert (found.exit_code, len(everything)) == (0, 1), "there was no role"
    assert found.next.startswith("No access key works, and the role is made.")
    assert (await hub.open()).answers.ci_identity == "oidc"
    assert not hub.has_user()
    assert hub.trusted() == [f"repo:{hub.full_name}:ref:refs/heads/main"]
    found, everything = await hub.move()
    assert (found.done, found.exit_code, everything) == (5, 0, [])


async def test_a_role_that_is_lost_is_made_again(hub: Hub) -> None:
    await hub.set_up()
    await pushed(hub)
    assert (await hub.move())[0].exit_code == 0
    assert (await where(await hub.open())).done == 5
    iam = hub.client("iam")
    iam.delete_role_policy(RoleName=hub.role, PolicyName="push")
    iam.delete_role(RoleName=hub.role)
    assert (await where(await hub.open())).done < 5
    assert hub.trusted() == []
    assert (await hub.move())[0].exit_code == 0
    await assert_moved(hub)


async def test_after_destroy_nothing_is_said_to_work(hub: Hub) -> None:
    await hub.set_up()
    await pushed(hub)
    assert (await hub.move())[0].exit_code == 0
    project = await hub.open()
    project.journal.forget(*(step for step in StepId if step is not StepId.DESTROY))  # as destroy does it
    assert await where(await hub.open()) == Moved(0, 1, "No access key works, and the role is made next.")


async def test_without_a_key_nothing_is_changed(hub: Hub) -> None:
    project = await hub.open()
    project.save_answers()
    hub.client("iam").delete_access_key(UserName=hub.user, AccessKeyId=hub.key[0])
    before = {path: path.read_bytes() for path in hub.root.rglob("*") if path.is_file()}
    with pytest.raises(BadInputError, match="has no access key yet") as refused:
        await hub.move()
    assert refused.value.hint.endswith("ecrwiz run --set ci_identity=oidc")
    with pytest.raises(BadInputError, match="has no access key yet"):
        await where(await hub.open())
    assert {path: path.read_bytes() for path in hub.root.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("missing", ["AWS", "GitHub"])
async def test_out_of_reach_nothing_is_changed(hub: Hub, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await hub.set_up()
    before = {path: path.read_bytes() for path in hub.root.rglob("*") if path.is_file()}

    async def no_iam(*_: object) -> None:
        raise RemoteError("AWS does not answer.", "", code="")

    async def no_token(*_: object) -> None:
        return None

    if missing == "AWS":
        monkeypatch.setattr(Iam, "access_keys", no_iam)
    else:
        monkeypatch.setattr(move, "find_token", no_token)
    with pytest.raises((RemoteError, NoTokenError)):
        await hub.move()
    assert {path: path.read_bytes() for path in hub.root.rglob("*") if path.is_file()} == before


async def test_it_knows_where_it_is(hub: Hub) -> None:
    project = await hub.set_up()
    hub.github(files=hub.workflow(project))
    assert await where(await hub.open()) == Moved(0, 1, "Nothing is changed yet.")
    hub.github(plan={"fails": {"Build and push": ["ERROR: failed to solve: exit code: 1"]}})
    await hub.move()
    hub.github(plan={"fails": {}})
    assert (await where(await hub.open())).done == 1
    found, _ = await hub.move()
    runs = len(hub.github()["runs"])
    assert await where(await hub.open()) == found
    assert found.done == 2
    await pushed(hub)
    assert await where(await hub.open()) == Moved(3, 1, "The workflow uses the role; the key is retired next.")
    project = await hub.open()
    end, _ = await hub.run(StepId.RETIRE, approvals=Approvals(everything=True), project=project)
    assert end.exit_code == 0
    assert await where(await hub.open()) == Moved(4, 1, "The key is gone; the user is removed next.")
    assert len(hub.github()["runs"]) == runs


def test_the_command_tells_where_it_stopped(hub: Hub) -> None:
    asyncio.run(hub.set_up())
    words = ["-C", str(hub.root), "credentials", "to-oidc", "--yes", "--json"]
    options = ["--set", f"github_repository={hub.full_name}"]
    answer = CliRunner().invoke(commands, [*words, *options], standalone_mode=False)
    assert answer.return_value == 1, answer.output
    last = json.loads(answer.stdout.splitlines()[-1])
    assert (last["event"], last["done"], last["exit_code"], len(last["stages"])) == ("move.finished", 2, 1, 5)
    assert last["next"].startswith("Commit and push .github/workflows/")
    answer = CliRunner().invoke(commands, [*words[:-1], *options], standalone_mode=False)
    assert "3 of 5: the default branch's workflow uses the role" in answer.output
    assert answer.output.splitlines()[-1] == f"… {last['next']}"
