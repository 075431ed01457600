"""The ground: the set-up scripts, the Makefile and the sample application."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from ecrwiz.model.errors import BadInputError, MissingToolError
from ecrwiz.sandbox import sample

if TYPE_CHECKING:
    import docker

ROOT = Path(__file__).parents[1]
SAMPLE = Path(sample.__file__).parent / "sample_app"


def script(*argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


class TestEngineScript:
    def test_an_engine_that_answers_is_used(self, engine: docker.DockerClient, tmp_path: Path) -> None:
        # Another HOME: an engine that the set-up started counts as somebody else's here.
        done = script(".ci/engine", "start", ECRWIZ_ENV_FILE=str(tmp_path / "env"), XDG_CACHE_HOME=str(tmp_path))
        assert done.returncode == 0, done.stderr
        assert "answers" in done.stdout
        assert (tmp_path / "env").read_text() == ""
        assert not (tmp_path / "ecrwiz").exists(), "no engine of its own"

    def test_a_docker_host_where_nothing_answers_is_not_overruled(self, tmp_path: Path) -> None:
        done = script(
            ".ci/engine",
            "start",
            DOCKER_HOST=f"unix://{tmp_path}/none.sock",
            XDG_CACHE_HOME=str(tmp_path),
            ECRWIZ_ENV_FILE=str(tmp_path / "env"),
        )
        assert done.returncode == 3
        assert f"DOCKER_HOST is unix://{tmp_path}/none.sock, and no Docker engine answers there." in done.stderr

    def test_stop_ends_nothing_that_is_not_its_own(self, tmp_path: Path) -> None:
        # A short path: the script moves a socket with a long one elsewhere.
        with tempfile.TemporaryDirectory(prefix="ew", dir="/tmp") as cache:
            run = Path(cache) / "ecrwiz" / "engine" / "run"
            run.mkdir(parents=True)
            # As after a crash: the number in the file belongs to another process by now.
            with subprocess.Popen(["sleep", "60"]) as other:
                (run / "dockerd.pid").write_text(str(other.pid))
                done = script(".ci/engine", "stop", ECRWIZ_ENV_FILE=str(tmp_path / "env"), XDG_CACHE_HOME=cache)
                alive = other.poll() is None
                other.kill()
        assert done.returncode == 0, done.stderr
        assert "No engine of our own runs." in done.stdout
        assert alive

    def test_an_unknown_word_is_refused(self) -> None:
        done = script(".ci/engine", "restart")
        assert done.returncode == 3
        assert "start|stop|status" in done.stderr


def test_the_scripts_pass_shellcheck() -> None:
    done = script("shellcheck", ".ci/setup", ".ci/engine", ".ci/run")
    assert done.returncode == 0, done.stdout


def test_make_alone_lists_every_target() -> None:
    phony = next(line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith(".PHONY:"))
    shown = script("make", "--no-print-directory").stdout
    for target in phony.split()[1:]:
        assert f"make {target} " in shown, target


class TestSample:
    def test_it_is_a_clean_repository_with_one_commit_and_a_remote(self, tmp_path: Path) -> None:
        folder = sample.lay_out(tmp_path / "blog")
        assert git(folder, "rev-list", "--count", "HEAD") == "1"
        assert git(folder, "status", "--porcelain") == ""
        assert git(folder, "branch", "--show-current") == "main"
        assert git(folder, "remote", "get-url", "origin") == sample.REMOTE
        tracked = set(git(folder, "ls-files").splitlines())
        assert tracked >= {".gitignore", "package-lock.json", "app/api/health/route.js", "public/harbour.svg"}
        assert not {name for name in tracked if name.startswith(("node_modules", ".next", "gitignore"))}

    def test_its_commit_is_the_same_each_time_whatever_the_person_has_set(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = git(sample.lay_out(tmp_path / "one"), "rev-parse", "HEAD")
        (tmp_path / ".gitconfig").write_text(
            "[commit]\n gpgsign = true\n[gpg]\n program = false\n[user]\n signingkey = none\n"
            "[core]\n autocrlf = true\n hooksPath = " + str(tmp_path / "hooks") + "\n"
        )
        (tmp_path / "hooks").mkdir()
        (tmp_path / "hooks" / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / "hooks" / "pre-commit").chmod(0o755)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("GIT_AUTHOR_NAME", "somebody")
        assert git(sample.lay_out(tmp_path / "two"), "rev-parse", "HEAD") == first

    def test_a_git_hook_around_it_does_not_catch_the_commit(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        outer = tmp_path / "outer"
        outer.mkdir()
        git(outer, "init", "--quiet")
        with monkeypatch.context() as inside_hook:
            inside_hook.setenv("GIT_DIR", str(outer / ".git"))
            folder = sample.lay_out(tmp_path / "blog")
        assert git(folder, "rev-list", "--count", "HEAD") == "1"
        assert git(outer, "rev-list", "--all", "--count") == "0"

    def test_a_folder_that_holds_something_is_not_touched(self, tmp_path: Path) -> None:
        (tmp_path / "mine.txt").write_text("mine")
        with pytest.raises(BadInputError, match="holds something already"):
            sample.lay_out(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]

    def test_without_git_it_says_so(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(MissingToolError, match="needs git"):
            sample.lay_out(tmp_path / "blog")
        assert not (tmp_path / "blog").exists()

    def test_the_command_explains_a_failure_and_ends_with_its_code(self, tmp_path: Path) -> None:
        runner = CliRunner()
        assert runner.invoke(sample.main, [str(tmp_path / "blog")]).exit_code == 0
        again = runner.invoke(sample.main, [str(tmp_path / "blog")])
        assert again.exit_code == 2
        assert "holds something already" in again.output

    def test_its_lock_file_fits_every_machine(self) -> None:
        package = json.loads((SAMPLE / "package.json").read_text())
        lock = json.loads((SAMPLE / "package-lock.json").read_text())
        assert lock["lockfileVersion"] == 3
        assert lock["packages"][""]["dependencies"] == package["dependencies"]
        # A lock file made with packages of one platform alone is refused by `npm ci` on the others.
        compilers = lock["packages"]["node_modules/next"]["optionalDependencies"]
        assert len(compilers) > 5
        assert {f"node_modules/{name}" for name in compilers} <= set(lock["packages"])
        assert not [name for name, entry in lock["packages"].items() if "resolved" in entry], "registry of one machine"
