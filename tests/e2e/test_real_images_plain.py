"""Images built by an engine's own builder, where no `docker` program with BuildKit is on PATH."""

from __future__ import annotations

import shutil
from pathlib import Path

import docker
import pytest

from tests.e2e.containers import Page
from tests.e2e.images import Case, check_case

pytestmark = pytest.mark.e2e

CASES = (
    Case("express", "express", "command", (Page("/", "fixture express on port {port}"),)),
    Case(
        "pnpm-workspace",
        "express",
        "command",
        (Page("/", "fixture pnpm-workspace on port {port}"),),
        manager="pnpm",
        folder="apps/web",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_serves(case: Case, tmp_path: Path, engine: docker.DockerClient, base_image: str) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    git = shutil.which("git")
    assert git
    (programs / "git").symlink_to(git)
    made = check_case(case, tmp_path, engine, base_image, {"PATH": str(programs)})
    assert "built without the Dockerfile's cache mounts" in made["said"]
    assert "DOCKER_BUILDKIT" not in " ".join(made["commands"])
