"""A GitLab with one project and its CI/CD variables, as strict as the real one about what it takes.

After docs.gitlab.com/api/project_level_variables and docs.gitlab.com/ci/variables: what can be masked, what `hidden`
means for reading, one variable for each key and environment, `filter[environment_scope]`, pages, and the bodies of
refusals. Unknown attributes are refused here, where GitLab passes over them, so that a misspelt one is seen.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

__all__ = ["GitLabStandIn", "gitlab_stand_in"]

PATH = "group/sub/blog"
TOKEN = "glpat-abcdefghij0123456789"
_ATTRIBUTES = {
    "key": str, "value": str, "protected": bool, "masked": bool, "masked_and_hidden": bool, "raw": bool,
    "environment_scope": str, "variable_type": str, "description": str,
}  # fmt: skip
_KEY = re.compile(r"[A-Za-z0-9_]{1,255}")
# With expansion only these can be masked; raw, whatever has no blank.
_MASKABLE = re.compile(r"[a-zA-Z0-9_+=/@:.~-]{8,}")
_MASKABLE_RAW = re.compile(r"\S{8,}")


class GitLabStandIn:
    """The state.

    Attributes:
        url: where it listens.
        variables: what it has, each as the API shows it, with its value even when it is hidden.
        asked: method and path of every request.
        knows_hidden: False for a GitLab before 17.4.
        answer: status and body to give to everything instead.
        page: entries of a page at the most.
    """

    def __init__(self) -> None:
        self.url = ""
        self.variables: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.knows_hidden = True
        self.archived = False
        self.path = PATH
        self.scopes = {"api"}
        self.answer: tuple[int, object] | None = None
        self.drop_writes = False
        self.page = 100

    def add(self, key: str, value: str, scope: str = "*", **more: object) -> None:
        """Put a variable there, as somebody else would."""
        plain = {"variable_type": "env_var", "protected": False, "masked": False, "hidden": False, "raw": False}
        self.variables.append(
            {**plain, "key": key, "value": value, "environment_scope": scope, "description": None, **more}
        )

    def values(self, scope: str = "*") -> dict[str, str]:
        """Values by key."""
        return {one["key"]: one["value"] for one in self.variables if one["environment_scope"] == scope}

    def respond(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, object, dict[str, str]]:
        """Answer one request: status, JSON, headers."""
        parts = urlsplit(target)
        self.asked.append(f"{method} {target}")
        if self.answer is not None:
            return *self.answer, {"Location": "https://elsewhere.example/"} if self.answer[0] // 100 == 3 else {}
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {"message": "401 Unauthorized"}, {}
        found = re.fullmatch(r"/api/v4/projects/([^/]+)(/variables(?:/([^/]+))?)?", parts.path)
        if found is None or unquote(found[1]) != PATH:
            return 404, {"message": "404 Project Not Found"}, {}
        if found[2] is None:
            page = f"{self.url}/{self.path}"
            return 200, {"id": 7, "path_with_namespace": self.path, "web_url": page, "archived": self.archived}, {}
        if "api" not in self.scopes:
            said = {"error": "insufficient_scope", "error_description": "The request requires higher privileges"}
            return 403, {**said, "scope": "api"}, {}
        query = parse_qs(parts.query, strict_parsing=bool(parts.query))
        if found[3] is None:
            return self._list(query) if method == "GET" else self._create(method, body)
        return self._change(method, unquote(found[3]), query, body)

    def _list(self, query: dict[str, list[str]]) -> tuple[int, object, dict[str, str]]:
        number, size = int(query["page"][0]), min(self.page, int(query["per_page"][0]))
        part = self.variables[(number - 1) * size : number * size]
        more = str(number + 1) if number * size < len(self.variables) else ""
        return 200, [_shown(one) for one in part], {"x-next-page": more}

    def _create(self, method: str, body: bytes) -> tuple[int, object, dict[str, str]]:
        assert method == "POST", method
        given, refused = _checked(body)
        if refused:
            return 400, refused, {}
        if not {"key", "value"} <= set(given):
            return 400, {"error": "key is missing, value is missing"}, {}
        scope = given.get("environment_scope", "*")
        if any((one["key"], one["environment_scope"]) == (given["key"], scope) for one in self.variables):
            return 400, {"message": {"key": [f"({given['key']}) has already been taken"]}}, {}
        hide = given.pop("masked_and_hidden", False) and self.knows_hidden
        if hide:
            given |= {"masked": True, "hidden": True}
        if (refusal := _unmaskable(given)) is not None:
            return 400, refusal, {}
        if not self.drop_writes:
            self.add(scope=scope, **{name: value for name, value in given.items() if name != "environment_scope"})
        return 201, _shown({**given, "environment_scope": scope}), {}

    def _change(
        self, method: str, key: str, query: dict[str, list[str]], body: bytes
    ) -> tuple[int, object, dict[str, str]]:
        assert method == "PUT", method
        scope = query.get("filter[environment_scope]", [None])[0]
        found = [one for one in self.variables if one["key"] == key and scope in (None, one["environment_scope"])]
        if len(found) > 1:
            return 409, {"message": "There are multiple variables with provided parameters."}, {}
        if not found:
            return 404, {"message": "404 Variable Not Found"}, {}
        given, refused = _checked(body)
        if refused or "masked_and_hidden" in given or "key" in given:
            return 400, refused or {"error": "masked_and_hidden and key cannot be changed"}, {}
        if (refusal := _unmaskable(given)) is not None:
            return 400, refusal, {}
        if not self.drop_writes:
            found[0].update(given)
        return 200, _shown(found[0]), {}


def _checked(body: bytes) -> tuple[dict[str, Any], dict[str, object] | None]:
    given = json.loads(body)
    for name, value in given.items():
        if name not in _ATTRIBUTES or type(value) is not _ATTRIBUTES[name]:
            return {}, {"error": f"{name} is invalid"}
    if "key" in given and not _KEY.fullmatch(given["key"]):
        return {}, {"message": {"key": ["can contain only letters, digits and '_'."]}}
    if given.get("variable_type", "env_var") not in ("env_var", "file"):
        return {}, {"error": "variable_type does not have a valid value"}
    return given, None


def _unmaskable(given: dict[str, Any]) -> dict[str, object] | None:
    pattern = _MASKABLE_RAW if given.get("raw") else _MASKABLE
    if given.get("masked") and not pattern.fullmatch(given["value"]):
        return {"message": {"value": ["is invalid"]}}
    return None


def _shown(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "value": None if one.get("hidden") else one["value"]}


@contextmanager
def gitlab_stand_in() -> Iterator[GitLabStandIn]:
    """Serve one on loopback."""
    state = GitLabStandIn()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            lower = {name.lower(): value for name, value in self.headers.items()}
            status, answer, more = state.respond(self.command, self.path, lower, body)
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **more}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = _any  # noqa: N815 - the base class's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
