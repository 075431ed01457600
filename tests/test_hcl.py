"""Terraform that was there before ecrwiz."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecrwiz.model.errors import BadInputError, ToolFailedError
from ecrwiz.services import hcl


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('provider "aws" {\n  region = "us-east-1"\n}\n', "the provider aws"),
        ('terraform {\n  backend "s3" {}\n}\n', "a backend"),
        ('resource "aws_ecr_repository" "main" {\n  name = "x"\n}\n', "aws_ecr_repository.main"),
    ],
)
def test_a_clash_names_the_file_and_the_block(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "old.tf").write_text(text)
    with pytest.raises(BadInputError, match=f"infra/old.tf.*{what}"):
        hcl.check_for_clashes(tmp_path, {"main.tf"})


def test_what_does_not_clash_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('provider "aws" {}\n')
    (tmp_path / "vpc.tf").write_text('resource "aws_vpc" "main" {\n  cidr_block = "10.0.0.0/16"\n}\n')
    (tmp_path / "dns.tf").write_text('provider "dns" {}\nresource "aws_ecr_repository" "other" {\n  name = "o"\n}\n')
    hcl.check_for_clashes(tmp_path, {"main.tf"})
    hcl.check_for_clashes(tmp_path / "absent", set())


def test_a_broken_file_is_told_plainly(tmp_path: Path) -> None:
    (tmp_path / "old.tf").write_text('provider "aws" {')
    with pytest.raises(ToolFailedError, match=r"infra/old\.tf .* cannot be read as Terraform"):
        hcl.check_for_clashes(tmp_path, set())
