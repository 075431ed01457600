"""Commits, trees and branches of a repository of the GitHub stand-in, as its Git data API shows them."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from weakref import WeakKeyDictionary

from ecrwiz.sandbox.github_store import Refusal, Repository

__all__ = ["Branches", "Commit", "File", "branches_of"]

_REF: Final = re.compile(r"(?!.*(\.\.|//|@\{|\.lock$|[ ~^:?*\[\\]))heads/[!-~]{1,200}")
_MODES: Final = ("100644", "100755")


@dataclass(frozen=True)
class File:
    """A file in a tree."""

    text: str
    mode: str = "100644"

    @property
    def sha(self) -> str:
        """Git's id of its content."""
        content = self.text.encode()
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


Tree = Mapping[str, File]


@dataclass(frozen=True)
class Commit:
    """A commit; `tree` is a tree's id."""

    sha: str
    tree: str
    message: str
    parents: tuple[str, ...]
    date: str


@dataclass
class Branches:
    """What a repository holds; a new one has a default branch with a README.

    Attributes:
        commits: by id.
        trees: by id, flat.
        heads: commit ids by branch.
        denied: the start of branch names that a rule of the repository forbids to make; empty for none.
    """

    commits: dict[str, Commit] = field(default_factory=dict)
    trees: dict[str, Tree] = field(default_factory=dict)
    heads: dict[str, str] = field(default_factory=dict)
    denied: str = ""
    _numbers: Any = field(default_factory=itertools.count)

    def head(self, branch: str) -> Commit | None:
        """The commit that a branch points to."""
        return self.commits.get(self.heads.get(branch, ""))

    def files(self, commit: Commit) -> Tree:
        """The files of a commit, by path."""
        return self.trees[commit.tree]

    def changed(self, commit: Commit) -> set[str]:
        """The paths that a commit changed."""
        after = self.files(commit)
        before: Tree = self.files(self.commits[commit.parents[0]]) if commit.parents else {}
        return {path for path in {*before, *after} if before.get(path) != after.get(path)}

    def set_files(self, branch: str, files: Mapping[str, str]) -> Commit:
        """Commit exactly these files on a branch, as if somebody had pushed them."""
        head = self.head(branch)
        tree = self._keep({path: File(text) for path, text in files.items()})
        commit = self.commit(tree, "Push", [head.sha] if head else [])
        self.heads[branch] = commit.sha
        return commit

    def tree(self, base: str | None, entries: Iterable[Mapping[str, Any]]) -> str:
        """Make a tree of another one and these entries, and give its id.

        Raises:
            Refusal: no such tree, or an entry that is no text file with a plain path.
        """
        if base is not None and base not in self.trees:
            raise Refusal(404, "Not Found")
        files = dict(self.trees[base]) if base else {}
        for entry in entries:
            path = entry.get("path", "")
            if not path or path.startswith("/") or {"", ".", "..", ".git"} & set(path.split("/")):
                raise Refusal(422, "tree.path contains a malformed path component")
            if entry.get("mode") not in _MODES or entry.get("type") != "blob" or "content" not in entry:
                raise Refusal(422, "Must supply a valid tree.mode")
            files[path] = File(entry["content"], entry["mode"])
        return self._keep(files)

    def commit(self, tree: str, message: str, parents: Iterable[str] | None) -> Commit:
        """Make a commit that no branch points to.

        Raises:
            Refusal: no such tree or parent.
        """
        parents = tuple(parents or ())
        if tree not in self.trees or not all(parent in self.commits for parent in parents):
            raise Refusal(422, "Tree SHA does not exist")
        date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        sha = _digest([tree, message, parents, date, next(self._numbers)])
        self.commits[sha] = Commit(sha, tree, message, parents, date)
        return self.commits[sha]

    def make_ref(self, ref: str, sha: str) -> str:
        """Let a new branch point to a commit, and give its name.

        Raises:
            Refusal: GitHub's for a bad name, a missing commit, a branch that is there, or a rule against it.
        """
        if not ref.startswith("refs/") or not _REF.fullmatch(ref.removeprefix("refs/")):
            raise Refusal(422, "Reference name is not a valid ref name")
        branch = ref.removeprefix("refs/heads/")
        if sha not in self.commits:
            raise Refusal(422, "Object does not exist")
        if branch in self.heads:
            raise Refusal(422, "Reference already exists")
        if self.denied and branch.startswith(self.denied):
            raise Refusal(
                422, "Repository rule violations found\n\nCannot create ref due to creations being restricted."
            )
        self.heads[branch] = sha
        return branch

    def delete_ref(self, ref: str) -> None:
        """Delete a branch.

        Raises:
            Refusal: there is none.
        """
        if self.heads.pop(ref.removeprefix("heads/"), None) is None:
            raise Refusal(422, "Reference does not exist")

    def _keep(self, files: Tree) -> str:
        sha = _digest(sorted((path, file.mode, file.text) for path, file in files.items()))
        self.trees[sha] = dict(files)
        return sha


_KNOWN: WeakKeyDictionary[Repository, Branches] = WeakKeyDictionary()


def branches_of(repository: Repository) -> Branches:
    """What a repository holds."""
    if repository not in _KNOWN:
        _KNOWN[repository] = made = Branches()
        made.set_files(repository.default_branch, {"README.md": f"# {repository.name}\n"})
    return _KNOWN[repository]


def _digest(value: object) -> str:
    return hashlib.sha1(json.dumps(value).encode(), usedforsecurity=False).hexdigest()
