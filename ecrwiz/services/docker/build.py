"""Building an image; blocking, for a thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ecrwiz.model.errors import ToolFailedError
from ecrwiz.services.docker.bridge import Api, Feed, Wire, connected
from ecrwiz.services.docker.context import list_context, tar_size, tar_stream
from ecrwiz.services.docker.credentials import base_images, send_only_needed
from ecrwiz.services.docker.images import inspect
from ecrwiz.services.docker.records import BuildLog

__all__ = ["run_build"]


def run_build(
    root: Path,
    dockerfile: str,
    platform: str,
    tags: Sequence[str],
    build_args: Mapping[str, str],
    labels: Mapping[str, str],
    feed: Feed,
    wire: Wire,
) -> str:
    """Build, check, tag; see `Engine.build`."""
    instructions = _read(root, dockerfile)
    entries = list_context(root, dockerfile)
    total = tar_size(entries)

    def sent(count: int) -> None:
        wire.check()
        feed.progress(min(count, total), total, "bytes", "sending the files to the Docker engine")

    with connected("building the image") as api:
        wire.watch(api)
        send_only_needed(api, base_images(instructions, build_args), feed)
        log = BuildLog(feed)
        for record in api.build(
            fileobj=tar_stream(root, entries, sent),
            custom_context=True,
            dockerfile=dockerfile,
            platform=platform,
            buildargs=dict(build_args),
            labels=dict(labels),
            rm=True,
            forcerm=True,
            decode=True,
        ):
            wire.check()
            log.take(record)
        feed.write(b"", end=True)
        return _accept(api, log.image_id, platform, tags)


def _read(root: Path, dockerfile: str) -> str:
    try:
        return (root / dockerfile).read_text("utf-8-sig", "replace")
    except OSError as error:
        raise ToolFailedError(
            f"{root / dockerfile} cannot be read: {error.strerror}.", "Run the step render to make it."
        ) from error


def _accept(api: Api, image_id: str, platform: str, tags: Sequence[str]) -> str:
    """Tag the image if it is for the right platform: an engine builds for its own when the base image is that."""
    image = inspect(api, image_id) if image_id else None
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
