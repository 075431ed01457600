"""Make every access key of the CI user useless at once, and remove its copies."""

from __future__ import annotations

from ecrwiz.flow.context import Context, Skipped, Step, View
from ecrwiz.flow.events import StepId
from ecrwiz.model.results import RevokeResult

__all__ = ["STEP"]


async def _run(context: Context) -> RevokeResult | Skipped:
    raise NotImplementedError(context)


async def _inputs(_: View) -> dict[str, str]:
    return {}


STEP = Step(
    id=StepId.REVOKE,
    title="Revoke the access key",
    run=_run,
    inputs=_inputs,
    needs=(),
)
