"""A list of rows in columns with a marked row; text in it is never read as markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ecrwiz.widgets.cut import middle_out

if TYPE_CHECKING:
    from textual import events

__all__ = ["TONES", "Cell", "Column", "Row", "RowList"]

TONES = ("success", "warning", "error", "accent", "muted", "strong")


@dataclass(frozen=True, slots=True)
class Cell:
    """A text with a tone: one of `TONES`, or empty for the ordinary one."""

    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        width: in cells; 0 takes the room that the others leave.
        right: set the text to the right.
        title: over the column when the list has a head.
        from_width: shown only when the list is at least so wide.
        middle: what is too long loses its middle, not its end.
    """

    width: int
    right: bool = False
    title: str = ""
    from_width: int = 0
    middle: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row: what it stands for, and a cell per column."""

    key: str
    cells: tuple[Cell, ...]


class RowList(ScrollView, can_focus=True):
    """Shows rows, moves the mark by arrows, `j`/`k`, home/end and mouse; `/` filters them."""

    DEFAULT_CSS = """
    RowList { background: transparent; color: $foreground; height: auto; }
    RowList { overflow-x: hidden; scrollbar-size: 1 1; }
    RowList > .row-list--head { color: $text-muted; }
    RowList > .row-list--filter { color: $text-accent; text-style: bold; }
    RowList > .row-list--mark { background: $panel; }
    RowList:focus > .row-list--mark { background: $primary; color: $text; text-style: bold; }
    RowList > .row-list--success { color: $text-success; }
    RowList > .row-list--warning { color: $text-warning; }
    RowList > .row-list--error { color: $text-error; }
    RowList > .row-list--accent { color: $text-accent; }
    RowList > .row-list--muted { color: $text-muted; }
    RowList > .row-list--strong { text-style: bold; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "row-list--head",
        "row-list--filter",
        "row-list--mark",
        *(f"row-list--{tone}" for tone in TONES),
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("home", "move(-100000)", "First", show=False),
        Binding("end", "move(100000)", "Last", show=False),
        Binding("slash", "filter", "Filter", show=False),
        Binding("escape", "clear_filter", "Show all", show=False),
    ]
    marked: reactive[int] = reactive(0)

    class Marked(Message):
        """Another row is marked.

        Attributes:
            rows: the list.
            key: the row's key.
            by_person: a key or the mouse did it.
        """

        def __init__(self, rows: RowList, key: str, by_person: bool) -> None:
            super().__init__()
            self.rows = rows
            self.key = key
            self.by_person = by_person

        @property
        def control(self) -> RowList:
            """The list."""
            return self.rows

    def __init__(self, *columns: Column, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._columns = columns
        self._all: tuple[Row, ...] = ()
        self._rows: tuple[Row, ...] = ()
        self._titled = any(column.title for column in columns)
        self._filter = ""
        self._typing = False

    @property
    def _head(self) -> int:
        """Lines above the rows: the titles, or the filter in their place."""
        return 1 if self._titled or self._typing or self._filter else 0

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows shown."""
        return self._rows

    @property
    def key(self) -> str:
        """The marked row's key; empty when there is no row."""
        return self._rows[self.marked].key if self._rows else ""

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows, as far as the filter lets them through; the mark stays on the same key."""
        before, height = self.key, len(self._rows) + self._head
        self._all = tuple(rows)
        words = self._filter.casefold().split()
        self._rows = tuple(row for row in rows if all(word in _words_of(row) for word in words))
        self.set_reactive(RowList.marked, min(self.marked, max(0, len(self._rows) - 1)))
        self.mark(before)
        self.virtual_size = Size(0, len(self._rows) + self._head)
        self.refresh(layout=len(self._rows) + self._head != height)
        if self._rows and self.key != before:
            self.post_message(self.Marked(self, self.key, by_person=False))

    def mark(self, key: str) -> None:
        """Mark the row with this key, when there is one."""
        for number, row in enumerate(self._rows):
            if row.key == key and number != self.marked:
                self.marked = number
                self.post_message(self.Marked(self, key, by_person=False))

    @property
    def filtering(self) -> bool:
        """Whether some rows are hidden, or a filter is being typed."""
        return self._typing or bool(self._filter)

    def action_filter(self) -> None:
        """Type what the rows must contain; several words must all be there."""
        self._typing = True
        self._refilter(self._filter)

    def action_clear_filter(self) -> None:
        """Show all rows again."""
        self._typing = False
        self._refilter("")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Escape belongs to the screen unless there is a filter to take away."""
        return self.filtering if action == "clear_filter" else True

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """While a filter is typed, letters are not commands."""
        return self._typing and (key == "enter" or (character is not None and character.isprintable()))

    def on_key(self, event: events.Key) -> None:
        """Take what is typed into the filter."""
        if not self._typing:
            return
        if event.key in ("enter", "up", "down"):
            self._typing = False
            self._refilter(self._filter)
            if event.key != "enter":
                return
        elif event.key == "backspace":
            self._refilter(self._filter[:-1])
        elif event.key == "ctrl+u":
            self._refilter("")
        elif event.character is not None and event.is_printable:
            self._refilter(self._filter + event.character)
        else:
            return
        event.stop()
        event.prevent_default()

    def on_blur(self) -> None:
        """What was typed stays; letters are commands again."""
        if self._typing:
            self._typing = False
            self._refilter(self._filter)

    def _refilter(self, text: str) -> None:
        self._filter = text[:60]
        self.set_rows(self._all)
        self.refresh(layout=True)
        self.screen.refresh_bindings()

    def action_move(self, by: int) -> None:
        """Move the mark."""
        self._move_to(self.marked + by)

    def _move_to(self, number: int) -> None:
        if not self._rows:
            return
        number = max(0, min(number, len(self._rows) - 1))
        if number != self.marked:
            self.marked = number
            self.post_message(self.Marked(self, self.key, by_person=True))

    def notify_style_update(self) -> None:
        """The mark looks different when the cursor comes or goes."""
        super().notify_style_update()
        self.refresh()

    def watch_marked(self) -> None:
        """Keep the marked row in sight."""
        top, height = round(self.scroll_y), self.size.height - self._head
        if self.marked < top:
            self.scroll_to(y=self.marked, animate=False, immediate=True)
        elif height > 0 and self.marked >= top + height:
            self.scroll_to(y=self.marked - height + 1, animate=False, immediate=True)
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Mark the row under the mouse."""
        row = event.y + round(self.scroll_y) - self._head
        if event.y >= self._head and row < len(self._rows):
            self._move_to(row)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """One line a row, and one for the head."""
        return len(self._rows) + self._head

    def render_line(self, y: int) -> Strip:
        """Draw the head or one row; the head stays when the rows scroll."""
        width = self.size.width
        if self.filtering and y == 0:
            return self._filter_line(width)
        if self._titled and y == 0:
            head = self._tone("head")
            titles = tuple(Cell(column.title) for column in self._columns)
            return self._strip("  ", titles, width, self.rich_style + head)
        number = y - self._head + round(self.scroll_y)
        if number >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        base, marked = self.rich_style, number == self.marked
        if marked:
            base += self.get_component_rich_style("row-list--mark")
        gutter = "▸ " if marked else "  "
        return self._strip(gutter, self._rows[number].cells, width, base, plain=marked and self.has_focus)

    def _filter_line(self, width: int) -> Strip:
        line = Text(f"/ {self._filter}{'▏' if self._typing else ''}", end="", no_wrap=True)
        keys = "enter keeps it, esc shows all" if self._typing else "esc shows all"
        line.append(f"  {len(self._rows)} of {len(self._all)}, {keys}")
        line.truncate(width, overflow="ellipsis", pad=True)
        line.stylize_before(self.rich_style + self._tone("filter"))
        return Strip(line.render(self.app.console), width)

    def _strip(self, gutter: str, cells: tuple[Cell, ...], width: int, base: Style, *, plain: bool = False) -> Strip:
        line = Text(gutter, end="", no_wrap=True)
        for (column, room), cell in zip(self._widths(width), cells, strict=True):
            if room <= 0:
                continue
            text = Text(middle_out(cell.text, room) if column.middle else cell.text, end="", no_wrap=True)
            text.truncate(room, overflow="ellipsis")
            text.align("right" if column.right else "left", room)
            if cell.tone and not plain:  # on the mark, tones could not be read
                text.stylize(self._tone(cell.tone))
            line.append_text(text)
            line.append(" ")
        line.truncate(width, pad=True)
        line.stylize_before(base)  # Text.render gives a text without spans no style at all
        return Strip(line.render(self.app.console), width)

    def _tone(self, tone: str) -> Style:
        """A tone without its background: that belongs to the row."""
        full = self.get_component_rich_style(f"row-list--{tone}")
        return Style(color=full.color, bold=full.bold)

    def _widths(self, width: int) -> list[tuple[Column, int]]:
        shown = [column if width >= column.from_width else None for column in self._columns]
        fixed = sum(column.width + 1 for column in shown if column)
        flexible = sum(1 for column in shown if column and not column.width) or 1
        rest = max(0, (width - 2 - fixed) // flexible)
        return [
            (column, 0 if kept is None else (column.width or rest))
            for column, kept in zip(self._columns, shown, strict=True)
        ]


def _words_of(row: Row) -> str:
    return " ".join((row.key, *(cell.text for cell in row.cells))).casefold()
