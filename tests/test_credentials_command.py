"""`ecrwiz credentials`: what is shown and printed, and its exit codes."""

from __future__ import annotations

import asyncio
import errno
import json
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ecrwiz import cli, console
from ecrwiz.flow.clipboard import Clipboard
from ecrwiz.flow.context import Approvals
from ecrwiz.flow.events import RunFinished, Status, StepId
from ecrwiz.flow.project import Project
from ecrwiz.flow.toolbox import Toolbox
from ecrwiz.model.errors import MissingToolError
from ecrwiz.model.redact import MASK, Secret
from ecrwiz.services.iam import LastUse
from tests.custody_kit import ENTRY, KEPT, KEY_ID, SECRET, fake_ring, open_kept, record
from tests.test_custody import Cloud


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """AWS and the keyring in every project that is opened from now on."""
    kept, cloud = fake_ring(), Cloud()
    monkeypatch.setattr(Toolbox, "keychain", property(lambda _: kept))
    monkeypatch.setattr(Toolbox, "aws", lambda *_: cloud)
    monkeypatch.setattr(Toolbox, "iam", lambda *_: cloud)
    return cloud


@pytest.fixture
async def root(next_app: Path, world: Cloud) -> Path:
    await open_kept_on_disk(next_app)
    return next_app


async def open_kept_on_disk(folder: Path) -> Project:
    """The journal of a whole run lies there afterwards."""
    return await open_kept(folder)


@dataclass
class Said:
    code: int
    out: str
    err: str


async def run(root: Path, *words: str, typed: str | None = None) -> Said:
    arguments = ["-C", str(root), "credentials", *words, "--set", "project_id=blog"]
    done = await asyncio.to_thread(CliRunner().invoke, cli.commands, arguments, input=typed, standalone_mode=False)
    code = done.return_value if done.exception is None else getattr(done.exception, "exit_code", 99)
    said = Said(code, done.stdout, done.stderr + str(done.exception or ""))
    assert SECRET not in said.out + said.err
    return said


async def test_show(root: Path, world: Cloud) -> None:
    said = await run(root, "show")
    assert said.code == 0
    for words in (f"{KEY_ID}, active", MASK, "3 days ago", "never used", "123456789012", "access-key"):
        assert words in said.out
    found = json.loads((await run(root, "show", "--json")).out)
    assert (found["access_key_id"], found["status"], found["warnings"]) == (KEY_ID, "Active", [])
    assert found["created"].endswith("+00:00")
    assert found["copies"][1]["place"] == f"keyring entry {ENTRY}"
    assert found["last_used"] is None
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    world.used[KEY_ID] = LastUse(when, "iam", "N/A")
    found = json.loads((await run(root, "show", "--json")).out)
    assert found["last_used"] == {"at": "2026-01-02T03:04:05+00:00", "service": "iam", "region": ""}
    assert "used" not in found


async def test_show_when_aws_cannot_be_asked(root: Path, world: Cloud) -> None:
    world.error = MissingToolError("There are no AWS credentials.", "Log in first.")
    said = await run(root, "show")
    assert said.code == 3
    assert "  name        unknown: AWS could not be asked\n" in said.out
    assert "! AWS could not be asked about the CI identity: There are no AWS credentials. Log in first.\n" in said.out
    assert "none is there" not in said.out
    said = await run(root, "show", "--json")
    assert (said.code, json.loads(said.out)["problem"]) == (3, "There are no AWS credentials. Log in first.")


async def test_show_when_nothing_is_there(root: Path, world: Cloud) -> None:
    world.keys, world.tags = (), None
    said = await run(root, "show")
    assert (said.code, "  name        none is there\n" in said.out) == (0, True)


async def test_where_of_a_folder_without_a_key_when_aws_cannot_be_asked(next_app: Path, world: Cloud) -> None:
    world.error = MissingToolError("There are no AWS credentials.")
    said = await run(next_app, "where")
    assert (said.code, "not made yet" in said.out) == (0, False)
    assert "cannot be asked for at AWS, and this folder knows no key: there is no secret to search for." in said.out


async def test_show_has_the_user_and_the_role_while_a_key_is_replaced(root: Path, world: Cloud) -> None:
    user = "arn:aws:iam::123456789012:user/ci-blog-dev-server-user"
    said = await run(root, "show", "--set", "ci_identity=both")
    assert f"  user        {user}\n  role        none is there\n" in said.out
    world.arn = "arn:aws:iam::123456789012:role/ci-blog-dev-server-role"
    said = await run(root, "show", "--set", "ci_identity=both")
    assert f"  user        {user}\n  role        {world.arn}\n" in said.out
    found = json.loads((await run(root, "show", "--set", "ci_identity=both", "--json")).out)
    assert (found["user"], found["role"]) == (user, world.arn)


async def test_where_nothing_is_wrong(root: Path) -> None:
    said = await run(root, "where")
    assert said.code == 0, said.out
    assert f"✓ there   keyring entry {ENTRY}" in said.out
    assert "The secret is in none of these places." in said.out
    assert "✗" not in said.out
    assert "; the key's id found at 2 places\n" in said.out, "by the two steps of the journal"


async def test_where_of_a_role_claims_nothing_about_a_secret(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_role = ("where", "--set", "ci_identity=oidc")
    said = await run(root, *as_role)
    assert "The secret is in none of these places." in said.out, "the old key is still in the keyring"
    empty = fake_ring(None)
    monkeypatch.setattr(Toolbox, "keychain", property(lambda _: empty))
    said = await run(root, *as_role)
    assert said.code == 0
    assert "which has no secret: only the ids of old access keys were searched for." in said.out
    assert "in none of these places" not in said.out


async def test_where_the_secret_is_found(root: Path) -> None:
    (root / "notes.txt").write_text(f"x\n{SECRET}\n")
    said = await run(root, "where")
    assert said.code == 1
    assert "the secret is in notes.txt:2" in said.out
    assert "Make it worthless with `ecrwiz credentials rotate`" in said.out
    found = json.loads((await run(root, "where", "--json")).out)
    assert found["exit_code"] == 1
    (leak,) = [one for one in found["searches"] if one["secret"]]
    assert leak["secret"] == ["notes.txt:2"]


async def test_where_it_cannot_be_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = fake_ring(None)
    monkeypatch.setattr(Toolbox, "keychain", property(lambda _: empty))
    said = await run(root, "where")
    assert said.code == 0
    assert "Only the id of its key was searched for" in said.out
    assert "Not everything could be read: the secret itself" in said.out


async def test_names_from_outside_do_no_harm_to_the_terminal(root: Path) -> None:
    (root / "a\x1b]0;x\x07\n  ✓ absent b").write_text(SECRET)
    said = await run(root, "where")
    assert said.code == 1
    assert "\n  ✓ absent b" not in said.out, "nor can they pretend to be a line of the report"
    assert "\x1b" not in said.out
    assert "\x07" not in said.out


async def test_copy_needs_a_person(root: Path) -> None:
    said = await run(root, "copy")
    assert said.code == 3
    assert "for a person at a terminal" in said.err


async def test_copied_until_the_time_is_over_or_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    held = tmp_path / "held"
    for name, body in (("wl-copy", f"cat > {held}"), ("wl-paste", f"cat {held}")):
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    board = Clipboard({"WAYLAND_DISPLAY": "x"}, tmp_path, None)
    await board.cleared()
    began = time.monotonic()
    assert (await board.copy_secret(Secret(SECRET), 0.5)).done
    assert held.read_text() == SECRET
    await board.cleared()
    assert held.read_text() == ""
    assert time.monotonic() - began >= 0.5
    await board.copy_secret(Secret(SECRET), 100)
    waiting = asyncio.create_task(board.cleared())
    await asyncio.sleep(0.05)
    waiting.cancel()
    await board.forget()
    assert held.read_text() == ""


HOLD = """
import asyncio, sys
from pathlib import Path
from types import SimpleNamespace
from ecrwiz import credentials_command as command
from ecrwiz.door import alone
from ecrwiz.flow import exports
from ecrwiz.model.redact import Secret

class Key:
    secret = Secret(sys.argv[2])

async def read_key(_):
    return Key()

exports.read_key = read_key
sys.stderr.isatty = lambda: True
sys.exit(alone(command._copy_secret(SimpleNamespace(paths=SimpleNamespace(state=Path(sys.argv[1]))))))
"""


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT])
@pytest.mark.parametrize("moment", ["given", "held"])
def test_what_ends_the_command_takes_the_secret_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, moment: str
) -> None:
    held, told = tmp_path / "held", tmp_path / "told"
    given = "sleep 0.5" if moment == "given" else ":"
    for name, body in (("wl-copy", f'[ "$1" = --help ] || {{ cat > {held}; {given}; }}'), ("wl-paste", f"cat {held}")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("WAYLAND_DISPLAY", "x")
    with told.open("w") as err:
        child = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path), SECRET], stderr=err)
    until = time.monotonic() + 30
    while time.monotonic() < until and child.poll() is None:
        if moment == "given" and held.exists() and held.read_text() == SECRET:
            break
        if "or at once with Ctrl-C" in told.read_text():
            break
        time.sleep(0.02)
    assert held.read_text() == SECRET
    child.send_signal(number)
    assert child.wait(30) == 128 + number, told.read_text()
    assert held.read_text() == ""
    assert told.read_text().endswith("The clipboard does not have it any more.\n")
    assert SECRET not in told.read_text()


async def test_a_terminal_that_is_gone_is_no_clipboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: str) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setenv("PATH", "")
    found = await Clipboard({"TERM": "xterm"}, tmp_path, gone).copy_secret(Secret(SECRET))
    assert (found.done, found.where) == (False, "the terminal is gone")


def test_no_core_is_dumped() -> None:
    wanted = "import resource, sys; from ecrwiz import cli; sys.argv = ['ecrwiz', '--version']\n"
    wanted += "try: cli.main()\nfinally: print(resource.getrlimit(resource.RLIMIT_CORE)[0])\n"

    def allow() -> None:
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (4096 if hard == resource.RLIM_INFINITY else hard, hard))

    done = subprocess.run(
        [sys.executable, "-c", wanted], capture_output=True, text=True, preexec_fn=allow, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "0"


# --- what is driven ---------------------------------------------------------------------------------------------------


@pytest.fixture
def driven(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[StepId, ...], Approvals, dict[str, Any]]]:
    found: list[tuple[tuple[StepId, ...], Approvals, dict[str, Any]]] = []

    async def drive(_: Project, steps: tuple[StepId, ...], approvals: Approvals, **more: Any) -> RunFinished:
        found.append((steps, approvals, more))
        return RunFinished("r", Status.OK, 1.0, 0)

    monkeypatch.setattr(console, "drive", drive)
    return found


AGREED = {
    ("rotate",): (StepId.ROTATE, False),
    ("rotate", "--yes"): (StepId.ROTATE, True),
    ("revoke",): (StepId.REVOKE, False),
    ("revoke", "--yes"): (StepId.REVOKE, False),
    ("revoke", "--yes", "--confirm", "other"): (StepId.REVOKE, False),
    ("revoke", "--confirm", "blog"): (StepId.REVOKE, False),
    ("revoke", "--yes", "--confirm", "blog"): (StepId.REVOKE, True),
}


@pytest.mark.parametrize("words", AGREED)
async def test_rotate_and_revoke(root: Path, driven: list[Any], words: tuple[str, ...]) -> None:
    assert (await run(root, *words)).code == 0
    ((steps, approvals, more),) = driven
    step, everything = AGREED[words]
    assert (steps, approvals.everything) == ((step,), everything)
    assert more == {"force": True, "as_json": False}


async def test_verify_is_the_same_command() -> None:
    group = cli.commands.commands["credentials"]
    assert group.commands["verify"] is cli.commands.commands["verify"]  # type: ignore[attr-defined]


async def test_status_reminds_of_an_old_key(root: Path) -> None:
    project = await open_kept(root)
    record(project, StepId.CREDENTIALS, KEPT, started=time.time() - 100 * 86_400)
    arguments = ["-C", str(root), "status", "--set", "project_id=blog"]
    done = await asyncio.to_thread(CliRunner().invoke, cli.commands, arguments, standalone_mode=False)
    assert f"! The CI access key {KEY_ID} is at least 100 days old" in done.output
    done = await asyncio.to_thread(CliRunner().invoke, cli.commands, [*arguments, "--json"], standalone_mode=False)
    assert len(json.loads(done.output)["warnings"]) == 1
