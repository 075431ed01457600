"""The run as it happens: every step, the commands, the output, and plainly what failed."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from ecrwiz.flow.events import CHAIN, Event, Status, StepId
from ecrwiz.screens.base import Page, bindings
from ecrwiz.screens.log_view import LogScreen
from ecrwiz.screens.modals import ButtonsModal, Choice
from ecrwiz.screens.run_state import StepView
from ecrwiz.screens.session import Session
from ecrwiz.screens.words import clock_text, progress_text, seconds_text, status_words
from ecrwiz.widgets.log_pane import LogPane
from ecrwiz.widgets.row_list import RowList
from ecrwiz.widgets.step_list import StepList, StepRow

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.widget import Widget

__all__ = ["RunScreen"]

WIDE = 120
SIDE_BY_SIDE = 3


class StepPane(Vertical):
    """One step: its command, how far it is, its output."""

    def __init__(self, step: StepId) -> None:
        super().__init__(id=f"pane-{step}", classes="step-pane")
        self._step = step
        self._log = LogPane()

    def compose(self) -> ComposeResult:
        """Command, progress, log."""
        yield Static(classes="step-pane--command")
        yield Static(classes="step-pane--progress")
        yield self._log

    def update_from(self, view: StepView) -> None:
        """Show the step as it is now."""
        glyph, word, _ = status_words(view.status)
        command = f"$ {view.command}" if view.command else f"{glyph} {word}"
        if view.lines.dropped:
            command = f"({view.lines.dropped} older lines: l) {command}"
        self.query_one(".step-pane--command", Static).update(Content(f"{self._step}  {command}"))
        progress = self.query_one(".step-pane--progress", Static)
        progress.display = view.progress is not None
        if view.progress:
            progress.update(Content(progress_text(view.progress, max(8, min(30, self.size.width // 4)))))
        self._log.show(view.lines)
        self._log.sync()

    def scroll_log(self, lines: int) -> None:
        """Scroll the output."""
        self._log.scroll_relative(y=lines, animate=False)


class RunScreen(Page[str]):
    """Gives what to do next: `answers`, `receipt`, or nothing."""

    SCOPE = "run"
    TITLE_TEXT = "Run"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("run"),
        Binding("pageup", "scroll_log(-10)", "Scroll the output up", show=False),
        Binding("pagedown", "scroll_log(10)", "Scroll the output down", show=False),
    ]
    AUTO_FOCUS = "#steps"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._pinned: StepId | None = None
        self._leads_on = session.busy

    def body(self) -> Iterable[Widget]:
        """Steps, the failure, the panes, the last word."""
        yield StepList(head=False, id="steps")
        yield Static(id="failure")
        with Horizontal(id="panes"):
            for step in StepId:
                yield StepPane(step)
        yield Static(id="end")

    def on_mount(self) -> None:
        """Show what there is already."""
        super().on_mount()
        self._show()

    def on_resize(self, event: events.Resize) -> None:
        """Room for more or fewer panes."""
        self._arrange(event.size.width)

    def on_screen_resume(self) -> None:
        """Show what came while another screen was in front; a run that ended there leads on."""
        self._show()

    def on_second(self) -> None:
        """The clocks go on."""
        self._show_steps()

    def on_run_events(self, events: tuple[Event, ...]) -> None:  # noqa: ARG002
        """Show what happened."""
        if not self.is_current:
            return
        self._show()

    def _lead_on(self) -> None:
        """A run of the whole chain that ended well leads to the receipt, once."""
        run = self.session.run
        if not self._leads_on or run.end is None or not self.is_current:
            return
        self._leads_on = False
        if run.end.status is Status.OK and set(CHAIN) <= set(run.steps):
            self.dismiss("receipt")

    def _show(self) -> None:
        self._show_steps()
        self._follow()
        run = self.session.run
        for step, view in run.steps.items():
            self._pane(step).update_from(view)
        self._arrange(self.size.width)
        self._show_failure()
        self._show_end()
        self.refresh_bindings()
        self.call_after_refresh(self._lead_on)

    def _pane(self, step: StepId) -> StepPane:
        return self.query_one(f"#pane-{step}", StepPane)

    def _show_steps(self) -> None:
        now = time.monotonic()
        self.query_one("#steps", StepList).set_steps(
            [_row(step, view, now) for step, view in self.session.run.steps.items()]
        )

    def _follow(self) -> None:
        """Mark the step that matters, unless the person has marked one that still runs."""
        run, steps = self.session.run, self.query_one("#steps", StepList)
        if self._pinned in run.running or (self._pinned and not self.session.busy):
            return
        self._pinned = None
        marked = steps.key
        if run.failed and not run.running:
            steps.mark(run.failed[0])
        elif run.running and marked not in run.running:
            steps.mark(run.running[0])

    @on(RowList.Marked, "#steps")
    def _on_marked(self, event: RowList.Marked) -> None:
        event.stop()
        if event.by_person:
            self._pinned = StepId(event.key)
        self._arrange(self.size.width)
        self._show_failure()

    def _marked(self) -> StepId | None:
        key = self.query_one("#steps", StepList).key
        return StepId(key) if key else None

    def _arrange(self, width: int) -> None:
        """Show the marked step's pane; all running ones beside each other when there is room."""
        marked, running = self._marked(), self.session.run.running
        shown = list(running[:SIDE_BY_SIDE]) if width >= WIDE else []
        if marked is not None and marked not in shown:
            shown = [marked, *shown[: SIDE_BY_SIDE - 1]] if self._pinned or not shown else shown
        for step in StepId:
            pane = self._pane(step)
            pane.display = step in shown
            pane.set_class(step is marked and len(shown) > 1, "-marked")

    def _show_failure(self) -> None:
        run, marked = self.session.run, self._marked()
        view = run.steps.get(marked) if marked else None
        failure = run.problem or (view.error if view else None)
        box = self.query_one("#failure", Static)
        box.display = failure is not None
        if failure is not None:
            what = "The run could not begin" if run.problem else f"{marked} failed"
            box.update(Content(f"✗ {what}: {failure.message}\n{failure.hint}".rstrip()))

    def _show_end(self) -> None:
        run, end = self.session.run, self.query_one("#end", Static)
        if self.session.busy or run.end is None:
            waiting = "Stopping: each step ends in good order; Terraform saves its state and frees its lock."
            end.update(Content(waiting if run.stopping else ""))
        elif run.end.status is Status.OK:
            end.update(Content(f"✓ Done in {seconds_text(run.end.seconds)}. p shows the receipt, esc goes Home."))
        elif run.end.status is Status.CANCELLED:
            end.update(Content("■ Stopped. What was done is kept; r goes on from there."))
        else:
            end.update(Content("✗ Not complete. What was done is kept; r tries again what did not succeed."))
        end.display = bool(str(end.content))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Only the keys that can do something now."""
        busy, end = self.session.busy and self.session.run.end is None, self.session.run.end
        if action == "stop":
            return busy
        if action == "retry":
            return not busy and end is not None and end.status is not Status.OK
        if action in ("answers", "receipt"):
            return not busy
        return True

    def action_retry(self) -> None:
        """Run again what did not succeed."""
        self._pinned = None
        if self.session.retry():
            self._leads_on = True
            self._show()

    def action_stop(self) -> None:
        """Ask, then stop the run."""
        if not self.session.busy:
            return
        body = [
            f"Running: {', '.join(self.session.run.running) or 'nothing yet'}.",
            "Each step is ended in good order; what is done stays done, and the run can go on later.",
        ]
        choices: tuple[Choice, ...] = (("keep", "Keep running", "default"), ("stop", "Stop", "warning"))
        self.app.push_screen(ButtonsModal("Stop the run?", body, choices, "keep"), self._stop)

    def _stop(self, reply: object) -> None:
        if reply == "stop":
            self.session.cancel()
            self._show()

    def action_answers(self) -> None:
        """Change the answers."""
        self.dismiss("answers")

    def action_receipt(self) -> None:
        """Show the receipt."""
        self.dismiss("receipt")

    def action_log(self) -> None:
        """Open the whole log of the marked step."""
        step = self._marked()
        path = self.session.log_path(step) if step else None
        if step is None or path is None:
            self.notify("There is no log yet.", markup=False)
        else:
            self.app.push_screen(LogScreen(self.session, step, path))

    def action_scroll_log(self, lines: int) -> None:
        """Scroll the output of the marked step."""
        step = self._marked()
        if step is not None:
            self._pane(step).scroll_log(lines)

    def action_back(self) -> None:
        """Home; the run goes on."""
        self.dismiss("")


def _row(step: StepId, view: StepView, now: float) -> StepRow:
    glyph, word, tone = status_words(view.status)
    waits = view.status is Status.NOT_RUN
    note = view.note or (view.error.message if view.error else "")
    if view.status is Status.RUNNING:
        note = progress_text(view.progress, 10) if view.progress else view.command
    if view.status is Status.RUNNING:
        elapsed = clock_text(view.elapsed(now))
    else:
        elapsed = "" if waits or view.status in (Status.FRESH, Status.SKIPPED) else seconds_text(view.seconds)
    return StepRow(step, step, glyph, "waiting" if waits else word, tone, note, elapsed)
