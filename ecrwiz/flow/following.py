"""A workflow run, found and followed to its end: its steps as progress, and why it failed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from ecrwiz.flow.context import Context
from ecrwiz.model.errors import EcrwizError, MissingToolError, RemoteError
from ecrwiz.services import advice
from ecrwiz.services.github.actions_runs import ActionsRuns, Job, JobStep, Run

__all__ = ["await_run", "failure", "follow"]

_T = TypeVar("_T")

_PAUSES: Final = (0.3, 0.5, 1.0, 1.5, 2.0, 3.0)  # seconds between two looks; the last one repeats
_LONGEST: Final = 90 * 60.0  # seconds: the longest job that is rendered has an hour, and may wait for a machine
_SHOWN: Final = 60  # lines of a failed step's log
_MARKS: Final = {"success": "✓", "failure": "✗", "skipped": "–", "cancelled": "■"}


@dataclass
class _Told:
    """What was shown already, so that each thing is shown once."""

    steps: set[tuple[int, int]]
    waiting: bool = False


async def await_run(
    runs: ActionsRuns, sha: str, path: str, seconds: float, others: Callable[[int], None] | None = None
) -> Run | None:
    """Wait until a commit has started a workflow.

    Args:
        runs: of the repository.
        sha: the commit.
        path: of the workflow's file, from the repository's top.
        seconds: how long to wait.
        others: told how many other workflows the commit started too.

    Returns:
        The run; None when there is none after that time.
    """
    end = time.monotonic() + seconds
    for pause in _pauses():
        found = await runs.of_commit(sha)
        mine = [run for run in found if run.path == path]
        if mine:
            if others and len(found) > len(mine):
                others(len(found) - len(mine))
            return mine[0]
        if time.monotonic() + pause > end:
            return None
        await asyncio.sleep(pause)
    return None


async def follow(context: Context, runs: ActionsRuns, run: Run) -> tuple[Run, tuple[Job, ...]]:
    """Show a run's steps as they end, until it has ended.

    Raises:
        EcrwizError: it takes too long, or GitHub cannot be asked for some time.
    """
    told, end, number = _Told(set()), time.monotonic() + _LONGEST, run.id
    for pause in _pauses():
        run = await _patiently(lambda: runs.run(number))
        jobs = await _patiently(lambda: runs.jobs(number))
        _tell(context, run, jobs, told)
        if run.done:
            return run, jobs
        if time.monotonic() > end:
            raise EcrwizError(
                f"The run {run.url} has not ended after {_LONGEST / 60:.0f} minutes.",
                "See on GitHub what it waits for, and run the rehearsal again.",
            )
        await asyncio.sleep(pause)
    raise AssertionError("unreachable: the pauses have no end")


async def _patiently(ask: Callable[[], Awaitable[_T]]) -> _T:
    """Ask again when the network or GitHub stumbles: a run takes minutes, and they pass."""
    for number, pause in enumerate(_pauses(), 1):
        try:
            return await ask()
        except MissingToolError:
            if number >= 8:
                raise
        except RemoteError as error:
            if number >= 8 or not error.code.startswith("5"):
                raise
        await asyncio.sleep(pause)
    raise AssertionError("unreachable: the pauses have no end")


def _tell(context: Context, run: Run, jobs: Sequence[Job], told: _Told) -> None:
    if run.status == "waiting" and not told.waiting:
        told.waiting = True
        context.say(f"The run waits for somebody's approval of the environment: {run.url}")
    steps = [step for job in jobs for step in job.steps]
    ended = [step for step in steps if step.status == "completed"]
    for job in jobs:
        for step in job.steps:
            if step.status == "completed" and (job.id, step.number) not in told.steps:
                told.steps.add((job.id, step.number))
                context.say(_line(step))
    current = next((step.name for step in steps if step.status == "in_progress"), run.conclusion or run.status)
    context.progress(len(ended), len(steps) or None, "steps", current)


def _line(step: JobStep) -> str:
    took = f" ({step.seconds:.0f} s)" if step.seconds is not None and step.conclusion != "skipped" else ""
    return f"{_MARKS.get(step.conclusion, '·')} {step.name}{took}"


async def failure(context: Context, runs: ActionsRuns, run: Run, jobs: Sequence[Job]) -> EcrwizError:
    """Why a run did not succeed, with the end of its log on the screen and the known cause."""
    job = next((job for job in jobs if job.conclusion not in ("success", "skipped")), None)
    step = next((step for step in job.steps if step.conclusion == "failure"), None) if job else None
    tail = await _log(context, runs, job)
    known = advice.advise("\n".join(tail), "rehearsal")
    where = f"in the step \u201c{step.name}\u201d" if step else f"with the word \u201c{run.conclusion}\u201d"
    message = f"The rehearsal ended {where}: {known.message}" if known else f"The rehearsal ended {where}."
    hint = known.hint if known else _hint(run)
    link = f" {known.link}" if known and known.link else ""
    return EcrwizError(message, f"{hint} The run: {run.url}{link}")


def _hint(run: Run) -> str:
    return {
        "skipped": "The workflow's `if` keeps it from running here: write it again with `ecrwiz run render`.",
        "action_required": "Somebody has to approve the run on GitHub first.",
        "startup_failure": "GitHub did not take the workflow's file: see there what is wrong with it.",
        "timed_out": "It took longer than the workflow allows: see its log for what hangs.",
        "cancelled": "Somebody cancelled it, or its environment was not approved.",
    }.get(run.conclusion, "See its log.")


async def _log(context: Context, runs: ActionsRuns, job: Job | None) -> tuple[str, ...]:
    """The end of the failed job's log up to its error, shown too."""
    if job is None:
        return ()
    try:
        lines = await runs.log_tail(job.id)
    except EcrwizError as error:
        context.say(f"Its log cannot be read: {error.message}")
        return ()
    errors = [number for number, line in enumerate(lines) if line.startswith("##[error]")]
    shown = lines[: errors[-1] + 1] if errors else lines
    shown = tuple(line for line in shown if not line.startswith(("##[group]", "##[endgroup]", "##[debug]")))[-_SHOWN:]
    context.lines([f"  {line.removeprefix('##[error]')}" for line in shown])
    return shown


def _pauses() -> Iterator[float]:
    yield from _PAUSES
    while True:
        yield _PAUSES[-1]
