"""A person's own keys: checked against the registry of actions, so that no key means two things on a screen."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from ecrwiz.actions import ACTIONS, SCOPES, Action, in_scope
from ecrwiz.model.errors import BadInputError

__all__ = ["check", "key_name", "key_text", "keys_of", "shown_key"]

_NAMED: Final = frozenset({
    "enter", "escape", "space", "tab", "backspace", "delete", "insert", "up", "down", "left", "right", "home", "end",
    "pageup", "pagedown",
})  # fmt: skip
# What these do is not to be changed: they lead out of every field and every list.
_FIXED: Final[Mapping[str, str]] = {
    "ctrl+c": "copies or stops the run", "ctrl+q": "quits from everywhere", "f1": "shows the help everywhere",
    "ctrl+p": "opens the command palette", "tab": "goes to the next pane", "shift+tab": "goes to the pane before",
    "up": "moves in lists", "down": "moves in lists", "j": "moves in lists", "k": "moves in lists",
    "home": "moves in lists", "end": "moves in lists", "pageup": "scrolls", "pagedown": "scrolls",
    "slash": "filters and searches",
}  # fmt: skip
# A terminal sends the same for these as for the keys on the right.
_SAME: Final = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+j": "enter", "ctrl+h": "backspace"}
_TYPING: Final = ("answers", "destroy")  # screens where a letter is typed into a field
# Textual names the key of a sign by the sign's Unicode name, but for these.
_SIGNS: Final = {
    "solidus": "slash", "reverse_solidus": "backslash", "commercial_at": "at", "hyphen_minus": "minus",
    "plus_sign": "plus", "low_line": "underscore",
}  # fmt: skip
_SHORT: Final = {
    "question_mark": "?", "slash": "/", "escape": "esc", "left_square_bracket": "[", "right_square_bracket": "]",
}  # fmt: skip
_BY_ID: Final = {action.id: action for action in ACTIONS}


def check(keymap: Mapping[str, str], where: str) -> dict[str, str]:
    """The keymap with Textual's names of the keys.

    Args:
        keymap: keys by action id, several separated by commas.
        where: the file's name, for messages.

    Raises:
        BadInputError: an id or a key does not exist, or a key would mean two things on one screen.
    """
    found = {name: ",".join(_keys(name, keys, where)) for name, keys in keymap.items()}
    for scope in SCOPES:
        _no_clash(scope, found, where)
    return found


def keys_of(action: Action, keymap: Mapping[str, str]) -> tuple[str, ...]:
    """The names of an action's keys, the person's own when there are some."""
    return tuple(keymap.get(action.id, action.keys).split(","))


def shown_key(name: str, keymap: Mapping[str, str]) -> str:
    """The first key of the action with this id, as a person names it."""
    return key_text(keys_of(_BY_ID[name], keymap)[0])


def key_text(key: str) -> str:
    """A key as a person names it: `?`, `esc`, `^r`."""
    return _SHORT.get(key, key.replace("ctrl+", "^"))


def key_name(key: str) -> str:
    """Textual's name of a key that a person wrote; empty when there is no such key."""
    if key == " ":
        return "space"
    if len(key) == 1:
        if key.isalnum():
            return key
        name = unicodedata.name(key, "").lower().replace("-", "_").replace(" ", "_")
        return _SIGNS.get(name, name)
    key = key.lower()
    modifiers, _, last = key.rpartition("+")
    if modifiers == "ctrl" and re.fullmatch(r"[a-z]", last):
        return _SAME.get(key, key)
    if modifiers in {"", "ctrl", "shift", "alt"} and (last in _NAMED or re.fullmatch(r"f([1-9]|1[0-2])", last)):
        return key
    return key if key in _SHORT else ""


def _keys(name: str, keys: str, where: str) -> list[str]:
    if name not in _BY_ID:
        near = difflib.get_close_matches(name, _BY_ID, 1)
        hint = (
            f"Did you mean {near[0]}?" if near else "docs/settings.md lists the actions; the help (?) tells the keys."
        )
        raise BadInputError(f"{where}: keymap names {name}, and there is no such action.", hint)
    found: list[str] = []
    for written in keys.split(","):
        key = key_name(written.strip() or written)
        if not key:
            raise BadInputError(
                f"{where}: keymap gives {name} the key {written.strip()!r}, and there is no such key.",
                'Keys are such as "r", "R", "?", "f5", "ctrl+r", "enter", "escape", "space".',
            )
        if key in _FIXED and key not in _BY_ID[name].keys.split(","):
            raise BadInputError(
                f"{where}: keymap gives {name} the key {written.strip()}, which {_FIXED[key]}.", "Take another key."
            )
        if _BY_ID[name].scope in _TYPING and (len(key) == 1 or key in _SHORT or "_" in key) and key != "escape":
            raise BadInputError(
                f"{where}: keymap gives {name} the key {written.strip()}, which is typed into the fields there.",
                'Take one with ctrl, such as "ctrl+r", or a function key.',
            )
        found.append(key)
    return found


def _no_clash(scope: str, keymap: Mapping[str, str], where: str) -> None:
    seen: dict[str, Action] = {}
    for action in (*in_scope(scope), *(in_scope("app") if scope != "app" else ())):
        for key in keys_of(action, keymap):
            other = seen.setdefault(key, action)
            if other is not action:
                raise BadInputError(
                    f"{where}: the key {key_text(key)} would mean both {other.id} and {action.id} on one screen.",
                    f'Give one of them another key, such as {action.id} = "f6".',
                )
