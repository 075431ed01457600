"""The calls of the GitHub stand-in for branches, commits and files."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from typing import Any, Final

from flask import Flask, Response, request

from ecrwiz.sandbox.github_git import Branches, Commit, branches_of
from ecrwiz.sandbox.github_store import Refusal, Repository, Store

__all__ = ["add_to", "opened"]

_REPO: Final = "/repos/<owner>/<repo>"

Pushed = Callable[[Repository, Branches, str], None]
"""Told of each branch that a call made."""


def add_to(app: Flask, store: Store, description: dict[str, Any], pushed: Pushed) -> None:
    """Add every view to the application.

    Args:
        app: receives the URL rules.
        store: the stand-in's memory.
        description: GitHub's OpenAPI description; its examples are the models for the larger answers.
        pushed: told of new branches.
    """
    views = _Views(store, description["components"]["examples"], pushed)
    for rule, view, methods in (
        ("/git/ref/<path:ref>", views.ref, ["GET"]),
        ("/git/refs", views.make_ref, ["POST"]),
        ("/git/refs/<path:ref>", views.delete_ref, ["DELETE"]),
        ("/git/commits", views.make_commit, ["POST"]),
        ("/git/commits/<commit_sha>", views.commit, ["GET"]),
        ("/git/trees", views.make_tree, ["POST"]),
        ("/contents/<path:path>", views.contents, ["GET"]),
    ):
        app.add_url_rule(_REPO + rule, f"git:{rule}", view, methods=methods)


def opened(store: Store, owner: str, repo: str, *, write: bool = False) -> tuple[Repository, Branches]:
    """A repository and what it holds.

    Raises:
        Refusal: the token may not do that there.
    """
    found = store.repository(owner, repo)
    if write and found.archived:
        raise Refusal(403, "Repository was archived so is read-only.")
    if write and not found.writable:
        raise Refusal(403, "Resource not accessible by personal access token")
    return found, branches_of(found)


class _Views:
    def __init__(self, store: Store, examples: dict[str, Any], pushed: Pushed) -> None:
        self._store = store
        self._examples = examples
        self._pushed = pushed

    def ref(self, owner: str, repo: str, ref: str) -> Response:
        _, branches = opened(self._store, owner, repo)
        if not branches.heads:
            raise Refusal(409, "Git Repository is empty.")
        sha = branches.heads.get(ref.removeprefix("heads/"))
        if sha is None or not ref.startswith("heads/"):
            raise Refusal(404, "Not Found")
        return _json(self._ref(ref, sha))

    def make_ref(self, owner: str, repo: str) -> Response:
        found, branches = opened(self._store, owner, repo, write=True)
        body = _body()
        branch = branches.make_ref(body["ref"], body["sha"])
        self._pushed(found, branches, branch)
        return _json(self._ref(f"heads/{branch}", body["sha"]), 201)

    def delete_ref(self, owner: str, repo: str, ref: str) -> Response:
        _, branches = opened(self._store, owner, repo, write=True)
        branches.delete_ref(ref)
        return Response(status=204)

    def make_commit(self, owner: str, repo: str) -> Response:
        _, branches = opened(self._store, owner, repo, write=True)
        body = _body()
        return _json(self._commit(branches.commit(body["tree"], body["message"], body.get("parents"))), 201)

    def commit(self, owner: str, repo: str, commit_sha: str) -> Response:
        _, branches = opened(self._store, owner, repo)
        if commit_sha not in branches.commits:
            raise Refusal(404, "Not Found")
        return _json(self._commit(branches.commits[commit_sha]))

    def make_tree(self, owner: str, repo: str) -> Response:
        _, branches = opened(self._store, owner, repo, write=True)
        body = _body()
        sha = branches.tree(body.get("base_tree"), body["tree"])
        url = f"https://api.github.com/repos/{owner}/{repo}/git"
        tree = [
            {"path": path, "mode": file.mode, "type": "blob", "size": len(file.text.encode()), "sha": file.sha,
             "url": f"{url}/blobs/{file.sha}"}
            for path, file in sorted(branches.trees[sha].items())
        ]  # fmt: skip
        return _json({"sha": sha, "url": f"{url}/trees/{sha}", "tree": tree, "truncated": False}, 201)

    def contents(self, owner: str, repo: str, path: str) -> Response:
        found, branches = opened(self._store, owner, repo)
        ref = request.args.get("ref", found.default_branch)
        commit = branches.commits.get(ref) or branches.head(ref)
        file = branches.files(commit).get(path) if commit else None
        if file is None:
            return self._folder(branches, commit, path)
        body = self._example("content-file-response-if-content-is-a-file")
        content = base64.encodebytes(file.text.encode()).decode()
        name, size = path.rpartition("/")[2], len(file.text.encode())
        return _json({**body, "path": path, "name": name, "size": size, "sha": file.sha, "content": content})

    def _folder(self, branches: Branches, commit: Commit | None, path: str) -> Response:
        everything = branches.files(commit) if commit else {}
        inside = {name: file for name, file in everything.items() if name.rpartition("/")[0] == path}
        if not inside:
            raise Refusal(404, "Not Found")
        if "github.object" not in request.headers.get("Accept", ""):
            raise Refusal(501, "This stand-in gives folders as objects alone: GitHub does not describe its bare list.")
        model = self._example("content-file-response-if-content-is-a-directory-object")
        entry = model["entries"][0]
        entries = [
            {**entry, "path": name, "name": name.rpartition("/")[2], "sha": file.sha, "size": len(file.text)}
            for name, file in inside.items()
        ]
        body = {**model, "path": path, "name": path.rpartition("/")[2], "entries": entries}
        return Response(json.dumps(body), content_type="application/vnd.github.object")

    def _ref(self, ref: str, sha: str) -> dict[str, Any]:
        body = self._example("git-ref")
        return {**body, "ref": f"refs/{ref}", "object": {**body["object"], "type": "commit", "sha": sha}}

    def _commit(self, commit: Commit) -> dict[str, Any]:
        body = self._example("git-commit")
        parent = dict(body["parents"][0])
        return {
            **body,
            "sha": commit.sha,
            "message": commit.message,
            "tree": {**body["tree"], "sha": commit.tree},
            "parents": [{**parent, "sha": sha} for sha in commit.parents],
        }

    def _example(self, name: str) -> Any:  # noqa: ANN401  # an object, or a list of them
        return copy.deepcopy(self._examples[name]["value"])


def _body() -> dict[str, Any]:
    body: dict[str, Any] = request.get_json(force=True, silent=True) or {}
    return body


def _json(body: object, status: int = 200) -> Response:
    return Response(json.dumps(body), status, content_type="application/json; charset=utf-8")
