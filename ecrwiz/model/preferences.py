"""How the wizard looks and behaves for one person: the settings of `config.toml`, typed and checked.

As against `Settings`, which say how ecrwiz works on this machine, and `Answers`, which say what it makes.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, cast

from ecrwiz.model.errors import BadInputError

__all__ = ["ANIMATIONS", "EXPLAIN", "THEMES", "Animation", "Preferences", "check_theme", "parse"]

Animation: TypeAlias = Literal["off", "basic", "full"]
ANIMATIONS: Final = ("off", "basic", "full")

# Those of Textual 8.2. `ansi-dark` and `ansi-light` take the terminal's own colours.
THEMES: Final = (
    "ansi-dark", "ansi-light", "atom-one-dark", "atom-one-light", "catppuccin-frappe", "catppuccin-latte",
    "catppuccin-macchiato", "catppuccin-mocha", "dracula", "flexoki", "gruvbox", "monokai", "nord", "rose-pine",
    "rose-pine-dawn", "rose-pine-moon", "solarized-dark", "solarized-light", "textual-dark", "textual-light",
    "tokyo-night",
)  # fmt: skip

EXPLAIN: Final[Mapping[str, str]] = {
    "theme": "The colours; ansi-dark and ansi-light take the terminal's own. The palette (ctrl+p, Theme) sets it too.",
    "animation": "What may move: off, basic or full. TEXTUAL_ANIMATIONS and REDUCE_MOTION=1 go before it.",
    "mouse": "Whether the wizard takes the mouse; without it the terminal's own selection works.",
    "bell": "Ring the terminal's bell when a step ends that took longer than bell_seconds.",
    "bell_seconds": "From how many seconds on a step counts as long.",
    "keymap": 'Other keys, by the action\'s id, such as "menu.run_all" = "ctrl+r"; docs/settings.md lists the ids.',
}


@dataclass(frozen=True)
class Preferences:
    """What a person set; `EXPLAIN` has a sentence for each.

    Attributes:
        theme: a name of Textual's; `THEMES` are known to exist.
        animation: `off`, `basic` (no smooth scrolling of large moves) or `full`.
        mouse: whether the mouse is taken.
        bell: whether the terminal's bell rings at the end of a long step.
        bell_seconds: from when on a step is long.
        keymap: keys by action id, as the person wrote them; `ecrwiz.keymap` checks them.
    """

    theme: str = "textual-dark"
    animation: Animation = "full"
    mouse: bool = True
    bell: bool = False
    bell_seconds: int = 30
    keymap: Mapping[str, str] = field(default_factory=dict)


def parse(data: Mapping[str, object], where: str) -> Preferences:
    """What a settings file says.

    Args:
        data: its content.
        where: the file's name, for messages.

    Raises:
        BadInputError: a key is no setting, or a value cannot be used.
    """
    found: dict[str, object] = {}
    for name, value in data.items():
        if name not in _CHECKS:
            near = difflib.get_close_matches(name, _CHECKS, 1)
            known = f"Did you mean {near[0]}?" if near else f"The settings are {', '.join(_CHECKS)}."
            raise BadInputError(f"{where}: {name} is no setting that ecrwiz knows.", known)
        usable, rule = _CHECKS[name]
        if not usable(value):
            raise BadInputError(f"{where}: {name} is {value!r}; it must be {rule}.", EXPLAIN[name])
        found[name] = value
    return Preferences(**cast("dict[str, Any]", found))  # each value has its field's type now


def check_theme(theme: str, where: str) -> None:
    """Refuse a theme that does not exist.

    Raises:
        BadInputError: it does not.
    """
    if theme not in THEMES:
        near = difflib.get_close_matches(theme, THEMES, 1)
        hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(THEMES)}."
        raise BadInputError(f"{where}: there is no theme {theme!r}.", hint)


def _is_keymap(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(keys, str) for keys in value.values())


def _is_number(value: object) -> bool:
    return type(value) is int and 1 <= value <= 86_400


_CHECKS: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "theme": (lambda v: isinstance(v, str) and bool(re.fullmatch(r"[\w-]{1,60}", v)), "the name of a theme"),
    "animation": (lambda v: v in ANIMATIONS, 'one of "off", "basic", "full"'),
    "mouse": (lambda v: isinstance(v, bool), "true or false"),
    "bell": (lambda v: isinstance(v, bool), "true or false"),
    "bell_seconds": (_is_number, "a whole number from 1 to 86400"),
    "keymap": (_is_keymap, 'a table of keys by action id, such as "menu.run_all" = "ctrl+r"'),
}
