"""The real registry that keeps the images' bytes, reachable through a private socket alone."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
from pathlib import Path
from typing import Final

from ecrwiz.model.errors import MissingToolError
from ecrwiz.sandbox.children import Child, wait_until
from ecrwiz.sandbox.info import write_private

__all__ = ["Registry"]

_NAMES: Final = ("docker-registry", "registry")  # Debian's name and upstream's
_PARTS: Final = ("_layers", "_manifests", "_uploads")


class Registry:
    """A running registry.

    Attributes:
        socket: path of the Unix socket that it answers on.
    """

    def __init__(self, data: Path, sockets: Path) -> None:
        """Start the registry; `wait` for it before use.

        Args:
            data: folder for its configuration, log and storage.
            sockets: folder with a short path.

        Raises:
            MissingToolError: the program is not installed.
        """
        self.socket = sockets / "registry.sock"
        self._storage = data / "storage"
        config = data / "config.json"  # JSON is YAML
        write_private(config, json.dumps(_config(self._storage, self.socket), indent=2))
        argv = [_program(), "serve", str(config)]
        # Version 3 would look for a collector of traces.
        self._child = Child("docker-registry", argv, data / "registry.log", {"OTEL_TRACES_EXPORTER": "none"})
        self._child.feed()

    def wait(self) -> None:
        """Wait until it answers; raises ToolFailedError when it does not."""
        wait_until(self._answers, self._child, seconds=10)

    def forget(self, region: str, name: str) -> None:
        """Remove what links a repository to its layers, so that one of the same name starts empty."""
        folder = self._storage / "docker" / "registry" / "v2" / "repositories" / region / name
        for part in _PARTS:  # repositories below this one in the name's path stay
            shutil.rmtree(folder / part, ignore_errors=True)

    def stop(self) -> None:
        """End it."""
        self._child.stop()

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.socket))
            except OSError:
                return False
        return True


def _program() -> str:
    for name in _NAMES:
        found = shutil.which(name)
        if found:
            return found
    raise MissingToolError(
        "The sandbox needs docker-registry, which is not on this machine.",
        "Install it with `apt install docker-registry`, or put the `registry` program of the CNCF "
        "Distribution project on the PATH.",
    )


def _config(storage: Path, address: Path) -> dict[str, object]:
    return {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(storage)},
            "delete": {"enabled": True},
            "maintenance": {"uploadpurging": {"enabled": False}},
        },
        "http": {
            "net": "unix",
            "addr": str(address),
            "secret": secrets.token_hex(16),
            "relativeurls": True,
        },
    }
