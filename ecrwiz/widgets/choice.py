"""One of a few words, all of them in sight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

if TYPE_CHECKING:
    from textual import events

__all__ = ["Choice"]


class Choice(Widget, can_focus=True):
    """Shows the words side by side; left, right, space and the mouse choose."""

    DEFAULT_CSS = """
    Choice { height: 1; width: auto; color: $foreground; }
    Choice > .choice--chosen { text-style: bold; color: $text-accent; }
    Choice:focus > .choice--chosen { background: $primary; color: $text; text-style: bold; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"choice--chosen"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "choose(-1)", "Before", show=False),
        Binding("right,space", "choose(1)", "Next", show=False),
        Binding("enter", "submit", "Continue", show=False),
    ]
    value: reactive[str] = reactive("", layout=True)

    class Changed(Message):
        """Another word was chosen."""

        def __init__(self, choice: Choice, value: str) -> None:
            super().__init__()
            self.choice = choice
            self.value = value

    class Submitted(Message):
        """Enter was pressed."""

    def __init__(self, words: Sequence[str], value: str, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._words = tuple(words) if value in words else (*words, value)
        self.set_reactive(Choice.value, value)

    def render(self) -> Text:
        """All words; the chosen one has the full dot."""
        chosen = self.get_component_rich_style("choice--chosen", partial=True)
        line = Text(no_wrap=True, end="")
        for word in self._words:
            here = word == self.value
            line.append(f" {'●' if here else '○'} {word} ", chosen if here else Style.null())
            line.append(" ")
        return line

    def get_content_width(self, container: object, viewport: object) -> int:  # noqa: ARG002
        """Room for all words."""
        return sum(len(word) + 5 for word in self._words)

    def notify_style_update(self) -> None:
        """The chosen word looks different when the cursor comes or goes."""
        super().notify_style_update()
        self.refresh()

    def action_choose(self, by: int) -> None:
        """Choose the next or the previous word."""
        self._choose((self._words.index(self.value) + by) % len(self._words))

    def action_submit(self) -> None:
        """Tell that enter was pressed."""
        self.post_message(self.Submitted())

    def on_click(self, event: events.Click) -> None:
        """Choose the word under the mouse."""
        place = 0
        for number, word in enumerate(self._words):
            place += len(word) + 5
            if event.x < place:
                self._choose(number)
                return

    def _choose(self, number: int) -> None:
        self.value = self._words[number]
        self.post_message(self.Changed(self, self.value))
