"""How the screens look, as pictures; only layout, only on the Textual that they were taken with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import textual
from textual.pilot import Pilot
from textual.widgets import Input

from ecrwiz.app import EcrwizApp
from ecrwiz.widgets.tree_list import TreeList
from tests.wizard import Stage, front, on_screen, until
from tests.wizard_identity import ENTRIES, EXPORT, HELD, Identity

pytestmark = pytest.mark.skipif(textual.__version__ != "8.2.8", reason="another Textual draws in another way")

Compare = Callable[..., bool]


@pytest.fixture
def stage(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(next_app, monkeypatch)


def app(stage: Stage, *, saved: bool) -> EcrwizApp:
    return EcrwizApp(asyncio.run(stage.project(saved=saved)))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_the_form(stage: Stage, snap_compare: Compare, size: tuple[int, int]) -> None:
    async def still(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: front(pilot.app) == "AnswersScreen")
        for field in pilot.app.screen.query(Input):
            field.cursor_blink = False
        await on_screen(pilot, "Repository", "user/ann")

    assert snap_compare(app(stage, saved=False), terminal_size=size, run_before=still)


def test_home(stage: Stage, snap_compare: Compare) -> None:
    async def still(pilot: Pilot[int]) -> None:
        await on_screen(pilot, "not run", "user/ann")

    assert snap_compare(app(stage, saved=True), terminal_size=(80, 24), run_before=still)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_the_review(stage: Stage, snap_compare: Compare, size: tuple[int, int]) -> None:
    async def still(pilot: Pilot[int]) -> None:
        await pilot.press("v")
        await on_screen(pilot, "Terraform plan")
        pilot.app.screen.query_one(TreeList).mark("start.sh")
        await on_screen(pilot, "+exec node server.js")

    assert snap_compare(app(stage, saved=True), terminal_size=size, run_before=still)


def test_the_ci_identity(stage: Stage, snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = Identity(monkeypatch)
    identity.custody = replace(HELD, copies=(replace(HELD.copies[0], since=None), *HELD.copies[1:]))

    async def still(pilot: Pilot[int]) -> None:
        await pilot.press("i")
        await on_screen(pilot, "71 days", "revoke")

    assert snap_compare(app(stage, saved=True), terminal_size=(80, 24), run_before=still)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_github(stage: Stage, snap_compare: Compare, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:
    identity = Identity(monkeypatch)
    identity.plan = replace(EXPORT, entries=tuple(replace(entry, updated="") for entry in ENTRIES))

    async def still(pilot: Pilot[int]) -> None:
        await pilot.press("g")
        await on_screen(pilot, "Nothing is sent yet")

    assert snap_compare(app(stage, saved=True), terminal_size=size, run_before=still)
