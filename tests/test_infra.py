"""Whose resources they are: what the state holds against the answers, and tags against the project."""

from __future__ import annotations

import pytest

from ecrwiz.flow import infra
from ecrwiz.model.answers import Answers
from ecrwiz.model.errors import BadInputError, EcrwizError
from ecrwiz.services.terraform import State

ANSWERS = Answers.model_validate(
    {"project_id": "blog", "region": "us-east-1", "app": "nextjs"}, context={"regions": {"us-east-1"}}
)
STATE = State(
    outputs={"account": "1", "aws_region": "us-east-1"},
    resources={
        infra.REPOSITORY: {"name": "web/blog/nextjs"},
        infra.USER: {"name": "ci-blog-dev-server-user"},
    },
)


def test_a_state_that_agrees_and_an_empty_one_are_fine() -> None:
    infra.check_state(ANSWERS, STATE, "1")
    infra.check_state(ANSWERS, State(), "2")


@pytest.mark.parametrize(
    ("state", "account", "what"),
    [
        (STATE, "2", "account 1"),
        (State({"aws_region": "eu-west-1"}), "1", "region eu-west-1"),
        (State(resources={infra.REPOSITORY: {"name": "web/other/nextjs"}}), "1", "repository web/other/nextjs"),
        (State(resources={infra.USER: {"name": "prod-deployer"}}), "1", "user prod-deployer"),
    ],
)
def test_a_state_of_something_else_is_not_touched(state: State, account: str, what: str) -> None:
    with pytest.raises(BadInputError, match=f"holds the {what}.*nothing was changed"):
        infra.check_state(ANSWERS, state, account)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"managed-by": "ecrwiz"},
        {"managed-by": "ecrwiz", "project": "blog", "env": "prod"},
        {"managed-by": "terraform", "project": "blog", "env": "dev"},
    ],
)
def test_only_our_own_tags_for_this_project_and_environment_count(tags: dict[str, str]) -> None:
    with pytest.raises(EcrwizError, match="was not made by ecrwiz for this project and environment"):
        infra._check_owner("repository", "web/blog/nextjs", tags, ANSWERS)


def test_what_is_ours_is_told_by_its_address() -> None:
    assert infra.is_ours("aws_ecr_repository.main")
    assert infra.is_ours("module.ci_user.aws_iam_access_key.this")
    for address in ("aws_ecr_repository.backup", "module.ci_user2.aws_iam_user.this", 'aws_ecr_repository.main["a"]'):
        assert not infra.is_ours(address)
