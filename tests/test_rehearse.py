"""The dress rehearsal: the rendered workflow really runs in the sandbox, by key or by role, and leaves nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

from ecrwiz.flow import following, rehearsing
from ecrwiz.flow.context import Approvals
from ecrwiz.flow.engine import Engine
from ecrwiz.flow.events import CommandShown, Output, Progress, Status, StepFinished, StepId
from ecrwiz.flow.steps import rehearse
from ecrwiz.model.errors import MissingToolError
from ecrwiz.model.redact import Secret
from ecrwiz.model.results import RehearseResult
from ecrwiz.sandbox import Sandbox
from ecrwiz.services.github import GitHub
from ecrwiz.services.github.git_data import GitData, NewFile
from ecrwiz.services.templates.workflow import REHEARSAL_BRANCH, path_of
from tests.fake_steps import Heard
from tests.hub_world import Death, Hub

pytestmark = pytest.mark.skipif(shutil.which("docker-registry") is None, reason="the sandbox needs docker-registry")

YES = Approvals(everything=True)
TAKE_KEY = "Take the CI user's key"


@pytest.fixture
def hub(box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.setattr(following, "_PAUSES", (0.05,))
    monkeypatch.setattr(rehearse, "_PUSH_SECONDS", 0.4)
    monkeypatch.setattr(rehearse, "_DISPATCH_SECONDS", 5.0)
    return Hub(box, tmp_path, monkeypatch)


def said(heard: Heard) -> str:
    return "\n".join(line for event in heard if isinstance(event, Output) for line in event.lines)


def ended(heard: Heard) -> StepFinished:
    return heard.ends()[StepId.REHEARSE]


def why(heard: Heard) -> str:
    error = ended(heard).error
    return f"{error.message} {error.hint}" if error else ""


def nothing_is_left(hub: Hub) -> None:
    assert list(hub.github()["branches"]) == ["main"]
    assert hub.tags() == []
    assert not (hub.root / ".ecrwiz" / "rehearsal.json").exists()


async def test_the_workflow_runs_with_the_key_and_leaves_nothing(hub: Hub) -> None:
    project = await hub.set_up(files={"README.md": "An application"})
    end, heard = await hub.run(StepId.REHEARSE)
    assert end.exit_code == 0, (why(heard), said(heard))
    result = project.results
    project.journal.reload()
    found = result.find(RehearseResult)
    assert found is not None
    assert (found.repository, found.branch, found.identity, found.image) == (
        hub.full_name, REHEARSAL_BRANCH, hub.key[0], "",
    )  # fmt: skip
    (run,) = hub.github()["runs"]
    assert found.url == f"https://github.com/{hub.full_name}/actions/runs/{run['id']}"
    assert (run["branch"], run["event"], run["conclusion"]) == (REHEARSAL_BRANCH, "push", "success")
    for line in ("✓ Log in to ECR", "✓ Build and push", "that the rehearsal pushed was removed", "start.sh"):
        assert line in said(heard)
    steps = [event for event in heard if isinstance(event, Progress)]
    assert (steps[-1].done, steps[-1].unit) == (steps[-1].total, "steps")
    nothing_is_left(hub)


async def test_what_is_committed_are_the_rendered_files_and_nothing_else(hub: Hub, monkeypatch: Any) -> None:
    await hub.set_up(files={"README.md": "On GitHub", "Dockerfile": "FROM old"})
    (hub.root / "README.md").write_text("Changed here, not pushed")
    (hub.root / ".env").write_text("TOKEN=secret")
    seen: dict[str, Any] = {}
    real = GitData.create_branch

    async def look(self: GitData, branch: str, sha: str) -> bool:
        made = await real(self, branch, sha)
        seen.update(hub.github()["branches"])
        return made

    monkeypatch.setattr(GitData, "create_branch", look)
    end, _ = await hub.run(StepId.REHEARSE)
    assert end.exit_code == 0
    assert set(seen) == {"main", REHEARSAL_BRANCH}
    files = seen[REHEARSAL_BRANCH]
    workflow = f".github/workflows/ecrwiz-{hub.project_id}-nextjs.yml"
    assert set(files) == {"README.md", "Dockerfile", "start.sh", ".dockerignore", workflow}
    assert files["README.md"] == ["100644", "On GitHub"]
    assert files["Dockerfile"][1] == (hub.root / "Dockerfile").read_text()
    assert files["start.sh"][0] == "100755"
    assert seen["main"] == hub.github()["branches"]["main"] == {
        "README.md": ["100644", "On GitHub"], "Dockerfile": ["100644", "FROM old"],
    }  # fmt: skip


async def test_no_latest_is_pushed(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    await hub.set_up()
    monkeypatch.setattr(rehearsing.Stage, "_remove_image", _leave)
    await hub.run(StepId.REHEARSE)
    (tag,) = hub.tags()
    assert len(tag) == 12


async def _leave(*_: object) -> None:
    return None


async def test_a_workflow_whose_push_starts_nothing_is_dispatched(hub: Hub) -> None:
    project = await hub.set_up()
    hub.github(files=hub.workflow(project), plan={"starts": False})
    end, heard = await hub.run(StepId.REHEARSE)
    assert end.exit_code == 0, (why(heard), said(heard))
    assert [run["event"] for run in hub.github()["runs"]] == ["workflow_dispatch"]
    assert any("gh workflow run" in event.text for event in heard if isinstance(event, CommandShown))
    nothing_is_left(hub)


async def test_actions_that_are_switched_off_are_said(hub: Hub) -> None:
    await hub.set_up()
    hub.settings(modes=["actions-disabled"])
    _, heard = await hub.run(StepId.REHEARSE)
    assert "Actions are switched off" in why(heard)
    nothing_is_left(hub)


async def test_no_run_at_all_is_said(hub: Hub) -> None:
    await hub.set_up()
    hub.github(plan={"starts": False})
    _, heard = await hub.run(StepId.REHEARSE)
    assert "GitHub started no run" in why(heard)
    nothing_is_left(hub)


# What is wrong: set up before the rehearsal; words of the cause.
async def _key_gone(hub: Hub) -> None:
    hub.client("iam").delete_access_key(UserName=hub.user, AccessKeyId=hub.key[0])


async def _key_inactive(hub: Hub) -> None:
    hub.client("iam").update_access_key(UserName=hub.user, AccessKeyId=hub.key[0], Status="Inactive")


async def _may_not_push(hub: Hub) -> None:
    policy = json.loads(hub._policy())
    policy["Statement"][1]["Action"].remove("ecr:PutImage")
    hub.client("iam").put_user_policy(UserName=hub.user, PolicyName="push", PolicyDocument=json.dumps(policy))


async def _variable(hub: Hub, name: str, value: str | None) -> None:
    async with GitHub(hub.box.info.github, Secret(hub.box.info.github_token)) as api:
        if value is None:
            await api.delete_variable(hub.full_name, name)
        else:
            await api.put_variable(hub.full_name, name, value)


async def _no_variable(hub: Hub) -> None:
    await _variable(hub, "ECR_REPOSITORY", None)


async def _another_application(hub: Hub) -> None:
    await _variable(hub, "ECR_REPOSITORY", "web/shop/nextjs")


async def _no_secrets(hub: Hub) -> None:
    async with GitHub(hub.box.info.github, Secret(hub.box.info.github_token)) as api:
        await api.delete_secret(hub.full_name, "AWS_SECRET_ACCESS_KEY")


async def _wrong_secret(hub: Hub) -> None:
    async with GitHub(hub.box.info.github, Secret(hub.box.info.github_token)) as api:
        await api.put_secret(hub.full_name, "AWS_SECRET_ACCESS_KEY", Secret("another secret"))


async def _other_account(hub: Hub) -> None:
    await _variable(hub, "AWS_ACCOUNT_ID", "999999999999")


CAUSES = [
    (_key_gone, "AWS does not know the access key that GitHub has", TAKE_KEY),
    (_key_inactive, "AWS does not know the access key that GitHub has", TAKE_KEY),
    (_wrong_secret, "does not belong to its access key", TAKE_KEY),
    (_no_secrets, "found no AWS credentials", TAKE_KEY),
    (_other_account, "another AWS account than the registry", TAKE_KEY),
    (_no_variable, "has no variable ECR_REPOSITORY", "See that the settings"),
    (_another_application, "are another application's", "See that the settings"),
    (_may_not_push, "may not push to this repository", "Build and push"),
]


@pytest.mark.parametrize(("spoil", "cause", "step"), CAUSES, ids=lambda value: getattr(value, "__name__", ""))
async def test_a_real_failure_is_mapped_to_its_cause(hub: Hub, spoil: Any, cause: str, step: str) -> None:
    await hub.set_up()
    await spoil(hub)
    end, heard = await hub.run(StepId.REHEARSE)
    assert end.exit_code == 1
    assert cause in why(heard)
    assert step in why(heard)
    assert "https://github.com/" in why(heard)
    nothing_is_left(hub)


LOGS = [
    (["npm error code E401", "npm error Incorrect or missing password."], "npm token is missing"),
    (
        ['ERROR: failed to solve: process "/bin/sh -c npm run build" did not complete: exit code: 1'],
        "could not be built",
    ),
    (["exec /bin/sh: exec format error"], "another processor"),
    (["something that nobody has seen"], "ended in the step"),
]


@pytest.mark.parametrize(("log", "cause"), LOGS, ids=["npm", "build", "platform", "unknown"])
async def test_the_end_of_the_log_is_shown_and_explained(hub: Hub, log: list[str], cause: str) -> None:
    await hub.set_up()
    hub.github(plan={"fails": {"Build and push": log}})
    _, heard = await hub.run(StepId.REHEARSE)
    assert cause in why(heard)
    assert f"  {log[-1]}" in said(heard)
    assert "✗ Build and push" in said(heard)
    nothing_is_left(hub)


async def test_a_log_that_wants_to_do_harm_is_only_text(hub: Hub) -> None:
    await hub.set_up()
    evil = ["\x1b]0;title\x07\x1b[2J[/bold] [red]x[/foo]", "a" * 200_000, "::set-output name=x::y"]
    hub.github(plan={"fails": {"Log in to ECR": evil}})
    _, heard = await hub.run(StepId.REHEARSE)
    assert "\x1b" not in said(heard)
    assert "[/bold] [red]x[/foo]" in said(heard)
    assert max(map(len, said(heard).splitlines())) < 10_000


async def test_a_branch_of_somebody_elses_is_left_alone(hub: Hub) -> None:
    await hub.set_up()
    async with GitHub(hub.box.info.github, Secret(hub.box.info.github_token)) as api:
        git = GitData(api, hub.full_name)
        head = await git.head("main")
        assert head
        theirs = await git.commit_files(await git.commit(head), [NewFile("a", "b")], "My own work")
        await git.create_branch(REHEARSAL_BRANCH, theirs.sha)
    _, heard = await hub.run(StepId.REHEARSE)
    assert "that ecrwiz did not make; it was left alone" in why(heard)
    assert hub.github()["heads"][REHEARSAL_BRANCH] == theirs.sha


async def test_somebody_elses_rehearsal_is_not_disturbed_while_it_runs(hub: Hub) -> None:
    await hub.set_up()
    hub.github(plan={"seconds": 30})
    running = asyncio.create_task(hub.run(StepId.REHEARSE))
    while len(hub.github()["runs"]) == 0:
        await asyncio.sleep(0.05)
    before = hub.github()["heads"][REHEARSAL_BRANCH]
    other = Hub.__new__(Hub)  # the same application in a second person's folder
    other.__dict__ |= hub.__dict__ | {"root": hub.root.with_name(f"{hub.project_id}-b"), "answers": {}}
    shutil.copytree(hub.root, other.root, ignore=shutil.ignore_patterns("rehearsal.json", "lock"))
    _, heard = await other.run(StepId.REHEARSE)
    assert "Somebody else's rehearsal runs" in why(heard)
    assert hub.github()["heads"][REHEARSAL_BRANCH] == before
    running.cancel()
    await asyncio.wait({running})
    nothing_is_left(hub)


@pytest.mark.parametrize("commit", ["v1.0.0", "../../x", "ABCDEF" + "0" * 34])
async def test_a_note_that_no_rehearsal_wrote_takes_nothing_away(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, commit: str
) -> None:
    """As when the state folder came in an archive: `v1.0.0` would be the tag of an image that serves."""
    project = await hub.set_up()
    note = {"repository": project.answers.github_repository, "nonce": "0", "commit": commit}
    (hub.root / ".ecrwiz" / "rehearsal.json").write_text(json.dumps(note))
    taken: list[str] = []
    real = rehearsing.Stage._take_away

    async def take_away(self: rehearsing.Stage, commit: str, *, branch: bool) -> bool:
        taken.append(commit)
        return await real(self, commit, branch=branch)

    monkeypatch.setattr(rehearsing.Stage, "_take_away", take_away)
    end, heard = await hub.run(StepId.REHEARSE)
    assert end.exit_code == 0, why(heard)
    assert commit not in taken
    nothing_is_left(hub)


async def test_ctrl_c_cancels_the_run_and_takes_everything_away(hub: Hub) -> None:
    await hub.set_up()
    hub.github(plan={"seconds": 30})
    heard = Heard()
    engine = Engine(await hub.open(), heard.append)
    running = asyncio.create_task(engine.run((StepId.REHEARSE,), force=True))
    while not any(isinstance(event, Progress) for event in heard):
        await asyncio.sleep(0.05)
    engine.cancel()
    end = await running
    assert end.status is Status.CANCELLED
    assert [run["conclusion"] for run in hub.github()["runs"]] == ["cancelled"]
    nothing_is_left(hub)


async def test_a_process_that_dies_at_any_moment_leaves_what_the_next_one_takes_away(hub: Hub) -> None:
    await hub.set_up()
    hub.fate.watch(looks=True)
    number = 0
    while True:
        with hub.fate.dying_at(number):
            with contextlib.suppress(Death):
                await hub.run(StepId.REHEARSE)
            survived = not hub.fate.is_dead
        if survived:
            break
        end, heard = await hub.run(StepId.REHEARSE)
        assert end.exit_code == 0, (number, said(heard))
        nothing_is_left(hub)
        number += 1
    assert {"_note", "commit_files", "create_branch", "jobs", "delete_branch", "delete_images", "_forget"} <= {
        *hub.fate.effects
    }
    nothing_is_left(hub)


async def test_an_image_that_the_operator_may_not_remove_is_named(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from ecrwiz.model.errors import RemoteError
    from ecrwiz.services.ecr import Ecr

    async def refused(*_: object) -> None:
        raise RemoteError("You may not do ecr:BatchDeleteImage.", "", code="AccessDenied")

    project = await hub.set_up()
    monkeypatch.setattr(Ecr, "delete_images", refused)
    end, heard = await hub.run(StepId.REHEARSE)
    assert end.exit_code == 0
    project.journal.reload()
    found = project.results.find(RehearseResult)
    assert found is not None
    assert [found.image] == hub.tags()
    assert "could not be removed: You may not do ecr:BatchDeleteImage" in said(heard)
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("fault", "words"), [("read-only-person", "your own role there"), ("archived", "unarchive it in its settings")]
)
async def test_what_the_token_may_not_is_named(hub: Hub, fault: str, words: str) -> None:
    await hub.set_up()
    hub.settings(modes=[fault])
    _, heard = await hub.run(StepId.REHEARSE)
    assert words in why(heard)


async def test_an_empty_repository_is_explained(hub: Hub) -> None:
    await hub.set_up(empty=True)
    _, heard = await hub.run(StepId.REHEARSE)
    assert "is empty on GitHub" in why(heard)


async def test_without_a_workflow_there_is_nothing_to_rehearse(hub: Hub) -> None:
    project = await hub.set_up()
    (hub.root / path_of(project.answers)).unlink()
    _, heard = await hub.run(StepId.REHEARSE)
    assert "is missing" in why(heard)


# --- with the role ----------------------------------------------------------------------------------------


async def test_the_workflow_runs_with_the_role(hub: Hub) -> None:
    hub.without_terraform()
    project = await hub.set_up()
    project.answer({"ci_identity": "both"})
    project.save_answers()
    end, heard = await hub.run(StepId.RENDER, StepId.PROVISION, StepId.GITHUB, StepId.REHEARSE, approvals=YES)
    assert end.exit_code == 0, (why(heard), said(heard))
    assert "✓ Become the CI role" in said(heard)
    assert ended(heard).outputs["identity"] == f"arn:aws:iam::123456789012:role/{hub.role}"
    nothing_is_left(hub)


async def test_a_role_that_does_not_trust_the_branch_is_said_before_anything_is_pushed(hub: Hub) -> None:
    hub.without_terraform()
    project = await hub.set_up()
    project.answer({"ci_identity": "both"})
    project.save_answers()
    await hub.run(StepId.RENDER, StepId.PROVISION, StepId.GITHUB, approvals=YES)
    hub._make_role((f"repo:{hub.full_name}:ref:refs/heads/main",))
    before = len(hub.github()["runs"])
    _, heard = await hub.run(StepId.REHEARSE)
    assert "does not trust the branch ecrwiz/rehearsal" in why(heard)
    assert f"  repo:{hub.full_name}:ref:refs/heads/ecrwiz/rehearsal" in said(heard)
    assert len(hub.github()["runs"]) == before


async def test_a_token_that_is_not_trusted_is_explained_with_both_sides(hub: Hub, monkeypatch: Any) -> None:
    hub.without_terraform()
    project = await hub.set_up()
    project.answer({"ci_identity": "both"})
    project.save_answers()
    await hub.run(StepId.RENDER, StepId.PROVISION, StepId.GITHUB, approvals=YES)
    hub._make_role(("repo:else/where:ref:refs/heads/main",))
    monkeypatch.setattr(rehearse, "_check_trusted", _leave)
    _, heard = await hub.run(StepId.REHEARSE)
    assert "the subject of its token is not one that the role trusts" in why(heard)
    for line in (f"  repo:{hub.full_name}:ref:refs/heads/ecrwiz/rehearsal", "  repo:else/where:ref:refs/heads/main"):
        assert line in said(heard)
    nothing_is_left(hub)


async def test_nothing_of_the_secret_is_in_what_is_told_or_kept(hub: Hub) -> None:
    await hub.set_up()
    _, heard = await hub.run(StepId.REHEARSE)
    secret = hub.key[1]
    assert secret not in repr(list(heard))
    for path in (hub.root / ".ecrwiz").rglob("*"):
        assert not path.is_file() or secret not in path.read_text(errors="replace")


def test_the_stand_in_takes_no_token_to_the_store_of_logs(box: Sandbox) -> None:
    answer = httpx.get(f"{box.info.github}/_logs/1", headers={"Authorization": "Bearer x"}, trust_env=False)
    assert answer.status_code == 400


async def test_somebody_who_was_faster_keeps_the_branch(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    await hub.set_up()
    real, theirs = GitData.create_branch, []

    async def late(self: GitData, branch: str, sha: str) -> bool:
        head = await self.head("main")
        assert head
        other = await self.commit_files(await self.commit(head), [NewFile("a", "b")], "Ecrwiz-Rehearsal: theirs")
        theirs.append(other.sha)
        await real(self, branch, other.sha)
        return await real(self, branch, sha)

    monkeypatch.setattr(GitData, "create_branch", late)
    _, heard = await hub.run(StepId.REHEARSE)
    assert "Somebody else began a rehearsal" in why(heard)
    assert hub.github()["heads"][REHEARSAL_BRANCH] == theirs[0]


async def test_an_answer_that_was_lost_leaves_no_branch(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    real = GitData.create_branch

    async def lost(self: GitData, branch: str, sha: str) -> bool:
        await real(self, branch, sha)
        raise MissingToolError("GitHub cannot be reached (ReadTimeout).", "Try again.")

    await hub.set_up()
    monkeypatch.setattr(GitData, "create_branch", lost)
    _, heard = await hub.run(StepId.REHEARSE)
    assert "cannot be reached" in why(heard)
    nothing_is_left(hub)
