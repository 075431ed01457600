"""IAM: the CI user and its access keys, as far as Terraform does not look after them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ecrwiz.model.errors import RemoteError
from ecrwiz.model.ports import AwsCall
from ecrwiz.model.redact import Secret

__all__ = ["AccessKey", "Iam", "LastUse", "Role"]

_ASSUMED = ":assumed-role/"
_GONE = {"NoSuchEntity", "NoSuchEntityException"}


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key's id, when it was made (UTC), and whether AWS accepts it now."""

    id: str
    created: datetime
    active: bool = True


@dataclass(frozen=True, slots=True)
class LastUse:
    """When an access key was last used (UTC), for which service, in which region."""

    when: datetime
    service: str
    region: str


@dataclass(frozen=True, slots=True)
class Role:
    """A role: its ARN, its trust policy, and its resource tags."""

    arn: str
    trust: Mapping[str, Any]
    tags: Mapping[str, str]


class Iam:
    """IAM through `Aws.call`; every method raises what that raises.

    Args:
        call: an operation, tried again when AWS does not answer.
        once: the same without a second try.
    """

    def __init__(self, call: AwsCall, once: AwsCall | None = None) -> None:
        self._call = call
        self._once = once or call

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
            AccessKey(key["AccessKeyId"], key["CreateDate"].astimezone(UTC), key.get("Status", "Active") == "Active")
            for key in answer.get("AccessKeyMetadata", [])
        )

    async def delete_access_key(self, name: str, access_key_id: str) -> None:
        """Delete an access key; one that is gone already is no failure."""
        try:
            await self._call("iam", "delete_access_key", UserName=name, AccessKeyId=access_key_id)
        except RemoteError as error:
            if error.code not in _GONE:
                raise

    async def create_access_key(self, name: str) -> tuple[str, Secret]:
        """Make an access key for a user: its id and its secret, which AWS gives this once.

        It is asked for once: a second try after a lost answer would make a second key.

        Raises:
            RemoteError: with the code `LimitExceeded` when the user has two keys already.
        """
        key = (await self._once("iam", "create_access_key", UserName=name))["AccessKey"]
        return str(key["AccessKeyId"]), Secret(key["SecretAccessKey"])

    async def set_access_key(self, name: str, access_key_id: str, *, active: bool) -> None:
        """Let AWS accept an access key, or refuse it from now on; one that is gone is no failure."""
        status = "Active" if active else "Inactive"
        try:
            await self._call("iam", "update_access_key", UserName=name, AccessKeyId=access_key_id, Status=status)
        except RemoteError as error:
            if error.code not in _GONE:
                raise

    async def last_use(self, access_key_id: str) -> LastUse | None:
        """When an access key was last used, as far as IAM has noted it (it may lag by some hours); None for never."""
        answer = await self._call("iam", "get_access_key_last_used", AccessKeyId=access_key_id)
        used = answer.get("AccessKeyLastUsed", {})
        if "LastUsedDate" not in used:
            return None
        return LastUse(used["LastUsedDate"].astimezone(UTC), used.get("ServiceName", ""), used.get("Region", ""))

    async def tag_user(self, name: str, key: str, value: str) -> None:
        """Set a resource tag of a user."""
        await self._call("iam", "tag_user", UserName=name, Tags=[{"Key": key, "Value": value}])

    async def untag_user(self, name: str, key: str) -> None:
        """Remove a resource tag of a user; one that is not there is no failure."""
        try:
            await self._call("iam", "untag_user", UserName=name, TagKeys=[key])
        except RemoteError as error:
            if error.code not in _GONE:
                raise

    async def role(self, name: str) -> Role | None:
        """A role, or None when there is none of that name."""
        try:
            answer = (await self._call("iam", "get_role", RoleName=name))["Role"]
        except RemoteError as error:
            if error.code in _GONE:
                return None
            raise
        tags = {tag["Key"]: tag["Value"] for tag in answer.get("Tags", [])}
        return Role(str(answer["Arn"]), answer.get("AssumeRolePolicyDocument") or {}, tags)

    async def delete_policy(self, policy: str, *, user: str = "", role: str = "") -> None:
        """Delete an inline policy of a user or of a role; one that is gone already is no failure."""
        try:
            if user:
                await self._call("iam", "delete_user_policy", UserName=user, PolicyName=policy)
            else:
                await self._call("iam", "delete_role_policy", RoleName=role, PolicyName=policy)
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
