"""All that a repository holds, its whole history included: every object as a stream, and the names of one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ecrwiz.services import process
from ecrwiz.services.git import SAFE, ask, environment, top

__all__ = ["folders", "names_of", "pour_objects"]

_AS_IT_IS = {"GIT_NO_LAZY_FETCH": "1"}  # what a partial clone lacks is not here, and nothing is fetched for it


async def pour_objects(root: Path, take: Callable[[bytes], None], seconds: float) -> bool | None:
    """Hand on every object that the repository has, as `git cat-file --batch` prints them.

    Commits, trees, blobs and tags; of every branch, the stashes and the index, and those that nothing refers to.

    Args:
        root: the folder, anywhere in the work tree.
        take: takes the stream piece by piece; what it raises ends git and comes out.
        seconds: how long it may take.

    Returns:
        Whether it came to its end; None without git or a repository.

    Raises:
        ToolFailedError: git refuses to work there.
    """
    if await top(root) is None:
        return None
    argv = ["git", *SAFE, "cat-file", "--batch-all-objects", "--unordered", "--batch"]
    env = environment() | _AS_IT_IS
    return await process.pour(argv, cwd=root, env=env, on_data=take, seconds=seconds) == 0


async def names_of(root: Path, blob: str) -> str:
    """Where a blob is or was: `PATH in commit 1a2b3c4d`, `PATH in the index`; empty when no name leads to it.

    Raises:
        ToolFailedError: git refuses to work there.
    """
    words = ("log", "--all", f"--find-object={blob}", "-n1", "--format=%h", "--name-only", "--no-textconv")
    commit, *names = [
        line for line in (await ask(root, *words, fine=(0, 128), extra=_AS_IT_IS) or "").split("\n") if line
    ] or [""]
    if commit:
        return f"{names[0] if names else 'a file'} in commit {commit}"
    for entry in (await ask(root, "ls-files", "-s", "-z", "--full-name", "--", ":/") or "").split("\0"):
        about, _, name = entry.partition("\t")
        if blob in about.split():
            return f"{name} in the index"
    return ""


async def folders(root: Path) -> tuple[Path, ...]:
    """Git's own folders of the repository, with its settings, hooks and logs; none without a repository.

    Raises:
        ToolFailedError: git refuses to work there.
    """
    said = await ask(root, "rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir")
    return tuple(dict.fromkeys(Path(line) for line in (said or "").splitlines() if line))
