"""What git knows about the application's folder: commit, changes, branch, remotes, ignored files; and its merge."""

from __future__ import annotations

import re
import shlex
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ecrwiz.model.errors import ToolFailedError
from ecrwiz.model.redact import plain
from ecrwiz.services import process

__all__ = [
    "SAFE",
    "GitState",
    "IgnoreRule",
    "Merged",
    "ask",
    "committed_text",
    "conflict_line",
    "describe",
    "environment",
    "ignore_rule",
    "image_tag",
    "is_ignored",
    "is_tracked",
    "merge",
    "top",
]

_LARGEST: Final = 1_000_000  # bytes of a committed file that is read
_SHA_LENGTH: Final = 12  # characters of the commit in an image tag
_REMOTE = re.compile(r"(?P<name>[^\t]+)\t(?P<url>.+) \(fetch\)(?: \[[^\]]*\])?")
_USER_INFO = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)[^/]*@")
_OPENS = re.compile(r"<{7} \S")
_CLOSES = re.compile(r">{7} \S")
# A git hook sets these; they would make git look at another repository than the folder's, or read paths otherwise.
_REDIRECTIONS: Final = (
    *("GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"),
    *("GIT_PREFIX", "GIT_NAMESPACE"),
    *("GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS"),
)
# A clone may hold the files of a bare repository, whose configuration would name programs for git to run.
SAFE: Final = (
    *("-c", "safe.bareRepository=explicit"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
)
# Whatever git starts all the same, as a filter that the person has set up, needs none of these to read files.
_CREDENTIAL_NAME = re.compile(
    r"AWS_|.*(TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|_AUTH(?!OR)|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY)", re.IGNORECASE
)
_CREDENTIAL_VALUE = re.compile(r"://[^/\s@]*:[^/\s]*@")


@dataclass(frozen=True, slots=True)
class GitState:
    """The state of the folder.

    Attributes:
        commit: the checked-out commit's full id; empty before the first commit.
        dirty: files of this folder are changed, or new and not ignored.
        branch: its name; empty when no branch is checked out.
        remotes: fetch URLs by name, without user names and tokens.
    """

    commit: str
    dirty: bool
    branch: str
    remotes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IgnoreRule:
    """The rule of an ignore file that decides about a path.

    Attributes:
        source: the ignore file, as git names it from the folder that was asked about.
        line: its line.
        pattern: what stands there; with a `!` before it the path is NOT ignored.
    """

    source: str
    line: int
    pattern: str

    @property
    def ignores(self) -> bool:
        """Whether git leaves the path out of commits."""
        return not self.pattern.startswith("!")


@dataclass(frozen=True, slots=True)
class Merged:
    """Two texts brought together.

    Attributes:
        text: the result, with conflict markers where both differ from the common ancestor in the same place.
        conflicts: how many such places there are.
    """

    text: str
    conflicts: int


async def describe(root: Path, apart: Sequence[str] = ()) -> GitState | None:
    """Read the state of a folder that may lie anywhere inside a repository's work tree.

    Args:
        root: the folder.
        apart: files and folders directly in it whose changes do not make it dirty.

    Returns:
        None when git is not installed or the folder is in no repository.

    Raises:
        ToolFailedError: git refuses to work there, for instance because another user owns the repository.
    """
    paths = (".", *(f":(exclude,literal){name}" for name in apart))
    status = await ask(root, "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=normal", "--", *paths)
    remotes = await ask(root, "remote", "-v") if status is not None else None
    if status is None or remotes is None:
        return None
    headers: dict[str, str] = {}
    dirty = False
    for entry in status.split("\0"):
        if entry.startswith("# "):
            name, _, value = entry[2:].partition(" ")
            headers[name] = value
        elif entry:
            dirty = True
    commit, branch = headers.get("branch.oid", ""), headers.get("branch.head", "")
    return GitState(
        commit="" if commit == "(initial)" else commit,
        dirty=dirty,
        branch="" if branch == "(detached)" else branch,
        remotes=_remotes(remotes.splitlines()),
    )


def image_tag(state: GitState) -> str:
    """Name an image after its source: the commit's first 12 characters, and `-dirty` when it is not all."""
    commit = state.commit[:_SHA_LENGTH] or "uncommitted"
    return f"{commit}-dirty" if state.dirty else commit


async def is_ignored(root: Path, paths: Sequence[str]) -> set[str]:
    """Say which of these paths, relative to the folder, git would not commit; none without a repository.

    Raises:
        ToolFailedError: git refuses to work there.
    """
    if not paths:
        return set()
    # Behind `./` no name is taken for a pathspec with magic, such as `:(top)x`.
    asked = "\0".join(f"./{path}" for path in paths).encode("utf-8", "surrogateescape")
    answer = await ask(root, "check-ignore", "--stdin", "-z", given=asked, fine=(0, 1))
    return {path.removeprefix("./") for path in (answer or "").split("\0") if path}


async def ignore_rule(root: Path, path: str) -> IgnoreRule | None:
    """The rule that decides whether git would commit a path; None when no rule speaks of it.

    Whether the path is tracked already does not count: rules say nothing about tracked files.

    Args:
        root: the folder.
        path: relative to it; it need not exist.

    Raises:
        ToolFailedError: git refuses to work there.
    """
    asked = f"./{path}".encode("utf-8", "surrogateescape")
    answer = await ask(root, "check-ignore", "--no-index", "-v", "--stdin", "-z", given=asked, fine=(0, 1))
    source, line, pattern = [*(answer or "").split("\0"), "", "", ""][:3]
    return IgnoreRule(source, int(line), pattern) if line.isdigit() else None


async def top(root: Path) -> Path | None:
    """The top of the work tree that a folder lies in; None without git or a repository.

    Raises:
        ToolFailedError: git refuses to work there.
    """
    answer = (await ask(root, "rev-parse", "--show-toplevel") or "").removesuffix("\n")
    return Path(answer) if answer and _holds(Path(answer), root) else None


def _holds(folder: Path, root: Path) -> bool:
    """A repository's own setting (core.worktree) may name any folder as its work tree."""
    return root.resolve().is_relative_to(folder.resolve())


async def merge(mine: str, base: str | None, new: str) -> Merged | None:
    """Bring two texts with a common ancestor together, as `git merge` does with a file.

    Args:
        mine: the person's text.
        base: what both were made of; None when that is not known: every difference is a conflict then.
        new: the text that is to come in.

    Returns:
        None when git is not installed or takes one of the texts for no text.

    Raises:
        ToolFailedError: git failed.
    """
    if any("\0" in text for text in (mine, base or "", new)):
        return None
    with tempfile.TemporaryDirectory(prefix="ecrwiz-merge-") as folder:
        names = ("yours", "before", "ecrwiz")
        _lay_out(Path(folder), dict(zip(names, (mine, base or "", new), strict=True)))
        labels = [word for name in names for word in ("-L", name)]
        style = () if base is None else ("--diff3",)
        # The exit code is the number of conflicts, 127 at the most.
        given = await ask(Path(folder), "merge-file", "-p", *style, *labels, *names, fine=tuple(range(128)))
    return None if given is None else Merged(given, sum(_OPENS.match(line) is not None for line in given.split("\n")))


def _lay_out(folder: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode())


def conflict_line(text: str) -> int | None:
    """The line, counted from 1, of the first conflict marker that was left in a text; None when there is none."""
    lines = text.split("\n")
    opened = next((number for number, line in enumerate(lines, 1) if _OPENS.match(line)), None)
    return opened if opened and any(_CLOSES.match(line) for line in lines[opened:]) else None


async def is_tracked(root: Path, name: str) -> bool:
    """Whether git tracks a file or folder below this one, or anything in it, in whatever letter case.

    Some disks take `.NAME` and `.name` for the same.

    Raises:
        ToolFailedError: git refuses to work there.
    """
    return bool(await ask(root, "ls-files", "-z", "--", f":(icase,literal){name}"))


async def committed_text(root: Path, name: str) -> str | None:
    """A file's text as the last commit holds it; no filter is run, and nothing is fetched for it.

    Args:
        root: the folder, anywhere in the work tree.
        name: a file directly in it.

    Returns:
        None when there is no such commit or file, when it is no ordinary file, no text, or too large.

    Raises:
        ToolFailedError: git refuses to work there.
    """
    listed = await ask(root, "--literal-pathspecs", "ls-tree", "-z", "-l", "HEAD", "--", name, fine=(0, 128))
    mode, kind, blob, size = [*(listed or "").partition("\t")[0].split(), "", "", "", ""][:4]
    if not mode.startswith("100") or kind != "blob" or not size.isdigit() or int(size) > _LARGEST:
        return None
    # In a partial clone git would go and fetch the blob from wherever the repository says.
    here = {"GIT_NO_LAZY_FETCH": "1"}
    return await ask(root, "cat-file", "blob", blob, fine=(0, 128), extra=here) or None


def _remotes(lines: Iterable[str]) -> dict[str, str]:
    found = (_REMOTE.fullmatch(line) for line in lines)
    return {match["name"]: _USER_INFO.sub(r"\1", match["url"]) for match in found if match}


async def ask(
    root: Path,
    *words: str,
    given: bytes | None = None,
    fine: tuple[int, ...] = (0,),
    extra: Mapping[str, str] | None = None,
) -> str | None:
    """Run git with nothing that a clone could set up; what it prints, None when there is no git or no work tree.

    Args:
        root: the folder to run in.
        words: the arguments.
        given: its standard input.
        fine: exit codes that are no failure.
        extra: variables besides `environment()`.

    Raises:
        ToolFailedError: git failed, or refuses to work there.
    """
    if process.which("git") is None:
        return None
    env = {**environment(), **(extra or {})}
    answer = await process.capture(["git", *SAFE, *words], cwd=root, env=env, input=given)
    if answer.returncode in fine:
        return answer.stdout
    said = plain(answer.stderr)
    if "not a git repository" in said or "must be run in a work tree" in said:
        return None
    if "safe.bareRepository" in said:
        raise ToolFailedError(
            f"{root} lies in the files of a bare Git repository, which git does not read unasked: "
            "its configuration could run programs.",
            "Take the folder from a work tree, or remove HEAD, config, objects and refs that lie in it.",
        )
    if "dubious ownership" in said:
        fix = re.search(r"git config --global --add safe\.directory .+", said)
        command = fix[0].strip() if fix else f"git config --global --add safe.directory {shlex.quote(str(root))}"
        raise ToolFailedError(
            f"Git does not read {root} because another user owns it.",
            f"If you trust that folder, run: {command}",
        )
    fatal = [line for line in said.splitlines() if line.startswith("fatal: ")]
    cause = fatal[0].removeprefix("fatal: ") if fatal else said.strip() or f"exit code {answer.returncode}"
    raise ToolFailedError(
        f"`git {words[0]}` failed in {root}: {cause}.", "Run `git status` there to see what is wrong."
    )


def environment() -> dict[str, str]:
    """The environment for git: in plain English, without credentials and without what points to other folders."""
    given = process.child_environment({"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"})
    return {
        name: value
        for name, value in given.items()
        if name not in _REDIRECTIONS
        and not _CREDENTIAL_NAME.match(name)
        and (name.startswith("GIT_") or not _CREDENTIAL_VALUE.search(value))
    }
