"""The values that a Dockerfile and its start.sh are rendered with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any, Final

from ecrwiz.model.answers import Answers
from ecrwiz.model.app import NodeApp
from ecrwiz.services.templates import checks, engine, managers, sources, starting

__all__ = ["article", "base_image", "multi_stage"]

Existing = Callable[[str], str | None]

STATIC_SERVER: Final = "serve@14.2.7"
"""Serves static files: compresses, answers with 404.html, ends on SIGTERM by itself (all three were tried)."""

_GENERATORS: Final = frozenset({"prisma", "@prisma/client"})
"""Packages whose build writes into node_modules what the application then imports."""

_ROOT_FILES: Final = frozenset(
    {
        *("package.json", "package-lock.json", "npm-shrinkwrap.json", ".npmrc"),
        *("yarn.lock", ".yarnrc", ".yarnrc.yml"),
        *("pnpm-lock.yaml", "pnpm-workspace.yaml", ".pnpmfile.cjs"),
        *("bun.lock", "bun.lockb", "bunfig.toml"),
    }
)
"""Files that the install reads and that one COPY may bring together, because no folder has such a name."""

_QUIET: Final = {
    "next": "NEXT_TELEMETRY_DISABLED=1",
    "nuxt": "NUXT_TELEMETRY_DISABLED=1",
    "astro": "ASTRO_TELEMETRY_DISABLED=1",
    "gatsby": "GATSBY_TELEMETRY_DISABLED=1",
    "angular": "NG_CLI_ANALYTICS=false",
    "turborepo": "TURBO_TELEMETRY_DISABLED=1",
    "nx": "NX_DAEMON=false",
}
"""By framework or monorepo tool: a build in an image reports nothing and leaves no process behind."""


def base_image(app: NodeApp) -> str:
    """The image that the Dockerfile starts from, such as `node:24-slim`."""
    return f"node:{app.node_major}-slim"


def article(answers: Answers, app: NodeApp, existing: Existing) -> str:
    """The article's Dockerfile with its measured defects mended."""
    configs = checks.paths(sources.config_files(app.config_file, existing), "A file that Next's configuration imports")
    values = {
        **_common(answers, app),
        "config_imports": [path for path in configs if "/" in path],
        "config_sources": [path for path in configs if "/" not in path],
        "dist": checks.path(app.dist_dir, "Next's distDir"),
        "has_public": app.has_public,
        "manager": "yarn" if app.manager.name == "berry" else app.manager.name,
    }
    return engine.template("Dockerfile.article.j2", values)


def multi_stage(answers: Answers, app: NodeApp, existing: Existing) -> str:
    """The Dockerfile that installs, builds and runs in stages of their own."""
    tools = managers.commands(app, existing)
    values = {
        **_common(answers, app),
        **_install(app, tools, existing),
        **_build(answers, app, tools),
        **_runtime(app, tools, existing),
        **_site(app),
        "tools": tools,
    }
    return engine.template("Dockerfile.multi-stage.j2", values)


def _common(answers: Answers, app: NodeApp) -> dict[str, Any]:
    return {
        "base_image": base_image(app),
        "framework": app.framework,
        "port": answers.port,
        "quiet": _quiet(app.framework),
        "title": answers.repository_name,
    }


def _quiet(*names: str) -> list[str]:
    return [_QUIET[name] for name in names if name in _QUIET]


def _install(app: NodeApp, tools: managers.Commands, existing: Existing) -> dict[str, Any]:
    files = checks.paths(app.manager.files, "A file that the install reads")
    variables = [checks.token(name) for name in app.registry.variables]
    mounts = [tools.cache, *(f"--mount=type=secret,id={name}" for name in variables)]
    if app.registry.npmrc:
        mounts.append("--mount=type=secret,id=npmrc,target=/root/.npmrc")
    return {
        "build_needs": [need for need in app.system if need.build],
        "browser": any(need.package.startswith(("puppeteer", "playwright")) for need in app.system),
        "build_packages": checks.debian_packages(name for need in app.system for name in need.build),
        # A manager makes no node_modules when there is nothing to put there, and a COPY of nothing fails.
        "folder_made": []
        if app.workspace or app.manager.linker == "pnp" or sources.has_dependencies(existing)
        else ["mkdir -p node_modules"],
        "flat": [name for name in files if name in _ROOT_FILES],
        "frozen": bool(app.manager.lockfile),
        "installs": bool(app.build) or _modules(app, tools) != "",
        "mounts": mounts,
        "nested": [name for name in files if name not in _ROOT_FILES],
        "needs_sources": sources.install_needs_sources(app, existing),
        "pnp": app.manager.linker == "pnp",
        "stated": bool(app.manager.version),
        "tokens": [f'{name}="$(cat /run/secrets/{name} 2>/dev/null || true)"' for name in variables],
        "variables": variables,
        "npmrc": app.registry.npmrc,
    }


def _build(answers: Answers, app: NodeApp, tools: managers.Commands) -> dict[str, Any]:
    names = dict.fromkeys([*(found.name for found in app.public_variables), *sorted(answers.build_args)])
    tool = app.workspace.tool if app.workspace else ""
    return {
        "arguments": [checks.variable(name) for name in names],
        "build": _build_command(app, tools),
        "build_elsewhere": "cd " in app.build,
        "build_quiet": _quiet(app.framework, tool),
        "build_path": app.manager.linker != "pnp" and _runs_programs(app.build),
    }


def _runs_programs(build: str) -> bool:
    """Whether a build command runs a package's program itself, so that it has to be found by its name."""
    return bool(build) and any(not part.startswith(("run ", "cd ", "export ")) for part in build.split(" && "))


def _build_command(app: NodeApp, tools: managers.Commands) -> str:
    if not app.build:
        return ""
    checks.command(app.build, "The build command")
    parts = app.build_command(tools.program).split(" && ")
    if app.manager.linker == "pnp":  # there is no node_modules/.bin: Yarn finds a package's program
        parts = [part if part.startswith(("yarn ", "cd ", "export ")) else f"yarn run {part}" for part in parts]
    # Yarn refuses to do anything while a variable that its settings name is missing; the build needs no token.
    return " \\\n && ".join([*(f'export {name}=""' for name in app.registry.variables), *parts])


def _modules(app: NodeApp, tools: managers.Commands) -> str:
    """The stage whose installed packages run: `production` (pruned), `deps`, `build`; empty when none do."""
    if app.serving in ("next-standalone", "static") or app.self_contained:
        return ""
    if _generates(app) and app.build:
        return "build"
    alone = app.workspace is None and app.manager.linker != "pnp"
    return "deps" if alone and _keeps_dev(app, tools) else "production"


def _keeps_dev(app: NodeApp, tools: managers.Commands) -> bool:
    # Some versions of Next need the package typescript at every start to read such a configuration.
    typed = app.serving == "next" and app.config_file.endswith("ts")
    # npm alone takes away what is not needed without touching what was generated beside it.
    generated = _generates(app) and app.manager.name != "npm"
    return typed or generated or not tools.production or bool(app.start and app.start.keeps_dev)


def _why_dev(app: NodeApp, tools: managers.Commands) -> str:
    if app.start and app.start.keeps_dev:
        return "the application is started by one of them"
    if not tools.production:
        return "this version of Yarn has no command of its own to leave them out"
    if _generates(app):
        return "taking them away would take the generated Prisma client, too"
    return f"{app.config_file} is read at every start, and some versions of Next need typescript for that"


def _generates(app: NodeApp) -> bool:
    return any(need.package in _GENERATORS for need in app.system)


def _site(app: NodeApp) -> dict[str, Any]:
    """Where a static site lies in the image, and how its server is set up."""
    base = starting.base_path(app)
    site = PurePosixPath("/opt/out/site") / base
    settings: dict[str, Any] = {"directoryListing": False}
    if base and app.single_page:  # the server's own option for it knows the top alone
        settings["rewrites"] = [{"source": f"/{base}/**", "destination": f"/{base}/index.html"}]
    return {
        "base": base,
        "serve_json": json.dumps(settings),
        "site": str(site),
        "site_parent": str(site.parent),
    }


def _runtime(app: NodeApp, tools: managers.Commands, existing: Existing) -> dict[str, Any]:
    modules = _modules(app, tools)
    needs = [need for need in app.system if need.run]
    packages = [name for need in needs for name in need.run]
    init = starting.needs_init(app)
    folder = checks.path(app.workspace.app, "The application's folder") if app.workspace else ""
    members = checks.paths(sources.used_members(app, existing), "The folder of a package of the workspace")
    outside = app.workspace is not None and (
        app.workspace.tool == "nx" or "../" in (app.start.command if app.start else "")
    )
    return {
        "at": f"{folder}/" if folder else "",
        "config_file": app.config_file,
        "dist": checks.path(app.dist_dir, "Next's distDir"),
        "folder": folder,
        "init": init,
        "keeps_dev": _keeps_dev(app, tools),
        "members": members,
        "modules": modules,
        "modules_folder": ".yarn" if app.manager.linker == "pnp" else "node_modules",
        "outermost": [name for name in members if not any(name.startswith(f"{other}/") for other in members)],
        "output": checks.path(app.output, "The folder of the finished build") if app.output else "",
        "parents": list(dict.fromkeys((PurePosixPath("/opt/out") / name).parent.as_posix() for name in members)),
        "plain": not app.build and app.workspace is None and app.serving == "command" and modules != "build",
        "prunes": not _keeps_dev(app, tools) and (modules == "production" or app.manager.name == "npm"),
        "run_needs": needs,
        "run_packages": checks.debian_packages([*packages, *(["tini"] if init else [])]),
        "runtime": app.start.runtime if app.start else "node",
        "self_contained": app.self_contained,
        "server": STATIC_SERVER,
        # A server of the application's own that serves Next writes to Next's folder, too.
        "serving": "next" if app.serving == "command" and app.framework == "next" and app.build else app.serving,
        "whole": outside,
        "why_dev": _why_dev(app, tools),
    }
