"""The calls of the GitHub stand-in for workflow runs, and what a push starts."""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from weakref import WeakKeyDictionary

from flask import Flask, Response, request

from ecrwiz.sandbox import github_git_views
from ecrwiz.sandbox.github_git import Branches, Commit, branches_of
from ecrwiz.sandbox.github_runner import Cloud, Plan, RunRecord, StepRecord, perform, read_workflow
from ecrwiz.sandbox.github_store import Refusal, Repository, Store

__all__ = ["LOGS_PATH", "add_to"]

LOGS_PATH: Final = "/_logs/"
_REPO: Final = "/repos/<owner>/<repo>"
_WORKFLOWS: Final = ".github/workflows/"


def add_to(app: Flask, store: Store, description: dict[str, Any], admin: str, cloud: Cloud | None) -> None:
    """Add every view to the application.

    Args:
        app: receives the URL rules.
        store: the stand-in's memory.
        description: GitHub's OpenAPI description; its examples are the models for the larger answers.
        admin: the start of the paths that the admin token opens.
        cloud: where workflows reach AWS; None when they only pretend.
    """
    views = _Views(store, description["components"]["examples"], cloud)
    github_git_views.add_to(app, store, description, views.pushed)
    for rule, view, methods in (
        ("/actions/runs", views.runs, ["GET"]),
        ("/actions/runs/<int:run_id>", views.run, ["GET"]),
        ("/actions/runs/<int:run_id>/jobs", views.jobs, ["GET"]),
        ("/actions/runs/<int:run_id>/cancel", views.cancel, ["POST"]),
        ("/actions/jobs/<int:job_id>/logs", views.logs, ["GET"]),
        ("/actions/workflows/<workflow_id>", views.workflow, ["GET"]),
        ("/actions/workflows/<workflow_id>/dispatches", views.dispatch, ["POST"]),
    ):
        app.add_url_rule(_REPO + rule, f"actions:{rule}", view, methods=methods)
    app.add_url_rule("/orgs/<org>/actions/oidc/customization/sub", "actions:org", views.organisation_template)
    app.add_url_rule(f"{LOGS_PATH}<int:job_id>", "actions:log", views.log)
    app.add_url_rule(f"{admin}git/<owner>/<repo>", "actions:admin", views.configure, methods=["GET", "PUT"])


class _Forge:
    """The runs of one repository."""

    def __init__(self) -> None:
        self.runs: dict[int, RunRecord] = {}
        self.plan = Plan()


class _Views:
    def __init__(self, store: Store, examples: dict[str, Any], cloud: Cloud | None) -> None:
        self._store = store
        self._examples = examples
        self._cloud = cloud
        self._forges: WeakKeyDictionary[Repository, _Forge] = WeakKeyDictionary()
        self._numbers = itertools.count(1001)
        self._logs: dict[int, RunRecord] = {}

    def configure(self, owner: str, repo: str) -> Response:
        """For tests: what lies on the default branch, and what goes otherwise; and what was done."""
        found = self._store.repository(owner, repo)
        branches, forge = branches_of(found), self._forge(found)
        if request.method == "PUT":
            body = request.get_json(force=True)
            if "files" in body:
                branches.set_files(found.default_branch, body["files"])
            if body.get("empty"):
                branches.heads.clear()
            branches.denied = body.get("denied", branches.denied)
            for name, value in body.get("plan", {}).items():
                setattr(forge.plan, name, value)
        heads = {
            branch: {path: [file.mode, file.text] for path, file in branches.files(branches.commits[sha]).items()}
            for branch, sha in branches.heads.items()
        }
        runs = [{"id": run.id, "branch": run.branch, "event": run.event, "conclusion": run.conclusion} for run in
                forge.runs.values()]  # fmt: skip
        return _json({"branches": heads, "heads": branches.heads, "runs": runs})

    def runs(self, owner: str, repo: str) -> Response:
        found, _ = github_git_views.opened(self._store, owner, repo)
        runs = [run for run in self._forge(found).runs.values() if request.args.get("head_sha") in (None, run.sha)]
        body = [self._run(found, run) for run in reversed(runs)]
        return _tagged({"total_count": len(body), "workflow_runs": body[:30]})

    def run(self, owner: str, repo: str, run_id: int) -> Response:
        found, _ = github_git_views.opened(self._store, owner, repo)
        return _tagged(self._run(found, self._one(found, run_id)))

    def jobs(self, owner: str, repo: str, run_id: int) -> Response:
        found, _ = github_git_views.opened(self._store, owner, repo)
        run = self._one(found, run_id)
        return _tagged({"total_count": 1, "jobs": [self._job(run)]})

    def cancel(self, owner: str, repo: str, run_id: int) -> Response:
        found, _ = github_git_views.opened(self._store, owner, repo, write=True)
        run = self._one(found, run_id)
        if run.status == "completed":
            raise Refusal(409, "Cannot cancel a workflow run that is completed.")
        run.cancelled.set()
        return _json({}, 202)

    def logs(self, owner: str, repo: str, job_id: int) -> Response:
        found, _ = github_git_views.opened(self._store, owner, repo)
        run = self._one(found, job_id - 1)
        # Another host, as GitHub does it: whoever follows must not send the token there.
        place = f"http://localhost:{request.host.rpartition(':')[2]}{LOGS_PATH}{run.id}"
        return Response(status=302, headers={"Location": place})

    def log(self, job_id: int) -> Response:
        if "Authorization" in request.headers:
            return Response("a token was sent to the store of logs", 400)
        run = self._logs[job_id]
        return Response("\ufeff" + "\n".join(run.log) + "\n", content_type="text/plain; charset=utf-8")

    def workflow(self, owner: str, repo: str, workflow_id: str) -> Response:
        found, branches = github_git_views.opened(self._store, owner, repo)
        path = f"{_WORKFLOWS}{workflow_id}"
        self._text(branches, branches.head(found.default_branch), path)
        body = self._example("workflow")
        return _json({**body, "path": path, "name": workflow_id, "state": "active"})

    def dispatch(self, owner: str, repo: str, workflow_id: str) -> Response:
        found, branches = github_git_views.opened(self._store, owner, repo, write=True)
        path, branch = f"{_WORKFLOWS}{workflow_id}", _body()["ref"].removeprefix("refs/heads/")
        self._text(branches, branches.head(found.default_branch), path)
        commit = branches.head(branch)
        if commit is None:
            raise Refusal(422, f"No ref found for: {branch}")
        workflow = read_workflow(self._text(branches, commit, path))
        if "workflow_dispatch" not in workflow["on"]:
            raise Refusal(422, "Workflow does not have 'workflow_dispatch' trigger")
        self._start(found, workflow, path, "workflow_dispatch", branch, commit)
        return Response(status=204)

    def organisation_template(self, org: str) -> Response:
        raise Refusal(404, f"Not Found: {org} has no template of its own here")

    def pushed(self, found: Repository, branches: Branches, branch: str) -> None:
        """Start what a push to a branch starts."""
        off = found.modes & {"actions-disabled", "actions-disabled-by-organisation"}
        if off or not self._forge(found).plan.starts:
            return
        commit = branches.commits[branches.heads[branch]]
        if re.search(r"\[(skip ci|ci skip|no ci|skip actions|actions skip)\]", commit.message):
            return
        for path, file in branches.files(commit).items():
            if path.startswith(_WORKFLOWS) and path.endswith((".yml", ".yaml")):
                workflow = read_workflow(file.text)
                if _wants(workflow["on"], branch, branches.changed(commit)):
                    self._start(found, workflow, path, "push", branch, commit)

    def _start(
        self, found: Repository, workflow: Mapping[str, Any], path: str, event: str, branch: str, commit: Commit
    ) -> None:
        body = next(iter(workflow["jobs"].values()))
        names = ["Set up job", *(str(step.get("name", step.get("uses", ""))) for step in body["steps"]), "Complete job"]
        steps = [StepRecord(number, name) for number, name in enumerate(names, 1)]
        title = str(workflow.get("name", path))
        run = RunRecord(
            next(self._numbers) * 10, path, title, str(body.get("name", "job")), event, branch, commit.sha, steps,
            _stamp(),
        )  # fmt: skip
        forge = self._forge(found)
        forge.runs[run.id] = self._logs[run.id] = run
        arguments = (found, run, workflow, forge.plan, self._cloud)
        threading.Thread(target=perform, args=arguments, daemon=True, name=f"run {run.id}").start()

    def _text(self, branches: Branches, commit: Commit | None, path: str) -> str:
        file = branches.files(commit).get(path) if commit else None
        if file is None:
            raise Refusal(404, "Not Found")
        return file.text

    def _forge(self, found: Repository) -> _Forge:
        return self._forges.setdefault(found, _Forge())

    def _one(self, found: Repository, run_id: int) -> RunRecord:
        try:
            return self._forge(found).runs[run_id]
        except KeyError:
            raise Refusal(404, "Not Found") from None

    def _run(self, found: Repository, run: RunRecord) -> dict[str, Any]:
        body = self._example("workflow-run")
        return {
            **body,
            "id": run.id,
            "name": run.name,
            "path": run.path,
            "event": run.event,
            "head_branch": run.branch,
            "head_sha": run.sha,
            "status": run.status,
            "conclusion": run.conclusion,
            "created_at": run.created,
            "html_url": f"https://github.com/{found.full_name}/actions/runs/{run.id}",
        }

    def _job(self, run: RunRecord) -> dict[str, Any]:
        body = self._example("job-paginated")["jobs"][0]
        steps = [
            {"number": step.number, "name": step.name, "status": step.status, "conclusion": step.conclusion,
             "started_at": step.started, "completed_at": step.completed}
            for step in list(run.steps)
        ]  # fmt: skip
        status = "in_progress" if run.status not in ("completed", "queued", "waiting") else run.status
        return {
            **body,
            "id": run.id + 1,
            "run_id": run.id,
            "name": run.job,
            "head_sha": run.sha,
            "status": status,
            "conclusion": run.conclusion,
            "created_at": run.created,
            "started_at": run.created,
            "completed_at": _stamp() if run.conclusion else None,
            "steps": steps,
            "workflow_name": run.name,
            "head_branch": run.branch,
        }

    def _example(self, name: str) -> dict[str, Any]:
        example: dict[str, Any] = copy.deepcopy(self._examples[name]["value"])
        return example


def _wants(on: object, branch: str, changed: set[str]) -> bool:
    """Whether a push to a branch starts a workflow."""
    if not isinstance(on, dict):
        return on == "push" or (isinstance(on, list) and "push" in on)
    if "push" not in on:
        return False
    push = on["push"] or {}
    branches, paths = push.get("branches", ["**"]), push.get("paths")
    named = any(re.fullmatch(_pattern(pattern), branch) for pattern in branches)
    touched = paths is None or any(re.fullmatch(_pattern(pattern), path) for pattern in paths for path in changed)
    return named and touched


def _pattern(pattern: str) -> str:
    """GitHub's filter pattern as a regular expression."""
    parts = re.findall(r"\\.|\*\*|\*|\?|[^\\*?]+", pattern)
    signs = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(signs.get(part) or re.escape(part.removeprefix("\\")) for part in parts)


def _body() -> dict[str, Any]:
    body: dict[str, Any] = request.get_json(force=True, silent=True) or {}
    return body


def _tagged(body: object) -> Response:
    """An answer with an ETag; nothing but its head when the client has it already."""
    text = json.dumps(body)
    etag = f'"{hashlib.sha256(text.encode()).hexdigest()}"'
    if request.headers.get("If-None-Match") == etag:
        return Response(status=304, headers={"ETag": etag})
    return Response(text, 200, {"ETag": etag}, content_type="application/json; charset=utf-8")


def _json(body: object, status: int = 200) -> Response:
    return Response(json.dumps(body), status, content_type="application/json; charset=utf-8")


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
