"""Sees to the image that an application's Dockerfile starts from, also where no registry can be reached.

The image on this machine is taken when it is there, else it is pulled, else a stand-in is built
(`ecrwiz.sandbox.stand_in`) and kept in the cache folder of this account, from where it loads in seconds.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import platformdirs
import requests
import urllib3
from docker.credentials.errors import StoreError
from docker.errors import DockerException, ImageNotFound
from docker.utils import parse_repository_tag

from ecrwiz.model.errors import MissingToolError, ToolFailedError
from ecrwiz.sandbox import stand_in
from ecrwiz.sandbox.machine import Machine

__all__ = ["ensure_base_image", "forget_tags"]

_PULL_SILENCE = 20
"""Seconds without a word from the engine after which a registry counts as out of reach."""

_STAND_IN_SILENCE = 4
"""The same when a stand-in is at hand already, so that every run does not wait for a network that is cut off."""

_QUICK = 20
"""Seconds that a plain question to the engine may take."""

_LONG = 600
"""Seconds that saving or loading a whole image may take."""

_ENGINE_ERRORS = (DockerException, requests.RequestException, urllib3.exceptions.HTTPError, StoreError)


def forget_tags(registry: str) -> None:
    """Remove the names that pushes to a sandbox's registry, which is gone, left in the engine; the images stay."""
    prefix = registry.removeprefix("http://") + "/"
    try:
        with contextlib.closing(docker.from_env(timeout=_QUICK)) as engine:
            # `engine.images.list()` asks for each image again, and fails when another program has just removed one.
            tags = {tag for image in engine.api.images() for tag in image["RepoTags"] or ()}
            for tag in sorted(tag for tag in tags if tag.startswith(prefix)):
                engine.images.remove(tag, noprune=True)
    except _ENGINE_ERRORS:
        return  # names that cost nothing; no engine, no names


def ensure_base_image(reference: str, say: Callable[[str], None]) -> bool:
    """Makes sure that the engine has a base image.

    Args:
        reference: the image as a Dockerfile's FROM names it, such as `node:24-slim`.
        say: gets a plain sentence when something takes time.

    Returns:
        True when a stand-in was put in the image's place by this call.

    Raises:
        MissingToolError: no engine answers, the image can neither be pulled nor stood in for, or a program
            for building the stand-in is missing.
        ToolFailedError: building the stand-in failed.
    """
    with _engine(timeout=_QUICK) as client:
        labels = _labels(client, reference)
        if labels is not None and stand_in.LABEL not in labels:
            return False
        # A stand-in of an earlier call gives way as soon as the real image can be had.
        refusal = _pull(client, reference, _PULL_SILENCE if labels is None else _STAND_IN_SILENCE)
    if refusal is None:
        return False
    machine = Machine.read()
    wanted = stand_in.recipe(machine)
    if labels is not None and labels.get(stand_in.RECIPE_LABEL) == wanted:
        return False
    if stand_in.major_version(reference) is None:
        raise MissingToolError(
            f"The base image {reference} is not on this machine and cannot be pulled: {refusal}",
            "Connect to a network that reaches its registry, or load the image with `docker load`.",
        )
    say(f"{reference} cannot be pulled ({refusal}); a stand-in takes its place.")
    with _engine(timeout=_LONG) as client:
        _provide(client, reference, machine, say)
    return True


@contextmanager
def _engine(timeout: int) -> Iterator[docker.DockerClient]:
    try:
        client = docker.from_env(timeout=timeout)
    except _ENGINE_ERRORS as error:
        raise MissingToolError(
            f"No Docker engine answers: {error}", "Start Docker, or set DOCKER_HOST to an engine that runs."
        ) from error
    try:
        yield client
    except _ENGINE_ERRORS as error:
        raise ToolFailedError(f"The Docker engine failed while it saw to the base image: {error}") from error
    finally:
        client.close()


def _labels(client: docker.DockerClient, reference: str) -> dict[str, str] | None:
    try:
        return dict(client.images.get(reference).labels)
    except ImageNotFound:
        return None


def _pull(client: docker.DockerClient, reference: str, patience: float) -> str | None:
    """Pulls the image; gives the reason when that cannot be done. `patience` is in seconds."""
    heard: queue.Queue[str | None] = queue.Queue()
    # docker-py waits for a pull without end whatever its timeout, and the engine waits long for a registry.
    threading.Thread(target=_listen, args=(client, reference, heard), daemon=True).start()
    while True:
        try:
            word = heard.get(timeout=patience)
        except queue.Empty:
            return f"its registry has not answered for {patience} seconds"
        if word is None:
            return None
        if word:
            return word


def _listen(client: docker.DockerClient, reference: str, heard: queue.Queue[str | None]) -> None:
    """Pulls and puts "" for each sign of progress, then None for success or else the reason."""
    repository, tag = parse_repository_tag(reference)
    try:
        for record in client.api.pull(repository, tag=tag or "latest", stream=True, decode=True):
            heard.put(_reason(str(record["error"])) if "error" in record else "")
    except _ENGINE_ERRORS as error:
        heard.put(_reason(str(getattr(error, "explanation", None) or error)))
    heard.put(None)


def _reason(text: str) -> str:
    """The last, telling part of what the engine says: `dial tcp: lookup registry: no such host`."""
    return re.sub(r'^Get "[^"]*": ', "", text.strip().splitlines()[-1])


def _provide(client: docker.DockerClient, reference: str, machine: Machine, say: Callable[[str], None]) -> None:
    folder = Path(platformdirs.user_cache_dir("ecrwiz")) / "base-images"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = re.sub(r"[^a-z0-9.]+", "-", reference)
    kept = folder / f"{name}_{stand_in.recipe(machine)}.tar"
    with _locked(folder / "lock"):
        if kept.is_file():
            say(f"Loading the stand-in for {reference} that was built earlier.")
            with kept.open("rb") as file:
                client.images.load(file)
            return
        stand_in.build(client, reference, machine, folder, say)
        for outdated in folder.glob(f"{name}_*.tar"):
            outdated.unlink()
        _save(client, reference, kept)


def _save(client: docker.DockerClient, reference: str, path: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        try:
            for part in client.images.get(reference).save(named=reference):
                file.write(part)
            Path(file.name).replace(path)
        finally:
            Path(file.name).unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Two runs at once build it once: the second waits and then loads what the first has kept."""
    import fcntl  # not on Windows, where no stand-in can be built either

    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
