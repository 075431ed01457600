"""Home's keys: they lead to every other screen, and take what those give."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ecrwiz.flow import glance
from ecrwiz.flow.context import Approvals
from ecrwiz.flow.events import CHAIN, Event, RunFinished, Status, StepFinished, StepId, StepStarted
from ecrwiz.keymap import shown_key
from ecrwiz.screens.answers import AnswersScreen
from ecrwiz.screens.base import bindings
from ecrwiz.screens.credentials import CredentialsScreen
from ecrwiz.screens.destroy import DestroyScreen
from ecrwiz.screens.details import DetailsScreen
from ecrwiz.screens.doctor import DoctorScreen
from ecrwiz.screens.github import GithubScreen
from ecrwiz.screens.home import Home
from ecrwiz.screens.log_view import LogScreen
from ecrwiz.screens.logs import LogsScreen
from ecrwiz.screens.receipt import ReceiptScreen
from ecrwiz.screens.review import ReviewScreen
from ecrwiz.screens.run import RunScreen
from ecrwiz.screens.words import status_words

if TYPE_CHECKING:
    from textual.binding import BindingType

__all__ = ["MenuScreen"]


class MenuScreen(Home):
    """The screen under all others."""

    SCOPE = "menu"
    TITLE_TEXT = "Home"
    BINDINGS: ClassVar[list[BindingType]] = bindings("menu")
    NEEDS_REST = frozenset({"answers", "review", "destroy"})

    def on_mount(self) -> None:
        """Look how the steps stand; a first visit opens the form."""
        self._show()
        self.survey()
        self.ask_who()
        if not self.session.project.paths.answers_file.exists() and self.session.project.app_problem is None:
            self.open_answers(then_review=True)

    def on_screen_resume(self) -> None:
        """Something may have changed."""
        self._show()
        self.survey()
        self.ask_who()

    def on_run_events(self, events: tuple[Event, ...]) -> None:
        """The steps move; the end of a run is told when another screen is in front."""
        if self.is_active:  # else it shows all anew when it comes to the front
            self._show_steps()
            if any(isinstance(event, StepStarted | StepFinished) for event in events):
                self._show()
        for event in events:
            if isinstance(event, RunFinished):
                self.survey()
                if not isinstance(self.app.screen, RunScreen) and self.session.end_seen != event.run:
                    self._tell_end(event)

    def _tell_end(self, end: RunFinished) -> None:
        _, word, _ = status_words(end.status)
        key = shown_key("menu.show_run", self.session.keymap)
        where = f"{key} shows it" if self.app.screen is self else f"on Home, {key} shows it"
        self.notify(f"The run is {word}; {where}.", markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Only the keys that can do something now."""
        busy, step = self.session.busy, self._marked() if self.is_mounted else None
        record = self._states[step].record if step is not None else None
        match action:
            case "show_run":
                return busy or self.session.run.end is not None
            case "run_step":
                return step is not None
            case "run_from":
                return step is not None and not busy
            case "outputs":
                return bool(record and record.outputs)
            case "commands":
                return bool(record and record.commands)
            case _:
                return True

    def action_run_step(self) -> None:
        """Run the marked step."""
        step = self._marked()
        if self.session.busy:
            self.action_show_run()
        elif step is not None:
            self._start((step,), force=True)

    def action_run_from(self) -> None:
        """Run the marked step, and what is not fresh after it."""
        step = self._marked()
        if step is None or self.session.busy:
            return
        if self.session.project.resolved.answers is None:
            self.open_answers(then_review=True)
        elif self.session.start_from(step):
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
            self.notify("Answers cannot change while a step runs.", markup=False)
            return

        def saved(yes: bool | None) -> None:
            self._show()
            if yes and then_review:
                self._open_review(after_form=True)

        self.app.push_screen(AnswersScreen(self.session), saved)

    def action_review(self) -> None:
        """Show files and plan."""
        if self.session.busy:
            self.notify("The review waits for the run to end.", markup=False)
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

    def _start(
        self, steps: tuple[StepId, ...], *, force: bool, approvals: Approvals | None = None, leads_to: str = ""
    ) -> None:
        if self.session.project.resolved.answers is None:
            self.open_answers(then_review=True)
        elif self.session.start(steps, force=force, approvals=approvals):
            self._watch(leads_to)

    def action_show_run(self) -> None:
        """Watch the run."""
        self._watch()

    def _watch(self, leads_to: str = "") -> None:
        self.app.push_screen(RunScreen(self.session, leads_to), self._after_run)

    def _after_run(self, then: str | None) -> None:
        if then == "answers":
            self.open_answers(then_review=True)
        elif then == "receipt":
            self.action_receipt()
        elif then == "destroy":
            self.action_destroy()

    def action_log(self) -> None:
        """Open the marked step's last log."""
        step = self._marked()
        if step is None:
            return
        path = self.session.log_path(step, self._states[step].record)
        if path is None:
            self.notify(f"{step} has not been run, so it has no log.", markup=False)
        else:
            self.app.push_screen(LogScreen(self.session, step, path))

    def action_outputs(self) -> None:
        """Show what the marked step made."""
        step = self._marked()
        record = self._states[step].record if step is not None else None
        if record is not None and record.outputs:
            values = glance.output_lines(record.outputs)
            self.app.push_screen(DetailsScreen(self.session, f"Outputs of {step}", values))

    def action_commands(self) -> None:
        """Show what was run for the marked step."""
        step = self._marked()
        record = self._states[step].record if step is not None else None
        if record is not None and record.commands:
            values = [("$", command) for command in record.commands]
            self.app.push_screen(DetailsScreen(self.session, f"Commands of {step}", values))

    def action_refresh(self) -> None:
        """Look again."""
        self.survey()
        self.ask_who(anew=True)

    def action_logs(self) -> None:
        """List the logs of all runs."""
        self.app.push_screen(LogsScreen(self.session))

    def action_doctor(self) -> None:
        """Check tools, credentials, keyring and GitHub."""
        self.app.push_screen(DoctorScreen(self.session))

    def action_credentials(self) -> None:
        """Look after the CI identity."""
        self.app.push_screen(CredentialsScreen(self.session), self._after_run)

    def action_github(self) -> None:
        """Show what GitHub has and gets."""
        self.app.push_screen(GithubScreen(self.session), self._after_run)

    def action_receipt(self) -> None:
        """Show what exists."""
        self.app.push_screen(ReceiptScreen(self.session))

    def action_destroy(self) -> None:
        """Show what would go, and ask."""
        if self.session.busy:
            self.notify("Destroy waits for the run to end.", markup=False)
            return
        if self.session.project.resolved.answers is None:
            self.notify("Destroy needs usable answers; e changes them.", severity="warning", markup=False)
            return

        def typed(shown: tuple[str, ...] | None) -> None:
            if shown is not None:  # what was shown, and nothing else, is what they agreed to
                approvals = Approvals(everything=True, inventory=shown)
                self._start((StepId.DESTROY,), force=True, approvals=approvals, leads_to="receipt")

        self.app.push_screen(DestroyScreen(self.session), typed)
