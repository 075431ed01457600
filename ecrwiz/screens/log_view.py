"""A step's whole log file: follow, search, wrap, times, errors, copy, export."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on, work
from textual.content import Content
from textual.widgets import Input, Static

from ecrwiz.flow.logs import TIME_CELLS, LogReader, export, run_time
from ecrwiz.model.errors import ToolFailedError
from ecrwiz.screens.base import Page, bindings
from ecrwiz.screens.session import Session
from ecrwiz.screens.words import path_text
from ecrwiz.widgets.finder import Finder
from ecrwiz.widgets.line_buffer import LineBuffer
from ecrwiz.widgets.log_pane import LogPane

if TYPE_CHECKING:
    from textual.binding import BindingType
    from textual.widget import Widget

__all__ = ["LogScreen"]

KEPT_LINES: Final = 350_000
POLL_SECONDS: Final = 0.5
SHOW_SECONDS: Final = 0.2
LOOK_SECONDS: Final = 0.01  # of searching between two looks at the keyboard

ERRORS: Final = re.compile(
    r"(?<!\b0 )(?<!\bno )(?<![\w.-])(?:errors?|err!|fatal|failed|failures?|panic|exception|traceback|denied|refused)"
    r"(?![\w-])",
    re.IGNORECASE,
)


class LogScreen(Page[None]):
    """Shows a log file and reads on while the step writes to it."""

    SCOPE = "log"
    BINDINGS: ClassVar[list[BindingType]] = bindings("log")
    AUTO_FOCUS = "LogPane"

    def __init__(self, session: Session, step: str, path: Path) -> None:
        self._step, self._path = step, path
        super().__init__(session)
        self._buffer = LineBuffer(KEPT_LINES)
        self._pane = LogPane(self._buffer, id="log")
        self._line = Static(id="about")
        self._reader = LogReader(path)
        self._wake = asyncio.Event()
        self._text = ""
        self._minds_case = False
        self._errors: Finder | None = None
        self._pending: tuple[Finder, bool] | None = None
        self._gone_to: Finder | None = None
        self._times = True
        self._exported: Path | None = None

    def title_text(self) -> str:
        """Which log this is."""
        return f"ecrwiz · Log of {self._step} · {run_time(self._path.parent.name)} UTC"

    def body(self) -> Iterable[Widget]:
        """The log, the search field, the lines that tell how it is shown and where the file is."""
        yield self._pane
        yield Input(placeholder="Search by words or a regular expression, then enter", compact=True, id="search")
        yield self._line

    def on_mount(self) -> None:
        """Begin to read."""
        self._read_on()

    @work(group="read", exclusive=True)
    async def _read_on(self) -> None:
        more, fresh, shown = True, True, 0.0
        while True:
            lines: list[str] = []
            if more:
                lines, more = await asyncio.to_thread(self._reader.read)
                if self.gone:
                    return
                self._buffer.extend(lines)
                fresh = fresh or bool(lines)
            busy = self._look_on() or more
            now = time.monotonic()
            if not busy or now - shown > SHOW_SECONDS:  # drawing costs more than reading
                if fresh:
                    self._pane.sync()
                shown, fresh = now, False
                self._about()
            if busy:
                await asyncio.sleep(0.001)
                continue
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)
            more = True

    def _look_on(self) -> bool:
        """Search a little further; whether there is more to search."""
        done = [finder.look_on(LOOK_SECONDS) for finder in (self._pane.finder, self._errors) if finder]
        if self._pending is not None:
            self._go(*self._pending)
        return not all(done)

    def _about(self) -> None:
        pane = self._pane
        parts = [f"{self._buffer.end:,} lines".replace(",", " ")]
        if self._buffer.dropped:
            parts.append(f"the first {self._buffer.dropped:,} are in the file only".replace(",", " "))
        parts += [self._found(finder, one) for finder, one in ((pane.finder, "match"), (self._errors, "error"))]
        if pane.finder is not None:
            parts.append("case counts" if self._minds_case else "any case")
        parts += ["wrapped" * pane.wrapped, "following" * pane.following]
        label = "Copied to " if self._exported else ""
        where = label + path_text(self._exported or self._path, self.size.width - 2 - len(label))
        facts = self._reader.trouble or " · ".join(part for part in parts if part)
        self._line.update(Content(f"{facts}\n{where}"), layout=False)

    def _found(self, finder: Finder | None, one: str) -> str:
        """How many lines have it, and which of them is marked."""
        if finder is None:
            return ""
        more = "+" if finder.place < self._buffer.end else ""
        count = len(finder.hits)
        if not count:
            return f"looking for {one}" if more else f"no {one}"
        rank = finder.rank(self._pane.hit) if self._pane.hit is not None and self._gone_to is finder else 0
        many = f"{count:,}{more}".replace(",", " ")
        more_than_one = "" if many == "1" else "es" if one.endswith("ch") else "s"
        return f"{one} {rank} of {many}" if rank else f"{many} {one}{more_than_one}"

    def action_search(self) -> None:
        """Open the search field."""
        self.add_class("-searching")
        self.remove_class("-full")
        self.query_one("#search", Input).focus()

    @on(Input.Submitted, "#search")
    def _on_search(self, event: Input.Submitted) -> None:
        event.stop()
        self._close_search()
        self._text, self._minds_case = event.value, any(letter.isupper() for letter in event.value)
        self._search()
        if self._pane.finder is not None:
            self._go(self._pane.finder, forward=True)
        self._about()

    def _search(self) -> None:
        """Search for the text as it was typed; a literal one when it is no regular expression."""
        self._pending = None
        flags = re.NOFLAG if self._minds_case else re.IGNORECASE
        try:
            pattern = re.compile(self._text, flags)
        except re.error:
            pattern = re.compile(re.escape(self._text), flags)
            self.notify("That is no regular expression: it is searched for letter by letter.", markup=False)
        self._pane.search(pattern if self._text else None, LOOK_SECONDS)
        self._wake.set()

    def _close_search(self) -> None:
        self.remove_class("-searching")
        self._pane.focus()

    def action_next_hit(self) -> None:
        """Go to the next match."""
        self._go_to_match(forward=True)

    def action_previous_hit(self) -> None:
        """Go to the match before."""
        self._go_to_match(forward=False)

    def _go_to_match(self, *, forward: bool) -> None:
        if self._pane.finder is None:
            self.action_search()
        else:
            self._go(self._pane.finder, forward)

    def action_next_error(self) -> None:
        """Go to the next line that tells of an error."""
        self._go_to_error(forward=True)

    def action_previous_error(self) -> None:
        """Go to the line with an error before."""
        self._go_to_error(forward=False)

    def _go_to_error(self, *, forward: bool) -> None:
        if self._errors is None:
            self._errors = Finder(self._buffer, ERRORS, TIME_CELLS)
            self._errors.look_on(LOOK_SECONDS)
        self._go(self._errors, forward)

    def _go(self, finder: Finder, forward: bool) -> None:
        """Go to a line, now or as soon as it is found."""
        pane, self._pending = self._pane, None
        here = pane.hit if pane.hit is not None else pane.first_number - 1
        if finder.place < self._buffer.end and not (forward and finder.hits and finder.hits[-1] > here):
            self._pending = finder, forward
            self._wake.set()
            return
        pane.following = False
        self._gone_to = finder
        if not pane.go_to_match(forward=forward, finder=finder):
            told = (
                "No line tells of an error." if finder is self._errors else "No match; / searches for something else."
            )
            self.notify(told, markup=False)
        self._about()

    def action_case(self) -> None:
        """Mind upper and lower case in the search, or not."""
        if self._pane.finder is None:
            self.notify("Search first with /; c then changes whether case counts.", markup=False)
            return
        self._minds_case = not self._minds_case
        self._search()
        self._about()

    def action_wrap(self) -> None:
        """Let long lines go on in the next row, or not."""
        self._pane.lay_out(wrap=not self._pane.wrapped, cut=0 if self._times else TIME_CELLS)
        self._about()

    def action_times(self) -> None:
        """Show the time of each line, or not."""
        self._times = not self._times
        self._pane.lay_out(wrap=self._pane.wrapped, cut=0 if self._times else TIME_CELLS)
        if self._pane.finder is not None:
            self._search()
        self._about()

    def action_full(self) -> None:
        """Give the log the whole window, or not."""
        self.toggle_class("-full")

    def action_follow(self) -> None:
        """Stay at the end."""
        self._pending = None
        self._pane.action_follow()
        self._about()

    def action_top(self) -> None:
        """Go to the first line."""
        self._pending = None
        self._pane.following = False
        self._pane.scroll_home(animate=False)
        self._about()

    def action_copy(self) -> None:
        """Copy the selection, or all of it."""
        self.app.copy_to_clipboard(self.get_selected_text() or self._buffer.text())

    @work(group="export", exclusive=True)
    async def action_export(self) -> None:
        """Copy the log's file to where it is easily found."""
        try:
            self._exported = await asyncio.to_thread(export, self._path)
        except ToolFailedError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self.notify(f"The whole log was copied to {self._exported}.", markup=False)
        self._about()

    def action_back(self) -> None:
        """Close the search field, then the log."""
        if self.has_class("-searching"):
            self._close_search()
        elif self.has_class("-full"):
            self.remove_class("-full")
        else:
            self.dismiss(None)
