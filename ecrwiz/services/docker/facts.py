"""What there is of Docker on this machine: the engine, where its data lies, and the program that builds."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ecrwiz.model.errors import EcrwizError
from ecrwiz.services import process
from ecrwiz.services.docker.bridge import connected, in_thread
from ecrwiz.services.docker.probe import engine_host

__all__ = ["BuilderFacts", "EngineFacts", "builder_facts", "engine_facts"]

_QUICK: Final = 8  # seconds for one question
_VERSION: Final = re.compile(r"v?(\d+\.\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """The engine that DOCKER_HOST or the current context names.

    Attributes:
        version: its version.
        platform: such as `linux/x86_64`.
        host: where it runs when that is another machine; else empty.
        data: the folder of its images, as the engine names it.
        free: bytes free there; None when that cannot be seen from here.
    """

    version: str
    platform: str
    host: str
    data: str
    free: int | None


@dataclass(frozen=True, slots=True)
class BuilderFacts:
    """The `docker` program; both are empty when there is none.

    Attributes:
        program: its version.
        buildx: the version of its BuildKit plugin; empty when that is missing.
    """

    program: str
    buildx: str


async def engine_facts() -> EngineFacts:
    """Ask the engine about itself.

    Raises:
        MissingToolError: it does not answer.
    """

    def work() -> EngineFacts:
        with connected("asking for its version", timeout=_QUICK) as api:
            version, info = api.version(), api.info()
        data, host = str(info.get("DockerRootDir") or ""), engine_host()
        platform = f"{info.get('OSType', 'linux')}/{info.get('Architecture', '')}"
        return EngineFacts(str(version.get("Version", "")), platform, host, data, None if host else _free(data))

    return await in_thread(work)


async def builder_facts(cwd: Path) -> BuilderFacts:
    """Ask the `docker` program which builder it has; the engine is not asked."""
    if process.which("docker") is None:
        return BuilderFacts("", "")
    return BuilderFacts(await _version(cwd, "--version"), await _version(cwd, "buildx", "version"))


async def _version(cwd: Path, *words: str) -> str:
    try:
        done = await process.capture(["docker", *words], cwd=cwd, timeout=_QUICK)
    except EcrwizError:
        return ""
    found = _VERSION.search(done.stdout) if done.returncode == 0 else None
    return found[1] if found else ""


def _free(data: str) -> int | None:
    try:
        return shutil.disk_usage(data).free if data else None
    except OSError:  # in a virtual machine, or not to be seen by this user
        return None
