"""What GitHub's refusals mean for a person, and whether trying again helps."""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import TYPE_CHECKING, Final

from ecrwiz.model.errors import RemoteError
from ecrwiz.model.redact import plain

if TYPE_CHECKING:
    import httpx

__all__ = ["not_github", "refusal", "retry_after"]

_LONGEST_WAIT: Final = 30.0  # seconds; a longer one is told to the person instead
_LONGEST_QUOTE: Final = 200  # characters of GitHub's own message


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


def refusal(response: httpx.Response, what: str, permission: str) -> RemoteError:
    """Explain an answer that is no success.

    Args:
        response: GitHub's answer.
        what: what was tried, such as `write the secret X of o/r`.
        permission: what a fine-grained token needs for it, such as `Secrets: write`.
    """
    status, said = response.status_code, _said(response)
    wait = _seconds_asked(response)
    message = f"GitHub did not {what} ({said})."
    if status == 401:
        message = f"GitHub did not {what}: it does not accept the token ({said})."
        hint = "The token may have expired or been revoked: make a new one on GitHub, under Developer settings."
    elif "required" in (sso := response.headers.get("x-github-sso", "")):
        message = f"GitHub did not {what}: the organisation wants the token authorised for single sign-on."
        link = re.search(r"url=(https://[!-~]+)", sso)
        hint = f"Authorise it at {link[1]}" if link else "Authorise it on GitHub, beside the token."
    elif wait is not None and status in {403, 429}:
        message = f"GitHub did not {what}: this token has made too many requests ({said})."
        hint = f"Try again after {datetime.fromtimestamp(time.time() + wait).astimezone():%H:%M:%S}."
    elif "archived" in said.lower():
        hint = "An archived repository is read-only: unarchive it in its settings on GitHub first."
    elif "by integration" in said:
        hint = "The token of a Codespace or a workflow cannot do this: set GH_TOKEN to a personal access token."
    elif status in {403, 404}:
        message = f"GitHub did not {what}: it does not exist, or this token may not ({said})."
        hint = (
            f"A fine-grained token needs this repository and the permission \u201c{permission}\u201d; "
            "a classic token needs the scope `repo`."
        )
    elif status >= 500:
        hint = "GitHub has trouble, see https://www.githubstatus.com; run the step again later."
    else:
        hint = "Correct what GitHub names and run the step again."
    return RemoteError(message, hint, code=str(status))


def not_github(status: int) -> RemoteError:
    """Explain a success that does not look like GitHub's API."""
    return RemoteError(
        f"What answered is not GitHub's API (status {status}, without the fields that GitHub gives).",
        "Check GITHUB_API_URL, and whether a proxy or a login page answers in GitHub's place.",
        code=str(status),
    )


def _said(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        body = None
    text = body.get("message") if isinstance(body, dict) else None
    quoted = " ".join(plain(text).split())[:_LONGEST_QUOTE] if isinstance(text, str) else ""
    return f"{response.status_code} {quoted or response.reason_phrase}".strip()


def _seconds_asked(response: httpx.Response) -> float | None:
    """Read how long GitHub wants us to wait; None when it does not say."""
    after = response.headers.get("retry-after", "")
    if after.isdecimal():
        return float(after)
    reset = response.headers.get("x-ratelimit-reset", "")
    if response.headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        return max(0.0, float(reset) - time.time()) + 1
    return None
