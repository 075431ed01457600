"""The copies of the CI secret that ecrwiz made for the person: their places are noted, never what is in them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import TypeAdapter, ValidationError

from ecrwiz.model.custody import Copy
from ecrwiz.model.paths import ProjectPaths
from ecrwiz.services import files

__all__ = ["Noted", "forget", "note", "noted", "outdated", "warnings"]

_SCHEMA: Final = 1
_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Noted:
    """One copy.

    Attributes:
        kind: `file`, `profile` or `gitlab`.
        place: the file's path, the profile's name, or `URL of the project, environment scope`.
        access_key_id: the key whose secret it got; a profile reads the keyring, so it has the key of the day.
        when: ISO 8601, UTC.
        detail: more of the place: the AWS configuration file, or GitLab's project by its path and scope.
        entry: the keyring entry that a profile reads.
    """

    kind: Literal["file", "profile", "gitlab"]
    place: str
    access_key_id: str
    when: str
    detail: str = ""
    entry: str = ""


_NOTES: Final[TypeAdapter[list[Noted]]] = TypeAdapter(list[Noted])


def noted(paths: ProjectPaths) -> tuple[Noted, ...]:
    """Every copy that was noted, the oldest first; what cannot be read counts as none."""
    try:
        data = json.loads(files.read_text(_path(paths), inside=paths.state) or "{}")
        return tuple(_NOTES.validate_python(data["copies"])) if data else ()
    except (ValueError, KeyError, TypeError, RecursionError, ValidationError):
        return ()


def note(
    paths: ProjectPaths,
    kind: Literal["file", "profile", "gitlab"],
    place: str,
    key: str,
    detail: str = "",
    entry: str = "",
) -> None:
    """Note a copy before it is made: one that a crash cuts off is then looked for all the same.

    Raises:
        ToolFailedError: the note cannot be written.
    """
    new = Noted(kind, place, key, datetime.now(UTC).isoformat(timespec="seconds"), detail, entry)
    _write(paths, [*(old for old in noted(paths) if (old.kind, old.place) != (kind, place)), new][-_MOST:])


def forget(paths: ProjectPaths, *gone: Noted) -> None:
    """Drop notes of copies that are gone.

    Raises:
        ToolFailedError: the notes cannot be written.
    """
    there = noted(paths)
    if set(gone) & set(there):
        _write(paths, [copy for copy in there if copy not in gone])


def warnings(paths: ProjectPaths, access_key_id: str) -> tuple[str, ...]:
    """A sentence for each copy that holds this key's secret and that only the person can see to.

    For after a rotation, a revocation or a destroy: such a copy is of no use any more.
    """
    found = []
    for copy in noted(paths):
        if copy.access_key_id != access_key_id or copy.kind == "profile":
            continue
        if copy.kind == "file" and not Path(copy.place).exists():
            continue
        again = "ecrwiz export env" if copy.kind == "file" else "ecrwiz export gitlab"
        found.append(
            f"{copy.place} still holds the access key {access_key_id}: replace it with `{again}`, or remove it."
        )
    return tuple(found)


def outdated(copy: Copy, valid: Collection[str] | None) -> Iterator[str]:
    """A sentence when a copy's key is none that AWS accepts; `valid` None when that is not known."""
    if valid is not None and copy.access_key_id not in valid:
        yield f"The {copy.place} holds the access key {copy.access_key_id}, which AWS does not accept any more."


def _path(paths: ProjectPaths) -> Path:
    return paths.state / "copies.json"


def _write(paths: ProjectPaths, copies: list[Noted]) -> None:
    files.private_folder(paths.state)
    text = json.dumps({"schema": _SCHEMA, "copies": [asdict(copy) for copy in copies]}, indent=1) + "\n"
    files.write_atomic(_path(paths), text, private=True, inside=paths.state)
