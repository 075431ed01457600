"""The one process that holds a sandbox together: starts its parts, waits, and removes everything.

It lives as long as the process that started it holds the other end of its input, or, when it is to be kept,
until it is told to stop. On its output it writes one line of JSON: `{"ready": true}` or what went wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from ecrwiz.model.errors import EcrwizError, MissingToolError
from ecrwiz.sandbox.info import PROFILE, Info, Layout, lock, write_private
from ecrwiz.sandbox.keyring_session import KeyringSession, can_start
from ecrwiz.sandbox.registry import Registry

if TYPE_CHECKING:
    from ecrwiz.sandbox.aws import Operator
    from ecrwiz.sandbox.registry_front import RegistryFront

__all__ = ["serve"]

_MAX_SOCKET_FOLDER: Final = 80  # bytes; a Unix socket's whole path may have 107
_LOOK_SECONDS: Final = 2.0
_DEFAULT_REGION: Final = "us-east-1"
_log = logging.getLogger(__name__)

# Held until the process ends, however it ends: by it a client knows that the sandbox lives.
_alive: IO[bytes] | None = None


def serve(data: Path, *, keep: bool) -> int:
    """Run a sandbox until it is to end.

    Args:
        data: its folder, made by the client that starts it.
        keep: go on when whoever started it ends.

    Returns:
        The process's exit code.
    """
    layout = Layout(data)
    global _alive
    _alive = lock(layout.alive, wait=False)
    if _alive is None:
        _say({"error": f"A sandbox is running in {data}.", "hint": "", "exit_code": 1})
        return 1
    logging.basicConfig(
        filename=layout.log, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # The stand-ins say what was asked and answered in words of their own.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    supervisor = _Supervisor(layout, keep=keep)
    try:
        asyncio.run(supervisor.run())
    except EcrwizError as error:
        _say({"error": error.message, "hint": error.hint, "exit_code": error.exit_code})
        return error.exit_code
    finally:
        supervisor.remove()
    return 0


class _Supervisor:
    def __init__(self, layout: Layout, *, keep: bool) -> None:
        self._layout = layout
        self._keep = keep
        self._sockets = _socket_folder(layout.root)
        self._parts: list[Registry | KeyringSession] = []
        self._ending = asyncio.Event()

    async def run(self) -> None:
        """Start everything, report, wait, stop everything."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ending.set)
        loop.add_reader(sys.stdin.fileno(), self._input)
        front = None
        try:
            # First the programs: they come up while Python imports what the stand-ins need.
            registry = Registry(self._layout.root / "registry", self._sockets)
            self._parts.append(registry)
            keyring = self._start_keyring()
            info, front = await self._start_stand_ins(registry, keyring)
            info.write(self._layout.info)
            _say({"ready": True})
            _log.info("ready: %r", info)
            await self._until_ended()
        finally:
            self._layout.info.unlink(missing_ok=True)
            if front is not None:
                await front.stop()
            for part in reversed(self._parts):
                part.stop()
            _log.info("ended")

    async def _until_ended(self) -> None:
        """Until somebody ends it, or its folder is gone: then nobody could find it again."""
        while self._layout.marker.exists():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), _LOOK_SECONDS)
                return

    def remove(self) -> None:
        """Remove the sandbox's folder and the sockets."""
        logging.shutdown()
        shutil.rmtree(self._sockets, ignore_errors=True)
        shutil.rmtree(self._layout.root, ignore_errors=True)

    def _input(self) -> None:
        """Nothing is ever written there: being readable means that the other end is closed."""
        if os.read(sys.stdin.fileno(), 1024):
            return
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        info = Info.read(self._layout.info)
        # A later client may have asked to keep what this one was started without.
        if not (info.keep if info else self._keep):
            self._ending.set()

    def _start_keyring(self) -> KeyringSession | None:
        if not can_start():
            _log.info("no dbus-daemon and gnome-keyring-daemon: the person's own keyring is used")
            return None
        keyring = KeyringSession(self._layout.root / "keyring", self._sockets)
        self._parts.append(keyring)
        keyring.unlock()
        return keyring

    async def _start_stand_ins(self, registry: Registry, keyring: KeyringSession | None) -> tuple[Info, RegistryFront]:
        try:
            from ecrwiz.sandbox.assembly import start
        except ImportError as error:
            raise MissingToolError(
                f"The sandbox needs the Python package {error.name}, which is not installed.",
                "Install it with `pip install 'ecrwiz[sandbox]'`.",
            ) from error
        github_token, admin_token = f"ghp_{secrets.token_hex(18)}", secrets.token_urlsafe(32)
        started = await start(registry, github_token, admin_token)
        _write_credentials(self._layout, started.operator)
        await asyncio.to_thread(registry.wait)
        if keyring is not None:
            await asyncio.to_thread(keyring.wait)
        info = Info(
            pid=os.getpid(),
            keep=self._keep,
            aws=started.aws,
            registry=started.registry,
            github=started.github,
            github_token=github_token,
            admin_token=admin_token,
            bus=keyring.address if keyring else None,
        )
        return info, started.front


def _socket_folder(root: Path) -> Path:
    """A folder of the sandbox's own whose path is short enough for Unix sockets in it."""
    folder = root / "run"
    if len(os.fsencode(folder)) > _MAX_SOCKET_FOLDER:
        return Path(tempfile.mkdtemp(prefix="ecrwiz-"))
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _write_credentials(layout: Layout, operator: Operator) -> None:
    lines = (
        f"[{PROFILE}]",
        f"aws_access_key_id = {operator.access_key_id}",
        f"aws_secret_access_key = {operator.secret_access_key}",
    )
    write_private(layout.credentials, "\n".join(lines) + "\n")
    write_private(layout.config, f"[profile {PROFILE}]\nregion = {_DEFAULT_REGION}\noutput = json\n")


def _say(message: dict[str, object]) -> None:
    """Tell the client; it may be gone, which its input will show."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()
