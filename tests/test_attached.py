"""The row that reads the identity's policies in IAM: what others gave it is found, whatever it is about."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ecrwiz.flow import attached, proving
from ecrwiz.flow.attached import judge, our_policies
from ecrwiz.flow.context import View
from ecrwiz.flow.proofs import Place
from ecrwiz.model.errors import RemoteError
from ecrwiz.model.results import Proof
from ecrwiz.sandbox import Sandbox
from ecrwiz.services.iam_policies import Attached, Policy, read_policies
from tests.infra_kit import ACCOUNT, answers, rendered
from tests.proof_kit import Ground, applied, statement

ECS = {"ecs_deploy": "yes", "ecs_cluster": "web-cluster", "ecs_service": "web-service"}
MODULE = "infra/modules/ci_policy/main.tf"


@pytest.fixture(scope="module")
def deploying(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return applied(box, tmp_path_factory.mktemp("ground"), project_id="shop", **ECS)


@pytest.fixture
def ground(box: Sandbox, deploying: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    for name in box.remove:
        monkeypatch.delenv(name, raising=False)
    for name, value in box.environment().items():
        monkeypatch.setenv(name, value)
    return Ground(box, deploying.made, deploying.key, deploying.answers, tmp_path)


def user_of(ground: Ground) -> str:
    return f"arn:aws:iam::{ACCOUNT}:user/{ground.made.ci_user}"


def place_of(ground: Ground) -> Place:
    return Place(answers(**ground.answers), ground.made, "aws", user_of(ground))


async def rows(ground: Ground, view: View | None = None, arn: str = "") -> tuple[Proof, ...]:
    return await proving.prove_by_simulation(view or await ground.view(), ground.made, arn or user_of(ground))


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


# --- against real Terraform and the stand-in --------------------------------------------------------------------


def test_ours_are_what_terraform_made(deploying: Ground) -> None:
    def bare(found: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {key: value if isinstance(value, list | dict | str) else [value] for key, value in item.items()
             if key != "Sid"} | {name: item[name] if isinstance(item[name], list) else [item[name]]
                                 for name in ("Action", "Resource")}
            for item in found["Statement"]
        ]  # fmt: skip

    iam, user = deploying.client("iam"), deploying.made.ci_user
    made = {
        name: bare(iam.get_user_policy(UserName=user, PolicyName=name)["PolicyDocument"])
        for name in iam.list_user_policies(UserName=user)["PolicyNames"]
    }
    assert made == {name: bare(found) for name, found in our_policies(place_of(deploying)).items()}


# What nobody thought of in the table, each about something that exists and that the table does not name.
GIVEN = [
    statement("Allow", "sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/Admin"),
    statement("Allow", "iam:CreateAccessKey", f"arn:aws:iam::{ACCOUNT}:user/boss"),
    statement("Allow", "ecr:*", f"arn:aws:ecr:eu-west-1:{ACCOUNT}:repository/payments/*"),
    statement("Allow", "secretsmanager:GetSecretValue"),
    statement("Allow", "s3:GetObject"),
    statement("Allow", "ecr:GetAuthorizationToken", "arn:aws:ecr:eu-west-1:1:x"),
]


@pytest.mark.parametrize("given", GIVEN, ids=lambda given: str(given["Action"]))
async def test_a_permission_for_a_real_thing_is_found(ground: Ground, given: dict[str, Any]) -> None:
    with ground.policy(given):
        found = await rows(ground)
    (wrong,) = [proof for proof in found if proof.wrong]
    assert (wrong.title, wrong.found, wrong.how) == ("do more than infra/ says", "allowed", "read")
    assert wrong.answer == f"the inline policy extra allows {given['Action']} on {given['Resource']}"


async def test_only_ours_and_what_denies_is_right(ground: Ground) -> None:
    with ground.policy(statement("Deny", "s3:*")):
        found = await rows(ground)
    assert [proof.title for proof in found if proof.wrong] == []
    assert found[-1].found == "refused"
    assert found[-1].answer == "no policy or group of it allows more than push-to-ecr and deploy-to-ecs"


async def test_managed_policies_and_groups_count(ground: Ground) -> None:
    iam, user = ground.client("iam"), ground.made.ci_user
    secret = document(statement("Allow", "ssm:GetParameter"))
    arn = iam.create_policy(PolicyName="reads", PolicyDocument=secret)["Policy"]["Arn"]
    iam.create_group(GroupName="team")
    iam.put_group_policy(GroupName="team", PolicyName="of-team", PolicyDocument=secret)
    managed = "managed policy arn:aws:iam::123456789012:policy/reads"
    what = "allows ssm:GetParameter on *"
    try:
        iam.attach_user_policy(UserName=user, PolicyArn=arn)
        assert (await rows(ground))[-1].answer == f"the {managed} {what}"
        iam.detach_user_policy(UserName=user, PolicyArn=arn)
        iam.attach_group_policy(GroupName="team", PolicyArn=arn)
        iam.add_user_to_group(GroupName="team", UserName=user)
        answer = (await rows(ground))[-1].answer
        assert answer == f"the inline policy of-team of the group team {what}; the {managed} of the group team {what}"
    finally:
        iam.remove_user_from_group(GroupName="team", UserName=user)
    assert (await rows(ground))[-1].found == "refused"


async def test_a_roles_policies_and_boundary_are_read_too(ground: Ground) -> None:
    iam, name = ground.client("iam"), "ci-shop-prod-server-role"
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document())["Role"]["Arn"]
    for policy, text in our_policies(place_of(ground)).items():
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(text))
    found = await rows(ground, arn=arn)
    assert [proof.title for proof in found if proof.wrong] == []
    assert found[-1].found == "refused"
    secret = document(statement("Allow", "ssm:GetParameter"))
    managed = iam.create_policy(PolicyName="of-role", PolicyDocument=secret)["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=managed)
    last = (await rows(ground, arn=arn))[-1]
    assert last.found == "refused"
    assert last.answer.endswith(f"the permissions boundary {managed} can only take away")
    iam.attach_role_policy(RoleName=name, PolicyArn=managed)
    last = (await rows(ground, arn=arn))[-1]
    assert last.wrong
    assert last.answer == f"the managed policy {managed} allows ssm:GetParameter on *"


async def test_a_policy_of_ours_that_was_changed_is_wrong_unless_the_module_was_edited(ground: Ground) -> None:
    iam, user = ground.client("iam"), ground.made.ci_user
    before = iam.get_user_policy(UserName=user, PolicyName="push-to-ecr")["PolicyDocument"]
    more = {**before, "Statement": [*before["Statement"], statement("Allow", "ecr:ListImages")]}
    view = await ground.view()
    module = view.paths.root / MODULE
    module.parent.mkdir(parents=True)
    module.write_text(rendered(**ground.answers)[MODULE])
    iam.put_user_policy(UserName=user, PolicyName="push-to-ecr", PolicyDocument=json.dumps(more))
    try:
        assert (await rows(ground, view))[-1].wrong
        module.write_text("# mine\n")
        last = (await rows(ground, view))[-1]
        assert last.found == "unknown"
        assert last.answer.endswith(f"{MODULE} was edited, so it may be what that says")
        with ground.policy(statement("Allow", "s3:GetObject")):
            assert (await rows(ground, view))[-1].wrong, "another policy is none of the module's"
    finally:
        iam.put_user_policy(UserName=user, PolicyName="push-to-ecr", PolicyDocument=json.dumps(before))


# --- what policies say ------------------------------------------------------------------------------------------

OURS = {"push-to-ecr": json.loads(document(
    {"Effect": "Allow", "Action": ["ecr:PutImage", "ecr:BatchGetImage"], "Resource": ["r"],
     "Condition": {"StringEquals": {"ecs:Cluster": ["c"]}}},
))}  # fmt: skip
ONE = {"Sid": "Any", "Effect": "Allow", "Action": "ecr:PutImage", "Resource": "r",
       "Condition": {"StringEquals": {"ecs:cluster": "c"}}}  # fmt: skip

# The statement as IAM has it, and whether it is more than ours.
STATEMENTS: list[tuple[object, str]] = [
    (ONE, "refused"),
    ({**ONE, "Action": ["ecr:batchgetimage", "ecr:PutImage"]}, "refused"),
    ({**ONE, "Effect": "Deny", "Action": "*"}, "refused"),
    ({**ONE, "Action": ["ecr:PutImage", "ecr:DeleteRepository"]}, "allowed"),
    ({**ONE, "Action": "ecr:*"}, "allowed"),
    ({**ONE, "Resource": ["r", "s"]}, "allowed"),
    ({**ONE, "Resource": "*"}, "allowed"),
    ({**ONE, "Condition": {}}, "allowed"),
    ({**ONE, "Condition": {"StringLike": {"ecs:cluster": "c"}}}, "allowed"),
    ({**ONE, "Condition": {"StringEquals": {"ecs:cluster": ["c", "d"]}}}, "allowed"),
    ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "r"}, "allowed"),
    ({"Effect": "Allow", "Action": "ecr:PutImage", "NotResource": "x"}, "allowed"),
    ({}, "allowed"),
    ("text", "allowed"),
]  # fmt: skip


@pytest.mark.parametrize(("item", "found"), STATEMENTS)
def test_what_is_more_than_ours(item: object, found: str) -> None:
    policy = Policy("the inline policy x", "x", True, {"Statement": item})
    assert judge(Attached((policy,), "", ()), OURS).found == found


def test_what_cannot_be_read_is_no_green_row() -> None:
    assert judge(Attached((Policy("p", "p", True, None),), "", ()), OURS).found == "allowed"
    refused = RemoteError("AWS refused.", code="AccessDenied", said="no")
    answer = judge(Attached((), "", (("iam:GetPolicy", refused),)), OURS)
    assert (answer.found, answer.text) == ("unknown", "your own AWS identity lacks iam:GetPolicy")
    later = RemoteError("IAM wants to be asked later.", code="Throttling", said="slow")
    answer = judge(Attached((), "", (("iam:ListUserPolicies", later),)), OURS)
    assert (answer.found, answer.text) == ("unknown", "iam:ListUserPolicies: IAM wants to be asked later")
    extra = Policy("the inline policy x", "x", True, {"Statement": {**ONE, "Action": "*"}})
    assert judge(Attached((extra,), "", (("iam:GetPolicy", refused),)), OURS).found == "allowed", "what is known counts"


def test_hostile_names_stay_on_their_line() -> None:
    item = {**ONE, "Action": ["s3:\x1b[31mGet\nObject", *"abcdef"]}
    answer = judge(Attached((Policy("the inline policy x", "x", False, {"Statement": [item]}),), "", ()), OURS)
    assert "\x1b" not in answer.text
    assert "\n" not in answer.text
    assert "and 3 more on r under a condition" in answer.text


def asking(answers: Callable[[str, dict[str, Any]], Any]) -> Any:
    async def call(_: str, operation: str, /, **parameters: Any) -> Any:
        return answers(operation, parameters)

    return call


async def test_every_page_is_read_and_a_policy_that_goes_meanwhile_is_no_matter() -> None:
    def answer(operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        if operation == "list_role_policies":
            first = "Marker" not in parameters
            return {"PolicyNames": ["one"] if first else ["two"], "IsTruncated": first, "Marker": "m"}
        if operation == "get_role_policy" and parameters["PolicyName"] == "two":
            return {"PolicyDocument": json.loads(document(ONE))}
        if operation == "get_role":
            return {"Role": {"PermissionsBoundary": {"PermissionsBoundaryArn": "b"}}}
        raise RemoteError("AWS refused.", code="NoSuchEntity", said="gone")

    found = await read_policies(asking(answer), role="r")
    assert [policy.name for policy in found.policies] == ["two"]
    assert found.boundary == "b"
    assert [action for action, _ in found.unread] == ["iam:ListAttachedRolePolicies"]


def test_the_row_counts_as_one_that_must_be_refused() -> None:
    assert attached.trial().expected == "refused"
