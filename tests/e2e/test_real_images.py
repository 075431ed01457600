"""Plain servers, a static site and an application with its own Dockerfile, in real images."""

from __future__ import annotations

import re
from pathlib import Path

import docker
import pytest

from tests.e2e.containers import Page
from tests.e2e.images import APPS, Case, check_case

pytestmark = pytest.mark.e2e

_TARBALL = re.compile(r"https?://([^/\s\"]+)/\S+\.tgz")


def _case(name: str, framework: str) -> Case:
    return Case(name, framework, "command", (Page("/", f"fixture {name} on port {{port}}"),))


CASES = (
    _case("express", "express"),
    _case("fastify-tsx", "fastify"),
    _case("main-only", "node"),
    Case("sharp", "node", "command", (Page("/", "WEBP", headers={"content-type": "image/webp"}),)),
    Case("own", "own", "own", (Page("/", "fixture own on port {port}"),), answers=("strategy=own",)),
    Case(
        "vite-static",
        "vite",
        "static",
        (
            Page("/", "fixture vite-static says good morning"),
            Page("/a/deep/link", "fixture vite-static says good morning"),
            Page("/asset.txt", "asset of vite-static"),
        ),
        answers=("build_args.VITE_GREETING=good morning",),
    ),
)


def test_the_fixtures_lockfiles_name_the_public_registries_alone() -> None:
    locks = [path for path in APPS.rglob("*lock*") if path.is_file()]
    assert len(locks) >= 20
    hosts = {host for path in locks for host in _TARBALL.findall(path.read_text())}
    assert hosts == {"registry.npmjs.org", "registry.yarnpkg.com"}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_serves(case: Case, tmp_path: Path, engine: docker.DockerClient, base_image: str) -> None:
    check_case(case, tmp_path, engine, base_image)
