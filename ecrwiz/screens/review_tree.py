"""The rows of the review: what was found, the plan by action, cost and permissions, the files by folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ecrwiz.flow.cost import Cost
from ecrwiz.flow.preview import Preview
from ecrwiz.model.redact import plain
from ecrwiz.model.results import FileChange, Plan, PlannedChange
from ecrwiz.widgets.row_list import Cell
from ecrwiz.widgets.tree_list import Node

__all__ = [
    "ACTIONS",
    "COST",
    "DECISIONS",
    "FINDINGS",
    "PLAN",
    "POLICY",
    "WRITTEN",
    "action_of",
    "counts",
    "folder_of",
    "nodes",
]

FINDINGS: Final = ":findings"
PLAN: Final = ":plan"
COST: Final = ":cost"
POLICY: Final = ":policy"
_ACTION: Final = ":action "
_FOLDER: Final = ":folder "
_EMPTY: Final = Cell("")

# Terraform's actions in the order in which they matter: sign, tone, what it means.
ACTIONS: Final[Mapping[str, tuple[str, str, str]]] = {
    "delete": ("-", "error", "deleted for good"),
    "replace": ("±", "error", "deleted, and made anew"),
    "import": ("<", "accent", "comes under Terraform"),
    "update": ("~", "warning", "changed in place"),
    "create": ("+", "success", "new in AWS"),
}
_UNKNOWN: Final = ("?", "", "")

_KINDS: Final[Mapping[str, tuple[str, str, str]]] = {
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
WRITTEN: Final = ("new", "added", "updated", "merged")
"""Kinds of change that are written without a question."""
DECISIONS: Final[Mapping[str, str]] = {
    "mine": "kept (space: overwrite)",
    "new": "overwritten, with a backup",
    "both": "both, conflicts marked",
}
"""What may become of a file that the person decides about."""


def nodes(found: Preview, decided: Mapping[str, str], cost: Cost | None, sentences: int, *, tall: bool) -> list[Node]:
    """All rows.

    Args:
        found: what would be done.
        decided: the person's word for each file that they decide about.
        cost: the estimate; None when there are no answers to make it from.
        sentences: how many sentences tell what CI may do.
        tall: there is room for the plan's resources at once.
    """
    rows = [_findings(found)] if found.notes or found.programs or found.existing or found.clash else []
    rows.append(_plan(found, shut=not tall))
    if cost is not None:
        rows.append(
            Node(COST, (Cell("$", "muted"), Cell("Cost per month", "strong"), _EMPTY, Cell(cost.summary, "muted")))
        )
    told = f"{sentences} sentence{'' if sentences == 1 else 's'}" if sentences else "known after the plan"
    rows.append(Node(POLICY, (Cell("?", "muted"), Cell("What CI may do", "strong"), _EMPTY, Cell(told, "muted"))))
    return rows + _files(found.files, decided)


def action_of(key: str) -> str:
    """The action that a row is the head of; empty for any other row."""
    return key.removeprefix(_ACTION) if key.startswith(_ACTION) else ""


def folder_of(key: str) -> str:
    """The folder, with its last slash, that a row is the head of; empty for any other row."""
    return key.removeprefix(_FOLDER) if key.startswith(_FOLDER) else ""


def counts(plan: Plan) -> str:
    """Terraform's sum without what is zero."""
    found = {
        "to import": plan.count("import"),
        "to add": plan.count("create", "replace"),
        "to change": plan.count("update"),
        "to destroy": plan.count("delete", "replace"),
    }
    return ", ".join(f"{count} {word}" for word, count in found.items() if count) or "other changes"


def _findings(found: Preview) -> Node:
    warnings = sum(note.warning for note in found.notes) + len(found.programs) + bool(found.clash)
    tone = "warning" if warnings else "muted"
    others = len(found.notes) + len(found.existing)
    count = f"{warnings} warning{'' if warnings == 1 else 's'}" if warnings else f"{others} to know"
    return Node(
        FINDINGS,
        (Cell("!" if warnings else "i", tone), Cell("Findings", "strong"), Cell("notes", tone), Cell(count, tone)),
    )


def _plan(found: Preview, *, shut: bool) -> Node:
    plan, title = found.plan, Cell("Terraform plan", "strong")
    if plan is None:
        note = found.problem.message if found.problem else ""
        return Node(PLAN, (Cell("✗", "error"), title, Cell("none", "error"), Cell(plain(note), "error")))
    if not plan.changes:
        return Node(PLAN, (Cell("=", "muted"), title, Cell("same", "muted"), Cell("no change", "muted")))
    gone = plan.count("delete", "replace")
    tone = "error" if gone else "success"
    cells = (Cell("±" if gone else "+", tone), title, Cell("plan", tone), Cell(counts(plan), tone))
    return Node(PLAN, cells, tuple(_actions(plan.changes)), shut)


def _actions(changes: Sequence[PlannedChange]) -> Iterable[Node]:
    known = [*ACTIONS, *sorted({change.action for change in changes} - ACTIONS.keys())]
    for action in known:
        mine = sorted((change for change in changes if change.action == action), key=lambda change: change.address)
        if not mine:
            continue
        sign, tone, means = ACTIONS.get(action, _UNKNOWN)
        below = tuple(
            Node(change.address, (Cell(sign, tone), Cell(plain(change.address)), _EMPTY, Cell(_why(change), "muted")))
            for change in mine
        )
        cells = (Cell(sign, tone), Cell(plain(action), tone), Cell(str(len(mine)), tone), Cell(means, "muted"))
        yield Node(f"{_ACTION}{action}", cells, below)


def _why(change: PlannedChange) -> str:
    return plain(change.reason.replace("_", " "))


@dataclass
class _Folder:
    """Files of a folder, and folders in it by name."""

    folders: dict[str, _Folder] = field(default_factory=dict)
    files: list[FileChange] = field(default_factory=list)

    def everything(self) -> list[FileChange]:
        return [*self.files, *(file for folder in self.folders.values() for file in folder.everything())]


def _files(changes: Sequence[FileChange], decided: Mapping[str, str]) -> list[Node]:
    top = _Folder()
    for change in changes:
        *folders, _ = change.path.split("/")
        place = top
        for name in folders:
            place = place.folders.setdefault(name, _Folder())
        place.files.append(change)
    return _inside(top, "", decided)


def _inside(folder: _Folder, path: str, decided: Mapping[str, str]) -> list[Node]:
    rows = [_file(change, decided) for change in folder.files]
    for name, inner in folder.folders.items():
        label, place = name, inner
        while not place.files and len(place.folders) == 1:  # a folder in a folder and nothing else: one row
            only, place = next(iter(place.folders.items()))
            label = f"{label}/{only}"
        where = f"{path}{label}/"
        everything = place.everything()
        quiet = all(change.kind in ("same", "yours") for change in everything)
        cells = (_EMPTY, Cell(f"{plain(label)}/", "strong"), _EMPTY, Cell(_sum(everything), "muted"))
        rows.append(Node(f"{_FOLDER}{where}", cells, tuple(_inside(place, where, decided)), quiet))
    return rows


def _sum(changes: Sequence[FileChange]) -> str:
    """`9 new, 1 conflict`: how many of each kind."""
    found: dict[str, int] = {}
    for change in changes:
        found[change.kind] = found.get(change.kind, 0) + 1
    return ", ".join(f"{count} {kind}" for kind, count in found.items())


def _file(change: FileChange, decided: Mapping[str, str]) -> Node:
    sign, tone, means = _KINDS.get(change.kind, _UNKNOWN)
    decision = decided.get(change.path)
    note = Cell(DECISIONS[decision], "warning") if decision else Cell(means, "muted")
    name = change.path.rpartition("/")[2]
    return Node(change.path, (Cell(sign, tone), Cell(plain(name)), Cell(change.kind, tone), note))
