"""What the answers lead to, beside the form, as far as there is room for it."""

from __future__ import annotations

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ecrwiz.flow.outlook import Outlook
from ecrwiz.widgets.cut import middle_out
from ecrwiz.widgets.put import put

__all__ = ["AnswersPreview", "short"]

_LABEL = 12


class AnswersPreview(VerticalScroll, can_focus=False):
    """The names, and the files."""

    DEFAULT_CSS = """
    AnswersPreview Static { height: auto; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        self._text = Static(Content("…"))
        super().__init__(self._text, id=id)
        self._outlook: Outlook | None = None

    def on_resize(self) -> None:
        """Paths are set for the width."""
        if self._outlook is not None:
            self.show(self._outlook)

    def show(self, outlook: Outlook) -> None:
        """Show what there will be."""
        self._outlook = outlook
        room = max(20, self.scrollable_content_region.width)
        lines = [Content.styled("What this makes", "bold")]
        for label, value in outlook.facts:
            lines.append(Content.styled(label, "dim"))
            lines.append(Content.styled(value, "$text-accent"))
        lines.append(Content(""))
        if outlook.problem:
            lines.append(Content.styled(outlook.problem, "$text-warning"))
        elif outlook.files:
            fresh = sum(word == "new" for _, word in outlook.files)
            lines.append(Content.styled(f"Files, {fresh} of {len(outlook.files)} new", "bold"))
            lines += [_file(path, word, room) for path, word in outlook.files]
        put(self._text, Content("\n").join(lines))


def _file(path: str, word: str, room: int) -> Content:
    return Content.assemble(
        (f"{'+' if word == 'new' else '='} ", "$text-success" if word == "new" else "dim"), middle_out(path, room - 2)
    )


def short(outlook: Outlook) -> Content:
    """The names alone, for a terminal without room for more."""
    wanted = ("Repository", "CI user", "CI role")
    lines = [f"{label:<{_LABEL}}{value}" for label, value in outlook.facts if label in wanted]
    return Content("\n".join(lines))
