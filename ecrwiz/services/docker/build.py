"""Building an image by docker-py, which has no BuildKit; blocking, for a thread."""

from __future__ import annotations

from ecrwiz.services.docker.bridge import Feed, Wire, connected
from ecrwiz.services.docker.context import list_context, tar_size, tar_stream
from ecrwiz.services.docker.credentials import base_images, send_only_needed
from ecrwiz.services.docker.images import accept, inspect
from ecrwiz.services.docker.records import BuildLog
from ecrwiz.services.docker.request import Request

__all__ = ["run_build"]


def run_build(request: Request, text: str, feed: Feed, wire: Wire) -> str:
    """Build, check, tag; see `Engine.build`.

    Args:
        request: what is asked for; its secrets are not given on.
        text: the Dockerfile's, sent in place of what is on the disk.
        feed: for lines and progress.
        wire: to cut the build by.
    """
    root = request.root
    content = text.encode("utf-8", "replace")
    entries = list_context(root, request.dockerfile)
    total = tar_size(entries)

    def sent(count: int) -> None:
        wire.check()
        feed.progress(min(count, total), total, "bytes", "sending the files to the Docker engine")

    with connected("building the image") as api:
        wire.watch(api)
        send_only_needed(api, base_images(text, request.build_args), feed)
        log = BuildLog(feed)
        for record in api.build(
            fileobj=tar_stream(root, entries, sent, {request.dockerfile: content}),
            custom_context=True,
            dockerfile=request.dockerfile,
            platform=request.platform,
            buildargs=dict(request.build_args),
            labels=dict(request.labels),
            rm=True,
            forcerm=True,
            decode=True,
        ):
            wire.check()
            log.take(record)
        feed.write(b"", end=True)
        image = inspect(api, log.image_id) if log.image_id else None
        return accept(api, image, request.platform, request.tags)
