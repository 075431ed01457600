"""What a run tells: plain values, sent in order. The journal and the log write first, then the doors show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

from ecrwiz.model.redact import Secret

__all__ = [
    "CHAIN",
    "Asked",
    "CommandShown",
    "Event",
    "Failure",
    "Output",
    "Progress",
    "Question",
    "Reply",
    "RunFinished",
    "RunStarted",
    "Status",
    "StepFinished",
    "StepId",
    "StepStarted",
]


class StepId(StrEnum):
    """The steps, in the order in which a person reads them."""

    RENDER = "render"
    BUILD = "build"
    SMOKE_TEST = "smoke-test"
    PROVISION = "provision"
    PUSH = "push"
    CREDENTIALS = "credentials"
    VERIFY = "verify"
    GITHUB = "github"
    REHEARSE = "rehearse"
    ROTATE = "rotate"
    RETIRE = "retire-key"
    REVOKE = "revoke"
    DESTROY = "destroy"


CHAIN = tuple(StepId)[: tuple(StepId).index(StepId.GITHUB) + 1]
"""The steps of the whole job; the others are done when they are asked for by name."""


class Status(StrEnum):
    """How a step stands.

    A run reports `ok`, `failed`, `cancelled`, `skipped`, `fresh`; `ecrwiz status` also knows `not-run`,
    `running`, `stale` (an input changed) and `cut` (the process died while the step ran).
    """

    NOT_RUN = "not-run"
    RUNNING = "running"
    OK = "ok"
    FRESH = "fresh"
    STALE = "stale"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something failed, for a person: what happened, and what to do next.

    Attributes:
        message: what happened; another program's own words when nobody translated them.
        hint: what to do next.
        exit_code: for the command line.
        cause: the same in plain words, when `message` is another program's; else empty.
        link: where it is explained; may be empty.
    """

    message: str
    hint: str = ""
    exit_code: int = 1
    cause: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """Something only the person can decide; the step waits for `Engine.answer(question.id, reply)`.

    Attributes:
        step: who asks.
        kind: `confirm` wants True or False, `text` a str, `secret` a Secret, `choice` the word of one of
            `choices`. None means: nobody can be asked.
        title: the question, one line.
        body: what to know before answering; lines of plain text, never markup.
        yes: the word on the button that agrees.
        no: the word on the button that does not.
        choices: for `choice`, word and label of each, the safe one last.
        id: made by the engine.
    """

    step: StepId
    kind: Literal["confirm", "text", "secret", "choice"]
    title: str
    body: tuple[str, ...] = ()
    yes: str = "Go"
    no: str = "Stop"
    choices: tuple[tuple[str, str], ...] = ()
    id: int = 0


Reply: TypeAlias = bool | str | Secret | None


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins; `steps` are those it will visit, `log_dir` holds a file per step."""

    run: str
    steps: tuple[StepId, ...]
    log_dir: str


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step begins."""

    step: StepId


@dataclass(frozen=True, slots=True)
class CommandShown:
    """The command that is run for the person, redacted, as they could type it."""

    step: StepId
    text: str


@dataclass(frozen=True, slots=True)
class Output:
    """Lines of output, cleaned and redacted; colours (SGR) may be in them."""

    step: StepId
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a step is; `total` None means that nobody knows. `unit` is `bytes` or what is counted."""

    step: StepId
    done: float
    total: float | None
    unit: str
    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A step waits for the person."""

    question: Question


@dataclass(frozen=True, slots=True)
class StepFinished:
    """A step ended. `note` says why it was skipped or what to know; `error` is set when it failed."""

    step: StepId
    status: Status
    seconds: float
    outputs: Mapping[str, object] = field(default_factory=dict)
    error: Failure | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run ended: status `ok`, `failed` or `cancelled`, and the exit code for the command line."""

    run: str
    status: Status
    seconds: float
    exit_code: int


Event: TypeAlias = RunStarted | StepStarted | CommandShown | Output | Progress | Asked | StepFinished | RunFinished
