"""What the command line prints of a run, and the doors' last words."""

from __future__ import annotations

import json
import queue

import click
import pytest
from click.testing import CliRunner

from ecrwiz import cli
from ecrwiz.console import Json, Plain, ask_in_terminal
from ecrwiz.crash import crash_file
from ecrwiz.flow import events
from ecrwiz.flow.events import Failure, Question, Reply, Status, StepId
from ecrwiz.model.redact import MASK

STEP = StepId.BUILD


def test_plain_lines_bear_the_steps_name(capsys: pytest.CaptureFixture[str]) -> None:
    tell = Plain()
    tell(events.CommandShown(STEP, "docker build ."))
    tell(events.Output(STEP, ("\x1b[31mred\x1b[0m [/foo]", "")))
    tell(events.StepFinished(STEP, Status.FAILED, 1.25, error=Failure("It broke.", "Mend it.")))
    assert capsys.readouterr().out.splitlines() == [
        "build       | $ docker build .",
        "build       | red [/foo]",
        "build       | ",
        "build       | ✗ failed in 1.2 s",
        "build       |   It broke.",
        "build       |   Mend it.",
    ]


def test_lines_wait_while_a_question_is_open(capsys: pytest.CaptureFixture[str]) -> None:
    tell = Plain()
    tell.hold()
    tell.hold()
    tell(events.Output(STEP, ("one",)))
    assert capsys.readouterr().out == ""
    tell.go_on()
    tell.go_on()
    assert capsys.readouterr().out == "build       | one\n"


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    tell = Json()
    for event in (
        events.RunStarted("r", (STEP,), "logs"),
        events.StepStarted(STEP),
        events.Output(STEP, ("a", "b")),
        events.Progress(STEP, 1, None, "bytes", "x"),
        events.StepFinished(STEP, Status.SKIPPED, 0.5, note="why"),
        events.RunFinished("r", Status.OK, 2, 0),
    ):
        tell(event)
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in found] == [
        "run.started", "step.started", "step.output", "step.output", "step.progress", "step.finished", "run.finished",
    ]  # fmt: skip
    assert found[5]["note"] == "why"


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_without_a_terminal_the_help_is_printed(arguments: list[str]) -> None:
    done = CliRunner().invoke(cli.commands, arguments)
    assert done.exit_code == 0
    for word in ("run", "status", "plan", "detect", "destroy", "--sandbox", "--version"):
        assert word in done.output


def test_a_choice_is_asked_on_the_terminal_with_the_safe_word_as_default(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[object, ...]] = []

    def prompt(title: str, *, type: click.Choice[str], default: str) -> str:  # noqa: A002  # click's own name
        asked.append((title, tuple(type.choices), default))
        return "new"

    monkeypatch.setattr(click, "prompt", prompt)
    question = Question(
        STEP, "choice", "Whose?", ("\x1b[31m-x\x1b[0m",), choices=(("new", "Take it"), ("mine", "Keep"))
    )
    done: queue.Queue[Reply] = queue.Queue()
    ask_in_terminal(question, done.put)
    assert done.get(timeout=5) == "new"
    assert asked == [("Whose?", ("new", "mine"), "mine")]
    said = capsys.readouterr().out
    assert "  -x\n" in said, "nothing in a body is read as a terminal's command"
    assert "Take it" in said


def test_a_wrong_step_is_bad_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["ecrwiz", "run", "biuld"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 2
    assert "'biuld' is not one of 'render'" in capsys.readouterr().err


def test_a_crash_is_told_in_two_lines_and_its_file_holds_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def crash(**_: object) -> int:
        raise ZeroDivisionError("Bearer abcdefgh12345678")

    monkeypatch.setattr(cli.commands, "main", crash)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "ZeroDivisionError" in said
    path = crash_file(ZeroDivisionError("Bearer abcdefgh12345678"))
    text = path.read_text()
    assert "abcdefgh12345678" not in text
    assert MASK in text
    assert path.stat().st_mode & 0o077 == 0
