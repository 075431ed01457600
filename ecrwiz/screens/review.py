"""What a run would make: every file against what is there, Terraform's plan, its cost. Nothing is made here."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on, work
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from ecrwiz.flow import cost, preview
from ecrwiz.flow.context import Approvals
from ecrwiz.flow.cost import Cost
from ecrwiz.flow.policy_words import Told, by_holder
from ecrwiz.flow.preview import Preview
from ecrwiz.flow.steps import render
from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.redact import plain
from ecrwiz.model.results import FileChange
from ecrwiz.screens.base import Page, bindings
from ecrwiz.screens.review_shown import Shown, lines
from ecrwiz.screens.review_tree import DECISIONS, WRITTEN, nodes
from ecrwiz.screens.session import Session
from ecrwiz.widgets.diff_view import DiffView
from ecrwiz.widgets.row_list import Column, RowList
from ecrwiz.widgets.tree_list import TreeList
from ecrwiz.widgets.waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual import events
    from textual.binding import BindingType
    from textual.widget import Widget

__all__ = ["ReviewScreen"]

SIDE_BY_SIDE: Final = 120
"""Columns of the terminal from which on two texts fit beside one another."""
LIST_BESIDE: Final = 184
"""Columns of the terminal from which on the list stands on the left."""
_TALL: Final = 32
_NOTE: Final = 27  # cells; the longest of the usual words, such as `overwritten, with a backup`


class ReviewScreen(Page[Approvals | None]):
    """Gives what the person agreed to, or None when they went back."""

    SCOPE = "review"
    TITLE_TEXT = "Review"
    BINDINGS: ClassVar[list[BindingType]] = bindings("review")
    AUTO_FOCUS = ""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._preview: Preview | None = None
        self._cost: Cost | None = None
        self._told: Told = ()
        self._decided: dict[str, str] = {}
        self._beside = False

    def body(self) -> Iterable[Widget]:
        """The tree, what the marked row shows, and the sum."""
        yield Waiting("Comparing the files and asking Terraform for a plan", id="waiting")
        with Vertical(id="both"):
            yield TreeList(Column(1), Column(0, middle=True), Column(8), Column(_NOTE), tree=1, id="things")
            yield DiffView(id="shown")
        yield Static(id="sum")

    def on_mount(self) -> None:
        """Look."""
        self._look()

    def on_resize(self, event: events.Resize) -> None:
        """What is set for the width is set anew."""
        self.set_class(event.size.width >= LIST_BESIDE, "-side")
        self._show_rows()
        self.call_after_refresh(self._show_marked)

    @work(group="preview", exclusive=True)
    async def _look(self) -> None:
        self.query_one("#both").display = False
        self.query_one(Waiting).again()
        self._sum("Nothing is made yet.")
        try:
            found = await preview.preview(self.session.project, self._hear)
        except EcrwizError as error:
            if not self.gone:
                self.query_one(Waiting).done()
                self._sum(f"✗ {error.message} {error.hint}")
            return
        answers = self.session.project.resolved.answers
        price = cost.estimate(answers, cost.image_size(self.session.project)) if answers else None
        told = await asyncio.to_thread(by_holder, found.plan)
        if self.gone:
            return
        self.query_one(Waiting).done()
        self._preview, self._cost, self._told = found, price, told
        before = self._decided
        self._decided = {file.path: before.get(file.path, "mine") for file in found.files if file.kind in render.ASKED}
        self.query_one("#both").display = True
        self._show_rows()
        self.query_one("#things", RowList).focus()
        self.call_after_refresh(self._show_marked)

    def _hear(self, said: Sequence[str]) -> None:
        if self.gone:
            return
        self.query_one(Waiting).tell(next((plain(line).strip() for line in reversed(said) if plain(line).strip()), ""))

    def _show_rows(self) -> None:
        found = self._preview
        if found is None:
            return
        sentences = sum(len(words.may) + len(words.cannot) + len(words.beware) for _, words, _ in self._told)
        tall = self.size.height >= _TALL
        self.query_one(TreeList).set_nodes(nodes(found, self._decided, self._cost, sentences, tall=tall))
        self._sum(self._what_go_does(found))

    def _what_go_does(self, found: Preview) -> str:
        written = sum(word != "mine" for word in self._decided.values())
        written += sum(file.kind in WRITTEN for file in found.files)
        files = f"write {written} file{'' if written == 1 else 's'}" if written else "leave the files as they are"
        if found.plan is None:
            return f"Nothing is made yet. g will {files}; Terraform's plan is then shown before it is applied."
        changes = len(found.plan.changes)
        plan = f"make {changes} change{'' if changes == 1 else 's'} in AWS" if changes else "change nothing in AWS"
        return f"Nothing is made yet. g will {files} and {plan}."

    def _sum(self, text: str) -> None:
        self.query_one("#sum", Static).update(Content(text))

    @on(RowList.Marked, "#things")
    def _on_marked(self, event: RowList.Marked) -> None:
        event.stop()
        self._show_marked()

    @work(group="shown", exclusive=True)
    async def _show_marked(self) -> None:
        """Lay out what belongs to the marked row; on a thread, for a file may have thousands of lines."""
        found, key = self._preview, self.query_one("#things", RowList).key
        if found is None or not key:
            return
        view = self.query_one(DiffView)
        width = max(40, view.scrollable_content_region.width)
        beside = width if self._beside and self.size.width >= SIDE_BY_SIDE else 0
        shown = Shown(found, self._decided.get(key, ""), self._cost, self._told, width, beside)
        laid_out = await asyncio.to_thread(lines, shown, key)
        if not self.gone and self.query_one("#things", RowList).key == key:
            view.show_lines(laid_out)

    def action_keep_or_overwrite(self) -> None:
        """Keep the marked file, overwrite it, or have both texts in it."""
        key = self.query_one("#things", RowList).key
        file = next((file for file in self._files() if file.path == key), None)
        if file is None or key not in self._decided:
            self.notify("Only a file that is there already and differs can be kept or overwritten.", markup=False)
            return
        words = [word for word in DECISIONS if word != "both" or file.both is not None]
        self._decided[key] = words[(words.index(self._decided[key]) + 1) % len(words)]
        self._show_rows()
        self._show_marked()

    def _files(self) -> tuple[FileChange, ...]:
        return self._preview.files if self._preview else ()

    def action_side_by_side(self) -> None:
        """Show diffs in the other way."""
        if not self._beside and self.size.width < SIDE_BY_SIDE:
            self.notify("Side by side needs a terminal that is 120 columns wide.", markup=False)
            return
        self._beside = not self._beside
        self._show_marked()

    def action_wrap(self) -> None:
        """Wrap long lines, or not."""
        view = self.query_one(DiffView)
        view.lay_out(wrap=not view.wrapped)

    def action_again(self) -> None:
        """Look again."""
        self._look()

    def action_other_pane(self) -> None:
        """Move between the tree and what it shows."""
        things = self.query_one("#things", RowList)
        (self.query_one(DiffView) if things.has_focus else things).focus()

    def action_go(self) -> None:
        """Agree to what is shown."""
        if self._preview is None:
            self.notify("Wait until the review is complete.", severity="warning", markup=False)
            return
        plan = self._preview.plan
        agreed = frozenset(plan.changes) if plan and not self._plan_may_differ() else None
        self.dismiss(Approvals(plan=agreed, files=dict(self._decided)))

    def _plan_may_differ(self) -> bool:
        """The plan was made with the files as they are: one overwritten in infra/ makes another plan."""
        if self._preview and self._preview.clash:  # the run asks where the files shall go
            return True
        folder = f"{self.session.project.paths.infra_folder}/"
        return any(path.startswith(folder) for path, word in self._decided.items() if word != "mine")

    def action_back(self) -> None:
        """Nothing is made."""
        self.dismiss(None)
