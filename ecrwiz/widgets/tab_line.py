"""Names side by side in one line, one of them in front: for several things where there is room for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.message import Message
from textual.widget import Widget

if TYPE_CHECKING:
    from textual import events

__all__ = ["TabLine"]


class TabLine(Widget):
    """Shows `▸ build 12 s │ provision 8 s`; the mouse chooses."""

    DEFAULT_CSS = """
    TabLine { height: 1; width: 100%; color: $text-muted; }
    TabLine > .tab-line--front { color: $text-accent; text-style: bold reverse; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"tab-line--front"}

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._tabs: tuple[tuple[str, str], ...] = ()
        self._front = ""

    def set_tabs(self, tabs: Sequence[tuple[str, str]], front: str) -> None:
        """Show these: key and words of each."""
        if (tuple(tabs), front) != (self._tabs, self._front):
            self._tabs, self._front = tuple(tabs), front
            self.refresh()

    def render(self) -> Text:
        """The names; the one in front has the arrow."""
        line = Text(no_wrap=True, overflow="ellipsis", end="")
        for number, (key, words) in enumerate(self._tabs):
            line.append("│" if number else "")
            front = key == self._front
            style = self.get_component_rich_style("tab-line--front", partial=True) if front else ""
            line.append(self._words(key, words), style)
        return line

    def _words(self, key: str, words: str) -> str:
        return f" {'▸ ' if key == self._front else '  '}{words} "

    def on_click(self, event: events.Click) -> None:
        """Choose the tab under the mouse."""
        place = 0
        for key, words in self._tabs:
            place += len(self._words(key, words)) + 1
            if event.x < place:
                self.post_message(self.Chosen(key))
                return
