"""The review's plan with the real Terraform against the stand-in for AWS: attributes and policies before the apply."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecrwiz.flow import policy_words, preview
from ecrwiz.flow.project import Project, open_project
from ecrwiz.model.results import KNOWN_LATER, PlannedChange
from ecrwiz.screens.review_shown import Shown, lines
from tests.aws_program import Aws, serve
from tests.infra_kit import ACCOUNT


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with serve() as running:
        yield running


@pytest.fixture
async def project(next_app: Path, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name, value in aws.environ.items():
        monkeypatch.setenv(name, value)
    return await open_project(next_app, {"region": "eu-west-1"}, os.environ)


async def test_the_policy_and_every_attribute_are_told_before_anything_exists(project: Project) -> None:
    found = await preview.preview(project)
    assert found.problem is None
    assert found.plan is not None
    changes = {change.address: change for change in found.plan.changes}
    repository = {item.name: item for item in changes["aws_ecr_repository.main"].details}
    assert repository["name"].after == "web/blog/nextjs"
    assert repository["image_tag_mutability"].before is None
    assert any(item.after == KNOWN_LATER and "arn" in item.name for item in repository.values())
    key = changes["module.ci_user.aws_iam_access_key.this"]
    assert "secret" in " ".join(item.name for item in key.details)
    (user,) = (policy for policy in found.plan.policies if policy.kind == "permissions")
    assert user.holder == "ci-blog-dev-server-user"
    assert user.document is not None
    assert f"arn:aws:ecr:eu-west-1:{ACCOUNT}:repository/web/blog/nextjs" in user.document
    words = policy_words.explain(user.document)
    assert any("only for the repository web/blog/nextjs in eu-west-1" in line for line in words.may)
    assert words.beware == ()
    assert "Cannot push to any other repository." in words.cannot
    assert not (project.paths.root / "infra").exists(), "looking writes nothing"


async def test_every_row_of_a_real_review_can_be_shown(project: Project) -> None:
    found = await preview.preview(project)
    assert found.plan is not None
    keys = [":plan", ":cost", ":policy", ":findings", ":action create", ":folder infra/"]
    keys += [change.address for change in found.plan.changes] + [file.path for file in found.files]
    for width, beside in ((77, 0), (117, 117)):
        shown = Shown(found, "", None, policy_words.by_holder(found.plan), width, beside)
        for key in keys:
            laid_out = lines(shown, key)
            assert laid_out or key in (":cost", ":findings"), key
            assert all("\n" not in line.text for line in laid_out)


async def test_the_plan_that_was_reviewed_is_the_plan_that_is_made(project: Project) -> None:
    """The repository's ARN is filled in for the review; that must not change which plan is agreed to."""
    found = await preview.preview(project)
    assert found.plan is not None
    told = frozenset(found.plan.changes)
    assert told == frozenset(PlannedChange(change.address, "create") for change in found.plan.changes)
    assert len(told) == 5
