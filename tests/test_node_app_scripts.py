from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ecrwiz.model.app import Start
from ecrwiz.services.node_app.scripts import quoted
from tests.test_node_app import NEXT, app, server, warnings


def start(root: Path, script: str, **more: object) -> Start:
    found = app(root, server(script, **more)).start
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("script", "command"),
    [
        ("node server.js", "node server.js"),
        ("node ./dist/main.js --flag=a", "node ./dist/main.js --flag=a"),
        ("NODE_ENV=production node server.js", "node server.js"),
        ("cross-env NODE_ENV=production PORT=4000 node server.js", "node server.js"),
        ("exec node server.js", "node server.js"),
        ("npx tsx server.ts", "tsx server.ts"),
        ("npx --yes tsx server.ts", "tsx server.ts"),
        ("pnpm exec tsx server.ts", "tsx server.ts"),
        ("yarn tsx server.ts", "tsx server.ts"),
        ("dotenv -e .env.production -- node server.js", "node server.js"),
        ("env-cmd -f .env node server.js", "node server.js"),
        ("node --enable-source-maps -r dotenv/config a.js", "node --enable-source-maps -r dotenv/config a.js"),
        ("serve -s dist -p 4000", 'serve -s dist -p "$PORT"'),
        ("serve --port=4000 dist", 'serve "--port=$PORT" dist'),
        ("tool --host localhost --port 80", 'tool --host "$HOSTNAME" --port "$PORT"'),
        ("tool --host 0.0.0.0 --port $PORT", 'tool --host 0.0.0.0 --port "$PORT"'),
        ("node a.js --to ${PORT:-3000}", 'node a.js --to "$PORT"'),
        ('node a.js "$DATA/x"', 'node a.js "${DATA:-}/x"'),
        ("node a.js 'a b'", "node a.js 'a b'"),
        ("bun run src/index.ts", "bun src/index.ts"),
        ("bun --hot src/index.ts", "bun src/index.ts"),
        ("pm2 start a.js", "pm2-runtime start a.js"),
        ("pm2-runtime start a.js", "pm2-runtime start a.js"),
        ("nodemon server.js", "node server.js"),
        ("nodemon --watch src -e ts --exec tsx src/server.ts", "tsx src/server.ts"),
        ("nodemon --exec 'npx tsx src/server.ts'", "tsx src/server.ts"),
        ("nodemon src/server.ts", "ts-node src/server.ts"),
        ("nodemon -r dotenv/config --delay 1 server.js", "node -r dotenv/config server.js"),
        ("ts-node-dev --respawn src/server.ts", "ts-node src/server.ts"),
        ("tsx watch src/server.ts", "tsx src/server.ts"),
        ("node --watch --inspect server.js", "node server.js"),
        ("npm run build && node server.js", "node server.js"),
        # What is more than one simple command runs under a shell.
        ("node a.js | pino-pretty", "sh -c 'node a.js | pino-pretty'"),
        ("node a.js & node b.js", "sh -c 'node a.js & node b.js'"),
        ("node a.js || node b.js", "sh -c 'node a.js || node b.js'"),
        ("cd server; node a.js", "sh -c 'cd server; node a.js'"),
        ("node dist/*.js", "sh -c 'node dist/*.js'"),
        ("node $(cat entry)", "sh -c 'node $(cat entry)'"),
        ("node `cat entry`", "sh -c 'node `cat entry`'"),
        ("node a.js > log", "sh -c 'node a.js > log'"),
        ("node a.js '$HOME'", "sh -c 'node a.js '\"'\"'$HOME'\"'\"''"),
        ("node 'unclosed", "sh -c 'node '\"'\"'unclosed'"),
        ("a || b -p 4000", "sh -c 'a || b -p $PORT'"),
        ("PORT=4000 node a.js | cat", "sh -c 'node a.js | cat'"),
    ],
)
def test_the_start_script(tmp_path: Path, script: str, command: str) -> None:
    more = {"devDependencies": {"ts-node": "10"}}
    assert start(tmp_path, script, **more).command == command


@pytest.mark.parametrize(
    ("scripts", "command"),
    [
        ({"start": "npm run serve", "serve": "node a.js"}, "node a.js"),
        ({"start": "npm run serve -- --x 1", "serve": "node a.js"}, "node a.js --x 1"),
        ({"start": "yarn serve --x", "serve": "node a.js"}, "node a.js --x"),
        ({"start": "pnpm run -s serve", "serve": "node a.js"}, "node a.js"),
        ({"start": "bun run serve", "serve": "node a.js"}, "node a.js"),
        ({"start": "node --run serve", "serve": "node a.js"}, "node a.js"),
        ({"start": "A=1 npm run b", "b": "B=2 npm run c", "c": "node a.js"}, "node a.js"),
        ({"start": "npm run build && npm run serve", "build": "tsc", "serve": "node a.js"}, "node a.js"),
        ({"start": "node dev.js", "start:prod": "node prod.js"}, "node prod.js"),
        ({"start": "npm start"}, "sh -c 'npm start'"),
        ({"start": "npm run a", "a": "npm run start"}, "sh -c 'npm run start'"),
    ],
)
def test_scripts_that_call_scripts(tmp_path: Path, scripts: dict[str, str], command: str) -> None:
    found = app(tmp_path, server(scripts=scripts)).start
    assert found is not None
    assert found.command == command


@pytest.mark.parametrize(
    ("script", "environment"),
    [
        ("NODE_ENV=production node a.js", {}),
        ("NODE_ENV=staging LOG='a b' node a.js", {"NODE_ENV": "staging", "LOG": "a b"}),
        ("cross-env NODE_OPTIONS=--max-old-space-size=4096 node a.js", {"NODE_OPTIONS": "--max-old-space-size=4096"}),
        ("PORT=1 HOSTNAME=x HOST=y node a.js", {}),
        ("A=$HOME node a.js", {}),
    ],
)
def test_assignments_before_it(tmp_path: Path, script: str, environment: dict[str, str]) -> None:
    assert start(tmp_path, script).environment == environment


@pytest.mark.parametrize(
    ("script", "port"),
    [
        ("next start", 3000),
        ("next start -p 4000", 4000),
        ("next start --port=4001", 4001),
        ("next start --port 4002 -H 0.0.0.0", 4002),
        ("PORT=4003 next start", 4003),
        ("cross-env PORT='4004' next start", 4004),
        ("next start -p $PORT", 3000),
        ("next start -p ${PORT:-8080}", 3000),
        ("next start -p 99999", 3000),
        ("next start -p 123456", 3000),
        ("next start --support 5", 3000),
        ("REPORT=5 next start", 3000),
        ("next start -p 4005 | cat", 4005),
    ],
)
def test_port_from_the_start_script(tmp_path: Path, script: str, port: int) -> None:
    assert app(tmp_path, {**NEXT, "scripts": {"start": script}}).port == port


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("prisma migrate deploy && node a.js", "`prisma migrate deploy` first; the image starts only the server"),
        ("npm run migrate && node a.js", "`npm run migrate` first"),
        ("npm start -- --x || true", "calls a package manager"),
    ],
)
def test_what_is_left_out_is_a_warning(tmp_path: Path, script: str, words: str) -> None:
    assert any(words in text for text in warnings(app(tmp_path, server(script))))


@pytest.mark.parametrize(
    ("script", "command"),
    [
        ("node --env-file=.env server.js", "node server.js"),
        ("node --env-file .env server.js", "node server.js"),
        ("node --env-file-if-exists=./config/.env.production --trace-warnings a.js", "node --trace-warnings a.js"),
        ("bun --env-file=.env src/a.ts", "bun src/a.ts"),
        ("tsx --env-file=.env --env-file=.env.local a.ts", "tsx a.ts"),
        ("node --env-file=.env a.js | cat", "sh -c 'node a.js | cat'"),
        ('node --env-file ".env" a.js; true', "sh -c 'node a.js; true'"),
    ],
)
def test_an_env_file_that_node_itself_loads(tmp_path: Path, script: str, command: str) -> None:
    found = app(tmp_path, server(script))
    assert found.start is not None
    assert found.start.command == command
    assert any("loads a .env file, which is not in the image" in note.text for note in found.notes)


def test_a_file_of_settings_that_is_in_the_image_stays(tmp_path: Path) -> None:
    found = app(tmp_path, server("node --env-file=config/defaults.env server.js"))
    assert found.start is not None
    assert found.start.command == "node --env-file=config/defaults.env server.js"
    assert not any(".env file" in note.text for note in found.notes)


PM2: dict[str, Any] = {"dependencies": {"pm2": "6"}}


@pytest.mark.parametrize(
    ("script", "command"),
    [
        ("pm2 start a.js", "pm2-runtime start a.js"),
        ("pm2 a.js", "pm2-runtime a.js"),
        ("npx pm2 start ecosystem.config.js --no-daemon", "pm2-runtime start ecosystem.config.js"),
        ("pm2-docker start a.js", "pm2-runtime start a.js"),
        ("pm2 start a.js -i max && pm2 logs", "pm2-runtime start a.js -i max"),
        ("pm2 delete all; pm2 start a.js", "sh -c 'pm2 delete all; pm2-runtime start a.js'"),
    ],
)
def test_pm2_stays_in_the_foreground_and_has_a_folder(tmp_path: Path, script: str, command: str) -> None:
    found = app(tmp_path, server(script, **PM2))
    assert found.start is not None
    assert found.start.command == command
    assert found.start.environment["PM2_HOME"] == "/tmp/.pm2"
    assert warnings(found) == warnings(app(tmp_path, server(**PM2)))


def test_a_folder_of_pm2_that_the_script_names(tmp_path: Path) -> None:
    found = app(tmp_path, server("PM2_HOME=/tmp/mine pm2 start a.js", **PM2))
    assert found.start is not None
    assert found.start.environment == {"PM2_HOME": "/tmp/mine"}


@pytest.mark.parametrize(
    ("more", "script", "words"),
    [
        ({}, "pm2 start a.js", "is not among the dependencies"),
        (PM2, "pm2 start npm --name x -- run serve", "call a package manager"),
    ],
)
def test_what_pm2_cannot_start(tmp_path: Path, more: dict[str, object], script: str, words: str) -> None:
    assert any(words in text for text in warnings(app(tmp_path, server(script, **more))))


def test_a_build_before_the_start_is_none(tmp_path: Path) -> None:
    found = app(tmp_path, server("npm run build && node a.js"), **{"package-lock.json": "{}"})
    assert warnings(found) == []
    assert any("the image does that when it is built" in note.text for note in found.notes)


def test_prestart_is_named(tmp_path: Path) -> None:
    found = app(tmp_path, server(scripts={"prestart": "node migrate.js", "start": "node a.js"}))
    assert any("node migrate.js" in text for text in warnings(found))


def test_a_shell_is_said_to_hand_no_signals_on(tmp_path: Path) -> None:
    found = app(tmp_path, server("node a.js | cat"))
    assert any("runs under a shell" in note.text for note in found.notes)


@pytest.mark.parametrize(
    ("package", "command", "keeps"),
    [
        ({"devDependencies": {"tsx": "4"}}, "tsx a.ts", True),
        ({"dependencies": {"tsx": "4"}}, "tsx a.ts", False),
        ({"devDependencies": {"ts-node": "10"}}, "node -r ts-node/register a.ts", True),
        ({"devDependencies": {"tsx": "4"}}, "node --import=tsx a.ts", True),
        ({"devDependencies": {"@swc-node/register": "4"}}, "node --import @swc-node/register/esm a.ts", True),
        ({"devDependencies": {"tsx": "4"}}, "node a.js", False),
        ({"devDependencies": {"pm2": "4"}}, "pm2-runtime a.js", True),
        ({"devDependencies": {"concurrently": "4"}}, "concurrently a b | cat", True),
    ],
)
def test_a_program_of_the_dev_dependencies(
    tmp_path: Path, package: dict[str, object], command: str, keeps: bool
) -> None:
    assert start(tmp_path, command, **package).keeps_dev is keeps


@pytest.mark.parametrize(
    ("more", "files", "command"),
    [
        ({"main": "lib/a.js"}, {"lib/a.js": ""}, "node lib/a.js"),
        ({"main": "./lib/a"}, {"lib/a.js": ""}, "node lib/a"),
        ({"main": "gone.js"}, {"index.js": ""}, "node index.js"),
        ({}, {"server.js": "", "src/index.js": ""}, "node server.js"),
        ({}, {"src/server.mjs": ""}, "node src/server.mjs"),
        ({"devDependencies": {"tsx": "4"}}, {"src/index.ts": ""}, "tsx src/index.ts"),
        ({}, {"index.ts": "", "bun.lock": ""}, "bun index.ts"),
        ({}, {"index.ts": ""}, "node index.ts"),
        ({"main": "../evil.js"}, {"index.js": ""}, "node index.js"),
        ({"main": "a;rm -rf .js"}, {"index.js": "", "a;rm -rf .js": ""}, "node index.js"),
        (
            {"main": "made/a.js", "scripts": {"build": "tsc"}},
            {"tsconfig.json": '{ // c\n "compilerOptions": {"outDir": "./made",}, }'},
            "node made/a.js",
        ),
    ],
)
def test_without_a_start_script(tmp_path: Path, more: dict[str, object], files: dict[str, str], command: str) -> None:
    found = app(tmp_path, {"name": "x", **more}, **files).start
    assert found is not None
    assert found.command == command
    assert found.runtime == ("bun" if command.startswith("bun") else "node")


HOSTILE = [
    "node 'a; touch pwned'",
    "node a.js '$(touch pwned)'",
    'node "a\\"; touch pwned; \\""',
    "A='x; touch pwned' node a.js",
    "node $'a'",
    "node ${A:-$(touch pwned)}",
    'node "${A:-`touch pwned`}"',
    "node a.js #' && touch pwned",
    "node a\\;touch\\ pwned",
    "node ~root",
    "node {a,b}",
    "node '\\''; touch pwned; '",
    "node $A;touch pwned",
]


@pytest.mark.parametrize("script", HOSTILE)
def test_a_command_is_never_more_than_one_command(tmp_path: Path, script: str) -> None:
    """What stands behind `exec` names node or a shell with one argument; a shell reads it as just these words."""
    command = start(tmp_path, script).command
    assert "\n" not in command
    fakes = tmp_path / "bin"
    fakes.mkdir()
    for name in ("node", "sh"):
        (fakes / name).write_text(f'#!/bin/sh\necho {name} "$#"\n')
        (fakes / name).chmod(0o755)
    environment = {"PATH": f"{fakes}:/usr/bin:/bin", "PORT": "1", "HOSTNAME": "h"}
    ran = subprocess.run(
        ["/bin/sh", "-euc", f"exec {command}"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert ran.stdout.split()[0] in ("node", "sh"), ran
    if ran.stdout.startswith("sh"):
        assert ran.stdout.split()[1] == "2"
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("script", ["node a.js\ntouch pwned", "node a.js \x1b[2J", "node a\u202e.js"])
def test_a_script_with_line_breaks_or_control_signs_is_none(tmp_path: Path, script: str) -> None:
    assert app(tmp_path, server(script)).start is None


@pytest.mark.parametrize("word", ["a b", "a'b", 'a"b', "$(x)", "`x`", "a\\b", "~", "*", "$1", "${A:-$(x)}", "a$"])
def test_quoted_words_are_literal(word: str) -> None:
    assert shlex.split(quoted(word)) == [word]
    printed = subprocess.run(["/bin/sh", "-c", f"printf %s {quoted(word)}"], capture_output=True, text=True, check=True)
    assert printed.stdout == word


def test_an_unset_variable_is_empty_and_no_error() -> None:
    ran = subprocess.run(
        ["/bin/sh", "-euc", f"printf %s {quoted('a$NOPE/b')}"], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "a/b"
