"""Finding needles in a stream that comes in pieces of any size."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

from ecrwiz.services.searching.needles import Kind, Needles, compact

__all__ = ["MOST", "Budget", "Finds", "Hit", "Scanner", "SpentError"]

MOST: Final = 20
"""Places of one kind that are told; a log can hold thousands."""

_LONGEST_TAIL: Final = 64 * 1024  # bytes kept from one piece to the next, blanks included


class SpentError(Exception):
    """The time or the bytes that may be spent are spent; never seen outside of a search."""


class Budget:
    """What a search may cost; an archive can unfold to more than any disk holds.

    Args:
        seconds: of time.
        size: bytes, unpacked.
    """

    def __init__(self, seconds: float, size: int) -> None:
        self.until = time.monotonic() + seconds
        self._seconds = seconds
        self._left = size
        self._size = size
        self.stopped = ""

    def spend(self, size: int) -> None:
        """Count bytes that are about to be read.

        Raises:
            SpentError: there is nothing left to spend; `stopped` says what.
        """
        self._left -= size
        if self._left < 0:
            self.stopped = f"stopped after {self._size / 1e9:.1f} GB"
        elif time.monotonic() > self.until:
            self.stopped = f"stopped after {self._seconds:.0f} s"
        if self.stopped:
            raise SpentError


@dataclass(frozen=True, slots=True)
class Hit:
    """Where something was found.

    Attributes:
        kind: `secret` or `key id`.
        offset: of its first byte.
        line: from 1; 0 where there are no lines, as in binary data.
    """

    kind: Kind
    offset: int
    line: int

    @property
    def where(self) -> str:
        """The place within what was searched."""
        return f":{self.line}" if self.line else f" at byte {self.offset}"


@dataclass
class Finds:
    """Everything that one kind of place gave.

    Attributes:
        secret: places of the secret.
        key_id: places of the key id.
        things: files or objects that were read.
        size: bytes that were read, unpacked.
        problems: what could not be read, and why.
    """

    secret: list[str] = field(default_factory=list)
    key_id: list[str] = field(default_factory=list)
    things: int = 0
    size: int = 0
    problems: list[str] = field(default_factory=list)

    def take(self, place: str, scanner: Scanner) -> None:
        """Note what a scanner found in a place."""
        self.size += scanner.size
        for hit in scanner.hits:
            self.add(hit.kind, f"{place}{hit.where}")

    def add(self, kind: Kind, line: str) -> None:
        """Note one place."""
        lines = self.secret if kind == "secret" else self.key_id
        if len(lines) < MOST and line not in lines:
            lines.append(line)


class Scanner:
    """Takes data piece by piece and notes where a needle begins, wherever the pieces were cut.

    Attributes:
        hits: in the order in which they were met; at most `MOST` of a kind.
        size: bytes that were fed.
    """

    __slots__ = ("_lines", "_needles", "_start", "_tail", "hits", "size")

    def __init__(self, needles: Needles) -> None:
        self._needles = needles
        self._tail = b""
        self._start = 0  # offset of the tail's first byte
        self._lines = 1  # the line that it is in
        self.hits: list[Hit] = []
        self.size = 0

    def feed(self, data: bytes) -> None:
        """Look through the next piece."""
        if not data:
            return
        self.size += len(data)
        window = self._tail + data
        packed = compact(window)
        for kind, form in self._needles.forms:
            at = packed.find(form)
            while at >= 0 and sum(hit.kind == kind for hit in self.hits) < MOST:
                self._note(kind, window, at, at + len(form) - 1)
                at = packed.find(form, at + 1)
        self._keep(window)

    def end(self) -> None:
        """Nothing more comes; there is nothing to do."""

    def _note(self, kind: Kind, window: bytes, first: int, last: int) -> None:
        if _raw_index(window, last) < len(self._tail):
            return  # it was met with the piece before
        begins = _raw_index(window, first)
        line = 0 if b"\0" in window else self._lines + window.count(b"\n", 0, begins)
        self.hits.append(Hit(kind, self._start + begins, line))

    def _keep(self, window: bytes) -> None:
        """Keep so much of the end that a needle which the next piece completes is whole."""
        wanted = self._needles.longest - 1
        length = wanted
        while length < min(len(window), _LONGEST_TAIL) and len(compact(window[-length:] if length else b"")) < wanted:
            length = length * 2 + 1
        length = min(length, len(window), max(_LONGEST_TAIL, wanted))
        gone = len(window) - length
        self._lines += window.count(b"\n", 0, gone)
        self._start += gone
        self._tail = window[gone:]


def _raw_index(window: bytes, number: int) -> int:
    """The index in the window of the byte that has this index among those that are not passed over."""
    low, high = 0, len(window)
    while low < high:
        middle = (low + high) // 2
        if len(compact(window[: middle + 1])) > number:
            high = middle
        else:
            low = middle + 1
    return low
