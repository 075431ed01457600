"""A container of an image under test: run, asked, looked into and stopped, by docker-py and HTTP alone."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import docker
import httpx
from docker.models.containers import Container

__all__ = ["Page", "Running", "run_image"]

_HOST = "127.0.0.1"


@dataclass(frozen=True)
class Page:
    """What the image must serve.

    Attributes:
        path: what is asked for.
        holds: bytes of the answer; `{port}` becomes the port of the container.
        status: the answer's status.
        headers: headers of the answer, by name in lower case; None for one that must not be there.
    """

    path: str
    holds: str
    status: int = 200
    headers: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Running:
    """A container of an image under test, with `port` as its PORT."""

    container: Container
    port: int

    def url(self) -> str:
        """Where it answers on this machine."""
        self.container.reload()
        bound = self.container.attrs["NetworkSettings"]["Ports"] or {}
        return f"http://{_HOST}:{(bound.get(f'{self.port}/tcp') or [{'HostPort': 0}])[0]['HostPort']}"

    def logs(self) -> str:
        """The end of what it has printed."""
        return str(self.container.logs(tail=40).decode(errors="replace"))

    def wait(self, path: str, seconds: float = 30) -> float:
        """Wait for the first answer; gives the seconds until then."""
        start = time.monotonic()
        with httpx.Client(trust_env=False, timeout=5) as client:
            while True:
                try:
                    client.get(self.url() + path)
                except httpx.TransportError:
                    running = self.container.status == "running"
                    assert running, f"it ended:\n{self.logs()}"
                    assert time.monotonic() - start < seconds, f"no answer in {seconds} s:\n{self.logs()}"
                    time.sleep(0.05)
                else:
                    return time.monotonic() - start

    def check(self, page: Page) -> None:
        """Fetch a page and compare."""
        answer = httpx.get(self.url() + page.path, headers={"accept": "image/webp,*/*"}, trust_env=False, timeout=10)
        assert answer.status_code == page.status, f"{page.path}: {answer.status_code}\n{answer.text}\n{self.logs()}"
        wanted = page.holds.replace("{port}", str(self.port))
        # React puts a comment between two texts that stand side by side.
        assert wanted.encode("latin-1") in answer.content.replace(b"<!-- -->", b""), (
            f"{page.path}: {answer.text[:2000]}"
        )
        for name, value in page.headers.items():
            assert answer.headers.get(name) == value, f"{page.path}: {dict(answer.headers)}"

    def listens_everywhere(self) -> bool:
        """Whether it listens on all addresses, as the container's own table of sockets says."""
        table = self.shell("cat /proc/net/tcp /proc/net/tcp6").splitlines()
        sockets = [line.split() for line in table if ":" in line.split()[0]]
        local = [words[1].split(":") for words in sockets if words[3] == "0A"]
        return any(int(port, 16) == self.port and not address.strip("0") for address, port in local)

    def shell(self, script: str, user: str = "") -> str:
        """What a shell command in it prints, as the image's user or as another."""
        return str(self.container.exec_run(["sh", "-c", script], user=user).output.decode(errors="replace")).strip()

    def managers(self, names: Sequence[str]) -> list[str]:
        """Which of these programs are on its PATH."""
        return self.shell(f"for name in {' '.join(names)}; do command -v $name; done; true").split()

    def stop(self) -> tuple[float, int]:
        """End it as `docker stop` does; gives the seconds until its process was gone, and its exit code.

        By the engine's own note of the end: what it then takes to clean up is no part of the application.
        """
        start = datetime.now(UTC)
        self.container.kill("SIGTERM")
        code = int(self.container.wait(timeout=20)["StatusCode"])
        self.container.reload()
        ended = datetime.fromisoformat(self.container.attrs["State"]["FinishedAt"])
        return (ended - start).total_seconds(), code


@contextmanager
def run_image(engine: docker.DockerClient, image: str, port: int) -> Iterator[Running]:
    """Run an image as ECS would: PORT given, HOSTNAME the machine's own name, every capability dropped."""
    container = engine.containers.run(
        image,
        detach=True,
        environment={"PORT": str(port)},
        ports={f"{port}/tcp": (_HOST, None)},
        hostname="ip-10-0-0-1.ec2.internal",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
    )
    try:
        yield Running(container, port)
    finally:
        container.remove(force=True, v=True)
