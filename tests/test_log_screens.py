"""The list of logs and the log viewer, at 80x24 and at 120x40."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Footer

from ecrwiz.app import EcrwizApp
from ecrwiz.flow.events import Status, StepId
from ecrwiz.screens.log_view import ERRORS, LogScreen
from ecrwiz.widgets.log_pane import LogPane
from tests.test_logs import write_log
from tests.wizard import NASTY, SIZES, Stage, front, on_screen, screen_text, until

sizes = pytest.mark.parametrize("size", SIZES)
Size = tuple[int, int]


@pytest.fixture
def stage(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(next_app, monkeypatch)


def logs_of(stage: Stage) -> Path:
    return stage.root / ".ecrwiz" / "logs"


async def open_log(app: EcrwizApp, pilot: Pilot[int], path: Path, wanted: str) -> LogPane:
    app.push_screen(LogScreen(app.session, path.stem, path))
    await on_screen(pilot, wanted)
    return app.screen.query_one(LogPane)


@sizes
async def test_all_logs_are_listed_and_opened(stage: Stage, size: Size) -> None:
    write_log(logs_of(stage), "20261123-101500", StepId.BUILD, "older line")
    write_log(logs_of(stage), "20261124-090000", StepId.PUSH, NASTY, status=Status.FAILED)
    async with stage.wizard(size) as (app, pilot):
        await pilot.press("L")
        await on_screen(pilot, "2026-11-24 09:00:00", "push", "✗ failed", "2026-11-23 10:15:00", "✓ done", "12.3 s")
        assert "/.ecrwiz/logs/20261124-090000/push.log" in screen_text(app)
        await pilot.press("enter")
        await on_screen(pilot, "Log of push", "2026-11-24 09:00:00 UTC", NASTY)
        await pilot.press("escape", "down", "enter")
        await on_screen(pilot, "Log of build", "older line")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: front(app) == "MenuScreen")


async def test_the_list_says_when_there_is_none_and_shows_what_comes(stage: Stage) -> None:
    async with stage.wizard() as (app, pilot):
        await pilot.press("L")
        await on_screen(pilot, "No run has been logged yet.")
        app.session.start((StepId.RENDER,))
        await until(pilot, lambda: not app.session.busy)
        await on_screen(pilot, "render", "✓ done")
        assert "No run has been logged" not in screen_text(app)


@sizes
async def test_search_counts_goes_both_ways_and_minds_case_when_asked(stage: Stage, size: Size) -> None:
    lines = [f"line {number} {'Needle' if number % 100 == 7 else ''}" for number in range(1000)]
    path = write_log(logs_of(stage), "20261123-101500", StepId.BUILD, *lines)
    async with stage.wizard(size) as (app, pilot):
        pane = await open_log(app, pilot, path, "line 999")
        await until(pilot, lambda: pane.following)
        await pilot.press("g")
        await pilot.press("slash", *"needle$", "enter")
        await on_screen(pilot, "match 1 of 10", "any case", "line 7 Needle")
        await until(pilot, lambda: not pane.following)
        await pilot.press("n", "n")
        await on_screen(pilot, "match 3 of 10", "line 207 Needle")
        await pilot.press("N", "N", "N")
        await on_screen(pilot, "match 10 of 10", "line 907 Needle")
        await pilot.press("c")
        await on_screen(pilot, "no match", "case counts")
        await pilot.press("n")
        await until(pilot, lambda: "No match; / searches for something else." in " ".join(stage.told))
        await pilot.press("slash", "ctrl+u", *"le [9", "enter")
        await until(pilot, lambda: "no regular expression" in " ".join(stage.told))
        await pilot.press("slash", "ctrl+u", "enter")
        await until(pilot, lambda: pane.finder is None)


@sizes
async def test_wrap_times_errors_and_full_screen(stage: Stage, size: Size) -> None:
    long = "start " + "x" * 300 + " the end"
    filler = [f"line {number}" for number in range(200)]
    lines = (long, *filler, "ERROR: it broke", *filler, "0 errors, no failures", *filler, "npm ERR! code 1")
    path = write_log(logs_of(stage), "20261123-101500", StepId.BUILD, *lines)
    async with stage.wizard(size) as (app, pilot):
        await open_log(app, pilot, path, "npm ERR!")
        await pilot.press("g")
        await on_screen(pilot, "start xxx")
        assert "the end" not in screen_text(app)
        await pilot.press("w")
        await on_screen(pilot, "the end", "wrapped")
        first = screen_text(app).splitlines()[3]
        assert first[2] == first[5] == ":", "a time"
        await pilot.press("t")
        await until(pilot, lambda: screen_text(app).splitlines()[3].startswith("start xxx"))
        await pilot.press("e")
        await on_screen(pilot, "ERROR: it broke", "error 1 of 2")
        await pilot.press("e")
        await on_screen(pilot, "npm ERR! code 1", "error 2 of 2")
        await pilot.press("E", "z")
        await until(pilot, lambda: "error 1 of 2" not in screen_text(app))
        assert "ERROR: it broke" in screen_text(app)
        assert "Log of build" not in screen_text(app)
        assert not app.screen.query_one(Footer).display
        await pilot.press("escape")
        await on_screen(pilot, "Log of build", "error 1 of 2")
        assert front(app) == "LogScreen"


async def test_copy_and_export_say_where_it_went(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_log(logs_of(stage), "20261123-101500", StepId.BUILD, NASTY, "", "last")
    (Path.home() / "Downloads").mkdir()
    async with stage.wizard() as (app, pilot):
        await open_log(app, pilot, path, NASTY)
        await pilot.press("y")
        assert NASTY in app.clipboard
        assert app.clipboard.count("\n") == 4
        await pilot.press("x")
        await on_screen(pilot, "Copied to", "ecrwiz-20261123-101500-build.log")
        copy = Path.home() / "Downloads" / "ecrwiz-20261123-101500-build.log"
        assert copy.read_bytes() == path.read_bytes()


async def test_a_log_grows_while_it_is_read_and_one_that_is_gone_says_so(stage: Stage) -> None:
    path = write_log(logs_of(stage), "20261123-101500", StepId.BUILD, "one")
    async with stage.wizard() as (app, pilot):
        pane = await open_log(app, pilot, path, "one")
        with path.open("a") as file:
            file.writelines(f"2026-11-23T10:15:00Z more {number}\n" for number in range(100))
        await on_screen(pilot, "more 99", "following")
        await pilot.press("up")
        await until(pilot, lambda: not pane.following)
        await pilot.press("G")
        await until(pilot, lambda: pane.following)
        path.unlink()
        await on_screen(pilot, "cannot be read: No such file or directory")


async def test_three_hundred_thousand_lines_are_read_searched_and_wrapped_without_holding_keys_up(
    stage: Stage,
) -> None:
    path = logs_of(stage) / "20261123-101500" / "build.log"
    path.parent.mkdir(parents=True)
    with path.open("w") as file:
        for number in range(300_000):
            failed = " error" if number in (250_000, 299_000) else ""
            file.write(f"2026-11-23T10:15:00Z module.this[{number}]: Still creating{'.' * (number % 150)}{failed}\n")
    lags: list[float] = []

    async def watch() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            lags.append(time.perf_counter() - before - 0.005)

    async with stage.wizard() as (app, pilot):
        watching = asyncio.create_task(watch())
        app.push_screen(LogScreen(app.session, "build", path))
        await until(pilot, lambda: front(app) == "LogScreen")
        pane = app.screen.query_one(LogPane)
        await until(pilot, lambda: pane.buffer.end == 300_000, seconds=60)
        assert pane.buffer.dropped == 0
        await pilot.press("g", "e")
        await until(pilot, lambda: pane.hit == 250_000, seconds=30)
        await pilot.press("w", "t")
        await pilot.press("slash", *"299000", "enter")
        await until(pilot, lambda: pane.hit == 299_000, seconds=30)
        watching.cancel()
        await on_screen(pilot, "300 000 lines", "match 1 of 1", "module.this[299000]")
    lags.sort()
    assert lags[len(lags) * 99 // 100] < 0.25, "99 of 100 moments; benchmarks/bench_log_pane.py measures on its own"


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("Error: No such file", True),
        ("npm ERR! code ELIFECYCLE", True),
        ("# build failed after 3.0 s", True),
        ("Traceback (most recent call last):", True),
        ("AccessDenied: access denied", True),
        ("0 errors", False),
        ("no errors found", False),
        ("compiled error-boundary.tsx", False),
        ("copying errors.js.map to errorpage", True),
        ("terror and mirrors", False),
    ],
)
def test_what_counts_as_a_line_with_an_error(line: str, wanted: bool) -> None:
    assert bool(ERRORS.search(line)) == wanted
