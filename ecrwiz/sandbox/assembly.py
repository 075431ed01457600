"""Starts the parts of the sandbox that live in the supervisor's process; imports all that they need."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from werkzeug.serving import BaseWSGIServer, make_server

from ecrwiz.sandbox.aws import HOST, Operator, make_aws_server, make_operator, serve_in_thread
from ecrwiz.sandbox.aws_ecr import TokenBook, join_registry
from ecrwiz.sandbox.github import create_app
from ecrwiz.sandbox.github_runner import Cloud
from ecrwiz.sandbox.registry import Registry
from ecrwiz.sandbox.registry_front import RegistryFront

__all__ = ["StandIns", "start"]


@dataclass(frozen=True)
class StandIns:
    """What was started.

    Attributes:
        aws: URL of the AWS stand-in.
        registry: URL of the registry's front.
        github: URL of the GitHub stand-in.
        operator: credentials of the person in the sandbox.
        front: to be stopped at the end; the others end with the process.
    """

    aws: str
    registry: str
    github: str
    operator: Operator
    front: RegistryFront


async def start(registry: Registry, github_token: str, admin_token: str) -> StandIns:
    """Start the stand-ins on free ports of loopback.

    Args:
        registry: the real registry behind the front; it need not answer yet.
        github_token: the token that the GitHub stand-in is to accept.
        admin_token: for what only tests may do.
    """
    tokens = TokenBook()
    listening = socket.create_server((HOST, 0))
    address = f"{HOST}:{listening.getsockname()[1]}"
    aws = make_aws_server()
    join_registry(address, tokens, registry.forget)
    operator = make_operator()
    cloud = Cloud(_url(aws), (operator.access_key_id, operator.secret_access_key))
    github = make_server(HOST, 0, create_app(github_token, admin_token, cloud), threaded=True)
    serve_in_thread(aws, "aws")
    serve_in_thread(github, "github")
    front = RegistryFront(registry.socket, tokens, admin_token)
    await front.start(listening)
    return StandIns(_url(aws), f"http://{address}", _url(github), operator, front)


def _url(server: BaseWSGIServer) -> str:
    return f"http://{HOST}:{server.server_port}"
