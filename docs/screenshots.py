"""Takes the screenshots of this folder: a real first visit in a sandbox, with the sample application.

Run: python docs/screenshots.py   (`make screenshots`; needs a Docker engine, as the sandbox does)
"""

from __future__ import annotations

import asyncio
import html
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ecrwiz.app import EcrwizApp
from ecrwiz.flow import context
from ecrwiz.flow.events import StepId
from ecrwiz.flow.project import open_project
from ecrwiz.sandbox import Sandbox, base_image, sample
from ecrwiz.screens import log_view, logs, words
from ecrwiz.services import node_app, templates

if TYPE_CHECKING:
    from textual.pilot import Pilot

FOLDER = Path(__file__).parent / "screenshots"
SMALL, WIDE = (80, 24), (120, 40)


class Camera:
    """Takes a picture of the same moment at both sizes."""

    def __init__(self, app: EcrwizApp, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot

    async def until(self, true: Callable[[], object], seconds: float = 120) -> None:
        """Wait for a moment."""
        for _ in range(round(seconds / 0.05)):
            if true():
                return
            await self.pilot.pause(0.05)
        self.app.save_screenshot("late.svg", path=str(FOLDER))
        raise SystemExit(f"{type(self.app.screen).__name__} did not come to that; see {FOLDER / 'late.svg'}.")

    async def front(self, name: str) -> None:
        """Wait for a screen."""
        await self.until(lambda: type(self.app.screen).__name__ == name)
        await self.pilot.pause(0.3)

    async def take(self, name: str) -> None:
        """Write `name.svg` and `name-wide.svg`."""
        for size, end in ((WIDE, "-wide"), (SMALL, "")):
            await self.pilot.resize_terminal(*size)
            await self.pilot.pause(0.3)
            self.app.save_screenshot(f"{name}{end}.svg", path=str(FOLDER))
        sys.stderr.write(f"docs/screenshots/{name}.svg\n")


async def visit(root: Path) -> None:
    """The first visit, from the form to the receipt, and then what Home leads to."""
    app = EcrwizApp(await open_project(root, {"port": "3000"}, os.environ))
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        camera = Camera(app, pilot)
        await camera.front("AnswersScreen")
        await camera.take("form")
        await pilot.press("ctrl+n")
        await camera.front("ReviewScreen")
        await camera.until(lambda: app.screen.query_one("#both").display)
        await camera.take("review")
        await pilot.press("down")
        await camera.take("review-file")
        await pilot.press("g")
        await camera.front("RunScreen")
        both = (StepId.BUILD, StepId.PROVISION)
        await camera.until(lambda: all(len(app.session.run.view(step).lines) > 3 for step in both))
        await camera.take("run")
        await camera.until(lambda: not app.session.busy)
        await camera.front("ReceiptScreen")
        await camera.take("receipt")
        await pilot.press("escape")
        await camera.front("MenuScreen")
        await camera.until(lambda: app.screen.query("#steps"))
        await camera.take("home")
        await pilot.press("down", "l")
        await camera.front("LogScreen")
        await camera.take("log")
        await pilot.press("escape")
        await look_after(camera)
        await pilot.press("l")
        await camera.front("LogScreen")
        await pilot.press("escape", "L")
        await camera.front("LogsScreen")
        await camera.take("logs")
        await pilot.press("escape", "h")
        await camera.front("DoctorScreen")
        await camera.until(lambda: not app.screen.checking)
        await pilot.press("end", "up", "up")  # a row that tells no path of this machine
        await camera.take("doctor")
        await pilot.press("escape", "question_mark")
        await camera.front("HelpScreen")
        await camera.take("help")
        await pilot.press("escape", "d")
        await camera.front("DestroyScreen")
        await pilot.pause(2)
        await camera.take("destroy")
        await pilot.press("escape")


async def look_after(camera: Camera) -> None:
    """The CI identity and GitHub, from Home and back to it."""
    app, pilot = camera.app, camera.pilot
    await pilot.press("i")
    await camera.front("CredentialsScreen")
    await camera.until(lambda: app.screen.check_action("rotate", ()))
    await camera.take("credentials")
    await pilot.press("n")
    await camera.front("ButtonsModal")
    await camera.take("rotate")
    await pilot.press("escape", "p")
    await camera.front("ProofsScreen")
    await camera.take("proofs")
    await pilot.press("escape", "w")
    await camera.front("WhereScreen")
    await camera.until(lambda: not app.screen.searching)
    await camera.take("where")
    await pilot.press("escape", "o")
    await camera.front("MoveScreen")
    await camera.take("move")
    await pilot.press("escape", "escape")
    await camera.front("MenuScreen")
    await pilot.press("g")
    await camera.front("GithubScreen")
    await camera.until(lambda: app.screen.check_action("export", ()))
    await pilot.press("down")
    await camera.take("github")
    await pilot.press("escape")
    await camera.front("MenuScreen")


def hide_folder(folder: str) -> None:
    """Paths are shown as on a person's machine, not as in the temporary folder of this program."""
    real = words.path_text
    for module in (log_view, logs):
        vars(module)["path_text"] = lambda path, width: real(str(path).replace(folder, "~/code"), width)
    clean = context.clean_line
    vars(context)["clean_line"] = lambda text: clean(text.replace(folder, "~/code"))


def check(folder: str) -> None:
    """Refuse pictures that show where this program worked."""
    for file in FOLDER.glob("*.svg"):
        shown = html.unescape(file.read_text("utf-8")).replace("\xa0", " ")
        if folder in shown:
            raise SystemExit(f"{file} shows {folder}.")


def main() -> None:
    """Start a sandbox, visit, and take it down again."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ecrwiz-shots-") as folder:
        root = sample.lay_out(Path(folder) / "blog")
        hide_folder(folder)
        (root / "public" / "taken.txt").write_text(folder)  # else the engine would build from its cache, at once
        base_image.ensure_base_image(templates.base_image(node_app.detect(root)), print)
        box = Sandbox.attach_or_start(root / ".ecrwiz" / "sandbox", keep=False)
        try:
            for name in box.remove:
                os.environ.pop(name, None)
            os.environ.update(box.environment())
            asyncio.run(visit(root))
        finally:
            box.close()
        check(folder)


if __name__ == "__main__":
    main()
