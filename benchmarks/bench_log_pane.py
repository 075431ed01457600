"""Streams coloured lines into ecrwiz's log pane and into Textual's own widgets: speed, worst lag of the loop, memory.

Run: python benchmarks/bench_log_pane.py [LINES]   (300000 unless told; each widget in a process of its own)
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from textual.app import App, ComposeResult
from textual.widgets import Log, RichLog

from ecrwiz.widgets.line_buffer import LineBuffer
from ecrwiz.widgets.log_pane import LogPane

if TYPE_CHECKING:
    from textual.widget import Widget

BATCH = 500  # what 50 ms of a chatty program bring
KEPT = 20_000


def _pane() -> tuple[Widget, Callable[[list[str]], object]]:
    pane = LogPane(LineBuffer(KEPT))
    return pane, pane.append


class _WrappedPane(LogPane):
    def on_resize(self) -> None:
        if not self.wrapped:
            self.lay_out(wrap=True)


def _wrapped() -> tuple[Widget, Callable[[list[str]], object]]:
    pane = _WrappedPane(LineBuffer(KEPT))
    return pane, pane.append


def _log() -> tuple[Widget, Callable[[list[str]], object]]:
    log = Log(max_lines=KEPT)
    return log, log.write_lines


def _rich_log() -> tuple[Widget, Callable[[list[str]], object]]:
    log = RichLog(max_lines=KEPT)

    def write(lines: Iterable[str]) -> None:
        for line in lines:
            log.write(line)

    return log, write


MAKERS: dict[str, Callable[[], tuple[Widget, Callable[[list[str]], object]]]] = {
    "LogPane": _pane,
    "wrapped": _wrapped,
    "Log": _log,
    "RichLog": _rich_log,
}


class BenchApp(App[None]):
    """One widget, full screen."""

    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self.widget = widget

    def compose(self) -> ComposeResult:
        yield self.widget


async def measure(name: str, lines: int) -> dict[str, float]:
    """Stream the lines; the lag is how late a 5 ms timer came."""
    widget, write = MAKERS[name]()
    lags: list[float] = []
    done = False

    async def watch() -> None:
        while not done:
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            lags.append(time.perf_counter() - before - 0.005)

    async with BenchApp(widget).run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.2)
        watching = asyncio.create_task(watch())
        began = time.perf_counter()
        for start in range(0, lines, BATCH):
            write(
                [
                    f"\x1b[1mmodule.this[{number}]\x1b[0m: Still creating... [10s]"
                    for number in range(start, start + BATCH)
                ]
            )
            await asyncio.sleep(0)
        await pilot.pause()
        seconds = time.perf_counter() - began
        done = True
        await watching
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"lines_s": lines / seconds, "worst_ms": max(lags) * 1000, "mb": memory}


def main() -> None:
    """Measure each widget in a process of its own and print a table."""
    if len(sys.argv) == 3:
        print(json.dumps(asyncio.run(measure(sys.argv[1], int(sys.argv[2])))))
        return
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    print(f"{'widget':<10}{'lines':>10}{'lines/s':>12}{'worst lag':>12}{'memory':>10}")
    for name in MAKERS:
        count = min(lines, 30_000) if name == "RichLog" else lines  # it would take minutes
        found = subprocess.run(
            [sys.executable, __file__, name, str(count)], check=True, capture_output=True, text=True
        ).stdout
        result = json.loads(found)
        print(f"{name:<10}{count:>10}{result['lines_s']:>12,.0f}{result['worst_ms']:>9.0f} ms{result['mb']:>7.0f} MB")


if __name__ == "__main__":
    main()
