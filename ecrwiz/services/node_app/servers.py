"""Servers that an application starts by a command of its own."""

from __future__ import annotations

import re

from ecrwiz.services.node_app.javascript import json_with_comments
from ecrwiz.services.node_app.plans import Plan, config, fixed_start, from_script, scripted_start
from ecrwiz.services.node_app.reading import Project, is_plain_path, table
from ecrwiz.services.node_app.starts import script_command, start_of_command
from ecrwiz.services.node_app.versions import ranges

__all__ = ["adonisjs", "nestjs", "plain", "strapi"]


def plain(project: Project) -> Plan:
    """Any other server: `start:prod`, `start`, `main`, then a file with a usual name."""
    start = scripted_start(project)
    if start is None:
        extra = ""
        if project.has("vite", "webpack", "parcel"):
            extra = " A build alone is not enough: name the server, or remove it if the files are all there is."
        project.note(
            f"Nothing says how the application is started: no start script, no main and no index.js.{extra}",
            'Add "start" to the scripts of package.json, such as "start": "node server.js".',
            warning=True,
        )
    return Plan("command", "", start)


def adonisjs(project: Project) -> Plan:
    """AdonisJS: `node ace build` writes `build/`, which finds the packages in the node_modules above it."""
    found = ranges(project.package.wanted("@adonisjs/core"))
    old = bool(found) and found[0][0] < (6, 0, 0)
    entry = "build/server.js" if old else "build/bin/server.js"
    config_file, _ = config(project, "adonisrc.ts", "adonisrc.js", ".adonisrc.json")
    project.note(
        "AdonisJS checks its environment when it starts: start/env.ts names the variables, APP_KEY among them.",
        "Give them to the container, secrets such as APP_KEY from Secrets Manager or Parameter Store.",
        warning=True,
    )
    environment = {"HOST": "$HOSTNAME"}
    start = fixed_start(project, "node", entry, environment=environment)
    build = "node ace build --production" if old else "node ace build"
    return Plan("command", build, start, config_file=config_file, port=3333)


def nestjs(project: Project) -> Plan:
    """NestJS: `start:prod`, else the entry that nest-cli.json and tsconfig.json lead to."""
    project.origins["config_file"] = "nest-cli.json"
    settings = json_with_comments(project.files.text(project.root / "nest-cli.json"))
    config_file = "nest-cli.json" if settings else ""
    command = script_command(project)
    # `nest start` compiles again and needs the command line tool, which is a devDependency.
    if command is not None and command.program not in ("nest", "") and not command.shell:
        start = start_of_command(project, command)
        return Plan("command", "nest build", start, config_file=config_file, port=3000)
    entry = settings.get("entryFile")
    name = entry if isinstance(entry, str) and is_plain_path(entry) else "main"
    folder = _out_dir(project)
    if settings.get("monorepo") is True:
        root = settings.get("root")
        if isinstance(root, str) and is_plain_path(root):
            folder = f"{folder}/{root}"
    elif _compiles_more_than_sources(project):
        folder = f"{folder}/src"
    project.origins["start"] = config_file or "default"
    start = fixed_start(project, "node", f"{folder}/{name.removesuffix('.js')}.js")
    return Plan("command", "nest build", start, config_file=config_file, port=3000)


def _out_dir(project: Project) -> str:
    for name in ("tsconfig.build.json", "tsconfig.json"):
        settings = json_with_comments(project.files.text(project.root / name))
        found = table(settings.get("compilerOptions")).get("outDir")
        if isinstance(found, str) and is_plain_path(found.removeprefix("./").rstrip("/")):
            return found.removeprefix("./").rstrip("/")
    return "dist"


def _compiles_more_than_sources(project: Project) -> bool:
    """Whether TypeScript finds sources beside `src/`, so that it keeps `src` in the paths it writes."""
    settings = json_with_comments(project.files.text(project.root / "tsconfig.build.json"))
    if table(settings.get("compilerOptions")).get("rootDir"):
        return False
    text = str(settings.get("include") or "")
    if text and "src" in text and not re.search(r"prisma|scripts|config", text):
        return False
    return any((project.root / name).is_file() for name in ("prisma/seed.ts", "prisma.config.ts", "ormconfig.ts"))


def strapi(project: Project) -> Plan:
    """Strapi: `strapi start` on the admin panel that `strapi build` made."""
    start = from_script(project, "strapi", "strapi", "start", environment={"HOST": "$HOSTNAME"})
    return Plan("command", "strapi build", start, port=1337)
