"""One rendered file against what is there and what was rendered last: who changed it, and what comes of it.

`.ecrwiz/rendered/` holds the text that was last rendered for each file. It is written after the file itself, so a
run that is killed between the two finds either the old ancestor, with which the merge comes out the same again, or
the new one.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Final

from ecrwiz.model.errors import BadInputError
from ecrwiz.model.paths import ProjectPaths
from ecrwiz.model.results import FileChange
from ecrwiz.services import files, git

__all__ = ["compare", "forget", "read_last", "refuse_markers", "remember", "remembered"]

_UP: Final = "__up__"
_MOST: Final = 500  # files that are remembered


def read_last(paths: ProjectPaths, path: str) -> str | None:
    """What was rendered last for a file; None when that is not known, or what is known is no text any more.

    Raises:
        EcrwizError: it is a link that leads out.
    """
    memory = _memory(paths, path)
    try:
        return files.read_text(memory, inside=paths.rendered.parent)
    except BadInputError as error:
        if isinstance(error.__cause__, UnicodeDecodeError):
            return None
        raise


def remember(paths: ProjectPaths, path: str, text: str) -> None:
    """Note what was rendered for a file; to be called when the file itself is as it shall be.

    Raises:
        EcrwizError: it cannot be written.
    """
    if read_last(paths, path) != text:
        files.write_atomic(_memory(paths, path), text, private=True, inside=paths.rendered.parent)


def forget(paths: ProjectPaths, path: str) -> None:
    """Remember nothing of a file any more."""
    _memory(paths, path).unlink(missing_ok=True)


def remembered(paths: ProjectPaths) -> tuple[str, ...]:
    """Every file that was rendered here, as in `RenderedFile`."""
    found: list[str] = []
    for parent, folders, names in os.walk(paths.rendered):
        folders.sort()
        below = Path(parent).relative_to(paths.rendered).parts
        found += ["/".join(".." if part == _UP else part for part in (*below, name)) for name in sorted(names)]
    return tuple(found[:_MOST])


def _memory(paths: ProjectPaths, path: str) -> Path:
    parts = (_UP if part == ".." else part for part in PurePosixPath(path).parts)
    return paths.rendered.joinpath(*parts)


async def compare(path: str, mine: str | None, last: str | None, new: str) -> FileChange:
    """What becomes of a file.

    Args:
        path: its path, as in `RenderedFile`.
        mine: what is there; None when there is no file.
        last: what was rendered last; None when that is not known.
        new: what is rendered now.

    Raises:
        ToolFailedError: git failed while it merged.
    """
    if mine is None:
        return FileChange(path, "new", files.diff(path, None, new), new)
    if mine == new:
        return FileChange(path, "same", "")
    if last is None:
        return await _without_ancestor(path, mine, new)
    own = mine.replace("\r\n", "\n")  # line ends that a checkout made are no change of the person's
    if own in (last, new):
        return FileChange(path, "updated", files.diff(path, mine, new), new)
    if new == last:
        return FileChange(path, "yours", "")
    merged = await git.merge(own, last, new)
    if merged is None or merged.conflicts:
        return FileChange(path, "conflict", files.diff(path, mine, new), None, merged.text if merged else None)
    if merged.text == own:
        return FileChange(path, "yours", "")
    kind = "added" if _only_adds(mine, merged.text) else "merged"
    return FileChange(path, kind, files.diff(path, mine, merged.text), merged.text)


async def _without_ancestor(path: str, mine: str, new: str) -> FileChange:
    shown = files.diff(path, mine, new)
    if _only_adds(mine, new):
        return FileChange(path, "added", shown, new)
    merged = await git.merge(mine.replace("\r\n", "\n"), None, new)
    return FileChange(path, "changed", shown, None, merged.text if merged else None)


def _only_adds(before: str, after: str) -> bool:
    """Whether every line of `before` is still there, in order: nothing of the person's is lost."""
    lines = iter(after.splitlines())
    return all(line in lines for line in before.splitlines())


def refuse_markers(paths: ProjectPaths, names: tuple[str, ...]) -> None:
    """Refuse files in which a conflict still stands.

    Args:
        paths: the project's.
        names: files that ecrwiz renders, as in `RenderedFile`.

    Raises:
        BadInputError: one of them holds conflict markers.
    """
    for name in names:
        line = git.conflict_line(files.read_text(paths.root / name, inside=paths.base) or "")
        if line is not None:
            raise BadInputError(
                f"{name} still holds conflict markers at line {line}.",
                "Choose between the two sides there, remove the marker lines, and run it again.",
            )
