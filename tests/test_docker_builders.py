"""Which docker program builds: programs that answer as real ones do, before the real engine."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ecrwiz.model.errors import MissingToolError
from ecrwiz.services.docker import builders
from ecrwiz.services.docker.builders import Builder, find_builder

if TYPE_CHECKING:
    import docker as docker_py

PROGRAM = """#!/bin/sh
echo "$*" >> "{asked}"
case "$*" in
  --version) echo "{version}" ;;
  "buildx version") {buildx} ;;
  info*) {info} ;;
  *) echo "what: $*" >&2; exit 2 ;;
esac
"""
NO_BUILDX = "echo \"docker: 'buildx' is not a docker command.\" >&2; exit 1"
NO_ENGINE = 'echo "Cannot connect to the Docker daemon" >&2; exit 1'
ON = {"DOCKER_BUILDKIT": "1"}
QUIET = {**ON, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}

Put = Callable[..., Path]


@pytest.fixture
def put(engine: docker_py.DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Puts a `docker` into a folder of its own, behind those that are on PATH already, and nothing else."""
    folders: list[Path] = []
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    same = f"echo {engine.info()['ID']}"

    def place(version: str, *, buildx: str = "", info: str = same) -> Path:
        folder = tmp_path / f"bin{len(folders)}"
        folder.mkdir()
        said = f"echo github.com/docker/buildx {buildx} 0c4e1" if buildx else NO_BUILDX
        program = folder / "docker"
        program.write_text(PROGRAM.format(asked=folder / "asked", version=version, buildx=said, info=info))
        program.chmod(0o755)
        folders.append(folder)
        monkeypatch.setenv("PATH", os.pathsep.join(map(str, folders)))
        return folder

    return place


OLD = "Docker version 20.10.24+dfsg1, build 297e128"
NEW = "Docker version 28.2.2, build e6534b4"


@pytest.mark.parametrize(
    ("version", "buildx", "expected"),
    [
        (OLD, "", Builder("docker", (), ON)),
        (OLD, "v0.13.1", Builder("docker", (), ON)),
        (NEW, "v0.24.0", Builder("docker", ("--load", "--provenance=false"), QUIET)),
        (NEW, "0.13.1+ds1", Builder("docker", ("--load", "--provenance=false"), QUIET)),
        (NEW, "v0.9.1", Builder("docker", ("--load",), QUIET)),
        (NEW, "", Builder("", reason="Docker's plugin buildx is not installed.")),
        (
            "Docker version 19.03.15, build 99e3ed8919",
            "",
            Builder("", reason="The program `docker` is older than 20.10."),
        ),
        ("podman version 5.4.2", "", Builder("", reason="`docker` is not Docker's own program.")),
        ("", "", Builder("", reason="`docker` is not Docker's own program.")),
    ],
)
async def test_one_program(put: Put, version: str, buildx: str, expected: Builder) -> None:
    put(version, buildx=buildx)
    assert await find_builder() == expected


async def test_the_second_program_when_the_first_cannot(put: Put) -> None:
    put(NEW)
    second = put(OLD)
    assert await find_builder() == Builder(str(second / "docker"), (), ON)


async def test_the_same_program_by_two_ways_is_asked_once(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = put(NEW)
    other = tmp_path / "bin-too"
    other.symlink_to(first)
    monkeypatch.setenv("PATH", f"{first}:{other}")
    assert not (await find_builder()).program
    assert (first / "asked").read_text().splitlines() == ["--version", "buildx version"]


@pytest.mark.parametrize("info", ["echo ANOTHER:ENGINE", NO_ENGINE])
async def test_a_program_for_another_engine_is_left(put: Put, info: str) -> None:
    put(OLD, info=info)
    assert "does not reach the engine" in (await find_builder()).reason


async def test_the_answer_is_kept(put: Put) -> None:
    folder = put(OLD)
    first = await find_builder()
    asked = (folder / "asked").read_text()
    assert await find_builder() is first
    assert (folder / "asked").read_text() == asked


async def test_no_program(put: Put) -> None:
    assert callable(put)
    assert await find_builder() == Builder("", reason="The program `docker` is not on PATH.")


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"Version": "18.06.3-ce", "Os": "linux"}, "The Docker engine 18.06.3-ce is older than 18.09."),
        ({"Version": "27.0.1", "Os": "windows"}, "The Docker engine runs Windows containers."),
        ({"Version": "5.4.2", "Os": "linux", "Components": [{"Name": "Podman Engine"}]}, "The engine is Podman's."),
        ({"Version": "20.10.24+dfsg1", "Os": "linux"}, ""),
        ({"Version": "dev", "Os": "linux"}, ""),
    ],
)
def test_what_an_engine_says_of_itself(facts: dict[str, object], reason: str) -> None:
    assert builders.engine_lacks(facts) == reason


async def test_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(MissingToolError, match="does not answer"):
        await find_builder()
