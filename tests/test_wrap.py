"""Wrapped lines and searching in slices: right for every line, and quick for long logs."""

from __future__ import annotations

import re
import time

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from ecrwiz.model.redact import plain
from ecrwiz.widgets.finder import Finder
from ecrwiz.widgets.line_buffer import LineBuffer
from ecrwiz.widgets.log_pane import LogPane
from ecrwiz.widgets.wrap import Wrap

LINE = st.text(st.sampled_from("ab é日✓👍"), max_size=30)


@given(st.lists(LINE, max_size=40), st.integers(2, 12), st.integers(1, 10))
def test_every_row_shows_its_piece_and_all_pieces_make_the_line(lines: list[str], width: int, portion: int) -> None:
    buffer = LineBuffer(limit=20)
    wrap = Wrap(buffer, width)
    gone = 0
    for start in range(0, len(lines), portion):
        buffer.extend(lines[start : start + portion])
        gone += wrap.sync()
    assert wrap.rows == Wrap(buffer, width).rows, "taken in bit by bit or at once"
    pieces: dict[int, list[str]] = {}
    for row in range(wrap.rows):
        line, piece = wrap.at(row)
        text = buffer.lines[line]
        assert wrap.row_of(line) + piece == row
        shown = wrap.pieces(text)[piece]
        start, end, first = wrap.span(text if buffer.widths[line] < 0 else "", piece)
        assert cell_len(shown) <= width
        assert first == sum(len(part) for part in wrap.pieces(text)[:piece])
        assert start == cell_len(text[:first])
        assert end - start >= cell_len(shown)
        pieces.setdefault(line, []).append(shown)
    assert ["".join(pieces[line]) for line in sorted(pieces)] == buffer.lines
    assert wrap.at(wrap.rows)[0] == len(buffer)


def test_a_cut_leaves_the_beginning_of_each_line_out() -> None:
    buffer = LineBuffer()
    buffer.extend(["12:00:00 " + "x" * 10, "12:00:00 ", "12:00:00 " + "x" * 11])
    assert Wrap(buffer, 10, cut=9).rows == 4
    assert Wrap(buffer, 10).rows == 2 + 1 + 2


def test_another_width_of_a_long_log_costs_one_pass_over_numbers() -> None:
    buffer = LineBuffer(limit=400_000)
    buffer.extend("x" * (number % 200) for number in range(300_000))
    began = time.perf_counter()
    wrap = Wrap(buffer, 80)
    assert time.perf_counter() - began < 0.5, "some 40 ms on a quiet machine"
    assert wrap.rows == sum(max(1, -(-(number % 200) // 80)) for number in range(300_000))


def test_a_finder_works_in_slices_and_knows_what_came_and_went() -> None:
    buffer = LineBuffer(limit=10_000)
    buffer.extend(f"\x1b[1mline\x1b[0m {number}" for number in range(10_000))
    finder = Finder(buffer, re.compile("^line .*7$"))
    assert not finder.look_on(0.0)
    assert 0 < finder.place < 10_000
    assert finder.look_on()
    assert finder.hits == list(range(7, 10_000, 10))
    assert (finder.after(7), finder.after(9_997), finder.before(7), finder.rank(17), finder.rank(18)) == (
        *(17, 7, 9_997, 2, 0),
    )
    buffer.extend(f"line {number}" for number in range(10_000, 12_000))
    assert finder.after(0) == buffer.dropped + 7, "what is gone is no match any more"
    assert finder.look_on()
    assert finder.hits[-1] == 11_997


def test_a_finder_of_nothing() -> None:
    finder = Finder(LineBuffer(), re.compile("x"))
    assert finder.look_on(0.0)
    assert (finder.after(5), finder.before(5)) == (None, None)


class PaneApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.pane = LogPane(LineBuffer(1000))

    def compose(self) -> ComposeResult:
        yield self.pane


async def settle(pilot: Pilot[None]) -> None:
    await pilot.pause()
    await pilot.pause(0.05)


def shown(pane: LogPane) -> list[str]:
    return [pane.render_line(y).text.rstrip() for y in range(pane.size.height)]


async def test_wrapping_keeps_the_line_at_the_top_and_the_whole_text() -> None:
    async with PaneApp().run_test(size=(41, 6)) as pilot:
        pane = pilot.app.query_one(LogPane)
        pane.append(f"{number}:" + "abcdefghij" * 10 for number in range(50))
        await settle(pilot)
        pane.following = False
        pane.scroll_to(y=20, animate=False)
        await settle(pilot)
        pane.lay_out(wrap=True)
        await settle(pilot)
        rows = shown(pane)
        assert rows[0].startswith("20:")
        assert rows[3].startswith("21:")
        assert "".join(rows[:3]) == plain(pane.buffer.lines[20])
        await pilot.resize_terminal(61, 6)
        await settle(pilot)
        assert shown(pane)[0].startswith("20:")
        assert shown(pane)[2].startswith("21:")
        pane.lay_out(wrap=False)
        await settle(pilot)
        assert shown(pane)[0].startswith("20:")
        assert shown(pane)[1].startswith("21:")


async def test_a_wrapped_log_follows_its_end_and_keeps_the_place_while_lines_go() -> None:
    async with PaneApp().run_test(size=(41, 6)) as pilot:
        pane = pilot.app.query_one(LogPane)
        pane.lay_out(wrap=True)
        pane.append("x" * 100 for _ in range(1000))
        pane.append(["the end"])
        await settle(pilot)
        assert shown(pane)[-1] == "the end"
        pane.append(["y" * 100])
        await settle(pilot)
        assert shown(pane)[-1] == "y" * (100 % pane.size.width or pane.size.width)
        pane.append(["z" * 100] * 3 + ["here it is"])
        pane.following = False
        assert pane.search(re.compile("here")) == 1
        assert pane.go_to_match()
        await settle(pilot)
        before = shown(pane)
        assert any("here it is" in row for row in before)
        pane.append("w" * 100 for _ in range(400))
        await settle(pilot)
        assert pane.buffer.dropped > 0
        assert shown(pane)[: before.index("here it is") + 1] == before[: before.index("here it is") + 1]


async def test_a_selection_over_wrapped_rows_copies_the_lines_own_text() -> None:
    async with PaneApp().run_test(size=(31, 8)) as pilot:
        pane = pilot.app.query_one(LogPane)
        pane.lay_out(wrap=True, cut=9)
        pane.append(["12:00:00 " + "0123456789" * 5, "12:00:01 second"])
        await settle(pilot)
        width = pane.size.width
        assert shown(pane)[0] == ("0123456789" * 5)[:width]
        assert shown(pane)[1] == ("0123456789" * 5)[width:]
        await pilot.mouse_down(LogPane, offset=(3, 0))
        await pilot.hover(LogPane, offset=(4, 1))
        await pilot.mouse_up(LogPane, offset=(4, 1))
        await settle(pilot)
        assert pilot.app.screen.get_selected_text() == ("0123456789" * 5)[3 : width + 5], "the cell under the mouse too"


async def test_wide_characters_are_not_cut_in_two() -> None:
    async with PaneApp().run_test(size=(12, 8)) as pilot:
        pane = pilot.app.query_one(LogPane)
        pane.lay_out(wrap=True)
        pane.append(["a" + "日本語" * 5])
        await settle(pilot)
        assert "".join(shown(pane)) == "a" + "日本語" * 5
        assert all(pane.render_line(y).cell_length == pane.size.width for y in range(4))
