"""Labelled values in two columns, and single lines under them: how a screen tells what it is about."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len
from textual.content import Content

__all__ = ["LABEL", "hanging", "line", "two_columns"]

LABEL: Final = 10

_INDENT: Final = 4


def two_columns(pairs: Sequence[tuple[str, str, str, str]], width: int) -> list[Content]:
    """Lines of two labelled values each; what is too long for its half is cut with an ellipsis.

    Args:
        pairs: label, value, label, value of each line.
        width: in cells.
    """
    half = max(30, width // 2)
    return [Content.assemble(*_pair(a, b, half), *_pair(c, d, width - half)) for a, b, c, d in pairs]


def line(label: str, value: str, width: int = 0) -> Content:
    """One labelled value; cut at `width` cells unless that is 0, then it may go on in the next line."""
    if width:
        return Content.assemble(*_pair(label, value, width))
    return Content.assemble((f"{label:<{LABEL}}", "dim"), value)


def hanging(head: str, text: str, width: int, style: str = "dim") -> Content:
    """A text beside a head, its further lines under its first word; under the head when a word is too long for that.

    Args:
        head: with the blanks that separate it.
        text: what is broken at blanks.
        width: in cells; 0 when it is not known yet, then nothing is broken.
        style: of the head.
    """
    if width <= 0:
        return Content.assemble((head, style), text)
    room, indent = width - cell_len(head), " " * cell_len(head)
    first, rest = "", list[str]()
    if max(map(len, text.split()), default=0) > room:
        indent = " " * _INDENT
        rest = textwrap.wrap(text, max(_INDENT, width - _INDENT), break_on_hyphens=False)
    else:
        first, *rest = textwrap.wrap(text, room, break_on_hyphens=False) or [""]
    return Content("\n").join([Content.assemble((head, style), first), *(Content(indent + more) for more in rest)])


def _pair(label: str, value: str, width: int) -> Iterator[tuple[str, str] | str]:
    room = max(1, width - LABEL - 1)
    text = value if len(value) <= room else f"{value[: room - 1]}…"
    yield f"{label:<{LABEL}}", "dim"
    yield f"{text:<{width - LABEL}}"
