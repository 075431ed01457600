from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ecrwiz.model.validation import check_health_path
from ecrwiz.services.node_app import suggest
from ecrwiz.services.node_app.bases import BASES
from ecrwiz.services.node_app.frameworks import FRAMEWORKS
from tests.test_node_app import NEXT, app, warnings
from tests.test_node_app_frameworks import deps

VITE = deps("vite", scripts={"build": "vite build"})
ANGULAR = {"projectType": "application", "architect": {"build": {"builder": "@angular-devkit/build-angular:browser"}}}


def built(command: str, *names: str) -> dict[str, Any]:
    return deps(*names, scripts={"build": command})


def angular(options: dict[str, Any], **configurations: Any) -> str:
    build = {**ANGULAR["architect"]["build"], "options": options, "configurations": configurations}  # type: ignore[index]
    return json.dumps({"projects": {"shop": {**ANGULAR, "architect": {"build": build}}}})


# package.json, files -> base path, origin
CASES: list[tuple[dict[str, Any], dict[str, str], str, str]] = [
    (VITE, {"vite.config.ts": "export default { base: '/shop/' }"}, "/shop", "vite.config.ts"),
    (VITE, {"vite.config.ts": "export default { base: '/a/b' }"}, "/a/b", "vite.config.ts"),
    (VITE, {"vite.config.ts": "export default { base: './' }"}, "", ""),
    (VITE, {"vite.config.ts": "export default { base: '' }"}, "", ""),
    (VITE, {"vite.config.ts": "export default { base: '/' }"}, "", ""),
    (VITE, {"vite.config.ts": "export default { base: 'https://cdn.example.com/shop/' }"}, "", ""),
    (VITE, {"vite.config.ts": "export default { base: '//cdn.example.com/shop/' }"}, "", ""),
    (VITE, {"vite.config.ts": "export default {}"}, "", ""),
    (VITE, {}, "", ""),
    (built("vite build --base=/shop/", "vite"), {"vite.config.ts": "x = { base: '/b/' }"}, "/shop", "package.json"),
    (built("vite build --base /shop/", "vite"), {}, "/shop", "package.json"),
    (built("x", "react-scripts"), {}, "", ""),
    ({**deps("react-scripts"), "homepage": "https://me.github.io/shop"}, {}, "/shop", "package.json"),
    ({**deps("react-scripts"), "homepage": "/shop/"}, {}, "/shop", "package.json"),
    ({**deps("react-scripts"), "homepage": "."}, {}, "", ""),
    ({**deps("react-scripts"), "homepage": "https://example.com"}, {}, "", ""),
    ({**deps("react-scripts"), "homepage": ["/shop"]}, {}, "", ""),
    (built("PUBLIC_URL=/shop react-scripts build", "react-scripts"), {}, "/shop", "package.json"),
    (deps("astro"), {"astro.config.mjs": "export default { base: 'docs' }"}, "/docs", "astro.config.mjs"),
    (
        deps("astro", "@astrojs/node"),
        {"astro.config.mjs": "import n from '@astrojs/node'; export default { base: '/docs' }"},
        "/docs",
        "astro.config.mjs",
    ),
    (deps("@angular/core"), {"angular.json": angular({"baseHref": "/shop/"})}, "/shop", "angular.json"),
    (
        deps("@angular/core"),
        {"angular.json": angular({"baseHref": "/"}, production={"baseHref": "/shop/"})},
        "/shop",
        "angular.json",
    ),
    (
        built("ng build --base-href /shop/", "@angular/core"),
        {"angular.json": angular({})},
        "/shop",
        "package.json",
    ),
    (
        deps("@angular/core"),
        {"angular.json": angular({}), "src/index.html": '<head><base href="/shop/"></head>'},
        "/shop",
        "src/index.html",
    ),
    (deps("@angular/core"), {"angular.json": angular({}), "src/index.html": '<base href="/">'}, "", ""),
    (NEXT, {"next.config.ts": "export default { basePath: '/docs' }"}, "/docs", "next.config.ts"),
    (NEXT, {"next.config.js": "x = { basePath: '/docs', output: 'export' }"}, "/docs", "next.config.js"),
    (deps("@sveltejs/kit"), {"svelte.config.js": "x = { paths: { base: '/s' } }"}, "/s", "svelte.config.js"),
    (deps("@sveltejs/kit"), {"svelte.config.js": "x = { base: '/s' }"}, "", ""),
    (
        deps("@react-router/dev"),
        {"react-router.config.ts": "x = { ssr: false }", "vite.config.ts": "x = { base: '/s/' }"},
        "/s",
        "vite.config.ts",
    ),
    (deps("@react-router/dev", "@react-router/serve"), {"vite.config.ts": "x = { base: '/s/' }"}, "", ""),
    (
        deps("@remix-run/dev"),
        {"vite.config.ts": "x = { ssr: false, base: '/s/' }"},
        "/s",
        "vite.config.ts",
    ),
    (deps("vitepress"), {".vitepress/config.mts": "x = { base: '/s/' }"}, "/s", ".vitepress/config.mts"),
    (deps("@vue/cli-service"), {"vue.config.js": "x = { publicPath: '/s/' }"}, "/s", "vue.config.js"),
    (deps("@docusaurus/core"), {"docusaurus.config.js": "x = { baseUrl: '/s/' }"}, "/s", "docusaurus.config.js"),
    (deps("@quasar/app-vite"), {"quasar.config.js": "x = { publicPath: 's' }"}, "/s", "quasar.config.js"),
    (deps("gatsby"), {"gatsby-config.js": "x = { pathPrefix: '/s' }"}, "", ""),
    (
        built("gatsby build --prefix-paths", "gatsby"),
        {"gatsby-config.js": "x = { pathPrefix: '/s' }"},
        "/s",
        "gatsby-config.js",
    ),
    (built("parcel build --public-url /s", "parcel"), {}, "/s", "package.json"),
    (built("node a.js", "express"), {"vite.config.ts": "x = { base: '/s/' }"}, "", ""),
]


@pytest.mark.parametrize(("package", "files", "path", "origin"), CASES)
def test_the_base_path(tmp_path: Path, package: dict[str, Any], files: dict[str, str], path: str, origin: str) -> None:
    found = app(tmp_path, package, **files)
    assert (found.base_path, found.origins.get("base_path", "")) == (path, origin)
    assert not any("base" in text for text in warnings(found))


def test_every_framework_of_the_table_is_tried(tmp_path: Path) -> None:
    tried = {app(tmp_path / str(i), case[0], **case[1]).framework for i, case in enumerate(CASES) if case[2]}
    assert tried == set(BASES)
    assert tried <= {row.id for row in FRAMEWORKS}


@pytest.mark.parametrize(
    "value", ["'/a b/'", "'/../x'", "'/$(x)/'", "'/x;y/'", "'/a//b/'", f"'/{'a' * 160}'", "'/@x'", "'/-x'", "'/./x'"]
)
def test_a_path_that_cannot_stand_in_a_dockerfile(tmp_path: Path, value: str) -> None:
    found = app(tmp_path, VITE, **{"vite.config.js": f"x = {{ base: {value} }}"})
    assert (found.base_path, "base_path" in found.origins) == ("", False)
    assert any("which ecrwiz cannot serve" in text for text in warnings(found))


@pytest.mark.parametrize("value", ["mode === 'a' ? '/x/' : '/'", "process.env.BASE", "`/${name}/`", "base"])
def test_a_path_that_cannot_be_read_is_a_warning(tmp_path: Path, value: str) -> None:
    found = app(tmp_path, VITE, **{"vite.config.js": f"x = {{ base: {value} }}"})
    assert found.base_path == ""
    assert len([text for text in warnings(found) if "base" in text]) == 1


@pytest.mark.parametrize(
    ("package", "files", "path"),
    [
        (VITE, {"vite.config.js": "x = { base: '/shop/' }"}, "/shop/"),
        (NEXT, {"next.config.js": "x = { basePath: '/docs' }"}, "/docs"),
        (NEXT, {"next.config.js": "x = { basePath: '/docs', output: 'export' }"}, "/docs/"),
        (deps("@sveltejs/kit"), {"svelte.config.js": "x = { paths: { base: '/s' } }"}, "/s/"),
        (VITE, {}, None),
        (VITE, {"vite.config.js": "x = { base: '/shop/' }", "Dockerfile": "FROM nginx:1.29\nEXPOSE 80\n"}, None),
        (NEXT, {"next.config.js": "x = { basePath: '/docs' }", "Dockerfile": "FROM node:24\nEXPOSE 80\n"}, "/docs"),
    ],
)
def test_the_image_is_asked_for_that_path(
    tmp_path: Path, package: dict[str, Any], files: dict[str, str], path: str | None
) -> None:
    suggested = suggest(tmp_path, app(tmp_path, package, **files)).get("health_path")
    assert (suggested[0] if suggested else None) == path
    assert path is None or check_health_path(path) == path
