"""Reads plain settings out of JavaScript and TypeScript configuration files without running them."""

from __future__ import annotations

import json
import re
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, Final

__all__ = ["Config", "json_with_comments", "strip_comments"]

_TOKEN = re.compile(
    # The bounds keep a file that was made for it from taking for ever.
    r"(?P<comment>//[^\n]*|/\*(?:.*?\*/|.*))"
    r"|(?P<string>\"(?:\\.|[^\"\\\n]){0,500}\"|'(?:\\.|[^'\\\n]){0,500}'|`(?:\\.|[^`\\]){0,500}`)"
    r"|(?P<word>[\w$]+)|(?P<other>\S)",
    re.DOTALL,
)
_LONGEST: Final = 60_000  # characters of a configuration that are looked at
_JOIN: Final = ("join", "resolve")


class Config:
    """The text of a configuration file, as tokens.

    A setting counts when it is written in so many words: `key: 'value'` or `x.key = 'value'`. What depends on a
    condition (`key: x ? 'a' : 'b'`) counts as not set.

    Args:
        text: the file's text.
    """

    def __init__(self, text: str) -> None:
        self._text = text[:_LONGEST]

    @cached_property
    def _tokens(self) -> list[tuple[str, str]]:
        found = []
        for match in _TOKEN.finditer(self._text):
            kind = match.lastgroup or ""
            if kind != "comment":
                found.append((kind, match[0][1:-1] if kind == "string" else match[0]))
        return found

    def mentions(self, text: str) -> bool:
        """Whether a string literal of it has this text in it, such as the name of an imported package."""
        return any(kind == "string" and text in value for kind, value in self._tokens)

    def calls(self, name: str) -> bool:
        """Whether a function of this name is called."""
        tokens = self._tokens
        return any(tokens[i] == ("word", name) and tokens[i + 1][1] == "(" for i in range(len(tokens) - 1))

    def string(self, key: str) -> str | None:
        """The string that a key is set to, or None."""
        return next((value for kind, value in self._settings(key) if kind == "string"), None)

    def word(self, key: str) -> str | None:
        """The bare word or number that a key is set to, such as `false`, or None."""
        return next((value for kind, value in self._settings(key) if kind == "word"), None)

    def number(self, key: str) -> int | None:
        """The number that a key is set to, or None."""
        values = (value for kind, value in self._settings(key) if kind == "word")
        return next((int(value) for value in values if re.fullmatch(r"[0-9]{1,9}", value)), None)

    def has_key(self, key: str) -> bool:
        """Whether a key of this name is set to anything."""
        tokens = self._tokens
        return any(tokens[i][1] == key and tokens[i + 1][1] == ":" for i in range(len(tokens) - 1))

    def path(self, key: str) -> str | None:
        """The relative path that a key is set to: a string, or `path.resolve(__dirname, 'a', 'b')`."""
        found = self.string(key)
        if found is None:
            found = next((joined for i in self._places(key) if (joined := self._joined(i))), None)
        if found is None:
            return None
        return PurePosixPath(found.removeprefix("./").rstrip("/")).as_posix()

    def _places(self, key: str) -> list[int]:
        """Where the values of a key begin."""
        tokens = self._tokens
        return [
            i + 2
            for i in range(len(tokens) - 2)
            if tokens[i][1] == key and tokens[i][0] in ("word", "string") and tokens[i + 1][1] in (":", "=")
        ]

    def _settings(self, key: str) -> list[tuple[str, str]]:
        tokens = self._tokens
        found = []
        for i in self._places(key):
            after = tokens[i + 1][1] if i + 1 < len(tokens) else ""
            if after not in ("=", "?", "(", ".", "+", "|", "&"):
                found.append(tokens[i])
        return found

    def _joined(self, start: int) -> str | None:
        """The strings in `path.join(...)`; everything else in it must be a name for the file's own folder."""
        part = self._tokens[start : start + 24]
        values = [value for _, value in part]
        if "(" not in values or ")" not in values:
            return None
        begin, end = values.index("("), values.index(")")
        if begin > end or begin == 0 or values[begin - 1] not in _JOIN:
            return None
        strings = [value for kind, value in part[begin:end] if kind == "string"]
        others = {value for kind, value in part[begin:end] if kind == "word"}
        return "/".join(strings) if strings and others <= {"__dirname", "import", "meta", "dirname"} else None


def strip_comments(text: str) -> str:
    """JavaScript or JSON with its comments, and commas before a closing bracket, left out."""

    def keep(match: re.Match[str]) -> str:
        return " " if match.lastgroup == "comment" else match[0]

    return re.sub(r",(?=\s*[}\]])", "", _TOKEN.sub(keep, text))


def json_with_comments(text: str | None) -> dict[str, Any]:
    """The object in a tsconfig.json or turbo.json; empty when it cannot be read, for such a file only advises."""
    if not text:
        return {}
    try:
        data = json.loads(strip_comments(text[:_LONGEST]))
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}
