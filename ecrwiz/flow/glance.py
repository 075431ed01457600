"""What Home shows beside the journal: who we are to AWS, and what a step's last run did."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from ecrwiz.flow.project import Project
from ecrwiz.model import results
from ecrwiz.model.errors import EcrwizError, MissingToolError
from ecrwiz.model.redact import clean_line
from ecrwiz.services import process
from ecrwiz.services.aws import Aws, Identity

__all__ = ["IDENTITY_SECONDS", "Identity", "identity", "log_tail", "output_lines", "registry_uri"]

IDENTITY_SECONDS: Final = 12.0

_TAIL_BYTES: Final = 16_384
_ENCRYPTED: Final = ("aws_iam_access_key",)  # encrypted, and only noise to a reader


async def identity(project: Project, seconds: float = IDENTITY_SECONDS) -> Identity:
    """Ask AWS who we are, anew: what the person changed since (a login, a profile) counts.

    A credential program that hangs holds up neither the screen nor the end of the wizard.

    Raises:
        EcrwizError: there are no usable credentials, AWS refused, or nothing came in time.
    """
    region = project.resolved.values.get("region", "") or "us-east-1"
    try:
        async with asyncio.timeout(seconds):
            return await process.in_daemon_thread(Aws(region, profile=project.tools.profile).ask_identity)
    except TimeoutError:
        raise MissingToolError(
            f"AWS did not answer within {seconds:g} seconds.",
            "Check the network, and whether your AWS profile's credential program waits for something.",
        ) from None


def registry_uri(project: Project) -> tuple[str, bool]:
    """The repository's URI, and whether it exists already; empty when the account is not known yet."""
    made = project.results.find(results.ProvisionResult)
    return (f"{made.ecr_repo_url}/{made.ecr_repo_path}", True) if made else ("", False)


def output_lines(outputs: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """A step's result as labelled values."""
    return tuple(_flat("", outputs))


def _flat(before: str, values: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        label = f"{before}{name}"
        if name in _ENCRYPTED:
            yield label, f"encrypted, {len(str(value))} characters"
        elif isinstance(value, bool):
            yield label, "yes" if value else "no"
        elif isinstance(value, Mapping):
            yield from _flat(f"{label}.", value)
        elif isinstance(value, list | tuple):
            yield label, ", ".join(map(str, value)) or "none"
        else:
            yield label, clean_line(str(value))


async def log_tail(path: Path, lines: int = 40) -> tuple[str, ...]:
    """The last lines of a step's log, without their date; empty when there is none."""
    return await asyncio.to_thread(_tail, path, lines)


def _tail(path: Path, lines: int) -> tuple[str, ...]:
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - _TAIL_BYTES))
            data = file.read(_TAIL_BYTES)
    except (OSError, EcrwizError):
        return ()
    text = data.decode("utf-8", "replace").splitlines()
    whole = text[1:] if size > _TAIL_BYTES else text
    return tuple(clean_line(line[11:19] + line[20:] if line[19:21] == "Z " else line) for line in whole[-lines:])
