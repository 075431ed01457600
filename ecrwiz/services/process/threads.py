"""Blocking work that may hang: in a thread that keeps neither the loop nor the end of the process waiting."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

__all__ = ["in_daemon_thread"]

T = TypeVar("T")


async def in_daemon_thread(work: Callable[[], T]) -> T:
    """Run blocking work and give what it gives or raises.

    Unlike `asyncio.to_thread`, whose threads are waited for when the process ends: a caller that gives up
    leaves the work behind for good.
    """
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()  # giving up must not cancel it under the thread's hands

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - handed over whole to the waiting side
            future.set_exception(error)

    threading.Thread(target=run, name="blocking", daemon=True).start()
    return await asyncio.wrap_future(future)
