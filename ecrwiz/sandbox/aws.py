"""The stand-in for AWS: moto's server with IAM enforced, on loopback."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.utilities.utils import PARTITION_NAMES
from werkzeug.serving import BaseWSGIServer, make_server

from ecrwiz.sandbox.aws_iam import enforce

__all__ = ["ACCOUNT", "HOST", "Operator", "make_aws_server", "make_operator", "serve_in_thread"]

ACCOUNT: Final = str(DEFAULT_ACCOUNT_ID)
HOST: Final = "127.0.0.1"
OPERATOR_NAME: Final = "sandbox-operator"
_ADMINISTRATOR: Final = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
# moto's own controls would switch enforcement off for anybody who asks.
_CLOSED: Final = ("/moto-api", "/latest/", "/favicon.ico")
# The calls by which somebody without AWS credentials gets some.
_UNSIGNED_CALLS: Final = (b"Action=AssumeRoleWithWebIdentity", b"Action=AssumeRoleWithSAML")
_UNSIGNED_ANSWER: Final = (
    b"<ErrorResponse><Error><Type>Sender</Type><Code>MissingAuthenticationToken</Code>"
    b"<Message>Request is missing Authentication Token</Message></Error></ErrorResponse>"
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Operator:
    """The credentials of the person in the sandbox: an administrator, in every partition."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


class _Guarded:
    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        # moto's backends are plain dictionaries: two calls at once can make one of them fail after it took effect,
        # and a client that tries again then makes its access key twice.
        self._one_at_a_time = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").startswith(_CLOSED):
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"not found\n"]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        if "HTTP_AUTHORIZATION" not in environ and not any(call in body for call in _UNSIGNED_CALLS):
            start_response("403 Forbidden", [("Content-Type", "text/xml")])
            return [_UNSIGNED_ANSWER]
        with self._one_at_a_time:
            return list(self._moto(environ, start_response))


def make_aws_server() -> BaseWSGIServer:
    """Bind moto's server, with IAM enforced, to a free port on loopback; it does not serve yet."""
    enforce()
    return make_server(HOST, 0, _Guarded(), threaded=True, request_handler=MotoRequestHandler)


def make_operator() -> Operator:
    """Make the administrator whose key the person works with.

    The same key is valid in every partition, so that a region in China or GovCloud works as well.
    """
    account = iam_backends[ACCOUNT]
    key = None
    for partition in dict.fromkeys(["aws", *PARTITION_NAMES]):
        backend = account[partition]
        user = backend.create_user(partition, OPERATOR_NAME)
        backend.put_user_policy(OPERATOR_NAME, "administrator", _ADMINISTRATOR)
        key = key or user.create_access_key(prefix="AKIA")
        if key not in user.access_keys:
            user.access_keys.append(key)
        backend.access_keys[key.access_key_id] = key
    if key is None:
        raise RuntimeError("moto knows no partition")
    return Operator(key.access_key_id, key.secret_access_key)


def serve_in_thread(server: BaseWSGIServer, name: str) -> None:
    """Let a bound server answer in a thread that ends with the process."""
    threading.Thread(target=server.serve_forever, name=name, daemon=True).start()
    _log.info("%s listens on http://%s:%d", name, HOST, server.server_port)
