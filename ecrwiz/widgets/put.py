"""Showing a text only when it is another one: an update lays the whole screen out anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

if TYPE_CHECKING:
    from textual.widgets import Static

__all__ = ["put"]


def put(static: Static, text: Content | str, *, layout: bool = True) -> None:
    """Show a text, never read as markup.

    Args:
        static: where.
        text: what.
        layout: False where the text cannot change the widget's size.
    """
    content = text if isinstance(text, Content) else Content(text)
    before = static.content
    if not (isinstance(before, Content) and before.is_same(content)):
        static.update(content, layout=layout)
