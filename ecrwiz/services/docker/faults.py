"""What Docker's failures mean, in plain words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ecrwiz.model.errors import EcrwizError, MissingToolError, ToolFailedError

__all__ = ["Fault", "base_image_fault", "build_hint", "push_error", "start_error", "translated", "unreadable_config"]

# pattern, message (with the pattern's groups), hint
Fault = tuple[re.Pattern[str], str, str]


def _table(*rows: tuple[str, str, str]) -> tuple[Fault, ...]:
    return tuple((re.compile(pattern, re.IGNORECASE | re.DOTALL), message, hint) for pattern, message, hint in rows)


_CONFIG: Final = (
    "Docker's own configuration file (config.json) cannot be understood.",
    "Repair or remove ~/.docker/config.json.",
)

_ENGINE: Final = _table(
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

_REFUSED: Final = _table(
    (
        r"dockerfile parse error (?:on )?line (\d+): (.*)",
        "Line {0} of the Dockerfile cannot be understood: {1}.",
        "Correct it, or let the step render write the file anew.",
    ),
    (
        r"file with no instructions|dockerfile .*cannot be empty",
        "The Dockerfile holds no instructions.",
        "Let the step render write it anew.",
    ),
)

_PUSH: Final = _table(
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

_BASE: Final = _table(
    (
        r"toomanyrequests|pull rate limit",
        "The base image could not be pulled: its registry allows no more pulls for now.",
        "Wait, log in to that registry with `docker login`, or take the image from public.ecr.aws/docker/library.",
    ),
    (
        r"no match(?:ing manifest)? for (?:platform|(\S+)) in (?:the )?manifest",
        "The base image does not exist for the platform that was asked for.",
        "Choose another platform, or a base image that supports it.",
    ),
    (
        r"manifest for (\S+) not found|(?:manifest|not found).*manifest unknown",
        "The base image {0} does not exist.",
        "Check the name and the tag in the Dockerfile's FROM line.",
    ),
    (
        r"pull access denied for (\S+?),",
        "The base image {0} does not exist, or may only be pulled after a login.",
        "Check the name in the Dockerfile's FROM line, or log in with `docker login`.",
    ),
    (
        r"(?:Get|Head) \"?https?://([^/\"]+)/v2/.*(?:dial tcp|lookup|timeout|canceled|refused|reset|EOF|x509)",
        "The base image could not be pulled: the Docker engine cannot reach {0}.",
        "Check the network and the engine's proxy settings, or pull the image where that is possible.",
    ),
)

_BUILD_HINTS: Final = _table(
    (r"digital envelope routines|ERR_OSSL_EVP", "", "Set NODE_OPTIONS=--openssl-legacy-provider for the build."),
    (
        r"file not found in build context|excluded by \.dockerignore",
        "",
        "Create the file, or take it out of .dockerignore or of the Dockerfile's COPY line.",
    ),
    (r"npm ci.*package-lock|EUSAGE", "", "Run `npm install` and commit the package-lock.json."),
    (r"no space left on device|ENOSPC", "", "Free some space for the Docker engine: `docker system prune`."),
    (r"heap out of memory|code:? 137", "", "Give the Docker engine more memory."),
    (r"exec format error", "", "Install emulation for that platform (binfmt), or build for this machine's own."),
    (r"requires BuildKit|the --mount option", "", "Take the BuildKit-only option out of the Dockerfile."),
    (
        r"EAI_AGAIN|ENOTFOUND|ETIMEDOUT|temporary failure",
        "",
        "Check that containers reach the network, then build again.",
    ),
)

_START: Final = _table(
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


def _lookup(table: tuple[Fault, ...], text: str) -> tuple[str, str] | None:
    for pattern, message, hint in table:
        if found := pattern.search(text):
            return message.format(*(group or "it" for group in found.groups())), hint
    return None


def push_error(text: str) -> ToolFailedError:
    """What a push's failure record means."""
    known = _lookup(_PUSH, text)
    return ToolFailedError(*known) if known else ToolFailedError(f"The push failed: {sentence(text)}")


def start_error(text: str) -> ToolFailedError:
    """Why a container could not be created or started."""
    known = _lookup(_START, text)
    return (
        ToolFailedError(*known) if known else ToolFailedError(f"The container could not be started: {sentence(text)}")
    )


def base_image_fault(text: str) -> ToolFailedError | None:
    """What it means when it is the base image that could not be pulled; None when it is something else."""
    known = _lookup(_BASE, text)
    return ToolFailedError(*known) if known else None


def build_hint(text: str) -> str:
    """What to do about a build's failure; empty when nothing is known about it."""
    known = _lookup(_BUILD_HINTS, text)
    return known[1] if known else ""


def unreadable_config() -> MissingToolError:
    """Docker's own configuration is broken in a way that docker-py does not expect."""
    return MissingToolError(*_CONFIG)


def sentence(text: str) -> str:
    """Somebody else's message as the end of a sentence of ours."""
    return " ".join(text.split()).rstrip(".") + "."


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
        known = _lookup(_REFUSED, text)
        if known:
            return ToolFailedError(*known)
        return base_image_fault(text) or ToolFailedError(f"The Docker engine refused {doing}: {sentence(text)}")
    known = _lookup(_ENGINE, str(error))
    if known:
        return MissingToolError(*known)
    if isinstance(error, DockerException) and "server API version" not in str(error):
        return ToolFailedError(f"Docker's library failed while {doing}: {sentence(str(error))}")
    return MissingToolError(
        f"The Docker engine does not answer (while {doing}).",
        "Start Docker, and check DOCKER_HOST when the engine is not this machine's own; `docker info` must work.",
    )
