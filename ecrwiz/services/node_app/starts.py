"""Finds the command that starts an application in its image."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ecrwiz.model.app import Start
from ecrwiz.services.node_app.javascript import json_with_comments
from ecrwiz.services.node_app.reading import Project, is_plain_path, words
from ecrwiz.services.node_app.scripts import (
    Command,
    read_script,
    replace_port,
    replace_port_in_shell,
    safe_environment,
)

__all__ = ["PACKAGE_OF", "entry_start", "finish", "runs_a_server", "script_command", "start_of_command"]

START_SCRIPTS: Final = ("start:prod", "start:production", "start")

# Programs whose package has another name.
PACKAGE_OF: Final[Mapping[str, str]] = {
    "nest": "@nestjs/cli",
    "react-router-serve": "@react-router/serve",
    "remix-serve": "@remix-run/serve",
    "pm2-runtime": "pm2",
    "fastify": "fastify-cli",
    "babel-node": "@babel/node",
    "ts-node-esm": "ts-node",
    "ts-node-dev": "ts-node-dev",
    "tsnd": "ts-node-dev",
    "swc-node": "@swc-node/register",
    "ng": "@angular/cli",
    "nuxi": "nuxt",
    "tsc": "typescript",
    "strapi": "@strapi/strapi",
    "medusa": "@medusajs/medusa",
    "directus": "directus",
    "n8n": "n8n",
    "keystone": "@keystone-6/core",
    "sls": "serverless",
    "moleculer-runner": "moleculer",
    "feathers": "@feathersjs/cli",
    "babel": "@babel/cli",
}
# Programs that restart an application when a file changes, and what runs it without that.
_WATCHERS: Final[Mapping[str, str]] = {
    "nodemon": "node",
    "node-dev": "node",
    "supervisor": "node",
    "ts-node-dev": "ts-node",
    "tsnd": "ts-node",
}
_PM2: Final = frozenset({"pm2", "pm2-runtime", "pm2-docker"})
_PM2_IN_SHELL = re.compile(r"(?<![\w./-])pm2 start(?= )")
# What a script does after `pm2 start`, which has then put itself into the background.
_PM2_LOOKS_ON: Final = frozenset({"logs", "log", "monit", "list", "ls", "status", "save"})
# It keeps its own files below the home folder, and the image's user has none.
_PM2_ENVIRONMENT: Final[Mapping[str, str]] = {"PM2_HOME": "/tmp/.pm2"}  # noqa: S108  # in a container of its own
# nodemon's options that take a value.
_WATCHER_OPTIONS: Final = frozenset(
    ["-w", "--watch", "-e", "--ext", "-i", "--ignore", "--delay", "-d", "--signal", "--config"]
)
_WATCH_FLAGS = re.compile(r"--(?:watch|watch-path|inspect|inspect-brk|respawn|hot)(?:=.*)?")
_RUNTIMES: Final = frozenset({"node", "tsx", "ts-node", "ts-node-esm", "bun", "babel-node", "esno", "vite-node"})
_HANDLES_SIGTERM: Final = frozenset({"next", "react-router-serve", "remix-serve"})
_LOADERS: Final = frozenset({"-r", "--require", "--import", "--loader", "--experimental-loader"})
_ENTRIES: Final = tuple(
    folder + name + suffix
    for suffix in (".js", ".mjs", ".cjs", ".ts", ".mts")
    for folder in ("", "src/")
    for name in ("index", "server", "app", "main")
)


def script_command(project: Project, names: tuple[str, ...] = START_SCRIPTS) -> Command | None:
    """The command of the first of these scripts that package.json has, or None."""
    scripts = project.package.scripts
    name = next((name for name in names if name in scripts), "")
    return read_script(name, scripts) if name else None


def runs_a_server(command: Command | None) -> bool:
    """Whether a command runs a program file of the application's own, and no development tool."""
    if command is None or command.shell:
        return bool(command and re.search(r"\b(?:node|tsx|bun)\s+[\w./-]+", command.shell))
    program = _WATCHERS.get(command.program, command.program)
    files = [word for word in command.words[1:] if not word.startswith("-")]
    return program in (*_RUNTIMES, "pm2-runtime", "pm2") and bool(files)


def start_of_command(project: Project, command: Command, environment: Mapping[str, str] | None = None) -> Start:
    """The start that a script's command comes to, with notes on what was left out of it or should be changed."""
    where = f'package.json (scripts["{command.script}"])'
    project.origins["start"] = where
    command = _started_by_pm2(command)
    _note_before(project, command)
    if command.env_files:
        project.note(
            f'The script "{command.script}" loads a .env file, which is not in the image.',
            "Give its variables to the container instead, for example in the task definition.",
        )
    if command.shell:
        _note_shell(project, command)
        command.shell = _PM2_IN_SHELL.sub("pm2-runtime start", replace_port_in_shell(command.shell))
    else:
        command.words = _without_watching(project, command)
        command.words = replace_port(command.words)
    values = {**(environment or {}), **safe_environment(command.environment)}
    if command.program == "fastify":
        values.setdefault("FASTIFY_ADDRESS", "$HOSTNAME")
    if command.program == "pm2-runtime" or "pm2-runtime" in command.shell:
        values = {**_PM2_ENVIRONMENT, **values}
        _note_pm2(project, command)
    return finish(project, command, values)


def finish(project: Project, command: Command, environment: Mapping[str, str]) -> Start:
    """The start of a command whose words are final."""
    return Start(
        command=command.text,
        environment={**environment, **project.environment},
        keeps_dev=_keeps_dev(project, command),
        handles_sigterm=command.program in _HANDLES_SIGTERM and not command.shell,
        runtime="bun" if command.program in ("bun", "bunx") else "node",
    )


def _started_by_pm2(command: Command) -> Command:
    """The command itself; for `pm2 start a.js && pm2 logs` the first part, for the second only looks on."""
    if command.program != "pm2" or not _PM2_LOOKS_ON.intersection(command.words[1:2]):
        return command
    first = next((part for part in reversed(command.before) if re.match(r"(?:npx )?pm2 start ", part)), "")
    found = read_script(command.script, {command.script: first}) if first else command
    found.environment = {**command.environment, **found.environment}
    return found


def _note_pm2(project: Project, command: Command) -> None:
    if not project.has("pm2"):
        project.note(
            f'The script "{command.script}" runs pm2, which is not among the dependencies, so the image has none.',
            'Run `npm install pm2`, or add "start:prod" to package.json with what it starts, such as "node server.js".',
            warning=True,
        )
    if re.search(r"\bstart (?:npm|yarn|pnpm|bun)\b", command.shell or " ".join(command.words)):
        project.note(
            f'The script "{command.script}" lets pm2 call a package manager, and there is none in the image.',
            'Add "start:prod" to package.json with the program itself, such as "pm2-runtime start server.js".',
            warning=True,
        )


def _note_before(project: Project, command: Command) -> None:
    scripts = project.package.scripts
    before = [*command.before]
    if command.script.startswith("start") and f"pre{command.script}" in scripts:
        before.insert(0, scripts[f"pre{command.script}"])
    if not before:
        return
    shown = " && ".join(before)[:120]
    only_build = all(re.search(r"\bbuild\b|\btsc\b|\bmkdir\b|\bprisma generate\b|\bclean\b", part) for part in before)
    if only_build:
        project.note(f"The start script runs `{shown}` first; the image does that when it is built.")
        return
    project.note(
        f"The start script runs `{shown}` first; the image starts only the server.",
        "Run it as a step of its own before a deployment, such as a one-off task: containers start at the same time.",
        warning=True,
    )


def _note_shell(project: Project, command: Command) -> None:
    project.note(
        f'The script "{command.script}" is more than one simple command, so it runs under a shell, and that shell is '
        "told to stop together with the server.",
        'Write it as one command, such as "start": "node dist/server.js".',
    )
    if re.search(r"\b(?:npm|npx|yarn|pnpm|bunx|corepack)\s", command.shell):
        project.note(
            f'The script "{command.script}" calls a package manager, and there is none in the image.',
            "Let it call the program itself: node_modules/.bin is on PATH.",
            warning=True,
        )


def _without_watching(project: Project, command: Command) -> list[str]:
    given = command.words
    program, rest = command.program, given[1:]
    if program in ("tsx", "bun") and rest[:1] in (["watch"], ["--watch"], ["--hot"]):
        rest = rest[1:]
    if program in _WATCHERS:
        rest, runner = _behind_watcher(rest)
        program = _WATCHERS[program]
        if runner:
            program, rest = runner[0], [*runner[1:], *rest]
        elif program == "node" and any(re.search(r"\.[cm]?tsx?$", word) for word in rest):
            program = "tsx" if project.has("tsx") else "ts-node" if project.has("ts-node") else "node"
    elif program in _PM2:
        program, rest = "pm2-runtime", [word for word in rest if word not in ("--no-daemon", "--attach")]
    words = [program if program != command.program else given[0], *(w for w in rest if not _WATCH_FLAGS.fullmatch(w))]
    if words != given:
        project.note(
            f'The script "{command.script}" is made for development ({command.program}); '
            f"the image runs `{' '.join(words)}`.",
            "" if "start:prod" in project.package.scripts else 'Add "start:prod" to package.json to say it yourself.',
        )
    return words


def _behind_watcher(rest: list[str]) -> tuple[list[str], list[str]]:
    """What stands behind nodemon's own options, and the words of `--exec`, which says what runs the file."""
    kept: list[str] = []
    runner: list[str] = []
    waiting = list(rest)
    while waiting:
        word = waiting.pop(0)
        if word in ("-x", "--exec") and waiting:
            runner = waiting.pop(0).split()
        elif word in _LOADERS and waiting:
            kept += [word, waiting.pop(0)]
        elif word in _WATCHER_OPTIONS:
            waiting = waiting[1:]
        elif not word.startswith("-"):
            kept.append(word)
    return kept, [word for word in runner if word != "npx"]


def _keeps_dev(project: Project, command: Command) -> bool:
    """Whether something that the command needs is only among the devDependencies."""
    if command.shell:
        named = set(re.findall(r"[\w@./-]+", command.shell))
    else:
        named = {command.program}
        for index, word in enumerate(command.words):
            flag, equals, value = word.partition("=")
            if flag in _LOADERS:
                named.add(value if equals else "".join(command.words[index + 1 : index + 2]))
    dev = False
    for name in named:
        package = PACKAGE_OF.get(name, name)
        parts = package.split("/")
        package = "/".join(parts[: 2 if package.startswith("@") else 1])
        if any(p.runs(package) for p in project.packages):
            continue
        if project.has(package):
            dev = True
            project.note(
                f"{package} starts the application and is a devDependency, so all devDependencies stay in the image.",
                f'Move {package} to "dependencies" to make the image smaller.',
            )
    return dev


def entry_start(project: Project, environment: Mapping[str, str] | None = None) -> Start | None:
    """The start by `main`, or by a file with a usual name; None when there is neither."""
    main = project.package.data.get("main")
    candidates = [main.removeprefix("./")] if isinstance(main, str) else []
    found = next((name for name in candidates if _is_there(project, name)), "")
    origin = "package.json (main)"
    if not found:
        found = origin = next((name for name in _ENTRIES if (project.root / name).is_file()), "")
    if not found:
        return None
    project.origins["start"] = origin
    if re.search(r"\.[cm]?tsx?$", found):
        has_bun = project.origins.get("manager.lockfile", "").startswith("bun.")
        runner = "tsx" if project.has("tsx") else "bun" if has_bun else "ts-node" if project.has("ts-node") else "node"
    else:
        runner = "node"
    return finish(project, Command(words=[runner, found]), environment or {})


def _is_there(project: Project, name: str) -> bool:
    if not is_plain_path(name):
        return False
    path = project.root / name
    if path.is_file() or path.with_name(path.name + ".js").is_file():
        return True
    # A build makes it: the name lies in the folder that TypeScript writes to.
    settings = json_with_comments(project.files.text(project.root / "tsconfig.json"))
    options = settings.get("compilerOptions")
    out = words(options.get("outDir"))[:1] if isinstance(options, dict) else []
    folders = [out[0].removeprefix("./").rstrip("/")] if out else ["dist", "build", "lib"]
    return "build" in project.package.scripts and any(name.startswith(f"{folder}/") for folder in folders if folder)
