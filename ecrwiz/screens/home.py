"""The face of Home: the project at a glance, how every step stands, the marked step in full."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on, work
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Static

from ecrwiz.flow import custody, glance, runbook
from ecrwiz.flow.events import CHAIN, Status, StepId
from ecrwiz.flow.runbook import StepState
from ecrwiz.keymap import shown_key
from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.redact import plain
from ecrwiz.screens.base import Page
from ecrwiz.screens.home_view import Who, about, details, glance_text
from ecrwiz.screens.session import Session
from ecrwiz.screens.words import ago_text, clock_text, seconds_text, status_words
from ecrwiz.widgets.put import put
from ecrwiz.widgets.row_list import RowList
from ecrwiz.widgets.step_list import StepList, StepRow

if TYPE_CHECKING:
    from textual import events
    from textual.widget import Widget

__all__ = ["Home"]

_MORE: Final = {
    "credentials": "CI identity", "github": "GitHub", "doctor": "doctor", "receipt": "receipt", "destroy": "destroy",
}  # fmt: skip
ASK_AGAIN_SECONDS: Final = 300.0
ASK_AGAIN_AFTER_A_PROBLEM: Final = 30.0


class Home(Page[None]):
    """Shows; what its keys do is in `MenuScreen`."""

    AUTO_FOCUS: ClassVar[str | None] = "#steps"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._states: Mapping[StepId, StepState] = {step: StepState(step, Status.NOT_RUN) for step in CHAIN}
        self._surveyed = False
        self._who = Who()
        self._asked_for = ""

    def body(self) -> Iterable[Widget]:
        """The project, a word on what is wrong, the steps, the marked one in short or, where there is room, in full."""
        yield Static(id="project")
        yield Static(id="banner")
        with Horizontal(id="work"):
            with Vertical(id="left"):
                yield StepList(ago=True, id="steps")
                with VerticalScroll(id="about", can_focus=False):
                    yield Static(id="about-text")
                yield Static(id="tail")
            with VerticalScroll(id="details", can_focus=False):
                yield Static(id="details-text")

    def on_resize(self, event: events.Resize) -> None:  # noqa: ARG002
        """The glance is set for the width, the log's end for the height."""
        self.call_after_refresh(self._show)

    def on_second(self) -> None:
        """The clocks go on."""
        if self.is_active:
            self._show_steps()
            self._show_about()

    @work(group="survey", exclusive=True)
    async def survey(self) -> None:
        """Look how every step stands."""
        try:
            self._states = await runbook.survey(self.session.project)
        except EcrwizError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self._surveyed = True
        if not self.gone:
            self._show()

    @work(group="who", exclusive=True)
    async def ask_who(self, *, anew: bool = False) -> None:
        """Ask AWS who we are, unless that was asked a moment ago."""
        project, age = self.session.project, time.monotonic() - self._who.at
        region = f"{project.resolved.values.get('region', '')} {project.tools.chosen.name}"
        known = self._who.at and age < (ASK_AGAIN_AFTER_A_PROBLEM if self._who.problem else ASK_AGAIN_SECONDS)
        if known and region == self._asked_for and not anew:
            return
        if anew or region != self._asked_for:
            self._who = Who()
        self._asked_for = region
        self._show_project()
        try:
            self._who = Who(await glance.identity(self.session.project), at=time.monotonic())
        except EcrwizError as error:
            self._who = Who(problem=error.message, hint=error.hint, at=time.monotonic())
        if not self.gone:
            self._show_project()

    def _show_project(self) -> None:
        width = max(40, self.size.width - 4)
        put(self.query_one("#project", Static), glance_text(self.session.project, self._who, width))

    def _show(self) -> None:
        self._show_project()
        banner = self.query_one("#banner", Static)
        text = self._banner_text()
        banner.display = bool(text)
        put(banner, text)
        self._show_steps()
        self._show_about()

    def _banner_text(self) -> str:
        project = self.session.project
        if project.app_problem is not None:
            return f"✗ {project.app_problem.message} {project.app_problem.hint}".rstrip()
        if project.resolved.answers is None and self.session.project.paths.answers_file.exists():
            key = shown_key("menu.answers", self.session.keymap)
            return f"✗ {next(iter(project.resolved.problems.values()), '')} Press {key} to change it."
        if project.journal.unreadable:
            return f"! {project.journal.unreadable}"
        cut = [step for step, state in self._states.items() if state.status is Status.CUT]
        if cut and not self.session.busy:
            key = shown_key("menu.run_all", self.session.keymap)
            return f"! An earlier run was cut off during {', '.join(cut)}. Press {key} to go on from there."
        reminder = custody.reminder(project)
        return f"! {reminder}" if reminder else ""

    def _state(self, step: StepId) -> StepState:
        """How a step stands now: as the run says while one is going on."""
        state = self._states[step]
        view = self.session.run.steps.get(step) if self.session.busy else None
        if view is None or (view.status is Status.NOT_RUN):
            return state
        note = view.progress.text if view.progress else view.note
        return StepState(step, view.status, note, state.record)

    def _show_steps(self) -> None:
        rows, now = [], time.time()
        for step in CHAIN:
            state = self._state(step)
            glyph, word, tone = status_words(state.status)
            record = state.record
            took = seconds_text(record.seconds) if record and record.seconds else ""
            ago = ago_text(max(0.0, now - record.started - record.seconds)) if record else ""
            if state.status is Status.RUNNING:
                took, ago = self._elapsed(step), "now"
            rows.append(StepRow(step, step, glyph, word, tone, state.reason, took, ago))
        self.query_one("#steps", StepList).set_steps(rows)

    @on(RowList.Marked, "#steps")
    def _on_marked(self, event: RowList.Marked) -> None:
        event.stop()
        self._show_about()

    def _elapsed(self, step: StepId) -> str:
        view = self.session.run.steps.get(step) if self.session.busy else None
        return clock_text(view.elapsed(time.monotonic())) if view else ""

    def _marked(self) -> StepId | None:
        """The marked step; None when a filter hides all of them."""
        key = self.query_one("#steps", StepList).key
        return StepId(key) if key else None

    def _show_about(self) -> None:
        step = self._marked()
        if step is None:
            return
        state, keymap = self._state(step), self.session.keymap
        keys = "  ".join(f"{shown_key(f'menu.{name}', keymap)} {name}" for name in self._can_show(state))
        more = "  ".join(f"{shown_key(f'menu.{name}', keymap)} {word}" for name, word in _MORE.items())
        keys = f"{keys}\n{more}" if keys else more
        put(self.query_one("#about-text", Static), about(state, keys))
        view = self.session.run.steps.get(step) if self.session.busy else None
        commands = view.commands if view and view.commands else state.record.commands if state.record else ()
        width = self.query_one("#details").size.width - 3  # padding, and a scroll bar that may come
        put(self.query_one("#details-text", Static), details(state, commands, keys, width))
        if view is not None and view.began:
            self._show_tail(tuple(view.lines.lines[-60:]))
        else:
            self._read_tail(step)

    @staticmethod
    def _can_show(state: StepState) -> tuple[str, ...]:
        record = state.record
        if record is None:
            return ()
        parts = (("log", record.run), ("outputs", record.outputs), ("commands", record.commands))
        return tuple(name for name, there in parts if there)

    @work(group="tail", exclusive=True)
    async def _read_tail(self, step: StepId) -> None:
        path = self.session.log_path(step, self._states[step].record)
        lines = await glance.log_tail(path, 60) if path is not None else ()
        if not self.gone and step is self._marked():
            self._show_tail(lines)

    def _show_tail(self, lines: tuple[str, ...]) -> None:
        tail = self.query_one("#tail", Static)
        room = max(1, tail.size.height)
        shown = [plain(line) for line in lines[-room:]] or ["The marked step has no log yet."]
        put(tail, "\n".join(shown), layout=False)
