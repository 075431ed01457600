"""The log files of one run: a folder per run, a file per step, each line with its time."""

from __future__ import annotations

import re
import shutil
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from ecrwiz.flow.events import CommandShown, Event, Failure, Output, StepFinished, StepId, StepStarted
from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.redact import Redactor, plain
from ecrwiz.services import files

__all__ = ["TRACEBACKS", "RunLog", "new_run_id"]

TRACEBACKS = "tracebacks"
_RUN_ID = re.compile(r"[0-9]{8}-[0-9]{6}(-[0-9]+)?")


def new_run_id(logs: Path) -> str:
    """A name for a run that sorts by time and that no earlier run has."""
    base = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    number = 1
    while (logs / (name := base if number == 1 else f"{base}-{number}")).exists():
        number += 1
    return name


class RunLog:
    """Writes a run's events to its folder; a full disk ends the log, never the run."""

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder = folder
        self.broken = ""
        self._open: dict[str, TextIO] = {}
        try:
            files.private_folder(folder.parent)
            folder.mkdir(mode=0o700)
            _prune(folder.parent, keep)
        except EcrwizError as error:
            self.broken = error.message
        except OSError as error:
            self._give_up(error)

    def write(self, event: Event) -> None:
        """Write what belongs into a step's file."""
        match event:
            case StepStarted(step):
                self._lines(step, [f"# {step} started"])
            case CommandShown(step, text):
                self._lines(step, [f"$ {text}"])
            case Output(step, lines):
                self._lines(step, lines)
            case StepFinished(step=step, status=status, seconds=seconds, error=error, note=note):
                self._lines(step, [f"# {step} {status} after {seconds:.1f} s {note}".rstrip(), *_explain(error)])
            case _:
                pass

    def trace(self, step: StepId, error: BaseException, redact: Redactor) -> None:
        """Write a traceback, into a file of its own: a person reads the steps' logs on the screen."""
        text = redact("".join(traceback.format_exception(error)))
        self._lines(TRACEBACKS, [f"# {step}", *text.splitlines()])

    def path(self, step: StepId) -> Path:
        """The file of a step."""
        return self.folder / f"{step}.log"

    def close(self) -> None:
        """Close all files."""
        for file in self._open.values():
            try:
                file.close()
            except OSError as error:
                self._give_up(error)
        self._open.clear()

    def _lines(self, name: str, lines: list[str] | tuple[str, ...]) -> None:
        if self.broken:
            return
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ ")
        try:
            file = self._open.get(name)
            if file is None:
                file = self._open[name] = (self.folder / f"{name}.log").open("a", encoding="utf-8", errors="replace")
                (self.folder / f"{name}.log").chmod(0o600)
            file.writelines(f"{now}{plain(line)}\n" for line in lines)
            file.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.broken = f"The log {self.folder} could not be written: {error.strerror or error}."


def _prune(logs: Path, keep: int) -> None:
    """Remove the oldest runs' folders and nothing else: the folder may hold what somebody else put there."""
    runs = sorted(
        path for path in logs.iterdir() if _RUN_ID.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
    )
    for path in runs[:-keep]:
        shutil.rmtree(path, ignore_errors=True)


def _explain(error: Failure | None) -> list[str]:
    return [f"# {text}" for text in (error.message, error.hint) if text] if error else []
