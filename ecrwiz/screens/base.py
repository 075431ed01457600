"""What all screens share: bindings from the registry, top line, footer, news of the run, a word on size."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer

from ecrwiz.actions import in_scope
from ecrwiz.flow.events import Event
from ecrwiz.screens.session import Session
from ecrwiz.screens.words import clock_text
from ecrwiz.widgets.bars import TooSmall, TopBar

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.widget import Widget

__all__ = ["MIN_HEIGHT", "MIN_WIDTH", "Page", "bindings"]

MIN_WIDTH, MIN_HEIGHT = 70, 20

R = TypeVar("R")


def bindings(scope: str) -> list[BindingType]:
    """The bindings of a screen, from the registry."""
    return [
        Binding(action.keys, action.name, action.label, show=action.shown, tooltip=action.explain, id=action.id)
        for action in in_scope(scope)
    ]


class Page(Screen[R], Generic[R]):
    """A full screen.

    Children set `SCOPE`, `TITLE_TEXT` and `BINDINGS = bindings(SCOPE)`, and give their widgets in `body`.
    """

    SCOPE: ClassVar[str] = ""
    TITLE_TEXT: ClassVar[str] = ""
    BINDINGS: ClassVar[list[BindingType]] = []
    AUTO_FOCUS: ClassVar[str | None] = "*"
    NEEDS_REST: ClassVar[frozenset[str]] = frozenset()  # actions that only say why not while a run goes on

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._bar = TopBar(self._headline())

    def title_text(self) -> str:
        """The screen's name, with the project's when it is known."""
        answers = self.session.project.resolved.answers
        which = f" · {answers.project_id} ({answers.env})" if answers else ""
        return f"ecrwiz · {self.TITLE_TEXT}{which}"

    def _headline(self) -> str:
        looks = "read-only" if self.session.project.tools.settings.read_only else ""
        return " · ".join(part for part in (self.title_text(), self.session.world, looks) if part)

    def compose(self) -> ComposeResult:
        """Top line, body, footer."""
        yield self._bar
        yield from self.body()
        yield Footer(show_command_palette=False)
        yield TooSmall(MIN_WIDTH, MIN_HEIGHT)

    @property
    def is_current(self) -> bool:
        """Whether it may draw itself: only in front.

        Textual would let the screen under another one draw too, even an opaque one; once something in that changes,
        both are drawn again and again for as long as they lie so. Coming back to the front draws everything anew.
        """
        return self.is_active

    @property
    def gone(self) -> bool:
        """Whether it was closed; a worker that waited for something then has nothing to show it on."""
        return self not in self.app.screen_stack or not self.query(Footer)  # an App that ends takes the widgets first

    def body(self) -> Iterable[Widget]:
        """The screen's own widgets."""
        return ()

    def on_mount(self) -> None:
        """Listen to the run."""
        self.session.events.subscribe(self, self._news)
        self.set_interval(0.5, self._tick)
        self._tick()

    def on_run_events(self, events: tuple[Event, ...]) -> None:
        """Something happened in the run; the state already holds it."""

    def on_second(self) -> None:
        """Called twice a second while a run is going on."""

    def _news(self, events: tuple[Event, ...]) -> None:
        self.on_run_events(events)
        self._tick()

    def _tick(self) -> None:
        if not self.is_active:
            return
        self._bar.set_title(self._headline())
        self._bar.set_state(self._run_state())
        if self.session.busy:
            self.on_second()

    def _run_state(self) -> str:
        run = self.session.run
        if not self.session.busy:
            return ""
        elapsed = clock_text(time.monotonic() - run.began)
        what = "stopping" if run.stopping else ", ".join(run.running) or "starting"
        return f"▶ {what} · {elapsed}"
