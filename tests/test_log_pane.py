"""The log pane: nothing lost, nothing harmful, bounded, and the reader's place kept."""

from __future__ import annotations

import asyncio
import re
import time

from textual.app import App, ComposeResult
from textual.pilot import Pilot

from ecrwiz.model.redact import plain
from ecrwiz.widgets.line_buffer import LineBuffer
from ecrwiz.widgets.log_pane import LogPane


class PaneApp(App[None]):
    def __init__(self, limit: int = 1000) -> None:
        super().__init__()
        self.pane = LogPane(LineBuffer(limit))

    def compose(self) -> ComposeResult:
        yield self.pane


def row(pane: LogPane, y: int) -> str:
    return pane.render_line(y).text.rstrip()


async def settle(pilot: Pilot[None]) -> None:
    await pilot.pause()
    await pilot.pause(0.05)


async def test_blank_lines_are_kept() -> None:
    async with PaneApp().run_test(size=(40, 10)) as pilot:
        pane = pilot.app.query_one(LogPane)
        pane.append(["one", "", "", "two"])
        await settle(pilot)
        assert [row(pane, y) for y in range(4)] == ["one", "", "", "two"]


async def test_only_colours_reach_the_terminal() -> None:
    async with PaneApp().run_test(size=(60, 10)) as pilot:
        pane = pilot.app.query_one(LogPane)
        pane.append(
            [
                "a\x1b]52;c;aGk=\x07b\x1b[2J\x1b[31mred\x1b[0m\x1bP1$r\x1b\\x\x1b(B!",
                "over\rwritten",
                "[b]bold[/b] [/foo]",
            ]
        )
        await settle(pilot)
        assert row(pane, 0) == "abredx!"
        assert row(pane, 1) == "written"
        assert row(pane, 2) == "[b]bold[/b] [/foo]"
        colours = {segment.text: segment.style.color for segment in pane.render_line(0) if segment.style}
        assert colours["red"] != colours["ab"], "the colour itself is kept"
        assert all(not segment.control and "\x1b" not in segment.text for segment in pane.render_line(0))


async def test_every_cell_has_the_panes_own_background() -> None:
    async with PaneApp().run_test(size=(40, 5)) as pilot:
        pane = pilot.app.query_one(LogPane)
        pane.append(["plain", "\x1b[32mgreen\x1b[0m"])
        await settle(pilot)
        found = {segment.style.bgcolor for y in range(3) for segment in pane.render_line(y) if segment.style}
        assert len(found) == 1
        assert None not in found


async def test_three_hundred_thousand_lines_stay_bounded_and_quick() -> None:
    async with PaneApp(limit=20_000).run_test(size=(80, 24)) as pilot:
        pane = pilot.app.query_one(LogPane)
        worst, done = 0.0, False

        async def watch() -> None:
            nonlocal worst
            while not done:
                before = time.perf_counter()
                await asyncio.sleep(0.005)
                worst = max(worst, time.perf_counter() - before - 0.005)

        watching = asyncio.create_task(watch())
        for start in range(0, 300_000, 1000):
            pane.append(
                f"\x1b[1mmodule.this[{number}]\x1b[0m: Still creating..." for number in range(start, start + 1000)
            )
            await asyncio.sleep(0)
        await settle(pilot)
        done = True
        await watching
        assert len(pane.buffer) <= 22_000
        assert pane.buffer.end == 300_000
        assert row(pane, 23) == "module.this[299999]: Still creating..."
        assert worst < 1.0, "the loop stays free; benchmarks/bench_log_pane.py measures it on a quiet machine"


async def test_the_reader_keeps_the_place_while_old_lines_go() -> None:
    async with PaneApp(limit=1000).run_test(size=(40, 10)) as pilot:
        pane = pilot.app.query_one(LogPane)
        pane.append(f"line {number}" for number in range(1000))
        await settle(pilot)
        pane.scroll_to(y=600, animate=False)
        await settle(pilot)
        assert not pane.following
        before = row(pane, 0)
        pane.append(f"new {number}" for number in range(400))
        await settle(pilot)
        assert pane.buffer.dropped == 400
        assert row(pane, 0) == before == "line 600"


async def test_scrolling_up_lets_go_and_the_end_takes_hold_again() -> None:
    async with PaneApp().run_test(size=(40, 10)) as pilot:
        pane = pilot.app.query_one(LogPane)
        pane.focus()
        pane.append(f"line {number}" for number in range(100))
        await settle(pilot)
        assert row(pane, 9) == "line 99"
        pane.scroll_up(animate=False)
        await settle(pilot)
        pane.append(["more"])
        await settle(pilot)
        assert row(pane, 9) == "line 98"
        await pilot.press("end")
        await settle(pilot)
        pane.append(["most"])
        await settle(pilot)
        assert row(pane, 9) == "most"


async def test_a_smaller_window_still_shows_the_end() -> None:
    async with PaneApp().run_test(size=(40, 20)) as pilot:
        pane = pilot.app.query_one(LogPane)
        pane.append(f"line {number}" for number in range(100))
        await settle(pilot)
        await pilot.resize_terminal(40, 8)
        await settle(pilot)
        assert row(pane, pane.size.height - 1) == "line 99"
        assert pane.following


async def test_a_selection_copies_what_was_selected_even_after_old_lines_went() -> None:
    async with PaneApp(limit=100).run_test(size=(40, 10)) as pilot:
        pane = pilot.app.query_one(LogPane)
        pane.append(f"\x1b[33mline\x1b[0m {number}" for number in range(100))
        await settle(pilot)
        await pilot.mouse_down(LogPane, offset=(0, 2))
        await pilot.hover(LogPane, offset=(7, 4))
        await pilot.mouse_up(LogPane, offset=(7, 4))
        await settle(pilot)
        wanted = "line 92\nline 93\nline 94"
        assert pilot.app.screen.get_selected_text() == wanted
        pane.append(f"new {number}" for number in range(60))
        await settle(pilot)
        assert pane.buffer.dropped == 60
        assert pilot.app.screen.get_selected_text() == wanted
        await pilot.press("ctrl+c")
        assert pilot.app.clipboard == wanted


async def test_search_goes_around_and_marks() -> None:
    async with PaneApp().run_test(size=(40, 10)) as pilot:
        pane = pilot.app.query_one(LogPane)
        pane.append(f"\x1b[1mline\x1b[0m {number}" for number in range(300))
        await settle(pilot)
        pane.following = False
        assert pane.search(re.compile("7$")) == 30
        seen = []
        pane.scroll_home(animate=False)
        await settle(pilot)
        for _ in range(31):
            assert pane.go_to_match()
            await settle(pilot)
            seen.append(pane._hit)
        assert seen[:3] == [7, 17, 27]
        assert seen[30] == 7
        assert pane.go_to_match(forward=False)
        assert pane._hit == 297
        assert pane.search(re.compile("nothing like it")) == 0
        assert not pane.go_to_match()


def test_a_buffer_counts_wide_characters_and_drops_in_pieces() -> None:
    buffer = LineBuffer(limit=100)
    buffer.extend(["\x1b[31m日本\x1b[0m", "abc"])
    assert buffer.width == 4
    buffer.extend(str(number) for number in range(105))
    assert buffer.dropped == 0, "a tenth more is kept before a piece goes"
    buffer.extend(str(number) for number in range(10))
    assert (len(buffer), buffer.end) == (100, 117)
    assert buffer.line(buffer.end - 1) == "9"
    assert buffer.line(0) is None
    assert buffer.line(buffer.end) is None
    assert plain(buffer.lines[0]) in buffer.text()
