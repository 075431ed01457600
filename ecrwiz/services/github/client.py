"""GitHub as ecrwiz needs it: who the token is, the repository, its environments, and what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ecrwiz.model.redact import plain
from ecrwiz.services.github.calls import as_object
from ecrwiz.services.github.connection import field, path_to
from ecrwiz.services.github.entries import Entries
from ecrwiz.services.github.refusal import not_github

__all__ = ["Environment", "GitHub", "Repository"]


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository as the token sees it.

    Attributes:
        full_name: `owner/name` as GitHub spells it today; differs from what was asked after a rename.
        private: whether the public cannot see it.
        archived: read-only; secrets cannot be written.
        can_push: the token's owner may push.
        can_admin: the token's owner administers it.
        of_organisation: its owner is an organisation.
    """

    full_name: str
    private: bool
    archived: bool
    can_push: bool
    can_admin: bool
    of_organisation: bool = False


@dataclass(frozen=True, slots=True)
class Environment:
    """A deployment environment.

    Attributes:
        name: as GitHub spells it.
        rules: its protection rules in words: whose review, how long a wait, which branches.
    """

    name: str
    rules: tuple[str, ...] = ()


class GitHub(Entries):
    """A connection to one API with one token; use it as an async context manager.

    Every method raises `RemoteError` (with the HTTP status as `code`) when GitHub refuses, `MissingToolError`
    when it cannot be reached, and `BadInputError` for a name or value that GitHub would not take.
    """

    async def user(self) -> str:
        """The login of the token's owner."""
        return field(await self._get("/user", "tell whose token this is", "any"), "login", str)

    async def repository(self, full_name: str) -> Repository:
        """Look a repository up; follows a rename."""
        body = await self._get(path_to(full_name), f"see the repository {full_name}", "Metadata: read")
        found = field(body, "full_name", str)
        path_to(found)  # what goes into later paths and to the screen is a name and nothing else
        permissions, owner = _part(body, "permissions"), _part(body, "owner")
        return Repository(
            full_name=found,
            private=field(body, "private", bool),
            archived=bool(body.get("archived")),
            can_push=bool(permissions.get("push")),
            can_admin=bool(permissions.get("admin")),
            of_organisation=owner.get("type") == "Organization",
        )

    async def actions_enabled(self, full_name: str) -> bool:
        """Whether GitHub Actions may run in the repository; GitHub tells it to administrators only."""
        path = f"{path_to(full_name)}/actions/permissions"
        body = await self._get(path, f"read the Actions settings of {full_name}", "Administration: read")
        return field(body, "enabled", bool)

    async def actions_of_organisation(self, owner: str) -> str:
        """For which of an organisation's repositories Actions may run: `all`, `selected`, `none`.

        GitHub tells it to the organisation's owners only.
        """
        path_to(f"{owner}/x")
        body = await self._get(
            f"/orgs/{owner}/actions/permissions",
            f"read the Actions settings of the organisation {owner}",
            "Administration: read (of the organisation)",
        )
        return field(body, "enabled_repositories", str)

    async def environment(self, full_name: str, name: str) -> Environment | None:
        """A deployment environment, or None when there is none of that name."""
        what = f"read the environment {name} of {full_name}"
        response = await self.send("GET", path_to(full_name, name), what, "Actions: read", also=(404,))
        return None if response.status_code == 404 else _environment(as_object(response))

    async def create_environment(self, full_name: str, name: str) -> Environment:
        """Make a deployment environment without protection rules; leaves one that is there as it is."""
        what = f"make the environment {name} in {full_name}"
        response = await self.send("PUT", path_to(full_name, name), what, "Administration: write")
        return _environment(as_object(response))


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _environment(body: Mapping[str, Any]) -> Environment:
    rules: list[str] = []
    for rule in body.get("protection_rules") or []:
        if not isinstance(rule, dict):
            raise not_github(200)
        if rule.get("type") == "required_reviewers":
            rules.append("a review by one of its required reviewers")
        elif rule.get("type") == "wait_timer":
            minutes = rule.get("wait_timer")
            rules.append(f"a wait of {minutes} minutes" if isinstance(minutes, int) else "a wait")
        elif rule.get("type") != "branch_policy":
            rules.append(f"the rule {plain(str(rule.get('type')))[:60]}")
    policy = _part(body, "deployment_branch_policy")
    if policy.get("protected_branches"):
        rules.append("a protected branch")
    elif policy.get("custom_branch_policies"):
        rules.append("one of the branches and tags that it names")
    return Environment(field(body, "name", str), tuple(rules))
