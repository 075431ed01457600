from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ecrwiz.services.node_app.frameworks import FRAMEWORKS
from tests.test_node_app import NEXT, app, lay_out, server, warnings


def deps(*names: str, **more: object) -> dict[str, Any]:
    return {"name": "x", "dependencies": dict.fromkeys(names, "1.0.0"), **more}


@pytest.mark.parametrize(
    "config",
    [
        "module.exports = { output: 'standalone' }",
        'export default { output: "standalone", images: {} }',
        "export default { output : `standalone` }",
        '{ "output": "standalone" }',
        "const c: NextConfig = { x: 'https://a.b//c', output: 'standalone' as const }",
        "nextConfig.output = 'standalone'",
        "{ // output: 'export'\n output: 'standalone' }",
    ],
)
def test_standalone_is_set(tmp_path: Path, config: str) -> None:
    found = app(tmp_path, **{"next.config.ts": config})
    assert found.serving == "next-standalone"
    assert found.start is not None
    assert (found.start.command, found.start.handles_sigterm) == ("node server.js", True)


@pytest.mark.parametrize(
    "config",
    [
        "module.exports = {}",
        "// output: 'standalone'",
        "/* output: 'standalone',\n */ module.exports = {}",
        "console.log(\"output: 'standalone'\")",
        "{ output: process.env.STANDALONE ? 'standalone' : undefined }",
        "{ output: standalone }",
        "{ outputMode: 'standalone' }",
        "if (output == 'standalone') {}",
    ],
)
def test_standalone_is_not_set(tmp_path: Path, config: str) -> None:
    assert app(tmp_path, **{"next.config.mjs": config}).serving == "next"


def test_the_configuration_that_next_itself_reads_first(tmp_path: Path) -> None:
    found = app(tmp_path, **{"next.config.mjs": "", "next.config.ts": "x = { output: 'standalone' }"})
    assert (found.config_file, found.serving) == ("next.config.mjs", "next")


def test_another_framework_has_no_next_configuration(tmp_path: Path) -> None:
    assert app(tmp_path, server(), **{"next.config.js": "a = { output: 'standalone' }"}).config_file == ""


@pytest.mark.parametrize(
    ("config", "scripts", "output"),
    [
        ("module.exports = { output: 'export' }", {}, "out"),
        ("module.exports = { output: 'export', distDir: 'site' }", {}, "site"),
        ("module.exports = { distDir: 'site' }", {"build": "next build && next export"}, "out"),
    ],
)
def test_next_as_files(tmp_path: Path, config: str, scripts: dict[str, str], output: str) -> None:
    found = app(tmp_path, {**NEXT, "scripts": scripts}, **{"next.config.js": config})
    assert (found.serving, found.output, found.start, found.single_page) == ("static", output, None, False)


@pytest.mark.parametrize(
    ("script", "serving", "command"),
    [
        ("next start", "next", 'next start -p "$PORT" -H "$HOSTNAME"'),
        ("next start -p 80 -H localhost", "next", 'next start -p "$PORT" -H "$HOSTNAME"'),
        (
            "next start --port=80 --keepAliveTimeout 70000",
            "next",
            'next start --keepAliveTimeout 70000 -p "$PORT" -H "$HOSTNAME"',
        ),
        ("next dev", "next", 'next start -p "$PORT" -H "$HOSTNAME"'),
        ("npm run build && next start", "next", 'next start -p "$PORT" -H "$HOSTNAME"'),
        ("node server.js", "command", "node server.js"),
        ("NODE_ENV=production tsx server/index.ts", "command", "tsx server/index.ts"),
    ],
)
def test_how_next_starts(tmp_path: Path, script: str, serving: str, command: str) -> None:
    found = app(tmp_path, {**NEXT, "scripts": {"start": script}})
    assert found.start is not None
    assert (found.serving, found.start.command) == (serving, command)


def test_a_start_script_that_runs_the_standalone_server(tmp_path: Path) -> None:
    package = {**NEXT, "scripts": {"start": "node .next/standalone/server.js"}}
    assert app(tmp_path, package, **{"next.config.js": "x = { output: 'standalone' }"}).serving == "next-standalone"


@pytest.mark.parametrize(
    ("config", "folder"), [("x = { distDir: './build/' }", "build"), ("x = { distDir: dir }", ".next")]
)
def test_dist_dir(tmp_path: Path, config: str, folder: str) -> None:
    found = app(tmp_path, **{"next.config.js": config})
    assert found.dist_dir == folder
    assert any("distDir" in text for text in warnings(found)) is (folder == ".next")


@pytest.mark.parametrize(
    ("setting", "warned"),
    [
        ("path.join(__dirname, '../../')", True),
        ("'../..'", True),
        ("import.meta.dirname", False),
        ("path.resolve(__dirname, '.')", False),
        ("'./'", False),
    ],
)
@pytest.mark.parametrize("output", ["standalone", "export"])
def test_a_tracing_root(tmp_path: Path, setting: str, warned: bool, output: str) -> None:
    found = app(tmp_path, **{"next.config.mjs": f"x = {{ output: '{output}', outputFileTracingRoot: {setting} }}"})
    notes = [note for note in found.notes if "outputFileTracingRoot" in note.text]
    assert [(note.warning, bool(note.hint)) for note in notes] == [(True, True)] * (warned and output != "export")


@pytest.mark.parametrize(("up", "warned"), [("../..", False), ("../../..", True), ("..", True)])
def test_a_tracing_root_in_a_workspace(tmp_path: Path, up: str, warned: bool) -> None:
    config = f"x = {{ output: 'standalone', outputFileTracingRoot: path.join(__dirname, '{up}') }}"
    lay_out(tmp_path, {"name": "root", "workspaces": ["apps/*"]})
    found = app(tmp_path / "apps/web", **{"next.config.js": config})
    assert found.workspace is not None
    assert any("outputFileTracingRoot" in text for text in warnings(found)) is warned


@pytest.mark.parametrize(
    ("files", "where", "holds"),
    [
        ({}, "next.config.js", "all packages it runs with"),
        ({"next.config.mjs": ""}, "next.config.mjs", "all packages it runs with"),
        ({"next.config.ts": ""}, "next.config.ts", "devDependencies among them"),
    ],
)
def test_the_smaller_form_of_next_is_named_with_its_file(
    tmp_path: Path, files: dict[str, str], where: str, holds: str
) -> None:
    (note,) = [note for note in app(tmp_path, **files).notes if "standalone" in note.text]
    assert (note.warning, note.hint) == (False, f"Write `output: 'standalone'` into {where} and render again.")
    assert holds in note.text


@pytest.mark.parametrize("name", ["../up", "/etc", "a b", "a;b", "$(x)", "-rf", "a//b", "a\\nb"])
def test_a_folder_that_cannot_stand_in_a_dockerfile(tmp_path: Path, name: str) -> None:
    assert app(tmp_path, **{"next.config.js": f"x = {{ distDir: {json.dumps(name)} }}"}).dist_dir == ".next"


# id, package.json, files -> serving, command or folder, single page
CASES: list[tuple[str, dict[str, Any], dict[str, str], str, str, bool]] = [
    ("nuxt", deps("nuxt"), {"nuxt.config.ts": ""}, "command", "node .output/server/index.mjs", False),
    ("nuxt", deps("nuxt", scripts={"build": "nuxt generate"}), {}, "static", ".output/public", True),
    ("nuxt", {"dependencies": {"nuxt": "^2.15.0"}}, {}, "command", "nuxt start", False),
    ("sveltekit", deps("@sveltejs/kit", "@sveltejs/adapter-node"), {}, "command", "node build", False),
    (
        "sveltekit",
        deps("@sveltejs/kit"),
        {"svelte.config.js": "import a from '@sveltejs/adapter-node'; x = { adapter: a({ out: 'srv' }) }"},
        "command",
        "node srv",
        False,
    ),
    (
        "sveltekit",
        deps("@sveltejs/kit"),
        {
            "svelte.config.js": "",
            "vite.config.ts": "import a from '@sveltejs/adapter-static'; a({ fallback: 'index.html' })",
        },
        "static",
        "build",
        True,
    ),
    (
        "sveltekit",
        deps("@sveltejs/kit"),
        {"svelte.config.js": "import a from '@sveltejs/adapter-static'; a({ pages: 'site' })"},
        "static",
        "site",
        False,
    ),
    ("astro", deps("astro"), {}, "static", "dist", False),
    ("astro", deps("astro"), {"astro.config.mjs": "x = { outDir: './site' }"}, "static", "site", False),
    (
        "astro",
        deps("astro"),
        {"astro.config.mjs": "import node from '@astrojs/node'; x = { adapter: node({ mode: 'standalone' }) }"},
        "command",
        "node dist/server/entry.mjs",
        False,
    ),
    (
        "astro",
        deps("astro", scripts={"start": "node run.mjs"}),
        {"astro.config.mjs": "import node from '@astrojs/node'; x = { adapter: node({ mode: 'middleware' }) }"},
        "command",
        "node run.mjs",
        False,
    ),
    (
        "react-router",
        deps("@react-router/dev"),
        {"react-router.config.ts": "x = { ssr: false }"},
        "static",
        "build/client",
        True,
    ),
    (
        "react-router",
        deps("@react-router/dev", "@react-router/serve"),
        {"react-router.config.ts": "x = { ssr: true, buildDirectory: 'out' }"},
        "command",
        "react-router-serve ./out/server/index.js",
        False,
    ),
    (
        "react-router",
        deps("@react-router/dev", scripts={"start": "node ./server.js"}),
        {},
        "command",
        "node ./server.js",
        False,
    ),
    ("remix", deps("@remix-run/dev", "@remix-run/serve"), {}, "command", "remix-serve ./build/index.js", False),
    (
        "remix",
        deps("@remix-run/dev", "@remix-run/serve"),
        {"vite.config.ts": ""},
        "command",
        "remix-serve ./build/server/index.js",
        False,
    ),
    ("tanstack-start", deps("@tanstack/react-start", "nitro"), {}, "command", "node .output/server/index.mjs", False),
    (
        "tanstack-start",
        deps("@tanstack/react-start", scripts={"start": "node server.js"}),
        {},
        "command",
        "node server.js",
        False,
    ),
    ("solid-start", deps("@solidjs/start"), {}, "command", "node .output/server/index.mjs", False),
    ("adonisjs", {"dependencies": {"@adonisjs/core": "^6"}}, {}, "command", "node build/bin/server.js", False),
    ("adonisjs", {"dependencies": {"@adonisjs/core": "^5.8.0"}}, {}, "command", "node build/server.js", False),
    ("nestjs", deps("@nestjs/core"), {}, "command", "node dist/main.js", False),
    ("nestjs", deps("@nestjs/core", scripts={"start": "nest start"}), {}, "command", "node dist/main.js", False),
    (
        "nestjs",
        deps("@nestjs/core", scripts={"start": "nest start", "start:prod": "node dist/src/main"}),
        {},
        "command",
        "node dist/src/main",
        False,
    ),
    (
        "nestjs",
        deps("@nestjs/core"),
        {"nest-cli.json": '{"entryFile": "boot"}', "tsconfig.json": '{"compilerOptions": {"outDir": "./out"}}'},
        "command",
        "node out/boot.js",
        False,
    ),
    (
        "nestjs",
        deps("@nestjs/core"),
        {"nest-cli.json": '{"monorepo": true, "root": "apps/web"}'},
        "command",
        "node dist/apps/web/main.js",
        False,
    ),
    ("strapi", deps("@strapi/strapi", scripts={"start": "strapi start"}), {}, "command", "strapi start", False),
    ("gatsby", deps("gatsby", scripts={"start": "gatsby develop"}), {}, "static", "public", False),
    ("docusaurus", deps("@docusaurus/core"), {}, "static", "build", False),
    (
        "vitepress",
        deps("vitepress", scripts={"docs": "vitepress build docs"}),
        {},
        "static",
        "docs/.vitepress/dist",
        False,
    ),
    ("vitepress", deps("vitepress"), {"docs/.vitepress/config.ts": ""}, "static", "docs/.vitepress/dist", False),
    ("eleventy", deps("@11ty/eleventy"), {}, "static", "_site", False),
    (
        "eleventy",
        deps("@11ty/eleventy"),
        {".eleventy.js": "return { dir: { output: 'dist' } }"},
        "static",
        "dist",
        False,
    ),
    ("vue-cli", deps("@vue/cli-service"), {"vue.config.js": "x = { outputDir: 'out' }"}, "static", "out", True),
    ("create-react-app", deps("react-scripts", scripts={"start": "react-scripts start"}), {}, "static", "build", True),
    (
        "create-react-app",
        deps("react-scripts", scripts={"build": "BUILD_PATH='./out' react-scripts build"}),
        {},
        "static",
        "out",
        True,
    ),
    ("vite", deps("vite", scripts={"build": "vite build", "start": "vite"}), {}, "static", "dist", True),
    (
        "vite",
        deps("vite"),
        {"index.html": "", "vite.config.ts": "x = { build: { outDir: 'made' } }"},
        "static",
        "made",
        True,
    ),
    (
        "vite",
        deps("vite", scripts={"build": "vite build"}),
        {"vite.config.ts": "x = { root: 'client', build: { outDir: '../public_html' } }"},
        "static",
        "public_html",
        True,
    ),
    (
        "vite",
        deps("vite", scripts={"build": "vite build"}),
        {"vite.config.ts": "x = { root: join(__dirname, 'w'), build: { outDir: resolve(__dirname, 'dist', 'a') } }"},
        "static",
        "dist/a",
        True,
    ),
    (
        "vite",
        deps("vite", scripts={"build": "vite build"}),
        {"vite.config.js": "x = {appType: 'mpa'}"},
        "static",
        "dist",
        False,
    ),
    ("parcel", deps("parcel", scripts={"build": "parcel build a.html --dist-dir out"}), {}, "static", "out", True),
    ("quasar", deps("@quasar/app-vite"), {}, "static", "dist/spa", True),
    # A build for browsers beside a server: the server serves.
    ("express", server(devDependencies={"vite": "7"}), {"index.html": ""}, "command", "node server.js", False),
    (
        "node",
        {"scripts": {"start": "node a.js"}, "devDependencies": {"vite": "7"}},
        {"index.html": ""},
        "command",
        "node a.js",
        False,
    ),
    ("express", server(devDependencies={"vitepress": "1"}), {}, "command", "node server.js", False),
    (
        "node",
        {"scripts": {"start": "node a.js"}, "devDependencies": {"express": "5"}},
        {},
        "command",
        "node a.js",
        False,
    ),
    ("hono", deps("hono", scripts={"start": "node a.js"}), {}, "command", "node a.js", False),
    (
        "fastify",
        deps("fastify", scripts={"start": "fastify start -p 80 app.js"}),
        {},
        "command",
        'fastify start -p "$PORT" app.js',
        False,
    ),
    ("koa", deps("koa", scripts={"start": "node a.js"}), {}, "command", "node a.js", False),
    ("hapi", deps("@hapi/hapi", scripts={"start": "node a.js"}), {}, "command", "node a.js", False),
    ("elysia", deps("elysia", scripts={"start": "bun src/a.ts"}), {}, "command", "bun src/a.ts", False),
    ("nitro", deps("nitropack"), {}, "command", "node .output/server/index.mjs", False),
]


@pytest.mark.parametrize(("framework", "package", "files", "serving", "where", "single"), CASES)
def test_frameworks(
    tmp_path: Path,
    framework: str,
    package: dict[str, Any],
    files: dict[str, str],
    serving: str,
    where: str,
    single: bool,
) -> None:
    found = app(tmp_path, package, **files)
    assert (found.framework, found.serving) == (framework, serving)
    assert (found.start.command if found.start else found.output) == where
    assert found.single_page is single
    if serving == "static":
        assert found.start is None
    if where == "node .output/server/index.mjs":
        assert (found.output, found.self_contained) == (".output", True)


def test_every_framework_of_the_table_is_tried() -> None:
    assert {row.id for row in FRAMEWORKS} - {case[0] for case in CASES} == {"next", "angular"}
    assert len({row.id for row in FRAMEWORKS}) == len(FRAMEWORKS)


@pytest.mark.parametrize("row", [row for row in FRAMEWORKS if row.build], ids=lambda row: row.id)
def test_its_own_command_builds_it_when_there_is_no_script(tmp_path: Path, row: Any) -> None:
    others = ["nitro"] if row.id == "tanstack-start" else []
    package: dict[str, Any] = {"dependencies": dict.fromkeys([row.packages[0], *others], "100.0.0")}
    files = {"angular.json": angular({}), "index.html": ""}
    if row.id == "remix":
        files["vite.config.ts"] = ""
    assert app(tmp_path / "a", package, **files).build == row.build
    package["scripts"] = {"build": "anything"}
    assert app(tmp_path / "b", package, **files).build == "run build"


def angular(options: dict[str, Any], builder: str = "@angular/build:application", name: str = "shop") -> str:
    target = {"build": {"builder": builder, "options": options}}
    return json.dumps({"projects": {name: {"projectType": "application", "architect": target}}})


@pytest.mark.parametrize(
    ("settings", "serving", "where"),
    [
        (angular({}), "static", "dist/shop/browser"),
        (angular({"outputPath": "dist/x"}), "static", "dist/x/browser"),
        (angular({"outputPath": {"base": "out", "browser": ""}}), "static", "out"),
        (angular({"outputPath": "dist/y"}, "@angular-devkit/build-angular:browser"), "static", "dist/y"),
        (
            angular({"ssr": {"entry": "src/server.ts"}, "server": "src/main.server.ts"}),
            "command",
            "node dist/shop/server/server.mjs",
        ),
        (angular({"ssr": True, "outputMode": "static"}), "static", "dist/shop/browser"),
        ("{", "static", "dist/x/browser"),
        (angular({}, name="../evil"), "static", "dist/x"),
    ],
)
def test_angular(tmp_path: Path, settings: str, serving: str, where: str) -> None:
    found = app(tmp_path, deps("@angular/core"), **{"angular.json": settings})
    assert found.serving == serving
    shown = found.start.command if found.start else found.output
    assert shown in (where, where.removesuffix("/browser"))
    assert found.port == (4000 if serving == "command" else 3000)


@pytest.mark.parametrize(
    ("package", "files", "words"),
    [
        (
            deps("@sveltejs/kit", "@sveltejs/adapter-auto"),
            {"svelte.config.js": "import '@sveltejs/adapter-auto'"},
            "adapter",
        ),
        (deps("astro"), {"astro.config.mjs": "import v from '@astrojs/vercel'"}, "needs Astro's Node adapter"),
        (deps("nuxt"), {"nuxt.config.ts": "x = { nitro: { preset: 'vercel' } }"}, "preset node-server"),
        (deps("@tanstack/react-start", "vite"), {}, "without a server to start"),
        (deps("@react-router/dev"), {}, "@react-router/serve is not installed"),
        (
            {"dependencies": {"@angular/core": "22", "@angular/ssr": "22.0.0"}},
            {"angular.json": angular({"ssr": True})},
            "host names",
        ),
        (deps("@adonisjs/core"), {}, "APP_KEY"),
    ],
)
def test_what_would_trip_the_image(tmp_path: Path, package: dict[str, Any], files: dict[str, str], words: str) -> None:
    found = app(tmp_path, package, **files)
    assert any(words in note.text and note.hint for note in found.notes if note.warning)


@pytest.mark.parametrize("name", ["nuxt", "@sveltejs/kit", "@react-router/dev", "@strapi/strapi", "@adonisjs/core"])
def test_servers_that_read_host_get_it(tmp_path: Path, name: str) -> None:
    start = app(tmp_path, deps(name)).start
    assert start is not None
    assert start.environment["HOST"] == "$HOSTNAME"


@pytest.mark.parametrize(
    ("version", "build", "linker", "warned"),
    [
        ("^16.0.0", "next build", "pnp", True),
        ("15.5.0", "next build --turbopack", "pnp", True),
        ("^16.0.0", "next build --webpack", "pnp", False),
        ("^15.0.0", "next build", "pnp", False),
        ("^16.0.0", "next build", "node-modules", False),
    ],
)
def test_turbopack_knows_no_plug_n_play(tmp_path: Path, version: str, build: str, linker: str, warned: bool) -> None:
    package = {"name": "x", "dependencies": {"next": version}, "scripts": {"build": build}}
    files = {".yarnrc.yml": f"nodeLinker: {linker}\n", "yarn.lock": "__metadata:\n  version: 8\n"}
    found = app(tmp_path, {**package, "packageManager": "yarn@4.9.0"}, **files)
    assert any("Plug'n'Play" in text for text in warnings(found)) is warned
