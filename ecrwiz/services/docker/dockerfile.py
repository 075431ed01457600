"""What a Dockerfile asks of its builder, and its form for a builder without BuildKit.

The rules of escapes, continued lines, comments and flags are those of Docker's Dockerfile reference.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from ecrwiz.model.errors import BadInputError, MissingToolError, ToolFailedError

__all__ = ["Mount", "arg_names", "check_plain", "mounts", "plain_form", "read_dockerfile", "read_small"]

_LARGEST: Final = 1024 * 1024  # bytes of a Dockerfile or an ignore file; Docker's own limits are of this order
_DIRECTIVE: Final = re.compile(r"#\s*([a-z]+)\s*=\s*(\S+)\s*$", re.IGNORECASE)
_RUN: Final = re.compile(r"(?:ONBUILD[ \t]+)?RUN(?=[ \t\\`]|$)", re.IGNORECASE)
_LONGEST: Final = 8192  # characters of an ARG instruction
_ARG: Final = re.compile(r"ARG[ \t]+([^\n]*)", re.IGNORECASE)
_MOUNT: Final = "--mount="
_LEFT_OUT: Final = ("cache", "tmpfs")  # a RUN gives the same without these, only slower or larger


@dataclass(frozen=True, slots=True)
class Mount:
    """One `--mount=` of a RUN.

    Attributes:
        line: of the Dockerfile, from 1.
        kind: `bind` (when none is given), `cache`, `tmpfs`, `secret`, `ssh` or something newer.
        id: of a secret: its `id`, or the last name of its `target`; else empty.
        required: of a secret: the RUN fails without it.
    """

    line: int
    kind: str
    id: str = ""
    required: bool = False


def read_dockerfile(root: Path, dockerfile: str) -> str:
    """The text of a Dockerfile; a byte order mark is left out.

    Raises:
        ToolFailedError: it is missing or cannot be read.
        BadInputError: it is no ordinary file of the context, or larger than 1 MB.
    """
    try:
        text = read_small(root, dockerfile)
    except OSError as error:
        raise ToolFailedError(
            f"{root / dockerfile} cannot be read: {error.strerror}.", "Run the step render to make it."
        ) from error
    return text.decode("utf-8-sig", "replace")


def read_small(root: Path, name: str) -> bytes:
    """A small file of the context, which may belong to somebody else: no device, nothing huge, nothing outside.

    Raises:
        OSError: it is missing or cannot be read.
        BadInputError: it is no ordinary file of the context, or larger than 1 MB.
    """
    path = root / name
    real = Path(os.path.realpath(path, strict=True))
    if not real.is_relative_to(root.resolve()) or not real.is_file():
        raise BadInputError(
            f"{path} is no ordinary file of {root}, so nothing is built with it.",
            "Put the file itself there instead of a link that leads out of the folder.",
        )
    with path.open("rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise BadInputError(f"{path} is larger than 1 MB.", "Check that it is the file that was meant.")
    return data


def mounts(text: str) -> tuple[Mount, ...]:
    """The mounts of all RUN instructions."""
    return tuple(_mount(text, start, end) for start, end in _mount_flags(text))


def arg_names(text: str) -> frozenset[str]:
    """The names of all ARG instructions."""
    escape = _escape(text)
    found: set[str] = set()
    continued = re.compile(re.escape(escape) + r"[ \t]*\r?\n(?:[ \t]*(?:#[^\n]*)?\r?\n)*")
    for start in _instructions(text, escape):
        if arg := _ARG.match(continued.sub(" ", text[start : start + _LONGEST])):
            found.update(re.findall(r"(?:^|\s)([A-Za-z_]\w*)", re.sub(r"([\"']).*?\1", "", arg[1])))
    return frozenset(found)


def check_plain(text: str, given: Set[str], reason: str) -> None:
    """Refuse a Dockerfile that cannot be built without BuildKit.

    Args:
        text: the Dockerfile.
        given: ids of the secrets that the build is given. One that it is not given is missing either way.
        reason: why there is no BuildKit, a sentence.

    Raises:
        MissingToolError: a RUN mounts something that it needs.
    """
    for mount in mounts(text):
        if mount.kind in _LEFT_OUT or (mount.kind == "secret" and not mount.required and mount.id not in given):
            continue
        what = f"the build secret {mount.id}" if mount.kind == "secret" else f"a mount of type {mount.kind}"
        raise MissingToolError(
            f"Line {mount.line} of the Dockerfile needs {what}, which only BuildKit gives. {reason}",
            "Install Docker's plugin buildx (package docker-buildx-plugin or docker-buildx), then build again.",
        )


def plain_form(text: str) -> str:
    """The Dockerfile without the `--mount=` flags of its RUN instructions; line ends and all else stay."""
    kept, end = [], 0
    for start, after in _mount_flags(text):
        kept.append(text[end:start])
        end = after
    return "".join([*kept, text[end:]])


def _mount(text: str, start: int, end: int) -> Mount:
    value = re.sub(r"[\\`][ \t]*\r?\n", "", text[start + len(_MOUNT) : end]).replace('"', "").replace("'", "")
    options: dict[str, str] = {}
    for option in value.split(","):
        name, _, word = option.partition("=")
        options[name.strip().lower()] = word.strip()
    kind, line = options.get("type", "bind").lower(), text.count("\n", 0, start) + 1
    if kind != "secret":
        return Mount(line, kind)
    target = options.get("target") or options.get("dst") or options.get("destination") or ""
    needed = options.get("required", "false").lower() in ("", "true", "1")  # the bare word means yes
    return Mount(line, kind, options.get("id") or PurePosixPath(target).name or options.get("env", ""), needed)


def _mount_flags(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each `--mount=...` in the text."""
    escape = _escape(text)
    for start in _instructions(text, escape):
        run = _RUN.match(text, start)
        if not run:
            continue
        place = _blank(text, run.end(), escape)
        while text.startswith("--", place):
            end = _word(text, place, escape)
            if text.startswith(_MOUNT, place):
                yield place, end
            place = _blank(text, end, escape)


def _escape(text: str) -> str:
    """The character that continues a line: a directive at the very top may make it a backtick."""
    for line in text.splitlines():
        directive = _DIRECTIVE.match(line.strip())
        if not directive:
            break
        if directive[1].lower() == "escape" and directive[2] in ("\\", "`"):
            return directive[2]
    return "\\"


def _instructions(text: str, escape: str) -> Iterator[int]:
    """Where each instruction begins, indentation left out."""
    goes_on, place = False, 0
    continued = re.compile(re.escape(escape) + r"[ \t]*\r?\n?$")
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        if bare and not bare.startswith("#"):  # neither ends an instruction that goes on
            if not goes_on:
                yield place + len(line) - len(line.lstrip())
            goes_on = continued.search(line) is not None
        place += len(line)


def _blank(text: str, place: int, escape: str) -> int:
    """The next word of the instruction: past blanks, continued line ends, and comments and empty lines after them."""
    gap = re.compile(rf"(?:[ \t]|{re.escape(escape)}[ \t]*\r?\n(?:[ \t]*(?:#[^\n]*)?\r?\n)*)*")
    found = gap.match(text, place)
    return found.end() if found else place


def _word(text: str, place: int, escape: str) -> int:
    """The end of a flag: the next blank or line end that is neither quoted nor escaped."""
    quote, continued = "", re.compile(re.escape(escape) + r"[ \t]*\r?\n")
    while place < len(text):
        char = text[place]
        if char == escape:
            goes_on = continued.match(text, place)
            if goes_on and text[goes_on.end() : goes_on.end() + 1] in (" ", "\t", "#", ""):
                return place
            place = goes_on.end() if goes_on else place + 2
            continue
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in " \t\r\n":
            return place
        place += 1
    return place
