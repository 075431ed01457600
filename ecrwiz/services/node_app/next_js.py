"""Next.js: standalone, `next start`, a static export, or a server of the application's own."""

from __future__ import annotations

import os
import re
from typing import Final

from ecrwiz.model.app import Start
from ecrwiz.services.node_app.javascript import Config
from ecrwiz.services.node_app.plans import Plan, config, fixed_start, static
from ecrwiz.services.node_app.reading import Project, is_plain_path
from ecrwiz.services.node_app.scripts import Command, replace_port
from ecrwiz.services.node_app.starts import runs_a_server, script_command, start_of_command

__all__ = ["CONFIGS", "plan"]

# The order in which Next itself looks for its configuration.
CONFIGS: Final = ("next.config.js", "next.config.mjs", "next.config.cjs", "next.config.ts", "next.config.mts")
_BUILD: Final = "next build"


def plan(project: Project) -> Plan:
    """How a Next.js application is built and served."""
    config_file, settings = config(project, *CONFIGS)
    dist = _dist_dir(project, settings, config_file)
    output = settings.string("output")
    if config_file:
        project.origins["serving"] = config_file
    if output == "export" or re.search(r"\bnext export\b", project.package.scripts.get("build", "")):
        project.origins["output"] = config_file or "package.json"
        project.origins["serving"] = config_file if output == "export" else "package.json"
        folder = dist if dist != ".next" and output == "export" else "out"
        found = static(folder, single_page=False, build=_BUILD, config_file=config_file)
        found.dist_dir = dist
        return found
    command = script_command(project)
    own = command if command is not None and runs_a_server(command) else None
    if own is not None and not own.shell and re.search(r"(?:^|/)standalone/(?:.*/)?server\.js$", own.words[-1]):
        own = None
    if own is not None:
        project.note(
            f'The script "{own.script}" runs a server of the application\'s own, so the image has all of its '
            "packages and files; Next's standalone form has no place for it."
        )
        project.origins["serving"] = f'package.json (scripts["{own.script}"])'
        start = start_of_command(project, own)
        return Plan("command", _BUILD, start, config_file=config_file, dist_dir=dist, port=3000)
    if output == "standalone":
        project.origins["start"] = config_file
        _note_tracing(project, settings, config_file)
        start = fixed_start(project, "node", "server.js")
        # Next's own server ends on SIGTERM, also when it is process 1 (packages/next/src/server/lib/start-server.ts).
        start = Start(start.command, start.environment, handles_sigterm=True)
        return Plan("next-standalone", _BUILD, start, config_file=config_file, dist_dir=dist, port=3000)
    if not config_file or not settings.has_key("output"):
        packages = "all packages, devDependencies among them" if _is_typed(config_file) else "all packages it runs with"
        where = config_file or "next.config.js"
        project.note(
            f"The image holds {packages}; with `output: 'standalone'` in {where} it would be several times smaller.",
            f"Write `output: 'standalone'` into {where} and render again.",
        )
    start = _next_start(project, command)
    return Plan("next", _BUILD, start, config_file=config_file, dist_dir=dist, port=3000)


def _is_typed(config_file: str) -> bool:
    """Whether `next start` reads a configuration in TypeScript, for which it may need the package typescript."""
    return config_file.endswith((".ts", ".mts"))


def _note_tracing(project: Project, settings: Config, config_file: str) -> None:
    """Next lays the standalone form out below this folder; the image expects the build context or the application."""
    found = settings.path("outputFileTracingRoot")
    if found is None:
        return
    folder = os.path.normpath(project.root / found.replace("\0", ""))
    if folder in (os.path.normpath(project.root), os.path.normpath(project.base)):
        return
    inside = folder.startswith(os.path.normpath(project.base) + os.sep)
    what = "neither the root of the workspace nor the application" if inside else "outside of what a build gets to see"
    project.note(
        f"{config_file} sets outputFileTracingRoot to {found[:60]!r}, which is {what}, so the build will not find "
        "server.js where it belongs.",
        "Take outputFileTracingRoot out of it: Next finds the folder by the lockfile.",
        warning=True,
    )


def _dist_dir(project: Project, settings: Config, config_file: str) -> str:
    found = (settings.string("distDir") or "").removeprefix("./").rstrip("/")
    if found and is_plain_path(found):
        project.origins["dist_dir"] = config_file
        return found
    if settings.has_key("distDir"):
        project.note(
            f"{config_file} sets distDir to something that ecrwiz cannot read; the build is expected in .next.",
            "Write it as a plain string, such as distDir: 'build'.",
            warning=True,
        )
    project.origins["dist_dir"] = "default"
    return ".next"


def _next_start(project: Project, command: Command | None) -> Start:
    """`next start` with the options of the script, on the image's own port and address."""
    options: list[str] = []
    if command is not None and command.program == "next" and not command.shell:
        where = f'package.json (scripts["{command.script}"])'
        if "start" in command.words:
            project.origins["start"] = where
            options = _without_address(command.words[command.words.index("start") + 1 :])
        else:
            project.note(
                f"{where} runs `{' '.join(command.words)[:60]}`, which is for development; the image runs `next start`."
            )
    elif command is not None and command.words[:1] != ["node"]:
        shown = " ".join(command.words) or command.shell
        project.note(f"The start script is `{shown[:80]}`; the image runs `next start`.")
    return fixed_start(project, "next", "start", *replace_port(options), "-p", "$PORT", "-H", "$HOSTNAME")


def _without_address(options: list[str]) -> list[str]:
    kept: list[str] = []
    waiting = list(options)
    while waiting:
        word = waiting.pop(0)
        if re.fullmatch(r"-p|-H|--port|--hostname", word):
            waiting = waiting[1:]
        elif not re.match(r"(?:-p|-H|--port|--hostname)=|-p\d", word):
            kept.append(word)
    return kept
