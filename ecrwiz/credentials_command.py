"""The command `ecrwiz credentials`: who the CI identity is, where its copies are, and how they change."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

from ecrwiz.door import Door, alone, answers_option, json_option, open_at, world
from ecrwiz.model.custody import Copy, Custody, Search
from ecrwiz.model.errors import MissingToolError
from ecrwiz.model.redact import MASK, plain

if TYPE_CHECKING:
    from ecrwiz.flow.clipboard import Clipboard
    from ecrwiz.flow.events import StepId
    from ecrwiz.flow.exports import Key
    from ecrwiz.flow.project import Project

__all__ = ["credentials"]

_GONE: Final = "The clipboard does not have it any more."
_STAYS: Final = "The clipboard could not be cleared and may still hold the secret: copy something else over it."
_SIGNS: Final = {"there": "✓", "absent": "–", "unknown": "?"}


@click.group()
def credentials() -> None:
    """Look after the CI identity: show, copy, verify, rotate, revoke, and where its copies are."""


@credentials.command()
@answers_option
@json_option
@click.pass_obj
def show(door: Door, sets: tuple[str, ...], *, as_json: bool) -> int:
    """Show who the CI identity is, how old its key is and when it was last used; the secret stays masked.

    Exit code 3 when AWS could not be asked.
    """

    async def work() -> int:
        from ecrwiz.flow.custody import custody

        found = await custody(await open_at(door, sets))
        if as_json:
            click.echo(json.dumps(_as_dict(found)))
        else:
            _print_lines([*_identity(found), *_warnings(found)])
        return MissingToolError.exit_code if found.problem else 0

    with world(door):
        return alone(work())


@credentials.command()
@answers_option
@json_option
@click.pass_obj
def where(door: Door, sets: tuple[str, ...], *, as_json: bool) -> int:
    """List every copy of the secret, and prove where it is not: files, logs, Git, the image, shell histories.

    Exit code 1 when the secret is found where it must not be.
    """

    async def work() -> int:
        return await _where(await open_at(door, sets), as_json=as_json)

    with world(door):
        return alone(work())


async def _where(project: Project, *, as_json: bool) -> int:
    from ecrwiz.flow.absence import found_secret, search
    from ecrwiz.flow.custody import custody

    ledger = await custody(project)
    if not as_json:
        _print_lines([*_identity(ledger), "", "Copies", *map(_copy, ledger.copies), *_warnings(ledger)])
        _print_lines(["", "Searched for the secret and for the id of its key"])
    searches = await search(project, (lambda _: None) if as_json else lambda found: _print_lines(_search(found)))
    code = 1 if found_secret(searches) else 0
    if as_json:
        click.echo(json.dumps({**_as_dict(ledger), "searches": [asdict(one) for one in searches], "exit_code": code}))
    else:
        _print_lines(["", *_verdict(ledger, searches)])
    return code


@credentials.command()
@answers_option
@click.pass_obj
def copy(door: Door, sets: tuple[str, ...]) -> int:
    """Put the secret key into the clipboard, and take it out again after 45 seconds; Ctrl-C does so at once."""

    async def work() -> int:
        return await _copy_secret(await open_at(door, sets))

    with world(door):
        return alone(work())


async def _copy_secret(project: Project) -> int:
    from ecrwiz.flow.clipboard import Clipboard
    from ecrwiz.flow.exports import read_key

    if not sys.stderr.isatty():
        raise MissingToolError(
            "The secret is copied for a person at a terminal, and this is none.",
            "For programs there is: ecrwiz export json",
        )
    key = await read_key(project)
    board = Clipboard(os.environ, project.paths.state, _to_terminal)
    held, ended = asyncio.create_task(_hold(board, key)), list[int]()

    def heard(number: int) -> None:
        ended.append(number)
        held.cancel()

    with _on_signals(heard):
        try:
            await held
        except asyncio.CancelledError:
            if not ended:
                raise
        finally:
            gone = await board.forget()
            if gone is not None:
                _tell(_GONE if gone else _STAYS)
    return 128 + ended[0] if ended else 0 if gone else 1


async def _hold(board: Clipboard, key: Key) -> None:
    """Keep the secret in the clipboard for its time."""
    from ecrwiz.flow.clipboard import CLEAR_SECONDS

    if caution := await board.caution():
        _tell(caution)
    copied = await board.copy_secret(key.secret)
    if not copied.done:
        raise MissingToolError(
            f"The secret was not copied: {copied.where}.", "Write it into a file with: ecrwiz export env"
        )
    _tell(f"The secret of the {key} is copied {copied.where}.")
    _tell(f"It is taken out again after {CLEAR_SECONDS:g} seconds, or at once with Ctrl-C.")
    await board.cleared()


@contextlib.contextmanager
def _on_signals(heard: Callable[[int], object]) -> Iterator[None]:
    """Hear of what else ends a command, such as the terminal being closed; Ctrl-C is asyncio's own."""
    loop, mine = asyncio.get_running_loop(), []
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT):
        # Not the main thread: it works all the same. What is ignored, as by nohup, stays so.
        with contextlib.suppress(RuntimeError, ValueError):
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, heard, number)
                mine.append(number)
    try:
        yield
    finally:
        for number in mine:
            loop.remove_signal_handler(number)


def _tell(line: str) -> None:
    """Say it to the person, unless the terminal is gone."""
    with contextlib.suppress(OSError):
        click.echo(line, err=True)


def _to_terminal(text: str) -> None:
    """OSC 52: the terminal takes the text into its clipboard.

    Raises:
        OSError: the terminal is gone.
    """
    sys.stderr.write(f"\x1b]52;c;{base64.b64encode(text.encode()).decode('ascii')}\a")
    sys.stderr.flush()


@credentials.command()
@click.option("--yes", is_flag=True, help="Agree to every question.")
@answers_option
@json_option
@click.pass_obj
def rotate(door: Door, sets: tuple[str, ...], *, yes: bool, as_json: bool) -> int:
    """Replace the access key: a new one is made, proven and put in place before the old one is deleted.

    Can be run again after being cut at any moment.
    """
    from ecrwiz.flow.events import StepId

    with world(door):
        return alone(_step(door, StepId.ROTATE, sets, yes=yes, as_json=as_json))


@credentials.command()
@click.option("--yes", is_flag=True, help="Do not ask; needs --confirm.")
@click.option("--confirm", metavar="PROJECT_ID", default="", help="The project's id, typed out.")
@answers_option
@json_option
@click.pass_obj
def revoke(door: Door, confirm: str, sets: tuple[str, ...], *, yes: bool, as_json: bool) -> int:
    """Make every access key of the CI user useless at once, and remove the copies."""
    from ecrwiz.flow.events import StepId

    with world(door):
        return alone(_step(door, StepId.REVOKE, sets, yes=yes, as_json=as_json, confirm=confirm))


async def _step(
    door: Door, step: StepId, sets: tuple[str, ...], *, yes: bool, as_json: bool, confirm: str | None = None
) -> int:
    """Run one step by name; where the project's id must be typed, `--yes` alone does not agree."""
    from ecrwiz.console import drive
    from ecrwiz.flow.context import Approvals

    project = await open_at(door, sets)
    agreed = yes and confirm in (None, project.answers.project_id)
    end = await drive(project, (step,), Approvals(everything=agreed), force=True, as_json=as_json)
    return end.exit_code


def _print_lines(lines: list[str]) -> None:
    for line in lines:
        click.echo(plain(line))


def _identity(found: Custody) -> list[str]:
    key = found.access_key_id
    rows = [
        ("identity", found.identity),
        *_names(found),
        ("account", found.account),
        ("access key", f"{key}, {found.status.lower()}" if found.status else key),
        ("secret", MASK if key else ""),
        ("made", _made(found.created)),
        ("last use", found.last_used),
    ]
    return [f"  {label:<11} {value}" for label, value in rows if value]


def _names(found: Custody) -> Iterator[tuple[str, str]]:
    """One row, or two while a key is being replaced by a role."""
    missing = "unknown: AWS could not be asked" if found.problem else "none is there"
    if found.identity == "both" or (found.user and found.role):
        yield "user", found.user or missing
        yield "role", found.role or missing
    else:
        yield "name", found.arn or missing


def _made(when: datetime | None) -> str:
    from ecrwiz.flow.custody import ago

    return f"{when:%Y-%m-%d %H:%M} UTC, {ago(when)}" if when else ""


def _copy(copy: Copy) -> str:
    facts = [copy.access_key_id if copy.access_key_id not in copy.place else "", _made(copy.since), copy.note]
    words = "; ".join(filter(None, facts))
    return f"  {_SIGNS[copy.state]} {copy.state:<7} {copy.place}{f' ({words})' if words else ''}"


def _warnings(found: Custody) -> Iterator[str]:
    if found.warnings:
        yield ""
    yield from (f"! {sentence}" for sentence in found.warnings)


def _search(found: Search) -> list[str]:
    sign = "✗" if found.secret else "✓" if found.complete else "?"
    word = "SECRET" if found.secret else "absent" if found.complete else "not all read"
    count = len(found.key_id)
    ids = f"; the key's id found at {count} place{'' if count == 1 else 's'}" if count else ""
    lines = [f"  {sign} {word:<12} {found.place}: {found.looked_at}{ids}"]
    return lines + [f"{'':19}the secret is in {line}" for line in found.secret]


def _verdict(ledger: Custody, searches: tuple[Search, ...]) -> Iterator[str]:
    if not searches:
        there = "cannot be asked for at AWS, and this folder knows no key" if ledger.problem else "is not made yet"
        words = "is a role" if ledger.identity == "oidc" else there
        yield f"The CI identity {words}: there is no secret to search for."
        return
    found = sum(len(one.secret) for one in searches)
    open_ones = [one.place for one in searches if not one.complete]
    if found:
        yield f"The secret is in {found} place{'' if found == 1 else 's'} where it must not be."
        yield "Make it worthless with `ecrwiz credentials rotate`, then remove what is listed above."
    elif ledger.identity == "oidc" and not any(copy.kind == "keyring" and copy.access_key_id for copy in ledger.copies):
        yield "The CI identity is a role, which has no secret: only the ids of old access keys were searched for."
        if open_ones:
            yield f"Not everything could be read: {', '.join(open_ones)}."
    elif open_ones:
        yield f"The secret was not found. Not everything could be read: {', '.join(open_ones)}."
    else:
        yield "The secret is in none of these places."


def _as_dict(found: Custody) -> dict[str, object]:
    def words(value: object) -> object:
        if isinstance(value, datetime):
            return value.isoformat()
        if isinstance(value, dict):
            return {name: words(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [words(item) for item in value]
        return plain(value) if isinstance(value, str) else value

    facts = {name: words(value) for name, value in asdict(found).items()}
    facts["last_used"] = facts.pop("used")  # in words for people, a time for programs
    return facts
