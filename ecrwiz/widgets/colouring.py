"""Which parts of a source text are comments, strings, keywords: by Pygments, in kinds that a theme has colours for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final

from rich.syntax import Syntax

__all__ = ["SYNTAX", "Span", "colour", "language"]

Span = tuple[int, int, str]
"""First and last character (exclusive) of a line, and what kind of thing stands there."""

SYNTAX: Final = ("comment", "keyword", "string", "number", "name")
"""The kinds that `colour` gives."""

_LONGEST: Final = 400_000  # characters; more would take seconds

_BY_NAME: Final[Mapping[str, str]] = {"Dockerfile": "docker"}
_BY_ENDING: Final[Mapping[str, str]] = {
    ".sh": "bash",
    ".tf": "terraform",
    ".tfvars": "terraform",
    ".yml": "yaml",
    ".yaml": "yaml",
    ".toml": "toml",
    ".json": "json",
}

# Pygments' token types by their beginning; the first that fits counts.
_KINDS: Final = (
    ("Token.Comment", "comment"),
    ("Token.Keyword", "keyword"),
    ("Token.Literal.Number", "number"),
    ("Token.Literal", "string"),
    ("Token.Name.Tag", "name"),
    ("Token.Name.Attribute", "name"),
    ("Token.Name.Builtin", "name"),
    ("Token.Name.Function", "name"),
    ("Token.Name.Variable", "name"),
)


def language(path: str) -> str:
    """The language of a file by its name; empty for none that is known."""
    place = PurePosixPath(path)
    return _BY_NAME.get(place.name) or _BY_ENDING.get(place.suffix, "")


def colour(text: str, language: str) -> list[list[Span]]:
    """The spans of each line of a text; none when the language is not known or the text very long."""
    widths = [len(line) for line in text.split("\n")]
    lines: list[list[Span]] = [[] for _ in widths]
    lexer = Syntax("", language).lexer if language and len(text) <= _LONGEST else None
    if lexer is None:
        return lines
    number = place = 0
    for token, value in lexer.get_tokens(text):
        kind = _kind(str(token))
        for count, part in enumerate(str(value).split("\n")):
            if count:
                number, place = number + 1, 0
            end = min(place + len(part), widths[number]) if number < len(lines) else 0  # a lexer may add and leave out
            if kind and place < end:
                lines[number].append((place, end, kind))
            place += len(part)
    return lines


def _kind(token: str) -> str:
    return next((kind for beginning, kind in _KINDS if token.startswith(beginning)), "")
