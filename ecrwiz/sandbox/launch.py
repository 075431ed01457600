"""Starting and ending the supervisor's process, one at a time for each folder."""

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
from typing import IO, Final

from ecrwiz.model.errors import BadInputError, EcrwizError, MissingToolError
from ecrwiz.sandbox.info import MARKER_TEXT, Info, Layout, is_locked, lock, write_private

__all__ = ["await_end", "await_free", "close_pipes", "launch", "prepare", "running", "starting"]

_START_SECONDS: Final = 30.0  # 1 s is usual; a busy machine may need long
_STOP_SECONDS: Final = 15.0
_PACKAGE_ROOT: Final = Path(__file__).parents[2]
_TOKENS: Final = ("GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN")


@contextlib.contextmanager
def starting(layout: Layout) -> Iterator[None]:
    """Hold the lock against two starts at once, in the folder that is there now.

    An ending sandbox removes its folder with the lock file in it; a lock on a removed file guards nothing.
    """
    while True:
        try:
            layout.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise BadInputError(
                f"The sandbox's folder {layout.root} cannot be made: {error.strerror}.",
                "Choose another folder.",
            ) from error
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


def running(layout: Layout) -> Info | None:
    """The sandbox that is ready in this folder; waits for one that is ending."""
    if not is_locked(layout.alive):
        return None
    info = Info.read(layout.info)
    if info is None:
        await_free(layout)
    return info


def await_free(layout: Layout) -> None:
    """Wait until the supervisor of this folder is gone.

    Raises:
        EcrwizError: it does not end.
    """
    deadline = time.monotonic() + _STOP_SECONDS
    while is_locked(layout.alive):
        if time.monotonic() > deadline:
            raise EcrwizError(f"The sandbox in {layout.root} does not end.", f"Its log says why: {layout.log}")
        time.sleep(0.02)


def prepare(layout: Layout) -> None:
    """Empty the folder, if it is a sandbox's: what a dead one left belongs to stand-ins that forgot it.

    Raises:
        BadInputError: the folder holds something else.
    """
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


def launch(layout: Layout, *, keep: bool) -> tuple[Info, subprocess.Popen[bytes]]:
    """Start a supervisor in a prepared folder and wait until it is ready.

    Returns:
        What it tells of itself, and its process; closing its input ends it unless it is kept.

    Raises:
        MissingToolError: a program or package that the sandbox needs is not installed.
        EcrwizError: it did not start.
    """
    argv = [sys.executable, "-P", "-m", "ecrwiz.sandbox", "serve", "--data", str(layout.root)]
    with os.fdopen(os.open(layout.log, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "a+b") as log:
        process = subprocess.Popen(
            [*argv, "--keep"] if keep else argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=_environment(),
            cwd=layout.root,
            start_new_session=True,
        )
        try:
            _await_ready(process, log)
        except BaseException:
            close_pipes(process)
            await_end(process)
            raise
    info = Info.read(layout.info)
    if info is None:
        raise EcrwizError("The sandbox ended right after its start.", "Try again.")
    return info, process


def _environment() -> dict[str, str]:
    """What the supervisor gets: nothing of who the person is, and this very package to run.

    Every process of the person can read it for as long as the sandbox is kept.
    """
    environment = {
        key: value
        for key, value in os.environ.items()
        if key == "AWS_CA_BUNDLE" or (key not in _TOKENS and not key.startswith(("AWS_", "ECRWIZ_", "MOTO_")))
    }
    places = (str(_PACKAGE_ROOT), os.environ.get("PYTHONPATH", ""))
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, places))
    return environment


def _await_ready(process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
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
        # The ending supervisor removes its folder, but this file is still open.
        log.seek(0)
        tail = log.read().decode(errors="replace").strip()[-1000:]
        raise EcrwizError(f"The sandbox ended while it started: {tail or 'it said nothing.'}")
    message = json.loads(line)
    if "error" in message:
        kind = MissingToolError if message["exit_code"] == MissingToolError.exit_code else EcrwizError
        raise kind(message["error"], message["hint"])


def close_pipes(process: subprocess.Popen[bytes]) -> None:
    """Let go of the supervisor."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def await_end(process: subprocess.Popen[bytes]) -> None:
    """Wait for a supervisor that was let go of; insist when it takes too long."""
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        if number is not None:
            process.send_signal(number)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return
