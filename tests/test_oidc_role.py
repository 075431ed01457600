"""The CI role made for real on the stand-in for AWS: what it trusts, GitHub's provider, the way from a key to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecrwiz.flow import ci_role
from ecrwiz.flow.context import Approvals, Context, View
from ecrwiz.flow.events import Question, Status, StepId
from ecrwiz.flow.github_access import no_token
from ecrwiz.flow.journal import Record
from ecrwiz.flow.layout import KEY_FILE, TRUST_FILE
from ecrwiz.flow.project import Project
from ecrwiz.flow.steps.destroy import inventory
from ecrwiz.flow.variable_files import Trusted, read_trust, write_trust
from ecrwiz.model.errors import BadInputError, MissingToolError, RemoteError
from ecrwiz.model.results import ProvisionResult
from ecrwiz.services.oidc_provider import OidcProviders
from tests.aws_program import Aws, serve
from tests.role_kit import ACCOUNT, ISSUER, PROVIDER, SUBJECT, Bench

P = StepId.PROVISION


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with serve() as running:
        yield running


@pytest.fixture
def bench(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(aws, tmp_path, monkeypatch)
    for found in made.iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
        made.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=found["Arn"])
    return made


def provider(bench: Bench) -> dict[str, Any]:
    found: dict[str, Any] = bench.iam.get_open_id_connect_provider(OpenIDConnectProviderArn=PROVIDER)
    return found


def trust_policy(bench: Bench) -> dict[str, Any]:
    found: dict[str, Any] = bench.iam.get_role(RoleName=bench.role)["Role"]["AssumeRolePolicyDocument"]
    return found


def users(bench: Bench) -> list[str]:
    return [user["UserName"] for user in bench.iam.list_users()["Users"] if user["UserName"] == bench.user]


def foretold(bench: Bench, *subjects: str) -> bool:
    """Whether the policy's size was known before, for the partition with the longest name."""
    size = len(json.dumps(trust_policy(bench), separators=(",", ":")))
    longest = len("aws-us-gov") - len("aws")
    return ci_role.policy_size((ISSUER, "sts.amazonaws.com", subjects)) == size + longest


async def test_a_role_is_made_with_its_provider_and_nothing_else(bench: Bench) -> None:
    told = await bench.make("oidc")
    made = told.ends[P].outputs
    assert made["ci_role_arn"] == f"arn:aws:iam::{ACCOUNT}:role/{bench.role}"
    assert (made["ci_user"], made["aws_iam_access_id"], made["aws_iam_access_key"]) == ("", "", "")
    (statement,) = trust_policy(bench)["Statement"]
    assert statement["Principal"] == {"Federated": PROVIDER}
    assert statement["Condition"] == {
        "StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": [SUBJECT]}
    }
    assert provider(bench)["ClientIDList"] == ["sts.amazonaws.com"]
    assert provider(bench)["Tags"] == [{"Key": "managed-by", "Value": "ecrwiz"}]
    assert users(bench) == []
    assert not (bench.root / "infra" / KEY_FILE).exists()
    written = json.loads((bench.root / "infra" / TRUST_FILE).read_text())
    assert written["ci_role_trust"]["subjects"] == [SUBJECT]
    assert f"{bench.role} can be assumed by workflow runs of octo/app on GitHub, and by nobody else:" in told.lines
    assert "  on the branch main" in told.lines
    assert f"  {SUBJECT}" in told.lines
    assert not any("oidc_provider" in address or "openid" in address for address in bench.state)
    tags = {tag["Key"]: tag["Value"] for tag in bench.iam.list_role_tags(RoleName=bench.role)["Tags"]}
    assert tags == {"managed-by": "ecrwiz", "project": bench.project_id, "env": "dev"}
    assert foretold(bench, SUBJECT)


async def test_again_nothing_changes_and_other_subjects_change_the_policy_alone(bench: Bench) -> None:
    await bench.make("oidc")

    async def rehearsal() -> Status:
        record = (await bench.open()).journal.get(StepId.REHEARSE)
        assert record is not None
        return record.status

    (await bench.open()).journal.end(StepId.REHEARSE, Record(Status.OK, "first", 1.0))
    told = await bench.run(P, force=True, ci_identity="oidc")
    assert await rehearsal() is Status.OK
    assert "Nothing to change: the account is as the files say." in told.lines
    assert f"AWS takes GitHub's tokens by {PROVIDER}, which exists." in told.lines
    other = "repo:octo@1/app@2:environment:prod"
    bench.solved = bench.trusting(SUBJECT, other, doubt="Both exact forms are trusted.")
    told = await bench.run(P, force=True, ci_identity="oidc")
    assert "Both exact forms are trusted." in told.lines
    assert trust_policy(bench)["Statement"][0]["Condition"]["StringEquals"][f"{ISSUER}:sub"] == [SUBJECT, other]
    assert foretold(bench, SUBJECT, other)
    changed = [line for line in told.lines if ": Plan to " in line]
    assert [line.partition(":")[0] for line in changed] == ["module.ci_role.aws_iam_role.this"]
    assert await rehearsal() is Status.STALE, "it proved a role that trusted others"


async def test_a_role_without_its_state_is_taken_over(bench: Bench) -> None:
    await bench.make("oidc")
    (bench.root / "infra" / "terraform.tfstate").unlink()
    told = await bench.run(P, force=True, ci_identity="oidc")
    assert not told.error(P)
    assert f"module.ci_role.aws_iam_role.this: taken over ({bench.role} existed already)." in told.lines


async def test_a_role_of_somebody_else_is_not_touched(bench: Bench) -> None:
    policy = {"Version": "2012-10-17", "Statement": []}
    bench.iam.create_role(RoleName=bench.role, AssumeRolePolicyDocument=json.dumps(policy))
    told = await bench.run(StepId.RENDER, P, ci_identity="oidc")
    assert f"The IAM role {bench.role} exists in this account and was not made by ecrwiz" in told.error(P)
    assert trust_policy(bench) == policy
    assert bench.iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []


async def test_a_provider_without_the_audience_is_asked_about(bench: Bench) -> None:
    bench.iam.create_open_id_connect_provider(Url=f"https://{ISSUER}", ClientIDList=["https://github.com/octo"])
    told = await bench.run(StepId.RENDER, P, ci_identity="oidc")
    assert "was not made by ecrwiz and takes tokens for https://github.com/octo, not for" in told.error(P)
    assert "add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn" in told.error(P)
    assert provider(bench)["ClientIDList"] == ["https://github.com/octo"]
    with pytest.raises(bench.iam.exceptions.NoSuchEntityException):
        bench.iam.get_role(RoleName=bench.role)
    told = await bench.run(P, ci_identity="oidc", reply=lambda _: True)
    assert not told.error(P)
    assert [question.title for question in told.questions] == [
        "Add sts.amazonaws.com to an OpenID Connect provider that ecrwiz did not make?"
    ]
    assert provider(bench)["ClientIDList"] == ["https://github.com/octo", "sts.amazonaws.com"]
    assert provider(bench).get("Tags", []) == [], "it does not become ecrwiz's by that"


async def test_an_own_provider_gets_the_audience_without_a_question(bench: Bench) -> None:
    tags = [{"Key": "managed-by", "Value": "ecrwiz"}]
    bench.iam.create_open_id_connect_provider(Url=f"https://{ISSUER}", ClientIDList=["x"], Tags=tags)
    told = await bench.make("oidc")
    assert told.questions == []
    assert provider(bench)["ClientIDList"] == ["x", "sts.amazonaws.com"]


async def test_nothing_is_made_before_the_plan_is_agreed_to(bench: Bench) -> None:
    told = await bench.run(StepId.RENDER, P, ci_identity="oidc", approvals=Approvals(), reply=lambda _: False)
    assert "You did not agree to the plan, so nothing was changed." in told.error(P)
    assert bench.iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []
    (question,) = told.questions
    assert question.body[0].startswith(f"create   IAM's OpenID Connect provider {ISSUER}, which the account's roles")


async def test_without_github_the_file_counts_as_far_as_it_names_this_repository(bench: Bench) -> None:
    out_of_reach = MissingToolError("GitHub cannot be reached.", "Check the network.")
    bench.solved = out_of_reach
    told = await bench.run(StepId.RENDER, P, ci_identity="oidc")
    assert "GitHub cannot be reached. Without GitHub nobody knows exactly whom the role is to trust" in told.error(P)
    bench.solved = bench.trusting(SUBJECT)
    await bench.make("oidc")
    before = (bench.root / "infra" / TRUST_FILE).read_text()
    for error in (out_of_reach, RemoteError("GitHub is down.", code="503")):
        bench.solved = error
        told = await bench.run(P, force=True, ci_identity="oidc")
        assert not told.error(P)
        assert (
            f"GitHub cannot be asked just now, so the role trusts what {TRUST_FILE} says, as an earlier run wrote it: "
            f"{SUBJECT}, in tokens of {ISSUER} for sts.amazonaws.com." in told.lines
        )
        assert (bench.root / "infra" / TRUST_FILE).read_text() == before
    bench.solved = RemoteError("GitHub knows no such repository.", code="404")
    told = await bench.run(P, force=True, ci_identity="oidc")
    assert "GitHub knows no such repository." in told.error(P)


STRANGERS = [
    "repo:octo/app-2:ref:refs/heads/main",
    "repo:evil/app:ref:refs/heads/main",
    "repo:octo@x/app@2:ref:refs/heads/main",
    "repo:octo/app",
    "repo:octo/app/x:ref:refs/heads/main",
    "repository_id:2",
    "repo:*",
    "nobody",
    "",
]


@pytest.mark.parametrize("subject", STRANGERS)
async def test_a_file_that_came_with_a_clone_lets_no_stranger_in(bench: Bench, subject: str) -> None:
    """Without GitHub in reach; with it, the file is written anew whatever it says."""
    project = await bench.open(ci_identity="oidc")
    path = bench.root / "infra" / TRUST_FILE
    path.parent.mkdir()
    value = {"issuer": ISSUER, "audience": "sts.amazonaws.com", "subjects": [SUBJECT, subject]}
    path.write_text(json.dumps({"ci_role_trust": value}))
    bench.solved = MissingToolError("GitHub cannot be reached.")
    with pytest.raises(BadInputError, match="nothing was changed"):
        await ci_role.write_for_plan(View(project, P), bench.root)
    bench.solved = bench.trusting(SUBJECT)
    await ci_role.write_for_plan(View(project, P), bench.root)
    assert read_trust(bench.root / TRUST_FILE, bench.root) == (ISSUER, "sts.amazonaws.com", (SUBJECT,))


def context(project: Project, asked: list[Question] | None = None) -> Context:
    """A run's context, in which nobody agrees to anything."""

    async def ask(question: Question) -> None:
        if asked is not None:
            asked.append(question)

    return Context(project, P, Approvals(everything=True), lambda _: None, ask)


OUT_OF_REACH = MissingToolError("GitHub cannot be reached.")
EVIL = "evil.example.com"
BRANCHES = "repo:octo/app:ref:refs/heads/"


@pytest.mark.parametrize(
    "changed",
    [
        (EVIL, "sts.amazonaws.com", (SUBJECT,)),
        (ISSUER, "https://github.com/octo", (SUBJECT,)),
        (ISSUER, "sts.amazonaws.com", (SUBJECT, "repo:octo/app:pull_request")),
        (ISSUER, "sts.amazonaws.com", ("repo:octo@666/app@777:ref:refs/heads/x",)),
        (ISSUER, "sts.amazonaws.com", ()),
    ],
)
async def test_without_github_a_file_that_no_run_of_this_folder_wrote_is_not_believed(
    bench: Bench, changed: Trusted
) -> None:
    """A pull request may change the committed file; nothing in it says who wrote it."""
    project = await bench.open(ci_identity="oidc")
    path = bench.root / "infra" / TRUST_FILE
    path.parent.mkdir()
    write_trust(path, changed, bench.root)
    bench.solved = OUT_OF_REACH
    with pytest.raises(BadInputError, match="nothing was changed"):
        await ci_role.see_to_trust(context(project))
    bench.solved = bench.trusting(SUBJECT)
    await ci_role.see_to_trust(context(project))
    bench.solved = OUT_OF_REACH
    assert await ci_role.see_to_trust(context(project)) == (ISSUER, "sts.amazonaws.com", (SUBJECT,))
    write_trust(path, changed, bench.root)
    with pytest.raises(BadInputError, match="not what an earlier run in this folder wrote"):
        await ci_role.see_to_trust(context(project))


async def test_a_fingerprint_that_came_with_the_folder_makes_no_other_issuer_right(bench: Bench) -> None:
    project = await bench.open(ci_identity="oidc")
    path = bench.root / "infra" / TRUST_FILE
    path.parent.mkdir()
    bench.solved = replace(bench.trusting(SUBJECT), issuer=EVIL)
    await ci_role.see_to_trust(context(project))
    bench.solved = OUT_OF_REACH
    with pytest.raises(BadInputError, match="nothing was changed"):
        await ci_role.see_to_trust(context(project))


async def test_without_github_the_file_counts_for_the_answers_that_it_was_made_for(bench: Bench) -> None:
    """Else a rehearsal's branch would stay trusted after the move, and a changed `oidc_trust` count for nothing."""
    project = await bench.open(ci_identity="both")
    (bench.root / "infra").mkdir()
    bench.solved = bench.trusting(f"{BRANCHES}main", f"{BRANCHES}ecrwiz/rehearsal")
    await ci_role.see_to_trust(context(project))
    bench.solved = OUT_OF_REACH
    assert await ci_role.see_to_trust(context(project))
    for answers in ({"ci_identity": "oidc"}, {"oidc_trust": "branch:main"}):
        with pytest.raises(BadInputError, match="for these answers"):
            await ci_role.see_to_trust(context(project.as_if(answers)))


async def test_who_only_has_to_log_in_is_told_so(bench: Bench) -> None:
    project = await bench.open(ci_identity="oidc")
    (bench.root / "infra").mkdir()
    await ci_role.see_to_trust(context(project))
    bench.solved = no_token()
    with pytest.raises(MissingToolError, match="There is no GitHub token"):
        await ci_role.see_to_trust(context(project))


@pytest.mark.parametrize(
    ("name", "value"), [("oidc_trust", "branch:main, pull_request"), ("github_environment", "production")]
)
async def test_a_committed_answer_that_lets_more_in_is_asked_about(bench: Bench, name: str, value: str) -> None:
    """`--yes` is no consent to what a pull request put into ecrwiz.toml; the command line is, and a role as it is."""
    more = "repo:octo/app:pull_request"
    bench.solved = replace(bench.trusting(SUBJECT, more), beyond=(more,))
    (bench.root / "infra").mkdir()
    (bench.root / "ecrwiz.toml").write_text(f'{name} = "{value}"\n')
    asked: list[Question] = []
    with pytest.raises(BadInputError, match="No role was made to trust it") as caught:
        await ci_role.see_to_trust(context(await bench.open(ci_identity="oidc"), asked))
    assert f"--set '{name}={value}'" in caught.value.hint
    (question,) = asked
    assert f"({name}) that more than the default branch is trusted: {more}." in question.body[0]
    assert not (bench.root / "infra" / TRUST_FILE).exists()
    assert await ci_role.see_to_trust(context(await bench.open(ci_identity="oidc", **{name: value})))
    condition = {"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": [more]}}
    statement = {"Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Condition": condition}
    statement["Action"] = "sts:AssumeRoleWithWebIdentity"
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    bench.iam.create_role(RoleName=bench.role, AssumeRolePolicyDocument=document)
    assert await ci_role.see_to_trust(context(await bench.open(ci_identity="oidc"))), "it is trusted already"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"ci_role_trust": 1}', "[" * 9000, '{"ci_role_trust": {}}'])
def test_a_damaged_file_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / TRUST_FILE).write_text(text)
    with pytest.raises(BadInputError, match="cannot be read"):
        read_trust(tmp_path / TRUST_FILE, tmp_path)


async def test_too_many_subjects_are_told_before_aws_refuses(bench: Bench) -> None:
    bench.solved = bench.trusting(*(f"repo:octo@1/app@2:ref:refs/heads/release-{number:03}" for number in range(40)))
    told = await bench.run(StepId.RENDER, P, ci_identity="oidc")
    assert "IAM allows 2048" in told.error(P)


async def test_somebody_else_was_quicker() -> None:
    calls: list[str] = []

    async def call(service: str, operation: str, /, **parameters: object) -> dict[str, Any]:
        calls.append(operation)
        raise RemoteError("It exists.", code="EntityAlreadyExists")

    assert await OidcProviders(call).create(ISSUER, "sts.amazonaws.com") is False
    assert calls == ["create_open_id_connect_provider"]


async def test_a_provider_that_another_run_made_meanwhile_is_used(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = OidcProviders.create

    async def late(self: OidcProviders, issuer: str, audience: str) -> bool:
        bench.iam.create_open_id_connect_provider(Url=f"https://{issuer}", ClientIDList=[audience])
        return await made(self, issuer, audience)

    monkeypatch.setattr(OidcProviders, "create", late)
    told = await bench.make("oidc")
    assert f"Somebody else made {PROVIDER} just now." in told.lines
    assert provider(bench).get("Tags", []) == []


def of_account(bench: Bench) -> set[str]:
    """Everything that the state holds, with what must stay the same."""
    ids = ("arn", "id", "unique_id", "create_date", "policy")
    return {f"{address} {[attributes.get(name) for name in ids]}" for address, attributes in bench.state.items()}


async def test_from_a_key_to_a_role(bench: Bench) -> None:
    """Nothing of the user moves while the role joins it; it goes when the role has its place, and not before."""
    await bench.make("access-key")
    await bench.run(StepId.CREDENTIALS, ci_identity="access-key")
    before, key = of_account(bench), bench.kept()[0]
    await bench.make("both")
    both = of_account(bench)
    assert before < both
    assert {line.split()[0] for line in both - before} == {
        "module.ci_role.aws_iam_role.this", "module.ci_role.aws_iam_role_policy.push",
    }  # fmt: skip
    made = (await bench.open()).results.need(ProvisionResult, P)
    assert made.aws_iam_access_id == key
    assert made.ci_role_arn.endswith(bench.role)

    told = await bench.run(StepId.RENDER, P, ci_identity="oidc")
    assert "which --yes does not cover" in told.error(P)
    assert "The user's access key still works. Bring CI over to the role first" in told.error(P)
    assert bench.listed() == {key: "Active"}
    bench.iam.update_access_key(UserName=bench.user, AccessKeyId=key, Status="Inactive")
    told = await bench.run(P, ci_identity="oidc")
    assert not told.error(P)
    assert users(bench) == []
    after = of_account(bench)
    assert after == {line for line in both if not line.startswith("module.ci_user.")}
    assert not (bench.root / "infra" / "modules" / "ci_user" / "main.tf").exists()
    assert not (bench.root / "infra" / KEY_FILE).exists()

    told = await bench.run(StepId.RENDER, P, ci_identity="access-key")  # and back again
    assert "which --yes does not cover" in told.error(P), "the role may be in use"
    told = await bench.run(P, ci_identity="access-key", reply=lambda _: True)
    assert not told.error(P)
    assert not (bench.root / "infra" / TRUST_FILE).exists()
    assert len(bench.listed()) == 1
    assert "module.ci_role.aws_iam_role.this" not in bench.state


async def test_destroy_leaves_the_provider(bench: Bench) -> None:
    await bench.make("both")
    lines = await inventory(await bench.open(ci_identity="both"))
    role = f"IAM role {bench.role} with its policy (GitHub's OIDC provider stays: the account shares it)"
    assert role in lines
    assert f"IAM user {bench.user} with its policy" in lines
    told = await bench.run(StepId.DESTROY, force=True, ci_identity="both")
    assert not told.error(StepId.DESTROY)
    assert "GitHub's OIDC provider stays: the account shares it." in told.lines
    assert users(bench) == []
    with pytest.raises(bench.iam.exceptions.NoSuchEntityException):
        bench.iam.get_role(RoleName=bench.role)
    assert provider(bench)["ClientIDList"] == ["sts.amazonaws.com"]
    assert not (bench.root / "infra" / TRUST_FILE).exists()
    assert await inventory(await bench.open(ci_identity="both")) == ()


async def test_destroy_in_the_middle_of_the_way(bench: Bench) -> None:
    """The answers say `oidc` already and nothing was applied: what the state knows goes all the same."""
    await bench.make("both")
    await bench.run(StepId.RENDER, ci_identity="oidc")
    told = await bench.run(StepId.DESTROY, force=True, ci_identity="oidc")
    assert not told.error(StepId.DESTROY)
    assert users(bench) == []


@pytest.mark.parametrize("own", [True, False])
async def test_destroy_ends_a_rotation_that_was_cut(bench: Bench, own: bool) -> None:
    """Its user is gone: nothing else would ever forget the note. Another user's stays."""
    await bench.make("access-key")
    note = bench.root / ".ecrwiz" / "rotation.json"
    user = bench.user if own else f"{bench.user}-2"
    note.write_text(json.dumps({"nonce": "0", "account": ACCOUNT, "user": user, "started": 1.0, "old": "AKIAOLD"}))
    told = await bench.run(StepId.DESTROY, force=True)
    assert not told.error(StepId.DESTROY)
    assert note.exists() is not own


async def test_destroy_says_what_it_cannot_know(bench: Bench) -> None:
    await bench.make("both")
    await bench.run(StepId.RENDER, ci_identity="oidc")
    (bench.root / "infra" / "terraform.tfstate").unlink()
    told = await bench.run(StepId.DESTROY, force=True, ci_identity="oidc")
    assert f"The IAM user {bench.user} exists too" in told.error(StepId.DESTROY)
    assert users(bench) == [bench.user]
    await bench.run(StepId.RENDER, ci_identity="both")
    told = await bench.run(StepId.DESTROY, force=True, ci_identity="both")
    assert not told.error(StepId.DESTROY), "taken up from the account, with its policies and a key that no state knows"
    assert users(bench) == []
