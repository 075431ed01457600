"""The CI identity's screen, its proofs and the search for copies, at 80x24 and at 120x40."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot

from ecrwiz.app import EcrwizApp
from ecrwiz.flow.context import Approvals, Context, View
from ecrwiz.flow.events import StepId
from ecrwiz.flow.steps import credentials
from ecrwiz.model.custody import Custody
from ecrwiz.model.errors import MissingToolError, ToolFailedError
from ecrwiz.model.redact import Secret
from ecrwiz.model.results import ProvisionResult, Result, VerifyResult
from ecrwiz.screens import custody_view, proofs, where
from tests.fake_steps import RESULTS
from tests.test_app import Slow
from tests.wizard import NASTY, SIZES, Stage, front, on_screen, screen_text, until
from tests.wizard_identity import HELD, KEY, LEAK, NOW, PROOFS, SEARCHES, WRONG, Identity

sizes = pytest.mark.parametrize("size", SIZES)
Size = tuple[int, int]


@pytest.fixture
def stage(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(next_app, monkeypatch)


@pytest.fixture
def identity(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Identity:
    return Identity(monkeypatch)


@sizes
async def test_the_identity_its_age_and_its_copies_are_shown(stage: Stage, identity: Identity, size: Size) -> None:
    async with stage.wizard(size) as (app, pilot):
        await pilot.press("i")
        await until(pilot, lambda: front(app) == "CredentialsScreen")
        await on_screen(pilot, "access key", "123456789012", KEY, "ci-blog-dev-server-user", "Used 3 hours ago for ecr")
        await on_screen(pilot, "71 days ━", "rotate after 90 days", "! A second access key exists", "[/foo] path[0]")
        await on_screen(pilot, "● access key", "there", "71 days", "? GitLab project", "unknown", "○ .env.ci", "absent")
        await on_screen(pilot, "y copy secret", "x revoke", "o change to a role")
        await pilot.press("down", "down", "down")
        await on_screen(pilot, f"GitLab does not answer {NASTY}"[:40])
        await pilot.press("escape")
        await until(pilot, lambda: front(app) == "MenuScreen")


async def test_keys_work_while_the_ledger_is_asked_for_and_a_deadline_ends_it(
    stage: Stage, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity.slow = True
    async with stage.wizard() as (app, pilot):
        await pilot.press("i")
        await on_screen(pilot, "Asking IAM, the keyring and GitHub")
        await pilot.press("question_mark")
        await on_screen(pilot, "Keys: Credentials", "Copy the secret key")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: front(app) == "MenuScreen")
        monkeypatch.setattr("ecrwiz.screens.credentials.LOOK_SECONDS", 0.1)
        await pilot.press("i")
        await on_screen(pilot, "✗ Not all answered within 0 seconds. Look again with r.")
        identity.let.set()
        await pilot.press("r")
        await on_screen(pilot, KEY)


async def test_why_there_is_no_ledger_is_told_and_only_what_applies_is_offered(
    stage: Stage, identity: Identity
) -> None:
    identity.custody = MissingToolError(f"There are no credentials {NASTY}.", "Log in first.")
    async with stage.wizard() as (app, pilot):
        await pilot.press("i")
        await on_screen(pilot, "✗ There are no credentials", "[/foo]", "Log in first.")
        for action in ("rotate", "copy", "revoke", "to_oidc", "proofs", "verify"):
            assert not app.screen.check_action(action, ()), action
        identity.custody = Custody("oidc", "arn:aws:iam::1:role/ci", "1", "", None, "", "", ())
        await pilot.press("r")
        await on_screen(pilot, "OIDC role", "arn:aws:iam::1:role/ci")
        assert app.screen.check_action("verify", ())
        assert not app.screen.check_action("copy", ()), "a role has no secret"
        identity.custody = Custody("access-key", "", "", "", None, "", "", ())
        await pilot.press("r")
        await on_screen(pilot, "access key, not made yet")
        identity.custody = replace(identity.custody, problem="No network.", access_key_id=KEY)
        await pilot.press("r")
        await on_screen(pilot, "access key, not known", KEY)
        await pilot.press("x")
        await on_screen(pilot, "Every access key of ci-blog-dev-server-user is deactivated")


async def test_a_key_that_is_being_replaced_by_a_role_has_two_names(stage: Stage, identity: Identity) -> None:
    role = "arn:aws:iam::123456789012:role/ci-blog-dev-server-role"
    identity.custody = replace(HELD, identity="both", user=HELD.arn, role=role)
    async with stage.wizard() as (_, pilot):
        await pilot.press("i")
        await on_screen(pilot, "key and role", f"User {HELD.arn}", f"Role {role}")


@sizes
async def test_verify_leads_to_the_table_of_proofs(stage: Stage, identity: Identity, size: Size) -> None:
    async def verify(context: Context) -> Result:
        return VerifyResult(PROOFS * 12)

    stage.steps.doing[StepId.VERIFY] = verify
    async with stage.wizard(size) as (app, pilot):
        await make(app, pilot)
        await pilot.press("i")
        await on_screen(pilot, KEY)
        await pilot.press("v")
        await until(pilot, lambda: front(app) == "ProofsScreen")
        await on_screen(pilot, "? pass another role", "Nobody may simulate.", "24 as they must be, 12 unknown.")
        await pilot.press("end")
        await on_screen(
            pilot, "delete the repository", f"AWS: AccessDenied: {NASTY[:30]}", "must be refused, is refused"
        )
        await pilot.press("y")
        await until(pilot, lambda: app.clipboard.count("\n") == 37)
        assert "✓ delete the repository: refused (called); AccessDenied" in app.clipboard
        await pilot.press("v")
        await until(pilot, lambda: stage.steps.ran.count(StepId.VERIFY) == 3 and front(app) == "ProofsScreen")
        await pilot.press("escape")
        await until(pilot, lambda: front(app) == "CredentialsScreen")
        await pilot.press("p")
        await until(pilot, lambda: front(app) == "ProofsScreen")


async def make(app: EcrwizApp, pilot: Pilot[int]) -> None:
    """Do the whole chain once, so that there is something to look after."""
    app.session.start()
    await until(pilot, lambda: not app.session.busy)


async def test_a_wrong_row_is_on_top_and_in_words() -> None:
    assert proofs.summary((*PROOFS, WRONG)) == "2 as they must be, 1 wrong, 1 unknown."
    assert proofs.in_full(WRONG) == [
        "iam:ListUsers on *",
        "AWS: 2 users came",
        f"wrong: must be refused, is allowed (called with the identity itself, as {WRONG.identity})",
    ]


@sizes
async def test_where_shows_each_place_as_it_was_searched(stage: Stage, identity: Identity, size: Size) -> None:
    async with stage.wizard(size) as (app, pilot):
        await pilot.press("i")
        await on_screen(pilot, KEY)
        await pilot.press("w")
        await until(pilot, lambda: front(app) == "WhereScreen")
        await on_screen(pilot, "✓ Terraform's state", "key id only", "✓ shell history", "not there", "2 places done")
        await on_screen(pilot, "2 places searched so far", "terraform.tfstate:12")
        await pilot.press("r")
        await until(pilot, lambda: "The search is still going on." in stage.told)
        identity.let.set()
        await on_screen(pilot, "? git history", "not all read", "none of the 3 places", "1 could not be read wholly.")
        await pilot.press("y")
        await until(pilot, lambda: "key id only: Terraform's state" in app.clipboard)
        identity.searches = (*SEARCHES, LEAK)
        await pilot.press("r")
        await on_screen(pilot, "✗ rendered files", "SECRET FOUND", "✗ The secret is in rendered files. Rotate the key")
        await pilot.press("end")
        await on_screen(pilot, f"secret: start.sh:3 {NASTY}"[:50])
        await pilot.press("escape")
        await until(pilot, lambda: front(app) == "CredentialsScreen")


async def test_leaving_the_search_ends_it_and_a_refusal_is_told(
    stage: Stage, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage.wizard() as (app, pilot):
        await pilot.press("i")
        await on_screen(pilot, KEY)
        await pilot.press("w")
        await on_screen(pilot, "2 places done")
        await pilot.press("escape")
        await until(pilot, lambda: front(app) == "CredentialsScreen")

        async def refuses(project: object, on_found: object) -> object:
            raise ToolFailedError(f"git broke {NASTY}.", "Mend it.")

        monkeypatch.setattr("ecrwiz.flow.absence.search", refuses)
        await pilot.press("w")
        await on_screen(pilot, "✗ git broke", "[/foo]", "Mend it.")
        assert not app.screen.check_action("copy", ())


@sizes
async def test_rotating_asks_first_and_says_what_happens(stage: Stage, identity: Identity, size: Size) -> None:
    got: list[Approvals] = []

    async def rotate(context: Context) -> Result:
        got.append(context.approvals)
        return RESULTS[StepId.ROTATE]

    stage.steps.doing[StepId.ROTATE] = rotate
    async with stage.wizard(size) as (app, pilot):
        await make(app, pilot)
        await pilot.press("i")
        await on_screen(pilot, KEY)
        await pilot.press("n")
        await on_screen(pilot, f"Replace access key {KEY}?", "1. A second key is made", "5. The old key is deleted")
        await on_screen(pilot, "a stop at any point loses nothing")
        await pilot.press("enter")
        await until(pilot, lambda: front(app) == "CredentialsScreen")
        assert got == [], "the safe answer does nothing"
        asked = identity.asked
        await pilot.press("n", "right", "enter")
        await until(pilot, lambda: "AKIA1 was replaced by AKIA2." in stage.told)
        await until(pilot, lambda: front(app) == "CredentialsScreen" and identity.asked > asked)
    assert got == [Approvals()]


@sizes
async def test_revoking_needs_the_project_id_typed_out(stage: Stage, identity: Identity, size: Size) -> None:
    async with stage.wizard(size) as (app, pilot):
        await pilot.press("i")
        await on_screen(pilot, KEY)
        await pilot.press("x")
        await on_screen(pilot, f"Revoke access key {KEY}?", "deactivated at once", "Type blog and press enter")
        await pilot.press(*"blo", "enter")
        await on_screen(pilot, "✗ That is not blog; nothing was revoked.")
        assert stage.steps.ran == []
        await pilot.press("escape", "x")
        await on_screen(pilot, "Type blog")
        await pilot.press(*"blog", "enter")
        await until(pilot, lambda: stage.steps.ran == [StepId.REVOKE] and front(app) == "CredentialsScreen")


class Board:
    """A terminal's clipboard, and a keyring that gives a secret when it is let."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[str] = []
        self.let = asyncio.Event()
        self.let.set()
        self.error: MissingToolError | None = None
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("PATH", "")

        async def read_secret(view: View, made: ProvisionResult) -> Secret:
            await self.let.wait()
            if self.error:
                raise self.error
            return Secret("hunter2hunter2")

        monkeypatch.setattr(credentials, "read_secret", read_secret)


@sizes
async def test_the_secret_is_copied_after_a_question_and_cleared_by_esc(
    stage: Stage, identity: Identity, monkeypatch: pytest.MonkeyPatch, size: Size
) -> None:
    board = Board(monkeypatch)
    async with stage.wizard(size) as (app, pilot):
        monkeypatch.setattr(app._board, "_terminal", board.sent.append)
        await make(app, pilot)
        await pilot.press("i")
        await on_screen(pilot, KEY)
        await pilot.press("y", "enter")
        await until(pilot, lambda: front(app) == "CredentialsScreen")
        assert board.sent == []
        await pilot.press("y", "right", "enter")
        await on_screen(pilot, "The secret is in the clipboard for 4", "esc clears it now")
        assert board.sent == ["hunter2hunter2"]
        assert "hunter2" not in screen_text(app) + " ".join(stage.told)
        await pilot.press("escape")
        await until(pilot, lambda: board.sent == ["hunter2hunter2", ""])
        assert front(app) == "CredentialsScreen"
        await until(pilot, lambda: "The secret is in the clipboard" not in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: front(app) == "MenuScreen")


async def test_a_secret_on_its_way_to_the_clipboard_is_taken_out_too(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Board(monkeypatch)
    async with stage.wizard() as (app, pilot):
        monkeypatch.setattr(app._board, "_terminal", board.sent.append)
        app.copy_secret(Secret("hunter2hunter2"))
        assert await app.forget_secret() is True
        await pilot.pause(0.1)
        assert board.sent == ["hunter2hunter2", ""]


async def test_a_clipboard_that_stays_as_it_is_is_told_and_holds_nobody(
    stage: Stage, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Board(monkeypatch)

    def only_once(text: str) -> None:
        if board.sent:
            raise OSError
        board.sent.append(text)

    async with stage.wizard() as (app, pilot):
        monkeypatch.setattr(app._board, "_terminal", only_once)
        await make(app, pilot)
        await pilot.press("i")
        await on_screen(pilot, KEY)
        await pilot.press("y", "right", "enter")
        await on_screen(pilot, "The secret is in the clipboard for 4")
        await pilot.press("escape")
        await until(pilot, lambda: any("could not be cleared" in told for told in stage.told))
        assert not any("was cleared" in told for told in stage.told)
        await pilot.press("escape")
        await until(pilot, lambda: front(app) == "MenuScreen")


async def test_a_keyring_that_hangs_holds_nothing_up(
    stage: Stage, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Board(monkeypatch)
    board.let.clear()
    board.error = MissingToolError(f"The keyring did not read it within 20 seconds {NASTY}.", "Unlock it.")
    async with stage.wizard() as (app, pilot):
        await make(app, pilot)
        await pilot.press("i")
        await on_screen(pilot, KEY)
        await pilot.press("y", "right", "enter")
        await until(pilot, lambda: "Reading the secret from the keyring." in stage.told)
        await pilot.press("down", "w")
        await until(pilot, lambda: front(app) == "WhereScreen")
        await pilot.press("escape")
        board.let.set()
        await until(pilot, lambda: any("within 20 seconds" in told for told in stage.told))
        assert app.secret_left is None


async def test_a_browser_session_gets_no_secret(
    stage: Stage, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Board(monkeypatch)
    async with stage.wizard() as (app, pilot):
        await make(app, pilot)
        await pilot.press("i")
        await on_screen(pilot, KEY)
        monkeypatch.setattr(type(app._driver), "is_web", property(lambda driver: True))
        assert app.is_web
        await pilot.press("y")
        await pilot.pause(0.1)
        assert front(app) == "CredentialsScreen"
        app.screen.action_copy()  # type: ignore[attr-defined]
        await pilot.pause(0.1)
        assert front(app) == "CredentialsScreen"
        assert board.sent == []


async def test_nothing_is_begun_while_a_run_goes_on(stage: Stage, identity: Identity) -> None:
    slow = stage.steps.doing[StepId.RENDER] = Slow()
    async with stage.wizard() as (app, pilot):
        app.session.start((StepId.RENDER,))
        await slow.began.wait()
        await pilot.press("i")
        await on_screen(pilot, KEY)
        for key in ("v", "n", "x", "o"):
            stage.told.clear()
            await pilot.press(key)
            await until(pilot, lambda: any("A run is going on" in told for told in stage.told))
            assert front(app) == "CredentialsScreen"
        asked = identity.asked
        slow.go_on.set()
        await until(pilot, lambda: identity.asked > asked)
        assert stage.steps.ran == [StepId.RENDER]


def test_ages_in_words() -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    days = {count: custody_view.days_text(now - timedelta(days=count), now) for count in (0, 1, 71)}
    assert days == {0: "today", 1: "1 day", 71: "71 days"}
    assert custody_view.days_text(None, now) == ""
    assert custody_view.age_text(None, now) == "not known"
    assert custody_view.age_text(now - timedelta(days=91), now).endswith("! older than 90 days: rotate it")
    assert custody_view.age_text(now - timedelta(days=90), now).endswith("rotate after 90 days")
    assert "━" * custody_view.age_text(now - timedelta(days=200), now).count("━") in "━" * 18


def test_a_ledger_in_words_has_no_meaning_by_colour_alone() -> None:
    text = custody_view.identity_text(replace(HELD, status="Inactive"), 76, NOW).plain
    assert f"{KEY}, inactive" in text
    rows = custody_view.rows(HELD.copies, NOW)
    assert {(row.cells[0].text, row.cells[2].text) for row in rows} == {
        ("●", "there"),
        ("?", "unknown"),
        ("○", "absent"),
    }
    assert where.summary(SEARCHES, done=False) == "3 places searched so far, the secret is in none of them."
