"""GitHub: which secrets and variables it has, what an export would change, and what became of each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on, work
from textual.containers import VerticalScroll
from textual.widgets import Static

from ecrwiz.flow import github_plan
from ecrwiz.flow.context import Approvals
from ecrwiz.flow.events import StepId
from ecrwiz.keymap import shown_key
from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.github_plan import Entry, GithubPlan
from ecrwiz.screens.base import bindings
from ecrwiz.screens.desk import Desk
from ecrwiz.screens.github_view import (
    about_entry,
    can_choose,
    decided,
    key_of,
    outcomes,
    place_text,
    row,
    split_key,
    sum_text,
    together,
)
from ecrwiz.screens.modals import ButtonsModal, Choice
from ecrwiz.screens.session import Session
from ecrwiz.widgets.put import put
from ecrwiz.widgets.row_list import Column, RowList
from ecrwiz.widgets.waiting import Waiting

if TYPE_CHECKING:
    from textual.binding import BindingType
    from textual.widget import Widget

__all__ = ["GithubScreen"]

LOOK_SECONDS: Final = 60.0

_REHEARSE: Final = (
    "The files of this folder are committed on top of the default branch, onto a branch of their own:",
    "ecrwiz/rehearsal, through GitHub's API; no other branch and no pull request is touched.",
    "The workflow then runs there, is followed here to its end, and a failure is explained.",
    "The branch is deleted afterwards, and so is the image that the run pushed.",
    "A private repository uses some of its Actions minutes for it.",
)


class GithubScreen(Desk):
    """The place, a row for each name, the marked one in full, and what an export would do."""

    SCOPE = "github"
    TITLE_TEXT = "GitHub"
    BINDINGS: ClassVar[list[BindingType]] = bindings("github")
    AUTO_FOCUS = "#entries"
    NEEDS_REST = frozenset({"export", "rehearse", "answers"})

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._plan: GithubPlan | None = None
        self._choices: dict[str, str] = {}
        self._sent: tuple[GithubPlan, dict[str, str]] | None = None
        self._became: dict[str, str] = {}
        # Held, not looked up: an answer may come while the screen is being taken apart.
        self._waiting = Waiting("Asking GitHub", id="waiting")
        self._place = Static(id="place")
        self._entries = RowList(
            Column(1),
            Column(8, title="Kind"),
            Column(0, title="Name"),
            Column(16, title="On GitHub"),
            Column(8, title="Export"),
            Column(10, title="Result"),
            id="entries",
        )
        self._about = Static(id="about-text")
        self._sum = Static(id="sum")

    def body(self) -> Iterable[Widget]:
        """The place, the names, the marked one in full, what an export would do."""
        yield self._waiting
        yield self._place
        yield self._entries
        with VerticalScroll(id="about", can_focus=False):
            yield self._about
        yield self._sum

    def on_mount(self) -> None:
        """Ask GitHub."""
        self.look()

    @work(group="github", exclusive=True)
    async def look(self) -> None:
        """Ask anew, off the loop."""
        self._waiting.again()
        problem = ""
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                self._plan = await github_plan.look(self.session.project)
        except EcrwizError as error:
            problem = f"✗ {error.message}\n{error.hint}".rstrip()
        except TimeoutError:
            problem = f"✗ GitHub did not answer within {LOOK_SECONDS:.0f} seconds. Ask again with {self._key('again')}."
        if self.gone:
            return
        self._waiting.done()
        if problem:
            put(self._place, problem)
        else:
            self._take_outcomes()
            self._show()
        self.refresh_bindings()

    def _take_outcomes(self) -> None:
        """Compare with what was sent, when something was."""
        if self._sent is None or self._plan is None:
            return
        error = self.session.run.problem
        view = self.session.run.steps.get(StepId.GITHUB)
        error = error or (view.error if view else None)
        problem = "" if self.ended_well(StepId.GITHUB) else (error.message if error else "the export was stopped")
        before, choices = self._sent
        self._became = outcomes(before, choices, self._plan, problem)
        self._sent = None
        # What was not sent is still to be done as it was chosen.
        if before.entries != self._plan.entries or not problem:
            self._choices.clear()

    def _show(self) -> None:
        plan = self._plan
        if plan is None or self.gone:
            return
        put(self._place, place_text(plan, max(40, self.size.width - 4)))
        actions = decided(plan.entries, self._choices)
        self._entries.set_rows(
            [row(entry, actions[key_of(entry)], self._became.get(key_of(entry), "")) for entry in plan.entries]
        )
        put(self._sum, sum_text(plan, self._choices, self._key("export")) if plan.problem is None else "")
        self._sum.display = plan.problem is None
        self._show_about()

    def _show_about(self) -> None:
        entry = self._marked()
        if entry is None or self._plan is None:
            put(self._about, "")
            return
        key, entries = key_of(entry), self._plan.entries
        action, became = decided(entries, self._choices)[key], self._became.get(key, "")
        put(self._about, about_entry(entry, entries, action, became, self._key("keep_or_replace")))

    def _marked(self) -> Entry | None:
        key = self._entries.key
        entries = self._plan.entries if self._plan else ()
        return next((entry for entry in entries if key_of(entry) == key), None)

    @on(RowList.Marked, "#entries")
    def _on_marked(self, event: RowList.Marked) -> None:
        event.stop()
        self._show_about()

    def on_resize(self) -> None:
        """The place is set for the width."""
        self._show()

    def _key(self, name: str) -> str:
        return shown_key(f"github.{name}", self.session.keymap)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Only the keys that can do something now."""
        usable = self._plan is not None and self._plan.problem is None
        if action in ("export", "rehearse"):
            return usable
        if action == "keep_or_replace":
            return usable and bool(self._plan and self._plan.entries)
        return True

    # What the keys do.

    def action_keep_or_replace(self) -> None:
        """Keep the marked entry, or replace it; a key's id and its secret go together."""
        entry, plan = self._marked(), self._plan
        if entry is None or plan is None:
            return
        if not can_choose(entry, plan.entries):
            self.notify("Only what is there with another value can be kept or replaced.", markup=False)
            return
        other = "keep" if decided(plan.entries, self._choices)[key_of(entry)] == "replace" else "replace"
        self._choices |= {one.name: other for one in together(entry, plan.entries)}
        self._became.clear()
        self._show()

    def action_export(self) -> None:
        """Send what the table says."""
        plan = self._plan
        if plan is None or not self.rests():
            return
        actions = decided(plan.entries, self._choices)
        if half := split_key(plan.entries, actions):
            words = f"{half} is half of a key, and its other half is sent: mark it, and replace it with"
            self.notify(f"{words} {self._key('keep_or_replace')}.", severity="warning", markup=False)
            return
        # What was shown, and nothing else, is what they agreed to.
        shown = {e.name: actions[key_of(e)] for e in plan.entries if actions[key_of(e)] in ("keep", "replace")}
        self._sent, self._became = (plan, shown), {}
        self.do(StepId.GITHUB, Approvals(entries=shown))

    def action_rehearse(self) -> None:
        """Ask, then run the workflow on a branch of its own."""
        if not self.rests():
            return
        choices: tuple[Choice, ...] = (("back", "Back", "default"), ("go", "Rehearse", "primary"))

        def answered(reply: object) -> None:
            if reply == "go":
                self.do(StepId.REHEARSE)

        self.app.push_screen(ButtonsModal("Rehearse the workflow on GitHub?", _REHEARSE, choices, "back"), answered)

    def came_back(self, step: StepId) -> None:
        """GitHub may list something else now."""
        if not self.session.busy:
            self.look()
        if step is StepId.REHEARSE and self.ended_well(step):
            self.notify("The workflow ran well on GitHub.", title="Rehearsed", markup=False)

    def action_answers(self) -> None:
        """Change the repository or the environment in the form."""
        if self.rests():
            self.dismiss("answers")

    def action_again(self) -> None:
        """Ask again."""
        self._became.clear()
        self.look()

    def action_back(self) -> None:
        """Back to Home."""
        self.dismiss("")
