"""Run the rendered workflow on a branch of its own, and follow it to its end."""

from __future__ import annotations

from ecrwiz.flow.context import Context, Skipped, Step, View
from ecrwiz.flow.events import StepId
from ecrwiz.model.results import RehearseResult

__all__ = ["STEP"]


async def _run(context: Context) -> RehearseResult | Skipped:
    raise NotImplementedError(context)


async def _inputs(_: View) -> dict[str, str]:
    return {}


STEP = Step(
    id=StepId.REHEARSE,
    title="Rehearse the workflow on a branch",
    run=_run,
    inputs=_inputs,
    needs=(StepId.GITHUB,),
)
