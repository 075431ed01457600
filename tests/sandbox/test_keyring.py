"""The sandbox's own keyring: a real gnome-keyring in a private D-Bus session."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from ecrwiz.sandbox import Sandbox

if TYPE_CHECKING:
    import pytest

PROGRAM = """
import keyring, sys
backend = type(keyring.get_keyring())
print(backend.__module__)
name = sys.argv[1]
keyring.set_password("ecrwiz", name, sys.argv[2])
print(keyring.get_password("ecrwiz", name))
if sys.argv[3] == "delete":
    keyring.delete_password("ecrwiz", name)
    print(keyring.get_password("ecrwiz", name))
"""


def run(box: Sandbox, *arguments: str) -> list[str]:
    environment = {name: value for name, value in os.environ.items() if name not in box.remove}
    return subprocess.check_output(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**environment, **box.environment()},
        text=True,
        timeout=20,
    ).splitlines()


def test_secrets_are_kept_read_back_and_deleted(box: Sandbox) -> None:
    said = run(box, "one", "a secret ✓", "delete")
    assert said == ["keyring.backends.SecretService", "a secret ✓", "None"]


def test_a_secret_outlives_the_process_and_lies_encrypted(box: Sandbox) -> None:
    secret = "to-be-found-nowhere-in-clear"
    assert run(box, "two", secret, "keep")[1] == secret
    files = [path for path in box.data_dir.rglob("*.keyring") if path.is_file()]
    assert files
    for path in box.data_dir.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes()


def test_a_persons_null_backend_does_not_win(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    assert run(box, "three", "x", "delete")[:2] == ["keyring.backends.SecretService", "x"]
