"""Where shells and interactive programs write down what was typed.

Sources: bash(1) HISTFILE; zshparam(1) HISTFILE, zsh's own defaults and those of its common set-ups; fish's manual,
"history"; PowerShell's about_PSReadLine; XDG base directories. The extended formats of bash and zsh and fish's own
keep each command's text as it is, so a search for it needs to know nothing of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

__all__ = ["files"]

# By the variable that names the folder, and that folder's default below the home folder.
_PLACES: Final = (
    ("", "", (
        ".bash_history", ".zsh_history", ".zhistory", ".histfile", ".history", ".sh_history", ".ash_history",
        ".ksh_history", ".mksh_history", ".tcsh_history", ".python_history", ".node_repl_history", ".lesshst",
        ".viminfo",
    )),
    ("ZDOTDIR", "", (".zsh_history", ".zhistory", ".histfile")),
    ("XDG_DATA_HOME", ".local/share", (
        "fish/fish_history", "zsh/history", "bash/history", "atuin/history.db",
        "powershell/PSReadLine/ConsoleHost_history.txt", "nvim/shada/main.shada",
    )),
    ("XDG_STATE_HOME", ".local/state", (
        "bash/history", "zsh/history", "less/history", "python_history", "nvim/shada/main.shada",
    )),
    ("XDG_CONFIG_HOME", ".config", ("nushell/history.txt", "nushell/history.sqlite3")),
    ("XDG_CACHE_HOME", ".cache", ("zsh/history",)),
)  # fmt: skip


def files(environ: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    """The files that could hold a history, whether they exist or not; HISTFILE's first.

    A shell that runs keeps what was typed in its memory until it ends, unless it was told otherwise.
    """
    found = [Path(environ["HISTFILE"]).expanduser()] if environ.get("HISTFILE") else []
    for variable, default, names in _PLACES:
        named = environ.get(variable) if variable else ""
        found += [(Path(named) if named else home / default) / name for name in names]
    return tuple(dict.fromkeys(path for path in found if path.is_absolute()))
