"""A list of values to read and copy: what a step made, or the commands of its last run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ecrwiz.screens.base import Page, bindings
from ecrwiz.screens.session import Session
from ecrwiz.widgets.row_list import Cell, Column, Row, RowList

if TYPE_CHECKING:
    from textual.binding import BindingType
    from textual.widget import Widget

__all__ = ["DetailsScreen"]


class DetailsScreen(Page[None]):
    """Labelled values, one a row; the marked one is shown in full under them.

    Args:
        session: the wizard's run and project.
        title: what they are.
        values: label and value of each; values alone are copied.
    """

    SCOPE = "details"
    BINDINGS: ClassVar[list[BindingType]] = bindings("details")
    AUTO_FOCUS = "#values"

    def __init__(self, session: Session, title: str, values: Sequence[tuple[str, str]]) -> None:
        self._what, self._values = title, tuple(values)
        super().__init__(session)

    def title_text(self) -> str:
        """What is listed."""
        return f"ecrwiz · {self._what}"

    def body(self) -> Iterable[Widget]:
        """The list, and the marked value."""
        room = min(28, max((len(label) for label, _ in self._values), default=4))
        yield RowList(Column(room), Column(0), id="values")
        with VerticalScroll(id="whole", can_focus=False):
            yield Static(id="whole-text")

    def on_mount(self) -> None:
        """Show them."""
        rows = [Row(str(number), (Cell(a, "muted"), Cell(b))) for number, (a, b) in enumerate(self._values)]
        self.query_one("#values", RowList).set_rows(rows)
        self._show_marked()

    @on(RowList.Marked, "#values")
    def _on_marked(self, event: RowList.Marked) -> None:
        event.stop()
        self._show_marked()

    def _marked(self) -> str:
        key = self.query_one("#values", RowList).key
        return self._values[int(key)][1] if key else ""

    def _show_marked(self) -> None:
        self.query_one("#whole-text", Static).update(Content(self._marked()))

    def action_copy(self) -> None:
        """Copy the marked value, or what is selected by the mouse."""
        text = self.get_selected_text() or self._marked()
        if text:
            self.app.copy_to_clipboard(text)

    def action_copy_all(self) -> None:
        """Copy all values, one a line."""
        self.app.copy_to_clipboard("\n".join(value for _, value in self._values))

    def action_back(self) -> None:
        """Close the list."""
        self.dismiss(None)
