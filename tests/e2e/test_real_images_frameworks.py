"""Frameworks with a build of their own, besides Next.js, in real images."""

from __future__ import annotations

from pathlib import Path

import docker
import pytest

from tests.e2e.containers import Page
from tests.e2e.images import Case, check_case

pytestmark = pytest.mark.e2e


def _case(name: str, framework: str, *more: Page, largest: float | None = None) -> Case:
    return Case(name, framework, "command", (Page("/", f"fixture {name} on port {{port}}"), *more), largest=largest)


CASES = (
    _case("nestjs", "nestjs"),
    _case("react-router", "react-router"),
    _case("sveltekit", "sveltekit"),
    _case("astro", "astro", Page("/asset.txt", "asset of astro")),
    # Nothing but `.output` is in it.
    _case("nuxt", "nuxt", Page("/asset.txt", "asset of nuxt"), largest=20),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_serves(case: Case, tmp_path: Path, engine: docker.DockerClient, base_image: str) -> None:
    check_case(case, tmp_path, engine, base_image)
