"""The person's AWS configuration file, edited as text: one profile of ours goes in or out, all else stays as it is.

Format: docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html and, for `credential_process`,
docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping
from typing import Final

from ecrwiz.model.errors import BadInputError

__all__ = ["check_profile_name", "ours", "profile_names", "put", "remove"]

_HEADER: Final = re.compile(r"\[(?P<name>[^\]]+)\]")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
_MARK: Final = re.compile(r"# Made by ecrwiz for (?P<entry>\S+)")


def check_profile_name(name: str) -> str:
    """Give a name back that a new profile can have.

    Raises:
        BadInputError: it cannot, or it is `default`, which would be used for everything.
    """
    if name == "default":
        raise BadInputError(
            "The profile `default` would be used by every AWS command that names none.", "Choose another name."
        )
    if not _NAME.fullmatch(name):
        raise BadInputError(
            f"{name!r} cannot name a profile: letters, digits and . _ @ + - are taken, at most 64.",
            "ecrwiz-blog-dev would work.",
        )
    return name


def profile_names(text: str) -> frozenset[str]:
    """The profiles of a configuration file or, by their bare names, of a credentials file."""
    return frozenset(_profile(header) or header for _, header in _headers(text.split("\n")))


def ours(text: str) -> dict[str, str]:
    """The keyring entry that each profile of ours reads, by the profile's name."""
    lines = text.split("\n")
    found = {}
    for number, header in _headers(lines):
        for line in lines[number + 1 : _end(lines, number)]:
            mark = _MARK.match(line)
            if mark and _profile(header):
                found[_profile(header)] = _entry(mark)
    return found


def put(text: str, name: str, entry: str, values: Mapping[str, str]) -> str:
    """The text with a profile of ours in it; one that is there already gets the new values, and keeps its others.

    Args:
        text: the file's text.
        name: the profile's name.
        entry: the keyring entry that it reads.
        values: settings by name, in order; neither may hold a line end.

    Raises:
        BadInputError: a profile of that name is there and reads no or another entry, or it is there twice.
    """
    if any(set(f"{key}{value}") & {"\n", "\r"} for key, value in values.items()):
        raise BadInputError("A setting of an AWS profile cannot hold a line end.")
    lines, eol = text.split("\n"), "\r" if "\r\n" in text else ""
    start = _find(lines, name, {entry})
    mark = f"# Made by ecrwiz for {entry}: ecrwiz reads the keyring whenever this profile is used."
    settings = [f"{key} = {value}" for key, value in values.items()]
    if start is None:
        gap = [eol] if text.strip() else []
        before = lines[:-1] if lines[-1] == "" else [*lines[:-1], lines[-1] + eol]
        block = [f"[profile {name}]{eol}", *(f"{line}{eol}" for line in (mark, *settings)), ""]
        return "\n".join([*before, *gap, *block])
    end = _end(lines, start)
    kept = [line for line in lines[start + 1 : end] if not _MARK.match(line) and _key(line) not in values]
    new = [f"{line}{eol}" for line in (mark, *settings)]
    if end == len(lines) and not kept:
        new.append("")
    return "\n".join([*lines[: start + 1], *new, *kept, *lines[end:]])


def remove(text: str, name: str, entries: Collection[str]) -> str:
    """The text without a profile of ours; the same text when it has none of that name.

    Args:
        text: the file's text.
        name: the profile's name.
        entries: the keyring entries that it may read; one that reads another is another project's.

    Raises:
        BadInputError: the profile of that name is not ours.
    """
    lines = text.split("\n")
    start = _find(lines, name, entries)
    if start is None:
        return text
    end = _end(lines, start)
    if start and not lines[start - 1].strip() and (end == len(lines) or not lines[end - 1].strip()):
        start -= 1  # the empty line that came with it
        end -= end < len(lines)
    rest = [*lines[:start], *lines[end:]]
    return "\n".join(rest if end < len(lines) or not start else [*rest, ""])


def _find(lines: list[str], name: str, entries: Collection[str]) -> int | None:
    """The line of a profile's header, when it is ours and reads one of the entries."""
    found = [number for number, header in _headers(lines) if _profile(header) == name]
    if not found:
        return None
    if len(found) > 1:
        raise BadInputError(f"The profile {name} is there twice.", "Remove one of the two, or choose another name.")
    marks = [mark for line in lines[found[0] + 1 : _end(lines, found[0])] if (mark := _MARK.match(line))]
    if not marks:
        raise BadInputError(
            f"There is a profile {name} already, and ecrwiz did not make it: it stays as it is.",
            "Choose another name with --name.",
        )
    if other := next((entry for mark in marks if (entry := _entry(mark)) not in entries), ""):
        raise BadInputError(
            f"The profile {name} reads the keyring entry {other}, which is not this project's: it stays as it is.",
            f"Choose another name with --name, or run `ecrwiz export profile --name {name} --remove` in its project.",
        )
    return found[0]


def _entry(mark: re.Match[str]) -> str:
    return mark["entry"].rstrip(":.")


def _headers(lines: list[str]) -> list[tuple[int, str]]:
    found = ((number, _HEADER.match(line)) for number, line in enumerate(lines))
    return [(number, match["name"].strip()) for number, match in found if match]


def _profile(header: str) -> str:
    """The profile that a header of the configuration file names; empty when it names something else."""
    try:
        words = shlex.split(header)
    except ValueError:
        return ""
    return words[1] if len(words) == 2 and words[0] == "profile" else ""


def _end(lines: list[str], start: int) -> int:
    """The line after a section's last; comments and empty lines before the next header belong to that one."""
    end = next((n for n in range(start + 1, len(lines)) if _HEADER.match(lines[n])), len(lines))
    while (
        end < len(lines) and end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].startswith(("#", ";")))
    ):
        if _MARK.match(lines[end - 1]):
            break
        end -= 1
    return end


def _key(line: str) -> str:
    return "" if line[:1].isspace() or line.startswith(("#", ";")) else re.split("[=:]", line, maxsplit=1)[0].strip()
