"""GitLab's REST API, as far as a project's CI/CD variables need it.

Sources: docs.gitlab.com/api/project_level_variables, docs.gitlab.com/ci/variables (what can be masked and hidden),
docs.gitlab.com/api/rest (paths of projects, pagination, status codes).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote, urlsplit

from ecrwiz import __version__
from ecrwiz.model.errors import BadInputError, EcrwizError, MissingToolError, RemoteError, ToolFailedError
from ecrwiz.model.redact import Redactor, Secret, plain
from ecrwiz.services import process

if TYPE_CHECKING:
    import httpx

__all__ = ["GitLab", "Project", "Variable", "check_path", "glab_token", "parse_remote"]

_SECONDS: Final = 15.0
_LARGEST: Final = 2_000_000  # bytes of an answer that are read
_PAGES: Final = 50
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_PATH: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)+")
_URL: Final = re.compile(
    r"(?:https?|ssh|git)://(?:[^/@\s]*@)?(?P<host>[A-Za-z0-9.-]+)(?P<port>:\d{1,5})?/(?P<path>[^?#\s]+)", re.IGNORECASE
)
_LIKE_SCP: Final = re.compile(r"(?:[^/@:\s]+@)?(?P<host>[A-Za-z0-9.-]{2,}):(?!//)/?(?P<path>[^\s:]+)")


@dataclass(frozen=True, slots=True)
class Project:
    """A project as the token sees it.

    Attributes:
        path: `group/subgroup/name` as GitLab spells it today.
        url: its page; empty when GitLab names none on the same host.
        archived: read-only.
    """

    path: str
    url: str
    archived: bool


@dataclass(frozen=True, slots=True)
class Variable:
    """A CI/CD variable.

    Attributes:
        key: its name.
        scope: the environments that get it; `*` for all.
        value: None when GitLab hides it for good.
        masked: job logs do not show it.
        hidden: nobody sees it any more, in the settings neither.
        protected: only jobs on protected branches and tags get it.
    """

    key: str
    scope: str
    value: str | None
    masked: bool
    hidden: bool
    protected: bool


_DID_NOT: Final = ("GitLab did not {what} ({status}): {said}.", "")
# By status: what it means, and what to do.
_REFUSED: Final[Mapping[int, tuple[str, str]]] = {
    300: (
        "GitLab at {url} sends the request elsewhere ({status}), where the token does not go.",
        "The project may have moved, or the address is not GitLab's own: name both with --to and --url.",
    ),
    401: (
        "GitLab at {url} does not accept the token (401): it is mistyped, expired or revoked.",
        "Make one with the scope `{scope}`, and set GITLAB_TOKEN.",
    ),
    403: (
        "GitLab refused to {what} (403): the token lacks the scope `{scope}`, or its owner is no Maintainer there.",
        "Take a token of a Maintainer with the scope `api`.",
    ),
    404: (
        "GitLab cannot {what} (404): there is no such thing at {url}, or the token may not see it.",
        "Check the project's path and GitLab's address; --to and --url name them.",
    ),
    429: ("GitLab has had too many requests and refused to {what} (429).", "Try again in a minute."),
    500: ("GitLab failed to {what} ({status}): {said}.", "Try again in a while."),
}


def check_path(path: str) -> str:
    """Give a project's path back.

    Raises:
        BadInputError: it is none.
    """
    if len(path) > 1000 or not _PATH.fullmatch(path):
        raise BadInputError(
            f"{plain(path)[:200]!r} is no project of GitLab.",
            "It looks like `group/project`, or `group/subgroup/project`.",
        )
    return path


def parse_remote(url: str) -> tuple[str, str] | None:
    """The host and the project's path of a git remote's URL; None when it cannot be GitLab's."""
    found = _URL.fullmatch(url.strip()) or _LIKE_SCP.fullmatch(url.strip())
    if found is None:
        return None
    host = found["host"].lower().rstrip(".")
    if url.lower().startswith("http") and found.groupdict().get("port"):
        host += found["port"]
    path = found["path"].strip("/").removesuffix(".git")
    return (host, path) if _PATH.fullmatch(path) else None


async def glab_token(host: str, cwd: Path) -> Secret | None:
    """The token that GitLab's own program keeps for a host; None when there is no such program or token."""
    if process.which("glab") is None:
        return None
    env = process.child_environment({"GLAB_CHECK_UPDATE": "false", "NO_PROMPT": "true"})
    try:
        said = await process.capture(["glab", "config", "get", "token", "--host", host], cwd=cwd, env=env, timeout=10.0)
    except (MissingToolError, ToolFailedError):
        return None
    text = said.stdout.strip()
    return Secret(text) if said.returncode == 0 and re.fullmatch(r"[!-~]{8,}", text) else None


class GitLab:
    """A connection with one token; use it as an async context manager.

    Every method raises `RemoteError` (the HTTP status is its `code`) when GitLab refuses, and `MissingToolError` when
    it cannot be reached. Redirections are not followed: the token belongs to this host.

    Args:
        url: such as `https://gitlab.com`; with a path when GitLab lies below one.
        token: a personal, project or group access token, or one of `glab`.
        transport: how requests travel, for tests.

    Raises:
        BadInputError: an address without HTTPS, or a token that cannot be one.
    """

    def __init__(self, url: str, token: Secret, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        import httpx

        self.url = url.rstrip("/")
        parts = urlsplit(self.url)
        here = parts.scheme == "http" and parts.hostname in _LOOPBACK
        if (
            not (parts.scheme == "https" or here)
            or not parts.hostname
            or parts.username
            or parts.query
            or parts.fragment
        ):
            raise BadInputError(
                f"{plain(self.url)[:200]} cannot be GitLab's address: a token is sent over https:// only.",
                "It looks like https://gitlab.example.com.",
            )
        if not re.fullmatch(r"[!-~]+", token.reveal()):
            raise BadInputError("The GitLab token has a blank or a character that no token has.")
        self._redact = Redactor()
        self._redact.add(token)
        self._client = httpx.AsyncClient(
            timeout=_SECONDS,
            transport=transport,
            follow_redirects=False,
            mounts={f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")},
            headers={
                "Accept": "application/json",
                "Authorization": f"Bearer {token.reveal()}",
                "User-Agent": f"ecrwiz/{__version__}",
            },
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def project(self, path: str) -> Project:
        """Look a project up by its path."""
        body, _ = await self._do("GET", _place(path), f"see the project {path}", "read_api")
        found = _object(body)
        page = str(found.get("web_url") or "")
        same = urlsplit(page).netloc == urlsplit(self.url).netloc
        there = str(found.get("path_with_namespace") or path)
        return Project(there if _PATH.fullmatch(there) else path, page if same else "", bool(found.get("archived")))

    async def variables(self, path: str) -> tuple[Variable, ...]:
        """The project's CI/CD variables; those of its groups are not among them."""
        found: list[Variable] = []
        page = "1"
        for _ in range(_PAGES):
            place = f"{_place(path)}/variables?per_page=100&page={page}"
            body, page = await self._do("GET", place, f"list the CI/CD variables of {path}", "api")
            if not isinstance(body, list):
                raise _not_gitlab()
            found += [_variable(item) for item in body]
            if not page.isdigit():
                break
        return tuple(found)

    async def put(self, path: str, key: str, value: str | Secret, *, scope: str, protected: bool, there: bool) -> None:
        """Create or replace a CI/CD variable; a `Secret` is masked in job logs and, where that can be, hidden.

        Args:
            path: the project's.
            key: the variable's name.
            value: its value, taken as it is (`raw`).
            scope: the environments that get it; `*` for all.
            protected: only jobs on protected branches and tags get it.
            there: it is there already.
        """
        secret = isinstance(value, Secret)
        text = value.reveal() if isinstance(value, Secret) else value
        if secret:
            self._redact.add(Secret(text))
        body: dict[str, object] = {
            "key": key, "value": text, "protected": protected, "masked": secret, "raw": True,
            "environment_scope": scope, "variable_type": "env_var",
        }  # fmt: skip
        what = f"write the CI/CD variable {key} of {path}"
        if there:
            del body["key"]
            place = f"{_place(path)}/variables/{quote(key)}?filter%5Benvironment_scope%5D={quote(scope, safe='')}"
            await self._do("PUT", place, what, "api", body)
            return
        if secret:
            body["masked_and_hidden"] = True  # GitLab before 17.4 passes over it
        await self._do("POST", f"{_place(path)}/variables", what, "api", body)

    async def _do(
        self, method: str, place: str, what: str, scope: str, body: Mapping[str, object] | None = None
    ) -> tuple[object, str]:
        """Send a request; the answer's JSON, and the number of the next page."""
        import httpx

        try:
            async with self._client.stream(method, f"{self.url}/api/v4{place}", json=body) as response:
                data = b""
                async for piece in response.aiter_bytes():
                    data += piece
                    if len(data) > _LARGEST:
                        raise _not_gitlab()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unreachable(error) from None
        try:
            answer = json.loads(data) if data else None
        except (ValueError, RecursionError):
            answer = None
            if response.is_success:
                raise _not_gitlab() from None
        if not response.is_success:
            raise self._refusal(response.status_code, answer, what, scope)
        return answer, response.headers.get("x-next-page", "")

    def _refusal(self, status: int, answer: object, what: str, scope: str) -> EcrwizError:
        said = self._redact(plain(_words(answer)))[:200]
        kind = 300 if 300 <= status < 400 else min(500, status)
        message, hint = _REFUSED.get(kind, _DID_NOT)
        facts = {"url": self.url, "what": what, "scope": scope, "status": status, "said": said or "it does not say why"}
        return RemoteError(message.format(**facts), hint.format(**facts), code=str(status))

    def _unreachable(self, error: Exception) -> MissingToolError:
        if "CERTIFICATE" in str(error):
            return MissingToolError(
                f"The certificate of {self.url} is not trusted on this machine.",
                "Set SSL_CERT_FILE to a file with your organisation's CA certificates.",
            )
        return MissingToolError(
            f"GitLab cannot be reached at {self.url} ({type(error).__name__}).",
            "Check the network connection, and HTTPS_PROXY if there is a proxy.",
        )


def _place(path: str) -> str:
    return f"/projects/{quote(check_path(path), safe='')}"


def _object(body: object) -> Mapping[str, Any]:
    if not isinstance(body, dict):
        raise _not_gitlab()
    return body


def _variable(item: object) -> Variable:
    found = _object(item)
    key, value = found.get("key"), found.get("value")
    if not isinstance(key, str):
        raise _not_gitlab()
    return Variable(
        key,
        str(found.get("environment_scope") or "*"),
        value if isinstance(value, str) else None,
        bool(found.get("masked")),
        bool(found.get("hidden")),
        bool(found.get("protected")),
    )


def _words(answer: object) -> str:
    """GitLab's reason: a text, or lists of sentences by attribute."""
    if not isinstance(answer, dict):
        return ""
    said = answer.get("message") or answer.get("error_description") or answer.get("error") or ""
    if isinstance(said, dict):
        return "; ".join(
            f"{name} {', '.join(map(str, why if isinstance(why, list) else [why]))}" for name, why in said.items()
        )
    return str(said)


def _not_gitlab() -> ToolFailedError:
    return ToolFailedError(
        "What answered is not GitLab's API.", "Check the address (--url), and whether a proxy stands in between."
    )
