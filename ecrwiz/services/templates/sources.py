"""Which of the application's own files the image needs, found by reading package.json files and imports."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any, Final

from ecrwiz.model.app import NodeApp
from ecrwiz.model.errors import BadInputError

__all__ = ["config_files", "has_dependencies", "in_root", "install_needs_sources", "lifecycle_scripts", "used_members"]

Existing = Callable[[str], str | None]

_IMPORT = re.compile(r"""(?:\bfrom|\bimport|\brequire|\bimport\s*\(|\brequire\s*\()\s*["'](\.{1,2}/[\w./@-]+)["']""")
_SUFFIXES: Final = (".js", ".mjs", ".cjs", ".ts", ".mts", ".json", "/index.js", "/index.ts")

_MOST_IMPORTS: Final = 100

_LIFECYCLE: Final = ("preinstall", "install", "postinstall", "prepare")
"""The scripts of an application's own package.json that every manager may run at the end of an install."""

# Words of commands that read the application's sources, in a script that runs at the end of an install.
_BUILDS = re.compile(
    r"\b(?:run|run-s|run-p|build|compile|tsc|tsup|rollup|webpack|vite|gulp|lerna|turbo|nx|bootstrap)\b"
)
_DEPENDENCIES: Final = ("dependencies", "optionalDependencies", "peerDependencies")


def in_root(app: NodeApp, path: str) -> str:
    """A path relative to the build context as one relative to the application's folder."""
    return path if app.up == "." else f"{app.up}/{path}"


def used_members(app: NodeApp, existing: Existing) -> tuple[str, ...]:
    """The folders of the workspace's packages that the application needs at run time, its own first.

    They are found by the names in `dependencies`, from package to package, relative to the workspace's root.
    """
    if app.workspace is None:
        return ()
    folders: dict[str, tuple[str, dict[str, Any]]] = {}
    for manifest in app.workspace.manifests:
        data = _package(existing(in_root(app, manifest)))
        if isinstance(name := data.get("name"), str):
            folders.setdefault(name, (str(PurePosixPath(manifest).parent), data))
    own = {**_package(existing("package.json"))}
    found: dict[str, None] = {app.workspace.app: None}
    waiting = [own]
    while waiting:
        data = waiting.pop()
        for field in _DEPENDENCIES:
            named = data.get(field)
            for name in named if isinstance(named, dict) else ():
                folder, package = folders.get(name, ("", {}))
                if folder and folder not in found:
                    found[folder] = None
                    waiting.append(package)
    return tuple(found)


def has_dependencies(existing: Existing) -> bool:
    """Whether the application's package.json names any package that runs with it."""
    package = _package(existing("package.json"))
    return any(package.get(field) for field in _DEPENDENCIES)


def install_needs_sources(app: NodeApp, existing: Existing) -> bool:
    """Whether a script that runs at the end of an install builds something, and so reads the sources."""
    manifests = [in_root(app, name) for name in app.workspace.manifests] if app.workspace else []
    files = dict.fromkeys(["package.json", in_root(app, "package.json"), *manifests])
    return any(_BUILDS.search(text) for name in files for text in _scripts(existing(name)).values())


def lifecycle_scripts(text: str | None) -> tuple[str, ...]:
    """The scripts of a package.json that run at an install, by name."""
    return tuple(_scripts(text))


def _scripts(text: str | None) -> dict[str, str]:
    scripts = _package(text).get("scripts")
    table = scripts if isinstance(scripts, dict) else {}
    return {name: str(table[name]) for name in _LIFECYCLE if table.get(name)}


def _package(text: str | None) -> dict[str, Any]:
    """A package.json; an empty one when it is none, which the install in the image will say better."""
    try:
        data = json.loads(text or "{}")
    except (json.JSONDecodeError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def config_files(config_file: str, existing: Existing) -> list[str]:
    """Next's configuration and the files that it imports by a relative path, itself first.

    `next start` reads it again, so an image that is not a copy of the whole application needs all of them.

    Raises:
        BadInputError: there are more than 100 of them; links that lead in a circle can make endlessly many.
    """
    found: dict[str, None] = {}
    waiting = [config_file] if config_file else []
    while waiting:
        path = waiting.pop()
        text = existing(path)
        if text is None or path in found:
            continue
        found[path] = None
        if len(found) > _MOST_IMPORTS:
            raise BadInputError(
                f"{config_file} imports more than {_MOST_IMPORTS} files, each of which the image would need.",
                "Take the strategy multi-stage, which copies the application as a whole.",
            )
        for target in _IMPORT.findall(text):
            base = _normal(PurePosixPath(path).parent / target)
            # TypeScript lets an import say .js for a file that is .ts.
            names = [base, re.sub(r"\.([cm]?)js$", r".\1ts", base)] if PurePosixPath(base).suffix else []
            names += [base + suffix for suffix in _SUFFIXES]
            waiting += [name for name in names if not name.startswith("..") and existing(name) is not None][:1]
    if config_file.endswith("ts") and existing("tsconfig.json") is not None:
        found["tsconfig.json"] = None  # its `paths` decide what the imports mean
    return list(found)


def _normal(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
