"""start.sh, run by a real shell."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ecrwiz.model.app import NodeApp, Start
from ecrwiz.model.errors import BadInputError
from tests.test_templates import APP, MANAGERS, NUXT, PLAIN, SERVER, SITE, TREE, WORKSPACE, files

SAYS = """#!/bin/sh
printf '%s|' "${0##*/}" "$PWD" "$PORT" "$HOSTNAME" "$NODE_ENV" "${NEXT_TELEMETRY_DISABLED-}" "$$"
printf '%s ' "$@"
"""


def start(folder: Path, app: NodeApp = APP, port: str = "3000", **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the rendered start.sh with programs that say how they were called; `args` is the pid that was started."""
    script = folder / "start.sh"
    script.write_text(files(app, TREE, port=port)["start.sh"])
    script.chmod(0o755)
    (folder / "bin").mkdir(exist_ok=True)
    for name in ("node", "tini", "bun"):
        (folder / "bin" / name).write_text(SAYS)
        (folder / "bin" / name).chmod(0o755)
    environ = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", **environ}
    process = subprocess.Popen(
        [script], env=environ, cwd="/", text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = process.communicate(timeout=30)
    return subprocess.CompletedProcess(str(process.pid), process.returncode, out, err)


@pytest.mark.parametrize(("given_port", "used"), [({}, "4321"), ({"PORT": "5000"}, "5000"), ({"PORT": ""}, "4321")])
def test_it_listens_where_it_is_told(tmp_path: Path, given_port: dict[str, str], used: str) -> None:
    done = start(tmp_path, APP, "4321", HOSTNAME="ip-10-0-0-1", NODE_ENV="development", **given_port)
    # The pid is the one that was started: exec, so that node gets the signals.
    assert done.stdout == f"node|{tmp_path}|{used}|0.0.0.0|production|1|{done.args}|server.js ", done.stderr


def test_next_without_standalone(tmp_path: Path) -> None:
    done = start(tmp_path, PLAIN, PORT="65535", BIND_ADDRESS="::")
    assert done.stdout.endswith(f"|{done.args}|node_modules/next/dist/bin/next start -p 65535 -H :: ")


@pytest.mark.parametrize(
    ("given", "home"),
    [({}, "/tmp"), ({"HOME": "/"}, "/tmp"), ({"HOME": ""}, "/tmp"), ({"HOME": "/home/node"}, "/home/node")],
)
def test_a_user_without_a_home_gets_one_that_can_be_written_to(
    tmp_path: Path, given: dict[str, str], home: str
) -> None:
    """An engine says `/`; a home that somebody set, read-only with settings in it, perhaps, stays."""
    done = start(tmp_path, replace(SERVER, start=Start("env", handles_sigterm=True)), **given)
    assert f"HOME={home}" in done.stdout.split("\n"), done.stderr


@pytest.mark.parametrize(
    ("command", "used"),
    [
        (
            'next start --keepAliveTimeout 70000 -p "$PORT" -H "$HOSTNAME"',
            "start --keepAliveTimeout 70000 -p 3000 -H 0.0.0.0 ",
        ),
        ('next start -p "$PORT" -H "$HOSTNAME"', "start -p 3000 -H 0.0.0.0 "),
        ("next start", "start -p 3000 -H 0.0.0.0 "),
    ],
)
def test_further_options_of_next_stay(tmp_path: Path, command: str, used: str) -> None:
    done = start(tmp_path, replace(PLAIN, start=Start(command)))
    assert done.stdout.endswith(f"|node_modules/next/dist/bin/next {used}")


@pytest.mark.parametrize(
    "bad", ["0", "65536", "99999", "123456", "-1", "3e3", " 80", "80 ", "08", "$(id)", "8;id", "*", "8\n9", "٣٠٠٠"]
)
def test_it_refuses_what_is_no_port(tmp_path: Path, bad: str) -> None:
    done = start(tmp_path, PORT=bad)
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr.startswith(f'start.sh: PORT is "{bad}"; it must be a whole number from 1 to 65535')


def test_a_server_of_the_applications_own(tmp_path: Path) -> None:
    app = replace(SERVER, start=Start('node dist/main.js --port "$PORT"', handles_sigterm=True))
    assert start(tmp_path, app, PORT="81").stdout.endswith("|dist/main.js --port 81 ")
    with_init = start(tmp_path, SERVER)
    assert with_init.stdout.startswith("tini|")
    assert with_init.stdout.endswith(f"|{with_init.args}|-- node dist/main.js ")


def test_programs_of_packages_are_found_in_the_application_then_in_the_root(tmp_path: Path) -> None:
    app = replace(SERVER, start=Start("serve-it now", handles_sigterm=True), workspace=WORKSPACE)
    web = tmp_path / "apps" / "web"
    for folder in (web, tmp_path):
        (folder / "node_modules" / ".bin").mkdir(parents=True)
        (folder / "node_modules" / ".bin" / "serve-it").write_text(SAYS.replace("%s|", folder.name + ":%s|", 1))
        (folder / "node_modules" / ".bin" / "serve-it").chmod(0o755)
    done = start(tmp_path, app)
    assert done.stdout.startswith(f"web:serve-it|web:{web}|"), done.stderr
    (web / "node_modules" / ".bin" / "serve-it").unlink()
    assert start(tmp_path, app).stdout.startswith(f"{tmp_path.name}:serve-it|")


def test_next_in_a_workspace_is_found_by_its_name(tmp_path: Path) -> None:
    programs = tmp_path / "node_modules" / ".bin"
    programs.mkdir(parents=True)
    (tmp_path / "apps" / "web").mkdir(parents=True)
    (programs / "next").write_text(SAYS)
    (programs / "next").chmod(0o755)
    done = start(tmp_path, replace(PLAIN, workspace=WORKSPACE))
    assert done.stdout.startswith(f"next|{tmp_path}/apps/web|3000|0.0.0.0|production|1|"), done.stderr
    assert done.stdout.endswith("|start -p 3000 -H 0.0.0.0 ")


def test_plug_n_play_tells_node_where_packages_are(tmp_path: Path) -> None:
    app = replace(SERVER, manager=MANAGERS["pnp"], start=Start("env", handles_sigterm=True))
    lines = start(tmp_path, app, NODE_OPTIONS="--max-old-space-size=99").stdout.split("\n")
    assert f"NODE_OPTIONS=--require {tmp_path}/.pnp.cjs --max-old-space-size=99" in lines
    (tmp_path / ".pnp.loader.mjs").write_text("")
    options = next(line for line in start(tmp_path, app).stdout.split("\n") if line.startswith("NODE_OPTIONS="))
    assert options == (
        f"NODE_OPTIONS=--experimental-loader file://{tmp_path}/.pnp.loader.mjs --require {tmp_path}/.pnp.cjs "
    )


def test_variables_of_the_start_script(tmp_path: Path) -> None:
    environment = {"HOST": "$HOSTNAME", "NITRO_PORT": "$PORT", "A": "it's $PORT `id` \\", "PORT": "1", "NODE_ENV": "x"}
    app = replace(NUXT, start=Start("env", environment, handles_sigterm=True))
    lines = start(tmp_path, app, PORT="77").stdout.split("\n")
    assert {"HOST=0.0.0.0", "NITRO_PORT=77", "A=it's $PORT `id` \\", "PORT=77", "NODE_ENV=production"} <= set(lines)


@pytest.mark.parametrize(("given", "shown"), [({}, "0.0.0.0"), ({"BIND_ADDRESS": "::"}, "[::]")])
def test_static_files(tmp_path: Path, given: dict[str, str], shown: str) -> None:
    done = start(tmp_path, SITE, PORT="8080", **given)
    assert done.stdout.endswith(
        f"|server/node_modules/serve/build/main.js site --listen tcp://{shown}:8080"
        " --single --no-clipboard --no-port-switching --no-request-logging "
    )


@pytest.mark.parametrize(
    "command", ["", "node a\nrm -rf /", "node a\\", "node a\x00", "cat <<X", "node a\u2028b", "-e x", "#x"]
)
def test_a_command_that_would_not_end_with_its_line_is_refused(command: str) -> None:
    with pytest.raises(BadInputError, match="The start command is"):
        files(replace(SERVER, start=Start(command)))


@pytest.mark.parametrize(("name", "value"), [("A B", "x"), ("A;id", "x"), ("A", "x\ny"), ("", "x")])
def test_a_variable_that_no_shell_takes_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadInputError):
        files(replace(SERVER, start=Start("node a", {name: value})))
