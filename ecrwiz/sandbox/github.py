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
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from flask import Flask, Response, request
from openapi_core import Config, OpenAPI
from openapi_core.contrib.flask import FlaskOpenAPIRequest, FlaskOpenAPIResponse
from openapi_core.exceptions import OpenAPIError
from openapi_core.templating.responses.exceptions import ResponseNotFound
from werkzeug.exceptions import HTTPException

from ecrwiz.sandbox import github_views
from ecrwiz.sandbox.github_store import Refusal, Store
from ecrwiz.sandbox.openapi_slice import load

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

__all__ = ["ADMIN_HEADER", "OPENED_PATH", "REQUEST_VIOLATION", "RESPONSE_VIOLATION", "create_app"]

ADMIN_HEADER: Final = "X-Sandbox-Admin"
OPENED_PATH: Final = "/_sandbox/opened"
REQUEST_VIOLATION: Final = 599
RESPONSE_VIOLATION: Final = 598

_DOCUMENTATION: Final = "https://docs.github.com/rest"
_log = logging.getLogger(__name__)


def create_app(token: str, admin_token: str) -> Callable[..., Any]:
    """Make the stand-in as a WSGI application with a memory of its own.

    Args:
        token: the only personal access token that is accepted.
        admin_token: opens `GET /_sandbox/opened`, which answers the secrets in clear to tests.
    """
    store = Store()
    description = load()
    # The description is cut from a valid one; validating it again would cost half a second at each start.
    checker = OpenAPI.from_dict(description, config=Config(spec_validator_cls=None))
    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it, its base does not
    app.before_request(_authenticator(token, admin_token))
    app.before_request(_request_check(checker))
    app.after_request(_finish)
    app.after_request(_response_check(checker))  # runs before _finish: Flask calls them last to first
    app.register_error_handler(Refusal, lambda refusal: _error(refusal.status, refusal.message))
    app.register_error_handler(HTTPException, lambda error: _error(error.code or 500, error.description or ""))
    app.add_url_rule(OPENED_PATH, view_func=lambda: _json(store.opened()), endpoint="opened")
    github_views.add_to(app, store, description)
    return _EnterprisePrefix(app)


class _EnterprisePrefix:
    """Serves the same API below /api/v3, where GitHub Enterprise Server has it."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        environ["PATH_INFO"] = environ.get("PATH_INFO", "").removeprefix("/api/v3")
        return self._app(environ, start_response)


def _authenticator(token: str, admin_token: str) -> Callable[[], Response | None]:
    def authenticate() -> Response | None:
        if request.path == OPENED_PATH:
            admitted = hmac.compare_digest(request.headers.get(ADMIN_HEADER, "").encode(), admin_token.encode())
            return None if admitted else _error(404, "Not Found")
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() not in {"bearer", "token"} or not given:
            return _error(401, "Requires authentication")
        if not hmac.compare_digest(given.strip().encode(), token.encode()):
            return _error(401, "Bad credentials")
        return None

    return authenticate


def _request_check(checker: OpenAPI) -> Callable[[], Response | None]:
    def check_request() -> Response | None:
        if request.path == OPENED_PATH:
            return None
        try:
            checker.validate_request(FlaskOpenAPIRequest(request))
        except OpenAPIError as error:
            return _violation(REQUEST_VIOLATION, "request", error)
        return None

    return check_request


def _response_check(checker: OpenAPI) -> Callable[[Response], Response]:
    def check_response(response: Response) -> Response:
        if request.path == OPENED_PATH or response.status_code in {
            401,
            REQUEST_VIOLATION,
            RESPONSE_VIOLATION,
        }:
            return response
        try:
            checker.validate_response(FlaskOpenAPIRequest(request), FlaskOpenAPIResponse(response))
        except ResponseNotFound as error:
            # GitHub lists few of the errors that every operation may answer; a success must be listed.
            if response.status_code < 400:
                return _violation(RESPONSE_VIOLATION, "response", error)
        except OpenAPIError as error:
            return _violation(RESPONSE_VIOLATION, "response", error)
        return response

    return check_response


def _finish(response: Response) -> Response:
    _log.info("%s %s: %d", request.method, request.path, response.status_code)
    response.headers["X-RateLimit-Limit"] = "5000"
    response.headers["X-RateLimit-Remaining"] = "4999"
    response.headers["X-RateLimit-Reset"] = str(int(time.time()) + 3600)
    response.headers["X-OAuth-Scopes"] = "repo, workflow"
    response.headers["X-GitHub-Media-Type"] = "github.v3; format=json"
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


def _error(status: int, message: str) -> Response:
    return _json({"message": message, "documentation_url": _DOCUMENTATION, "status": str(status)}, status)


def _json(body: object, status: int = 200) -> Response:
    return Response(json.dumps(body), status, content_type="application/json; charset=utf-8")
