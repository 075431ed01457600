"""What the screen of GitHub says, as text: the place, and for each name what an export does and did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from textual.content import Content

from ecrwiz.flow.github_entries import SECRETS
from ecrwiz.model.github_plan import Entry, GithubPlan
from ecrwiz.screens.custody_view import days_text
from ecrwiz.screens.pairs import line, two_columns
from ecrwiz.widgets.row_list import Cell, Row

__all__ = [
    "about_entry",
    "can_choose",
    "decided",
    "key_of",
    "outcomes",
    "place_text",
    "row",
    "split_key",
    "sum_text",
    "together",
]

# What an export does with a name: sign, word, tone, and the sentence for the marked one.
_ACTIONS: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "create": ("+", "create", "success", "It is not there yet and is created."),
    "replace": ("~", "replace", "warning", "It is there and gets ecrwiz's value."),
    "keep": ("=", "keep", "muted", "It is there and stays as it is."),
    "same": ("=", "same", "muted", "It is there with this very value."),
    "remove": ("-", "remove", "error", "It is of no use any more and is removed."),
}
_NOT_SENT: Final = "– not sent"
_ORDER: Final = ("create", "replace", "remove", "keep", "same")
_WORDS: Final = {"create": "created", "replace": "replaced", "remove": "removed", "keep": "kept", "same": "the same"}


def decided(entries: Sequence[Entry], choices: Mapping[str, str]) -> dict[str, str]:
    """What an export would do with each entry, by `kind/NAME`: as the person chose, else as is plain.

    One half of the key that somebody else set makes both be kept, until the person says otherwise.
    """
    found = {}
    for entry in entries:
        theirs = any(one.action == "keep" for one in together(entry, entries))
        plain = "keep" if theirs else entry.action
        found[key_of(entry)] = choices.get(entry.name, plain) if _differs(entry) else entry.action
    return found


def key_of(entry: Entry) -> str:
    """What an entry is found by: a variable may have a secret's name."""
    return f"{entry.kind}/{entry.name}"


def together(entry: Entry, entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """What is kept or replaced with an entry, itself among it: a key's id with another key's secret opens nothing."""
    if entry.kind != "secret" or entry.name not in SECRETS:
        return (entry,)
    return tuple(one for one in entries if one.kind == "secret" and one.name in SECRETS)


def can_choose(entry: Entry, entries: Sequence[Entry]) -> bool:
    """Whether keeping and replacing differ: it is there, not with this very value, and so is what goes with it.

    Somebody else's half of a key whose other half is not there can be replaced, or nothing is sent at all.
    """
    whole = all(_differs(one) for one in together(entry, entries))
    return _differs(entry) and (whole or entry.action == "keep")


def split_key(entries: Sequence[Entry], actions: Mapping[str, str]) -> str:
    """The half of the key that would stay while the other is sent; empty when none would."""
    pair = [entry for entry in entries if len(together(entry, entries)) > 1]
    kept = [entry.name for entry in pair if actions[key_of(entry)] == "keep"]
    return kept[0] if len(kept) == 1 else ""


def _differs(entry: Entry) -> bool:
    return entry.there and entry.action in ("keep", "replace")


def place_text(plan: GithubPlan, width: int) -> Content:
    """Repository, environment and token; warnings, and why nothing can be exported."""
    seen = "private" if plan.private else "public"
    repository = f"{plan.repository} ({seen})" if plan.repository else "none is known"
    environment = plan.environment or "none (the repository's own)"
    if plan.environment and not plan.environment_there:
        environment = f"{plan.environment} (new)"
    lines = two_columns([("GitHub", repository, "Env", environment)], width)
    lines.append(line("Token", plan.token or "none"))
    lines += [Content(f"! {warning}") for warning in plan.warnings]
    if plan.problem is not None:
        lines.append(Content.styled(f"✗ {plan.problem.message}", "bold"))
        lines += [Content(f"  {plan.problem.hint}")] if plan.problem.hint else []
    return Content("\n").join(lines)


def row(entry: Entry, action: str, outcome: str, now: datetime | None = None) -> Row:
    """An entry as a row: what is there, what an export does, what became of it."""
    glyph, word, tone, _ = _ACTIONS[action]
    tones = {"✓": "success", _NOT_SENT[:1]: "muted"}
    return Row(
        key_of(entry),
        (
            Cell(glyph, tone),
            Cell(entry.kind, "muted"),
            Cell(entry.name, "strong"),
            Cell(_there(entry, now or datetime.now(UTC)), "muted"),
            Cell(word, tone),
            Cell(outcome.partition(":")[0], tones.get(outcome[:1], "error")),
        ),
    )


def about_entry(entry: Entry, entries: Sequence[Entry], action: str, outcome: str, key: str) -> Content:
    """One of the entries in full; `key` keeps what is replaced, and replaces what is kept."""
    lines = [_ACTIONS[action][3]]
    with_it = [one.name for one in together(entry, entries) if one is not entry and _differs(one)]
    if can_choose(entry, entries):
        whose = "ecrwiz put it there" if entry.ours else "Somebody else put it there, or another folder's ecrwiz"
        lines[0] += f" {key} {'replaces' if action == 'keep' else 'keeps'} {' and '.join(['it', *with_it])}."
        lines.append(f"{whose}.")
    if entry.kind == "variable":
        lines.append(f"value: {entry.value}")
        if entry.there and entry.value_there != entry.value:
            lines.append(f"there: {entry.value_there}")
    else:
        lines.append("Secrets are sealed for this repository; GitHub never gives one back.")
    lines += [part for part in (entry.note, "" if outcome.startswith("✓") else outcome) if part]
    return Content("\n".join(lines))


def sum_text(plan: GithubPlan, choices: Mapping[str, str], key: str) -> str:
    """What an export would do in all; `key` starts it."""
    actions = list(decided(plan.entries, choices).values())
    parts = [f"{actions.count(action)} {_WORDS[action]}" for action in _ORDER if action in actions]
    return f"Nothing is sent yet. {key} exports: {', '.join(parts)}." if parts else "There is nothing to export."


def outcomes(before: GithubPlan, choices: Mapping[str, str], after: GithubPlan, problem: str) -> dict[str, str]:
    """What became of each entry, by what GitHub lists now; after a failure that changed nothing there, none was sent.

    Args:
        before: the plan that was exported.
        choices: `keep` or `replace` by name.
        after: the plan that was made anew after the export.
        problem: why the export failed; empty when it did not.
    """
    now = {key_of(entry): entry for entry in after.entries}
    actions = decided(before.entries, choices)
    if problem and not any(_moved(entry, now.get(key_of(entry))) for entry in before.entries):
        return dict.fromkeys(actions, f"{_NOT_SENT}: {problem}")
    found = {}
    for entry in before.entries:
        key = key_of(entry)
        done = _done(entry, actions[key], now.get(key), failed=bool(problem))
        found[key] = f"✓ {done}" if done else f"✗ failed: {problem}".removesuffix(": ")
    return found


def _moved(entry: Entry, there: Entry | None) -> bool:
    """Whether GitHub lists something else than before: another time or value, a new name, or no such name any more."""
    if there is None or not there.there:
        return entry.there
    return (there.there, there.updated, there.value_there) != (entry.there, entry.updated, entry.value_there)


def _done(entry: Entry, action: str, there: Entry | None, *, failed: bool) -> str:
    """What was done as it should be; empty when it was not."""
    if action in ("keep", "same"):
        return "kept" if action == "keep" else "same"
    if action == "remove":
        return "" if there is not None and there.there else "removed"
    listed = there is not None and there.there
    # GitHub tells times in whole seconds, so after a good run a name that it lists counts as set.
    return "set" if listed and (_moved(entry, there) or not failed) else ""


def _there(entry: Entry, now: datetime) -> str:
    if not entry.there:
        return "not there"
    try:
        since = datetime.fromisoformat(entry.updated)
    except ValueError:
        return "there"
    days = days_text(since if since.tzinfo else since.replace(tzinfo=UTC), now)
    return f"set {days}" if days == "today" else f"set {days} ago"
