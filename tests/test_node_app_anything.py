"""Whatever stands in the files, detection ends with a finding or with an error that is explained."""

from __future__ import annotations

import json
import re
import shlex
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecrwiz.model.app import NodeApp
from ecrwiz.model.errors import EcrwizError
from ecrwiz.services.node_app import detect, suggest
from ecrwiz.services.node_app.frameworks import FRAMEWORKS
from ecrwiz.services.node_app.scripts import quoted
from ecrwiz.services.node_app.system import NEEDS
from ecrwiz.services.node_app.versions import ranges

ODD = """
^1.2|>=20 <23 || 18.x|npm@1.0.0|yarn@4|workspace:*|git+ssh://x|file:../x|lts/jod|npm run start|next dev -p 1|node 'x
cross-env|pm2 start|pm2 start x && pm2 logs|node --env-file|node --env-file .env|nodemon -r
nodemon --exec|$A `b` $(c)|pm2|../..|dist|{a,b}/*|**/x|!a|node_modules|.|/etc/passwd|a && b
"""
TEXTS = st.text(max_size=20) | st.sampled_from(
    [*re.split(r"[|\n]", ODD), "a\0b", "\udc80", "a | b", "a || b", "x" * 300]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
PACKAGES = sorted(
    {name for row in FRAMEWORKS for name in row.packages} | {name for need in NEEDS for name in need.packages}
)
SCRIPTS = st.dictionaries(
    st.sampled_from(["start", "start:prod", "build", "postinstall", "prestart", "a"]), TEXTS | VALUES
)
DEPENDENCIES = st.dictionaries(st.sampled_from(PACKAGES) | TEXTS, TEXTS | VALUES, max_size=4)
PACKAGE = st.fixed_dictionaries(
    {},
    optional={
        "name": VALUES,
        "homepage": VALUES | st.sampled_from(["http://[x", "//[::1/a", "https://a/b c", "/a/../b"]),
        "main": VALUES,
        "packageManager": VALUES,
        "engines": VALUES | st.dictionaries(st.sampled_from(["node", "npm", "pnpm"]), TEXTS),
        "devEngines": VALUES,
        "volta": VALUES | st.fixed_dictionaries({"node": TEXTS}),
        "workspaces": VALUES | st.lists(TEXTS, max_size=3),
        "scripts": VALUES | SCRIPTS,
        "dependencies": VALUES | DEPENDENCIES,
        "devDependencies": VALUES | DEPENDENCIES,
        "optionalDependencies": VALUES,
        "prisma": VALUES | st.fixed_dictionaries({"schema": TEXTS}),
        "pnpm": VALUES | st.fixed_dictionaries({"patchedDependencies": VALUES}),
    },
)
NAMES = """
next.config.js angular.json nest-cli.json tsconfig.json vite.config.ts astro.config.mjs .nvmrc mise.toml .tool-versions
.npmrc .yarnrc.yml bunfig.toml yarn.lock pnpm-lock.yaml .env Dockerfile pnpm-workspace.yaml server.js src/main.ts
turbo.json svelte.config.js nx.json apps/a/project.json src/index.html vue.config.js .vitepress/config.ts
"""
PIECES = (
    "app.listen({ port: process.env.X || 80 })",
    "x = { output: 'standalone', distDir: '../x', root: path.join(__dirname) }",
    "x = { base: 'http://[x', basePath: '/$(a)', outputFileTracingRoot: '../\0', paths: {} }",
    "<base href='//[/x'>",
    "ARG V=18\nFROM node:${V}\nFROM node:99999\nFROM\n",
    "FROM a AS b\nFROM b\nEXPOSE $X ${Y:-1}\nRUN <<E\n",
    "//a/:_authToken=${A}\n",
    "packages: [a, 'b'\n - c\n",
    "[tools]\nnode=1",
)
CONTENTS = st.text(max_size=60) | VALUES.map(json.dumps) | st.sampled_from(PIECES)
FILES = st.dictionaries(st.sampled_from(NAMES.split()), CONTENTS, max_size=3)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PACKAGE | VALUES, FILES)
def test_detection_never_raises_anything_else(package: Any, files: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "package.json").write_bytes(json.dumps(package).encode())
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            found = detect(root)
        except EcrwizError:
            return
        check_fit_to_render(found)
        suggest(root, found)


def check_fit_to_render(found: NodeApp) -> None:
    """What goes into a Dockerfile or a shell script holds nothing that these would read as more than a word."""
    plain = re.compile(r"[\w.@+/-]+", re.ASCII)
    for path in (*found.manager.files, found.dist_dir, found.output or "x", found.config_file or "x"):
        assert plain.fullmatch(path), path
        assert ".." not in path.split("/"), path
    assert found.base_path == "" or (found.base_path[0] == "/" and plain.fullmatch(found.base_path)), found.base_path
    assert ".." not in found.base_path.split("/")
    assert re.fullmatch(r"(?:\d+\.\d+\.\d+(?:-[\w.-]+)?)?", found.manager.version)
    assert 18 <= found.node_major < 100
    assert re.fullmatch(r"(?:[\w.@+/=:-]+| && | )*", found.build, re.ASCII), found.build
    assert all(re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) for name in found.registry.variables)
    assert all(re.fullmatch(r"[A-Za-z_]\w*", variable.name, re.ASCII) for variable in found.public_variables)
    if found.start is not None:
        assert found.start.command.isprintable()
        assert shlex.split(found.start.command)
        for name, value in found.start.environment.items():
            assert re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII)
            assert value.isprintable()


@given(st.text(max_size=60))
def test_quoting_gives_one_word(word: str) -> None:
    plain = word.replace("$", "")
    assert shlex.split(quoted(plain)) == [plain]


@given(st.text(max_size=80))
def test_any_text_is_a_range_or_none(text: str) -> None:
    assert all(len(pair) == 2 for pair in ranges(text))
