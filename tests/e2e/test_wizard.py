"""The wizard in a real terminal of 80 columns and 24 rows: the first time, a step again, export, destroy, signals."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import World
from tests.e2e.terminal import Terminal, terminal

pytestmark = pytest.mark.e2e

USER = "ci-blog-dev-server-user"


@pytest.fixture
def screen() -> Iterator[Terminal]:
    with tempfile.TemporaryDirectory(prefix="ew-") as folder, terminal(Path(folder)) as made:
        yield made


def _open(screen: Terminal, world: World) -> None:
    screen.run(world.command(), world.environ, world.root)


def _statuses(world: World) -> dict[str, str]:
    found = json.loads(world.run("status", "--json").stdout)
    return {step["step"]: step["status"] for step in found["steps"]}


def _processes(*words: str) -> list[int]:
    """Processes whose command line has all these words; shells and tmux, which only carry it, are left out."""
    listed = subprocess.run(["ps", "-eww", "-o", "pid,args"], capture_output=True, text=True, check=True).stdout
    found = [line.split(None, 1) for line in listed.splitlines()[1:]]
    return [
        int(pid)
        for pid, line in found
        if all(word in line for word in words) and not line.startswith(("sh -c", "tmux"))
    ]


def test_the_first_time(world: World, screen: Terminal) -> None:
    _open(screen, world)
    screen.wait("Answers", "from package.json", "web/blog/nextjs", seconds=60)
    screen.keys("C-n")
    screen.wait("5 to add", "Dockerfile", seconds=60)
    assert not (world.root / "Dockerfile").exists(), "a review writes nothing"
    screen.keys("g")
    screen.wait("ecrwiz · Run", seconds=10)
    screen.wait("Receipt", "HTTP 200 with PORT=5000", seconds=240)
    screen.keys("Escape")
    screen.wait("ecrwiz · Home")
    screen.wait(lambda text: text.count("fresh") == 8)
    assert set(_statuses(world).values()) == {"fresh"}
    screen.keys("q")
    screen.wait("exit code 0")
    assert not screen.alternate(), "the terminal is as it was"


def test_wrong_keys_do_no_harm_and_a_small_window_says_so(world: World, screen: Terminal) -> None:
    _open(screen, world)
    screen.wait("ecrwiz · Home", seconds=60)
    screen.keys("z", "F12", "C-g", "Tab", "PPage", "[", "Escape", "0")
    screen.wait("ecrwiz · Home")
    screen.resize(60, 15)
    screen.wait(lambda text: "small" in text.lower())
    screen.resize(120, 40)
    screen.wait("ecrwiz · Home")
    screen.keys("?")
    screen.wait("Remove everything", "esc closes")
    screen.keys("Escape")
    screen.wait(lambda text: "esc closes" not in text)
    screen.keys("q")
    screen.wait("exit code 0")


def test_one_step_again_from_the_menu(world: World, screen: Terminal) -> None:
    before = json.dumps(world.opened_secrets())
    journal = world.data / "state" / "journal.json"
    run = json.loads(journal.read_text())["steps"]["github"]["run"]
    _open(screen, world)
    screen.wait("ecrwiz · Home", seconds=60)
    screen.until("Down", r"▸ . github")
    screen.keys("Enter")
    screen.wait(lambda _: json.loads(journal.read_text())["steps"]["github"]["run"] != run, seconds=60)
    screen.wait(lambda _: json.loads(journal.read_text())["steps"]["github"]["status"] == "ok", seconds=60)
    assert json.dumps(world.opened_secrets()) == before, "the same key is exported again"
    screen.keys("C-q")
    screen.wait("exit code 0")


def test_a_signal_leaves_no_child_and_a_sound_terminal(world: World, screen: Terminal) -> None:
    (world.data / "state" / "journal.json").unlink()
    _open(screen, world)
    screen.wait("ecrwiz · Home", seconds=60)
    screen.until("Down", r"▸ . provision")
    screen.until("k", r"▸ . render")
    screen.keys("Enter")
    screen.wait(lambda _: _statuses(world)["render"] == "fresh", seconds=60)
    screen.keys("Escape")
    screen.wait("ecrwiz · Home")
    screen.until("Down", r"▸ . provision")
    screen.keys("Enter")
    screen.wait(lambda _: bool(_processes("terraform ", str(world.root))), seconds=60)
    (wizard,) = _processes(f"-m ecrwiz -C {world.root}")
    os.kill(wizard, signal.SIGTERM)
    screen.wait("exit code 143", seconds=60)
    assert not screen.alternate()
    assert _processes("terraform ", str(world.root)) == []
    assert _statuses(world)["provision"] == "cancelled"


def test_a_closed_terminal_ends_the_wizard_and_its_children(world: World, screen: Terminal) -> None:
    _open(screen, world)
    screen.wait("ecrwiz · Home", seconds=60)
    screen.until("Down", r"▸ . provision")
    screen.keys("Enter")
    screen.wait(lambda _: bool(_processes("terraform ", str(world.root))), seconds=60)
    screen.end()
    deadline = time.monotonic() + 60
    while _processes(f"-m ecrwiz -C {world.root}") or _processes("terraform ", str(world.root)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert _statuses(world)["provision"] == "cancelled"


def test_destroy_wants_the_project_id_typed(world: World, screen: Terminal) -> None:
    _open(screen, world)
    screen.wait("ecrwiz · Home", seconds=60)
    screen.keys("d")
    screen.wait("Type blog and press enter", seconds=30)
    screen.type("blog")
    screen.wait(lambda text: bool(re.search(r"^\s*blog\b", text, re.MULTILINE)))
    screen.keys("Enter")
    deadline = time.monotonic() + 120
    while world.operator("ecr").describe_repositories()["repositories"]:
        assert time.monotonic() < deadline, screen.screen()
        time.sleep(0.5)
    screen.wait(lambda _: set(_statuses(world).values()) == {"not-run"}, seconds=60)
    assert USER not in [user["UserName"] for user in world.operator("iam").list_users()["Users"]]
    screen.keys("C-q")
    screen.wait("exit code 0")
