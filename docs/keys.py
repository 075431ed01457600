"""Writes the table of actions at the end of settings.md from the registry.

Run: python docs/keys.py
"""

from __future__ import annotations

from pathlib import Path

from ecrwiz.actions import ACTIONS
from ecrwiz.keymap import key_text

FILE = Path(__file__).parent / "settings.md"
HEAD = "| action | keys | what it does |\n|---|---|---|\n"


def table() -> str:
    """A row for each action."""
    rows = (
        f"| `{action.id}` | {' '.join(f'`{key_text(key)}`' for key in action.keys.split(','))} | {action.explain} |"
        for action in ACTIONS
    )
    return HEAD + "\n".join(rows) + "\n"


def main() -> None:
    """Replace the table."""
    before, _, _ = FILE.read_text("utf-8").partition(HEAD)
    FILE.write_text(before + table(), "utf-8")


if __name__ == "__main__":
    main()
