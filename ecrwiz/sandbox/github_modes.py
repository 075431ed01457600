"""What can go wrong at GitHub, to be switched on for a repository of the stand-in by whoever holds the admin token."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = ["FACTS", "FAULTS", "MODES", "Fault", "accepted_permission"]

_NOT_ALLOWED: Final = "Resource not accessible by personal access token"
_FAR: Final = 1800  # seconds until a used-up quota is full again


@dataclass(frozen=True)
class Fault:
    """A refusal.

    Attributes:
        calls: a regular expression for `METHOD /path below the repository`.
        status: HTTP status.
        message: GitHub's words; `{owner}` is the repository's owner.
        headers: sent along; `{owner}` and `{reset}` (seconds since the epoch) are filled in.
        fine_grained: the token is one, so the permission that the call needs is named in a header.
        scopes: what a classic token has; None for a fine-grained one, whose answers name none.
        errors: the field `errors` of GitHub's answer to what it cannot use.
    """

    calls: str
    status: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)
    fine_grained: bool = False
    scopes: str | None = "repo, workflow"
    errors: tuple[Mapping[str, str], ...] = ()

    def meets(self, call: str) -> bool:
        """Whether it is this call that is refused."""
        return re.fullmatch(self.calls, call) is not None

    def filled(self, owner: str) -> tuple[str, dict[str, str]]:
        """The message and the headers for a repository of this owner."""
        words = {"owner": owner, "reset": str(int(time.time()) + _FAR)}
        return self.message.format_map(words), {name: text.format_map(words) for name, text in self.headers.items()}


_SECRETS: Final = r"/actions/(secrets|organization-secrets)(/.*)?"
_VARIABLES: Final = r"/actions/(variables|organization-variables)(/.*)?"
_ENVIRONMENT: Final = r"/environments/[^/]+"


def _missing(calls: str) -> Fault:
    return Fault(calls, 403, _NOT_ALLOWED, fine_grained=True, scopes=None)


FAULTS: Final[Mapping[str, Fault]] = {
    "token-expired": Fault(".*", 401, "Bad credentials"),
    "sso": Fault(
        ".*",
        403,
        "Resource protected by organization SAML enforcement. "
        "You must grant your Personal Access token access to this organization.",
        {"X-GitHub-SSO": "required; url=https://github.com/orgs/{owner}/sso?authorization_request=A1"},
    ),
    "ip-allow-list": Fault(
        ".*",
        403,
        "Although you appear to have the correct authorization credentials, the `{owner}` organization has an IP "
        "allow list enabled, and your IP address is not permitted to access this resource.",
    ),
    "token-forbidden": Fault(
        ".*",
        403,
        "The '{owner}' organization forbids access via a fine-grained personal access tokens if the token's lifetime "
        "is greater than 366 days.",
        scopes=None,
    ),
    "primary-rate-limit": Fault(
        ".*",
        403,
        "API rate limit exceeded for user ID 1.",
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "{reset}"},
    ),
    "secondary-rate-limit": Fault(
        ".*",
        403,
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
    ),
    "unavailable": Fault(".*", 503, "Service unavailable"),
    "classic-without-scope": Fault(r"\w+ (/.*)?", 404, "Not Found", scopes="gist, read:org"),
    "codespace-token": Fault(rf"\w+ ({_SECRETS}|{_VARIABLES})", 403, "Resource not accessible by integration"),
    "no-secrets-permission": _missing(rf"\w+ {_SECRETS}"),
    "secrets-read-only": _missing(r"(PUT|DELETE) /actions/secrets/.*"),
    "no-variables-permission": _missing(rf"\w+ {_VARIABLES}"),
    "no-environments-permission": _missing(rf"\w+ {_ENVIRONMENT}/.*"),
    "no-administration-permission": _missing(rf"PUT {_ENVIRONMENT}|\w+ /actions/permissions"),
    "no-role": Fault(rf"\w+ ({_SECRETS}|{_VARIABLES}|{_ENVIRONMENT}.*)", 403, "Must have admin rights to Repository."),
    "environments-not-in-plan": Fault(
        rf"PUT {_ENVIRONMENT}",
        422,
        "Failed to create the environment protection rule. Please ensure the billing plan supports the required "
        "reviewers protection rule.",
    ),
    "conflict": Fault(r"PUT .*/secrets/.*", 409, "Conflict"),
    "invalid": Fault(
        r"PUT .*/secrets/.*",
        422,
        "Validation Failed",
        errors=({"resource": "Secret", "field": "key_id", "code": "invalid", "message": "key_id is stale"},),
    ),
    "too-large": Fault(r"(PUT|POST|PATCH) .*/(secrets|variables).*", 413, "Payload Too Large"),
    "old-enterprise-server": Fault(
        rf"\w+ ({_VARIABLES}|{_ENVIRONMENT}/.*)", 404, "Not Found", {"X-GitHub-Enterprise-Version": "3.4.2"}
    ),
}
"""Refusals, by name."""

FACTS: Final[Mapping[str, str]] = {
    "archived": "the repository is read-only",
    "read-only-person": "the token's owner may look at the repository and nothing else",
    "actions-disabled": "Actions are switched off in the repository",
    "actions-disabled-by-organisation": "Actions are switched off by the organisation",
    "forgetful": "secrets are accepted and never kept",
    "slow-clock": "secrets are accepted and still listed with the time of their first writing",
    "public": "everybody sees the repository",
    "protected-environments": "environments have required reviewers, a wait and a branch rule",
}
"""What is otherwise than usual, by name."""

MODES: Final = frozenset({*FAULTS, *FACTS})

_PERMISSIONS: Final = (
    (r"/environments/[^/]+/(secrets|variables).*", "environments"),
    (r"/environments/[^/]+", "administration"),
    (r"/actions/permissions.*", "administration"),
    (_SECRETS, "secrets"),
    (_VARIABLES, "actions_variables"),
)


def accepted_permission(method: str, below: str) -> str:
    """What GitHub names in `X-Accepted-GitHub-Permissions` for a call.

    Args:
        method: HTTP method.
        below: the path below the repository.
    """
    access = "read" if method in ("GET", "HEAD") else "write"
    if access == "read" and re.fullmatch(r"/environments(/[^/]+)?", below):
        return "actions=read"
    for pattern, permission in _PERMISSIONS:
        if re.fullmatch(pattern, below):
            return f"{permission}={access}"
    return "metadata=read"
