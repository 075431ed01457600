"""Turns a template and its values into text."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["PACKAGE", "environment", "lines", "quoted", "template"]

PACKAGE: Final = Path(__file__).resolve().parents[2]
"""The folder of the package `ecrwiz`."""


def template(name: str, values: Mapping[str, Any]) -> str:
    """Render one of `app_templates`.

    Args:
        name: the template's file name, such as `start.sh.j2`.
        values: what it may use; a name that it uses and that is missing here is an error.
    """
    return lines(environment(PACKAGE / "app_templates").get_template(name).render(values))


def lines(text: str) -> str:
    """LF line ends and one newline at the end, whatever a checkout made of the template."""
    return text.replace("\r\n", "\n").rstrip("\n") + "\n"


def quoted(text: str) -> str:
    """One word of a shell command, whatever the text holds."""
    return shlex.quote(text)


def _one_line(text: str) -> str:
    """For a comment: no line break, and nothing that does not show."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


@cache
def environment(folder: Path) -> Environment:
    """The template engine for the templates of one folder, the same one at every call.

    Filter `sh` makes one word of a shell command of any text, `oneline` what a comment can hold.
    Filters of other formats are added by their modules.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(  # noqa: S701  # no HTML is made here; each format has a filter of its own
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["sh"] = quoted
    made.filters["oneline"] = _one_line
    return made
