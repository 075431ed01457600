"""`.dockerignore`, by the rules of Docker's own client.

docker-py has a matcher too, but it ignores the case of letters, which Docker does not, and it is too slow to
look through a node_modules in half a second.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path, PurePosixPath

from ecrwiz.model.errors import BadInputError
from ecrwiz.services.docker.dockerfile import read_small

__all__ = ["Ignore", "ignore_lines", "is_sent", "read_ignore"]


class Ignore:
    """Decides which paths stay out of a build context.

    Attributes:
        nothing: what to hand to `decide` for paths at the top.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        """Take patterns in Docker's form, `!` first for exceptions.

        Raises:
            BadInputError: one cannot be understood.
        """
        cleaned = [(text.startswith("!"), _clean(text)) for text in patterns]
        self._exceptions = [text for keep, text in cleaned if keep]
        # Patterns of one kind that follow each other are one expression: their order does not matter.
        self._groups = [
            (keep, re.compile("|".join(_expression(text) for _, text in group)))
            for keep, group in groupby(cleaned, key=lambda pair: pair[0])
        ]
        self.nothing = (False,) * len(self._groups)

    def decide(self, path: str, parent: tuple[bool, ...]) -> tuple[bool, tuple[bool, ...]]:
        """Whether a path is ignored, and what to hand on for the paths below it.

        A pattern that matches a folder matches everything in it.

        Args:
            path: relative to the context, with `/`.
            parent: what `decide` gave for its folder.
        """
        hits = tuple(
            above or expression.fullmatch(path) is not None
            for above, (_, expression) in zip(parent, self._groups, strict=True)
        )
        ignored = False
        for hit, (keep, _) in zip(hits, self._groups, strict=True):
            if hit:
                ignored = not keep
        return ignored, hits

    def may_hold_kept(self, folder: str) -> bool:
        """Whether an ignored folder must be looked into, as an exception names something below it."""
        return any(f"{text}/".startswith(f"{folder}/") for text in self._exceptions)


def read_ignore(root: Path, dockerfile: str) -> Ignore:
    """The rules for a build: those in `<dockerfile>.dockerignore`, or else in the context's `.dockerignore`.

    So BuildKit chooses (Docker's documentation, "Filename and location"). The Dockerfile and the rules themselves
    are always sent.

    Raises:
        BadInputError: a pattern cannot be understood, or the file cannot be used.
    """
    name, lines = ignore_lines(root, dockerfile)
    return Ignore([*lines, f"!{dockerfile}", f"!{name}"])


def is_sent(root: Path, dockerfile: str, path: str) -> bool:
    """Whether a build whose context is `root` is given a file.

    Args:
        root: the context.
        dockerfile: the Dockerfile, relative to it.
        path: the file, relative to it; it need not exist.

    Raises:
        BadInputError: the rules cannot be understood.
    """
    rules = read_ignore(root, dockerfile)
    hits, ignored = rules.nothing, False
    for place in (*reversed(PurePosixPath(path).parents[:-1]), PurePosixPath(path)):
        ignored, hits = rules.decide(place.as_posix(), hits)
    return not ignored


def ignore_lines(root: Path, dockerfile: str) -> tuple[str, list[str]]:
    """The name of the file with the rules, relative to the context, and its rules; no rules when there is none.

    Raises:
        BadInputError: the file cannot be used.
    """
    for name in (f"{dockerfile}.dockerignore", ".dockerignore"):
        try:
            text = read_small(root, name).decode("utf-8-sig", "surrogateescape")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise BadInputError(f"{root / name} cannot be read: {error.strerror}.") from error
        lines = [line.strip() for line in text.split("\n") if not line.startswith("#")]
        return name, [line for line in lines if line]
    return ".dockerignore", []


def _clean(text: str) -> str:
    bare = text.removeprefix("!").strip()
    if not bare:
        raise BadInputError(
            f"The pattern {text!r} in .dockerignore names nothing.", "Write a path after the `!`, or remove it."
        )
    return posixpath.normpath(bare).lstrip("/")


def _expression(pattern: str) -> str:
    try:
        return _translate(pattern)
    except (IndexError, re.error) as error:
        raise BadInputError(
            f"The pattern {pattern!r} in .dockerignore is not complete.", "Close its bracket or escape it with \\."
        ) from error


def _translate(pattern: str) -> str:
    """A regular expression for a pattern: `*` and `?` stay within a name, `**` does not."""
    out, i = "", 0
    while i < len(pattern):
        char = pattern[i]
        i += 1
        if char == "*" and pattern[i : i + 1] == "*":
            i += 2 if pattern[i + 1 : i + 2] == "/" else 1
            out += ".*" if i >= len(pattern) else "(?:.*/)?"
        elif char == "*":
            out += "[^/]*"
        elif char == "?":
            out += "[^/]"
        elif char == "[":
            piece, i = _character_class(pattern, i)
            out += piece
        elif char == "\\":
            out += re.escape(pattern[i])
            i += 1
        else:
            out += re.escape(char)
    re.compile(out)
    return f"(?s:{out})"


def _character_class(pattern: str, i: int) -> tuple[str, int]:
    """`[a-z]`, `[^abc]`: the expression, and where the pattern goes on."""
    out = "["
    if pattern[i] == "^":
        out, i = "[^", i + 1
    start = i
    while pattern[i] != "]" or i == start:
        char = pattern[i]
        if char == "\\":
            i += 1
            char = pattern[i]
            out += re.escape(char)
        else:
            out += char if char == "-" else re.escape(char)
        i += 1
    return out + "]", i + 1
