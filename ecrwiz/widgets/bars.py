"""The line at the top of a screen, the progress line, and the word for a terminal that is too small."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from ecrwiz.widgets.put import put

if TYPE_CHECKING:
    from textual.app import ComposeResult

__all__ = ["TooSmall", "TopBar", "progress_bar"]


class TopBar(Horizontal):
    """The screen's name on the left, how the run stands on the right."""

    DEFAULT_CSS = """
    TopBar { dock: top; height: 1; background: $panel; color: $foreground; padding: 0 1; }
    TopBar .top-bar--title { width: 1fr; text-style: bold; text-wrap: nowrap; text-overflow: ellipsis; }
    TopBar .top-bar--state { width: auto; max-width: 50%; color: $text-accent; text-wrap: nowrap; }
    """

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = Static(Content(title), classes="top-bar--title")
        self._state = Static("", classes="top-bar--state", markup=False)

    def compose(self) -> ComposeResult:
        """Title and state."""
        yield self._title
        yield self._state

    def set_title(self, title: str) -> None:
        """Show another title."""
        put(self._title, title, layout=False)

    def set_state(self, state: str) -> None:
        """Show how the run stands."""
        put(self._state, state)


class TooSmall(Static):
    """Covers the screen when the terminal is too small to work in."""

    def __init__(self, width: int, height: int) -> None:
        sentence = (
            f"This terminal is too small.\nMake it at least {width} columns and {height} lines.\n\nq or ctrl+q quits."
        )
        super().__init__(Content(sentence))


def progress_bar(done: float, total: float, width: int) -> str:
    """A bar of `width` cells for a true share; it is never full before the end is."""
    share = 0.0 if total <= 0 else max(0.0, min(1.0, done / total))
    full = int(share * width)
    return "━" * full + "─" * (width - full)
