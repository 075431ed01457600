"""Random keys, in random terminals, on every screen, while steps run: nothing may break it."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import pytest

from ecrwiz.actions import SCOPES
from ecrwiz.app import EcrwizApp
from ecrwiz.flow.context import Context
from ecrwiz.flow.events import StepId
from ecrwiz.model.errors import ToolFailedError
from ecrwiz.model.results import Result
from ecrwiz.screens.base import Page
from tests.fake_steps import RESULTS
from tests.wizard import NASTY, Stage, until

KEYS = [
    *"abcdefghjklnoprstvwxyzEGLNY/?", "enter", "escape", "tab", "shift+tab", "up", "down", "left", "right", "space",
    "pageup", "pagedown", "home", "end", "f1", "f5", "ctrl+n", "ctrl+c", "ctrl+p", "ctrl+u", "[", "backspace",
]  # fmt: skip
TERMINALS = [(60, 20), (80, 24), (100, 30), (120, 40), (200, 60)]
SECONDS = 60.0  # of keys, shared by the screens

# How each screen is reached from Home while a run goes on; what cannot be opened then is reached before the run.
WAYS = {
    "menu": (), "run": ("w",), "log": ("l",), "logs": ("L",), "doctor": ("h",), "receipt": ("p",), "details": ("o",),
    "answers": ("e",), "review": ("v",), "destroy": ("d",),
}  # fmt: skip
BEFORE_THE_RUN = ("answers", "review", "destroy")


@pytest.fixture
def stage(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage(next_app, monkeypatch)

    async def chatty(context: Context) -> Result:
        context.command("tool", NASTY)
        for number in range(400):
            context.say(f"\x1b[31m{NASTY} {number}")
            context.progress(number, 400, "bytes", NASTY)
            await asyncio.sleep(0.01)
        return RESULTS[context.step]

    async def fails(context: Context) -> Result:
        raise ToolFailedError(f"AccessDenied {NASTY}")

    stage.steps.doing.update({StepId.BUILD: chatty, StepId.PROVISION: chatty, StepId.SMOKE_TEST: fails})
    return stage


def scope_of(app: EcrwizApp) -> str:
    return app.screen.SCOPE if isinstance(app.screen, Page) else ""


def test_there_is_a_way_to_every_screen() -> None:
    assert set(WAYS) == set(SCOPES) - {"app"}


@pytest.mark.parametrize("scope", WAYS)
async def test_no_order_of_keys_breaks_a_screen_while_a_step_runs(stage: Stage, scope: str) -> None:
    chosen, pressed = random.Random(scope), 0
    async with stage.wizard() as (app, pilot):
        app.session.start((StepId.RENDER,))
        await until(pilot, lambda: not app.session.busy)
        await pilot.pause(0.1)
        if scope in BEFORE_THE_RUN:
            await pilot.press(*WAYS[scope])
            await until(pilot, lambda: scope_of(app) == scope)
            assert app.session.start()
        else:
            assert app.session.start()
            await pilot.press(*WAYS[scope])
            await until(pilot, lambda: scope_of(app) == scope)
        end = time.monotonic() + SECONDS / len(WAYS)
        while time.monotonic() < end or pressed < 20:
            await pilot.press(chosen.choice(KEYS))
            pressed += 1
            if pressed % 15 == 10:
                await pilot.resize_terminal(*chosen.choice(TERMINALS))
            if not app.session.busy:
                app.session.start(force=True)
        assert app.is_running
