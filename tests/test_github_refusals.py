"""Every way in which GitHub says no: what a person reads, through the step and through the command line."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ecrwiz import cli
from ecrwiz.flow import github_plan
from ecrwiz.flow.context import View
from ecrwiz.flow.steps import github
from ecrwiz.model.errors import BadInputError, EcrwizError
from ecrwiz.model.redact import Secret
from ecrwiz.sandbox.github_modes import FAULTS, MODES
from tests.github_kit import SECRET, Hub, export, open_ready, running_hub

REPO = "octo/app"


@dataclass(frozen=True)
class Case:
    """What is wrong, and what is said of it."""

    mode: str
    message: str
    hint: str = ""
    answers: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.mode


IN_ENVIRONMENT = {"github_environment": "prod"}
NEW_ENVIRONMENT = {"github_environment": "new"}

# The message and the hint are regular expressions; the permission is named as GitHub's own page names it.
REFUSED = [
    Case("token-expired", r"does not accept the token \(it came from GH_TOKEN\) \(401 Bad credentials\)", "make a new"),
    Case(
        "sso", "wants the token authorised for single sign-on", r"^Authorise it at https://github\.com/orgs/octo/sso\?"
    ),
    Case("ip-allow-list", "does not admit this machine's address", "VPN"),
    Case("token-forbidden", r"does not take this token .*is greater than 366 days", "kind and lifetime"),
    Case("primary-rate-limit", "this token has made too many requests in this hour", r"Try again after \d\d:\d\d:\d\d"),
    Case("secondary-rate-limit", "this token has made too many requests at once", r"Try again after \d\d:\d\d:\d\d"),
    Case("unavailable", r"\(503 Service unavailable\)", "githubstatus"),
    Case(
        "classic-without-scope",
        r"see the repository octo/app: it does not exist, or this token may not see it \(404 Not Found\)",
        r"lacks the scope `repo` \(it has: gist, read:org\).*gh auth refresh --scopes repo",
    ),
    Case("codespace-token", "not accessible by integration", r"Codespace .*\(it came from GH_TOKEN\).*personal access"),
    Case("no-secrets-permission", "public key of octo/app: this token may not", "permission “Secrets: read”"),
    Case("secrets-read-only", "write the secret AWS_ACCESS_KEY_ID of octo/app", "permission “Secrets: write”"),
    Case("no-variables-permission", "list the variables of octo/app", "permission “Variables: read”"),
    Case(
        "no-environments-permission",
        "public key of the environment prod of octo/app: this token may not",
        "permission “Environments: read”",
        IN_ENVIRONMENT,
    ),
    Case(
        "no-administration-permission",
        "make the environment new in octo/app",
        "permission “Administration: write”",
        NEW_ENVIRONMENT,
    ),
    Case("no-role", "Must have admin rights", "your own role there, which must be Write or more"),
    Case("environments-not-in-plan", "plan of the repository's owner", "--set github_environment=$", NEW_ENVIRONMENT),
    Case("conflict", "somebody else is changing the same thing", "Run the step again"),
    Case("invalid", r"422 Validation Failed; key_id is stale", "Correct what GitHub names"),
    Case("too-large", "the value is too large", "48 KB"),
    Case(
        "old-enterprise-server",
        r"list the variables of octo/app: it does not exist, .*\(404 Not Found\)",
        r"GitHub Enterprise Server 3\.4\.2 may be too old .*“Variables: read”",
    ),
    Case("archived", "octo/app is archived on GitHub and takes no secrets", "Unarchive"),
    Case("forgetful", "does not list AWS_ACCESS_KEY_ID", "again"),
    Case("read-only-person", "owner may look at octo/app and not write there", "role Write"),
]
# What does not stop an export, and is said.
WARNED = [
    Case("actions-disabled", "GitHub Actions are switched off in octo/app, so no workflow .*gh api -X PUT"),
    Case(
        "actions-disabled-by-organisation",
        "GitHub Actions are switched off for every repository of octo, .*an owner of the organisation",
        settings={"owner_type": "Organization"},
    ),
    Case("protected-environments", "A job gets what the environment prod holds after a wait", answers=IN_ENVIRONMENT),
]


@pytest.fixture(scope="module")
def started() -> Iterator[Hub]:
    with running_hub() as hub:
        yield hub


@pytest.fixture
def hub(started: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    async def read(view: View, made: object) -> Secret:
        return Secret(SECRET)

    monkeypatch.setattr(github, "read_secret", read)
    monkeypatch.setattr("ecrwiz.services.github.connection._PAUSES", (0.0, 0.0))
    started.reset()
    started.call("PUT", f"/repos/{REPO}/environments/prod", {}).raise_for_status()
    return started


def test_every_mode_of_the_stand_in_is_tried() -> None:
    tried = {case.mode for case in (*REFUSED, *WARNED)}
    assert MODES - tried == {"slow-clock", "public"}, "tried in test_github_export and here below"


@pytest.mark.parametrize("case", REFUSED, ids=str)
async def test_the_step_says_why_and_what_to_do(hub: Hub, next_app: Path, case: Case) -> None:
    project = await open_ready(next_app, hub, github_repository=REPO, **case.answers)
    hub.set(REPO, case.mode, **case.settings)
    with pytest.raises(EcrwizError) as refused:
        await export(project, everything=True)
    check(case, refused.value.message, refused.value.hint)
    for held in (hub.opened(REPO)["secrets"], hub.opened(REPO)["environments"].get("prod", {}).get("secrets", {})):
        assert "AWS_SECRET_ACCESS_KEY" not in held or case.mode == "forgetful"


@pytest.mark.parametrize("case", [case for case in REFUSED if case.mode != "forgetful"], ids=str)
async def test_the_plan_never_fails(hub: Hub, next_app: Path, case: Case) -> None:
    """What reading shows already is the plan's problem; the rest only writing shows."""
    project = await open_ready(next_app, hub, github_repository=REPO, **case.answers)
    hub.set(REPO, case.mode, **case.settings)
    plan = await github_plan.look(project)
    writes = case.mode in ("secrets-read-only", "conflict", "invalid", "too-large")
    if writes or case.answers == NEW_ENVIRONMENT:
        assert plan.problem is None
    else:
        assert plan.problem is not None
        check(case, plan.problem.message, plan.problem.hint)
    assert plan.repository == REPO


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_the_command_line_says_the_same(
    hub: Hub, next_app: Path, case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(open_ready(next_app, hub))
    hub.set(REPO, case.mode, **case.settings)
    code, shown = command(hub, next_app, monkeypatch, capsys, "--json", **case.answers)
    assert code == 1
    ends = [json.loads(line) for line in shown.splitlines() if line.startswith("{")]
    error = next(event["error"] for event in ends if event["event"] == "step.finished" and event["step"] == "github")
    check(case, error["message"], error["hint"])
    assert SECRET not in shown
    assert hub.token not in shown


@pytest.mark.parametrize("case", WARNED, ids=str)
async def test_what_does_not_stop_an_export_is_said(hub: Hub, next_app: Path, case: Case) -> None:
    project = await open_ready(next_app, hub, github_repository=REPO, **case.answers)
    hub.set(REPO, case.mode, **case.settings)
    plan = await github_plan.look(project)
    assert re.search(case.message, " ".join(plan.warnings)), plan
    ran = await export(project, everything=True)
    assert re.search(case.message, ran.text)
    assert ran.result is not None


@pytest.mark.parametrize("case", WARNED, ids=str)
def test_the_command_line_warns_too(
    hub: Hub, next_app: Path, case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(open_ready(next_app, hub))
    hub.set(REPO, case.mode, **case.settings)
    code, shown = command(hub, next_app, monkeypatch, capsys, **case.answers)
    assert code == 0, shown
    assert re.search(case.message, " ".join(shown.split())), shown


def check(case: Case, message: str, hint: str) -> None:
    """One line each, with the words of the table, and without what must not be seen."""
    assert re.search(case.message, message), message
    assert re.search(case.hint, hint), hint
    for text in (message, hint):
        assert "\n" not in text
        assert SECRET not in text
        assert "ghp_" not in text
    assert hint


def command(
    hub: Hub,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *options: str,
    **answers: str,
) -> tuple[int, str]:
    """Run `ecrwiz run github` in this process."""
    monkeypatch.setenv("GITHUB_API_URL", hub.url)
    monkeypatch.setenv("GH_TOKEN", hub.token)
    sets = {
        "region": "eu-west-1",
        "env": "dev",
        "app": "app",
        "project_id": "blog",
        "github_repository": REPO,
        **answers,
    }
    arguments = [part for name, value in sets.items() for part in ("--set", f"{name}={value}")]
    monkeypatch.setattr(sys, "argv", ["ecrwiz", "-C", str(root), "run", "github", "--yes", *options, *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    shown = capsys.readouterr()
    return int(ended.value.code or 0), shown.out + shown.err


# --- places that moved, and what is somebody else's, on the command line ---------------------------------------


def test_a_renamed_repository_is_followed_and_said(
    hub: Hub, next_app: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(open_ready(next_app, hub))
    hub.set(REPO, full_name="acme/shop")
    code, shown = command(hub, next_app, monkeypatch, capsys)
    assert code == 0, shown
    assert "octo/app was renamed or transferred and is acme/shop today" in shown
    assert hub.opened("acme/shop")["secrets"]["AWS_SECRET_ACCESS_KEY"] == SECRET


def test_a_repository_that_is_not_there(
    hub: Hub, next_app: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(open_ready(next_app, hub))
    code, shown = command(hub, next_app, monkeypatch, capsys, github_repository="octo/missing")
    assert code == 1
    assert "GitHub did not see the repository octo/missing: it does not exist" in shown


@pytest.mark.parametrize(("kind", "most"), [("variables", 500), ("secrets", 100)])
def test_no_room(
    hub: Hub, next_app: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str, most: int
) -> None:
    asyncio.run(open_ready(next_app, hub))
    hub.set(REPO, fill={kind: most - 1})
    code, shown = command(hub, next_app, monkeypatch, capsys)
    assert code == 1
    new = 2 if kind == "secrets" else 4
    words = f"octo/app holds {most - 1} {kind}, and GitHub keeps no more than {most}: there is no room for {new} more."
    assert words in " ".join(shown.split())
    assert "AWS_REGION" not in hub.opened(REPO)["variables"]


def test_a_value_that_is_too_large_sends_nothing(
    hub: Hub, next_app: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    large = {"build_args.NEXT_PUBLIC_X": "x" * (48 * 1024 + 1)}
    project = asyncio.run(open_ready(next_app, hub, github_repository=REPO, **large))
    with pytest.raises(BadInputError, match="NEXT_PUBLIC_X has 49,153 bytes, and GitHub keeps up to 48 KB"):
        asyncio.run(export(project, everything=True))
    code, shown = command(hub, next_app, monkeypatch, capsys, **large)
    assert code == 2
    assert "NEXT_PUBLIC_X has 49,153 bytes" in shown
    assert hub.opened(REPO)["secrets"] == {}


def test_the_options_say_what_becomes_of_somebody_elses(
    hub: Hub, next_app: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(open_ready(next_app, hub))
    hub.variable(REPO, "AWS_REGION", "us-west-2")
    code, shown = command(hub, next_app, monkeypatch, capsys)
    assert code == 2
    assert "--replace AWS_REGION" in shown
    assert hub.opened(REPO)["secrets"] == {}
    assert command(hub, next_app, monkeypatch, capsys, "--keep", "AWS_REGION")[0] == 0
    assert hub.opened(REPO)["variables"]["AWS_REGION"] == "us-west-2"
    assert command(hub, next_app, monkeypatch, capsys, "--force", "--replace", "aws_region")[0] == 0
    assert hub.opened(REPO)["variables"]["AWS_REGION"] == "eu-west-1"
    code, shown = command(hub, next_app, monkeypatch, capsys, "--keep", "A", "--replace", "A")
    assert (code, "both replaced and kept" in shown) == (2, True)


async def test_a_public_repository_is_told(hub: Hub, next_app: Path) -> None:
    project = await open_ready(next_app, hub, github_repository=REPO)
    hub.set(REPO, "public")
    assert not (await github_plan.look(project)).private


def test_faults_are_githubs_statuses() -> None:
    assert {fault.status for fault in FAULTS.values()} == {401, 403, 404, 409, 413, 422, 503}
