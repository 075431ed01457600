"""The logs of every run that is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.content import Content
from textual.widgets import Static

from ecrwiz.flow.events import Event, Status
from ecrwiz.flow.logs import LogFile, list_logs, run_time
from ecrwiz.screens.base import Page, bindings
from ecrwiz.screens.log_view import LogScreen
from ecrwiz.screens.session import Session
from ecrwiz.screens.words import path_text, size_text, status_words
from ecrwiz.widgets.row_list import Cell, Column, Row, RowList

if TYPE_CHECKING:
    from textual.binding import BindingType
    from textual.widget import Widget

__all__ = ["LogsScreen"]


class LogsScreen(Page[None]):
    """A row for each step of each run, the newest run on top."""

    SCOPE = "logs"
    TITLE_TEXT = "Logs"
    BINDINGS: ClassVar[list[BindingType]] = bindings("logs")
    AUTO_FOCUS = "#logs"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._logs: dict[str, LogFile] = {}
        # Held, not looked up: the search may end while the screen is being taken apart.
        self._rows = RowList(
            Column(20, title="Run (UTC)"),
            Column(12, title="Step"),
            Column(0, title="Ended"),
            Column(9, title="Took", right=True),
            Column(10, title="Size", right=True),
            id="logs",
        )
        self._none = Static("No run has been logged yet. Press esc, then a to run every step.", markup=False, id="none")
        self._path = Static(id="about")

    def body(self) -> Iterable[Widget]:
        """The list, or a word on why it is empty; where the logs lie."""
        yield self._rows
        yield self._none
        yield self._path

    def on_mount(self) -> None:
        """Look which logs there are."""
        self._none.display = False
        self._look()

    def on_screen_resume(self) -> None:
        """There may be more by now."""
        self._look()

    def on_run_events(self, events: tuple[Event, ...]) -> None:  # noqa: ARG002
        """A log grows."""
        self._look()

    @work(group="look", exclusive=True)
    async def _look(self) -> None:
        await asyncio.sleep(0.2)  # events of a run come twenty times a second
        found = await asyncio.to_thread(list_logs, self.session.project.paths.logs)
        if self.gone:
            return
        self._logs = {f"{log.run}/{log.step}": log for log in found}
        self._none.display = not found
        rows, run = [], ""
        for key, log in self._logs.items():
            rows.append(Row(key, self._cells(log, first=log.run != run)))
            run = log.run
        self._rows.set_rows(rows)

    def _cells(self, log: LogFile, *, first: bool) -> tuple[Cell, ...]:
        state = self.session.run
        running = self.session.busy and log.run == state.run and log.step in state.running
        ended = Status.RUNNING if running else log.ended
        glyph, word, tone = status_words(Status(ended)) if ended in set(Status) else ("", "", "muted")
        if not ended and log.step in state.steps:
            glyph, word, tone = "!", "did not end", "warning"
        return (
            Cell(run_time(log.run) if first else "", "muted"),
            Cell(log.step, "strong"),
            Cell(f"{glyph} {word}".strip(), tone),
            Cell(log.took),
            Cell(size_text(log.size)),
        )

    @on(RowList.Marked, "#logs")
    def _on_marked(self, event: RowList.Marked) -> None:
        event.stop()
        self._about()

    def on_resize(self) -> None:
        """More room shows more of a path."""
        self._about()

    def _about(self) -> None:
        log = self._logs.get(self._rows.key)
        path = log.path if log is not None else self.session.project.paths.logs
        self._path.update(Content(path_text(path, self.size.width - 4)))

    def action_open(self) -> None:
        """Open the marked log."""
        log = self._logs.get(self._rows.key)
        if log is not None:
            self.app.push_screen(LogScreen(self.session, log.step, log.path))

    def action_again(self) -> None:
        """Look again."""
        self._look()

    def action_back(self) -> None:
        """Back to Home."""
        self.dismiss(None)
