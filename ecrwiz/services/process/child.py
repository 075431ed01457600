"""One child process and its group: starting it, hearing of it, ending it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from ecrwiz.model.errors import MissingToolError, ToolFailedError

__all__ = ["HAS_PROC", "Child", "Ladder", "child_environment", "group_lives", "spawn", "stat_fields"]

HAS_PROC: Final = Path("/proc/self/stat").exists()
_DRAIN: Final = 0.3  # seconds to read on when the child has ended but a grandchild holds the pipe
_OURS: Final = frozenset(
    {
        *("GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"),
        # `glab` takes these before what it keeps for the host that it is asked about.
        *("GITLAB_TOKEN", "GITLAB_ACCESS_TOKEN", "GL_TOKEN", "OAUTH_TOKEN", "CI_JOB_TOKEN"),
    }
)


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Our environment without GitHub's and GitLab's tokens and `ECRWIZ_*` (no child needs them), and `extra` on top."""
    kept = {k: v for k, v in os.environ.items() if k not in _OURS and not k.startswith("ECRWIZ_")}
    return {**kept, **(extra or {})}


def search_path(path: str | None) -> str:
    """The PATH without entries that are relative to the folder a child starts in, which may be anybody's clone."""
    folders = (os.defpath if path is None else path).split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if os.path.isabs(folder))  # noqa: PTH117  # as os.exec reads it


class Child(asyncio.SubprocessProtocol):
    """A running program: its output goes to `on_data(fd, bytes)`; whatever happens sets `bell`."""

    def __init__(self, on_data: Callable[[int, bytes], None], outputs: set[int]) -> None:
        self._on_data = on_data
        self._open_outputs = outputs
        self._ended_at = 0.0
        self._transport: asyncio.SubprocessTransport | None = None
        self.bell = asyncio.Event()
        self.ended = False
        self.pid = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio: it runs."""
        if isinstance(transport, asyncio.SubprocessTransport):
            self._transport = transport
            self.pid = transport.get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Asyncio: it printed something."""
        self._on_data(fd, data)
        self.bell.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Asyncio: one of its pipes is closed at all writers' ends."""
        self._open_outputs.discard(fd)
        self.bell.set()

    def process_exited(self) -> None:
        """Asyncio: it has ended; comes at once, unlike `Process.wait`, which first waits for the pipes."""
        self.ended, self._ended_at = True, time.monotonic()
        self.bell.set()

    @property
    def returncode(self) -> int:
        """Its return code; negative when a signal ended it or when it could not be ended at all."""
        code = self._transport.get_returncode() if self._transport else None
        return -signal.SIGKILL if code is None else code

    @property
    def since_end(self) -> float:
        """Seconds since it has ended."""
        return time.monotonic() - self._ended_at

    def over(self) -> bool:
        """Whether it has ended and nothing more is to be read; a grandchild may hold the pipe for ever."""
        return self.ended and (not self._open_outputs or self.since_end >= _DRAIN)

    async def rung(self, seconds: float | None) -> None:
        """Wait until something happens, at most this long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.bell.wait()
        self.bell.clear()

    def write(self, data: bytes) -> None:
        """Give it all of its standard input."""
        pipe = self._transport.get_pipe_transport(0) if self._transport else None
        if isinstance(pipe, asyncio.WriteTransport):
            pipe.write(data)
            pipe.close()

    def close(self) -> None:
        """Let go of its pipes."""
        if self._transport:
            self._transport.close()


async def spawn(
    argv: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    hint: str,
    *,
    on_data: Callable[[int, bytes], None],
    stdin: bool,
    merged: bool,
) -> Child:
    """Start a program; `stdin` gives it a pipe to read from, `merged` sends stderr where stdout goes.

    Raises:
        MissingToolError: it is not on PATH.
        ToolFailedError: it cannot be started.
    """
    name, env = argv[0], {**env, "PATH": search_path(env.get("PATH"))}
    if shutil.which(os.path.join(cwd, name) if "/" in name else name, path=env["PATH"]) is None:  # noqa: PTH118
        raise MissingToolError(f"{name} is not on this machine (not found on PATH).", hint)
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    try:
        _, child = await asyncio.get_running_loop().subprocess_exec(
            lambda: Child(on_data, {1} if merged else {1, 2}),
            *argv,
            stdin=pipe if stdin else null,
            stdout=pipe,
            stderr=asyncio.subprocess.STDOUT if merged else pipe,
            cwd=cwd,
            env=env,
            start_new_session=True,
        )
    except OSError as error:
        why = error.strerror or str(error)
        raise ToolFailedError(f"{name} could not be started in {cwd}: {why}.", hint) from error
    return child


class Ladder:
    """Ends a process group: SIGINT, SIGTERM, SIGKILL, each when the time of the one before is over."""

    def __init__(self, group: int, grace: float) -> None:
        self._group = group
        self._rungs = [(signal.SIGINT, grace), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)]
        self._until = 0.0

    def down(self) -> None:
        """Go down one rung now."""
        if self._rungs:
            chosen, seconds = self._rungs.pop(0)
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._group, chosen)
            self._until = time.monotonic() + seconds

    def hurry(self, seconds: float) -> None:
        """Wait on this rung no longer than this."""
        self._until = min(self._until, time.monotonic() + seconds)

    def tick(self) -> bool:
        """Go down when it is time; False when the last rung did not help either."""
        if time.monotonic() >= self._until:
            if not self._rungs:
                return False
            self.down()
        return True


def group_lives(group: int) -> bool:
    """Whether the group has a member that is no zombie (an init that never reaps leaves some for ever)."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):  # macOS: not permitted, when all that is left is a zombie
        return False
    if not HAS_PROC:
        return True
    members = (stat_fields(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return any(len(fields) > 2 and fields[2] == str(group) and fields[0] != "Z" for fields in members)


def stat_fields(pid: int | str) -> list[str]:
    """The fields of /proc/PID/stat after the program's name: state, parent, group, ...; empty when gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return []
