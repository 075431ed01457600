"""Runs of workflows: found, followed, read and cancelled."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from ecrwiz.model.errors import MissingToolError, RemoteError
from ecrwiz.model.redact import plain
from ecrwiz.services.github.calls import as_object, fetch, list_of, number, text
from ecrwiz.services.github.connection import path_to
from ecrwiz.services.github.refusal import not_github

if TYPE_CHECKING:
    from ecrwiz.services.github.connection import Connection

__all__ = ["ActionsRuns", "Job", "JobStep", "Run"]

_READ: Final = "Actions: read"
_WRITE: Final = "Actions: write"
_MOST_LOG: Final = 64 * 1024 * 1024  # bytes of a job's log that are looked at
_KEPT_LOG: Final = 400  # lines of its end that are kept
_LONGEST_LINE: Final = 4096
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_STAMP: Final = re.compile(r"^\ufeff?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z ")


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a workflow.

    Attributes:
        id: GitHub's number.
        url: where a person sees it.
        path: of the workflow's file, from the repository's top.
        event: what started it.
        status: `queued`, `in_progress`, `waiting`, `completed`, ...
        conclusion: `success`, `failure`, `cancelled`, ...; empty while it runs.
    """

    id: int
    url: str
    path: str
    event: str
    status: str
    conclusion: str

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.status == "completed"


@dataclass(frozen=True, slots=True)
class JobStep:
    """A step of a job; `seconds` is how long it took, None while it runs."""

    number: int
    name: str
    status: str
    conclusion: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Job:
    """A job of a run."""

    id: int
    name: str
    status: str
    conclusion: str
    steps: tuple[JobStep, ...]


class ActionsRuns:
    """The runs of one repository; every method raises what the connection raises.

    Args:
        api: the connection.
        full_name: `owner/name`.
    """

    def __init__(self, api: Connection, full_name: str) -> None:
        self._api = api
        self._name = full_name
        self._path = f"{path_to(full_name)}/actions"
        self._etags: dict[str, tuple[str, dict[str, Any]]] = {}

    async def of_commit(self, sha: str) -> tuple[Run, ...]:
        """The runs that a commit started, the newest first."""
        path = f"{self._path}/runs?head_sha={quote(sha)}&per_page=30"
        body = await self._newest(path, f"list the workflow runs of {self._name}")
        return tuple(_run(item) for item in list_of(body, "workflow_runs"))

    async def run(self, run: int) -> Run:
        """One run as it is now."""
        return _run(await self._newest(f"{self._path}/runs/{run}", f"see the workflow run {run} of {self._name}"))

    async def jobs(self, run: int) -> tuple[Job, ...]:
        """The jobs of a run as they are now."""
        path = f"{self._path}/runs/{run}/jobs?per_page=100"
        body = await self._newest(path, f"see the jobs of the workflow run {run} of {self._name}")
        return tuple(_job(item) for item in list_of(body, "jobs"))

    async def cancel(self, run: int) -> bool:
        """Have a run stopped; False when it has ended already."""
        what = f"cancel the workflow run {run} of {self._name}"
        answer = await self._api.send("POST", f"{self._path}/runs/{run}/cancel", what, _WRITE, also=(409,))
        return answer.status_code != 409

    async def has_workflow(self, file: str) -> bool:
        """Whether the default branch has a workflow in this file, and it is not switched off.

        Args:
            file: the file's name alone.
        """
        path, what = f"{self._path}/workflows/{quote(file)}", f"see the workflow {file} of {self._name}"
        body = await fetch(self._api, path, what, _READ, also=(404,))
        return body is not None and body.get("state") == "active"

    async def dispatch(self, file: str, ref: str) -> bool:
        """Start a workflow by hand on a branch; False when its file there has no `workflow_dispatch`."""
        what = f"start the workflow {file} of {self._name}"
        path = f"{self._path}/workflows/{quote(file)}/dispatches"
        answer = await self._api.send("POST", path, what, _WRITE, {"ref": ref}, also=(422,))
        return answer.status_code != 422

    async def log_tail(self, job: int) -> tuple[str, ...]:
        """The end of a job's log, without the times; empty when GitHub has none (any more).

        GitHub answers with a link to another host, which gets no token.
        """
        what = f"read the log of job {job} of {self._name}"
        answer = await self._api.send("GET", f"{self._path}/jobs/{job}/logs", what, _READ, also=(302, 404, 410))
        if answer.status_code in (404, 410):
            return ()
        if answer.status_code != 302:
            return _lines(answer.text.splitlines())
        return await _read_log(answer.headers.get("location", ""))

    async def _newest(self, path: str, what: str) -> dict[str, Any]:
        """Ask with what is known already, which does not count against the token's quota when nothing is new."""
        etag, known = self._etags.get(path, ("", {}))
        headers = {"If-None-Match": etag} if etag else None
        answer = await self._api.send("GET", path, what, _READ, also=(304,), headers=headers)
        if answer.status_code == 304:
            return known
        body = as_object(answer)
        self._etags[path] = answer.headers.get("etag", ""), body
        return body


async def _read_log(url: str) -> tuple[str, ...]:
    """The last lines of a log at a signed address, which is used once and shown nowhere."""
    import httpx

    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise not_github(302)
    last: deque[str] = deque(maxlen=_KEPT_LOG)
    seen = 0
    mounts = {f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")}
    try:
        async with (
            httpx.AsyncClient(timeout=30, mounts=mounts) as client,
            client.stream("GET", url, follow_redirects=False) as answer,
        ):
            if not answer.is_success:
                raise RemoteError(
                    f"GitHub's store of logs did not give this one (status {answer.status_code}).",
                    "See the run on GitHub.",
                    code=str(answer.status_code),
                )
            async for chunk in _chunks(answer):
                last.extend(_lines(chunk))
                seen += sum(map(len, chunk))
                if seen > _MOST_LOG:
                    break
    except httpx.HTTPError as error:
        raise MissingToolError(
            f"GitHub's store of logs cannot be reached ({type(error).__name__}).", "See the run on GitHub."
        ) from None
    return tuple(last)


async def _chunks(answer: Any) -> Any:  # noqa: ANN401  # httpx is imported where it is used
    """Lines of a stream, a list at a time; one without an end is cut."""
    rest = ""
    async for piece in answer.aiter_text():
        found = (rest + piece).split("\n")
        rest = found.pop()[-_LONGEST_LINE:]
        yield found
    yield [rest]


def _lines(lines: list[str]) -> tuple[str, ...]:
    return tuple(plain(_STAMP.sub("", line[:_LONGEST_LINE])).rstrip() for line in lines)


def _run(body: Mapping[str, Any]) -> Run:
    url = text(body, "html_url")
    path = str(body.get("path") or "").partition("@")[0]
    return Run(
        number(body, "id"), plain(url)[:500], plain(path)[:300], plain(str(body.get("event")))[:50],
        text(body, "status")[:50], str(body.get("conclusion") or "")[:50],
    )  # fmt: skip


def _job(body: Mapping[str, Any]) -> Job:
    steps = list_of(body, "steps") if body.get("steps") else []
    return Job(
        number(body, "id"), plain(text(body, "name"))[:200], text(body, "status")[:50],
        str(body.get("conclusion") or "")[:50], tuple(_step(item) for item in steps[:1000]),
    )  # fmt: skip


def _step(body: Mapping[str, Any]) -> JobStep:
    began, ended = _time(body.get("started_at")), _time(body.get("completed_at"))
    seconds = (ended - began).total_seconds() if began and ended else None
    return JobStep(
        number(body, "number"), plain(text(body, "name"))[:200], text(body, "status")[:50],
        str(body.get("conclusion") or "")[:50], seconds,
    )  # fmt: skip


def _time(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value).astimezone(UTC) if isinstance(value, str) else None
    except ValueError:
        return None
