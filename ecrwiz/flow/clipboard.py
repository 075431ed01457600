"""Copying for the wizard: to the system's clipboard, else by the terminal, else into a file; and saying which."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.redact import Secret
from ecrwiz.services import clipboard, files

__all__ = ["CLEAR_SECONDS", "Clipboard", "Copied"]

CLEAR_SECONDS: Final = 45.0


@dataclass(frozen=True, slots=True)
class Copied:
    """Where a text went.

    Attributes:
        done: whether it went anywhere.
        where: a sentence's end for the person, such as `to the clipboard (wl-copy)`.
    """

    done: bool
    where: str


class Clipboard:
    """Copies text and secrets.

    Args:
        environ: the environment, which tells what kind of terminal this is.
        folder: where a text goes when there is no clipboard; a secret never goes there.
        terminal: sends a text to the terminal's clipboard (OSC 52); None where there is no terminal.
    """

    def __init__(self, environ: Mapping[str, str], folder: Path, terminal: Callable[[str], None] | None) -> None:
        self._environ = environ
        self._folder = folder
        self._terminal = terminal
        self._secret: Secret | None = None
        self._clearing: asyncio.Task[None] | None = None

    async def copy(self, text: str) -> Copied:
        """Copy a text that is no secret."""
        found = await self._to_clipboard(text)
        if found.done:
            return found
        file = self._folder / "copied.txt"
        try:
            await asyncio.to_thread(files.write_atomic, file, text, private=True, inside=self._folder)
        except EcrwizError as error:
            return Copied(False, f"{found.where}; {error.message}")
        return Copied(True, f"to the file {file}, as {found.where}")

    async def copy_secret(self, secret: Secret, seconds: float = CLEAR_SECONDS) -> Copied:
        """Copy a secret, and take it out of the clipboard after a time unless something else is there by then."""
        await self.forget()
        found = await self._to_clipboard(secret.reveal())
        if found.done:
            self._secret = secret
            self._clearing = asyncio.create_task(self._clear_after(seconds), name="clear the clipboard")
        return found

    async def forget(self) -> None:
        """Take a copied secret out of the clipboard now; to be called before the program ends."""
        if self._clearing is not None:
            self._clearing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._clearing
            self._clearing = None
        await self._clear()

    async def _clear_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._clear()

    async def _clear(self) -> None:
        secret, self._secret = self._secret, None
        if secret is None:
            return
        tool = clipboard.find_tool(self._environ)
        held = await clipboard.read(tool) if tool else None
        if held is None or held.rstrip("\r\n") == secret.reveal():  # what cannot be read is cleared to be sure
            await self._to_clipboard(tool.nothing if tool else "")

    async def _to_clipboard(self, text: str) -> Copied:
        tool = clipboard.find_tool(self._environ)
        if tool is not None and await clipboard.write(tool, text):
            return Copied(True, f"to the clipboard ({tool.name})")
        if self._terminal is None or not clipboard.understands_osc52(self._environ):
            return Copied(False, "this terminal has no clipboard that can be reached")
        if len(text.encode()) > clipboard.OSC52_LARGEST:
            return Copied(False, "the text is too long for the terminal's clipboard")
        self._terminal(text)
        return Copied(True, "to the terminal's clipboard (OSC 52, if it allows that)")
