"""The logs of earlier runs: listed, read while they grow, copied; links and pipes left alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ecrwiz.flow.events import Output, Status, StepFinished, StepId, StepStarted
from ecrwiz.flow.logs import TIME_CELLS, LogReader, export, list_logs, run_time
from ecrwiz.flow.runlog import RunLog
from ecrwiz.model.errors import ToolFailedError
from tests.wizard import NASTY


def write_log(logs: Path, run: str, step: StepId, *lines: str, status: Status = Status.OK) -> Path:
    log = RunLog(logs / run, keep=20)
    log.write(StepStarted(step))
    log.write(Output(step, lines))
    log.write(StepFinished(step, status, 12.3))
    log.close()
    return log.path(step)


def test_runs_are_listed_newest_first_with_how_each_step_ended(tmp_path: Path) -> None:
    write_log(tmp_path, "20261123-101500", StepId.BUILD, "one")
    write_log(tmp_path, "20261124-090000", StepId.PUSH, "two", status=Status.FAILED)
    (tmp_path / "20261124-090000" / "tracebacks.log").write_text("2026-11-24T08:00:00Z # push\n")
    (tmp_path / "20261124-090000-2").mkdir()
    (tmp_path / "20261124-090000-2" / "build.log").write_text("2026-11-24T09:00:00Z # build started\n")
    found = list_logs(tmp_path)
    assert [(log.run, log.step, log.ended, log.took) for log in found] == [
        ("20261124-090000-2", "build", "", ""),
        ("20261124-090000", "push", "failed", "12.3 s"),
        ("20261124-090000", "tracebacks", "", ""),
        ("20261123-101500", "build", "ok", "12.3 s"),
    ]
    assert found[3].size == found[3].path.stat().st_size


def test_what_is_no_log_of_ours_is_not_listed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "build.log").write_text("secret\n")
    logs = tmp_path / "logs"
    run = logs / "20261123-101500"
    run.mkdir(parents=True)
    (logs / "notes").mkdir()
    (logs / "notes" / "a.log").write_text("x\n")
    (logs / "20261123-101501").symlink_to(outside)
    (run / "build.log").symlink_to(outside / "build.log")
    (run / "notes.txt").write_text("x")
    os.mkfifo(run / "push.log")
    assert list_logs(logs) == ()
    assert list_logs(tmp_path / "nowhere") == ()


@pytest.mark.parametrize(
    ("run", "shown"),
    [
        ("20261123-101500", "2026-11-23 10:15:00"),
        ("20261123-101500-2", "2026-11-23 10:15:00"),
        ("20269923-101500", "20269923-101500"),
        ("other", "other"),
    ],
)
def test_a_runs_id_tells_when_it_began(run: str, shown: str) -> None:
    assert run_time(run) == shown


def test_a_log_is_read_on_while_it_grows_and_half_a_line_waits(tmp_path: Path) -> None:
    path = tmp_path / "build.log"
    path.write_bytes(b"2026-11-23T10:15:00Z one\n2026-11-23T10:15:01Z \nno time\nhalf \xc3")
    reader = LogReader(path)
    lines, more = reader.read()
    assert lines == ["10:15:00 one", "10:15:01 ", " " * TIME_CELLS + "no time"]
    assert not more
    assert reader.read() == ([], False)
    with path.open("ab") as file:
        file.write(b"\xa9\x1b]52;c;aGk=\x07 \x1b[31mred\x1b[0m\n")
    assert reader.read()[0] == [" " * TIME_CELLS + "half é \x1b[31mred\x1b[0m"]
    path.write_bytes(b"2026-11-23T11:00:00Z anew\n")
    assert reader.read()[0] == ["11:00:00 anew"], "a log that became shorter is read from its beginning"


def test_a_large_log_comes_in_pieces_and_a_line_without_end_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "build.log"
    path.write_bytes(b"x" * 3_000_000 + b"\n" + b"2026-11-23T10:15:00Z end\n")
    reader, lines, more, pieces = LogReader(path), [], True, 0
    while more:
        new, more = reader.read()
        lines += new
        pieces += 1
    assert pieces > 5
    assert lines[-1] == "10:15:00 end"
    assert max(len(line) for line in lines) <= 16_000 + TIME_CELLS


def test_a_log_that_is_a_link_or_gone_is_told(tmp_path: Path) -> None:
    (tmp_path / "real.log").write_text("secret\n")
    (tmp_path / "build.log").symlink_to(tmp_path / "real.log")
    os.mkfifo(tmp_path / "push.log")
    for name in ("build.log", "push.log", "gone.log"):
        reader = LogReader(tmp_path / name)
        assert reader.read() == ([], False)
        assert "cannot be read" in reader.trouble


def test_a_copy_goes_to_the_downloads_and_never_over_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, here = Path.home(), tmp_path / "here"
    downloads = home / "Downloads"
    here.mkdir()
    monkeypatch.chdir(here)
    log = write_log(tmp_path / "logs", "20261123-101500", StepId.BUILD, NASTY, "")
    first = export(log)
    assert first == home / "ecrwiz-20261123-101500-build.log", "without a downloads folder: the home folder"
    downloads.mkdir()
    second, third = export(log), export(log)
    assert (second.parent, second.name) == (downloads, first.name)
    assert third == downloads / "ecrwiz-20261123-101500-build-2.log"
    assert third.read_bytes() == second.read_bytes() == first.read_bytes() == log.read_bytes()
    assert stat.S_IMODE(third.stat().st_mode) == 0o600
    assert list(here.iterdir()) == [], "the working folder is the application's, and gets nothing"
    with pytest.raises(ToolFailedError, match="could not be copied"):
        export(tmp_path / "gone.log")
