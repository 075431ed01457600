"""IAM: the CI user and its access keys, as far as Terraform does not look after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ecrwiz.model.errors import RemoteError
from ecrwiz.model.ports import AwsCall

__all__ = ["AccessKey", "Iam"]

_ASSUMED = ":assumed-role/"
_GONE = {"NoSuchEntity", "NoSuchEntityException"}


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key's id and when it was made (UTC)."""

    id: str
    created: datetime


class Iam:
    """IAM through `Aws.call`; every method raises what that raises."""

    def __init__(self, call: AwsCall) -> None:
        self._call = call

    async def user_tags(self, name: str) -> dict[str, str] | None:
        """The resource tags of a user, or None when there is no such user."""
        try:
            answer = await self._call("iam", "list_user_tags", UserName=name)
        except RemoteError as error:
            if error.code in _GONE:
                return None
            raise
        return {tag["Key"]: tag["Value"] for tag in answer.get("Tags", [])}

    async def access_keys(self, name: str) -> tuple[AccessKey, ...]:
        """A user's access keys; none when there is no such user."""
        try:
            answer = await self._call("iam", "list_access_keys", UserName=name)
        except RemoteError as error:
            if error.code in _GONE:
                return ()
            raise
        return tuple(
            AccessKey(key["AccessKeyId"], key["CreateDate"].astimezone(UTC))
            for key in answer.get("AccessKeyMetadata", [])
        )

    async def delete_access_key(self, name: str, access_key_id: str) -> None:
        """Delete an access key; one that is gone already is no failure."""
        try:
            await self._call("iam", "delete_access_key", UserName=name, AccessKeyId=access_key_id)
        except RemoteError as error:
            if error.code not in _GONE:
                raise

    async def principal(self, arn: str) -> str:
        """The user or role behind a caller's ARN, as `simulate` wants it; empty for root and federated users."""
        if ":user/" in arn and ":iam:" in arn:
            return arn
        if _ASSUMED not in arn:
            return ""
        name = arn.partition(_ASSUMED)[2].partition("/")[0]
        role = await self._call("iam", "get_role", RoleName=name)  # its ARN has a path that the caller's lacks
        return str(role["Role"]["Arn"])

    async def simulate(self, principal: str, actions: Sequence[str], resource: str) -> dict[str, bool | None]:
        """Ask IAM whether a user or role may do each of these actions; nothing is done.

        Args:
            principal: what `principal` gave.
            actions: such as `ecr:CreateRepository`.
            resource: an ARN, or `*`.

        Returns:
            For each action True, False, or None where IAM would have to know more to decide.
        """
        found: dict[str, bool | None] = dict.fromkeys(actions)
        more: dict[str, object] = {}
        while True:
            answer = await self._call(
                "iam", "simulate_principal_policy", PolicySourceArn=principal, ActionNames=list(actions),
                ResourceArns=[resource], **more,
            )  # fmt: skip
            for result in answer.get("EvaluationResults", []):
                allowed = result["EvalDecision"] == "allowed"
                unsure = not allowed and bool(result.get("MissingContextValues"))
                found[result["EvalActionName"]] = None if unsure else allowed
            if not answer.get("IsTruncated"):
                return found
            more = {"Marker": answer["Marker"]}
