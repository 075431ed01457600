"""Puts together what each reader finds of an application."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

from ecrwiz.model.app import DockerfileFacts, NodeApp, PackageManager, Start, Workspace
from ecrwiz.model.errors import BadInputError
from ecrwiz.model.validation import suggest_name
from ecrwiz.services.node_app import workspaces
from ecrwiz.services.node_app.bases import read_base_path
from ecrwiz.services.node_app.builds import build_command
from ecrwiz.services.node_app.dockerfiles import dockerfile_notes, read_dockerfile
from ecrwiz.services.node_app.frameworks import recognise
from ecrwiz.services.node_app.javascript import Config
from ecrwiz.services.node_app.managers import package_manager
from ecrwiz.services.node_app.nx import nx_projects
from ecrwiz.services.node_app.plans import Plan
from ecrwiz.services.node_app.ports import find_port
from ecrwiz.services.node_app.public import public_variables
from ecrwiz.services.node_app.reading import Files, Project
from ecrwiz.services.node_app.registries import registry_access
from ecrwiz.services.node_app.scripts import port_in
from ecrwiz.services.node_app.sources import Sources, read_sources
from ecrwiz.services.node_app.starts import script_command
from ecrwiz.services.node_app.system import system_needs
from ecrwiz.services.node_app.versions import node_major, ranges

__all__ = ["DEFAULT_PORT", "detect", "suggest"]

DEFAULT_PORT: Final = 3000
_FOLDER: Final = "the folder's name"


def detect(root: Path) -> NodeApp:
    """Read the application in a folder.

    Args:
        root: the application's folder; in a monorepo not its root but the folder of the application.

    Raises:
        BadInputError: there is neither a package.json nor a Dockerfile, a file cannot be read, or the folder is
            the root of a workspace whose applications lie below it.
    """
    root = Path(os.path.realpath(root))
    files = Files(root)
    dockerfile = read_dockerfile(files, root)
    package = workspaces.manifest(files, root)
    if package is None:
        if dockerfile is None:
            raise _no_application(root)
        return _own(files, root, dockerfile)
    around = workspaces.surrounding(root)
    if around is None:
        project = Project(root, root, files, package, package)
        if (found := _at_workspace_root(project, dockerfile)) is not None:
            return found
        return _application(project, dockerfile, None, [], ("", ""))
    base, base_package, members, origin = around
    project = Project(root, base, Files(base), package, base_package)
    project.origins["workspace"] = f"{origin} of the workspace"
    tool = workspaces.tool_of(project.files, base, base_package)
    workspace = workspaces.describe(root, base, package, members, tool[0])
    return _application(project, dockerfile, workspace, members.used_by(package), tool)


def _no_application(root: Path) -> BadInputError:
    below = sorted(
        path.parent.relative_to(root).as_posix()
        for pattern in ("*/package.json", "*/*/package.json")
        for path in islice(root.glob(pattern), 50)
        if "node_modules" not in path.parts
    )
    where = [path for path in below if path.isprintable() and not path.startswith(".")][:5]
    if where:
        hint = f"One lies in {', '.join(where)}: cd {where[0]}"
    elif (root / "project.json").is_file():
        hint = "ecrwiz does not read project.json: give this Nx project a package.json, or a Dockerfile of your own."
    else:
        hint = "Change to the application's folder, or name it with -C DIR."
    return BadInputError(
        f"There is neither a package.json nor a Dockerfile in {root}, so it is no application's folder.", hint
    )


def _own(files: Files, root: Path, dockerfile: DockerfileFacts) -> NodeApp:
    """An application of which the Dockerfile is all that is known, in any language."""
    port = dockerfile.expose[0] if dockerfile.expose else DEFAULT_PORT
    origin = "Dockerfile"
    return NodeApp(
        name=root.name or "app",
        framework="own",
        serving="own",
        manager=PackageManager("npm", files=()),
        port=port,
        # Without PORT in it the container listens where EXPOSE says.
        port_is_fixed=bool(dockerfile.expose) and not dockerfile.names_port,
        dockerfile=dockerfile,
        origins={
            "name": _FOLDER,
            "framework": origin,
            "serving": origin,
            "port": origin if dockerfile.expose else "default",
            "dockerfile": origin,
        },
        notes=tuple(dockerfile_notes(files, root, dockerfile)),
    )


def _at_workspace_root(project: Project, dockerfile: DockerfileFacts | None) -> NodeApp | None:
    """What to make of a folder that may be a workspace's root; None when it holds an application of its own.

    Raises:
        BadInputError: its applications lie below it.
    """
    _, patterns = workspaces.globs(project.files, project.root, project.package)
    members = workspaces.Members(project.files, project.root, patterns)
    of_nx = [] if members.paths else nx_projects(project.root)
    if not members.paths and not of_nx:
        return None
    framework = recognise(project)
    command = script_command(project)
    runs_others = command is None or bool(command.shell) or command.program in _RUNNERS
    # In such a root of Nx stand the packages of all projects, so they say nothing about the root.
    known = framework.id != "node" and not of_nx
    if known or not runs_others or isinstance(project.package.data.get("main"), str):
        return None
    if dockerfile is not None and not dockerfile.ours:
        return _own(project.files, project.root, dockerfile)
    if of_nx:
        raise BadInputError(
            f"{project.root} is the root of an Nx workspace whose projects have no package.json of their own, which "
            f"ecrwiz does not read: {', '.join(of_nx[:8])}.",
            f"Give the project a package.json and list it under workspaces, or write a Dockerfile in {of_nx[0]}.",
        )
    apps = [member.path for member in members.by_name().values() if _looks_like_an_app(project, member)]
    shown = ", ".join(path for path in sorted(apps)[:8] if path.isprintable()) or ", ".join(members.paths[:8])
    first = min(apps) if apps else members.paths[0]
    raise BadInputError(
        f"{project.root} is the root of a workspace, and its applications lie below it: {shown}.",
        f"Go into one: cd {first}",
    )


_RUNNERS: Final = frozenset(
    ["turbo", "nx", "lerna", "npm", "yarn", "pnpm", "bun", "concurrently", "npm-run-all", "run-p", "run-s", "moon"]
)


def _looks_like_an_app(project: Project, member: workspaces.Member) -> bool:
    inner = Project(project.root / member.path, project.root, project.files, member.package, project.package)
    framework = recognise(inner)
    return framework.id != "node" or "start" in member.package.scripts


def _application(
    project: Project,
    dockerfile: DockerfileFacts | None,
    workspace: Workspace | None,
    used: list[workspaces.Member],
    tool: tuple[str, str],
) -> NodeApp:
    root, name = project.root, project.package.name
    project.origins["name"] = "package.json" if name else _FOLDER
    manager = package_manager(project)
    registry = registry_access(project)
    said_before = len(project.notes)
    major = node_major(project)
    system = system_needs(project, [project.package, *(member.package for member in used)])
    framework, plan, base_path = _planned(project, manager)
    build = build_command(project, plan, *tool, used, major)
    if own := dockerfile is not None and not dockerfile.ours:
        # All of these say what a rendered Dockerfile would do, which is untrue for the person's own.
        del project.notes[said_before:]
    sources = read_sources(root, [os.path.relpath(project.base / member.path, root) for member in used])
    port, fixed, start = _port(project, plan, sources, own=own)
    variables = public_variables(project, sources)
    _finish(project, plan, dockerfile)
    return NodeApp(
        name=name or root.name or "app",
        framework=framework,
        serving=plan.serving,
        manager=manager,
        node_major=major,
        build=build,
        start=start,
        output=plan.output,
        self_contained=plan.self_contained,
        single_page=plan.single_page,
        base_path=base_path,
        config_file=plan.config_file,
        dist_dir=plan.dist_dir,
        has_public=(root / "public").is_dir(),
        # `next dev` makes a build folder as well; only a finished `next build` leaves a BUILD_ID.
        built_on_host=(root / plan.dist_dir / "BUILD_ID").is_file() and (root / "node_modules").is_dir(),
        port=port,
        port_is_fixed=fixed,
        public_variables=variables,
        system=system,
        registry=registry,
        workspace=workspace,
        dockerfile=dockerfile,
        origins=dict(project.origins),
        notes=tuple(project.notes),
    )


def _planned(project: Project, manager: PackageManager) -> tuple[str, Plan, str]:
    """The framework's key, how it is built and served, and the path below which it is."""
    framework = recognise(project)
    plan = framework.plan(project)
    project.origins.setdefault("serving", plan.config_file or project.origins["framework"])
    _note_turbopack(project, framework.id, manager)
    return framework.id, plan, read_base_path(project, framework.id, plan)


def _note_turbopack(project: Project, framework: str, manager: PackageManager) -> None:
    """Turbopack, which Next builds with from 16 on, does not know Yarn's Plug'n'Play."""
    if framework != "next" or manager.linker != "pnp":
        return
    script, asked = project.package.scripts.get("build", ""), ranges(project.package.wanted("next"))
    new = bool(asked) and asked[-1][0] >= (16, 0, 0)
    if "--turbo" in script or (new and "--webpack" not in script):
        project.note(
            "Next builds with Turbopack here, and Turbopack cannot find packages installed by Yarn's Plug'n'Play.",
            "Write `nodeLinker: node-modules` into .yarnrc.yml and run `yarn install`, or build with "
            "`next build --webpack`.",
            warning=True,
        )


def _finish(project: Project, plan: Plan, dockerfile: DockerfileFacts | None) -> None:
    """The last notes, and no origin for what is empty."""
    _note_local_packages(project)
    if dockerfile is not None:
        project.origins["dockerfile"] = dockerfile.path
        if not dockerfile.ours:
            project.notes += dockerfile_notes(project.files, project.root, dockerfile)
    for name, value in (("output", plan.output), ("config_file", plan.config_file)):
        if not value:
            project.origins.pop(name, None)


def _port(project: Project, plan: Plan, sources: Sources, *, own: bool) -> tuple[int, bool, Start | None]:
    """The port, whether it is fixed, and the start with the variable that the code reads the port from."""
    start, origins = plan.start, project.origins
    said = find_port(project, sources, start.command if start else "")
    scripted = None
    command = script_command(project)
    if command is not None:
        scripted = port_in(command)
    # Frameworks with a server of their own read PORT; what the sources say is about something else.
    serves_itself = plan.serving != "command" or plan.self_contained
    if said.variable and said.variable != "PORT" and start is not None and not serves_itself:
        start = replace(start, environment={**start.environment, said.variable: "$PORT"})
        by = "your Dockerfile must set it" if own else "start.sh sets it to PORT"
        project.note(f"{said.where} reads the port from {said.variable}; {by}.")
    if scripted:
        origins["port"] = f'package.json (scripts["{command.script if command else "start"}"])'
        return scripted, False, start
    if said.fixed and not serves_itself:
        origins["port"] = origins["port_is_fixed"] = said.where
        project.note(
            f"{said.where} listens on {said.port} whatever PORT says, so the image works on that port only.",
            f"Write process.env.PORT || {said.port} there.",
            warning=True,
        )
        return said.port, True, start
    if said.port and not serves_itself:
        origins["port"] = said.where
        return said.port, False, start
    if plan.config_file and project.package.has("vite", "nuxt", "astro", "@sveltejs/kit"):
        settings = Config(project.files.text(project.root / plan.config_file) or "")
        if found := settings.number("port"):
            origins["port"] = plan.config_file
            return found, False, start
    origins["port"] = "default"
    return plan.port or DEFAULT_PORT, False, start


def _note_local_packages(project: Project) -> None:
    for kind in (project.package.dependencies, project.package.dev):
        for name, wanted in kind.items():
            if isinstance(wanted, str) and wanted.startswith(("file:", "link:", "portal:")) and name.isprintable():
                target = os.path.realpath(project.root / wanted.partition(":")[2].replace("\0", ""))
                if os.path.commonpath([target, os.fspath(project.base)]) != os.fspath(project.base):
                    project.note(
                        f"{name[:80]} is taken from {wanted[:80]}, outside of what a build gets to see.",
                        "Make both members of one workspace, or publish the package.",
                        warning=True,
                    )


def suggest(root: Path, app: NodeApp) -> dict[str, tuple[str, str]]:
    """Answers that the application's files suggest.

    Args:
        root: the application's folder.
        app: what `detect` read in it.

    Returns:
        A map of answer to (raw value, where it came from).
    """
    scopeless = app.name.rsplit("/", 1)[-1]
    source = app.origins.get("name", "package.json")
    if suggest_name(scopeless) == suggest_name(""):  # nothing of the name can be used
        scopeless, source = root.resolve().name, _FOLDER
    kind = {"next": "nextjs", "own": "app"}.get(app.framework, "node")
    found = {
        "project_id": (suggest_name(scopeless), source),
        "app": (kind, app.origins.get("framework", "package.json")),
        "port": (str(app.port), app.origins.get("port", "default")),
    }
    dockerfile = app.dockerfile
    own = dockerfile is not None and not dockerfile.ours
    # Whether the person's own Dockerfile serves a site's files below the path, nothing says.
    if app.base_path and not (own and app.serving == "static"):
        # Next sends a request with a slash at its end on to the path without it.
        slash = "" if app.framework == "next" and app.serving != "static" else "/"
        found["health_path"] = (app.base_path + slash, app.origins.get("base_path", "default"))
    if dockerfile is not None and not dockerfile.ours:
        found["strategy"] = ("own", dockerfile.path)
        if dockerfile.expose:
            found["port"] = (str(dockerfile.expose[0]), dockerfile.path)
    for variable in app.public_variables:
        if variable.value:
            found[f"build_args.{variable.name}"] = (variable.value, "the application's env file")
    return found
