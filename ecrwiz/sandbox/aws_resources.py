"""Which resources an AWS call is about, as IAM sees them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from moto.iam.exceptions import IAMException
from moto.iam.models import IAMBackend, iam_backends

from ecrwiz.sandbox import aws_ecs
from ecrwiz.sandbox.aws_ecs import Need

if TYPE_CHECKING:
    from moto.core.responses import BaseResponse

__all__ = ["needs_of", "repository_arn"]

# IAM parameters that name the thing a call is about; the first one that is present counts.
_IAM_NAMES: Final = (
    ("InstanceProfileName", "instance-profile"),
    ("GroupName", "group"),
    ("UserName", "user"),
    ("RoleName", "role"),
    ("PolicyName", "policy"),
)
_IAM_ARNS: Final = ("PolicyArn", "OpenIDConnectProviderArn", "PolicySourceArn")
# Without a user name these are about the caller.
_IAM_SELF: Final = frozenset(
    {"GetUser", "CreateAccessKey", "ListAccessKeys", "UpdateAccessKey", "DeleteAccessKey", "ChangePassword"}
)


def repository_arn(partition: str, region: str, account: str, name: str) -> str:
    """The ARN of an ECR repository."""
    return f"arn:{partition}:ecr:{region}:{account}:repository/{name}"


def needs_of(call: BaseResponse, found_by_moto: str) -> list[Need]:
    """Name the permissions that the caller must have.

    Args:
        call: the request that moto is about to answer.
        found_by_moto: what moto itself takes for the resource, used for services not treated here.
    """
    if call.service_name in aws_ecs.SERVICES:
        return aws_ecs.needs_of(call)
    resources = [found_by_moto]
    if call.service_name == "ecr":
        resources = _ecr_resources(call)
    if call.service_name == "iam":
        resources = [_iam_resource(call)]
    return [Need(f"{call.service_name}:{call._get_action()}", tuple(resources))]


def _ecr_resources(call: BaseResponse) -> list[str]:
    try:
        body = json.loads(call.body or "{}")
    except ValueError:
        return ["*"]
    if isinstance(body.get("resourceArn"), str):
        return [body["resourceArn"]]
    names = body.get("repositoryNames") or [body.get("repositoryName")]
    if names == [None]:
        if call._get_action() != "DescribeRepositories":
            return ["*"]
        names = ["*"]  # all of them: only a pattern for all of them allows it
    account = body.get("registryId") or call.current_account
    return [repository_arn(call.partition, call.region, account, name) for name in names]


def _iam_resource(call: BaseResponse) -> str:
    given = {key: values[0] for key, values in call.data.items() if isinstance(values, list) and values}
    backend = iam_backends[call.current_account][call.partition]
    for parameter, kind in _IAM_NAMES:
        if parameter in given and not (parameter == "PolicyName" and "PolicyArn" in given):
            return _iam_arn(call, backend, kind, given[parameter], given.get("Path"))
    for parameter in _IAM_ARNS:
        if parameter in given:
            return str(given[parameter])
    action = call._get_action()
    if action in _IAM_SELF:
        user = backend.get_user_from_access_key_id(call.access_key)
        return str(user.arn) if user else "*"
    if action == "CreateOpenIDConnectProvider":
        host = str(given.get("Url", "")).removeprefix("https://")
        return f"arn:{call.partition}:iam::{call.current_account}:oidc-provider/{host}"
    return "*"


def _iam_arn(call: BaseResponse, backend: IAMBackend, kind: str, name: str, path: str | None) -> str:
    """The ARN of an entity with the path that it has, or that it is being made with."""
    try:
        if kind == "user":
            return str(backend.get_user(name).arn)
        if kind == "role":
            return str(backend.get_role(name).arn)
    except IAMException:
        pass
    return f"arn:{call.partition}:iam::{call.current_account}:{kind}{path or '/'}{name}"
