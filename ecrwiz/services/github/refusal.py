"""What GitHub's refusals mean for a person, and whether trying again helps."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from ecrwiz.model.errors import RemoteError
from ecrwiz.model.redact import plain

if TYPE_CHECKING:
    import httpx

__all__ = ["not_github", "refusal", "retry_after"]

_LONGEST_WAIT: Final = 30.0  # seconds; a longer one is told to the person instead
_SECONDARY_WAIT: Final = 60.0  # seconds; what GitHub wants after a secondary limit when its answer does not say
_LONGEST_QUOTE: Final = 200  # characters of GitHub's own message
_MOST_FAULTS: Final = 3  # of those that a 422 lists

# How the header X-Accepted-GitHub-Permissions spells what the page of a fine-grained token calls otherwise.
_PERMISSIONS: Final = {"actions_variables": "Variables", "repository_hooks": "Webhooks", "statuses": "Commit statuses"}

# What GitHub says, in its 403, 404 and 422 answers -> what happened, and what to do next. `{what}` was tried.
_SAID: Final[tuple[tuple[str, str, str], ...]] = (
    (
        r"archived",
        "GitHub did not {what} ({said}).",
        "An archived repository is read-only: unarchive it in its settings on GitHub first.",
    ),
    (
        r"by integration",
        "GitHub did not {what} ({said}).",
        "The token of a Codespace or a workflow cannot do this{source}: set GH_TOKEN to a personal access token.",
    ),
    (
        r"IP allow list",
        "GitHub did not {what}: the organisation does not admit this machine's address ({said}).",
        "Connect from its network or VPN, or ask an owner of the organisation to allow this address.",
    ),
    (
        r"forbids access via a (fine-grained )?personal access token",
        "GitHub did not {what}: the organisation does not take this token ({said}).",
        "Make a token of the kind and lifetime that the organisation allows, or log in with `gh auth login`.",
    ),
    (
        r"SAML enforcement",
        "GitHub did not {what}: the organisation wants the token authorised for single sign-on ({said}).",
        "Authorise it on GitHub under Settings, Developer settings, beside the token: Configure SSO.",
    ),
    (
        r"billing plan",
        "GitHub did not {what}: the plan of the repository's owner does not include it ({said}).",
        "Take a plan with environments for private repositories, or go without: --set github_environment=",
    ),
    (
        r"maximum number|reached the (limit|maximum)|limit exceeded|too many (secrets|variables)",
        "GitHub did not {what}: there is no room for another one ({said}).",
        "Delete what is not used any more: 100 secrets find room, and 500 variables (100 in an environment).",
    ),
    (
        r"too large|larger than",
        "GitHub did not {what}: the value is too large ({said}).",
        "GitHub keeps up to 48 KB in a secret or a variable.",
    ),
)


def retry_after(response: httpx.Response, pause: float) -> float | None:
    """Say how many seconds to wait before sending the same request again; None when that would not help.

    Args:
        response: GitHub's answer.
        pause: seconds to wait when GitHub does not say.
    """
    asked = _seconds_asked(response)
    if response.status_code in {502, 503}:
        wait = pause if asked is None else asked
    elif response.status_code in {403, 429} and asked is not None:
        wait = asked
    else:
        return None
    return wait if wait <= _LONGEST_WAIT else None


def refusal(response: httpx.Response, what: str, permission: str, source: str = "") -> RemoteError:
    """Explain an answer that is no success.

    Args:
        response: GitHub's answer.
        what: what was tried, such as `write the secret X of o/r`.
        permission: what a fine-grained token needs for it, such as `Secrets: write`.
        source: where the token came from; may be empty.
    """
    status, said = response.status_code, _said(response)
    wait = _seconds_asked(response)
    from_where = f" (it came from {source})" if source else ""
    known = next((entry for entry in _SAID if re.search(entry[0], said, re.IGNORECASE)), None)
    hint = "Correct what GitHub names and run the step again."
    message = f"GitHub did not {what} ({said})."
    if status == 401:
        message = f"GitHub did not {what}: it does not accept the token{from_where} ({said})."
        hint = "The token may have expired or been revoked: make a new one on GitHub, under Developer settings."
    elif "required" in (sso := response.headers.get("x-github-sso", "")):
        message = f"GitHub did not {what}: the organisation wants the token authorised for single sign-on."
        link = re.search(r"url=(https://[!-~]+)", sso)
        hint = f"Authorise it at {link[1]}" if link else "Authorise it on GitHub, beside the token."
    elif wait is not None and status in {403, 429}:
        kind = "too many requests at once" if _is_secondary(response) else "too many requests in this hour"
        message = f"GitHub did not {what}: this token has made {kind} ({said})."
        hint = f"Try again after {datetime.fromtimestamp(time.time() + wait).astimezone():%H:%M:%S}."
    elif known is not None and status in {403, 404, 409, 413, 422}:
        message, hint = (text.format(what=what, said=said, source=from_where) for text in known[1:])
    elif status in {403, 404}:
        message, hint = _not_allowed(response, what, permission, said)
    elif status == 409:
        message = f"GitHub did not {what}: somebody else is changing the same thing ({said})."
        hint = "Run the step again in a moment; what is done already is not done twice."
    elif status >= 500:
        hint = "GitHub has trouble, see https://www.githubstatus.com; run the step again later."
    return RemoteError(message, hint, code=str(status))


def not_github(status: int) -> RemoteError:
    """Explain a success that does not look like GitHub's API."""
    return RemoteError(
        f"What answered is not GitHub's API (status {status}, without the fields that GitHub gives).",
        "Check GITHUB_API_URL, and whether a proxy or a login page answers in GitHub's place.",
        code=str(status),
    )


def _not_allowed(response: httpx.Response, what: str, permission: str, said: str) -> tuple[str, str]:
    """Tell a 403 and a 404 apart, and the kinds of token.

    GitHub names a classic token's scopes in every answer, and for a fine-grained one what the call needs.
    """
    may_not = "this token may not"
    message = f"GitHub did not {what}: {may_not} ({said})."
    server = plain(response.headers.get("x-github-enterprise-version", ""))[:20]
    if response.status_code == 404:
        message = f"GitHub did not {what}: it does not exist, or {may_not} see it ({said})."
        if server:
            return message, (
                f"GitHub Enterprise Server {server} may be too old to have this in its API; else the token needs "
                f"the permission \u201c{permission}\u201d, or, if it is a classic one, the scope `repo`."
            )
    scopes = response.headers.get("x-oauth-scopes")
    named = " and ".join(f"\u201c{name}\u201d" for name in _accepted(response)) or f"\u201c{permission}\u201d"
    fine = f"needs this repository and the permission {named}"
    if scopes is None and "x-accepted-github-permissions" in response.headers:
        return message, f"The fine-grained token {fine}: edit it on GitHub, under Developer settings."
    if scopes is None:
        return message, f"A fine-grained token {fine}; a classic token needs the scope `repo`."
    held = {scope.strip() for scope in scopes.split(",") if scope.strip()}
    if "repo" in held:
        role = "Admin" if permission.startswith("Administration") else "Write or more"
        return message, (
            f"The token has the scope `repo`, so look at the name, and at your own role there, which must be {role}."
        )
    listed = ", ".join(sorted(plain(scope) for scope in held)) or "none"
    return message, (
        f"This classic token lacks the scope `repo` (it has: {listed[:_LONGEST_QUOTE]}): "
        "add it with `gh auth refresh --scopes repo`, or on GitHub under Developer settings."
    )


def _accepted(response: httpx.Response) -> Iterator[str]:
    """The permissions that GitHub's answer names, as the page of a fine-grained token names them."""
    header = response.headers.get("x-accepted-github-permissions", "").partition(";")[0]
    for name, access in re.findall(r"([a-z_]{1,40})=(read|write|admin)\b", header)[:_MOST_FAULTS]:
        yield f"{_PERMISSIONS.get(name, name.replace('_', ' ').capitalize())}: {access}"


def _said(response: httpx.Response) -> str:
    """GitHub's status and message in one line, with what a 422 finds fault with."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        body = None
    parts = [_line(body.get("message"))] if isinstance(body, dict) else []
    faults = body.get("errors") if isinstance(body, dict) else None
    parts += [_fault(entry) for entry in faults[:_MOST_FAULTS]] if isinstance(faults, list) else []
    quoted = "; ".join(part.rstrip(".") for part in parts if part)[:_LONGEST_QUOTE]
    return f"{response.status_code} {quoted or _line(response.reason_phrase)}".strip()


def _fault(entry: Any) -> str:  # noqa: ANN401  # whatever the answer holds
    if isinstance(entry, dict):
        return _line(entry.get("message")) or " ".join(filter(None, (_line(entry.get(k)) for k in ("field", "code"))))
    return _line(entry)


def _line(value: object) -> str:
    return " ".join(plain(value[:1000]).split()) if isinstance(value, str) else ""


def _is_secondary(response: httpx.Response) -> bool:
    return "secondary rate limit" in _said(response).lower() or response.headers.get("x-ratelimit-remaining") != "0"


def _seconds_asked(response: httpx.Response) -> float | None:
    """Read how long GitHub wants us to wait; None when it does not say."""
    after = response.headers.get("retry-after", "")
    if after.isdecimal():
        return float(after[:9])
    reset = response.headers.get("x-ratelimit-reset", "")
    if response.headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        return max(0.0, float(reset[:12]) - time.time()) + 1
    if response.status_code in {403, 429} and "secondary rate limit" in _said(response).lower():
        return _SECONDARY_WAIT
    return None
