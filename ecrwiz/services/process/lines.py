"""Bytes of a child or a container to lines of text."""

from __future__ import annotations

import codecs
from collections import deque
from typing import Final

__all__ = ["LineSplitter"]

_TAIL: Final = 50  # lines kept for an error's text


class LineSplitter:
    """Takes bytes as they come and gives lines, whatever the size of a line and wherever a character is cut.

    Lines are raw but for what a carriage return overwrote.

    Attributes:
        ready: the lines not yet taken.
        tail: the last 50 lines that were taken.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest: list[str] = []  # the open line in pieces: joining at each piece would be quadratic
        self.ready: list[str] = []
        self.tail: deque[str] = deque(maxlen=_TAIL)

    def feed(self, data: bytes) -> None:
        """Take bytes; whole lines become ready."""
        self._add(self._decoder.decode(data))

    def end(self) -> None:
        """Nothing more comes: what is left is a line."""
        self._add(self._decoder.decode(b"", final=True))
        if self._rest:
            self._add("\n")

    def take(self) -> list[str]:
        """The lines that are ready, once."""
        lines, self.ready = self.ready, []
        self.tail.extend(lines[-_TAIL:])
        return lines

    def _add(self, text: str) -> None:
        first, *more = text.split("\n")
        if first:
            if self._rest and self._rest[-1].endswith("\r"):
                self._rest.clear()  # overwritten; a progress bar would make it grow without end
            self._rest.append(first)
        if more:
            lines = ["".join(self._rest), *more[:-1]]
            self._rest = [more[-1]] if more[-1] else []
            self.ready += [_uncovered(line) for line in lines]


def _uncovered(line: str) -> str:
    """What is left to see of a line after its carriage returns."""
    return line.rstrip("\r").rpartition("\r")[2] if "\r" in line else line
