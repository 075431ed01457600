"""The doctor against real programs, a real engine and keyring, and the sandbox's AWS and GitHub."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.conftest import World

pytestmark = pytest.mark.e2e


def examined(world: World, *arguments: str, **environ: str) -> tuple[int, dict[str, dict[str, Any]]]:
    before = dict(world.environ)
    world.environ.update(environ)
    try:
        done = world.run("doctor", "--json", *arguments, timeout=120)
    finally:
        world.environ.clear()
        world.environ.update(before)
    assert done.stdout, done.stderr
    answer = json.loads(done.stdout)
    assert answer["exit_code"] == done.returncode
    return done.returncode, {check["check"]: check for check in answer["checks"]}


def test_the_sandbox_is_in_good_order_and_nothing_is_written(world: World) -> None:
    before = sorted(path for path in world.root.rglob("*") if ".ecrwiz" not in path.parts)
    code, found = examined(world, "--set", "github_repository=octo/blog")
    assert code == 0, [check for check in found.values() if check["health"] == "problem"]
    fine = ("terraform", "provider", "docker", "aws", "clock", "keyring", "github-token", "github", "actions", "port")
    assert {name: found[name]["health"] for name in fine} == dict.fromkeys(fine, "ok")
    assert found["permissions"]["health"] == "ok", found["permissions"]
    assert found["aws"]["facts"]["account"] == "123456789012"
    assert found["github-token"]["facts"]["scopes"] == "gist, read:org, repo, workflow"
    assert sorted(path for path in world.root.rglob("*") if ".ecrwiz" not in path.parts) == before
    text = json.dumps(found)
    keys = (world.data / "aws" / "credentials").read_text()
    secret = next(line.split(" = ")[1] for line in keys.splitlines() if line.startswith("aws_secret_access_key"))
    assert secret not in text


def test_what_is_missing_is_told_apart_from_what_is_wrong(world: World) -> None:
    code, found = examined(world, "--set", "github_repository=octo/blog", DOCKER_HOST="unix:///nowhere/docker.sock")
    assert code == 3
    assert found["docker"]["missing"] is True
    assert found["docker"]["fix"]
    assert found["terraform"]["health"] == "ok", "the other rows stand alone"


def test_people_read_a_line_for_each_check(world: World) -> None:
    done = world.run("doctor", timeout=120)
    assert done.returncode == 0, done.stdout
    lines = [line for line in done.stdout.splitlines() if line[:1] in "✓!✗?"]
    assert len(lines) == 16
    assert all(line.split()[1] in ("ok", "warning", "unknown") for line in lines)
    assert "problem" not in done.stdout
