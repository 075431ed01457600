"""The wizard's side of the run: one engine, its state, and what the person typed but did not save."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from textual.signal import Signal

from ecrwiz.crash import crash_file
from ecrwiz.flow.context import Approvals
from ecrwiz.flow.engine import Engine
from ecrwiz.flow.events import CHAIN, Asked, Event, Failure, Reply, RunFinished, Status, StepId
from ecrwiz.flow.journal import Record
from ecrwiz.flow.project import Project
from ecrwiz.flow.runbook import from_here, without
from ecrwiz.model.errors import EcrwizError
from ecrwiz.screens.run_state import RunState

if TYPE_CHECKING:
    from textual.app import App

__all__ = ["Session", "Wish"]

FLUSH_SECONDS: Final = 0.05
LONGEST_FLUSH_SECONDS: Final = 0.5
SHARE: Final = 4.0  # of five parts of the time, so many are left to keys when drawing is slow
HURRY_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What a run was asked for, so that it can be asked for again."""

    steps: tuple[StepId, ...]
    force: bool
    approvals: Approvals | None
    again: StepId | None = None


class Session:
    """Owned by the App, so that a run outlives every screen.

    Attributes:
        project: the project.
        world: a word for what is not the real AWS, shown on every screen; else empty.
        engine: runs its steps.
        run: the present or the last run.
        keymap: the person's own keys by action id.
        draft: field values that were typed in the form and not saved.
        end_seen: the id of the run whose end was in front of the person.
        events: what happened, published at most twenty times a second; the state already holds it.
    """

    def __init__(self, app: App[int], project: Project, world: str = "") -> None:
        self.project = project
        self.world = world
        self.keymap: Mapping[str, str] = {}
        self.engine = Engine(project, self._hear)
        self.run = RunState()
        self.draft: dict[str, str] = {}
        self.end_seen: str | None = None
        self.events: Signal[tuple[Event, ...]] = Signal(app, "events")
        self._app = app
        self._task: asyncio.Task[None] | None = None
        self._wish: Wish | None = None
        self._waiting: list[Event] = []
        self._flushing = False
        self._pause = FLUSH_SECONDS

    @property
    def inventory(self) -> tuple[str, ...]:
        """What was shown before the present or last run, when that is a destroy."""
        return (self._wish.approvals.inventory or ()) if self._wish and self._wish.approvals else ()

    @property
    def busy(self) -> bool:
        """Whether a run is going on."""
        return self._task is not None and not self._task.done()

    def start(
        self,
        steps: Sequence[StepId] = (),
        *,
        force: bool = False,
        approvals: Approvals | None = None,
        again: StepId | None = None,
    ) -> bool:
        """Begin a run; False when one is going on. `force` means all of its steps, `again` one of them."""
        if self.busy:
            return False
        self._wish = Wish(tuple(steps), force, approvals, again)
        self.run = RunState(self._wish.steps or CHAIN)
        self._task = asyncio.create_task(self._run(self._wish), name="run")
        return True

    def start_from(self, step: StepId) -> bool:
        """Begin a run of this step, fresh or not, and of all after it that are not fresh."""
        return self.start(from_here(step), again=step)

    def skippable(self) -> tuple[StepId, ...]:
        """The steps of the last run that were not done and can be done without those that failed."""
        done = (Status.OK, Status.FRESH)
        left = [
            step
            for step, view in self.run.steps.items()
            if view.status not in done and not (view.status is Status.SKIPPED and view.began)
        ]
        return without(left, self.run.failed) if self.run.failed and not self.busy else ()

    def skip(self) -> bool:
        """Go on without the steps that failed, and without those that need them."""
        steps = self.skippable()
        return bool(steps) and self.start(steps, approvals=self._wish.approvals if self._wish else None)

    def retry(self) -> bool:
        """Run again what did not succeed in the last run."""
        if self._wish is None:
            return False
        return self.start(self._wish.steps, approvals=self._wish.approvals)

    def answer(self, question: int, reply: Reply) -> None:
        """Answer a step's question."""
        self.engine.answer(question, reply)

    def cancel(self) -> None:
        """Ask the run to stop in good order; a second time, to hurry."""
        if self.busy:
            self.run.stopping = True
            self.engine.cancel()

    async def ended(self, seconds: float | None = None) -> bool:
        """Wait for the run to end; False when it has not after so many seconds."""
        if self._task is None:
            return True
        done, _ = await asyncio.wait({self._task}, timeout=seconds)
        return bool(done)

    async def stop(self, grace: float) -> None:
        """Stop the run: in good order within `grace` seconds, then in a hurry."""
        if not self.run.stopping:  # a second cancel would make it hurry now
            self.cancel()
        if not await self.ended(grace):
            self.cancel()
            await self.ended(HURRY_SECONDS)

    def log_path(self, step: StepId, record: Record | None = None) -> Path | None:
        """The log of a step's present or last run, whether or not it exists yet."""
        if step in self.run.steps and self.run.log_dir:
            return Path(self.run.log_dir) / f"{step}.log"
        record = record or self.project.journal.get(step)
        return self.project.paths.logs / record.run / f"{step}.log" if record and record.run else None

    async def _run(self, wish: Wish) -> None:
        try:
            await self.engine.run(wish.steps, force=wish.force, approvals=wish.approvals, again=wish.again)
        except EcrwizError as error:
            self._failed(Failure(error.message, error.hint, error.exit_code))
        except Exception as error:  # noqa: BLE001  # this door's one broad except: a bug must not take the screen away
            kind = type(error).__name__
            hint = f"The details for a report are in {crash_file(error)}."
            self._failed(Failure(f"The run stopped on an error in ecrwiz itself ({kind}).", hint))
        self._flush()

    def _failed(self, failure: Failure) -> None:
        self.run.problem = failure
        end = RunFinished(self.run.run, Status.FAILED, 0.0, failure.exit_code)
        self.run.apply(end)
        self._waiting.append(end)

    def _hear(self, event: Event) -> None:
        self.run.apply(event)  # at once: many lines taken in together would hold a key up
        self._waiting.append(event)
        if isinstance(event, Asked | RunFinished):
            self._flush()
        elif not self._flushing:
            self._flushing = True
            self._app.set_timer(self._pause, self._flush)

    def _flush(self) -> None:
        self._flushing = False
        events, self._waiting = tuple(self._waiting), []
        if events:
            began = time.monotonic()
            self.events.publish(events)
            self._app.screen.call_after_refresh(self._drawn, began)

    def _drawn(self, began: float) -> None:
        """On a slow machine draw less often, so that a key never waits behind a queue of drawings."""
        cost = time.monotonic() - began
        self._pause = min(LONGEST_FLUSH_SECONDS, max(FLUSH_SECONDS, SHARE * cost))
