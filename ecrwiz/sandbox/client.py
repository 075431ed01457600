"""How a door starts, finds and ends a sandbox. Imports nothing that the stand-ins need."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from ecrwiz.model.errors import BadInputError, EcrwizError, MissingToolError
from ecrwiz.sandbox.info import MARKER_TEXT, PROFILE, Info, Layout, is_locked, lock, write_private

__all__ = ["Sandbox", "status", "stop"]

_START_SECONDS: Final = 30.0  # 1.5 s is usual; a busy machine may need long
_STOP_SECONDS: Final = 15.0
_PACKAGE_ROOT: Final = Path(__file__).parents[2]

# What of the person's own settings would win over the sandbox's, and send a call to the real service.
_REMOVED: Final = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_DEFAULT_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "GITHUB_TOKEN",
    "GH_ENTERPRISE_TOKEN",
    "GITHUB_ENTERPRISE_TOKEN",
    "GH_HOST",
)
_ENDPOINT_OF_ONE_SERVICE: Final = "AWS_ENDPOINT_URL_"
_PROXIES: Final = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
_LOOPBACK: Final = "127.0.0.1,localhost"


class Sandbox:
    """A sandbox that is running. As a context manager it is closed at the end.

    Attributes:
        data_dir: its folder.
        info: its addresses and tokens.
    """

    def __init__(self, data_dir: Path, info: Info, process: subprocess.Popen[bytes] | None) -> None:
        self.data_dir = data_dir
        self.info = info
        self._process = process

    @classmethod
    def attach_or_start(cls, data_dir: Path, keep: bool = False) -> Self:
        """Find the sandbox that runs in a folder, or start one there.

        Args:
            data_dir: a folder for the sandbox alone: absent, empty, or left by an earlier sandbox.
            keep: the sandbox outlives this process and is ended by `python -m ecrwiz.sandbox stop`. One that
                was started without it is kept from now on.

        Raises:
            BadInputError: the folder holds something else.
            MissingToolError: a program or package that the sandbox needs is not installed.
            EcrwizError: it did not start.
        """
        data_dir = Path(os.path.abspath(data_dir))  # noqa: PTH100  # the folder itself may be a link
        layout = Layout(data_dir)
        with _starting(layout):
            info = _running(layout)
            if info is None:
                _prepare(layout)
                return cls(data_dir, *_start(layout, keep=keep))
            if keep and not info.keep:
                info = Info(**{**vars(info), "keep": True})
                info.write(layout.info)
            return cls(data_dir, info, None)

    @property
    def started(self) -> bool:
        """Whether this process started it."""
        return self._process is not None

    @property
    def remove(self) -> tuple[str, ...]:
        """Environment variables to delete before `environment` is put in."""
        endpoints = sorted(name for name in os.environ if name.startswith(_ENDPOINT_OF_ONE_SERVICE))
        keyring = ("PYTHON_KEYRING_BACKEND",) if self.info.bus else ()
        return (*_REMOVED, *endpoints, *keyring)

    def environment(self) -> dict[str, str]:
        """The environment variables that point the product, Terraform and git tools at the sandbox."""
        layout = Layout(self.data_dir)
        variables = {
            "AWS_ENDPOINT_URL": self.info.aws,
            "AWS_SHARED_CREDENTIALS_FILE": str(layout.credentials),
            "AWS_CONFIG_FILE": str(layout.config),
            "AWS_PROFILE": PROFILE,
            "AWS_EC2_METADATA_DISABLED": "true",
            "GITHUB_API_URL": self.info.github,
            "GH_TOKEN": self.info.github_token,
            "ECRWIZ_STATE_DIR": str(self.data_dir / "state"),
            "ECRWIZ_TERRAFORM_STATE": str(self.data_dir / "terraform.tfstate"),
            "TF_DATA_DIR": str(self.data_dir / "terraform"),
        }
        if self.info.bus:
            variables["DBUS_SESSION_BUS_ADDRESS"] = self.info.bus
            variables["PYTHON_KEYRING_BACKEND"] = "keyring.backends.SecretService.Keyring"
        if any(os.environ.get(name) for name in _PROXIES):
            excepted = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
            variables["NO_PROXY"] = variables["no_proxy"] = ",".join(filter(None, (excepted, _LOOPBACK)))
        return variables

    def close(self) -> None:
        """End the sandbox and remove its folder, if this process started it and it is not to be kept."""
        if self._process is None:
            return
        kept = Info.read(Layout(self.data_dir).info)
        _close_pipes(self._process)
        if kept is not None and kept.keep:
            _left_running.append(self._process)
        else:
            _await_end(self._process)
        self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


# Held so that Python does not warn of a child that is left running on purpose.
_left_running: list[subprocess.Popen[bytes]] = []


def status(data_dir: Path) -> Info | None:
    """The sandbox that runs in a folder, or None."""
    layout = Layout(data_dir)
    return Info.read(layout.info) if is_locked(layout.alive) else None


def stop(data_dir: Path) -> bool:
    """End the sandbox that runs in a folder, kept or not, and remove the folder.

    Returns:
        False when none was running; what a dead one left is removed all the same.

    Raises:
        EcrwizError: it does not end.
    """
    layout = Layout(data_dir)
    if not layout.marker.exists():
        return False
    with _starting(layout):
        info = _running(layout)
        if info is None:
            shutil.rmtree(layout.root, ignore_errors=True)
            return False
        os.kill(info.pid, signal.SIGTERM)
        _await_free(layout)
        return True


@contextlib.contextmanager
def _starting(layout: Layout) -> Iterator[None]:
    """Hold the lock against two starts at once, in the folder that is there now.

    An ending sandbox removes its folder with the lock file in it; a lock on a removed file guards nothing.
    """
    while True:
        layout.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            held = lock(layout.starting, wait=True)
        except FileNotFoundError:
            continue
        if held is not None and _is_there(held, layout.starting):
            break
        if held is not None:
            held.close()
    try:
        yield
    finally:
        held.close()


def _is_there(held: IO[bytes], file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(held.fileno()), file.stat())
    except FileNotFoundError:
        return False


def _running(layout: Layout) -> Info | None:
    """The sandbox that is ready in this folder; waits for one that is ending."""
    if not is_locked(layout.alive):
        return None
    info = Info.read(layout.info)
    if info is None:
        _await_free(layout)
    return info


def _await_free(layout: Layout) -> None:
    deadline = time.monotonic() + _STOP_SECONDS
    while is_locked(layout.alive):
        if time.monotonic() > deadline:
            raise EcrwizError(
                f"The sandbox in {layout.root} does not end.", f"Its log says why: {layout.log}"
            )
        time.sleep(0.02)


def _prepare(layout: Layout) -> None:
    """Empty the folder, if it is a sandbox's: what a dead one left belongs to stand-ins that forgot it."""
    layout.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = [entry for entry in layout.root.iterdir() if entry != layout.starting]
    if found and not layout.marker.exists():
        layout.starting.unlink()
        raise BadInputError(
            f"The folder {layout.root} holds files that no sandbox made, and a sandbox removes its folder.",
            "Choose a folder that does not exist yet.",
        )
    for entry in found:
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    layout.root.chmod(0o700)
    write_private(layout.marker, MARKER_TEXT)


def _start(layout: Layout, *, keep: bool) -> tuple[Info, subprocess.Popen[bytes]]:
    argv = [sys.executable, "-P", "-m", "ecrwiz.sandbox", "serve", "--data", str(layout.root)]
    # The stand-ins must not see the person's own settings, and must find this very package.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "MOTO_"))}
    places = (str(_PACKAGE_ROOT), os.environ.get("PYTHONPATH", ""))
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, places))
    with os.fdopen(os.open(layout.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
        process = subprocess.Popen(
            [*argv, "--keep"] if keep else argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
            cwd=layout.root,
            start_new_session=True,
        )
    try:
        _await_ready(process, layout)
    except BaseException:
        _close_pipes(process)
        _await_end(process)
        raise
    info = Info.read(layout.info)
    if info is None:
        raise EcrwizError("The sandbox ended right after its start.", "Try again.")
    return info, process


def _await_ready(process: subprocess.Popen[bytes], layout: Layout) -> None:
    if process.stdout is None:
        raise RuntimeError("the supervisor has no output to read")
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(_START_SECONDS):
            raise EcrwizError(
                f"The sandbox did not start within {_START_SECONDS:.0f} seconds.",
                "Try again when the machine is idle.",
            )
    line = process.stdout.readline()
    if not line:
        tail = (
            layout.log.read_text(encoding="utf-8", errors="replace").strip()[-1000:]
            if layout.log.exists()
            else ""
        )
        raise EcrwizError(f"The sandbox ended while it started: {tail or 'it said nothing.'}")
    message = json.loads(line)
    if "error" in message:
        kind = MissingToolError if message["exit_code"] == MissingToolError.exit_code else EcrwizError
        raise kind(message["error"], message["hint"])


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _await_end(process: subprocess.Popen[bytes]) -> None:
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        if number is not None:
            process.send_signal(number)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return
