"""The sample application: a small Next.js blog, laid out as the git repository a person would have.

`python -m ecrwiz.sandbox.sample DIR` does it from a shell.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import click

from ecrwiz.model.errors import BadInputError, EcrwizError, MissingToolError, ToolFailedError

__all__ = ["REMOTE", "lay_out", "main"]

REMOTE = "https://github.com/ecrwiz-demo/blog.git"
"""The remote `origin` of the sample; it need not exist."""

_DATE = "2026-03-02T09:00:00+00:00"
_IDENTITY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "ecrwiz demo"), ("EMAIL", "demo@ecrwiz.invalid"), ("DATE", _DATE))
}
# The person's own settings (signing, hooks, templates) have no say in a sample.
_SETTINGS = ("commit.gpgsign=false", "core.hooksPath=/dev/null", "init.templateDir=")


def lay_out(target: Path) -> Path:
    """Writes the sample application and commits it once; the commit's id is the same every time.

    Args:
        target: the folder to fill; it is made when it is not there and must be empty when it is.

    Returns:
        The folder, absolute.

    Raises:
        BadInputError: the folder holds something already.
        MissingToolError: git is not installed.
        ToolFailedError: git reported a failure.
    """
    target = target.absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BadInputError(
            f"{target} holds something already, so the sample application was not written there.",
            "Name a folder that does not exist yet.",
        )
    git = shutil.which("git")
    if git is None:
        raise MissingToolError("The sample application needs git, which is not on this machine.", "Install git.")
    with resources.as_file(resources.files("ecrwiz.sandbox") / "sample_app") as source:
        shutil.copytree(source, target, dirs_exist_ok=True, copy_function=shutil.copyfile)
    # Without its dot in the package: there it would apply to the package's own files.
    (target / "gitignore").rename(target / ".gitignore")
    _git(git, target, "init", "--quiet", "--initial-branch=main")
    _git(git, target, "remote", "add", "origin", REMOTE)
    _git(git, target, "add", "--all")
    _git(git, target, "commit", "--quiet", "--message", "A small blog")
    return target


def _git(git: str, folder: Path, *arguments: str) -> None:
    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    # Inside a git hook, GIT_DIR and its kin name another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        [git, *settings, *arguments],
        cwd=folder,
        env={**environment, **_IDENTITY},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ToolFailedError(f"`git {arguments[0]}` failed in {folder}: {done.stderr.strip()}")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def main(folder: Path) -> None:
    """Lay the sample application out in FOLDER as a git repository with one commit."""
    try:
        click.echo(f"The sample application lies in {lay_out(folder)}.")
    except EcrwizError as error:
        click.echo(str(error), err=True)
        raise SystemExit(error.exit_code) from error


if __name__ == "__main__":
    main()
