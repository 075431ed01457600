"""Secrets as a type, and text made fit to be shown or logged."""

from __future__ import annotations

import hmac
import re
from typing import Final, NoReturn

__all__ = ["MASK", "Redactor", "Secret", "clean_line", "plain"]

MASK: Final = "••••••••"

# Any escape sequence that is not a colour (SGR): OSC, DCS/PM/APC/SOS strings, other CSI, two-character escapes.
_STRING = r"(?:\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?"
_OTHER = r"|\[[0-?]*[ -/]*[@-~]|[ -/]*[0-~])?"
_NOT_COLOUR = re.compile(r"\x1b(?!\[[0-9;:]*m)" + _STRING + _OTHER)
_ANY_ESCAPE = re.compile(r"\x1b" + _STRING + _OTHER)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Secret:
    """A text that must not be seen: every way of printing or storing it gives the mask.

    `reveal()` is the only way to the text, so that each use can be found by searching for it.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text itself; hand it straight to the API that needs it."""
        return self._text

    def __str__(self) -> str:
        return MASK

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    __hash__ = None  # type: ignore[assignment]  # a hash would let a set or dict key compare and print it

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never written or copied")


class Redactor:
    """Masks the secrets that it has been told of, and shapes that are secrets by their look.

    The last line of defence: nothing should print a secret in the first place.
    """

    _SHAPES = re.compile(
        r"gh[pousr]_[A-Za-z0-9]{20,}"
        r"|github_pat_[A-Za-z0-9_]{20,}"
        r"|(?<=Bearer )[A-Za-z0-9._~+/=-]{8,}"
        r"|(?<=Basic )[A-Za-z0-9+/=]{8,}"
        r"|(?i:(?<=aws_secret_access_key=)|(?<=aws_session_token=))\S+"
        r"|-----BEGIN [A-Z ]*PRIVATE KEY[A-Z ]*-----"
    )

    def __init__(self) -> None:
        self._known: set[str] = set()

    def add(self, secret: Secret) -> Secret:
        """Mask this secret from now on; gives it back so that the call can wrap an expression."""
        if len(secret.reveal()) >= 8:  # shorter ones would mask ordinary words
            self._known.add(secret.reveal())
        return secret

    def __call__(self, text: str) -> str:
        """The text with every secret masked."""
        for known in self._known:
            if known in text:
                text = text.replace(known, MASK)
        return self._SHAPES.sub(MASK, text)


def clean_line(line: str) -> str:
    """Make a line from outside safe for a terminal: colours stay, every other escape and control goes.

    What a carriage return overwrote goes too; tabs become spaces.
    """
    if "\r" in line:
        line = line.rstrip("\r").rsplit("\r", 1)[-1]
    if "\x1b" in line:
        line = _NOT_COLOUR.sub("", line)
    return _CONTROL.sub("", line).expandtabs(8)


def plain(line: str) -> str:
    """A cleaned line without its colours."""
    return _CONTROL.sub("", _ANY_ESCAPE.sub("", line))
