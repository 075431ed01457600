"""Lines with parts of several kinds: a diff, a source text, a plan; signs tell what colours tell, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.style import Style

from ecrwiz.widgets.diff_lines import StyledLine
from ecrwiz.widgets.line_buffer import LineBuffer
from ecrwiz.widgets.line_view import LineView

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DiffView"]


class DiffView(LineView):
    """Shows styled lines, and only draws those in sight."""

    DEFAULT_CSS = """
    DiffView > .diff-view--added { background: $success 15%; }
    DiffView > .diff-view--removed { background: $error 15%; }
    DiffView > .diff-view--added-sign { color: $text-success; text-style: bold; }
    DiffView > .diff-view--removed-sign { color: $text-error; text-style: bold; }
    DiffView > .diff-view--place { color: $text-accent; }
    DiffView > .diff-view--muted { color: $text-muted; }
    DiffView > .diff-view--strong { text-style: bold; }
    DiffView > .diff-view--success { color: $text-success; }
    DiffView > .diff-view--warning { color: $text-warning; }
    DiffView > .diff-view--error { color: $text-error; }
    DiffView > .diff-view--accent { color: $text-accent; }
    DiffView > .diff-view--comment { color: $text-muted; text-style: italic; }
    DiffView > .diff-view--keyword { color: $text-accent; }
    DiffView > .diff-view--string { color: $text-success; }
    DiffView > .diff-view--number { color: $text-warning; }
    DiffView > .diff-view--name { color: $text-primary; }
    """
    KINDS: ClassVar[tuple[str, ...]] = (
        *("added", "removed", "added-sign", "removed-sign", "place", "muted", "strong"),
        *("success", "warning", "error", "accent"),
        *("comment", "keyword", "string", "number", "name"),
    )
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"diff-view--{kind}" for kind in KINDS}
    _FILLED: ClassVar[frozenset[str]] = frozenset({"added", "removed"})

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._lines: Sequence[StyledLine] = ()

    def show_lines(self, lines: Sequence[StyledLine]) -> None:
        """Show these lines from the first one on; the reader's place stays when they are the same."""
        if lines == self._lines:
            return
        self._lines = lines
        buffer = LineBuffer(limit=len(lines) + 1)
        buffer.extend(line.text for line in lines)
        self.show(buffer)

    def decorations(self, number: int) -> Iterator[tuple[int, int, Style]]:
        """The styles of a line's parts."""
        if number < len(self._lines):
            for start, end, kind in self._lines[number].spans:
                yield start, end, self._style(kind)

    def _style(self, kind: str) -> Style:
        full = self.get_component_rich_style(f"diff-view--{kind}")
        if kind in self._FILLED:
            return Style(bgcolor=full.bgcolor)
        return Style(color=full.color, bold=full.bold, italic=full.italic)  # the ground belongs to the line
