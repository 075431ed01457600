"""The step verify and its command: what fails it, what is shown, what a trust policy says, and what an answer means."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ecrwiz import verify_command
from ecrwiz.flow import trying
from ecrwiz.flow.context import Approvals
from ecrwiz.flow.engine import Engine
from ecrwiz.flow.events import Output, Progress, Status, StepFinished, StepId
from ecrwiz.flow.journal import Record, as_json
from ecrwiz.flow.project import Project
from ecrwiz.flow.runbook import STEPS, stand
from ecrwiz.flow.steps import verify
from ecrwiz.flow.trust_proofs import judge
from ecrwiz.flow.trying import Answer, Patience, tried
from ecrwiz.model.errors import EcrwizError, MissingToolError, RemoteError
from ecrwiz.model.results import CredentialsResult, Proof, ProvisionResult, VerifyResult
from ecrwiz.model.trust import Form, Trust
from ecrwiz.sandbox import Sandbox
from ecrwiz.services import keychain
from tests.fake_steps import Heard
from tests.infra_kit import ACCOUNT, REGION
from tests.proof_kit import Ground, applied, statement

ROLE = "ci-blog-prod-server-role"
USER = f"arn:aws:iam::{ACCOUNT}:user/ci-blog-prod-server-user"


# --- the step against the sandbox -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return applied(box, tmp_path_factory.mktemp("ground"))


@pytest.fixture
async def ground(box: Sandbox, made: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    """The same infrastructure for a new project."""
    for name in box.remove:
        monkeypatch.delenv(name, raising=False)
    for name, value in box.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ECRWIZ_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    return Ground(made.box, made.made, made.key, made.answers, tmp_path)


def done(project: Project, step: StepId, result: object, ended: float = 0.0) -> None:
    """Note in the journal that a step was done."""
    outputs = as_json(result)  # type: ignore[arg-type]
    project.journal.end(step, Record(Status.OK, "r", ended or time.time() - 3600, outputs=outputs))


async def ready(ground: Ground, *, secret: bool = True, **changed: str) -> Project:
    """A project after provision and credentials."""
    project = await ground.project()
    if changed:
        project.answer(changed)
    project.paths.state.mkdir(mode=0o700, exist_ok=True)
    done(project, StepId.PROVISION, ground.made)
    done(project, StepId.CREDENTIALS, CredentialsResult(ground.key[0], USER, ACCOUNT, "", ""))
    if secret:
        entry = keychain.entry_name(ACCOUNT, "blog", "prod")
        project.tools.keychain.hold(entry, keychain.pack(*ground.key))
    return project


async def run(project: Project) -> tuple[StepFinished, Heard]:
    heard = Heard()
    await Engine(project, heard.append).run((StepId.VERIFY,), force=True, approvals=Approvals())
    return heard.ends()[StepId.VERIFY], heard


def said(heard: Heard) -> list[str]:
    return [line for event in heard if isinstance(event, Output) for line in event.lines]


async def test_it_shows_every_row_and_keeps_them(ground: Ground) -> None:
    project = await ready(ground)
    end, heard = await run(project)
    assert end.status is Status.OK, end.error
    found = project.results.find(VerifyResult)
    assert found is not None
    assert len(found.proofs) > 30
    rows = [line for line in said(heard) if line.startswith("✓ ")]
    assert len(rows) == len(found.proofs)
    assert any(line.startswith("✓ refused  delete the repository (ecr:DeleteRepository, called): Acc") for line in rows)
    last = [event for event in heard if isinstance(event, Progress)][-1]
    assert (last.done, last.total) == (len(rows), len(rows))
    assert f"{len(rows)} of {len(rows)} rows are as they must be" in "\n".join(said(heard))
    assert ground.key[1].reveal() not in str(heard)
    assert (await stand(project, STEPS[StepId.VERIFY])).status is Status.FRESH


async def test_a_wrong_row_fails_it_and_the_rows_are_kept(ground: Ground) -> None:
    project = await ready(ground)
    with ground.policy(statement("Allow", "ecr:DeleteRepository"), statement("Deny", "ecr:DescribeImages")):
        end, _ = await run(project)
    assert end.status is Status.FAILED
    assert end.error is not None
    assert "it may not look at the images in ECR (ecr:DescribeImages)" in end.error.message
    assert "it may delete the repository (ecr:DeleteRepository)" in end.error.message
    assert "with an explicit deny" in end.error.hint
    assert "ecrwiz run provision verify --force" in end.error.hint
    found = project.results.find(VerifyResult)
    assert found is not None
    wrong = [proof.action for proof in found.proofs if proof.wrong]
    assert wrong == ["ecr:DescribeImages", "ecr:DeleteRepository", "*"]
    assert (await stand(project, STEPS[StepId.VERIFY])).status is Status.FAILED


async def test_another_key_repository_or_policy_makes_it_stale(ground: Ground) -> None:
    project = await ready(ground)
    await run(project)
    folder = project.paths.infra
    folder.mkdir(parents=True)
    (folder / "main.tf").write_text("# another policy\n")
    state = await stand(project, STEPS[StepId.VERIFY])
    assert (state.status, state.reason) == (Status.STALE, "changed: policy")
    (folder / "main.tf").unlink()
    assert (await stand(project, STEPS[StepId.VERIFY])).status is Status.FRESH
    (folder / "ci-role.auto.tfvars.json").write_text('{"subjects": []}')
    assert (await stand(project, STEPS[StepId.VERIFY])).status is Status.STALE


async def test_without_the_secret_iam_is_asked_for_every_row(ground: Ground) -> None:
    project = await ready(ground, secret=False)
    end, heard = await run(project)
    assert end.status is Status.OK, end.error
    found = project.results.find(VerifyResult)
    assert found is not None
    assert {proof.how for proof in found.proofs} == {"simulated", "read"}
    assert any("IAM is asked to simulate every row" in line for line in said(heard))


async def test_when_nothing_can_be_found_out_it_fails(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    async def decide(*_: object, **__: object) -> None:
        raise RemoteError("AWS refused.", code="AccessDenied", said="no")

    monkeypatch.setattr("ecrwiz.services.simulation.decide", decide)
    monkeypatch.setattr("ecrwiz.flow.attached.read_policies", decide)
    end, _ = await run(await ready(ground, secret=False))
    assert end.status is Status.FAILED
    assert end.error is not None
    assert "Nothing could be found out" in end.error.message


async def test_a_policy_that_just_changed_gets_time_to_be_known(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trying, "WAITS", (0.1,) * 60)
    project = await ready(ground)
    done(project, StepId.PROVISION, ground.made, ended=time.time())
    iam, name = ground.client("iam"), ground.made.ci_user
    document = {"Version": "2012-10-17", "Statement": statement("Deny", "ecr:DescribeImages")}
    iam.put_user_policy(UserName=name, PolicyName="old", PolicyDocument=json.dumps(document))

    async def later() -> None:
        await asyncio.sleep(1.5)
        iam.delete_user_policy(UserName=name, PolicyName="old")

    task = asyncio.create_task(later())
    end, _ = await run(project)
    await task
    assert end.status is Status.OK, end.error


async def test_a_run_that_is_cancelled_leaves_no_probe(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    project = await ready(ground)
    begun = asyncio.Event()

    async def slow(*_: object) -> str:
        begun.set()
        await asyncio.sleep(60)
        return ""

    monkeypatch.setattr("ecrwiz.services.probe_image.ProbePush.read_manifest", slow)
    heard = Heard()
    engine = Engine(project, heard.append)
    running = asyncio.create_task(engine.run((StepId.VERIFY,), force=True))
    await begun.wait()
    assert ground.images(), "it is there while it is tried"
    engine.cancel()
    await running
    assert heard.ends()[StepId.VERIFY].status is Status.CANCELLED
    assert ground.images() == []


async def test_a_role_is_simulated_and_its_trust_read(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    iam = ground.client("iam")
    arn = iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(policy(SUB)))["Role"]["Arn"]
    for name in iam.list_user_policies(UserName=ground.made.ci_user)["PolicyNames"]:
        document = iam.get_user_policy(UserName=ground.made.ci_user, PolicyName=name)["PolicyDocument"]
        iam.put_role_policy(RoleName=ROLE, PolicyName=name, PolicyDocument=json.dumps(document))

    async def solve(_: object) -> Trust:
        return TRUST

    monkeypatch.setattr("ecrwiz.flow.trust.solve", solve)
    project = await ready(ground, ci_identity="oidc", github_repository="octo/blog")
    role = ProvisionResult(ground.made.ecr_repo_url, ground.made.ecr_repo_path, REGION, "", "", "", ACCOUNT, arn)
    done(project, StepId.PROVISION, role)
    done(project, StepId.CREDENTIALS, CredentialsResult("", arn, ACCOUNT, "", ""))
    end, heard = await run(project)
    assert end.status is Status.OK, end.error
    assert any("only a workflow on GitHub can assume it" in line for line in said(heard))
    found = project.results.find(VerifyResult)
    assert found is not None
    assert {proof.identity for proof in found.proofs} == {arn}
    assert f"be assumed by {SUB}" in [proof.title for proof in found.proofs]
    iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=json.dumps(policy("repo:octo/*", "StringLike")))
    end, _ = await run(project)
    assert end.error is not None
    assert "it may be assumed by any other workflow run (sts:AssumeRoleWithWebIdentity)" in end.error.message


# --- the command ------------------------------------------------------------------------------------------------


async def test_the_command_prints_the_rows_as_json(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    project = await ready(ground)
    assert await verify_command.verify_project(project, as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["exit_code"] == 0
    assert {"title", "action", "resource", "expected", "found", "answer", "how", "identity", "wrong"} == set(
        found["proofs"][0]
    )
    with ground.policy(statement("Allow", "iam:ListUsers")):
        assert await verify_command.verify_project(project, as_json=True) == 1
    found = json.loads(capsys.readouterr().out)
    assert [row["action"] for row in found["proofs"] if row["wrong"]] == ["iam:ListUsers", "*"]
    assert "iam:ListUsers" in found["error"]["message"]


async def test_the_command_prints_a_table(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    project = await ready(ground)
    with ground.policy(statement("Allow", "s3:*")):
        assert await verify_command.verify_project(project, as_json=False) == 1
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert any(line.startswith("✗ allowed list S3 buckets") for line in lines)
    refusal = next(line for line in lines if line.startswith("✓ refused delete the repository"))
    assert refusal.endswith("AccessDeniedException: no identity-based policy allows the ecr:DeleteRepository action")
    assert lines[-1].startswith("✗ verify failed in ")
    assert "The CI identity is not as it must be: it may list S3 buckets" in told.err


async def test_what_was_not_provisioned_cannot_be_verified(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    assert await verify_command.verify_project(await ground.project(), as_json=True) == 2
    assert json.loads(capsys.readouterr().out)["proofs"] == []


def proof(answer: str, expected: str = "allowed", found: str = "refused") -> Proof:
    return Proof("push", "ecr:PutImage", "*", expected, found, answer, "called", USER)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("x with an explicit deny in a service control policy", "(SCP)"),
        ("x because no service control policy allows the ecr:PutImage action", "(SCP)"),
        ("x with an explicit deny in a resource control policy", "(RCP)"),
        ("x because no permissions boundary allows the ecr:PutImage action", "add the action there"),
        ("x because no VPC endpoint policy allows the ecr:PutImage action", "VPC endpoint"),
        ("x with an explicit deny in a resource-based policy", "get-repository-policy"),
        ("x because no identity-based policy allows it", "ecrwiz run provision verify --force"),
    ],
)
def test_the_hint_follows_awss_own_sentence(answer: str, words: str) -> None:
    assert words in verify.why_wrong([proof(answer)])
    assert answer in verify.why_wrong([proof(answer)])


def test_the_table_shortens_long_answers_only() -> None:
    lines = verify_command.table([proof("a" * 300), proof("short", found="unknown"), proof("x", found="allowed")])
    assert [line[0] for line in lines] == ["✗", "?", "✓"]
    assert lines[0].endswith("…")
    assert verify_command.table([]) == []


# --- what an answer means ---------------------------------------------------------------------------------------


def answering(*answers: object) -> tuple[Callable[[], Awaitable[object]], list[object]]:
    left = list(answers)

    async def ask() -> object:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask, left


def error(code: str, said: str = "words") -> RemoteError:
    return RemoteError("AWS refused.", code=code, said=said)


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "WAITS", (0.0,) * 4)


# What came, what is expected, codes that show the permission, what was found.
ANSWERS: list[tuple[list[object], str, tuple[str, ...], str]] = [
    ([{}], "refused", (), "allowed"),
    ([error("AccessDeniedException")], "refused", (), "refused"),
    ([error("AccessDenied")], "refused", (), "refused"),
    ([error("UnauthorizedOperation")], "refused", ("DryRunOperation",), "refused"),
    ([error("DryRunOperation")], "refused", ("DryRunOperation",), "allowed"),
    ([error("RepositoryNotEmptyException")], "refused", ("RepositoryNotEmptyException",), "allowed"),
    ([error("InvalidParameterException")], "refused", ("RepositoryNotEmptyException",), "unknown"),
    ([error("DENIED", "Your authorization token has expired.")], "allowed", (), "unknown"),
    ([error("ThrottlingException"), error("AccessDenied")], "refused", (), "refused"),
    ([error("UnrecognizedClientException"), error("InvalidClientTokenId"), {}], "allowed", (), "allowed"),
    ([error("ThrottlingException")], "refused", (), "unknown"),
    ([error("503")], "allowed", (), "unknown"),
]  # fmt: skip


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize(("came", "expected", "reached", "found"), ANSWERS)
async def test_what_an_answer_means(came: list[object], expected: str, reached: tuple[str, ...], found: str) -> None:
    ask, _ = answering(*came)
    assert (await tried(ask, expected, reached, Patience())).found == found


@pytest.mark.usefixtures("_quick")
async def test_a_wrong_answer_is_believed_at_once_when_nothing_changed_lately() -> None:
    ask, left = answering({}, error("AccessDenied"))
    assert (await tried(ask, "refused", (), Patience())).found == "allowed"
    assert len(left) == 1, "asked once"
    ask, _ = answering({}, error("AccessDenied"))
    assert (await tried(ask, "refused", (), Patience(5))).found == "refused"


@pytest.mark.usefixtures("_quick")
async def test_what_cannot_be_reached_is_no_answer() -> None:
    ask, _ = answering(MissingToolError("AWS cannot be reached."))
    with pytest.raises(EcrwizError, match="cannot be reached"):
        await tried(ask, "allowed", (), Patience())


def test_an_answer_is_one_clean_line() -> None:
    text = "You are not allowed.\n\x1b[31mEncoded authorization failure message: abcdef"
    assert trying.one_line(text) == "You are not allowed."
    assert len(trying.one_line("x" * 5000)) == 600


def test_an_answer_without_a_code_is_of_a_call() -> None:
    assert Answer("allowed", "done") == Answer("allowed", "done", "", "called")


# --- a role's trust policy --------------------------------------------------------------------------------------

ISSUER = "token.actions.githubusercontent.com"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
SUB = "repo:octo/blog:ref:refs/heads/main"
TRUST = Trust(ISSUER, "sts.amazonaws.com", (SUB,), "octo/blog", (Form("branch", "main"),))


def policy(
    sub: str | list[str] | None, operator: str = "StringEquals", aud: str | None = "sts.amazonaws.com", **more: Any
) -> dict[str, Any]:
    conditions: dict[str, dict[str, Any]] = {}
    if sub is not None:
        conditions.setdefault(operator, {})[f"{ISSUER}:sub"] = sub
    if aud is not None:
        conditions.setdefault("StringEquals", {})[f"{ISSUER}:aud"] = aud
    for name, value in more.items():
        conditions.setdefault("StringEquals", {})[f"{ISSUER}:{name}"] = value
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": "sts:AssumeRoleWithWebIdentity",
             "Condition": conditions},
        ],
    }  # fmt: skip


def beside(document: dict[str, Any], **statement: Any) -> dict[str, Any]:
    return {**document, "Statement": [*document["Statement"], {"Effect": "Allow", **statement}]}


# The policy, and which of the four rows are wrong or unknown: the subject, other runs, other audiences, anybody else.
POLICIES: list[tuple[dict[str, Any], str]] = [
    (policy(SUB), "✓✓✓✓"),
    (policy([SUB]), "✓✓✓✓"),
    ({"Statement": policy(SUB)["Statement"][0]}, "✓✓✓✓"),
    (policy("repo:octo/other:ref:refs/heads/main"), "✗✗✓✓"),
    (policy([SUB, "repo:octo/blog:pull_request"]), "✓✗✓✓"),
    (policy(SUB.replace("octo", "Octo")), "✗✗✓✓"),
    (policy("repo:octo/blog:*", "StringLike"), "✗✗✓✓"),
    (policy(SUB, "StringLike"), "✗✗✓✓"),
    (policy(SUB, "ForAllValues:StringEquals"), "✗✗✓✓"),
    (policy(SUB, "StringEqualsIfExists"), "✗✗✓✓"),
    (policy(None), "✗✗✓✓"),
    (policy(SUB, aud=None), "✗✓✗✓"),
    (policy(SUB, aud="other"), "✗✓✗✓"),
    (policy(SUB, ref="refs/heads/main"), "?✓✓✓"),
    (beside(policy(SUB), Principal={"AWS": "arn:aws:iam::999999999999:root"}, Action="sts:AssumeRole"), "✓✓✓✗"),
    (beside(policy(SUB), Principal="*", Action="sts:AssumeRole"), "✓✓✓✗"),
    (beside(policy(SUB), Principal={"Federated": PROVIDER}, Action="sts:AssumeRoleWithWebIdentity"), "✓✗✗✓"),
    (beside(policy(SUB), Principal={"Federated": f"{PROVIDER}.evil"}, Action="sts:AssumeRoleWithWebIdentity"), "✓✓✓✗"),
    (beside(policy(SUB), NotPrincipal={"AWS": "x"}, Action="sts:AssumeRole"), "✓✓✓✗"),
    ({"Statement": [*policy(SUB)["Statement"], {"Effect": "Deny", "Principal": "*", "Action": "*"}]}, "?✓✓✓"),
    ({"Statement": []}, "✗✓✓✓"),
    ({}, "✗✓✓✓"),
]  # fmt: skip


def signs(document: dict[str, Any], solved: Trust | None = TRUST) -> str:
    rows = judge(document, solved, ISSUER, "sts.amazonaws.com", "no token")
    return "".join("?" if found == "unknown" else "✓" if found == wanted else "✗" for _, wanted, found, _ in rows)


@pytest.mark.parametrize(("document", "expected"), POLICIES)
def test_what_a_trust_policy_says(document: dict[str, Any], expected: str) -> None:
    assert signs(document) == expected


def test_without_github_what_is_loose_is_still_found() -> None:
    assert signs(policy(SUB), None) == "?✓✓"
    assert signs(policy("repo:*", "StringLike"), None) == "✗✓✓"
    row = next(judge(policy(SUB), None, ISSUER, "sts.amazonaws.com", "no token"))
    assert "GitHub could not be asked: no token" in row[3]


def test_the_workflows_own_runs_must_get_in_even_where_oidc_trust_forgets_them() -> None:
    release = "repo:octo/blog:ref:refs/heads/release"
    solved = Trust(ISSUER, "sts.amazonaws.com", (release,), "octo/blog", (), own=(SUB,))
    assert signs(policy(release), solved) == "✓✗✓✓✓"
    rows = list(judge(policy(release), solved, ISSUER, "sts.amazonaws.com"))
    assert rows[1][:3] == (f"be assumed by {SUB}", "allowed", "refused")


def test_a_rehearsal_branch_is_a_subject_of_its_own() -> None:
    both = Trust(ISSUER, "sts.amazonaws.com", (SUB, "repo:octo/blog:ref:refs/heads/ecrwiz/rehearsal"), "octo/blog", ())
    assert signs(policy(list(both.subjects)), both) == "✓✓✓✓✓"
    assert signs(policy(list(both.subjects))) == "✓✗✓✓", "no longer once the key is gone"
    assert signs(policy(SUB), both) == "✓✗✓✓✓"
