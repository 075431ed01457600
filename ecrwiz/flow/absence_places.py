"""Which files may hold the CI secret, kind by kind, and how a file is called."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from ecrwiz.flow import copies
from ecrwiz.flow.project import Project
from ecrwiz.model.paths import INFRA_FOLDERS
from ecrwiz.services import shell_history

__all__ = ["FilePlace", "file_places", "home", "short"]

_NOT_SOURCES: Final = ("node_modules", ".git", ".ecrwiz", ".terraform")


@dataclass(frozen=True, slots=True)
class FilePlace:
    """A kind of place that is made of files.

    Attributes:
        words: what it is.
        paths: files and folders.
        without: names of folders that are not gone into.
        remark: what to know besides.
    """

    words: str
    paths: tuple[Path, ...]
    without: tuple[str, ...] = ()
    remark: str = ""


def home(environ: Mapping[str, str]) -> Path:
    """The person's home folder."""
    return Path(environ.get("HOME") or "~").expanduser()


def file_places(project: Project) -> tuple[FilePlace, ...]:
    """Every kind of place that is made of files, in the order in which a person reads them; blocks."""
    paths, environ = project.paths, project.tools.environ
    root, mine = paths.root, home(environ)
    folders = [root / folder for folder in dict.fromkeys(INFRA_FOLDERS.values())]
    states = [path for folder in folders for path in _matching(folder, "*.tfstate*")]
    states += [path for folder in folders for path in _matching(folder / ".terraform", "*.tfstate*")]
    if paths.terraform_state is not None:
        states += _matching(paths.terraform_state.parent, f"{paths.terraform_state.name}*")
    plans = [paths.plan, *(path for folder in folders for path in _matching(folder, "*plan*"))]
    scratch = _matching(Path(tempfile.gettempdir()), "ecrwiz-*")
    own = dict.fromkeys((paths.state, root / ".ecrwiz"))
    kept = [copy for copy in copies.noted(paths) if copy.kind == "file"]
    exported = f"besides {', '.join(short(Path(c.place), project) for c in kept)}, which you exported" if kept else ""
    return (
        FilePlace("Terraform's state and its backups", tuple(states)),
        FilePlace("Terraform's plans", tuple(plans)),
        FilePlace("what ecrwiz keeps: journal, logs, rendered files", (*own, *_crashes(), *scratch)),
        FilePlace(
            "the project's files, ecrwiz.toml and .env* among them",
            (root, paths.base / ".npmrc"),
            _NOT_SOURCES,
            exported,
        ),
        FilePlace(
            "histories of shells", shell_history.files(environ, mine), remark="a shell writes its own when it ends"
        ),
        FilePlace("settings of other programs", tuple(_settings(environ, mine))),
    )


def _settings(environ: Mapping[str, str], mine: Path) -> Iterable[Path]:
    """Where credentials are put by hand, or by `docker login`, `aws configure` and npm."""
    yield Path(environ.get("DOCKER_CONFIG") or mine / ".docker") / "config.json"
    yield Path(environ.get("NPM_CONFIG_USERCONFIG") or environ.get("npm_config_userconfig") or mine / ".npmrc")
    yield mine / ".yarnrc.yml"
    yield Path(environ.get("AWS_CONFIG_FILE") or mine / ".aws" / "config").expanduser()
    yield Path(environ.get("AWS_SHARED_CREDENTIALS_FILE") or mine / ".aws" / "credentials").expanduser()
    yield mine / ".aws" / "cli" / "cache"
    for name in (
        ".netrc",
        ".gitconfig",
        ".git-credentials",
        ".profile",
        ".bashrc",
        ".bash_profile",
        ".zshrc",
        ".zshenv",
    ):
        yield mine / name
    yield mine / ".config" / "fish" / "config.fish"


def _crashes() -> tuple[Path, ...]:
    return (platformdirs.user_log_path("ecrwiz", appauthor=False),)


def _matching(folder: Path, pattern: str) -> list[Path]:
    """What lies in a folder under such a name; nothing when it cannot be looked into."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def short(path: Path, project: Project) -> str:
    """A path as a person calls it: from the project, else from home."""
    for base, before in ((project.paths.root, ""), (project.paths.base, "../"), (home(project.tools.environ), "~/")):
        if path.is_relative_to(base) and path != base:
            if before == "../":
                return os.path.relpath(path, project.paths.root)
            return f"{before}{path.relative_to(base).as_posix()}"
    return str(path)
