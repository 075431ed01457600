"""Reads the sources of an application, up to fixed limits and always in the same order; never node_modules."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["MOST_FILES", "Source", "Sources", "read_sources"]

MOST_FILES: Final = 1500  # that are read
_MOST_BYTES: Final = 8_000_000
_LARGEST: Final = 200_000  # bytes of a file; a longer one is no source that a person wrote
_MOST_ENTRIES: Final = 12_000  # names that are looked at
_MOST_IN_FOLDER: Final = 2_000
_DEEPEST: Final = 12

_SUFFIXES: Final = (".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts", ".vue", ".svelte", ".astro", ".html")
# fmt: off
_NEVER: Final = frozenset([
    "node_modules", "bower_components", "vendor", "dist", "build", "out", "coverage", "public", "static", "assets",
    "target", "tmp", "temp", "test", "tests", "__tests__", "__mocks__", "spec", "e2e", "cypress", "playwright",
    "stories", "storybook-static", "docs", "doc", "examples", "infra", "terraform"
])
# fmt: on
_NOT_SOURCES: Final = (".test.", ".spec.", ".stories.", ".d.ts", ".min.", ".config.")
# What a server or a page is usually written in, so that the limits leave out the rest.
_FIRST: Final = ("src", "app", "pages", "server", "lib")


@dataclass(frozen=True, slots=True)
class Source:
    """A file of the application.

    Attributes:
        path: relative to the application's folder; begins with `../` when it is another package's.
        text: its bytes, which are searched faster than text.
        own: it is the application's own, not another package's of the workspace.
    """

    path: str
    text: bytes
    own: bool = True

    def line_of(self, offset: int) -> int:
        """The number of the line that holds this offset."""
        return self.text.count(b"\n", 0, offset) + 1


@dataclass(frozen=True, slots=True)
class Sources:
    """What was read.

    Attributes:
        files: in the order in which they were found.
        whole: no limit was met, so that nothing is missing.
    """

    files: tuple[Source, ...]
    whole: bool


class _Budget:
    def __init__(self) -> None:
        self.files = MOST_FILES
        self.bytes = _MOST_BYTES
        self.entries = _MOST_ENTRIES

    def spent(self) -> bool:
        """Whether no more may be read."""
        return self.files <= 0 or self.bytes <= 0 or self.entries <= 0


def read_sources(root: Path, others: Iterable[str] = ()) -> Sources:
    """Read an application's sources, breadth first.

    Args:
        root: the application's folder.
        others: folders of other packages, relative to it, to be read after it.
    """
    budget = _Budget()
    found: list[Source] = []
    whole = _walk(os.fspath(root), "", found, budget, own=True)
    for other in others:
        whole &= _walk(os.path.join(root, other), f"{other}/", found, budget, own=False)  # noqa: PTH118  # faster
    return Sources(tuple(found), whole)


def _walk(root: str, prefix: str, found: list[Source], budget: _Budget, *, own: bool) -> bool:
    """Read one package breadth first; False when a limit was met."""
    waiting: deque[tuple[str, int]] = deque([("", 0)])
    whole = True
    while waiting:
        if budget.spent():
            return False
        folder, depth = waiting.popleft()
        files, folders, complete = _list(f"{root}/{folder}" if folder else root, budget)
        whole &= complete
        for name in files:
            if budget.spent():
                return False
            path = f"{folder}/{name}" if folder else name
            if (text := _read(f"{root}/{path}")) is not None:
                found.append(Source(prefix + path, text, own))
                budget.files -= 1
                budget.bytes -= len(text)
        if depth < _DEEPEST:
            waiting.extend((f"{folder}/{name}" if folder else name, depth + 1) for name in folders)
    return whole


def _list(folder: str, budget: _Budget) -> tuple[list[str], list[str], bool]:
    """The sources and the folders in a folder, in a fixed order; links are left out."""
    files, folders = [], []
    complete = True
    try:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if number >= _MOST_IN_FOLDER:
                    complete = False
                    break
                budget.entries -= 1
                name = entry.name
                if name.startswith(".") and name != ".vitepress":
                    continue
                if name.endswith(_SUFFIXES):
                    if not any(part in name for part in _NOT_SOURCES) and entry.is_file(follow_symlinks=False):
                        files.append(name)
                elif name not in _NEVER and "." not in name and entry.is_dir(follow_symlinks=False):
                    folders.append(name)
    except OSError:  # it may be gone, or not ours to read: the rest still says what it says
        return [], [], False
    files.sort()
    folders.sort(key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))
    return files, folders, complete


def _read(path: str) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > _LARGEST:
            return None
        return os.read(descriptor, _LARGEST)
    except OSError:
        return None
    finally:
        os.close(descriptor)
