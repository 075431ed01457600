"""Copying for the wizard: to the system's clipboard, else by the terminal, else into a file; and saying which."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.redact import Secret
from ecrwiz.services import clipboard, files

__all__ = ["CLEAR_SECONDS", "Clipboard", "Copied"]

CLEAR_SECONDS: Final = 45.0
_T = TypeVar("_T")


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
        self._until = 0.0
        self._timer: asyncio.Task[None] | None = None
        self._gone: bool | None = None
        # Giving and clearing take turns and are not cut: in between nobody could tell what the clipboard holds.
        self._turn = asyncio.Lock()
        self._works: set[asyncio.Task[Any]] = set()

    @property
    def left(self) -> float | None:
        """Seconds until a copied secret is taken out again; None when there is none."""
        return max(0.0, self._until - time.monotonic()) if self._secret is not None else None

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

    async def caution(self) -> str:
        """A sentence for the person before a secret is copied; empty where clipboard managers are told to skip it."""
        tool = clipboard.find_tool(self._environ)
        if tool is not None and await clipboard.marks_secrets(tool):
            return ""
        return "A clipboard manager or history, where there is one, may keep it after that: remove it there yourself."

    async def copy_secret(self, secret: Secret, seconds: float = CLEAR_SECONDS) -> Copied:
        """Copy a secret, and take it out of the clipboard after a time unless something else is there by then.

        It is given wholly though the caller is cancelled meanwhile; `forget` waits for that, and takes it out.
        """
        return await self._whole(self._give(secret, seconds))

    async def cleared(self) -> None:
        """Wait until a copied secret has been taken out again."""
        if self._timer is not None:
            await asyncio.wait({self._timer})

    async def forget(self) -> bool | None:
        """Take a copied secret out of the clipboard now; to be called before the program ends.

        Returns:
            Whether the clipboard does not have it any more; None when no secret was copied.
        """
        return await self._whole(self._take_out(early=True))

    async def _whole(self, work: Coroutine[Any, Any, _T]) -> _T:
        task = asyncio.create_task(work)
        self._works.add(task)
        task.add_done_callback(self._works.discard)
        return await asyncio.shield(task)

    async def _give(self, secret: Secret, seconds: float) -> Copied:
        async with self._turn:
            self._stop()
            await self._clear()
            # Noted before: a tool that fails or is cut may have put it there all the same.
            self._secret, self._until = secret, time.monotonic() + seconds
            found = await self._to_clipboard(secret.reveal(), sensitive=True)
            if found.done:
                self._until = time.monotonic() + seconds
                self._timer = asyncio.create_task(self._clear_after(seconds), name="clear the clipboard")
            else:
                await self._clear()
                self._gone = None
            return found

    async def _clear_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._whole(self._take_out(early=False))

    async def _take_out(self, *, early: bool) -> bool | None:
        async with self._turn:
            if early:
                self._stop()
            await self._clear()
            return self._gone

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _clear(self) -> None:
        secret = self._secret
        if secret is None:
            return
        tool = clipboard.find_tool(self._environ)
        held = await clipboard.read(tool) if tool else None
        self._gone = True
        if held is None or held.rstrip("\r\n") == secret.reveal():  # what cannot be read is cleared to be sure
            self._gone = (await self._to_clipboard(tool.nothing if tool else "")).done
        self._secret = None

    async def _to_clipboard(self, text: str, *, sensitive: bool = False) -> Copied:
        tool = clipboard.find_tool(self._environ)
        if tool is not None and await clipboard.write(tool, text, sensitive=sensitive):
            return Copied(True, f"to the clipboard ({tool.name})")
        if self._terminal is None or not clipboard.understands_osc52(self._environ):
            return Copied(False, "this terminal has no clipboard that can be reached")
        if len(text.encode()) > clipboard.OSC52_LARGEST:
            return Copied(False, "the text is too long for the terminal's clipboard")
        try:
            self._terminal(text)
        except OSError:
            return Copied(False, "the terminal is gone")
        return Copied(True, "to the terminal's clipboard (OSC 52, if it allows that)")
