"""Every error that a person can meet.

EcrwizError                 a step or command failed                    exit code 1
├── BadInputError           what was typed or configured is not usable  exit code 2
├── NeedMissingError        a step was asked for before what it needs   exit code 2
├── MissingToolError        a program or service is missing or unreachable  exit code 3
└── ToolFailedError         a program or service answered with a failure    exit code 1
    └── RemoteError         an API answered with a failure (has `code`)

`message` says what happened and why, in one sentence; `hint` says what to do next. Services raise these at
their edge; a third-party exception never crosses it. The traceback of anything else goes to the run's log.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "BadInputError",
    "EcrwizError",
    "MissingToolError",
    "NeedMissingError",
    "RemoteError",
    "ToolFailedError",
]


class EcrwizError(Exception):
    """A failure that is explained to the person.

    Attributes:
        message: one sentence, what happened and why.
        hint: what to do next; may be empty.
        exit_code: what the command line ends with.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class BadInputError(EcrwizError):
    """An answer, a flag or a file that the person gave cannot be used; nothing was changed."""

    exit_code = 2


class NeedMissingError(EcrwizError):
    """A step was asked for though a step it needs has not been done."""

    exit_code = 2


class MissingToolError(EcrwizError):
    """A program or service that is needed is not installed, not running or not reachable."""

    exit_code = 3


class ToolFailedError(EcrwizError):
    """A program or a service was reached and answered with a failure."""


class RemoteError(ToolFailedError):
    """An API refused a call.

    Attributes:
        code: the API's own word for it, such as `RepositoryNotFoundException` or `404`.
        said: the API's own sentence, without ours around it; empty when it said none.
    """

    def __init__(self, message: str, hint: str = "", *, code: str, said: str = "") -> None:
        super().__init__(message, hint)
        self.code = code
        self.said = said
