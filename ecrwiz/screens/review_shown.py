"""What the review shows of its marked row, as lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ecrwiz.flow.cost import Cost
from ecrwiz.flow.policy_words import Told
from ecrwiz.flow.preview import Preview
from ecrwiz.model.redact import plain
from ecrwiz.model.results import FileChange
from ecrwiz.screens.review_tree import COST, FINDINGS, PLAN, POLICY, action_of, folder_of
from ecrwiz.screens.review_words import cost_lines, findings, no_plan, plan_lines, policy_lines, resource_lines
from ecrwiz.widgets.colouring import language
from ecrwiz.widgets.diff_lines import StyledLine, beside, code, read_diff, unified, words

__all__ = ["Shown", "lines"]

_STAYS: Final = {
    "left": "{path} is rendered no longer, and you changed it: it stays. Remove it yourself.",
    "yours": "{path} was changed by you alone since ecrwiz wrote it: it stays.",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What there is to show.

    Attributes:
        found: the review.
        decided: what becomes of the marked file, when the person decides about it.
        cost: the estimate.
        told: what the policies say.
        width: cells of the pane.
        beside: the same when diffs stand side by side, else 0.
    """

    found: Preview
    decided: str
    cost: Cost | None
    told: Told
    width: int
    beside: int


def lines(shown: Shown, key: str) -> tuple[StyledLine, ...]:
    """The lines of a row; takes its time with a large file, so not on the event loop."""
    found, plan = shown.found, shown.found.plan
    if key == FINDINGS:
        return findings(found, shown.width)
    if key == COST:
        return cost_lines(shown.cost, shown.width) if shown.cost else ()
    if key == POLICY:
        return policy_lines(shown.told, shown.width)
    if key == PLAN:
        return plan_lines(plan, shown.width) if plan and plan.changes else no_plan(found, shown.width)
    action, folder = action_of(key), folder_of(key)
    if action and plan:
        return plan_lines(plan, shown.width, action)
    if folder:
        return _folder(found, folder)
    change = next((change for change in plan.changes if change.address == key), None) if plan else None
    if change is not None:
        return resource_lines(change, shown.width)
    file = next((file for file in found.files if file.path == key), None)
    return _file(file, shown) if file is not None else ()


def _folder(found: Preview, folder: str) -> tuple[StyledLine, ...]:
    inside = [file for file in found.files if file.path.startswith(folder)]
    room = max((len(file.kind) for file in inside), default=0)
    return words("\n".join(f"{file.kind:<{room}}  {plain(file.path)}" for file in inside))


def _file(file: FileChange, shown: Shown) -> tuple[StyledLine, ...]:
    spoken = language(file.path)
    if file.kind in _STAYS:
        return words(_STAYS[file.kind].format(path=plain(file.path)))
    if shown.decided == "both":
        return code(file.both or "", spoken)
    if not file.diff:
        return words(f"{plain(file.path)} is the same as what would be written.")
    read = read_diff(file.diff, spoken)
    if file.kind == "new":  # nothing to compare it with
        return tuple(StyledLine(line.text, line.spans) for line in read if line.sign == "+")
    return beside(read, shown.beside) if shown.beside else unified(read)
