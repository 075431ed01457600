"""What a running sandbox tells about itself: the file `sandbox.json` and the layout of its folder."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Final

__all__ = ["MARKER_TEXT", "PROFILE", "Info", "Layout", "is_locked", "lock", "write_private"]

PROFILE: Final = "ecrwiz-sandbox"  # the operator's AWS profile
MARKER_TEXT: Final = "This folder belongs to an ecrwiz sandbox; everything in it is removed with the sandbox.\n"


@dataclass(frozen=True)
class Info:
    """A running sandbox.

    Attributes:
        pid: of the supervisor.
        keep: whether it outlives the process that started it.
        aws: URL of the AWS stand-in.
        registry: URL of the registry's front.
        github: URL of the GitHub stand-in.
        github_token: the token that the GitHub stand-in accepts.
        admin_token: opens what only tests may see and do.
        bus: address of the private D-Bus session with the keyring, or None.
    """

    pid: int
    keep: bool
    aws: str
    registry: str
    github: str
    github_token: str = field(repr=False)
    admin_token: str = field(repr=False)
    bus: str | None

    def write(self, file: Path) -> None:
        """Write it whole or not at all, readable by its owner alone."""
        write_private(file, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, file: Path) -> Info | None:
        """Read what `write` wrote; None when there is no such file or it is not one."""
        try:
            return cls(**json.loads(file.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None


@dataclass(frozen=True)
class Layout:
    """Where things lie in a sandbox's folder."""

    root: Path

    @property
    def info(self) -> Path:
        """Present while the sandbox is ready for use."""
        return self.root / "sandbox.json"

    @property
    def log(self) -> Path:
        """What the stand-ins report."""
        return self.root / "sandbox.log"

    @property
    def starting(self) -> Path:
        """Locked by whoever starts, attaches to or stops the sandbox."""
        return self.root / "starting.lock"

    @property
    def alive(self) -> Path:
        """Locked by the supervisor as long as it lives, however it ends."""
        return self.root / "alive.lock"

    @property
    def marker(self) -> Path:
        """Says that the folder may be removed."""
        return self.root / "THIS-IS-A-SANDBOX"

    @property
    def credentials(self) -> Path:
        """AWS credentials of the operator."""
        return self.root / "aws" / "credentials"

    @property
    def config(self) -> Path:
        """AWS configuration of the operator."""
        return self.root / "aws" / "config"


def write_private(file: Path, text: str) -> None:
    """Replace a file atomically by one that only its owner can read; folders are made as needed."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.{os.getpid()}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(file)


def lock(file: Path, *, wait: bool) -> IO[bytes] | None:
    """Take an advisory lock that the system frees when the holder closes the file or dies.

    Args:
        file: made when it is not there.
        wait: wait for another holder, else give up at once.

    Returns:
        The open file that holds the lock, or None when somebody else holds it.
    """
    stream = os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        stream.close()
        return None
    return stream


def is_locked(file: Path) -> bool:
    """Whether somebody holds the lock; nothing is made, for the folder may be going just now."""
    try:
        stream = file.open("rb")
    except FileNotFoundError:
        return False
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two who look do not see each other
        except BlockingIOError:
            return True
    return False
