"""The doctor: every check alone, all of them together, and the command."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from ecrwiz.flow import doctor
from ecrwiz.flow.doctor import Check, Finding, Health, Patient, cloud, examine, exit_code, hub, machine, sum_up
from ecrwiz.flow.project import open_project
from ecrwiz.model.errors import EcrwizError, MissingToolError, RemoteError, ToolFailedError
from ecrwiz.model.redact import Secret
from ecrwiz.services.aws import Aws, Credentials, Identity
from ecrwiz.services.docker.builders import Builder
from ecrwiz.services.docker.facts import EngineFacts
from ecrwiz.services.github import GitHub
from ecrwiz.services.iam import Iam
from ecrwiz.services.keychain import Backend
from ecrwiz.services.terraform.facts import ProviderSource, provider_source, version

GB = 1_000_000_000
ANN = Identity("123456789012", "arn:aws:iam::123456789012:user/team/ann")
ROOT = Identity("123456789012", "arn:aws:iam::123456789012:root")
TOKEN = "ghp_0123456789abcdefghijklmnopqrstuvwxyz"


class FakeAws(Aws):
    """AWS that answers from a table: `service.operation` to an answer or an error."""

    def __init__(self, answers: Mapping[str, object]) -> None:
        super().__init__("us-east-1")
        self.answers = answers
        self.asked: list[tuple[str, Mapping[str, object]]] = []

    def _call(
        self, service: str, operation: str, parameters: Mapping[str, object], *, once: bool = False
    ) -> dict[str, Any]:
        self.asked.append((f"{service}.{operation}", parameters))
        found = self.answers[f"{service}.{operation}"]
        if isinstance(found, EcrwizError):
            raise found
        if callable(found):
            found = found(parameters)
        assert isinstance(found, dict)
        return found


@pytest.fixture
async def patient(next_app: Path) -> Patient:
    return await make_patient(next_app)


async def make_patient(root: Path, aws: Aws | None = None, **flags: str) -> Patient:
    return Patient(await open_project(root, flags, os.environ), aws or FakeAws({}))


def gives(found: object) -> Callable[..., Awaitable[Any]]:
    async def give(*_: object, **__: object) -> object:
        if isinstance(found, EcrwizError):
            raise found
        return found

    return give


# All together.


async def test_checks_run_side_by_side_and_each_is_told_as_it_ends(patient: Patient) -> None:
    async def slow(_: Patient) -> Finding:
        await asyncio.sleep(0.2)
        return doctor.finding.fine("slow")

    async def hangs(_: Patient) -> Finding:
        await asyncio.Event().wait()
        raise AssertionError

    async def fails(_: Patient) -> Finding:
        raise MissingToolError("It is not there.", "Install it.")

    async def odd(_: Patient) -> Finding:
        raise ValueError("Invalid endpoint: [x")

    checks = (
        Check("hangs", "Hangs", "", hangs, 0.4),
        *(Check(f"slow{number}", "Slow", "", slow) for number in range(5)),
        Check("fails", "Fails", "", fails),
        Check("odd", "Odd", "", odd),
    )
    told: list[str] = []
    began = time.monotonic()
    found = await examine(patient, lambda check, finding, seconds: told.append(check.id), checks)
    assert time.monotonic() - began < 2
    assert list(found) == [check.id for check in checks], "in the table's order"
    assert told[0] in ("fails", "odd")
    assert told[-1] == "hangs", "a hanging check costs its own row only"
    assert found["hangs"].health is Health.UNKNOWN
    assert "within 0.4 seconds" in found["hangs"].sentence
    assert (found["fails"].health, found["fails"].missing, found["fails"].fix) == (Health.PROBLEM, True, "Install it.")
    assert (found["odd"].health, found["odd"].sentence) == (
        Health.UNKNOWN,
        "This could not be looked at: Invalid endpoint: [x.",
    )


def test_the_exit_code_tells_what_is_missing_from_what_is_wrong() -> None:
    fine, warned = doctor.finding.fine("."), doctor.finding.warning(".", ".")
    wrong, missing = doctor.finding.problem(".", "."), doctor.finding.problem(".", ".", missing=True)
    assert exit_code({"a": fine, "b": warned, "c": doctor.finding.unknown(".")}) == 0
    assert exit_code({"a": fine, "b": wrong}) == 1
    assert exit_code({"a": missing, "b": wrong}) == 3
    assert sum_up([fine, fine, warned, wrong, missing]) == "2 ok, 1 warning, 2 problems"


def test_the_table_names_each_check_once() -> None:
    ids = [check.id for check in doctor.CHECKS]
    assert len(set(ids)) == len(ids)
    assert all(check.about.endswith(".") and len(check.title) <= 14 for check in doctor.CHECKS)


async def test_what_several_checks_need_is_asked_once_and_survives_one_that_gives_up(patient: Patient) -> None:
    asked = 0

    async def ask() -> str:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.1)
        return "here"

    async def impatient() -> None:
        async with asyncio.timeout(0.01):
            await patient.once("it", ask)

    with pytest.raises(TimeoutError):
        await impatient()
    assert list(await asyncio.gather(patient.once("it", ask), patient.once("it", ask))) == ["here", "here"]
    assert asked == 1


# This machine.


async def test_python_and_ecrwiz(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    found = await machine.python(patient)
    assert found.health is Health.OK
    assert "ecrwiz 0." in found.sentence
    monkeypatch.setattr(sys, "version_info", (3, 15, 0))
    assert (await machine.python(patient)).health is Health.WARNING


def program(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program of this name before all others."""
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")


async def test_the_real_terraform_is_new_enough(patient: Patient, terraform_program: str) -> None:
    found = await machine.terraform(patient)
    assert found.health is Health.OK
    assert found.facts["program"] == terraform_program


@pytest.mark.parametrize(
    ("script", "health", "missing", "words"),
    [
        ("""echo '{"terraform_version": "1.5.7"}'""", Health.PROBLEM, True, "1.5.7 is too old"),
        ("""echo '{"terraform_version": "1.10.0-rc1"}'""", Health.OK, False, "1.10.0-rc1"),
        ("echo broken >&2; exit 1", Health.PROBLEM, False, "did not tell a version: broken"),
    ],
)
async def test_other_terraforms(
    tmp_path: Path, patient: Patient, monkeypatch: pytest.MonkeyPatch, script: str, health: Health, missing: bool,
    words: str,
) -> None:  # fmt: skip
    program(tmp_path, "terraform", script, monkeypatch)
    check = Check("terraform", "Terraform", "", machine.terraform)
    found = (await examine(patient, lambda *_: None, [check]))["terraform"]
    assert (found.health, found.missing) == (health, missing)
    assert words in found.sentence


async def test_without_terraform(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingToolError, match="not found on PATH"):
        await version(patient.project.paths.root)


async def test_where_the_provider_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    infra, mirror = tmp_path / "infra", tmp_path / "mirror"
    answers = True

    async def registry() -> bool:
        return answers

    monkeypatch.setattr("ecrwiz.services.terraform.facts._registry_answers", registry)
    monkeypatch.setattr("ecrwiz.services.terraform.facts.find_mirror", lambda environ: mirror)
    assert await provider_source(infra, None, {}) == ProviderSource("registry", "registry.terraform.io")
    assert (await provider_source(infra, mirror, {})).kind == ""
    answers = False
    assert await provider_source(infra, None, {}) == ProviderSource("mirror", str(mirror))
    (mirror / "registry.terraform.io" / "hashicorp" / "aws").mkdir(parents=True)
    assert (await provider_source(infra, mirror, {})).kind == "mirror"
    (infra / ".terraform" / "providers" / "registry.terraform.io" / "hashicorp" / "aws").mkdir(parents=True)
    assert (await provider_source(infra, None, {})).kind == "installed"


async def test_a_provider_that_can_be_had_from_nowhere_is_missing(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "provider_source", gives(ProviderSource("", "registry.terraform.io")))
    found = await machine.provider(patient)
    assert (found.health, found.missing) == (Health.PROBLEM, True)
    assert "ECRWIZ_TERRAFORM_MIRROR" in found.fix


@pytest.mark.parametrize(
    ("free", "health", "words"),
    [
        (50 * GB, Health.OK, "50.0 GB are free"),
        (GB, Health.WARNING, "1.0 GB are free"),
        (None, Health.OK, "cannot be seen from here"),
    ],
)
async def test_the_engine(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, free: int | None, health: Health, words: str
) -> None:
    facts = EngineFacts("29.0.1", "linux/x86_64", "", "/var/lib/docker", free)
    monkeypatch.setattr(machine, "engine_facts", gives(facts))
    found = await machine.docker(patient)
    assert found.health is health
    assert words in found.sentence


async def test_no_engine_is_a_missing_service(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    found = await machine.docker(patient)
    assert (found.health, found.missing) == (Health.PROBLEM, True)
    assert found.fix


@pytest.mark.parametrize(
    ("found", "health", "words"),
    [
        (Builder("docker", ("--load",)), Health.OK, "buildx"),
        (Builder("/usr/bin/docker"), Health.OK, "the engine's own"),
        (Builder("", reason="Docker's plugin buildx is not installed."), Health.WARNING, "buildx is not installed"),
    ],
)
def test_the_builder(found: Builder, health: Health, words: str) -> None:
    judged = machine.judge_builder(found)
    assert judged.health is health
    assert words in judged.sentence


async def test_git_tells_how_the_tag_comes_about(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def look() -> Finding:
        return await machine.git_program(await make_patient(next_app))

    async def run(*words: str) -> None:
        child = await asyncio.create_subprocess_exec("git", *words, cwd=next_app, stdout=asyncio.subprocess.DEVNULL)
        assert await child.wait() == 0

    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(next_app.parent))
    assert (await look()).command.startswith("git init")
    await run("init", "-q", "-b", "main")
    assert "nothing is committed yet" in (await look()).sentence
    await run("add", ".")
    await run("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x")
    clean = await look()
    assert (clean.health, clean.facts["branch"]) == (Health.OK, "main")
    assert "without changes" in clean.sentence
    (next_app / "new.js").write_text("x")
    assert "not committed" in (await look()).sentence


async def test_the_keyring(patient: Patient) -> None:
    asked = []

    async def probe(*, again: bool = False) -> Backend:
        asked.append(again)
        return found

    patient.project.tools.keychain.probe = probe  # type: ignore[method-assign]
    found = Backend("SecretService Keyring", usable=True)
    assert (await machine.keyring(patient)).health is Health.OK
    patient = Patient(patient.project, FakeAws({}))
    found = Backend("fail Keyring", usable=False, reason="The keyring cannot be used: it is locked.")
    refused = await machine.keyring(patient)
    assert (refused.health, refused.sentence) == (Health.WARNING, found.reason)
    assert asked == [True, True], "it is tried anew each time"


async def test_a_keyring_that_hangs_is_timed_out(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring

    monkeypatch.setenv("ECRWIZ_KEYRING_SECONDS", "0.2")
    monkeypatch.setattr(keyring, "get_keyring", lambda: time.sleep(5))
    patient = await make_patient(next_app)
    checks = [check for check in doctor.CHECKS if check.id == "keyring"]
    began = time.monotonic()
    found = (await examine(patient, lambda *_: None, checks))["keyring"]
    assert time.monotonic() - began < 3
    assert "within 0.2 seconds" in found.sentence


async def test_a_port_is_free_here(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await machine.port(patient)).health is Health.OK

    def refuse(*_: object) -> None:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    assert "Address already in use" in (await machine.port(patient)).sentence


async def test_the_disk(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set((await machine.disk(patient)).facts) == {"the project", "temporary files"}
    folders = {"the project": "/srv/a b; rm -rf x", "temporary files": "/tmp"}
    judge = machine.judge_disk
    assert judge({"the project": 9 * GB, "temporary files": 9 * GB}, folders).health is Health.OK
    assert judge({"the project": 9 * GB, "temporary files": GB}, folders).health is Health.WARNING
    full = judge({"the project": GB // 10, "temporary files": GB}, folders)
    assert full.health is Health.PROBLEM
    assert full.command == "du -xsh '/srv/a b; rm -rf x'/*", "what is pasted into a shell is quoted"


@pytest.mark.parametrize(
    ("environ", "size", "health", "words"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, (120, 40), Health.OK, "120x40 cells, 16 million"),
        ({"TERM": "tmux-256color", "TMUX": "x"}, (80, 24), Health.OK, "256 colours, in tmux"),
        ({"TERM": "xterm", "NO_COLOR": "1"}, (80, 24), Health.OK, "no colours (NO_COLOR is set)"),
        ({"TERM": "xterm"}, (70, 24), Health.WARNING, "70x24"),
        ({"TERM": "dumb"}, (80, 24), Health.WARNING, "80x24"),
        ({}, None, Health.UNKNOWN, "no terminal here"),
    ],
)
def test_the_terminal(environ: dict[str, str], size: tuple[int, int] | None, health: Health, words: str) -> None:
    found = machine.judge_terminal(environ, size)
    assert found.health is health
    assert words in found.sentence


# AWS.

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("who", "ends", "region", "health", "words"),
    [
        (ANN, None, "eu-west-1", Health.OK, "user/team/ann in account 123456789012, region eu-west-1"),
        (ANN, NOW + timedelta(hours=3, minutes=5), "eu-west-1", Health.OK, "they end in 3 h 05 min"),
        (ANN, NOW + timedelta(minutes=7), "eu-west-1", Health.WARNING, "they end in 7 minutes"),
        (ROOT, None, "eu-west-1", Health.WARNING, "root credentials"),
        (ANN, None, "mars-1", Health.PROBLEM, "mars-1 is no region"),
    ],
)
def test_whose_credentials(who: Identity, ends: datetime | None, region: str, health: Health, words: str) -> None:
    found = cloud.judge_credentials(Credentials("AKIA123", "AWS single sign-on", ends), who, region, NOW)
    assert found.health is health
    assert words in found.sentence
    assert found.facts["arn"] == who.arn


async def test_no_credentials_are_one_problem_and_not_three(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patient = await make_patient(next_app, Aws("us-east-1", quick=True))
    found = await cloud.credentials(patient)
    assert (found.health, found.missing) == (Health.PROBLEM, True)
    assert "no AWS credentials" in found.sentence
    assert (await cloud.permissions(patient)).health is Health.UNKNOWN


async def test_the_real_chain_names_its_source_and_expiry(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = datetime.now(UTC) + timedelta(hours=2)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    found = await Aws("us-east-1").credentials()
    assert found == Credentials("ASIAEXAMPLE", "environment variables", None)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", ends.isoformat())
    found = await Aws("us-east-1").credentials()
    assert found.expires is not None
    assert abs(found.expires - ends) < timedelta(seconds=40)


def decisions(denied: tuple[str, ...] = (), unsure: tuple[str, ...] = ()) -> Callable[[Mapping[str, Any]], object]:
    def decide(asked: Mapping[str, Any]) -> dict[str, Any]:
        results = []
        for action in asked["ActionNames"]:
            refused = action in denied or action in unsure
            missing = ["aws:SourceIp"] if action in unsure else []
            decision = "implicitDeny" if refused else "allowed"
            results.append({"EvalActionName": action, "EvalDecision": decision, "MissingContextValues": missing})
        middle = len(results) // 2
        if len(results) > 1 and "Marker" not in asked:
            return {"EvaluationResults": results[:middle], "IsTruncated": True, "Marker": "m"}
        return {"EvaluationResults": results[middle:], "IsTruncated": False}

    return decide


@pytest.mark.parametrize(
    ("decide", "health", "words"),
    [
        (decisions(), Health.OK, "would allow all"),
        (decisions(denied=("iam:CreateUser", "ecr:PutImage")), Health.PROBLEM, "deny ecr:PutImage, iam:CreateUser."),
        (decisions(unsure=("iam:CreateUser",)), Health.UNKNOWN, "cannot decide 1 of"),
        (RemoteError("AWS refused.", code="AccessDenied"), Health.UNKNOWN, "cannot be asked: AWS refused."),
        (ToolFailedError("It cannot be read."), Health.UNKNOWN, "cannot be asked"),
    ],
)
async def test_permissions_are_simulated_and_never_guessed(
    next_app: Path, decide: object, health: Health, words: str
) -> None:
    who = {"Account": ANN.account, "Arn": ANN.arn}
    aws = FakeAws({"sts.get_caller_identity": who, "iam.simulate_principal_policy": decide})
    found = await cloud.permissions(await make_patient(next_app, aws, project_id="shop"))
    assert found.health is health
    assert words in found.sentence
    asked = [parameters for name, parameters in aws.asked if name == "iam.simulate_principal_policy"]
    assert all(parameters["PolicySourceArn"] == ANN.arn for parameters in asked)
    if health is Health.OK:
        assert {str(parameters["ResourceArns"]) for parameters in asked} == {
            "['*']",
            "['arn:aws:ecr:us-east-1:123456789012:repository/web/shop/nextjs']",
            "['arn:aws:iam::123456789012:user/ci-shop-dev-server-user']",
        }


async def test_a_denial_for_every_resource_is_no_denial_for_one(next_app: Path) -> None:
    who = {"Account": ANN.account, "Arn": ANN.arn}
    aws = FakeAws({
        "sts.get_caller_identity": who,
        "iam.simulate_principal_policy": decisions(denied=("iam:CreateUser",)),
    })  # fmt: skip
    patient = await make_patient(next_app, aws, port="99999")
    assert patient.answers is None
    assert (await cloud.permissions(patient)).health is Health.UNKNOWN


async def test_the_principal_behind_a_session_is_its_role() -> None:
    role = "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/Admin"
    iam = Iam(FakeAws({"iam.get_role": {"Role": {"Arn": role}}}).call)
    assert await iam.principal("arn:aws:sts::123456789012:assumed-role/Admin/ann@example.com") == role
    assert await iam.principal(ANN.arn) == ANN.arn
    assert await iam.principal(ROOT.arn) == ""
    assert await iam.principal("arn:aws:sts::123456789012:federated-user/ann") == ""


async def test_root_is_not_simulated(next_app: Path) -> None:
    aws = FakeAws({"sts.get_caller_identity": {"Account": ROOT.account, "Arn": ROOT.arn}})
    found = await cloud.permissions(await make_patient(next_app, aws))
    assert found.health is Health.UNKNOWN


@pytest.mark.parametrize(
    ("skew", "health", "words"),
    [
        (timedelta(seconds=1), Health.OK, "agrees"),
        (timedelta(seconds=-30), Health.OK, "30 seconds behind"),
        (timedelta(seconds=90), Health.WARNING, "90 seconds ahead of"),
        (timedelta(minutes=-16), Health.PROBLEM, "960 seconds behind"),
    ],
)
def test_the_clock(skew: timedelta, health: Health, words: str) -> None:
    found = cloud.judge_clock(skew)
    assert found.health is health
    assert words in found.sentence


async def test_a_clock_that_cannot_be_compared_is_unknown(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    found = await cloud.clock(await make_patient(next_app, Aws("us-east-1", quick=True)))
    assert found.health is Health.UNKNOWN
    assert "cannot be reached" in found.sentence


# GitHub.


def answering(routes: Mapping[str, tuple[int, object]], scopes: str | None) -> httpx.MockTransport:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.method == "GET", "the doctor changes nothing"
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        status, body = routes[request.url.path]
        return httpx.Response(status, json=body, headers={} if scopes is None else {"X-OAuth-Scopes": scopes})

    return httpx.MockTransport(answer)


REPOSITORY = {"full_name": "octo/blog", "private": True, "permissions": {"push": True, "admin": False}}
KEY = {"key_id": "1", "key": "x"}
ROUTES: dict[str, tuple[int, object]] = {
    "/repos/octo/blog": (200, REPOSITORY),
    "/repos/octo/blog/actions/secrets/public-key": (200, KEY),
    "/repos/octo/blog/actions/permissions": (200, {"enabled": True}),
    "/user": (200, {"login": "octo"}),
}


async def on_github(
    root: Path, monkeypatch: pytest.MonkeyPatch, *, scopes: str | None = "repo, gist", name: str = "octo/blog",
    token: str = TOKEN, changed: Mapping[str, tuple[int, object]] | None = None,
) -> dict[str, Finding]:  # fmt: skip
    routes = {**ROUTES, **{f"/repos/octo/blog/{path}".rstrip("/"): answer for path, answer in (changed or {}).items()}}

    def connect(url: str, secret: Secret) -> GitHub:
        return GitHub(url, secret, transport=answering(routes, scopes))

    monkeypatch.setattr(hub, "GitHub", connect)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("GH_TOKEN", token)
    patient = await make_patient(root, None, **({"github_repository": name} if name else {}))
    monkeypatch.setattr(patient.project.tools.keychain, "probe", gives(Backend("", usable=False, reason="None.")))
    checks = [check for check in doctor.CHECKS if check.id in ("github-token", "github", "actions")]
    return await examine(patient, lambda *_: None, checks)


async def test_github_in_good_order(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = await on_github(next_app, monkeypatch)
    assert [finding.health for finding in found.values()] == [Health.OK] * 3
    assert found["github-token"].sentence == "A token from GH_TOKEN with the scopes repo, gist."
    assert TOKEN not in json.dumps([[f.sentence, f.fix, f.command, dict(f.facts)] for f in found.values()])


async def test_a_fine_grained_token_has_no_scopes_and_a_classic_one_may_lack_them(
    next_app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await on_github(next_app, monkeypatch, scopes=None, name="")
    assert "names no scopes" in found["github-token"].sentence
    assert found["github"].health is Health.WARNING
    assert found["actions"].health is Health.UNKNOWN
    found = await on_github(next_app, monkeypatch, scopes="gist")
    assert found["github-token"].health is Health.PROBLEM
    assert found["github-token"].command == "gh auth refresh --scopes repo"


async def test_without_a_token_the_repository_is_unknown(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = await on_github(next_app, monkeypatch, token="")
    assert [finding.health for finding in found.values()] == [Health.WARNING, Health.UNKNOWN, Health.UNKNOWN]


@pytest.mark.parametrize(
    ("path", "answer", "row", "health", "words"),
    [
        ("", (401, {"message": "Bad credentials"}), "github-token", Health.PROBLEM, "does not accept the token"),
        ("", (404, {"message": "Not Found"}), "github", Health.PROBLEM, "does not exist, or this token may not"),
        ("", (200, {**REPOSITORY, "archived": True}), "github", Health.PROBLEM, "archived"),
        ("", (200, {**REPOSITORY, "permissions": {"pull": True}}), "github", Health.PROBLEM, "may not write"),
        ("actions/secrets/public-key", (403, {"message": "no"}), "github", Health.PROBLEM, "public key"),
        ("actions/permissions", (403, {"message": "no"}), "actions", Health.UNKNOWN, "only administrators"),
        ("actions/permissions", (200, {"enabled": False}), "actions", Health.PROBLEM, "switched off"),
    ],
)
async def test_github_refuses(
    next_app: Path, monkeypatch: pytest.MonkeyPatch, path: str, answer: tuple[int, object], row: str, health: Health,
    words: str,
) -> None:  # fmt: skip
    found = await on_github(next_app, monkeypatch, changed={path: answer})
    assert found[row].health is health
    assert words in found[row].sentence


def test_the_table_of_checks_and_the_docs_agree() -> None:
    text = (Path(__file__).parents[1] / "docs" / "command-line.md").read_text("utf-8")
    assert "`doctor [--json]`" in text
