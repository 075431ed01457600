"""The logs of earlier runs: which there are, reading one while it grows, and a copy of one to give away."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from platformdirs import user_downloads_path

from ecrwiz.flow.events import StepId
from ecrwiz.flow.runlog import TRACEBACKS
from ecrwiz.model.errors import ToolFailedError
from ecrwiz.model.redact import clean_line

__all__ = ["TIME_CELLS", "LogFile", "LogReader", "export", "list_logs", "run_time"]

TIME_CELLS: Final = 9
"""Every line that a `LogReader` gives begins with so many cells of time, or of blanks where it has none."""

_CHUNK: Final = 256 * 1024  # bytes; about what is cleaned in 10 ms
_LONGEST: Final = 16_000  # characters of a line that are shown
_TAIL: Final = 4096  # bytes at a log's end that tell how the step ended
_RUN: Final = re.compile(r"(\d{8}-\d{6})(?:-\d+)?")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ")
_ORDER: Final = {step.value: number for number, step in enumerate(StepId)}
_ENDED: Final = re.compile(r"^\S+Z # \S+ (\w[\w-]*) after ([\d.]+ s)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class LogFile:
    """One log of one step of one run.

    Attributes:
        path: the file.
        run: the run's id.
        step: the step's name, or `tracebacks`.
        size: bytes.
        ended: how the step ended, a `Status`; empty when the log does not say.
        took: how long, such as `12.3 s`; empty when it is not known.
    """

    path: Path
    run: str
    step: str
    size: int
    ended: str = ""
    took: str = ""


def run_time(run: str) -> str:
    """When a run began, UTC, from its id: `2026-11-23 10:15:00`; the id itself when it is no time."""
    found = _RUN.fullmatch(run)
    try:
        return datetime.strptime(found[1], "%Y%m%d-%H%M%S").strftime("%Y-%m-%d %H:%M:%S") if found else run
    except ValueError:
        return run


def list_logs(logs: Path) -> tuple[LogFile, ...]:
    """Every log that is kept, the newest run first and its steps in the order in which they began; blocks."""
    found: list[tuple[str, int, LogFile]] = []
    for folder in _entries(logs):
        if not _RUN.fullmatch(folder.name):
            continue
        for path in _entries(folder):
            if path.suffix != ".log":
                continue
            try:
                with _open(path) as file:
                    info = os.fstat(file.fileno())
                    ended, took = _end(file, info.st_size)
                    began = _began(file)
            except OSError:
                continue
            log = LogFile(path, folder.name, path.stem, info.st_size, ended, took)
            found.append(("z" if path.stem == TRACEBACKS else began, _ORDER.get(path.stem, len(_ORDER)), log))
    found.sort(key=lambda item: item[:2])
    return tuple(log for _, _, log in sorted(found, key=lambda item: item[2].run, reverse=True))


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder without following a link."""
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if not entry.is_symlink()]
    except OSError:
        return []


def _open(path: Path) -> BinaryIO:
    """Open a regular file and nothing else: a link may lead anywhere, and a pipe would block."""
    number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(0, "it is no ordinary file")
    return os.fdopen(number, "rb")


def _end(file: BinaryIO, size: int) -> tuple[str, str]:
    file.seek(max(0, size - _TAIL))
    ends = _ENDED.findall(file.read(_TAIL).decode("utf-8", "replace"))
    return ends[-1] if ends else ("", "")


def _began(file: BinaryIO) -> str:
    file.seek(0)
    return file.read(20).decode("utf-8", "replace")


class LogReader:
    """Reads a log on and on while it is written.

    Attributes:
        trouble: why it cannot be read; empty when it can.
    """

    def __init__(self, path: Path) -> None:
        self.trouble = ""
        self._path = path
        self._place = 0
        self._rest = b""

    def read(self) -> tuple[list[str], bool]:
        """Give the next lines, cleaned, and whether there are more already; blocks.

        A log that became shorter is read from its beginning again.
        """
        try:
            with _open(self._path) as file:
                size = os.fstat(file.fileno()).st_size
                if size < self._place:
                    self._place, self._rest = 0, b""
                file.seek(self._place)
                more = file.read(_CHUNK)
        except OSError as error:
            self.trouble = f"cannot be read: {error.strerror or error}"
            return [], False
        self.trouble = ""
        self._place += len(more)
        *lines, self._rest = (self._rest + more).split(b"\n")
        if len(self._rest) > 4 * _CHUNK:  # no line, or none that anybody could read
            lines, self._rest = [*lines, self._rest], b""
        return [_line(raw) for raw in lines], self._place < size


def _line(raw: bytes) -> str:
    """The run's date stands in the folder's name; 80 columns are better used."""
    text = clean_line(raw[: 4 * _LONGEST].decode("utf-8", "replace")[:_LONGEST])
    return f"{text[11:19]} {text[21:]}" if _TIME.match(text) else " " * TIME_CELLS + text


def export(log: Path) -> Path:
    """Copy a whole log to where a person looks for it: the downloads folder, else the home folder; blocks.

    Never the working folder: that is the application's, where a new file makes the tree dirty and the image stale.

    Raises:
        ToolFailedError: it cannot be read or written.
    """
    downloads = user_downloads_path()
    folder = downloads if downloads.is_dir() else Path.home()
    try:
        with _open(log) as source:
            target, number = _new(folder, f"ecrwiz-{log.parent.name}-{log.stem}")
            with os.fdopen(number, "wb") as file:
                while piece := source.read(_CHUNK):
                    file.write(piece)
    except OSError as error:
        why = error.strerror or str(error)
        raise ToolFailedError(
            f"The log could not be copied to {folder}: {why}.", f"The log itself is in {log}."
        ) from error
    return target


def _new(folder: Path, stem: str) -> tuple[Path, int]:
    """A file of its own that nobody else may read: a log says much about a project."""
    count = 1
    while True:
        path = folder / (f"{stem}.log" if count == 1 else f"{stem}-{count}.log")
        try:
            return path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            count += 1
