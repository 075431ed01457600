"""Home: the project and the account at a glance, the steps, and what can be looked at and run from there."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Static

from ecrwiz.flow import glance
from ecrwiz.flow.context import Context
from ecrwiz.flow.events import CHAIN, Status, StepId
from ecrwiz.flow.glance import Identity
from ecrwiz.flow.runbook import from_here, without
from ecrwiz.model.errors import MissingToolError
from ecrwiz.model.results import Result
from ecrwiz.screens.details import DetailsScreen
from ecrwiz.widgets.row_list import RowList
from tests.fake_steps import RESULTS
from tests.test_app import Slow
from tests.wizard import NASTY, SIZES, Stage, front, on_screen, screen_text, until

sizes = pytest.mark.parametrize("size", SIZES)
Size = tuple[int, int]


@pytest.fixture
def stage(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(next_app, monkeypatch)


@sizes
async def test_home_shows_who_we_are_to_aws(stage: Stage, size: Size) -> None:
    async with stage.wizard(size) as (_app, pilot):
        await on_screen(pilot, "123456789012", "user/ann", "web/blog/nextjs (not made yet)", "not built yet")
        stage.who = Identity("123456789012", "arn:aws:iam::123456789012:root")
        await pilot.press("f5")
        await on_screen(pilot, "! This is the account's root user")


@sizes
async def test_home_says_why_aws_cannot_be_asked(stage: Stage, size: Size) -> None:
    stage.who = MissingToolError(f"There are no credentials {NASTY}.", "Log in first.")
    async with stage.wizard(size) as (app, pilot):
        await on_screen(pilot, "not reachable", "There are no credentials", "[/foo]")
        assert ("Log in first." in screen_text(app)) is (size[0] >= 120)


async def test_home_is_there_while_aws_is_asked(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow()

    async def identity(project: object) -> Identity:
        slow.began.set()
        await slow.go_on.wait()
        return Identity("210987654321", "arn:aws:sts::210987654321:assumed-role/Admin/ann")

    monkeypatch.setattr(glance, "identity", identity)
    async with stage.wizard() as (_app, pilot):
        await on_screen(pilot, "asking…", "not run")
        slow.go_on.set()
        await on_screen(pilot, "210987654321", "assumed-role/Admin/ann")


async def test_an_aws_that_does_not_answer_is_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.undo()
    monkeypatch.setattr("ecrwiz.services.aws.Aws.ask_identity", lambda self: time.sleep(2))
    project = await stage.project()
    with pytest.raises(MissingToolError, match=r"AWS did not answer within 0\.05 seconds"):
        await glance.identity(project, 0.05)


def command(step: StepId, *argv: str) -> object:
    async def run(context: Context) -> Result:
        context.command(*argv)
        context.say(f"{step} says {NASTY}")
        return RESULTS[step]

    return run


@sizes
async def test_home_shows_what_a_step_made_and_ran(stage: Stage, size: Size) -> None:
    stage.steps.doing[StepId.RENDER] = command(StepId.RENDER, "write", "Dockerfile", NASTY)  # type: ignore[assignment]
    async with stage.wizard(size) as (app, pilot):
        assert not app.screen.check_action("outputs", ()), "nothing was made yet"
        app.session.start((StepId.RENDER,))
        await until(pilot, lambda: "fresh" in screen_text(app))
        await on_screen(pilot, "Last run 20", "l log", "o outputs", "c commands", "just now")
        if size[0] >= 120:
            await on_screen(pilot, "Result", "written", "Commands", "write Dockerfile", "render says")
        await pilot.press("o")
        await until(pilot, lambda: front(app) == "DetailsScreen")
        await on_screen(pilot, "Outputs of render", "written", "Dockerfile")
        await pilot.press("escape", "c")
        await on_screen(pilot, "Commands of render", "write Dockerfile", "[/foo]")
        await pilot.press("y")
        assert app.clipboard == f"write Dockerfile '{NASTY}'"
        await pilot.press("Y")
        assert app.clipboard == f"write Dockerfile '{NASTY}'"
        await pilot.press("escape")
        await until(pilot, lambda: front(app) == "MenuScreen")
    assert (await stage.project()).journal.get(StepId.RENDER).commands == (f"write Dockerfile '{NASTY}'",)  # type: ignore[union-attr]


async def test_the_outputs_hide_what_is_only_noise(stage: Stage) -> None:
    values = dict(
        glance.output_lines({"aws_iam_access_key": "x" * 700, "tags": ["a", "b"], "up": True, "in": {"n": 1}})
    )
    assert values == {"aws_iam_access_key": "encrypted, 700 characters", "tags": "a, b", "up": "yes", "in.n": "1"}


async def test_run_from_here_runs_the_step_again_and_what_is_not_fresh_after_it(stage: Stage) -> None:
    async with stage.wizard() as (app, pilot):
        app.session.start()
        await until(pilot, lambda: screen_text(app).count("✓ ") == len(CHAIN))
        stage.steps.ran.clear()
        stage.steps.inputs[StepId.GITHUB] = {"token": "other"}
        app.screen.query_one("#steps", RowList).mark("push")
        await pilot.press("f")
        await until(pilot, lambda: app.session.run.end is not None)
        assert stage.steps.ran == [StepId.PUSH, StepId.GITHUB], "credentials is fresh and does not need push"
    assert from_here(StepId.CREDENTIALS) == (StepId.CREDENTIALS, StepId.VERIFY, StepId.GITHUB)


@sizes
async def test_a_list_is_filtered(stage: Stage, size: Size) -> None:
    async with stage.wizard(size) as (app, pilot):
        steps = app.screen.query_one("#steps", RowList)
        await pilot.press("slash", *"p q")
        await on_screen(pilot, "/ p q", f"0 of {len(CHAIN)}")
        assert app.is_running, "q is typed"
        for action in ("run_step", "log", "outputs", "commands", "run_from"):
            getattr(app.screen, f"action_{action}")()
        assert stage.steps.ran == [], "there is no marked step"
        await pilot.press("backspace", "backspace", *"rov")
        await on_screen(pilot, f"1 of {len(CHAIN)}", "provision", "enter keeps it")
        assert steps.key == "provision"
        await pilot.press("enter")
        await on_screen(pilot, "esc shows all")
        app.screen.on_screen_resume()  # type: ignore[attr-defined]
        await pilot.pause()
        assert len(steps.rows) == 1, "the filter stays when the rows are set again"
        await pilot.press("escape")
        await until(pilot, lambda: len(steps.rows) == len(CHAIN))
        assert front(app) == "MenuScreen"
        assert steps.key == "provision"
        await pilot.press("slash", "down")
        await until(pilot, lambda: steps.key == "push")
        assert not steps.filtering


async def test_a_long_list_of_values_can_be_read_and_filtered(stage: Stage) -> None:
    async with stage.wizard() as (app, pilot):
        values = [("$", f"command {number} {NASTY}" + " word" * 60) for number in range(200)]
        app.push_screen(DetailsScreen(app.session, "Commands of build", values))
        await on_screen(pilot, "command 0", "word word")
        await pilot.press("slash", *"command 150", "enter", "y")
        assert app.clipboard == values[150][1]


@sizes
async def test_a_failed_step_says_its_cause_on_home(stage: Stage, size: Size) -> None:
    async def fail(context: Context) -> Result:
        raise MissingToolError("dial tcp: lookup sts.us-east-1.amazonaws.com: no such host")

    stage.steps.doing[StepId.RENDER] = fail
    async with stage.wizard(size) as (app, pilot):
        app.session.start((StepId.RENDER,))
        await on_screen(pilot, "✗ render", "Failed: The network did not reach the other", "Check the network, VPN")


async def test_the_end_of_a_run_is_told_with_a_key_that_is_there(stage: Stage) -> None:
    async with stage.wizard() as (app, pilot):
        app.session.start((StepId.RENDER,))
        await until(pilot, lambda: "The run is done; w shows it." in stage.told)
        await pilot.press("p")
        await until(pilot, lambda: front(app) == "ReceiptScreen")
        app.session.start((StepId.RENDER,), force=True)
        await until(pilot, lambda: "The run is done; on Home, w shows it." in stage.told)


def test_what_can_be_done_without_a_failed_step() -> None:
    assert without(CHAIN, (StepId.SMOKE_TEST,)) == tuple(step for step in CHAIN if step is not StepId.SMOKE_TEST)
    assert without(CHAIN, (StepId.BUILD,)) == (
        StepId.RENDER, StepId.PROVISION, StepId.CREDENTIALS, StepId.VERIFY, StepId.GITHUB,
    )  # fmt: skip
    assert without((StepId.PROVISION, StepId.PUSH, StepId.GITHUB), (StepId.PROVISION,)) == ()


async def test_a_step_that_runs_shows_its_output_and_clock_on_home(stage: Stage) -> None:
    slow = Slow()

    async def run(context: Context) -> Result:
        context.say("in the middle of it")
        return await slow(context)

    stage.steps.doing[StepId.RENDER] = run
    async with stage.wizard((120, 40)) as (app, pilot):
        app.session.start((StepId.RENDER,))
        await slow.began.wait()
        await on_screen(pilot, "in the middle of it", "▶ render", "now")
        assert app.session.run.steps[StepId.RENDER].status is Status.RUNNING
        assert app.screen.query_one("#details-text", Static).display
        slow.go_on.set()
