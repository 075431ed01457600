"""Which permissions a call of ECS or Lambda needs, as IAM sees them.

Resources and condition keys: service authorization reference, Amazon ECS (RegisterTaskDefinition with the resource
task-definition, UpdateService and DescribeServices with the resource service and the key ecs:cluster,
DescribeTaskDefinition with none); IAM user guide, "Grant a user permissions to pass a role".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from moto.core.responses import BaseResponse

__all__ = ["SERVICES", "Need", "needs_of"]

SERVICES: Final = frozenset({"ecs", "lambda", "awslambda"})
_OF_A_SERVICE: Final = frozenset({"UpdateService", "DescribeServices", "CreateService", "DeleteService"})


@dataclass(frozen=True)
class Need:
    """A permission that a call needs.

    Attributes:
        action: such as `iam:PassRole`.
        resources: ARNs, or `*`.
        context: values of condition keys.
    """

    action: str
    resources: tuple[str, ...]
    context: Mapping[str, str] = field(default_factory=dict)


def needs_of(call: BaseResponse) -> list[Need]:
    """The permissions for a call of one of `SERVICES`: for itself, and to pass the roles that it names."""
    text = str(call.body or "")
    body: dict[str, Any] = json.loads(text) if text.startswith("{") else {}
    action = call._get_action()
    if call.service_name == "ecs":
        return _ecs(call, action, body)
    passed = (body["Role"],) if body.get("Role") else ()
    return [*_passed(passed, "lambda.amazonaws.com"), Need(f"lambda:{action}", ("*",))]


def _ecs(call: BaseResponse, action: str, body: dict[str, Any]) -> list[Need]:
    here = f"arn:{call.partition}:ecs:{call.region}:{call.current_account}"
    cluster = _name(body.get("cluster") or "default")
    context = {"ecs:cluster": f"{here}:cluster/{cluster}"}
    if body.get("taskDefinition"):
        context["ecs:task-definition"] = f"{here}:task-definition/{_name(body['taskDefinition'])}"
    if action == "RegisterTaskDefinition":
        roles = tuple(body[name] for name in ("taskRoleArn", "executionRoleArn") if body.get(name))
        family = f"{here}:task-definition/{body.get('family', '')}:*"
        return [*_passed(roles, "ecs-tasks.amazonaws.com"), Need(f"ecs:{action}", (family,))]
    if action in _OF_A_SERVICE:
        names = body.get("services") or [body.get("service") or body.get("serviceName") or ""]
        return [Need(f"ecs:{action}", tuple(f"{here}:service/{cluster}/{_name(name)}" for name in names), context)]
    if action == "RunTask":
        arn = f"{here}:task-definition/{_name(body.get('taskDefinition', ''))}"
        return [Need(f"ecs:{action}", (arn,), {"ecs:cluster": context["ecs:cluster"]})]
    return [Need(f"ecs:{action}", ("*",))]


def _passed(roles: tuple[str, ...], service: str) -> list[Need]:
    return [Need("iam:PassRole", roles, {"iam:PassedToService": service})] if roles else []


def _name(name_or_arn: str) -> str:
    return name_or_arn.rsplit("/", 1)[-1]
