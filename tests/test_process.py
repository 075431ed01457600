"""Child processes, with real children."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from ecrwiz.model.errors import MissingToolError, ToolFailedError
from ecrwiz.services import process
from ecrwiz.services.process import notes as child_notes
from ecrwiz.services.process.child import group_lives
from ecrwiz.services.process.lines import LineSplitter

SH = ("bash", "-c")


def python(code: str) -> list[str]:
    return [sys.executable, "-u", "-c", code]


STUBBORN = """
import os, signal, time
signal.signal(signal.SIGINT, lambda *_: print("int"))
signal.signal(signal.SIGTERM, lambda *_: print("term"))
print(os.getpid())
while True: time.sleep(1)
"""


def gone(pid: int) -> bool:
    """Nothing but perhaps a zombie is left."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


async def until(condition: object, seconds: float = 10.0) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        await asyncio.sleep(0.02)


async def test_lines_and_return_code(tmp_path: Path) -> None:
    lines: list[str] = []
    done = await process.stream(
        [*SH, "pwd; echo err >&2; printf 'a\\rb\\rc\\n'; printf 'x\\r\\n\\n'; printf 'ü no end'; exit 7"],
        cwd=tmp_path,
        on_lines=lines.extend,
    )
    assert lines == [str(tmp_path), "err", "c", "x", "", "ü no end"]
    assert done == process.Finished(7, tuple(lines))


async def test_stdin_is_empty(tmp_path: Path) -> None:
    lines: list[str] = []
    await process.stream([*SH, "read -r word; echo got=$? word=$word"], cwd=tmp_path, on_lines=lines.extend)
    assert lines == ["got=1 word="]


async def test_many_lines_are_fast_and_the_loop_stays_free(tmp_path: Path) -> None:
    lines: list[str] = []
    deliveries: list[float] = []
    lag = 0.0

    def take(batch: Sequence[str]) -> None:
        lines.extend(batch)
        deliveries.append(time.monotonic())

    async def tick() -> None:
        nonlocal lag
        while True:
            start = time.monotonic()
            await asyncio.sleep(0.01)
            lag = max(lag, time.monotonic() - start - 0.01)

    ticking = asyncio.create_task(tick())
    start = time.monotonic()
    code = "import sys; sys.stdout.write(''.join(f'line {i} of a long log\\n' for i in range(300_000)))"
    await process.stream(python(code), cwd=tmp_path, on_lines=take)
    seconds = time.monotonic() - start
    ticking.cancel()
    assert len(lines) == 300_000
    assert lines[0] == "line 0 of a long log"
    assert lines[-1] == "line 299999 of a long log"
    assert seconds < 10
    assert lag < 1.0
    between = [b - a for a, b in itertools.pairwise(deliveries[:-1])]  # the last comes at the end, at once
    assert all(gap > 0.045 for gap in between), "more than 20 deliveries a second"


async def test_a_line_of_a_megabyte_and_cut_characters(tmp_path: Path) -> None:
    lines: list[str] = []
    await process.stream(python("print('ü' * 1_000_000); print('end')"), cwd=tmp_path, on_lines=lines.extend)
    assert [len(line) for line in lines] == [1_000_000, 3]
    assert set(lines[0]) == {"ü"}


async def test_json_lines_come_raw(tmp_path: Path) -> None:
    sent = json.dumps({"text": "a\r\nb \x1b[1mbold\x1b[0m ü"})
    lines: list[str] = []
    await process.stream(python(f"print({sent!r})"), cwd=tmp_path, on_lines=lines.extend)
    assert json.loads(lines[0]) == json.loads(sent)


def test_a_progress_bar_does_not_grow() -> None:
    splitter = LineSplitter()
    for percent in range(10_000):
        splitter.feed(b"%d%%\r" % percent)
    assert sum(map(len, splitter._rest)) < 100
    splitter.feed(b"done\xff\n")
    splitter.end()
    assert splitter.take() == ["done\ufffd"]


async def test_a_grandchild_that_holds_the_pipe_does_not_hold_us(tmp_path: Path) -> None:
    lines: list[str] = []
    start = time.monotonic()
    done = await process.stream([*SH, "sleep 20 & echo $!; exit 3"], cwd=tmp_path, on_lines=lines.extend)
    try:
        assert time.monotonic() - start < 3
        assert done.returncode == 3
        assert not gone(int(lines[0])), "a normal end leaves a daemon alone"
    finally:
        os.kill(int(lines[0]), signal.SIGKILL)


async def test_cancel_sends_one_sigint_to_the_group_and_drains(tmp_path: Path) -> None:
    lines: list[str] = []
    code = """
import signal, subprocess, sys, time
count = 0
def stop(*_):
    global count
    count += 1
signal.signal(signal.SIGINT, stop)
child = subprocess.Popen(["sleep", "60"])
print("ready", child.pid)
while not count: time.sleep(0.02)
print("saving")
time.sleep(0.5)
print("interrupts", count, "child", child.wait())
"""
    task = asyncio.create_task(process.stream(python(code), cwd=tmp_path, on_lines=lines.extend, notes=tmp_path / "n"))
    await until(lambda: lines)
    (note,) = (tmp_path / "n").iterdir()
    assert json.loads(note.read_text())["program"] == sys.executable
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert lines[1:] == ["saving", "interrupts 1 child -2"]
    assert not list((tmp_path / "n").iterdir())


async def test_the_ladder_ends_what_ignores_the_first_rungs(tmp_path: Path) -> None:
    lines: list[str] = []
    task = asyncio.create_task(process.stream(python(STUBBORN), cwd=tmp_path, on_lines=lines.extend, grace=0.5))
    await until(lambda: lines)
    start = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert 5 < time.monotonic() - start < 9
    assert lines[1:] == ["int", "term"]
    assert not group_lives(int(lines[0]))


async def test_each_further_cancellation_goes_one_rung_down(tmp_path: Path) -> None:
    lines: list[str] = []
    task = asyncio.create_task(process.stream(python(STUBBORN), cwd=tmp_path, on_lines=lines.extend))
    await until(lambda: lines)
    start = time.monotonic()
    for word in ("int", "term"):
        task.cancel()
        task.cancel()
        await until(lambda word=word: word in lines)
        await asyncio.sleep(0.15)
        assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - start < 5
    assert lines[1:] == ["int", "term"]
    assert not group_lives(int(lines[0]))


async def test_cancel_waits_for_the_rest_of_the_group(tmp_path: Path) -> None:
    lines: list[str] = []
    # A background child of a shell ignores SIGINT: only the second rung ends it.
    task = asyncio.create_task(process.stream([*SH, "sleep 60 & echo $!; wait"], cwd=tmp_path, on_lines=lines.extend))
    await until(lambda: lines)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gone(int(lines[0]))


async def test_cancelled_while_starting(tmp_path: Path) -> None:
    task = asyncio.create_task(process.stream([*SH, "echo $$ > pid; sleep 60"], cwd=tmp_path, on_lines=lambda _: None))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    pid = tmp_path / "pid"
    assert not pid.exists() or not pid.read_text().strip() or gone(int(pid.read_text()))


async def test_a_receiver_that_fails_stops_the_child(tmp_path: Path) -> None:
    def fail(lines: Sequence[str]) -> None:
        (tmp_path / "seen").write_text(lines[0])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await process.stream([*SH, "echo $$; sleep 60"], cwd=tmp_path, on_lines=fail)
    assert gone(int((tmp_path / "seen").read_text()))


def test_a_loop_that_closes_ends_the_child(tmp_path: Path) -> None:
    code = """
import asyncio
from pathlib import Path
from ecrwiz.services import process
from ecrwiz.services.process import notes as child_notes
async def main():
    run = process.stream(["bash", "-c", "echo $$; sleep 60"], cwd=Path("."), on_lines=print)
    task = asyncio.create_task(run)
    await asyncio.sleep(1)
asyncio.run(main())
"""
    done = subprocess.run(python(code), capture_output=True, text=True, timeout=20, cwd=Path.cwd(), check=True)
    assert gone(int(done.stdout.strip("[]'\n")))


async def test_a_missing_program_and_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(MissingToolError) as missing:
        await process.stream(["no-such-tool"], cwd=tmp_path, on_lines=lambda _: None, hint="Install it.")
    assert str(missing.value) == "no-such-tool is not on this machine (not found on PATH). Install it."
    with pytest.raises(ToolFailedError, match=r"could not be started in .*gone: No such file"):
        await process.capture(["bash"], cwd=tmp_path / "gone")
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF nonsense")
    broken.chmod(0o755)
    with pytest.raises(ToolFailedError, match="Exec format error"):
        await process.stream(["./broken"], cwd=tmp_path, on_lines=lambda _: None)
    assert process.which("bash")
    assert process.which("no-such-tool") is None


async def test_capture(tmp_path: Path) -> None:
    script = [*SH, "cat; echo err >&2; exit 4"]
    big = b"x" * 1_000_000
    done = await process.capture(script, cwd=tmp_path, input=big)
    assert done == process.Captured(4, big.decode(), "err\n")
    assert (await process.capture(script, cwd=tmp_path)).stdout == ""
    # A program that never reads its input.
    assert (await process.capture(["true"], cwd=tmp_path, input=big)).returncode == 0


async def test_capture_has_an_end(tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(ToolFailedError, match=r"`bash -c 'echo .*` had not ended after 0.5 seconds"):
        await process.capture([*SH, "echo $$ > pid; sleep 60"], cwd=tmp_path, timeout=0.5)
    assert gone(int((tmp_path / "pid").read_text()))
    start = time.monotonic()
    done = await process.capture([*SH, "sleep 20 & echo $!"], cwd=tmp_path)
    assert time.monotonic() - start < 3
    os.kill(int(done.stdout), signal.SIGKILL)


async def test_capture_can_be_cancelled(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    task = asyncio.create_task(process.capture([*SH, "trap '' INT; echo $$ > pid; sleep 60"], cwd=tmp_path))
    await until(lambda: pid.exists() and pid.read_text())
    start = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - start < 4
    assert gone(int(pid.read_text()))


async def test_children_get_no_secret_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    github = ("GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN")
    gitlab = ("GITLAB_TOKEN", "GITLAB_ACCESS_TOKEN", "GL_TOKEN", "OAUTH_TOKEN", "CI_JOB_TOKEN")
    for name in (*github, *gitlab, "ECRWIZ_ANY"):
        monkeypatch.setenv(name, "hush-hush")
    monkeypatch.setenv("KEPT", "yes")
    shown = (await process.capture(["env"], cwd=tmp_path)).stdout
    assert "hush-hush" not in shown
    assert "KEPT=yes" in shown
    assert process.child_environment({"GH_TOKEN": "given"})["GH_TOKEN"] == "given"


def test_shell_words() -> None:
    argv = ["terraform", "plan", "-var", "a=it's $HOME"]
    assert process.shell_words(argv) == """terraform plan -var 'a=it'"'"'s $HOME'"""
    echoed = subprocess.run(
        ["bash", "-c", process.shell_words(["printf", "%s|", *argv], Path("/"))],
        capture_output=True,
        text=True,
    )
    assert echoed.stdout == "|".join(argv) + "|"


SURVIVOR = """
import asyncio, sys
from pathlib import Path
from ecrwiz.services import process
from ecrwiz.services.process import notes as child_notes
argv = [sys.executable, "-u", "-c", sys.argv[2]]
notes = Path(sys.argv[1])
run = process.stream(argv, cwd=Path("."), on_lines=print, notes=notes, purpose="terraform apply")
asyncio.run(run)
"""


async def test_survivors_of_a_kill_are_ended(tmp_path: Path) -> None:
    notes, mark = tmp_path / "children", tmp_path / "mark"
    child = f"""
import signal, sys, time
def stop(*_):
    open({str(mark)!r}, "w").write("saved")
    sys.exit()
signal.signal(signal.SIGINT, stop)
time.sleep(60)
"""
    ours = subprocess.Popen([*python(SURVIVOR), str(notes), child])  # noqa: ASYNC220 - it is to be killed
    await until(lambda: list(notes.glob("*.json")))
    await asyncio.sleep(0.3)
    ours.kill()
    ours.wait()
    (note,) = notes.glob("*.json")
    pid = int(note.stem)
    assert not gone(pid), "the child must outlive the kill for this test to mean something"

    said: list[str] = []
    assert await process.end_survivors(notes, said.append) == 1
    assert gone(pid)
    assert mark.read_text() == "saved"
    assert said == [f"terraform apply (process {pid}) still runs since an earlier start was killed; stopping it."]
    assert not list(notes.iterdir())


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="told apart by /proc, which this system lacks")
async def test_what_a_dead_child_left_in_its_group_is_ended(tmp_path: Path) -> None:
    """As Terraform's provider is left when Terraform dies of a closed pipe."""
    script = "sleep 60 & sleep 1"
    child = await asyncio.create_subprocess_exec("sh", "-c", script, start_new_session=True)
    await child_notes.write_note(tmp_path, child.pid, "terraform", "")
    assert await child.wait() == 0
    os.killpg(child.pid, 0)  # the helper lives on
    said: list[str] = []
    assert await process.end_survivors(tmp_path, said.append) == 1
    assert "left running" in said[0]
    assert not group_lives(child.pid)
    assert child_notes._load(tmp_path) == []


async def test_another_process_with_the_same_number_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)  # noqa: ASYNC220 - not ours
    try:
        note = {"pid": stranger.pid, "started": "long ago", "program": "terraform", "purpose": ""}
        (tmp_path / f"{stranger.pid}.json").write_text(json.dumps(note))
        (tmp_path / f"{2**22 + 1}.json").write_text(json.dumps({**note, "pid": 2**22 + 1}))
        assert await process.end_survivors(tmp_path, pytest.fail) == 0
        assert stranger.poll() is None
        assert not list(tmp_path.glob("*"))  # noqa: ASYNC240
    finally:
        stranger.kill()
        stranger.wait()
    assert await process.end_survivors(tmp_path / "never-made", pytest.fail) == 0


NOTE = {"pid": 2**22 + 1, "started": "long ago", "program": "terraform", "purpose": ""}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("package.json", json.dumps(NOTE)),
        ("7.json", json.dumps(NOTE)),
        (f"{2**22 + 1}.txt", json.dumps(NOTE)),
        (f"{2**22 + 1}.json", "{half"),
        (f"{2**22 + 1}.json", "[" * 50_000),
        (f"{2**22 + 1}.json", "[]"),
        (f"{2**22 + 1}.json", json.dumps(NOTE) + " " * 100_000),
        ("1.json", json.dumps({**NOTE, "pid": 1})),
        ("2.json", '{"pid": Infinity, "started": "", "program": "", "purpose": ""}'),
        ("3.json", json.dumps({**NOTE, "pid": "3"})),
        ("4.json", json.dumps({**NOTE, "pid": 4, "purpose": None})),
    ],
    ids=str.split("word other-number other-suffix half deep list large init infinite text no-text"),
)
async def test_what_is_no_note_of_ours_is_left_alone(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert await process.end_survivors(tmp_path, pytest.fail) == 0
    assert (tmp_path / name).read_text() == text


async def test_notes_are_files_and_no_links(tmp_path: Path) -> None:
    notes, other = tmp_path / "notes", tmp_path / "other"
    notes.mkdir()
    other.write_text(json.dumps(NOTE))
    (notes / f"{2**22 + 1}.json").symlink_to(other)
    (notes / "5.json").symlink_to("/dev/zero")
    assert await process.end_survivors(notes, pytest.fail) == 0
    assert len(list(notes.iterdir())) == 2


async def test_notes_are_private_whoever_made_their_folder(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    notes.chmod(0o755)
    seen: list[int] = []

    def look(_: Sequence[str]) -> None:
        seen.extend(path.stat().st_mode & 0o777 for path in (notes, *notes.iterdir()))

    await process.stream([*SH, "sleep 0.5; echo now; sleep 0.5"], cwd=tmp_path, on_lines=look, notes=notes)
    assert seen == [0o700, 0o600]


async def test_no_program_of_the_folder_it_starts_in_is_taken_for_another(tmp_path: Path) -> None:
    own = tmp_path / "git"
    own.write_text("#!/bin/sh\necho stolen\n")
    own.chmod(0o755)
    environ = {**os.environ, "PATH": ".::/usr/bin:/bin"}
    done = await process.capture(["git", "--version"], cwd=tmp_path, env=environ)
    assert done.stdout.startswith("git version")
    with pytest.raises(MissingToolError):
        await process.capture(["git", "--version"], cwd=tmp_path, env={**environ, "PATH": "."})
