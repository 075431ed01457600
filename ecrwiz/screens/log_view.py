"""A step's whole log file: follow, search, copy."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on, work
from textual.content import Content
from textual.widgets import Input, Static

from ecrwiz.flow.events import StepId
from ecrwiz.screens.base import Page, bindings
from ecrwiz.screens.session import Session
from ecrwiz.widgets.line_buffer import LineBuffer
from ecrwiz.widgets.log_pane import LogPane

if TYPE_CHECKING:
    from textual.binding import BindingType
    from textual.widget import Widget

__all__ = ["LogScreen"]

KEPT_LINES: Final = 200_000
CHUNK: Final = 1 << 20
POLL_SECONDS: Final = 0.5

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ")


class LogScreen(Page[None]):
    """Shows a log file and reads on while the step writes to it."""

    SCOPE = "log"
    BINDINGS: ClassVar[list[BindingType]] = bindings("log")
    AUTO_FOCUS = "LogPane"

    def __init__(self, session: Session, step: StepId, path: Path) -> None:
        self._step, self._path = step, path
        super().__init__(session)
        self._buffer = LineBuffer(KEPT_LINES)
        self._place = 0
        self._rest = b""
        self._hits: int | None = None
        self._trouble = ""

    def title_text(self) -> str:
        """Which log this is."""
        return f"ecrwiz · Log of {self._step}"

    def body(self) -> Iterable[Widget]:
        """The log, the search field, the line that tells where the file is."""
        yield LogPane(self._buffer, id="log")
        yield Input(placeholder="Search, then enter", compact=True, id="search")
        yield Static(id="about")

    def on_mount(self) -> None:
        """Begin to read."""
        super().on_mount()
        self._read_on()

    @property
    def _pane(self) -> LogPane:
        return self.query_one(LogPane)

    @work(group="read", exclusive=True)
    async def _read_on(self) -> None:
        while True:
            more = await asyncio.to_thread(self._chunk)
            if self.gone:
                return
            if more:
                self._take(more)
            self._about()
            await asyncio.sleep(0 if len(more) == CHUNK else POLL_SECONDS)

    def _chunk(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                file.seek(self._place)
                return file.read(CHUNK)
        except OSError as error:
            self._trouble = f"cannot be read: {error.strerror or error}"
            return b""

    def _take(self, more: bytes) -> None:
        self._trouble = ""
        self._place += len(more)
        *lines, self._rest = (self._rest + more).split(b"\n")
        self._pane.append(_without_date(line.decode("utf-8", "replace")) for line in lines)

    def _about(self) -> None:
        parts = [f"{self._buffer.end:,} lines".replace(",", " ")]
        if self._buffer.dropped:
            parts.append(f"the first {self._buffer.dropped:,} are in the file only".replace(",", " "))
        parts.append("times are UTC")
        if self._hits is not None:
            parts.append(f"{self._hits} with a match" if self._hits else "no match")
        if self._pane.following:
            parts.append("following")
        if self._trouble:
            parts = [self._trouble]
        self.query_one("#about", Static).update(Content(f"{' · '.join(parts)} · {self._path}"))

    def action_search(self) -> None:
        """Open the search field."""
        self.add_class("-searching")
        self.query_one("#search", Input).focus()

    @on(Input.Submitted, "#search")
    def _on_search(self, event: Input.Submitted) -> None:
        event.stop()
        self._close_search()
        self._hits = self._pane.search(_pattern(event.value)) if event.value else None
        if not event.value:
            self._pane.search(None)
        if self._hits:
            self.action_next_hit()
        self._about()

    def _close_search(self) -> None:
        self.remove_class("-searching")
        self._pane.focus()

    def action_next_hit(self) -> None:
        """Go to the next match."""
        self._go(forward=True)

    def action_previous_hit(self) -> None:
        """Go to the match before."""
        self._go(forward=False)

    def _go(self, *, forward: bool) -> None:
        self._pane.following = False
        if not self._pane.go_to_match(forward=forward):
            self.notify("No match; / searches.", markup=False)
        self._about()

    def action_follow(self) -> None:
        """Stay at the end."""
        self._pane.action_follow()
        self._about()

    def action_top(self) -> None:
        """Go to the first line."""
        self._pane.following = False
        self._pane.scroll_home(animate=False)
        self._about()

    def action_copy(self) -> None:
        """Copy the selection, or all of it."""
        selected = self.get_selected_text()
        self.app.copy_to_clipboard(selected or self._buffer.text())
        self.notify("The selection was copied." if selected else "The whole log was copied.", markup=False)

    def action_back(self) -> None:
        """Close the search field, then the log."""
        if self.has_class("-searching"):
            self._close_search()
        else:
            self.dismiss(None)


def _without_date(line: str) -> str:
    """The run's date stands in the file's name; 80 columns are better used."""
    return f"{line[11:19]}{line[20:]}" if _TIME.match(line) else line


def _pattern(text: str) -> re.Pattern[str]:
    """A pattern that minds case only when the text has a capital; a literal one when it is no valid regex."""
    flags = re.NOFLAG if any(letter.isupper() for letter in text) else re.IGNORECASE
    try:
        return re.compile(text, flags)
    except re.error:
        return re.compile(re.escape(text), flags)
