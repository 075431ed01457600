"""Whose resources they are: what the state holds against the answers, and tags against the project."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from ecrwiz.flow import ci_key, imports, infra
from ecrwiz.flow.context import Approvals, Context, View
from ecrwiz.flow.events import Status, StepId
from ecrwiz.flow.journal import Record
from ecrwiz.flow.layout import IMPORT_FILE
from ecrwiz.flow.new_key import keys_to_replace
from ecrwiz.flow.steps import provision
from ecrwiz.model.answers import Answers
from ecrwiz.model.errors import BadInputError, EcrwizError
from ecrwiz.model.paths import ProjectPaths
from ecrwiz.model.results import Plan, PlannedChange
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
        (State(resources={infra.ROLE: {"name": "prod-deployer"}}), "1", "role prod-deployer"),
    ],
)
def test_a_state_of_something_else_is_not_touched(state: State, account: str, what: str) -> None:
    with pytest.raises(BadInputError, match=f"holds the {what}.*nothing was changed"):
        infra.check_state(ANSWERS, state, account)


OURS = {"managed-by": "ecrwiz", "project": "blog", "env": "dev"}


@pytest.mark.parametrize(
    ("tags", "ours"),
    [
        (OURS, True),
        ({**OURS, "more": "x"}, True),
        ({}, False),
        ({"managed-by": "ecrwiz"}, False),
        ({**OURS, "env": "prod"}, False),
        ({**OURS, "managed-by": "terraform"}, False),
    ],
)
async def test_only_our_own_tags_for_this_project_and_environment_count(tags: dict[str, str], ours: bool) -> None:
    view = _view(repository=tags, user=None)
    (found,) = await infra.existing(view)
    assert (found.address, found.ours) == (infra.REPOSITORY, ours)
    if ours:
        assert await infra.check_owners(view) == {infra.REPOSITORY}
    else:
        with pytest.raises(EcrwizError, match="was not made by ecrwiz for this project and environment"):
            await infra.check_owners(view)


def _view(*, repository: dict[str, str] | None, user: dict[str, str] | None) -> View:
    """An account that has these, by their tags."""

    async def find_repository(name: str) -> object:
        assert name == "web/blog/nextjs"
        return None if repository is None else SimpleNamespace(tags=repository)

    async def user_tags(name: str) -> dict[str, str] | None:
        assert name == "ci-blog-dev-server-user"
        return user

    async def role(name: str) -> None:
        assert name == "ci-blog-dev-server-role"

    ecr, iam = SimpleNamespace(repository=find_repository), SimpleNamespace(user_tags=user_tags, role=role)
    tools = SimpleNamespace(ecr=lambda region: ecr, iam=lambda region: iam)
    return cast("View", SimpleNamespace(answers=ANSWERS, tools=tools))


def test_import_blocks_are_terraform_and_go_again(tmp_path: Path) -> None:
    import hcl2

    found = infra.Resource("repository", "web/blog/nextjs", infra.REPOSITORY, ours=False)
    imports.write_imports(tmp_path, (found, infra.Resource("IAM user", "ci", infra.USER, ours=False)), tmp_path)
    blocks = hcl2.loads((tmp_path / IMPORT_FILE).read_text())["import"]
    assert [block["to"].strip("${}") for block in blocks] == [infra.REPOSITORY, infra.USER]
    imports.forget_imports(tmp_path)
    imports.forget_imports(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_taken_over_is_never_replaced() -> None:
    found = infra.Resource("repository", "web/blog/nextjs", infra.REPOSITORY, ours=False)
    imports.refuse_replacement(Plan((PlannedChange(infra.REPOSITORY, "import", "update"),)), (found,))
    for action in ("replace", "delete"):
        plan = Plan((PlannedChange(infra.REPOSITORY, action),))
        imports.refuse_replacement(plan, ())
        with pytest.raises(EcrwizError, match="Nothing was changed"):
            imports.refuse_replacement(plan, (found,))


def test_the_person_is_told_what_an_import_means() -> None:
    found = (
        infra.Resource("repository", "web/blog/nextjs", infra.REPOSITORY, ours=False),
        infra.Resource("IAM user", "ci-blog-dev-server-user", infra.USER, ours=False),
    )
    lines = "\n".join(imports.what_import_means(found, ANSWERS))
    assert lines.count("`ecrwiz destroy` would delete it") == 2
    assert "untagged images go after 14 days, only the 30 newest tagged ones stay" in lines
    kept = ANSWERS.model_copy(update={"untagged_days": 0, "keep_images": 0})
    assert "lifecycle" not in "\n".join(imports.what_import_means(found, kept))


NO_KEY = State(outputs=STATE.outputs, resources=STATE.resources)
KEY = State(
    {**STATE.outputs, "aws_iam_access_id": "AKIA1", "aws_iam_access_key": "enc"},
    {**STATE.resources, infra.ACCESS_KEY: {"id": "AKIA1"}},
)


@pytest.mark.parametrize(
    ("state", "readable", "before", "in_use", "forced", "expected"),
    [
        (NO_KEY, False, None, False, False, ()),
        (KEY, True, None, False, True, None),
        (KEY, False, None, False, False, None),  # another machine, say: nobody asked for a new one
        (KEY, False, None, False, True, (infra.ACCESS_KEY,)),
        (KEY, False, Status.OK, False, False, None),
        (KEY, False, Status.RUNNING, False, False, (infra.ACCESS_KEY,)),  # lost here before it was put anywhere
        (KEY, False, Status.FAILED, False, False, (infra.ACCESS_KEY,)),
        (KEY, False, Status.RUNNING, True, False, None),
        (KEY, False, Status.RUNNING, True, True, (infra.ACCESS_KEY,)),
    ],
)
async def test_an_unreadable_key_is_replaced_only_when_it_is_known_to_be_lost(
    monkeypatch: pytest.MonkeyPatch,
    state: State,
    readable: bool,
    before: Status | None,
    in_use: bool,
    forced: bool,
    expected: tuple[str, ...] | None,
) -> None:
    async def is_readable(*_: object) -> bool:
        return readable

    monkeypatch.setattr(ci_key, "is_readable", is_readable)
    monkeypatch.setattr(ci_key, "is_in_use", lambda *_: in_use)
    record = Record(before, "run", 0.0) if before else None
    view = _view(repository=None, user=None)
    assert await keys_to_replace(view, state, "1", record, forced=forced) == expected


@pytest.mark.parametrize(
    ("address", "action", "reason", "agreed"),
    [
        ("aws_ecr_lifecycle_policy.main", "replace", "", True),  # as the provider does when its text changes
        ("module.ci_user.aws_iam_user_policy.deploy[0]", "delete", "", True),
        (infra.REPOSITORY, "replace", "", False),
        (infra.USER, "delete", "", False),
        (infra.ACCESS_KEY, "replace", "", False),
        (infra.ROLE, "replace", "", False),
        ("module.ci_role.aws_iam_role_policy.deploy[0]", "delete", "", True),
        (infra.ACCESS_KEY, "replace", "tainted", True),
        ("aws_db_instance.mine", "delete", "", False),  # of the person's own Terraform in the same folder
        ("terraform_data.mine", "replace", "", False),
        ("aws_db_instance.mine", "update", "", True),
    ],
)
async def test_yes_does_not_cover_the_loss_of_what_is_in_use(
    address: str, action: str, reason: str, agreed: bool
) -> None:
    async def nobody(_: object) -> None:
        return None

    fields = {"approvals": Approvals(everything=True), "step": StepId.PROVISION, "ask": nobody, "answers": ANSWERS}
    context = cast("Context", SimpleNamespace(**fields))
    plan = Plan((PlannedChange(address, action, reason),))
    if agreed:
        await provision._agree(context, plan, ())
    else:
        with pytest.raises(BadInputError, match="which --yes does not cover"):
            await provision._agree(context, plan, ())
        await provision._agree(context, plan, (address,))


def test_what_is_ours_is_told_by_its_address() -> None:
    assert infra.is_ours("aws_ecr_repository.main")
    assert infra.is_ours("module.ci_user.aws_iam_access_key.this")
    assert infra.is_ours(infra.ROLE)
    for address in (
        "module.ci_role2.aws_iam_role.this",
        "aws_iam_openid_connect_provider.github",
        "aws_ecr_repository.backup",
        "module.ci_user2.aws_iam_user.this",
        'aws_ecr_repository.main["a"]',
    ):
        assert not infra.is_ours(address)


@pytest.mark.parametrize(
    ("there", "now", "stops"),
    [("infra", "infra/ecrwiz", True), ("infra/ecrwiz", "infra", True), ("infra", "infra", False)],
)
def test_another_layout_makes_no_second_state(tmp_path: Path, there: str, now: str, stops: bool) -> None:
    resource = {
        "mode": "managed",
        "type": "aws_ecr_repository",
        "name": "main",
        "instances": [{"attributes": {"name": "web/blog/nextjs"}}],
    }
    state = tmp_path / there / "terraform.tfstate"
    state.parent.mkdir(parents=True)
    state.write_text(json.dumps({"version": 4, "outputs": {}, "resources": [resource]}))
    paths = ProjectPaths(tmp_path, tmp_path / ".ecrwiz", infra_folder=now)
    view = cast("View", SimpleNamespace(paths=paths, answers=ANSWERS))
    if stops:
        with pytest.raises(BadInputError, match=f"{there}/terraform.tfstate holds this project's repository"):
            infra.check_layout(view)
    state.write_text(json.dumps({"version": 4, "outputs": {}, "resources": []}))
    infra.check_layout(view)
    state.write_text("{")
    infra.check_layout(view)


def test_providers_that_came_with_the_repository_are_not_run(tmp_path: Path) -> None:
    folder = tmp_path / "infra" / ".terraform" / "providers"
    folder.mkdir(parents=True)
    (folder / "terraform-provider-aws").write_text("#!/bin/sh")
    view = cast("View", SimpleNamespace(paths=ProjectPaths(tmp_path, tmp_path / ".ecrwiz")))
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    asyncio.run(infra.check_providers(view))
    subprocess.run(["git", "add", "-f", "infra"], cwd=tmp_path, check=True)
    with pytest.raises(BadInputError, match=r"infra/\.terraform came with the Git repository"):
        asyncio.run(infra.check_providers(view))
