"""Plain servers, a static site and an application with its own Dockerfile, in real images."""

from __future__ import annotations

import re
from pathlib import Path

import docker
import httpx
import pytest

from tests.e2e.containers import Page, run_image
from tests.e2e.images import APPS, Case, check_case, lay_out, removed_at_the_end

pytestmark = pytest.mark.e2e

_TARBALL = re.compile(r"https?://([^/\s\"]+)/\S+\.tgz")


def _case(name: str, framework: str) -> Case:
    return Case(name, framework, "command", (Page("/", f"fixture {name} on port {{port}}"),))


CASES = (
    _case("express", "express"),
    _case("fastify-tsx", "fastify"),
    _case("main-only", "node"),
    _case("pm2", "node"),
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


def test_a_site_below_a_path(tmp_path: Path, engine: docker.DockerClient, base_image: str) -> None:
    project = lay_out(CASES[-1], tmp_path)
    (project.root / "vite.config.js").write_text("export default { base: '/shop/' }\n")
    with removed_at_the_end(engine, project):
        project.step("render")
        image_id = project.step("build")["image_id"]
        assert project.step("smoke-test")["status"] == 200
        with run_image(engine, image_id, 3100) as running:
            running.wait("/shop/")
            for path in ("/shop/", "/shop/a/deep/link"):
                running.check(Page(path, "fixture vite-static says good morning"))
            running.check(Page("/shop/asset.txt", "asset of vite-static"))
            page = httpx.get(running.url() + "/shop/", trust_env=False).text
            scripts = re.findall(r'src="(/shop/assets/[^"]+\.js)"', page)
            assert scripts
            kind = httpx.get(running.url() + scripts[0], trust_env=False).headers["content-type"]
            assert kind.startswith(("text/javascript", "application/javascript"))
