"""Running a child to its end: with its lines as they come, or with what it printed at the end."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ecrwiz.model.errors import ToolFailedError
from ecrwiz.model.ports import OnLines
from ecrwiz.services.process.child import Child, Ladder, child_environment, group_lives, search_path, spawn
from ecrwiz.services.process.lines import LineSplitter
from ecrwiz.services.process.notes import write_note

__all__ = ["Captured", "Finished", "capture", "pour", "shell_words", "stream", "which"]

_TICK: Final = 0.05  # seconds between two deliveries of lines
_STRAGGLERS: Final = 2.0  # seconds on each rung for the rest of a group whose leader is gone


@dataclass(frozen=True, slots=True)
class Finished:
    """How a streamed child ended.

    Attributes:
        returncode: negative when a signal ended it.
        tail: its last lines, at most 50.
    """

    returncode: int
    tail: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Captured:
    """What a short child printed, and its return code (negative when a signal ended it)."""

    returncode: int
    stdout: str
    stderr: str


def which(name: str) -> str | None:
    """Where a program lies on PATH, or None."""
    return shutil.which(name, path=search_path(os.environ.get("PATH")))


def shell_words(argv: Sequence[str], cwd: Path | None = None) -> str:
    """The command as a person could type it into a shell, in `cwd` when that is given."""
    words = shlex.join(argv)
    return f"(cd {shlex.quote(str(cwd))} && {words})" if cwd else words


async def stream(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    on_lines: OnLines,
    grace: float = 60.0,
    notes: Path | None = None,
    purpose: str = "",
    hint: str = "",
) -> Finished:
    """Run a program to its end and hand its lines on while they come.

    stdout and stderr are merged. Lines come raw but for what a carriage return overwrote: they may be long
    and hold escapes. It returns when the program has ended, even if a grandchild keeps the pipe open.

    Cancelling the awaiting task sends one SIGINT to the group and goes on delivering lines; after `grace`
    comes SIGTERM and 5 s later SIGKILL. Each further cancellation goes down one rung at once. CancelledError
    comes out when the group is gone.

    Args:
        argv: the program and its arguments; never a secret among them.
        cwd: where to run it.
        env: the whole environment; `child_environment()` when None.
        on_lines: called on the loop's thread, at most 20 times a second. When it raises, the child is
            stopped in the same way before the exception comes out.
        grace: seconds between SIGINT and SIGTERM.
        notes: a folder that holds a note about the child while it runs, for `end_survivors`.
        purpose: what the child is for, kept in the note and said by `end_survivors`.
        hint: what to do when the program is missing.

    Raises:
        MissingToolError: the program is not on PATH.
        ToolFailedError: it could not be started.
    """
    run = _Run(on_lines, grace)
    environment = child_environment() if env is None else env
    task = asyncio.create_task(run.supervise(argv, cwd, environment, hint, notes, purpose))
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
            run.stop()
    if cancelled:
        raise asyncio.CancelledError from (None if task.cancelled() else task.exception())
    return task.result()


async def capture(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    timeout: float = 30.0,  # noqa: ASYNC109 - the child must be ended too, which asyncio.timeout alone cannot
    input: bytes | None = None,  # noqa: A002 - subprocess's own word
    hint: str = "",
) -> Captured:
    """Run a short program and give what it printed; `input` goes to its standard input.

    Raises:
        MissingToolError: the program is not on PATH.
        ToolFailedError: it could not be started, or had not ended after `timeout` seconds and was stopped.
    """
    printed = {1: bytearray(), 2: bytearray()}
    child = await spawn(
        argv,
        cwd,
        child_environment() if env is None else env,
        hint,
        on_data=lambda fd, data: printed[fd].extend(data),
        stdin=input is not None,
        merged=False,
    )
    try:
        async with asyncio.timeout(timeout):
            if input is not None:
                child.write(input)
            while not child.over():
                await child.rung(_TICK if child.ended else None)
    except TimeoutError:
        words = shell_words(argv)
        raise ToolFailedError(f"`{words}` had not ended after {timeout:g} seconds and was stopped.") from None
    finally:
        await _put_down(child)
    out, err = (bytes(data).decode("utf-8", "replace") for data in printed.values())
    return Captured(child.returncode, out, err)


async def pour(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    on_data: Callable[[bytes], None],
    seconds: float,
) -> int | None:
    """Run a program and hand its output on as bytes while they come; what it says on stderr is dropped.

    Args:
        argv: the program and its arguments; never a secret among them.
        cwd: where to run it.
        env: the whole environment; `child_environment()` when None.
        on_data: called on the loop's thread, which reads on when it returns. When it raises, the program is ended
            and the exception comes out.
        seconds: how long the program may take.

    Returns:
        Its return code; None when the time was over and it was ended.

    Raises:
        MissingToolError: the program is not on PATH.
        ToolFailedError: it could not be started.
    """
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(fd: int, data: bytes) -> None:
        if fd == 1 and not failed.done():
            try:
                on_data(data)
            except BaseException as error:  # noqa: BLE001 - handed over whole to the waiting side
                failed.set_exception(error)

    environment = child_environment() if env is None else env
    child = await spawn(argv, cwd, environment, "", on_data=take, stdin=False, merged=False)
    try:
        async with asyncio.timeout(seconds):
            while not child.over() and not failed.done():
                await child.rung(_TICK if child.ended else None)
    except TimeoutError:
        return None
    finally:
        await _put_down(child)
    if failed.done():
        failed.result()
    return child.returncode


class _Run:
    """One streamed child, from its start until its group is gone."""

    def __init__(self, on_lines: OnLines, grace: float) -> None:
        self._on_lines = on_lines
        self._grace = grace
        self._lines = LineSplitter()
        self._next_flush = 0.0
        self._child: Child | None = None
        self._ladder: Ladder | None = None
        self._wanted_stop = False
        self._last_stop = 0.0

    def stop(self) -> None:
        """Go one rung down; calls within 0.1 s are one wish (a loop that closes cancels us twice)."""
        self._wanted_stop, now = True, time.monotonic()
        if self._child and now - self._last_stop >= 0.1:
            self._last_stop = now
            self._ladder = self._ladder or Ladder(self._child.pid, self._grace)
            self._ladder.down()
            self._child.bell.set()

    async def supervise(
        self,
        argv: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        hint: str,
        notes: Path | None,
        purpose: str,
    ) -> Finished:
        child = await spawn(
            argv, cwd, env, hint, on_data=lambda _, data: self._lines.feed(data), stdin=False, merged=True
        )
        self._child, note = child, None
        if self._wanted_stop:
            self.stop()
        done = False
        try:
            note = await write_note(notes, child.pid, argv[0], purpose) if notes else None
            await self._follow(child)
            done = True
        finally:
            if not done:
                self._on_lines = _nobody
                self.stop()
                await self._follow(child)
            child.close()
            if note:
                note.unlink(missing_ok=True)
        return Finished(child.returncode, tuple(self._lines.tail))

    async def _follow(self, child: Child) -> None:
        while not self._over(child):
            idle = not (self._ladder or child.ended or self._lines.ready)
            try:
                await child.rung(None if idle else _TICK)
            except asyncio.CancelledError:  # only a loop that closes cancels this task itself
                self.stop()
            if time.monotonic() >= self._next_flush:
                self._flush()
        self._lines.end()
        self._flush()

    def _over(self, child: Child) -> bool:
        if self._ladder is None:
            return child.over()
        if child.ended:
            self._ladder.hurry(_STRAGGLERS)
            if child.over() and not group_lives(child.pid):
                return True
        return not self._ladder.tick()

    def _flush(self) -> None:
        if ready := self._lines.take():
            self._on_lines(ready)
            self._next_flush = time.monotonic() + _TICK


def _nobody(lines: Sequence[str]) -> None:
    """Where lines go once their receiver has failed."""


async def _put_down(child: Child) -> None:
    """End what still runs of a short child; a cancellation meanwhile only makes it faster."""
    cancelled = False
    ladder = Ladder(child.pid, 1.0)
    while not child.ended and ladder.tick():
        ladder.hurry(1.0)
        try:
            await child.rung(_TICK)
        except asyncio.CancelledError:
            cancelled = True
            ladder.down()
    child.close()
    if cancelled:
        raise asyncio.CancelledError
