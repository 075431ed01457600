"""The `docker build` that is run, or that a person would type for what docker-py does."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from ecrwiz.services.docker.builders import Builder
from ecrwiz.services.docker.request import Request

__all__ = ["arguments", "shown"]


def arguments(builder: Builder, request: Request, dockerfile: Path | None = None) -> list[str]:
    """The words of the command, to be run in the request's folder.

    Args:
        builder: whose program is run; `docker` when it has none.
        request: what is asked for.
        dockerfile: another one than the context's.
    """
    folder = request.folder or request.root
    told = ["--progress=plain"] if builder.program else []
    flags = [*told, *builder.flags, *_flags(request, dockerfile)]
    return [builder.program or "docker", "build", *flags, _way(request.root, folder)]


def shown(builder: Builder, words: list[str]) -> str:
    """The command as a person could type it; no secret is in it, only its name."""
    variables = [f"{name}={shlex.quote(value)}" for name, value in builder.environment.items()]
    return " ".join([*variables, shlex.join(words)])


def _flags(request: Request, dockerfile: Path | None) -> Iterator[str]:
    folder = request.folder or request.root
    own = request.root / request.dockerfile
    if dockerfile or own != request.root / "Dockerfile":
        yield from ("-f", _way(dockerfile or own, folder))
    yield from ("--platform", request.platform)
    for tag in request.tags:
        yield from ("-t", tag)
    for name, value in request.build_args.items():
        yield from ("--build-arg", f"{name}={value}")
    for name, value in request.labels.items():
        yield from ("--label", f"{name}={value}")
    for name in request.secrets:
        yield from ("--secret", f"id={name},env={name}")
    for name, path in request.secret_files.items():
        yield from ("--secret", f"id={name},{_field(f'src={path}')}")


def _field(text: str) -> str:
    """A field of the comma-separated value that `--secret` takes."""
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"') else text


def _way(path: Path, folder: Path) -> str:
    """A path as one types it in a folder: relative when it is in it or in one above that is not far."""
    relative = os.path.relpath(path, folder)
    return relative if not relative.startswith("../../../..") and path.is_absolute() else str(path)
