"""`ecrwiz verify` in its own process: with the keyring's secret, and on a policy that somebody widened."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.conftest import World

pytestmark = pytest.mark.e2e

REPOSITORY = "web/blog/nextjs"
USER = "ci-blog-dev-server-user"
MORE = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ecr:DeleteRepository", "Resource": "*"}]}


@pytest.fixture(scope="module")
def first(world: World) -> dict[str, dict[str, Any]]:
    code, _, ends = world.run_json("run", "render", "provision", "credentials", "verify", "github", "--yes")
    assert code == 0, ends
    return ends


def test_it_is_a_step_of_the_job(world: World, first: dict[str, dict[str, Any]]) -> None:
    assert list(first) == ["render", "provision", "credentials", "verify", "github"], "github waits for it"
    proofs = first["verify"]["outputs"]["proofs"]
    assert len(proofs) > 30
    assert all(proof["found"] == proof["expected"] for proof in proofs)
    assert world.operator("ecr").describe_images(repositoryName=REPOSITORY)["imageDetails"] == []


def test_at_will(world: World, first: dict[str, dict[str, Any]]) -> None:
    done = world.run("verify", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == found["exit_code"] == 0, done.stderr
    assert not any(proof["wrong"] for proof in found["proofs"])
    done = world.run("verify")
    assert done.returncode == 0
    assert "✓ refused delete the repository" in done.stdout
    assert "rows are as they must be" in done.stdout


def test_a_widened_policy_ends_with_1_and_keeps_github_waiting(world: World, first: dict[str, dict[str, Any]]) -> None:
    iam = world.operator("iam")
    iam.put_user_policy(UserName=USER, PolicyName="more", PolicyDocument=json.dumps(MORE))
    try:
        done = world.run("verify")
        assert done.returncode == 1
        assert "✗ allowed delete the repository" in done.stdout
        assert "it may delete the repository (ecr:DeleteRepository)" in done.stderr
        code, _, ends = world.run_json("run", "verify", "github", "--force")
        assert code == 1
        assert ends["github"]["status"] == "skipped"
    finally:
        iam.delete_user_policy(UserName=USER, PolicyName="more")
    assert world.operator("ecr").describe_repositories()["repositories"][0]["repositoryName"] == REPOSITORY
    assert world.run("verify").returncode == 0
