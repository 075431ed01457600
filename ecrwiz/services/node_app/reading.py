"""Reads files of an application that somebody else may have written: bounded, and never out of its folder."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ecrwiz.model.app import Note
from ecrwiz.model.errors import BadInputError

__all__ = ["LARGEST", "LARGEST_MEMBER", "Files", "Package", "Project", "is_plain_path", "table", "words"]

LARGEST: Final = 5_000_000  # bytes of a file that is read
LARGEST_MEMBER: Final = 250_000  # bytes of a package.json of another package of the workspace

_LONGEST_SCRIPT: Final = 5000

# What may stand in a rendered Dockerfile or shell command as it is.
_PLAIN_PATH = re.compile(r"(?!-)[\w.@+][\w.@+-]*(?:/[\w.@+][\w.@+-]*)*", re.ASCII)
_PACKAGE_NAME = re.compile(r"(?:@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~][a-z0-9._~-]*", re.ASCII | re.IGNORECASE)


def is_plain_path(path: str) -> bool:
    """Whether a relative path is free of `..`, spaces and everything that a shell or a Dockerfile would read."""
    parts = path.split("/")
    # Longer names no file system takes.
    short = len(path) <= 1000 and all(len(part) <= 200 for part in parts)
    return short and ".." not in parts and bool(_PLAIN_PATH.fullmatch(path))


def table(value: object) -> Mapping[str, Any]:
    """The value itself if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def words(value: object) -> list[str]:
    """The strings in a JSON array; a single string counts as an array of one."""
    values = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return [item for item in values if isinstance(item, str)]


class Files:
    """The files below a folder; a link that leads out of it is refused.

    Args:
        base: the folder.
    """

    def __init__(self, base: Path) -> None:
        self._base = os.path.realpath(base)
        self._kept: dict[Path, str | None] = {}

    def text(self, path: Path, *, head: int = 0) -> str | None:
        """A file's text, or None when there is none.

        Args:
            path: the file.
            head: read only so many bytes of its beginning, whatever its size; 0 for the whole.

        Raises:
            BadInputError: a device or folder, too large, no UTF-8, a link that leads out, or not readable.
        """
        if head:
            data = self._read(path, head)
            return None if data is None else data[:head].decode("utf-8-sig", "ignore")
        if path not in self._kept:
            self._kept[path] = self._whole(path)
        return self._kept[path]

    def _whole(self, path: Path, largest: int = LARGEST) -> str | None:
        data = self._read(path, largest)
        if data is None:
            return None
        if len(data) > largest:
            raise BadInputError(
                f"{path} is larger than {largest / 1_000_000:g} MB.", "Make it smaller or move it away."
            )
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise BadInputError(f"{path} is not UTF-8 text.", "Save it as UTF-8 and try again.") from error

    def _read(self, path: Path, limit: int) -> bytes | None:
        try:
            # Looked at before it is opened: a clone may hold a link to a device, and some act on being opened.
            if not stat.S_ISREG(path.stat().st_mode):
                raise BadInputError(f"{path} is no ordinary file.", "Replace it by a file.")
            self._stay_inside(path)
            # Some files of /proc are ordinary by their look and would let the reader wait for ever.
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                return file.read(limit + 1) or b""
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:  # ValueError: a NUL in a name
            reason = error.strerror if isinstance(error, OSError) else "its name is not usable"
            raise BadInputError(f"{path} cannot be read: {reason}.", "Check its permissions.") from error

    def _stay_inside(self, path: Path) -> None:
        real = os.path.realpath(path)
        if os.path.commonpath([real, self._base]) != self._base:
            raise BadInputError(
                f"{path} leads out of {self._base} over a link, so it was not read.", "Replace the link by the file."
            )

    def json(self, path: Path, *, largest: int = LARGEST) -> dict[str, Any] | None:
        """A JSON object, or None when there is no such file.

        Args:
            path: the file.
            largest: bytes that it may have.

        Raises:
            BadInputError: not readable, too large, no JSON, or no object.
        """
        # One of many is not kept: all together they must stay small, too.
        text = self.text(path) if largest >= LARGEST else self._whole(path, largest)
        if text is None:
            return None
        try:
            data = json.loads(text)
        # Python refuses numbers of more than 4,300 digits with a plain ValueError.
        except (ValueError, RecursionError) as error:
            place = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
            hint = "Mend it: `npm pkg get name` shows the same error." if path.name == "package.json" else "Mend it."
            raise BadInputError(f"{path} is not valid JSON{place}.", hint) from error
        if not isinstance(data, dict):
            raise BadInputError(f"{path} holds no JSON object.", "It starts with { and ends with }.")
        return data


class Package:
    """A package.json whose fields may have any shape.

    Args:
        data: the object that it holds.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.dependencies = table(data.get("dependencies"))
        self.optional = table(data.get("optionalDependencies"))
        self.dev = table(data.get("devDependencies"))
        texts = {k: v.replace("\t", " ").strip() for k, v in table(data.get("scripts")).items() if isinstance(v, str)}
        # One with line breaks or control signs could not be shown or stand in a rendered file as it is.
        self.scripts = {
            name: text for name, text in texts.items() if 0 < len(text) <= _LONGEST_SCRIPT and text.isprintable()
        }

    @property
    def name(self) -> str:
        """Its name, or empty when there is none."""
        name = self.data.get("name")
        return name if isinstance(name, str) else ""

    @property
    def plain_name(self) -> str:
        """Its name if it is one that npm allows and a shell takes as a word, else empty."""
        return self.name if _PACKAGE_NAME.fullmatch(self.name) and len(self.name) <= 214 else ""

    def has(self, *names: str) -> bool:
        """Whether one of these packages is depended on, for running or for development."""
        return any(name in self.dependencies or name in self.dev or name in self.optional for name in names)

    def runs(self, *names: str) -> bool:
        """Whether one of these packages is there when the application runs."""
        return any(name in self.dependencies or name in self.optional for name in names)

    def wanted(self, name: str) -> str:
        """The version range that is asked for, such as `^15.0.0`; empty when the package is not."""
        for kind in (self.dependencies, self.dev, self.optional):
            if isinstance(kind.get(name), str):
                return str(kind[name])
        return ""

    def texts(self, field_name: str) -> dict[str, str]:
        """The strings of one of its objects, such as `engines`."""
        return {k: v.strip() for k, v in table(self.data.get(field_name)).items() if isinstance(v, str)}


@dataclass
class Project:
    """An application while it is being read.

    Attributes:
        root: the application's folder.
        base: the build context: the workspace's root, or the same folder.
        files: how files of it are read.
        package: its package.json.
        base_package: the package.json of the context; the same object when there is no workspace.
        origins: where each value was read, as `NodeApp.origins` has it.
        notes: what the person should know.
        environment: further variables for the start, found on the way.
    """

    root: Path
    base: Path
    files: Files
    package: Package
    base_package: Package
    origins: dict[str, str] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def packages(self) -> tuple[Package, ...]:
        """The application's package.json, then the workspace's."""
        return (self.package,) if self.package is self.base_package else (self.package, self.base_package)

    def note(self, text: str, hint: str = "", *, warning: bool = False) -> None:
        """Add a note, once."""
        note = Note(text, hint, warning)
        if note not in self.notes:
            self.notes.append(note)

    def has(self, *names: str) -> bool:
        """Whether the application, or the workspace around it, depends on one of these packages."""
        return any(package.has(*names) for package in self.packages)

    def first(self, names: tuple[str, ...]) -> str:
        """The first of these files that is in the application's folder, or empty."""
        return next((name for name in names if (self.root / name).is_file()), "")

    def nearest(self, name: str) -> tuple[str, str | None]:
        """A file of the application's folder, else of the context: where it was found, and its text."""
        text = self.files.text(self.root / name)
        if text is not None or self.root == self.base:
            return name, text
        return f"{name} of the workspace", self.files.text(self.base / name)
