"""The engine as the steps see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from ecrwiz.model.errors import ToolFailedError
from ecrwiz.model.ports import OnLines, OnProgress, ignore
from ecrwiz.model.redact import Secret
from ecrwiz.services.docker.bridge import Feed, Wire, connected, in_thread
from ecrwiz.services.docker.build import run_build
from ecrwiz.services.docker.builders import find_builder
from ecrwiz.services.docker.buildkit import run_buildkit
from ecrwiz.services.docker.command import arguments, shown
from ecrwiz.services.docker.dockerfile import check_plain, plain_form, read_dockerfile
from ecrwiz.services.docker.images import ImageInfo, inspect
from ecrwiz.services.docker.probe import Probe, Trial, probe
from ecrwiz.services.docker.records import PushLog
from ecrwiz.services.docker.request import Request

__all__ = ["Engine", "ImageInfo"]

_PUSH_SILENCE: Final = 900.0  # seconds without a record: a registry may think long about a large layer


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
                return inspect(api, ref)

        return await in_thread(work)

    async def build(
        self,
        request: Request,
        *,
        on_lines: OnLines,
        on_progress: OnProgress,
        on_command: Callable[[str], None] = ignore,
        notes: Path | None = None,
    ) -> str:
        """Build an image, with BuildKit where there is one, and tag it when it turned out as asked for.

        Args:
            request: what to build.
            on_lines: the builder's output.
            on_progress: bytes while the context is sent or a base image pulled, then `steps`.
            on_command: told the command.
            notes: a folder for notes about the program that runs, see `process.stream`.

        Returns:
            The image's id, `sha256:...`.

        Raises:
            BadInputError: the context or the Dockerfile cannot be used.
            MissingToolError: the Dockerfile cannot be built without BuildKit, and there is none.
            ToolFailedError: the build failed, or the image is for another platform.
        """
        text = read_dockerfile(request.root, request.dockerfile)
        builder = await find_builder()
        if builder.program:
            return await run_buildkit(
                builder, request, text, on_lines=on_lines, on_progress=on_progress, on_command=on_command, notes=notes
            )
        check_plain(text, request.given, builder.reason)
        plain = plain_form(text)
        left_out = " without the Dockerfile's cache mounts, which takes longer," if plain != text else ""
        on_lines([f"{builder.reason} So the image is built{left_out} by the engine's classic builder."])
        on_command(shown(builder, arguments(builder, request)))
        feed, wire = Feed(on_lines, on_progress), Wire()
        return await in_thread(lambda: run_build(request, plain, feed, wire), feed=feed, wire=wire)

    async def push(
        self,
        local_ref: str,
        remote: str,
        tag: str,
        password: Secret,
        *,
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
                if inspect(api, local_ref) is None:
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

    async def run_probe(self, trial: Trial, on_lines: OnLines) -> Probe:
        """Run an image on a free port of this machine until it answers over HTTP; see `probe.probe`."""
        return await probe(trial, on_lines)

    async def save(self, ref: str, take: Callable[[bytes], None]) -> None:
        """Hand on an image as `docker save` gives it, a tar with its configuration and layers.

        Args:
            ref: the image.
            take: takes the stream piece by piece, in another thread; what it raises ends the stream and comes out.

        Raises:
            ToolFailedError: the engine does not have the image, or stopped half way.
        """
        wire = Wire()

        def work() -> None:
            with connected(f"reading the image {ref}", timeout=120) as api:
                wire.watch(api)
                if inspect(api, ref) is None:
                    raise ToolFailedError(f"The image {ref} is not in the local Docker engine.")
                for piece in api.get_image(ref):
                    wire.check()
                    take(piece)

        await in_thread(work, wire=wire)

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
