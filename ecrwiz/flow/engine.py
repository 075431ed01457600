"""Runs steps as a graph: those whose needs are met run at the same time.

The engine owns the run. Doors give it a listener for events, answer its questions and may cancel it; they never
reach into a step. Every step ends with a `StepFinished`, whatever happens.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ecrwiz.flow.context import Approvals, Context, FoundWrongError, Skipped, Step
from ecrwiz.flow.events import (
    CHAIN,
    Asked,
    CommandShown,
    Event,
    Failure,
    Output,
    Question,
    Reply,
    RunFinished,
    RunStarted,
    Status,
    StepFinished,
    StepId,
    StepStarted,
)
from ecrwiz.flow.journal import Record, as_json, need_missing
from ecrwiz.flow.project import Project
from ecrwiz.flow.runbook import STEPS, stand
from ecrwiz.flow.runlog import TRACEBACKS, RunLog, new_run_id
from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.redact import plain
from ecrwiz.services import advice, files, process

__all__ = ["CANCELLED", "Engine"]

CANCELLED = 130
MOST_COMMANDS = 200  # of one step, kept in the journal

_BLOCKS = (Status.FAILED, Status.CANCELLED)


@dataclass(frozen=True, slots=True)
class _Wish:
    """What this run was asked for."""

    steps: tuple[StepId, ...]
    force: bool
    named: bool
    approvals: Approvals
    again: StepId | None = None

    def forces(self, step: StepId) -> bool:
        """Whether this step is to be done though it may be fresh."""
        return self.force or step is self.again


class _Blocked(Exception):  # noqa: N818  # no error: it ends a step that never began
    """A step before this one did not succeed."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Engine:
    """One run at a time over one project.

    Args:
        project: the project; its journal is written here and nowhere else.
        listener: called with every event, on the event loop's thread, after log and journal have it.
    """

    def __init__(self, project: Project, listener: Callable[[Event], None]) -> None:
        self.project = project
        self._listener = listener
        self._log: RunLog | None = None
        self._run = ""
        self._tasks: dict[StepId, asyncio.Task[StepFinished]] = {}
        self._questions: dict[int, asyncio.Future[Reply]] = {}
        self._asked = 0
        self._commands: dict[StepId, list[str]] = {}

    @property
    def running(self) -> bool:
        """Whether a step is at work."""
        return any(not task.done() for task in self._tasks.values())

    def answer(self, question: int, reply: Reply) -> None:
        """Answer a question; one that is no longer open is ignored."""
        waiting = self._questions.pop(question, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(reply)

    def cancel(self) -> None:
        """Stop every step: each ends its processes in good order. A second call makes them hurry."""
        for task in self._tasks.values():
            task.cancel()

    async def run(
        self,
        wanted: Sequence[StepId] = (),
        *,
        force: bool = False,
        approvals: Approvals | None = None,
        again: StepId | None = None,
    ) -> RunFinished:
        """Run steps and give the end of the run, which was also emitted.

        Args:
            wanted: the steps; empty for the whole chain. Fresh ones are reported as fresh and not run.
            force: run them though they are fresh.
            approvals: what the person agreed to beforehand.
            again: the one step to run though it is fresh.

        Raises:
            EcrwizError: the run could not begin: bad answers, another run, a folder that cannot be written.
        """
        self.project.tools.settings.need_writing()
        steps = tuple(step for step in StepId if step in wanted) if wanted else CHAIN
        self.project.check(steps)  # bad input ends here, before anything is written
        with files.lock(self.project.paths.lock):
            began = time.monotonic()
            self._begin(steps)
            wish = _Wish(steps, force, bool(wanted), approvals or Approvals(), again)
            try:
                await self._outlived()
                finished = await self._steps(wish)
            finally:
                if self._log:
                    self._log.close()
            end = self._end(finished, time.monotonic() - began)
        self._emit(end)
        return end

    def _begin(self, steps: tuple[StepId, ...]) -> None:
        files.private_folder(self.project.paths.state)
        self.project.journal.reload()
        self.project.save_answers()
        logs = self.project.paths.logs
        self._run = new_run_id(logs)
        self._commands.clear()
        self._log = RunLog(logs / self._run, self.project.tools.settings.keep_logs)
        self._emit(RunStarted(self._run, steps, str(self._log.folder)))
        if self._log.broken:
            self._emit(Output(steps[0], (self._log.broken,)))

    async def _outlived(self) -> None:
        """End the processes of a run that was killed, before they meet ours at Terraform's lock."""
        first = StepId.RENDER
        await process.end_survivors(self.project.paths.children, lambda line: self._emit(Output(first, (line,))))

    async def _steps(self, wish: _Wish) -> list[StepFinished]:
        self._tasks = {}
        for step in wish.steps:
            self._tasks[step] = asyncio.create_task(self._step(STEPS[step], wish), name=f"step:{step}")
        everything = asyncio.gather(*self._tasks.values(), return_exceptions=True)
        while True:
            try:
                ends = await asyncio.shield(everything)
                break
            except asyncio.CancelledError:
                self.cancel()  # the run itself was cancelled: its steps still end in good order
        # A task that was cancelled before it began has no end of its own.
        never = (StepFinished(step, Status.CANCELLED, 0) for step in self._tasks)
        return [end if isinstance(end, StepFinished) else other for end, other in zip(ends, never, strict=True)]

    def _end(self, finished: Sequence[StepFinished], seconds: float) -> RunFinished:
        if any(step.status is Status.CANCELLED for step in finished):
            return RunFinished(self._run, Status.CANCELLED, seconds, CANCELLED)
        codes = [step.error.exit_code for step in finished if step.error]
        if codes:
            return RunFinished(self._run, Status.FAILED, seconds, codes[0])
        return RunFinished(self._run, Status.OK, seconds, 0)

    async def _step(self, step: Step, wish: _Wish) -> StepFinished:
        began = time.monotonic()
        try:
            await self._until_ready(step)
            began = time.monotonic()
            finished = await self._unless_fresh(step, wish)
        except _Blocked as blocked:
            finished = StepFinished(step.id, Status.SKIPPED, 0, note=blocked.why)
        except asyncio.CancelledError:
            finished = StepFinished(step.id, Status.CANCELLED, 0)
            finished = self._note_end(step, finished, {})
        except EcrwizError as error:
            finished = self._fail(step, error, Failure(error.message, error.hint, error.exit_code))
        except Exception as error:  # noqa: BLE001  # the engine's one broad except: the traceback goes to the log
            finished = self._fail(step, error, self._bug(step, error))
        finished = replace(finished, seconds=time.monotonic() - began)
        self._emit(finished)
        return finished

    async def _until_ready(self, step: Step) -> None:
        """Wait for the steps before this one in this run.

        Raises:
            _Blocked: one of them did not succeed.
        """
        for before in (*step.needs, *step.after):
            if before in self._tasks:
                end = await asyncio.shield(self._tasks[before])
                if end.status in _BLOCKS or (end.status is Status.SKIPPED and before in step.needs):
                    raise _Blocked(f"needs {before}, which did not succeed")

    async def _unless_fresh(self, step: Step, wish: _Wish) -> StepFinished:
        state = await stand(self.project, step)
        decides = step.id is StepId.RENDER and wish.approvals.on_conflict
        if state.status is Status.FRESH and not wish.forces(step.id) and not decides:
            outputs = state.record.outputs if state.record else {}
            return StepFinished(step.id, Status.FRESH, 0, outputs)
        return await self._do(step, wish)

    async def _do(self, step: Step, wish: _Wish) -> StepFinished:
        context = Context(
            self.project,
            step.id,
            wish.approvals,
            self._emit,
            self._ask,
            forced=wish.forces(step.id) and wish.named,
            together=wish.steps,
            before=self.project.journal.get(step.id),
        )
        for need in step.needs:
            record = self.project.journal.get(need)
            if record is None or not record.outputs:
                raise need_missing(step.id, need)
        self.project.journal.begin(step.id, self._run, time.time())
        self._emit(StepStarted(step.id))
        inputs, answers = await step.inputs(context), self.project.answers
        result = await step.run(context)
        if self.project.answers != answers:  # the step asked, and the person's answer is an input of it
            inputs = await step.inputs(context)
        if isinstance(result, Skipped):
            return self._note_end(step, StepFinished(step.id, Status.SKIPPED, 0, note=result.reason), inputs)
        return self._note_end(step, StepFinished(step.id, Status.OK, 0, as_json(result)), inputs)

    def _note_end(self, step: Step, finished: StepFinished, inputs: dict[str, str]) -> StepFinished:
        before = self.project.journal.get(step.id)
        if before is None or before.status is not Status.RUNNING:
            return finished  # it never began, so what the journal knows of it stays true
        record = Record(
            finished.status, self._run, before.started, time.time() - before.started,
            inputs, finished.outputs, finished.error, finished.note, tuple(self._commands.get(step.id, ())),
        )  # fmt: skip
        self.project.journal.end(step.id, record)
        return finished

    def _fail(self, step: Step, error: Exception, failure: Failure) -> StepFinished:
        redact = self.project.tools.redact
        if self._log:
            self._log.trace(step.id, error, redact)
        known = None if failure.hint else advice.advise(failure.message)
        if known is not None:
            failure = replace(failure, hint=known.hint, cause=known.message, link=known.link)
        failure = replace(failure, message=plain(redact(failure.message)), hint=plain(redact(failure.hint)))
        outputs = as_json(error.result) if isinstance(error, FoundWrongError) else {}
        finished = StepFinished(step.id, Status.FAILED, 0, outputs, failure)
        try:
            return self._note_end(step, finished, {})
        except EcrwizError as second:  # the disk is full, say: the failure itself must still be told
            return replace(finished, note=second.message)

    def _bug(self, step: Step, error: Exception) -> Failure:
        where = self._log.folder / f"{TRACEBACKS}.log" if self._log else self.project.paths.logs
        kind = type(error).__name__
        return Failure(
            f"{step.id} stopped on an error in ecrwiz itself ({kind}).",
            f"Nothing that was done is lost; the log {where} holds the details for a report.",
        )

    async def _ask(self, question: Question) -> Reply:
        self._asked += 1
        question = replace(question, id=self._asked)
        waiting: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._questions[question.id] = waiting
        self._emit(Asked(question))
        try:
            return await waiting
        finally:
            self._questions.pop(question.id, None)

    def _emit(self, event: Event) -> None:
        if isinstance(event, CommandShown):
            shown = self._commands.setdefault(event.step, [])
            if len(shown) < MOST_COMMANDS:
                shown.append(event.text)
        if self._log:
            self._log.write(event)
        self._listener(event)
