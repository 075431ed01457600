"""The words, signs and numbers of the screens, so that one thing is called by one name everywhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from ecrwiz.flow.events import Progress, Status
from ecrwiz.widgets.bars import progress_bar

__all__ = [
    "STATUS",
    "ago_text",
    "clock_text",
    "path_text",
    "progress_text",
    "seconds_text",
    "size_text",
    "status_words",
    "when_text",
]

# Glyph, word and tone; the word always stands beside the glyph, so no meaning hangs on colour or sign alone.
STATUS: Final[Mapping[Status, tuple[str, str, str]]] = {
    Status.NOT_RUN: ("○", "not run", "muted"),
    Status.RUNNING: ("▶", "running", "accent"),
    Status.OK: ("✓", "done", "success"),
    Status.FRESH: ("✓", "fresh", "success"),
    Status.STALE: ("↻", "stale", "warning"),
    Status.FAILED: ("✗", "failed", "error"),
    Status.CANCELLED: ("■", "stopped", "warning"),
    Status.SKIPPED: ("-", "skipped", "warning"),
    Status.CUT: ("!", "cut off", "error"),
}


def status_words(status: Status) -> tuple[str, str, str]:
    """Glyph, word and tone of a status."""
    return STATUS[status]


def seconds_text(seconds: float) -> str:
    """A duration: `0.4 s`, `12 s`, `3m 05s`, `1h 02m`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02d}m"


def clock_text(seconds: float) -> str:
    """The same in whole seconds, for a clock that runs."""
    return f"{seconds:.0f} s" if seconds < 10 else seconds_text(seconds)


def ago_text(seconds: float) -> str:
    """How long ago something was: `just now`, `5m ago`, `3h ago`, `12d ago`."""
    if seconds < 60:
        return "just now"
    for size, sign in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{sign} ago"
    return ""


def when_text(moment: float) -> str:
    """A moment (seconds since the epoch) on this machine's own clock: `2026-11-23 05:20`."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))


def size_text(count: float) -> str:
    """A number of bytes: `512 B`, `3.4 MB`."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def progress_text(progress: Progress, bar: int, left: float | None = None) -> str:
    """How far a step is, in words and with a bar of `bar` cells when the total is known.

    Args:
        progress: as the step told it.
        bar: cells of the bar.
        left: seconds until the end, when they can be known.
    """
    text = progress.text
    if progress.total is None or progress.total <= 0:
        return text
    if progress.unit == "bytes":
        count = f"{size_text(progress.done)} of {size_text(progress.total)}"
    else:
        count = f"{progress.done:g} of {progress.total:g} {progress.unit}".rstrip()
    still = f", {seconds_text(max(1.0, left))} left" if left is not None else ""
    return f"{progress_bar(progress.done, progress.total, bar)} {count}{still}  {text}".rstrip()


def path_text(path: object, width: int) -> str:
    """A path in so many cells; its end tells most."""
    text = str(path)
    return text if len(text) <= width or width < 2 else f"…{text[1 - width :]}"
