"""Terraform that was there before ecrwiz."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecrwiz.model.answers import Answers
from ecrwiz.model.errors import BadInputError
from ecrwiz.services import hcl
from ecrwiz.services.templates import terraform

ANSWERS = Answers.model_validate({"project_id": "blog", "region": "us-east-1"}, context={"regions": {"us-east-1"}})
OURS = {file.path.removeprefix("infra/"): file.text for file in terraform.infra_files(ANSWERS)}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('provider "aws" {\n  region = "us-east-1"\n}\n', "provider aws"),
        ('terraform {\n  backend "s3" {}\n}\n', "backend s3"),
        ("terraform {\n  cloud {}\n}\n", "cloud"),
        ('terraform {\n  required_providers {\n    dns = { source = "hashicorp/dns" }\n  }\n}\n', "required_providers"),
        ('resource "aws_ecr_repository" "main" {\n  name = "x"\n}\n', "resource aws_ecr_repository.main"),
        ('variable "env" {\n  type = string\n}\n', "variable env"),
        ('output "account" {\n  value = 1\n}\n', "output account"),
        ('module "ci_user" {\n  source = "./x"\n}\n', "module ci_user"),
    ],
)
def test_a_clash_names_the_file_and_the_block(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "old.tf").write_text(text)
    with pytest.raises(BadInputError, match=f"infra/old.tf .*declares {what}"):
        hcl.check_for_clashes(tmp_path, OURS)


@pytest.mark.parametrize(
    "name",
    [
        "override.tf",
        "zz_override.tf",
        "x.tf.json",
        "zz_override.tf.json",
        "terraform.tfvars.json",
        "zz.auto.tfvars",
        "zz.auto.tfvars.json",
        "modules/ci_user/more.tf",
    ],
)
def test_what_would_change_our_files_from_outside_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    with pytest.raises(BadInputError, match=f"infra/{name} "):
        hcl.check_for_clashes(tmp_path, OURS, generated={"ci_user_key.auto.tfvars"})


def test_what_does_not_clash_is_left_alone(tmp_path: Path) -> None:
    for name, text in OURS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "vpc.tf").write_text('resource "aws_vpc" "main" {\n  cidr_block = "10.0.0.0/16"\n}\n')
    (tmp_path / "dns.tf").write_text('provider "dns" {}\nresource "aws_ecr_repository" "other" {\n  name = "o"\n}\n')
    (tmp_path / "ci_user_key.auto.tfvars").write_text("")
    hcl.check_for_clashes(tmp_path, OURS, generated={"ci_user_key.auto.tfvars"})
    hcl.check_for_clashes(tmp_path / "absent", OURS)


@pytest.mark.parametrize(
    ("text", "foreign"),
    [
        (OURS["main.tf"], False),
        (OURS["main.tf"].replace("scan_on_push = true", "scan_on_push = false"), False),
        ('resource "aws_vpc" "main" {}\n', True),
        ('resource "aws_ecr_repository" "main" {\n  name = "web"\n}\n', False),
        ("not terraform {{{", True),
        ("x = 1\n" * 40_000, True),
    ],
)
def test_a_file_of_another_hand_is_told_from_one_of_ours(text: str, foreign: bool) -> None:
    assert hcl.is_foreign(text, OURS["main.tf"]) is foreign


def test_a_broken_file_is_told_plainly(tmp_path: Path) -> None:
    (tmp_path / "old.tf").write_text('provider "aws" {')
    with pytest.raises(BadInputError, match=r"infra/old\.tf .* cannot be read as Terraform"):
        hcl.check_for_clashes(tmp_path, OURS)
