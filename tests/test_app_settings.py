"""The wizard with a person's settings: theme, keys, stillness, mouse, bell; no colours; toasts; the palette."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from ecrwiz.app import EcrwizApp
from ecrwiz.flow.events import StepId
from ecrwiz.model.errors import BadInputError
from ecrwiz.model.redact import Secret
from ecrwiz.screens.words import STATUS
from ecrwiz.services.process import child_environment
from tests.test_app import Slow
from tests.wizard import NASTY, SIZES, Stage, front, on_screen, screen_text, until

PACKAGE = Path(__file__).parents[1] / "ecrwiz"


@pytest.fixture
def stage(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(next_app, monkeypatch)


class File:
    """The person's settings file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def exists(self) -> bool:
        return self.path.exists()

    def read(self) -> str:
        return self.path.read_text()

    def write(self, text: str) -> None:
        self.path.write_text(text)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> File:
    path = tmp_path / "config.toml"
    monkeypatch.setenv("ECRWIZ_CONFIG", str(path))
    return File(path)


async def test_a_theme_is_kept_for_the_next_start_and_nothing_else_is_written(stage: Stage, file: File) -> None:
    async with stage.wizard() as (app, pilot):
        assert app.theme == "textual-dark"
        await pilot.pause(0.2)
        assert not file.exists(), "starting writes nothing"
        app.theme = "ansi-light"
        await until(pilot, file.exists)
        await until(pilot, lambda: app.settings.preferences.theme == "ansi-light")
    file.write(f"# mine\n{file.read()}mouse = false\n")
    async with stage.wizard() as (app, pilot):
        await until(pilot, lambda: app.theme == "ansi-light")
        app.theme = "nord"
        await until(pilot, lambda: 'theme = "nord"' in file.read())
    assert file.read() == '# mine\ntheme = "nord"\nmouse = false\n'


async def test_a_theme_that_cannot_be_kept_is_told(stage: Stage, file: File) -> None:
    async with stage.wizard() as (app, pilot):
        file.path.mkdir()
        app.theme = "nord"
        await until(pilot, lambda: "is a folder" in " ".join(stage.told))
        assert app.theme == "nord"


async def test_a_theme_that_does_not_exist_is_told_and_the_wizard_starts(stage: Stage, file: File) -> None:
    file.write('theme = "no-such"\n')
    async with stage.wizard() as (app, pilot):
        await until(pilot, lambda: "There is no theme no-such" in " ".join(stage.told))
        assert app.theme == "textual-dark"


@pytest.mark.parametrize("theme", ["ansi-dark", "ansi-light", "textual-light", "nord"])
@pytest.mark.parametrize("size", SIZES)
async def test_every_screen_is_drawn_in_other_themes(
    stage: Stage, file: File, theme: str, size: tuple[int, int]
) -> None:
    file.write(f'theme = "{theme}"\n')
    async with stage.wizard(size) as (app, pilot):
        app.session.start((StepId.RENDER,))
        await on_screen(pilot, "✓ render", "fresh")
        assert app.theme == theme


async def test_keys_of_ones_own_work_and_are_shown(stage: Stage, file: File) -> None:
    file.write('[keymap]\n"menu.receipt" = "f6"\n"menu.answers" = "p"\n"app.quit" = "ctrl+x"\n')
    async with stage.wizard() as (app, pilot):
        await on_screen(pilot, "p Answers", "^x Quit")
        await pilot.press("f6")
        await until(pilot, lambda: front(app) == "ReceiptScreen")
        await pilot.press("escape", "p")
        await until(pilot, lambda: front(app) == "AnswersScreen")
        await pilot.press("escape", "question_mark")
        await on_screen(pilot, "Keys: Home", "f6")
        await pilot.press("escape", "ctrl+c")
        await until(pilot, lambda: "Press ^x to quit (ctrl+q inside a field)." in stage.told)
        await pilot.press("q")
        assert app.is_running
        await pilot.press("ctrl+x")
    assert app.return_value == 0


async def test_a_clash_of_keys_is_refused_before_anything_is_shown(stage: Stage, file: File) -> None:
    file.write('[keymap]\n"menu.receipt" = "a"\n')
    project = await stage.project()
    with pytest.raises(BadInputError, match=r"the key a would mean both menu\.run_all and menu\.receipt"):
        EcrwizApp(project)


async def test_stillness_and_the_mouse(stage: Stage, file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write('animation = "off"\nmouse = false\n')
    async with stage.wizard() as (app, _pilot):
        assert app.animation_level == "none"
    given: list[object] = []

    async def run_async(self: object, **arguments: object) -> int:
        given.append(arguments["mouse"])
        return 0

    monkeypatch.setattr("textual.app.App.run_async", run_async)
    await EcrwizApp(await stage.project()).run_async(headless=True)
    file.write("")
    await EcrwizApp(await stage.project()).run_async(headless=True)
    assert given == [False, True]


async def test_the_bell_rings_at_the_end_of_a_long_step_only(
    stage: Stage, file: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write("bell = true\nbell_seconds = 1\n")
    slow = stage.steps.doing[StepId.BUILD] = Slow()
    rung: list[int] = []
    async with stage.wizard() as (app, pilot):
        monkeypatch.setattr(app, "bell", lambda: rung.append(1))
        app.session.start((StepId.RENDER, StepId.BUILD))
        await slow.began.wait()
        await pilot.pause(1.1)
        assert rung == [], "render was short"
        slow.go_on.set()
        await until(pilot, lambda: rung == [1])


async def test_without_colours_everything_is_grey_and_still_told(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert child_environment()["NO_COLOR"] == "1", "the programs that are run are told too"
    async with stage.wizard() as (app, pilot):
        app.session.start((StepId.RENDER,))
        await on_screen(pilot, "✓ render", "fresh", "○ build", "not run", "▸")
        colours = set(re.findall(r"(?:fill|background)[=:] ?\"?#([0-9a-f]{6})", app.export_screenshot()))
        frame = {"ff5f57", "febc2e", "28c840", "c5c8c6"}  # the picture's own window
        assert {c for c in colours - frame if not c[:2] == c[2:4] == c[4:]} == set()


def test_no_two_states_look_the_same_without_colours() -> None:
    assert len({(glyph, word) for glyph, word, _ in STATUS.values()}) == len(STATUS)
    assert all(glyph.strip() and word.strip() for glyph, word, _ in STATUS.values())


def test_no_toast_reads_its_text_as_markup() -> None:
    found = []
    for path in [*PACKAGE.rglob("screens/*.py"), *PACKAGE.rglob("widgets/*.py"), PACKAGE / "app.py"]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "notify":
                markup = [word.value for word in node.keywords if word.arg == "markup"]
                if not (markup and isinstance(markup[0], ast.Constant) and markup[0].value is False):
                    found.append(f"{path.name}:{node.lineno}")
    assert found == []


async def test_the_palette_offers_only_what_applies(stage: Stage) -> None:
    slow = stage.steps.doing[StepId.RENDER] = Slow()
    async with stage.wizard() as (app, pilot):

        def titles() -> set[str]:
            return {command.title for command in app.get_system_commands(app.screen)}

        assert {"Run all", "Run from here", "Answers", "Review", "Destroy", "Theme"} <= titles()
        assert not {"Outputs", "Commands", "Watch"} & titles()
        app.session.start()
        await slow.began.wait()
        assert "Watch" in titles()
        assert not {"Answers", "Review", "Destroy", "Run from here"} & titles()
        await pilot.press("w")
        await until(pilot, lambda: front(app) == "RunScreen")
        assert "Stop" in titles()
        assert not {"Retry", "Skip", "Answers", "Receipt"} & titles()
        await pilot.press("ctrl+p")
        await on_screen(pilot, "Stop the run in good order")
        await pilot.press("escape")
        slow.go_on.set()


async def test_a_copy_that_cannot_be_made_is_told(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "linux")
    monkeypatch.setenv("PATH", "")
    async with stage.wizard() as (app, pilot):
        app.copy_to_clipboard(f"one\ntwo {NASTY}")
        await until(pilot, lambda: "2 lines went to the file" in " ".join(stage.told))
        assert app.clipboard == f"one\ntwo {NASTY}"
        app.copy_secret(Secret("hunter2hunter2"))
        await until(pilot, lambda: "no clipboard that can be reached" in stage.told[-1])
        assert "hunter2" not in " ".join(stage.told) + screen_text(app)
    assert (stage.root / ".ecrwiz" / "copied.txt").read_text() == f"one\ntwo {NASTY}"


async def test_a_copied_secret_is_taken_out_when_the_wizard_ends(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("PATH", "")
    async with stage.wizard() as (app, pilot):
        monkeypatch.setattr(app._board, "_terminal", sent.append)
        app.copy_secret(Secret("hunter2hunter2"))
        await until(pilot, lambda: "taken out again in 45 seconds" in " ".join(stage.told))
        await pilot.press("q")
    assert sent == ["hunter2hunter2", ""]
