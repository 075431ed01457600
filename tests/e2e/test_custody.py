"""The ledger, the proof of absence and the exports on a real run: Terraform, gnome-keyring, botocore, git."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest
from botocore.session import Session

from ecrwiz.sandbox.client import stop
from tests.e2e.conftest import World, make_world

pytestmark = pytest.mark.e2e
NEEDED = ("gnome-keyring-daemon", "dbus-daemon")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, mirror: Path | None) -> Iterator[World]:
    """A project whose CI key was made, kept and exported to GitHub."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    assert not missing, f"not installed: {missing}"
    world = make_world(tmp_path_factory.mktemp("custody"), mirror=mirror)
    done = world.run("run", "render", "provision", "credentials", "github", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    yield world
    stop(world.data)


def secret_of(world: World) -> tuple[str, str]:
    """The key, as a program gets it."""
    done = world.run("export", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["Version"] == 1
    assert found["SecretAccessKey"] not in done.stderr
    return found["AccessKeyId"], found["SecretAccessKey"]


def where(world: World) -> tuple[int, dict[str, Any]]:
    done = world.run("credentials", "where", "--json")
    assert done.stdout, done.stderr
    assert secret_of(world)[1] not in done.stdout + done.stderr
    return done.returncode, json.loads(done.stdout)


def aws_environment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the AWS tools find in the person's shell."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(world.data / "aws" / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(world.data / "aws" / "credentials"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", world.info.aws)
    monkeypatch.setenv("HOME", str(world.home))
    monkeypatch.setenv("PYTHONPATH", world.environ["PYTHONPATH"])


def test_the_ledger_and_the_proof(made: World) -> None:
    key, _ = secret_of(made)
    code, found = where(made)
    assert code == 0
    assert found["access_key_id"] == key
    assert found["warnings"] == []
    kinds = {(copy["kind"], copy["state"], copy["access_key_id"]) for copy in found["copies"]}
    assert kinds == {("iam-key", "there", key), ("keyring", "there", key), ("github", "there", key)}
    assert not [search["place"] for search in found["searches"] if search["secret"]]
    assert [search["place"] for search in found["searches"] if not search["complete"]] == []
    by_place = {search["place"]: search for search in found["searches"]}
    assert by_place["Terraform's state and its backups"]["key_id"]
    shown = made.run("credentials", "show")
    assert key in shown.stdout
    assert "active" in shown.stdout


def test_what_a_person_does_by_mistake_is_found(made: World) -> None:
    _, secret = secret_of(made)
    leak = made.root / "deploy.sh"
    leak.write_text(f"#!/bin/sh\nexport AWS_SECRET_ACCESS_KEY={secret}\n")
    (made.home / ".bash_history").write_text(f"ls\naws configure set aws_secret_access_key {secret}\n")
    code, found = where(made)
    assert code == 1
    assert sorted(line for search in found["searches"] for line in search["secret"]) == [
        "deploy.sh:2", "~/.bash_history:2"
    ]  # fmt: skip
    subprocess.run(["git", "add", "deploy.sh"], cwd=made.root, check=True)
    leak.unlink()
    (made.home / ".bash_history").unlink()
    code, found = where(made)
    (line,) = [line for search in found["searches"] for line in search["secret"]]
    assert (code, line.startswith("deploy.sh in the index (blob ")) == (1, True)
    subprocess.run(["git", "rm", "-q", "--cached", "deploy.sh"], cwd=made.root, check=True)
    subprocess.run(["git", "prune", "--expire=now"], cwd=made.root, check=True)
    assert where(made)[0] == 0


def test_a_profile_that_the_sdk_uses_and_that_holds_no_secret(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    key, secret = secret_of(made)
    done = made.run("export", "profile", "--name", "ci")
    assert done.returncode == 0, done.stderr
    config = made.data / "aws" / "config"
    assert secret not in config.read_text()
    aws_environment(made, monkeypatch)
    session = Session(profile="ci")
    assert session.get_credentials().get_frozen_credentials()[:2] == (key, secret)
    who = session.create_client("sts").get_caller_identity()
    assert who["Arn"].endswith(":user/ci-blog-dev-server-user")


def test_copies_are_known_when_the_key_is_replaced(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    old, old_secret = secret_of(made)
    done = made.run("export", "env", "--gitignore")
    assert done.returncode == 0, done.stderr
    path = made.root / ".env.ci"
    assert f"AWS_SECRET_ACCESS_KEY={old_secret}\n" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    code, found = where(made)
    assert code == 0, "a copy that was asked for is in the ledger, and is no find"
    assert ("file", "there", old) in {(one["kind"], one["state"], one["access_key_id"]) for one in found["copies"]}

    done = made.run("credentials", "rotate", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{path} still holds the access key {old}" in done.stdout
    new, secret = secret_of(made)
    assert new != old
    code, found = where(made)
    assert code == 0
    assert any(f"holds the access key {old}, which AWS does not accept" in line for line in found["warnings"])
    for name in made.root.glob(".ecrwiz/**/*"):
        if name.is_file():
            assert secret.encode() not in name.read_bytes(), name

    aws_environment(made, monkeypatch)
    assert Session(profile="ci").get_credentials().access_key == new, "the profile has the key of the day"
    assert made.run("export", "env").returncode == 0
    assert where(made)[1]["warnings"] == []


def test_copying_into_the_clipboard_ends_with_ctrl_c(made: World, tmp_path: Path) -> None:
    _, secret = secret_of(made)
    held = tmp_path / "held"
    for name, body in (("wl-copy", f"cat > {held}"), ("wl-paste", f"cat {held}")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    environ = made.environ | {"WAYLAND_DISPLAY": "x", "PATH": f"{tmp_path}:{made.environ['PATH']}"}
    program, *words = made.command("credentials", "copy")
    child = pexpect.spawn(program, words, env=environ, encoding="utf-8", timeout=60, dimensions=(24, 200))
    child.expect("or at once with Ctrl-C")
    assert held.read_text() == secret
    child.sendintr()
    child.expect("does not have it any more")
    child.expect(pexpect.EOF)
    child.close()
    assert held.read_text() == ""
    assert child.exitstatus == 130
    assert program == sys.executable


def test_a_destroy_takes_file_and_profile_back(made: World) -> None:
    path, config = made.root / ".env.ci", made.data / "aws" / "config"
    assert path.exists()
    assert "[profile ci]" in config.read_text()
    done = made.run("destroy", "--yes", "--confirm", "blog")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"  file {path}" in done.stdout, "it is named before anything is removed"
    assert f"  AWS profile ci in {config}" in done.stdout
    assert not path.exists()
    assert "[profile ci]" not in config.read_text()
    assert "[profile ecrwiz-sandbox]" in config.read_text()
    found = made.run("credentials", "where")
    assert found.returncode == 0, found.stdout
    assert "there is no secret to search for" in found.stdout
