"""Lines of a log, bounded; several views may show the same buffer."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from rich.cells import cell_len

from ecrwiz.model.redact import plain

__all__ = ["LineBuffer"]


class LineBuffer:
    """Keeps the last lines and counts those it dropped.

    A line's number counts from the first line ever, so it stays true when old lines go.

    Attributes:
        limit: how many lines are kept at least; a tenth more before the oldest go in one piece.
        lines: the kept lines, cleaned; colours (SGR) may be in them.
        dropped: how many older lines are gone; the number of the first kept line.
        width: cells of the widest line so far.
        widths: cells of each kept line; negative where a character takes another number of cells than one.
    """

    def __init__(self, limit: int = 20_000) -> None:
        self.limit = limit
        self.lines: list[str] = []
        self.dropped = 0
        self.width = 0
        self.widths = array("l")

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def end(self) -> int:
        """The number that the next line will have."""
        return self.dropped + len(self.lines)

    def extend(self, lines: Iterable[str]) -> None:
        """Add lines; blank ones count."""
        before = len(self.lines)
        self.lines.extend(lines)
        widths = [_width(line) for line in self.lines[before:]]
        self.widths.extend(widths)
        if widths:
            self.width = max(self.width, max(widths), -min(widths))
        extra = len(self.lines) - self.limit
        if extra > self.limit // 10:
            del self.lines[:extra]
            del self.widths[:extra]
            self.dropped += extra

    def line(self, number: int) -> str | None:
        """The line with this number, or None when it was dropped or has not come yet."""
        row = number - self.dropped
        return self.lines[row] if 0 <= row < len(self.lines) else None

    def text(self) -> str:
        """All kept lines without their colours."""
        return "\n".join(plain(line) if "\x1b" in line else line for line in self.lines)


def _width(line: str) -> int:
    text = plain(line) if "\x1b" in line else line
    if text.isascii():
        return len(text)
    cells = cell_len(text)
    return cells if cells == len(text) else -cells
