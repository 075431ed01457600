"""Terraform's stream as recorded, the search for a mirror, and the real program."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from ecrwiz.model.errors import BadInputError, MissingToolError, ToolFailedError
from ecrwiz.model.results import Plan, PlannedChange
from ecrwiz.services.terraform import State, Terraform, find_mirror, mirror
from ecrwiz.services.terraform.knowledge import read_state
from ecrwiz.services.terraform.mirror import mirror_config
from ecrwiz.services.terraform.stream import Stream

PLAN = [
    '{"@level":"info","@message":"Terraform 1.11.4","type":"version","ui":"1.2"}',
    '{"@level":"info","@message":"aws_ecr_repository.this[\\"a\\"]: Plan to create","type":"planned_change",'
    '"change":{"resource":{"addr":"aws_ecr_repository.this[\\"a\\"]"},"action":"create"}}',
    '{"@level":"info","@message":"x: Plan to replace","type":"planned_change",'
    '"change":{"resource":{"addr":"x"},"action":"replace","reason":"requested"}}',
    '{"@level":"info","@message":"Plan: 2 to add, 0 to change, 1 to destroy.","type":"change_summary"}',
]


def test_planned_changes_and_readable_lines() -> None:
    shown: list[str] = []
    stream = Stream(shown.extend)
    stream.feed(["│ Warning: Unable to open CLI configuration file", *PLAN])
    assert stream.changes == [
        PlannedChange('aws_ecr_repository.this["a"]', "create"),
        PlannedChange("x", "replace", "requested"),
    ]
    assert shown[0].startswith("│ Warning")
    assert shown[1] == 'aws_ecr_repository.this["a"]: Plan to create'
    assert shown[-1].startswith("Plan: 2 to add")


def test_an_import_is_no_change_and_no_addition() -> None:
    stream = Stream(lambda lines: None)
    message = (
        '{"@message":"m","type":"planned_change","change":{"resource":{"addr":"%s"},"action":"%s",'
        '"importing":{"id":"x"}}}'
    )
    stream.feed([message % ("a", "import"), message % ("b", "update"), message % ("c", "replace")])
    assert stream.changes == [
        PlannedChange("a", "import"),
        PlannedChange("b", "import", "update"),
        PlannedChange("c", "replace"),
    ]
    assert str(Plan(tuple(stream.changes))) == "2 to import, 1 to add, 0 to change, 1 to destroy"


def test_an_apply_tells_its_progress_without_counting_reads() -> None:
    told: list[tuple[float, float | None, str, str]] = []
    stream = Stream(lambda lines: None, (2, lambda *a: told.append(a)))
    hook = '{"@message":"m","type":"apply_complete","hook":{"action":"%s","resource":{"addr":"%s"}}}'
    stream.feed([hook % ("read", "data.x"), hook % ("create", "a")])
    stream.feed([hook % ("create", "b")])
    assert told == [(1, 2, "resources", "a"), (2, 2, "resources", "b")]


def test_the_first_error_is_the_reason() -> None:
    shown: list[str] = []
    stream = Stream(shown.extend)
    diagnostic = {
        "severity": "error",
        "summary": "creating ECR Repository",
        "detail": "RepositoryAlreadyExistsException: it\nexists.",
        "address": "aws_ecr_repository.main",
    }
    stream.feed([json.dumps({"type": "diagnostic", "diagnostic": diagnostic})])
    assert stream.failure("apply", 1) == (
        "terraform apply failed: creating ECR Repository: RepositoryAlreadyExistsException: it exists."
    )
    assert shown[0] == "Error: creating ECR Repository (aws_ecr_repository.main)"
    assert Stream(lambda lines: None).failure("apply", 7) == "terraform apply failed: exit code 7."


PROVIDER = Path("registry.terraform.io", "hashicorp", "aws")


@pytest.fixture
def nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own mirrors do not count, and what lies above `tmp_path` (`/tmp`, say) counts as closed."""
    is_ours = mirror._is_ours
    monkeypatch.setattr(mirror, "_SEARCHED", (str(tmp_path / "searched"),))
    monkeypatch.setattr(mirror, "_is_ours", lambda part: part in tmp_path.parents or is_ours(part))


@pytest.mark.usefixtures("nowhere_else")
def test_a_mirror_is_found_by_looking(tmp_path: Path) -> None:
    assert find_mirror({"HOME": str(tmp_path)}) is None
    searched = tmp_path / "searched" / "some" / "plugins"
    (searched / PROVIDER).mkdir(parents=True)
    assert find_mirror({"HOME": str(tmp_path)}) == searched
    plugins = tmp_path / ".terraform.d" / "plugins"
    (plugins / PROVIDER).mkdir(parents=True)
    assert find_mirror({"HOME": str(tmp_path)}) == plugins
    named = tmp_path / "mine"
    (named / PROVIDER).mkdir(parents=True)
    named.chmod(0o777)  # the person's own word: taken as it is
    assert find_mirror({"HOME": str(tmp_path), "ECRWIZ_TERRAFORM_MIRROR": str(named)}) == named


def test_a_mirror_below_a_folder_that_all_may_write_into_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "_SEARCHED", ())
    shared = tmp_path / "shared"
    plugins = shared / "home" / ".terraform.d" / "plugins"
    (plugins / PROVIDER).mkdir(parents=True)
    shared.chmod(0o1777)  # as /tmp: whoever comes first makes the folder
    assert find_mirror({"HOME": str(shared / "home")}) is None


@pytest.mark.usefixtures("nowhere_else")
@pytest.mark.parametrize("mode", [0o777, 0o775, 0o1777])
@pytest.mark.parametrize("part", ["", "registry.terraform.io", str(PROVIDER), str(PROVIDER / "5.0.0" / "program")])
def test_a_mirror_that_others_may_write_into_is_not_taken(tmp_path: Path, part: str, mode: int) -> None:
    plugins = tmp_path / ".terraform.d" / "plugins"
    (plugins / PROVIDER / "5.0.0").mkdir(parents=True)
    (plugins / PROVIDER / "5.0.0" / "program").write_text("")
    assert find_mirror({"HOME": str(tmp_path)}) == plugins
    (plugins / part).chmod(mode)
    assert find_mirror({"HOME": str(tmp_path)}) is None


@pytest.mark.usefixtures("nowhere_else")
def test_a_mirror_of_another_user_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = tmp_path / ".terraform.d" / "plugins"
    (plugins / PROVIDER).mkdir(parents=True)
    assert find_mirror({"HOME": str(tmp_path)}) == plugins
    if os.geteuid() == 0:
        os.chown(plugins, 65534, 65534)
    else:  # who cannot give a folder away becomes somebody else
        monkeypatch.setattr(os, "geteuid", lambda: 65534)
    assert find_mirror({"HOME": str(tmp_path)}) is None


@pytest.mark.usefixtures("nowhere_else")
def test_a_mirror_behind_a_link_is_as_good_as_what_the_link_leads_over(tmp_path: Path) -> None:
    store = tmp_path / "open" / "store"
    (store / PROVIDER).mkdir(parents=True)
    (tmp_path / ".terraform.d").mkdir()
    (tmp_path / ".terraform.d" / "plugins").symlink_to("../open/store")
    assert find_mirror({"HOME": str(tmp_path)}) == tmp_path / ".terraform.d" / "plugins"
    (tmp_path / "open").chmod(0o777)
    assert find_mirror({"HOME": str(tmp_path)}) is None


@pytest.mark.usefixtures("nowhere_else")
@pytest.mark.parametrize("variable", ["XDG_DATA_HOME", "XDG_DATA_DIRS"])
def test_a_mirror_in_the_applications_folder_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    (tmp_path / "terraform" / "plugins" / PROVIDER).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    environ = {"HOME": str(tmp_path / "home")}
    assert find_mirror({**environ, variable: str(tmp_path)}) == tmp_path / "terraform" / "plugins"
    for relative in (".", "", f"../{tmp_path.name}"):
        assert find_mirror({**environ, variable: relative}) is None
    assert find_mirror({**environ, "XDG_DATA_DIRS": f":.:{tmp_path}"}) == tmp_path / "terraform" / "plugins"


def test_the_mirrors_configuration_is_private_and_follows_no_link(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("mine")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "terraform.tfrc").symlink_to(other)
    path = mirror_config(tmp_path, tmp_path / "work")
    assert other.read_text() == "mine"
    assert not path.is_symlink()
    path.chmod(0o644)
    assert mirror_config(tmp_path, tmp_path / "work").stat().st_mode & 0o777 == 0o600
    assert [item.name for item in (tmp_path / "work").iterdir()] == ["terraform.tfrc"]


def test_the_mirrors_configuration_is_hcl_whatever_the_path(tmp_path: Path) -> None:
    import hcl2

    folder = tmp_path / 'a "quoted" ${path}'
    text = mirror_config(folder, tmp_path / "work").read_text()
    assert hcl2.loads(text)["provider_installation"]


async def test_without_terraform_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match="Terraform is not on this machine"):
        await Terraform(tmp_path, tmp_path, os.environ).init()


async def test_providers_that_lie_in_the_folder_are_not_run(tmp_path: Path) -> None:
    (tmp_path / "infra" / "terraform.d" / "plugins").mkdir(parents=True)
    with pytest.raises(BadInputError, match=r"infra/terraform\.d may hold providers"):
        await Terraform(tmp_path / "infra", tmp_path / "work", os.environ).init()


LOCAL = """
terraform {
  backend "local" {}
}
variable "word" { type = string }
resource "terraform_data" "one" { input = var.word }
resource "terraform_data" "slow" {
  provisioner "local-exec" { command = "sleep ${var.word == "slow" ? 30 : 0}" }
}
output "word" { value = terraform_data.one.output }
"""


@pytest.fixture
def terraform(tmp_path: Path, terraform_program: str) -> Terraform:
    """The real program on resources that need no provider from a registry."""
    infra = tmp_path / "infra"
    infra.mkdir()
    (infra / "main.tf").write_text(LOCAL)
    return Terraform(infra, tmp_path / "work", os.environ, state=tmp_path / "elsewhere.tfstate")


async def test_the_real_program_plans_applies_and_destroys(terraform: Terraform, tmp_path: Path) -> None:
    await terraform.init()
    assert await terraform.state() == State()
    plan_file = tmp_path / "work" / "plan"
    plan = await terraform.plan(plan_file, variables={"word": "hi"})
    assert str(plan) == "2 to add, 0 to change, 0 to destroy"
    told: list[float] = []
    await terraform.apply(plan_file, 2, lambda done, *_: told.append(done))
    assert told[-1] == 2
    assert (tmp_path / "elsewhere.tfstate").is_file()
    assert not (tmp_path / "infra" / "terraform.tfstate").exists()
    known = await terraform.state()
    assert known.outputs == {"word": "hi"}
    assert known.resources["terraform_data.one"]["output"]["value"] == "hi"
    again = await terraform.plan(plan_file, variables={"word": "hi"}, replace=["terraform_data.one"])
    assert [(change.address, change.action) for change in again.changes] == [("terraform_data.one", "replace")]
    with pytest.raises(ToolFailedError, match="terraform apply failed"):
        await terraform.apply(tmp_path / "absent", 1, lambda *_: None)
    gone = await terraform.plan(plan_file, variables={"word": "hi"}, destroy=["terraform_data.slow"])
    assert [change.address for change in gone.changes] == ["terraform_data.slow"]


async def test_the_real_program_tells_of_an_import(terraform: Terraform, tmp_path: Path) -> None:
    (tmp_path / "infra" / "import.tf").write_text('import {\n  to = terraform_data.one\n  id = "known"\n}\n')
    await terraform.init()
    plan = await terraform.plan(tmp_path / "work" / "plan", variables={"word": "hi"})
    assert PlannedChange("terraform_data.one", "import", "update") in plan.changes
    await terraform.apply(tmp_path / "work" / "plan", 2, lambda *_: None)
    (tmp_path / "infra" / "import.tf").unlink()
    assert (await terraform.state()).resources["terraform_data.one"]["id"] == "known"
    again = await terraform.plan(tmp_path / "work" / "plan", variables={"word": "hi"})
    assert again.changes == ()


async def test_cancelling_an_apply_saves_the_state_and_frees_the_lock(terraform: Terraform, tmp_path: Path) -> None:
    await terraform.init()
    plan_file = tmp_path / "work" / "plan"
    await terraform.plan(plan_file, variables={"word": "slow"})
    apply = asyncio.create_task(terraform.apply(plan_file, 2, lambda *_: None))
    for _ in range(100):
        await asyncio.sleep(0.1)
        state = tmp_path / "elsewhere.tfstate"
        if state.is_file() and "terraform_data" in state.read_text():
            break
    apply.cancel()
    with pytest.raises(asyncio.CancelledError):
        await apply
    assert "terraform_data.one" in (await terraform.state()).resources
    await terraform.plan(plan_file, variables={"word": "fast"})


async def test_an_error_in_the_files_is_one_sentence(terraform: Terraform, tmp_path: Path) -> None:
    await terraform.init()
    with pytest.raises(ToolFailedError, match="No value for required variable"):
        await terraform.plan(tmp_path / "work" / "plan")


def test_a_state_is_read_with_modules_and_indexes() -> None:
    resources = [
        {"mode": "data", "type": "x", "name": "y", "instances": [{"attributes": {}}]},
        {"mode": "managed", "module": "module.m", "type": "a", "name": "b", "instances": [{"attributes": {"id": "1"}}]},
        {
            "mode": "managed",
            "type": "a",
            "name": "c",
            "instances": [{"index_key": "k", "attributes": None}, {"index_key": 0, "status": "tainted"}],
        },
    ]
    state = read_state(json.dumps({"version": 4, "outputs": {"o": {"value": 1}}, "resources": resources}))
    assert set(state.resources) == {"module.m.a.b", 'a.c["k"]', "a.c[0]"}
    assert state.outputs == {"o": 1}
    assert read_state("\n") == State()
    for text in ("no json", "{}", '{"version": 5}'):
        with pytest.raises(ToolFailedError, match="of a form that ecrwiz does not know"):
            read_state(text)


async def test_settings_of_the_shell_do_not_change_what_terraform_does(
    terraform: Terraform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"TF_LOG": "TRACE", "TF_CLI_ARGS": "-bogus", "TF_WORKSPACE": "other"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(tmp_path / "absent"))
    await terraform.init()
    assert await terraform.state() == State()
