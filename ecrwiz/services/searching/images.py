"""Searching an image as `docker save` streams it: its configuration, and every file of every layer."""

from __future__ import annotations

import re
from typing import Final

from ecrwiz.services.searching.needles import Needles
from ecrwiz.services.searching.scanner import Budget, Finds
from ecrwiz.services.searching.unpacking import Named, Sink, Tar, Unpacked

__all__ = ["ImageReader"]

_DIGEST: Final = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")


class ImageReader:
    """Takes the stream piece by piece.

    Formats: the image specification of OCI (`blobs/sha256/...`) and Docker's older one (`.../layer.tar`).

    Attributes:
        finds: what was found; whole after `end`.
    """

    def __init__(self, needles: Needles, budget: Budget) -> None:
        self.finds = Finds()
        self._needles = needles
        self._budget = budget
        self._outer = Tar(self._open, Named(needles, self.finds, "the archive itself"))

    def feed(self, data: bytes) -> None:
        """Take the next piece.

        Raises:
            SpentError: the search has cost what it may cost.
        """
        self._budget.spend(len(data))
        self._outer.feed(data)

    def end(self) -> None:
        """Note the last finds."""
        self._outer.end()

    def _open(self, name: str) -> Sink:
        self.finds.things += 1
        return Unpacked(self._needles, self.finds, _words(name), self._budget)


def _words(name: str) -> str:
    """`blobs/sha256/<64 digits>` and `<64 digits>/layer.tar` in short."""
    return _DIGEST.sub(r"\1", name).removeprefix("blobs/sha256/")
