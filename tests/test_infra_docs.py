"""docs/infra.md says what there is, with the defaults that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ecrwiz.flow.layout import KEY_FILE, TRUST_FILE
from ecrwiz.model.answers import CHOICES, Answers
from ecrwiz.services.templates.workflow import ROLE_VARIABLE, VARIABLES
from tests.infra_kit import rendered

DOCS = (Path(__file__).parents[1] / "docs" / "infra.md").read_text()
ROWS = {
    name: (values.strip(), default.strip())
    for name, values, default in re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|", DOCS, re.MULTILINE)
    if name in Answers.model_fields
}
# Answers that are about something else than the account and the workflow.
ELSEWHERE = {
    *("project_id", "region", "port", "env", "app", "strategy", "platform", "github_repository", "github_api_url"),
    *("image_tag", "health_path", "build_args"),
}


def test_every_option_is_there() -> None:
    assert set(ROWS) == set(Answers.model_fields) - ELSEWHERE


@pytest.mark.parametrize("name", sorted(ROWS))
def test_values_and_default(name: str) -> None:
    values, default = ROWS[name]
    meant = Answers.model_fields[name].default
    if name in CHOICES:
        assert values == ", ".join(f"`{word}`" for word in CHOICES[name])
    if meant == "":
        assert default == "empty" or "<project_id>" in default
    else:
        assert default.strip("`") == str(meant)


def test_every_action_of_the_policies_is_there() -> None:
    files = rendered(ecs_deploy="yes")
    text = files["infra/modules/ci_policy/main.tf"]
    granted = set(re.findall(r'"(?:ecr|ecs|iam):([A-Z]\w+)"', text)) - {"PassedToService"}
    told = set(re.findall(r"\b(?:ecr:|ecs:|iam:)?([A-Z][a-z]+[A-Z]\w+)`", DOCS))
    assert granted == told - {"AccessDenied"}


def test_every_setting_of_the_workflow_is_there() -> None:
    assert [
        name
        for name in (*VARIABLES, ROLE_VARIABLE, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        if f"`{name}`" not in DOCS
    ] == []


def test_every_file_is_there() -> None:
    """Of the Terraform, and what is written beside it."""
    told = set(re.findall(r"^      ([\w./-]+)  ", DOCS, re.MULTILINE))
    paths = [path.removeprefix("infra/") for path in rendered(ci_identity="both")]
    files = {path if "/" not in path else f"{path.rpartition('/')[0]}/" for path in paths}
    assert told == files | {KEY_FILE, TRUST_FILE}
