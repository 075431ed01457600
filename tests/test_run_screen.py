"""Run: tabs, copying the command, the cause of a failure, going on without a failed step; the receipt's export."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Static

from ecrwiz.flow.context import Context, Skipped
from ecrwiz.flow.events import CHAIN, Status, StepId
from ecrwiz.model.errors import ToolFailedError
from ecrwiz.model.results import Result
from ecrwiz.widgets.row_list import RowList
from ecrwiz.widgets.tab_line import TabLine
from tests.test_app import Slow
from tests.wizard import NASTY, SIZES, Stage, front, on_screen, screen_text, until

sizes = pytest.mark.parametrize("size", SIZES)
Size = tuple[int, int]


@pytest.fixture
def stage(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(next_app, monkeypatch)


class Talking(Slow):
    """A step that shows a command and waits."""

    async def __call__(self, context: Context) -> Result:
        context.command(f"{context.step}-tool", "--flag", NASTY)
        context.say(f"{context.step} at work")
        return await super().__call__(context)


@sizes
async def test_steps_beside_each_other_when_wide_and_in_tabs_when_narrow(stage: Stage, size: Size) -> None:
    both = {step: Talking() for step in (StepId.BUILD, StepId.PROVISION)}
    stage.steps.doing.update(both)
    async with stage.wizard(size) as (app, pilot):
        app.session.start()
        await pilot.press("w")
        for one in both.values():
            await one.began.wait()
        await on_screen(pilot, "$ build-tool --flag", "build at work")
        wide = size[0] >= 120
        tabs = app.screen.query_one("#tabs", TabLine)
        await until(pilot, lambda: tabs.display is not wide)
        assert ("provision at work" in screen_text(app)) is wide
        assert "▸ build" in screen_text(app), "the marked one has a sign, not a colour alone"
        await pilot.press("tab")
        await on_screen(pilot, "provision at work", "▸ provision")
        await pilot.press("c")
        assert app.clipboard == f"provision-tool --flag '{NASTY}'"
        if not wide:
            await pilot.click(TabLine, offset=(4, 0))
            await on_screen(pilot, "build at work", "▸ build")
        for one in both.values():
            one.go_on.set()
        await until(pilot, lambda: not app.session.busy)


SAID = "AccessDenied: User: arn:aws:iam::1:user/ann is not authorized to perform: ecr:CreateRepository [/foo]"


@sizes
async def test_a_failure_says_its_cause_first_and_the_original_below(stage: Stage, size: Size) -> None:
    async def fail(context: Context) -> Result:
        raise ToolFailedError(SAID)

    stage.steps.doing[StepId.PROVISION] = fail
    async with stage.wizard(size) as (app, pilot):
        app.session.start()
        await pilot.press("w")
        await on_screen(pilot, "✗ provision failed: Your AWS identity may not do that.", "Ask for the permission")
        shown = str(app.screen.query_one("#failure", Static).content)
        assert shown.splitlines()[-1] == SAID
        assert shown.index("https://docs.aws.amazon.com") < shown.index(SAID)
        error = app.session.project.journal.get(StepId.PROVISION).error  # type: ignore[union-attr]
        assert error is not None
        assert (error.message, error.cause) == (SAID, "Your AWS identity may not do that.")


async def test_what_is_told_in_plain_words_already_stays_as_it_is(stage: Stage) -> None:
    async def fail(context: Context) -> Result:
        raise ToolFailedError("AWS refused: AccessDenied.", "Ask Ann.")

    stage.steps.doing[StepId.RENDER] = fail
    async with stage.wizard() as (_app, pilot):
        await pilot.press("enter")
        await on_screen(pilot, "✗ render failed: AWS refused: AccessDenied.", "Ask Ann.")


@sizes
async def test_going_on_without_a_step_that_failed(stage: Stage, size: Size) -> None:
    async def fail(context: Context) -> Result:
        raise ToolFailedError("The image does not answer.", "Look at its log.")

    async def nothing(context: Context) -> Skipped:
        return Skipped("no repository is named")

    stage.steps.doing[StepId.SMOKE_TEST] = fail
    stage.steps.doing[StepId.GITHUB] = nothing
    async with stage.wizard(size) as (app, pilot):
        app.session.start()
        await pilot.press("w")
        await on_screen(pilot, "s goes on with push without it", "needs smoke-test, which did not succeed")
        stage.steps.ran.clear()
        await pilot.press("s")
        await on_screen(pilot, "Go on without smoke-test?", "push")
        await pilot.press("enter")
        await until(pilot, lambda: front(app) == "RunScreen")
        assert stage.steps.ran == [], "the safe answer does nothing"
        await pilot.press("s", "right", "enter")
        await until(pilot, lambda: stage.steps.ran == [StepId.PUSH] and not app.session.busy)
        await on_screen(pilot, "Done in")
        assert app.session.project.journal.get(StepId.SMOKE_TEST).status is Status.FAILED  # type: ignore[union-attr]


async def test_there_is_no_skip_when_all_that_is_left_needs_what_failed(stage: Stage) -> None:
    async def fail(context: Context) -> Result:
        raise ToolFailedError("No.", "Yes.")

    stage.steps.doing[StepId.RENDER] = fail
    async with stage.wizard() as (app, pilot):
        app.session.start()
        await pilot.press("w")
        await on_screen(pilot, "Not complete", "r tries again")
        assert "without it" not in screen_text(app)
        assert not app.screen.check_action("skip", ())
        await pilot.press("s")
        assert front(app) == "RunScreen"


@sizes
async def test_the_receipt_is_written_as_markdown(stage: Stage, size: Size) -> None:
    async with stage.wizard(size) as (app, pilot):
        await pilot.press("p")
        await on_screen(pilot, "Nothing exists yet.")
        await pilot.press("x", "y", "escape")
        app.session.start()
        await until(pilot, lambda: screen_text(app).count("✓ ") == len(CHAIN))
        await pilot.press("p", "x")
        await on_screen(pilot, "Written to")
        file = stage.root / ".ecrwiz" / "receipt.md"
        text = file.read_text()
        assert text.startswith("# Receipt of `blog (dev)`\n\n## Image\n\n| | |\n|---|---|\n")
        assert "| access key | `AKIA1` |" in text
        assert file.stat().st_mode & 0o777 == 0o600


async def test_the_runs_list_is_filtered_while_it_runs(stage: Stage) -> None:
    slow = stage.steps.doing[StepId.BUILD] = Talking()
    async with stage.wizard() as (app, pilot):
        app.session.start()
        await pilot.press("w")
        await slow.began.wait()
        await pilot.press("slash", *"push", "enter")
        rows = app.screen.query_one("#steps", RowList)
        await until(pilot, lambda: [row.key for row in rows.rows] == ["push"])
        await pilot.press("escape")
        await until(pilot, lambda: len(rows.rows) == len(CHAIN))
        assert front(app) == "RunScreen"
        slow.go_on.set()
