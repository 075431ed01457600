"""The sandbox's AWS in a process of its own.

Run as a program it prints one line of JSON, `{"url", "key", "secret"}` of an administrator, and serves until its
standard input ends. Enforcement is switched on for a whole process, so a test does not start it in its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ecrwiz.sandbox.aws import HOST, make_aws_server, make_operator, serve_in_thread

__all__ = ["Aws", "serve"]


@dataclass(frozen=True, slots=True)
class Aws:
    """A running stand-in and an administrator's key."""

    url: str
    key: str
    secret: str

    @property
    def environ(self) -> dict[str, str]:
        """What Terraform needs to work there."""
        return {"AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret}


@contextmanager
def serve() -> Iterator[Aws]:
    """Run the program until the block ends."""
    root = Path(__file__).parents[1]
    running = subprocess.Popen(
        [sys.executable, "-m", "tests.aws_program"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        text=True,
    )
    assert running.stdin
    assert running.stdout
    try:
        yield Aws(**json.loads(running.stdout.readline()))
    finally:
        running.stdin.close()
        running.wait(10)
        running.stdout.close()


def _main() -> None:
    server = make_aws_server()
    operator = make_operator()
    made = {"key": operator.access_key_id, "secret": operator.secret_access_key}
    sys.stdout.write(json.dumps({"url": f"http://{HOST}:{server.server_port}", **made}) + "\n")
    sys.stdout.flush()
    serve_in_thread(server, "aws")
    sys.stdin.read()


if __name__ == "__main__":
    _main()
