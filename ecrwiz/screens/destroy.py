"""What destroy would remove, and the typed confirmation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from ecrwiz.flow.steps import destroy
from ecrwiz.model.errors import EcrwizError
from ecrwiz.screens.base import Page, bindings
from ecrwiz.screens.removal import inventory_text
from ecrwiz.widgets.waiting import Waiting

if TYPE_CHECKING:
    from textual.binding import BindingType
    from textual.widget import Widget

__all__ = ["DestroyScreen"]


class DestroyScreen(Page[tuple[str, ...]]):
    """Gives the list that was shown when the person typed the project's id below it, and None otherwise."""

    SCOPE = "destroy"
    TITLE_TEXT = "Destroy"
    BINDINGS: ClassVar[list[BindingType]] = bindings("destroy")
    AUTO_FOCUS = ""

    _found: tuple[str, ...] = ()

    def body(self) -> Iterable[Widget]:
        """What will go, and the field."""
        yield Waiting("Looking at what exists", id="waiting")
        with VerticalScroll(id="inventory"):
            yield Static(id="things")
        yield Static(id="ask")
        yield Input(compact=True, id="typed", disabled=True)
        yield Static(id="note")

    def on_mount(self) -> None:
        """Look at what exists."""
        self._look()

    @work(group="inventory", exclusive=True)
    async def _look(self) -> None:
        project = self.session.project
        try:
            name = project.answers.project_id
            self._found = found = await destroy.inventory(project)
        except EcrwizError as error:
            self._show(f"✗ {error.message}\n{error.hint}")
            return
        if not found:
            self._show("Nothing that ecrwiz made is left here.")
            return
        self._list()
        if self.gone:
            return
        self.query_one("#ask", Static).update(Content(f"Type {name} and press enter to remove all of it:"))
        typed = self.query_one("#typed", Input)
        typed.disabled = False
        typed.focus()

    def on_resize(self) -> None:
        """Long lines are broken at the width."""
        if self._found:
            self._list()

    def _list(self) -> None:
        head = Content.styled("These will be removed for good:\n", "bold")
        self._show(Content("\n").join([head, inventory_text(self._found, self.size.width - 6)]))

    def _show(self, shown: str | Content) -> None:
        if self.gone:
            return
        self.query_one(Waiting).done()
        self.query_one("#things", Static).update(Content(shown) if isinstance(shown, str) else shown)

    @on(Input.Submitted, "#typed")
    def _on_typed(self, event: Input.Submitted) -> None:
        event.stop()
        wanted = self.session.project.answers.project_id
        if event.value.strip() == wanted:
            self.dismiss(self._found)
        else:
            note = f"✗ That is not {wanted}; nothing was removed."
            self.query_one("#note", Static).update(Content(note))

    def action_back(self) -> None:
        """Nothing is removed."""
        self.dismiss(None)
