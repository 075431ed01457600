"""From the access key to a role, stage by stage; it may stop after each, and goes on from there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from textual import work
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ecrwiz.flow import move
from ecrwiz.flow.context import Approvals
from ecrwiz.flow.events import RunFinished, Status, StepId
from ecrwiz.keymap import shown_key
from ecrwiz.model.errors import EcrwizError
from ecrwiz.screens.base import Page, bindings
from ecrwiz.screens.run import RunScreen
from ecrwiz.screens.session import Session
from ecrwiz.screens.words import status_words
from ecrwiz.widgets.put import put

if TYPE_CHECKING:
    from textual.binding import BindingType
    from textual.widget import Widget

__all__ = ["MoveScreen"]

_WHY: Final = (
    "GitHub's workflows then get credentials for some minutes from AWS itself, and no secret is kept anywhere.",
    "Until the role has been proven and the default branch uses it, the key works as before.",
)


class MoveScreen(Page[None]):
    """The stages, and what is next."""

    SCOPE = "move"
    TITLE_TEXT = "From the key to a role"
    BINDINGS: ClassVar[list[BindingType]] = bindings("move")
    AUTO_FOCUS = "#stages"
    NEEDS_REST = frozenset({"go"})

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._at = -1  # the stage at work
        self._done = -1  # not known yet
        self._moving = False
        # Held, not looked up: the move may end while the screen is being taken apart.
        self._stages = Static(id="stages-text")
        self._next = Static(id="next")

    def body(self) -> Iterable[Widget]:
        """Why, the stages, what is next."""
        with VerticalScroll(id="stages"):
            yield Static(Content("\n".join(_WHY)), id="why")
            yield self._stages
        yield self._next

    def on_mount(self) -> None:
        """Show what will be done, and look how much of it is."""
        self._show("Looking how far it is…")
        self._look()

    @work(group="move", exclusive=True)
    async def _look(self) -> None:
        begins = f"{shown_key('move.go', self.session.keymap)} begins, or goes on."
        try:
            found = await move.where(self.session.project)
        except EcrwizError as error:
            self._show(f"It is not known how far it is: {error.message} {error.hint}".rstrip() + f"\n{begins}")
            return
        self._end(found.done, f"✓ {found.next}" if found.exit_code == 0 else f"{found.next} {begins}")

    def _show(self, text: str = "") -> None:
        if self.gone:
            return
        lines = []
        for number, stage in enumerate(move.STAGES):
            status = Status.NOT_RUN
            if number < self._done:
                status = Status.OK
            elif self._moving and number == self._at:
                status = Status.RUNNING
            glyph, word, _ = status_words(status)
            if status is Status.NOT_RUN:
                glyph, word = ("?", "unknown") if self._done < 0 else (glyph, "to do")
            lines.append(Content.assemble(f"{glyph} ", (f"{word:<8}", "bold"), f" {number + 1}. {stage}"))
        put(self._stages, Content("\n").join(lines))
        if text:
            put(self._next, text)
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Nothing is begun twice."""
        return action != "go" or not self._moving

    def action_go(self) -> None:
        """Begin, or go on."""
        if self.session.busy:
            self.notify("A run is going on; this waits for its end.", markup=False)
        elif not self._moving:
            self._go()

    @work(group="move", exclusive=True)
    async def _go(self) -> None:
        self._moving, self._at = True, 0
        self._show("Looking how far it is…")
        try:
            found = await move.to_oidc(self.session.project, self._drive, self._say)
        except EcrwizError as error:
            self._end(self._done, f"✗ {error.message} {error.hint}".rstrip())
            return
        finally:
            self._moving = False
        self._end(found.done, f"{'✓' if found.exit_code == 0 else '!'} {found.next}")

    def _end(self, done: int, text: str) -> None:
        self._done, self._moving = done, False
        self._show(text)

    def _say(self, line: str) -> None:
        """A line such as `2 of 5: ...` says which stage is at work."""
        number, _, _ = line.partition(" of ")
        if number.isdecimal():
            self._at = int(number) - 1
            self._done = max(self._done, self._at)
        self._show(line)

    async def _drive(self, steps: Sequence[StepId], force: bool, entries: Mapping[str, str]) -> RunFinished:
        """Run steps on the Run screen; one that ended well leads back here."""
        closed = asyncio.Event()
        if not self.session.start(steps, force=force, approvals=Approvals(entries=entries)):
            return RunFinished("", Status.FAILED, 0.0, 1)
        self.app.push_screen(RunScreen(self.session, leads_to="back"), lambda _: closed.set())
        await self.session.ended()
        end = self.session.run.end
        if end is None:
            return RunFinished("", Status.CANCELLED, 0.0, 130)
        if end.exit_code == 0:
            await closed.wait()
        return end

    def action_back(self) -> None:
        """Leave; a stage that is at work ends, and none is begun after it."""
        self.dismiss(None)
