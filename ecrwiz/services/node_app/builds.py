"""The command that builds an application, with the packages of its workspace that it uses."""

from __future__ import annotations

import os
import re
from typing import Final

from ecrwiz.services.node_app.plans import Plan
from ecrwiz.services.node_app.reading import Project, is_plain_path, table
from ecrwiz.services.node_app.versions import Version, ranges
from ecrwiz.services.node_app.workspaces import Member

__all__ = ["build_command"]

# Not the copying of migrations/ into the output.
_MIGRATES = re.compile(
    r"(?<![/\w-])(?:db:)?migrate\b(?!/)|\bmigrations?:(?:run|up|latest|deploy)\b|\bdb[: ]push\b|\bdrizzle-kit push\b"
)
# Packages whose builds hash with MD4, which OpenSSL 3 in Node 17 and later refuses; the first version without it.
_OLD_HASH: Final = (
    ("next", (12, 1, 0)),
    ("react-scripts", (5, 0, 0)),
    ("@vue/cli-service", (5, 0, 0)),
    ("gatsby", (3, 0, 0)),
    ("nuxt", (2, 16, 0)),
    ("webpack", (5, 61, 0)),
)


def build_command(project: Project, plan: Plan, tool: str, tool_file: str, used: list[Member], major: int) -> str:
    """The shell command that builds it, in the form that `NodeApp.build` describes; empty when nothing is built."""
    scripts = project.package.scripts
    script = scripts.get("build", "")
    own = "run build" if script else plan.build
    project.origins["build"] = "package.json" if script else project.origins.get("framework", "default")
    if not own:
        del project.origins["build"]
        return ""
    name = project.package.plain_name
    if script and tool == "turborepo" and name:
        project.origins["build"] = tool_file
        parts = [f"turbo run build --filter={name}"]
    elif script and tool == "nx" and name:
        project.origins["build"] = tool_file
        # The daemon would go on running inside the build.
        parts = [f"export NX_DAEMON=false && nx build {name}"]
    else:
        parts = [*_members_first(project, used), own]
    _note_migrations(project, used)
    if _wants_prisma(project, script):
        parts.insert(0, "prisma generate")
    if major >= 17 and "legacy-provider" not in script and (old := _hashes_the_old_way(project)):
        parts.insert(0, "export NODE_OPTIONS=--openssl-legacy-provider")
        project.note(
            f"{old} builds with a hash that Node {major} refuses by default; the build allows it "
            "(NODE_OPTIONS=--openssl-legacy-provider).",
            f"Update {old} when you can.",
        )
    return " && ".join(parts)


def _note_migrations(project: Project, used: list[Member]) -> None:
    """A build in an image has no database to change."""
    for package in (project.package, *(member.package for member in used)):
        for name in ("prebuild", "build", "postbuild"):
            found = [part.strip() for part in package.scripts.get(name, "").split("&&") if _MIGRATES.search(part)]
            if found:
                project.note(
                    f'The script "{name}" runs `{found[0][:120]}`, and an image is built without a database.',
                    "Take it out of the script, and run it as a step of its own before a deployment, such as a "
                    "one-off task.",
                    warning=True,
                )


def _members_first(project: Project, used: list[Member]) -> list[str]:
    """The builds of the workspace's packages that the application uses, and the way back."""
    parts: list[str] = []
    here = os.path.relpath(project.base, project.root)
    builds = [member for member in used if "build" in member.package.scripts]
    last = project.root
    for member in builds:
        folder = project.base / member.path
        relative = os.path.relpath(folder, last).replace(os.sep, "/")
        if not re.fullmatch(r"[\w.@+/-]+", relative, re.ASCII):
            project.note(
                f"The folder {here}/{member.path} has a sign in its name that no command can hold.", warning=True
            )
            continue
        parts += [f"cd {relative}", "run build"]
        last = folder
    if parts:
        parts.append(f"cd {os.path.relpath(project.root, last).replace(os.sep, '/')}")
        project.origins["build"] = "package.json of the workspace's packages"
    return parts


def _wants_prisma(project: Project, script: str) -> bool:
    """Whether nothing generates Prisma's client: neither the build nor the install."""
    if not project.package.has("prisma"):
        return False
    schema = table(project.package.data.get("prisma")).get("schema")
    there = [project.root / "prisma", project.root / "schema.prisma", project.root / "prisma.config.ts"]
    if isinstance(schema, str) and is_plain_path(schema.removeprefix("./")):
        there.append(project.root / schema)
    if not any(path.exists() for path in there):
        return False
    names = ("preinstall", "install", "postinstall", "prepare", "prebuild", "postbuild")
    scripts = " ".join([script, *(project.package.scripts.get(name, "") for name in names)])
    return "prisma generate" not in scripts and "prisma:generate" not in scripts and "db:generate" not in scripts


def _hashes_the_old_way(project: Project) -> str:
    for name, first in _OLD_HASH:
        found = ranges(project.package.wanted(name))
        top: Version = found[-1][1] if found else (0, 0, 0)
        # A version may only lie below the first good one when the range's end does; `^10.0.1` ends at 11.
        if found and top <= first:
            return f"{name} {project.package.wanted(name)[:20]}"
    return ""
