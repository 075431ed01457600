"""What GitHub puts into the OIDC tokens of a repository's workflows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from ecrwiz.model.errors import RemoteError
from ecrwiz.model.trust import DeploymentEnvironment, SubjectTemplate, TrustedRepository
from ecrwiz.services.github.calls import fetch, number, text
from ecrwiz.services.github.refusal import not_github
from ecrwiz.services.github.remote import FULL_NAME, is_githubs_own

if TYPE_CHECKING:
    from ecrwiz.services.github.client import GitHub

__all__ = ["Oidc", "web_host_of"]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_MOST_CLAIMS = 50


class Oidc:
    """The facts that subjects are made of, read through a connection; every method raises what that raises.

    Args:
        api: the connection.
        api_url: its address, which tells github.com from a server of somebody's own.
    """

    def __init__(self, api: GitHub, api_url: str) -> None:
        self._api = api
        self._url = api_url
        self._seen: dict[str, dict[str, Any]] = {}

    async def repository(self, full_name: str) -> TrustedRepository:
        """The repository with its ids, and its names as GitHub spells them today."""
        body = await self._repository(full_name)
        owner = body.get("owner")
        found = TrustedRepository(
            owner=text(owner, "login"),
            owner_id=number(owner, "id"),
            name=text(body, "name"),
            id=number(body, "id"),
            created=_time(body.get("created_at")),
            default_branch=text(body, "default_branch"),
            visibility=str(body.get("visibility") or ("private" if body.get("private") else "public")),
            is_github_com=self._web_host(body) == "github.com" or self._web_host(body).endswith(".ghe.com"),
        )
        if not FULL_NAME.fullmatch(f"{found.owner}/{found.name}"):
            raise not_github(200)
        return found

    async def web_host(self, full_name: str) -> str:
        """The host under which people see the repository, such as `github.com`."""
        return self._web_host(await self._repository(full_name))

    async def template(self, full_name: str) -> SubjectTemplate:
        """How the repository's subjects are made; the usual way when GitHub knows nothing special."""
        body = await fetch(
            self._api,
            f"/repos/{full_name}/actions/oidc/customization/sub",
            f"read the OIDC subject template of {full_name}",
            "Actions: read",
            also=(404,),
        )
        if body is None:
            return SubjectTemplate()
        immutable = body.get("use_immutable_subject")
        prefix = body.get("sub_claim_prefix")
        claims = _claims(body)
        use_default = body.get("use_default") is not False
        if not use_default and not claims:
            claims = await self._organisation(full_name.partition("/")[0])
        return SubjectTemplate(
            use_default=use_default or not claims,
            claims=() if use_default else claims,
            immutable=immutable if isinstance(immutable, bool) else None,
            prefix=prefix[:500] if isinstance(prefix, str) else "",
        )

    async def environment(self, full_name: str, name: str) -> DeploymentEnvironment:
        """A deployment environment, with its name as GitHub spells it; the same name when it may not be seen."""
        try:
            body = await fetch(
                self._api,
                f"/repos/{full_name}/environments/{quote(name, safe='')}",
                f"read the environment {name} of {full_name}",
                "Actions: read",
                also=(404,),
            )
        except RemoteError as error:
            if error.code != "403":
                raise
            return DeploymentEnvironment(name)
        if body is None:
            return DeploymentEnvironment(name, exists=False, guarded=False)
        return DeploymentEnvironment(text(body, "name"), guarded=_is_guarded(body))

    async def _repository(self, full_name: str) -> dict[str, Any]:
        if full_name not in self._seen:
            path, what = f"/repos/{full_name}", f"see the repository {full_name}"
            self._seen[full_name] = await fetch(self._api, path, what, "Metadata: read") or {}
        return self._seen[full_name]

    async def _organisation(self, owner: str) -> tuple[str, ...]:
        """The organisation's template; nothing for a person's repositories."""
        body = await fetch(
            self._api,
            f"/orgs/{owner}/actions/oidc/customization/sub",
            f"read the OIDC subject template of the organisation {owner}, which its repositories follow",
            "Administration: read (of the organisation)",
            also=(404,),
        )
        return () if body is None else _claims(body)

    def _web_host(self, body: Mapping[str, Any]) -> str:
        """A server is what its address says; a stand-in on this machine may say for whom it stands."""
        return (
            web_host_of(self._url) or urlsplit(str(body.get("html_url"))).netloc.lower() or urlsplit(self._url).netloc
        )


def web_host_of(api_url: str) -> str:
    """The host under which people see the GitHub of an API; empty for a stand-in on this machine, which says itself."""
    parts = urlsplit(api_url)
    if parts.hostname in _LOOPBACK:
        return ""
    if is_githubs_own(api_url):
        return (parts.hostname or "").removeprefix("api.")
    return parts.netloc.rpartition("@")[2].lower()


def _is_guarded(body: Mapping[str, Any]) -> bool:
    """Whether not every branch may use an environment, or somebody has to agree to each use."""
    policy, rules = body.get("deployment_branch_policy"), body.get("protection_rules")
    branches = isinstance(policy, dict) and bool(
        policy.get("protected_branches") or policy.get("custom_branch_policies")
    )
    found = rules if isinstance(rules, list) else []
    return branches or any(isinstance(rule, dict) and rule.get("type") == "required_reviewers" for rule in found)


def _claims(body: Mapping[str, Any]) -> tuple[str, ...]:
    found = body.get("include_claim_keys") or []
    if not isinstance(found, list) or len(found) > _MOST_CLAIMS or not all(isinstance(key, str) for key in found):
        raise not_github(200)
    return tuple(found)


def _time(value: object) -> datetime:
    try:
        return datetime.fromisoformat(str(value)).astimezone(UTC)
    except ValueError:
        raise not_github(200) from None
