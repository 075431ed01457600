"""What was found out about the application by reading its files, and what is rendered for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

__all__ = [
    "DockerfileFacts",
    "ManagerName",
    "NodeApp",
    "Note",
    "PackageManager",
    "Place",
    "PublicVariable",
    "RegistryAccess",
    "RenderedFile",
    "Serving",
    "Start",
    "SystemNeed",
    "Workspace",
]

ManagerName = Literal["npm", "yarn", "berry", "pnpm", "bun"]
"""`yarn` is Yarn 1, `berry` everything after it."""

Serving = Literal["next-standalone", "next", "command", "static", "own"]
"""How the image serves: Next's standalone server, `next start`, a command of the application's, a small static
file server on built files, or whatever the application's own Dockerfile says (the only one without Node)."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something that the person should know about their application.

    Attributes:
        text: what is so and where it was read, one sentence.
        hint: what to do about it; empty when nothing needs to be done.
        warning: it will trip the pipeline or the running image unless something is done.
    """

    text: str
    hint: str = ""
    warning: bool = False

    @property
    def lines(self) -> tuple[str, ...]:
        """The note as it is shown: one line or two, a warning marked."""
        first = f"{'! warning: ' if self.warning else '- '}{self.text}"
        return (first, f"    {self.hint}") if self.hint else (first,)


@dataclass(frozen=True, slots=True)
class PackageManager:
    """What installs the packages.

    Attributes:
        name: which one.
        version: exact, such as `9.15.4`, when the application states it; else empty.
        lockfile: its name in the context root, or empty: the install cannot be repeated then.
        linker: for berry, `node-modules` or `pnp`; else `node-modules`.
        files: what the install reads besides the members' package.json files, relative to the context root, files
            and folders: package.json, the lockfile, .npmrc, .yarnrc.yml, .yarn/releases, patches, prisma ...
            Never a file with a secret in it.
    """

    name: ManagerName
    version: str = ""
    lockfile: str = ""
    linker: Literal["node-modules", "pnp"] = "node-modules"
    files: tuple[str, ...] = ("package.json",)


@dataclass(frozen=True, slots=True)
class Workspace:
    """The monorepo that the application is a part of.

    Attributes:
        up: from the application's folder to the root, such as `../..`.
        app: from the root to the application's folder, such as `apps/web`; `/` between names.
        package: the application's package name, to filter by.
        manifests: the package.json of every member, the root's not among them, relative to the root.
        tool: `turborepo`, `nx` or empty.
    """

    up: str
    app: str
    package: str
    manifests: tuple[str, ...] = ()
    tool: Literal["", "turborepo", "nx"] = ""


@dataclass(frozen=True, slots=True)
class Start:
    """How the application is started in the image.

    Attributes:
        command: one simple POSIX shell command without operators, to stand behind `exec`. It runs in the
            application's folder, with `node_modules/.bin` of application and root on PATH, and may use
            `"$PORT"` and `"$HOSTNAME"`. Such as `node dist/main.js`.
        environment: further variables that it needs, by name; a value may be `$HOSTNAME` or `$PORT`.
        keeps_dev: its program comes from a devDependency, so these stay in the image.
        handles_sigterm: the server itself ends on SIGTERM as process 1; if not, an init process stands before it.
        runtime: the program that runs it.
    """

    command: str
    environment: Mapping[str, str] = field(default_factory=dict)
    keeps_dev: bool = False
    handles_sigterm: bool = False
    runtime: Literal["node", "bun"] = "node"


@dataclass(frozen=True, slots=True)
class PublicVariable:
    """A variable that a build bakes into what browsers get, so that everybody can read it.

    Attributes:
        name: such as `NEXT_PUBLIC_API_URL`.
        where: the first place that uses it, `path:line` or `path`.
        value: what an env file of the application gives it; empty when none does, and when the name looks like that of
            a secret.
    """

    name: str
    where: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class SystemNeed:
    """What a package needs of the operating system.

    Attributes:
        package: the npm package.
        why: a few words for the Dockerfile's comment.
        build: Debian packages needed while it is installed or built.
        run: Debian packages needed by the running image.
    """

    package: str
    why: str
    build: tuple[str, ...] = ()
    run: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RegistryAccess:
    """What a private npm registry wants of an install; values are never read here.

    Attributes:
        variables: environment variables that .npmrc or .yarnrc.yml refers to for a token, such as NPM_TOKEN.
        npmrc: whose .npmrc holds a token in plain text and goes in as a build secret: the `project`'s, the
            `user`'s, or nobody's.
        token_files: files of the application, relative to the context root, that hold a token in plain text; they
            must not reach the context.
    """

    variables: tuple[str, ...] = ()
    npmrc: Literal["", "project", "user"] = ""
    token_files: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.variables or self.npmrc)


@dataclass(frozen=True, slots=True)
class DockerfileFacts:
    """What an existing Dockerfile says; its last stage counts.

    Attributes:
        path: relative to the application's folder.
        ours: ecrwiz rendered it.
        expose: ports of EXPOSE that are numbers.
        healthcheck: there is a HEALTHCHECK.
        user: the USER, or empty for root.
        names_port: PORT is named anywhere in it.
        build_args: names of its ARGs.
    """

    path: str
    ours: bool
    expose: tuple[int, ...] = ()
    healthcheck: bool = False
    user: str = ""
    names_port: bool = False
    build_args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeApp:
    """An application as `services.node_app.detect` read it; no code of it was run.

    Attributes:
        name: package.json's `name`, or the folder's.
        framework: a key of `services.node_app.frameworks.FRAMEWORKS`, such as `next`, `nestjs`, `vite` or `node`.
        serving: how the image serves it.
        manager: what installs its packages.
        node_major: the major version of Node for the image.
        build: the shell command that builds it, to be run in the application's folder with `node_modules/.bin`
            on PATH and without a package manager's name where a script can be run by it (`npm run build` is
            written `run build`: the template puts the manager before it); empty when nothing is built. It may have
            several parts with ` && ` between them; `build_command` puts the manager before each `run`.
        start: how it is started; None when `serving` is `static` or `own`.
        output: for `static` the folder to serve; for a self-contained build the folder that alone is needed at run
            time (Nuxt's `.output`); else empty. Relative to the application's folder.
        self_contained: `output` needs no node_modules beside it.
        single_page: a static site whose unknown paths get index.html.
        base_path: the path below which the build expects to be served, such as `/shop`: plain, with a leading and
            without a trailing slash; empty at the top. A static site is copied to a folder of that name, and a server
            (Next's `basePath`) answers there by itself.
        config_file: the framework's configuration file, or empty.
        dist_dir: Next's build folder, `.next` unless the configuration says otherwise.
        has_public: there is a `public/` folder.
        built_on_host: a finished build and node_modules are there, which strategy `article` copies.
        port: the port the application uses when nothing says otherwise.
        port_is_fixed: the code listens on `port` whatever PORT says.
        public_variables: what its build bakes in.
        system: what its packages need of the operating system.
        registry: what a private registry wants.
        workspace: the monorepo around it, or None.
        dockerfile: its Dockerfile, or None.
        origins: for each of the above, by attribute name, the file it was read from, or `default`.
        notes: what the person should know.
    """

    name: str
    framework: str
    serving: Serving
    manager: PackageManager = PackageManager("npm")  # frozen
    node_major: int = 24
    build: str = ""
    start: Start | None = None
    output: str = ""
    self_contained: bool = False
    single_page: bool = False
    base_path: str = ""
    config_file: str = ""
    dist_dir: str = ".next"
    has_public: bool = False
    built_on_host: bool = False
    port: int = 3000
    port_is_fixed: bool = False
    public_variables: tuple[PublicVariable, ...] = ()
    system: tuple[SystemNeed, ...] = ()
    registry: RegistryAccess = RegistryAccess()  # frozen
    workspace: Workspace | None = None
    dockerfile: DockerfileFacts | None = None
    origins: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()

    @property
    def up(self) -> str:
        """From the application's folder to the build context, such as `../..`; `.` when they are the same."""
        return self.workspace.up if self.workspace else "."

    def build_command(self, manager: str) -> str:
        """`build` as a shell runs it, the manager's command before each part that begins with `run `."""
        parts = self.build.split(" && ") if self.build else []
        return " && ".join(f"{manager} {part}" if part.startswith("run ") else part for part in parts)

    def in_context(self, path: str) -> str:
        """A path relative to the application's folder as one relative to the build context, without `./`."""
        return (PurePosixPath(self.workspace.app if self.workspace else "") / path).as_posix()


@dataclass(frozen=True, slots=True)
class Place:
    """Where the application's folder lies in the Git work tree that holds it.

    Attributes:
        up: from the application's folder to the top of the work tree, such as `../..`.
        app: from there to the application's folder, such as `apps/web`. Both are `.` when they are the same.
    """

    up: str = "."
    app: str = "."


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """A file as a template gives it.

    Attributes:
        path: relative to the application's folder, with `/`; begins with `../` when it belongs to the repository
            around it.
        text: its content, LF line ends, one newline at the end.
        executable: it is to be run.
    """

    path: str
    text: str
    executable: bool = False
