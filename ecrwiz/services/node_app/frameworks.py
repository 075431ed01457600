"""The frameworks that are recognised, in the order in which they are looked for; docs/detection.md is made of this."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from ecrwiz.services.node_app import next_js, rendering, servers, sites
from ecrwiz.services.node_app.plans import Plan
from ecrwiz.services.node_app.reading import Project
from ecrwiz.services.node_app.starts import runs_a_server, script_command

__all__ = ["FRAMEWORKS", "Case", "Framework", "recognise"]

_FILES: Final = "a static file server on the built files"
_NODE: Final = "node_modules without devDependencies, and the application"


@dataclass(frozen=True, slots=True)
class Case:
    """One way in which a framework is served, in the words of the documentation.

    Attributes:
        when: what decides for it; empty when it is the only one.
        starts: the command in the image.
        image: what the image holds.
    """

    when: str
    starts: str
    image: str


@dataclass(frozen=True, slots=True)
class Framework:
    """A framework that is recognised.

    Attributes:
        id: `NodeApp.framework`.
        title: its name.
        packages: it is there when package.json depends on one of these.
        kind: `renders` decides alone; `files` gives way to a start script that runs a server; `serves` is a server.
        build: its own command, for a package.json without a script `build`.
        plan: reads how it is built and served.
        cases: the ways in which it is served.
    """

    id: str
    title: str
    packages: tuple[str, ...]
    kind: Literal["renders", "files", "serves"]
    build: str
    plan: Callable[[Project], Plan]
    cases: tuple[Case, ...]


def _site(id: str, title: str, package: str, build: str, plan: Callable[[Project], Plan], folder: str) -> Framework:  # noqa: A002
    return Framework(id, title, (package,), "files", build, plan, (Case(f"`{folder}`", "", _FILES),))


def _server(id: str, title: str, *packages: str) -> Framework:  # noqa: A002
    case = Case("", "`start:prod`, `start`, `main`, then `index.js`, `server.js` and the like", _NODE)
    return Framework(id, title, packages, "serves", "", servers.plain, (case,))


_OUTPUT: Final = Case("", "`node .output/server/index.mjs`", "`.output` alone")

FRAMEWORKS: Final = (
    Framework(
        "next",
        "Next.js",
        ("next",),
        "renders",
        "next build",
        next_js.plan,
        (
            Case("`output: 'standalone'`", "`node server.js`", "the standalone form, static files and `public/`"),
            Case("`output: 'export'`", "", _FILES),
            Case("the start script runs a file, such as `node server.js`", "that command", _NODE),
            Case("otherwise", "`next start`", "node_modules without devDependencies, the build and `public/`"),
            Case(
                "otherwise, with next.config.ts",
                "`next start`",
                "all of node_modules (Next reads the configuration at every start and may need typescript for it), "
                "the build and `public/`",
            ),
        ),
    ),
    Framework(
        "nuxt",
        "Nuxt",
        ("nuxt", "nuxt3", "nuxt-edge", "nuxt-nightly"),
        "renders",
        "nuxt build",
        rendering.nuxt,
        (
            Case("the build script runs `nuxt generate`", "", _FILES),
            Case("Nuxt 2", "`nuxt start`", _NODE),
            Case("otherwise", "`node .output/server/index.mjs`", "`.output` alone"),
        ),
    ),
    Framework(
        "sveltekit",
        "SvelteKit",
        ("@sveltejs/kit",),
        "renders",
        "vite build",
        rendering.sveltekit,
        (
            Case("`@sveltejs/adapter-static`", "", _FILES),
            Case("`@sveltejs/adapter-node` (another adapter gets a warning)", "`node build`", _NODE),
        ),
    ),
    Framework(
        "astro",
        "Astro",
        ("astro",),
        "renders",
        "astro build",
        rendering.astro,
        (
            Case("`@astrojs/node`, mode standalone", "`node dist/server/entry.mjs`", _NODE),
            Case("`@astrojs/node`, mode middleware", "the start script", _NODE),
            Case("no adapter", "", _FILES),
        ),
    ),
    Framework(
        "react-router",
        "React Router",
        ("@react-router/dev",),
        "renders",
        "react-router build",
        rendering.react_router,
        (
            Case("`ssr: false`", "", _FILES),
            Case("otherwise", "the start script, else `react-router-serve ./build/server/index.js`", _NODE),
        ),
    ),
    Framework(
        "remix",
        "Remix",
        ("@remix-run/dev",),
        "renders",
        "remix vite:build",
        rendering.remix,
        (
            Case("`ssr: false`", "", _FILES),
            Case("otherwise", "the start script, else `remix-serve ./build/server/index.js`", _NODE),
        ),
    ),
    Framework(
        "tanstack-start",
        "TanStack Start",
        ("@tanstack/react-start", "@tanstack/solid-start", "@tanstack/start"),
        "renders",
        "vite build",
        rendering.tanstack_start,
        (
            Case("Nitro's Vite plugin, or Vinxi", "`node .output/server/index.mjs`", "`.output` alone"),
            Case("otherwise", "the start script", _NODE),
        ),
    ),
    Framework(
        "solid-start", "SolidStart", ("@solidjs/start",), "renders", "vinxi build", rendering.solid_start, (_OUTPUT,)
    ),
    Framework(
        "angular",
        "Angular",
        ("@angular/core",),
        "renders",
        "ng build",
        rendering.angular,
        (
            Case("`ssr` in angular.json", "`node dist/NAME/server/server.mjs`", _NODE),
            Case("otherwise", "", _FILES),
        ),
    ),
    Framework(
        "adonisjs",
        "AdonisJS",
        ("@adonisjs/core",),
        "renders",
        "node ace build",
        servers.adonisjs,
        (Case("", "`node build/bin/server.js`", _NODE),),
    ),
    Framework(
        "nestjs",
        "NestJS",
        ("@nestjs/core",),
        "renders",
        "nest build",
        servers.nestjs,
        (Case("", "`start:prod`, else `node dist/main.js` as nest-cli.json and tsconfig.json lead to it", _NODE),),
    ),
    Framework(
        "strapi",
        "Strapi",
        ("@strapi/strapi",),
        "renders",
        "strapi build",
        servers.strapi,
        (Case("", "`strapi start`", _NODE),),
    ),
    Framework("nitro", "Nitro", ("nitropack", "nitro"), "files", "nitro build", rendering.nitro, (_OUTPUT,)),
    _site("gatsby", "Gatsby", "gatsby", "gatsby build", sites.gatsby, "public"),
    _site("docusaurus", "Docusaurus", "@docusaurus/core", "docusaurus build", sites.docusaurus, "build"),
    _site("vitepress", "VitePress", "vitepress", "vitepress build", sites.vitepress, ".vitepress/dist"),
    _site("eleventy", "Eleventy", "@11ty/eleventy", "eleventy", sites.eleventy, "_site"),
    _site("vue-cli", "Vue CLI", "@vue/cli-service", "vue-cli-service build", sites.vue_cli, "dist"),
    _site("quasar", "Quasar", "@quasar/app-vite", "quasar build", sites.quasar, "dist/spa"),
    _site(
        "create-react-app", "Create React App", "react-scripts", "react-scripts build", sites.create_react_app, "build"
    ),
    _site("vite", "Vite", "vite", "vite build", sites.vite, "dist"),
    _site("parcel", "Parcel", "parcel", "parcel build", sites.parcel, "dist"),
    _server("hono", "Hono", "hono"),
    _server("fastify", "Fastify", "fastify"),
    _server("koa", "Koa", "koa"),
    _server("hapi", "Hapi", "@hapi/hapi"),
    _server("express", "Express", "express"),
    _server("elysia", "Elysia", "elysia"),
    _server("node", "Node, no framework known"),
)


def recognise(project: Project) -> Framework:
    """The first framework that package.json depends on; the last of the table when there is none."""
    package = project.package
    command = script_command(project)
    for framework in FRAMEWORKS:
        if not package.has(*framework.packages):
            continue
        if framework.kind == "files" and runs_a_server(command):
            continue
        if framework.id == "vite" and not _builds_with_vite(project):
            continue  # it is there for the tests
        # A server that is only there for tests or tools does not serve the application.
        if framework.kind == "serves" and not package.runs(*framework.packages):
            continue
        project.origins["framework"] = "package.json"
        return framework
    project.origins["framework"] = "package.json"
    return FRAMEWORKS[-1]


def _builds_with_vite(project: Project) -> bool:
    scripts = " ".join(project.package.scripts.values())
    return "vite build" in scripts or (project.root / "index.html").is_file()
