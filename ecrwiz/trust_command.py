"""The command `ecrwiz trust`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import click

from ecrwiz.door import Door, alone, answers_option, json_option, open_at, world
from ecrwiz.model.redact import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ecrwiz.flow.events import RunFinished, StepId
    from ecrwiz.flow.trust_explained import Explanation
    from ecrwiz.model.trust import Trust
    from ecrwiz.model.what_if import Row

__all__ = ["change_to_oidc", "trust"]

_SIGNS: Final = {"may": "✓", "may not": "✗", "unknown": "?"}


@click.group()
def trust() -> None:
    """Explain who can assume the CI role."""


@trust.command("explain")
@click.option("--if", "change", metavar="CHANGE", default="",
              help='What would change: "rename to NAME", "transfer to OWNER", "environment NAME", "branch NAME", '
              '"tag NAME" or pull_request.')  # fmt: skip
@answers_option
@json_option
@click.pass_obj
def explain(door: Door, change: str, sets: tuple[str, ...], *, as_json: bool) -> int:
    """Show which workflow runs could assume the CI role, now and after a change on GitHub; nothing is changed.

    Exit code 1 when the role's trust policy is dangerous or differs from what ecrwiz solves.
    """

    async def work() -> int:
        from ecrwiz.flow.context import View
        from ecrwiz.flow.events import StepId
        from ecrwiz.flow.trust_explained import explain as explained
        from ecrwiz.model.what_if import Change

        asked = Change.parse(change) if change else None
        project = await open_at(door, sets)
        found = await explained(View(project, StepId.PROVISION), asked)
        if as_json:
            click.echo(json.dumps(_as_dict(found)))
        else:
            for line in _lines(found):
                click.echo(plain(line))
        return 1 if found.dangers or found.differences else 0

    with world(door):
        return alone(work())


@click.command("to-oidc")
@click.option("--yes", is_flag=True, help="Agree to every question.")
@answers_option
@json_option
@click.pass_obj
def change_to_oidc(door: Door, sets: tuple[str, ...], *, yes: bool, as_json: bool) -> int:
    """Replace the access key by a role that GitHub's workflows assume; stops safely wherever you have to do something.

    Run it again to go on. Exit code 0 when the key is gone and the role has taken its place.
    """
    with world(door):
        return alone(_move(door, sets, yes=yes, as_json=as_json))


async def _move(door: Door, sets: tuple[str, ...], *, yes: bool, as_json: bool) -> int:
    from ecrwiz.console import drive
    from ecrwiz.flow.context import Approvals
    from ecrwiz.flow.move import STAGES, to_oidc

    project = await open_at(door, sets)

    async def run(
        steps: Sequence[StepId], force: bool, entries: Mapping[str, str]
    ) -> RunFinished:  # as `flow.move` calls it
        approvals = Approvals(everything=yes, entries=entries)
        return await drive(project, tuple(steps), approvals, force=force, as_json=as_json)

    def say(line: str) -> None:
        if not as_json:
            click.echo(plain(line))

    found = await to_oidc(project, run, say)
    if as_json:
        click.echo(json.dumps({"event": "move.finished", "stages": list(STAGES), **asdict(found)}))
    else:
        click.echo(plain(f"{'✓' if found.exit_code == 0 else '…'} {found.next}"))
    return found.exit_code


def _as_dict(found: Explanation) -> dict[str, object]:
    shown = asdict(found)
    return {**shown, "trust": _trust(found.trust), "then": _trust(found.then) if found.then else None}


def _trust(trust: Trust) -> dict[str, object]:
    return {**asdict(trust), "forms": [str(form) for form in trust.forms]}


def _lines(found: Explanation) -> list[str]:
    lines = [f"Role        {found.role or '(none yet)'}"]
    lines += [f"            {found.note}"] if found.note else []
    lines += [f"Issuer      {found.trust.issuer}", f"Audience    {found.trust.audience}"]
    lines += [f"{'Trusts' if number == 0 else '':<11} {value}" for number, value in enumerate(found.judged)]
    for title, sentences in (
        ("Danger", found.dangers),
        ("Differs", found.differences),
        ("Warning", found.trust.warnings),
        ("Doubt", (found.trust.doubt,) if found.trust.doubt else ()),
    ):
        lines += [f"{title:<11} {sentence}" for sentence in sentences]
    if found.change:
        lines += ["", f"If {found.change}, by the trust policy as it is now:"]
    lines += ["", *_table(found)]
    if found.change:
        lines += ["", *_afterwards(found)]
    return lines


def _table(found: Explanation) -> list[str]:
    wide = max(len(row.who) for row in found.rows)
    lines = [f"  {'Kind of run':<{wide}}  {'now':<9} {'then' if found.change else ''}".rstrip()]
    for row in found.rows:
        then = "" if row.after is None else f"{_SIGNS[row.after]} {row.after}"
        lines.append(f"  {row.who:<{wide}}  {f'{_SIGNS[row.verdict]} {row.verdict}':<9} {then}".rstrip())
        lines += _sent(row)
    return lines


def _sent(row: Row) -> list[str]:
    lines = [f"      sends {row.subject}"] if row.subject else []
    if row.subject_after and row.subject_after != row.subject:
        lines.append(f"      then  {row.subject_after}")
    return lines


def _afterwards(found: Explanation) -> list[str]:
    if found.then is None:
        return [f"Afterwards no trust could be solved: {found.then_note}"]
    if set(found.then.subjects) <= set(found.judged):
        return ["Nothing has to be done afterwards."]
    wanted = "\n".join(f"  {subject}" for subject in found.then.subjects)
    return ["Afterwards run `ecrwiz run render provision`; the role would then trust:", *wanted.splitlines()]
