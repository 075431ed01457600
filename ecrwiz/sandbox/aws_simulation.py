"""IAM's SimulatePrincipalPolicy, which moto lacks: the same evaluator that is enforced, asked without doing anything.

Form of request and answer: IAM API reference, SimulatePrincipalPolicy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from xml.sax.saxutils import escape

from moto.iam.access_control import AssumedRoleAccessKey, IAMPolicy, IAMUserAccessKey, PermissionResult
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.iam.responses import IamResponse as IAMResponse

from ecrwiz.sandbox.aws_policies import missing_keys

__all__ = ["offer_simulation"]

_ARN: Final = re.compile(r"arn:[^:]+:iam::\d{12}:(?P<kind>user|role)/(?:.*/)?(?P<name>[^/]+)")
_NAMESPACE: Final = "https://iam.amazonaws.com/doc/2010-05-08/"


def offer_simulation() -> None:
    """Let moto's IAM answer SimulatePrincipalPolicy; for the whole process."""
    IAMResponse.simulate_principal_policy = _simulate  # type: ignore[attr-defined]


def _simulate(self: IAMResponse) -> str:
    arn = _one(self, "PolicySourceArn")
    policies = _policies(self, arn)
    context = _context(self)
    members = "".join(
        _member(policies, action, resource, context)
        for action in _many(self, "ActionNames")
        for resource in _many(self, "ResourceArns") or ["*"]
    )
    result = f"<IsTruncated>false</IsTruncated><EvaluationResults>{members}</EvaluationResults>"
    return (
        f'<SimulatePrincipalPolicyResponse xmlns="{_NAMESPACE}">'
        f"<SimulatePrincipalPolicyResult>{result}</SimulatePrincipalPolicyResult>"
        "<ResponseMetadata><RequestId>sandbox</RequestId></ResponseMetadata>"
        "</SimulatePrincipalPolicyResponse>"
    )


def _policies(self: IAMResponse, arn: str) -> list[tuple[str, IAMPolicy]]:
    """The policies of a user or role with their names.

    Raises:
        NotFoundException: there is no such user or role.
    """
    found = _ARN.fullmatch(arn)
    if found is None:
        raise NotFoundException(f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    backend = iam_backends[self.current_account][self.partition]
    name = found["name"]
    key: IAMUserAccessKey | AssumedRoleAccessKey
    # moto gathers the policies for a key; here they are wanted for its owner, who may have none.
    if found["kind"] == "user":
        backend.get_user(name)
        key = IAMUserAccessKey.__new__(IAMUserAccessKey)
        key._owner_user_name = name
    else:
        backend.get_role(name)
        key = AssumedRoleAccessKey.__new__(AssumedRoleAccessKey)
        key._owner_role_name = name
    key.account_id, key.partition = self.current_account, self.partition
    return [(_name(policy), IAMPolicy(policy)) for policy in key.collect_policies()]


def _name(policy: Any) -> str:  # noqa: ANN401  # moto's policies come in three forms
    if isinstance(policy, Mapping):
        return str(policy.get("policy_name", "inline"))
    return str(getattr(policy, "name", "inline"))


def _member(policies: list[tuple[str, IAMPolicy]], action: str, resource: str, context: dict[str, str]) -> str:
    # Not by name: moto does not tell the names of a role's inline policies, and a group's may be called like a user's.
    results = [
        (name, policy.is_action_permitted(action, resource, incoming_condition_values=context))
        for name, policy in policies
    ]
    found = {result for _, result in results}
    wanted, decision = PermissionResult.PERMITTED, "allowed"
    if PermissionResult.DENIED in found:
        wanted, decision = PermissionResult.DENIED, "explicitDeny"
    elif PermissionResult.PERMITTED not in found:
        decision = "implicitDeny"
    matched = [name for name, result in results if result is wanted]
    missing = sorted({key for _, policy in policies for key in missing_keys(policy, action, resource, context)})
    parts = {"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": decision}
    body = "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in parts.items())
    body += _list("MatchedStatements", [f"<SourcePolicyId>{escape(name)}</SourcePolicyId>" for name in matched])
    body += _list("MissingContextValues", [escape(key) for key in missing])
    return f"<member>{body}</member>"


def _list(tag: str, members: list[str]) -> str:
    return f"<{tag}>{''.join(f'<member>{member}</member>' for member in members)}</{tag}>"


def _one(self: IAMResponse, name: str) -> str:
    values = self.data.get(name) or [""]
    return str(values[0] if isinstance(values, list) else values)


def _many(self: IAMResponse, name: str) -> list[str]:
    found = {}
    for key in self.data:
        numbered = re.fullmatch(rf"{name}\.member\.(\d+)", key)
        if numbered:
            found[int(numbered[1])] = _one(self, key)
    return [found[number] for number in sorted(found)]


def _context(self: IAMResponse) -> dict[str, str]:
    found = {}
    for key in self.data:
        numbered = re.fullmatch(r"ContextEntries\.member\.(\d+)\.ContextKeyName", key)
        if numbered:
            value = _one(self, f"ContextEntries.member.{numbered[1]}.ContextKeyValues.member.1")
            found[_one(self, key)] = value
    return found
