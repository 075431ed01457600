"""How an application of some framework is built and served: what the functions of each framework give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from ecrwiz.model.app import Serving, Start
from ecrwiz.services.node_app.javascript import Config
from ecrwiz.services.node_app.reading import Project, is_plain_path
from ecrwiz.services.node_app.scripts import Command
from ecrwiz.services.node_app.starts import (
    entry_start,
    finish,
    script_command,
    start_of_command,
)

__all__ = ["Plan", "config", "fixed_start", "from_script", "output_path", "scripted_start", "static", "variants"]


@dataclass
class Plan:
    """How an application is built and served; the fields are those of `NodeApp`.

    Attributes:
        build: the command of the framework's own that builds it, used when package.json has no script `build`.
        port: where it listens when nothing says otherwise; 0 for the usual.
    """

    serving: Serving = "command"
    build: str = ""
    start: Start | None = None
    output: str = ""
    self_contained: bool = False
    single_page: bool = False
    config_file: str = ""
    dist_dir: str = ".next"
    port: int = 0


def config(project: Project, *names: str) -> tuple[str, Config]:
    """The first of these configuration files that is there, and its settings; none when it is missing."""
    found = project.first(names)
    if found:
        project.origins["config_file"] = found
    return found, Config(project.files.text(project.root / found) or "" if found else "")


def variants(stem: str) -> tuple[str, ...]:
    """The names that a configuration file may have."""
    return tuple(f"{stem}.config.{suffix}" for suffix in ("js", "mjs", "cjs", "ts", "mts", "cts"))


def output_path(project: Project, found: str | None, default: str, origin: str, root: str = "") -> str:
    """The folder that a build writes to, as a setting says it; the default when it cannot be used.

    Args:
        project: the application.
        found: what the setting says, or None.
        default: the framework's own.
        origin: the file of the setting.
        root: the folder that the setting is relative to.
    """
    joined = PurePosixPath(root) / (found or default)
    parts: list[str] = []
    for part in joined.parts:
        if part == ".." and parts:
            parts.pop()
        else:
            parts.append(part)
    path = "/".join(parts)
    if path and is_plain_path(path):
        project.origins["output"] = origin if found else "default"
        return path
    project.note(
        f"{origin} writes the build to {(found or default)[:80]!r}, which ecrwiz cannot serve; {default} is taken.",
        "Let it write to a folder inside the application, with letters, digits, '-', '_' and '.' in its name.",
        warning=True,
    )
    project.origins["output"] = "default"
    return default


def static(output: str, *, single_page: bool, build: str, config_file: str = "") -> Plan:
    """A plan for built files that a static file server serves."""
    return Plan("static", build, output=output, single_page=single_page, config_file=config_file, port=3000)


def fixed_start(project: Project, *words: str, environment: Mapping[str, str] | None = None) -> Start:
    """The start that a framework prescribes."""
    project.origins.setdefault("start", project.origins.get("framework", "default"))
    return finish(project, Command(words=list(words)), environment or {})


def scripted_start(project: Project, environment: Mapping[str, str] | None = None) -> Start | None:
    """The start by package.json's scripts, then by `main`, then by a file with a usual name; None: nothing says."""
    command = script_command(project)
    return start_of_command(project, command, environment) if command else entry_start(project, environment)


def from_script(project: Project, program: str, *words: str, environment: Mapping[str, str] | None = None) -> Start:
    """The start script if it runs this program, else the words that the framework prescribes."""
    command = script_command(project)
    if command is not None and command.program == program and not command.shell:
        return start_of_command(project, command, environment)
    return fixed_start(project, *words, environment=environment)
