"""Notes about running children, so that the next start finds those that outlived a kill of ours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from ecrwiz.model.errors import ToolFailedError
from ecrwiz.services.process.child import HAS_PROC, Child, Ladder, child_environment, spawn, stat_fields

__all__ = ["end_survivors", "write_note"]


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
    is left alone. It gets SIGINT, after 60 s SIGTERM, 5 s later SIGKILL. Notes of dead ones are removed.

    Args:
        notes: the folder that was given to `stream`.
        say: told in a sentence what is stopped.

    Returns:
        How many were stopped.
    """
    stopped = 0
    for path, note in _load(notes):
        if note and note.started and await _start_time(note.pid) == note.started:
            what = note.purpose or note.program
            say(f"{what} (process {note.pid}) still runs since an earlier start was killed; stopping it.")
            await _stop(note)
            stopped += 1
        path.unlink(missing_ok=True)
    return stopped


async def _stop(note: _Note) -> None:
    ladder = Ladder(note.pid, 60.0)
    while ladder.tick() and await _start_time(note.pid) == note.started:  # noqa: ASYNC110 - see below
        await asyncio.sleep(0.1)  # not our child: nothing tells us when it ends


def _save(notes: Path, note: _Note) -> Path:
    path = notes / f"{note.pid}.json"
    try:
        notes.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(note)), "utf-8")
        part.replace(path)
    except OSError as error:
        raise ToolFailedError(f"The note {path} could not be written: {error.strerror}.") from error
    return path


def _load(notes: Path) -> list[tuple[Path, _Note | None]]:
    """Each note's file with its content, None when that makes no sense."""
    found: list[tuple[Path, _Note | None]] = []
    for path in sorted(notes.glob("*.json")):
        try:
            raw = json.loads(path.read_text("utf-8"))
            note = _Note(int(raw["pid"]), str(raw["started"]), str(raw["program"]), str(raw["purpose"]))
        except (OSError, ValueError, KeyError, TypeError):
            found.append((path, None))
        else:
            found.append((path, note if note.pid > 1 else None))
    return found


async def _start_time(pid: int) -> str:
    """When a process started, in a form to compare; empty when there is none (a zombie counts as none)."""
    return _from_proc(pid) if HAS_PROC else await _from_ps(pid)


def _from_proc(pid: int) -> str:
    fields = stat_fields(pid)
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return f"{boot} {fields[19]}" if len(fields) > 19 and fields[0] != "Z" else ""


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
