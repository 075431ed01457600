"""Terraform's planned changes: a sign and a word for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ecrwiz.model.results import Plan
from ecrwiz.widgets.row_list import Cell, Column, Row, RowList

__all__ = ["PlanList"]

_SIGNS: Final[Mapping[str, tuple[str, str]]] = {
    "create": ("+", "success"),
    "import": ("<", "accent"),
    "update": ("~", "warning"),
    "replace": ("±", "error"),
    "delete": ("-", "error"),
}


class PlanList(RowList):
    """The changes of a plan, those that remove something first."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(Column(1), Column(7), Column(0), Column(24, from_width=90), id=id)

    def show_plan(self, plan: Plan) -> None:
        """Show this plan."""
        order = ("delete", "replace", "import", "update", "create")
        places = {action: number for number, action in enumerate(order)}
        changes = sorted(plan.changes, key=lambda change: places.get(change.action, 9))
        self.set_rows([
            Row(
                change.address,
                (
                    Cell(_SIGNS.get(change.action, ("?", ""))[0], _SIGNS.get(change.action, ("?", ""))[1]),
                    Cell(change.action, _SIGNS.get(change.action, ("?", ""))[1]),
                    Cell(change.address),
                    Cell(change.reason.replace("_", " "), "muted"),
                ),
            )
            for change in changes
        ])  # fmt: skip
