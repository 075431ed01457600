"""The run as it happens: every step, the commands, the output, and plainly what failed."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from ecrwiz.flow.events import CHAIN, CommandShown, Event, Output, Progress, Status, StepId
from ecrwiz.keymap import shown_key
from ecrwiz.screens.base import Page, bindings
from ecrwiz.screens.log_view import LogScreen
from ecrwiz.screens.modals import ButtonsModal, Choice
from ecrwiz.screens.removal import Removal
from ecrwiz.screens.run_pane import StepPane, step_row
from ecrwiz.screens.session import Session
from ecrwiz.screens.words import clock_text, seconds_text
from ecrwiz.widgets.put import put
from ecrwiz.widgets.row_list import RowList
from ecrwiz.widgets.step_list import StepList
from ecrwiz.widgets.tab_line import TabLine

if TYPE_CHECKING:
    from textual.widget import Widget

__all__ = ["RunScreen"]

WIDE = 120
SIDE_BY_SIDE = 3


class RunScreen(Page[str]):
    """Gives what to do next: `answers`, `receipt`, `destroy`, `leads_to`, or nothing.

    Args:
        session: the wizard's run and project.
        leads_to: what a run that ended well gives by itself; one of the whole chain gives `receipt`.
    """

    SCOPE = "run"
    TITLE_TEXT = "Run"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("run"),
        Binding("pageup", "scroll_log(-10)", "Scroll the output up", show=False),
        Binding("pagedown", "scroll_log(10)", "Scroll the output down", show=False),
    ]
    AUTO_FOCUS = "#steps"

    def __init__(self, session: Session, leads_to: str = "") -> None:
        super().__init__(session)
        self._pinned: StepId | None = None
        self._panes: dict[StepId, StepPane] = {}
        self._leads_on = session.busy
        self._leads_to = leads_to

    def body(self) -> Iterable[Widget]:
        """Steps, the failure, the panes, the last word."""
        yield StepList(head=False, id="steps")
        yield Static(id="failure")
        yield Removal(self.session)
        yield TabLine(id="tabs")
        yield Horizontal(id="panes")
        yield Static(id="end")

    def on_mount(self) -> None:
        """Show what there is already."""
        self._show()

    def on_resize(self, event: events.Resize) -> None:
        """Room for more or fewer panes."""
        self._arrange(event.size.width)
        self._show_panes()

    def on_screen_resume(self) -> None:
        """Show what came while another screen was in front; a run that ended there leads on."""
        self._show()

    def on_second(self) -> None:
        """The clocks go on."""
        if self.is_active:
            self._show_steps()
            self._show_panes()

    def on_run_events(self, events: tuple[Event, ...]) -> None:
        """Show what happened; lines and progress come twenty times a second and change neither panes nor keys."""
        if not self.is_active:
            return
        if self.session.run.end is not None:
            self.session.end_seen = self.session.run.run
        if all(isinstance(event, Output | Progress | CommandShown) for event in events):
            self._show_steps()
            self._show_panes()
            self.query_one(Removal).update_from_run()
        else:
            self._show()

    def _lead_on(self) -> None:
        """A run that ended well leads on, once: of the whole chain to the receipt, else to where it came from."""
        run = self.session.run
        if not self._leads_on or run.end is None or not self.is_active:
            return
        self._leads_on = False
        leads_to = self._leads_to or ("receipt" if set(CHAIN) <= set(run.steps) else "")
        if run.end.status is Status.OK and leads_to:
            self.dismiss(leads_to)

    def _show(self) -> None:
        self._show_steps()
        self._follow()
        self.query_one(Removal).update_from_run()
        self._arrange(self.size.width)
        self._show_panes()
        self._show_failure()
        self._show_end()
        self.refresh_bindings()
        self.call_after_refresh(self._lead_on)

    def _show_panes(self) -> None:
        """The panes in sight and the tabs; one that comes into sight later catches up then."""
        run, marked, now = self.session.run, self._marked(), time.monotonic()
        shown = [step for step in run.steps if step in self._panes and self._panes[step].display]
        several = len(shown) > 1
        for step in shown:
            self._panes[step].update_from(run.steps[step], marked=several and step is marked)
        tabs = [(step, f"{step} {clock_text(run.steps[step].elapsed(now))}") for step in self._tabs()]
        line = self.query_one("#tabs", TabLine)
        line.display = len(tabs) > 1 and not several
        line.set_tabs(tabs, marked or "")

    def _tabs(self) -> tuple[StepId, ...]:
        """The steps at work, and the marked one."""
        marked = self._marked()
        return tuple(step for step in self.session.run.steps if step in self.session.run.running or step is marked)

    def _pane(self, step: StepId) -> StepPane:
        """A step's pane, made when it is looked at first: what a screen holds makes every question over it slower."""
        pane = self._panes.get(step)
        if pane is None:
            pane = self._panes[step] = StepPane(step)
            order = tuple(StepId)
            after = [other for other in self._panes if order.index(other) > order.index(step)]
            right = self._panes[min(after, key=order.index)] if after else None
            self.query_one("#panes").mount(pane, before=right)
        return pane

    def _show_steps(self) -> None:
        now = time.monotonic()
        self.query_one("#steps", StepList).set_steps(
            [step_row(step, view, now) for step, view in self.session.run.steps.items()]
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
        self._show_panes()
        self._show_failure()
        self.refresh_bindings()

    @on(TabLine.Chosen)
    def _on_tab(self, event: TabLine.Chosen) -> None:
        event.stop()
        self._pinned = StepId(event.key)
        self.query_one("#steps", StepList).mark(event.key)

    def _marked(self) -> StepId | None:
        key = self.query_one("#steps", StepList).key
        return StepId(key) if key else None

    def _arrange(self, width: int) -> None:
        """Show the marked step's pane; all running ones beside each other when there is room."""
        marked, running = self._marked(), self.session.run.running
        shown = list(running[:SIDE_BY_SIDE]) if width >= WIDE else []
        if marked is not None and marked not in shown:
            shown = [marked, *shown[: SIDE_BY_SIDE - 1]] if self._pinned or not shown else shown
        for step in {*shown, *self._panes}:
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
            lines = [f"✗ {what}: {failure.cause or failure.message}", failure.hint, failure.link]
            if failure.cause:
                lines.append(failure.message)
            first, *rest = (line for line in lines if line)
            put(box, Content("\n").join([Content.styled(first, "bold"), *map(Content, rest)]))

    def _show_end(self) -> None:
        end, text = self.query_one("#end", Static), self._end_text()
        put(end, text)
        end.display = bool(text)

    def _end_text(self) -> str:
        run = self.session.run
        if self.session.busy or run.end is None:
            waiting = "Stopping: each step ends in good order; Terraform saves its state and frees its lock."
            return waiting if run.stopping else ""
        if run.end.status is Status.OK:
            keys = f"{self._key('receipt')} shows the receipt, {self._key('back')} goes Home."
            return f"✓ Done in {seconds_text(run.end.seconds)}. {keys}"
        if run.end.status is Status.CANCELLED:
            return f"■ Stopped. What was done is kept; {self._key('retry')} goes on from there."
        skip = self.session.skippable()
        without = f", {self._key('skip')} goes on with {', '.join(skip)} without it" if skip else ""
        return f"✗ Not complete. What was done is kept; {self._key('retry')} tries again{without}."

    def _key(self, name: str) -> str:
        return shown_key(f"run.{name}", self.session.keymap)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Only the keys that can do something now."""
        busy, end = self.session.busy and self.session.run.end is None, self.session.run.end
        if action == "stop":
            return busy
        if action == "retry":
            return not busy and end is not None and end.status is not Status.OK
        if action in ("answers", "receipt"):
            return not busy
        if action == "skip":
            return bool(self.session.skippable())
        if action == "copy":
            return self._command() != ""
        if action == "next_tab":
            return len(self._tabs()) > 1
        return True

    def action_retry(self) -> None:
        """Run again what did not succeed; what a destroy left is listed anew first."""
        if self.session.inventory:
            self.dismiss("destroy")
            return
        self._pinned = None
        if self.session.retry():
            self._leads_on = True
            self._show()

    def action_skip(self) -> None:
        """Ask, then go on without what failed."""
        failed, steps = self.session.run.failed, self.session.skippable()
        if not steps:
            return
        body = [
            f"These do not need what it makes, and are run now: {', '.join(steps)}.",
            f"{failed[0].capitalize()} stays failed; run it again at any time.",
        ]
        choices: tuple[Choice, ...] = (("back", "Back", "default"), ("skip", "Go on without it", "warning"))
        self.app.push_screen(ButtonsModal(f"Go on without {', '.join(failed)}?", body, choices, "back"), self._skip)

    def _skip(self, reply: object) -> None:
        if reply == "skip" and self.session.skip():
            self._pinned, self._leads_on = None, False
            self._show()

    def _command(self) -> str:
        step = self._marked()
        view = self.session.run.steps.get(step) if step else None
        return view.command if view else ""

    def action_copy(self) -> None:
        """Copy the marked step's command, or what is selected by the mouse."""
        self.app.copy_to_clipboard(self.get_selected_text() or self._command())

    def action_next_tab(self) -> None:
        """Mark the next of the steps at work."""
        tabs, marked = self._tabs(), self._marked()
        if len(tabs) > 1 and marked is not None:
            self._pinned = tabs[(tabs.index(marked) + 1) % len(tabs)]
            self.query_one("#steps", StepList).mark(self._pinned)

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
        if step in self._panes:
            self._panes[step].scroll_log(lines)

    def action_back(self) -> None:
        """Home; the run goes on."""
        self.dismiss("")
