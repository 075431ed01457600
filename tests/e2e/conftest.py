"""The product as a person runs it: its own process, real Terraform, engine, registry, keyring; moto for AWS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from ecrwiz.sandbox import sample
from ecrwiz.sandbox.client import status, stop
from ecrwiz.sandbox.info import Info
from ecrwiz.services.terraform import find_mirror

REGION = "us-east-1"


@dataclass
class World:
    """One project, one kept sandbox and one home."""

    root: Path
    home: Path
    environ: dict[str, str]
    arguments: tuple[str, ...] = ("--keep-sandbox",)
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def data(self) -> Path:
        return self.root / ".ecrwiz" / "sandbox"

    @property
    def info(self) -> Info:
        found = status(self.data)
        assert found is not None, "the sandbox is gone"
        return found

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "ecrwiz", "-C", str(self.root), *self.arguments, *arguments]

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )

    def run(self, *arguments: str, timeout: float = 420) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def run_json(self, *arguments: str) -> tuple[int, list[dict[str, Any]], dict[str, dict[str, Any]]]:
        """The exit code, all events, and the last event of each step."""
        done = self.run(*arguments, "--json")
        events = [json.loads(line) for line in done.stdout.splitlines()]
        ends = {event["step"]: event for event in events if event["event"] == "step.finished"}
        assert events, done.stderr
        return done.returncode, events, ends

    def operator(self, service: str) -> Any:
        """A client with the operator's credentials, which the product takes from a profile."""
        session = boto3.Session(region_name=REGION)
        keys = dict(
            line.split(" = ") for line in (self.data / "aws" / "credentials").read_text().splitlines() if " = " in line
        )
        return session.client(service, endpoint_url=self.info.aws, **keys)

    def opened_secrets(self) -> dict[str, Any]:
        """What GitHub has, opened by the stand-in's private key."""
        answer = httpx.get(
            f"{self.info.github}/_sandbox/opened", headers={"X-Sandbox-Admin": self.info.admin_token}, trust_env=False
        )
        return dict(answer.raise_for_status().json())


def make_world(folder: Path, *, mirror: Path | None) -> World:
    home = folder / "home"
    home.mkdir(mode=0o700)
    environ = {**os.environ, "HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2])}
    if mirror:
        environ["ECRWIZ_TERRAFORM_MIRROR"] = str(mirror)
    return World(sample.lay_out(folder / "blog"), home, environ)


@pytest.fixture(scope="session")
def mirror() -> Path | None:
    """A folder with the AWS provider, where the registry cannot be reached."""
    return find_mirror(dict(os.environ))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, base_image: str, mirror: Path | None) -> Iterator[World]:
    """A project of the module's own."""
    made = make_world(tmp_path_factory.mktemp("world"), mirror=mirror)
    yield made
    stop(made.data)
