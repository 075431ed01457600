"""What the command line prints without running anything."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from ecrwiz import cli, reports
from ecrwiz.flow import preview
from ecrwiz.flow.events import Failure
from ecrwiz.flow.project import open_project
from ecrwiz.model.app import NodeApp, Note, PublicVariable
from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.results import Plan, PlannedChange
from tests.wizard import KINDS


def _detect(root: Path, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli.commands, ["-C", str(root), "detect", *arguments])
    error = done.exception
    return (error.exit_code if isinstance(error, EcrwizError) else done.exit_code), done.output


def test_detection_as_json_is_the_whole_finding(next_app: Path) -> None:
    code, output = _detect(next_app, "--json")
    assert code == 0
    found = json.loads(output)
    assert set(found) == set(NodeApp.__dataclass_fields__)
    assert (found["framework"], found["manager"]["name"]) == ("next", "npm")


def test_detection_for_people_says_where_each_value_was_read(next_app: Path) -> None:
    code, output = _detect(next_app)
    assert code == 0
    rows = {line.split("  ")[1].strip(): line for line in output.splitlines() if line.startswith("  ")}
    assert "next" in rows["framework"]
    assert rows["framework"].rstrip().endswith("package.json")
    assert "package-lock.json" in rows["lockfile"]
    assert "blog" in rows["project_id"]
    assert list(next_app.glob(".ecrwiz*")) == [], "nothing is written"


def test_no_application_is_bad_input(tmp_path: Path) -> None:
    assert _detect(tmp_path)[0] == 2


def test_notes_come_last_with_warnings_marked(next_app: Path) -> None:
    from ecrwiz.services import node_app

    found = node_app.detect(next_app)
    plain = [Note("One thing."), Note("It listens on 8080.", "Use PORT.", warning=True)]
    app = NodeApp(
        found.name,
        found.framework,
        found.serving,
        public_variables=(PublicVariable("NEXT_PUBLIC_A", "a.js:1", "x"),),
        notes=tuple(plain),
    )
    lines = reports.detection_lines(app, {"project_id": ("blog", "package.json")})
    assert lines[-4:] == ["Notes (1 warning)", "  - One thing.", "  ! warning: It listens on 8080.", "      Use PORT."]
    assert any("NEXT_PUBLIC_A=x" in line and line.endswith("a.js:1") for line in lines)


async def test_a_plan_tells_each_kind_of_file_and_what_runs_programs(
    next_app: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = "infra/x.tf: data external.y (data external)"
    plan = Plan((PlannedChange("a.b", "import", "update"), PlannedChange("c.d", "create")))
    seen: list[dict[str, object]] = []

    async def previewed(*_: object, **options: object) -> preview.Preview:
        seen.append(options)
        return preview.Preview(KINDS, plan, None, (program,))

    monkeypatch.setattr(reports, "preview", previewed)
    project = await open_project(next_app, {}, os.environ)
    assert await reports.print_plan(project, imports=True, run_programs=False, as_json=False) == 0
    assert seen == [{"imports": True, "run_programs": False}]
    out = capsys.readouterr().out
    for wanted in (
        "-FROM node:22\n+FROM node:24\n",
        "Files updated (you have not touched them): Dockerfile.",
        "Files merged with your changes (a copy of yours is kept): start.sh.",
        "Files in conflict with your changes (yours stay unless you decide otherwise): .gitignore.",
        "Files changed by you alone, so they stay: .dockerignore.",
        f"Warning: Terraform may run a program on this machine: {program}.",
        "  import   a.b  (update)",
        "Terraform: 1 to import, 1 to add, 0 to change, 0 to destroy.",
    ):
        assert wanted in out


async def test_a_plan_that_cannot_be_made_gives_its_exit_code(
    next_app: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def previewed(*_: object, **__: object) -> preview.Preview:
        return preview.Preview(KINDS, None, Failure("No \x1b[31mcredentials.", "Log in.", 3))

    monkeypatch.setattr(reports, "preview", previewed)
    project = await open_project(next_app, {}, os.environ)
    assert await reports.print_plan(project, imports=False, run_programs=False, as_json=False) == 3
    assert capsys.readouterr().err == "No credentials.\nLog in.\n"
    assert await reports.print_plan(project, imports=False, run_programs=False, as_json=True) == 3
    assert json.loads(capsys.readouterr().out)["files"][0]["kind"] == "updated"
