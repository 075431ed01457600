"""How the command line drives and tells a run: plain lines for people, one JSON event a line for programs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Protocol

import click

from ecrwiz.flow import events
from ecrwiz.flow.context import Approvals
from ecrwiz.flow.engine import Engine
from ecrwiz.flow.events import Asked, Event, Failure, Question, Reply, RunFinished, Status, StepId
from ecrwiz.flow.project import Project
from ecrwiz.flow.receipt import receipt
from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.redact import Secret, plain

__all__ = [
    "Json",
    "Plain",
    "Reporter",
    "ask_in_terminal",
    "drive",
    "failure_event",
    "failure_lines",
    "glyph",
    "print_receipt",
]

_GLYPHS = {
    Status.OK: "✓",
    Status.FRESH: "✓",
    Status.FAILED: "✗",
    Status.CANCELLED: "■",
    Status.SKIPPED: "–",
    Status.STALE: "~",
    Status.RUNNING: "…",
    Status.CUT: "!",
    Status.NOT_RUN: "·",
}


class Reporter(Protocol):
    """Takes every event of a run."""

    def __call__(self, event: Event) -> None:
        """Show it."""


def glyph(status: Status) -> str:
    """The sign of a status; its word always stands beside it."""
    return _GLYPHS[status]


def failure_event(error: EcrwizError) -> str:
    """The line of `--json` for a run that could not begin."""
    found = {"message": error.message, "hint": error.hint}
    return json.dumps(
        {"event": "run.finished", "status": Status.FAILED, "seconds": 0, "exit_code": error.exit_code, "error": found}
    )


def failure_lines(failure: Failure) -> tuple[str, ...]:
    """The failure in words, and what to do next."""
    return tuple(line for line in (failure.message, failure.hint) if line)


class Plain:
    """One line of output a line, with the step's name before it, as steps run side by side."""

    def __init__(self) -> None:
        self._shown: dict[str, int] = {}
        self._waiting: list[str] | None = None

    def hold(self) -> None:
        """Keep lines back while a question is on the terminal."""
        self._waiting = self._waiting or []

    def go_on(self) -> None:
        """Show what was kept back."""
        waiting, self._waiting = self._waiting or [], None
        for line in waiting:
            click.echo(line)

    def __call__(self, event: Event) -> None:
        """Show an event."""
        match event:
            case events.CommandShown(step, text):
                self._line(step, f"$ {text}")
            case events.Output(step, lines):
                for line in lines:
                    self._line(step, line)
            case events.Progress(step=step):
                self._progress(event)
            case events.StepFinished():
                self._finished(event)
            case events.RunFinished(status=status, seconds=seconds):
                self._echo(f"{glyph(status)} run {status} in {seconds:.1f} s")
            case _:
                pass

    def _progress(self, event: events.Progress) -> None:
        """A line for each tenth, so that a log stays readable."""
        if not event.total:
            return
        tenth = int(10 * event.done / event.total)
        if self._shown.get(event.step) != tenth:
            self._shown[event.step] = tenth
            self._line(event.step, f"{tenth * 10:>3} % {event.text}")

    def _finished(self, event: events.StepFinished) -> None:
        self._shown.pop(event.step, None)
        words = f"{glyph(event.status)} {event.status}"
        words += f" in {event.seconds:.1f} s" if event.status in (Status.OK, Status.FAILED) else ""
        words += f" ({event.note})" if event.note else ""
        self._line(event.step, words)
        for line in failure_lines(event.error) if event.error else ():
            self._line(event.step, f"  {line}")

    def _line(self, step: str, text: str) -> None:
        text = text if sys.stdout.isatty() else plain(text)
        self._echo(f"{step:<11} | {text}")

    def _echo(self, text: str) -> None:
        if self._waiting is None:
            click.echo(text)
        else:
            self._waiting.append(text)


class Json:
    """One JSON object a line; `Secret` cannot be encoded, so none can be in it."""

    def __call__(self, event: Event) -> None:
        """Print an event."""
        for line in _as_dicts(event):
            click.echo(json.dumps(line))


def _as_dicts(event: Event) -> list[dict[str, object]]:
    match event:
        case events.RunStarted(run, steps, log_dir):
            return [{"event": "run.started", "run": run, "steps": list(steps), "logs": log_dir}]
        case events.StepStarted(step):
            return [{"event": "step.started", "step": step}]
        case events.CommandShown(step, text):
            return [{"event": "step.command", "step": step, "command": text}]
        case events.Output(step, lines):
            return [{"event": "step.output", "step": step, "line": plain(line)} for line in lines]
        case events.Progress(step, done, total, unit, text):
            found = {"done": done, "total": total, "unit": unit, "text": text}
            return [{"event": "step.progress", "step": step, **found}]
        case events.StepFinished():
            return [_finished(event)]
        case events.RunFinished(run, status, seconds, exit_code):
            found = {"seconds": round(seconds, 3), "exit_code": exit_code}
            return [{"event": "run.finished", "run": run, "status": status, **found}]
        case _:
            return []


def _finished(event: events.StepFinished) -> dict[str, object]:
    found: dict[str, object] = {
        "event": "step.finished",
        "step": event.step,
        "status": event.status,
        "seconds": round(event.seconds, 3),
        "outputs": dict(event.outputs),
    }
    if event.note:
        found["note"] = event.note
    if event.error:
        found["error"] = {"message": event.error.message, "hint": event.error.hint}
    return found


def ask_in_terminal(question: Question, done: Callable[[Reply], None]) -> None:
    """Ask on the terminal from a daemon thread, so that Ctrl-C need not wait for an answer."""

    def ask() -> None:
        for line in question.body:
            click.echo(f"  {plain(line)}".rstrip())
        try:
            done(_prompt(question))
        except (click.Abort, EOFError, OSError):
            done(None)

    threading.Thread(target=ask, daemon=True, name="question").start()


def _prompt(question: Question) -> Reply:
    if question.kind == "confirm":
        return click.confirm(f"{question.title} ({question.yes} / {question.no})", default=False)
    if question.kind == "choice":
        for word, label in question.choices:
            click.echo(f"  {word:<8} {label}")
        words = [word for word, _ in question.choices]
        return str(click.prompt(question.title, type=click.Choice(words), default=words[-1]))
    if question.kind == "secret":
        return Secret(click.prompt(question.title, hide_input=True, default="", show_default=False).strip())
    return str(click.prompt(question.title, default="", show_default=False))


async def drive(
    project: Project,
    wanted: tuple[StepId, ...],
    approvals: Approvals,
    *,
    force: bool,
    as_json: bool,
    reporter: Reporter | None = None,
) -> RunFinished:
    """Run with a reporter on standard output, questions on the terminal, and signals that cancel in good order.

    Args:
        project: the project.
        wanted: the steps.
        approvals: what the person agreed to beforehand.
        force: run them though they are fresh.
        as_json: tell events as JSON.
        reporter: takes the events instead; nobody is asked anything then.

    Raises:
        EcrwizError: the run could not begin.
    """
    reporter = reporter or (Json() if as_json else Plain())

    def listen(event: Event) -> None:
        try:
            if isinstance(event, Asked):
                _ask(engine, event, reporter if isinstance(reporter, Plain) else None)
            else:
                reporter(event)
        except BrokenPipeError:  # the reader has seen enough; the work goes on, and its log has everything
            _drop_output()

    engine = Engine(project, listen)
    loop = asyncio.get_running_loop()
    stops = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in stops:
        loop.add_signal_handler(number, engine.cancel)
    try:
        with _terminal_restored():
            return await engine.run(wanted, force=force, approvals=approvals)
    finally:
        for number in stops:
            loop.remove_signal_handler(number)
        if isinstance(reporter, Plain):
            reporter.go_on()


def _drop_output() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


@contextlib.contextmanager
def _terminal_restored() -> Iterator[None]:
    """A prompt that hides what is typed may be cut while the echo is off."""
    if not sys.stdin.isatty():
        yield
        return
    import termios

    before = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _ask(engine: Engine, event: Asked, plain: Plain | None) -> None:
    """Ask a person at a terminal; a program, or nobody, answers None."""
    question = event.question
    if plain is None or not (sys.stdin.isatty() and sys.stdout.isatty()):
        engine.answer(question.id, None)
        return
    loop = asyncio.get_running_loop()
    plain.hold()

    def done(reply: Reply) -> None:
        plain.go_on()
        engine.answer(question.id, reply)

    def from_thread(reply: Reply) -> None:
        loop.call_soon_threadsafe(done, reply)

    ask_in_terminal(question, from_thread)


def print_receipt(project: Project) -> None:
    """Say what exists now."""
    for title, rows in receipt(project):
        click.echo(f"\n{title}")
        for label, value in rows:
            click.echo(plain(f"  {label:<11} {value}"))
