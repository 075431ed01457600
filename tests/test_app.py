"""The wizard as a whole: the first visit, questions, stopping and leaving, what outlives a screen."""

from __future__ import annotations

import asyncio
import functools
from pathlib import Path

import pytest
from textual.screen import Screen
from textual.widgets import Button, Input, Static

from ecrwiz.flow.context import Context
from ecrwiz.flow.events import CHAIN, Question, Reply, Status, StepId
from ecrwiz.model.errors import ToolFailedError
from ecrwiz.model.redact import Secret
from ecrwiz.model.results import Result
from ecrwiz.services import files
from ecrwiz.widgets.tree_list import TreeList
from tests.fake_steps import RESULTS
from tests.wizard import NASTY, SIZES, Stage, front, on_screen, screen_text, until


@pytest.fixture
def stage(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(next_app, monkeypatch)


class Slow:
    """A step that runs until it is told to end, and takes its time to clean up."""

    def __init__(self, cleanup: float = 0.0) -> None:
        self.cleanup = cleanup
        self.began = asyncio.Event()
        self.go_on = asyncio.Event()
        self.cleaned = False

    async def __call__(self, context: Context) -> Result:
        self.began.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            await asyncio.sleep(self.cleanup)
            self.cleaned = True
            raise
        return RESULTS[context.step]


def asking(question: Question, replies: list[Reply]) -> object:
    async def run(context: Context) -> Result:
        replies.append(await context.ask(question))
        return RESULTS[context.step]

    return run


@pytest.mark.parametrize("size", SIZES)
async def test_the_first_visit_from_the_form_to_the_receipt(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.wizard(size, saved=False) as (app, pilot):
        await until(pilot, lambda: front(app) == "AnswersScreen")
        assert not (stage.root / "ecrwiz.toml").exists(), "nothing is written before the person goes on"
        await pilot.press("enter")
        await until(pilot, lambda: front(app) == "ReviewScreen")
        assert 'project_id = "blog"' in (stage.root / "ecrwiz.toml").read_text()
        await on_screen(pilot, "Terraform plan", "Dockerfile")
        assert stage.steps.ran == [], "the review makes nothing"
        await pilot.press("g")
        await until(pilot, lambda: front(app) == "ReceiptScreen")
        assert set(stage.steps.ran) == set(CHAIN)
        assert "web/blog/nextjs" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: screen_text(app).count("✓ ") == len(CHAIN))
        await pilot.press("q")
    assert app.return_value == 0


async def test_back_from_the_review_gives_the_form_with_what_was_typed(stage: Stage) -> None:
    async with stage.wizard(saved=False) as (app, pilot):
        await until(pilot, lambda: front(app) == "AnswersScreen")
        await pilot.press("ctrl+u", *"shop", "enter")
        await until(pilot, lambda: front(app) == "ReviewScreen")
        await pilot.press("escape")
        await until(pilot, lambda: front(app) == "AnswersScreen")
        assert app.screen.query_one("#field-project_id Input", Input).value == "shop"
        await pilot.press("ctrl+u", *"half-ty", "escape")
        await until(pilot, lambda: front(app) == "MenuScreen")
        await pilot.press("e")
        await until(pilot, lambda: front(app) == "AnswersScreen")
        assert app.screen.query_one("#field-project_id Input", Input).value == "half-ty", "esc keeps what was typed"
        assert app.session.project.answers.project_id == "shop", "but does not save it"


@pytest.mark.parametrize(("keys", "reply"), [(("enter",), False), (("right", "enter"), True), (("escape",), False)])
async def test_a_question_is_answered_and_enter_alone_is_the_safe_answer(
    stage: Stage, keys: tuple[str, ...], reply: bool
) -> None:
    replies: list[Reply] = []
    question = Question(StepId.RENDER, "confirm", f"Overwrite {NASTY}?", tuple(f"+{NASTY} {i}" for i in range(40)))
    stage.steps.doing[StepId.RENDER] = asking(question, replies)  # type: ignore[assignment]
    async with stage.wizard() as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: front(app) == "ButtonsModal")
        assert isinstance(app.focused, Button)
        assert str(app.focused.label) == "Stop"
        assert NASTY in screen_text(app)
        await pilot.press(*keys)
        await until(pilot, lambda: replies)
        assert replies == [reply]


async def test_a_secret_is_masked_and_comes_as_a_secret(stage: Stage) -> None:
    replies: list[Reply] = []
    question = Question(StepId.GITHUB, "secret", "GitHub token", ("It is used once.",))
    stage.steps.doing[StepId.RENDER] = asking(question, replies)  # type: ignore[assignment]
    async with stage.wizard() as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: front(app) == "TextModal")
        await pilot.press(*"hunter2", "tab")
        assert "hunter2" not in screen_text(app)
        await pilot.press("enter") if isinstance(app.focused, Input) else await pilot.press("shift+tab", "enter")
        await until(pilot, lambda: replies)
    assert isinstance(replies[0], Secret)
    assert replies[0].reveal() == "hunter2"


def _has(replies: list[Reply], count: int) -> bool:
    return len(replies) == count


async def test_questions_of_two_steps_come_one_after_the_other(stage: Stage) -> None:
    replies: list[Reply] = []
    for step in (StepId.BUILD, StepId.PROVISION):
        question = Question(step, "confirm", f"May {step} go on?")
        stage.steps.doing[step] = asking(question, replies)  # type: ignore[assignment]
    async with stage.wizard() as (app, pilot):
        app.session.start()
        for number in (1, 2):
            await until(pilot, lambda: front(app) == "ButtonsModal")
            assert sum(type(screen).__name__ == "ButtonsModal" for screen in app.screen_stack) == 1
            await pilot.press("right", "enter")
            await until(pilot, functools.partial(_has, replies, number))
        await until(pilot, lambda: not app.session.busy)
    assert replies == [True, True]


async def test_a_question_goes_when_its_step_was_stopped(stage: Stage) -> None:
    replies: list[Reply] = []
    stage.steps.doing[StepId.RENDER] = asking(Question(StepId.RENDER, "confirm", "Go on?"), replies)  # type: ignore[assignment]
    async with stage.wizard() as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: front(app) == "ButtonsModal")
        app.session.cancel()
        await until(pilot, lambda: front(app) == "RunScreen")
        await on_screen(pilot, "Stopped.")
    assert replies == []


async def test_stopping_asks_and_keep_running_keeps_running(stage: Stage) -> None:
    slow = stage.steps.doing[StepId.RENDER] = Slow()
    async with stage.wizard() as (app, pilot):
        await pilot.press("enter")
        await slow.began.wait()
        await pilot.press("x", "enter")
        await until(pilot, lambda: front(app) == "RunScreen")
        assert app.session.busy
        await pilot.press("x", "right", "enter")
        await on_screen(pilot, "Stopped.")
        assert slow.cleaned
        assert app.session.run.end
        assert app.session.run.end.status is Status.CANCELLED
        await pilot.press("q")
    assert app.return_value == 130


async def test_a_stopped_run_goes_on_with_r(stage: Stage) -> None:
    slow = stage.steps.doing[StepId.BUILD] = Slow()
    async with stage.wizard() as (app, pilot):
        app.session.start()
        await pilot.press("w")
        await slow.began.wait()
        app.session.cancel()
        await until(pilot, lambda: not app.session.busy)
        del stage.steps.doing[StepId.BUILD]
        stage.steps.ran.clear()
        await pilot.press("r")
        await until(pilot, lambda: front(app) == "ReceiptScreen")
    assert StepId.RENDER not in stage.steps.ran, "what was done stays done"
    assert StepId.BUILD in stage.steps.ran


async def test_quitting_waits_for_the_clean_up(stage: Stage) -> None:
    slow = stage.steps.doing[StepId.RENDER] = Slow(cleanup=0.4)
    async with stage.wizard() as (app, pilot):
        await pilot.press("enter")
        await slow.began.wait()
        await pilot.press("q")
        await on_screen(pilot, "A run is going on", "Keep running", "Stop and quit", "Force")
        await pilot.press("escape")
        assert app.session.busy
        await pilot.press("ctrl+q", "right", "enter")
        await on_screen(pilot, "Stopping")
        await until(pilot, lambda: not app.is_running)
    assert slow.cleaned
    assert app.return_value == 130


async def test_force_does_not_wait_for_the_clean_up(stage: Stage) -> None:
    slow = stage.steps.doing[StepId.RENDER] = Slow(cleanup=30)
    async with stage.wizard() as (app, pilot):
        await pilot.press("enter")
        await slow.began.wait()
        await pilot.press("q", "right", "right", "enter")
        await until(pilot, lambda: not app.is_running)
    assert not slow.cleaned
    assert app.return_value == 130


async def test_ctrl_c_offers_to_stop_while_running_and_says_how_to_quit_otherwise(stage: Stage) -> None:
    slow = stage.steps.doing[StepId.RENDER] = Slow()
    async with stage.wizard() as (app, pilot):
        await pilot.press("ctrl+c")
        await until(pilot, lambda: "Press q to quit" in " ".join(stage.told))
        await pilot.press("enter")
        await slow.began.wait()
        await pilot.press("ctrl+c")
        await until(pilot, lambda: front(app) == "_QuitModal")
        await pilot.press("ctrl+c")
        await until(pilot, lambda: front(app) == "RunScreen")
        assert app.session.busy


async def test_a_run_goes_on_behind_other_screens(stage: Stage) -> None:
    slow = stage.steps.doing[StepId.RENDER] = Slow()
    async with stage.wizard() as (app, pilot):
        await pilot.press("enter")
        await slow.began.wait()
        await pilot.press("escape")
        await until(pilot, lambda: front(app) == "MenuScreen")
        await on_screen(pilot, "▶ render", "running")
        await pilot.press("e")
        await until(pilot, lambda: "Answers cannot change" in " ".join(stage.told))
        slow.go_on.set()
        await until(pilot, lambda: "The run is done; " in " ".join(stage.told))
        await pilot.press("w")
        await on_screen(pilot, "Done in")


async def test_a_run_that_cannot_begin_says_why(stage: Stage) -> None:
    async with stage.wizard() as (app, pilot):
        lock = app.session.project.paths.lock
        lock.parent.mkdir(parents=True, exist_ok=True)
        with files.lock(lock):
            await pilot.press("enter")
            await on_screen(pilot, "The run could not begin")
            assert app.session.run.problem
            assert app.session.run.problem.message.split()[0] in screen_text(app)
        await pilot.press("q")
    assert app.return_value == app.session.run.problem.exit_code


async def test_a_failure_is_told_plainly_and_r_tries_again(stage: Stage) -> None:
    async def fail(context: Context) -> Result:
        context.command("terraform", "apply", NASTY)
        context.say(NASTY, "", "\x1b[31mred\x1b[0m \x1b]52;c;aGk=\x07")
        raise ToolFailedError(f"AWS refused {NASTY}.", f"Ask for {NASTY}.")

    stage.steps.doing[StepId.PROVISION] = fail
    async with stage.wizard() as (app, pilot):
        await pilot.press("v")
        await on_screen(pilot, "Terraform plan")
        await pilot.press("g")
        await on_screen(pilot, "provision failed: AWS refused", "Ask for", "Not complete")
        assert NASTY in screen_text(app)
        assert "]52;" not in screen_text(app)
        await pilot.press("l")
        await until(pilot, lambda: front(app) == "LogScreen")
        await on_screen(pilot, "# provision failed", "# Ask for")
        await pilot.press("escape", "escape")
        await on_screen(pilot, "✗ provision", "failed")
        await pilot.press("w")
        del stage.steps.doing[StepId.PROVISION]
        await pilot.press("r")
        await until(pilot, lambda: front(app) == "ReceiptScreen")


async def test_the_approvals_reach_the_steps(stage: Stage) -> None:
    got: list[object] = []

    async def look(context: Context) -> Result:
        got.append(context.approvals)
        return RESULTS[StepId.RENDER]

    stage.steps.doing[StepId.RENDER] = look
    async with stage.wizard() as (app, pilot):
        await pilot.press("v")
        await on_screen(pilot, "Terraform plan")
        app.screen.query_one(TreeList).mark("start.sh")
        await on_screen(pilot, "kept (space: overwrite)")
        await pilot.press("space", "g")
        await until(pilot, lambda: got)
    approvals = got[0]
    assert approvals.files == {"start.sh": "new"}  # type: ignore[attr-defined]
    assert approvals.plan == frozenset(stage.seen.plan.changes)  # type: ignore[attr-defined,union-attr]
    assert approvals.everything is False  # type: ignore[attr-defined]


async def test_destroy_needs_the_project_id_typed_out(stage: Stage) -> None:
    async with stage.wizard() as (app, pilot):
        await pilot.press("d")
        await on_screen(pilot, "These will be removed for good", "ECR repository", "[/foo] path[0]")
        await pilot.press(*"blo", "enter")
        await on_screen(pilot, "That is not blog; nothing was removed.")
        assert stage.steps.ran == []
        await pilot.press("g", "enter")
        await until(pilot, lambda: stage.steps.ran == [StepId.DESTROY])
        await until(pilot, lambda: front(app) == "ReceiptScreen")


@pytest.mark.parametrize("size", [(60, 20), (69, 24), (80, 19)])
async def test_a_terminal_that_is_too_small_is_told(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.wizard(size) as (app, pilot):
        await on_screen(pilot, "This terminal is too small.")
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "too small" not in screen_text(app))
        await pilot.press("q")
    assert app.return_value == 0


async def test_an_earlier_run_that_was_cut_off_is_told(stage: Stage) -> None:
    project = await stage.project()
    project.journal.begin(StepId.PROVISION, "20260101-000000", 1.0)
    async with stage.wizard() as (_app, pilot):
        await on_screen(pilot, "An earlier run was cut off during provision", "! provision", "cut off")


async def test_a_folder_without_an_application_is_told(stage: Stage) -> None:
    (stage.root / "package.json").unlink()
    async with stage.wizard(saved=False, project_id="blog") as (app, pilot):
        await until(pilot, lambda: front(app) == "MenuScreen")
        assert app.session.project.app_problem is not None
        assert "✗ " in screen_text(app)
        await pilot.press("q")
    assert app.return_value == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_an_error_in_the_wizard_itself_is_told_without_a_traceback(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(self: object) -> None:
        token = "hunter2hunter2"
        raise KeyError(len(token))

    monkeypatch.setattr("ecrwiz.screens.menu.MenuScreen.action_receipt", broken)
    with pytest.raises(Exception, match="KeyError") as caught:
        async with stage.wizard() as (app, pilot):
            await pilot.press("p")
    assert isinstance(caught.value.__cause__, KeyError)
    assert app.return_code == 1
    told = capsys.readouterr().err
    assert "error in ecrwiz itself (KeyError)" in told
    assert "Traceback" not in told
    assert "hunter2" not in told


async def test_what_lies_under_another_screen_draws_nothing(stage: Stage) -> None:
    async with stage.wizard() as (app, pilot):
        home, drawn = app.screen, 0
        await pilot.press("p")
        await until(pilot, lambda: front(app) == "ReceiptScreen")
        assert (home.is_current, app.screen.is_current) == (False, True)

        def count() -> None:
            nonlocal drawn
            drawn += 1

        await pilot.pause(0.3)
        app.screen.screen_layout_refresh_signal.subscribe(app.screen, lambda _: count())
        home.query_one("#project", Static).update("something else")
        await pilot.pause(0.6)
        assert drawn == 0, "Textual would draw both, again and again"
        await pilot.press("escape")
        await until(pilot, lambda: home.is_current)


async def test_a_page_begins_to_tick_and_to_listen_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[float] = []
    real = Screen.set_interval

    def set_interval(self: Screen[object], interval: float, *more: object, **how: object) -> object:
        begun.append(interval)
        return real(self, interval, *more, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(Screen, "set_interval", set_interval)
    async with stage.wizard() as (app, pilot):
        await until(pilot, lambda: front(app) == "MenuScreen")
        await pilot.pause(0.1)
        assert begun.count(0.5) == 1
