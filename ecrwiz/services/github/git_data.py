"""Branches, commits and files of a repository through GitHub's API: nothing is cloned, nothing is pushed by git."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ecrwiz.model.errors import EcrwizError, RemoteError
from ecrwiz.services.github.calls import as_object, fetch, list_of, text
from ecrwiz.services.github.connection import path_to
from ecrwiz.services.github.refusal import not_github

if TYPE_CHECKING:
    from ecrwiz.services.github.connection import Connection

__all__ = ["Commit", "GitData", "NewFile"]

_SHA: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_READ: Final = "Contents: read"
_WRITE: Final = "Contents: write"
_WRITE_ALL: Final = "Contents: write and Workflows: write"


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit: its id, its tree's id, and its message."""

    sha: str
    tree: str
    message: str


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file of a commit: its path from the repository's top, its text, and whether it may be run."""

    path: str
    text: str
    executable: bool = False


class GitData:
    """The branches and files of one repository; every method raises what the connection raises.

    Args:
        api: the connection.
        full_name: `owner/name`.
    """

    def __init__(self, api: Connection, full_name: str) -> None:
        self._api = api
        self._name = full_name
        self._path = path_to(full_name)

    async def head(self, branch: str) -> str | None:
        """The commit that a branch points to; None when there is no such branch.

        Raises:
            EcrwizError: the repository holds no commit at all.
        """
        what = f"read the branch {branch} of {self._name}"
        try:
            body = await fetch(self._api, f"{self._path}/git/ref/heads/{quote(branch)}", what, _READ, also=(404,))
        except RemoteError as error:
            if error.code == "409":
                raise EcrwizError(
                    f"{self._name} is empty on GitHub: there is nothing that a workflow could build.",
                    "Push the application first: git push -u origin HEAD",
                ) from error
            raise
        return None if body is None else _sha(text(body.get("object"), "sha"))

    async def commit(self, sha: str) -> Commit:
        """A commit."""
        what = f"read the commit {sha} of {self._name}"
        body = await fetch(self._api, f"{self._path}/git/commits/{_sha(sha)}", what, _READ) or {}
        return Commit(_sha(text(body, "sha")), _sha(text(body.get("tree"), "sha")), str(body.get("message", "")))

    async def commit_files(self, parent: Commit, files: Sequence[NewFile], message: str) -> Commit:
        """Make a commit with these files on top of another one; no branch points to it yet."""
        tree = parent.tree
        if files:
            what = f"put {len(files)} files into a commit of {self._name}"
            entries = [
                {
                    "path": file.path,
                    "mode": "100755" if file.executable else "100644",
                    "type": "blob",
                    "content": file.text,
                }
                for file in files
            ]
            body = {"base_tree": parent.tree, "tree": entries}
            answer = await self._api.send("POST", f"{self._path}/git/trees", what, _WRITE_ALL, body)
            tree = _sha(text(as_object(answer), "sha"))
        what = f"make a commit in {self._name}"
        body = {"message": message, "tree": tree, "parents": [parent.sha]}
        answer = await self._api.send("POST", f"{self._path}/git/commits", what, _WRITE, body)
        return Commit(_sha(text(as_object(answer), "sha")), tree, message)

    async def create_branch(self, branch: str, sha: str) -> bool:
        """Let a new branch point to a commit; False when there is a branch of that name."""
        what = f"make the branch {branch} in {self._name}"
        body = {"ref": f"refs/heads/{branch}", "sha": _sha(sha)}
        try:
            await self._api.send("POST", f"{self._path}/git/refs", what, _WRITE_ALL, body)
        except RemoteError as error:
            if error.code == "422" and "already exists" in error.message:
                return False
            raise
        return True

    async def delete_branch(self, branch: str) -> bool:
        """Delete a branch; False when there was none."""
        what = f"delete the branch {branch} of {self._name}"
        path = f"{self._path}/git/refs/heads/{quote(branch)}"
        try:
            answer = await self._api.send("DELETE", path, what, _WRITE, also=(404,))
        except RemoteError as error:
            if error.code == "422" and "does not exist" in error.message:
                return False
            raise
        return answer.status_code != 404

    async def file(self, path: str, ref: str) -> str | None:
        """The text of a file at a commit or branch; None when there is none, or it is no text."""
        what = f"read {path} of {self._name}"
        address = f"{self._path}/contents/{quote(path)}?ref={quote(ref, safe='')}"
        body = await fetch(self._api, address, what, _READ, also=(404,))
        if body is None or body.get("type") != "file":
            return None
        content = body.get("content")
        if not isinstance(content, str):
            raise not_github(200)
        try:
            return base64.b64decode(content).decode()
        except (binascii.Error, ValueError):
            return None

    async def names(self, folder: str, ref: str) -> tuple[str, ...]:
        """The names of the files in a folder at a commit or branch; none when there is no such folder."""
        what = f"list {folder} of {self._name}"
        address = f"{self._path}/contents/{quote(folder)}?ref={quote(ref, safe='')}"
        headers = {"Accept": "application/vnd.github.object+json"}  # a folder as an object, and no bare list
        answer = await self._api.send("GET", address, what, _READ, also=(404,), headers=headers)
        body = {} if answer.status_code == 404 else as_object(answer)
        entries = list_of(body, "entries") if body.get("entries") else []
        return tuple(text(entry, "name") for entry in entries if entry.get("type") == "file")


def _sha(value: str) -> str:
    if not _SHA.fullmatch(value):
        raise not_github(200)
    return value
