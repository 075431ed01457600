"""Reads Terraform's language: bounded, and without following a link out of the project."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ecrwiz.model.errors import ToolFailedError

__all__ = ["LARGEST", "MOST_BYTES", "Block", "bodies", "dicts", "parse", "read"]

LARGEST: Final = 150_000
"""Bytes of one file: the parser needs some seconds for more."""
MOST_BYTES: Final = 600_000
"""Of all files of a folder together."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a file.

    Attributes:
        file: relative to the folder that was looked into.
        what: kind and labels, such as `resource aws_ecr_repository.main` or `backend s3`.
    """

    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"


def parse(text: str) -> dict[str, Any]:
    """A file's blocks and attributes.

    Raises:
        ToolFailedError: with the end of a sentence that begins with the file's name.
    """
    import hcl2
    from lark.exceptions import LarkError

    try:
        found: dict[str, Any] = hcl2.loads(text)
    except (LarkError, RecursionError) as error:
        raise ToolFailedError("cannot be read as Terraform") from error
    return found


def bodies(tree: Mapping[str, Any], kind: str, depth: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The blocks of a kind: labels joined by a dot, and the body."""
    for block in dicts(tree.get(kind)):
        yield from _labelled(block, depth)


def _labelled(block: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Labels come without the quotes that some releases of the parser keep."""
    for name, body in block.items():
        label = name.strip('"')
        if label.startswith("__") or not isinstance(body, dict):
            continue
        if depth == 1:
            yield label, body
        else:
            yield from ((f"{label}.{rest}", inner) for rest, inner in _labelled(body, depth - 1))


def dicts(value: object) -> list[dict[str, Any]]:
    """The blocks among what the parser gave for one kind."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def read(path: Path, folder: Path, room: int) -> str:
    """A file's text; bounded, and no link out of the folder's parent is followed.

    Raises:
        ToolFailedError: with the end of a sentence that begins with the file's name.
    """
    try:
        if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder.parent)):
            raise ToolFailedError("is a link that leads out of the project")
        if not stat.S_ISREG(path.stat().st_mode):
            raise ToolFailedError("is no ordinary file")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > min(LARGEST, room):
            raise ToolFailedError(f"is too large to be looked into (more than {LARGEST // 1000} kB)")
        return data.decode("utf-8")
    except (UnicodeDecodeError, OSError) as error:
        raise ToolFailedError("cannot be read") from error
