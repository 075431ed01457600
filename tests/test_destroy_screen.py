"""Destroy at 80x24 and at 120x40: the inventory, what becomes of each of its lines, and the receipt."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecrwiz.flow.context import Context
from ecrwiz.flow.events import StepId
from ecrwiz.flow.steps import destroy
from ecrwiz.model.errors import ToolFailedError
from ecrwiz.model.results import DestroyResult, Result
from ecrwiz.screens.pairs import hanging
from ecrwiz.screens.removal import groups
from tests.test_app import Slow
from tests.wizard import NASTY, SIZES, Stage, front, on_screen, screen_text, until

sizes = pytest.mark.parametrize("size", SIZES)
Size = tuple[int, int]

THINGS = (
    "ECR repository web/blog/nextjs in us-east-1 with 2 images",
    f"IAM user ci-blog {NASTY}",
    "keyring entry 1/blog/dev, if there is one",
    "GitHub secrets A, B in octo/blog",
)


@pytest.fixture
def stage(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage(next_app, monkeypatch)
    stage.things = THINGS
    return stage


def test_an_inventory_is_grouped_by_place() -> None:
    copies = ["file /home/ann/blog/.env.ci", "AWS profile blog-ci in /home/ann/.aws/config"]
    assert groups((*THINGS, *copies)) == [
        ("In AWS", list(THINGS[:2])), ("On this machine", [THINGS[2], *copies]), ("On GitHub", [THINGS[3]]),
    ]  # fmt: skip
    assert groups(()) == []


@sizes
async def test_every_line_of_the_inventory_ticks_off_and_the_receipt_follows(stage: Stage, size: Size) -> None:
    slow = Slow()

    async def remove(context: Context) -> Result:
        context.say(f"{destroy.REMOVED}{THINGS[3]}", "something else", f"{destroy.REMOVED}{THINGS[1]}")
        context.say(f"{destroy.ABSENT}{THINGS[2]}")
        await slow(context)
        context.say(f"{destroy.REMOVED}{THINGS[0]}")
        return DestroyResult(("image web/blog/nextjs@sha256:1", NASTY), ("keyring entry 1/blog/dev",))

    stage.steps.doing[StepId.DESTROY] = remove
    async with stage.wizard(size) as (app, pilot):
        await pilot.press("d")
        await on_screen(pilot, "These will be removed for good", "In AWS", "On this machine", "On GitHub")
        await pilot.press(*"blog", "enter")
        await slow.began.wait()
        await on_screen(pilot, "✓ removed: GitHub secrets A, B", "✓ removed: IAM user ci-blog", "[/foo] path[0]")
        await on_screen(pilot, "✓ was gone already: keyring entry", "○ waiting: ECR repository web/blog/nextjs")
        slow.go_on.set()
        await until(pilot, lambda: front(app) == "ReceiptScreen")
        await on_screen(pilot, "Removed", "image web/blog/nextjs@sha256:1", "Was gone already", "[/foo]")
        await pilot.press("x")
        await on_screen(pilot, "Written to")
    assert "## Was gone already" in (stage.root / ".ecrwiz" / "receipt.md").read_text()


@sizes
async def test_after_a_failure_what_is_still_there_is_asked_for_and_r_lists_it_anew(stage: Stage, size: Size) -> None:
    async def remove(context: Context) -> Result:
        context.say(f"{destroy.REMOVED}{THINGS[3]}")
        stage.things = THINGS[:1]
        raise ToolFailedError(f"AWS refused {NASTY}.", "Ask Ann.")

    stage.steps.doing[StepId.DESTROY] = remove
    async with stage.wizard(size) as (app, pilot):
        await pilot.press("d")
        await on_screen(pilot, "These will be removed for good")
        await pilot.press(*"blog", "enter")
        await on_screen(pilot, "✗ destroy failed: AWS refused", "✗ still there: ECR repository", "✓ removed: IAM user")
        await pilot.press("r")
        await until(pilot, lambda: front(app) == "DestroyScreen")
        await on_screen(pilot, "These will be removed for good", "with 2 images")
        assert "IAM user" not in screen_text(app)


async def test_what_cannot_be_asked_after_a_failure_is_not_guessed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(project: object) -> tuple[str, ...]:
        raise ToolFailedError("No network.", "")

    async def remove(context: Context) -> Result:
        monkeypatch.setattr(destroy, "inventory", refuses)
        raise ToolFailedError("No network.", "Wait.")

    stage.steps.doing[StepId.DESTROY] = remove
    async with stage.wizard() as (_app, pilot):
        await pilot.press("d")
        await on_screen(pilot, "These will be removed for good")
        await pilot.press(*"blog", "enter")
        await on_screen(pilot, "? not known: ECR repository", "? not known: GitHub secrets")


def test_long_lines_hang_under_their_first_word_and_no_word_is_cut() -> None:
    assert hanging("  - ", "one two three", 12).plain.splitlines() == ["  - one two", "    three"]
    assert hanging("  label  ", "a/very/long/path b", 20).plain.splitlines() == [
        "  label  ",
        "    a/very/long/path",
        "    b",
    ]
    assert hanging("a ", "o-n-e t-w-o", 8).plain.splitlines() == ["a o-n-e", "  t-w-o"]
    assert hanging("a ", NASTY, 0).plain == f"a {NASTY}"
    assert hanging("a ", "", 10).plain == "a "
