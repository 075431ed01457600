"""One of a few words, all of them in sight."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

if TYPE_CHECKING:
    from textual import events
    from textual.geometry import Size

__all__ = ["Choice"]

_AROUND: Final = 5  # cells beside a word: its dot and spaces


class Choice(Widget, can_focus=True):
    """Shows the words side by side, in several rows where they need it; left, right, space and the mouse choose.

    Args:
        words: what can be chosen.
        value: what is chosen at first; it is offered even when it is not among the words.
        shown: how a word is shown when not as it is.
        beside: cells of the same line that are not for the words.
        id: the widget's.
    """

    DEFAULT_CSS = """
    Choice { height: auto; width: auto; color: $foreground; }
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

    def __init__(
        self, words: Sequence[str], value: str, shown: Mapping[str, str] | None = None, *,
        beside: int = 0, id: str | None = None,  # noqa: A002
    ) -> None:  # fmt: skip
        super().__init__(id=id)
        self._beside = beside
        self._words = tuple(words) if value in words else (*words, value)
        self._shown = {word: (shown or {}).get(word, word) for word in self._words}
        self.set_reactive(Choice.value, value)

    def render(self) -> Text:
        """All words; the chosen one has the full dot."""
        chosen = self.get_component_rich_style("choice--chosen", partial=True)
        rows = [Text(no_wrap=True, end="") for _ in range(self._rows(self.size.width))]
        for word, row, _ in self._places(self.size.width):
            here = word == self.value
            rows[row].append(f" {'●' if here else '○'} {self._shown[word]} ", chosen if here else Style.null())
            rows[row].append(" ")
        return Text("\n", end="").join(rows)

    def get_content_width(self, container: Size, viewport: Size) -> int:  # noqa: ARG002
        """Room for all words in one row, or as much as there is."""
        return min(sum(self._room(word) for word in self._words), max(20, container.width - self._beside))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """A row, or as many as the words need."""
        return self._rows(width)

    def _room(self, word: str) -> int:
        return cell_len(self._shown[word]) + _AROUND

    def _rows(self, width: int) -> int:
        return max((row for _, row, _ in self._places(width)), default=0) + 1

    def _places(self, width: int) -> Iterator[tuple[str, int, int]]:
        """Each word, its row, and the cell where it begins."""
        row = place = 0
        for word in self._words:
            room = self._room(word)
            if place and place + room - 1 > width:  # the last cell is the space before the next word
                row, place = row + 1, 0
            yield word, row, place
            place += room

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
        for number, (word, row, place) in enumerate(self._places(self.size.width)):
            if event.y == row and place <= event.x < place + self._room(word):
                self._choose(number)
                return

    def _choose(self, number: int) -> None:
        self.value = self._words[number]
        self.post_message(self.Changed(self, self.value))
