from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecrwiz.model.errors import BadInputError, EcrwizError, ToolFailedError
from ecrwiz.services.files import backup, diff, digest, is_locked, lock, read_text, write_atomic

HERE = Path(__file__).resolve().parent.parent


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(HERE)},
        timeout=60,
        check=False,
    )


def test_read_text(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert read_text(path) is None
    assert read_text(path / "below") is None
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo")
    assert read_text(path) == "one\r\ntwo"
    assert read_text(path / "below a file") is None


def test_read_text_of_what_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="is a folder"):
        read_text(tmp_path)
    (tmp_path / "a").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInputError, match="not UTF-8"):
        read_text(tmp_path / "a")


def test_read_text_of_a_device_a_pipe_or_a_socket(tmp_path: Path) -> None:
    (tmp_path / "zero").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for name in ("zero", "pipe", "socket"):
            for call in (read_text, backup, lambda path: write_atomic(path, "x")):
                with pytest.raises(BadInputError, match="no ordinary file"):
                    call(tmp_path / name)
    assert len(list(tmp_path.iterdir())) == 3


def test_read_text_has_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 5_000_000)
    assert len(read_text(path) or "") == 5_000_000
    with path.open("r+b") as file:
        file.truncate(2**40)  # takes no room on the disk, and would take all of the memory
    with pytest.raises(BadInputError, match="larger than the 5 MB"):
        read_text(path)
    path.write_bytes("é\n".encode() * 2_000_000)
    head = read_text(path, cut=True) or ""
    assert set(head.split("\n")) == {"é", ""}
    assert 4_999_990 < len(head.encode()) <= 5_000_000


@pytest.mark.parametrize(
    ("link", "leads_to", "named"),
    [
        ("a", "../outside", "a"),
        ("a", "../absent", "a"),
        ("a", "b", "a"),  # b leads out
        ("sub", "..", "sub"),
        ("sub", "../absent", "sub"),
    ],
)
def test_a_link_that_leads_out_is_refused(tmp_path: Path, link: str, leads_to: str, named: str) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.write_text("mine")
    (root / "b").symlink_to("../outside")
    (root / link).symlink_to(leads_to)
    path = root / "sub" / "outside" if link == "sub" else root / "a"
    sentence = f"{root / named} is a link that leads out of {root}; nothing was written."
    with pytest.raises(BadInputError) as caught:
        write_atomic(path, "x", inside=root)
    assert caught.value.message == sentence
    assert caught.value.hint == ("Replace it by a folder." if link == "sub" else "Replace it by a file.")
    with pytest.raises(BadInputError, match="nothing was written"):
        backup(path, inside=root)
    with pytest.raises(BadInputError, match="it was not read"):
        read_text(path, inside=root)
    assert outside.read_text() == "mine"
    assert {item.name for item in tmp_path.iterdir()} == {"root", "outside"}


@pytest.mark.parametrize("leads_to", [".git/hooks/pre-commit", ".GIT/config", "sub/.git/hooks/post-checkout"])
def test_a_link_that_leads_into_git_is_refused(tmp_path: Path, leads_to: str) -> None:
    (tmp_path / leads_to).parent.mkdir(parents=True)
    (tmp_path / "start.sh").symlink_to(leads_to)
    with pytest.raises(BadInputError, match=r"start\.sh is a link that leads into \.git; nothing was written"):
        write_atomic(tmp_path / "start.sh", "x", executable=True, inside=tmp_path)
    assert not (tmp_path / leads_to).exists()


def test_a_link_that_stays_inside_is_followed(tmp_path: Path) -> None:
    base = tmp_path / "base"
    (base / "sub").mkdir(parents=True)
    (tmp_path / "root").symlink_to("base")  # the person's own way to the folder may lead over a link
    root = tmp_path / "root"
    (root / "a").symlink_to("sub/b")
    write_atomic(root / "a", "x", inside=root)
    assert read_text(root / "a", inside=root) == "x"
    assert (base / "sub" / "b").read_text() == "x"
    assert backup(root / "a", inside=root).read_text() == "x"
    write_atomic(root / "new" / "deep", "y", inside=root)
    assert read_text(base / "new" / "deep") == "y"


def test_read_text_that_the_system_refuses(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(ToolFailedError, match="cannot be read"):
        read_text(loop)


def test_write_makes_folders_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "infra" / "modules" / "main.tf"
    write_atomic(path, "a\n")
    write_atomic(path, "b\r\n\u00e9")
    assert path.read_bytes() == "b\r\n\u00e9".encode()
    assert list(path.parent.iterdir()) == [path]


def test_modes(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "plain", "x")
        write_atomic(tmp_path / "run", "x", executable=True)
        write_atomic(tmp_path / "deep" / "private", "x", private=True)
    finally:
        os.umask(before)
    assert mode(tmp_path / "plain") == 0o640
    assert mode(tmp_path / "run") == 0o750
    assert mode(tmp_path / "deep" / "private") == 0o600
    assert mode(tmp_path / "deep") == 0o700


def test_the_mode_that_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("")
    path.chmod(0o604)
    write_atomic(path, "x")
    assert mode(path) == 0o604
    write_atomic(path, "x", executable=True)
    assert mode(path) == 0o705
    write_atomic(path, "x", private=True)
    assert mode(path) == 0o600


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("old")
    (tmp_path / "link").symlink_to("real/file")
    (tmp_path / "new").symlink_to("real/fresh")
    write_atomic(tmp_path / "link", "new")
    write_atomic(tmp_path / "new", "fresh")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "file").read_text() == "new"
    assert (tmp_path / "real" / "fresh").read_text() == "fresh"


def test_write_where_a_folder_stands(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    with pytest.raises(ToolFailedError, match="could not be written"):
        write_atomic(tmp_path / "a", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_full_disk_leaves_the_old_file_and_no_half_one(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    # A limit on file size fails in the middle of the write, as a full disk does.
    done = run(
        "import resource, sys, pathlib; from ecrwiz.services.files import write_atomic\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try: write_atomic(pathlib.Path(sys.argv[1]), 'x' * 100_000)\n"
        "except Exception as error: print(type(error).__name__, error)",
        str(path),
    )
    assert done.stdout.startswith("ToolFailedError"), done
    assert "File too large" in done.stdout
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_no_permission() -> None:
    # Not tmp_path: pytest closes its folders to other users, and root is let in everywhere.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a").write_text("old")
        (folder / "a").chmod(0o000)
        folder.chmod(0o555)
        code = (
            "import os, sys, pathlib; from ecrwiz.services import files\n"
            "if os.geteuid() == 0: os.setuid(65534)\n"
            "for call in (files.read_text, files.backup, lambda p: files.write_atomic(p, 'x')):\n"
            "    try: call(pathlib.Path(sys.argv[1]))\n"
            "    except files.ToolFailedError as error: print(error)\n"
        )
        done = run(code, str(folder / "a"))
        assert done.stdout.count("Permission denied") == 3, done
        assert [path.name for path in folder.iterdir()] == ["a"]
        folder.chmod(0o755)


def test_backup_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "start.sh"
    path.write_text("1")
    path.chmod(0o755)
    assert backup(path) == tmp_path / "start.sh.ecrwiz-backup"
    path.write_text("2")
    assert backup(path) == tmp_path / "start.sh.ecrwiz-backup-2"
    path.write_text("3")
    assert backup(path).name == "start.sh.ecrwiz-backup-3"
    assert sorted(p.read_text() for p in tmp_path.glob("*.ecrwiz-backup*")) == ["1", "2", "3"]
    assert {mode(p) for p in tmp_path.iterdir()} == {0o755}


@pytest.mark.parametrize("write", [backup, lambda path: write_atomic(path, "new")])
def test_a_private_file_is_never_readable_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], object]
) -> None:
    path, opened, seen = tmp_path / "config", os.open, list[int]()
    path.write_text("[default]\naws_secret_access_key = x\n")
    path.chmod(0o600)

    def watched(name: Path, flags: int, how: int = 0o777) -> int:
        found = opened(name, flags, how)
        if flags & os.O_CREAT:
            seen.append(stat.S_IMODE(os.fstat(found).st_mode))
        return found

    before = os.umask(0o022)
    try:
        monkeypatch.setattr(os, "open", watched)
        write(path)
    finally:
        os.umask(before)
    assert seen == [0o600], "from the start, not once all of it is there"
    assert {mode(item) for item in tmp_path.iterdir()} == {0o600}


def test_backup_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(ToolFailedError, match="could not be copied"):
        backup(tmp_path / "gone")
    assert list(tmp_path.iterdir()) == []


def test_diff() -> None:
    assert diff("a", "x\n", "x\n") == ""
    assert diff("Dockerfile", None, "one\ntwo\n") == ("--- /dev/null\n+++ b/Dockerfile\n@@ -0,0 +1,2 @@\n+one\n+two\n")
    assert diff("x", "one\ntwo", "one\r\ntwo\n").split("\n")[3:] == [
        "-one",
        "-two",
        "\\ No newline at end of file",
        "+one^M",
        "+two",
        "",
    ]


@given(st.none() | st.text("ab\n\x0c "), st.text("ab\n\x0c "))
def test_a_diff_can_be_applied(old: str | None, new: str) -> None:
    shown = diff("f", old, new)
    assert bool(shown) == ((old or "") != new)
    body = [line for line in shown.split("\n")[2:] if line and not line.startswith(("@@", "\\"))]
    added = [line[1:] for line in body if line[0] in "+ "]
    if shown and body and len(new.split("\n")) < 4:  # short enough for one hunk to show all of it
        assert added == new.removesuffix("\n").split("\n") if new else added == []


def test_lock_keeps_another_process_out_and_says_who(tmp_path: Path) -> None:
    path = tmp_path / "state" / "lock"
    code = (
        "import sys, pathlib; from ecrwiz.services import files\n"
        "try:\n    with files.lock(pathlib.Path(sys.argv[1])): print('got it')\n"
        "except files.EcrwizError as error: print(error)\n"
    )
    with lock(path):
        assert f"Another ecrwiz run (pid {os.getpid()}) is at work" in run(code, str(path)).stdout
        with pytest.raises(EcrwizError, match="at work"), lock(path):
            pass
    assert run(code, str(path)).stdout == "got it\n"
    assert mode(path) == 0o600


@pytest.mark.parametrize("there", [True, False])
def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path, there: bool) -> None:
    other = tmp_path / "other"
    if there:
        other.write_text("mine")
    (tmp_path / "lock").symlink_to(other)
    with pytest.raises(BadInputError, match="is a link"), lock(tmp_path / "lock"):
        pass
    assert (other.read_text() == "mine") if there else not other.exists()
    if there:
        with lock(other):
            assert is_locked(other)
            assert not is_locked(tmp_path / "lock")


def test_lock_is_free_after_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = (
        "import os, sys, pathlib; from ecrwiz.services import files\n"
        "with files.lock(pathlib.Path(sys.argv[1])): os.kill(os.getpid(), 9)\n"
    )
    assert run(code, str(path)).returncode == -9
    with lock(path):
        assert path.read_text() == f"{os.getpid()}\n"


def test_lock_is_free_after_an_error_inside(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), lock(tmp_path / "lock"):
        raise ZeroDivisionError
    with lock(tmp_path / "lock"):
        pass


def test_lock_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolFailedError, match="could not be made"), lock(tmp_path / "file" / "lock"):
        pass


def test_digest() -> None:
    assert digest("") == "e3b0c44298fc1c14"
    assert digest("a") != digest("b")
