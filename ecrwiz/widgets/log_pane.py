"""A live log: stays at the end while lines come, until the reader scrolls up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from ecrwiz.model.redact import clean_line
from ecrwiz.widgets.finder import Finder
from ecrwiz.widgets.line_buffer import LineBuffer
from ecrwiz.widgets.line_view import LineView

if TYPE_CHECKING:
    from textual import events

__all__ = ["LogPane"]


class LogPane(LineView):
    """A `LineView` that follows the end.

    Scrolling up lets go of the end; scrolling back to it, or `end`, takes it again.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("end", "follow", "End", show=False)]

    def __init__(self, buffer: LineBuffer | None = None, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(buffer, id=id)
        self.following = True
        self._moving = False

    def append(self, lines: Iterable[str]) -> None:
        """Add lines from outside: everything but colours is taken out of them."""
        self.buffer.extend(clean_line(line) for line in lines)
        self.sync()

    def show(self, buffer: LineBuffer) -> None:
        """Show another buffer from its end."""
        if buffer is self.buffer:
            return
        self.following = False
        super().show(buffer)
        self.action_follow()

    def sync(self) -> None:
        """Show what the buffer holds now; stay at the end when following."""
        super().sync()
        if self.following:
            self._to_end()

    def action_follow(self) -> None:
        """Go to the end and stay there."""
        self.following = True
        self._to_end()

    def go_to_match(self, *, forward: bool = True, finder: Finder | None = None) -> bool:
        """Go to the next line with a match, and stay there though it be the last."""
        self.following, self._moving = False, True
        found = super().go_to_match(forward=forward, finder=finder)
        self._moving = False
        return found

    def on_resize(self, event: events.Resize) -> None:  # noqa: ARG002
        """A smaller window still shows the end."""
        if self.following:
            self.call_after_refresh(self._to_end)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Notice that the reader moved away from the end or came back to it."""
        super().watch_scroll_y(old_value, new_value)
        if self._moving:
            return
        if round(new_value) >= self.max_scroll_y:
            self.following = True
        elif new_value < old_value:
            self.following = False

    def _keep_place(self, gone: int) -> None:
        self._moving = True
        super()._keep_place(gone)
        self._moving = False

    def _keep_line(self, number: int) -> None:
        if not self.following:
            self._moving = True
            super()._keep_line(number)
            self._moving = False

    def _to_end(self) -> None:
        self._moving = True
        self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True)
        self._moving = False
