"""Searching files and folders, with what lies packed in them."""

from __future__ import annotations

import errno
import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from ecrwiz.services.searching.needles import Needles
from ecrwiz.services.searching.scanner import Budget, Finds, Scanner, SpentError
from ecrwiz.services.searching.unpacking import Unpacked, is_packed

__all__ = ["search_files", "search_text"]

_PIECE: Final = 256 * 1024  # bytes
_MOST_PROBLEMS: Final = 5


def search_files(
    needles: Needles,
    places: Iterable[Path],
    budget: Budget,
    *,
    name: Callable[[Path], str] = str,
    without: Collection[str] = (),
    apart: Collection[Path] = (),
) -> Finds:
    """Search files, and folders with all that is in them; blocks.

    A link that is named itself is followed, one that lies in a folder is not. Pipes and devices are passed over.

    Args:
        needles: what is looked for.
        places: files and folders; missing ones do not matter.
        budget: what the search may cost.
        name: how a file is called in what is found.
        without: names of folders that are not gone into.
        apart: files and folders that are passed over.
    """
    finds, seen = Finds(), {os.path.realpath(path) for path in apart}
    try:
        for path in _files(places, without, seen, finds):
            _one(needles, path, budget, name(path), finds)
    except SpentError:
        finds.problems.insert(0, budget.stopped)
    if len(finds.problems) > _MOST_PROBLEMS:
        rest = len(finds.problems) - _MOST_PROBLEMS
        finds.problems[_MOST_PROBLEMS:] = [f"{rest} more could not be read"]
    return finds


def search_text(needles: Needles, texts: Iterable[tuple[str, str]]) -> Finds:
    """Search texts by name, such as variables of the environment."""
    finds = Finds()
    for name, text in texts:
        scanner = Scanner(needles)
        scanner.feed(text.encode("utf-8", "surrogateescape"))
        finds.things += 1
        finds.size += scanner.size
        for kind in {hit.kind for hit in scanner.hits}:
            finds.add(kind, name)
    return finds


def _files(places: Iterable[Path], without: Collection[str], seen: set[str], finds: Finds) -> Iterator[Path]:
    waiting = [(path, True) for path in reversed(list(places))]
    while waiting:
        path, named = waiting.pop()
        try:
            mode = (path.stat() if named else path.lstat()).st_mode
            real = os.path.realpath(path)
            if stat.S_ISLNK(mode) or real in seen:
                continue
            seen.add(real)
            if stat.S_ISDIR(mode):
                with os.scandir(path) as entries:
                    inside = sorted(entry.name for entry in entries)
                waiting += [(path / entry, False) for entry in reversed(inside) if entry not in without]
            elif stat.S_ISREG(mode):
                yield path
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            finds.problems.append(f"{path}: {error.strerror or error}")


def _one(needles: Needles, path: Path, budget: Budget, name: str, finds: Finds) -> None:
    scanner = Scanner(needles)
    try:
        with _open(path) as file:
            head = file.read(8)
            file.seek(0)
            unpacked = Unpacked(needles, finds, f"{name}, unpacked", budget) if is_packed(head) else None
            while piece := file.read(_PIECE):
                budget.spend(len(piece))
                scanner.feed(piece)
                if unpacked is not None:
                    unpacked.feed(piece)
            if unpacked is not None:
                unpacked.end()
            if head.startswith(b"PK\3\4"):
                _zip(needles, file, budget, name, finds)
    except FileNotFoundError:
        return  # gone meanwhile
    except OSError as error:
        finds.problems.append(f"{name}: {error.strerror or error}")
    finally:
        finds.take(name, scanner)
    finds.things += 1


def _open(path: Path) -> BinaryIO:
    """Open an ordinary file and nothing else: it may have been replaced by a pipe since it was looked at."""
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise FileNotFoundError(errno.ENOENT, "it is no ordinary file")
    return os.fdopen(number, "rb")


def _zip(needles: Needles, file: BinaryIO, budget: Budget, name: str, finds: Finds) -> None:
    """A Terraform plan is one of these."""
    try:
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                scanner = Scanner(needles)
                with archive.open(member) as content:
                    while piece := content.read(_PIECE):
                        budget.spend(len(piece))
                        scanner.feed(piece)
                finds.take(f"{name}, {member.filename}", scanner)
    # The zip file is anybody's: encrypted, damaged, or packed in a way that Python does not know.
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error, EOFError, ValueError) as error:
        finds.problems.append(f"{name} cannot be unpacked ({type(error).__name__})")
