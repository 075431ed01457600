"""The review: the tree, diffs, the plan's details, cost and permissions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ecrwiz.flow.context import Approvals, Context
from ecrwiz.flow.events import Failure, StepId
from ecrwiz.flow.preview import Preview
from ecrwiz.model.errors import MissingToolError
from ecrwiz.model.results import (
    KNOWN_LATER,
    AttributeChange,
    FileChange,
    Plan,
    PlannedChange,
    PlannedPolicy,
    PushResult,
    Result,
)
from ecrwiz.widgets.diff_view import DiffView
from ecrwiz.widgets.tree_list import TreeList
from tests.fake_steps import RESULTS
from tests.wizard import FILES, KINDS, NASTY, NOTES, SIZES, Stage, front, on_screen, screen_text, until

sizes = pytest.mark.parametrize("size", SIZES)
Size = tuple[int, int]


@pytest.fixture
def stage(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(next_app, monkeypatch)


@sizes
async def test_the_review_tells_of_terraform_that_is_in_the_way(stage: Stage, size: Size) -> None:
    got: list[object] = []

    async def look(context: Context) -> Result:
        got.append(context.approvals.plan)
        return RESULTS[StepId.RENDER]

    stage.steps.doing[StepId.RENDER] = look
    clash = Failure("infra/ was there already, and clashes: infra/a.tf: provider aws.", "--set infra_layout=beside", 2)
    stage.seen = replace(stage.seen, existing=("infra/a.tf: provider aws",), clash=clash, beside=True)
    async with stage.wizard(size) as (app, pilot):
        await pilot.press("v")
        await on_screen(pilot, "Findings", "1 warning", clash.message, "- infra/a.tf: provider aws")
        await on_screen(pilot, "as they would be beside it, in infra/ecrwiz", '"Terraform in" among the answers')
        assert "--set" not in screen_text(app), "in the wizard nobody types options"
        await pilot.press("g")
        await until(pilot, lambda: got)
    assert got == [None], "where the files go is still open"


@sizes
async def test_the_review_shows_plan_and_files_and_what_go_would_do(stage: Stage, size: Size) -> None:
    async with stage.wizard(size) as (app, pilot):
        await pilot.press("v")
        await on_screen(pilot, "Terraform plan", "2 to add, 1 to destroy", "Nothing is made yet. g will write 3 files")
        await on_screen(pilot, "+ create", "± replace", 'aws_ecr_repository.this["a"]')
        await on_screen(pilot, "because ecrwiz asks for it")
        things = app.screen.query_one(TreeList)
        things.mark("Dockerfile")
        await on_screen(pilot, "FROM node:22")
        assert "+FROM" not in screen_text(app), "there is nothing to compare a new file with"
        await pilot.press("down")
        await on_screen(pilot, "-exec node [a", "+exec node server.js", "kept (space: overwrite)")
        await pilot.press("space")
        await on_screen(pilot, "overwritten, with a backup", "g will write 4 files")
        await pilot.press("space")
        await on_screen(pilot, "both, conflicts marked", "<<<<<<< yours")
        await pilot.press("space")
        await on_screen(pilot, "kept (space: overwrite)", "g will write 3 files")
        await pilot.press("down")
        await on_screen(pilot, ".dockerignore is the same as what would be written.")
        await pilot.press("space")
        await until(pilot, lambda: "can be kept or overwritten" in " ".join(stage.told))
        await pilot.press("escape")
        await until(pilot, lambda: front(app) == "MenuScreen")
        assert stage.steps.ran == []


@sizes
async def test_the_review_shows_findings_and_who_changed_what(stage: Stage, size: Size) -> None:
    got: list[Approvals] = []

    async def look(context: Context) -> Result:
        got.append(context.approvals)
        return RESULTS[StepId.RENDER]

    stage.steps.doing[StepId.RENDER] = look
    program = "infra/x.tf: data external.y (data external)"
    stage.seen = Preview(KINDS, Plan((PlannedChange("a.b", "import", "update"),)), None, (program,), NOTES)
    async with stage.wizard(size) as (app, pilot):
        await pilot.press("v")
        await on_screen(pilot, "Findings", "2 warnings", "1 to import")
        await on_screen(pilot, "! warning: server.js:3 listens", "Use process.env.PORT", program)
        for key, words in (
            ("Dockerfile", "updated, untouched"),
            ("start.sh", "merged, with a"),
            (".dockerignore", "stays as you"),
        ):
            app.screen.query_one(TreeList).mark(key)
            await on_screen(pilot, words)
        app.screen.query_one(TreeList).mark(":findings")
        await on_screen(pilot, "g will write 3 files")
        things = app.screen.query_one(TreeList)
        things.mark(":plan")
        await on_screen(pilot, "< import", "a.b")
        things.mark(".dockerignore")
        await on_screen(pilot, ".dockerignore was changed by you alone")
        await pilot.press("down", "space")
        await on_screen(pilot, "overwritten, with a backup", "g will write 4 files")
        await pilot.press("space")
        await on_screen(pilot, "kept (space: overwrite)")
        await pilot.press("space", "g")
        await until(pilot, lambda: got)
    assert dict(got[0].files) == {".gitignore": "new"}, "without a merge there is no text with both sides"


async def test_the_review_tells_why_there_is_no_plan_and_can_look_again(stage: Stage) -> None:
    stage.seen = Preview(FILES, None, Failure(f"No credentials {NASTY}.", "Log in first."))
    async with stage.wizard() as (_app, pilot):
        await pilot.press("v")
        await on_screen(pilot, "Terraform could not plan.", NASTY, "Log in first.", "plan is then shown")
        stage.seen = Preview(FILES, Plan(()))
        await pilot.press("r")
        await on_screen(pilot, "Terraform would change nothing", "change nothing in AWS")


async def test_an_overwritten_terraform_file_takes_the_agreement_to_the_plan_back(stage: Stage) -> None:
    got: list[object] = []

    async def look(context: Context) -> Result:
        got.append(context.approvals.plan)
        return RESULTS[StepId.RENDER]

    stage.steps.doing[StepId.RENDER] = look
    assert stage.seen.plan
    stage.seen = Preview((FileChange("infra/main.tf", "changed", "+x\n"),), stage.seen.plan)
    async with stage.wizard() as (app, pilot):
        await pilot.press("v")
        await on_screen(pilot, "Terraform plan")
        app.screen.query_one(TreeList).mark("infra/main.tf")
        await pilot.press("space", "g")
        await until(pilot, lambda: got)
    assert got == [None], "the plan was made with the old file"


async def test_the_review_tells_when_it_cannot_look(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(project: object, on_lines: object) -> Preview:
        raise MissingToolError(f"There is no {NASTY}.", "Install it.")

    monkeypatch.setattr("ecrwiz.flow.preview.preview", broken)
    async with stage.wizard() as (_app, pilot):
        await pilot.press("v")
        await on_screen(pilot, NASTY, "Install it.")
        await pilot.press("g")
        await until(pilot, lambda: "Wait until the review is complete." in " ".join(stage.told))


POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "odd:[/foo]"],
            "Resource": "arn:aws:ecr:eu-west-1:123456789012:repository/web/blog/nextjs",
        }
    ],
}
DETAILS = (
    AttributeChange("tags.env", "dev", "prod"),
    AttributeChange("kms_key", "a" * 90, "b" * 90, forces=True),
    AttributeChange(
        "policy", json.dumps({"a": 1, "b": "[/foo]"}, indent=2), json.dumps({"a": 2, "b": "[/foo]"}, indent=2)
    ),
    AttributeChange("arn, id", None, KNOWN_LATER),
)
DETAILED = Plan(
    (
        PlannedChange('aws_ecr_repository.this["a"]', "replace", "cannot_update", DETAILS),
        PlannedChange("module.ci_user.aws_iam_user.this", "create", "", (AttributeChange("name", None, "ci[b]"),)),
    ),
    (
        PlannedPolicy(
            "module.ci_user.aws_iam_user_policy.push", "ci-blog-dev-server-user", "permissions", json.dumps(POLICY)
        ),
    ),
)


@sizes
async def test_a_resource_shows_each_attribute_before_and_after(stage: Stage, size: Size) -> None:
    stage.seen = Preview(FILES, DETAILED)
    async with stage.wizard(size) as (app, pilot):
        await pilot.press("v")
        await on_screen(pilot, "Terraform plan")
        things = app.screen.query_one(TreeList)
        if size[1] < 32:
            assert "user.this" not in [row.key for row in things.rows], "folded where there is no room"
            await pilot.press("right")
        await until(pilot, lambda: 'aws_ecr_repository.this["a"]' in [row.key for row in things.rows])
        things.mark('aws_ecr_repository.this["a"]')
        await on_screen(pilot, "because AWS cannot change one of its settings in place (kms_key)")
        await on_screen(pilot, "~ tags.env", "dev → prod", "a" * 60)
        app.screen.query_one(DiffView).focus()
        await pilot.press("end")
        await on_screen(pilot, '"a": 1', '"a": 2', KNOWN_LATER, "arn, id")
        things.mark("module.ci_user.aws_iam_user.this")
        await on_screen(pilot, "+ name  ci[b]")


@sizes
async def test_the_review_says_what_ci_may_do_and_what_it_costs(stage: Stage, size: Size) -> None:
    stage.seen = Preview(FILES, DETAILED)
    async with stage.wizard(size) as (app, pilot):
        await pilot.press("v")
        await on_screen(pilot, "What CI may do", "Cost per month", "depends on the image's size")
        things = app.screen.query_one(TreeList)
        things.mark(":policy")
        await on_screen(pilot, "May pull images and use odd:[/foo]", "web/blog/nextjs in eu-west-1")
        await on_screen(pilot, "Cannot delete images or repositories.")
        things.mark(":cost")
        await on_screen(pilot, "ECR storage", "$0.10 per GB-month")
        app.screen.query_one(DiffView).focus()
        await pilot.press("end")
        await on_screen(pilot, "list prices of")
        assert "May pull" not in screen_text(app)


async def test_the_cost_is_told_of_the_image_that_was_pushed(stage: Stage) -> None:
    async def push(context: Context) -> Result:
        return PushResult("host/web/blog", ("abc",), "sha256:1", 62_000_000, uploaded=True)

    stage.steps.doing[StepId.PUSH] = push
    async with stage.wizard((120, 40)) as (app, pilot):
        app.session.start((StepId.RENDER, StepId.BUILD, StepId.SMOKE_TEST, StepId.PROVISION, StepId.PUSH))
        await until(pilot, lambda: not app.session.busy)
        await pilot.press("v")
        await on_screen(pilot, "at most $0.19 a month")
        app.screen.query_one(TreeList).mark(":cost")
        await on_screen(pilot, "30 images of 62 MB (as ECR measured)", "stays below $0.19")


async def test_a_diff_is_set_side_by_side_where_there_is_room(stage: Stage) -> None:
    async with stage.wizard((120, 40)) as (app, pilot):
        await pilot.press("v")
        await on_screen(pilot, "Terraform plan")
        app.screen.query_one(TreeList).mark("start.sh")
        await on_screen(pilot, "-exec node [a")
        await pilot.press("d")
        await until(pilot, lambda: "- exec node [a" in screen_text(app))
        row = next(line for line in screen_text(app).splitlines() if "exec node [a" in line)
        assert "│ + exec node server.js" in row
        await pilot.resize_terminal(80, 24)
        await on_screen(pilot, "-exec node [a", "+exec node server.js")
        await pilot.press("d", "d")
        await until(pilot, lambda: "120 columns wide" in " ".join(stage.told))


async def test_a_wide_terminal_has_the_tree_on_the_left(stage: Stage) -> None:
    async with stage.wizard((200, 60)) as (app, pilot):
        await pilot.press("v")
        await on_screen(pilot, "Terraform plan", "+ create")
        things, shown = app.screen.query_one(TreeList), app.screen.query_one(DiffView)
        assert things.region.right <= shown.region.x
        assert things.region.height > 40
        await on_screen(pilot, "module.ci_user.aws_iam_access_key.this")


async def test_folders_fold_and_say_what_is_in_them(stage: Stage) -> None:
    quiet = tuple(FileChange(f"infra/modules/ci_user/{name}.tf", "same", "") for name in "abc")
    stage.seen = Preview((*FILES, *quiet), DETAILED)
    async with stage.wizard((120, 40)) as (app, pilot):
        await pilot.press("v")
        await on_screen(pilot, "modules/ci_user/", "3 same")
        things = app.screen.query_one(TreeList)
        assert "infra/modules/ci_user/a.tf" not in [row.key for row in things.rows], "nothing happens in it"
        things.mark("infra/main.tf")
        await pilot.press("left", "left")
        await until(pilot, lambda: "infra/main.tf" not in [row.key for row in things.rows])
        await on_screen(pilot, "1 new, 3 same", "new   infra/main.tf")


async def test_a_file_of_five_thousand_lines_keeps_the_keys_quick(stage: Stage) -> None:
    text = "".join(f'+resource "a" "b{number}" {{ name = "{number}" }} # [/foo]\n' for number in range(5000))
    big = FileChange("infra/big.tf", "changed", f"--- a\n+++ b\n@@ -1 +1,5000 @@\n{text}")
    stage.seen = Preview((*FILES, big), DETAILED)
    async with stage.wizard((120, 40)) as (app, pilot):
        await pilot.press("v")
        await on_screen(pilot, "Terraform plan")
        things = app.screen.query_one(TreeList)
        things.mark("infra/big.tf")
        await on_screen(pilot, "b0", "name = ")
        await pilot.press("d")
        shown = app.screen.query_one(DiffView)
        await until(pilot, lambda: "│" in (shown.buffer.line(2) or ""))
        shown.focus()
        await pilot.press("end")
        await on_screen(pilot, "b4999")


async def test_the_review_speaks_of_policies_only_when_a_plan_has_them(stage: Stage) -> None:
    stage.seen = Preview(FILES, None, Failure("No credentials.", "Log in."))
    async with stage.wizard() as (app, pilot):
        await pilot.press("v")
        await on_screen(pilot, "known after the plan")
        app.screen.query_one(TreeList).mark(":policy")
        await on_screen(pilot, "Make the plan possible first")
