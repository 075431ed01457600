"""What the screen of the CI identity says, as text: who it is, how old its key is, where its copies are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from textual.content import Content

from ecrwiz.flow.custody import OLD_AFTER
from ecrwiz.model.custody import Copy, Custody
from ecrwiz.screens.pairs import line, two_columns
from ecrwiz.widgets.bars import progress_bar
from ecrwiz.widgets.row_list import Cell, Row

__all__ = ["ROTATE_AFTER_DAYS", "about_copy", "age_text", "days_text", "identity_text", "rows"]

ROTATE_AFTER_DAYS: Final = OLD_AFTER.days

_BAR: Final = 18
_IDENTITY: Final = {"access-key": "access key", "oidc": "OIDC role", "both": "key and role"}
_STATES: Final[Mapping[str, tuple[str, str]]] = {
    "there": ("●", "accent"),
    "absent": ("○", "muted"),
    "unknown": ("?", "warning"),
}


def days_text(since: datetime | None, now: datetime) -> str:
    """How long ago something was, in days: `today`, `1 day`, `71 days`; empty when not known."""
    if since is None:
        return ""
    days = max(0, (now - since).days)
    return "today" if days == 0 else f"{days} day{'s' * (days != 1)}"


def age_text(created: datetime | None, now: datetime) -> str:
    """A key's age with a bar towards its rotation; the words say all that the bar says."""
    if created is None:
        return "not known"
    days = max(0, (now - created).days)
    bar = progress_bar(days, ROTATE_AFTER_DAYS, _BAR)
    if days > ROTATE_AFTER_DAYS:
        return f"{days_text(created, now)} {bar} ! older than {ROTATE_AFTER_DAYS} days: rotate it"
    return f"{days_text(created, now)} {bar} rotate after {ROTATE_AFTER_DAYS} days"


def identity_text(custody: Custody, width: int, now: datetime | None = None) -> Content:
    """Who the identity is, its key, its age, and what to know about it."""
    now = now or datetime.now(UTC)
    kind = _IDENTITY.get(custody.identity, custody.identity)
    if not custody.arn:
        state = "not known" if custody.problem else "not made yet"
        lines = two_columns([("Identity", f"{kind}, {state}", "Account", custody.account or "not known")], width)
    else:
        lines = two_columns([("Identity", kind, "Account", custody.account)], width)
        two = custody.user and custody.role
        lines += [line("User", custody.user), line("Role", custody.role)] if two else [line("ARN", custody.arn)]
    if custody.access_key_id:
        lines.append(line("Key", f"{custody.access_key_id}, {custody.status.lower() or 'status not known'}"))
        lines.append(line("Used", custody.last_used.removeprefix("used ") or "not known"))
        lines.append(line("Age", age_text(custody.created, now)))
    lines += [Content.styled(f"! {warning}", "bold") for warning in custody.warnings]
    return Content("\n").join(lines)


def rows(copies: tuple[Copy, ...], now: datetime | None = None) -> list[Row]:
    """A row for each place; state by sign and by word."""
    now = now or datetime.now(UTC)
    found = []
    for number, copy in enumerate(copies):
        glyph, tone = _STATES[copy.state]
        cells = (
            Cell(glyph, tone),
            Cell(copy.place, "strong" if copy.state == "there" else ""),
            Cell(copy.state, tone),
            Cell(days_text(copy.since, now), "muted"),
            Cell(copy.note, "muted"),
        )
        found.append(Row(str(number), cells))
    return found


def about_copy(copy: Copy | None) -> Content:
    """One place in full."""
    if copy is None:
        return Content("")
    lines = [copy.place]
    since = f"since {copy.since:%Y-%m-%d %H:%M} UTC" if copy.since else ""
    key = f"key {copy.access_key_id}" if copy.access_key_id else ""
    facts = ", ".join(part for part in (copy.state, since, key) if part)
    lines += [facts, copy.note] if copy.note else [facts]
    return Content("\n".join(lines))
