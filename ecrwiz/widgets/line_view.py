"""A window on a `LineBuffer`: scrolls, selects, copies and marks matches; only visible lines are drawn."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ecrwiz.model.redact import plain
from ecrwiz.widgets.line_buffer import LineBuffer

if TYPE_CHECKING:
    from rich.style import Style
    from textual.selection import Selection

__all__ = ["LineView"]


class LineView(ScrollView, can_focus=True):
    """Shows the lines of a buffer; call `sync` after the buffer has changed.

    The reader's place and a selection stay on the same lines while old lines go.
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
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"line-view--match", "line-view--hit"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("home", "scroll_home", "Top", show=False),
        Binding("end", "scroll_end", "End", show=False),
    ]

    def __init__(self, buffer: LineBuffer | None = None, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._buffer = buffer if buffer is not None else LineBuffer()
        self._dropped = self._buffer.dropped
        self._strips: LRUCache[int, Strip] = LRUCache(512)
        self._pattern: re.Pattern[str] | None = None
        self._hit: int | None = None

    @property
    def buffer(self) -> LineBuffer:
        """What is shown."""
        return self._buffer

    @property
    def first_number(self) -> int:
        """The number of the line at the top of the window."""
        return self._dropped + round(self.scroll_y)

    def show(self, buffer: LineBuffer) -> None:
        """Show another buffer from its beginning."""
        if buffer is self._buffer:
            return
        self._buffer = buffer
        self._dropped = buffer.dropped
        self._pattern, self._hit = None, None
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
        self.virtual_size = Size(self._buffer.width, len(self._buffer))
        if gone:
            self._keep_place(gone)
        self.refresh()

    def _keep_place(self, gone: int) -> None:
        self.scroll_to(y=max(0, self.scroll_y - gone), animate=False, immediate=True)

    def search(self, pattern: re.Pattern[str] | None) -> int:
        """Mark all matches; gives how many lines have one."""
        self._pattern, self._hit = pattern, None
        self._strips.clear()
        self.refresh()
        if pattern is None:
            return 0
        return sum(1 for line in self._buffer.lines if pattern.search(plain(line)))

    def go_to_match(self, *, forward: bool = True) -> bool:
        """Go to the next line with a match, around the end; False when there is none."""
        if self._pattern is None or not len(self._buffer):
            return False
        count = len(self._buffer)
        here = self._hit if self._hit is not None else self.first_number + (-1 if forward else 1)
        step = 1 if forward else -1
        for distance in range(1, count + 1):
            row = (here - self._dropped + step * distance) % count
            if self._pattern.search(plain(self._buffer.lines[row])):
                self._hit = row + self._dropped
                self._strips.clear()
                self.scroll_to(y=max(0, row - self.size.height // 3), animate=False, immediate=True)
                self.refresh()
                return True
        return False

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
            text = plain(self._buffer.line(number) or "")
            span = selection.get_span(number) or (0, -1)
            found.append(text[span[0] :] if span[1] == -1 else text[span[0] : span[1]])
        return ("\n".join(found), "\n") if found else None

    def line_style(self, text: str) -> Style | None:  # noqa: ARG002
        """A style for a whole line; for children that colour by what a line is."""
        return None

    def render_line(self, y: int) -> Strip:
        """Draw one visible line."""
        scroll_x, scroll_y = self.scroll_offset
        number, width, base = self._dropped + scroll_y + y, self.size.width, self.rich_style
        strip = self._strips.get(number)
        if strip is None:
            raw = self._buffer.line(number)
            if raw is None:
                return Strip.blank(width, base)
            strip = self._strips[number] = self._draw(number, raw, base)
        return strip.crop_extend(scroll_x, scroll_x + width, base).apply_offsets(scroll_x, number)

    def _draw(self, number: int, raw: str, base: Style) -> Strip:
        source = Text.from_ansi(raw) if "\x1b" in raw else Text(raw)
        own = self.line_style(source.plain)
        text = Text(source.plain, end="", no_wrap=True)
        text.stylize(base + own if own else base)  # Text.render gives a text without spans no style at all
        text.spans = [*text.spans, *source.spans]
        if self._pattern is not None:
            kind = "line-view--hit" if number == self._hit else "line-view--match"
            for match in self._pattern.finditer(source.plain):
                text.stylize(self.get_component_rich_style(kind), *match.span())
        span = self.text_selection.get_span(number) if self.text_selection is not None else None
        if span is not None:
            end = len(text) if span[1] == -1 else span[1]
            text.stylize(self.screen.get_component_rich_style("screen--selection"), span[0], end)
        return Strip(text.render(self.app.console), cell_len(text.plain))
