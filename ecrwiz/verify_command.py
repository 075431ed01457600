"""The command `ecrwiz verify`: what the CI identity may do and may not, as a table for people or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import click

from ecrwiz.door import Door, alone, answers_option, json_option, open_at, world
from ecrwiz.model.redact import plain

if TYPE_CHECKING:
    from ecrwiz.flow.events import Event, StepFinished
    from ecrwiz.flow.project import Project
    from ecrwiz.model.results import Proof

__all__ = ["table", "verify", "verify_project"]

_BECAUSE: Final = " because "


@click.command()
@answers_option
@json_option
@click.pass_obj
def verify(door: Door, sets: tuple[str, ...], *, as_json: bool) -> int:
    """Prove what the CI identity may do and what it may not.

    Each row is tried with the identity itself by a call that can do no harm, or simulated by IAM. Exit code 1 when
    one comes out wrong.
    """

    async def work() -> int:
        return await verify_project(await open_at(door, sets), as_json=as_json)

    with world(door):
        return alone(work())


async def verify_project(project: Project, *, as_json: bool) -> int:
    """Verify anew and print the table; gives the exit code.

    Raises:
        EcrwizError: the run could not begin.
    """
    from ecrwiz.console import drive, failure_lines, glyph
    from ecrwiz.flow.context import Approvals
    from ecrwiz.flow.events import StepId

    listen = _Listener(as_json=as_json)
    end = await drive(project, (StepId.VERIFY,), Approvals(), force=True, as_json=as_json, reporter=listen)
    listen.done()
    step = listen.finished
    proofs = _proofs(step)
    error = step.error if step else None
    if as_json:
        found: dict[str, object] = {"proofs": [{**asdict(proof), "wrong": proof.wrong} for proof in proofs]}
        if error:
            found["error"] = {"message": error.message, "hint": error.hint}
        click.echo(json.dumps({**found, "exit_code": end.exit_code}))
        return end.exit_code
    for line in (*listen.heading, *table(proofs, colour=sys.stdout.isatty()), *listen.words):
        click.echo(line)
    for line in failure_lines(error) if error else ():
        click.echo(plain(line), err=True)
    if step:
        click.echo(f"{glyph(step.status)} verify {step.status} in {step.seconds:.1f} s")
    return end.exit_code


def table(proofs: Sequence[Proof], *, colour: bool = False) -> list[str]:
    """The proofs in columns: sign, how it is, what was tried, IAM's action, how, and AWS's answer in short."""
    if not proofs:
        return []
    widths = [max(len(text) for text in column) for column in zip(*(_cells(proof) for proof in proofs), strict=True)]
    lines = []
    for proof in proofs:
        cells = [text.ljust(width) for text, width in zip(_cells(proof), widths, strict=True)]
        sign, tone = ("✗", "red") if proof.wrong else ("?", "yellow") if proof.found == "unknown" else ("✓", "green")
        lines.append(" ".join([click.style(sign, fg=tone) if colour else sign, *cells]).rstrip())
    return lines


def _cells(proof: Proof) -> tuple[str, ...]:
    return (proof.found, proof.title, proof.action, proof.how, _short(plain(proof.answer)))


def _short(answer: str) -> str:
    """AWS's answer without the names that stand in the row already: its code and its reason."""
    code, colon, said = answer.partition(": ")
    if colon and " " not in code and _BECAUSE in said:
        return f"{code}: {said.rpartition(_BECAUSE)[2]}"
    return answer if len(answer) <= 120 else f"{answer[:119]}…"


def _proofs(step: StepFinished | None) -> tuple[Proof, ...]:
    from pydantic import TypeAdapter

    from ecrwiz.model.results import VerifyResult

    outputs = dict(step.outputs) if step else {}
    return TypeAdapter(VerifyResult).validate_python(outputs).proofs if outputs else ()


class _Listener:
    """Counts on a terminal while the rows come in; keeps the end, and what was said before the rows and after."""

    def __init__(self, *, as_json: bool) -> None:
        self._live = not as_json and sys.stderr.isatty()
        self.finished: StepFinished | None = None
        self.heading: list[str] = []
        self.words: list[str] = []
        self._rows = False

    def __call__(self, event: Event) -> None:
        """Take an event."""
        from ecrwiz.flow import events

        match event:
            case events.Progress(done=done, total=total) if self._live and total:
                click.echo(f"\r{done:.0f} of {total:.0f} ", err=True, nl=False)
            case events.Output(lines=lines):
                self._hear(lines)
            case events.StepFinished():
                self.finished = event
            case _:
                pass

    def _hear(self, lines: Sequence[str]) -> None:
        for line in lines:
            if line.startswith(("✓", "✗", "?")):
                self._rows = True
            else:
                (self.words if self._rows else self.heading).append(plain(line))

    def done(self) -> None:
        """Clear the counter."""
        if self._live:
            click.echo("\r\x1b[K", err=True, nl=False)
