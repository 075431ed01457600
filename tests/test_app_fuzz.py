"""Random keys, in random terminals, on every screen, while steps run: nothing may break it."""

from __future__ import annotations

import asyncio
import functools
import random
import time
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.screen import Screen

from ecrwiz.actions import SCOPES
from ecrwiz.app import EcrwizApp
from ecrwiz.flow.context import Context
from ecrwiz.flow.events import StepId
from ecrwiz.model.errors import ToolFailedError
from ecrwiz.model.results import Result, VerifyResult
from ecrwiz.screens.base import Page
from tests.fake_steps import RESULTS
from tests.wizard import NASTY, Stage, until
from tests.wizard_identity import PROOFS, Identity

KEYS = [
    *"abcdefghjklnoprstvwxyzEGLNY/?", "enter", "escape", "tab", "shift+tab", "up", "down", "left", "right", "space",
    "pageup", "pagedown", "home", "end", "f1", "f5", "ctrl+n", "ctrl+c", "ctrl+p", "ctrl+u", "[", "backspace",
]  # fmt: skip
TERMINALS = [(60, 20), (80, 24), (100, 30), (120, 40), (200, 60)]
SECONDS = 60.0  # of keys, shared by the screens

# How each screen is reached from Home while a run goes on; what cannot be opened then is reached before the run.
WAYS = {
    "menu": (), "run": ("w",), "log": ("l",), "logs": ("L",), "doctor": ("h",), "receipt": ("p",), "details": ("o",),
    "answers": ("e",), "review": ("v",), "destroy": ("d",), "credentials": ("i",), "where": ("i", "w"),
    "proofs": ("i", "p"), "move": ("i", "o"), "github": ("g",),
}  # fmt: skip
BEFORE_THE_RUN = ("answers", "review", "destroy", "move")


@pytest.fixture
def stage(next_app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
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

    identity = Identity(monkeypatch)
    identity.searches *= 20
    identity.let.set()

    async def at_once_then_chatty(context: Context) -> Result:
        if stage.steps.ran.count(context.step) > 1:
            return await chatty(context)
        return VerifyResult(PROOFS) if context.step is StepId.VERIFY else RESULTS[context.step]

    doing = stage.steps.doing
    doing[StepId.PROVISION] = doing[StepId.VERIFY] = at_once_then_chatty
    doing.update({StepId.BUILD: chatty, StepId.SMOKE_TEST: fails})
    return stage


def scope_of(app: EcrwizApp) -> str:
    return app.screen.SCOPE if isinstance(app.screen, Page) else ""


def test_there_is_a_way_to_every_screen() -> None:
    assert set(WAYS) == set(SCOPES) - {"app"}


def _left(app: EcrwizApp, screen: Screen[object]) -> bool:
    return app.screen is not screen and scope_of(app) != ""


async def go(app: EcrwizApp, pilot: Pilot[int], scope: str) -> None:
    """Open a screen from Home, and wait for each screen on the way to know what its keys need."""
    for key in WAYS[scope]:
        here = app.screen
        await pilot.press(key)
        await until(pilot, functools.partial(_left, app, here))
        await pilot.pause(0.1)
    assert scope_of(app) == scope


@pytest.mark.parametrize("scope", WAYS)
async def test_no_order_of_keys_breaks_a_screen_while_a_step_runs(stage: Stage, scope: str) -> None:
    chosen, pressed = random.Random(scope), 0
    async with stage.wizard() as (app, pilot):
        app.session.start((StepId.RENDER, StepId.PROVISION, StepId.CREDENTIALS, StepId.VERIFY))
        await until(pilot, lambda: not app.session.busy)
        await pilot.pause(0.1)
        if scope in BEFORE_THE_RUN:
            await go(app, pilot, scope)
            assert app.session.start()
        else:
            assert app.session.start()
            await go(app, pilot, scope)
        end = time.monotonic() + SECONDS / len(WAYS)
        while time.monotonic() < end or pressed < 20:
            await pilot.press(chosen.choice(KEYS))
            pressed += 1
            if pressed % 15 == 10:
                await pilot.resize_terminal(*chosen.choice(TERMINALS))
            if not app.session.busy:
                app.session.start(force=True)
        assert app.is_running
    assert list(Path.cwd().iterdir()) == [], "no key writes into the working folder"
