"""Every key of a screen, from the registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, Final

from rich.table import Table
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ecrwiz.actions import SCOPES, Action, in_scope
from ecrwiz.keymap import key_text, keys_of

if TYPE_CHECKING:
    from textual.app import ComposeResult

__all__ = ["HelpScreen"]

_MORE: Final = (
    ("^q", "Quit, from inside a field too."),
    ("^c", "Copy the selection, or stop the run."),
    ("^p", "Command palette: every action by name, and the colours."),
    ("tab", "Go to the next pane or field; arrows move in it."),
    ("/", "In a list: show only the rows that hold these words; esc shows all."),
)


class HelpScreen(ModalScreen[None]):
    """The keys of one screen, then those that work everywhere."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1,q,enter", "close", "Close", show=False),
    ]

    def __init__(self, scope: str, keymap: Mapping[str, str]) -> None:
        super().__init__()
        self._scope = scope
        self._keymap = keymap

    def compose(self) -> ComposeResult:
        """A table of keys."""
        with Vertical(classes="modal--box help"):
            yield Static(Content(f"Keys: {SCOPES.get(self._scope, 'this screen')}"), classes="modal--title")
            with VerticalScroll(classes="modal--body"):
                yield Static(self._table(self._scope))
                yield Static(Content(f"\n{SCOPES['app']}"), classes="modal--title")
                yield Static(self._table("app"))
                yield Static(_grid(_MORE))
            yield Static("esc closes", classes="modal--hint", markup=False)

    def _table(self, scope: str) -> Table:
        return _grid((self._keys(action), action.explain) for action in in_scope(scope))

    def _keys(self, action: Action) -> str:
        return " ".join(key_text(key) for key in keys_of(action, self._keymap))

    def action_close(self) -> None:
        """Close the help."""
        self.dismiss(None)


def _grid(lines: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(width=9, style="bold")
    table.add_column(ratio=1)
    for keys, sentence in lines:
        table.add_row(Text(keys), Text(sentence))
    return table
