"""The stand-in's branches, commits and workflow runs, as the product's services call them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from ecrwiz.model.errors import EcrwizError, RemoteError
from ecrwiz.model.redact import Secret
from ecrwiz.sandbox import Sandbox
from ecrwiz.sandbox.github_expressions import ExpressionError, evaluate, fill
from ecrwiz.services.github import GitHub
from ecrwiz.services.github.actions_runs import ActionsRuns, Run
from ecrwiz.services.github.git_data import GitData, NewFile

_numbers = itertools.count(1)
BRANCH = "ecrwiz/rehearsal"
WORKFLOW = """
name: Try
on: {push: {branches: ["**"]}, workflow_dispatch: {}}
jobs:
  one:
    name: One
    runs-on: ubuntu-24.04
    if: github.repository_owner == 'Octo'
    steps:
      - name: First
        run: "true"
      - name: Second
        run: "true"
"""
PATH = ".github/workflows/try.yml"


@pytest.fixture
def name() -> str:
    return f"Octo/try-{next(_numbers)}"


@pytest.fixture
async def api(box: Sandbox) -> AsyncIterator[GitHub]:
    async with GitHub(box.info.github, Secret(box.info.github_token)) as found:
        yield found


def set_up(box: Sandbox, name: str, **body: Any) -> dict[str, Any]:
    url, headers = f"{box.info.github}/_sandbox/git/{name}", {"X-Sandbox-Admin": box.info.admin_token}
    answer = httpx.request("PUT" if body else "GET", url, json=body or None, headers=headers, trust_env=False)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def pushed(api: GitHub, name: str, *files: NewFile, message: str = "try") -> str:
    git = GitData(api, name)
    head = await git.head("main")
    assert head
    commit = await git.commit_files(await git.commit(head), files, message)
    assert await git.create_branch(BRANCH, commit.sha)
    return commit.sha


async def ended(runs: ActionsRuns, sha: str) -> Run:
    for _ in range(200):
        found = await runs.of_commit(sha)
        if found and found[0].done:
            return await runs.run(found[0].id)
        await asyncio.sleep(0.02)
    raise AssertionError("the run did not end")


async def test_a_commit_on_a_branch_of_its_own(box: Sandbox, api: GitHub, name: str) -> None:
    set_up(box, name, files={"a.txt": "a", "b.txt": "b"})
    git = GitData(api, name)
    sha = await pushed(api, name, NewFile("b.txt", "ä"), NewFile("c/start.sh", "#!/bin/sh\n", executable=True))
    assert await git.head(BRANCH) == sha
    assert await git.file("b.txt", BRANCH) == "ä"
    assert await git.file("b.txt", "main") == "b"
    assert await git.file("none", BRANCH) is None
    assert [await git.names(folder, BRANCH) for folder in ("c", "none")] == [("start.sh",), ()]
    found = set_up(box, name)["branches"]
    assert found[BRANCH] == {
        "a.txt": ["100644", "a"],
        "b.txt": ["100644", "ä"],
        "c/start.sh": ["100755", "#!/bin/sh\n"],
    }
    assert found["main"] == {"a.txt": ["100644", "a"], "b.txt": ["100644", "b"]}
    assert await git.create_branch(BRANCH, sha) is False
    assert [await git.delete_branch(BRANCH) for _ in "12"] == [True, False]
    assert await git.head(BRANCH) is None
    assert (await git.commit(sha)).message == "try"


async def test_an_empty_repository_is_explained(box: Sandbox, api: GitHub, name: str) -> None:
    set_up(box, name, empty=True)
    with pytest.raises(EcrwizError, match="is empty on GitHub"):
        await GitData(api, name).head("main")


async def test_a_rule_against_new_branches(box: Sandbox, api: GitHub, name: str) -> None:
    set_up(box, name, denied="ecrwiz/")
    with pytest.raises(RemoteError, match="Repository rule violations"):
        await pushed(api, name)


async def test_a_push_starts_a_run_that_is_followed(box: Sandbox, api: GitHub, name: str) -> None:
    set_up(box, name, plan={"seconds": 0.01})
    runs = ActionsRuns(api, name)
    sha = await pushed(api, name, NewFile(PATH, WORKFLOW))
    found = await ended(runs, sha)
    assert (found.path, found.event, found.conclusion) == (PATH, "push", "success")
    (job,) = await runs.jobs(found.id)
    assert [(step.name, step.conclusion) for step in job.steps] == [
        ("Set up job", "success"), ("First", "success"), ("Second", "success"), ("Complete job", "success"),
    ]  # fmt: skip
    assert await runs.jobs(found.id) == (job,)  # answered with 304 and nothing else
    assert await runs.cancel(found.id) is False


async def test_a_step_that_fails_leaves_its_log(box: Sandbox, api: GitHub, name: str) -> None:
    set_up(box, name, plan={"seconds": 0.01, "fails": {"First": ["what was done", "npm error code E401"]}})
    runs = ActionsRuns(api, name)
    found = await ended(runs, await pushed(api, name, NewFile(PATH, WORKFLOW)))
    assert found.conclusion == "failure"
    (job,) = await runs.jobs(found.id)
    assert [step.conclusion for step in job.steps] == ["success", "failure", "skipped", "skipped"]
    assert (await runs.log_tail(job.id))[-3:-1] == ("what was done", "##[error]npm error code E401")


async def test_a_run_is_cancelled(box: Sandbox, api: GitHub, name: str) -> None:
    set_up(box, name, plan={"seconds": 30})
    runs = ActionsRuns(api, name)
    sha = await pushed(api, name, NewFile(PATH, WORKFLOW))
    (found,) = await runs.of_commit(sha)
    assert await runs.cancel(found.id) is True
    assert (await ended(runs, sha)).conclusion == "cancelled"


async def test_a_dispatch_needs_the_workflow_on_the_default_branch(box: Sandbox, api: GitHub, name: str) -> None:
    set_up(box, name, plan={"seconds": 0.01, "starts": False})
    runs = ActionsRuns(api, name)
    sha = await pushed(api, name, NewFile(PATH, WORKFLOW))
    assert await runs.has_workflow("try.yml") is False
    assert await runs.of_commit(sha) == ()
    set_up(box, name, files={PATH: WORKFLOW})
    assert await runs.has_workflow("try.yml") is True
    assert await runs.dispatch("try.yml", BRANCH) is True
    assert (await ended(runs, sha)).event == "workflow_dispatch"


async def test_a_condition_that_is_not_met_skips_the_job(box: Sandbox, api: GitHub, name: str) -> None:
    set_up(box, name, plan={"seconds": 0.01})
    text = WORKFLOW.replace("'Octo'", "'Else'")
    found = await ended(ActionsRuns(api, name), await pushed(api, name, NewFile(PATH, text)))
    assert found.conclusion == "skipped"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("github.ref == format('refs/heads/{0}', github.branch)", True),
        ("github.owner == 'OCTO' && (github.ref == 'x' || github.ref == 'refs/heads/main')", True),
        ("!(github.ref != 'refs/heads/main')", True),
        ("startsWith(github.ref, 'refs/tags/') || vars.NONE", ""),
        ("vars.NONE == ''", True),
        ("'it''s'", "it's"),
    ],
)
def test_expressions(expression: str, value: object) -> None:
    context = {"github": {"ref": "refs/heads/main", "branch": "main", "owner": "Octo"}, "vars": {}}
    assert evaluate(expression, context) == value


@pytest.mark.parametrize("expression", ["", "a b", "(a", "toJSON(github)", "a ==", "a $ b", "format('x'"])
def test_expressions_that_are_none(expression: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(expression, {})


def test_expressions_in_a_text() -> None:
    assert fill("${{ vars.A }}/${{vars.B}} ${{ vars.C }}", {"vars": {"A": "1", "B": 2}}) == "1/2 "
