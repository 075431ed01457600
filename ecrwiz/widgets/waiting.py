"""A word on what is waited for, with the seconds it takes."""

from __future__ import annotations

import time

from textual.content import Content
from textual.widgets import Static

__all__ = ["Waiting"]


class Waiting(Static):
    """Shown until `done` is called."""

    DEFAULT_CSS = """
    Waiting { height: auto; padding: 1 2; color: $text-accent; }
    """
    _SIGNS = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

    def __init__(self, what: str, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._what = what
        self._began = time.monotonic()
        self._said = ""

    def on_mount(self) -> None:
        """Count."""
        self._began = time.monotonic()
        self.set_interval(0.2, self._tick)
        self._tick()

    def again(self) -> None:
        """Count from the beginning."""
        self._began = time.monotonic()
        self._said = ""
        self.display = True
        self._tick()

    def tell(self, said: str) -> None:
        """Show what was said last under it."""
        self._said = said or self._said
        self._tick()

    def done(self) -> None:
        """Take it away."""
        self.display = False

    def _tick(self) -> None:
        if not self.display:
            return
        waited = time.monotonic() - self._began
        sign = self._SIGNS[int(waited * 5) % len(self._SIGNS)] if self.app.animation_level != "none" else "…"
        self.update(Content(f"{sign} {self._what} ({waited:.0f} s)\n  {self._said}"))
