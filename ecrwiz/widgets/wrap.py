"""Which rows of a window a line takes when long lines are wrapped."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from itertools import accumulate

from rich.cells import cell_len, chop_cells

from ecrwiz.model.redact import plain
from ecrwiz.widgets.line_buffer import LineBuffer

__all__ = ["Wrap"]


class Wrap:
    """Rows of a buffer's lines in a window of a certain width.

    Only the widths are looked at, so that a new line costs a number, and another width one pass over numbers.

    Attributes:
        width: cells of a row.
        cut: so many cells at the beginning of each line are not shown.
    """

    def __init__(self, buffer: LineBuffer, width: int, cut: int = 0) -> None:
        self.cut = cut
        self._buffer = buffer
        self.width = max(1, width)
        self._dropped = buffer.dropped
        self._before = 0  # rows of the lines that are gone
        self._ends = array("q")  # for each kept line, the rows up to its end, counted from the first line ever
        self.sync()

    @property
    def rows(self) -> int:
        """How many rows all kept lines take."""
        return (self._ends[-1] if self._ends else self._before) - self._before

    def sync(self) -> int:
        """Take in what the buffer got and dropped; gives how many rows went at the top."""
        gone, before = self._buffer.dropped - self._dropped, self._before
        self._dropped = self._buffer.dropped
        if gone > len(self._ends):  # lines came and went unseen
            self._ends, self._before = array("q"), 0
            before = 0
        elif gone:
            self._before = self._ends[gone - 1]
            del self._ends[:gone]
        known = len(self._ends)
        end = self._ends[-1] if known else self._before
        width, cut = self.width, self.cut
        full, more = width + cut, cut - width + 1
        rows = [
            1 if 0 <= cells <= full else (cells - more) // width if cells > 0 else self._count(row, -cells)
            for row, cells in enumerate(self._buffer.widths[known:], known)
        ]
        ends = accumulate(rows, initial=end)
        next(ends)
        self._ends.extend(ends)
        return self._before - before

    def at(self, row: int) -> tuple[int, int]:
        """The line in this row, counted from the first kept one, and which of its pieces it is."""
        place = self._before + row
        line = bisect_right(self._ends, place)
        return line, place - (self._ends[line - 1] if line else self._before)

    def row_of(self, line: int) -> int:
        """The first row of a line, both counted from the first kept one."""
        if not self._ends:
            return 0
        line = min(line, len(self._ends))
        return (self._ends[line - 1] if line > 0 else self._before) - self._before

    def pieces(self, text: str) -> list[str]:
        """A line without colours, cut for the rows."""
        if text.isascii() or cell_len(text) == len(text):
            return [text[start : start + self.width] for start in range(0, len(text), self.width)] or [""]
        return chop_cells(text, self.width) or [""]

    def span(self, wide: str, piece: int) -> tuple[int, int, int]:
        """Where a piece of a line lies in it.

        Args:
            wide: the line without colours if it has characters that take another number of cells than one.
            piece: which piece, from 0.

        Returns:
            First cell, cell after the last, first character.
        """
        if not wide:
            start = piece * self.width
            return start, start + self.width, start
        pieces = self.pieces(wide)
        before, own = "".join(pieces[:piece]), "".join(pieces[piece : piece + 1])
        start = cell_len(before)
        return start, start + cell_len(own), len(before)

    def _count(self, row: int, cells: int) -> int:
        return 1 if cells <= self.width else len(self.pieces(plain(self._buffer.lines[row])[self.cut :]))
