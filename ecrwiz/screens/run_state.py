"""What is known of the run, kept by the App so that a screen that opens later shows what it missed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ecrwiz.flow.events import (
    Asked,
    CommandShown,
    Event,
    Failure,
    Output,
    Progress,
    RunFinished,
    RunStarted,
    Status,
    StepFinished,
    StepId,
    StepStarted,
)
from ecrwiz.widgets.eta import WINDOW_SECONDS, Sample, seconds_left
from ecrwiz.widgets.line_buffer import LineBuffer

__all__ = ["RunState", "StepView"]

SAMPLE_SECONDS: Final = 0.25


@dataclass
class StepView:
    """One step of the run.

    Attributes:
        status: `not-run` until it begins.
        began: monotonic seconds.
        seconds: how long it took, once it ended.
        command: the command that is run for it now.
        commands: all that were run for it so far.
        progress: how far it is.
        samples: how far it was, for the last seconds; only of bytes with a known total.
        lines: its output.
        note: why it was skipped, or what to know.
        error: why it failed.
    """

    status: Status = Status.NOT_RUN
    began: float = 0.0
    seconds: float = 0.0
    command: str = ""
    commands: list[str] = field(default_factory=list)
    progress: Progress | None = None
    samples: list[Sample] = field(default_factory=list)
    lines: LineBuffer = field(default_factory=LineBuffer)
    note: str = ""
    error: Failure | None = None

    def elapsed(self, now: float) -> float:
        """Seconds so far, or in all."""
        return now - self.began if self.status is Status.RUNNING else self.seconds

    def left(self, now: float) -> float | None:
        """Seconds until the end of what is counted now, when they can be known."""
        return seconds_left(self.samples, now)

    def note_progress(self, progress: Progress, now: float) -> None:
        """Take in how far it is."""
        self.progress = progress
        if progress.unit != "bytes" or not progress.total:
            self.samples.clear()
        elif not self.samples or now - self.samples[-1][0] >= SAMPLE_SECONDS:
            kept = [sample for sample in self.samples if now - sample[0] <= WINDOW_SECONDS]
            self.samples = [*kept, (now, progress.done, progress.total)]


class RunState:
    """The present or the last run of this process.

    Attributes:
        run: its id; empty before the first.
        log_dir: the folder of its logs.
        steps: the steps that it visits, in order.
        end: how it ended; None while it goes on.
        problem: why it could not begin.
        began: monotonic seconds.
        stopping: it was asked to stop.
    """

    def __init__(self, wanted: Sequence[StepId] = ()) -> None:
        self.run = ""
        self.log_dir = ""
        self.steps: dict[StepId, StepView] = {step: StepView() for step in wanted}
        self.end: RunFinished | None = None
        self.problem: Failure | None = None
        self.began = time.monotonic()
        self.stopping = False

    @property
    def running(self) -> tuple[StepId, ...]:
        """The steps at work."""
        return tuple(step for step, view in self.steps.items() if view.status is Status.RUNNING)

    @property
    def failed(self) -> tuple[StepId, ...]:
        """The steps that failed."""
        return tuple(step for step, view in self.steps.items() if view.status is Status.FAILED)

    def view(self, step: StepId) -> StepView:
        """A step of the run."""
        return self.steps.setdefault(step, StepView())

    def apply(self, event: Event) -> None:
        """Take an event in."""
        match event:
            case RunStarted(run, steps, log_dir):
                self.run, self.log_dir = run, log_dir
                self.steps = {step: StepView() for step in steps}
            case StepStarted(step):
                view = self.view(step)
                view.status, view.began = Status.RUNNING, time.monotonic()
            case CommandShown(step, text):
                self.view(step).command = text
                self.view(step).commands.append(text)
                self.view(step).lines.extend((f"$ {text}",))
            case Output(step, lines):
                # A word about the run as a whole may name a step that is not part of it.
                shown = step if step in self.steps or not self.steps else next(iter(self.steps))
                self.view(shown).lines.extend(lines)
            case Progress(step=step):
                self.view(step).note_progress(event, time.monotonic())
            case StepFinished(step=step):
                self._finish(self.view(step), event)
            case RunFinished():
                self.end = event
            case Asked():
                pass

    def _finish(self, view: StepView, event: StepFinished) -> None:
        view.status, view.seconds = event.status, event.seconds
        view.note, view.error = event.note, event.error
        view.progress = None
        view.samples.clear()
