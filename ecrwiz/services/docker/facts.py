"""What there is of the Docker engine: its version, and where its data lies."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Final

from ecrwiz.services.docker.bridge import connected, in_thread
from ecrwiz.services.docker.probe import engine_host

__all__ = ["EngineFacts", "engine_facts"]

_QUICK: Final = 8  # seconds for one question


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


def _free(data: str) -> int | None:
    try:
        return shutil.disk_usage(data).free if data else None
    except OSError:  # in a virtual machine, or not to be seen by this user
        return None
