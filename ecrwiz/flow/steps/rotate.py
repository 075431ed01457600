"""Replace the access key by a new one without a moment in which CI has none."""

from __future__ import annotations

from ecrwiz.flow.context import Context, Skipped, Step, View
from ecrwiz.flow.events import StepId
from ecrwiz.model.results import RotateResult

__all__ = ["STEP"]


async def _run(context: Context) -> RotateResult | Skipped:
    raise NotImplementedError(context)


async def _inputs(_: View) -> dict[str, str]:
    return {}


STEP = Step(
    id=StepId.ROTATE,
    title="Replace the access key",
    run=_run,
    inputs=_inputs,
    needs=(StepId.PROVISION, StepId.CREDENTIALS),
)
