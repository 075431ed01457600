"""Take the access key away after a role took its place."""

from __future__ import annotations

from ecrwiz.flow.context import Context, Skipped, Step, View
from ecrwiz.flow.events import StepId
from ecrwiz.model.results import RetireResult

__all__ = ["STEP"]


async def _run(context: Context) -> RetireResult | Skipped:
    raise NotImplementedError(context)


async def _inputs(_: View) -> dict[str, str]:
    return {}


STEP = Step(
    id=StepId.RETIRE,
    title="Retire the access key",
    run=_run,
    inputs=_inputs,
    needs=(StepId.PROVISION, StepId.REHEARSE),
)
