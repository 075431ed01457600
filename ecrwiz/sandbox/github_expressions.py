"""GitHub's `${{ ... }}` expressions, as far as the rendered workflow uses them; anything else is an error.

Source: GitHub's reference "Evaluate expressions in workflows and actions".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["ExpressionError", "evaluate", "fill"]

_TOKEN: Final = re.compile(r"\s*(?:('(?:[^']|'')*')|(&&|\|\||==|!=|[!(),])|([A-Za-z_][\w-]*(?:\.[\w-]+)*)|(\d+))")
_FILLED: Final = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


class ExpressionError(ValueError):
    """GitHub, or this stand-in, would not take the expression."""


def fill(text: str, context: Mapping[str, Any]) -> str:
    """Put the values of expressions into a text."""
    return _FILLED.sub(lambda match: _text(evaluate(match[1], context)), text)


def evaluate(expression: str, context: Mapping[str, Any]) -> Any:  # noqa: ANN401  # whatever the expression gives
    """The value of an expression.

    Args:
        expression: without the braces.
        context: values of `github`, `vars`, ... ; what they lack is an empty text.

    Raises:
        ExpressionError: it cannot be read.
    """
    reader = _Reader(_tokens(expression), context)
    value = reader.either()
    if reader.at < len(reader.tokens):
        raise ExpressionError(f"unexpected {reader.tokens[reader.at]!r}")
    return value


def _tokens(expression: str) -> list[str]:
    found: list[str] = []
    at, text = 0, expression.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExpressionError(f"unexpected {text[at : at + 10]!r}")
        found.append(match[0].strip())
        at = match.end()
    return found


class _Reader:
    def __init__(self, tokens: list[str], context: Mapping[str, Any]) -> None:
        self.tokens = tokens
        self.at = 0
        self._context = context

    def either(self) -> Any:  # noqa: ANN401
        value = self._both()
        while self._takes("||"):
            other = self._both()
            value = value or other
        return value

    def _both(self) -> Any:  # noqa: ANN401
        value = self._compared()
        while self._takes("&&"):
            other = self._compared()
            value = value and other
        return value

    def _compared(self) -> Any:  # noqa: ANN401
        value = self._one()
        for sign in ("==", "!="):
            if self._takes(sign):
                # GitHub compares texts without case.
                same = _text(value).lower() == _text(self._one()).lower()
                return same == (sign == "==")
        return value

    def _one(self) -> Any:  # noqa: ANN401
        if self._takes("!"):
            return not self._one()
        if self._takes("("):
            value = self.either()
            self._must(")")
            return value
        token = self._next()
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if token.isdigit():
            return int(token)
        return self._call(token) if self._takes("(") else self._look_up(token)

    def _call(self, name: str) -> Any:  # noqa: ANN401
        values: list[Any] = []
        while not self._takes(")"):
            values.append(self.either())
            if not self._takes(","):
                self._must(")")
                break
        if name == "format":
            return re.sub(r"\{(\d)\}", lambda match: _text(values[int(match[1]) + 1]), values[0])
        if name == "startsWith":
            return _text(values[0]).lower().startswith(_text(values[1]).lower())
        if name in ("success", "always"):
            return True
        raise ExpressionError(f"no such function here: {name}")

    def _look_up(self, name: str) -> Any:  # noqa: ANN401
        if name in ("true", "false"):
            return name == "true"
        value: Any = self._context
        for part in name.split("."):
            value = value.get(part, "") if isinstance(value, Mapping) else ""
        return value

    def _next(self) -> str:
        if self.at >= len(self.tokens):
            raise ExpressionError("the expression ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def _takes(self, token: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at] == token:
            self.at += 1
            return True
        return False

    def _must(self, token: str) -> None:
        if not self._takes(token):
            raise ExpressionError(f"{token} is missing")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
