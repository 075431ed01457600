"""A session that may only look, the mouse left to the terminal, shell completion, and the keys in print."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ecrwiz import cli
from ecrwiz.actions import ACTIONS
from ecrwiz.model.errors import BadInputError
from ecrwiz.model.settings import Settings
from tests.wizard import Stage, front, on_screen, screen_text, until

RUN = "import sys; sys.argv[0] = 'ecrwiz'; from ecrwiz.cli import main; main()"


@pytest.fixture
def stage(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(next_app, monkeypatch)


@pytest.mark.parametrize(("value", "is_on"), [("1", True), ("yes", True), ("0", False), ("no", False), ("", False)])
def test_the_variable_switches_it(value: str, is_on: bool) -> None:
    assert Settings.from_environment({"ECRWIZ_READ_ONLY": value}).read_only is is_on


@pytest.mark.parametrize(
    "argv",
    [["run", "render"], ["run", "--yes"], ["verify"], ["export", "env"], ["export", "gitlab"], ["export", "profile"]],
)
def test_nothing_is_run_written_or_sent(next_app: Path, monkeypatch: pytest.MonkeyPatch, argv: list[str]) -> None:
    monkeypatch.setenv("ECRWIZ_READ_ONLY", "0")  # taken back after the test
    before = sorted(str(path) for path in next_app.rglob("*"))
    with pytest.raises(BadInputError, match="read-only"):
        CliRunner().invoke(cli.commands, ["-C", str(next_app), "--read-only", *argv], standalone_mode=False,
                           catch_exceptions=False)  # fmt: skip
    assert sorted(str(path) for path in next_app.rglob("*")) == before


def test_looking_is_allowed(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECRWIZ_READ_ONLY", "0")
    done = CliRunner().invoke(cli.commands, ["-C", str(next_app), "--read-only", "status"], standalone_mode=False)
    assert done.return_value == 0
    assert "not-run" in done.output


async def test_the_wizard_says_so_and_runs_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.project()
    monkeypatch.setenv("ECRWIZ_READ_ONLY", "1")
    async with stage.wizard(saved=False) as (app, pilot):
        await on_screen(pilot, "ecrwiz · Home · blog (dev) · read-only")
        await pilot.press("enter")
        await until(pilot, lambda: front(app) == "RunScreen")
        await on_screen(pilot, "The run could not begin: This session is read-only", "without --read-only")
    assert stage.steps.ran == []


async def test_the_form_does_not_write_answers_in_it(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECRWIZ_READ_ONLY", "1")
    async with stage.wizard(saved=False) as (app, pilot):
        await until(pilot, lambda: front(app) == "AnswersScreen")
        await pilot.press("ctrl+n")
        await until(pilot, lambda: "read-only" in " ".join(stage.told) or "session is read-only" in screen_text(app))
    assert not (stage.root / "ecrwiz.toml").exists()


@pytest.mark.parametrize(
    ("words", "wanted"),
    [("ecrwiz exp", "export"), ("ecrwiz run smo", "smoke-test"), ("ecrwiz credentials ro", "rotate")],
)
def test_a_shell_completes_commands_and_steps(words: str, wanted: str) -> None:
    environ = {**os.environ, "_ECRWIZ_COMPLETE": "bash_complete", "COMP_WORDS": words}
    environ["COMP_CWORD"] = str(len(words.split()) - 1)
    done = subprocess.run([sys.executable, "-c", RUN], env=environ, capture_output=True, text=True, check=True)
    assert f"plain,{wanted}" in done.stdout.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_is_printed(shell: str) -> None:
    done = CliRunner().invoke(cli.commands, ["completion", shell])
    assert done.exit_code == 0
    assert "_ECRWIZ_COMPLETE" in done.output
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=done.output, text=True, check=False).returncode == 0


def test_the_mouse_is_left_to_the_terminal(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[object] = []
    monkeypatch.setattr("ecrwiz.app.EcrwizApp.run", lambda self, **how: got.append(how["mouse"]))
    for argv in ([], ["--no-mouse"]):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdin", _Terminal())
            patch.setattr("sys.stdout", _Terminal())
            cli.commands.main(["-C", str(next_app), *argv], standalone_mode=False)
    assert got == [True, False]


class _Terminal:
    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        pass


def test_every_key_is_printed() -> None:
    done = CliRunner().invoke(cli.commands, ["config", "keys"])
    assert done.exit_code == 0
    assert all(action.id in done.output and action.explain in done.output for action in ACTIONS)


def test_the_help_names_the_environment() -> None:
    done = CliRunner().invoke(cli.commands, ["--help"])
    assert all(name in done.output for name in ("AWS_PROFILE", "ECRWIZ_READ_ONLY", "NO_COLOR", "GH_TOKEN"))
