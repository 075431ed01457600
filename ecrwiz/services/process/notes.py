"""Notes about running children, so that the next start finds those that outlived a kill of ours."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import re
import signal
import stat
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from ecrwiz.model.errors import ToolFailedError
from ecrwiz.model.redact import clean_line
from ecrwiz.services.process.child import HAS_PROC, Child, Ladder, child_environment, group_lives, spawn, stat_fields

__all__ = ["end_survivors", "write_note"]

_NAME = re.compile(r"[0-9]+\.json")
_LARGEST = 65_536  # bytes; a note is far smaller


@dataclass(frozen=True, slots=True)
class _Note:
    """A running child; `started` tells it from another process that has got its number since."""

    pid: int
    started: str
    program: str
    purpose: str


async def write_note(notes: Path, pid: int, program: str, purpose: str) -> Path:
    """Leave a note about a child that has just been started.

    Raises:
        ToolFailedError: the note cannot be written.
    """
    return _save(notes, _Note(pid, await _start_time(pid), program, purpose))


async def end_survivors(notes: Path, say: Callable[[str], None]) -> int:
    """End the children of an earlier start of ours that was killed; to be called while nothing else runs.

    A child counts only when its start time is the one in its note: a process that merely got the same number
    is left alone. It gets SIGINT, after 60 s SIGTERM, 5 s later SIGKILL. Notes of dead ones are removed; what is
    no note of ours stays as it is.

    Args:
        notes: the folder that was given to `stream`.
        say: told in a sentence what is stopped.

    Returns:
        How many were stopped.
    """
    stopped = 0
    for path, note in _load(notes):
        if note.started and await _start_time(note.pid) == note.started:
            what = note.purpose or note.program
            say(f"{clean_line(what)} (process {note.pid}) still runs since an earlier start was killed; stopping it.")
            await _stop(note)
            stopped += 1
        elif await _end_helpers(note):
            say(f"Ended what {clean_line(note.program)} left running when an earlier start was killed.")
            stopped += 1
        path.unlink(missing_ok=True)
    return stopped


async def _stop(note: _Note) -> None:
    ladder = Ladder(note.pid, 60.0)
    while ladder.tick() and await _start_time(note.pid) == note.started:  # noqa: ASYNC110 - see below
        await asyncio.sleep(0.1)  # not our child: nothing tells us when it ends


async def _end_helpers(note: _Note) -> bool:
    """End what a dead child left in its group, such as Terraform's provider; False when there is nothing.

    While one of them lives, the system gives the group's number to nobody else, so a group without its leader
    is still that child's.
    """
    leader = stat_fields(note.pid)
    if not HAS_PROC or not note.started.startswith(_boot()) or (leader and leader[0] != "Z"):
        return False
    if not group_lives(note.pid):
        return False
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(note.pid, number)
        for _ in range(30):
            if not group_lives(note.pid):
                return True
            await asyncio.sleep(0.1)
    return True


def _save(notes: Path, note: _Note) -> Path:
    path = notes / f"{note.pid}.json"
    try:
        if notes.is_symlink():
            raise NotADirectoryError(errno.ENOTDIR, "its folder is a link")
        notes.mkdir(parents=True, exist_ok=True, mode=0o700)
        notes.chmod(0o700)
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        # Made anew, so that no link that lies there is followed.
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(asdict(note), file)
        part.replace(path)
    except OSError as error:
        raise ToolFailedError(f"The note {path} could not be written: {error.strerror}.") from error
    return path


def _load(notes: Path) -> list[tuple[Path, _Note]]:
    """Each note of ours with its file; what only looks like one, or is a link, is not ours to touch."""
    if notes.is_symlink() or not notes.is_dir():
        return []
    found: list[tuple[Path, _Note]] = []
    for path in sorted(notes.iterdir()):
        note = _parse(path) if _NAME.fullmatch(path.name) else None
        if note is not None and path.stem == str(note.pid):
            found.append((path, note))
    return found


def _parse(path: Path) -> _Note | None:
    try:
        info = path.lstat()
        if not stat.S_ISREG(info.st_mode) or info.st_size > _LARGEST:
            return None
        raw = json.loads(path.read_text("utf-8"))
        pid, texts = raw["pid"], [raw["started"], raw["program"], raw["purpose"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if type(pid) is not int or pid <= 1 or not all(isinstance(text, str) for text in texts):
        return None
    return _Note(pid, *texts)


async def _start_time(pid: int) -> str:
    """When a process started, in a form to compare; empty when there is none (a zombie counts as none)."""
    return _from_proc(pid) if HAS_PROC else await _from_ps(pid)


def _from_proc(pid: int) -> str:
    fields = stat_fields(pid)
    return f"{_boot()} {fields[19]}" if len(fields) > 19 and fields[0] != "Z" else ""


def _boot() -> str:
    """What this start of the system is called."""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


async def _from_ps(pid: int) -> str:
    """The BSD way, without /proc: the state, then the start in a language and zone that do not change."""
    printed = bytearray()
    env = child_environment({"TZ": "UTC", "LC_ALL": "C"})
    argv = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    child: Child = await spawn(
        argv, Path("/"), env, "", on_data=lambda _, data: printed.extend(data), stdin=False, merged=True
    )
    while not child.over():
        await child.rung(0.1)
    child.close()
    state, _, started = printed.decode("ascii", "replace").strip().partition(" ")
    return "" if state.startswith("Z") else started.strip()
