"""How each package manager is brought into the image, installs, and leaves out what only the build needed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ecrwiz.model.app import NodeApp
from ecrwiz.services.templates import checks
from ecrwiz.services.templates.sources import in_root, lifecycle_scripts

__all__ = ["Commands", "commands"]

_PNPM_BY_LOCKFILE: Final = {"5": "7.33.7", "6": "8.15.9", "9": "10.34.8"}
"""By the first number of `lockfileVersion`, the last pnpm that writes such a lockfile."""

_BERRY: Final = "4.18.1"
_BERRY_OLD: Final = "3.8.7"
"""For lockfiles up to metadata version 6: Yarn 4 would rewrite them, which `--immutable` forbids."""

_YARN: Final = "1.22.22"
_BUN: Final = "1.4.5"

_HOME: Final = "/root/.npm"
_CACHES: Final = {
    "npm": _HOME,
    "yarn": "/usr/local/share/.cache/yarn",
    "berry": "/root/.yarn/berry",
    "pnpm": "/root/.local/share/pnpm/store",
    "bun": "/root/.bun/install/cache",
}
"""Where each keeps its downloads when root runs it with default settings."""

_NOT_SHARED: Final = frozenset({"yarn", "berry", "bun"})
"""Managers that may spoil their cache when two installs use it at the same time."""


@dataclass(frozen=True, slots=True)
class Commands:
    """What a Dockerfile says for one package manager.

    Attributes:
        program: what stands before `run build`.
        setup: the commands that put the manager's exact version into the image; empty when the base has it.
        setup_cache: the cache mount for `setup`.
        install: installs with devDependencies.
        production: leaves in the dependencies alone; empty when there is no safe way to.
        before_production: what comes before it in the same instruction; may be empty.
        cache: the cache mount for installs.
        pinned: manager and version as package.json's `packageManager` names them; empty for the npm of the base.
        release: the Yarn release of the repository that is used, relative to the context; empty without one.
    """

    program: str
    setup: tuple[str, ...]
    setup_cache: str
    install: str
    production: str
    before_production: str
    cache: str
    pinned: str = ""
    release: str = ""


def commands(app: NodeApp, existing: Callable[[str], str | None]) -> Commands:
    """The commands for an application's package manager.

    Args:
        app: what was read of the application.
        existing: gives the text of a file relative to the application's folder; None when there is none. Asked for
            the lockfile's version when nothing names the manager's, and for scripts that run after an install.

    Raises:
        BadInputError: the manager's version is none.
    """
    manager = app.manager
    name = manager.name
    stated = checks.version(manager.version) if manager.version else ""
    release = _release(app, existing) if name == "berry" else ""
    version = stated or _default(app, existing)
    frozen = bool(manager.lockfile)
    lock = "sharing=locked," if name in _NOT_SHARED else ""
    setup = _setup(name, version, release)
    return Commands(
        program="yarn" if name == "berry" else name,
        setup=setup,
        setup_cache=f"--mount=type=cache,target={_HOME}" if any("npm install" in line for line in setup) else "",
        install=_install(name, frozen),
        production=_production(app, version),
        before_production=_before_production(app, existing),
        cache=f"--mount=type=cache,{lock}target={_CACHES[name]}",
        pinned=f"{'yarn' if name == 'berry' else name}@{version}" if version else "",
        release=release,
    )


def _release(app: NodeApp, existing: Callable[[str], str | None]) -> str:
    """The Yarn that is committed in the repository and named by `yarnPath`, if the install gets it."""
    text = existing(in_root(app, ".yarnrc.yml")) or ""
    found = re.search(r"^yarnPath:\s*[\"']?(?:\./)?(\.yarn/releases/[\w.-]+\.c?js)\b", text, re.MULTILINE)
    path = found[1] if found else ""
    there = any(path == name or path.startswith(f"{name}/") for name in app.manager.files)
    return checks.path(path, "yarnPath") if there else ""


def _setup(name: str, version: str, release: str) -> tuple[str, ...]:
    # The base image has a Yarn 1 up to Node 24; npm does not overwrite what another put there.
    away = "rm -f /usr/local/bin/yarn /usr/local/bin/yarnpkg"
    if release:
        return (f"chmod 0755 {release}", f"ln -sf /opt/app/{release} /usr/local/bin/yarn")
    if name == "yarn":
        return (away, f"npm install --global yarn@{version}")
    if name == "berry":
        return (away, f"npm install --global @yarnpkg/cli-dist@{version}")
    return (f"npm install --global {name}@{version}",) if version else ()


def _default(app: NodeApp, existing: Callable[[str], str | None]) -> str:
    """The version to take when the application names none; empty for the one that comes with Node."""
    name = app.manager.name
    if name not in ("pnpm", "berry"):
        return {"yarn": _YARN, "bun": _BUN}.get(name, "")
    lock = existing(in_root(app, app.manager.lockfile)) if app.manager.lockfile else ""
    head = (lock or "")[:2000]
    if name == "pnpm":
        found = re.search(r"^lockfileVersion:\s*['\"]?(\d+)", head, re.MULTILINE)
        return _PNPM_BY_LOCKFILE.get(found[1] if found else "", _PNPM_BY_LOCKFILE["9"])
    found = re.search(r"^__metadata:\s+version:\s*(\d+)", head, re.MULTILINE)
    return _BERRY_OLD if found and int(found[1]) <= 6 else _BERRY


def _install(name: str, frozen: bool) -> str:
    if name == "npm":
        return f"npm {'ci' if frozen else 'install'} --include=dev --no-audit --no-fund"
    if name == "yarn":
        return f"yarn install{' --frozen-lockfile' if frozen else ''} --non-interactive --production=false"
    if name == "berry":
        return "yarn install" + (" --immutable" if frozen else " --no-immutable")
    if name == "pnpm":
        return f"CI=true pnpm install {'--frozen-lockfile' if frozen else '--no-frozen-lockfile'} --prod=false"
    return f"bun install{' --frozen-lockfile' if frozen else ''}"


def _production(app: NodeApp, version: str) -> str:
    """No scripts of packages where the manager can leave them out: what was installed is built already."""
    name, frozen = app.manager.name, " --frozen-lockfile" if app.manager.lockfile else ""
    major = int(version.partition(".")[0] or 99)
    if name == "npm":
        omit = "--omit=dev" if major >= 7 else "--production"
        return f"npm prune {omit} --ignore-scripts --no-audit --no-fund"
    if name == "yarn":
        return f"yarn install{frozen} --non-interactive --production --ignore-scripts --prefer-offline"
    if name == "bun":
        return f"bun install{frozen} --production"
    if name == "pnpm" and app.workspace is None:
        return "CI=true pnpm prune --prod --ignore-scripts"
    if name == "pnpm" and app.workspace:
        chosen = f"--filter {checks.package(app.workspace.package)}..."
        return f"CI=true pnpm {chosen} install --prod{frozen} --ignore-scripts --config.modules-cache-max-age=0"
    if major < 4:
        return ""  # `workspaces focus` came with Yarn 4; before, it is a plugin that may not be there
    return "yarn workspaces focus --production" + (f" {checks.package(app.workspace.package)}" if app.workspace else "")


def _before_production(app: NodeApp, existing: Callable[[str], str | None]) -> str:
    """What a manager needs that installs anew and runs the application's own install scripts while doing so."""
    if app.manager.name not in ("berry", "bun"):
        return ""
    files = {"": in_root(app, "package.json"), **({app.workspace.app: "package.json"} if app.workspace else {})}
    lines = []
    for folder, path in files.items():
        if found := lifecycle_scripts(existing(path)):
            delete = "npm pkg delete " + " ".join(f"scripts.{name}" for name in found)
            lines.append(f"(cd {checks.path(folder, 'The folder')} && {delete})" if folder else delete)
    if app.manager.linker == "pnp":  # Yarn leaves what it needs no longer where it is, and it would all be copied
        ready = any(name.startswith(".yarn/cache") for name in app.manager.files)
        lines.append("rm -rf .yarn/unplugged" + ("" if ready else " .yarn/cache"))
    if app.manager.name == "bun":  # it does not take away what is installed already
        whole = "find . -name node_modules -prune -exec rm -rf {} +"
        lines.append(whole if app.workspace else "rm -rf node_modules")
    return " && ".join(lines)
