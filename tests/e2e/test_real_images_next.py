"""Next.js in real images. All fixtures have the same lockfile, so that a builder installs once for all of them."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import docker
import httpx
import pytest

from ecrwiz.sandbox import sample as sample_module
from tests.e2e.containers import Page, Running, run_image
from tests.e2e.images import APPS, MANAGERS, Case, check_case, check_image, lay_out, removed_at_the_end

pytestmark = pytest.mark.e2e

_CONFIGURED: Mapping[str, str | None] = {"x-powered-by": None}


def _case(
    name: str, serving: str, *more: Page, headers: Mapping[str, str | None] = _CONFIGURED, largest: float | None = None
) -> Case:
    first = Page("/", f"fixture {name} on port {{port}}", headers=headers)
    return Case(name, "next", serving, (first, *more), largest=largest)


def _asset(name: str) -> Page:
    return Page("/asset.txt", f"asset of {name}")


# Resized by sharp, which the image must hold, and kept in a folder that must be writable.
_PICTURE = Page("/_next/image?url=%2Fpicture.png&w=64&q=75", "WEBP", headers={"content-type": "image/webp"})

CASES = (
    _case("next-standalone", "next-standalone", _asset("next-standalone"), _PICTURE, largest=60),
    _case("next-plain", "next", _asset("next-plain"), _PICTURE),
    _case("next-no-public", "next", Page("/asset.txt", "", 404)),
    _case("next-ts-config", "next-standalone", largest=60),
    _case("next-ts-plain", "next", _asset("next-ts-plain"), headers={**_CONFIGURED, "x-fixture": "next-ts-plain"}),
    Case(
        "next-export",
        "next",
        "static",
        (
            Page("/", "fixture next-export"),
            Page("/about/", "second page of next-export"),
            Page("/asset.txt", "asset of next-export"),
            Page("/nowhere", "", 404),
        ),
    ),
)


def test_the_fixtures_have_one_lockfile() -> None:
    sample = Path(sample_module.__file__).with_name("sample_app")
    for name in ("package.json", "package-lock.json"):
        assert {(APPS / case.name / name).read_bytes() for case in CASES} == {(sample / name).read_bytes()}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_serves(case: Case, tmp_path: Path, engine: docker.DockerClient, base_image: str) -> None:
    check_case(case, tmp_path, engine, base_image)


def test_the_articles_form_serves(tmp_path: Path, engine: docker.DockerClient, base_image: str) -> None:
    case = replace(CASES[1], answers=("strategy=article",), runtime=MANAGERS)
    project = lay_out(case, tmp_path)
    # What the article's reader does on their machine, by the Node that the image will have.
    engine.containers.run(
        base_image,
        ["sh", "-c", "npm ci --no-audit --no-fund && npm run build"],
        environment={"HOME": "/tmp", "NEXT_TELEMETRY_DISABLED": "1"},
        volumes={str(project.root): {"bind": "/app", "mode": "rw"}},
        working_dir="/app",
        user=f"{os.getuid()}:{os.getgid()}",
        remove=True,
    )
    with removed_at_the_end(engine, project):
        project.step("render")
        check_image(case, engine, project.step("build")["image_id"])


def test_pages_are_regenerated_and_kept(tmp_path: Path, engine: docker.DockerClient, base_image: str) -> None:
    project = lay_out(CASES[0], tmp_path)
    with removed_at_the_end(engine, project):
        project.step("render")
        with run_image(engine, project.step("build")["image_id"], 3100) as running:
            _regenerates(running)


@pytest.mark.parametrize("case", CASES[:2], ids=str)
def test_a_build_folder_of_another_name(
    case: Case, tmp_path: Path, engine: docker.DockerClient, base_image: str
) -> None:
    project = lay_out(case, tmp_path)
    configuration = next(project.root.glob("next.config.*"))
    configuration.write_text(configuration.read_text().replace("powered", "distDir: 'made',\n  powered", 1))
    with removed_at_the_end(engine, project):
        project.step("render")
        image_id = project.step("build")["image_id"]
        check_image(replace(case, writes="made"), engine, image_id)
        with run_image(engine, image_id, 3100) as running:
            _regenerates(running, "made")


def _regenerates(running: Running, folder: str = ".next") -> None:
    running.wait("/")
    # Before the page is asked for: the first request alone may already make it anew.
    kept = _kept(running, folder)
    assert "made at" in kept
    first = _made_at(running)
    _until(lambda: _made_at(running) != first)
    _until(lambda: _kept(running, folder) != kept)


def _kept(running: Running, folder: str) -> str:
    """The times of all copies on disk; versions of Next keep them in different folders."""
    return running.shell(f"grep -rohaE 'made at [0-9]+' {folder} | sort -u")


def _made_at(running: Running) -> str:
    text = httpx.get(running.url() + "/regenerated", trust_env=False).raise_for_status().text
    found = re.search(r"made at (\d+)", text)
    assert found, text
    return found[1]


def _until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.5)
