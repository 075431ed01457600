"""Every row of the table, with the real policy of the real Terraform, against enforced IAM and a real registry."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from ecrwiz.flow import attached, probing, proving, trying
from ecrwiz.flow.context import View
from ecrwiz.flow.proofs import Place, Trial, trials
from ecrwiz.model.errors import RemoteError, ToolFailedError
from ecrwiz.model.results import Proof, ProvisionResult
from ecrwiz.sandbox import Sandbox
from ecrwiz.services.aws import Aws
from ecrwiz.services.ecr import Image
from tests.infra_kit import ACCOUNT, REGION, answers
from tests.proof_kit import Ground, applied, statement

MADE = ProvisionResult("host", "web/blog/nextjs", REGION, "AKIA1", "", "ci", ACCOUNT)
ECS = {"ecs_deploy": "yes", "ecs_cluster": "web-cluster", "ecs_service": "web-service"}


def rows_of(expected: str, **given: str) -> list[Trial]:
    place = Place(answers(**given), MADE, "aws", f"arn:aws:iam::{ACCOUNT}:user/ci")
    return [row for row in trials(place) if row.expected == expected]


REFUSED = [row.title for row in rows_of("refused")]
ATTACHED = attached.trial().title
WORKING = [row.title for row in rows_of("allowed") if row.action != "sts:GetCallerIdentity"]
MORE_REFUSED = [row.title for row in rows_of("refused", **ECS) if row.title not in REFUSED]
MORE_WORKING = [row.title for row in rows_of("allowed", **ECS) if row.title not in WORKING][1:]


@pytest.fixture(scope="module")
def plain(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return applied(box, tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def deploying(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return applied(box, tmp_path_factory.mktemp("deploying"), project_id="shop", tag_mutability="immutable", **ECS)


@pytest.fixture(autouse=True)
def _in_the_sandbox(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in box.remove:
        monkeypatch.delenv(name, raising=False)
    for name, value in box.environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def _clients_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """To make the clients takes longer than all the calls."""
    monkeypatch.setattr(proving, "Aws", lambda region, key: _CLIENTS.setdefault(key[0], Aws(region, key)))


_CLIENTS: dict[str, Aws] = {}


_VIEWS: dict[Path, View] = {}


async def prove(ground: Ground) -> tuple[Proof, ...]:
    if ground.folder not in _VIEWS:
        _VIEWS[ground.folder] = await ground.view()
    return await proving.prove_key(_VIEWS[ground.folder], ground.made, ground.key)


def wrong(proofs: tuple[Proof, ...]) -> list[str]:
    return [proof.title for proof in proofs if proof.wrong]


def the_row(ground: Ground, title: str) -> Trial:
    """A row as it stands for this ground; what does not exist has another name in every run, so a pattern for it."""
    place = Place(answers(**ground.answers), ground.made, "aws", f"arn:aws:iam::{ACCOUNT}:user/{ground.made.ci_user}")
    place.ghost = "ecrwiz-probe-*"
    return next(row for row in trials(place) if row.title == title)


def world(ground: Ground) -> object:
    """All that a call could have harmed."""
    iam, ecr = ground.client("iam"), ground.client("ecr")
    user = ground.made.ci_user
    repositories = {
        found["repositoryName"]: (found["imageTagMutability"], sorted(str(image["imageDigest"]) for image in
         ecr.describe_images(repositoryName=found["repositoryName"])["imageDetails"]))
        for found in ecr.describe_repositories()["repositories"]
    }  # fmt: skip
    keys = [(key["AccessKeyId"], key["Status"]) for key in iam.list_access_keys(UserName=user)["AccessKeyMetadata"]]
    attached = iam.list_attached_user_policies(UserName=user)["AttachedPolicies"]
    rules = ecr.get_lifecycle_policy(repositoryName=ground.made.ecr_repo_path)["lifecyclePolicyText"]
    names = sorted(found["UserName"] for found in iam.list_users()["Users"])
    roles = sorted(found["RoleName"] for found in iam.list_roles()["Roles"])
    policies = iam.list_user_policies(UserName=user)["PolicyNames"]
    return repositories, keys, attached, rules, names, roles, policies


@pytest.mark.parametrize("ground", ["plain", "deploying"])
async def test_our_policy_comes_out_right_in_every_row(ground: str, request: pytest.FixtureRequest) -> None:
    given: Ground = request.getfixturevalue(ground)
    seen: list[tuple[int, int]] = []
    proofs = await proving.prove_key(
        await given.view(), given.made, given.key, lambda _, done, total: seen.append((done, total))
    )
    assert wrong(proofs) == []
    assert [proof for proof in proofs if proof.found == "unknown"] == []
    titles = [row.title for row in trials(Place(answers(**given.answers), given.made, "aws", "x"))] + [ATTACHED]
    assert [proof.title for proof in proofs] == titles, "in the table's order, none missing"
    assert seen == [(number, len(titles)) for number in range(1, len(titles) + 1)]
    assert {proof.identity for proof in proofs} == {f"arn:aws:iam::{ACCOUNT}:user/{given.made.ci_user}"}
    push = next(proof for proof in proofs if proof.action == "ecr:PutImage" and proof.expected == "allowed")
    assert (push.found, push.how) == ("allowed", "called")
    refusal = next(proof for proof in proofs if proof.title == "delete the repository")
    assert refusal.how == "called"
    assert "is not authorized to perform: ecr:DeleteRepository" in refusal.answer
    assert given.images() == [], "the probe is gone"


@pytest.mark.parametrize("title", REFUSED)
async def test_a_policy_that_allows_more_makes_that_row_wrong_and_nothing_is_harmed(plain: Ground, title: str) -> None:
    row = the_row(plain, title)
    shared = [other for other in rows_of("refused") + rows_of("allowed") if other.action == row.action]
    with plain.policy(statement("Allow", row.action, row.resource if len(shared) > 1 else "*")):
        before = world(plain)
        proofs = await prove(plain)
        assert world(plain) == before
    assert wrong(proofs) == [title, ATTACHED]


@pytest.mark.parametrize("title", WORKING)
async def test_a_policy_that_lacks_something_makes_that_row_wrong(plain: Ground, title: str) -> None:
    row = the_row(plain, title)
    with plain.policy(statement("Deny", row.action, row.resource)):
        proofs = await prove(plain)
    assert wrong(proofs) == [title]
    assert plain.images() == []


@pytest.mark.parametrize("title", MORE_REFUSED)
async def test_more_than_the_deployment_needs_is_found_too(deploying: Ground, title: str) -> None:
    row = the_row(deploying, title)
    with deploying.policy(statement("Allow", row.action, row.resource)):
        before = world(deploying)
        proofs = await prove(deploying)
        assert world(deploying) == before
    assert wrong(proofs) == [title, ATTACHED]


@pytest.mark.parametrize("title", MORE_WORKING)
async def test_less_than_the_deployment_needs_is_found_too(deploying: Ground, title: str) -> None:
    row = the_row(deploying, title)
    with deploying.policy(statement("Deny", row.action, row.resource)):
        proofs = await prove(deploying)
    # Which role a permission to pass one is for, Deny on that role decides alone.
    assert title in wrong(proofs)
    assert set(wrong(proofs)) <= {title}


async def test_a_group_that_gives_everything_is_found(plain: Ground) -> None:
    iam = plain.client("iam")
    iam.create_group(GroupName="admins")
    document = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
    iam.put_group_policy(GroupName="admins", PolicyName="all", PolicyDocument=document)
    iam.add_user_to_group(GroupName="admins", UserName=plain.made.ci_user)
    try:
        before = world(plain)
        proofs = await prove(plain)
        assert world(plain) == before, "with all permissions no call does harm"
    finally:
        iam.remove_user_from_group(GroupName="admins", UserName=plain.made.ci_user)
        iam.delete_group_policy(GroupName="admins", PolicyName="all")
        iam.delete_group(GroupName="admins")
    assert wrong(proofs) == [*REFUSED, ATTACHED]


async def test_an_operator_who_may_not_simulate_leaves_rows_unknown(
    plain: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = await plain.view()
    iam = plain.client("iam")
    iam.create_user(UserName="weak")
    key = iam.create_access_key(UserName="weak")["AccessKey"]
    with plain.policy(statement("Allow", "ecr:DescribeImages"), user="weak"), monkeypatch.context() as patched:
        patched.delenv("AWS_PROFILE")
        patched.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        patched.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        proofs = await proving.prove_key(view, plain.made, plain.key)
    iam.delete_access_key(UserName="weak", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="weak")
    assert wrong(proofs) == []
    unknown = [proof for proof in proofs if proof.found == "unknown"]
    assert {proof.title for proof in unknown[:-1]} == {row.title for row in rows_of("refused") if row.call is None}
    assert all("iam:SimulatePrincipalPolicy" in proof.answer for proof in unknown[:-1])
    assert unknown[-1].title == ATTACHED
    assert "your own AWS identity lacks iam:ListUserPolicies" in unknown[-1].answer
    (left,) = plain.images()
    assert left["imageTags"][0].startswith(probing.PREFIX), "this operator may not delete it"
    await prove(plain)
    assert plain.images() == [], "the next one takes away what was left"


async def test_a_simulation_alone_decides_every_row(plain: Ground) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:user/{plain.made.ci_user}"
    proofs = await proving.prove_by_simulation(await plain.view(), plain.made, arn)
    assert wrong(proofs) == []
    assert [proof.how for proof in proofs] == ["simulated"] * (len(REFUSED) + len(WORKING)) + ["read"]
    with plain.policy(statement("Allow", "ecr:*")):
        proofs = await proving.prove_by_simulation(await plain.view(), plain.made, arn)
    assert wrong(proofs) == [row.title for row in rows_of("refused") if row.action.startswith("ecr:")] + [ATTACHED]


async def test_a_key_that_is_not_the_ci_users_is_refused_at_once(
    plain: Ground, deploying: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ToolFailedError, match=r"The key belongs to .*ci-shop-prod-server-user, not to ci-blog-prod"):
        await proving.prove_key(await plain.view(), plain.made, deploying.key)
    monkeypatch.setattr(proving, "WAITS", (0.0,))
    with pytest.raises(ToolFailedError, match="AWS does not know this access key"):
        await proving.prove_key(await plain.view(), plain.made, ("AKIAAAAAAAAAAAAAAAAA", plain.key[1]))


async def test_a_missing_repository_is_no_matter_of_permissions(plain: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "WAITS", ())
    other = plain.made.ecr_repo_path + "-x"
    made = dataclasses.replace(plain.made, ecr_repo_path=other)
    allowed = statement("Allow", "ecr:*", f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{other}")
    with plain.policy(allowed), pytest.raises(ToolFailedError, match=f"name '{other}' does not exist"):
        await proving.prove_key(await plain.view(), made, plain.key)
    names = [found["repositoryName"] for found in plain.client("ecr").describe_repositories()["repositories"]]
    assert other not in names, "nor was it made, though the policy allows that"


async def test_without_the_image_nothing_is_tried_that_only_the_image_makes_harmless(
    plain: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that answers 404 to the manifest: nothing was pushed, and the empty repository would be deleted."""

    async def nothing_there(_: object) -> str:
        raise RemoteError("The registry refused: HTTP 404.", code="404", said="HTTP 404")

    monkeypatch.setattr("ecrwiz.services.probe_image.ProbePush.name_image", nothing_there)
    assert plain.images() == []
    with plain.policy(statement("Allow", "ecr:*")):
        before = world(plain)
        with pytest.raises(ToolFailedError, match="the registry answered 404"):
            await proving.prove_key(await plain.view(), plain.made, plain.key)
        assert world(plain) == before


NOW = 1_800_000_000
OURS, THEIRS = "a" * 8, "b" * 8


def probe(place: str, age: int) -> str:
    return probing.tag_of(place, NOW - age)


@pytest.mark.parametrize(
    ("tags", "gone"),
    [
        ((probe(OURS, 1),), True),
        ((probe(THEIRS, 1),), False),
        ((probe(THEIRS, 3599),), False),
        ((probe(THEIRS, 3601),), True),
        ((probe(OURS, 1), "latest"), False),
        ((probe(OURS, 1), probe(THEIRS, 4000)), True),
        (("latest",), False),
        (("ecrwiz-probe-mine",), False),
        ((f"{probing.PREFIX}{OURS}-zz-{OURS}",), False),
        ((), False),
    ],
)
def test_only_a_probe_that_nobody_works_with_is_taken_away(tags: tuple[str, ...], gone: bool) -> None:
    assert probing.leftovers([Image("sha256:1", tags, 1)], OURS, NOW) == (["sha256:1"] if gone else [])


def test_a_tag_is_one_that_registries_take() -> None:
    tag = probe(OURS, 0)
    assert len(tag) < 128
    assert os.path.basename(tag) == tag  # noqa: PTH119
