"""The git service against real repositories."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecrwiz.model.errors import ToolFailedError
from ecrwiz.services import git
from ecrwiz.services.git import GitState


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
def repo(tmp_path: Path) -> Path:
    root = tmp_path / "an app"
    root.mkdir()
    run(root, "init", "-q")
    (root / ".gitignore").write_text("node_modules/\n*.log\n", encoding="utf-8")
    (root / "page.js").write_text("1", encoding="utf-8")
    return root


def commit(root: Path) -> str:
    run(root, "add", "-A")
    run(root, "commit", "-qm", "x")
    return run(root, "rev-parse", "HEAD")


async def test_clean_tree(repo: Path) -> None:
    sha = commit(repo)
    state = await git.describe(repo)
    assert state == GitState(commit=sha, dirty=False, branch="main", remotes={})
    assert git.image_tag(state) == sha[:12]


@pytest.mark.parametrize("change", ["tracked", "new", "staged", "deleted", "renamed"])
async def test_dirty_tree(repo: Path, change: str) -> None:
    sha = commit(repo)
    if change == "new":
        (repo / "näw file.js").write_text("2", encoding="utf-8")
    elif change == "deleted":
        (repo / "page.js").unlink()
    elif change == "renamed":
        run(repo, "mv", "page.js", "other.js")
    else:
        (repo / "page.js").write_text("changed", encoding="utf-8")
        if change == "staged":
            run(repo, "add", "page.js")
    state = await git.describe(repo)
    assert state is not None
    assert state.dirty
    assert git.image_tag(state) == f"{sha[:12]}-dirty"


async def test_ignored_files_do_not_make_it_dirty(repo: Path) -> None:
    commit(repo)
    (repo / "node_modules").mkdir()
    (repo / "node_modules/x.js").write_text("x", encoding="utf-8")
    (repo / "npm.log").write_text("x", encoding="utf-8")
    state = await git.describe(repo)
    assert state is not None
    assert not state.dirty


async def test_what_is_set_apart_does_not_make_it_dirty(repo: Path) -> None:
    commit(repo)
    (repo / "infra").mkdir()
    (repo / "infra" / "main.tf").write_text("x")
    (repo / "ecrwiz.toml").write_text("x")
    apart = ("infra", "ecrwiz.toml")
    state = await git.describe(repo, apart=apart)
    assert state is not None
    assert not state.dirty
    (repo / "Dockerfile").write_text("x")
    state = await git.describe(repo, apart=apart)
    assert state is not None
    assert state.dirty


async def test_before_the_first_commit(repo: Path) -> None:
    state = await git.describe(repo)
    assert state == GitState(commit="", dirty=True, branch="main", remotes={})
    assert git.image_tag(state) == "uncommitted-dirty"


async def test_a_committed_text_is_the_last_commits(repo: Path) -> None:
    assert await git.committed_text(repo, "page.js") is None, "no commit yet"
    below = repo / "apps" / "w[e]b"
    below.mkdir(parents=True)
    (below / "a.toml").write_text("one\n", encoding="utf-8")
    (below / "link.toml").symlink_to("a.toml")
    (below / "large.toml").write_text("x" * 1_000_001, encoding="utf-8")
    (repo / ".gitattributes").write_text("*.toml diff=evil filter=evil\n", encoding="utf-8")
    commit(repo)
    canary = repo.parent / "canary"
    for name in ("diff.evil.textconv", "filter.evil.smudge", "filter.evil.clean"):
        run(repo, "config", name, f"touch {canary}; cat")
    (below / "a.toml").write_text("two\n", encoding="utf-8")
    assert await git.committed_text(below, "a.toml") == "one\n"
    for name in ("link.toml", "large.toml", "absent.toml", "../w[e]b"):
        assert await git.committed_text(below, name) is None
    assert not canary.exists()
    assert await git.committed_text(repo.parent, "a.toml") is None, "no repository"


async def test_detached_head(repo: Path) -> None:
    sha = commit(repo)
    run(repo, "checkout", "-q", "--detach")
    assert await git.describe(repo) == GitState(commit=sha, dirty=False, branch="", remotes={})


async def test_folder_inside_a_repository_counts_its_own_changes(repo: Path) -> None:
    app = repo / "apps" / "web"
    app.mkdir(parents=True)
    (app / "index.js").write_text("1", encoding="utf-8")
    commit(repo)
    (repo / "page.js").write_text("somebody else's", encoding="utf-8")
    state = await git.describe(app)
    assert state is not None
    assert not state.dirty
    (app / "index.js").write_text("2", encoding="utf-8")
    state = await git.describe(app)
    assert state is not None
    assert state.dirty


async def test_remotes_lose_names_and_tokens(repo: Path) -> None:
    for name, url in {
        "origin": "https://x-access-token:ghp_SECRET@github.com/o/r.git",
        "at": "https://user:p@ss@git.example.com/o/r",
        "ssh": "ssh://git@github.com:22/o/r.git",
        "scp": "git@github.com:o/r.git",
        "folder": "/srv/git/with space@x.git",
    }.items():
        run(repo, "remote", "add", name, url)
    state = await git.describe(repo)
    assert state is not None
    assert state.remotes == {
        "origin": "https://github.com/o/r.git",
        "at": "https://git.example.com/o/r",
        "ssh": "ssh://github.com:22/o/r.git",
        "scp": "git@github.com:o/r.git",
        "folder": "/srv/git/with space@x.git",
    }


async def test_remotes_after_insteadof_and_with_another_push_url(repo: Path) -> None:
    run(repo, "config", "url.https://github.com/.insteadOf", "gh:")
    run(repo, "remote", "add", "origin", "gh:o/r")
    run(repo, "remote", "set-url", "--push", "origin", "git@example.com:else/where")
    run(repo, "config", "remote.origin.partialclonefilter", "blob:none")  # newer git shows it in `remote -v`
    state = await git.describe(repo)
    assert state is not None
    assert state.remotes == {"origin": "https://github.com/o/r"}


async def test_no_repository(tmp_path: Path) -> None:
    assert await git.describe(tmp_path) is None
    assert await git.is_ignored(tmp_path, ["x"]) == set()
    assert not await git.is_tracked(tmp_path, "x")


async def test_a_bare_repository_is_not_read_unasked(tmp_path: Path) -> None:
    run(tmp_path, "init", "-q", "--bare", "bare.git")
    with pytest.raises(ToolFailedError, match="bare Git repository"):
        await git.describe(tmp_path / "bare.git")


async def test_a_work_tree_of_a_bare_repository_is_read(tmp_path: Path, repo: Path) -> None:
    sha = commit(repo)
    run(tmp_path, "clone", "-q", "--bare", str(repo), "bare.git")
    run(tmp_path / "bare.git", "worktree", "add", "-q", "main")
    state = await git.describe(tmp_path / "bare.git" / "main")
    assert state is not None
    assert state.commit == sha


async def test_is_tracked(repo: Path) -> None:
    (repo / "data").mkdir()
    (repo / "data" / "x.log").touch()
    assert not await git.is_tracked(repo, "data")
    run(repo, "add", "-f", "data/x.log")
    assert await git.is_tracked(repo, "data")
    assert await git.is_tracked(repo / "data", "x.log")
    assert not await git.is_tracked(repo / "data", "data")
    run(repo, "rm", "-r", "-q", "--cached", "data")
    assert not await git.is_tracked(repo, "data")


async def test_no_git(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repo))
    assert await git.describe(repo) is None
    assert await git.is_ignored(repo, ["npm.log"]) == set()


async def test_variables_of_a_git_hook_do_not_mislead(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = commit(repo)
    other = tmp_path / "other"
    other.mkdir()
    run(other, "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    state = await git.describe(repo)
    assert state is not None
    assert state.commit == sha


async def test_repository_of_another_user(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(repo)
    # Git's own switch for its tests: treat every repository as another user's.
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(ToolFailedError, match="another user owns it") as caught:
        await git.describe(repo)
    match = re.search(r"run: (git config --global --add safe\.directory .+)$", caught.value.hint)
    assert match
    ran = await asyncio.create_subprocess_shell(match[1], cwd=repo)  # git's own words work as they are
    assert await ran.wait() == 0
    assert await git.describe(repo) is not None


async def test_broken_repository_says_git_s_reason(repo: Path) -> None:
    (repo / ".git" / "config").write_text("[core\n", encoding="utf-8")
    with pytest.raises(ToolFailedError, match="bad config"):
        await git.describe(repo)


async def test_reading_writes_nothing_and_needs_no_lock(repo: Path) -> None:
    commit(repo)
    os.utime(repo / "page.js", (1, 1))  # git would note in its index that the content is the same
    index = repo / ".git" / "index"
    before = index.read_bytes()
    state = await git.describe(repo)
    assert state is not None
    assert not state.dirty
    assert index.read_bytes() == before
    (repo / ".git" / "index.lock").touch()  # somebody commits at this moment
    assert await git.describe(repo) == state


async def test_is_ignored(repo: Path) -> None:
    commit(repo)
    (repo / "forced.log").touch()
    run(repo, "add", "-f", "forced.log")
    asked = ["npm.log", "page.js", "node_modules/a/b.js", "forced.log", "ö \n.log", ":(top)x.log", "-x.log", '".log']
    found = await git.is_ignored(repo, asked)
    assert found == {"npm.log", "node_modules/a/b.js", "ö \n.log", ":(top)x.log", "-x.log", '".log'}
    assert await git.is_ignored(repo, ["page.js"]) == set()
    assert await git.is_ignored(repo, []) == set()


@given(st.from_regex(r"[0-9a-f]{40}|[0-9a-f]{64}|", fullmatch=True), st.booleans())
def test_tag_is_a_valid_image_tag(commit_id: str, dirty: bool) -> None:
    tag = git.image_tag(GitState(commit_id, dirty, ""))
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", tag)
    assert tag.endswith("-dirty") == dirty


async def test_the_top_of_the_work_tree(repo: Path, tmp_path: Path) -> None:
    below = repo / "apps" / "web"
    below.mkdir(parents=True)
    assert await git.top(below) == repo
    assert await git.top(repo) == repo
    outside = tmp_path / "outside"
    outside.mkdir()
    assert await git.top(outside) is None


async def test_a_work_tree_that_does_not_hold_the_folder_is_none(repo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    run(repo, "config", "core.worktree", str(other))
    assert await git.top(repo) is None


async def test_the_rule_that_decides_is_named(repo: Path) -> None:
    (repo / ".gitignore").write_text("*.tfstate\n!keep.tfstate\n")
    (repo / "keep.tfstate").write_text("")
    rule = await git.ignore_rule(repo, "a.tfstate")
    assert rule is not None
    assert (rule.source, rule.line, rule.pattern, rule.ignores) == (".gitignore", 1, "*.tfstate", True)
    rule = await git.ignore_rule(repo, "keep.tfstate")
    assert rule is not None
    assert (rule.line, rule.ignores) == (2, False)
    assert await git.ignore_rule(repo, "page.js") is None
    run(repo, "add", "-f", "keep.tfstate")
    assert await git.ignore_rule(repo, "keep.tfstate") == rule, "rules are asked about, not what is tracked"


async def test_texts_are_merged_and_conflicts_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = "a\nb\nc\nd\ne\n"
    merged = await git.merge(base.replace("a", "A"), base, base.replace("e", "E"))
    assert merged == git.Merged("A\nb\nc\nd\nE\n", 0)
    merged = await git.merge(base.replace("c", "1"), base, base.replace("c", "2"))
    assert merged is not None
    assert merged.conflicts == 1
    assert git.conflict_line(merged.text) == 3
    assert git.conflict_line(base) is None
    assert git.conflict_line("<<<<<<< only an opening\n") is None
    assert await git.merge("a\0", base, base) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await git.merge(base, base, base) is None
