"""Every policy that counts for a user or a role, as IAM has it now: inline, managed, of groups, and the boundary.

Which kinds there are: IAM user guide, "Policies and permissions in AWS Identity and Access Management".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ecrwiz.model.errors import RemoteError
from ecrwiz.model.ports import AwsCall

__all__ = ["Attached", "Policy", "read_policies"]

_GONE: Final = frozenset({"NoSuchEntity", "NoSuchEntityException"})
_PAGES: Final = 50  # a bound: IAM allows far fewer policies and groups than these hold


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy.

    Attributes:
        where: in words, such as `the inline policy push-to-ecr`.
        name: its name, or its ARN when it is a managed one.
        own: it is an inline policy of the identity itself.
        document: as IAM has it; None when IAM gave none that is an object.
    """

    where: str
    name: str
    own: bool
    document: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Attached:
    """What counts for an identity.

    Attributes:
        policies: those that give or deny something.
        boundary: ARN of the permissions boundary; empty when there is none.
        unread: what could not be read: IAM's action, and the refusal.
    """

    policies: tuple[Policy, ...]
    boundary: str
    unread: tuple[tuple[str, RemoteError], ...]


async def read_policies(call: AwsCall, *, user: str = "", role: str = "") -> Attached:
    """Read all policies of a user, or of a role; what IAM refuses to show is noted, and the rest is read.

    Args:
        call: `Aws.call` of somebody who may read them.
        user: the user's name; empty for a role.
        role: the role's name; empty for a user.

    Raises:
        EcrwizError: AWS cannot be reached.
    """
    reader = _Reader(call)
    name = {"UserName": user} if user else {"RoleName": role}
    kind = "user" if user else "role"
    found = [policy async for policy in reader.of(kind, name, "")]
    if user:
        async for group in reader.pages("list_groups_for_user", "Groups", name):
            member = str(group["GroupName"])
            found += [policy async for policy in reader.of("group", {"GroupName": member}, f" of the group {member}")]
    about = (await reader.ask(f"get_{kind}", name) or {}).get(kind.capitalize(), {})
    boundary = about.get("PermissionsBoundary") or {}
    return Attached(tuple(found), str(boundary.get("PermissionsBoundaryArn", "")), tuple(reader.unread))


class _Reader:
    """Asks IAM, and keeps what it refused."""

    def __init__(self, call: AwsCall) -> None:
        self._call = call
        self.unread: list[tuple[str, RemoteError]] = []

    async def of(self, kind: str, name: Mapping[str, str], whose: str) -> AsyncIterator[Policy]:
        """The inline and the managed policies of a user, a role or a group."""
        async for policy in self.pages(f"list_{kind}_policies", "PolicyNames", name):
            got = await self.ask(f"get_{kind}_policy", {**name, "PolicyName": str(policy)}, may_be_gone=True)
            if got is not None:
                yield Policy(
                    f"the inline policy {policy}{whose}", str(policy), not whose, _object(got.get("PolicyDocument"))
                )
        async for policy in self.pages(f"list_attached_{kind}_policies", "AttachedPolicies", name):
            arn = str(policy["PolicyArn"])
            about = await self.ask("get_policy", {"PolicyArn": arn}, may_be_gone=True)
            if about is None:
                continue
            version = {"PolicyArn": arn, "VersionId": str(about["Policy"]["DefaultVersionId"])}
            got = await self.ask("get_policy_version", version, may_be_gone=True)
            if got is not None:
                document = _object(got["PolicyVersion"].get("Document"))
                yield Policy(f"the managed policy {arn}{whose}", arn, False, document)

    async def pages(self, operation: str, key: str, name: Mapping[str, str]) -> AsyncIterator[Any]:
        """The members of a list, page after page."""
        more: dict[str, str] = {}
        for _ in range(_PAGES):
            answer = await self.ask(operation, {**name, **more})
            for item in (answer or {}).get(key, []):
                yield item
            if not answer or not answer.get("IsTruncated"):
                return
            more = {"Marker": str(answer["Marker"])}

    async def ask(
        self, operation: str, parameters: Mapping[str, str], *, may_be_gone: bool = False
    ) -> dict[str, Any] | None:
        """An answer; None when IAM refused, or when what was listed a moment ago is gone."""
        try:
            return await self._call("iam", operation, **parameters)
        except RemoteError as error:
            if not (may_be_gone and error.code in _GONE):
                action = "".join(word.capitalize() for word in operation.split("_"))
                self.unread.append((f"iam:{action}", error))
            return None


def _object(document: object) -> Mapping[str, Any] | None:
    return document if isinstance(document, Mapping) else None
