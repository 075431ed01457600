"""A project that meets what others made: resources in the account, Terraform in `infra/`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecrwiz.sandbox.client import stop
from tests.e2e.conftest import World, make_world

pytestmark = pytest.mark.e2e

REPOSITORY = "web/blog/nextjs"
USER = "ci-blog-dev-server-user"
LEFT = 'import {\n  to = aws_ecr_repository.main\n  id = "web/blog/nextjs"\n}\n'


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, mirror: Path | None) -> Iterator[World]:
    """A project that is rendered; nothing is made, and the sandbox is kept."""
    world = make_world(tmp_path_factory.mktemp("take-over"), mirror=mirror)
    code, _, ends = world.run_json("run", "render", "--yes")
    assert code == 0, ends
    yield world
    stop(world.data)


@pytest.fixture
def foreign(world: World) -> Iterator[None]:
    """A repository and a user of those names that somebody else made; whatever is left goes again."""
    ecr, iam = world.operator("ecr"), world.operator("iam")
    ecr.create_repository(repositoryName=REPOSITORY, tags=[{"Key": "owner", "Value": "team-x"}])
    iam.create_user(UserName=USER, Tags=[{"Key": "owner", "Value": "team-x"}])
    key = iam.create_access_key(UserName=USER)["AccessKey"]["AccessKeyId"]
    world.events.append({"key": key})
    yield
    if [found for found in ecr.describe_repositories()["repositories"] if found["repositoryName"] == REPOSITORY]:
        ecr.delete_repository(repositoryName=REPOSITORY, force=True)


def _tags(world: World) -> dict[str, str]:
    ecr = world.operator("ecr")
    (found,) = ecr.describe_repositories(repositoryNames=[REPOSITORY])["repositories"]
    tags = ecr.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"]
    return {tag["Key"]: tag["Value"] for tag in tags}


def test_a_repository_whose_encryption_differs_is_not_replaced(world: World) -> None:
    ecr = world.operator("ecr")
    ecr.create_repository(repositoryName=REPOSITORY, encryptionConfiguration={"encryptionType": "KMS"})
    try:
        code, _, ends = world.run_json("run", "provision", "--yes", "--import")
        assert code == 1
        assert "would delete the repository" in ends["provision"]["error"]["message"]
        assert not (world.root / "infra" / "ecrwiz-import.tf").exists()
        assert _tags(world) == {}
    finally:
        ecr.delete_repository(repositoryName=REPOSITORY)


def test_what_others_made_is_taken_over_when_that_is_said(world: World, foreign: None) -> None:
    code, _, ends = world.run_json("run", "provision", "--yes")
    assert code == 1
    assert "ecrwiz run provision --import" in ends["provision"]["error"]["hint"]
    assert _tags(world) == {"owner": "team-x"}

    done = world.run("plan", "--json")
    assert "ecrwiz plan --import" in json.loads(done.stdout)["problem"]["hint"]
    done = world.run("plan", "--import", "--json")
    assert done.returncode == 0, done.stdout
    planned = {change["address"]: change["action"] for change in json.loads(done.stdout)["plan"]["changes"]}
    assert planned["aws_ecr_repository.main"] == planned["module.ci_user.aws_iam_user.this"] == "import"
    assert _tags(world) == {"owner": "team-x"}, "a plan changes nothing"

    (world.root / "infra" / "ecrwiz-import.tf").write_text(LEFT)  # as a run that was killed leaves it
    code, events, ends = world.run_json("run", "provision", "--yes", "--import")
    assert code == 0, ends
    said = "\n".join(event.get("line", "") for event in events)
    assert "`ecrwiz destroy` would delete it" in said
    assert not (world.root / "infra" / "ecrwiz-import.tf").exists()
    assert _tags(world)["managed-by"] == "ecrwiz"
    keys = [key["AccessKeyId"] for key in world.operator("iam").list_access_keys(UserName=USER)["AccessKeyMetadata"]]
    assert world.events[-1]["key"] in keys, "the key of somebody else is left alone"
    assert len(keys) == 2

    code, _, ends = world.run_json("run", "provision")
    assert (code, ends["provision"]["status"]) == (0, "fresh")
    code, _, ends = world.run_json("destroy", "--yes", "--confirm", "blog")
    assert code == 0, ends
    assert (world.root / "infra" / "main.tf").is_file()


THEIRS = """terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }

  backend "local" {}
}

provider "aws" {
  region = "us-east-1"
}

resource "aws_ecr_repository" "team" {
  name = "team/%s"
}
"""


@pytest.mark.parametrize("layout", ["beside", "reuse"])
def test_beside_and_among_terraform_that_is_there(
    layout: str, tmp_path_factory: pytest.TempPathFactory, mirror: Path | None
) -> None:
    world = make_world(tmp_path_factory.mktemp(layout), mirror=mirror)
    theirs = world.root / "infra" / "main.tf"
    theirs.parent.mkdir()
    theirs.write_text(THEIRS % layout)
    try:
        code, _, ends = world.run_json("run", "render", "--yes")
        assert code == 2
        assert f"--set infra_layout={layout}" in ends["render"]["error"]["hint"]
        done = world.run("plan", "--json", "--set", f"infra_layout={layout}")
        assert done.returncode == 0, done.stdout + done.stderr
        code, _, ends = world.run_json("run", "render", "provision", "--yes", "--set", f"infra_layout={layout}")
        assert code == 0, ends
        assert theirs.read_text() == THEIRS % layout
        names = [found["repositoryName"] for found in world.operator("ecr").describe_repositories()["repositories"]]
        assert sorted(names) == ["team/reuse", REPOSITORY] if layout == "reuse" else [REPOSITORY]
        done = world.run("plan", "--json")
        assert json.loads(done.stdout)["plan"]["changes"] == [], done.stdout
        code, _, ends = world.run_json("run", "render", "provision")
        assert {end["status"] for end in ends.values()} == {"fresh"}, ends
        code, _, ends = world.run_json("destroy", "--yes", "--confirm", "blog")
        assert code == 0, ends
        names = [found["repositoryName"] for found in world.operator("ecr").describe_repositories()["repositories"]]
        assert names == (["team/reuse"] if layout == "reuse" else []), "what is theirs stays"
    finally:
        stop(world.data)
