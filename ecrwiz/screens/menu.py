"""Home: what this project is, how every step stands, and what can be done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ecrwiz.flow import runbook
from ecrwiz.flow.context import Approvals
from ecrwiz.flow.events import CHAIN, Event, RunFinished, Status, StepId
from ecrwiz.flow.runbook import StepState
from ecrwiz.model import results
from ecrwiz.model.errors import EcrwizError
from ecrwiz.screens.answers import AnswersScreen
from ecrwiz.screens.base import Page, bindings
from ecrwiz.screens.destroy import DestroyScreen
from ecrwiz.screens.log_view import LogScreen
from ecrwiz.screens.receipt import ReceiptScreen
from ecrwiz.screens.review import ReviewScreen
from ecrwiz.screens.run import RunScreen
from ecrwiz.screens.session import Session
from ecrwiz.screens.words import seconds_text, status_words
from ecrwiz.widgets.row_list import RowList
from ecrwiz.widgets.step_list import StepList, StepRow

if TYPE_CHECKING:
    from textual.binding import BindingType
    from textual.widget import Widget

__all__ = ["MenuScreen"]


class MenuScreen(Page[None]):
    """The screen under all others; it leads to them and takes what they give."""

    SCOPE = "menu"
    TITLE_TEXT = "Home"
    BINDINGS: ClassVar[list[BindingType]] = bindings("menu")
    AUTO_FOCUS = "#steps"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._states: Mapping[StepId, StepState] = {step: StepState(step, Status.NOT_RUN) for step in CHAIN}
        self._surveyed = False

    def body(self) -> Iterable[Widget]:
        """The project, a word on what is wrong, the steps, the marked one in full."""
        yield Static(id="project")
        yield Static(id="banner")
        yield StepList(id="steps")
        with VerticalScroll(id="about", can_focus=False):
            yield Static(id="about-text")

    def on_mount(self) -> None:
        """Look how the steps stand; a first visit opens the form."""
        super().on_mount()
        self._show()
        self.survey()
        if not self.session.project.paths.answers_file.exists() and self.session.project.app_problem is None:
            self.open_answers(then_review=True)

    def on_screen_resume(self) -> None:
        """Something may have changed."""
        self._show()
        self.survey()

    def on_run_events(self, events: tuple[Event, ...]) -> None:
        """The steps move; the end of a run is told when another screen is in front."""
        self._show()
        for event in events:
            if isinstance(event, RunFinished):
                self.survey()
                if not isinstance(self.app.screen, RunScreen):
                    _, word, _ = status_words(event.status)
                    self.notify(f"The run is {word}; w shows it.", markup=False)

    def on_second(self) -> None:
        """The clocks go on."""
        self._show_steps()

    @work(group="survey", exclusive=True)
    async def survey(self) -> None:
        """Look how every step stands."""
        try:
            self._states = await runbook.survey(self.session.project)
        except EcrwizError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self._surveyed = True
        self._show()

    def _show(self) -> None:
        self.query_one("#project", Static).update(self._project_text())
        banner = self.query_one("#banner", Static)
        text = self._banner_text()
        banner.display = bool(text)
        banner.update(Content(text))
        self._show_steps()
        self._show_about()

    def _project_text(self) -> Content:
        resolved = self.session.project.resolved
        values = resolved.values
        pairs = [
            ("Region", values.get("region", "?")),
            ("Repository", resolved.answers.repository_name if resolved.answers else "?"),
            ("Image", self._image()),
            ("GitHub", values.get("github_repository") or "no repository"),
        ]
        return Content("\n").join(Content.assemble((f"{label:<12}", "dim"), value) for label, value in pairs)

    def _image(self) -> str:
        built = self.session.project.results.find(results.BuildResult)
        return f"{built.image}:{built.tag}" if built else "not built yet"

    def _banner_text(self) -> str:
        project = self.session.project
        if project.app_problem is not None:
            return f"✗ {project.app_problem.message} {project.app_problem.hint}".rstrip()
        if project.resolved.answers is None and self.session.project.paths.answers_file.exists():
            return f"✗ {next(iter(project.resolved.problems.values()), '')} Press e to change it."
        if project.journal.unreadable:
            return f"! {project.journal.unreadable}"
        cut = [step for step, state in self._states.items() if state.status is Status.CUT]
        if cut and not self.session.busy:
            return f"! An earlier run was cut off during {', '.join(cut)}. Press a to go on from there."
        return ""

    def _state(self, step: StepId) -> StepState:
        """How a step stands now: as the run says while one is going on."""
        state = self._states[step]
        view = self.session.run.steps.get(step) if self.session.busy else None
        if view is None or (view.status is Status.NOT_RUN):
            return state
        note = view.progress.text if view.progress else view.note
        return StepState(step, view.status, note, state.record)

    def _show_steps(self) -> None:
        rows = []
        for step in CHAIN:
            state = self._state(step)
            glyph, word, tone = status_words(state.status)
            record = state.record
            took = seconds_text(record.seconds) if record and record.seconds else ""
            rows.append(StepRow(step, step, glyph, word, tone, state.reason, took))
        self.query_one("#steps", StepList).set_steps(rows)

    @on(RowList.Marked, "#steps")
    def _on_marked(self, event: RowList.Marked) -> None:
        event.stop()
        self._show_about()

    def _marked(self) -> StepId:
        return StepId(self.query_one("#steps", StepList).key or StepId.RENDER)

    def _show_about(self) -> None:
        step = self._marked()
        known, state = runbook.STEPS[step], self._state(step)
        lines = [f"{step}: {known.title}"]
        if known.needs:
            lines.append(f"Needs {', '.join(known.needs)}.")
        if state.reason:
            lines.append(f"{status_words(state.status)[1].capitalize()}: {state.reason}")
        hint = state.record.error.hint if state.record and state.record.error else ""
        if hint and state.status is Status.FAILED:
            lines.append(hint)
        self.query_one("#about-text", Static).update(Content("\n".join(lines)))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Watching needs a run."""
        if action == "show_run":
            return self.session.busy or self.session.run.end is not None
        return True

    def action_run_step(self) -> None:
        """Run the marked step."""
        if not self.session.busy:
            self._start((self._marked(),), force=True)
        else:
            self.action_show_run()

    def action_run_all(self) -> None:
        """Run what is not fresh, by way of a review when something would be made."""
        if self.session.busy:
            self.action_show_run()
            return
        project = self.session.project
        if project.resolved.answers is None:
            self.open_answers(then_review=True)
            return
        unfresh = [step for step in CHAIN if self._states[step].status is not Status.FRESH]
        if self._surveyed and not unfresh:
            self.notify("Every step is fresh. Enter runs the marked one again.", markup=False)
        elif StepId.RENDER in unfresh or StepId.PROVISION in unfresh:
            self.action_review()
        else:
            self._start((), force=False)

    def action_answers(self) -> None:
        """Change the answers."""
        self.open_answers(then_review=False)

    def open_answers(self, *, then_review: bool) -> None:
        """Open the form, and the review after it."""
        if self.session.busy:
            self.notify("Answers cannot change while a step runs; w shows the run.", markup=False)
            return

        def saved(yes: bool | None) -> None:
            self._show()
            if yes and then_review:
                self._open_review(after_form=True)

        self.app.push_screen(AnswersScreen(self.session), saved)

    def action_review(self) -> None:
        """Show files and plan."""
        if self.session.busy:
            self.notify("The review waits for the run to end; w shows it.", markup=False)
        elif self.session.project.resolved.answers is None:
            self.open_answers(then_review=True)
        else:
            self._open_review(after_form=False)

    def _open_review(self, *, after_form: bool) -> None:
        def agreed(approvals: Approvals | None) -> None:
            if approvals is not None:
                self._start((), force=False, approvals=approvals)
            elif after_form:
                self.open_answers(then_review=True)

        self.app.push_screen(ReviewScreen(self.session), agreed)

    def _start(self, steps: tuple[StepId, ...], *, force: bool, approvals: Approvals | None = None) -> None:
        if self.session.project.resolved.answers is None:
            self.open_answers(then_review=True)
        elif self.session.start(steps, force=force, approvals=approvals):
            self.action_show_run()

    def action_show_run(self) -> None:
        """Watch the run."""
        self.app.push_screen(RunScreen(self.session), self._after_run)

    def _after_run(self, then: str | None) -> None:
        if then == "answers":
            self.open_answers(then_review=True)
        elif then == "receipt":
            self.action_receipt()

    def action_log(self) -> None:
        """Open the marked step's last log."""
        step = self._marked()
        path = self.session.log_path(step, self._states[step].record)
        if path is None:
            self.notify(f"{step} has not been run, so it has no log.", markup=False)
        else:
            self.app.push_screen(LogScreen(self.session, step, path))

    def action_receipt(self) -> None:
        """Show what exists."""
        self.app.push_screen(ReceiptScreen(self.session))

    def action_destroy(self) -> None:
        """Show what would go, and ask."""
        if self.session.busy:
            self.notify("Destroy waits for the run to end; w shows it.", markup=False)
            return
        if self.session.project.resolved.answers is None:
            self.notify("Destroy needs usable answers; e changes them.", severity="warning", markup=False)
            return

        def typed(shown: tuple[str, ...] | None) -> None:
            if shown is not None:  # what was shown, and nothing else, is what they agreed to
                self._start((StepId.DESTROY,), force=True, approvals=Approvals(everything=True, inventory=shown))

        self.app.push_screen(DestroyScreen(self.session), typed)
