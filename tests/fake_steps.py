"""Steps that do as they are told, in place of the real ones: for tests of what happens around steps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from ecrwiz.flow import engine, runbook
from ecrwiz.flow.context import Context, Skipped, View
from ecrwiz.flow.events import Event, StepFinished, StepId
from ecrwiz.model import results

Doing = Callable[[Context], Awaitable[results.Result | Skipped]]

RESULTS: dict[StepId, results.Result] = {
    StepId.RENDER: results.RenderResult(("Dockerfile",), (), ()),
    StepId.BUILD: results.BuildResult("ecrwiz/blog/nextjs", "abc", "sha256:1", "linux/amd64", 1),
    StepId.SMOKE_TEST: results.SmokeResult("http://127.0.0.1:1", 5000, 200, 3.0, 0.5),
    StepId.PROVISION: results.ProvisionResult("host", "web/blog/nextjs", "us-east-1", "AKIA1", "enc", "ci", "1"),
    StepId.PUSH: results.PushResult("host/web/blog/nextjs", ("abc", "latest"), "sha256:2", 1, True),
    StepId.CREDENTIALS: results.CredentialsResult("AKIA1", "arn:aws:iam::1:user/ci", "1", "SecretService", "1/b/d"),
    StepId.VERIFY: results.VerifyResult(()),
    StepId.GITHUB: results.GithubResult("o/r", "AKIA1", ("A",), ("B",)),
    StepId.REHEARSE: results.RehearseResult(
        "o/r", "ecrwiz/rehearsal", "abc", "https://github.com/o/r", "AKIA1", "", 1.0
    ),
    StepId.ROTATE: results.RotateResult("AKIA1", "AKIA2", "SecretService", "o/r"),
    StepId.RETIRE: results.RetireResult("AKIA1", "arn:aws:iam::1:role/ci", ()),
    StepId.REVOKE: results.RevokeResult(("AKIA1",), ()),
    StepId.DESTROY: results.DestroyResult((), ()),
}


class FakeSteps:
    """Replaces the runbook's steps; `doing` and `inputs` may be set step by step.

    Attributes:
        ran: the steps in the order in which they began.
        most: how many were at work at the same time, at the most.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ran: list[StepId] = []
        self.most = 0
        self._now = 0
        self.doing: dict[StepId, Doing] = {}
        self.inputs: dict[StepId, dict[str, str]] = {}
        fakes = {id_: self._fake(id_) for id_ in runbook.STEPS}
        steps = {id_: replace(step, run=fakes[id_][0], inputs=fakes[id_][1], gone=None)
                 for id_, step in runbook.STEPS.items()}  # fmt: skip
        monkeypatch.setattr(runbook, "STEPS", steps)
        monkeypatch.setattr(engine, "STEPS", steps)

    def _fake(self, id_: StepId) -> tuple[Doing, Callable[[View], Awaitable[dict[str, str]]]]:
        async def run(context: Context) -> results.Result | Skipped:
            self.ran.append(id_)
            self._now += 1
            self.most = max(self.most, self._now)
            try:
                await asyncio.sleep(0.01)
                return await self.doing[id_](context) if id_ in self.doing else RESULTS[id_]
            finally:
                self._now -= 1

        async def inputs(view: View) -> dict[str, str]:
            return self.inputs.get(id_, {})

        return run, inputs


class Heard(list[Event]):
    """The events of a run."""

    def ends(self) -> dict[StepId, StepFinished]:
        """How each step ended."""
        return {event.step: event for event in self if isinstance(event, StepFinished)}
