"""The inventory of a destroy: grouped by where the things are, and ticked off as they go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from textual import work
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ecrwiz.flow.events import Status, StepId
from ecrwiz.flow.steps import destroy
from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.redact import clean_line, plain
from ecrwiz.screens.pairs import hanging
from ecrwiz.screens.session import Session
from ecrwiz.widgets.put import put

if TYPE_CHECKING:
    from textual.app import ComposeResult

__all__ = ["Removal", "groups", "inventory_text"]

_PLACES: Final = (("On GitHub", ("GitHub ",)), ("On this machine", ("keyring ", "file ", "AWS profile ")))
_IN_AWS: Final = "In AWS"
_OUTCOMES: Final[Mapping[str, tuple[str, str]]] = {
    "waiting": ("○", "waiting"),
    "removed": ("✓", "removed"),
    "absent": ("✓", "was gone already"),
    "left": ("✗", "still there"),
    "unknown": ("?", "not known"),
}


def groups(lines: Sequence[str]) -> list[tuple[str, list[str]]]:
    """The lines of an inventory under the places where the things are, AWS first; empty places are left out."""
    found: dict[str, list[str]] = {_IN_AWS: [], **{title: [] for title, _ in reversed(_PLACES)}}
    for line in lines:
        title = next((title for title, starts in _PLACES if line.startswith(starts)), _IN_AWS)
        found[title].append(line)
    return [(title, members) for title, members in found.items() if members]


def inventory_text(lines: Sequence[str], width: int, outcomes: Mapping[str, str] | None = None) -> Content:
    """The inventory in so many cells; with `outcomes` a sign and a word say what became of each thing."""
    text = []
    for title, members in groups(lines):
        text.append(Content.styled(title, "bold"))
        for line in members:
            glyph, word = _OUTCOMES[outcomes.get(line, "waiting")] if outcomes is not None else ("-", "")
            text.append(hanging(f"  {glyph} {word}: " if word else f"  {glyph} ", line, width, "bold"))
    return Content("\n").join(text)


class Removal(VerticalScroll, can_focus=False):
    """Shown over the output of a destroy: every line of the inventory, and what became of it.

    Args:
        session: the wizard's run and project.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(id="removal")
        self._session = session
        self._text = Static()
        self._outcomes: dict[str, str] = {}
        self._read = 0
        self._asked = False

    def compose(self) -> ComposeResult:
        """The list."""
        yield self._text

    def update_from_run(self) -> None:
        """Tick off what is gone by now."""
        shown = self._session.inventory
        self.display = bool(shown) and StepId.DESTROY in self._session.run.steps
        if not self.display:
            return
        by_words = {clean_line(line): line for line in shown}
        lines = self._session.run.view(StepId.DESTROY).lines
        for number in range(max(self._read, lines.dropped), lines.end):
            self._take(plain(lines.line(number) or ""), by_words)
        self._read = lines.end
        put(self._text, inventory_text(shown, self.size.width - 3, self._outcomes))
        end = self._session.run.end
        if end is not None and end.status is not Status.OK and not self._asked:
            self._asked = True  # a run that did not end well leaves open what is there
            self._ask()

    def _take(self, said: str, by_words: Mapping[str, str]) -> None:
        for start, outcome in ((destroy.REMOVED, "removed"), (destroy.ABSENT, "absent")):
            line = by_words.get(said.removeprefix(start)) if said.startswith(start) else None
            if line is not None:
                self._outcomes[line] = outcome

    @work(group="removal", exclusive=True)
    async def _ask(self) -> None:
        shown = self._session.inventory
        try:
            left = set(await destroy.inventory(self._session.project))
        except EcrwizError:
            left = None
        for line in shown:
            if self._outcomes.get(line, "waiting") in ("waiting", "left", "unknown"):
                self._outcomes[line] = "unknown" if left is None else "left" if line in left else "removed"
        if self.is_attached:
            self.update_from_run()
