"""IAM's policy simulation: what a user or role may do, decided by IAM without doing it.

What it looks at and what it leaves out: IAM API reference, SimulatePrincipalPolicy. The policies of the identity
count, with its permissions boundary and the organisation's service control policies; those of a resource do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ecrwiz.model.ports import AwsCall

__all__ = ["Decision", "decide"]

_WORDS: Final[Mapping[str, str]] = {
    "allowed": "its policies allow it",
    "implicitDeny": "no policy of it allows it (implicitDeny)",
    "explicitDeny": "a policy denies it (explicitDeny)",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What IAM decided about one action.

    Attributes:
        allowed: None where IAM would have to know more to decide.
        words: the decision in a few words.
    """

    allowed: bool | None
    words: str


async def decide(
    call: AwsCall, principal: str, actions: Sequence[str], resource: str, context: Mapping[str, str]
) -> dict[str, Decision]:
    """Ask IAM whether a user or role may do each of these actions on one resource; nothing is done.

    Args:
        call: `Aws.call` of somebody who has `iam:SimulatePrincipalPolicy` for that user or role.
        principal: ARN of the user or role.
        actions: such as `ecr:DeleteRepository`.
        resource: an ARN, or `*`.
        context: values of condition keys, such as `iam:PassedToService`.

    Returns:
        The decision for each action; one that IAM did not answer is missing.

    Raises:
        RemoteError: IAM refused to simulate.
        EcrwizError: AWS cannot be reached.
    """
    entries = [
        {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
        for key, value in context.items()
    ]
    found: dict[str, Decision] = {}
    more: dict[str, object] = {"ContextEntries": entries} if entries else {}
    while True:
        answer = await call(
            "iam", "simulate_principal_policy", PolicySourceArn=principal, ActionNames=list(actions),
            ResourceArns=[resource], **more,
        )  # fmt: skip
        for result in answer.get("EvaluationResults", []):
            found[str(result["EvalActionName"])] = _decision(result)
        if not answer.get("IsTruncated"):
            return found
        more["Marker"] = answer["Marker"]


def _decision(result: Mapping[str, Any]) -> Decision:
    word = str(result["EvalDecision"])
    allowed = word == "allowed"
    details = [result, *result.get("ResourceSpecificResults", [])]
    missing = sorted({str(key) for detail in details for key in detail.get("MissingContextValues") or []})
    if not allowed and word != "explicitDeny" and missing:
        return Decision(None, f"it depends on {', '.join(missing)}, which only a real call has")
    words = [_WORDS.get(word, word)]
    policies = sorted({str(found.get("SourcePolicyId", "")) for found in result.get("MatchedStatements", [])} - {""})
    if policies:
        words.append(f"by {', '.join(policies)}")
    if result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations") is False:
        words.append("a service control policy of the organisation does not allow it")
    if result.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary") is False:
        words.append("the permissions boundary does not allow it")
    return Decision(allowed, "; ".join(words))
