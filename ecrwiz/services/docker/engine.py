"""The engine as the steps see it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ecrwiz.model.errors import ToolFailedError
from ecrwiz.model.redact import Secret
from ecrwiz.services.docker.bridge import Feed, OnLines, OnProgress, Wire, connected, in_thread
from ecrwiz.services.docker.context import list_context, tar_size, tar_stream
from ecrwiz.services.docker.credentials import base_images, send_only_needed
from ecrwiz.services.docker.probe import Probe, probe
from ecrwiz.services.docker.records import BuildLog, PushLog

__all__ = ["Engine", "ImageInfo"]

_PUSH_SILENCE: Final = 900.0  # seconds without a record: a registry may think long about a large layer


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """An image in the local engine.

    Attributes:
        id: `sha256:...` of its configuration.
        platform: `os/architecture`.
        size: bytes, uncompressed.
        repo_digests: `name@sha256:...` for each registry it was pushed to or pulled from.
        tags: `name:tag`.
    """

    id: str
    platform: str
    size: int
    repo_digests: tuple[str, ...]
    tags: tuple[str, ...]


class Engine:
    """The Docker engine that DOCKER_HOST or the current context names; nothing is asked before the first call.

    Cancelling a call ends what it does in the engine, within about 0.3 s. Every call raises MissingToolError
    when the engine does not answer.
    """

    async def ping(self) -> str:
        """The engine's version."""

        def work() -> str:
            with connected("asking for its version", timeout=10) as api:
                return str(api.version()["Version"])

        return await in_thread(work)

    async def find_image(self, ref: str) -> ImageInfo | None:
        """An image by name, name and tag, or id; None when the engine does not have it."""

        def work() -> ImageInfo | None:
            with connected(f"looking for the image {ref}") as api:
                return _inspect(api, ref)

        return await in_thread(work)

    async def build(
        self,
        root: Path,
        *,
        dockerfile: str = "Dockerfile",
        platform: str,
        tags: Sequence[str],
        build_args: Mapping[str, str],
        labels: Mapping[str, str],
        on_lines: OnLines,
        on_progress: OnProgress,
    ) -> str:
        """Build an image, and tag it when it turned out as asked for.

        Args:
            root: the build context.
            dockerfile: relative to the context.
            platform: `os/architecture`.
            tags: `name:tag`, each.
            build_args: for the Dockerfile's ARG; they can be seen in the image, so never a secret.
            labels: for the image.
            on_lines: the engine's output.
            on_progress: bytes while the context is sent or a base image pulled, then `steps`.

        Returns:
            The image's id, `sha256:...`.

        Raises:
            BadInputError: the context cannot be read.
            ToolFailedError: the build failed, or the image is for another platform.
        """
        feed, wire = Feed(on_lines, on_progress), Wire()

        def work() -> str:
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

        return await in_thread(work, feed=feed, wire=wire)

    async def push(
        self,
        local_ref: str,
        remote: str,
        tag: str,
        *,
        password: Secret,
        username: str = "AWS",
        on_lines: OnLines,
        on_progress: OnProgress,
    ) -> str:
        """Tag an image for a registry and push it there; the tag stays in the local engine.

        The password goes into this one request: nobody is logged in, nothing is written.

        Args:
            local_ref: the image in the local engine.
            remote: the registry's host and the repository's name, `host/name`.
            tag: what it is to be called there.
            password: the registry's.
            username: the registry's; ECR's is always `AWS`.
            on_lines: the engine's output.
            on_progress: bytes, all layers together.

        Returns:
            The digest of the manifest that was pushed, `sha256:...`.

        Raises:
            ToolFailedError: the image is missing, or the registry refused it.
        """
        feed, wire = Feed(on_lines, on_progress), Wire()

        def work() -> str:
            with connected("pushing the image", timeout=_PUSH_SILENCE) as api:
                wire.watch(api)
                if _inspect(api, local_ref) is None:
                    raise ToolFailedError(
                        f"The image {local_ref} is not in the local Docker engine.", "Run the step build first."
                    )
                api.tag(local_ref, remote, tag)
                log = PushLog(feed)
                login = {"username": username, "password": password.reveal()}
                for record in api.push(remote, tag=tag, stream=True, decode=True, auth_config=login):
                    wire.check()
                    log.take(record)
            if not log.digest:
                raise ToolFailedError(f"The push of {remote}:{tag} ended without a digest.", "Push again.")
            return log.digest

        return await in_thread(work, feed=feed, wire=wire)

    async def run_probe(
        self,
        image_ref: str,
        *,
        port: int,
        env: Mapping[str, str],
        labels: Mapping[str, str],
        seconds: float,
        path: str = "/",
        on_lines: OnLines,
    ) -> Probe:
        """Run an image on a free port of this machine until it answers over HTTP; see `probe.probe`."""
        return await probe(image_ref, port=port, env=env, labels=labels, seconds=seconds, path=path, on_lines=on_lines)

    async def remove_tags(self, refs: Iterable[str]) -> None:
        """Take names off images, and remove the images that have none left; missing ones do not matter."""
        names = tuple(refs)

        def work() -> None:
            from docker.errors import ImageNotFound

            with connected("removing images") as api:
                for name in names:
                    try:
                        api.remove_image(name)
                    except ImageNotFound:
                        continue

        await in_thread(work)


def _inspect(api: Any, ref: str) -> ImageInfo | None:
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
    )


def _read(root: Path, dockerfile: str) -> str:
    try:
        return (root / dockerfile).read_text("utf-8-sig", "replace")
    except OSError as error:
        raise ToolFailedError(
            f"{root / dockerfile} cannot be read: {error.strerror}.", "Run the step render to make it."
        ) from error


def _accept(api: Any, image_id: str, platform: str, tags: Sequence[str]) -> str:
    """Tag the image if it is for the right platform: an engine builds for its own when the base image is that."""
    image = _inspect(api, image_id) if image_id else None
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
