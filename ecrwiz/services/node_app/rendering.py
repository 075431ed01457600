"""Frameworks that render on a server or in the browser: Nuxt, SvelteKit, Astro, React Router, Angular and others."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

from ecrwiz.services.node_app.javascript import Config, json_with_comments
from ecrwiz.services.node_app.plans import (
    Plan,
    config,
    fixed_start,
    from_script,
    output_path,
    scripted_start,
    static,
    variants,
)
from ecrwiz.services.node_app.reading import Project, is_plain_path, table
from ecrwiz.services.node_app.starts import script_command
from ecrwiz.services.node_app.versions import ranges

__all__ = ["angular", "astro", "nitro", "nuxt", "react_router", "remix", "solid_start", "sveltekit", "tanstack_start"]

_HOST: Final = {"HOST": "$HOSTNAME"}
_NITRO: Final = ("node", ".output/server/index.mjs")


def nitro(project: Project, build: str = "nitro build", config_file: str = "") -> Plan:
    """A server made by Nitro: `.output` is all that it needs."""
    project.origins["output"] = project.origins.get("framework", "default")
    # Nitro's node-server preset closes its listener and ends on SIGTERM.
    start = replace(fixed_start(project, *_NITRO, environment=_HOST), handles_sigterm=True)
    return Plan("command", build, start, ".output", self_contained=True, config_file=config_file)


def _preset_note(project: Project, settings: Config, config_file: str) -> None:
    preset = settings.string("preset")
    if preset and preset not in ("node", "node-server", "node_server", "static"):
        project.note(
            f"{config_file} builds for {preset[:40]!r}, and an image needs Nitro's preset node-server.",
            "Remove `preset`: Nitro's default is what an image needs.",
            warning=True,
        )


def nuxt(project: Project) -> Plan:
    """Nuxt 3 and later as a Nitro server or generated; Nuxt 2 by `nuxt start`."""
    config_file, settings = config(project, *variants("nuxt"))
    if _major(project, "nuxt") == 2:
        start = from_script(project, "nuxt", "nuxt", "start", environment=_HOST)
        return Plan("command", "nuxt build", start, config_file=config_file)
    if re.search(r"\b(?:nuxt|nuxi) generate\b", project.package.scripts.get("build", "")):
        project.origins["output"] = "package.json"
        return static(".output/public", single_page=True, build="nuxt generate", config_file=config_file)
    _preset_note(project, settings, config_file)
    return nitro(project, "nuxt build", config_file)


def _major(project: Project, package: str) -> int:
    """The major version that is asked for; 0 when it cannot be told."""
    found = ranges(project.package.wanted(package)) or ranges(project.base_package.wanted(package))
    return found[0][0][0] if found else 0


def solid_start(project: Project) -> Plan:
    """SolidStart, built by Vinxi on Nitro."""
    config_file, settings = config(project, *variants("app"), *variants("vite"))
    _preset_note(project, settings, config_file)
    return nitro(project, "vinxi build", config_file)


def tanstack_start(project: Project) -> Plan:
    """TanStack Start: Nitro's server when its plugin is used, else what the start script runs."""
    config_file, settings = config(project, *variants("app"), *variants("vite"))
    if project.has("vinxi"):
        return nitro(project, "vinxi build", config_file)
    if settings.mentions("nitro") or project.has("nitro", "@tanstack/nitro-v2-vite-plugin"):
        _preset_note(project, settings, config_file)
        return nitro(project, "vite build", config_file)
    command = script_command(project)
    if command is not None and "dev" not in command.words and command.program not in ("vite", "nitro"):
        return Plan("command", "vite build", scripted_start(project), config_file=config_file)
    project.note(
        "TanStack Start is built without a server to start: neither Nitro's plugin nor a start script is there.",
        "Run `npm install nitro` and add nitro() of 'nitro/vite' to the plugins in vite.config.ts.",
        warning=True,
    )
    return nitro(project, "vite build", config_file)


def sveltekit(project: Project) -> Plan:
    """SvelteKit, by its adapter. From version 3 on it is named in vite.config.* and no longer in svelte.config.*."""
    names = ("svelte.config.js", "svelte.config.ts", "svelte.config.mjs")
    texts = [config(project, *variants("vite")), config(project, *names)]
    config_file, settings = next((pair for pair in texts if pair[1].mentions("adapter-")), texts[1])
    config_file = config_file or texts[0][0]
    project.origins["config_file"] = config_file
    build = "vite build"
    adapter = _adapter(project, settings)
    if adapter == "@sveltejs/adapter-static":
        folder = output_path(project, settings.path("pages"), "build", config_file)
        page = settings.string("fallback")
        if page and page != "index.html":
            project.note(
                f"{config_file} writes the page for unknown addresses to {page[:40]}; the image gives index.html.",
                "Set fallback: 'index.html'.",
                warning=True,
            )
        return static(folder, single_page=bool(page), build=build, config_file=config_file)
    if adapter != "@sveltejs/adapter-node":
        project.note(
            f"SvelteKit is built with {adapter or 'no adapter'}, which makes no server for an image.",
            f"Install @sveltejs/adapter-node and import it in {config_file or 'svelte.config.js'}.",
            warning=True,
        )
    folder = output_path(project, settings.path("out"), "build", config_file) if config_file else "build"
    start = fixed_start(project, "node", folder, environment=_HOST)
    return Plan("command", build, start, config_file=config_file)


def _adapter(project: Project, settings: Config) -> str:
    """The adapter that the configuration imports, else the only one that is installed; empty when unknown."""
    installed = [name for name in project.package.dev if re.fullmatch(r"@sveltejs/adapter-[a-z-]{1,40}", name)]
    known = ["@sveltejs/adapter-node", "@sveltejs/adapter-static", *installed]
    named = next((name for name in known if settings.mentions(name)), "")
    return named or (installed[0] if len(installed) == 1 and not settings.mentions("adapter") else "")


def astro(project: Project) -> Plan:
    """Astro: a server with the Node adapter, else static files."""
    config_file, settings = config(project, *variants("astro"))
    build = "astro build"
    folder = output_path(project, settings.path("outDir"), "dist", config_file)
    if settings.mentions("@astrojs/node"):
        if settings.string("mode") == "middleware":
            project.note(
                f"{config_file} builds a middleware, which does not listen by itself; the start script must.",
                "Set mode: 'standalone', unless the start script runs a server that uses it.",
                warning=script_command(project) is None,
            )
            return Plan("command", build, scripted_start(project, _HOST), config_file=config_file, port=4321)
        start = fixed_start(project, "node", f"{folder}/server/entry.mjs", environment=_HOST)
        return Plan("command", build, start, config_file=config_file, port=4321)
    other = next((name for name in ("vercel", "netlify", "cloudflare") if settings.mentions(f"@astrojs/{name}")), "")
    if other or settings.string("output") in ("server", "hybrid"):
        project.note(
            f"{config_file} builds for {other or 'a server'}, and an image needs Astro's Node adapter.",
            "Run `npx astro add node`.",
            warning=True,
        )
        start = fixed_start(project, "node", f"{folder}/server/entry.mjs", environment=_HOST)
        return Plan("command", build, start, config_file=config_file, port=4321)
    return static(folder, single_page=False, build=build, config_file=config_file)


def react_router(project: Project) -> Plan:
    """React Router as a framework: a server, or static files with `ssr: false`."""
    config_file, settings = config(project, *variants("react-router"))
    build = "react-router build"
    folder = output_path(project, settings.path("buildDirectory"), "build", config_file)
    if settings.word("ssr") == "false":
        return static(f"{folder}/client", single_page=True, build=build, config_file=config_file)
    return _served(project, build, "react-router-serve", f"{folder}/server/index.js", config_file)


def remix(project: Project) -> Plan:
    """Remix 1 and 2, built by Vite or by its classic compiler."""
    config_file, settings = config(project, *variants("vite"), *variants("remix"))
    if config_file.startswith("vite"):
        folder = output_path(project, settings.path("buildDirectory"), "build", config_file)
        if settings.word("ssr") == "false":
            return static(f"{folder}/client", single_page=True, build="remix vite:build", config_file=config_file)
        return _served(project, "remix vite:build", "remix-serve", f"{folder}/server/index.js", config_file)
    return _served(project, "remix build", "remix-serve", "build/index.js", config_file)


def _served(project: Project, build: str, program: str, entry: str, config_file: str) -> Plan:
    command = script_command(project)
    if command is not None and "dev" not in command.words:
        return Plan("command", build, scripted_start(project, _HOST), config_file=config_file)
    if not project.has(_SERVE[program]):
        project.note(
            f"Nothing says how the server is started: no start script, and {_SERVE[program]} is not installed.",
            f'Install {_SERVE[program]} and add "start": "{program} ./{entry}" to the scripts.',
            warning=True,
        )
    start = fixed_start(project, program, f"./{entry}", environment=_HOST)
    return Plan("command", build, start, config_file=config_file)


_SERVE: Final = {"react-router-serve": "@react-router/serve", "remix-serve": "@remix-run/serve"}


def angular(project: Project) -> Plan:
    """Angular: a server when server-side rendering is on, else static files. Read from angular.json."""
    project.origins["config_file"] = "angular.json"
    name, options, builder = _angular_project(project)
    where = options.get("outputPath")
    paths = table(where)
    base = where if isinstance(where, str) else paths.get("base")
    folder = output_path(project, base if isinstance(base, str) else None, f"dist/{name}", "angular.json")
    # The builder `application` puts what browsers get apart; the older `browser` does not.
    split = builder.endswith(":application")
    browser = paths.get("browser", "browser") if split else ""
    if split and options.get("ssr") and options.get("outputMode") != "static":
        server = str(paths.get("server") or "server")
        script = next((key for key in project.package.scripts if key.startswith("serve:ssr")), "")
        command = script_command(project, (script,)) if script else None
        if command is not None and command.words[:1] == ["node"] and "/server/" in command.words[-1]:
            entry = command.words[-1]
        else:
            entry = f"{folder}/{server}/server.mjs"
        _angular_hosts(project, options)
        return Plan("command", "ng build", fixed_start(project, "node", entry), config_file="angular.json", port=4000)
    output = f"{folder}/{browser}" if isinstance(browser, str) and browser and is_plain_path(browser) else folder
    return static(output, single_page=True, build="ng build", config_file="angular.json")


def _angular_project(project: Project) -> tuple[str, dict[str, Any], str]:
    """The name, the build options and the builder of the workspace's first application."""
    settings = json_with_comments(project.files.text(project.root / "angular.json"))
    projects = table(settings.get("projects"))
    default = settings.get("defaultProject")
    ordered = sorted(projects, key=lambda key: key != default)
    for name in ordered:
        entry = table(projects[name])
        build = table(table(entry.get("architect") or entry.get("targets")).get("build"))
        if entry.get("projectType", "application") == "application" and build and is_plain_path(name):
            return name, dict(table(build.get("options"))), str(build.get("builder") or "")
    return project.package.plain_name or "app", {}, ""


def _angular_hosts(project: Project, options: dict[str, Any]) -> None:
    """Newer versions render only for hosts that they were told of (angular/angular-cli#32910)."""
    if _major(project, "@angular/ssr") >= 20 and not table(options.get("security")).get("allowedHosts"):
        project.note(
            "Angular's server renders only for host names that it was told of, and angular.json names none.",
            "Set NG_ALLOWED_HOSTS to your domain where the container runs, or security.allowedHosts in angular.json.",
            warning=True,
        )
