"""Where the secret is not: every place that was searched, row by row as the searches end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on, work
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ecrwiz.flow import absence
from ecrwiz.model.custody import Search
from ecrwiz.model.errors import EcrwizError
from ecrwiz.screens.base import Page, bindings
from ecrwiz.screens.session import Session
from ecrwiz.widgets.put import put
from ecrwiz.widgets.row_list import Cell, Column, Row, RowList
from ecrwiz.widgets.waiting import Waiting

if TYPE_CHECKING:
    from textual.binding import BindingType
    from textual.widget import Widget

__all__ = ["WhereScreen"]

_WORDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "secret": ("✗", "SECRET FOUND", "error"),
    "partly": ("?", "not all read", "warning"),
    "key id": ("✓", "key id only", "success"),
    "clean": ("✓", "not there", "success"),
}


class WhereScreen(Page[None]):
    """A row for each kind of place, the marked one in full below."""

    SCOPE = "where"
    TITLE_TEXT = "Where the secret is"
    BINDINGS: ClassVar[list[BindingType]] = bindings("where")
    AUTO_FOCUS = "#places"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._found: list[Search] = []
        self.searching = False
        # Held, not looked up: a search may end while the screen is being taken apart.
        self._waiting = Waiting("Searching for the secret and the key id", id="waiting")
        self._places = RowList(
            Column(1),
            Column(0, title="Place"),
            Column(12, title="Result"),
            Column(26, title="Read", from_width=90),
            id="places",
        )
        self._about = Static(id="about-text")
        self._sum = Static(id="sum")

    def body(self) -> Iterable[Widget]:
        """What is searched for, the places, the marked one in full, the sum."""
        yield self._waiting
        yield self._places
        with VerticalScroll(id="about", can_focus=False):
            yield self._about
        yield self._sum

    def on_mount(self) -> None:
        """Begin to search."""
        self._search()

    @work(group="search", exclusive=True)
    async def _search(self) -> None:
        self._found.clear()
        self.searching = True
        self._waiting.again()
        self._show()
        problem = ""
        try:
            self._found = list(await absence.search(self.session.project, self._take))
        except EcrwizError as error:
            problem = f"✗ {error.message} {error.hint}".rstrip()
        finally:
            self.searching = False
        if not self.gone:
            self._waiting.done()
            self._show(problem)

    def _take(self, found: Search) -> None:
        self._found.append(found)
        if not self.gone:
            self._waiting.tell(f"{len(self._found)} places done, {found.place} last")
            self._show()

    def _show(self, problem: str = "") -> None:
        self._places.set_rows([Row(str(number), _cells(found)) for number, found in enumerate(self._found)])
        put(self._sum, problem or summary(self._found, done=not self.searching))
        self._show_about()

    @on(RowList.Marked, "#places")
    def _on_marked(self, event: RowList.Marked) -> None:
        event.stop()
        self._show_about()

    def _show_about(self) -> None:
        key = self._places.key
        put(self._about, Content("\n".join(in_full(self._found[int(key)])) if key else ""))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """There is nothing to copy before something was found."""
        return bool(self._found) or action != "copy"

    def action_again(self) -> None:
        """Search again."""
        if self.searching:
            self.notify("The search is still going on.", markup=False)
        else:
            self._search()

    def action_copy(self) -> None:
        """Copy the result, or what is selected by the mouse."""
        self.app.copy_to_clipboard(self.get_selected_text() or as_text(self._found))

    def action_back(self) -> None:
        """Go back; a search that goes on is ended."""
        self.dismiss(None)


def summary(found: Sequence[Search], *, done: bool) -> str:
    """The result in one sentence, with what to do when the secret lies about."""
    secrets = [search.place for search in found if search.secret]
    partly = sum(not search.complete for search in found)
    if secrets:
        return f"✗ The secret is in {', '.join(secrets)}. Rotate the key, then remove it there."
    if not done:
        return f"{len(found)} places searched so far, the secret is in none of them."
    more = f"; {partly} could not be read wholly" if partly else ""
    return f"The secret is in none of the {len(found)} places that were searched{more}."


def in_full(found: Search) -> list[str]:
    """One kind of place: what was read and every find."""
    lines = [found.place, f"Read: {found.looked_at}"]
    lines += [f"secret: {line}" for line in found.secret]
    return lines + [f"key id: {line}" for line in found.key_id]


def as_text(found: Sequence[Search]) -> str:
    """The result as plain text."""
    blocks = []
    for search in found:
        glyph, word, _ = _WORDS[_kind(search)]
        blocks.append("\n".join([f"{glyph} {word}: {search.place}", *(f"  {line}" for line in in_full(search)[1:])]))
    return "\n".join([*blocks, summary(found, done=True)]) + "\n"


def _kind(found: Search) -> str:
    if found.secret:
        return "secret"
    if not found.complete:
        return "partly"
    return "key id" if found.key_id else "clean"


def _cells(found: Search) -> tuple[Cell, ...]:
    glyph, word, tone = _WORDS[_kind(found)]
    return (Cell(glyph, tone), Cell(found.place, "strong"), Cell(word, tone), Cell(found.looked_at, "muted"))
