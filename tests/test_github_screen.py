"""GitHub's screen at 80x24 and at 120x40: what is there, what an export does, and what became of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from ecrwiz.flow.context import Approvals, Context
from ecrwiz.flow.events import StepId
from ecrwiz.flow.github_entries import SECRETS
from ecrwiz.model.errors import MissingToolError, ToolFailedError
from ecrwiz.model.github_plan import Entry
from ecrwiz.model.results import Result
from ecrwiz.screens.github_view import can_choose, decided, outcomes, split_key
from tests.fake_steps import RESULTS
from tests.test_app import Slow
from tests.wizard import NASTY, SIZES, Stage, front, on_screen, screen_text, until
from tests.wizard_identity import ENTRIES, EXPORT, Identity

sizes = pytest.mark.parametrize("size", SIZES)

BOTH_THERE = (replace(ENTRIES[1], name="AWS_ACCESS_KEY_ID"), *ENTRIES[1:])
Size = tuple[int, int]


@pytest.fixture
def stage(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(next_app, monkeypatch)


@pytest.fixture
def identity(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Identity:
    return Identity(monkeypatch)


def after(*changes: tuple[str, str]) -> tuple[Entry, ...]:
    """The entries with other times: name and `updated`."""
    new = dict(changes)
    return tuple(
        replace(entry, there=True, updated=new[entry.name], value_there=entry.value) if entry.name in new else entry
        for entry in ENTRIES
    )


@sizes
async def test_what_is_there_and_what_an_export_does(stage: Stage, identity: Identity, size: Size) -> None:
    async with stage.wizard(size) as (app, pilot):
        await pilot.press("g")
        await until(pilot, lambda: front(app) == "GithubScreen")
        await on_screen(pilot, "octo/blog (private)", "production (new)", "the environment (GH_TOKEN)")
        await on_screen(pilot, f"! Careful {NASTY}."[:40], "Nothing is sent yet. g exports: 1 created, 1 replaced")
        await on_screen(pilot, "+ secret", "AWS_ACCESS_KEY_ID", "not there", "create", "= variable", "same", "keep")
        await pilot.press("space")
        await until(pilot, lambda: any("can be kept or replaced" in told for told in stage.told))
        await pilot.press("down")
        await on_screen(pilot, "It is there and gets ecrwiz's value.")
        assert "space keeps" not in screen_text(app), "the other half of the key is sent"
        await pilot.press("end")
        await on_screen(pilot, "value: web/blog", "there: theirs", "An organisation's variable is hidden", "[/foo]")
        await pilot.press("space")
        await on_screen(pilot, "g exports: 1 created, 2 replaced, 1 the same.")
        await pilot.press("escape")
        await until(pilot, lambda: front(app) == "MenuScreen")


@sizes
async def test_an_export_sends_what_was_shown_and_tells_what_became_of_each_name(
    stage: Stage, identity: Identity, size: Size
) -> None:
    got: list[Approvals] = []

    async def export(context: Context) -> Result:
        got.append(context.approvals)
        changed = replace(BOTH_THERE[3], updated="2026-11-01T00:00:00Z", value_there=BOTH_THERE[3].value)
        identity.plan = replace(EXPORT, entries=(*BOTH_THERE[:3], changed))
        return RESULTS[StepId.GITHUB]

    identity.plan = replace(EXPORT, entries=BOTH_THERE)

    stage.steps.doing[StepId.GITHUB] = export
    async with stage.wizard(size) as (app, pilot):
        app.session.start((StepId.RENDER, StepId.PROVISION, StepId.CREDENTIALS))
        await until(pilot, lambda: not app.session.busy)
        await pilot.press("g")
        await on_screen(pilot, "octo/blog", "space keeps it and AWS_SECRET_ACCESS_KEY.")
        await pilot.press("space")
        await on_screen(pilot, "space replaces it and AWS_SECRET_ACCESS_KEY.", "g exports: 3 kept, 1 the same")
        await pilot.press("down", "space")
        await on_screen(pilot, "space keeps it and AWS_ACCESS_KEY_ID.", "g exports: 2 replaced, 1 kept, 1 the same")
        await pilot.press("space", "end", "space", "g")
        await until(pilot, lambda: got and front(app) == "GithubScreen")
        await on_screen(pilot, "✓ set", "✓ kept", "✓ same")
        assert (screen_text(app).count("✓ set"), screen_text(app).count("✓ kept")) == (1, 2)
    assert got == [Approvals(entries=dict.fromkeys(SECRETS, "keep") | {"ECR_REPOSITORY": "replace"})]


@sizes
async def test_a_failed_export_tells_which_names_were_not_set_and_why(
    stage: Stage, identity: Identity, size: Size
) -> None:
    async def export(context: Context) -> Result:
        identity.plan = replace(EXPORT, entries=after(("AWS_ACCESS_KEY_ID", "2026-11-01T00:00:00Z")))
        raise ToolFailedError(f"GitHub refused: 403 {NASTY}.", "Give the token Secrets: write.")

    stage.steps.doing[StepId.GITHUB] = export
    async with stage.wizard(size) as (app, pilot):
        app.session.start((StepId.RENDER, StepId.PROVISION, StepId.CREDENTIALS))
        await until(pilot, lambda: not app.session.busy)
        await pilot.press("g")
        await on_screen(pilot, "octo/blog")
        await pilot.press("g")
        await on_screen(pilot, "✗ github failed: GitHub refused: 403", "Secrets: write")
        await pilot.press("escape")
        await until(pilot, lambda: front(app) == "GithubScreen")
        await on_screen(pilot, "✓ set", "✗ failed", "✓ kept")
        await pilot.press("down")
        await on_screen(pilot, "✗ failed: GitHub refused: 403", "[/foo]")


@sizes
async def test_an_export_that_never_began_claims_nothing_and_keeps_what_was_chosen(
    stage: Stage, identity: Identity, size: Size
) -> None:
    async def export(context: Context) -> Result:
        raise ToolFailedError("The keyring is locked.", "Unlock it.")

    identity.plan = replace(EXPORT, entries=BOTH_THERE)
    stage.steps.doing[StepId.GITHUB] = export
    async with stage.wizard(size) as (app, pilot):
        app.session.start((StepId.RENDER, StepId.PROVISION, StepId.CREDENTIALS))
        await until(pilot, lambda: not app.session.busy)
        await pilot.press("g")
        await on_screen(pilot, "octo/blog")
        await pilot.press("space", "g")
        await on_screen(pilot, "✗ github failed: The keyring is locked.")
        await pilot.press("escape")
        await until(pilot, lambda: front(app) == "GithubScreen")
        await on_screen(pilot, "– not sent", "g exports: 3 kept, 1 the same", "– not sent: The keyring is locked.")
        seen = screen_text(app)
        assert "✓" not in seen
        assert seen.count("– not sent") == len(BOTH_THERE) + 1


@sizes
async def test_half_of_a_key_is_not_exported(stage: Stage, identity: Identity, size: Size) -> None:
    theirs = replace(ENTRIES[1], ours=False, action="keep")
    identity.plan = replace(EXPORT, entries=(ENTRIES[0], theirs, *ENTRIES[2:]))
    async with stage.wizard(size) as (app, pilot):
        app.session.start((StepId.RENDER, StepId.PROVISION, StepId.CREDENTIALS))
        await until(pilot, lambda: not app.session.busy)
        stage.steps.ran.clear()
        await pilot.press("g")
        await on_screen(pilot, "octo/blog")
        await pilot.press("g")
        await until(pilot, lambda: any("AWS_SECRET_ACCESS_KEY is half of a key" in told for told in stage.told))
        assert (front(app), stage.steps.ran) == ("GithubScreen", [])
        await pilot.press("down", "space")
        await on_screen(pilot, "g exports: 1 created, 1 replaced")
        await pilot.press("g")
        await until(pilot, lambda: stage.steps.ran == [StepId.GITHUB])


@sizes
async def test_why_nothing_can_be_exported_is_told(stage: Stage, identity: Identity, size: Size) -> None:
    problem = MissingToolError(f"Actions are switched off in octo/blog {NASTY}.", "Administration: write switches on.")
    identity.plan = replace(EXPORT, problem=problem)
    async with stage.wizard(size) as (app, pilot):
        await pilot.press("g")
        await on_screen(pilot, "✗ Actions are switched off", "[/foo]", "Administration: write switches on.")
        for action in ("export", "rehearse", "keep_or_replace"):
            assert not app.screen.check_action(action, ())
        assert "Nothing is sent yet" not in screen_text(app)
        await pilot.press("g", "t")
        assert front(app) == "GithubScreen"
        identity.plan = MissingToolError(f"There is no answer {NASTY}.", "Wait.")
        await pilot.press("r")
        await on_screen(pilot, "✗ There is no answer", "Wait.")


@sizes
async def test_a_rehearsal_asks_first(stage: Stage, identity: Identity, size: Size) -> None:
    async with stage.wizard(size) as (app, pilot):
        app.session.start()
        await until(pilot, lambda: not app.session.busy)
        await pilot.press("g")
        await on_screen(pilot, "octo/blog")
        stage.steps.ran.clear()
        await pilot.press("t")
        await on_screen(pilot, "Rehearse the workflow on GitHub?", "ecrwiz/rehearsal", "The branch is deleted")
        await pilot.press("enter")
        await until(pilot, lambda: front(app) == "GithubScreen")
        assert stage.steps.ran == [], "the safe answer does nothing"
        await pilot.press("t", "right", "enter")
        await until(pilot, lambda: "The workflow ran well on GitHub." in stage.told)
        assert stage.steps.ran == [StepId.REHEARSE]


async def test_another_repository_is_said_in_the_form(stage: Stage, identity: Identity) -> None:
    async with stage.wizard() as (app, pilot):
        await pilot.press("g")
        await on_screen(pilot, "octo/blog")
        await pilot.press("e")
        await until(pilot, lambda: front(app) == "AnswersScreen")


async def test_a_run_that_goes_on_elsewhere_is_waited_for(stage: Stage, identity: Identity) -> None:
    slow = stage.steps.doing[StepId.RENDER] = Slow()
    async with stage.wizard() as (app, pilot):
        app.session.start((StepId.RENDER,))
        await slow.began.wait()
        await pilot.press("g")
        await on_screen(pilot, "octo/blog")
        for key in ("g", "t", "e"):
            stage.told.clear()
            await pilot.press(key)
            await until(pilot, lambda: any("A run is going on" in told for told in stage.told))
        assert front(app) == "GithubScreen"
        slow.go_on.set()


def test_what_became_of_each_name_comes_from_what_github_lists() -> None:
    gone = Entry("secret", "OLD", there=True, action="remove")
    before = replace(EXPORT, entries=(*ENTRIES, gone))
    choices = {"AWS_SECRET_ACCESS_KEY": "replace", "ECR_REPOSITORY": "keep"}
    assert list(decided(before.entries, choices).values()) == ["create", "replace", "same", "keep", "remove"]
    nothing = outcomes(before, choices, before, "No.")
    assert nothing == dict.fromkeys(decided(before.entries, choices), "– not sent: No.")
    some = replace(EXPORT, entries=(*after(("AWS_ACCESS_KEY_ID", "x")), gone))
    assert outcomes(before, choices, some, "No.") == {
        "secret/AWS_ACCESS_KEY_ID": "✓ set", "secret/AWS_SECRET_ACCESS_KEY": "✗ failed: No.",
        "variable/AWS_REGION": "✓ same", "variable/ECR_REPOSITORY": "✓ kept", "secret/OLD": "✗ failed: No.",
    }  # fmt: skip
    assert outcomes(before, choices, EXPORT, "No.")["secret/OLD"] == "✓ removed", "removed before the failure"
    done = replace(EXPORT, entries=after(("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", ENTRIES[1].updated)))
    assert set(outcomes(before, choices, done, "").values()) == {"✓ set", "✓ same", "✓ kept", "✓ removed"}


# What the two halves of the key are (`-` is not there): what is done with both unless somebody says otherwise, whether
# each can be chosen, and which half would stay alone.
HALVES = {
    ("-", "-"): (["create", "create"], [False, False], ""),
    ("-", "ours"): (["create", "replace"], [False, False], ""),
    ("theirs", "-"): (["keep", "create"], [True, False], "AWS_ACCESS_KEY_ID"),
    ("ours", "ours"): (["replace", "replace"], [True, True], ""),
    ("ours", "theirs"): (["keep", "keep"], [True, True], ""),
    ("theirs", "theirs"): (["keep", "keep"], [True, True], ""),
}


@pytest.mark.parametrize("halves", HALVES, ids=" ".join)
def test_a_key_is_kept_or_replaced_as_a_whole(halves: tuple[str, str]) -> None:
    there: dict[str, Literal["replace", "keep"]] = {"ours": "replace", "theirs": "keep"}
    pair = [
        replace(ENTRIES[1], name=name, there=half in there, ours=half == "ours", action=there.get(half, "create"))
        for name, half in zip(SECRETS, halves, strict=True)
    ]
    actions, free, alone = HALVES[halves]
    found = decided(pair, {})
    assert list(found.values()) == actions
    assert [can_choose(entry, pair) for entry in pair] == free
    assert split_key(pair, found) == alone
