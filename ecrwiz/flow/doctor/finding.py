"""What a check finds, and what it is given to look at."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias, TypeVar

from ecrwiz.flow.project import Project
from ecrwiz.model.answers import Answers
from ecrwiz.model.errors import EcrwizError, MissingToolError
from ecrwiz.services.aws import Aws, Identity
from ecrwiz.services.keychain import Backend

__all__ = ["Check", "Finding", "Health", "Patient", "fine", "from_error", "problem", "unknown", "warning"]

Facts: TypeAlias = Mapping[str, str]
T = TypeVar("T")


class Health(StrEnum):
    """How something stands: `unknown` where it could not be told, and is never a guess."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        health: how it stands.
        sentence: one sentence: what was found, and why it matters when it does.
        fix: what to do about it, a sentence; empty when there is nothing to do.
        command: the fix as a command for a shell; empty when it is none.
        missing: a tool or service is not there or does not answer.
        facts: more of what was seen, by name.
    """

    health: Health
    sentence: str
    fix: str = ""
    command: str = ""
    missing: bool = False
    facts: Facts = field(default_factory=dict)


def fine(sentence: str, facts: Facts | None = None) -> Finding:
    """All is well."""
    return Finding(Health.OK, sentence, facts=facts or {})


def warning(sentence: str, fix: str, facts: Facts | None = None, *, command: str = "") -> Finding:
    """It works, though not as it should."""
    return Finding(Health.WARNING, sentence, fix, command, facts=facts or {})


def problem(
    sentence: str, fix: str, facts: Facts | None = None, *, command: str = "", missing: bool = False
) -> Finding:
    """A step will fail."""
    return Finding(Health.PROBLEM, sentence, fix, command, missing, facts or {})


def unknown(sentence: str, fix: str = "", facts: Facts | None = None) -> Finding:
    """It could not be told."""
    return Finding(Health.UNKNOWN, sentence, fix, facts=facts or {})


def from_error(error: EcrwizError, command: str = "") -> Finding:
    """A service's refusal, in its own words."""
    return problem(error.message, error.hint, command=command, missing=isinstance(error, MissingToolError))


class Patient:
    """The project and this machine; what several checks need is asked once.

    Args:
        project: the project.
        aws: how AWS is asked; None for the person's own credentials, without patience.
    """

    def __init__(self, project: Project, aws: Aws | None = None) -> None:
        self.project = project
        self.environ = project.tools.environ
        self.region = project.resolved.values.get("region") or "us-east-1"
        self.aws = aws or Aws(self.region, profile=project.tools.profile, quick=True)
        self._asked: dict[str, asyncio.Task[Any]] = {}

    @property
    def answers(self) -> Answers | None:
        """The checked answers, or None while one of them cannot be used."""
        return self.project.resolved.answers

    async def identity(self) -> Identity:
        """Who AWS says we are; raises what `Aws.identity` raises."""
        return await self.once("identity", self.aws.identity)

    async def keyring(self) -> Backend:
        """Whether the keyring can be used, tried anew."""
        return await self.once("keyring", lambda: self.project.tools.keychain.probe(again=True))

    async def once(self, name: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask something once for all checks; a check that gives up does not take it from the others."""
        if name not in self._asked:
            self._asked[name] = asyncio.ensure_future(_awaited(ask))
            self._asked[name].add_done_callback(_heard)
        found: T = await asyncio.shield(self._asked[name])
        return found


async def _awaited(ask: Callable[[], Awaitable[T]]) -> T:
    return await ask()


def _heard(task: asyncio.Task[Any]) -> None:
    """Take note of an error that nobody waits for any more."""
    if not task.cancelled():
        task.exception()


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the doctor.

    Attributes:
        id: a stable name, for `--json`.
        title: a word or two.
        about: what is checked, and what for.
        run: looks; it may raise `EcrwizError`.
        seconds: how long it may take.
    """

    id: str
    title: str
    about: str
    run: Callable[[Patient], Awaitable[Finding]]
    seconds: float = 15.0
