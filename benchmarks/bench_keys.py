"""Measures what a person feels: from a key to the screen that shows it, while a step streams coloured lines.

The whole wizard is measured (engine, log file, Run screen with its panes), and beside it Textual's own log widgets
alone in an App, fed the same lines at the same pace.

Run: python benchmarks/bench_keys.py [LINES]   (300000 unless told; each in a process of its own)
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.widgets import Log, RichLog

from ecrwiz import app as wizard_module
from ecrwiz.app import EcrwizApp
from ecrwiz.flow import engine, runbook
from ecrwiz.flow.events import StepId
from ecrwiz.flow.project import open_project
from ecrwiz.model.results import RenderResult
from ecrwiz.sandbox import sample
from ecrwiz.screens.run import RunScreen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ecrwiz.flow.context import Context

BATCH = 500  # what 50 ms of a chatty program bring
EVERY = 0.15  # seconds between two keys
SIZE = (120, 40)
WIZARD_KEYS = ("down", "up", "c", "pageup", "pagedown", "question_mark", "escape", "slash", "escape", "x", "escape")
LOG_KEYS = ("pageup", "pagedown", "up", "down")


Write = Callable[[list[str]], None]
Stream = Callable[[Write], Coroutine[object, object, None]]


def lines_from(start: int) -> list[str]:
    """A batch as Terraform and npm print it: bold, colours, brackets."""
    return [
        f"\x1b[1mmodule.this[{number}]\x1b[0m: \x1b[32mStill creating...\x1b[0m [{number % 600}s elapsed]"
        for number in range(start, start + BATCH)
    ]


class Timed(App[Any]):
    """Notes when an action had its effect on the screen."""

    acted: asyncio.Event
    at: float = 0.0
    cpu_at: float = 0.0

    async def run_action(self, *args: Any, **kwargs: Any) -> bool:  # noqa: ANN401  # Textual's own
        done = await super().run_action(*args, **kwargs)
        self.screen.call_after_refresh(self._shown)
        return done

    def _shown(self) -> None:
        self.at, self.cpu_at = time.perf_counter(), time.process_time()
        self.acted.set()


class TimedWizard(Timed, EcrwizApp):
    """The wizard, timed."""

    CSS_PATH = str(Path(wizard_module.__file__).with_name("app.tcss"))


class LogApp(Timed):
    """A log widget alone."""

    BINDINGS = [  # noqa: RUF012
        Binding("up", "move(-1)"), Binding("down", "move(1)"),
        Binding("pageup", "move(-20)"), Binding("pagedown", "move(20)"),
    ]  # fmt: skip

    def __init__(self, widget: Log | RichLog) -> None:
        super().__init__()
        self.log_widget = widget

    def compose(self) -> ComposeResult:
        yield self.log_widget

    def action_move(self, by: int) -> None:
        self.log_widget.scroll_relative(y=by, animate=False)


async def press(app: Timed, keys: tuple[str, ...], busy: Callable[[], bool]) -> list[tuple[float, float]]:
    """Press keys while the stream goes on; milliseconds from each to the screen that shows it, and of CPU time.

    On a busy machine the second is what this process itself would have taken on a free core.
    """
    lags: list[tuple[float, float]] = []
    number = 0
    while busy():
        await asyncio.sleep(EVERY)
        app.acted.clear()
        key = keys[number % len(keys)]
        number += 1
        began, cpu_began = time.perf_counter(), time.process_time()
        app.post_message(events.Key(key, None))
        try:
            await asyncio.wait_for(app.acted.wait(), 10)
        except TimeoutError:
            raise SystemExit(f"{key} did nothing in 10 s") from None
        lags.append(((app.at - began) * 1000, (app.cpu_at - cpu_began) * 1000))
    return lags


@asynccontextmanager
async def wizard(stream: Stream) -> AsyncIterator[Timed]:
    """The wizard on its Run screen, its first step streaming."""

    async def run(context: Context) -> RenderResult:
        await stream(context.lines)
        return RenderResult((), (), ())

    async def inputs(_: object) -> dict[str, str]:
        return {}

    steps = {id_: replace(step, run=run, inputs=inputs, gone=None) for id_, step in runbook.STEPS.items()}
    vars(engine)["STEPS"] = vars(runbook)["STEPS"] = steps
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"ECRWIZ_CONFIG": f"{folder}/config.toml", "AWS_EC2_METADATA_DISABLED": "true"}
        project = await open_project(sample.lay_out(Path(folder) / "blog"), {}, os.environ)
        project.save_answers()
        app = TimedWizard(project)
        app.acted = asyncio.Event()
        async with app.run_test(size=SIZE) as pilot:
            await pilot.pause(3)  # Home asks AWS, for which the SDK is loaded
            app.settle()  # as the wizard does in a real terminal when a run begins
            app.session.start((StepId.RENDER,))
            app.push_screen(RunScreen(app.session))
            await pilot.pause(0.2)
            yield app
            await app.session.stop(5)


@asynccontextmanager
async def alone(widget: Log | RichLog, stream: Stream) -> AsyncIterator[Timed]:
    """A widget of Textual's, fed by a task."""

    def write(lines: list[str]) -> None:
        if isinstance(widget, Log):
            widget.write_lines(lines)
        else:
            for line in lines:
                widget.write(line)

    app = LogApp(widget)
    app.acted = asyncio.Event()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(0.5)
        feeding = asyncio.create_task(stream(write))
        yield app
        await feeding


async def measure(name: str, lines: int) -> dict[str, float]:
    """Stream the lines and press keys all the while."""
    state = {"busy": True, "seconds": 0.0}

    async def stream(write: Callable[[list[str]], None]) -> None:
        began = time.perf_counter()
        for start in range(0, lines, BATCH):
            write(lines_from(start))
            await asyncio.sleep(0.002)
        state["busy"], state["seconds"] = False, time.perf_counter() - began

    keys: tuple[str, ...] = WIZARD_KEYS
    if name == "wizard":
        opened = wizard(stream)
    else:
        widget = Log(max_lines=20_000) if name == "Log" else RichLog(max_lines=20_000)
        opened, keys = alone(widget, stream), LOG_KEYS
    async with opened as app:
        lags = await press(app, keys, lambda: bool(state["busy"]))
    return {
        "lines_s": lines / state["seconds"], "keys": len(lags), "median_ms": statistics.median(lag for lag, _ in lags),
        "worst_ms": max(lag for lag, _ in lags), "worst_cpu_ms": max(cpu for _, cpu in lags),
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip


def main() -> None:
    """Measure each in a process of its own and print a table."""
    if len(sys.argv) == 3:
        print(json.dumps(asyncio.run(measure(sys.argv[1], int(sys.argv[2])))))
        return
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    print(f"{'':<10}{'lines':>9}{'lines/s':>11}{'keys':>6}{'median':>10}{'worst':>10}{'worst CPU':>11}{'memory':>9}")
    for name in ("wizard", "Log", "RichLog"):
        count = min(lines, 30_000) if name == "RichLog" else lines  # it would take minutes
        found = subprocess.run(
            [sys.executable, __file__, name, str(count)], check=True, capture_output=True, text=True
        ).stdout
        got = json.loads(found)
        print(
            f"{name:<10}{count:>9}{got['lines_s']:>11,.0f}{got['keys']:>6.0f}{got['median_ms']:>7.0f} ms"
            f"{got['worst_ms']:>7.0f} ms{got['worst_cpu_ms']:>8.0f} ms{got['mb']:>6.0f} MB"
        )


if __name__ == "__main__":
    main()
