"""What the review shows of a row that is no file: findings, the plan, a resource, the cost, what CI may do."""

from __future__ import annotations

import difflib
import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from ecrwiz.flow.cost import Cost, CostLine, dollars
from ecrwiz.flow.policy_words import Told
from ecrwiz.flow.preview import Preview
from ecrwiz.model.redact import plain
from ecrwiz.model.results import KNOWN_LATER, AttributeChange, Plan, PlannedChange
from ecrwiz.screens.review_tree import ACTIONS, counts
from ecrwiz.widgets.diff_lines import StyledLine, code

__all__ = ["cost_lines", "findings", "no_plan", "plan_lines", "policy_lines", "resource_lines"]

_INDENT: Final = "  "
_ROOM_BESIDE: Final = 90  # cells from which on reasons stand beside amounts
_REASONS: Final[Mapping[str, str]] = {
    "cannot_update": "AWS cannot change one of its settings in place",
    "requested": "ecrwiz asks for it: nobody can read the secret of the key that is there",
    "tainted": "an earlier apply left it half-made",
    "delete_because_no_resource_config": "the files no longer declare it",
    "delete_because_no_module": "the files no longer declare its module",
    "update": "some of its settings change, too",
}


def findings(found: Preview, width: int) -> tuple[StyledLine, ...]:
    """What detection found, and Terraform of the person's own."""
    said: list[str] = []
    if found.clash is not None:
        said.append(f"! warning: {found.clash.message}")
        if found.beside:
            said.append("    Files and plan are shown as they would be beside it, in infra/ecrwiz.")
            said.append(
                '    A run asks where they shall go; you can say it before, at "Terraform in" among the answers.'
            )
        else:
            said.append(f"    {found.clash.hint}")
    said += [line for note in sorted(found.notes, key=lambda note: not note.warning) for line in note.lines]
    said += [f"! warning: Terraform may run a program on this machine: {line}." for line in found.programs]
    said += [f"- {line}" for line in found.existing]
    return tuple(
        StyledLine(part, ((0, len(part), "warning"),) if line.startswith("!") else ())
        for line in said
        for part in _wrapped(plain(line), width)
    )


def no_plan(found: Preview, width: int) -> tuple[StyledLine, ...]:
    """Why there is nothing to show of a plan."""
    if found.problem is None:
        return (StyledLine("Terraform would change nothing: everything exists as planned."),)
    lines = [_styled("✗ Terraform could not plan.", "error"), StyledLine("")]
    for text in (found.problem.message, found.problem.hint):
        lines += [StyledLine(part) for part in _wrapped(plain(text), width)]
    return tuple(lines)


def plan_lines(plan: Plan, width: int, action: str = "") -> tuple[StyledLine, ...]:
    """Every change by action, or those of one action; first in short, then each with its attributes."""
    known = [*ACTIONS, *sorted({change.action for change in plan.changes} - ACTIONS.keys())]
    wanted = [name for name in known if action in ("", name)]
    lines = [] if action else [_styled(f"Terraform would make {_count(len(plan.changes))}: {counts(plan)}.", "strong")]
    for name in wanted:
        mine = _of(plan, name)
        if not mine:
            continue
        sign, tone, means = ACTIONS.get(name, ("?", "muted", ""))
        lines += [StyledLine("")] if lines else []
        lines.append(_styled(f"{sign} {plain(name)}, {_count(len(mine))}: {means}", tone))
        for change in mine:
            lines.append(StyledLine(f"{_INDENT}{plain(change.address)}"))
            why = _reason(change)
            if why:
                lines.append(_styled(f"{_INDENT * 2}because {why}", "muted"))
    for change in (change for name in wanted for change in _of(plan, name) if change.details):
        lines += [StyledLine(""), *resource_lines(change, width)]
    return tuple(lines)


def _of(plan: Plan, action: str) -> list[PlannedChange]:
    return sorted((change for change in plan.changes if change.action == action), key=lambda change: change.address)


def _count(number: int) -> str:
    return f"{number} change{'' if number == 1 else 's'}"


def _reason(change: PlannedChange) -> str:
    return _REASONS.get(change.reason, plain(change.reason.replace("_", " ")))


def resource_lines(change: PlannedChange, width: int) -> tuple[StyledLine, ...]:
    """One resource: what happens to it, and each attribute before and after."""
    sign, tone, means = ACTIONS.get(change.action, ("?", "muted", ""))
    head = f"{sign} {plain(change.address)}"
    lines = [_styled(head, "strong"), _styled(f"{change.action}: {means or 'Terraform says so'}", tone)]
    why = _reason(change)
    forced = [detail.name for detail in change.details if detail.forces]
    if forced:
        why = f"{why or 'made anew'} ({', '.join(forced)})"
    if why:
        lines += [StyledLine(part, ((0, len(part), "muted"),)) for part in _wrapped(f"because {why}", width)]
    lines.append(StyledLine(""))
    if not change.details:
        lines.append(_styled("Terraform tells no attributes of it.", "muted"))
    known = [detail for detail in change.details if ", " not in detail.name]
    room = min(40, max((len(detail.name) for detail in known), default=0))
    for detail in change.details:
        lines += _attribute(detail, room, width)
    return tuple(lines)


def _attribute(detail: AttributeChange, room: int, width: int) -> Iterator[StyledLine]:
    before, after = detail.before, detail.after
    name = f"{plain(detail.name):<{room}}"
    force = "  (makes it anew)" if detail.forces else ""
    if before is None and after == KNOWN_LATER and ", " in detail.name:
        yield _styled(KNOWN_LATER, "muted")
        for part in textwrap.wrap(detail.name, max(20, width - 4), break_on_hyphens=False):
            yield _styled(f"{_INDENT}{part}", "muted")
    elif "\n" in f"{before or ''}{after or ''}":
        yield _styled(f"{name.rstrip()}{force}", "name")
        yield from _several(before, after)
    elif before is None or after is None:
        sign, kind, value = ("+", "added", after) if before is None else ("-", "removed", before)
        yield StyledLine(f"{sign} {name}  {value}{force}", ((0, 1, f"{kind}-sign"), (2, 2 + len(name), "name")))
    elif len(name) + len(before) + len(after) + 10 <= width:
        text = f"~ {name}  {before} → {after}{force}"
        yield StyledLine(text, ((0, 1, "warning"), (2, 2 + len(name), "name")))
    else:
        yield StyledLine(f"~ {name.rstrip()}{force}", ((0, 1, "warning"), (2, 2 + len(name), "name")))
        yield _signed("-", f"  {before}")
        yield _signed("+", f"  {after}")


def _several(before: str | None, after: str | None) -> Iterator[StyledLine]:
    """Values of several lines, JSON mostly: what went and came among what stays."""
    if before is None or after is None:
        sign, kind = ("+", "added") if before is None else ("-", "removed")
        for line in code((after if before is None else before) or "", "json"):
            spans = tuple((start + 4, end + 4, what) for start, end, what in line.spans)
            yield StyledLine(f"{sign}   {line.text}", ((0, 1, f"{kind}-sign"), *spans))
        return
    for text in difflib.unified_diff(before.split("\n"), after.split("\n"), n=4, lineterm=""):
        if text.startswith(("---", "+++")):
            continue
        sign = text[:1]
        if sign == "@":
            yield _styled("    …", "place")
        elif sign in ("+", "-"):
            yield _signed(sign, f"  {text[1:]}")
        else:
            yield StyledLine(f"    {text[1:]}")


def _signed(sign: str, text: str) -> StyledLine:
    kind, whole = "added" if sign == "+" else "removed", f"{sign} {text}"
    return StyledLine(whole, ((0, len(whole), kind), (0, 1, f"{kind}-sign")))


def cost_lines(cost: Cost, width: int) -> tuple[StyledLine, ...]:
    """The estimate, thing by thing."""
    room = max(len(line.what) for line in cost.lines)
    lines = [_styled(f"What it costs per month: {cost.summary}", "strong"), StyledLine("")]
    for line in cost.lines:
        begin = f"{line.what:<{room}}  {_amount(line):<13}  "
        spans = ((room + 2, len(begin), "strong"),)
        if width < _ROOM_BESIDE:
            lines.append(StyledLine(begin, spans))
            why = textwrap.wrap(line.why, width - 2, break_on_hyphens=False)
            lines += [StyledLine(f"{_INDENT}{part}") for part in why]
            continue
        parts = textwrap.wrap(line.why, width - len(begin), break_on_hyphens=False) or [""]
        lines.append(StyledLine(f"{begin}{parts[0]}", spans))
        lines += [StyledLine(" " * len(begin) + part) for part in parts[1:]]
    lines.append(StyledLine(""))
    for text in (cost.compared, cost.rests_on):
        lines += [_styled(part, "muted") for part in textwrap.wrap(text, width, break_on_hyphens=False)]
    return tuple(lines)


def _amount(line: CostLine) -> str:
    if line.dollars is None:
        return "not known yet"
    return dollars(line.dollars) if line.dollars else "nothing"


def policy_lines(told: Told, width: int) -> tuple[StyledLine, ...]:
    """What the CI identity may do, cannot do, and the policies that say so."""
    if not told:
        return tuple(StyledLine(part) for part in _wrapped(_NOT_KNOWN, width))
    lines: list[StyledLine] = []
    for holder, words, mine in told:
        lines += [StyledLine("")] if lines else []
        lines.append(_styled(plain(holder) or "An identity whose name is known later", "strong"))
        lines += _sentences("!", "warning", words.beware, width)
        lines += _sentences("✓", "success", words.may, width)
        lines += _sentences("✗", "error", words.cannot, width)
        for policy in mine:
            lines += [StyledLine(""), _styled(plain(policy.address), "muted")]
            if policy.document is None:
                lines.append(_styled(f"{_INDENT}{KNOWN_LATER}", "muted"))
            else:
                lines += code(_pretty(policy.document), "json")
    return tuple(lines)


_NOT_KNOWN: Final = (
    "This is told from the policy that Terraform plans, and there is no plan that holds one. Make the plan possible "
    "first: its row says what is in the way."
)


def _pretty(document: str) -> str:
    try:
        return json.dumps(json.loads(document), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return document


def _sentences(sign: str, tone: str, said: Iterable[str], width: int) -> Iterator[StyledLine]:
    for sentence in said:
        for number, part in enumerate(textwrap.wrap(sentence, max(20, width - 2), break_on_hyphens=False)):
            yield StyledLine(f"{sign if not number else ' '} {part}", ((0, 1, tone),) if not number else ())


def _styled(text: str, kind: str) -> StyledLine:
    return StyledLine(text, ((0, len(text), kind),))


def _wrapped(line: str, width: int) -> list[str]:
    return textwrap.wrap(
        line, width, subsequent_indent="    ", replace_whitespace=False, drop_whitespace=False, break_on_hyphens=False
    )
