"""The person's settings file, the keymap in it, and the command that shows and checks it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from textual.keys import _character_to_key
from textual.theme import BUILTIN_THEMES

from ecrwiz import keymap
from ecrwiz.actions import ACTIONS, SCOPES
from ecrwiz.flow import preferences
from ecrwiz.model.errors import BadInputError
from ecrwiz.model.preferences import EXPLAIN, THEMES, Preferences, check_theme, parse
from ecrwiz.services import preferences_file


def test_no_file_gives_the_defaults_and_the_systems_place(tmp_path: Path) -> None:
    found = preferences.load({})
    assert found.preferences == Preferences()
    assert not found.exists
    assert found.path.name == "config.toml"
    assert preferences.config_path({"ECRWIZ_CONFIG": str(tmp_path / "mine.toml")}) == tmp_path / "mine.toml"


def test_every_setting_is_explained_and_read(tmp_path: Path) -> None:
    assert {setting.name for setting in fields(Preferences)} == set(EXPLAIN)
    file = tmp_path / "config.toml"
    file.write_text(
        'theme = "nord"\nanimation = "off"\nmouse = false\nbell = true\nbell_seconds = 5\n'
        '[keymap]\n"menu.run_all" = "ctrl+r"\n'
    )
    found = preferences.load({"ECRWIZ_CONFIG": str(file)})
    assert found.preferences == Preferences("nord", "off", False, True, 5, {"menu.run_all": "ctrl+r"})
    assert found.origins["theme"] == str(file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("thme = 'nord'", "thme is no setting that ecrwiz knows. Did you mean theme?"),
        ("xyz = 1", "The settings are theme, animation"),
        ("mouse = 'no'", "mouse is 'no'; it must be true or false"),
        ("animation = 'slow'", 'it must be one of "off", "basic", "full"'),
        ("bell_seconds = true", "bell_seconds is True; it must be a whole number"),
        ("bell_seconds = 0", "it must be a whole number from 1 to 86400"),
        ("theme = 'a b'", "it must be the name of a theme"),
        ("keymap = 'x'", "keymap is 'x'; it must be a table"),
        ("keymap = {'menu.run_all' = 1}", "it must be a table of keys"),
        ("theme = ", "config.toml cannot be read: "),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    with pytest.raises(BadInputError) as caught:
        preferences.load({"ECRWIZ_CONFIG": str(file)})
    assert said in str(caught.value)
    assert str(file) in str(caught.value)


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('theme = "nord"\nanimation = "full"\n')
    environ = {"ECRWIZ_CONFIG": str(file), "TEXTUAL_THEME": "dracula", "REDUCE_MOTION": "1"}
    found = preferences.load(environ)
    assert (found.preferences.theme, found.preferences.animation) == ("dracula", "off")
    assert (found.origins["theme"], found.origins["animation"]) == ("TEXTUAL_THEME", "REDUCE_MOTION")
    assert preferences.load(environ | {"TEXTUAL_ANIMATIONS": "BASIC"}).preferences.animation == "basic"
    assert preferences.load({"REDUCE_MOTION": "0"}).preferences.animation == "full"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, 'theme = "nord"\n'),
        ("", 'theme = "nord"\n'),
        ('# mine\ntheme = "dracula"  # dark\nmouse = false\n', '# mine\ntheme = "nord"  # dark\nmouse = false\n'),
        ('[keymap]\n"menu.log" = "f6"\n', 'theme = "nord"\n[keymap]\n"menu.log" = "f6"\n'),
    ],
)
def test_a_new_theme_changes_nothing_else_in_the_file(tmp_path: Path, before: str | None, after: str) -> None:
    file = tmp_path / "deep" / "config.toml"
    if before is not None:
        file.parent.mkdir()
        file.write_text(before)
    preferences.save_theme(file, "nord")
    assert file.read_text() == after
    assert preferences_file.loads(after, "x")["theme"] == "nord"


def test_a_broken_file_is_never_written_over(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("theme = [")
    with pytest.raises(BadInputError):
        preferences.save_theme(file, "nord")
    assert file.read_text() == "theme = ["


def test_the_known_themes_are_textuals_own() -> None:
    assert set(BUILTIN_THEMES) == set(THEMES)
    with pytest.raises(BadInputError, match="there is no theme 'nrod'") as caught:
        check_theme("nrod", "config.toml")
    assert caught.value.hint == "Did you mean nord?"


@pytest.mark.parametrize("character", list("abzAZ09?/[]+-_.,;:!@#$%&*(){}<>=~'\"\\|^`"))
def test_a_key_has_the_name_that_textual_gives_it(character: str) -> None:
    assert keymap.key_name(character) == _character_to_key(character)


@pytest.mark.parametrize(
    ("written", "name"),
    [("Ctrl+R", "ctrl+r"), ("F5", "f5"), ("Enter", "enter"), ("shift+f3", "shift+f3"), (" ", "space"),
     ("question_mark", "question_mark"), ("hyper+x", ""), ("f13", ""), ("ctrl+1", ""), ("", ""), ("ctrl+m", "enter")],
)  # fmt: skip
def test_keys_as_people_write_them(written: str, name: str) -> None:
    assert keymap.key_name(written) == name


def test_a_keymap_that_can_be_used() -> None:
    found = keymap.check({"menu.run_all": "ctrl+r, F6", "app.help": "?"}, "config.toml")
    assert found == {"menu.run_all": "ctrl+r,f6", "app.help": "question_mark"}
    assert keymap.shown_key("menu.run_all", found) == "^r"
    assert keymap.shown_key("menu.run_all", {}) == "a"


def test_two_actions_can_change_keys_with_each_other() -> None:
    found = keymap.check({"menu.run_all": "e", "menu.answers": "a"}, "config.toml")
    assert found == {"menu.run_all": "e", "menu.answers": "a"}


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"menu.runall": "r"}, "keymap names menu.runall, and there is no such action. Did you mean menu.run_all?"),
        ({"menu.run_all": "hyper+x"}, "the key 'hyper+x', and there is no such key"),
        ({"menu.run_all": ""}, "there is no such key"),
        ({"menu.run_all": "e"}, "the key e would mean both menu.run_all and menu.answers"),
        ({"menu.run_all": "q"}, "the key q would mean both menu.run_all and app.quit"),
        ({"app.quit": "e"}, "would mean both"),
        ({"menu.run_all": "ctrl+c"}, "the key ctrl+c, which copies or stops the run"),
        ({"menu.run_all": "ctrl+i"}, "which goes to the next pane"),
        ({"menu.run_all": "down"}, "which moves in lists"),
        ({"answers.go_on": "g"}, "which is typed into the fields there"),
        ({"answers.go_on": "?"}, "which is typed into the fields there"),
    ],
)
def test_a_keymap_that_cannot_be_used_says_why(keys: dict[str, str], said: str) -> None:
    with pytest.raises(BadInputError) as caught:
        keymap.check(keys, "config.toml")
    assert said in str(caught.value)


def test_the_default_keys_pass_their_own_check() -> None:
    for scope in SCOPES:
        if scope == "app":
            continue
        keymap.check({}, scope)
    for action in ACTIONS:
        for key in action.keys.split(","):
            assert keymap.key_name(key) == key, action.id


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    import os

    command = [sys.executable, "-m", "ecrwiz", "config", *arguments]
    return subprocess.run(command, env={**os.environ, **environ}, capture_output=True, text=True, timeout=60)


def test_the_command_shows_a_file_that_can_be_used_and_checks_one(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    assert run("path", ECRWIZ_CONFIG=str(file)).stdout.strip() == str(file)
    shown = run("show", ECRWIZ_CONFIG=str(file))
    assert parse(tomllib.loads(shown.stdout), "shown") == Preferences()
    assert run("validate", ECRWIZ_CONFIG=str(file)).stdout.startswith("There is no ")
    file.write_text('[keymap]\n"menu.run_all" = "ctrl+r"\n')
    assert run("validate", ECRWIZ_CONFIG=str(file)).stdout.strip() == f"{file} can be used."
    assert f"# (from {file})" in run("show", ECRWIZ_CONFIG=str(file)).stdout
    for bad in ('theme = "nrod"\n', '[keymap]\n"menu.run_all" = "q"\n', "colour = 1\n"):
        file.write_text(bad)
        done = run("validate", ECRWIZ_CONFIG=str(file))
        assert done.returncode == 2
        assert done.stderr.startswith("ecrwiz: ")
        assert "Traceback" not in done.stderr


def test_the_documented_keys_are_those_of_the_registry() -> None:
    text = (Path(__file__).parents[1] / "docs" / "settings.md").read_text()
    for action in ACTIONS:
        keys = " ".join(f"`{keymap.key_text(key)}`" for key in action.keys.split(","))
        row = f"| `{action.id}` | {keys} | {action.explain} |"
        assert row in text, f"python docs/keys.py writes the table again: {action.id}"
    for name, sentence in EXPLAIN.items():
        assert sentence.partition("; docs/")[0] in text, name
    assert all(f"`{theme}`" in text for theme in THEMES)
