"""What a step is given: the project to read, and ways to tell and to ask."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from ecrwiz.flow.events import CommandShown, Event, Output, Progress, Question, Reply, StepId
from ecrwiz.flow.journal import Record
from ecrwiz.flow.project import Project
from ecrwiz.flow.toolbox import Toolbox
from ecrwiz.model import results
from ecrwiz.model.answers import Answers
from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.paths import ProjectPaths
from ecrwiz.model.redact import clean_line

__all__ = ["Approvals", "Context", "FoundWrongError", "Skipped", "Step", "View"]

R = TypeVar("R", bound=results.Result)


@dataclass(frozen=True, slots=True)
class Approvals:
    """What the person has agreed to before the run.

    Attributes:
        everything: `--yes`: take ecrwiz's side of a conflict (with a backup beside), apply whatever is planned.
        plan: the planned changes that were reviewed; a plan equal to it is applied without asking again.
        files: for files that are to be decided about, by path: `mine`, `new` (with a backup beside) or `both`.
        on_conflict: the same word for all other such files; empty when each is asked about.
        imports: resources that ecrwiz did not make may come under its Terraform.
        inventory: what was shown before a destroy; if it is no longer so, nothing is removed.
        entries: for secrets and variables that GitHub has already, by name: `keep` or `replace`. What is not
            named is replaced when ecrwiz put it there, and else asked about: `everything` does not cover what
            somebody else put there.
    """

    everything: bool = False
    plan: frozenset[results.PlannedChange] | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    on_conflict: str = ""
    imports: bool = False
    inventory: tuple[str, ...] | None = None
    entries: Mapping[str, str] = field(default_factory=dict)


class View:
    """The project as one step sees it, without a run: enough to fingerprint the step's inputs."""

    def __init__(self, project: Project, step: StepId) -> None:
        self.project = project
        self.step = step

    @property
    def answers(self) -> Answers:
        """The checked answers."""
        return self.project.answers

    @property
    def paths(self) -> ProjectPaths:
        """Where things lie."""
        return self.project.paths

    @property
    def tools(self) -> Toolbox:
        """The services."""
        return self.project.tools

    def find(self, kind: type[R]) -> R | None:
        """An earlier step's result, or None."""
        return self.project.results.find(kind)

    def need(self, kind: type[R]) -> R:
        """An earlier step's result.

        Raises:
            NeedMissingError: that step was not done.
        """
        return self.project.results.need(kind, self.step)


class Context(View):
    """A `View` during a run. All methods are called on the event loop's thread.

    Attributes:
        approvals: what the person agreed to beforehand.
        forced: the step was asked for by name, to be done though it may be fresh.
        together: all steps of this run.
        before: the step's record of the run before this one.
    """

    def __init__(
        self,
        project: Project,
        step: StepId,
        approvals: Approvals,
        emit: Callable[[Event], None],
        ask: Callable[[Question], Awaitable[Reply]],
        *,
        forced: bool = False,
        together: tuple[StepId, ...] = (),
        before: Record | None = None,
    ) -> None:
        super().__init__(project, step)
        self.approvals = approvals
        self.forced = forced
        self.together = together
        self.before = before
        self._emit = emit
        self._ask = ask

    def say(self, *lines: str) -> None:
        """Show and log lines; they are cleaned and redacted here."""
        self.lines(lines)

    def lines(self, lines: Sequence[str]) -> None:
        """The same for lines that come from a program."""
        redact = self.tools.redact
        self._emit(Output(self.step, tuple(clean_line(redact(line)) for line in lines)))

    def command(self, *argv: str) -> None:
        """Show the command that is run for the person, as they could type it."""
        text = argv[0] if len(argv) == 1 else shlex.join(argv)
        self._emit(CommandShown(self.step, clean_line(self.tools.redact(text))))

    def progress(self, done: float, total: float | None, unit: str, text: str) -> None:
        """Tell how far the step is."""
        self._emit(Progress(self.step, done, total, unit, clean_line(self.tools.redact(text))))

    async def ask(self, question: Question) -> Reply:
        """Ask the person; None when nobody can be asked."""
        body = tuple(clean_line(self.tools.redact(line)) for line in question.body)
        return await self._ask(replace(question, step=self.step, body=body))


class FoundWrongError(EcrwizError):
    """A step did its work, and what it found out is not as it must be.

    Attributes:
        result: what it found out, kept like a success's though the step failed.
    """

    def __init__(self, message: str, hint: str, result: results.Result) -> None:
        super().__init__(message, hint)
        self.result = result


@dataclass(frozen=True, slots=True)
class Skipped:
    """A step's answer when there was nothing that it could do; not a failure."""

    reason: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what it needs, what it is made of, and how it is done.

    Attributes:
        id: its name.
        title: what it does, in a few words.
        needs: steps whose result it uses.
        after: further steps that it waits for, and stops with, when they are in the same run.
        inputs: fingerprints by name of all that its result depends on; a changed one makes it stale.
        run: does it, and gives its result.
        gone: why an earlier result no longer holds although no input changed; empty when it holds.
    """

    id: StepId
    title: str
    run: Callable[[Context], Awaitable[results.Result | Skipped]]
    inputs: Callable[[View], Awaitable[dict[str, str]]]
    needs: tuple[StepId, ...] = ()
    after: tuple[StepId, ...] = ()
    gone: Callable[[View], Awaitable[str]] | None = field(default=None)
