"""What Home says, as text: the project at a glance, and the marked step."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from textual.content import Content

from ecrwiz.flow import glance, runbook
from ecrwiz.flow.events import Status, StepId
from ecrwiz.flow.glance import Identity
from ecrwiz.flow.project import Project
from ecrwiz.flow.runbook import StepState
from ecrwiz.model import results
from ecrwiz.screens.pairs import LABEL, hanging, line, two_columns
from ecrwiz.screens.words import ago_text, seconds_text, status_words, when_text

__all__ = ["Who", "about", "details", "glance_text", "title"]

_ROOM_FOR_HINTS: Final = 110
_SHOWN_COMMANDS: Final = 30


@dataclass(frozen=True, slots=True)
class Who:
    """Who we are to AWS, as far as that is known.

    Attributes:
        identity: what AWS said.
        problem: why it said nothing; both empty while it is asked.
        hint: what to do about that.
        at: monotonic seconds of the answer.
    """

    identity: Identity | None = None
    problem: str = ""
    hint: str = ""
    at: float = 0.0


def glance_text(project: Project, who: Who, width: int) -> Content:
    """The project and the account in two columns of pairs, and what is too long for one under them."""
    resolved = project.resolved
    values, answers = resolved.values, resolved.answers
    built = project.results.find(results.BuildResult)
    uri, made = glance.registry_uri(project)
    name = answers.repository_name if answers else "?"
    account, identity = _who(who)
    half = max(30, width // 2)
    image = f"{built.image}:{built.tag}" if built else "not built yet"
    if built and len(image) >= width - half - LABEL:
        image = f"tag {built.tag}"
    env = values.get("env", "?")
    pairs = [
        ("Project", f"{values.get('project_id', '?')}, env {env}", "Account", account),
        ("Region", values.get("region", "?"), "Identity", identity),
        ("GitHub", values.get("github_repository") or "no repository", "Image", image),
    ]
    lines = two_columns(pairs, width)
    lines.append(line("Registry", uri if made else f"{name} (not made yet)", width))
    if who.problem:
        hint = f" {who.hint}" if width >= _ROOM_FOR_HINTS else ""
        lines.append(line("AWS", f"✗ {who.problem}{hint}"))
    elif who.identity is not None and who.identity.is_root:
        lines.append(line("AWS", "! This is the account's root user: use another one."))
    return Content("\n").join(lines)


def _who(who: Who) -> tuple[str, str]:
    if who.identity is not None:
        return who.identity.account, who.identity.arn.split(":", 5)[-1]
    return ("not reachable", "unknown") if who.problem else ("asking…", "asking…")


def title(step: StepId) -> str:
    """The step's name and what it does."""
    return f"{step}: {runbook.STEPS[step].title}"


def about(state: StepState, keys: str) -> Content:
    """The marked step in a few lines; `keys` says what can be looked at."""
    lines = [Content.styled(title(state.step), "bold"), *(Content(line) for line in _facts(state, short=True))]
    if keys:
        lines.append(Content.styled(keys, "dim"))
    return Content("\n").join(lines)


def details(state: StepState, commands: Sequence[str], keys: str, width: int) -> Content:
    """The marked step in full, in so many cells: how it stands, what it made, what was run."""
    lines = [Content.styled(title(state.step), "bold"), *(Content(line) for line in _facts(state, short=False))]
    if state.record and state.record.outputs:
        lines += [Content(""), Content.styled("Result", "bold")]
        values = glance.output_lines(state.record.outputs)
        room = min(20, max(len(label) for label, _ in values))
        lines += [hanging(f"  {label:<{room}}  ", value, width) for label, value in values]
    if commands:
        lines += [Content(""), Content.styled("Commands", "bold")]
        lines += [Content.assemble(("  $ ", "dim"), command) for command in commands[-_SHOWN_COMMANDS:]]
    if keys:
        lines += [Content(""), Content.styled(keys, "dim")]
    return Content("\n").join(lines)


def _facts(state: StepState, *, short: bool) -> Iterator[str]:
    _, word, _ = status_words(state.status)
    record, needs = state.record, runbook.STEPS[state.step].needs
    if state.reason:
        yield f"{word.capitalize()}: {state.reason}"
    error = record.error if record else None
    if error is not None and state.status is Status.FAILED:
        original = error.message if error.cause and not short else ""
        yield from (line for line in (error.hint, error.link, original) if line)
    if record and state.status is not Status.RUNNING:
        took = f", took {seconds_text(record.seconds)}" if record.seconds else ""
        ago = ago_text(max(0.0, time.time() - record.started - record.seconds))
        yield f"Last run {when_text(record.started)} ({ago}){took}."
    if needs and not (short and error):
        yield f"Needs {', '.join(needs)}."
