"""What the CI identity may do and what it may not, each with AWS's own answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ecrwiz.model.results import Proof
from ecrwiz.screens.base import Page, bindings
from ecrwiz.screens.session import Session
from ecrwiz.widgets.put import put
from ecrwiz.widgets.row_list import Cell, Column, Row, RowList

if TYPE_CHECKING:
    from textual.binding import BindingType
    from textual.widget import Widget

__all__ = ["ProofsScreen"]

_SIGNS: Final[Mapping[str, tuple[str, str, str]]] = {
    "right": ("✓", "as it must", "success"),
    "wrong": ("✗", "wrong", "error"),
    "unknown": ("?", "unknown", "warning"),
}


class ProofsScreen(Page[str]):
    """A row for each proof, wrong ones on top; the marked one with AWS's answer. Gives `again` to verify anew.

    Args:
        session: the wizard's run and project.
        proofs: of the last verification.
    """

    SCOPE = "proofs"
    TITLE_TEXT = "What CI may do"
    BINDINGS: ClassVar[list[BindingType]] = bindings("proofs")
    AUTO_FOCUS = "#proofs"
    NEEDS_REST = frozenset({"again"})

    def __init__(self, session: Session, proofs: Sequence[Proof]) -> None:
        super().__init__(session)
        rank = {"wrong": 0, "unknown": 1, "right": 2}
        self._proofs = tuple(sorted(proofs, key=lambda proof: rank[_kind(proof)]))

    def body(self) -> Iterable[Widget]:
        """The table, the marked row in full, the sum."""
        yield RowList(
            Column(1),
            Column(0, title="What"),
            Column(8, title="Must be"),
            Column(8, title="Is"),
            Column(10, title="How"),
            Column(0, title="AWS's answer", from_width=110),
            id="proofs",
        )
        with VerticalScroll(id="about", can_focus=False):
            yield Static(id="about-text")
        yield Static(id="sum")

    def on_mount(self) -> None:
        """Show them."""
        self.query_one("#proofs", RowList).set_rows(
            [Row(str(number), _cells(proof)) for number, proof in enumerate(self._proofs)]
        )
        put(self.query_one("#sum", Static), summary(self._proofs))
        self._show_about()

    @on(RowList.Marked, "#proofs")
    def _on_marked(self, event: RowList.Marked) -> None:
        event.stop()
        self._show_about()

    def _show_about(self) -> None:
        key = self.query_one("#proofs", RowList).key
        lines = in_full(self._proofs[int(key)]) if key else ["Nothing was tried yet."]
        put(self.query_one("#about-text", Static), Content("\n".join(lines)))

    def action_again(self) -> None:
        """Verify anew."""
        if self.session.busy:
            self.notify("A run is going on; this waits for its end.", markup=False)
        else:
            self.dismiss("again")

    def action_copy(self) -> None:
        """Copy the table, or what is selected by the mouse."""
        self.app.copy_to_clipboard(self.get_selected_text() or as_text(self._proofs))

    def action_back(self) -> None:
        """Go back."""
        self.dismiss("")


def summary(proofs: Sequence[Proof]) -> str:
    """How many are right, wrong and unknown."""
    kinds = [_kind(proof) for proof in proofs]
    parts = [f"{kinds.count('right')} as they must be"]
    parts += [f"{kinds.count(kind)} {kind}" for kind in ("wrong", "unknown") if kind in kinds]
    return ", ".join(parts) + "."


def in_full(proof: Proof) -> list[str]:
    """One proof: what was tried, on what, and what AWS said."""
    _, word, _ = _SIGNS[_kind(proof)]
    how = {"called": "called with the identity itself", "read": "read in IAM"}.get(proof.how, "simulated by IAM")
    return [
        f"{proof.action} on {proof.resource}",
        f"AWS: {proof.answer}",
        f"{word}: must be {proof.expected}, is {proof.found} ({how}, as {proof.identity})",
    ]


def as_text(proofs: Sequence[Proof]) -> str:
    """The table as plain text."""
    lines = [
        f"{_SIGNS[_kind(proof)][0]} {proof.title}: {proof.found} ({proof.how}); {proof.answer}" for proof in proofs
    ]
    return "\n".join([*lines, summary(proofs)]) + "\n"


def _kind(proof: Proof) -> str:
    if proof.wrong:
        return "wrong"
    return "unknown" if proof.found == "unknown" else "right"


def _cells(proof: Proof) -> tuple[Cell, ...]:
    glyph, _, tone = _SIGNS[_kind(proof)]
    return (
        Cell(glyph, tone),
        Cell(proof.title, "strong"),
        Cell(proof.expected, "muted"),
        Cell(proof.found, tone),
        Cell(proof.how, "muted"),
        Cell(proof.answer, "muted"),
    )
