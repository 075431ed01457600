"""A repository of somebody else's: what git delivers must not make ecrwiz write, delete or run anything outside it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ecrwiz.flow import runlog
from ecrwiz.flow.engine import Engine
from ecrwiz.flow.events import StepId, StepStarted
from ecrwiz.flow.journal import Journal
from ecrwiz.flow.project import open_project
from ecrwiz.flow.runlog import RunLog
from ecrwiz.model.errors import BadInputError, EcrwizError, ToolFailedError
from ecrwiz.services import files, git, process
from tests.fake_steps import FakeSteps, Heard

JOURNAL = {"schema": 1, "steps": {}}


@pytest.fixture(autouse=True)
def _own_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "gitconfig"
    config.write_text("[user]\nname = A\nemail = a@example.com\n[init]\ndefaultBranch = main\n", encoding="utf-8")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))


def run(root: Path, *words: str) -> str:
    ran = subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True, timeout=60)
    return ran.stdout.strip()


@pytest.fixture
def cloned(next_app: Path, tmp_path: Path) -> Callable[[], Path]:
    """Commits all that the attacker has put into the application, and clones it as a victim does."""

    def clone() -> Path:
        run(next_app, "init", "-q")
        run(next_app, "add", "-A", "-f")
        run(next_app, "commit", "-qm", "x")
        victim = tmp_path / "home" / "projects" / "clone"
        victim.parent.mkdir(parents=True)
        run(tmp_path, "clone", "-q", str(next_app), str(victim))
        return victim

    return clone


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


STATE_LINKS = {
    ".ecrwiz": "../elsewhere",
    ".ecrwiz/logs": "../..",
    ".ecrwiz/children": "../../other",
    ".ecrwiz/sandbox": "../../other",
    ".ecrwiz/journal.json": "../../precious",
    ".ecrwiz/lock": "../../precious",
    ".ecrwiz/provision.tfplan": "../../precious",
    ".ecrwiz/terraform.tfrc": "../../precious",
}


@pytest.mark.parametrize("link", STATE_LINKS)
@pytest.mark.parametrize("tracked", [True, False])
async def test_a_state_folder_of_links_is_refused(
    link: str, tracked: bool, next_app: Path, cloned: Callable[[], Path]
) -> None:
    root = next_app
    if tracked:
        (next_app / link).parent.mkdir(exist_ok=True)
        (next_app / link).symlink_to(STATE_LINKS[link])
        root = cloned()
        assert (root / link).is_symlink(), "git delivers links as they are"
    else:
        (root / link).parent.mkdir(exist_ok=True)
        (root / link).symlink_to(STATE_LINKS[link])
    with pytest.raises(BadInputError, match="is a link") as caught:
        await open_project(root, {}, os.environ)
    assert str(root / link) in caught.value.message
    assert "Remove the link" in caught.value.hint


async def test_a_link_in_place_of_the_state_folder_is_refused_though_the_state_lies_elsewhere(
    next_app: Path, tmp_path: Path
) -> None:
    (next_app / ".ecrwiz").symlink_to("..")
    with pytest.raises(BadInputError, match="is a link"):
        await open_project(next_app, {}, {**os.environ, "ECRWIZ_STATE_DIR": str(tmp_path / "state")})


@pytest.mark.parametrize("name", ["journal.json", "lock", "anything/below"])
async def test_a_state_that_came_with_the_repository_is_not_believed(
    name: str, next_app: Path, cloned: Callable[[], Path], tmp_path: Path
) -> None:
    (next_app / ".ecrwiz" / name).parent.mkdir(parents=True)
    (next_app / ".ecrwiz" / name).write_text(json.dumps(JOURNAL))
    root = cloned()
    with pytest.raises(BadInputError, match="came with the Git repository") as caught:
        await open_project(root, {}, os.environ)
    assert "git rm -r .ecrwiz" in caught.value.hint
    # A state folder of the person's own is none of the repository's.
    await open_project(root, {}, {**os.environ, "ECRWIZ_STATE_DIR": str(tmp_path / "state")})
    # The hint helps: the person says that the files are theirs.
    run(root, "rm", "-r", "-q", "--cached", ".ecrwiz")
    await open_project(root, {}, os.environ)


async def test_the_sandboxs_state_below_it_is_no_way_round(next_app: Path, cloned: Callable[[], Path]) -> None:
    (next_app / ".ecrwiz" / "sandbox" / "state").mkdir(parents=True)
    (next_app / ".ecrwiz" / "sandbox" / "state" / "journal.json").write_text(json.dumps(JOURNAL))
    root = cloned()
    with pytest.raises(BadInputError, match="came with the Git repository"):
        await open_project(root, {}, {**os.environ, "ECRWIZ_STATE_DIR": str(root / ".ecrwiz" / "sandbox" / "state")})


async def test_a_disk_that_knows_no_letter_case_is_no_way_round(next_app: Path) -> None:
    run(next_app, "init", "-q")
    (next_app / ".ECRwiz").mkdir()
    (next_app / ".ECRwiz" / "journal.json").write_text("{}")
    run(next_app, "add", "-f", ".ECRwiz/journal.json")
    assert await git.is_tracked(next_app, ".ecrwiz")
    assert not await git.is_tracked(next_app, ".other")


async def test_variables_do_not_make_git_overlook_it(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(next_app, "init", "-q")
    (next_app / ".ecrwiz").mkdir()
    (next_app / ".ecrwiz" / "journal.json").write_text("{}")
    run(next_app, "add", "-f", ".ecrwiz")
    monkeypatch.setenv("GIT_LITERAL_PATHSPECS", "1")
    assert await git.is_tracked(next_app, ".ecrwiz")


async def test_an_ordinary_state_folder_is_fine(
    next_app: Path, cloned: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeSteps(monkeypatch)
    root = cloned()
    for _ in range(2):
        project = await open_project(root, {}, os.environ)
        assert (await Engine(project, Heard().append).run()).exit_code == 0
    assert mode(root / ".ecrwiz" / "logs") == 0o700
    assert {mode(folder) for folder in (root / ".ecrwiz" / "logs").iterdir()} == {0o700}


async def test_answers_behind_a_link_that_leads_out(next_app: Path, cloned: Callable[[], Path]) -> None:
    (next_app / "ecrwiz.toml").symlink_to("../precious")
    root = cloned()
    precious = root.parent / "precious"
    # A dangling link leads out as well: writing would make a file at its end.
    with pytest.raises(BadInputError, match="leads out of"):
        await open_project(root, {}, os.environ)
    precious.write_text('password = "hush"\n')
    with pytest.raises(BadInputError, match="leads out of") as caught:
        await open_project(root, {}, os.environ)
    assert "hush" not in str(caught.value)
    (root / "ecrwiz.toml").unlink()
    project = await open_project(root, {}, os.environ)
    (root / "ecrwiz.toml").symlink_to("../precious")  # between the opening and the saving
    with pytest.raises(BadInputError, match="leads out of"):
        project.save_answers()
    assert precious.read_text() == 'password = "hush"\n'


def test_a_journal_behind_a_link_is_neither_read_nor_written(tmp_path: Path) -> None:
    state, precious = tmp_path / "state", tmp_path / "precious"
    state.mkdir()
    journal = Journal(state / "journal.json")
    precious.write_text("mine")
    (state / "journal.json").symlink_to("../precious")
    with pytest.raises(BadInputError, match="leads out of"):
        Journal(state / "journal.json")
    with pytest.raises(BadInputError, match="leads out of"):
        journal.begin(StepId.RENDER, "r", 1.0)
    assert precious.read_text() == "mine"


def test_a_journal_of_a_million_brackets_is_unreadable_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "journal.json").write_text("[" * 1_000_000)
    assert "cannot be read" in Journal(tmp_path / "journal.json").unreadable


def test_pruning_removes_old_runs_and_nothing_else(tmp_path: Path) -> None:
    logs, other = tmp_path / "logs", tmp_path / "other"
    other.mkdir()
    (other / "file").write_text("mine")
    for name in ("20200101-000000", "20200101-000000-2", "20200102-000000", "src", "20200101", "20200101-000000x"):
        (logs / name).mkdir(parents=True)
    (logs / "20190101-000000").symlink_to(other)
    (logs / "20190101-000001").write_text("a file")
    new = runlog.new_run_id(logs)
    log = RunLog(logs / new, keep=2)
    assert not log.broken
    left = {path.name for path in logs.iterdir()}
    kept = {"20200102-000000", new}
    assert left == kept | {"src", "20200101", "20200101-000000x", "20190101-000000", "20190101-000001"}
    assert (other / "file").read_text() == "mine"
    log.close()


def test_logs_behind_a_link_are_not_written_and_nothing_there_is_pruned(tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "20200101-000000").mkdir(parents=True)
    before = mode(other)
    (tmp_path / "logs").symlink_to(other)
    log = RunLog(tmp_path / "logs" / "20260101-000000", keep=1)
    log.write(StepStarted(StepId.RENDER))
    assert "is a link" in log.broken
    assert [path.name for path in other.iterdir()] == ["20200101-000000"]
    assert mode(other) == before


async def test_notes_behind_a_link_are_not_read_removed_or_written(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    note = json.dumps({"pid": 2**22 + 1, "started": "x", "program": "p", "purpose": ""})
    (other / f"{2**22 + 1}.json").write_text(note)
    (other / "package.json").write_text("{}")
    (tmp_path / "children").symlink_to(other)
    assert await process.end_survivors(tmp_path / "children", pytest.fail) == 0
    with pytest.raises(ToolFailedError, match="is a link"):
        await process.stream(["true"], cwd=tmp_path, on_lines=lambda _: None, notes=tmp_path / "children")
    assert sorted(path.name for path in other.iterdir()) == [f"{2**22 + 1}.json", "package.json"]


EVIL = """#!/bin/sh
env > {loot}
"""


@pytest.fixture
def embedded(next_app: Path, tmp_path: Path) -> tuple[Path, Path]:
    """An application whose folder is a bare repository too; where its program would leave what it saw."""
    loot = tmp_path / "loot"
    script = next_app / "evil.sh"
    script.write_text(EVIL.format(loot=loot))
    script.chmod(0o755)
    run(next_app, "init", "-q", "--bare", ".")
    shutil.rmtree(next_app / "hooks")
    run(next_app, "config", "core.bare", "false")
    run(next_app, "config", "core.worktree", str(next_app))
    run(next_app, "config", "core.fsmonitor", str(script))
    return next_app, loot


async def test_a_bare_repository_in_the_clone_runs_nothing(
    embedded: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, loot = embedded
    run(root, "status")
    assert loot.exists(), "git alone must run the program for this test to mean something"
    loot.unlink()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush")
    with pytest.raises(EcrwizError, match="bare Git repository"):
        await git.describe(root)
    with pytest.raises(EcrwizError, match="bare Git repository"):
        await git.is_tracked(root, ".ecrwiz")
    with pytest.raises(EcrwizError, match="bare Git repository"):
        await open_project(root, {}, os.environ)
    assert not loot.exists()


async def test_a_repositorys_own_monitor_is_not_run(
    embedded: tuple[Path, Path], next_app: Path, tmp_path: Path
) -> None:
    root, loot = tmp_path / "tree", embedded[1]
    root.mkdir()
    run(root, "init", "-q")
    run(root, "config", "core.fsmonitor", str(next_app / "evil.sh"))
    state = await git.describe(root)
    assert state is not None
    assert not loot.exists()


async def test_what_git_starts_all_the_same_sees_no_credentials(
    next_app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clean filter is the person's own setting (as for large files) and has to run; it gets no secrets."""
    loot = tmp_path / "loot"
    run(next_app, "init", "-q")
    (next_app / ".gitattributes").write_text("*.js filter=look\n")
    run(next_app, "add", "-A")
    run(next_app, "commit", "-qm", "x")
    run(next_app, "config", "filter.look.clean", f"env > '{loot}'; cat")
    os.utime(next_app / "next.config.js", (1, 1))
    hidden = [
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "GH_TOKEN", "NPM_TOKEN"),
        *("DB_PASSWORD", "my_secret", "OPENAI_API_KEY", "ECRWIZ_X", "GIT_TOKEN", "SSH_AUTH_SOCK", "PGPASSWORD"),
    ]
    for name in hidden:
        monkeypatch.setenv(name, "hush-hush")
    monkeypatch.setenv("DATABASE_URL", "postgres://me:hush-hush@db/x")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "kept")
    state = await git.describe(next_app)
    assert state is not None
    seen = loot.read_text()
    assert "hush-hush" not in seen
    assert not [line for line in seen.splitlines() if line.partition("=")[0] in hidden]
    assert "GIT_AUTHOR_NAME=kept" in seen


@pytest.mark.parametrize("name", [".nvmrc", "package.json", "yarn.lock", "next.config.js"])
async def test_a_link_to_a_device_is_told_and_not_read(name: str, next_app: Path) -> None:
    (next_app / name).unlink(missing_ok=True)
    (next_app / name).symlink_to("/dev/zero")
    project = await open_project(next_app, {}, os.environ)
    if name == "next.config.js":  # Next itself would not take it for its configuration
        assert project.need_app().config_file == ""
        return
    if name == "yarn.lock":  # no file, so no lockfile
        assert project.need_app().manager.lockfile == "package-lock.json"
        return
    with pytest.raises(BadInputError, match="no ordinary file"):
        project.need_app()


def test_private_folder(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    files.private_folder(folder)
    assert mode(folder) == 0o700
    files.private_folder(tmp_path / "new")
    assert mode(tmp_path / "new") == 0o700
    (tmp_path / "link").symlink_to(tmp_path / "public")
    (tmp_path / "public").mkdir()
    (tmp_path / "public").chmod(0o755)
    with pytest.raises(BadInputError, match="is a link"):
        files.private_folder(tmp_path / "link")
    assert mode(tmp_path / "public") == 0o755
    (tmp_path / "public").chmod(0o1777)
    with pytest.raises(BadInputError, match="several users share") as caught:
        files.private_folder(tmp_path / "public")
    assert "ECRWIZ_STATE_DIR" in caught.value.hint
    assert (tmp_path / "public").stat().st_mode & 0o7777 == 0o1777
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInputError, match="should be a folder"):
        files.private_folder(tmp_path / "file")
