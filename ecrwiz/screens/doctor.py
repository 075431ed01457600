"""What the doctor finds, row by row as the checks end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on, work
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ecrwiz.flow.doctor import CHECKS, Check, Finding, Health, Patient, examine, sum_up
from ecrwiz.screens.base import Page, bindings
from ecrwiz.screens.modals import ButtonsModal
from ecrwiz.screens.session import Session
from ecrwiz.widgets.row_list import Cell, Column, Row, RowList

if TYPE_CHECKING:
    from textual.binding import BindingType
    from textual.widget import Widget

__all__ = ["DoctorScreen"]

_WORDS: Final[Mapping[Health | None, tuple[str, str, str]]] = {
    None: ("…", "checking", "muted"),
    Health.OK: ("✓", "ok", "success"),
    Health.WARNING: ("!", "warning", "warning"),
    Health.PROBLEM: ("✗", "problem", "error"),
    Health.UNKNOWN: ("?", "unknown", "accent"),
}


class DoctorScreen(Page[None]):
    """A row for each check, and the marked one in full below.

    Attributes:
        checking: the checks are going on.
    """

    SCOPE = "doctor"
    TITLE_TEXT = "Doctor"
    BINDINGS: ClassVar[list[BindingType]] = bindings("doctor")
    AUTO_FOCUS = "#checks"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._found: dict[str, Finding] = {}
        self._seconds: dict[str, float] = {}
        self.checking = False
        # Held, not looked up: a check may end while the screen is being taken apart.
        self._rows = RowList(
            Column(1),
            Column(14, title="Check"),
            Column(8, title="Result"),
            Column(0, title="What was found"),
            id="checks",
        )
        self._sum = Static(id="sum")
        self._about = Static(id="about-text")

    def body(self) -> Iterable[Widget]:
        """The checks, the marked one in full, the sum."""
        yield self._rows
        with VerticalScroll(id="about", can_focus=False):
            yield self._about
        yield self._sum

    def on_mount(self) -> None:
        """Begin to check."""
        self._examine()

    @work(group="doctor", exclusive=True)
    async def _examine(self) -> None:
        self._found.clear()
        self.checking = True
        self._show()
        try:
            await examine(Patient(self.session.project), self._take)
        finally:
            self.checking = False
        if not self.gone:
            self._show()

    def _take(self, check: Check, finding: Finding, seconds: float) -> None:
        self._found[check.id], self._seconds[check.id] = finding, seconds
        if not self.gone:
            self._show()

    def _show(self) -> None:
        rows = []
        for check in CHECKS:
            finding = self._found.get(check.id)
            glyph, word, tone = _WORDS[finding.health if finding else None]
            said = finding.sentence if finding else check.about
            rows.append(
                Row(
                    check.id,
                    (
                        Cell(glyph, tone),
                        Cell(check.title, "strong"),
                        Cell(word, tone),
                        Cell(said, "" if finding else "muted"),
                    ),
                )
            )
        self._rows.set_rows(rows)
        left = len(CHECKS) - len(self._found)
        text = sum_up(self._found.values()) or "Nothing is known yet"
        self._sum.update(Content(f"{text}, {left} to come…" if self.checking else f"{text}."))
        self._show_about()

    @on(RowList.Marked, "#checks")
    def _on_marked(self, event: RowList.Marked) -> None:
        event.stop()
        self._show_about()

    def _marked(self) -> Check:
        key = self._rows.key
        return next((check for check in CHECKS if check.id == key), CHECKS[0])

    def _show_about(self) -> None:
        check = self._marked()
        finding = self._found.get(check.id)
        lines = _in_full(check, finding, self._seconds.get(check.id)) if self.size.height >= 32 else _short(finding)
        self._about.update(Content("\n".join(lines or [check.about])))

    def on_resize(self) -> None:
        """More room shows more."""
        self._show_about()

    def action_details(self) -> None:
        """Show all of the marked check."""
        check = self._marked()
        finding = self._found.get(check.id)
        if finding is None:
            self.notify(f"{check.title} is being checked.", markup=False)
            return
        self.app.push_screen(_DetailsModal(check, finding, self._seconds[check.id]), self._detailed)

    def _detailed(self, reply: object) -> None:
        if reply == "copy":
            self.action_copy()

    def action_copy(self) -> None:
        """Copy the fix: the command when there is one."""
        finding = self._found.get(self._marked().id)
        fix = (finding.command or finding.fix) if finding else ""
        if fix:
            self.app.copy_to_clipboard(fix)
        else:
            self.notify("There is nothing to mend in this row.", markup=False)

    def action_again(self) -> None:
        """Check everything again."""
        if self.checking:
            self.notify("The checks are still going on.", markup=False)
        else:
            self._examine()

    def action_back(self) -> None:
        """Back to Home; what is still asked ends by itself."""
        self.dismiss(None)


class _DetailsModal(ButtonsModal):
    """One check in full."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("y", "copy", "Copy fix", show=False)]

    def __init__(self, check: Check, finding: Finding, seconds: float) -> None:
        glyph, word, _ = _WORDS[finding.health]
        fix = bool(finding.fix or finding.command)
        super().__init__(
            f"{glyph} {check.title}: {word}",
            _in_full(check, finding, seconds),
            (("close", "Close", "default"), *((("copy", "Copy fix", "primary"),) if fix else ())),
            "close",
        )

    def action_copy(self) -> None:
        """Close, and copy the fix."""
        self.dismiss("copy")


def _short(finding: Finding | None) -> Sequence[str]:
    if finding is None:
        return ()
    fix = " ".join(part for part in (finding.fix, f"$ {finding.command}" if finding.command else "") if part)
    return [finding.sentence, *([fix] if fix else [])]


def _in_full(check: Check, finding: Finding | None, seconds: float | None) -> list[str]:
    lines = [check.about]
    if finding is None:
        return lines
    lines += ["", finding.sentence]
    if finding.fix or finding.command:
        lines += ["", *([f"Fix: {finding.fix}"] if finding.fix else [])]
        lines += [f"     $ {finding.command}"] if finding.command else []
    facts = {**finding.facts, "took": f"{seconds:.1f} s" if seconds is not None else ""}
    width = max(len(name) for name in facts)
    return [*lines, "", *(f"{name:<{width}}  {value}" for name, value in facts.items() if value)]
