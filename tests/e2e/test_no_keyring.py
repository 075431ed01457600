"""A machine without a keyring: ecrwiz says so, and goes on without a local copy only when the person agrees."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ecrwiz.sandbox.client import stop
from tests.e2e.conftest import World, make_world

pytestmark = pytest.mark.e2e


@pytest.fixture
def bare(tmp_path: Path, mirror: Path | None) -> World:
    """A world whose PATH has what is needed but no keyring daemon and no `gh`."""
    world = make_world(tmp_path, mirror=mirror)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("terraform", "git", "docker-registry", "registry", "ps", "sh", "env"):
        found = shutil.which(name)
        if found:
            (programs / name).symlink_to(found)
    world.environ["PATH"] = str(programs)
    return world


def test_the_secret_goes_to_github_and_nowhere_else(bare: World) -> None:
    steps = ("render", "provision", "credentials", "github")
    try:
        assert bare.run("run", "render", "--yes").returncode == 0
        assert bare.info.bus is None, "the sandbox has no keyring here"
        code, _, ends = bare.run_json("run", *steps[:3], "--yes")
        assert code == 0, ends
        assert ends["credentials"]["outputs"]["backend"] == ""
        key = ends["provision"]["outputs"]["aws_iam_access_id"]

        code, _, ends = bare.run_json("run", "github", "--yes")
        assert code == 1, "another process cannot know the secret"
        assert f"The secret of access key {key} cannot be read any more" in ends["github"]["error"]["message"]
        assert "run provision credentials github --force" in ends["github"]["error"]["hint"]

        again = ("provision", "credentials", "github", "--force")
        code, _, ends = bare.run_json("run", *again)
        assert code == 3, "nobody agreed to go on without a local copy"
        assert "Run with --yes" in ends["provision"]["error"]["hint"]
        code, _, ends = bare.run_json("run", *again, "--yes")
        assert code == 0, ends
        assert ends["provision"]["outputs"]["aws_iam_access_id"] != key
        assert "AWS_SECRET_ACCESS_KEY" in json.dumps(bare.opened_secrets())

        used = ends["provision"]["outputs"]["aws_iam_access_id"]
        tfvars = bare.root / "infra" / "terraform.tfvars"
        tfvars.write_text(tfvars.read_text() + "# a note\n")
        code, _, ends = bare.run_json("run", "provision", "--yes")
        assert ends["provision"]["outputs"]["aws_iam_access_id"] == used, "a key that GitHub uses is not replaced"
    finally:
        stop(bare.data)


def test_a_key_that_would_be_lost_at_once_is_not_made(bare: World) -> None:
    try:
        code, _, ends = bare.run_json("run", "render", "provision", "--yes")
        assert code == 3
        assert "would be lost when this process ends" in ends["provision"]["error"]["message"]
        assert "run provision credentials github" in ends["provision"]["error"]["hint"]
        users = bare.operator("iam").list_users()["Users"]
        assert [user["UserName"] for user in users] == ["sandbox-operator"], "nothing was made"
    finally:
        stop(bare.data)
