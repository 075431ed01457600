"""What a failed build's messages mean, in plain words: the classic builder's and BuildKit's."""

from __future__ import annotations

import re
from typing import Final

from ecrwiz.model.errors import ToolFailedError
from ecrwiz.services.docker.tables import lookup, table

__all__ = ["base_image_fault", "build_hint", "buildkit_fault", "refused", "unwrapped"]

# What BuildKit puts before a message on its way up; it says nothing to a person.
_WRAPPED: Final = re.compile(
    r"^(?:ERROR: |failed to build: |failed to solve(?: with frontend [\w.]+)?: |failed to create LLB definition: "
    r"|rpc error: code = Unknown desc = )+",
    re.IGNORECASE,
)

_REFUSED: Final = table(
    (
        r"dockerfile parse error (?:on )?line (\d+): ([^\n]*)",
        "Line {0} of the Dockerfile cannot be understood: {1}.",
        "Correct it, or let the step render write the file anew.",
    ),
    (
        r"file with no instructions|dockerfile .*cannot be empty",
        "The Dockerfile holds no instructions.",
        "Let the step render write it anew.",
    ),
    (
        r"no build stage in current context",
        "The Dockerfile does not begin with FROM.",
        "Name the image to build on in a FROM line at its top.",
    ),
    (
        r"target stage \"?([^\"\s]+)\"? could not be found|failed to reach build target (\S+)",
        "The Dockerfile has no stage of the name that is asked for.",
        "Check the names behind FROM ... AS.",
    ),
)

_BASE: Final = table(
    (
        r"error getting credentials - err: exec: \"(docker-credential-[^\"]+)\"",
        "The base image could not be pulled: Docker's configuration wants {0} for the login, which is not installed.",
        "Take `credsStore` (or the line in `credHelpers`) out of ~/.docker/config.json, or install that program.",
    ),
    (
        r"error getting credentials - err: (.*?)(?:, out:|$)",
        "The base image could not be pulled: the program that keeps Docker's logins failed ({0}).",
        "Log in again with `docker login`, or take `credsStore` out of ~/.docker/config.json.",
    ),
    (
        r"toomanyrequests|pull rate limit|429 Too Many Requests",
        "The base image could not be pulled: its registry allows no more pulls for now.",
        "Wait, log in to that registry with `docker login`, or take the image from public.ecr.aws/docker/library.",
    ),
    (
        r"no match(?:ing manifest)? for (?:platform|\S+) in (?:the )?manifest",
        "The base image does not exist for the platform that was asked for.",
        "Choose another platform, or a base image that supports it.",
    ),
    (
        r"manifest for (\S+) not found|(?:manifest|not found).*manifest unknown",
        "The base image {0} does not exist.",
        "Check the name and the tag in the Dockerfile's FROM line.",
    ),
    (
        r"([^\s\"]+/[^\s\"]+:[^\s:\"]+): not found",
        "The base image {0} does not exist.",
        "Check the name and the tag in the Dockerfile's FROM line.",
    ),
    (
        r"for (\S+?): pull access denied, repository does not exist",
        "The base image {0} does not exist, or may only be pulled after a login.",
        "Check the name in the Dockerfile's FROM line, or log in with `docker login`.",
    ),
    (
        r"pull access denied for (\S+?),",
        "The base image {0} does not exist, or may only be pulled after a login.",
        "Check the name in the Dockerfile's FROM line, or log in with `docker login`.",
    ),
    (
        (
            r"(?:Get|Head) \"?https?://([^/\"]+)/(?:v2/|token)"
            r".*(?:dial tcp|lookup|timeout|canceled|refused|reset|EOF|x509)"
        ),
        "The base image could not be pulled: the Docker engine cannot reach {0}.",
        "Check the network and the engine's proxy settings, or pull the image where that is possible.",
    ),
    (
        r"failed to authorize|failed to fetch (?:anonymous|oauth) token.*(?:401|403|denied)|insufficient_scope",
        "The base image does not exist, or may only be pulled after a login.",
        "Check the name in the Dockerfile's FROM line, or log in with `docker login`.",
    ),
)

_BUILD_HINTS: Final = table(
    (r"digital envelope routines|ERR_OSSL_EVP", "", "Set NODE_OPTIONS=--openssl-legacy-provider for the build."),
    (
        r"file not found in build context|excluded by \.dockerignore",
        "",
        "Create the file, or take it out of .dockerignore or of the Dockerfile's COPY line.",
    ),
    (r"npm ci.*package-lock|EUSAGE", "", "Run `npm install` and commit the package-lock.json."),
    (
        r"no space left on device|ENOSPC|disk quota exceeded",
        "",
        "Free some space for the Docker engine: `docker system prune`.",
    ),
    (
        r"heap out of memory|code:? 137|signal: killed|cannot allocate memory|ResourceExhausted",
        "",
        "Give the Docker engine more memory.",
    ),
    (r"exec format error", "", "Install emulation for that platform (binfmt), or build for this machine's own."),
    (
        r"requires BuildKit|the --mount option|Unknown flag: (?:link|chmod|network|security|mount|parents|exclude)",
        "",
        "Install Docker's plugin buildx, or take the BuildKit-only option out of the Dockerfile.",
    ),
    (
        r"EAI_AGAIN|ENOTFOUND|ETIMEDOUT|temporary failure|could not resolve host|network is unreachable",
        "",
        "Check that containers reach the network, then build again.",
    ),
)

_BUILDKIT: Final = table(
    (
        r"cache key: (?:.*\"([^\"]+)\":? not found|failed to walk \S+/buildkit-mount\d+(/\S+?): lstat)",
        "The Dockerfile copies {0}, which is not there.",
        "Create it, take it out of the ignore file or the COPY line, or have the stage behind --from= make it.",
    ),
    (
        r"secret \"?([^\"\s:]+)\"?:? not found",
        "The Dockerfile wants the build secret {0}, which was not given.",
        "Take `required` off that mount, or give the secret as .npmrc or .yarnrc.yml names it.",
    ),
    (
        r"unknown flag: (\S+)",
        "The docker program does not know the flag {0}: it or its plugin buildx is too old.",
        "Update Docker and its plugin buildx, then build again.",
    ),
    (
        r"buildx component is missing or broken|is not a docker command",
        "The docker program cannot build with BuildKit: its plugin buildx is missing or broken.",
        "Install the plugin buildx (package docker-buildx or docker-buildx-plugin), then build again.",
    ),
    (
        r"failed to stat (\S+?):? .*no such file or directory",
        "{0}, which the build needs, is not there any more.",
        "Build again.",
    ),
    (
        r"code = Unavailable|closing transport|error reading from server|\bEOF$|connection reset by peer$",
        "The Docker engine broke the connection off during the build.",
        "See that the engine runs (`docker info`), then build again: finished steps are kept.",
    ),
)


def refused(text: str) -> ToolFailedError | None:
    """What it means when the Dockerfile itself is refused; None when it is something else."""
    known = lookup(_REFUSED, text)
    return ToolFailedError(*known) if known else None


def base_image_fault(text: str) -> ToolFailedError | None:
    """What it means when it is the base image that could not be pulled; None when it is something else."""
    known = lookup(_BASE, text)
    return ToolFailedError(*known) if known else None


def build_hint(text: str) -> str:
    """What to do about a build's failure; empty when nothing is known about it."""
    known = lookup(_BUILD_HINTS, text)
    return known[1] if known else ""


def buildkit_fault(text: str) -> ToolFailedError | None:
    """What BuildKit's last message means; None when nothing is known about it."""
    known = lookup(_BUILDKIT, text)
    return refused(text) or (ToolFailedError(*known) if known else None) or base_image_fault(text)


def unwrapped(text: str) -> str:
    """BuildKit's message without the words about where in BuildKit it came from."""
    return _WRAPPED.sub("", text.strip())
