"""moto under enforcement, asked through boto3."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from ecrwiz.sandbox import Sandbox

from .conftest import ACCOUNT, REGION, Connect, Key, MakeUser, push_policy, repository_arn


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_the_operator_is_an_administrator(connect: Connect, operator: Key) -> None:
    assert connect("sts", operator).get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/sandbox-operator"
    assert connect("iam", operator).list_users()["Users"]


def test_every_partition_knows_the_operator(connect: Connect, operator: Key) -> None:
    for region, partition in (("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")):
        arn = connect("sts", operator, region).get_caller_identity()["Arn"]
        assert arn == f"arn:{partition}:iam::{ACCOUNT}:user/sandbox-operator"
        made = connect("ecr", operator, region).create_repository(repositoryName=f"web/{partition}/app")
        assert made["repository"]["repositoryArn"] == repository_arn(f"web/{partition}/app", region, partition)


def test_a_repository_lies_at_the_front(box: Sandbox, connect: Connect, operator: Key, repository: str) -> None:
    found = connect("ecr", operator).describe_repositories(repositoryNames=[repository])["repositories"][0]
    assert found["repositoryUri"] == f"{box.info.registry.removeprefix('http://')}/{repository}"


def test_tokens_are_each_callers_own_and_last_twelve_hours(
    box: Sandbox, connect: Connect, operator: Key, make_user: MakeUser
) -> None:
    ci = make_user(push_policy("web/x/nextjs"))
    data = [connect("ecr", key).get_authorization_token()["authorizationData"][0] for key in (operator, ci)]
    assert data[0]["authorizationToken"] != data[1]["authorizationToken"]
    assert base64.b64decode(data[0]["authorizationToken"]).startswith(b"AWS:")
    for entry in data:
        assert entry["proxyEndpoint"] == box.info.registry
        assert timedelta(hours=11, minutes=59) < entry["expiresAt"] - datetime.now(UTC) <= timedelta(hours=12)


ECR_TABLE: list[tuple[str, dict[str, Any]]] = [
    ("describe_images", {}),
    ("initiate_layer_upload", {}),
    ("batch_check_layer_availability", {"layerDigests": ["sha256:" + "0" * 64]}),
    ("batch_get_image", {"imageIds": [{"imageTag": "x"}]}),
]


@pytest.mark.parametrize(("call", "arguments"), ECR_TABLE)
def test_a_push_policy_opens_its_own_repository_alone(
    connect: Connect, make_user: MakeUser, repository: str, call: str, arguments: dict[str, Any]
) -> None:
    ecr = connect("ecr", make_user(push_policy(repository)))
    getattr(ecr, call)(repositoryName=repository, **arguments)
    with pytest.raises(ClientError) as error:
        getattr(ecr, call)(repositoryName="web/other/nextjs", **arguments)
    assert code_of(error) == "AccessDeniedException"


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("delete_repository", {"force": True}),
        ("batch_delete_image", {"imageIds": [{"imageTag": "x"}]}),
        ("set_repository_policy", {"policyText": "{}"}),
        ("put_lifecycle_policy", {"lifecyclePolicyText": "{}" + " " * 100}),
        ("put_image_tag_mutability", {"imageTagMutability": "IMMUTABLE"}),
        ("create_repository", {}),
    ],
)
def test_a_push_policy_allows_nothing_else_even_on_its_own_repository(
    connect: Connect, make_user: MakeUser, repository: str, call: str, arguments: dict[str, Any]
) -> None:
    user = make_user(push_policy(repository))
    with pytest.raises(ClientError) as error:
        getattr(connect("ecr", user), call)(repositoryName=repository, **arguments)
    action = "".join(word.title() for word in call.split("_"))
    assert error.value.response["Error"] == {
        "Code": "AccessDeniedException",
        "Message": (
            f"User: arn:aws:iam::{ACCOUNT}:user/{user.user} is not authorized to perform: ecr:{action} "
            f"on resource: {repository_arn(repository)} "
            f"because no identity-based policy allows the ecr:{action} action"
        ),
    }


def test_listing_all_repositories_needs_all_of_them(connect: Connect, make_user: MakeUser, repository: str) -> None:
    def policy(resource: str) -> dict[str, Any]:
        return {"Statement": {"Effect": "Allow", "Action": "ecr:DescribeRepositories", "Resource": resource}}

    for resource in ("*", repository_arn("*")):
        user = make_user({"Version": "2012-10-17", **policy(resource)})
        assert connect("ecr", user).describe_repositories()["repositories"]
    one = connect("ecr", make_user({"Version": "2012-10-17", **policy(repository_arn(repository))}))
    assert one.describe_repositories(repositoryNames=[repository])["repositories"]
    for arguments in ({}, {"repositoryNames": [repository, "web/other/nextjs"]}):
        with pytest.raises(ClientError) as error:
            one.describe_repositories(**arguments)
        assert code_of(error) == "AccessDeniedException"


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ({"Effect": "Allow", "Action": "ecr:*", "Resource": "*"}, True),
        ({"Effect": "Allow", "Action": "ECR:describeIMAGES", "Resource": "*"}, True),
        ({"Effect": "Allow", "Action": ["ecr:Describe*"], "Resource": [repository_arn("web/*")]}, True),
        ({"Effect": "Allow", "Action": "ecr:DescribeImage?", "Resource": "*"}, True),
        ({"Effect": "Allow", "Action": "ecr:DescribeImage", "Resource": "*"}, False),
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, True),
        ({"Effect": "Allow", "NotAction": "ecr:*", "Resource": "*"}, False),
        ({"Effect": "Allow", "Action": "ecr:*", "NotResource": repository_arn("web/*")}, False),
        ({"Effect": "Allow", "Action": "ecr:*", "NotResource": repository_arn("api/*")}, True),
        ({"Effect": "Allow", "Action": "ecr:*", "Resource": repository_arn("web")}, False),
        ({"Effect": "Allow", "Action": "ecr:*", "Resource": repository_arn("*", region="eu-west-2")}, False),
        ({"Effect": "Allow", "Action": "ecr:*", "Resource": "arn:aws:ecr:eu.west.1:*:repository/*"}, False),
    ],
)
def test_policies_match_as_aws_matches_them(
    connect: Connect, make_user: MakeUser, repository: str, statement: dict[str, Any], allowed: bool
) -> None:
    ecr = connect("ecr", make_user({"Version": "2012-10-17", "Statement": [statement]}))
    if allowed:
        assert ecr.describe_images(repositoryName=repository)["imageDetails"] == []
        return
    with pytest.raises(ClientError) as error:
        ecr.describe_images(repositoryName=repository)
    assert code_of(error) == "AccessDeniedException"


def test_a_deny_wins_and_says_so(connect: Connect, make_user: MakeUser, repository: str) -> None:
    statements = [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "ecr:DeleteRepository", "Resource": repository_arn(repository)},
    ]
    ecr = connect("ecr", make_user({"Version": "2012-10-17", "Statement": statements}))
    assert ecr.describe_images(repositoryName=repository)["imageDetails"] == []
    with pytest.raises(ClientError, match="with an explicit deny in an identity-based policy"):
        ecr.delete_repository(repositoryName=repository)


def test_iam_calls_are_about_the_user_they_name(connect: Connect, make_user: MakeUser, operator: Key) -> None:
    me = f"arn:aws:iam::{ACCOUNT}:user/ci-*"
    user = make_user(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": ["iam:GetUser", "iam:CreateUser"], "Resource": me}],
        }
    )
    iam = connect("iam", user)
    assert iam.get_user()["User"]["UserName"] == user.user
    assert iam.get_user(UserName=user.user)["User"]["UserName"] == user.user
    iam.create_user(UserName=f"{user.user}-new")
    for call, arguments in (
        ("get_user", {"UserName": operator.user}),
        ("create_user", {"UserName": "someone"}),
        ("create_user", {"UserName": "ci-x", "Path": "/team/"}),
        ("create_access_key", {}),
        ("list_users", {}),
    ):
        with pytest.raises(ClientError, match="is not authorized to perform: iam:") as error:
            getattr(iam, call)(**arguments)
        assert code_of(error) == "AccessDenied"


def test_a_user_without_policy_may_only_ask_who_it_is(connect: Connect, make_user: MakeUser) -> None:
    user = make_user(None)
    assert connect("sts", user).get_caller_identity()["Arn"].endswith(f":user/{user.user}")
    with pytest.raises(ClientError, match="ecr:GetAuthorizationToken on resource: \\* because") as error:
        connect("ecr", user).get_authorization_token()
    assert code_of(error) == "AccessDeniedException"
    with pytest.raises(ClientError):
        connect("s3", user).list_buckets()


@pytest.mark.parametrize(
    ("service", "call", "unknown", "forged"),
    [
        ("ecr", "describe_repositories", "UnrecognizedClientException", "InvalidSignatureException"),
        ("sts", "get_caller_identity", "InvalidClientTokenId", "SignatureDoesNotMatch"),
    ],
)
def test_keys_are_really_checked(
    connect: Connect, make_user: MakeUser, service: str, call: str, unknown: str, forged: str
) -> None:
    user = make_user(None)
    last = "A" if user.secret[-1] != "A" else "B"
    for key, code in (
        (Key("", "AKIAIOSFODNN7EXAMPLE", "x" * 40), unknown),
        (Key("", user.access_key_id, user.secret[:-1] + last), forged),
    ):
        with pytest.raises(ClientError) as error:
            getattr(connect(service, key), call)()
        assert code_of(error) == code


def test_an_inactive_key_and_a_deleted_key_are_unknown(connect: Connect, make_user: MakeUser, operator: Key) -> None:
    user, iam = make_user(None), connect("iam", operator)
    name = {"UserName": user.user, "AccessKeyId": user.access_key_id}
    iam.update_access_key(**name, Status="Inactive")
    with pytest.raises(ClientError) as error:
        connect("sts", user).get_caller_identity()
    assert code_of(error) == "InvalidClientTokenId"
    iam.update_access_key(**name, Status="Active")
    assert connect("sts", user).get_caller_identity()
    iam.delete_access_key(**name)
    with pytest.raises(ClientError) as error:
        connect("sts", user).get_caller_identity()
    assert code_of(error) == "InvalidClientTokenId"


def test_a_user_goes_only_after_what_hangs_on_it(
    connect: Connect, make_user: MakeUser, operator: Key, repository: str
) -> None:
    user, iam = make_user(push_policy(repository)), connect("iam", operator)
    for _ in range(2):
        with pytest.raises(ClientError) as error:
            iam.delete_user(UserName=user.user)
        assert code_of(error) == "DeleteConflict"
        if "access keys" in str(error.value):
            iam.delete_access_key(UserName=user.user, AccessKeyId=user.access_key_id)
    iam.delete_user_policy(UserName=user.user, PolicyName="p")
    iam.delete_user(UserName=user.user)


def test_an_assumed_role_has_the_roles_permissions(
    box: Sandbox, connect: Connect, operator: Key, repository: str
) -> None:
    iam = connect("iam", operator)
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{operator.user}"}}
    document = {"Version": "2012-10-17", "Statement": [{**trust, "Action": "sts:AssumeRole"}]}
    name = repository.replace("/", "-")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(push_policy(repository)))
    given = connect("sts", operator).assume_role(RoleArn=arn, RoleSessionName="build")["Credentials"]
    session = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region_name=REGION)
    ecr = session.client("ecr", endpoint_url=box.info.aws)
    assert ecr.describe_images(repositoryName=repository)["imageDetails"] == []
    assert ecr.get_authorization_token()["authorizationData"]
    with pytest.raises(ClientError, match=f"assumed-role/{name}/build is not authorized to perform: ecr:Delete"):
        ecr.delete_repository(repositoryName=repository)


def test_nobody_can_switch_enforcement_off(box: Sandbox) -> None:
    for path in ("/moto-api/reset-auth", "/moto-api/reset", "/latest/meta-data/iam/security-credentials/"):
        request = urllib.request.Request(box.info.aws + path, b"inf", {"Content-Type": "text/plain"})
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(request, timeout=5)
        assert error.value.code == 404
        error.value.close()


def test_an_unsigned_call_is_refused(box: Sandbox) -> None:
    ecr = {
        "X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories",
        "Content-Type": "application/x-amz-json-1.1",
        "Host": "api.ecr.eu-west-1.amazonaws.com",
    }
    for body, headers in ((b"{}", ecr), (b"Action=ListUsers&Version=2010-05-08", {}), (b"", {})):
        request = urllib.request.Request(box.info.aws, body, headers)
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(request, timeout=5)
        assert error.value.code == 403
        assert b"MissingAuthenticationToken" in error.value.read()
        error.value.close()
