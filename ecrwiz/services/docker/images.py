"""Images in the local engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ecrwiz.services.docker.bridge import Api

__all__ = ["ImageInfo", "inspect"]


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
    """

    id: str
    platform: str
    size: int
    repo_digests: tuple[str, ...]
    tags: tuple[str, ...]
    labels: Mapping[str, str]


def inspect(api: Api, ref: str) -> ImageInfo | None:
    """An image by name, name and tag, or id; None when the engine does not have it."""
    from docker.errors import ImageNotFound

    try:
        facts = api.inspect_image(ref)
    except ImageNotFound:
        return None
    return ImageInfo(
        id=facts["Id"],
        platform=f"{facts['Os']}/{facts['Architecture']}",
        size=facts["Size"],
        repo_digests=tuple(facts.get("RepoDigests") or ()),
        tags=tuple(facts.get("RepoTags") or ()),
        labels=dict(facts.get("Config", {}).get("Labels") or {}),
    )
