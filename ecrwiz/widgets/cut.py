"""Texts that are too long for their place."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

__all__ = ["middle_out"]


def middle_out(text: str, room: int) -> str:
    """A text in so many cells: its beginning and, which tells more of a path, rather more of its end."""
    if cell_len(text) <= room or room < 8:
        return text
    indent = len(text) - len(text.lstrip())
    first = indent + max(2, (room - 1 - indent) // 3)
    return f"{set_cell_size(text, first)}…{text[-(room - 1 - first) :]}"
