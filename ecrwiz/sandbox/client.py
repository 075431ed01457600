"""How a door starts, finds and ends a sandbox. Imports nothing that the stand-ins need."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ecrwiz.sandbox.info import PROFILE, Info, Layout, is_locked
from ecrwiz.sandbox.launch import await_end, await_free, close_pipes, launch, prepare, running, starting

__all__ = ["Sandbox", "status", "stop"]

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
        self._gone = False

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
        with starting(layout):
            info = running(layout)
            if info is None:
                prepare(layout)
                return cls(data_dir, *launch(layout, keep=keep))
            if keep and not info.keep:
                info = Info(**{**vars(info), "keep": True})
                info.write(layout.info)
            return cls(data_dir, info, None)

    @property
    def started(self) -> bool:
        """Whether this process started it."""
        return self._process is not None

    @property
    def started_and_gone(self) -> bool:
        """Whether this process started it and it has ended with `close`."""
        return self._gone

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
        close_pipes(self._process)
        if kept is not None and kept.keep:
            _left_running.append(self._process)
        else:
            await_end(self._process)
            self._gone = True
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
    with starting(layout):
        info = running(layout)
        if info is None:
            shutil.rmtree(layout.root, ignore_errors=True)
            return False
        os.kill(info.pid, signal.SIGTERM)
        await_free(layout)
        shutil.rmtree(layout.root, ignore_errors=True)  # what a child of it wrote while it went
        return True
