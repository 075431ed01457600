"""Rendering over what is there: who changed a file since it was rendered last, and what comes of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecrwiz.flow import three_way
from ecrwiz.flow.context import Approvals, Context
from ecrwiz.flow.engine import Engine
from ecrwiz.flow.events import Asked, Event, Output, Question, Reply, Status, StepFinished, StepId
from ecrwiz.flow.project import Project, open_project
from ecrwiz.flow.runbook import survey
from ecrwiz.flow.steps import render
from ecrwiz.model.app import RenderedFile
from ecrwiz.model.paths import ProjectPaths
from ecrwiz.model.results import FileChange, RenderResult
from ecrwiz.services import files, git, templates

LAST = "".join(f"line {number}\n" for number in range(1, 11))


def _with(text: str, line: int, new: str) -> str:
    return text.replace(f"line {line}\n", new)


@pytest.mark.parametrize(
    ("mine", "last", "new", "kind", "written"),
    [
        (None, None, LAST, "new", LAST),
        (None, LAST, LAST, "new", LAST),
        (LAST, None, LAST, "same", None),
        (LAST, "older\n", LAST, "same", None),
        (LAST, LAST, _with(LAST, 2, "two\n"), "updated", _with(LAST, 2, "two\n")),
        (LAST.replace("\n", "\r\n"), LAST, LAST, "updated", LAST),
        (_with(LAST, 2, "mine\n"), LAST, LAST, "yours", None),
        (_with(LAST, 2, ""), LAST, LAST, "yours", None),
        (
            _with(LAST, 2, "mine\n"),
            LAST,
            _with(LAST, 9, "theirs\n"),
            "merged",
            _with(_with(LAST, 2, "mine\n"), 9, "theirs\n"),
        ),
        (_with(LAST, 2, "mine\n"), LAST, LAST + "more\n", "added", _with(LAST, 2, "mine\n") + "more\n"),
        (_with(LAST, 2, "mine\n"), LAST, _with(LAST, 2, "theirs\n"), "conflict", None),
        # As a run that was killed between the merged file and its ancestor leaves it.
        (_with(_with(LAST, 2, "mine\n"), 9, "theirs\n"), LAST, _with(LAST, 9, "theirs\n"), "yours", None),
        ("one\n", None, "zero\none\ntwo\n", "added", "zero\none\ntwo\n"),
        ("mine\n", None, LAST, "changed", None),
    ],
)
async def test_who_changed_what(mine: str | None, last: str | None, new: str, kind: str, written: str | None) -> None:
    change = await three_way.compare("Dockerfile", mine, last, new)
    assert (change.kind, change.text) == (kind, written)
    assert bool(change.diff) == (kind not in ("same", "yours"))


async def test_a_conflict_shows_all_three_texts() -> None:
    change = await three_way.compare("a", _with(LAST, 2, "mine\n"), LAST, _with(LAST, 2, "theirs\n"))
    assert change.both is not None
    marks = [line for line in change.both.splitlines() if line[:3] in ("<<<", "|||", "===", ">>>")]
    assert marks == ["<<<<<<< yours", "||||||| before", "=======", ">>>>>>> ecrwiz"]
    assert git.conflict_line(change.both) == 2
    other = await three_way.compare("a", "same\nmine\n", None, "same\ntheirs\n")
    assert other.both == "same\n<<<<<<< yours\nmine\n=======\ntheirs\n>>>>>>> ecrwiz\n"


async def test_without_git_both_changes_are_a_conflict(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    change = await three_way.compare("a", _with(LAST, 2, "mine\n"), LAST, _with(LAST, 9, "theirs\n"))
    assert (change.kind, change.text, change.both) == ("conflict", None, None)


async def test_what_is_no_text_for_git_is_a_conflict() -> None:
    change = await three_way.compare("a", "mine\0\n", "last\n", "new\n")
    assert (change.kind, change.both) == ("conflict", None)


def test_the_memory_of_files_above_the_folder_stays_in_the_state_folder(tmp_path: Path) -> None:
    paths = ProjectPaths(tmp_path / "apps" / "web", tmp_path / "state")
    three_way.remember(paths, "../../.github/workflows/x.yml", "text\n")
    assert (tmp_path / "state" / "rendered" / "__up__" / "__up__" / ".github" / "workflows" / "x.yml").is_file()
    assert three_way.read_last(paths, "../../.github/workflows/x.yml") == "text\n"


Opened = Callable[[], Awaitable[Project]]


@pytest.fixture
def opened(next_app: Path) -> Opened:
    async def open_() -> Project:
        return await open_project(next_app, {"region": "us-east-1"}, os.environ)

    return open_


class Told(list[Event]):
    """The events of a run, and the questions that were asked."""

    @property
    def questions(self) -> list[Question]:
        return [event.question for event in self if isinstance(event, Asked)]

    @property
    def lines(self) -> list[str]:
        return [line for event in self if isinstance(event, Output) for line in event.lines]


async def _render(
    project: Project, approvals: Approvals | None = None, *, force: bool = False, reply: Reply = None
) -> tuple[Told, RenderResult | None, str]:
    """The events, the result and the message of a failure."""
    told = Told()

    def listen(event: Event) -> None:
        told.append(event)
        if isinstance(event, Asked):
            engine.answer(event.question.id, reply)

    engine = Engine(project, listen)
    await engine.run([StepId.RENDER], force=force, approvals=approvals)
    ends = [event for event in told if getattr(event, "error", None)]
    return told, project.results.find(RenderResult), ends[0].error.message if ends else ""  # type: ignore[union-attr]


def _texts(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".ecrwiz" not in path.relative_to(root).parts and path.name != "ecrwiz.toml"
    }


def _as_before(monkeypatch: pytest.MonkeyPatch, **lines: tuple[str, str]) -> None:
    """Make ecrwiz render something else: a line of `name` becomes another."""
    real = templates.render

    def rendered(*arguments: Any, **named: Any) -> tuple[RenderedFile, ...]:
        found = []
        for file in real(*arguments, **named):
            text = file.text
            if file.path in lines:
                old, new = lines[file.path]
                assert old in text, text
                text = text.replace(old, new, 1)
            found.append(replace(file, text=text))
        return tuple(found)

    monkeypatch.setattr(templates, "render", rendered)


async def test_twice_without_a_change_is_byte_identical_and_asks_nothing(opened: Opened, next_app: Path) -> None:
    told, result, error = await _render(await opened())
    assert not error
    assert result is not None
    assert "Dockerfile" in result.written
    before = _texts(next_app)
    told, result, _ = await _render(await opened(), force=True)
    assert _texts(next_app) == before
    assert told.questions == []
    assert result is not None
    assert (result.written, result.kept) == ((), ())
    assert (await survey(await opened()))[StepId.RENDER].status is Status.FRESH


async def test_what_only_ecrwiz_changed_is_replaced_without_a_question(
    opened: Opened, next_app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _as_before(monkeypatch, **{"start.sh": ("set -eu", "set -u")})
    await _render(await opened())
    monkeypatch.undo()
    told, result, _ = await _render(await opened())
    assert told.questions == []
    assert result is not None
    assert result.written == ("start.sh",)
    assert result.backups == ()
    assert "set -eu" in (next_app / "start.sh").read_text()
    assert (next_app / "start.sh").stat().st_mode & 0o111


async def test_what_a_sandbox_rendered_is_known_without_it(
    opened: Opened, next_app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as sandbox:
        sandbox.setenv("ECRWIZ_STATE_DIR", str(next_app / ".ecrwiz" / "sandbox" / "state"))
        _as_before(sandbox, **{"start.sh": ("set -eu", "set -u")})
        await _render(await opened())
    told, result, _ = await _render(await opened())
    assert told.questions == []
    assert result is not None
    assert result.written == ("start.sh",)


async def test_what_only_the_person_changed_stays_even_with_yes(opened: Opened, next_app: Path) -> None:
    await _render(await opened())
    mine = (next_app / "Dockerfile").read_text() + "# mine\n"
    (next_app / "Dockerfile").write_text(mine)
    told, result, _ = await _render(await opened(), Approvals(everything=True))
    told, result, _ = await _render(await opened(), force=True)
    assert told.questions == []
    assert result is not None
    assert result.kept == ("Dockerfile",)
    assert (next_app / "Dockerfile").read_text() == mine
    await _render(await opened(), Approvals(everything=True), force=True)
    assert "# mine" not in (next_app / "Dockerfile").read_text(), "asked for by name, with --force and --yes"
    assert (next_app / "Dockerfile.ecrwiz-backup").read_text() == mine


async def test_changes_in_different_places_are_merged_and_the_old_file_is_kept(
    opened: Opened, next_app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _as_before(monkeypatch, Dockerfile=("\nFROM ", "\n# old first words\nFROM "))
    await _render(await opened())
    mine = (next_app / "Dockerfile").read_text() + "# mine\n"
    (next_app / "Dockerfile").write_text(mine)
    monkeypatch.undo()
    told, result, _ = await _render(await opened())
    assert told.questions == []
    assert result is not None
    assert result.written == ("Dockerfile",)
    assert result.backups == ("Dockerfile.ecrwiz-backup",)
    text = (next_app / "Dockerfile").read_text()
    assert text.endswith("# mine\n")
    assert "old first words" not in text
    assert (next_app / "Dockerfile.ecrwiz-backup").read_text() == mine
    _, result, _ = await _render(await opened(), force=True)
    assert result is not None
    assert result.kept == ("Dockerfile",), "the merged file is the person's"


@pytest.fixture
async def conflict(opened: Opened, next_app: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file in which both changed the same line; gives the person's text."""
    _as_before(monkeypatch, **{"start.sh": ("set -eu", "set -u")})
    await _render(await opened())
    mine = (next_app / "start.sh").read_text().replace("set -u", "set -ux")
    (next_app / "start.sh").write_text(mine)
    monkeypatch.undo()
    return mine


@pytest.mark.parametrize(("reply", "stays"), [(None, True), ("mine", True), ("new", False)])
async def test_a_conflict_is_the_persons_to_decide(
    conflict: str, opened: Opened, next_app: Path, reply: str | None, stays: bool
) -> None:
    told, result, _ = await _render(await opened(), reply=reply)
    assert [question.kind for question in told.questions] == ["choice"]
    assert [word for word, _ in told.questions[0].choices] == ["new", "both", "mine"]
    assert "set -ux" in "\n".join(told.questions[0].body)
    assert result is not None
    assert ("start.sh" in result.kept) is stays
    if stays:
        assert (next_app / "start.sh").read_text() == conflict
        assert any("kept yours" in line and "start.sh" in line for line in told.lines)
    else:
        assert "set -eu" in (next_app / "start.sh").read_text()
        assert (next_app / "start.sh.ecrwiz-backup").read_text() == conflict
    told, _, _ = await _render(await opened(), force=True)
    assert bool(told.questions) is (reply is None), "what was decided is not asked again"


async def test_what_nobody_decided_stays_open_until_somebody_does(
    conflict: str, opened: Opened, next_app: Path
) -> None:
    told, result, _ = await _render(await opened())
    assert result is not None
    assert result.undecided == ("start.sh",)
    assert f"kept yours   start.sh (undecided: {render.DECIDE})" in told.lines
    state = (await survey(await opened()))[StepId.RENDER]
    assert (state.status, state.reason) == (Status.STALE, "undecided: start.sh")
    _, result, _ = await _render(await opened(), Approvals(on_conflict="new"))
    assert result is not None
    assert (result.written, result.undecided) == (("start.sh",), ())
    assert "set -eu" in (next_app / "start.sh").read_text()
    assert (next_app / "start.sh.ecrwiz-backup").read_text() == conflict
    assert (await survey(await opened()))[StepId.RENDER].status is Status.FRESH


async def test_a_word_for_conflicts_makes_a_fresh_render_run(opened: Opened) -> None:
    await _render(await opened())
    told, _, _ = await _render(await opened(), Approvals(on_conflict="new"))
    (end,) = (event for event in told if isinstance(event, StepFinished))
    assert end.status is Status.OK


async def test_both_without_git_is_no_decision(
    conflict: str, opened: Opened, next_app: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    told, result, _ = await _render(await opened(), Approvals(on_conflict="both"))
    assert result is not None
    assert result.undecided == ("start.sh",)
    assert any("start.sh: only git can" in line for line in told.lines)
    assert (next_app / "start.sh").read_text() == conflict


@pytest.mark.parametrize("word", ["mine", "new", "both"])
async def test_a_conflict_is_decided_by_an_option(conflict: str, opened: Opened, next_app: Path, word: str) -> None:
    told, _, _ = await _render(await opened(), Approvals(on_conflict=word))
    assert told.questions == []
    text = (next_app / "start.sh").read_text()
    assert {"mine": text == conflict, "new": "set -ux" not in text, "both": ">>>>>>> ecrwiz" in text}[word]


async def test_yes_takes_ecrwizs_side_and_keeps_a_copy(conflict: str, opened: Opened, next_app: Path) -> None:
    _, result, _ = await _render(await opened(), Approvals(everything=True))
    assert result is not None
    assert result.backups == ("start.sh.ecrwiz-backup",)
    assert (next_app / "start.sh.ecrwiz-backup").read_text() == conflict
    assert "set -eu" in (next_app / "start.sh").read_text()


async def test_markers_are_refused_until_they_are_gone(conflict: str, opened: Opened, next_app: Path) -> None:
    path = next_app / "start.sh"
    told, _, _ = await _render(await opened(), Approvals(on_conflict="both"))
    assert any("conflict markers" in line for line in told.lines)
    line = path.read_text().splitlines().index("<<<<<<< yours") + 1
    before = _texts(next_app)
    _, _, error = await _render(await opened(), Approvals(everything=True), force=True)
    assert error == f"start.sh still holds conflict markers at line {line}."
    assert _texts(next_app) == before
    path.write_text(conflict)
    told, result, error = await _render(await opened(), force=True)
    assert not error
    assert told.questions == []
    assert result is not None
    assert result.kept == ("start.sh",)


async def test_a_file_from_before_is_asked_about_and_kept_unless_somebody_agrees(
    opened: Opened, next_app: Path
) -> None:
    (next_app / "start.sh").write_text("#!/bin/sh\nexec mine\n")
    told, result, _ = await _render(await opened())
    assert len(told.questions) == 1
    assert result is not None
    assert result.kept == ("start.sh",)
    told, _, _ = await _render(await opened(), Approvals(on_conflict="mine"))
    told, _, _ = await _render(await opened(), force=True)
    assert told.questions == []


async def test_a_deleted_file_comes_back(opened: Opened, next_app: Path) -> None:
    await _render(await opened())
    (next_app / "start.sh").unlink()
    _, result, _ = await _render(await opened())
    assert result is not None
    assert result.written == ("start.sh",)


class Killed(BaseException):
    """As kill -9 is for a run."""


@pytest.mark.parametrize("writes", range(5))
async def test_a_run_killed_between_any_two_writes_loses_nothing(
    writes: int, opened: Opened, next_app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file is updated and one merged, which takes four writes; the next run ends as if nothing had happened."""
    _as_before(monkeypatch, **{"start.sh": ("set -eu", "set -u"), "Dockerfile": ("\nFROM ", "\n# old\nFROM ")})
    await _render(await opened())
    monkeypatch.undo()
    mine = (next_app / "Dockerfile").read_text() + "# mine\n"
    (next_app / "Dockerfile").write_text(mine)
    project, real = await opened(), files.write_atomic
    done: list[Path] = []

    def dying(path: Path, text: str, **named: bool) -> None:
        if len(done) == writes:
            raise Killed
        done.append(path)
        real(path, text, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(files, "write_atomic", dying)
    with contextlib.suppress(Killed):
        render._Writer(_context(project)).write_all(await render.changes(project), {})
    assert len(done) == writes
    monkeypatch.setattr(files, "write_atomic", real)
    assert (next_app / "Dockerfile").read_text().endswith("# mine\n")
    told, _, error = await _render(await opened(), force=True)
    assert not error
    assert told.questions == []
    text = (next_app / "Dockerfile").read_text()
    assert text.endswith("# mine\n")
    assert "# old" not in text
    assert "set -eu" in (next_app / "start.sh").read_text()
    assert mine.encode() in _texts(next_app).values(), "the old text is kept beside it"
    assert (await survey(await opened()))[StepId.RENDER].status is Status.FRESH


def _context(project: Project) -> Context:
    async def ask(question: Question) -> Reply:
        raise AssertionError(question)

    return Context(project, StepId.RENDER, Approvals(), lambda event: None, ask)


async def test_a_directory_of_links_in_the_memory_is_not_followed(opened: Opened, next_app: Path) -> None:
    outside = next_app.parent / "outside"
    outside.mkdir()
    (next_app / ".ecrwiz").mkdir()
    (next_app / ".ecrwiz" / "journal.json").write_text("")
    project = await opened()
    (next_app / ".ecrwiz" / "rendered").symlink_to(outside)
    _, _, error = await _render(project)
    assert "leads out of" in error
    assert list(outside.iterdir()) == []


def run(root: Path, *words: str) -> None:
    name = ("-c", "user.name=t", "-c", "user.email=t@example.invalid")
    subprocess.run(["git", *name, *words], cwd=root, check=True, capture_output=True)


async def test_git_is_asked_whether_private_files_stay_out(opened: Opened, next_app: Path) -> None:
    run(next_app, "init", "-q")
    told, _, _ = await _render(await opened())
    assert not [line for line in told.lines if line.startswith("Warning: Git")]
    ignore = next_app / ".gitignore"
    ignore.write_text(ignore.read_text() + "!*.tfstate\n")
    (next_app / "infra" / ".gitignore").write_text("!*.tfplan\n")
    (next_app / "infra" / "terraform.tfstate").write_text("{}")
    run(next_app, "add", "infra/terraform.tfstate")
    told, _, _ = await _render(await opened(), force=True)
    warnings = [line for line in told.lines if line.startswith("Warning: Git")]
    number = ignore.read_text().count("\n")
    assert any("git rm --cached infra/terraform.tfstate" in line for line in warnings)
    assert any(f"line {number} of .gitignore" in line and "!*.tfstate" in line for line in warnings)
    assert any("line 1 of infra/.gitignore" in line and "!*.tfplan" in line for line in warnings)
    assert not any(".ecrwiz/" in line for line in warnings)


async def test_a_monorepos_workflow_lies_at_its_top(tmp_path: Path, next_app: Path) -> None:
    run(tmp_path, "init", "-q")
    flags = {"region": "us-east-1", "github_repository": "octo/mono"}
    project = await open_project(next_app, flags, os.environ)
    assert project.paths.base == tmp_path
    assert (project.place.up, project.place.app) == ("..", next_app.name)
    found = {change.path for _, change in await render.changes(project)}
    (workflow,) = (path for path in found if path.startswith("../"))
    assert workflow.startswith("../.github/workflows/")
    _, result, error = await _render(project)
    assert not error
    assert (next_app / workflow).is_file()
    assert (tmp_path / ".github" / "workflows").is_dir()
    (next_app / workflow).write_text((next_app / workflow).read_text().replace("\n", "\n# mine\n", 1))
    _, result, _ = await _render(await open_project(next_app, flags, os.environ), force=True)
    assert result is not None
    assert result.kept == (workflow,)


async def test_nothing_is_written_above_the_repository(tmp_path: Path, next_app: Path) -> None:
    run(next_app, "init", "-q")
    flags = {"region": "us-east-1", "github_repository": "octo/mono"}
    project = await open_project(next_app, flags, os.environ)
    assert project.paths.base == next_app
    outside = tmp_path / "outside"
    outside.mkdir()
    (next_app / ".github").symlink_to(outside)
    _, _, error = await _render(project)
    assert "leads out of" in error
    assert list(outside.iterdir()) == []


def _clone(next_app: Path) -> Path:
    """A team-mate's clone of what was rendered, committed; nothing of `.ecrwiz/` comes with it."""
    run(next_app, "init", "-q")
    run(next_app, "add", "-A")
    run(next_app, "commit", "-qm", "x")
    run(next_app.parent, "clone", "-q", str(next_app), "clone")
    assert not (next_app.parent / "clone" / ".ecrwiz").exists()
    return next_app.parent / "clone"


async def _open_clone(root: Path, **flags: str) -> Project:
    return await open_project(root, {"region": "us-east-1", **flags}, os.environ)


async def test_in_a_fresh_clone_what_nobody_touched_is_updated(opened: Opened, next_app: Path) -> None:
    await _render(await opened())
    clone = _clone(next_app)
    told, result, _ = await _render(await _open_clone(clone, port="4444"))
    assert told.questions == []
    assert result is not None
    assert (result.kept, result.backups) == ((), ())
    assert {"Dockerfile", "start.sh"} <= set(result.written)
    assert "4444" in (clone / "Dockerfile").read_text()


async def test_in_a_fresh_clone_what_was_edited_is_merged(opened: Opened, next_app: Path) -> None:
    await _render(await opened())
    (next_app / "Dockerfile").write_text((next_app / "Dockerfile").read_text() + "# mine\n")
    clone = _clone(next_app)
    told, result, _ = await _render(await _open_clone(clone, port="4444"))
    assert told.questions == []
    assert result is not None
    assert result.backups == ("Dockerfile.ecrwiz-backup",)
    text = (clone / "Dockerfile").read_text()
    assert "4444" in text
    assert text.endswith("# mine\n")


async def test_the_answers_of_today_are_tried_without_git(opened: Opened, next_app: Path) -> None:
    await _render(await opened())
    shutil.rmtree(next_app / ".ecrwiz")
    told, result, _ = await _render(await _open_clone(next_app, port="4444"))
    assert told.questions == []
    assert result is not None
    assert result.kept == ()


async def test_hostile_answers_in_the_last_commit_are_no_ancestor(opened: Opened, next_app: Path) -> None:
    await _render(await opened())
    (next_app / "Dockerfile").write_text("# Rendered by ecrwiz\nFROM mine\n")
    toml = next_app / "ecrwiz.toml"
    good = toml.read_text()
    toml.write_text(good.replace("3000", '"\\n$(id)"'))
    clone = _clone(next_app)
    (clone / "ecrwiz.toml").write_text(good)
    told, _, error = await _render(await _open_clone(clone))
    assert not error
    assert [question.title.split()[0] for question in told.questions] == ["Dockerfile"]


async def test_a_dockerfile_without_its_first_line_is_still_known(opened: Opened, next_app: Path) -> None:
    await _render(await opened())
    path = next_app / "Dockerfile"
    mine = path.read_text().split("\n", 1)[1]
    path.write_text(mine)
    project = await opened()
    assert project.answers.strategy == "multi-stage"
    _, result, _ = await _render(project, force=True)
    assert result is not None
    assert result.kept == ("Dockerfile",)
    assert path.read_text() == mine


@pytest.mark.parametrize("edited", [False, True])
async def test_what_is_rendered_no_longer_is_removed_unless_it_was_edited(next_app: Path, edited: bool) -> None:
    run(next_app, "init", "-q")
    flags = {"region": "us-east-1", "github_repository": "octo/mono"}
    await _render(await open_project(next_app, flags, os.environ))
    (path,) = (next_app / ".github" / "workflows").iterdir()
    name = path.relative_to(next_app).as_posix()
    if edited:
        path.write_text(path.read_text() + "# mine\n")
    before = path.read_text()
    flags["workflow"] = "no"
    _, gone = await render.compare_all(await open_project(next_app, flags, os.environ))
    assert [(change.path, change.kind) for change in gone] == [(name, "left" if edited else "removed")]
    told, result, error = await _render(await open_project(next_app, flags, os.environ))
    assert not error
    assert result is not None
    assert path.exists() is edited
    assert result.removed == (() if edited else (name,))
    copy = path.with_name(f"{path.name}.ecrwiz-backup")
    assert copy.exists() is not edited
    assert (path if edited else copy).read_text() == before
    assert any(line.startswith("left alone" if edited else "removed") and name in line for line in told.lines)


async def test_an_own_strategy_takes_the_rendered_dockerfile_as_it_is(opened: Opened, next_app: Path) -> None:
    await _render(await opened())
    await _render(await _open_clone(next_app, strategy="own"))
    assert (next_app / "Dockerfile").is_file()
    assert (next_app / "start.sh").is_file()


async def test_terraform_that_a_state_belongs_to_is_not_removed(opened: Opened, next_app: Path) -> None:
    await _render(await opened())
    (next_app / "infra" / "terraform.tfstate").write_text("{}")
    await _render(await _open_clone(next_app, infra_layout="beside"))
    assert (next_app / "infra" / "main.tf").is_file()
    (next_app / "infra" / "terraform.tfstate").unlink()
    _, result, _ = await _render(await _open_clone(next_app, infra_layout="beside"), force=True)
    assert result is not None
    assert "infra/main.tf" in result.removed


async def test_a_memory_that_is_no_text_counts_as_none(opened: Opened, next_app: Path) -> None:
    await _render(await opened())
    (next_app / ".ecrwiz" / "rendered" / "Dockerfile").write_bytes(b"\xff\xfe\x00")
    _, result, error = await _render(await opened(), force=True)
    assert not error
    assert result is not None
    assert "Dockerfile" in result.same


def test_every_kind_has_its_words() -> None:
    from ecrwiz import reports
    from ecrwiz.screens import review_tree as review

    assert set(reports._KINDS) == set(review._KINDS)
    assert set(render._WORDS) == set(review._KINDS) - {"same", "removed", "left"}
    assert isinstance(FileChange("a", "same", ""), FileChange)
