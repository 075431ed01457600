"""One step of a run: its row in the list, and its pane with command, progress and output."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.widgets import Static

from ecrwiz.flow.events import Status, StepId
from ecrwiz.screens.run_state import StepView
from ecrwiz.screens.words import clock_text, progress_text, seconds_text, status_words
from ecrwiz.widgets.log_pane import LogPane
from ecrwiz.widgets.put import put
from ecrwiz.widgets.step_list import StepRow

if TYPE_CHECKING:
    from textual.app import ComposeResult

__all__ = ["StepPane", "step_row"]


class StepPane(Vertical):
    """One step: its command, how far it is, its output."""

    def __init__(self, step: StepId) -> None:
        super().__init__(id=f"pane-{step}", classes="step-pane")
        self._step = step
        self._command = Static(classes="step-pane--command")
        self._progress = Static(classes="step-pane--progress")
        self._log = LogPane()

    def compose(self) -> ComposeResult:
        """Command, progress, log."""
        yield self._command
        yield self._progress
        yield self._log

    def update_from(self, view: StepView, *, marked: bool) -> None:
        """Show the step as it is now; the marked one among several has the arrow."""
        glyph, word, _ = status_words(view.status)
        now = time.monotonic()
        clock = f" {clock_text(view.elapsed(now))}" if view.began else ""
        command = f"$ {view.command}" if view.command else f"{glyph} {word}"
        if view.lines.dropped:
            command = f"({view.lines.dropped} older lines are in the log) {command}"
        head = f"{'▸ ' if marked else ''}{self._step}{clock}  {command}"
        put(self._command, head, layout=False)
        self._progress.display = view.progress is not None
        if view.progress:
            bar = max(8, min(30, self.size.width // 4))
            put(self._progress, progress_text(view.progress, bar, view.left(now)), layout=False)
        self._log.show(view.lines)
        self._log.sync()

    def scroll_log(self, lines: int) -> None:
        """Scroll the output."""
        self._log.scroll_relative(y=lines, animate=False)


def step_row(step: StepId, view: StepView, now: float) -> StepRow:
    """A step of the run as a row of the list."""
    glyph, word, tone = status_words(view.status)
    waits = view.status is Status.NOT_RUN
    note = view.note or ((view.error.cause or view.error.message) if view.error else "")
    if view.status is Status.RUNNING:
        note = progress_text(view.progress, 10, view.left(now)) if view.progress else view.command
    if view.status is Status.RUNNING:
        elapsed = clock_text(view.elapsed(now))
    else:
        elapsed = "" if waits or view.status in (Status.FRESH, Status.SKIPPED) else seconds_text(view.seconds)
    return StepRow(step, step, glyph, "waiting" if waits else word, tone, note, elapsed)
