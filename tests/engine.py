"""Fixtures for tests that use the real Docker engine (a pytest plugin module)."""

from __future__ import annotations

import os
from collections.abc import Iterator

import docker
import pytest
from docker.errors import DockerException

from ecrwiz.sandbox.base_image import ensure_base_image

BASE_IMAGE = "node:24-slim"


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """A client of the engine that DOCKER_HOST, the current context or the default socket names."""
    try:
        client = docker.from_env(timeout=120)
    except DockerException as error:
        sentence = f"No Docker engine answers ({error}). `make setup` starts one."
        # Where the tests decide over a change, one that did not run must not look like one that passed.
        if os.environ.get("CI"):
            pytest.fail(sentence, pytrace=False)
        pytest.skip(sentence)
    yield client
    client.close()


@pytest.fixture(scope="session")
def base_image(engine: docker.DockerClient) -> str:
    """The reference of the image that the rendered Dockerfiles start from, present in the engine."""
    ensure_base_image(BASE_IMAGE, print)
    engine.images.get(BASE_IMAGE)
    return BASE_IMAGE
