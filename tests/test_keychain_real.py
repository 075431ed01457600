"""The keyring service against the real Secret Service: gnome-keyring in a private D-Bus session."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecrwiz.services import openpgp

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = ("dbus-run-session", "gnome-keyring-daemon")
MISSING = [name for name in PROGRAMS if shutil.which(name) is None]

pytestmark = pytest.mark.skipif(
    bool(MISSING) and not os.environ.get("CI"), reason=f"not installed: {', '.join(MISSING)}"
)

UNLOCK = "printf secret-of-the-login | gnome-keyring-daemon --unlock --components=secrets >/dev/null"
LOCKED = "gnome-keyring-daemon --start --components=secrets </dev/null >/dev/null"

# What runs inside the session: Python with the service, answering one JSON line.
PRELUDE = """
import asyncio, json, sys, time
from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.redact import Secret
from ecrwiz.services.keychain import *

async def attempt(awaitable):
    try:
        return await awaitable
    except EcrwizError as error:
        return f"{type(error).__name__}: {error.message}"

async def main():
    kept = Keychain(SECONDS)
    entry = entry_name("123456789012", "shop", "dev")
    backend = await kept.probe()
    out = {"name": backend.name, "usable": backend.usable, "reason": backend.reason}
BODY
    print(json.dumps(out))

asyncio.run(main())
"""

# Owns the Secret Service's name and never answers, as a daemon does whose HOME is gone.
MUTE = """
from jeepney import message_bus
from jeepney.io.blocking import open_dbus_connection
bus = open_dbus_connection()
bus.send_and_get_reply(message_bus.RequestName("org.freedesktop.secrets"))
print("owned", flush=True)
try:
    while True:
        bus.receive()
except OSError:
    pass  # the session is over
"""


@pytest.fixture
def home() -> Iterator[Path]:
    # Not tmp_path: gnome-keyring makes a socket below it, and a socket's path is limited to 108 bytes.
    with tempfile.TemporaryDirectory(prefix="ecrwiz-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def session(home: Path, start: str, body: str, seconds: float = 15) -> dict[str, Any]:
    """Run `body` in a D-Bus session of its own after `start`, a piece of shell, and give its answer."""
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    code = PRELUDE.replace("SECONDS", repr(seconds)).replace("BODY", lines)
    env = {
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
    }
    shell = f'{start}\nexec "$0" -c "$1"'
    argv = ["dbus-run-session", "--", "sh", "-c", shell, sys.executable, code]
    ran = subprocess.run(argv, env=env, cwd=home, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    answer: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return answer


def left_behind(home: Path) -> list[str]:
    """Command lines of processes that still live in this session's home."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"HOME={home}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # it ended meanwhile, or is somebody else's
    return found


def ended(home: Path) -> bool:
    """Wait until every process of this session is gone."""
    deadline = time.monotonic() + 10
    while (left := left_behind(home)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []
    return True


def test_present_keeps_across_sessions_and_deletes(home: Path) -> None:
    answer = session(
        home,
        UNLOCK,
        """
await kept.store(entry, pack("AKIAEXAMPLE", Secret("s3cret/+é")))
again = Keychain(5)
access_key_id, secret = unpack(await again.read(entry))
out["read"] = [access_key_id, secret.reveal()]
""",
    )
    assert answer == {
        "name": "SecretService Keyring",
        "usable": True,
        "reason": "",
        "read": ["AKIAEXAMPLE", "s3cret/+é"],
    }
    answer = session(
        home,
        UNLOCK,
        """
out["kept"] = unpack(await kept.read(entry))[1].reveal()
out["deleted"] = [await kept.delete(entry), await kept.delete(entry)]
out["after"] = await kept.read(entry)
""",
    )
    assert (answer["kept"], answer["deleted"], answer["after"]) == ("s3cret/+é", [True, False], None)
    for file in home.rglob("*.keyring"):
        assert b"s3cret" not in file.read_bytes()


def test_openpgp_half_survives(home: Path) -> None:
    pair = openpgp.generate("ecrwiz shop-dev")
    (home / "half").write_text(pair.private.reveal(), encoding="ascii")
    answer = session(
        home,
        UNLOCK,
        """
name = pgp_entry_name("123456789012", "shop", "dev")
half = open("half").read()
await kept.store(name, Secret(half))
out["same"] = (await kept.read(name)).reveal() == half
""",
    )
    assert answer["same"] is True


def test_the_entry_of_a_rotation_goes_and_the_one_in_use_stays(home: Path) -> None:
    session(
        home,
        UNLOCK,
        """
await kept.store(entry, pack("AKIA1", Secret("one")))
await kept.store(next_entry_name("123456789012", "shop", "dev"), pack("AKIA2", Secret("two"), "nonce1"))
""",
    )
    answer = session(
        home,
        UNLOCK,
        """
name = next_entry_name("123456789012", "shop", "dev")
waiting = await kept.read(name)
out["waiting"] = [unpack(waiting)[0], rotation_of(waiting)]
await kept.store(entry, pack("AKIA2", unpack(waiting)[1]))
out["deleted"] = [await kept.delete(name), await kept.delete(name)]
out["after"] = [await kept.read(name), unpack(await kept.read(entry))[1].reveal()]
""",
    )
    assert answer["waiting"] == ["AKIA2", "nonce1"]
    assert answer["deleted"] == [True, False]
    assert answer["after"] == [None, "two"]


def test_locked(home: Path) -> None:
    session(home, UNLOCK, 'await kept.store(entry, Secret("x"))')
    answer = session(home, LOCKED, 'out["store"] = await attempt(kept.store(entry, Secret("y")))')
    assert answer["usable"] is False
    assert answer["name"] == "SecretService Keyring"
    assert "locked" in answer["reason"]
    assert answer["store"] == f"MissingToolError: {answer['reason']}"
    assert session(home, UNLOCK, 'out["read"] = (await kept.read(entry)).reveal()')["read"] == "x"


def test_never_set_up_and_no_desktop_to_ask(home: Path) -> None:
    answer = session(home, LOCKED, 'out["read"] = await attempt(kept.read(entry))')
    assert answer["usable"] is False
    assert "prompt was dismissed or could not be shown" in answer["reason"]
    assert answer["read"].startswith("MissingToolError: ")


@pytest.mark.parametrize("address", ["", "unix:path=/nonexistent/bus"])
def test_absent(home: Path, address: str) -> None:
    start = f"export DBUS_SESSION_BUS_ADDRESS={address}; [ -n '{address}' ] || unset DBUS_SESSION_BUS_ADDRESS"
    answer = session(home, start, 'out["store"] = await attempt(kept.store(entry, Secret("y")))')
    assert answer["usable"] is False
    assert "no keyring service" in answer["reason"]
    assert answer["store"].startswith("MissingToolError: ")


def test_service_that_never_answers(home: Path) -> None:
    (home / "mute.py").write_text(MUTE, encoding="utf-8")
    start = '"$0" mute.py >owned 2>mute.log & while [ ! -s owned ]; do sleep 0.05; done'
    began = time.monotonic()
    answer = session(
        home,
        start,
        """
began = time.monotonic()
out["store"] = await attempt(kept.store(entry, Secret("y")))
out["read"] = await attempt(kept.read(entry))
out["seconds"] = time.monotonic() - began
""",
        seconds=1,
    )
    assert answer["usable"] is False
    assert "within 1 seconds" in answer["reason"]
    assert answer["store"].startswith("MissingToolError: ")
    assert answer["read"].startswith("MissingToolError: ")
    assert answer["seconds"] < 0.5  # the deadline was paid for by the probe, once
    assert time.monotonic() - began < 20  # and the stuck thread does not keep the process alive
    assert ended(home)


def test_home_is_gone(home: Path) -> None:
    start = "export HOME=/nonexistent/home XDG_RUNTIME_DIR=/nonexistent/home"
    answer = session(home, start, 'out["store"] = await attempt(kept.store(entry, Secret("y")))', seconds=2)
    assert answer["usable"] is False
    assert answer["store"] == f"MissingToolError: {answer['reason']}"


def test_no_process_is_left_behind(home: Path) -> None:
    session(home, UNLOCK, 'await kept.store(entry, Secret("x"))')
    assert ended(home)
