"""Prove with the CI identity itself what it may do and what it may not."""

from __future__ import annotations

from ecrwiz.flow.context import Context, Skipped, Step, View
from ecrwiz.flow.events import StepId
from ecrwiz.model.results import VerifyResult

__all__ = ["STEP"]


async def _run(context: Context) -> VerifyResult | Skipped:
    raise NotImplementedError(context)


async def _inputs(_: View) -> dict[str, str]:
    return {}


STEP = Step(
    id=StepId.VERIFY,
    title="Prove what the CI identity may do",
    run=_run,
    inputs=_inputs,
    needs=(StepId.PROVISION, StepId.CREDENTIALS),
)
