"""Every key of a screen, from the registry."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ecrwiz.actions import SCOPES, in_scope
from ecrwiz.keymap import key_text, keys_of
from ecrwiz.widgets.put import put

if TYPE_CHECKING:
    from textual.app import ComposeResult

__all__ = ["HelpScreen"]

_KEYS: Final = 11
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
        """The keys."""
        with Vertical(classes="modal--box help"):
            yield Static(Content(f"Keys: {SCOPES.get(self._scope, 'this screen')}"), classes="modal--title")
            with VerticalScroll(classes="modal--body"):
                yield Static(id="keys")
            yield Static("esc closes", classes="modal--hint", markup=False)

    def on_resize(self) -> None:
        """The sentences are broken at the width."""
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        width = self.query_one(".modal--body").size.width - 1  # a scroll bar may come
        lines = [*_grid(self._rows(self._scope), width), Content(""), Content.styled(SCOPES["app"], "bold")]
        put(self.query_one("#keys", Static), Content("\n").join([*lines, *_grid((*self._rows("app"), *_MORE), width)]))

    def _rows(self, scope: str) -> list[tuple[str, str]]:
        return [
            (" ".join(key_text(key) for key in keys_of(action, self._keymap)), action.explain)
            for action in in_scope(scope)
        ]

    def action_close(self) -> None:
        """Close the help."""
        self.dismiss(None)


def _grid(rows: Iterable[tuple[str, str]], width: int) -> Iterator[Content]:
    """Keys, and beside them what they do. Broken by hand: a table of Rich is drawn several times to be measured."""
    for keys, sentence in rows:
        first, *rest = textwrap.wrap(sentence, max(20, width - _KEYS)) or [""]
        yield Content.assemble((f"{keys:<{_KEYS}}", "bold"), first)
        yield from (Content(" " * _KEYS + line) for line in rest)
