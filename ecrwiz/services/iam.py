"""IAM: the CI user and its access keys, as far as Terraform does not look after them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from ecrwiz.model.errors import RemoteError
from ecrwiz.model.ports import AwsCall

__all__ = ["AccessKey", "Iam"]

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
