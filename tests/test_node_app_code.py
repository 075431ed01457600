"""What is read out of sources: ports, public variables, system needs, Dockerfiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ecrwiz.model.app import DockerfileFacts
from ecrwiz.services.node_app import detect, suggest
from ecrwiz.services.node_app.sources import read_sources
from tests.test_node_app import NEXT, app, lay_out, server, warnings

# Ports


@pytest.mark.parametrize(
    ("text", "port", "fixed"),
    [
        ("app.listen(4000)", 4000, True),
        ("app.listen(4000, () => {})", 4000, True),
        ("app.listen('4000')", 4000, True),
        ("const port = 4000\napp.listen(port)", 4000, True),
        ("const PORT: number = 4000;\nserver.listen(PORT, '0.0.0.0')", 4000, True),
        ("http.createServer((q, s) => { s.end() }).listen(4000)", 4000, True),
        ("app.listen({ port: 4000, host: '0.0.0.0' })", 4000, True),
        ("serve({ fetch: app.fetch, port: 4000 })", 4000, True),
        ("Bun.serve({ port: 4000, fetch() {} })", 4000, True),
        ("new Hapi.Server({ port: 4000, host: '0.0.0.0' })", 4000, True),
        ("app.listen(process.env.PORT || 4000)", 4000, False),
        ("app.listen(process.env.PORT ?? '4000')", 4000, False),
        ("app.listen(process.env['PORT'] || 4000)", 4000, False),
        ("app.listen(Number(process.env.PORT ?? 4000))", 4000, False),
        ("app.listen(parseInt(process.env.PORT || '4000', 10))", 4000, False),
        ("const port = Number(process.env.PORT) || 4000;\napp.listen(port)", 4000, False),
        ("const port = process.env.PORT ? +process.env.PORT : 4000\napp.listen(port)", 4000, False),
        ("const { PORT = 4000 } = process.env\napp.listen(PORT)", 4000, False),
        ("app.listen(config.get('PORT', 4000))", 4000, False),
        ("app.listen(process.env.PORT)", 3000, False),
        ("app.listen(settings.port)", 3000, False),
        ("// app.listen(4000)", 3000, False),
        ("new Pool({ port: 5432 })", 3000, False),
        ("emitter.on('listen', 4000)", 3000, False),
        ("app.listen(99999)", 3000, False),
        # Something else of the application reads PORT.
        ("app.listen(4000)\nconst x = process.env.PORT", 4000, False),
    ],
)
def test_the_port_in_the_code(tmp_path: Path, text: str, port: int, fixed: bool) -> None:
    found = app(tmp_path, server(), **{"server.js": f"// one\n{text}\n", "package-lock.json": "{}"})
    assert (found.port, found.port_is_fixed) == (port, fixed)
    said = [text for text in warnings(found) if "whatever PORT says" in text]
    assert bool(said) is fixed
    if fixed:
        assert said[0].startswith("server.js:")
        assert found.origins["port"].startswith("server.js:")


def test_the_line_of_a_fixed_port(tmp_path: Path) -> None:
    found = app(tmp_path, server("node src/a.js"), **{"src/a.js": "\n\nconst port = 4000\n\napp.listen(port)\n"})
    assert found.origins["port"] == "src/a.js:3"
    assert any(note.hint == "Write process.env.PORT || 4000 there." for note in found.notes)


def test_the_started_file_counts_before_others(tmp_path: Path) -> None:
    files = {
        "mock/index.js": "a.listen(1111)",
        "dist.js": "",
        "src/main.ts": "a.listen(4000)",
        "index.js": "a.listen(2222)",
    }
    assert app(tmp_path, server("node dist/main.js"), **files).port == 4000


def test_tests_and_configurations_do_not_count(tmp_path: Path) -> None:
    files = {
        "a.test.js": "x.listen(1)",
        "tests/a.js": "x.listen(1111)",
        "webpack.config.js": "x.listen(1111)",
        "node_modules/a.js": "x.listen(1111)",
    }
    found = app(tmp_path, server(), **files)
    assert (found.port, found.port_is_fixed) == (3000, False)


def test_a_port_of_another_name_is_set_to_port(tmp_path: Path) -> None:
    found = app(tmp_path, server(), **{"server.js": "app.listen(process.env.APP_PORT || 4000)"})
    assert found.start is not None
    assert found.start.environment == {"APP_PORT": "$PORT"}
    assert (found.port, found.port_is_fixed) == (4000, False)


@pytest.mark.parametrize(
    ("text", "framework", "warned"),
    [
        ("app.listen(process.env.PORT, 'localhost')", "express", True),
        ("app.listen({ port: 1, host: '127.0.0.1' })", "fastify", True),
        ("app.listen({ port: Number(process.env.PORT) })", "fastify", True),
        ("app.listen({ port: 80, host: '0.0.0.0' })", "fastify", False),
        ("app.listen({ port, host })", "fastify", False),
        ("app.listen(process.env.PORT)", "express", False),
        ("app.listen(port, process.env.HOST || 'localhost')", "express", False),
    ],
)
def test_an_address_that_nobody_else_reaches(tmp_path: Path, text: str, framework: str, warned: bool) -> None:
    package = {"scripts": {"start": "node a.js"}, "dependencies": {framework: "5"}}
    found = app(tmp_path, package, **{"a.js": text})
    assert any("outside" in words and words.startswith("a.js:1") for words in warnings(found)) is warned


def test_the_port_in_a_script_is_the_persons_word(tmp_path: Path) -> None:
    found = app(tmp_path, server("PORT=4444 node server.js"), **{"server.js": "app.listen(process.env.PORT || 4000)"})
    assert (found.port, found.origins["port"]) == (4444, 'package.json (scripts["start"])')


def test_the_port_of_a_configuration(tmp_path: Path) -> None:
    package = {"dependencies": {"nuxt": "4"}}
    found = app(
        tmp_path, package, **{"nuxt.config.ts": "x = { devServer: { port: 4100 } }", "server/a.ts": "x.listen(1111)"}
    )
    assert (found.port, found.port_is_fixed, found.origins["port"]) == (4100, False, "nuxt.config.ts")


# Public variables


@pytest.mark.parametrize(
    ("package", "file", "text", "names"),
    [
        (NEXT, "app/a.tsx", "fetch(process.env.NEXT_PUBLIC_API + process.env.SECRET)", ["NEXT_PUBLIC_API"]),
        (NEXT, "app/a.tsx", "process.env['NEXT_PUBLIC_API']", ["NEXT_PUBLIC_API"]),
        (
            NEXT,
            "env.mjs",
            "const { NEXT_PUBLIC_A, NEXT_PUBLIC_B: b } = process.env",
            ["NEXT_PUBLIC_A", "NEXT_PUBLIC_B"],
        ),
        (NEXT, "a.js", "// process.env.NEXT_PUBLIC_OLD\n /* process.env.NEXT_PUBLIC_OLD2 */", []),
        (NEXT, "a.js", "process.env.MY_NEXT_PUBLIC_X; 'NEXT_PUBLIC_'; process.env.VITE_A", []),
        (NEXT, "a.test.js", "process.env.NEXT_PUBLIC_TEST", []),
        (
            {"dependencies": {"vite": "7"}, "scripts": {"build": "vite build"}},
            "src/a.vue",
            "import.meta.env.VITE_A",
            ["VITE_A"],
        ),
        (
            {"dependencies": {"vite": "7"}, "scripts": {"build": "vite build"}},
            "index.html",
            "%VITE_TITLE%",
            ["VITE_TITLE"],
        ),
        ({"dependencies": {"react-scripts": "5"}}, "src/a.js", "process.env.REACT_APP_A", ["REACT_APP_A"]),
        ({"dependencies": {"gatsby": "5"}}, "src/a.js", "process.env.GATSBY_A", ["GATSBY_A"]),
        ({"dependencies": {"@vue/cli-service": "5"}}, "src/a.js", "process.env.VUE_APP_A", ["VUE_APP_A"]),
        ({"dependencies": {"astro": "5"}}, "src/a.astro", "import.meta.env.PUBLIC_A; const PUBLIC_B = 1", ["PUBLIC_A"]),
        (
            {"dependencies": {"@sveltejs/kit": "2"}},
            "src/a.svelte",
            "import { PUBLIC_A } from '$env/static/public'; PUBLIC_A",
            ["PUBLIC_A"],
        ),
        ({"dependencies": {"@sveltejs/kit": "2"}}, "src/a.ts", "import { env } from '$env/dynamic/public'", []),
        (server(), "a.js", "process.env.NEXT_PUBLIC_A", []),
    ],
)
def test_public_variables(tmp_path: Path, package: dict[str, Any], file: str, text: str, names: list[str]) -> None:
    found = app(tmp_path, package, **{file: text})
    assert [variable.name for variable in found.public_variables] == names
    assert all(variable.where.startswith(f"{file}:1") for variable in found.public_variables)


def test_an_env_prefix_of_the_persons_own(tmp_path: Path) -> None:
    package = {"dependencies": {"vite": "7"}, "scripts": {"build": "vite build"}}
    found = app(
        tmp_path, package, **{"vite.config.ts": "x = { envPrefix: 'SHOP_' }", "src/a.ts": "import.meta.env.SHOP_A"}
    )
    assert [variable.name for variable in found.public_variables] == ["SHOP_A"]


ENV = """
# comment
DATABASE_URL=postgres://canary-secret
export NEXT_PUBLIC_A="one two" # c
NEXT_PUBLIC_B=three # c
NEXT_PUBLIC_C=$DATABASE_URL
NEXT_PUBLIC_D='a$b'
NEXT_PUBLIC_E="spans
NEXT_PUBLIC_=x
NOT_NEXT_PUBLIC_X=canary-secret
"""


def test_values_of_env_files(tmp_path: Path) -> None:
    files = {
        ".env": ENV,
        ".env.production": "NEXT_PUBLIC_B=four\n",
        ".env.local": "NEXT_PUBLIC_L=canary-secret\n",
        ".env.example": "NEXT_PUBLIC_A=example\nNEXT_PUBLIC_Z=\n",
        "app/a.js": "process.env.NEXT_PUBLIC_B",
    }
    found = app(tmp_path, **files)
    assert {variable.name: (variable.value, variable.where) for variable in found.public_variables} == {
        "NEXT_PUBLIC_A": ("one two", ".env.example"),
        "NEXT_PUBLIC_B": ("four", "app/a.js:1"),
        "NEXT_PUBLIC_C": ("", ".env"),
        "NEXT_PUBLIC_D": ("a$b", ".env"),
        "NEXT_PUBLIC_E": ("", ".env"),
        "NEXT_PUBLIC_Z": ("", ".env.example"),
    }
    suggested = {name: value for name, (value, _) in suggest(tmp_path, found).items() if name.startswith("build_args.")}
    assert suggested == {
        "build_args.NEXT_PUBLIC_A": "one two",
        "build_args.NEXT_PUBLIC_B": "four",
        "build_args.NEXT_PUBLIC_D": "a$b",
    }
    assert "canary-secret" not in repr(found)


def test_public_variables_that_should_not_be(tmp_path: Path) -> None:
    files = {".env": "NEXT_PUBLIC_API=http://localhost:4000\n", "a.js": "process.env.NEXT_PUBLIC_STRIPE_SECRET_KEY"}
    said = warnings(app(tmp_path, **files))
    assert any("NEXT_PUBLIC_STRIPE_SECRET_KEY (a.js:1) looks like a secret" in text for text in said)
    assert any("http://localhost:4000" in text for text in said)


@pytest.mark.parametrize("word", ["SECRET", "PRIVATE", "PASSWORD", "TOKEN", "CREDENTIALS", "ACCESS_KEY"])
def test_a_value_under_the_name_of_a_secret_is_not_taken(tmp_path: Path, word: str) -> None:
    name = f"NEXT_PUBLIC_STRIPE_{word}_ID"
    found = app(tmp_path, **{".env": f"{name}=canary-secret\nNEXT_PUBLIC_A=a\n"})
    values = {variable.name: variable.value for variable in found.public_variables}
    assert values == {"NEXT_PUBLIC_A": "a", name: ""}
    answers = [key for key in suggest(tmp_path, found) if key.startswith("build_args.")]
    assert answers == ["build_args.NEXT_PUBLIC_A"]
    assert "canary-secret" not in repr(found)
    note = next(note for note in found.notes if name in note.text)
    assert note.warning
    assert "Rename it" in note.hint
    assert f"--set build_args.{name}=VALUE" in note.hint


# The bounded reading of sources


def test_the_order_of_sources_is_fixed(tmp_path: Path) -> None:
    names = ["z/a.js", "src/b/c.ts", "src/a.ts", "b.js", "lib/a.js", "app/a.tsx", ".hidden/a.js", "dist/a.js", "a.txt"]
    lay_out(tmp_path, **dict.fromkeys(names, "x"))
    found = [source.path for source in read_sources(tmp_path).files]
    assert found == ["b.js", "src/a.ts", "app/a.tsx", "lib/a.js", "z/a.js", "src/b/c.ts"]


def test_limits_are_said(tmp_path: Path) -> None:
    lay_out(tmp_path)
    for number in range(40):
        (tmp_path / f"d{number:02}").mkdir()
        for name in range(50):
            (tmp_path / f"d{number:02}" / f"{name}.js").touch()
    sources = read_sources(tmp_path)
    assert (len(sources.files), sources.whole) == (1500, False)
    assert any("not all" in note.text for note in detect(tmp_path).notes)


def test_a_large_file_is_no_source(tmp_path: Path) -> None:
    with (tmp_path / "a.js").open("wb") as file:
        file.truncate(2**40)
    assert read_sources(tmp_path).files == ()


# System needs


@pytest.mark.parametrize(
    ("dependencies", "dev", "build", "run"),
    [
        ({"sharp": "0.34"}, {}, set(), set()),
        ({"@prisma/client": "6"}, {}, {"openssl"}, {"openssl"}),
        ({}, {"prisma": "6"}, {"openssl"}, {"openssl"}),
        ({"bcrypt": "^5.1.0"}, {}, {"python3", "make", "g++"}, set()),
        ({"bcrypt": "^6.0.0"}, {}, set(), set()),
        ({"better-sqlite3": "12"}, {}, {"python3", "make", "g++"}, set()),
        ({"puppeteer": "24"}, {}, set(), {"chromium", "fonts-liberation"}),
        ({}, {"puppeteer": "24"}, set(), set()),
        ({"fluent-ffmpeg": "2"}, {}, set(), {"ffmpeg"}),
        ({"pg-native": "3"}, {}, {"python3", "make", "g++", "libpq-dev"}, {"libpq5"}),
        ({"mine": "github:me/mine"}, {}, {"git", "ca-certificates"}, set()),
        ({"mine": "git+https://x/y.git#v1"}, {}, {"git", "ca-certificates"}, set()),
        ({"mine": "me/mine"}, {}, {"git", "ca-certificates"}, set()),
        ({"mine": "npm:other@1", "b": "file:./b", "c": "workspace:*", "d": "^1.0.0 || ^2"}, {}, set(), set()),
    ],
)
def test_system_needs(
    tmp_path: Path, dependencies: dict[str, str], dev: dict[str, str], build: set[str], run: set[str]
) -> None:
    found = app(tmp_path, server(dependencies=dependencies, devDependencies=dev)).system
    assert {name for need in found for name in need.build} == build
    assert {name for need in found for name in need.run} == run
    assert all(need.why for need in found)


def test_a_browsers_place_is_given_to_puppeteer(tmp_path: Path) -> None:
    start = app(tmp_path, server(dependencies={"puppeteer": "24"})).start
    assert start is not None
    assert start.environment == {"PUPPETEER_EXECUTABLE_PATH": "/usr/bin/chromium"}


@pytest.mark.parametrize(
    ("scripts", "files", "build"),
    [
        ({"build": "next build"}, {"prisma/schema.prisma": ""}, "prisma generate && run build"),
        ({"build": "prisma generate && next build"}, {"prisma/schema.prisma": ""}, "run build"),
        ({"build": "next build", "postinstall": "prisma generate"}, {"prisma/schema.prisma": ""}, "run build"),
        ({"build": "next build"}, {}, "run build"),
    ],
)
def test_prismas_client_is_generated(
    tmp_path: Path, scripts: dict[str, str], files: dict[str, str], build: str
) -> None:
    package = {
        "dependencies": {"next": "16", "@prisma/client": "6"},
        "devDependencies": {"prisma": "6"},
        "scripts": scripts,
    }
    assert app(tmp_path, package, **files).build == build


@pytest.mark.parametrize(
    ("scripts", "shown"),
    [
        ({"build": "prisma migrate deploy && next build"}, "prisma migrate deploy"),
        ({"build": "next build", "prebuild": "npm run db:migrate"}, "npm run db:migrate"),
        ({"build": "prisma db push&&next build"}, "prisma db push"),
        ({"build": "next build && drizzle-kit push"}, "drizzle-kit push"),
        ({"build": "typeorm migration:run -d a.js && next build"}, "typeorm migration:run -d a.js"),
        ({"build": "next build && cp -r src/migrations dist/migrations"}, ""),
        ({"build": "next build && node scripts/copy-migrate.js"}, ""),
        ({"build": "next build", "migrate": "knex migrate:latest"}, ""),
    ],
)
def test_migrations_in_the_build(tmp_path: Path, scripts: dict[str, str], shown: str) -> None:
    said = [text for text in warnings(app(tmp_path, {**NEXT, "scripts": scripts})) if "without a database" in text]
    assert [text.split("`")[1] for text in said] == ([shown] if shown else [])


# Dockerfiles


def facts(**more: Any) -> DockerfileFacts:
    return DockerfileFacts("Dockerfile", **{"ours": False, **more})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM node:24\n", facts()),
        ("FROM a\nEXPOSE 8080/tcp 9090 53/udp\nUSER app\n", facts(expose=(8080, 9090), user="app")),
        ("from a\nexpose 80\nuser 1001:1001\n", facts(expose=(80,), user="1001:1001")),
        ("FROM a\nENV PORT=8080\nEXPOSE $PORT\n", facts(expose=(8080,), names_port=True)),
        ("FROM a\nARG P=81\nEXPOSE ${P}\n", facts(expose=(81,), build_args=("P",))),
        ("FROM a\nEXPOSE ${Q:-82}\n", facts(expose=(82,))),
        ("FROM a AS x\nEXPOSE 1\nUSER me\nHEALTHCHECK CMD true\nFROM b\n", facts()),
        (
            "FROM a AS x\nEXPOSE 1\nUSER me\nHEALTHCHECK CMD true\nFROM x\n",
            facts(expose=(1,), user="me", healthcheck=True),
        ),
        ("FROM a\nHEALTHCHECK NONE\nUSER root\n", facts()),
        ("FROM a\nUSER 0:0\n", facts()),
        ("FROM a\n# EXPOSE 1\nRUN x \\\n  # EXPOSE 2\n  EXPOSE 3\n", facts()),
        ("FROM a\nRUN <<EOF\nEXPOSE 1\nEOF\nEXPOSE 2\n", facts(expose=(2,))),
        ("# escape=`\nFROM a\nRUN x `\n EXPOSE 1\nEXPOSE 2\n", facts(expose=(2,))),
        ("ARG A\nFROM a\nARG B=1 C\n", facts(build_args=("A", "B", "C"))),
        ("# Rendered by ecrwiz: x\nFROM a\n", facts(ours=True)),
        ("# syntax=x\n# Rendered by ecrwiz\nFROM a\n", facts(ours=True)),
        ("", facts()),
        ("\\\n", facts()),
    ],
)
def test_what_a_dockerfile_says(tmp_path: Path, text: str, expected: DockerfileFacts) -> None:
    assert app(tmp_path, None, Dockerfile=text).dockerfile == expected


def test_an_application_in_another_language(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    found = app(root, None, Dockerfile="FROM python:3.13\nEXPOSE 8000\nUSER 1001\n")
    assert (found.name, found.framework, found.serving, found.start) == ("shop", "own", "own", None)
    assert (found.port, found.port_is_fixed) == (8000, True)
    assert suggest(root, found) == {
        "project_id": ("shop", "the folder's name"),
        "app": ("app", "Dockerfile"),
        "port": ("8000", "Dockerfile"),
        "strategy": ("own", "Dockerfile"),
    }


def test_a_dockerfile_of_the_persons_is_kept_and_ours_is_not(tmp_path: Path) -> None:
    found = app(tmp_path, Dockerfile="FROM node:24\nEXPOSE 8080\n")
    assert found.serving == "next"
    assert suggest(tmp_path, found)["strategy"] == ("own", "Dockerfile")
    assert suggest(tmp_path, found)["port"] == ("8080", "Dockerfile")
    found = app(tmp_path, Dockerfile="# Rendered by ecrwiz: x\nFROM node:24\nEXPOSE 8080\n")
    assert "strategy" not in suggest(tmp_path, found)
    assert suggest(tmp_path, found)["port"] == ("3000", "default")


@pytest.mark.parametrize(
    ("line", "words", "warned"),
    [
        ("", "no EXPOSE and never names PORT", True),
        ("EXPOSE 80", "never names PORT: the image is tried on 80", False),
        ("FROM node:18-alpine", "Dockerfile:2 uses node:18-alpine, and Node 18 has had no security fixes since", True),
        ("FROM --platform=linux/arm64 docker.io/library/node:16", "Node 16 has had no security fixes", True),
        ("ARG V=20\nFROM node:${V}-slim AS x", "uses node:20-slim, and Node 20 has had no security fixes", True),
        ("EXPOSE 80", "runs as root", False),
        ("HEALTHCHECK CMD x", "Amazon ECS looks only at", False),
        ("COPY .env ./", "copies an env file", True),
        ("COPY --chown=1:1 .env.production ./", "copies an env file", True),
        ("COPY dist ./dist", "copies dist, which is not there", True),
        ("ARG NPM_TOKEN", "takes NPM_TOKEN by ARG", True),
        ("ENV API_SECRET=abc", "takes API_SECRET by ENV", True),
        ("RUN --mount=type=ssh git clone x", "wants an SSH agent", True),
        ("FROM node:latest", "uses node:latest without a version", False),
    ],
)
def test_where_the_pipeline_trips_over_a_dockerfile(tmp_path: Path, line: str, words: str, warned: bool) -> None:
    found = app(tmp_path, None, Dockerfile=f"FROM node:24\n{line}\n")
    assert any(words in note.text and note.warning is warned for note in found.notes)


@pytest.mark.parametrize("image", ["node:24", "node:22.4.1-slim", "node", "my/node-tools:18", "node:lts", "nginx:1.18"])
def test_an_image_with_a_node_that_gets_fixes_or_with_none(tmp_path: Path, image: str) -> None:
    said = warnings(app(tmp_path, None, Dockerfile=f"FROM {image}\nEXPOSE 80\n"))
    assert not any("security fixes" in text for text in said)


def test_what_would_be_rendered_is_not_said_of_a_dockerfile_of_the_persons(tmp_path: Path) -> None:
    package = {
        "name": "x",
        "scripts": {"start": "nodemon -r ts-node/register server.js", "build": "knex migrate:latest"},
        "dependencies": {"express": "5"},
        "devDependencies": {"nodemon": "3", "ts-node": "10"},
    }
    files = {"server.js": "app.listen(process.env.PORT, 'localhost')", "package-lock.json": "{}", ".nvmrc": "18"}
    own = app(tmp_path, package, Dockerfile="FROM node:24\nEXPOSE 3000\nUSER node\n", **files)
    assert [note.text for note in own.notes] == [
        "server.js:1 listens on localhost, which nothing outside the container reaches.",
        "The Dockerfile never names PORT: the image is tried on 3000, which its EXPOSE says.",
    ]
    texts = " ".join(note.text for note in app(tmp_path, package, Dockerfile="# Rendered by ecrwiz\n").notes)
    for words in ("the image runs `node", "ts-node starts", "`knex migrate:latest`", "Node 18 has had no"):
        assert words in texts


def test_a_port_of_another_name_with_a_dockerfile_of_the_persons(tmp_path: Path) -> None:
    files = {"server.js": "app.listen(process.env.APP_PORT)", "Dockerfile": "FROM node:24\nENV PORT=80\n"}
    texts = [note.text for note in app(tmp_path, server(), **files).notes]
    assert "server.js:1 reads the port from APP_PORT; your Dockerfile must set it." in texts


@pytest.mark.parametrize(
    "line", ["COPY .env.example ./", "COPY --from=build /app/.env ./", "COPY src ./", "COPY *.json ./"]
)
def test_what_a_dockerfile_may_copy(tmp_path: Path, line: str) -> None:
    text = f"FROM node:24 AS build\nFROM build\nEXPOSE 80\nUSER 1\n{line}\n"
    assert warnings(app(tmp_path, None, **{"Dockerfile": text, "src/a": "", ".env.example": ""})) == []
