"""Searching Git's objects as `git cat-file --batch` prints them: commits, trees, blobs and tags, one after another.

Format: git-cat-file(1), "BATCH OUTPUT".
"""

from __future__ import annotations

import re
from typing import Final

from ecrwiz.services.searching.needles import Needles
from ecrwiz.services.searching.scanner import MOST, Budget, Finds, Scanner

__all__ = ["ObjectReader"]

_HEADER: Final = re.compile(rb"([0-9a-f]{40,64}) (commit|tree|blob|tag) (\d{1,18})")
_LONGEST_HEADER: Final = 200


class ObjectReader:
    """Takes the stream piece by piece, cut anywhere.

    Attributes:
        finds: how much was read, and problems.
        secret: ids and kinds of objects that hold the secret, with the line in them; at most 20.
        key_id: the same for the key id.
    """

    def __init__(self, needles: Needles, budget: Budget) -> None:
        self.finds = Finds()
        self.secret: list[tuple[str, str, str]] = []
        self.key_id: list[tuple[str, str, str]] = []
        self._needles = needles
        self._budget = budget
        self._line = b""
        self._object = ("", "")
        self._left = 0  # bytes of the object, its closing line end included
        self._scanner: Scanner | None = None

    def feed(self, data: bytes) -> None:
        """Take the next piece.

        Raises:
            SpentError: the search has cost what it may cost.
        """
        self._budget.spend(len(data))
        at = 0
        while at < len(data):
            if self._scanner is None:
                at = self._header(data, at)
            else:
                piece = data[at : at + self._left]
                self._left -= len(piece)
                at += len(piece)
                self._scanner.feed(piece)
                if self._left == 0:
                    self._close()

    def end(self) -> None:
        """Nothing more comes."""
        if self._scanner is not None:
            self.finds.problems.append("git stopped in the middle of an object")
            self._close()

    def _header(self, data: bytes, at: int) -> int:
        end = data.find(b"\n", at)
        self._line += data[at : len(data) if end < 0 else end]
        if end < 0:
            if len(self._line) > _LONGEST_HEADER:
                self._line = self._line[:_LONGEST_HEADER]
            return len(data)
        found = _HEADER.fullmatch(self._line)
        if found:
            self._object = (found[1].decode(), found[2].decode())
            self._left = int(found[3]) + 1
            self._scanner = Scanner(self._needles)
        elif self._line:
            self.finds.problems.append(f"an object is missing ({self._line[:40].decode('ascii', 'replace')})")
        self._line = b""
        return end + 1

    def _close(self) -> None:
        if self._scanner is None:
            return
        self.finds.things += 1
        self.finds.size += self._scanner.size
        for hit in self._scanner.hits:
            found = self.secret if hit.kind == "secret" else self.key_id
            entry = (*self._object, hit.where)
            if len(found) < MOST and entry[:2] not in [known[:2] for known in found]:
                found.append(entry)
        self._scanner = None
