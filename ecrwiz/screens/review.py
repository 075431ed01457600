"""What a run would make: every file against what is there, and Terraform's plan. Nothing is made here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on, work
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import ContentSwitcher, Static

from ecrwiz.flow import preview
from ecrwiz.flow.context import Approvals
from ecrwiz.flow.preview import Preview
from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.redact import plain
from ecrwiz.model.results import FileChange, Plan
from ecrwiz.screens.base import Page, bindings
from ecrwiz.screens.session import Session
from ecrwiz.widgets.diff_view import DiffView
from ecrwiz.widgets.plan_list import PlanList
from ecrwiz.widgets.row_list import Cell, Column, Row, RowList
from ecrwiz.widgets.waiting import Waiting

if TYPE_CHECKING:
    from textual.binding import BindingType
    from textual.widget import Widget

__all__ = ["ReviewScreen"]

PLAN: Final = "terraform plan"

_KINDS: Final = {
    "new": ("+", "success"),
    "added": ("+", "success"),
    "changed": ("~", "warning"),
    "same": ("=", "muted"),
}

_NOTES: Final = {"new": "is written", "added": "lines are added", "same": "stays as it is"}


class ReviewScreen(Page[Approvals | None]):
    """Gives what the person agreed to, or None when they went back."""

    SCOPE = "review"
    TITLE_TEXT = "Review"
    BINDINGS: ClassVar[list[BindingType]] = bindings("review")
    AUTO_FOCUS = ""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._preview: Preview | None = None
        self._overwrite: set[str] = set()

    def body(self) -> Iterable[Widget]:
        """The list, what the marked row shows, and the sum."""
        yield Waiting("Comparing the files and asking Terraform for a plan", id="waiting")
        with Vertical(id="both"):
            yield RowList(Column(1), Column(34), Column(8), Column(0), id="things")
            with ContentSwitcher(initial="text", id="shown"):
                yield DiffView(id="text")
                yield PlanList(id="plan")
        yield Static(id="sum")

    def on_mount(self) -> None:
        """Look."""
        super().on_mount()
        self._look()

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
        if self.gone:
            return
        self.query_one(Waiting).done()
        self._preview = found
        self._overwrite &= {file.path for file in found.files if file.kind == "changed"}
        self.query_one("#both").display = True
        self._show_rows()
        self.query_one("#things", RowList).focus()
        self._show_marked()

    def _hear(self, lines: Sequence[str]) -> None:
        if self.gone:
            return
        said = next((plain(line).strip() for line in reversed(lines) if plain(line).strip()), "")
        self.query_one(Waiting).tell(said)

    def _show_rows(self) -> None:
        found = self._preview
        if found is None:
            return
        rows = [Row(PLAN, _plan_cells(found))]
        rows += [Row(file.path, self._file_cells(file)) for file in found.files]
        self.query_one("#things", RowList).set_rows(rows)
        self._sum(self._what_go_does(found))

    def _what_go_does(self, found: Preview) -> str:
        written = len(self._overwrite) + sum(file.kind in ("new", "added") for file in found.files)
        files = f"write {written} file{'' if written == 1 else 's'}" if written else "leave the files as they are"
        if found.plan is None:
            return f"Nothing is made yet. g will {files}; Terraform's plan is then shown before it is applied."
        changes = len(found.plan.changes)
        plan = f"make {changes} change{'' if changes == 1 else 's'} in AWS" if changes else "change nothing in AWS"
        return f"Nothing is made yet. g will {files} and {plan}."

    def _file_cells(self, file: FileChange) -> tuple[Cell, ...]:
        sign, tone = _KINDS.get(file.kind, ("?", ""))
        if file.kind != "changed":
            note = Cell(_NOTES.get(file.kind, ""), "muted")
        elif file.path in self._overwrite:
            note = Cell("overwritten, with a backup", "warning")
        else:
            note = Cell("kept (space: overwrite)", "warning")
        return (Cell(sign, tone), Cell(file.path), Cell(file.kind, tone), note)

    def _sum(self, text: str) -> None:
        self.query_one("#sum", Static).update(Content(text))

    @on(RowList.Marked, "#things")
    def _on_marked(self, event: RowList.Marked) -> None:
        event.stop()
        self._show_marked()

    def _show_marked(self) -> None:
        found, key = self._preview, self.query_one("#things", RowList).key
        if found is None:
            return
        switcher = self.query_one(ContentSwitcher)
        if key == PLAN and found.plan is not None and found.plan.changes:
            switcher.current = "plan"
            self.query_one(PlanList).show_plan(found.plan)
            return
        switcher.current = "text"
        self.query_one(DiffView).show_text(self._text(found, key))

    def _text(self, found: Preview, key: str) -> str:
        if key == PLAN:
            if found.problem:
                return f"Terraform could not plan.\n\n{found.problem.message}\n{found.problem.hint}"
            return "Terraform would change nothing: everything exists as planned."
        file = next((file for file in found.files if file.path == key), None)
        if file is None:
            return ""
        return file.diff or f"{file.path} is the same as what would be written."

    def action_keep_or_overwrite(self) -> None:
        """Keep the marked file or overwrite it."""
        key = self.query_one("#things", RowList).key
        file = next((file for file in self._files() if file.path == key), None)
        if file is None or file.kind != "changed":
            self.notify("Only a file that is there already and differs can be kept or overwritten.", markup=False)
            return
        self._overwrite ^= {key}
        self._show_rows()

    def _files(self) -> tuple[FileChange, ...]:
        return self._preview.files if self._preview else ()

    def action_again(self) -> None:
        """Look again."""
        self._look()

    def action_other_pane(self) -> None:
        """Move between the list and what it shows."""
        things = self.query_one("#things", RowList)
        switcher = self.query_one(ContentSwitcher)
        shown = self.query_one(f"#{switcher.current}")
        (shown if things.has_focus else things).focus()

    def action_go(self) -> None:
        """Agree to what is shown."""
        if self._preview is None:
            self.notify("Wait until the review is complete.", severity="warning", markup=False)
            return
        plan = self._preview.plan
        agreed = frozenset(plan.changes) if plan and not self._plan_may_differ() else None
        self.dismiss(Approvals(plan=agreed, files=frozenset(self._overwrite)))

    def _plan_may_differ(self) -> bool:
        """The plan was made with the files as they are: one overwritten in infra/ makes another plan."""
        return any(path.startswith("infra/") for path in self._overwrite)

    def action_back(self) -> None:
        """Nothing is made."""
        self.dismiss(None)


def _plan_cells(found: Preview) -> tuple[Cell, ...]:
    plan: Plan | None = found.plan
    if plan is None:
        note = found.problem.message if found.problem else ""
        return (Cell("✗", "error"), Cell("Terraform plan", "strong"), Cell("none", "error"), Cell(note, "error"))
    if not plan.changes:
        return (Cell("=", "muted"), Cell("Terraform plan", "strong"), Cell("same", "muted"), Cell("no change", "muted"))
    gone = plan.count("delete", "replace")
    tone = "error" if gone else "success"
    return (
        Cell("±" if gone else "+", tone),
        Cell("Terraform plan", "strong"),
        Cell("plan", tone),
        Cell(_counts(plan), tone),
    )


def _counts(plan: Plan) -> str:
    """Terraform's sum without what is zero."""
    counts = {
        "to add": plan.count("create", "replace"),
        "to change": plan.count("update"),
        "to destroy": plan.count("delete", "replace"),
    }
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "other changes"
