"""What the stand-in for IAM decides: simulations, conditions, the roles that a call passes, each service's refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import ACCOUNT, REGION, Connect, Key, MakeUser, push_policy, repository_arn

NAME = "web/sim/nextjs"
TASKS = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
ROLE = f"arn:aws:iam::{ACCOUNT}:role/tasks"


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action: str, resource: str = "*", **condition: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource} | ({"Condition": condition} if condition else {})


def deny(action: str, resource: str = "*", **condition: Any) -> dict[str, Any]:
    return allow(action, resource, **condition) | {"Effect": "Deny"}


def simulate(iam: Any, user: Key, action: str, resource: str, context: dict[str, str]) -> dict[str, Any]:
    entries = [
        {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
        for key, value in context.items()
    ]
    answer = iam.simulate_principal_policy(
        PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:user/{user.user}", ActionNames=[action, "sts:GetFederationToken"],
        ResourceArns=[resource], ContextEntries=entries,
    )  # fmt: skip
    assert answer["IsTruncated"] is False
    first, second = answer["EvaluationResults"]
    assert (first["EvalActionName"], second["EvalActionName"]) == (action, "sts:GetFederationToken")
    return dict(first)


PASS = allow("iam:PassRole", ROLE, StringEquals={"iam:PassedToService": "ecs-tasks.amazonaws.com"})
# The policy, action, resource, values of condition keys, the decision, the keys that are missing.
DECISIONS: list[tuple[dict[str, Any], str, str, dict[str, str], str, list[str]]] = [
    (push_policy(NAME), "ecr:PutImage", repository_arn(NAME), {}, "allowed", []),
    (push_policy(NAME), "ecr:PutImage", repository_arn("web/other"), {}, "implicitDeny", []),
    (push_policy(NAME), "ecr:DeleteRepository", repository_arn(NAME), {}, "implicitDeny", []),
    (policy(allow("ecr:*"), deny("ecr:Delete*")), "ecr:DeleteRepository", "*", {}, "explicitDeny", []),
    (policy(PASS), "iam:PassRole", ROLE, TASKS, "allowed", []),
    (policy(PASS), "iam:PassRole", ROLE, {"iam:PassedToService": "lambda.amazonaws.com"}, "implicitDeny", []),
    (policy(PASS), "iam:PassRole", ROLE, {}, "implicitDeny", ["iam:PassedToService"]),
    (policy(PASS), "iam:PassRole", f"{ROLE}-2", {}, "implicitDeny", []),
    (policy(allow("s3:*", Bool={"aws:SecureTransport": "true"})), "s3:GetObject", "*",
     {"AWS:securetransport": "true"}, "allowed", []),
    (policy(allow("s3:*"), deny("s3:*", StringNotEquals={"aws:username": "x"})), "s3:GetObject", "*",
     {"aws:username": "x"}, "allowed", []),
    (policy(allow("s3:*"), deny("s3:*", StringNotEquals={"aws:username": "x"})), "s3:GetObject", "*",
     {"aws:username": "y"}, "explicitDeny", []),
    (policy(allow("s3:*"), deny("s3:*", StringEquals={"aws:username": "x"})), "s3:GetObject", "*",
     {"aws:username": "y"}, "allowed", []),
    (policy(allow("s3:*", StringLikeIfExists={"aws:username": "ci-*"})), "s3:GetObject", "*", {}, "allowed", []),
    (policy(allow("s3:*", StringLikeIfExists={"aws:username": "ci-*"})), "s3:GetObject", "*",
     {"aws:username": "me"}, "implicitDeny", []),
    (policy(allow("s3:*", NumericLessThan={"aws:EpochTime": "1"})), "s3:GetObject", "*",
     {"aws:EpochTime": "0"}, "implicitDeny", []),
]  # fmt: skip


@pytest.mark.parametrize(("given", "action", "resource", "context", "decision", "missing"), DECISIONS)
def test_a_simulation_decides_as_a_call_would(
    connect: Connect, operator: Key, make_user: MakeUser, given: dict[str, Any], action: str, resource: str,
    context: dict[str, str], decision: str, missing: list[str],
) -> None:  # fmt: skip
    found = simulate(connect("iam", operator), make_user(given), action, resource, context)
    assert found["EvalDecision"] == decision
    assert found["EvalResourceName"] == resource
    assert found["MissingContextValues"] == missing
    assert [statement["SourcePolicyId"] for statement in found["MatchedStatements"]] == (
        [] if decision == "implicitDeny" else ["p"]
    )


def test_groups_and_managed_policies_count_too(connect: Connect, operator: Key, make_user: MakeUser) -> None:
    iam, user = connect("iam", operator), make_user(None)
    iam.create_group(GroupName="simulated")
    iam.put_group_policy(
        GroupName="simulated", PolicyName="of-group", PolicyDocument=json.dumps(policy(allow("s3:ListAllMyBuckets")))
    )
    iam.add_user_to_group(GroupName="simulated", UserName=user.user)
    found = simulate(iam, user, "s3:ListAllMyBuckets", "*", {})
    assert found["EvalDecision"] == "allowed"
    assert found["MatchedStatements"][0]["SourcePolicyId"] == "of-group"


def test_a_role_is_simulated(connect: Connect, operator: Key) -> None:
    iam = connect("iam", operator)
    arn = iam.create_role(RoleName="simulated", AssumeRolePolicyDocument=json.dumps(policy()))["Role"]["Arn"]
    iam.put_role_policy(RoleName="simulated", PolicyName="p", PolicyDocument=json.dumps(push_policy(NAME)))
    answer = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=["ecr:GetAuthorizationToken"])
    assert [found["EvalDecision"] for found in answer["EvaluationResults"]] == ["allowed"]


def test_every_inline_policy_of_a_role_counts(connect: Connect, operator: Key) -> None:
    iam = connect("iam", operator)
    arn = iam.create_role(RoleName="two", AssumeRolePolicyDocument=json.dumps(policy()))["Role"]["Arn"]
    iam.put_role_policy(RoleName="two", PolicyName="a", PolicyDocument=json.dumps(push_policy(NAME)))
    iam.put_role_policy(RoleName="two", PolicyName="b", PolicyDocument=json.dumps(policy(allow("s3:ListAllMyBuckets"))))
    actions = ["ecr:GetAuthorizationToken", "s3:ListAllMyBuckets", "s3:CreateBucket"]
    answer = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=actions)
    assert [found["EvalDecision"] for found in answer["EvaluationResults"]] == ["allowed", "allowed", "implicitDeny"]


def test_to_simulate_is_a_permission_of_its_own(connect: Connect, operator: Key, make_user: MakeUser) -> None:
    user = make_user(push_policy(NAME))
    arn = f"arn:aws:iam::{ACCOUNT}:user/{user.user}"
    with pytest.raises(ClientError, match=f"iam:SimulatePrincipalPolicy on resource: {arn} because"):
        connect("iam", user).simulate_principal_policy(PolicySourceArn=arn, ActionNames=["s3:ListAllMyBuckets"])
    with pytest.raises(ClientError, match="NoSuchEntity"):
        connect("iam", operator).simulate_principal_policy(
            PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:user/nobody", ActionNames=["s3:ListAllMyBuckets"]
        )


def test_conditions_hold_for_calls(connect: Connect, make_user: MakeUser) -> None:
    place = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
    cluster = {"ecs:cluster": f"{place}:cluster/one"}
    ecs = connect("ecs", make_user(policy(allow("ecs:DescribeServices", ArnEquals=cluster))))
    with pytest.raises(ClientError, match="ClusterNotFound"):
        ecs.describe_services(cluster="one", services=["web"])
    with pytest.raises(ClientError, match=f"ecs:DescribeServices on resource: {place}:service/two/web because"):
        ecs.describe_services(cluster="two", services=["web"])


def test_to_name_a_role_needs_permission_to_pass_it(connect: Connect, make_user: MakeUser) -> None:
    given = policy(allow("ecs:*"), PASS)
    ecs = connect("ecs", make_user(given))
    containers = [{"name": "x", "image": "x", "memory": 128}]
    assert ecs.register_task_definition(family="sim", containerDefinitions=containers, taskRoleArn=ROLE)
    with pytest.raises(ClientError, match=f"iam:PassRole on resource: {ROLE}-2 because"):
        ecs.register_task_definition(family="sim", containerDefinitions=containers, taskRoleArn=f"{ROLE}-2")


# Service, call, arguments, the service's own code for a refusal, and for an unknown key.
REFUSALS: list[tuple[str, str, dict[str, Any], str, str]] = [
    ("ecr", "get_authorization_token", {}, "AccessDeniedException", "UnrecognizedClientException"),
    ("iam", "list_users", {}, "AccessDenied", "InvalidClientTokenId"),
    ("ec2", "describe_instances", {}, "UnauthorizedOperation", "AuthFailure"),
    ("ec2", "describe_instances", {"DryRun": True}, "UnauthorizedOperation", "AuthFailure"),
    ("s3", "list_buckets", {}, "AccessDenied", "InvalidAccessKeyId"),
]


@pytest.mark.parametrize(("service", "call", "arguments", "refused", "unknown"), REFUSALS)
def test_each_service_refuses_in_its_own_words(
    connect: Connect, make_user: MakeUser, service: str, call: str, arguments: dict[str, Any], refused: str,
    unknown: str,
) -> None:  # fmt: skip
    for key, code in ((make_user(None), refused), (Key("nobody", "AKIAAAAAAAAAAAAAAAAA", "secret"), unknown)):
        with pytest.raises(ClientError) as error:
            getattr(connect(service, key), call)(**arguments)
        assert error.value.response["Error"]["Code"] == code


def test_a_dry_run_does_nothing(connect: Connect, operator: Key) -> None:
    with pytest.raises(ClientError) as error:
        connect("ec2", operator).describe_instances(DryRun=True)
    assert error.value.response["Error"]["Code"] == "DryRunOperation"
