"""Images in the local engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ecrwiz.model.errors import ToolFailedError
from ecrwiz.services.docker.bridge import Api

__all__ = ["ImageInfo", "accept", "inspect"]


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """An image in the local engine.

    Attributes:
        id: `sha256:...` of its configuration.
        platform: `os/architecture`.
        size: bytes, uncompressed.
        repo_digests: `name@sha256:...` for each registry it was pushed to or pulled from.
        tags: `name:tag`.
        labels: its labels, those of its base image included.
        user: whom it runs as, by name or number; empty for root.
        stop_signal: the signal that asks it to stop.
    """

    id: str
    platform: str
    size: int
    repo_digests: tuple[str, ...]
    tags: tuple[str, ...]
    labels: Mapping[str, str]
    user: str = ""
    stop_signal: str = "SIGTERM"


def inspect(api: Api, ref: str) -> ImageInfo | None:
    """An image by name, name and tag, or id; None when the engine does not have it."""
    from docker.errors import ImageNotFound

    try:
        facts = api.inspect_image(ref)
    except ImageNotFound:
        return None
    config = facts.get("Config") or {}
    return ImageInfo(
        id=facts["Id"],
        platform=f"{facts['Os']}/{facts['Architecture']}",
        size=facts["Size"],
        repo_digests=tuple(facts.get("RepoDigests") or ()),
        tags=tuple(facts.get("RepoTags") or ()),
        labels=dict(config.get("Labels") or {}),
        user=str(config.get("User") or ""),
        stop_signal=str(config.get("StopSignal") or "SIGTERM"),
    )


def accept(api: Api, image: ImageInfo | None, platform: str, tags: Sequence[str]) -> str:
    """Tag the image if it is for the right platform: an engine builds for its own when the base image is that.

    Returns:
        The image's id.

    Raises:
        ToolFailedError: there is no image, or it is for another platform.
    """
    if image is None:
        raise ToolFailedError("The build ended without an image.", "Build again, and read the output above.")
    if image.platform.split("/")[:2] != platform.split("/")[:2]:
        raise ToolFailedError(
            f"The image is for {image.platform} though {platform} was asked for: "
            "the base image in the local Docker engine is for the other platform.",
            f"Pull the base image with `docker pull --platform {platform} IMAGE`, or choose {image.platform}.",
        )
    for tag in tags:
        name, _, label = tag.rpartition(":")
        api.tag(image.id, name, label)
    return image.id
