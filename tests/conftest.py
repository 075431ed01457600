"""Every test runs with a home of its own and without the developer's credentials, settings and keyring."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

pytest_plugins = ["tests.engine"]

_TAKEN_OUT = ("AWS_", "ECRWIZ_", "GH_", "GITHUB_", "TF_", "DBUS_", "PYTHON_KEYRING")
# These say how this machine reaches the package registries, not who the developer is.
_KEPT = {"AWS_CA_BUNDLE"}


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name in os.environ:
        if name.startswith(_TAKEN_OUT) and name not in _KEPT:
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("COLUMNS", "LINES"):  # xdist sets them, and Textual would take them for the terminal's size
        monkeypatch.delenv(name, raising=False)


NEXT_APP = {
    "package.json": '{"name": "blog", "scripts": {"build": "next build", "start": "next start"}, '
    '"dependencies": {"next": "15.0.0", "react": "19.0.0", "react-dom": "19.0.0"}}\n',
    "package-lock.json": '{"name": "blog", "lockfileVersion": 3, "packages": {}}\n',
    "next.config.js": "module.exports = { output: 'standalone' }\n",
}


@pytest.fixture
def next_app(tmp_path: Path) -> Path:
    """A folder that looks like a Next.js application; it is never built."""
    root = tmp_path / "blog"
    root.mkdir()
    for name, text in NEXT_APP.items():
        (root / name).write_text(text)
    return root


@pytest.fixture(scope="session")
def terraform_program() -> str:
    """The path of the real Terraform."""
    found = shutil.which("terraform")
    assert found, "Terraform is not on PATH; the tests need the real one."
    return found
