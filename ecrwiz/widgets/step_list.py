"""Steps with a glyph and a word for how each stands, a note and a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ecrwiz.widgets.row_list import Cell, Column, Row, RowList

__all__ = ["StepList", "StepRow"]


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step as it is shown.

    Attributes:
        key: what it stands for.
        title: its name.
        glyph: one cell.
        word: the status in a word or two.
        tone: the tone of both.
        note: why, or how far.
        time: how long, right-aligned.
        ago: how long ago it was run.
    """

    key: str
    title: str
    glyph: str
    word: str
    tone: str = ""
    note: str = ""
    time: str = ""
    ago: str = ""


class StepList(RowList):
    """The list of steps.

    Args:
        head: whether the columns have titles.
        ago: whether there is a column for how long ago.
    """

    def __init__(self, *, head: bool = True, ago: bool = False, id: str | None = None) -> None:  # noqa: A002
        titles = ("", "Step", "Status", "Note", "Took", "Last run") if head else ("",) * 6
        self._ago = ago
        super().__init__(
            Column(1, title=titles[0]),
            Column(12, title=titles[1]),
            Column(11, title=titles[2]),
            Column(0, title=titles[3]),
            *([Column(9, title=titles[5], right=True)] if ago else ()),
            Column(8, title=titles[4], right=True),
            id=id,
        )

    def set_steps(self, steps: Sequence[StepRow]) -> None:
        """Show these steps."""
        self.set_rows([
            Row(
                step.key,
                (
                    Cell(step.glyph, step.tone),
                    Cell(step.title, "strong"),
                    Cell(step.word, step.tone),
                    Cell(step.note, "muted"),
                    *([Cell(step.ago, "muted")] if self._ago else ()),
                    Cell(step.time),
                ),
            )
            for step in steps
        ])  # fmt: skip
