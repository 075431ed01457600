"""A list of rows that can be folded: what belongs together stands below its head."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType

from ecrwiz.widgets.row_list import Cell, Column, Row, RowList

if TYPE_CHECKING:
    from textual import events

__all__ = ["Node", "TreeList"]

_OPEN: Final = "▾ "
_SHUT: Final = "▹ "


@dataclass(frozen=True, slots=True)
class Node:
    """A row, and the rows that belong to it.

    Attributes:
        key: what it stands for.
        cells: a cell per column.
        children: what is below it.
        shut: whether it is folded until somebody unfolds it.
    """

    key: str
    cells: tuple[Cell, ...]
    children: tuple[Node, ...] = ()
    shut: bool = False


class TreeList(RowList):
    """Shows nodes; left and right fold and unfold, enter and a second click do either.

    Args:
        columns: as for a list.
        tree: the number of the column that shows which row is below which.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "fold(True)", "Fold", show=False),
        Binding("right", "fold(False)", "Unfold", show=False),
        Binding("enter", "toggle_fold", "Fold or unfold", show=False),
    ]

    def __init__(self, *columns: Column, tree: int, id: str | None = None) -> None:  # noqa: A002
        super().__init__(*columns, id=id)
        self._tree = tree
        self._roots: tuple[Node, ...] = ()
        self._said: dict[str, bool] = {}  # what the person folded (True) or unfolded

    def set_nodes(self, nodes: Sequence[Node]) -> None:
        """Show these nodes; what the person folded stays folded, and the mark on its key."""
        self._roots = tuple(nodes)
        self._rebuild()

    def is_shut(self, node: Node) -> bool:
        """Whether what is below a node is out of sight."""
        return self._said.get(node.key, node.shut)

    def action_fold(self, shut: bool) -> None:
        """Fold the marked node, or go to the one above it; or unfold it."""
        node, above = self._find(self.key)
        if node is None:
            return
        if node.children and self.is_shut(node) != shut:
            self._fold(node, shut)
        elif shut and above is not None:
            self.mark(above.key)

    def action_toggle_fold(self) -> None:
        """Fold the marked node, or unfold it."""
        node, _ = self._find(self.key)
        if node is not None and node.children:
            self._fold(node, not self.is_shut(node))

    def on_click(self, event: events.Click) -> None:
        """A click on the marked row folds it or unfolds it; Textual calls the list's own handler, which marks, too."""
        row = event.y + round(self.scroll_y) - self._head
        if event.y >= self._head and row == self.marked:
            self.action_toggle_fold()

    def _fold(self, node: Node, shut: bool) -> None:
        self._said[node.key] = shut
        self._rebuild()

    def _rebuild(self) -> None:
        self.set_rows([self._row(node, depth) for node, depth in self._walk(self._roots, 0)])

    def _refilter(self, text: str) -> None:
        super()._refilter(text)
        self._rebuild()  # what is folded is searched, too

    def _walk(self, nodes: Sequence[Node], depth: int) -> Iterator[tuple[Node, int]]:
        for node in nodes:
            yield node, depth
            if self.filtering or not self.is_shut(node):
                yield from self._walk(node.children, depth + 1)

    def _row(self, node: Node, depth: int) -> Row:
        glyph = "  " if not node.children else _SHUT if self.is_shut(node) and not self.filtering else _OPEN
        own = node.cells[self._tree]
        label = Cell(f"{'  ' * depth}{glyph}{own.text}", own.tone)
        return Row(node.key, (*node.cells[: self._tree], label, *node.cells[self._tree + 1 :]))

    def _find(self, key: str) -> tuple[Node | None, Node | None]:
        """A node, and the one above it."""

        def look(nodes: Sequence[Node], above: Node | None) -> tuple[Node | None, Node | None]:
            for node in nodes:
                if node.key == key:
                    return node, above
                found = look(node.children, node)
                if found[0] is not None:
                    return found
            return None, None

        return look(self._roots, None)
