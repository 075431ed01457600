"""A unified diff, each line told by its sign first and its colour second."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ecrwiz.widgets.line_buffer import LineBuffer
from ecrwiz.widgets.line_view import LineView

if TYPE_CHECKING:
    from rich.style import Style

__all__ = ["DiffView"]


class DiffView(LineView):
    """Shows a diff, or any text."""

    DEFAULT_CSS = """
    DiffView > .diff-view--added { color: $text-success; }
    DiffView > .diff-view--removed { color: $text-error; }
    DiffView > .diff-view--place { color: $text-accent; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"diff-view--added", "diff-view--removed", "diff-view--place"}
    _KINDS: ClassVar[dict[str, str]] = {"+": "added", "-": "removed", "@": "place"}

    def show_text(self, text: str) -> None:
        """Show this text from its beginning."""
        buffer = LineBuffer(limit=100_000)
        buffer.extend(text.splitlines())
        self.show(buffer)

    def line_style(self, text: str) -> Style | None:
        """Colour by the line's sign."""
        kind = self._KINDS.get(text[:1])
        return self.get_component_rich_style(f"diff-view--{kind}") if kind else None
