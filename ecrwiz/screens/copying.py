"""The part of the App that copies: every copy on every screen comes through here and says where the text went."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine

from textual.app import App

from ecrwiz.flow.clipboard import CLEAR_SECONDS, Clipboard
from ecrwiz.flow.project import Project
from ecrwiz.model.redact import Secret

__all__ = ["CopyingApp"]


class CopyingApp(App[int]):
    """An App whose `copy_to_clipboard` reaches the system's clipboard.

    Args:
        project: whose state folder takes a text when there is no clipboard.
    """

    def __init__(self, project: Project) -> None:
        super().__init__()
        self._copied = ""
        self._copying: set[asyncio.Task[None]] = set()
        self._board = Clipboard(os.environ, project.paths.state, self._to_terminal)

    @property
    def clipboard(self) -> str:
        """What was copied here last, for pasting inside the wizard."""
        return self._copied

    def copy_to_clipboard(self, text: str) -> None:
        """Copy a text, and tell where it went as soon as that is known; nothing waits for it."""
        self._copied = text
        self._in_background(self._copy(text))

    def copy_secret(self, secret: Secret) -> None:
        """Copy a secret; it is taken out of the clipboard again after 45 seconds, or when the wizard ends."""
        self._in_background(self._copy_secret(secret))

    @property
    def secret_left(self) -> float | None:
        """Seconds until a copied secret is taken out of the clipboard; None when none is there."""
        return self._board.left

    async def forget_secret(self) -> bool | None:
        """Take a secret that was copied out of the clipboard now, one that is on its way there included.

        Returns:
            Whether the clipboard does not have it any more; None when no secret was copied.
        """
        if self._copying:
            await asyncio.wait(self._copying)
        return await self._board.forget()

    def _in_background(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._copying.add(task)
        task.add_done_callback(self._copying.discard)

    async def _copy(self, text: str) -> None:
        lines = text.count("\n") + (not text.endswith("\n"))
        what = f"{lines} lines" if lines > 1 else "It"
        found = await self._board.copy(text)
        if found.done:
            self.notify(f"{what} went {found.where}.", title="Copied", markup=False)
        else:
            self.notify(f"{found.where}.", title="Not copied", severity="warning", markup=False)

    async def _copy_secret(self, secret: Secret) -> None:
        found = await self._board.copy_secret(secret)
        if found.done:
            self.notify(
                f"It went {found.where} and is taken out again in {CLEAR_SECONDS:.0f} seconds.",
                title="Secret copied", markup=False,
            )  # fmt: skip
        else:
            self.notify(f"{found.where}.", title="Not copied", severity="warning", markup=False)

    def _to_terminal(self, text: str) -> None:
        super().copy_to_clipboard(text)
