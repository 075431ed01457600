"""A window on a `LineBuffer`: scrolls, selects, copies and marks matches; only visible lines are drawn."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ecrwiz.model.redact import plain
from ecrwiz.widgets.finder import Finder
from ecrwiz.widgets.line_buffer import LineBuffer
from ecrwiz.widgets.wrap import Wrap

if TYPE_CHECKING:
    from rich.style import Style
    from textual import events
    from textual.selection import Selection

__all__ = ["LineView"]


class LineView(ScrollView, can_focus=True):
    """Shows the lines of a buffer; call `sync` after the buffer has changed.

    The reader's place and a selection stay on the same lines while old lines go, and when lines are wrapped.
    """

    DEFAULT_CSS = """
    LineView {
        background: $surface;
        color: $foreground;
        overflow-x: auto;
        overflow-y: scroll;
        scrollbar-size: 0 1;
        &:focus { scrollbar-color: $accent; }
    }
    LineView > .line-view--match { background: $warning; color: $background; }
    LineView > .line-view--hit { background: $primary; color: $text; text-style: bold underline; }
    LineView > .line-view--here { background: $primary 30%; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"line-view--match", "line-view--hit", "line-view--here"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("home", "scroll_home", "Top", show=False),
        Binding("end", "scroll_end", "End", show=False),
    ]

    def __init__(self, buffer: LineBuffer | None = None, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._buffer = buffer if buffer is not None else LineBuffer()
        self._dropped = self._buffer.dropped
        self._strips: LRUCache[int, Strip] = LRUCache(160)
        self._finder: Finder | None = None
        self._hit: int | None = None
        self._wrap: Wrap | None = None
        self._cut = 0

    @property
    def buffer(self) -> LineBuffer:
        """What is shown."""
        return self._buffer

    @property
    def first_number(self) -> int:
        """The number of the line at the top of the window."""
        return self._dropped + self._locate(round(self.scroll_y))[0]

    @property
    def wrapped(self) -> bool:
        """Whether long lines go on in the next row."""
        return self._wrap is not None

    @property
    def hit(self) -> int | None:
        """The number of the line that was gone to, if any."""
        return self._hit

    @property
    def finder(self) -> Finder | None:
        """What is searched for, if anything."""
        return self._finder

    def show(self, buffer: LineBuffer) -> None:
        """Show another buffer from its beginning."""
        if buffer is self._buffer:
            return
        self._buffer = buffer
        self._dropped = buffer.dropped
        self._finder, self._hit = None, None
        if self._wrap is not None:
            self._wrap = Wrap(buffer, self.size.width, self._cut)
        self._strips.clear()
        self.sync()
        self.scroll_home(animate=False, immediate=True)

    def on_mount(self) -> None:
        """Take what the buffer already holds."""
        self.sync()

    def sync(self) -> None:
        """Show what the buffer holds now."""
        gone = self._buffer.dropped - self._dropped
        self._dropped = self._buffer.dropped
        if self._wrap is None:
            self.virtual_size = Size(max(0, self._buffer.width - self._cut), len(self._buffer))
        else:
            gone = self._wrap.sync()
            self.virtual_size = Size(0, self._wrap.rows)
        if gone:
            self._keep_place(gone)
        self.refresh()

    def lay_out(self, *, wrap: bool, cut: int = 0) -> None:
        """Show the lines in another way; the line at the top stays there.

        Args:
            wrap: long lines go on in the next row.
            cut: so many cells at the beginning of each line are left out.
        """
        top = self.first_number
        if cut != self._cut:
            self.screen.clear_selection()  # it counts cells
        self._cut = cut
        self._wrap = Wrap(self._buffer, self.size.width, cut) if wrap else None
        self._strips.clear()
        self.sync()
        self._keep_line(top)

    def on_resize(self, event: events.Resize) -> None:  # noqa: ARG002
        """Another width breaks the lines elsewhere."""
        if self._wrap is not None and self._wrap.width != self.size.width:
            self.lay_out(wrap=True, cut=self._cut)

    def _keep_place(self, gone: int) -> None:
        self.scroll_to(y=max(0, self.scroll_y - gone), animate=False, immediate=True)

    def _keep_line(self, number: int) -> None:
        self.scroll_to(x=0, y=self._row_of(number), animate=False, immediate=True)

    def _locate(self, row: int) -> tuple[int, int]:
        """The line in a row, counted from the first kept one, and which piece of it."""
        return (row, 0) if self._wrap is None else self._wrap.at(row)

    def _row_of(self, number: int) -> int:
        line = max(0, number - self._dropped)
        return line if self._wrap is None else self._wrap.row_of(line)

    def search(self, pattern: re.Pattern[str] | None, seconds: float | None = None) -> int:
        """Mark all matches, and count the lines that have one.

        Args:
            pattern: what to look for; None for nothing any more.
            seconds: look for so long at most, and go on with `finder.look_on`; None for as long as it takes.
        """
        self._finder, self._hit = None, None
        self._strips.clear()
        self.refresh()
        if pattern is None:
            return 0
        self._finder = Finder(self._buffer, pattern, self._cut)
        self._finder.look_on(seconds)
        return len(self._finder.hits)

    def go_to_match(self, *, forward: bool = True, finder: Finder | None = None) -> bool:
        """Go to the next line with a match, around the end; False when there is none.

        Args:
            forward: towards the end.
            finder: what to look for in place of what is searched for.
        """
        finder = finder or self._finder
        if finder is None:
            return False
        here = self._hit if self._hit is not None else self.first_number - forward
        number = finder.after(here) if forward else finder.before(here)
        if number is None:
            return False
        self._hit = number
        self._strips.clear()
        self.scroll_to(y=max(0, self._row_of(number) - self.size.height // 3), animate=False, immediate=True)
        self.refresh()
        return True

    def notify_style_update(self) -> None:
        """Forget drawn lines when the theme changes."""
        super().notify_style_update()
        self._strips.clear()
        self.refresh()

    def selection_updated(self, selection: Selection | None) -> None:  # noqa: ARG002
        """Draw anew when the selection changes."""
        self._strips.clear()
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text without colours."""
        first, last = self._dropped, self._buffer.end - 1
        start = selection.start.y if selection.start else first
        end = selection.end.y if selection.end else last
        found = []
        for number in range(max(start, first), min(end, last) + 1):
            text = plain(self._buffer.line(number) or "")[self._cut :]
            span = selection.get_span(number) or (0, -1)
            found.append(text[span[0] :] if span[1] == -1 else text[span[0] : span[1]])
        return ("\n".join(found), "\n") if found else None

    def line_style(self, text: str) -> Style | None:  # noqa: ARG002
        """A style for a whole line; for children that colour by what a line is."""
        return None

    def decorations(self, number: int) -> Iterable[tuple[int, int, Style]]:  # noqa: ARG002
        """Styles of parts of a line; for children that know more of it than its text."""
        return ()

    def render_line(self, y: int) -> Strip:
        """Draw one visible row."""
        scroll_x, scroll_y = self.scroll_offset
        line, piece = self._locate(scroll_y + y)
        number, width, base = self._dropped + line, self.size.width, self.rich_style
        raw = self._buffer.line(number)
        if raw is None:
            return Strip.blank(width, base)
        strip = self._strips.get(number)
        if strip is None:
            strip = self._strips[number] = self._draw(number, raw[self._cut :], self._base(number))
        start, end, offset = (scroll_x, scroll_x + width, scroll_x)
        if self._wrap is not None:
            start, end, offset = self._wrap.span(strip.text if self._buffer.widths[line] < 0 else "", piece)
        shown = strip.crop(start, end).adjust_cell_length(width, self._base(number))
        return shown.apply_offsets(offset, number)

    def _base(self, number: int) -> Style:
        base = self.rich_style
        return base + self.get_component_rich_style("line-view--here") if number == self._hit else base

    def _draw(self, number: int, raw: str, base: Style) -> Strip:
        source = Text.from_ansi(raw) if "\x1b" in raw else Text(raw)
        own = self.line_style(source.plain)
        text = Text(source.plain, end="", no_wrap=True)
        text.stylize(base + own if own else base)  # Text.render gives a text without spans no style at all
        for start, end, style in self.decorations(number):
            text.stylize(style, start, end)
        text.spans = [*text.spans, *source.spans]
        if self._finder is not None:
            kind = "line-view--hit" if number == self._hit else "line-view--match"
            for match in self._finder.pattern.finditer(source.plain):
                text.stylize(self.get_component_rich_style(kind), *match.span())
        span = self.text_selection.get_span(number) if self.text_selection is not None else None
        if span is not None:
            end = len(text) if span[1] == -1 else span[1]
            text.stylize(self.screen.get_component_rich_style("screen--selection"), span[0], end)
        return Strip(text.render(self.app.console), cell_len(text.plain))
