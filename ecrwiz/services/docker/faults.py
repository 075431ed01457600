"""What Docker's failures mean, in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ecrwiz.model.errors import EcrwizError, MissingToolError, ToolFailedError
from ecrwiz.services.docker.build_faults import base_image_fault, refused
from ecrwiz.services.docker.tables import lookup, sentence, table

__all__ = ["engine_fault", "no_answer", "push_error", "start_error", "translated", "unreadable_config"]

_CONFIG: Final = (
    "Docker's own configuration file (config.json) cannot be understood.",
    "Repair or remove ~/.docker/config.json.",
)

_ENGINE: Final = table(
    (
        r"permission denied",
        "The Docker engine does not answer: this user may not use its socket.",
        "Add the user to the group `docker` and log in again, or point DOCKER_HOST at an engine of your own.",
    ),
    (
        r"paramiko",
        "DOCKER_HOST names an engine reached by ssh, for which a Python package is missing.",
        "Install it beside ecrwiz: `pip install 'docker[ssh]'`.",
    ),
    (
        r"context (\S+) (?:not found|does not exist)|no such context",
        "The Docker context that is in use does not exist.",
        "List them with `docker context ls` and choose one with `docker context use NAME`.",
    ),
    (
        r"bind address|unsupported protocol|could not parse",
        "DOCKER_HOST is not the address of a Docker engine.",
        "It looks like unix:///var/run/docker.sock or tcp://HOST:2375; unset it to use this machine's own engine.",
    ),
    (
        r"config(?:uration)? file|invalid configuration",
        *_CONFIG,
    ),
)

_PUSH: Final = table(
    (
        r"tag '([^']+)' already exists in the '([^']+)' repository .* because the (?:repository|tag) is immutable",
        "The tag {0} exists in the repository {1} already and may not be overwritten: tags there are immutable.",
        "Commit a change, so that the image gets a new tag, or choose another tag.",
    ),
    (
        r"authorization token has expired",
        "The registry refused the push because the authorization token has expired.",
        "Push again: a new token is fetched each time. If it happens again, check this machine's clock.",
    ),
    (
        r"no basic auth credentials",
        "The registry refused the push because it got no credentials.",
        "Check that the image's name begins with the registry's own host name, then push again.",
    ),
    (
        r"name unknown: The repository with name '([^']+)' does not exist in the registry with id '([^']+)'",
        "The repository {0} does not exist in the registry of account {1}.",
        "Run the step provision first, and check that region and account are the ones meant.",
    ),
    (
        r"name unknown|repository (?:name )?not (?:known|found)",
        "The repository does not exist in the registry.",
        "Run the step provision first, and check that region and account are the ones meant.",
    ),
    (
        r"(\S+) is not authorized to perform: (\S+)(?: on resource: (\S+))?",
        "The registry denied the push: {0} may not do {1}.",
        "Give this identity the permission, or use credentials that have it.",
    ),
    (
        r"\bdenied\b",
        "The registry denied the push.",
        "Check that the credentials may push to this repository.",
    ),
    (
        r"unauthorized|authentication required|401",
        "The registry did not accept the credentials.",
        "Push again: a new token is fetched each time. If it happens again, check account and region.",
    ),
    (
        r"server gave HTTP response to HTTPS client",
        "The registry answers without encryption, which the Docker engine allows on this machine's own address only.",
        "Use a registry with TLS, or one on 127.0.0.1.",
    ),
    (
        r"x509|certificate",
        "The Docker engine does not trust the registry's certificate.",
        "Give the engine the certificate authority of your network and restart it.",
    ),
    (
        r"connection refused",
        "The registry refused the connection.",
        "Check the registry's address, and that a proxy or firewall lets the Docker engine reach it.",
    ),
    (
        r"no such host|i/o timeout|timeout exceeded|TLS handshake timeout|network is unreachable|no route to host",
        "The Docker engine cannot reach the registry.",
        "Check the network and the engine's proxy settings, then push again: layers that arrived are kept.",
    ),
    (
        r"toomanyrequests|rate exceeded",
        "The registry is asked too often and refuses for now.",
        "Wait a minute and push again.",
    ),
    (
        r"\bEOF\b|connection reset|broken pipe",
        "The registry closed the connection during the push.",
        "Check that the repository exists in this region, then push again: layers that arrived are kept.",
    ),
    (
        r"does not exist locally|tag does not exist|no such image",
        "The image to push is not in the local Docker engine.",
        "Run the step build first.",
    ),
)

_START: Final = table(
    (
        r"exec(?:: | )\"?([^\":]+)\"?: (?:stat [^:]+: )?no such file or directory",
        "The container could not be started: {0} is not in the image, or its first line names a program that is not.",
        "Check the Dockerfile's CMD, and that the script's lines end in LF, not in CRLF.",
    ),
    (
        r"exec: \"?([^\":]+)\"?: executable file not found",
        "The container could not be started: the program {0} is not in the image.",
        "Check the Dockerfile's CMD.",
    ),
    (
        r"permission denied",
        "The container could not be started: its start program may not be executed.",
        "Make it executable (`chmod +x start.sh`) and build again.",
    ),
    (
        r"exec format error|does not match the (?:detected|specified) (?:host )?platform",
        "The container could not be started: the image is for another kind of processor than this engine's.",
        "Install emulation for that platform (binfmt), or skip the smoke test.",
    ),
    (r"no such image", "The image is not in the local Docker engine.", "Run the step build first."),
)


def push_error(text: str) -> ToolFailedError:
    """What a push's failure record means."""
    known = lookup(_PUSH, text)
    return ToolFailedError(*known) if known else ToolFailedError(f"The push failed: {sentence(text)}")


def start_error(text: str) -> ToolFailedError:
    """Why a container could not be created or started."""
    known = lookup(_START, text)
    return (
        ToolFailedError(*known) if known else ToolFailedError(f"The container could not be started: {sentence(text)}")
    )


def engine_fault(text: str) -> MissingToolError | None:
    """What it means when the engine cannot be reached in the first place; None when nothing is known about it."""
    known = lookup(_ENGINE, text)
    return MissingToolError(*known) if known else None


def no_answer(doing: str) -> MissingToolError:
    """The engine does not answer, and nothing more is known."""
    return MissingToolError(
        f"The Docker engine does not answer (while {doing}).",
        "Start Docker, and check DOCKER_HOST when the engine is not this machine's own; `docker info` must work.",
    )


def unreadable_config() -> MissingToolError:
    """Docker's own configuration is broken in a way that docker-py does not expect."""
    return MissingToolError(*_CONFIG)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn what docker-py and the libraries below it raise into our errors.

    Args:
        doing: for the text, such as `building the image`.
    """
    import urllib3.exceptions
    from docker.credentials.errors import StoreError
    from docker.errors import DockerException

    try:
        yield
    except EcrwizError:
        raise
    except (DockerException, StoreError, urllib3.exceptions.HTTPError, OSError) as error:
        # requests' exceptions are OSErrors. Never str() of an APIError: the URL in it holds the build arguments.
        raise _explained(error, doing) from error


def _explained(error: Exception, doing: str) -> EcrwizError:
    from docker.errors import APIError, DockerException

    if isinstance(error, APIError):
        text = str(error.explanation or error.response.reason)
        return (
            refused(text)
            or base_image_fault(text)
            or ToolFailedError(f"The Docker engine refused {doing}: {sentence(text)}")
        )
    if known := engine_fault(str(error)):
        return known
    if isinstance(error, DockerException) and "server API version" not in str(error):
        return ToolFailedError(f"Docker's library failed while {doing}: {sentence(str(error))}")
    return no_answer(doing)
