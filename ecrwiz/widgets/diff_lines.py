"""Lines with the kinds of their parts: a unified diff read, and laid out below or beside one another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len, chop_cells

from ecrwiz.model.redact import plain
from ecrwiz.widgets.colouring import Span, colour

__all__ = ["DiffLine", "StyledLine", "beside", "code", "read_diff", "unified", "words"]

_DIVIDER: Final = " │ "
_MARKERS: Final = ("<<<<<<< ", "|||||||", "=======", ">>>>>>> ")


@dataclass(frozen=True, slots=True)
class StyledLine:
    """A line as it is shown, and the kinds of its parts; a later one lies over an earlier one."""

    text: str
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of a diff.

    Attributes:
        sign: `+`, `-` or a space; `@` for where a hunk begins, a backslash for a remark.
        text: without the sign.
        spans: what kinds of things stand in it.
    """

    sign: str
    text: str
    spans: tuple[Span, ...] = ()


def read_diff(diff: str, language: str) -> tuple[DiffLine, ...]:
    """Read a unified diff; both sides are coloured, each as far as the diff holds it."""
    raw = [(line[:1], plain(line[1:]).expandtabs(4)) for line in _body(diff)]
    sides = {sign: _coloured([text for its, text in raw if its in (" ", sign)], language) for sign in "+-"}
    found = []
    for sign, text in raw:
        spans: tuple[Span, ...] = ()
        if sign in (" ", "+"):
            spans = next(sides["+"])
        if sign in (" ", "-"):
            other = next(sides["-"])
            spans = spans if sign == " " else other
        found.append(DiffLine(sign, f"{sign}{text}" if sign == "@" else text, spans))
    return tuple(found)


def _body(diff: str) -> Iterator[str]:
    """The lines after the two that name the file."""
    head = True
    for line in diff.split("\n")[: -1 if diff.endswith("\n") else None]:
        if head and line.startswith(("--- ", "+++ ")):
            continue
        head = False
        yield line or " "


def _coloured(lines: Sequence[str], language: str) -> Iterator[tuple[Span, ...]]:
    return (tuple(spans) for spans in colour("\n".join(lines), language))


def code(text: str, language: str) -> tuple[StyledLine, ...]:
    """A text in its colours; git's conflict markers stand out."""
    lines = [plain(line).expandtabs(4) for line in text.splitlines()]
    found = []
    for line, spans in zip(lines, _coloured(lines, language), strict=False):
        marked = line.startswith(_MARKERS)
        found.append(StyledLine(line, ((0, len(line), "warning"),) if marked else spans))
    return tuple(found)


def words(text: str) -> tuple[StyledLine, ...]:
    """A text without colours."""
    return tuple(StyledLine(plain(line).expandtabs(4)) for line in text.splitlines())


def unified(lines: Sequence[DiffLine]) -> tuple[StyledLine, ...]:
    """One line below the other, each with its sign."""
    return tuple(_whole(line) for line in lines)


def _whole(line: DiffLine) -> StyledLine:
    if line.sign == "@":
        return StyledLine(line.text, ((0, len(line.text), "place"),))
    if line.sign == "\\":
        return StyledLine(f"\\{line.text}", ((0, len(line.text) + 1, "muted"),))
    spans = [(start + 1, end + 1, kind) for start, end, kind in line.spans]
    kind = {"+": "added", "-": "removed"}.get(line.sign)
    if kind:
        spans = [(0, len(line.text) + 1, kind), (0, 1, f"{kind}-sign"), *spans]
    return StyledLine(f"{line.sign}{line.text}", tuple(spans))


def beside(lines: Sequence[DiffLine], width: int) -> tuple[StyledLine, ...]:
    """What was on the left, what comes on the right; long lines go on in the next row.

    Args:
        lines: what `read_diff` gave.
        width: cells of the whole.
    """
    half = max(8, (width - len(_DIVIDER)) // 2)
    found: list[StyledLine] = []
    for left, right in _pairs(lines):
        if left is not None and left.sign in "@\\":
            found.append(_whole(left))
            continue
        pieces = [_pieces(left, half), _pieces(right, half)]
        rows = max(map(len, pieces))
        for number in range(rows):
            halves = [side[number] if number < len(side) else StyledLine(" " * half) for side in pieces]
            shift = len(halves[0].text) + len(_DIVIDER)
            spans = (
                *halves[0].spans,
                (shift - len(_DIVIDER), shift, "muted"),
                *((start + shift, end + shift, kind) for start, end, kind in halves[1].spans),
            )
            found.append(StyledLine(f"{halves[0].text}{_DIVIDER}{halves[1].text}", spans))
    return tuple(found)


def _pairs(lines: Sequence[DiffLine]) -> Iterator[tuple[DiffLine | None, DiffLine | None]]:
    """Lines that went beside those that came in their place."""
    gone: list[DiffLine] = []
    come: list[DiffLine] = []

    def flush() -> Iterator[tuple[DiffLine | None, DiffLine | None]]:
        for number in range(max(len(gone), len(come))):
            yield (gone[number] if number < len(gone) else None, come[number] if number < len(come) else None)
        gone.clear()
        come.clear()

    for line in lines:
        if line.sign == "-":
            if come:
                yield from flush()
            gone.append(line)
        elif line.sign == "+":
            come.append(line)
        else:
            yield from flush()
            yield (line, line)
    yield from flush()


def _pieces(line: DiffLine | None, half: int) -> list[StyledLine]:
    """A line in rows of exactly `half` cells, the first with its sign."""
    if line is None:
        return []
    room = half - 2
    texts = [line.text] if cell_len(line.text) <= room else chop_cells(line.text, room)
    kind = {"+": "added", "-": "removed"}.get(line.sign)
    found: list[StyledLine] = []
    done = 0
    for text in texts or [""]:
        shown = f"{line.sign if not found else ' '} {text}"
        shown += " " * (half - cell_len(shown))
        spans = [(0, len(shown), kind), (0, 1, f"{kind}-sign")] if kind else []
        for start, end, what in line.spans:
            if start < done + len(text) and end > done:
                spans.append((max(start - done, 0) + 2, min(end - done, len(text)) + 2, what))
        found.append(StyledLine(shown, tuple(spans)))
        done += len(text)
    return found
