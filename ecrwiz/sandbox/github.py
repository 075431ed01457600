"""A stand-in for GitHub's REST API.

Every request and every answer is checked against GitHub's own OpenAPI description (see `openapi_slice`), and
sealed boxes are really opened. A request that the description does not allow is answered with status 599, an
answer of the stand-in itself that breaks it with 598: GitHub uses neither.
`/api/v3/...` is served too, as GitHub Enterprise does.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote_to_bytes

from flask import Flask, Response, g, request
from openapi_core import Config, OpenAPI
from openapi_core.contrib.flask import FlaskOpenAPIRequest, FlaskOpenAPIResponse
from openapi_core.exceptions import OpenAPIError
from openapi_core.templating.responses.exceptions import ResponseNotFound
from werkzeug.exceptions import HTTPException

from ecrwiz.sandbox import github_actions, github_admin, github_views
from ecrwiz.sandbox.github_actions import LOGS_PATH
from ecrwiz.sandbox.github_admin import ADMIN_PATHS, OPENED_PATH
from ecrwiz.sandbox.github_runner import Cloud
from ecrwiz.sandbox.github_store import Moved, Refusal, Store
from ecrwiz.sandbox.openapi_slice import load

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse
    from openapi_core.deserializing.media_types.datatypes import MediaTypeDeserializersDict

__all__ = ["ADMIN_HEADER", "OPENED_PATH", "REQUEST_VIOLATION", "RESPONSE_VIOLATION", "create_app"]

ADMIN_HEADER: Final = "X-Sandbox-Admin"
REQUEST_VIOLATION: Final = 599
RESPONSE_VIOLATION: Final = 598

_GRAPHQL: Final = "/graphql"
_SLASH: Final = "\uf02f"  # a private sign for the `%2F` in an environment's name, which WSGI would decode
_DOCUMENTATION: Final = "https://docs.github.com/rest"
_log = logging.getLogger(__name__)


def create_app(token: str, admin_token: str, cloud: Cloud | None = None) -> Callable[..., Any]:
    """Make the stand-in as a WSGI application with a memory of its own.

    Args:
        token: the only personal access token that is accepted.
        admin_token: opens what lies below `/_sandbox/`: the secrets in clear, and what is to go wrong.
        cloud: where workflows reach AWS; None when they only pretend.
    """
    store = Store()
    description = load()
    # The description is cut from a valid one; validating it again would cost half a second at each start.
    read: MediaTypeDeserializersDict = {"application/vnd.github.object": json.loads}
    checker = OpenAPI.from_dict(
        description, config=Config(spec_validator_cls=None, extra_media_type_deserializers=read)
    )
    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it, its base does not
    app.before_request(_authenticator(token, admin_token))
    app.before_request(_request_check(checker))
    app.before_request(github_admin.faults(store, _error))
    app.after_request(_finish)
    app.after_request(_response_check(checker))  # runs before _finish: Flask calls them last to first
    app.register_error_handler(Refusal, lambda refusal: _error(refusal.status, refusal.message))
    app.register_error_handler(HTTPException, lambda error: _error(error.code or 500, error.description or ""))
    app.register_error_handler(Moved, _elsewhere)
    app.url_value_preprocessor(_decode_slashes)
    app.add_url_rule(_GRAPHQL, view_func=_graphql, methods=["POST"])
    github_admin.add_to(app, store, _json)
    github_views.add_to(app, store, description)
    github_actions.add_to(app, store, description, ADMIN_PATHS, cloud)
    return _Paths(app, store)


class _Paths:
    """Serves the same API below /api/v3, where GitHub Enterprise Server has it, and below a repository's number."""

    def __init__(self, app: Flask, store: Store) -> None:
        self._app = app
        self._store = store

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        raw = re.sub("%2f", quote(_SLASH), environ.get("RAW_URI", "").partition("?")[0], flags=re.IGNORECASE)
        path = unquote_to_bytes(raw).decode("latin-1") if raw.startswith("/") else environ.get("PATH_INFO", "")
        environ["ecrwiz.prefix"] = "/api/v3" if path.startswith("/api/v3/") else ""
        path = _GRAPHQL if path == "/api/graphql" else path.removeprefix("/api/v3")
        match = re.fullmatch(r"/repositories/(\d{1,9})((?:/.*)?)", path)
        found = self._store.by_number(int(match[1])) if match else None
        environ["PATH_INFO"] = f"/repos/{found.full_name}{match[2]}" if match and found else path
        return self._app(environ, start_response)


def _decode_slashes(_: str | None, values: dict[str, Any] | None) -> None:
    for name, value in (values or {}).items():
        if isinstance(value, str):
            values[name] = value.replace(_SLASH, "/")  # type: ignore[index]  # there is one, for it has items


def _graphql() -> Response:
    """The one thing that the `gh` command asks there while it logs in: whose token it is."""
    query = (request.get_json(force=True, silent=True) or {}).get("query", "")
    if re.sub(r"\s|query \w+", "", query).removeprefix("query") != "{viewer{login}}":
        return _error(REQUEST_VIOLATION, f"SPEC VIOLATION (request): GraphQL {query[:200]}")
    return _json({"data": {"viewer": {"login": "sandbox"}}})


def _elsewhere(moved: Moved) -> Response:
    """Lead to where the repository is today, with the same method."""
    below = "/".join(request.path.split("/")[4:])
    target = f"{request.host_url.rstrip('/')}{request.environ['ecrwiz.prefix']}/repositories/{moved.number}"
    target += f"/{below}" if below else ""
    target += f"?{request.query_string.decode()}" if request.query_string else ""
    response = _json({"message": "Moved Permanently", "url": target, "documentation_url": _DOCUMENTATION}, 301)
    response.status_code = 301 if request.method in ("GET", "HEAD") else 307
    response.headers["Location"] = target
    return response


class _Request(FlaskOpenAPIRequest):
    """A request whose last path parameter may hold slashes, which the description tells by an extension alone."""

    @property
    def path(self) -> str:
        """The path with such a parameter as one segment."""
        return re.sub(
            r"(?<=/)(git/refs?|contents)/(.+)$",
            lambda found: f"{found[1]}/{found[2].replace('/', _SLASH)}",
            super().path,
        )


def _authenticator(token: str, admin_token: str) -> Callable[[], Response | None]:
    def authenticate() -> Response | None:
        if request.path.startswith(ADMIN_PATHS):
            admitted = hmac.compare_digest(request.headers.get(ADMIN_HEADER, "").encode(), admin_token.encode())
            return None if admitted else _error(404, "Not Found")
        if request.path.startswith(LOGS_PATH):
            return None  # another host's: whoever knows the signed address gets the log
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() not in {"bearer", "token"} or not given:
            return _error(401, "Requires authentication")
        if not hmac.compare_digest(given.strip().encode(), token.encode()):
            return _error(401, "Bad credentials")
        return None

    return authenticate


def _request_check(checker: OpenAPI) -> Callable[[], Response | None]:
    def check_request() -> Response | None:
        if request.path.startswith((ADMIN_PATHS, LOGS_PATH)) or request.path == _GRAPHQL:
            return None
        try:
            checker.validate_request(_Request(request))
        except OpenAPIError as error:
            return _violation(REQUEST_VIOLATION, "request", error)
        return None

    return check_request


def _response_check(checker: OpenAPI) -> Callable[[Response], Response]:
    def check_response(response: Response) -> Response:
        undescribed = request.path.startswith((ADMIN_PATHS, LOGS_PATH)) or request.path == _GRAPHQL
        if undescribed or response.status_code in {401, REQUEST_VIOLATION, RESPONSE_VIOLATION}:
            return response
        try:
            checker.validate_response(_Request(request), FlaskOpenAPIResponse(response))
        except ResponseNotFound as error:
            # GitHub lists few of the errors and moves that every operation may answer; a success must be listed.
            if response.status_code < 300:
                return _violation(RESPONSE_VIOLATION, "response", error)
        except OpenAPIError as error:
            return _violation(RESPONSE_VIOLATION, "response", error)
        return response

    return check_response


def _finish(response: Response) -> Response:
    _log.info("%s %s: %d", request.method, request.path, response.status_code)
    usual = {
        "X-RateLimit-Limit": "5000",
        "X-RateLimit-Remaining": "4999",
        "X-RateLimit-Reset": str(int(time.time()) + 3600),
        "X-GitHub-Media-Type": "github.v3; format=json",
    }
    scopes = g.get("scopes", github_admin.SCOPES)
    if scopes is not None:
        usual["X-OAuth-Scopes"] = scopes
    for name, value in usual.items():
        response.headers.setdefault(name, value)
    return response


def _violation(status: int, side: str, error: OpenAPIError) -> Response:
    # Only the kind of fault and where it lies: the body may hold what a person must not find in a log.
    causes = [type(error).__name__]
    for fault in getattr(error.__cause__, "schema_errors", ()):
        where = "/".join(str(part) for part in fault.absolute_path) or "body"
        rule = fault.message if fault.validator == "required" else json.dumps(fault.validator_value)[:120]
        causes.append(f"{where} breaks {fault.validator}: {rule}")
    text = f"SPEC VIOLATION ({side}): {request.method} {request.path}: {'; '.join(causes)}"
    _log.error("%s", text)
    return _error(status, text)


def _error(status: int, message: str, errors: Sequence[Mapping[str, str]] = ()) -> Response:
    body = {"message": message, "documentation_url": _DOCUMENTATION, "status": str(status)}
    return _json({**body, "errors": list(errors)} if errors else body, status)


def _json(body: object, status: int = 200) -> Response:
    return Response(json.dumps(body), status, content_type="application/json; charset=utf-8")
