"""The person's settings file: where it lies, what it says, and the one thing that the wizard writes into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ecrwiz.model.preferences import Animation, Preferences, parse
from ecrwiz.services import files, preferences_file

__all__ = ["VARIABLE", "Loaded", "config_path", "load", "save_theme"]

VARIABLE: Final = "ECRWIZ_CONFIG"

_STILL: Final = ("REDUCE_MOTION", "NO_MOTION")
_LEVELS: Final[Mapping[str, Animation]] = {"none": "off", "basic": "basic", "full": "full"}


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings in force.

    Attributes:
        preferences: their values.
        path: the file, which need not exist.
        exists: whether it does.
        origins: for each setting that is not the default, where it comes from.
    """

    preferences: Preferences
    path: Path
    exists: bool
    origins: Mapping[str, str]


def config_path(environ: Mapping[str, str]) -> Path:
    """The settings file: ECRWIZ_CONFIG, else `config.toml` in the system's place for settings (XDG)."""
    if environ.get(VARIABLE):
        return Path(environ[VARIABLE]).expanduser().absolute()
    import platformdirs

    return platformdirs.user_config_path("ecrwiz", appauthor=False) / "config.toml"


def load(environ: Mapping[str, str]) -> Loaded:
    """Read the settings; what the environment says goes before the file.

    Raises:
        BadInputError: the file is no TOML, or holds what cannot be used.
        ToolFailedError: it cannot be read.
    """
    path = config_path(environ)
    text = files.read_text(path)
    data = preferences_file.loads(text, str(path)) if text is not None else {}
    found = parse(data, str(path))
    origins = dict.fromkeys(data, str(path))
    if environ.get("TEXTUAL_THEME"):
        found = replace(found, theme=environ["TEXTUAL_THEME"].split(",")[0].strip())
        origins["theme"] = "TEXTUAL_THEME"
    animation, why = _animation(environ)
    if animation is not None:
        found = replace(found, animation=animation)
        origins["animation"] = why
    return Loaded(found, path, text is not None, origins)


def save_theme(path: Path, theme: str) -> None:
    """Write the theme into the file and leave all else in it as it is.

    Raises:
        BadInputError: the file is no TOML, or no file.
        ToolFailedError: it cannot be written.
    """
    before = files.read_text(path)
    if before is not None:
        preferences_file.loads(before, str(path))
    after = preferences_file.with_theme(before, theme)
    if after != before:
        files.write_atomic(path, after)


def _animation(environ: Mapping[str, str]) -> tuple[Animation | None, str]:
    level = _LEVELS.get(environ.get("TEXTUAL_ANIMATIONS", "").lower())
    if level is not None:
        return level, "TEXTUAL_ANIMATIONS"
    for name in _STILL:
        if environ.get(name, "0") not in {"", "0", "false", "no"}:
            return "off", name
    return None, ""
