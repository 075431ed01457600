"""The wizard in a real pseudo-terminal: signals, a closed terminal, what is left behind."""

from __future__ import annotations

import os
import signal
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pexpect
import pyte
import pytest

# A wizard over a step that starts a real child process by the product's own means.
PROGRAM = """
import asyncio, os, sys
from dataclasses import replace
from pathlib import Path

root, notes = Path(sys.argv[1]), Path(sys.argv[2])

from ecrwiz.app import EcrwizApp
from ecrwiz.flow import engine, runbook
from ecrwiz.flow.events import StepId
from ecrwiz.flow.project import open_project
from ecrwiz.model.results import RenderResult

async def run(context):
    child = await asyncio.create_subprocess_exec("sleep", "300", start_new_session=True)
    (notes / "child").write_text(str(child.pid))
    context.say("the step is at work")
    try:
        await child.wait()
    except asyncio.CancelledError:
        await asyncio.sleep(0.3)
        child.terminate()
        await child.wait()
        (notes / "cleaned").write_text("yes")
        raise
    return RenderResult((), (), ())

async def inputs(view):
    return {}

steps = {id_: replace(step, run=run, inputs=inputs, gone=None) for id_, step in runbook.STEPS.items()}
engine.STEPS = runbook.STEPS = steps

async def opened():
    project = await open_project(root, {}, os.environ)
    project.save_answers()
    return project

code = EcrwizApp(asyncio.run(opened())).run()
(notes / "code").write_text(str(code))
sys.exit(code or 0)
"""


class Terminal:
    """The program in a pseudo-terminal, with what a person sees of it."""

    def __init__(self, root: Path, notes: Path) -> None:
        self.notes = notes
        program = notes / "program.py"
        program.write_text(textwrap.dedent(PROGRAM))
        here = str(Path(__file__).parent.parent)
        environ = {**os.environ, "PYTHONPATH": here, "TERM": "xterm-256color", "TEXTUAL_ANIMATIONS": "none"}
        self.child = pexpect.spawn(
            sys.executable, [str(program), str(root), str(notes)], dimensions=(24, 80), timeout=30,
            env=environ, encoding="utf-8",
        )  # fmt: skip
        self.screen = pyte.Screen(80, 24)
        self.stream = pyte.Stream(self.screen)
        self.raw = ""

    def read(self) -> str:
        """Take in what was written; gives the screen's text."""
        while True:
            try:
                text = self.child.read_nonblocking(65536, timeout=0.1)
            except (pexpect.TIMEOUT, pexpect.EOF):
                return "\n".join(self.screen.display)
            self.raw += text
            self.stream.feed(text)

    def hang_up(self) -> None:
        """Close the terminal as a closed window does."""
        process = self.child.ptyproc
        process.fileobj.close()
        process.closed, process.fd = True, -1
        self.child.closed, self.child.child_fd = True, -1

    def until(self, true: Callable[[str], bool], seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if true(self.read()):
                return
        raise AssertionError("it did not come to that:\n" + "\n".join(self.screen.display))

    def ended(self) -> int:
        """Wait for the end; gives the exit code."""
        end = time.monotonic() + 30
        while self.child.isalive() and time.monotonic() < end:
            self.read()
        self.read()
        assert not self.child.isalive(), "it still runs"
        self.child.close()
        return int(self.child.exitstatus if self.child.exitstatus is not None else -(self.child.signalstatus or 0))


@pytest.fixture
def terminal(next_app: Path, tmp_path: Path) -> Terminal:
    notes = tmp_path / "notes"
    notes.mkdir()
    terminal = Terminal(next_app, notes)
    terminal.until(lambda text: "not run" in text)
    return terminal


def start(terminal: Terminal) -> int:
    terminal.child.send("\r")
    terminal.until(lambda text: "the step is at work" in text)
    return int((terminal.notes / "child").read_text())


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def restored(raw: str) -> bool:
    """Alternate screen and mouse reporting are off again, and the cursor is shown."""
    return all(raw.rfind(off) > raw.rfind(on) for on, off in (
        ("\x1b[?1049h", "\x1b[?1049l"), ("\x1b[?1000h", "\x1b[?1000l"), ("\x1b[?25l", "\x1b[?25h"),
    ))  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_steps_in_good_order(terminal: Terminal, number: signal.Signals) -> None:
    child = start(terminal)
    terminal.child.kill(number)
    assert terminal.ended() == 128 + number
    assert (terminal.notes / "cleaned").exists()
    assert not alive(child)
    if number is not signal.SIGHUP:  # then there is no terminal any more
        assert restored(terminal.raw)


def test_a_closed_terminal_leaves_no_process(terminal: Terminal) -> None:
    child = start(terminal)
    wizard = terminal.child.pid
    terminal.hang_up()
    end = time.monotonic() + 20
    gone = 0
    while time.monotonic() < end and not gone:
        gone, status = os.waitpid(wizard, os.WNOHANG)
        time.sleep(0.05)
    if not gone:
        os.kill(wizard, signal.SIGKILL)
    assert gone == wizard, "it hangs without a terminal"
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGHUP
    assert (terminal.notes / "cleaned").exists()
    assert not alive(child)


def test_quitting_gives_the_terminal_back(terminal: Terminal) -> None:
    terminal.child.send("q")
    assert terminal.ended() == 0
    assert restored(terminal.raw)


def test_stop_and_quit_by_keys(terminal: Terminal) -> None:
    child = start(terminal)
    terminal.child.send("q")
    terminal.until(lambda text: "A run is going on" in text)
    terminal.child.send("\x1b[C")
    terminal.child.send("\r")
    assert terminal.ended() == 130
    assert (terminal.notes / "cleaned").exists()
    assert not alive(child)
    assert restored(terminal.raw)


def test_a_smaller_terminal_says_so_and_a_larger_one_goes_on(terminal: Terminal) -> None:
    terminal.screen.resize(20, 60)
    terminal.child.setwinsize(20, 60)
    terminal.until(lambda text: "too small" in text)
    terminal.screen.resize(24, 80)
    terminal.child.setwinsize(24, 80)
    terminal.until(lambda text: "not run" in text and "too small" not in text)
    terminal.child.send("q")
    assert terminal.ended() == 0


def test_a_killed_wizard_leaves_a_run_to_go_on_with_and_the_next_start_says_so(
    terminal: Terminal, next_app: Path, tmp_path: Path
) -> None:
    child = start(terminal)
    terminal.child.kill(signal.SIGKILL)
    assert terminal.ended() == -signal.SIGKILL
    os.kill(child, signal.SIGKILL)
    notes = tmp_path / "second"
    notes.mkdir()
    second = Terminal(next_app, notes)
    second.until(lambda text: "An earlier run was cut off during render" in text and "Press a to go on" in text)
    assert "! render" in second.read()
    second.child.send("q")
    assert second.ended() == 0


def test_ctrl_c_offers_to_stop_a_run_and_force_ends_it_at_once(terminal: Terminal) -> None:
    child = start(terminal)
    terminal.child.send("\x03")
    terminal.until(lambda text: "A run is going on" in text and "Force" in text)
    terminal.child.send("\x1b")
    terminal.until(lambda text: "A run is going on" not in text)
    assert alive(child), "escape keeps it running"
    terminal.child.send("\x03")
    terminal.until(lambda text: "A run is going on" in text)
    terminal.child.send("\x1b[C\x1b[C\r")
    assert terminal.ended() == 130
    os.kill(child, signal.SIGKILL) if alive(child) else None
    assert restored(terminal.raw)
