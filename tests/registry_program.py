"""The real docker-registry on a free loopback port, with a password."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

__all__ = ["PASSWORD", "Registry", "serve"]

PASSWORD = "right-password"
_BCRYPT = "$2b$04$Y/xD5sUx4ge71zqut6Fw4uBp8B2yqTQETSnPSKeq.vgmsUeb31Uey"  # of PASSWORD

_CONFIG = """version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {root}/data}}}}
http: {{addr: 127.0.0.1:{port}}}
auth: {{htpasswd: {{realm: test, path: {root}/htpasswd}}}}
"""


@dataclass(frozen=True, slots=True)
class Registry:
    """A running registry: `host` with port, user `AWS`, password `PASSWORD`."""

    host: str


@contextmanager
def serve(root: Path) -> Iterator[Registry]:
    """Run a registry with its data in a folder, until the block ends."""
    program = shutil.which("docker-registry")
    assert program, "docker-registry is missing; `make setup` installs it."
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (root / "htpasswd").write_text(f"AWS:{_BCRYPT}\n")
    (root / "config.yml").write_text(_CONFIG.format(root=root, port=port))
    with (root / "log").open("wb") as log:
        running = subprocess.Popen([program, "serve", str(root / "config.yml")], stdout=log, stderr=log)
    try:
        _wait(port, running, root / "log")
        yield Registry(f"127.0.0.1:{port}")
    finally:
        running.terminate()
        running.wait(10)


def _wait(port: int, running: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 15
    while True:
        try:
            assert httpx.get(f"http://127.0.0.1:{port}/v2/", trust_env=False).status_code == 401
        except httpx.TransportError:
            assert running.poll() is None, log.read_text()
            assert time.monotonic() < end, "the registry does not answer"
            time.sleep(0.05)
        else:
            return
