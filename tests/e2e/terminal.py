"""A real terminal of a fixed size, by tmux: keys go in, what a person would see comes out."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Terminal", "terminal"]

_SESSION = "wizard"


class Terminal:
    """One tmux server with one window.

    Args:
        socket: a path for the server's socket, short.
        width: columns.
        height: rows.
    """

    def __init__(self, socket: Path, width: int, height: int) -> None:
        self._tmux = ["tmux", "-f", os.devnull, "-S", str(socket)]
        self._size = ["-x", str(width), "-y", str(height)]

    def run(self, command: list[str], environ: dict[str, str], folder: Path) -> None:
        """Start a shell that runs a command, prints its exit code and waits."""
        line = f"{shlex.join(command)}; echo exit code $?; exec sleep 1000"
        argv = [*self._tmux, "new-session", "-d", "-s", _SESSION, *self._size, "-c", str(folder), "sh", "-c", line]
        subprocess.run(argv, env={**environ, "TERM": "xterm-256color"}, check=True)

    def keys(self, *keys: str) -> None:
        """Press keys, by tmux's names."""
        for key in keys:
            self._do("send-keys", "-t", _SESSION, key)

    def type(self, text: str) -> None:
        """Type a text."""
        self._do("send-keys", "-t", _SESSION, "-l", text)

    def resize(self, width: int, height: int) -> None:
        """Make the window larger or smaller."""
        self._do("resize-window", "-t", _SESSION, "-x", str(width), "-y", str(height))

    def screen(self) -> str:
        """The text on the screen."""
        return self._do("capture-pane", "-t", _SESSION, "-p")

    def alternate(self) -> bool:
        """Whether a full-screen program holds the screen."""
        return self._do("display-message", "-t", _SESSION, "-p", "#{alternate_on}").strip() == "1"

    def wait(self, *shown: str | Callable[[str], bool], seconds: float = 30) -> str:
        """Wait until all of these texts are on the screen and all conditions hold, and give that one screen.

        Screens are painted piece by piece: what a test expects of a screen belongs into one wait, not into an
        assertion on what another wait gave.
        """
        deadline = time.monotonic() + seconds
        while True:
            screen = self.screen()
            missing = [item for item in shown if not (item in screen if isinstance(item, str) else item(screen))]
            if not missing:
                return screen
            assert time.monotonic() < deadline, f"after {seconds} s {missing!r} is not on the screen:\n{screen}"
            time.sleep(0.1)

    def until(self, key: str, pattern: str, presses: int = 20) -> str:
        """Press a key until a pattern is on the screen: one press at a time, each given time to show."""
        for _ in range(presses):
            for _ in range(10):
                if re.search(pattern, screen := self.screen()):
                    return screen
                time.sleep(0.05)
            self.keys(key)
        raise AssertionError(f"{presses} times {key} did not bring {pattern!r}:\n{self.screen()}")

    def end(self) -> None:
        """End the server and what runs in it."""
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)

    def _do(self, *arguments: str) -> str:
        return subprocess.run([*self._tmux, *arguments], capture_output=True, text=True, check=True).stdout


@contextmanager
def terminal(folder: Path, width: int = 80, height: int = 24) -> Iterator[Terminal]:
    """A terminal whose server ends with the block."""
    made = Terminal(folder / "t", width, height)
    try:
        yield made
    finally:
        made.end()
