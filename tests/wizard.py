"""A wizard on a stage: real App, engine, journal and log files; steps and preview that do as they are told."""

from __future__ import annotations

import html
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest
from textual.message import Message
from textual.notifications import Notify
from textual.pilot import Pilot

from ecrwiz.app import EcrwizApp
from ecrwiz.flow import glance, preview, profiles
from ecrwiz.flow.project import Project, open_project
from ecrwiz.flow.steps import destroy
from ecrwiz.model.app import Note
from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.results import FileChange, Plan, PlannedChange
from ecrwiz.services.aws import Aws, Credentials
from tests.fake_steps import FakeSteps

SIZES = [(80, 24), (120, 40)]

NASTY = 'aws_ecr_repository.this["a"] [/foo] path[0] [prod] [b'

FILES = (
    FileChange("Dockerfile", "new", "--- /dev/null\n+++ Dockerfile\n@@ -0,0 +1,2 @@\n+FROM node:22\n+RUN true\n"),
    FileChange(
        "start.sh",
        "changed",
        "--- start.sh\n+++ start.sh\n@@ -1 +1 @@\n-exec node [a\n+exec node server.js\n",
        both="<<<<<<< yours\nexec node [a\n=======\nexec node server.js\n>>>>>>> ecrwiz\n",
    ),
    FileChange(".dockerignore", "same", ""),
    FileChange(".gitignore", "added", "--- .gitignore\n+++ .gitignore\n@@ -1 +1,2 @@\n node_modules\n+.ecrwiz/\n"),
    FileChange("infra/main.tf", "new", "+resource {}\n"),
)
KINDS = (
    FileChange("Dockerfile", "updated", "-FROM node:22\n+FROM node:24\n"),
    FileChange("start.sh", "merged", "+exec tini\n"),
    FileChange(".dockerignore", "yours", ""),
    FileChange(".gitignore", "conflict", "-a\n+b\n"),
    FileChange("../.github/workflows/ecrwiz-app.yml", "new", "+on: push\n"),
)
NOTES = (
    Note("package.json has no engines.node, so Node 24 is taken."),
    Note(f"server.js:3 listens on 8080 whatever PORT says {NASTY}.", "Use process.env.PORT there.", warning=True),
)
PLAN = Plan(
    (
        PlannedChange('aws_ecr_repository.this["a"]', "create"),
        PlannedChange("module.ci_user.aws_iam_access_key.this", "replace", "requested"),
    )
)


class Stage:
    """Opens wizards over one project folder.

    Attributes:
        root: the application's folder.
        steps: what the steps do.
        seen: what the review shows.
        who: what AWS says who we are, or why it does not.
        ends: when those credentials end.
        told: the notifications so far.
    """

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.steps = FakeSteps(monkeypatch)
        self.seen = preview.Preview(FILES, PLAN)
        self.told: list[str] = []
        self.who: glance.Identity | EcrwizError = glance.Identity("123456789012", "arn:aws:iam::123456789012:user/ann")
        self.ends: datetime | None = None
        self.things: tuple[str, ...] = ("ECR repository web/blog/nextjs with 1 image", f"IAM user {NASTY}")

        async def previewed(project: Project, on_lines: Callable[[tuple[str, ...]], None]) -> preview.Preview:
            on_lines(("", NASTY))
            return self.seen

        async def inventory(project: Project) -> tuple[str, ...]:
            return self.things

        async def identity(project: Project | None) -> glance.Identity:
            if isinstance(self.who, EcrwizError):
                raise self.who
            return self.who

        async def ask(asked: Aws) -> tuple[glance.Identity, Credentials]:
            return await identity(None), Credentials("AKIDTEST", "the shared credentials file", self.ends)

        monkeypatch.setattr(profiles, "_ask", ask)
        monkeypatch.setattr(glance, "identity", identity)
        monkeypatch.setattr(preview, "preview", previewed)
        monkeypatch.setattr(destroy, "inventory", inventory)

    async def project(self, *, saved: bool = True, **flags: str) -> Project:
        project = await open_project(self.root, flags, os.environ)
        if saved:
            project.save_answers()
        return project

    @asynccontextmanager
    async def wizard(
        self, size: tuple[int, int] = (80, 24), *, saved: bool = True, **flags: str
    ) -> AsyncIterator[tuple[EcrwizApp, Pilot[int]]]:
        app = EcrwizApp(await self.project(saved=saved, **flags))

        def hear(message: Message) -> None:
            if isinstance(message, Notify):
                self.told.append(message.notification.message)

        async with app.run_test(size=size, notifications=True, message_hook=hear) as pilot:
            await pilot.pause()
            try:
                yield app, pilot
            finally:
                await app.session.stop(5)


async def until(pilot: Pilot[int], true: Callable[[], object], seconds: float = 8) -> None:
    """Wait for something; fails with the screen's text when it does not come."""
    for _ in range(round(seconds / 0.02)):
        if true():
            await pilot.pause()
            return
        await pilot.pause(0.02)
    raise AssertionError(f"it did not come to that:\n{screen_text(pilot.app)}")


async def on_screen(pilot: Pilot[int], *texts: str) -> None:
    """Wait until all these texts are seen, wherever the lines break."""

    def seen() -> bool:
        text = screen_text(pilot.app)
        joined = " ".join(text.split())
        return all(wanted in text or wanted in joined for wanted in texts)

    await until(pilot, seen)


def front(app: object) -> str:
    """The class of the screen in front."""
    assert isinstance(app, EcrwizApp)
    return type(app.screen).__name__


def screen_text(app: object) -> str:
    """What a person reads now, line by line."""
    assert isinstance(app, EcrwizApp)
    svg = app.export_screenshot()
    lines: dict[float, list[tuple[float, str]]] = {}
    for x, y, text in re.findall(r'<text[^>]*? x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>', svg):
        lines.setdefault(float(y), []).append((float(x), html.unescape(text).replace("\xa0", " ")))
    rows = []
    for _, parts in sorted(lines.items()):
        row = ""
        for x, text in sorted(parts):
            row = row.ljust(round(x / 12.2)) + text
        rows.append(row.rstrip())
    return "\n".join(rows)
