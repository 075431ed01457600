"""Every Dockerfile and start.sh that can be rendered, before the tools that people hold against them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ecrwiz.model.app import NodeApp
from tests.test_templates import ARTICLE, TREE, files, variants

ROOT = Path(__file__).parents[1]


def program(name: str) -> str:
    """The tool beside this Python or on PATH; a check that did not run must not look like one that passed."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if not found:
        pytest.fail(f"{name} is not on this machine; `make setup` installs it", pytrace=False)
    return found


def write(folder: Path) -> tuple[list[Path], list[Path]]:
    """The Dockerfiles and start scripts of the whole matrix, those of the article's form among them."""
    cases: list[tuple[str, NodeApp, str]] = [(name, app, "multi-stage") for name, app in variants()]
    for number, param in enumerate(ARTICLE):
        app = param.values[0]
        assert isinstance(app, NodeApp)
        cases.append((f"article-{number}", app, "article"))
    dockerfiles: list[Path] = []
    scripts: list[Path] = []
    for name, app, strategy in cases:
        rendered = files(app, TREE, strategy=strategy)
        for kind, into, suffix in (("Dockerfile", dockerfiles, "Dockerfile"), ("start.sh", scripts, "sh")):
            path = folder / f"{name}.{suffix}"
            path.write_text(rendered[kind])
            into.append(path)
    return dockerfiles, scripts


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], list[Path]]:
    return write(tmp_path_factory.mktemp("matrix"))


def run(*words: str | Path, cwd: Path = ROOT) -> tuple[int, str]:
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False, cwd=cwd)
    return done.returncode, done.stdout + done.stderr


def test_hadolint_finds_what_has_a_reason_and_nothing_else(
    written: tuple[list[Path], list[Path]], tmp_path: Path
) -> None:
    # Elsewhere: hadolint takes the configuration of the folder that it is run in. One run for both questions: it
    # takes seconds for so many files.
    _, said = run(program("hadolint"), "--no-color", "--no-fail", *written[0], cwd=tmp_path)
    lines = (ROOT / ".hadolint.yaml").read_text().split("\n")
    listed = {line.split()[1] for line in lines if line.startswith("  - ")}
    unexpected = [line for line in said.split("\n") if line and not listed & set(line.split())]
    assert unexpected == []
    assert {rule for rule in listed if f" {rule} " in said} == listed, "a rule is ignored that finds nothing"


def test_hadolint_sees_what_is_wrong(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM node\nRUN cd /tmp && sudo apt-get install x\n")
    code, said = run(program("hadolint"), "--no-color", "--config", ROOT / ".hadolint.yaml", bad)
    assert code == 1
    assert {"DL3006", "DL3004", "DL3003"} <= set(said.split())


def test_shellcheck_finds_nothing(written: tuple[list[Path], list[Path]]) -> None:
    scripts = written[1]
    assert all(path.read_text().startswith("#!/bin/sh\n") for path in scripts)
    assert run(program("shellcheck"), *scripts) == (0, "")


def test_every_script_can_be_read_by_sh(written: tuple[list[Path], list[Path]]) -> None:
    for path in written[1]:
        assert run("sh", "-n", path) == (0, "")
