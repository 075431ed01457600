"""Writes docs/detection.md from the tables that detection itself reads.

Run: python docs/detection.py
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ecrwiz.services.node_app.bases import BASES, Base
from ecrwiz.services.node_app.frameworks import FRAMEWORKS, Framework
from ecrwiz.services.node_app.managers import LOCKFILES
from ecrwiz.services.node_app.public import PREFIXES
from ecrwiz.services.node_app.sources import MOST_FILES
from ecrwiz.services.node_app.system import NEEDS, Need
from ecrwiz.services.node_app.versions import DEFAULT_MAJOR, RELEASES, Release

TARGET = Path(__file__).with_suffix(".md")

INTRODUCTION = """\
# What is detected, and what is rendered for it

<!-- Written by docs/detection.py from the tables in ecrwiz/services/node_app; do not edit it by hand. -->

`ecrwiz detect` reads an application's files and says for each value where it was read. Nothing of the application is
run, node_modules is never looked into, links that lead out of the project are refused, and no value of an env file is
read but those of public variables.
"""

FRAMEWORKS_TEXT = """\
## Frameworks

The first row whose package stands in package.json decides. Rows that are served as files give way to a start script
that runs a program file, such as `node server.js`: the server then serves them. Server rows count only among the
`dependencies`. The script `build` of package.json builds the application; the command in the table is used when there
is no such script.
"""

START = """\
## How it starts

`start:prod`, `start:production`, then `start` of the scripts; then `main`; then `index`, `server`, `app` or `main`
with `.js`, `.mjs`, `.cjs` or `.ts`, in the folder itself or in `src/`. There is no package manager in the image, so a
script is read down to one command:

| in the script | in the image |
|---|---|
| `npm run x`, `yarn x`, `pnpm x`, `bun run x`, `node --run x` | what the script `x` runs |
| `npx x`, `cross-env A=1 x`, `dotenv -- x`, `A=1 x` | `x`, with `A=1` in its environment |
| `a && b` | `b`; what `a` does is named, with a warning unless it is a build |
| `-p 4000`, `--port=4000` | `-p "$PORT"`, and 4000 becomes the answer `port` |
| `--host localhost` | `--host "$HOSTNAME"`, which start.sh sets to all addresses |
| `nodemon x`, `tsx watch x`, `node --watch x` | the same without watching |
| `pm2 start x` | `pm2-runtime start x`, which keeps its files in `/tmp/.pm2` |
| `node --env-file=.env x` | `node x`, with a note: no env file is in the image |
| a pipe, `;`, `\\|\\|`, `$(...)`, a pattern such as `*` | `sh -c '...'`, and signals go to both |

When the program comes from a devDependency (`tsx`, `ts-node`), the devDependencies stay in the image.
"""

BASES_TEXT = """\
## A path below the domain

A site that is built for `/shop/` asks for its files there, so they are copied to a folder of that name and the image is
asked for `/shop/` when it is tried (the answer `health_path`). Next, Astro and SvelteKit with a server answer there by
themselves. The setting counts when it is a plain string; anything else is a warning. A whole address (a CDN's) changes
nothing, but for `homepage`, of which the path counts.
"""

WORKSPACES = """\
## Workspaces

Run ecrwiz in the application's folder. Its workspace is looked for in the folders above, up to the top of the Git work
tree: `workspaces` in package.json, or `packages` in pnpm-workspace.yaml. The workspace's root becomes the build
context, and the lockfile, `.npmrc` and version files are read there. In the root itself ecrwiz names the folders that
look like applications.

Of Nx, projects with a package.json of their own are read. A project that only a project.json describes is not: give it
a package.json, or a Dockerfile of its own (strategy `own`).

| in the workspace | built by |
|---|---|
| turbo is installed, turbo.json has a task `build` | `turbo run build --filter=PACKAGE` |
| nx is installed, nx.json is there | `nx build PACKAGE` |
| otherwise | the script `build` of each package of the workspace that the application uses, then its own |
"""

CODE = f"""\
## The port

From the start script; then from the sources: `listen(process.env.PORT || 4000)` gives 4000. A port from another
variable (`process.env.APP_PORT`) makes start.sh set that variable. `listen(4000)` without PORT anywhere is a warning
with file and line: the image then works on that port only. So is an address such as `localhost`, which nothing outside
the container reaches. Sources are read up to {MOST_FILES} files, `src`, `app`, `pages`, `server` and `lib` first.
"""

DOCKERFILE = """\
## A Dockerfile that is already there

Unless its first lines say that ecrwiz rendered it, the strategy `own` is suggested, in any language and without a
package.json too. EXPOSE, HEALTHCHECK, USER and ARG are read, of the last stage and of what it is built on, and warnings
name what would trip: no EXPOSE and no PORT, env files or host builds that are copied, secrets in ARG or ENV, an SSH
mount, a Node that gets no more fixes.
"""

MANAGERS_TEXT = """\
## Package managers

The field `packageManager` of package.json decides (then `devEngines`), then the lockfile, then `engines`. With several
lockfiles and no such field the order below counts: a stray `npm install` leaves a package-lock.json beside the lockfile
that is used. Without a lockfile the install is a plain one, and a warning says what that loses. The exact version comes
from `packageManager`, a Yarn release in the repository, volta, mise, asdf or `engines`; an older format of a pnpm or
Yarn lockfile asks for the last release that reads it.

A token in `.npmrc`, `.yarnrc.yml` or `bunfig.toml` that is written as a variable (`${NPM_TOKEN}`) becomes a build
secret of that name. An `.npmrc` with a token in plain text goes into the build as a secret as a whole and never into
the image.
"""

NODE_TEXT = f"""\
## Node

`.nvmrc`, `.node-version`, `volta`, `mise.toml`, `.tool-versions`, then `engines.node`: the first that says anything
decides. Node {DEFAULT_MAJOR} is taken when that allows it, else the newest that it allows. The image is
`node:MAJOR-slim`.
"""

PUBLIC_TEXT = """\
## Public variables

A build bakes these into what browsers get. Their names are taken from the sources and from `.env.example`, `.env` and
`.env.production`, their values from the last two. Each becomes a build argument and an answer `build_args.NAME`;
everybody who opens the page can read it. A name with SECRET, PASSWORD, PRIVATE, TOKEN, CREDENTIAL or ACCESS_KEY in it
is a warning, and its value is not taken from the files: rename it, or give the value by hand.
"""

SYSTEM_TEXT = """\
## System packages

The base is Debian (glibc), which the binaries inside npm packages are tested on. Packages from Git repositories add
`git` to the build.
"""

MANAGERS = (
    ("npm", "npm", "`package-lock.json`, `npm-shrinkwrap.json`"),
    ("yarn", "Yarn 1", "`yarn.lock`"),
    ("yarn", "Yarn 2 and later, node_modules or Plug'n'Play", "`yarn.lock` with `__metadata`"),
    ("pnpm", "pnpm", "`pnpm-lock.yaml`"),
    ("bun", "Bun", "`bun.lock`, `bun.lockb`"),
)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _framework(row: Framework) -> Iterator[tuple[str, ...]]:
    packages = ", ".join(f"`{name}`" for name in row.packages) if row.packages else "anything else"
    build = f"`{row.build}`" if row.build else "-"
    for number, case in enumerate(row.cases):
        first = number == 0
        when = f"folder {case.when}" if row.kind == "files" and case.when else case.when
        yield (
            row.title if first else "",
            packages if first else "",
            build if first else "",
            when,
            case.starts,
            case.image,
        )


def _managers() -> str:
    rows = ((title, locks, f"{list(LOCKFILES).index(key) + 1}.") for key, title, locks in MANAGERS)
    return MANAGERS_TEXT + "\n" + table(("manager", "lockfile", "among several lockfiles"), rows)


def _node() -> str:
    rows = ((str(row.major), row.end, _use(row)) for row in sorted(RELEASES, key=lambda row: -row.major))
    return NODE_TEXT + "\n" + table(("major", "fixes until", "used"), rows)


def _bases() -> str:
    titles = {row.id: row.title for row in FRAMEWORKS}
    rows = ((titles[id], *_base(id, base)) for id, base in BASES.items())  # noqa: A001
    return BASES_TEXT + "\n" + table(("framework", "setting", "in the build script"), rows)


def _base(id: str, base: Base) -> tuple[str, str]:  # noqa: A002
    elsewhere = {
        "create-react-app": "`homepage` in package.json",
        "angular": "`baseHref` in angular.json, `<base href>` in src/index.html",
    }
    setting = f"`{base.key}`" + (f" in {base.stem}.config.*" if base.stem else "") if base.key else "-"
    if base.only_with:
        setting += f", when the build has `{base.only_with}`"
    return elsewhere.get(id, setting), f"`{base.option}`" if base.option else "-"


def _use(row: Release) -> str:
    return "default" if row.major == DEFAULT_MAJOR else "yes" if row.supported else "with a warning"


def _public() -> str:
    rows = ((f"`{prefix.text}`", ", ".join(f"`{name}`" for name in prefix.packages)) for prefix in PREFIXES)
    return PUBLIC_TEXT + "\n" + table(("beginning", "when package.json has"), rows)


def _system() -> str:
    rows = ((_packages(need), need.why, " ".join(need.build) or "-", " ".join(need.run) or "-") for need in NEEDS)
    return SYSTEM_TEXT + "\n" + table(("npm package", "why", "for the build", "in the image"), rows)


def _packages(need: Need) -> str:
    return ", ".join(f"`{name}`" for name in need.packages) + (f" before {need.below}" if need.below else "")


def render() -> str:
    """The whole page."""
    head = ("framework", "recognised by", "built by", "when", "starts with", "the image holds")
    frameworks = (
        FRAMEWORKS_TEXT + "\n" + table(head, (row for framework in FRAMEWORKS for row in _framework(framework)))
    )
    built = [frameworks, _bases(), START, _managers(), _node(), WORKSPACES, CODE, _public(), _system()]
    return "\n".join([INTRODUCTION, *built, DOCKERFILE])


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
