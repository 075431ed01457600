"""What exists now, where the secrets are, and how to take it all away again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from rich.table import Table
from rich.text import Text
from textual import work
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ecrwiz.flow import receipt
from ecrwiz.model.errors import EcrwizError
from ecrwiz.screens.base import Page, bindings

if TYPE_CHECKING:
    from textual.binding import BindingType
    from textual.widget import Widget

__all__ = ["ReceiptScreen"]

Sections = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


class ReceiptScreen(Page[None]):
    """Sections of names and values."""

    SCOPE = "receipt"
    TITLE_TEXT = "Receipt"
    BINDINGS: ClassVar[list[BindingType]] = bindings("receipt")
    AUTO_FOCUS = "#receipt"

    _sections: Sections = ()

    def body(self) -> Iterable[Widget]:
        """The sections, one under the other."""
        self._sections = receipt.receipt(self.session.project)
        with VerticalScroll(id="receipt"):
            if not self._sections:
                yield Static("Nothing exists yet. Press esc, then a to run every step.", markup=False)
            for title, lines in self._sections:
                yield Static(Text(title), classes="receipt--title")
                yield Static(_table(lines), classes="receipt--lines")
        yield Static(id="exported")

    def action_copy(self) -> None:
        """Copy it as text."""
        self.app.copy_to_clipboard(as_text(self._sections))

    @work(group="export", exclusive=True)
    async def action_export(self) -> None:
        """Write it as Markdown; the path stays on the screen."""
        try:
            path = await asyncio.to_thread(receipt.export, self.session.project)
        except EcrwizError as error:
            self.notify(str(error), title="Not written", severity="error", markup=False)
            return
        if not self.gone:
            self.query_one("#exported", Static).update(Content(f"Written to {path}"))
            self.add_class("-exported")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """There is nothing to copy before something exists."""
        return bool(self._sections) or action not in ("copy", "export")

    def action_back(self) -> None:
        """Close it."""
        self.dismiss(None)


def as_text(sections: Sections) -> str:
    """The receipt as plain text."""
    blocks = []
    for title, lines in sections:
        width = max((len(label) for label, _ in lines), default=0)
        blocks.append("\n".join([title, *(f"  {label:<{width}}  {value}" for label, value in lines)]))
    return "\n\n".join(blocks) + "\n"


def _table(lines: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(width=11, style="dim")
    table.add_column(ratio=1, overflow="fold")
    for label, value in lines:
        table.add_row(Text(label), Text(value))
    return table
