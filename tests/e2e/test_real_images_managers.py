"""Every package manager, alone and in a monorepo, in real images."""

from __future__ import annotations

from pathlib import Path

import docker
import pytest

from tests.e2e.containers import Page
from tests.e2e.images import Case, check_case

pytestmark = pytest.mark.e2e


def _case(name: str, framework: str, manager: str, folder: str = ".", runtime: tuple[str, ...] = ()) -> Case:
    pages = (Page("/", f"fixture {name} on port {{port}}"),)
    return Case(name, framework, "command", pages, manager=manager, folder=folder, runtime=runtime)


CASES = (
    _case("yarn-1", "koa", "yarn"),
    _case("yarn-berry", "koa", "berry"),
    _case("yarn-pnp", "koa", "berry"),
    _case("pnpm", "koa", "pnpm"),
    _case("bun", "hono", "bun", runtime=("bun", "bunx")),
    _case("pnpm-workspace", "express", "pnpm", "apps/web"),
    _case("npm-workspace", "hapi", "npm", "apps/api"),
    _case("turborepo", "fastify", "npm", "apps/site"),
    Case(
        "next-workspace",
        "next",
        "next-standalone",
        (
            Page("/", "fixture next-workspace on port {port}", headers={"x-powered-by": None}),
            Page("/asset.txt", "asset of next-workspace"),
        ),
        manager="pnpm",
        folder="apps/web",
        largest=60,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_serves(case: Case, tmp_path: Path, engine: docker.DockerClient, base_image: str) -> None:
    check_case(case, tmp_path, engine, base_image)
