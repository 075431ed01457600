"""The real programs that the supervisor runs, none of which may outlive it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ecrwiz.model.errors import ToolFailedError

__all__ = ["Child", "wait_until"]

# The kernel kills the program when the supervisor dies, even by SIGKILL (Linux only). prctl's option 1 is
# PR_SET_PDEATHSIG; the check after it covers a supervisor that died in between.
_DIE_WITH_PARENT: Final = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); "
    "os.getppid() == int(sys.argv[1]) or os._exit(1); os.execv(sys.argv[2], sys.argv[2:])"
)
_PASSED_ON: Final = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TZ")
_POLITE_SECONDS: Final = 3.0
_log = logging.getLogger(__name__)


class Child:
    """A running program. Start it from the main thread: the kernel ties it to the thread that started it.

    Attributes:
        name: for messages.
    """

    def __init__(self, name: str, argv: list[str], log: Path, environment: dict[str, str]) -> None:
        """Start a program.

        Args:
            name: for messages.
            argv: the program's absolute path and its arguments.
            log: the program's output is appended here.
            environment: added to the few variables that are passed on from the supervisor.
        """
        self.name = name
        self._log_file = log
        if sys.platform == "linux":
            argv = [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid()), *argv]
        passed_on = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
        with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env={**passed_on, **environment},
                cwd=log.parent,
            )

    def feed(self, text: str = "") -> None:
        """Write to the program's input and close it."""
        if self._process.stdin is None:
            raise RuntimeError("the input was closed before")
        self._process.stdin.write(text.encode())
        self._process.stdin.close()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def expect_running(self) -> None:
        """Raise ToolFailedError with the end of its output when the program has ended."""
        if not self.running:
            tail = self._log_file.read_text(encoding="utf-8", errors="replace").strip()[-400:]
            raise ToolFailedError(
                f"{self.name} ended with status {self._process.returncode}: {tail or 'it said nothing'}",
                "The sandbox cannot run without it.",
            )

    def stop(self) -> None:
        """End it, politely at first; does nothing when it has ended."""
        if self.running:
            self._process.terminate()
            try:
                self._process.wait(_POLITE_SECONDS)
            except subprocess.TimeoutExpired:
                _log.warning("%s did not end when asked to and was killed", self.name)
                self._process.kill()
                self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


def wait_until(ready: Callable[[], bool], child: Child, seconds: float) -> None:
    """Wait for a program to answer.

    Args:
        ready: asked every 20 ms.
        child: must go on running meanwhile.
        seconds: how long to wait.

    Raises:
        ToolFailedError: the program ended or did not answer in time.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        child.expect_running()
        if time.monotonic() > deadline:
            raise ToolFailedError(f"{child.name} did not answer within {seconds:.0f} seconds.", "Try again.")
        time.sleep(0.02)
