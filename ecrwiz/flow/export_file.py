"""The CI key in a dotenv file that only this user may read and that neither Git nor an image gets."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ecrwiz.flow import copies
from ecrwiz.flow.exports import Key, dotenv, made_here
from ecrwiz.flow.project import Project
from ecrwiz.model.errors import BadInputError, EcrwizError, ToolFailedError
from ecrwiz.services import docker, files, git

__all__ = ["ENV_FILE", "env_file", "ignore_line", "needs_ignoring"]

ENV_FILE: Final = ".env.ci"


def ignore_line(path: Path) -> str:
    """The line for a `.gitignore` beside the file that keeps it out."""
    return "/" + re.sub(r"([*?\[\]\\!#\s])", r"\\\1", path.name)


async def needs_ignoring(path: Path) -> str:
    """The line for a `.gitignore` that is missing; empty when Git ignores the file, or tracks it already.

    Raises:
        ToolFailedError: git refuses to work there.
    """
    folder, name = path.parent, path.name
    if await git.top(folder) is None or await git.is_tracked(folder, name):
        return ""
    return "" if name in await git.is_ignored(folder, [name]) else ignore_line(path)


async def env_file(
    project: Project, key: Key, path: Path, *, replace: bool = False, gitignore: bool = False
) -> tuple[str, ...]:
    """Write the key into a dotenv file that only this user may read, and that Git does not get.

    Args:
        project: the project.
        key: the key.
        path: the file, absolute.
        replace: a file that ecrwiz did not make may be replaced.
        gitignore: add the line to the `.gitignore` beside the file when that is what is missing.

    Returns:
        What to know besides, in sentences.

    Raises:
        BadInputError: Git has or would get the file, it is a link, or it is somebody else's.
        ToolFailedError: it cannot be written.
    """
    _check_place(project, key, path, replace=replace)
    told = await _keep_from_git(path, gitignore=gitignore)
    copies.note(project.paths, "file", str(path), key.access_key_id)
    await asyncio.to_thread(_write, path, dotenv(key))
    return (*told, *_build_warning(project, path))


def _write(path: Path, text: str) -> None:
    """Write it by way of a folder that neither Git nor an image gets: a power cut leaves the secret there at worst."""
    left = re.compile(rf"\.{re.escape(path.name[:100])}\.[0-9a-f]{{12}}\.tmp")
    with _aside(path.parent) as folder:
        try:
            for place in (folder, path.parent):
                for item in [item for item in place.iterdir() if left.fullmatch(item.name)]:
                    item.unlink()
        except OSError as error:
            raise ToolFailedError(
                f"What an earlier export left in {folder} could not be removed: {error.strerror}.",
                "Remove it yourself.",
            ) from error
        files.write_atomic(path, text, private=True, follow=False, scratch=folder)


@contextlib.contextmanager
def _aside(parent: Path) -> Iterator[Path]:
    """The folder `.ecrwiz` beside the file, on the same disk; where it is not ours already, only for this moment."""
    folder = parent / ".ecrwiz"
    new = not folder.exists()
    files.private_folder(folder)
    if not new:
        yield folder
        return
    files.write_atomic(folder / ".gitignore", "*\n", inside=folder)
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):
            (folder / ".gitignore").unlink()
            folder.rmdir()


def _is_ours(project: Project, key: Key, path: Path) -> bool:
    """Whether an earlier export made the file, and nobody has changed it since."""
    notes = [copy for copy in copies.noted(project.paths) if (copy.kind, copy.place) == ("file", str(path))]
    try:
        access_key_id, whose = made_here(files.read_text(path) or "")
    except EcrwizError:
        return False
    # One that was cut after its note has left the file of the key before.
    return bool(notes and access_key_id) and (access_key_id == notes[-1].access_key_id or whose == key.whose)


def _check_place(project: Project, key: Key, path: Path, *, replace: bool) -> None:
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise BadInputError(
            f"{path} is no ordinary file, so the secret is not written there.", "Name another with --to."
        )
    if path.exists() and not replace and not _is_ours(project, key, path):
        raise BadInputError(
            f"{path} is there already, and ecrwiz did not make it for this project, or it was changed since.",
            "Name another file with --to, or add --replace.",
        )
    if not path.parent.is_dir():
        raise BadInputError(f"{path.parent} is no folder.", "Make it first, or name another file with --to.")


async def _keep_from_git(path: Path, *, gitignore: bool) -> tuple[str, ...]:
    folder, name = path.parent, path.name
    if await git.top(folder) is None:
        return ()
    if await git.is_tracked(folder, name):
        raise BadInputError(
            f"Git tracks {path}: the secret would be in the next commit.",
            f"Name another file with --to, or take it out with: git rm --cached {shlex.quote(name)}",
        )
    if name in await git.is_ignored(folder, [name]):
        return ()
    line, file = ignore_line(path), folder / ".gitignore"
    if not gitignore:
        raise BadInputError(
            f"Git does not ignore {path}: the secret would be in the next `git add`.",
            f"Run it again with --gitignore, which adds the line {line} to {file}.",
        )
    before = files.read_text(file, inside=folder) or ""
    gap = "" if not before or before.endswith("\n") else "\n"
    files.write_atomic(file, f"{before}{gap}{line}\n", inside=folder)
    if name not in await git.is_ignored(folder, [name]):
        raise BadInputError(
            f"Git does not ignore {path} though {file} has a line for it: a later rule takes it back.",
            "Name another file with --to.",
        )
    return (f"Added the line {line} to {file}.",)


def _build_warning(project: Project, path: Path) -> tuple[str, ...]:
    """An image must not carry the file along."""
    root = project.paths.root
    if not path.is_relative_to(root):
        return ()
    if not docker.is_sent(root, "Dockerfile", path.relative_to(root).as_posix()):
        return ()
    return (f"Warning: .dockerignore does not leave {path.name} out, so `COPY . .` takes it into an image.",)
