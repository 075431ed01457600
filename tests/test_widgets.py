"""The widgets alone."""

from __future__ import annotations

from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.widget import Widget

from ecrwiz.widgets.bars import progress_bar
from ecrwiz.widgets.choice import Choice
from ecrwiz.widgets.field import ChoiceField, Field, TextField
from ecrwiz.widgets.pick_field import PickField
from ecrwiz.widgets.row_list import Cell, Column, Row, RowList
from ecrwiz.widgets.step_list import StepList, StepRow

NASTY = 'this["a"] [/foo] [b'


class OneApp(App[None]):
    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self.widget = widget
        self.heard: list[Any] = []

    def compose(self) -> ComposeResult:
        yield self.widget

    def on_row_list_marked(self, event: RowList.Marked) -> None:
        self.heard.append((event.key, event.by_person))

    def on_field_changed(self, event: Field.Changed) -> None:
        self.heard.append((event.field.field_name, event.value))

    def on_field_submitted(self, event: Field.Submitted) -> None:
        self.heard.append("submitted")


def rows(count: int) -> list[Row]:
    return [Row(f"k{number}", (Cell(f"name {number}"), Cell(NASTY, "muted"))) for number in range(count)]


def text(widget: RowList, y: int) -> str:
    return widget.render_line(y).text


async def test_rows_move_by_keys_and_mouse_and_stay_in_sight() -> None:
    things = RowList(Column(8), Column(0))
    things.styles.max_height = 5
    app = OneApp(things)
    async with app.run_test(size=(30, 10)) as pilot:
        things.set_rows(rows(20))
        things.focus()
        await pilot.pause()
        await pilot.press("down", "j", "k")
        assert things.key == "k1"
        await pilot.press("end")
        await pilot.pause()
        assert things.key == "k19"
        assert "name 19" in text(things, 4)
        await pilot.press("home", "up")
        assert things.key == "k0"
        await pilot.click(RowList, offset=(3, 3))
        assert things.key == "k3"
        assert app.heard[-1] == ("k3", True)


async def test_rows_show_brackets_and_cut_with_an_ellipsis() -> None:
    things = RowList(Column(6), Column(0))
    async with OneApp(things).run_test(size=(24, 5)) as pilot:
        things.set_rows([Row("a", (Cell("a longer name"), Cell(NASTY)))])
        await pilot.pause()
        assert text(things, 0).startswith('▸ a lon… this["a"]')
        assert len(text(things, 0)) == 24


async def test_the_mark_stays_on_its_row_when_rows_change_and_survives_none() -> None:
    things = RowList(Column(8), Column(0))
    app = OneApp(things)
    async with app.run_test() as pilot:
        things.set_rows(rows(5))
        things.mark("k3")
        things.set_rows(rows(5)[2:])
        assert things.key == "k3"
        things.set_rows([])
        assert things.key == ""
        things.focus()
        await pilot.press("down", "end")
        await pilot.click(RowList)
        things.set_rows(rows(1))
        assert things.key == "k0"


async def test_a_marked_row_has_one_background() -> None:
    things = RowList(Column(8), Column(0))
    async with OneApp(things).run_test() as pilot:
        things.set_rows(rows(2))
        things.focus()
        await pilot.pause(0.1)
        found = [{segment.style.bgcolor for segment in things.render_line(y) if segment.style} for y in (0, 1)]
        assert [len(one) for one in found] == [1, 1]
        assert found[0] != found[1]


async def test_a_step_shows_glyph_and_word() -> None:
    steps = StepList()
    async with OneApp(steps).run_test(size=(80, 10)) as pilot:
        steps.set_steps([StepRow("a", "build", "✗", "failed", "error", NASTY, "1.0 s")])
        await pilot.pause()
        assert text(steps, 0).split() == ["Step", "Status", "Note", "Took"]
        assert text(steps, 1).split()[:4] == ["▸", "✗", "build", "failed"]
        assert NASTY in text(steps, 1)
        assert text(steps, 1).rstrip().endswith("1.0 s")


async def test_a_field_says_where_its_value_came_from_until_it_is_changed() -> None:
    field = TextField("port", "Port", "3000", origin="from package.json", hint="A hint.")
    app = OneApp(field)
    async with app.run_test(size=(80, 6)) as pilot:
        origin = field.query_one(".field--origin")
        note = field.query_one(".field--note")
        assert (str(origin.render()), str(note.render())) == ("from package.json", "A hint.")
        field.focus_entry()
        await pilot.press("backspace")
        assert str(origin.render()) == "you"
        assert app.heard[-1] == ("port", "300")
        field.show_problem(f"Not {NASTY}.")
        await pilot.pause()
        assert str(note.render()) == f"✗ Not {NASTY}."
        await pilot.press("0", "enter")
        assert str(origin.render()) == "from package.json"
        assert app.heard[-1] == "submitted"


async def test_a_pick_field_filters_and_takes_by_keys() -> None:
    field = PickField("region", "Region", "us-east-1", options=["eu-west-1", "eu-west-2", "us-east-1"])
    app = OneApp(field)
    async with app.run_test(size=(80, 12)) as pilot:
        field.focus_entry()
        await pilot.pause()
        assert not field.has_class("-open")
        await pilot.press("ctrl+u", *"west")
        await pilot.pause()
        assert field.has_class("-open")
        await pilot.press("down", "enter")
        await pilot.pause()
        assert field.value == "eu-west-2"
        assert "submitted" not in app.heard, "enter took the value"
        await pilot.press("enter")
        await pilot.pause()
        assert app.heard[-1] == "submitted"
        await pilot.press("ctrl+u", *"[/foo")
        await pilot.pause()
        assert not field.has_class("-open")


async def test_a_choice_is_made_by_keys_and_mouse() -> None:
    field = ChoiceField("platform", "Platform", "linux/amd64", words=["linux/amd64", "linux/arm64"])
    app = OneApp(field)
    async with app.run_test(size=(80, 6)) as pilot:
        field.focus_entry()
        await pilot.press("right")
        assert field.value == "linux/arm64"
        await pilot.press("space")
        assert field.value == "linux/amd64"
        await pilot.click(Choice, offset=(20, 0))
        assert field.value == "linux/arm64"
        assert app.heard[-1] == ("platform", "linux/arm64")
        assert "● linux/arm64" in field.query_one(Choice).render().plain


@pytest.mark.parametrize(
    ("done", "total", "full"), [(0, 4, 0), (1, 4, 2), (3.99, 4, 7), (4, 4, 8), (9, 4, 8), (1, 0, 0), (-1, 4, 0)]
)
def test_a_bar_is_true(done: float, total: float, full: int) -> None:
    assert progress_bar(done, total, 8) == "━" * full + "─" * (8 - full)
