"""Which builder there is: a `docker` program with BuildKit that talks to our engine, or none."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ecrwiz.model.errors import EcrwizError
from ecrwiz.services import process
from ecrwiz.services.docker.bridge import connected, in_thread

__all__ = ["Builder", "engine_lacks", "find_builder"]

_QUICK: Final = 15.0  # seconds for a question to the program
_OLDEST_ENGINE: Final = (18, 9)  # the first with BuildKit (Docker's release notes)
_OLDEST_CLI: Final = (20, 10)  # the first whose `--secret` takes `env=`
_BUILDX_IS_APART: Final = (23, 0)  # since then the program builds by the plugin buildx, which may be missing
_ATTESTS: Final = (0, 10)  # buildx adds attestations since then, which make of an image an index of images
_VERSION: Final = re.compile(r"\bv?(\d+)\.(\d+)(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Builder:
    """How images are built.

    Attributes:
        program: the `docker` to run, or empty when there is none with BuildKit.
        flags: further flags of its `build`.
        environment: variables that it needs.
        reason: why there is no BuildKit, a sentence; empty when there is.
    """

    program: str
    flags: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""


_found: dict[tuple[str | None, ...], Builder] = {}


async def find_builder() -> Builder:
    """Look for BuildKit in each `docker` on PATH, in order; asked once per process and engine.

    Raises:
        MissingToolError: the engine does not answer.
    """
    asked = tuple(os.environ.get(name) for name in ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"))
    if asked not in _found:
        _found[asked] = await _look()
    return _found[asked]


async def _look() -> Builder:
    reason, engine_id = await in_thread(_engine)
    if reason:
        return Builder("", reason=reason)
    programs = list(_programs())
    reasons = []
    for program in programs:
        builder = await _ask(program, engine_id)
        if builder.program:
            return builder
        reasons.append(builder.reason)
    return Builder("", reason=reasons[0] if reasons else "The program `docker` is not on PATH.")


def _engine() -> tuple[str, str]:
    """Why the engine has no BuildKit, or nothing; and its id."""
    with connected("asking for its version") as api:
        reason = engine_lacks(api.version())
        return reason, "" if reason else str(api.info().get("ID", ""))


def engine_lacks(facts: Mapping[str, object]) -> str:
    """Why an engine has no BuildKit, a sentence, by its answer to `/version`; empty when it has."""
    text = str(facts.get("Version", ""))
    if "podman" in str(facts.get("Components", "")).lower():
        return "The engine is Podman's."
    version = _version(text)
    if version and version < _OLDEST_ENGINE:
        return f"The Docker engine {text} is older than 18.09."
    return "" if facts.get("Os", "linux") == "linux" else "The Docker engine runs Windows containers."


def _programs() -> Iterator[str]:
    """Each `docker` on PATH, as it is called: by its name when that finds it, else by its path."""
    seen: set[str] = set()
    for folder in os.get_exec_path():
        path = shutil.which("docker", path=folder)
        if path is None or not Path(path).is_absolute() or (real := os.path.realpath(path)) in seen:
            continue
        yield path if seen else "docker"
        seen.add(real)


async def _ask(program: str, engine_id: str) -> Builder:
    said = await _answer(program, "--version")
    version = _version(said)
    if not said.startswith("Docker version") or not version:
        return Builder("", reason=f"`{program}` is not Docker's own program.")
    if version < _OLDEST_CLI:
        return Builder("", reason=f"The program `{program}` is older than 20.10.")
    flags: tuple[str, ...] = ()
    if version >= _BUILDX_IS_APART:
        plugin = await _answer(program, "buildx", "version")
        if "docker/buildx" not in plugin:
            return Builder("", reason="Docker's plugin buildx is not installed.")
        attests = (_version(plugin.partition(" ")[2]) or _ATTESTS) >= _ATTESTS
        flags = ("--load", *(["--provenance=false"] if attests else []))
    other = await _answer(program, "info", "--format", "{{.ID}}")
    if other.strip() != engine_id:
        return Builder(
            "", reason=f"The program `{program}` does not reach the engine that DOCKER_HOST or the context names."
        )
    environment = {"DOCKER_BUILDKIT": "1"}
    if flags:
        environment["BUILDX_NO_DEFAULT_ATTESTATIONS"] = "1"
    return Builder(program, flags, environment)


async def _answer(program: str, *words: str) -> str:
    """What it prints; nothing when it fails."""
    try:
        answer = await process.capture([program, *words], cwd=Path("/"), timeout=_QUICK)
    except EcrwizError:
        return ""
    return answer.stdout if answer.returncode == 0 else ""


def _version(text: str) -> tuple[int, int] | None:
    found = _VERSION.search(text)
    return (int(found[1]), int(found[2])) if found else None
