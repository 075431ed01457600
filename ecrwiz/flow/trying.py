"""One row tried: what AWS's answer to a call says about a permission."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from ecrwiz.model.errors import RemoteError
from ecrwiz.model.redact import plain

__all__ = ["LATER", "NOT_YET", "WAITS", "Answer", "Patience", "is_refusal", "one_line", "tried"]

WAITS: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between tries while AWS does not know a new key everywhere, or wants to be asked less often."""

_REFUSED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "DENIED", "403"})
NOT_YET: Final = frozenset({
    "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "AuthFailure",
    "SignatureDoesNotMatch", "InvalidSignatureException", "401", "UNAUTHORIZED",
})  # fmt: skip
LATER: Final = frozenset({
    "Throttling", "ThrottlingException", "TooManyRequestsException", "TOOMANYREQUESTS", "RequestLimitExceeded",
    "SlowDown", "RequestThrottled", "ServiceUnavailable", "ServiceFailure", "InternalFailure", "InternalError",
    "ServerException", "429", "500", "502", "503", "504",
})  # fmt: skip
_ENCODED: Final = "Encoded authorization failure message"
_LONGEST: Final = 600  # characters of an answer that are kept


@dataclass(frozen=True, slots=True)
class Answer:
    """How a row came out; `code` is AWS's error code, empty when there was none."""

    found: Literal["allowed", "refused", "unknown"]
    text: str
    code: str = ""
    how: Literal["called", "simulated", "read"] = "called"


class Patience:
    """How long a wrong answer may be AWS's old one: a policy that was just changed takes seconds to be known.

    Args:
        seconds: from now.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self._end = time.monotonic() + seconds

    def has(self, wait: float) -> bool:
        """Whether there is time for another try after so many seconds."""
        return time.monotonic() + wait <= self._end


async def tried(
    ask: Callable[[], Awaitable[object]], expected: str, reached: Iterable[str], patience: Patience
) -> Answer:
    """Ask, and again while AWS does not know the key yet, wants to be asked later, or may give an old answer.

    Args:
        ask: makes the call; gives an awaitable whose result is the answer, in words when it is a text.
        expected: how it must come out.
        reached: error codes that only somebody with the permission gets.
        patience: for a policy that was just changed.

    Raises:
        EcrwizError: nothing answered.
    """
    answer = await _once(ask, frozenset(reached))
    for wait in WAITS:
        again = answer.code in NOT_YET | LATER
        wrong = answer.found not in (expected, "unknown")
        if not again and not (wrong and patience.has(wait)):
            return answer
        await asyncio.sleep(wait)
        answer = await _once(ask, frozenset(reached))
    return answer


async def _once(ask: Callable[[], Awaitable[object]], reached: frozenset[str]) -> Answer:
    try:
        said = await ask()
    except RemoteError as error:
        text = one_line(f"{error.code}: {error.said}" if error.said and error.said != error.code else error.code)
        if is_refusal(error):
            return Answer("refused", text, error.code)
        found: Literal["allowed", "unknown"] = "allowed" if error.code in reached else "unknown"
        return Answer(found, text, error.code)
    return Answer("allowed", said if isinstance(said, str) else "done")


def is_refusal(error: RemoteError) -> bool:
    """Whether AWS refused for want of a permission."""
    return error.code in _REFUSED and "authorization token has expired" not in error.said


def one_line(text: str) -> str:
    """AWS's words on one line, without what only AWS can decode."""
    text = " ".join(plain(text).partition(_ENCODED)[0].split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
