"""Building an image with BuildKit, by the docker program: docker-py cannot."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path, PurePosixPath
from typing import Final

from ecrwiz.model.errors import ToolFailedError
from ecrwiz.model.ports import OnLines, OnProgress
from ecrwiz.services import process
from ecrwiz.services.docker.bridge import Api, connected, in_thread
from ecrwiz.services.docker.builders import Builder
from ecrwiz.services.docker.buildkit_log import BuildKitLog
from ecrwiz.services.docker.command import arguments, shown
from ecrwiz.services.docker.context import NEVER
from ecrwiz.services.docker.ignore import Ignore, ignore_lines, read_ignore
from ecrwiz.services.docker.images import ImageInfo, accept, inspect
from ecrwiz.services.docker.request import Request

__all__ = ["run_buildkit"]

_GRACE: Final = 10.0  # seconds for the program to tell the engine that the build is off


async def run_buildkit(
    builder: Builder,
    request: Request,
    text: str,
    *,
    on_lines: OnLines,
    on_progress: OnProgress,
    on_command: Callable[[str], None],
    notes: Path | None,
) -> str:
    """Build, check, tag; see `Engine.build`.

    Args:
        builder: with a program.
        request: what is asked for.
        text: the Dockerfile's.
        on_lines: the program's output as it is.
        on_progress: bytes while files are sent or a base image pulled, and `steps`.
        on_command: told the command.
        notes: see `process.stream`.
    """
    with ExitStack() as stack:
        private = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecrwiz-build-")))
        other = _without_our_own(request, text, private)
        words = arguments(builder, request, other)
        on_command(shown(builder, words))
        log = BuildKitLog(on_progress)

        def take(lines: Sequence[str]) -> None:
            on_lines(lines)
            log.take(lines)

        secrets = {name: secret.reveal() for name, secret in request.secrets.items()}
        ended = await process.stream(
            [*words[:2], "--iidfile", str(private / "id"), *words[2:]],  # the id is ours only: not shown
            cwd=request.folder or request.root,
            env=process.child_environment({**builder.environment, **secrets}),
            on_lines=take,
            grace=_GRACE,
            notes=notes,
            purpose="the build of the image",
        )
        if ended.returncode:
            raise log.failure()
        image_id = _read(private / "id")
        return await in_thread(lambda: _accepted(request, image_id))


def _accepted(request: Request, image_id: str) -> str:
    """The image's id in the engine, if it is for the right platform; else the tags are taken off it again."""
    with connected("looking at the image") as api:
        image = _find(api, [image_id, *request.tags])
        try:
            return accept(api, image, request.platform, request.tags)
        except ToolFailedError:
            _untag(api, request.tags)
            raise


def _find(api: Api, refs: Sequence[str]) -> ImageInfo | None:
    # An engine that keeps its images in containerd knows them by the manifest's digest, which --iidfile may not hold.
    return next((image for ref in refs if ref and (image := inspect(api, ref))), None)


def _untag(api: Api, tags: Sequence[str]) -> None:
    from docker.errors import APIError

    for tag in tags:
        with suppress(APIError):
            api.remove_image(tag)


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except OSError:
        return ""


def _without_our_own(request: Request, text: str, private: Path) -> Path | None:
    """A copy of the Dockerfile with ignore rules that leave our state folder out, when those that are there do not."""
    name = request.dockerfile
    places = {NEVER, (PurePosixPath(name).parent / NEVER).as_posix()}
    rules = read_ignore(request.root, name)
    sent = [place for place in sorted(places) if (request.root / place).is_dir() and not _ignores(rules, place)]
    if not sent:
        return None
    copy = private / "Dockerfile"
    copy.write_text(text, "utf-8", newline="")
    _, lines = ignore_lines(request.root, name)
    with copy.with_name("Dockerfile.dockerignore").open("w", encoding="utf-8", errors="surrogateescape") as file:
        file.write("\n".join([*lines, f"**/{NEVER}", ""]))
    return copy


def _ignores(rules: Ignore, path: str) -> bool:
    ignored, hits, done = False, rules.nothing, ""
    for part in path.split("/"):
        done = f"{done}/{part}" if done else part
        ignored, hits = rules.decide(done, hits)
    return ignored
