"""From the key to a role in the wizard, at 80x24 and at 120x40."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ecrwiz.flow import move
from ecrwiz.flow.context import Context
from ecrwiz.flow.events import StepId
from ecrwiz.flow.move import Moved
from ecrwiz.model.errors import BadInputError, ToolFailedError
from ecrwiz.model.results import Result
from tests.test_app import Slow
from tests.wizard import NASTY, SIZES, Stage, front, on_screen, screen_text, until
from tests.wizard_identity import Identity

sizes = pytest.mark.parametrize("size", SIZES)
Size = tuple[int, int]


class Move:
    """A move of two stages whose steps are really run, and then what the test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: BadInputError | None = None
        self.begun = 0
        self.let = asyncio.Event()
        self.let.set()
        self.where: Moved | BadInputError = Moved(0, 1, "Nothing is changed yet.")
        monkeypatch.setattr(move, "to_oidc", self)
        monkeypatch.setattr(move, "where", self._where)

    async def _where(self, project: object) -> Moved:
        await self.let.wait()
        if isinstance(self.where, BadInputError):
            raise self.where
        return self.where

    async def __call__(self, project: object, drive: Any, say: Any) -> Moved:
        self.begun += 1
        if self.error:
            raise self.error
        say(f"1 of 5: {move.STAGES[0]}")
        end = await drive((StepId.RENDER,), False, {})
        if end.exit_code:
            return Moved(0, end.exit_code, f"The key works as before {NASTY}.")
        say(f"2 of 5: {move.STAGES[1]}")
        await drive((StepId.REHEARSE,), True, {"A": "keep"})
        return Moved(2, 1, f"Commit and push {NASTY}, then run this again.")


@pytest.fixture
def stage(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage(next_app, monkeypatch)
    Identity(monkeypatch)
    return stage


@pytest.fixture
def moving(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Move:
    return Move(monkeypatch)


@sizes
async def test_the_stages_are_run_one_after_the_other_and_it_says_what_is_next(
    stage: Stage, moving: Move, size: Size
) -> None:
    slow = stage.steps.doing[StepId.REHEARSE] = Slow()
    async with stage.wizard(size) as (app, pilot):
        app.session.start()
        await until(pilot, lambda: not app.session.busy)
        await pilot.press("i")
        await on_screen(pilot, "o change to a role")
        await pilot.press("o")
        await until(pilot, lambda: front(app) == "MoveScreen")
        await on_screen(pilot, "Nothing is changed yet. g begins", "○ to do", "5. the user is removed")
        assert moving.begun == 0
        await pilot.press("g")
        await slow.began.wait()
        await until(pilot, lambda: front(app) == "RunScreen")
        await pilot.press("escape")
        await on_screen(pilot, "✓ done", "▶ running", "2 of 5: a rehearsal works with the role")
        assert not app.screen.check_action("go", ())
        slow.go_on.set()
        await on_screen(pilot, "! Commit and push aws_ecr", "[/foo] path[0]", "then run this again.")
        assert screen_text(app).count("✓ done") == 2
        assert app.screen.check_action("go", ())
        await pilot.press("escape")
        await until(pilot, lambda: front(app) == "CredentialsScreen")


@sizes
async def test_a_stage_that_fails_stays_on_the_run_and_then_says_how_things_stand(
    stage: Stage, moving: Move, size: Size
) -> None:
    async def fails(context: Context) -> Result:
        raise ToolFailedError(f"No {NASTY}.", "Mend it.")

    async with stage.wizard(size) as (app, pilot):
        app.session.start()
        await until(pilot, lambda: not app.session.busy)
        stage.steps.doing[StepId.RENDER] = fails
        stage.steps.inputs[StepId.RENDER] = {"answers": "other"}
        await pilot.press("i")
        await on_screen(pilot, "o change to a role")
        await pilot.press("o", "g")
        await on_screen(pilot, "✗ render failed: No")
        await pilot.press("escape")
        await on_screen(pilot, "! The key works as before", "[/foo]")
        assert "✓ done" not in screen_text(app)


@sizes
async def test_opened_again_it_tells_how_far_it_is(stage: Stage, moving: Move, size: Size) -> None:
    moving.let.clear()
    moving.where = Moved(2, 1, f"Commit and push {NASTY}.")
    async with stage.wizard(size) as (app, pilot):
        await pilot.press("i")
        await on_screen(pilot, "o change to a role")
        await pilot.press("o")
        await on_screen(pilot, "Looking how far it is…", "? unknown")
        assert "to do" not in screen_text(app)
        assert "Nothing is changed" not in screen_text(app)
        moving.let.set()
        await on_screen(pilot, "Commit and push", "[/foo]", "g begins, or goes on.")
        text = screen_text(app)
        assert (text.count("✓ done"), text.count("○ to do"), text.count("unknown")) == (2, 3, 0)
        assert moving.begun == 0
        await pilot.press("escape")
        moving.where = BadInputError(f"AWS does not answer {NASTY}.", "Log in.")
        await on_screen(pilot, "o change to a role")
        await pilot.press("o")
        await on_screen(pilot, "It is not known how far it is: AWS", "[/foo]", "? unknown")


async def test_why_it_cannot_begin_is_told_and_leaving_ends_it(stage: Stage, moving: Move) -> None:
    moving.error = BadInputError(f"No repository is known {NASTY}.", "Name it.")
    async with stage.wizard() as (app, pilot):
        await pilot.press("i")
        await on_screen(pilot, "o change to a role")
        await pilot.press("o", "g")
        await on_screen(pilot, "✗ No repository is known", "[/foo]", "Name it.")
        moving.error = None
        slow = stage.steps.doing[StepId.RENDER] = Slow()
        await pilot.press("g")
        await slow.began.wait()
        await until(pilot, lambda: front(app) == "RunScreen")
        await pilot.press("escape")
        await until(pilot, lambda: front(app) == "MoveScreen")
        await pilot.press("escape")
        await until(pilot, lambda: front(app) == "CredentialsScreen")
        slow.go_on.set()
        await until(pilot, lambda: not app.session.busy)
        await asyncio.sleep(0.1)
        assert stage.steps.ran == [StepId.RENDER], "no stage is begun any more"
