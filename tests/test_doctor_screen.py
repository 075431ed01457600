"""The doctor's screen at 80x24 and at 120x40, and the command."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from ecrwiz import cli
from ecrwiz.flow import doctor
from ecrwiz.flow.doctor import Check, Finding, Patient
from ecrwiz.flow.doctor.finding import fine, problem, unknown, warning
from ecrwiz.screens import doctor as screen
from tests.wizard import NASTY, SIZES, Stage, front, on_screen, screen_text, until

sizes = pytest.mark.parametrize("size", SIZES)

FOUND = (
    ("docker", "Docker engine", fine("Docker engine 29.0 answers.", {"platform": "linux/x86_64"})),
    ("git", "Git", warning(f"git knows {NASTY}.", "Commit.", {"branch": NASTY}, command="git commit -m '[x'")),
    ("aws", "AWS identity", problem("There are no AWS credentials.", "Log in.", missing=True)),
    ("actions", "Actions", unknown("GitHub does not tell.")),
)


class Checks:
    """A table of checks with what they find; `slow` ends when it is let."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.times = 0
        made = [Check(id_, title, f"About {title}.", self._gives(finding)) for id_, title, finding in FOUND]
        self.table = (*made, Check("slow", "Slow", "About what is slow.", self._slow))

    def _gives(self, finding: Finding) -> Callable[[Patient], Awaitable[Finding]]:
        async def run(_: Patient) -> Finding:
            return finding

        return run

    async def _slow(self, _: Patient) -> Finding:
        self.times += 1
        await self.let.wait()
        return fine("It came at last.")


@pytest.fixture
def stage(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(next_app, monkeypatch)


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Checks:
    made = Checks()
    examine = doctor.examine
    monkeypatch.setattr(screen, "CHECKS", made.table)
    monkeypatch.setattr(screen, "examine", lambda patient, take: examine(patient, take, made.table))
    return made


@sizes
async def test_rows_come_as_the_checks_end_and_the_marked_one_is_told_in_full(
    stage: Stage, checks: Checks, size: tuple[int, int]
) -> None:
    async with stage.wizard(size) as (app, pilot):
        await pilot.press("h")
        await until(pilot, lambda: front(app) == "DoctorScreen")
        await on_screen(pilot, "✓ Docker engine", "! Git", "✗ AWS identity", "? Actions", "… Slow", "checking")
        await on_screen(pilot, "1 ok, 1 warning, 1 problem, 1 unknown, 1 to come…")
        await pilot.press("r")
        await until(pilot, lambda: "The checks are still going on." in " ".join(stage.told))
        checks.let.set()
        await on_screen(pilot, "It came at last.", "2 ok, 1 warning, 1 problem, 1 unknown.")
        await pilot.press("down")
        await on_screen(pilot, f"git knows {NASTY}.", "Commit.", "$ git commit -m '[x'")
        await pilot.press("enter")
        await on_screen(pilot, "! Git: warning", "About Git.", "Fix: Commit.", f"branch {NASTY}")
        await pilot.press("y")
        await until(pilot, lambda: app.clipboard == "git commit -m '[x'")
        assert front(app) == "DoctorScreen"
        await pilot.press("down", "y")
        await until(pilot, lambda: app.clipboard == "Log in.")
        await pilot.press("down", "y")
        await until(pilot, lambda: "nothing to mend" in " ".join(stage.told))
        await pilot.press("r")
        await until(pilot, lambda: checks.times == 2)
        await pilot.press("escape")
        await until(pilot, lambda: front(app) == "MenuScreen")


async def test_leaving_while_checks_go_on_harms_nothing(stage: Stage, checks: Checks) -> None:
    async with stage.wizard() as (app, pilot):
        await pilot.press("h")
        await until(pilot, lambda: front(app) == "DoctorScreen")
        await on_screen(pilot, "1 to come…")
        await pilot.press("end", "enter")
        await until(pilot, lambda: "Slow is being checked." in " ".join(stage.told))
        await pilot.press("escape", "h")
        await until(pilot, lambda: checks.times == 2)
        checks.let.set()
        await on_screen(pilot, "2 ok")
        assert "to come" not in screen_text(app)


def test_the_command_prints_in_the_tables_order_and_ends_with_the_right_code(
    next_app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Checks()
    table, examine = made.table[:-1], doctor.examine
    monkeypatch.setattr(doctor, "CHECKS", table)
    monkeypatch.setattr(doctor, "examine", lambda patient, take: examine(patient, take, table))
    done = CliRunner().invoke(cli.commands, ["-C", str(next_app), "doctor"], standalone_mode=False)
    assert done.return_value == 3
    lines = done.output.splitlines()
    assert lines[0].split() == ["✓", "ok", "Docker", "engine", "Docker", "engine", "29.0", "answers."]
    assert [line[0] for line in lines if not line.startswith(" ")] == ["✓", "!", "✗", "?", "1"]
    assert lines[3].strip() == "$ git commit -m '[x'"
    assert lines[-1] == "1 ok, 1 warning, 1 problem, 1 unknown."
    done = CliRunner().invoke(cli.commands, ["-C", str(next_app), "doctor", "--json"], standalone_mode=False)
    answer = json.loads(done.output)
    assert (done.return_value, answer["exit_code"]) == (3, 3)
    assert [check["health"] for check in answer["checks"]] == ["ok", "warning", "problem", "unknown"]
    assert answer["checks"][2]["missing"] is True
    assert answer["checks"][0]["facts"] == {"platform": "linux/x86_64"}
