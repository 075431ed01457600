"""checkov on everything that is rendered; what it still finds is listed, with the reason, in checkov_reasons.toml.

checkov pins old releases of what ecrwiz needs itself, so it lives in an environment of its own, made once.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from ecrwiz.model.app import NodeApp, PackageManager, Place, Start
from ecrwiz.services.templates import render
from tests.infra_kit import KMS_KEY, answers

VERSION = "3.3.30"
CACHE = platformdirs.user_cache_path("ecrwiz")  # asked for before tests get a home of their own
REASONS: dict[str, dict[str, Any]] = tomllib.loads((Path(__file__).parent / "checkov_reasons.toml").read_text())
NPM = PackageManager("npm", lockfile="package-lock.json", files=("package.json", "package-lock.json"))
APPS = {
    "defaults": NodeApp("web", "next", "next-standalone", manager=NPM, build="run build"),
    "options": NodeApp("api", "nestjs", "command", manager=NPM, build="run build", start=Start("node dist/main.js")),
    "role": NodeApp("web", "next", "next-standalone", manager=NPM, build="run build"),
}
OPTIONS = {
    "defaults": {},
    "options": {"tag_mutability": "immutable", "kms_key": KMS_KEY, "ecs_deploy": "yes", "force_delete": "yes"},
    "role": {"tag_mutability": "immutable", "kms_key": KMS_KEY, "ci_identity": "both", "github_environment": "prod"},
}


@pytest.fixture(scope="module")
def checkov() -> Path:
    """The program; the first time on a machine it is installed."""
    home = CACHE / f"checkov-{VERSION}"
    program = home / "bin" / "checkov"
    if not (home / "complete").is_file():
        part = home.with_name(f"{home.name}.{os.getpid()}.part")
        shutil.rmtree(part, ignore_errors=True)
        uv = [sys.executable, "-m", "uv"]
        # Not relocatable otherwise: the launchers name the interpreter by its path.
        _run([*uv, "venv", "--quiet", "--relocatable", "--python", sys.executable, str(part)])
        _run([*uv, "pip", "install", "--quiet", "--python", str(part / "bin" / "python"), f"checkov=={VERSION}"])
        (part / "complete").touch()
        shutil.rmtree(home, ignore_errors=True)
        part.rename(home)
    return program


def _run(argv: list[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def findings(checkov: Path, tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str, str]]:
    """What checkov finds: the check, the rendering, and the file in it."""
    folder = tmp_path_factory.mktemp("rendered")
    for name, app in APPS.items():
        for file in render(answers(github_repository="octo/app", **OPTIONS[name]), app, lambda _: None, Place()):
            path = folder / name / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.text)
    argv = [str(checkov), "-d", ".", "--skip-download", "--compact", "--quiet", "-o", "json", "--framework"]
    kinds = ["terraform", "dockerfile", "github_actions"]
    done = subprocess.run([*argv, *kinds], cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 1, done.stderr  # 1: there are findings
    reports = json.loads(done.stdout)
    # A file that checkov cannot read has no findings either.
    assert {report["check_type"]: report["summary"]["parsing_errors"] for report in reports} == dict.fromkeys(kinds, 0)
    assert all(report["summary"]["passed"] > 20 for report in reports)
    return {
        (check["check_id"], *check["file_path"].lstrip("/").split("/", 1))
        for report in reports
        for check in report["results"]["failed_checks"]
    }


def test_every_finding_is_explained_and_nothing_else_is(findings: set[tuple[str, str, str]]) -> None:
    explained = {
        (check, name, file)
        for check, entry in REASONS.items()
        for name in APPS
        for file in entry["where"]
        if entry.get("only", name) == name
        # Without a service in ECS the deploy policy is not made; checkov reads count = 0 as one all the same.
    }
    assert findings - explained == set(), "found, and not in checkov_reasons.toml"
    assert explained - findings == set(), "in checkov_reasons.toml, and no longer found"


def test_a_reason_is_a_reason() -> None:
    for check, entry in REASONS.items():
        assert re.fullmatch(r"CKV2?_[A-Z]+_\d+", check)
        assert set(entry) <= {"check", "where", "only", "reason"}
        assert len(entry["reason"].split()) > 20, check
