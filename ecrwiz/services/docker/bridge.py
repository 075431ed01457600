"""Between docker-py's blocking calls, which run in a thread, and the loop."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeAlias, TypeVar

from ecrwiz.model.ports import OnLines, OnProgress
from ecrwiz.services.docker.faults import translated, unreadable_config
from ecrwiz.services.process.lines import LineSplitter

__all__ = ["Api", "CutError", "Feed", "Wire", "connected", "in_thread", "settled"]

_TICK: Final = 0.05  # seconds between two deliveries
_LET_GO: Final = 10.0  # seconds to wait for a thread whose connection has been cut


Api: TypeAlias = Any  # docker.APIClient: docker-py carries no types

T = TypeVar("T")


class CutError(Exception):
    """The call was cut; never seen outside, where it is a cancellation."""


class Feed:
    """Lines and progress from the thread; `flush` hands them on in the loop.

    Attributes:
        recent: the last lines, for an error's text.
        failed: a receiver has raised; it is not to be called again.
    """

    def __init__(self, on_lines: OnLines, on_progress: OnProgress | None = None) -> None:
        self._on_lines = on_lines
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._splitter = LineSplitter()
        self._lines: list[str] = []
        self._progress: tuple[float, float | None, str, str] | None = None
        self.recent: deque[str] = deque(maxlen=50)
        self.failed = False

    def write(self, data: bytes, *, end: bool = False) -> None:
        """Take output as it comes, cut anywhere; `end` says that nothing more comes."""
        with self._lock:
            self._splitter.feed(data)
            if end:
                self._splitter.end()
            lines = self._splitter.take()
            self._lines += lines
            self.recent.extend(lines)

    def progress(self, done: float, total: float | None, unit: str, text: str) -> None:
        """Remember how far it is; only the latest is handed on."""
        self._progress = (done, total, unit, text)

    def flush(self) -> None:
        """In the loop's thread: hand on what has come."""
        with self._lock:
            lines, self._lines = self._lines, []
        progress, self._progress = self._progress, None
        self.failed = True
        if lines:
            self._on_lines(lines)
        if progress and self._on_progress:
            self._on_progress(*progress)
        self.failed = False


class Wire:
    """The connection of a lasting call, to be cut from another thread."""

    def __init__(self) -> None:
        self._api: Api = None
        self._response: Api = None
        self._is_cut = False

    def watch(self, api: Api) -> None:
        """Follow this client's connection from now on."""
        self._api = api
        api.hooks["response"].append(self._remember)

    def check(self) -> None:
        """To be called between two pieces of work.

        Raises:
            CutError: the call was cut.
        """
        if self._is_cut:
            raise CutError

    def cut(self) -> None:
        """End the call now: closing the client would not, its reader would wait on."""
        self._is_cut = True
        self._shut()

    def _remember(self, response: Api, *_: object, stream: bool = False, **__: object) -> None:
        if stream:
            self._response = response
            if self._is_cut:
                self._shut()

    def _shut(self) -> None:
        if self._response is None:
            return
        with suppress(OSError, AttributeError):  # ended by itself just now
            raw = self._api._get_raw_response_socket(self._response)
            getattr(raw, "_sock", raw).shutdown(socket.SHUT_RDWR)


@contextmanager
def connected(doing: str, timeout: float = 30.0) -> Iterator[Api]:
    """A client of the engine that DOCKER_HOST or the current context names; errors come out translated.

    Args:
        doing: for an error's text, such as `building the image`.
        timeout: seconds of silence on a call without a timeout of its own.
    """
    import docker

    with translated(doing):
        try:
            api = docker.from_env(version="auto", timeout=timeout).api
        except ValueError as error:
            raise unreadable_config() from error
        streams: list[Api] = []  # left half read when a record ends the work: nobody else closes these
        api.hooks["response"].append(lambda answer, **how: streams.append(answer) if how.get("stream") else None)
        try:
            yield api
        finally:
            for stream in streams:
                stream.close()
            api.close()


async def in_thread(work: Callable[[], T], *, feed: Feed | None = None, wire: Wire | None = None) -> T:
    """Run blocking work in a thread; hand on its feed; cut its wire when we are cancelled or a receiver fails."""
    task = asyncio.create_task(asyncio.to_thread(work))
    task.add_done_callback(_heard)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=_TICK if feed else None)
            if feed:
                feed.flush()
    finally:
        if wire and not task.done():
            wire.cut()
            await _until_done(task, time.monotonic() + _LET_GO)
        if feed and not feed.failed:
            feed.flush()
    return task.result()


async def settled(work: Awaitable[T]) -> T:
    """Await something that must not be left half done; a cancellation comes out afterwards."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(_heard)
    if await _until_done(task, None):
        raise asyncio.CancelledError
    return task.result()


async def _until_done(task: asyncio.Future[T], deadline: float | None) -> bool:
    """Wait without letting go; True when we were cancelled meanwhile."""
    cancelled = False
    while not task.done() and (deadline is None or time.monotonic() < deadline):
        try:
            await asyncio.wait({task}, timeout=None if deadline is None else deadline - time.monotonic())
        except asyncio.CancelledError:
            cancelled = True
    return cancelled


def _heard(task: asyncio.Future[T]) -> None:
    """Take note of an exception that nobody else will, so that asyncio does not complain about it."""
    if not task.cancelled():
        task.exception()
