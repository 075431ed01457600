"""Tables of other programs' messages and what they mean."""

from __future__ import annotations

import re

__all__ = ["Fault", "lookup", "sentence", "table"]


Fault = tuple[re.Pattern[str], str, str]


def table(*rows: tuple[str, str, str]) -> tuple[Fault, ...]:
    """Rows of pattern, message (with the pattern's groups as {0}, {1}) and hint; the first that fits counts."""
    return tuple((re.compile(pattern, re.IGNORECASE | re.DOTALL), message, hint) for pattern, message, hint in rows)


def lookup(table: tuple[Fault, ...], text: str) -> tuple[str, str] | None:
    """Message and hint of the first row whose pattern is in the text; None when there is none."""
    for pattern, message, hint in table:
        if found := pattern.search(text):
            said = [group for group in found.groups() if group]  # an alternative that was not met leaves a gap
            return message.format(*said, *["it"] * (len(found.groups()) - len(said))), hint
    return None


def sentence(text: str) -> str:
    """Somebody else's message as the end of a sentence of ours."""
    text = " ".join(text.split())
    return text if text.endswith(("?", "!")) else text.rstrip(".") + "."
