"""What the screens for the CI identity and for GitHub share: they start single steps and are come back to."""

from __future__ import annotations

from ecrwiz.flow.context import Approvals
from ecrwiz.flow.events import Event, RunFinished, Status, StepId
from ecrwiz.screens.base import Page
from ecrwiz.screens.run import RunScreen

__all__ = ["Desk"]


class Desk(Page[str]):
    """Gives what Home shall do next: `answers`, `receipt`, `destroy`, or nothing."""

    def do(self, step: StepId, approvals: Approvals | None = None) -> None:
        """Run one step, fresh or not, and watch it; a run that ends well leads back here."""
        if not self.session.start((step,), force=True, approvals=approvals):
            self.notify("A run is going on; this waits for its end.", markup=False)
            return

        def watched(then: str | None) -> None:
            if then in ("answers", "receipt", "destroy"):
                self.dismiss(then)
            elif step in self.session.run.steps:
                self.came_back(step)

        self.app.push_screen(RunScreen(self.session, leads_to="back"), watched)

    def ended_well(self, step: StepId) -> bool:
        """Whether the last run did this step."""
        view = self.session.run.steps.get(step)
        return view is not None and view.status is Status.OK

    def on_run_events(self, events: tuple[Event, ...]) -> None:
        """A run that ended while this screen is in front may have changed what it shows."""
        if self.is_active and any(isinstance(event, RunFinished) for event in events):
            self.look()

    def look(self) -> object:
        """Ask anew what the screen shows."""
        return None

    def came_back(self, step: StepId) -> None:
        """The run of this step is not watched any more; it may still go on."""

    def rests(self) -> bool:
        """Whether nothing runs; tells the person when something does."""
        if self.session.busy:
            self.notify("A run is going on; this waits for its end.", markup=False)
        return not self.session.busy
