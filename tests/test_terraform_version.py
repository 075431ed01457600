"""A Terraform that is too old is told before anything is done with it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ecrwiz.model.errors import MissingToolError, ToolFailedError
from ecrwiz.services.templates import terraform_templates
from ecrwiz.services.terraform import OLDEST_TERRAFORM, Terraform

ROOT = Path(__file__).parents[1]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose `bin/terraform` says what lies in `version` and notes what else it is asked for."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "terraform"
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = version ]; then cat {tmp_path}/version; exit 0; fi\n'
        f'echo "$1" >> {tmp_path}/asked\nexit 1\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return tmp_path


@pytest.mark.parametrize("version", ["1.6.0", "1.8.5", "1.8.0-rc1", "0.15.5"])
async def test_an_old_one_gets_a_sentence_and_nothing_else(folder: Path, version: str) -> None:
    (folder / "version").write_text(json.dumps({"terraform_version": version}))
    with pytest.raises(
        MissingToolError, match=rf"^Terraform {version} is too old: ecrwiz needs 1\.9 or newer"
    ) as error:
        await Terraform(folder, folder / "work", os.environ).init()
    assert "https://developer.hashicorp.com/terraform/install" in error.value.hint
    assert not (folder / "asked").exists()


@pytest.mark.parametrize("said", ['{"terraform_version": "1.9.0"}', '{"terraform_version": "2.0.1"}', "no json", "[]"])
async def test_any_other_is_asked_to_go_on(folder: Path, said: str) -> None:
    (folder / "version").write_text(said)
    with pytest.raises(ToolFailedError, match="terraform init failed"):
        await Terraform(folder, folder / "work", os.environ).init()
    assert (folder / "asked").read_text() == "init\n"


def test_the_same_version_is_named_everywhere() -> None:
    oldest = ".".join(map(str, OLDEST_TERRAFORM))
    for path in ("versions.tf.j2", "modules/ci_user/versions.tf"):
        assert f'required_version = ">= {oldest}"\n' in (terraform_templates() / path).read_text()
    for name in ("README.md", "CONTRIBUTING.md"):
        assert f"Terraform {oldest} or newer" in (ROOT / name).read_text()
    setup = (ROOT / ".ci" / "setup").read_text()
    assert setup.count(f"{oldest} or newer") == 2
    assert f"< {OLDEST_TERRAFORM})" in setup
