"""Which package manager installs an application, in which version, and what the install reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

from ecrwiz.model.app import ManagerName, PackageManager
from ecrwiz.services.node_app.reading import Package, Project, is_plain_path, table
from ecrwiz.services.node_app.registries import holds_token
from ecrwiz.services.node_app.versions import EXACT, tool_versions

__all__ = ["LOCKFILES", "package_manager"]

LOCKFILES: Final[Mapping[str, tuple[str, ...]]] = {
    # yarn.lock first, as in Next's own example: a stray `npm install` leaves a package-lock.json beside it.
    "yarn": ("yarn.lock",),
    # npm itself reads npm-shrinkwrap.json when both are there.
    "npm": ("npm-shrinkwrap.json", "package-lock.json"),
    "pnpm": ("pnpm-lock.yaml",),
    "bun": ("bun.lock", "bun.lockb"),
}

# The last release of the manager that reads a lockfile of this format; a newer one refuses it when it is frozen.
_BY_LOCKFILE: Final = (
    ("pnpm", re.compile(r"^lockfileVersion: ['\"]?5\.", re.MULTILINE), "7.33.7"),
    ("pnpm", re.compile(r"^lockfileVersion: ['\"]?6\.", re.MULTILINE), "8.15.9"),
    ("berry", re.compile(r"^__metadata:\s+version: [4-7]\b", re.MULTILINE), "3.8.7"),
)

_RC_FILES: Final[Mapping[str, tuple[str, ...]]] = {
    "npm": (".npmrc",),
    "yarn": (".npmrc", ".yarnrc"),
    "berry": (".npmrc", ".yarnrc.yml", ".yarn/plugins", ".yarn/patches", ".yarn/versions"),
    "pnpm": (".npmrc", "pnpm-workspace.yaml", ".pnpmfile.cjs", ".pnpmfile.mjs"),
    "bun": (".npmrc", "bunfig.toml"),
}
_INSTALL_SCRIPTS: Final = ("preinstall", "install", "postinstall", "prepare")
_SCRIPT = re.compile(r"(?<![\w./-])(?:\./)?(\w[\w-]*(?:/[\w-][\w.-]*)*\.[cm]?[jt]s)\b")
# Install scripts that need nothing of the application but what is copied anyway.
_SELF_SUFFICIENT: Final = frozenset({"husky", "patch-package", "prisma", "node", "only-allow", "lefthook", "is-ci"})


def package_manager(project: Project) -> PackageManager:
    """The package manager: the field `packageManager` decides, then the lockfile, then `engines`.

    Adds notes on several lockfiles and on none.
    """
    base = project.base
    present = {
        manager: found
        for manager, names in LOCKFILES.items()
        if (found := next((name for name in names if (base / name).is_file()), ""))
    }
    declared, version, origin = _declared(project)
    name = declared or next(iter(present), "")
    if not name:
        name, origin = next(_by_engines(project), ("npm", "default"))
    elif not declared:
        origin = present[name]
    lockfile = present.get(name, "")
    _note_lockfiles(project, name, lockfile, present, origin)
    yarnrc = project.files.text(base / ".yarnrc.yml") or ""
    manager: ManagerName = "npm"
    if name == "yarn":
        manager = "berry" if _is_berry(project, version, yarnrc, lockfile) else "yarn"
    elif name in ("pnpm", "bun"):
        manager = "pnpm" if name == "pnpm" else "bun"
    project.origins["manager"] = project.origins["manager.name"] = origin
    if lockfile:
        project.origins["manager.lockfile"] = lockfile
    version = _version(project, manager, name, lockfile, version)
    return PackageManager(
        name=manager,
        version=version,
        lockfile=lockfile,
        linker=_linker(project, yarnrc) if manager == "berry" else "node-modules",
        files=_files(project, manager, lockfile),
    )


def _declared(project: Project) -> tuple[str, str, str]:
    """What package.json says in so many words: manager, exact version or empty, and where."""
    for package in project.packages:
        where = "package.json" if package is project.package else "package.json of the workspace"
        name, _, version = str(package.data.get("packageManager") or "").strip().partition("@")
        if name in LOCKFILES:
            return name, _exact(version), f"{where} (packageManager)"
        wanted = table(table(package.data.get("devEngines")).get("packageManager"))
        if wanted.get("name") in LOCKFILES:
            return str(wanted["name"]), _exact(str(wanted.get("version") or "")), f"{where} (devEngines)"
    return "", "", ""


def _exact(version: str) -> str:
    match = EXACT.fullmatch(version.strip())
    return match[1] if match else ""


def _by_engines(project: Project) -> Iterator[tuple[str, str]]:
    for package in project.packages:
        engines = package.texts("engines")
        # npm last: people name it beside the manager that they really use.
        yield from ((name, "package.json (engines)") for name in ("pnpm", "yarn", "bun", "npm") if name in engines)


def _note_lockfiles(project: Project, name: str, lockfile: str, present: Mapping[str, str], origin: str) -> None:
    others = [found for manager, found in present.items() if manager != name]
    if lockfile and others:
        why = f"{origin} says so" if origin != lockfile else "a stray `npm install` leaves the other kind behind"
        project.note(
            f"There are several lockfiles ({', '.join([lockfile, *others])}); {lockfile} is used because {why}.",
            f"Remove {' and '.join(others)}, or set packageManager in package.json.",
            warning=origin == lockfile,
        )
    elif others:
        project.note(
            f"{origin} says {name}, and the lockfile there is {others[0]}; it is not used.",
            f"Run `{name} install` once, commit its lockfile and remove {others[0]}.",
            warning=True,
        )
    if not lockfile:
        project.note(
            "There is no lockfile, so each build may get other versions of the packages than you have tested.",
            f"Run `{name} install` once and commit {LOCKFILES[name][-1 if name == 'npm' else 0]}.",
            warning=True,
        )


def _is_berry(project: Project, version: str, yarnrc: str, lockfile: str) -> bool:
    if version:
        return not version.startswith(("0.", "1."))
    # Only Yarn 2 and later writes __metadata into its lockfile, near its top.
    head = project.files.text(project.base / lockfile, head=4096) if lockfile else None
    return "\n__metadata:" in (head or "") or (not head and bool(yarnrc))


def _linker(project: Project, yarnrc: str) -> Literal["node-modules", "pnp"]:
    match = re.search(r"""^nodeLinker:\s*["']?([\w-]+)""", yarnrc, re.MULTILINE)
    if match:
        project.origins["manager.linker"] = ".yarnrc.yml"
        return "pnp" if match[1] == "pnp" else "node-modules"
    pnp = (project.base / ".pnp.cjs").is_file()
    project.origins["manager.linker"] = ".pnp.cjs" if pnp else "default"
    return "pnp"


def _version(project: Project, manager: ManagerName, name: str, lockfile: str, declared: str) -> str:
    """The exact version: as declared, as the release in the repository, as volta or mise say, as the lockfile needs."""
    if declared:
        project.origins["manager.version"] = project.origins["manager"]
        return declared
    for origin, version in _stated(project, manager, name):
        if found := _exact(version):
            project.origins["manager.version"] = origin
            return found
    head = project.files.text(project.base / lockfile, head=4096) if lockfile.endswith((".yaml", ".lock")) else None
    for reader, pattern, version in _BY_LOCKFILE:
        if reader == manager and pattern.search(head or ""):
            project.origins["manager.version"] = lockfile
            return version
    return ""


def _stated(project: Project, manager: ManagerName, name: str) -> Iterator[tuple[str, str]]:
    rc = {"berry": ".yarnrc.yml", "yarn": ".yarnrc"}.get(manager, "")
    if rc and (match := _release(project, rc)):
        yield rc, match[1]
    for package in project.packages:
        yield "package.json (volta)", package.texts("volta").get(name, "")
    for origin, tools in tool_versions(project):
        yield origin, tools.get(name, "")
    for package in project.packages:
        yield "package.json (engines)", package.texts("engines").get(name, "")
    if name == "bun":
        origin, text = project.nearest(".bun-version")
        yield origin, (text or "").strip()


def _release(project: Project, rc: str) -> re.Match[str] | None:
    text = project.files.text(project.base / rc) or ""
    return re.search(r"^yarn-?[pP]ath:?\s+[\"']?(?:\./)?\.yarn/releases/yarn-(\d[\w.-]*?)\.c?js", text, re.MULTILINE)


def _files(project: Project, manager: ManagerName, lockfile: str) -> tuple[str, ...]:
    """What the install reads, relative to the context's root, without files that hold a token."""
    wanted = ["package.json", lockfile, *_RC_FILES[manager]]
    rc = {"berry": ".yarnrc.yml", "yarn": ".yarnrc"}.get(manager, "")
    if rc and _release(project, rc):
        wanted.append(".yarn/releases")
    for package in project.packages:
        folder = project.root if package is project.package else project.base
        prefix = "" if folder == project.base else f"{folder.resolve().relative_to(project.base.resolve()).as_posix()}/"
        wanted += [prefix + name for name in _for_scripts(package, folder)]
    patched = {**table(table(project.base_package.data.get("pnpm")).get("patchedDependencies"))}
    patched |= table(project.base_package.data.get("patchedDependencies"))  # bun
    if patched or manager == "pnpm":
        wanted.append("patches")
    wanted += [str(path).removeprefix("./") for path in patched.values() if not str(path).startswith("patches/")]
    there = (name for name in dict.fromkeys(wanted) if name and is_plain_path(name) and (project.base / name).exists())
    return tuple(name for name in there if not holds_token(project.files, project.base / name))


def _for_scripts(package: Package, folder: Path) -> list[str]:
    """What scripts read that run during the install, when the rest of the application is not in the image yet."""
    scripts = " && ".join(package.scripts.get(name, "") for name in _INSTALL_SCRIPTS).strip("& ")
    wanted = []
    if "patch-package" in scripts:
        wanted.append("patches")
    # @prisma/client generates itself when it is installed and finds a schema.
    if "prisma" in scripts or package.has("@prisma/client"):
        wanted += ["prisma", "prisma.config.ts", "prisma.config.mjs", "prisma.config.js"]
        schema = table(package.data.get("prisma")).get("schema")
        wanted += [schema.removeprefix("./")] if isinstance(schema, str) else []
    wanted += _SCRIPT.findall(scripts)
    programs = {part.split()[0] for part in re.split(r"[&|;]+", scripts) if part.split()}
    if programs - _SELF_SUFFICIENT:  # `nuxt prepare`, `svelte-kit sync` and the like read the configuration
        names = sorted(path.name for path in folder.glob("*.config.*") if path.suffix in _CODE)[:20]
        wanted += [*names, "tsconfig.json"]
    return wanted


_CODE: Final = frozenset({".js", ".mjs", ".cjs", ".ts", ".mts", ".cts"})
