"""Pushes a probe image as the CI user, pulls it, and takes it away again with the person's own credentials.

The probe's tag says on which machine and for which folder it was pushed, and when. So a probe that a killed run left
is known again: one of this folder's goes at once, for only one run at a time works in a folder; one of another
operator's goes when it is an hour old.
"""

from __future__ import annotations

import hashlib
import platform
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

from ecrwiz.flow.context import Context, View
from ecrwiz.flow.proofs import PUSH_STEPS
from ecrwiz.flow.trying import Answer, Patience, is_refusal, tried
from ecrwiz.model.errors import EcrwizError, RemoteError, ToolFailedError
from ecrwiz.model.redact import Secret
from ecrwiz.model.results import ProvisionResult
from ecrwiz.services import probe_image, registry
from ecrwiz.services.aws import Aws
from ecrwiz.services.ecr import Ecr, Image
from ecrwiz.services.probe_image import Probe, ProbePush

__all__ = ["PREFIX", "leftovers", "push_probe", "tag_of"]

PREFIX: Final = "ecrwiz-probe-"
_TAG: Final = re.compile(r"ecrwiz-probe-(?P<place>[0-9a-f]{8})-(?P<time>[0-9a-f]{8,10})-[0-9a-f]{8}")
_OLD: Final = 3600  # seconds after which nobody is at work with a probe any more
# What a registry says to somebody who may look, about what is not there (yet). Of a write it would prove nothing; nor
# does a 404 without the registry's own words, which anything on the way there may answer.
_REACHED: Final = frozenset({"MANIFEST_UNKNOWN", "BLOB_UNKNOWN"})
_READS: Final = frozenset({"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"})

_T = TypeVar("_T")


def tag_of(place: str, now: float) -> str:
    """A new tag for a probe pushed from this place (eight hexadecimal digits) at this time (seconds)."""
    return f"{PREFIX}{place}-{int(now):08x}-{secrets.token_hex(4)}"


def leftovers(images: Iterable[Image], place: str, now: float) -> list[str]:
    """The digests of probes that nobody is at work with; never of an image that bears another tag too."""
    found = []
    for image in images:
        read = [_TAG.fullmatch(tag) for tag in image.tags]
        if read and all(match and (match["place"] == place or now - int(match["time"], 16) > _OLD) for match in read):
            found.append(image.digest)
    return found


async def push_probe(
    view: View,
    made: ProvisionResult,
    aws: Aws,
    patience: Patience,
    with_image: Callable[[], Awaitable[dict[_T, Answer]]],
) -> tuple[dict[str, Answer], dict[_T, Answer]]:
    """Push and pull a probe image with the CI user's own token, each request as far as the one before it came.

    Args:
        view: the project.
        made: what Terraform made.
        aws: as the CI user.
        patience: for a policy that was just changed.
        with_image: what is to be tried while the image is there.

    Returns:
        The answers by IAM's action, those after a refusal missing; and what `with_image` gave.

    Raises:
        ToolFailedError: the registry cannot be reached, or failed for another reason than a missing permission.
    """
    token = await _token(aws, patience)
    if token is None:
        return {}, {}
    place = hashlib.sha256(f"{platform.node()}\0{view.paths.state}".encode()).hexdigest()[:8]
    tag, probe = tag_of(place, time.time()), probe_image.make_probe()
    host = made.ecr_repo_url
    push = ProbePush(registry.base_url(host), made.ecr_repo_path, tag, *token, probe, direct=registry.is_loopback(host))
    if isinstance(view, Context):
        view.command("docker", "push", f"{host}/{made.ecr_repo_path}:{tag}")
    answers: dict[str, Answer] = {}
    tried_with_it: dict[_T, Answer] = {}
    try:
        for action, method, _ in PUSH_STEPS:
            reached = _REACHED if action in _READS else frozenset()
            answers[action] = await _step(getattr(push, method), patience, reached)
            if answers[action].found == "refused" and action not in (
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
            ):
                break
            # Only when the registry took the image (HTTP 201): what is tried with it would do harm without.
            if action == "ecr:PutImage" and answers[action].found == "allowed":
                tried_with_it = await with_image()
    finally:
        await push.close()
        if "ecr:PutImage" in answers or "ecr:CompleteLayerUpload" in answers:
            await _take_away(view, made, probe, tag, place)
    return answers, tried_with_it


async def _token(aws: Aws, patience: Patience) -> tuple[str, Secret] | None:
    got: list[tuple[str, Secret]] = []

    async def ask() -> str:
        got.append(await Ecr(aws.call).token())
        return "a token"

    answer = await tried(ask, "allowed", (), patience)
    return got[-1] if answer.found == "allowed" else None


async def _step(ask: Callable[[], Awaitable[str]], patience: Patience, reached: frozenset[str]) -> Answer:
    answer = await tried(ask, "allowed", reached, patience)
    if answer.found == "unknown":
        raise ToolFailedError(
            f"The probe image could not be pushed and pulled: the registry answered {answer.text}.",
            "Run `ecrwiz verify` again in a minute; when the repository is gone, `ecrwiz run provision --force`.",
        )
    return answer


async def _take_away(view: View, made: ProvisionResult, probe: Probe, tag: str, place: str) -> None:
    """Delete this probe and those that killed runs left; the CI user itself may not, and must not."""
    ecr = view.tools.ecr(made.aws_region)
    name, digest = made.ecr_repo_path, probe.manifest.digest
    say = view.say if isinstance(view, Context) else _nowhere
    try:
        found = leftovers(await ecr.images(name), place, time.time())
    except EcrwizError:
        found = []
    digests = sorted({digest, *found})
    try:
        await ecr.delete_images(name, digests)
    except EcrwizError as error:
        lacks = isinstance(error, RemoteError) and is_refusal(error)
        why = "your own AWS identity lacks ecr:BatchDeleteImage" if lacks else error.message.rstrip(".")
        say(
            f"The probe image {tag} stays in the repository: {why}.",
            f"$ aws ecr batch-delete-image --repository-name {name} --image-ids imageDigest={digest} removes it.",
        )
        return
    say(f"The probe image is gone again ({tag}).")
    if len(digests) > 1:
        say(f"So are {len(digests) - 1} that runs which were cut had left.")


def _nowhere(*_: str) -> None:
    """Nobody listens."""
