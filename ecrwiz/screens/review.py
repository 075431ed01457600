"""What a run would make: every file against what is there, and Terraform's plan. Nothing is made here."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on, work
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import ContentSwitcher, Static

from ecrwiz.flow import preview
from ecrwiz.flow.context import Approvals
from ecrwiz.flow.preview import Preview
from ecrwiz.flow.steps import render
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
FINDINGS: Final = "findings"

_KINDS: Final = {
    "new": ("+", "success", "is written"),
    "added": ("+", "success", "lines are added"),
    "updated": ("~", "success", "updated, untouched by you"),
    "merged": ("~", "success", "merged, with a backup"),
    "conflict": ("!", "error", ""),
    "changed": ("~", "warning", ""),
    "yours": ("=", "muted", "stays as you changed it"),
    "removed": ("-", "warning", "removed, with a backup"),
    "left": ("=", "muted", "not rendered any more, stays"),
    "same": ("=", "muted", "stays as it is"),
}
_WRITTEN: Final = ("new", "added", "updated", "merged")
_DECISIONS: Final = {
    "mine": "kept (space: overwrite)",
    "new": "overwritten, with a backup",
    "both": "both, conflicts marked",
}


class ReviewScreen(Page[Approvals | None]):
    """Gives what the person agreed to, or None when they went back."""

    SCOPE = "review"
    TITLE_TEXT = "Review"
    BINDINGS: ClassVar[list[BindingType]] = bindings("review")
    AUTO_FOCUS = ""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._preview: Preview | None = None
        self._decided: dict[str, str] = {}

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
        before = self._decided
        self._decided = {file.path: before.get(file.path, "mine") for file in found.files if file.kind in render.ASKED}
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
        rows = [Row(FINDINGS, _finding_cells(found))] if _finding_lines(found) else []
        rows.append(Row(PLAN, _plan_cells(found)))
        rows += [Row(file.path, self._file_cells(file)) for file in found.files]
        self.query_one("#things", RowList).set_rows(rows)
        self._sum(self._what_go_does(found))

    def _what_go_does(self, found: Preview) -> str:
        written = sum(word != "mine" for word in self._decided.values())
        written += sum(file.kind in _WRITTEN for file in found.files)
        files = f"write {written} file{'' if written == 1 else 's'}" if written else "leave the files as they are"
        if found.plan is None:
            return f"Nothing is made yet. g will {files}; Terraform's plan is then shown before it is applied."
        changes = len(found.plan.changes)
        plan = f"make {changes} change{'' if changes == 1 else 's'} in AWS" if changes else "change nothing in AWS"
        return f"Nothing is made yet. g will {files} and {plan}."

    def _file_cells(self, file: FileChange) -> tuple[Cell, ...]:
        sign, tone, words = _KINDS.get(file.kind, ("?", "", ""))
        decision = self._decided.get(file.path)
        note = Cell(_DECISIONS[decision], "warning") if decision else Cell(words, "muted")
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
        if key == FINDINGS:
            width = max(40, self.size.width - 6)
            return "\n".join(part for line in _finding_lines(found) for part in _wrapped(line, width))
        file = next((file for file in found.files if file.path == key), None)
        if file is None:
            return ""
        if file.kind == "left":
            return f"{file.path} is rendered no longer, and you changed it: it stays. Remove it yourself."
        if file.kind == "yours":
            return f"{file.path} was changed by you alone since ecrwiz wrote it: it stays."
        if self._decided.get(key) == "both":
            return file.both or ""
        return file.diff or f"{file.path} is the same as what would be written."

    def action_keep_or_overwrite(self) -> None:
        """Keep the marked file, overwrite it, or have both texts in it."""
        key = self.query_one("#things", RowList).key
        file = next((file for file in self._files() if file.path == key), None)
        if file is None or key not in self._decided:
            self.notify("Only a file that is there already and differs can be kept or overwritten.", markup=False)
            return
        words = [word for word in _DECISIONS if word != "both" or file.both is not None]
        self._decided[key] = words[(words.index(self._decided[key]) + 1) % len(words)]
        self._show_rows()
        self._show_marked()

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


def _finding_lines(found: Preview) -> list[str]:
    lines = [line for note in sorted(found.notes, key=lambda note: not note.warning) for line in note.lines]
    lines += [f"! warning: Terraform may run a program on this machine: {line}." for line in found.programs]
    return _clash_lines(found) + lines + [f"- {line}" for line in found.existing]


def _clash_lines(found: Preview) -> list[str]:
    if found.clash is None:
        return []
    lines = [f"! warning: {found.clash.message}"]
    if not found.beside:
        return [*lines, f"    {found.clash.hint}"]
    return [
        *lines,
        "    Files and plan are shown as they would be beside it, in infra/ecrwiz.",
        '    A run asks where they shall go; you can say it before, at "Terraform in" among the answers.',
    ]


def _wrapped(line: str, width: int) -> list[str]:
    return textwrap.wrap(line, width, subsequent_indent="    ", replace_whitespace=False, drop_whitespace=False)


def _finding_cells(found: Preview) -> tuple[Cell, ...]:
    warnings = sum(note.warning for note in found.notes) + len(found.programs) + bool(found.clash)
    tone = "warning" if warnings else "muted"
    others = len(found.notes) + len(found.existing)
    count = f"{warnings} warning{'' if warnings == 1 else 's'}" if warnings else f"{others} to know"
    return (Cell("!" if warnings else "i", tone), Cell("Findings", "strong"), Cell("notes", tone), Cell(count, tone))


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
        "to import": plan.count("import"),
        "to add": plan.count("create", "replace"),
        "to change": plan.count("update"),
        "to destroy": plan.count("delete", "replace"),
    }
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "other changes"
