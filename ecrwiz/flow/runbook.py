"""The steps and how they stand: what is fresh, what is stale and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ecrwiz.flow.context import Step, View
from ecrwiz.flow.events import CHAIN, Status, StepId
from ecrwiz.flow.journal import Record
from ecrwiz.flow.project import Project
from ecrwiz.flow.steps import (
    build,
    credentials,
    destroy,
    github,
    provision,
    push,
    rehearse,
    render,
    retire,
    revoke,
    rotate,
    smoke_test,
    verify,
)
from ecrwiz.model.errors import EcrwizError
from ecrwiz.services import files

__all__ = ["STEPS", "StepState", "from_here", "stand", "survey", "without"]

STEPS: Mapping[StepId, Step] = {
    module.STEP.id: module.STEP
    for module in (
        render, build, smoke_test, provision, push, credentials, verify, github,
        rehearse, rotate, retire, revoke, destroy,
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class StepState:
    """How a step stands.

    Attributes:
        step: the step's id.
        status: one of `Status`; `fresh` means done and nothing changed since.
        reason: why it is stale, failed, skipped or cut off; may be empty.
        record: its last run.
    """

    step: StepId
    status: Status
    reason: str = ""
    record: Record | None = None


def from_here(step: StepId) -> tuple[StepId, ...]:
    """A step and all that come after it."""
    return CHAIN[CHAIN.index(step) :] if step in CHAIN else (step,)


def without(wanted: Sequence[StepId], failed: Sequence[StepId]) -> tuple[StepId, ...]:
    """The steps that can be done without those that failed: none of them uses what a failed one makes."""
    left = set(failed)
    for step in StepId:  # in this order every step comes after those it needs
        if left & set(STEPS[step].needs):
            left.add(step)
    return tuple(step for step in wanted if step not in left)


async def survey(project: Project) -> dict[StepId, StepState]:
    """How every step stands; nothing is run and nothing remote is asked."""
    project.journal.reload()
    found: dict[StepId, StepState] = {}
    for step in CHAIN:
        state = await stand(project, STEPS[step])
        unsettled = [need for need in STEPS[step].needs if found[need].status is not Status.FRESH]
        if state.status is Status.FRESH and unsettled:
            state = StepState(step, Status.STALE, f"comes after {unsettled[0]}", state.record)
        found[step] = state
    return found


async def stand(project: Project, step: Step) -> StepState:
    """How one step stands by its own inputs, whatever the steps before it."""
    record = project.journal.get(step.id)
    if record is None:
        return StepState(step.id, Status.NOT_RUN)
    if record.status is Status.RUNNING:
        if files.is_locked(project.paths.lock):
            return StepState(step.id, Status.RUNNING, "", record)
        return StepState(step.id, Status.CUT, "the process ended while it ran", record)
    if record.status is not Status.OK:
        reason = (record.error.cause or record.error.message) if record.error else record.note
        return StepState(step.id, record.status, reason, record)
    reason = await _stale(project, step, record)
    return StepState(step.id, Status.STALE if reason else Status.FRESH, reason, record)


async def _stale(project: Project, step: Step, record: Record) -> str:
    view = View(project, step.id)
    try:
        now = await step.inputs(view)
        changed = [name for name in (now | dict(record.inputs)) if now.get(name) != record.inputs.get(name)]
        if changed:
            return f"changed: {', '.join(changed)}"
        return await step.gone(view) if step.gone else ""
    except EcrwizError as error:
        return error.message
