"""Keeps what comes from an application's files from breaking out of a rendered file.

The folder may be a stranger's clone: its package.json, file names and settings end up in instructions of a
Dockerfile and in a shell script. What cannot stand there as it is gets a plain refusal; nothing is mended silently.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ecrwiz.model.errors import BadInputError

__all__ = ["command", "debian_packages", "package", "path", "paths", "token", "variable", "version"]

_WORD = re.compile(r"[\w@.+-][\w@.+~/-]*", re.ASCII)


def path(text: str, what: str) -> str:
    """A path inside the build context, as it may stand in an instruction without quotes.

    Args:
        text: the path, with `/`; `.` for the folder itself.
        what: what the path is, for the sentence.

    Raises:
        BadInputError: it leads out, or holds what Docker or a shell would read as more than a name.
    """
    parts = text.split("/")
    if _WORD.fullmatch(text) and ".." not in parts and not any(part.startswith("-") for part in parts):
        return text.rstrip("/")
    raise BadInputError(
        f"{what} is {text[:80]!r}, and a Dockerfile can hold only letters, digits and . _ - + @ ~ / in a path.",
        "Rename it, or write a Dockerfile of your own and take the strategy own.",
    )


def paths(texts: Iterable[str], what: str) -> tuple[str, ...]:
    """Each of several paths; see `path`."""
    return tuple(path(text, what) for text in texts)


def command(text: str, what: str) -> str:
    """A shell command as it may stand on one line of a Dockerfile or of start.sh.

    It is the application's own command, so what it does is not judged, only where it ends.

    Raises:
        BadInputError: it would not end where its line does, or Docker would read it as something else.
    """
    text = text.strip()
    # `[` begins Docker's other form of an instruction, `--` a flag of it, `<<` a text over several lines; a
    # backslash at the end joins the next line.
    harmless = not text.startswith(("[", "-", "#")) and not text.endswith("\\") and "<<" not in text
    if text and text.isprintable() and harmless:
        return text
    raise BadInputError(
        f"{what} is {text[:80]!r}, which cannot stand on one line of a rendered file.",
        "Put it into a script of package.json under a name of its own, or take the strategy own.",
    )


def variable(name: str) -> str:
    """The name of an environment variable.

    Raises:
        BadInputError: no shell takes such a name.
    """
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        return name
    raise BadInputError(
        f"{name[:80]!r} is no name for an environment variable.", "Use letters, digits and '_', no digit first."
    )


def token(name: str) -> str:
    """The name of a variable that holds the token of a package registry.

    Raises:
        BadInputError: no shell takes such a name, or it is that of a key to something else: settings of a stranger's
            clone that send it to their registry are after it.
    """
    if re.match(r"(?:AWS|ECR|ECRWIZ)_", name, re.IGNORECASE):
        raise BadInputError(
            f"The settings of the package manager send {name[:80]!r} to a package registry, and it is a key to AWS.",
            "Take it out of .npmrc or .yarnrc.yml; do not build this application before you know why it is there.",
        )
    return variable(name)


def version(text: str) -> str:
    """An exact version of a package manager, such as `9.15.4`.

    Raises:
        BadInputError: not an exact version.
    """
    if re.fullmatch(r"\d{1,4}\.\d{1,4}\.\d{1,4}(?:-[0-9A-Za-z.-]{1,40})?", text):
        return text
    raise BadInputError(
        f"{text[:80]!r} is no exact version of a package manager.",
        'Write it in package.json as in "packageManager": "pnpm@10.34.8".',
    )


def debian_packages(names: Iterable[str]) -> tuple[str, ...]:
    """Names of Debian packages, sorted, each once.

    Raises:
        BadInputError: a name that Debian's policy does not allow.
    """
    found = sorted(set(names))
    for name in found:
        if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", name):
            raise BadInputError(f"{name[:80]!r} is no name of a Debian package.")
    return tuple(found)


def package(name: str) -> str:
    """The name of an npm package, as it may stand in a command.

    Raises:
        BadInputError: npm allows no such name.
    """
    if re.fullmatch(r"(?:@[a-zA-Z0-9~_][\w.~-]*/)?[a-zA-Z0-9~_][\w.~-]*", name, re.ASCII) and not name.startswith("~"):
        return name
    raise BadInputError(
        f"The application's package name is {name[:80]!r}, and its package manager cannot be told to install for it.",
        'Give its package.json a name, such as "web".',
    )
