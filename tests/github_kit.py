"""GitHub's stand-in alone, and a project whose key is made and waits to be exported to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from werkzeug.serving import make_server

from ecrwiz.flow.context import Approvals, Context
from ecrwiz.flow.events import CommandShown, Event, Output, Question, Reply, Status, StepId
from ecrwiz.flow.journal import Record, as_json
from ecrwiz.flow.project import Project, open_project
from ecrwiz.flow.steps import github
from ecrwiz.model.results import CredentialsResult, GithubResult, ProvisionResult
from ecrwiz.sandbox.github import ADMIN_HEADER, create_app

__all__ = ["ACCESS_KEY", "MADE", "ROLE", "SECRET", "Hub", "Ran", "export", "open_ready", "running_hub"]

TOKEN = "ghp_theTokenOfTheStandIn0123456789abcdef"
ADMIN = "admin"
ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ROLE = "arn:aws:iam::123456789012:role/ci-blog-dev-server-role"
MADE = ProvisionResult(
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
    "web/blog/app",
    "eu-west-1",
    ACCESS_KEY,
    "encrypted",
    "ci-blog-dev-server-user",
    "123456789012",
)
KEPT = CredentialsResult(ACCESS_KEY, "arn:aws:iam::123456789012:user/ci", "123456789012", "a keyring", "entry")


class Hub:
    """The stand-in, as its owner sees it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.token = TOKEN
        self._client = httpx.Client(base_url=url, trust_env=False, headers={ADMIN_HEADER: ADMIN}, verify=False)

    def set(self, repository: str, *modes: str, **settings: Any) -> None:
        """Say what goes wrong, and other facts of a repository."""
        body = {"modes": list(modes), **settings}
        self._client.put(f"/_sandbox/repositories/{repository}", json=body).raise_for_status()

    def reset(self) -> None:
        """As if it had just been started."""
        self._client.delete("/_sandbox/repositories").raise_for_status()

    def opened(self, repository: str) -> dict[str, Any]:
        """What the repository holds, in clear."""
        held: dict[str, Any] = self.everything()[repository]
        return held

    def everything(self) -> dict[str, Any]:
        """What all repositories hold that were ever asked for."""
        held: dict[str, Any] = self._client.get("/_sandbox/opened").raise_for_status().json()
        return held

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """Somebody else's call, with the token."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return self._client.request(method, path, json=body, headers=headers)

    def variable(self, repository: str, name: str, value: str, environment: str = "") -> None:
        """Somebody else sets a variable."""
        place = f"/environments/{environment}" if environment else "/actions"
        changed = self.call("PATCH", f"/repos/{repository}{place}/variables/{name}", {"name": name, "value": value})
        if changed.status_code == 404:
            body = {"name": name, "value": value}
            self.call("POST", f"/repos/{repository}{place}/variables", body).raise_for_status()


@contextmanager
def running_hub(certificate: tuple[Path, Path] | None = None) -> Iterator[Hub]:
    """The stand-in on a free port of this machine; over TLS with a certificate and its key."""
    files = (str(certificate[0]), str(certificate[1])) if certificate else None
    server = make_server("127.0.0.1", 0, create_app(TOKEN, ADMIN), threaded=True, ssl_context=files)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Hub(f"http{'s' if files else ''}://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join(10)


async def open_ready(root: Path, hub: Hub, **answers: str) -> Project:
    """A project that was provisioned and has its secret, and whose repository on GitHub is named."""
    environ = {"GITHUB_API_URL": hub.url, "GH_TOKEN": hub.token}
    flags = {"region": "eu-west-1", "env": "dev", "app": "app", "project_id": "blog", **answers}
    project = await open_project(root, flags, environ)
    note_done(project, StepId.PROVISION, MADE)
    note_done(project, StepId.CREDENTIALS, KEPT)
    return project


def note_done(project: Project, step: StepId, result: Any) -> None:
    """Note a step as done, with its true inputs left out."""
    project.journal.end(step, Record(Status.OK, "r1", 1.0, outputs=as_json(result)))


@dataclass
class Ran:
    """What the step told and asked, and what came of it."""

    result: GithubResult | None = None
    events: list[Event] = field(default_factory=list)
    asked: list[Question] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All that was shown."""
        lines = [line for event in self.events if isinstance(event, Output) for line in event.lines]
        lines += [event.text for event in self.events if isinstance(event, CommandShown)]
        return "\n".join(lines)


async def export(project: Project, *replies: Reply, ran: Ran | None = None, **approvals: Any) -> Ran:
    """Run the step as the engine does; without replies nobody can be asked."""
    ran = ran or Ran()
    left = list(replies)

    async def ask(question: Question) -> Reply:
        ran.asked.append(question)
        return left.pop(0) if left else None

    before = project.journal.get(StepId.GITHUB)
    context = Context(project, StepId.GITHUB, Approvals(**approvals), ran.events.append, ask, before=before)
    project.journal.begin(StepId.GITHUB, "r2", 2.0)
    done = await github.STEP.run(context)
    if isinstance(done, GithubResult):
        ran.result = done
        note_done(project, StepId.GITHUB, done)
    return ran
