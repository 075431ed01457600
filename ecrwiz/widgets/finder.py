"""Which lines of a buffer match, found a little at a time so that a long log never holds the interface up."""

from __future__ import annotations

import re
import time
from bisect import bisect_left, bisect_right

from ecrwiz.model.redact import plain
from ecrwiz.widgets.line_buffer import LineBuffer

__all__ = ["Finder"]

_SLICE = 200  # lines between two looks at the clock
_LONGEST = 4000  # characters of a line that are searched


class Finder:
    """Looks through a buffer from its first line on; lines that come later are looked at by the next `look_on`.

    Attributes:
        pattern: what is looked for.
        hits: the numbers of the lines that have it, ascending.
        place: the number of the first line that was not looked at yet.
    """

    def __init__(self, buffer: LineBuffer, pattern: re.Pattern[str], cut: int = 0) -> None:
        self.pattern = pattern
        self.hits: list[int] = []
        self.place = buffer.dropped
        self._buffer = buffer
        self._cut = cut

    def look_on(self, seconds: float | None = None) -> bool:
        """Look through more lines.

        Args:
            seconds: for so long at most; None for as long as it takes.

        Returns:
            Whether every line has been looked at.
        """
        until = None if seconds is None else time.monotonic() + seconds
        self._forget()
        search, cut, lines, dropped = self.pattern.search, self._cut, self._buffer.lines, self._buffer.dropped
        while self.place < self._buffer.end:
            start = self.place - dropped
            for row, line in enumerate(lines[start : start + _SLICE], start):
                text = plain(line) if "\x1b" in line else line
                if search(text[cut : cut + _LONGEST]):
                    self.hits.append(row + dropped)
            self.place = min(self._buffer.end, self.place + _SLICE)
            if until is not None and time.monotonic() > until:
                break
        return self.place >= self._buffer.end

    def after(self, number: int) -> int | None:
        """The next line with a match, around the end; None when there is none."""
        self._forget()
        if not self.hits:
            return None
        place = bisect_right(self.hits, number)
        return self.hits[place % len(self.hits)]

    def before(self, number: int) -> int | None:
        """The line with a match before this one, around the beginning; None when there is none."""
        self._forget()
        if not self.hits:
            return None
        return self.hits[bisect_left(self.hits, number) - 1]

    def rank(self, number: int) -> int:
        """Which of the matches a line is, from 1 on; 0 when it is none."""
        place = bisect_left(self.hits, number)
        return place + 1 if place < len(self.hits) and self.hits[place] == number else 0

    def _forget(self) -> None:
        """Lines that are gone are no matches any more."""
        dropped = self._buffer.dropped
        self.place = max(self.place, dropped)
        if self.hits and self.hits[0] < dropped:
            del self.hits[: bisect_left(self.hits, dropped)]
