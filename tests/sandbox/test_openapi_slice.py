"""The slice of GitHub's description is complete in itself and no larger than needed."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from ecrwiz.sandbox import openapi_slice


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_the_slice_is_githubs_and_valid() -> None:
    description = openapi_slice.load()
    assert description["info"]["title"].startswith("GitHub's official OpenAPI spec")
    assert description["info"]["license"]["name"] == "MIT"
    assert set(description["paths"]) == set(openapi_slice.KEPT)
    validate(description)


def test_every_reference_is_met() -> None:
    description = openapi_slice.load()
    for reference in references(description):
        kind, name = reference.removeprefix("#/components/").split("/")
        assert name in description["components"][kind]


def test_cutting_the_slice_again_changes_nothing() -> None:
    description = openapi_slice.load()
    assert openapi_slice.cut(description) == description


def test_a_path_that_github_dropped_is_an_error() -> None:
    description = openapi_slice.load()
    del description["paths"]["/user"]
    with pytest.raises(KeyError):
        openapi_slice.cut(description)


def test_the_command_writes_the_same_text(tmp_path: Path) -> None:
    source = tmp_path / "api.github.com.json"
    text = gzip.decompress(openapi_slice.SLICE_FILE.read_bytes())
    source.write_bytes(text)
    target = tmp_path / "slice.gz"
    openapi_slice.main([str(source), str(target)])
    assert gzip.decompress(target.read_bytes()) == text
    assert json.loads(text)["openapi"].startswith("3.")


def test_the_command_says_how_it_is_used() -> None:
    argv = [sys.executable, "-m", "ecrwiz.sandbox.openapi_slice"]
    environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
    answer = subprocess.run(argv, capture_output=True, text=True, env=environment, check=False)
    assert (answer.returncode, answer.stderr[:6]) == (1, "usage:")
