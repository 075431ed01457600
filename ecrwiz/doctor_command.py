"""The command `ecrwiz doctor`: what the doctor finds, as lines for people or as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import click

from ecrwiz.door import Door, alone, answers_option, json_option, open_at, world
from ecrwiz.model.redact import plain

if TYPE_CHECKING:
    from ecrwiz.flow.doctor import Check, Finding
    from ecrwiz.flow.project import Project

__all__ = ["doctor"]

_SIGNS: Final = {"ok": "✓", "warning": "!", "problem": "✗", "unknown": "?"}


@click.command()
@answers_option
@json_option
@click.pass_obj
def doctor(door: Door, sets: tuple[str, ...], *, as_json: bool) -> int:
    """Check tools, credentials, keyring and GitHub; nothing is changed.

    Exit code 0 without a problem, 3 when a tool or a service is missing, else 1.
    """

    async def work() -> int:
        return await _examine(await open_at(door, sets), as_json=as_json)

    with world(door):
        return alone(work())


async def _examine(project: Project, *, as_json: bool) -> int:
    from ecrwiz.flow.doctor import CHECKS, Patient, examine, exit_code, sum_up

    seconds: dict[str, float] = {}
    waiting = list(CHECKS)
    ready: dict[str, Finding] = {}

    def on_found(check: Check, finding: Finding, took: float) -> None:
        seconds[check.id], ready[check.id] = took, finding
        while not as_json and waiting and waiting[0].id in ready:  # in the table's order, as far as it is known
            shown = waiting.pop(0)
            _print(shown, ready[shown.id])

    found = await examine(Patient(project), on_found)
    code = exit_code(found)
    if as_json:
        checks = [_as_dict(check, found[check.id], seconds[check.id]) for check in CHECKS]
        click.echo(json.dumps({"checks": checks, "exit_code": code}))
    else:
        click.echo(f"{sum_up(found.values())}.")
    return code


def _print(check: Check, finding: Finding) -> None:
    sign = _SIGNS[finding.health]
    click.echo(plain(f"{sign} {finding.health:<8} {check.title:<14} {finding.sentence}"))
    for line in (finding.fix, finding.command and f"$ {finding.command}"):
        if line:
            click.echo(plain(f"{'':26}{line}"))


def _as_dict(check: Check, finding: Finding, seconds: float) -> dict[str, object]:
    return {
        "check": check.id, "title": check.title, "health": finding.health, "sentence": plain(finding.sentence),
        "fix": plain(finding.fix), "command": finding.command, "missing": finding.missing,
        "facts": {name: plain(value) for name, value in finding.facts.items()}, "seconds": round(seconds, 2),
    }  # fmt: skip
