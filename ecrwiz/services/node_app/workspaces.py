"""Finds the workspace (monorepo) around an application, and the packages of it that the application uses."""

from __future__ import annotations

import fnmatch
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ecrwiz.model.app import Workspace
from ecrwiz.model.errors import BadInputError
from ecrwiz.services.node_app.javascript import json_with_comments
from ecrwiz.services.node_app.reading import LARGEST, LARGEST_MEMBER, Files, Package, is_plain_path, table, words

__all__ = ["Member", "Members", "describe", "globs", "manifest", "surrounding", "tool_of"]

_HIGHEST: Final = 6  # folders above the application's
_MOST_MEMBERS: Final = 500
_MOST_FOLDERS: Final = 5000
_MOST_BYTES: Final = 20_000_000  # of all package.json files of a workspace
_DEEPEST: Final = 6
_NEVER: Final = frozenset({"node_modules", "bower_components"})


@dataclass(frozen=True, slots=True)
class Member:
    """A package of a workspace.

    Attributes:
        path: its folder, relative to the root.
        package: its package.json.
    """

    path: str
    package: Package


def manifest(files: Files, folder: Path, *, largest: int = LARGEST) -> Package | None:
    """The package.json of a folder, or None when there is none."""
    data = files.json(folder / "package.json", largest=largest)
    return None if data is None else Package(data)


def globs(files: Files, root: Path, package: Package) -> tuple[str, list[str]]:
    """The patterns of a workspace's members, and the file that holds them; none when it is no workspace."""
    listed = _pnpm_packages(files.text(root / "pnpm-workspace.yaml") or "")
    if listed:
        return "pnpm-workspace.yaml", listed
    value = package.data.get("workspaces")
    return "package.json", words(table(value).get("packages") if isinstance(value, dict) else value)


def _pnpm_packages(text: str) -> list[str]:
    """The list under `packages:` of a pnpm-workspace.yaml, in the block or the flow form of YAML."""
    found: list[str] = []
    inside = False
    for line in text[:200_000].splitlines()[:2000]:
        body = re.split(r"\s#", line[:1000], maxsplit=1)[0].rstrip()
        if match := re.match(r"""(["']?)packages\1\s*:(.*)$""", body):
            inside = True
            found += [item.strip().strip("\"'") for item in match[2].strip().strip("[]").split(",")]
        elif inside and (match := re.match(r"\s*-\s+(.*)$", body)):
            found.append(match[1].strip().strip("\"'"))
        elif inside and body and not body.lstrip().startswith("#") and not body.startswith((" ", "\t")):
            inside = False
    return [item for item in found if item]


class Members:
    """The packages of a workspace, found by its patterns without going into node_modules or over links.

    Args:
        files: how files are read.
        root: the workspace's root.
        patterns: such as `apps/*`, `packages/**`, `!packages/old`.
        needed: a member that is kept even when there are too many to look at.
    """

    def __init__(self, files: Files, root: Path, patterns: list[str], needed: str = "") -> None:
        self._files = files
        self._root = root
        self._budget = _MOST_FOLDERS
        wanted = [_segments(pattern) for pattern in patterns if not pattern.startswith("!")][:100]
        refused = ["/".join(_segments(pattern[1:])) for pattern in patterns if pattern.startswith("!")][:100]
        found: dict[str, None] = {}
        for segments in wanted:
            for path in self._expand("", segments, 0):
                if not any(fnmatch.fnmatchcase(path, pattern) for pattern in refused):
                    found[path] = None
        kept = sorted(found)[:_MOST_MEMBERS]
        self.paths = sorted({*kept, needed}) if needed in found else kept
        self._read: dict[str, Member] | None = None

    def _expand(self, folder: str, segments: list[str], depth: int) -> Iterator[str]:
        if depth > _DEEPEST + len(segments):
            return
        if not segments:
            if folder and (self._root / folder / "package.json").is_file():
                yield folder
            return
        first, rest = segments[0], segments[1:]
        if first == "**":
            yield from self._expand(folder, rest, depth)
            for name in self._folders(folder):
                yield from self._expand(_join(folder, name), segments, depth + 1)
            return
        if not re.search(r"[*?\[{]", first):
            if first not in _NEVER and (self._root / folder / first).is_dir():
                yield from self._expand(_join(folder, first), rest, depth + 1)
            return
        choices = _braces(first)
        for name in self._folders(folder):
            if any(fnmatch.fnmatchcase(name, choice) for choice in choices):
                yield from self._expand(_join(folder, name), rest, depth + 1)

    def _folders(self, folder: str) -> list[str]:
        if self._budget <= 0:
            return []
        try:
            with os.scandir(self._root / folder) as entries:
                names = [e.name for e in entries if e.is_dir(follow_symlinks=False) and e.name not in _NEVER]
        except OSError:
            return []
        kept = sorted(name for name in names if not name.startswith("."))[: self._budget]
        self._budget -= len(kept)
        return kept

    def by_name(self) -> dict[str, Member]:
        """The members by package name; one whose package.json cannot be read is left out."""
        if self._read is None:
            self._read = {}
            room = _MOST_BYTES
            for path in self.paths:
                room -= _size(self._root / path / "package.json")
                if room < 0:
                    break
                try:
                    package = manifest(self._files, self._root / path, largest=LARGEST_MEMBER)
                except BadInputError:
                    continue
                if package is not None and package.name:
                    self._read.setdefault(package.name, Member(path, package))
        return self._read

    def used_by(self, package: Package) -> list[Member]:
        """The members that a package depends on, directly or not, each after those that it needs itself."""
        ordered: dict[str, Member] = {}
        visiting: set[str] = {package.name}

        def visit(user: Package) -> None:
            for name in sorted({*user.dependencies, *user.dev, *user.optional}):
                member = self.by_name().get(name)
                if member is None or name in visiting or len(visiting) > 200:
                    continue
                visiting.add(name)
                visit(member.package)
                ordered[name] = member

        visit(package)
        return list(ordered.values())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _segments(pattern: str) -> list[str]:
    parts = [part for part in pattern.strip().strip("/").split("/") if part not in ("", ".")]
    return [] if ".." in parts or any(len(part) > 200 for part in parts) else parts[:_DEEPEST]


def _braces(segment: str) -> list[str]:
    match = re.fullmatch(r"([^{}]*)\{([^{}]*)\}([^{}]*)", segment)
    return [match[1] + choice + match[3] for choice in match[2].split(",")[:50]] if match else [segment]


def surrounding(root: Path) -> tuple[Path, Package, Members, str] | None:
    """The workspace that a folder is a member of.

    Looked for upwards to the top of the Git work tree, at most six folders, never at the home folder or above.

    Returns:
        Its root, the package.json there, its members and the file that lists them; None when there is none.

    Raises:
        BadInputError: a file on the way cannot be read, or the folder's path cannot stand in a Dockerfile.
    """
    root = Path(os.path.realpath(root))
    home = Path(os.path.realpath(Path.home()))
    folder = root
    for _ in range(_HIGHEST):
        if (folder / ".git").exists() or folder.parent == folder:
            return None
        folder = folder.parent
        if folder == home or folder.parent == folder or home.is_relative_to(folder):
            return None
        if not _is_trusted(folder):
            return None
        files = Files(folder)
        try:
            package = manifest(files, folder)
        except BadInputError:  # somebody's file above the project is not the project's fault
            continue
        if package is None:
            continue
        origin, patterns = globs(files, folder, package)
        path = root.relative_to(folder).as_posix()
        members = Members(files, folder, patterns, needed=path)
        if path in members.paths:
            if not is_plain_path(path):
                raise BadInputError(
                    f"The folder {path} has a sign in its name that cannot stand in a Dockerfile.",
                    "Rename it with letters, digits, '-', '_' and '.' only.",
                )
            return folder, package, members, origin
    return None


def _is_trusted(folder: Path) -> bool:
    """Whether nobody else can have put a package.json there: not in /tmp, say, whose files would become the context."""
    try:
        info = folder.stat()
    except OSError:
        return False
    return info.st_uid in (0, os.getuid()) and not info.st_mode & stat.S_IWOTH


def tool_of(files: Files, root: Path, package: Package) -> tuple[str, str]:
    """The task runner of a workspace (`turborepo`, `nx` or empty) and its file; it must be installed there."""
    if package.has("turbo") and (text := files.text(root / "turbo.json")) is not None:
        settings = json_with_comments(text)
        tasks = {**table(settings.get("pipeline")), **table(settings.get("tasks"))}
        # From version 2 on it refuses to run when packageManager does not say what runs the scripts.
        if "build" in tasks and (package.data.get("packageManager") or "tasks" not in settings):
            return "turborepo", "turbo.json"
    if package.has("nx") and (root / "nx.json").is_file():
        return "nx", "nx.json"
    return "", ""


def describe(root: Path, base: Path, package: Package, members: Members, tool: str) -> Workspace:
    """The workspace as the model has it; members whose path cannot stand in a Dockerfile are left out."""
    path = Path(os.path.realpath(root)).relative_to(base).as_posix()
    return Workspace(
        up="/".join(".." for _ in path.split("/")),
        app=path,
        package=package.plain_name,
        manifests=tuple(f"{member}/package.json" for member in members.paths if is_plain_path(member)),
        tool="turborepo" if tool == "turborepo" else "nx" if tool == "nx" else "",
    )
