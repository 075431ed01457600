"""The system's clipboard by its own tools: text goes over standard input, so it is never in a command line.

A tool is taken only where what it writes is the clipboard of the person who sits there: over SSH that is the
other machine's, which the terminal alone reaches (OSC 52, or tmux on the terminal's behalf).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ecrwiz.model.errors import EcrwizError
from ecrwiz.services import process

__all__ = ["OSC52_LARGEST", "Tool", "find_tool", "marks_secrets", "read", "understands_osc52", "write"]

# Bytes of text that terminals commonly take in one OSC 52 sequence (100 000 of base64 less its frame).
OSC52_LARGEST: Final = 74_994

_SECONDS: Final = 3.0
_SENSITIVE: Final = "--sensitive"
_NO_OSC52: Final = ("linux", "dumb", "vt100", "vt220")  # values of TERM


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that owns the clipboard here.

    Attributes:
        name: its name, for the person.
        copy: the command that takes the text on standard input.
        paste: the command that prints the text; empty when there is none.
        nothing: what to write in order to clear it.
    """

    name: str
    copy: tuple[str, ...]
    paste: tuple[str, ...] = ()
    nothing: str = ""


# Variable that must be set (empty: none), tool. The first that fits and is on PATH is taken.
_LOCAL: Final = (
    ("WAYLAND_DISPLAY", Tool("wl-copy", ("wl-copy",), ("wl-paste", "--no-newline"))),
    ("DISPLAY", Tool("xclip", ("xclip", "-selection", "clipboard", "-in"), ("xclip", "-selection", "clipboard", "-o"))),
    ("DISPLAY", Tool("xsel", ("xsel", "--clipboard", "--input"), ("xsel", "--clipboard", "--output"))),
    ("WSL_DISTRO_NAME", Tool("clip.exe", ("clip.exe",), ("powershell.exe", "-NoProfile", "-Command", "Get-Clipboard"))),
)
_MAC: Final = Tool("pbcopy", ("pbcopy",), ("pbpaste",))
# A buffer with a name is replaced, where one without stays in tmux's list; an empty one is refused.
_TMUX: Final = Tool(
    "tmux", ("tmux", "load-buffer", "-w", "-b", "ecrwiz", "-"), ("tmux", "save-buffer", "-b", "ecrwiz", "-"), " "
)


def find_tool(environ: Mapping[str, str], platform: str = sys.platform) -> Tool | None:
    """The tool that reaches the clipboard of the person in front, or None."""
    far = bool(environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"))
    if platform == "darwin" and not far and process.which("pbcopy"):
        return _MAC
    for variable, tool in _LOCAL:
        forwarded = variable == "DISPLAY"  # ssh -X brings the person's own display along
        if environ.get(variable) and (forwarded or not far) and process.which(tool.copy[0]):
            return tool
    return _TMUX if environ.get("TMUX") and process.which("tmux") else None


def understands_osc52(environ: Mapping[str, str]) -> bool:
    """Whether the terminal may take the clipboard's text from what is written to it."""
    return environ.get("TERM", "") not in _NO_OSC52 and environ.get("TERM_PROGRAM") != "Apple_Terminal"


async def write(tool: Tool, text: str, *, sensitive: bool = False) -> bool:
    """Give the text to the tool; False when that did not work.

    Args:
        tool: the tool.
        text: the text.
        sensitive: it is a secret, which a clipboard manager is asked not to keep where the tool can ask that.
    """
    copy = (*tool.copy, _SENSITIVE) if sensitive and await marks_secrets(tool) else tool.copy
    return await _run(copy, text.encode("utf-16-le" if tool.name == "clip.exe" else "utf-8")) is not None


async def marks_secrets(tool: Tool) -> bool:
    """Whether the tool can tell clipboard managers that a text is a secret: newer versions of wl-copy can."""
    return tool.name == "wl-copy" and _SENSITIVE in (await _run((tool.copy[0], "--help")) or "")


async def read(tool: Tool) -> str | None:
    """What the clipboard holds now; None when that cannot be told."""
    return await _run(tool.paste) if tool.paste else None


async def _run(argv: Sequence[str], given: bytes | None = None) -> str | None:
    try:
        done = await process.capture(argv, cwd=Path("/"), timeout=_SECONDS, input=given)
    except (EcrwizError, ConnectionError):  # no such tool after all, or it hangs, or it reads nothing
        return None
    return done.stdout if done.returncode == 0 else None
