"""Copying by the system's tool, by the terminal, into a file; secrets go again and are never in a command line."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from ecrwiz.flow.clipboard import Clipboard
from ecrwiz.model.redact import Secret
from ecrwiz.services import clipboard

TOOL = """#!/bin/sh
echo "$0 $*" >> "{folder}/argv"
case "$*" in *paste*|*-o|*--output|*save-buffer*) cat "{folder}/board";; *) cat > "{folder}/board";; esac
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def install(folder: Path, *names: str, text: str = TOOL) -> None:
    for name in names:
        (folder / name).write_text(text.format(folder=folder))
        (folder / name).chmod(0o755)


EVERYTHING = {"WAYLAND_DISPLAY": "w", "DISPLAY": ":0", "TMUX": "/tmp/x,1,0"}


@pytest.mark.parametrize(
    ("environ", "there", "platform", "found"),
    [
        (EVERYTHING, ("wl-copy", "xclip", "tmux"), "linux", "wl-copy"),
        (EVERYTHING, ("xclip", "xsel", "tmux"), "linux", "xclip"),
        (EVERYTHING, ("xsel",), "linux", "xsel"),
        (EVERYTHING, ("tmux",), "linux", "tmux"),
        (EVERYTHING | {"SSH_TTY": "/dev/pts/1"}, ("wl-copy", "xclip"), "linux", "xclip"),
        ({"WAYLAND_DISPLAY": "w", "SSH_CONNECTION": "a"}, ("wl-copy",), "linux", None),
        ({"WSL_DISTRO_NAME": "Ubuntu"}, ("clip.exe",), "linux", "clip.exe"),
        ({}, ("pbcopy",), "darwin", "pbcopy"),
        ({"SSH_TTY": "x"}, ("pbcopy",), "darwin", None),
        ({}, ("wl-copy", "xclip"), "linux", None),
    ],
)
def test_the_tool_is_the_one_that_reaches_the_person(
    tools: Path, environ: dict[str, str], there: tuple[str, ...], platform: str, found: str | None
) -> None:
    install(tools, *there)
    tool = clipboard.find_tool(environ, platform)
    assert (tool.name if tool else None) == found


async def test_a_text_goes_to_the_tool_over_standard_input(tools: Path, tmp_path: Path) -> None:
    install(tools, "xclip")
    board = Clipboard({"DISPLAY": ":0"}, tmp_path / "state", None)
    found = await board.copy("ärger [b]\n")
    assert (found.done, found.where) == (True, "to the clipboard (xclip)")
    assert (tools / "board").read_text() == "ärger [b]\n"
    assert "ärger" not in (tools / "argv").read_text()


async def test_a_tool_that_fails_leaves_it_to_the_terminal(tools: Path, tmp_path: Path) -> None:
    install(tools, "xclip", text="#!/bin/sh\nexit 1\n")
    sent: list[str] = []
    board = Clipboard({"DISPLAY": ":0", "TERM": "xterm-256color"}, tmp_path / "state", sent.append)
    assert "OSC 52" in (await board.copy("text")).where
    assert sent == ["text"]


@pytest.mark.parametrize(
    ("environ", "text", "why"),
    [
        ({"TERM": "linux"}, "text", "no clipboard that can be reached"),
        ({"TERM": "xterm", "TERM_PROGRAM": "Apple_Terminal"}, "text", "no clipboard that can be reached"),
        ({"TERM": "xterm"}, "x" * 80_000, "too long"),
    ],
)
async def test_without_a_clipboard_it_goes_into_a_file_of_ones_own(
    tools: Path, tmp_path: Path, environ: dict[str, str], text: str, why: str
) -> None:
    folder = tmp_path / "state"
    sent: list[str] = []
    found = await Clipboard(environ, folder, sent.append).copy(text)
    assert found.done
    assert why in found.where
    assert str(folder / "copied.txt") in found.where
    assert (folder / "copied.txt").read_text() == text
    assert stat.S_IMODE((folder / "copied.txt").stat().st_mode) == 0o600
    assert sent == []


async def test_a_file_that_cannot_be_written_is_told(tools: Path, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    found = await Clipboard({"TERM": "linux"}, tmp_path / "state", None).copy("text")
    assert not found.done
    assert "could not be written" in found.where


SECRET = Secret("wJalrXUtnFEMI/K7MDENG")


async def test_a_secret_goes_after_its_time(tools: Path, tmp_path: Path) -> None:
    install(tools, "xclip")
    board = Clipboard({"DISPLAY": ":0"}, tmp_path / "state", None)
    assert (await board.copy_secret(SECRET, 0.3)).done
    assert (tools / "board").read_text() == SECRET.reveal()
    for _ in range(200):
        await asyncio.sleep(0.05)
        if not (tools / "board").read_text():
            break
    assert (tools / "board").read_text() == ""
    assert SECRET.reveal() not in (tools / "argv").read_text()


async def test_what_the_person_copied_since_stays(tools: Path, tmp_path: Path) -> None:
    install(tools, "xclip")
    board = Clipboard({"DISPLAY": ":0"}, tmp_path / "state", None)
    await board.copy_secret(SECRET)
    (tools / "board").write_text("something else")
    await board.forget()
    assert (tools / "board").read_text() == "something else"


async def test_leaving_takes_a_secret_out_at_once(tools: Path, tmp_path: Path) -> None:
    install(tools, "tmux")
    board = Clipboard({"TMUX": "x"}, tmp_path / "state", None)
    await board.copy_secret(SECRET)
    await board.forget()
    assert (tools / "board").read_text() == " ", "tmux takes no empty buffer"


async def test_a_secret_never_goes_into_a_file(tools: Path, tmp_path: Path) -> None:
    found = await Clipboard({"TERM": "linux"}, tmp_path / "state", None).copy_secret(SECRET)
    assert not found.done
    assert not (tmp_path / "state").exists()


async def test_a_secret_that_the_terminal_has_is_overwritten(tools: Path, tmp_path: Path) -> None:
    sent: list[str] = []
    board = Clipboard({"TERM": "xterm"}, tmp_path / "state", sent.append)
    await board.copy_secret(SECRET)
    await board.forget()
    assert sent == [SECRET.reveal(), ""]


SLOW = """#!/bin/sh
case "$*" in *-o*) touch "{folder}/reading"; sleep 0.5; cat "{folder}/board";;
*) cat > "{folder}/board"; touch "{folder}/written"; sleep 0.5;; esac
"""


async def there(path: Path) -> None:
    while not await asyncio.to_thread(path.exists):
        await asyncio.sleep(0.01)


async def test_leaving_while_it_is_being_taken_out_waits_for_that(tools: Path, tmp_path: Path) -> None:
    install(tools, "xclip", text=SLOW)
    board = Clipboard({"DISPLAY": ":0"}, tmp_path / "state", None)
    await board.copy_secret(SECRET, 0.01)
    waiting = asyncio.create_task(board.cleared())
    await there(tools / "reading")
    waiting.cancel()
    assert board.left is not None, "it is still there"
    assert await board.forget() is True
    assert (tools / "board").read_text() == ""
    assert board.left is None


async def test_leaving_while_it_is_being_given_takes_it_out(tools: Path, tmp_path: Path) -> None:
    install(tools, "xclip", text=SLOW)
    board = Clipboard({"DISPLAY": ":0"}, tmp_path / "state", None)
    copying = asyncio.create_task(board.copy_secret(SECRET))
    await there(tools / "written")
    copying.cancel()
    assert await board.forget() is True
    assert (tools / "board").read_text() == ""


async def test_what_a_tool_took_before_it_failed_is_taken_out(tools: Path, tmp_path: Path) -> None:
    body = 'cat > "{folder}/new"; cp "{folder}/new" "{folder}/board"; test ! -s "{folder}/board"'
    install(tools, "xclip", text=f'#!/bin/sh\ncase "$*" in *-o*) cat "{{folder}}/board";; *) {body};; esac\n')
    board = Clipboard({"DISPLAY": ":0", "TERM": "linux"}, tmp_path / "state", None)
    assert not (await board.copy_secret(SECRET)).done
    assert (tools / "board").read_text() == ""
    assert await board.forget() is None, "nothing was copied"


async def test_a_clipboard_that_could_not_be_cleared_is_told(tools: Path, tmp_path: Path) -> None:
    install(tools, "xclip")
    board = Clipboard({"DISPLAY": ":0", "TERM": "linux"}, tmp_path / "state", None)
    await board.copy_secret(SECRET)
    install(tools, "xclip", text='#!/bin/sh\ncase "$*" in *-o*) cat "{folder}/board";; *) exit 1;; esac\n')
    assert await board.forget() is False


@pytest.mark.parametrize(
    ("tool", "says", "flag", "warned"),
    [
        ("wl-copy", "--sensitive", True, False),
        ("wl-copy", "--trim", False, True),
        ("xclip", "--sensitive", False, True),
    ],
)
async def test_a_clipboard_manager_is_asked_to_skip_it(
    tools: Path, tmp_path: Path, tool: str, says: str, *, flag: bool, warned: bool
) -> None:
    text = f'#!/bin/sh\n[ "$1" = --help ] && echo "  {says}  x" && exit\n{TOOL.removeprefix("#!/bin/sh")}'
    install(tools, tool, "wl-paste", text=text)
    board = Clipboard({"WAYLAND_DISPLAY": "w", "DISPLAY": ":0"}, tmp_path / "state", None)
    assert ("clipboard manager or history" in await board.caution()) is warned
    await board.copy("no secret")
    assert "--sensitive" not in (tools / "argv").read_text()
    await board.copy_secret(SECRET)
    assert (tools / "board").read_text() == SECRET.reveal()
    assert ("--sensitive" in (tools / "argv").read_text()) is flag
