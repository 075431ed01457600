"""Every screen at 80x24 and at 120x40."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from textual.events import Resize
from textual.screen import Screen
from textual.widgets import Footer, Input

from ecrwiz.actions import ACTIONS, SCOPES, in_scope
from ecrwiz.flow.context import Context
from ecrwiz.flow.events import CHAIN, Failure, Progress, Question, Status, StepFinished, StepId, StepStarted
from ecrwiz.model.errors import MissingToolError
from ecrwiz.model.results import Result
from ecrwiz.screens import run_state, words
from ecrwiz.screens.menu import MenuScreen
from ecrwiz.screens.run import RunScreen
from ecrwiz.widgets.log_pane import LogPane
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
async def test_home_shows_the_project_and_how_every_step_stands(stage: Stage, size: Size) -> None:
    async with stage.wizard(size) as (app, pilot):
        await on_screen(pilot, "blog (dev)", "us-east-1", "web/blog/nextjs", "not built yet", "no repository")
        assert screen_text(app).count("○ ") == len(CHAIN)
        assert screen_text(app).count("not run") == len(CHAIN)
        app.session.start((StepId.RENDER, StepId.BUILD))
        await until(pilot, lambda: screen_text(app).count("fresh") == 2)
        stage.steps.inputs[StepId.BUILD] = {"platform": "linux/arm64"}
        await pilot.press("p", "escape")
        await on_screen(pilot, "↻ build", "stale", "changed: platform", "ecrwiz/blog/nextjs:abc")
        await pilot.press("down")
        await on_screen(pilot, "Needs render.", "Stale: changed: platform")


async def test_home_opens_the_log_of_the_marked_step(stage: Stage) -> None:
    async with stage.wizard() as (_app, pilot):
        await pilot.press("l")
        await until(pilot, lambda: "has not been run, so it has no log" in " ".join(stage.told))
        await pilot.press("enter")
        await on_screen(pilot, "Done in")
        await pilot.press("escape", "l")
        await on_screen(pilot, "Log of render", "# render ok")


async def test_home_says_when_all_is_fresh_and_runs_all_straight_when_nothing_is_made(stage: Stage) -> None:
    async with stage.wizard() as (app, pilot):
        app.session.start()
        await until(pilot, lambda: screen_text(app).count("✓ ") == len(CHAIN))
        await pilot.press("a")
        await until(pilot, lambda: "Every step is fresh." in " ".join(stage.told))
        stage.steps.inputs[StepId.GITHUB] = {"token": "other"}
        await pilot.press("p", "escape")
        await on_screen(pilot, "changed: token")
        stage.steps.ran.clear()
        await pilot.press("a")
        await until(pilot, lambda: front(app) == "ReceiptScreen")
        assert stage.steps.ran == [StepId.GITHUB]


async def test_home_leads_bad_answers_to_the_form(stage: Stage) -> None:
    (stage.root / "ecrwiz.toml").write_text("port = 99999\n")
    async with stage.wizard(saved=False) as (app, pilot):
        await on_screen(pilot, "✗ port is a whole number from 1 to 65535", "Press e to change it.")
        for key in ("enter", "a", "v"):
            await pilot.press(key)
            await until(pilot, lambda: front(app) == "AnswersScreen")
            await pilot.press("escape")
            await until(pilot, lambda: front(app) == "MenuScreen")
        assert stage.steps.ran == []


async def test_a_choice_of_a_step_is_asked_with_the_safe_one_marked(stage: Stage) -> None:
    replies: list[object] = []

    async def ask(context: Context) -> Result:
        choices = (("new", "Take it"), ("both", "Both [b]"), ("mine", "Keep mine"))
        for _ in range(2):
            replies.append(await context.ask(Question(context.step, "choice", "Whose?", (NASTY,), choices=choices)))
        return RESULTS[StepId.RENDER]

    stage.steps.doing[StepId.RENDER] = ask
    async with stage.wizard() as (app, pilot):
        app.session.start((StepId.RENDER,))
        await on_screen(pilot, "render: Whose?", "Take it", "Both [b]", "Keep mine")
        await pilot.press("enter")
        await until(pilot, lambda: replies)
        await until(pilot, lambda: front(app) == "ButtonsModal")
        await pilot.press("right", "right", "enter")
        await until(pilot, lambda: len(replies) == 2)
    assert replies == ["mine", "both"]


@sizes
async def test_buttons_that_do_not_fit_stand_one_above_the_other(stage: Stage, size: Size) -> None:
    replies: list[object] = []
    choices = (
        ("beside", "Beside it, in infra/ecrwiz"),
        ("reuse", "Among it, with your provider and backend"),
        ("stop", "Stop, and look at it first"),
    )
    body = tuple(f"infra/file{number}.tf: provider aws" for number in range(40))

    async def ask(context: Context) -> Result:
        title = "infra/ holds Terraform of yours that ecrwiz's would clash with. Where shall ecrwiz's go?"
        replies.append(await context.ask(Question(context.step, "choice", title, body, choices=choices)))
        return RESULTS[StepId.RENDER]

    stage.steps.doing[StepId.RENDER] = ask
    async with stage.wizard(size) as (app, pilot):
        app.session.start((StepId.RENDER,))
        await on_screen(pilot, "Where shall")
        await until(pilot, lambda: app.screen.query_one(".modal--box").has_class("-stacked"))
        await on_screen(pilot, *(word for _, word in choices), "infra/file0.tf")
        rows = [app.screen.query_one(f"#answer-{key}").region for key, _ in choices]
        assert len({row.y for row in rows}) == 3
        assert all(app.screen.region.contains_region(row) for row in rows)
        app.screen.post_message(Resize(app.size, app.size))
        await pilot.pause()
        assert app.screen.query_one(".modal--box").has_class("-stacked"), "measured alike in both forms"
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: replies)
    assert replies == ["reuse"]


async def test_buttons_that_fit_stand_side_by_side(stage: Stage) -> None:
    async def ask(context: Context) -> Result:
        await context.ask(Question(context.step, "confirm", "Go on?", (NASTY,), yes="Go on", no="Stop"))
        return RESULTS[StepId.RENDER]

    stage.steps.doing[StepId.RENDER] = ask
    async with stage.wizard() as (app, pilot):
        app.session.start((StepId.RENDER,))
        await on_screen(pilot, "Go on?")
        await pilot.pause()
        assert not app.screen.query_one(".modal--box").has_class("-stacked")
        assert len({button.region.y for button in app.screen.query("Button")}) == 1
        await pilot.press("escape")


@sizes
async def test_the_run_shows_steps_commands_progress_and_output(stage: Stage, size: Size) -> None:
    slow = {StepId.BUILD: Slow(), StepId.PROVISION: Slow()}

    def talking(step: StepId) -> object:
        async def run(context: Context) -> Result:
            context.command("some-tool", str(step), NASTY)
            context.say(*(f"{step} says {number}" for number in range(100)), "", f"{step} {NASTY}")
            context.progress(3, 12, "steps", f"now {NASTY}")
            return await slow[step](context)

        return run

    for step in slow:
        stage.steps.doing[step] = talking(step)  # type: ignore[assignment]
    async with stage.wizard(size) as (app, pilot):
        app.session.start()
        await pilot.press("w")
        for one in slow.values():
            await one.began.wait()
        await on_screen(pilot, "✓ render", "▶ build", "▶ provision", "○ push", "waiting", "3 of 12 steps")
        await on_screen(pilot, "$ some-tool build", "build says 99", f"build {NASTY[:35]}")
        wide = size[0] >= 120
        assert ("provision says 99" in screen_text(app)) is wide, "side by side only where there is room"
        await pilot.press("down", "down", "down" if not wide else "up", "up" if not wide else "down")
        app.screen.query_one(RowList).mark("provision")
        await on_screen(pilot, "provision says 99")
        for one in slow.values():
            one.go_on.set()
        await until(pilot, lambda: front(app) == "ReceiptScreen")


async def test_the_run_keeps_the_step_that_the_person_marked(stage: Stage) -> None:
    slow = {step: Slow() for step in (StepId.BUILD, StepId.PROVISION)}
    stage.steps.doing.update(slow)
    async with stage.wizard() as (app, pilot):
        app.session.start()
        await pilot.press("w")
        for one in slow.values():
            await one.began.wait()
        steps = app.screen.query_one("#steps", RowList)
        await until(pilot, lambda: steps.key == "build")
        await pilot.press("down", "down")
        await until(pilot, lambda: steps.key == "provision")
        slow[StepId.BUILD].go_on.set()
        await until(pilot, lambda: app.session.run.steps[StepId.SMOKE_TEST].status is Status.OK)
        assert steps.key == "provision"


async def test_a_screen_that_opens_later_shows_what_it_missed(stage: Stage) -> None:
    slow = Slow()

    async def run(context: Context) -> Result:
        context.say(*(f"early {number}" for number in range(50)))
        return await slow(context)

    stage.steps.doing[StepId.RENDER] = run
    async with stage.wizard() as (app, pilot):
        app.session.start((StepId.RENDER,))
        await slow.began.wait()
        await pilot.pause(0.1)
        await pilot.press("w")
        await on_screen(pilot, "early 49")
        assert isinstance(app.screen, RunScreen)
        pane = app.screen.query_one("#pane-render LogPane", LogPane)
        await pilot.press("pageup", "pageup")
        await until(pilot, lambda: "early 49" not in screen_text(app))
        assert not pane.following


@sizes
async def test_the_receipt_tells_what_exists_and_can_be_copied(stage: Stage, size: Size) -> None:
    async with stage.wizard(size) as (app, pilot):
        await pilot.press("p")
        await on_screen(pilot, "Nothing exists yet.")
        await pilot.press("escape")
        app.session.start()
        await until(pilot, lambda: screen_text(app).count("✓ ") == len(CHAIN))
        await pilot.press("p")
        await on_screen(pilot, "CI identity", "AKIA1", "SecretService")
        await pilot.press("y")
        assert "Registry" in app.clipboard
        assert "sha256:2" in app.clipboard
        await pilot.press("escape")
        await until(pilot, lambda: front(app) == "MenuScreen")


@sizes
async def test_the_log_is_searched_followed_and_copied(stage: Stage, size: Size) -> None:
    async def run(context: Context) -> Result:
        context.say(*(f"line {number} {NASTY}" for number in range(500)), "the END")
        return RESULTS[StepId.RENDER]

    stage.steps.doing[StepId.RENDER] = run
    async with stage.wizard(size) as (app, pilot):
        app.session.start((StepId.RENDER,))
        await until(pilot, lambda: "fresh" in screen_text(app))
        await pilot.press("l")
        await on_screen(pilot, "the END", "following", "503 lines")
        await pilot.press("g")
        await on_screen(pilot, "# render started")
        await pilot.press("slash", *"line 2.0", "enter")
        await on_screen(pilot, "match 1 of 10", "line 200")
        await pilot.press("n")
        await on_screen(pilot, "line 210")
        await pilot.press("N")
        await on_screen(pilot, "line 200")
        await pilot.press("slash", *"[/foo", "enter")
        await on_screen(pilot, "match", "of 500")
        await pilot.press("slash", "escape")
        assert front(app) == "LogScreen", "esc closes the search first"
        await pilot.press("y")
        assert app.clipboard.count("\n") > 500
        await pilot.press("f")
        await on_screen(pilot, "the END")
        await pilot.press("escape")
        await until(pilot, lambda: front(app) == "MenuScreen")


async def test_the_log_follows_a_step_that_still_writes(stage: Stage) -> None:
    more, slow = Slow(), Slow()

    async def run(context: Context) -> Result:
        context.say("first words")
        await more(context)
        context.say("second words")
        return await slow(context)

    stage.steps.doing[StepId.RENDER] = run
    async with stage.wizard() as (_app, pilot):
        await pilot.press("enter")
        await more.began.wait()
        await pilot.press("l")
        await on_screen(pilot, "first words")
        more.go_on.set()
        await on_screen(pilot, "second words")


async def test_a_log_that_is_gone_is_told(stage: Stage) -> None:
    async with stage.wizard() as (app, pilot):
        app.session.start((StepId.RENDER,))
        await until(pilot, lambda: "fresh" in screen_text(app))
        path = app.session.log_path(StepId.RENDER)
        assert path
        path.unlink()
        await pilot.press("l")
        await on_screen(pilot, "cannot be read: No such file")


async def test_destroy_with_nothing_left_and_with_a_failure(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.things = ()
    async with stage.wizard() as (app, pilot):
        await pilot.press("d")
        await on_screen(pilot, "Nothing that ecrwiz made is left here.")
        assert app.screen.query_one("#typed", Input).disabled
        await pilot.press("escape")

        async def broken(project: object) -> tuple[str, ...]:
            raise MissingToolError(f"AWS cannot be reached {NASTY}.", "Log in.")

        monkeypatch.setattr("ecrwiz.flow.steps.destroy.inventory", broken)
        await pilot.press("d")
        await on_screen(pilot, NASTY, "Log in.")


@sizes
async def test_help_lists_every_key_of_the_screen(stage: Stage, size: Size) -> None:
    async with stage.wizard(size) as (app, pilot):
        await pilot.press("question_mark")
        await on_screen(pilot, "Keys: Home", "Run the marked step", "esc closes")
        await pilot.press("escape", "e", "f1")
        await on_screen(pilot, "Keys: Answers")
        await pilot.press("f1")
        await until(pilot, lambda: front(app) == "AnswersScreen")


async def test_the_palette_offers_what_applies(stage: Stage) -> None:
    async with stage.wizard() as (app, _pilot):
        assert isinstance(app.screen, MenuScreen)
        titles = {command.title for command in app.get_system_commands(cast("Screen[object]", app.screen))}
        assert {"Run all", "Receipt", "Destroy", "Quit"} <= titles
        assert "Watch" not in titles, "there is no run to watch"


async def test_no_footer_has_more_than_six_keys_and_all_of_them_fit(stage: Stage) -> None:
    for scope in SCOPES:
        if scope != "app":
            shown = [action for action in (*in_scope(scope), *in_scope("app")) if action.shown]
            if scope != "run":  # some of its keys exclude each other
                assert len(shown) <= 6, scope
    async with stage.wizard() as (app, pilot):
        await pilot.pause()
        footer = app.screen.query_one(Footer)
        assert max(child.region.right for child in footer.children) <= 80


def test_action_ids_are_unique_and_keys_are_safe() -> None:
    ids = [action.id for action in ACTIONS]
    assert len(ids) == len(set(ids))
    eaten = {"ctrl+s", "ctrl+q", "ctrl+b", "ctrl+a", "ctrl+j", "ctrl+z", "ctrl+c", "f10", "f11"}
    for action in ACTIONS:
        assert not eaten & set(action.keys.split(",")), action.id
    for scope in SCOPES:
        keys = [key for action in in_scope(scope) for key in action.keys.split(",")]
        assert len(keys) == len(set(keys)), f"a key twice in {scope}"


def test_the_state_of_a_run_takes_events_in_any_order() -> None:
    state = run_state.RunState((StepId.BUILD,))
    state.apply(StepFinished(StepId.PUSH, Status.SKIPPED, 0, note="needs build"))
    state.apply(StepStarted(StepId.BUILD))
    state.apply(Progress(StepId.BUILD, 1, None, "", "x"))
    assert state.running == (StepId.BUILD,)
    state.apply(StepFinished(StepId.BUILD, Status.FAILED, 2.0, error=Failure("no")))
    assert state.failed == (StepId.BUILD,)
    assert state.view(StepId.BUILD).progress is None
    assert state.view(StepId.PUSH).note == "needs build"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (12.4, "12 s"), (59.7, "1m 00s"), (185, "3m 05s"), (3720, "1h 02m")],
)
def test_durations(seconds: float, text: str) -> None:
    assert words.seconds_text(seconds) == text


def test_sizes_and_progress_in_words() -> None:
    assert [words.size_text(count) for count in (512, 3400, 3_400_000, 5e9)] == ["512 B", "3.4 kB", "3.4 MB", "5.0 GB"]
    assert words.progress_text(Progress(StepId.PUSH, 5e5, 1e6, "bytes", "layer 1"), 4) == (
        "━━── 500.0 kB of 1.0 MB  layer 1"
    )
    assert words.progress_text(Progress(StepId.PUSH, 5, None, "", "waiting"), 4) == "waiting"


def test_every_status_has_a_glyph_and_a_word() -> None:
    assert set(words.STATUS) == set(Status)
    assert all(len(glyph) == 1 and word for glyph, word, _ in words.STATUS.values())
    assert len({word for _, word, _ in words.STATUS.values()}) == len(Status)
