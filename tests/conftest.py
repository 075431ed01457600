"""Every test runs with a home of its own and without the developer's credentials, settings and keyring."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ecrwiz.sandbox import Sandbox

pytest_plugins = ["tests.engine"]

_TAKEN_OUT = ("AWS_", "ECRWIZ_", "GH_", "GITHUB_", "TF_", "DBUS_", "PYTHON_KEYRING")
# These say how this machine reaches the package registries, not who the developer is.
_KEPT = {"AWS_CA_BUNDLE"}


# The longest first: a file is run by one worker, and a long one that comes last would keep only that one busy.
_LONG = (
    "test_command_line",
    "test_bad_weather",
    "test_take_over",
    "test_rotation",
    "test_custody",
    "test_verify",
    "test_move",
    "test_rehearse",
    "test_ci_policy",
    "test_proofs",
    "test_rotation_crash",
    "test_real_images_next",
    "test_real_images_managers",
    "test_real_images",
    "test_real_images_frameworks",
    "test_terraform_templates",
    "test_wizard",
    "test_no_keyring",
    "test_real_images_plain",
    "test_terraform_templates_options",
    "test_oidc_role",
    "test_github_gh",
    "test_app_fuzz",
    "test_app",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first; within a file the order stays."""
    place = {name: number for number, name in enumerate(_LONG)}
    items.sort(key=lambda item: place.get(item.path.stem, len(_LONG)))


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    folders = ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_DOWNLOAD_DIR")
    for name in folders:
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


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """A sandbox of the module's own."""
    from ecrwiz.sandbox import Sandbox

    # Not tmp_path: the sandbox's sockets lie below it, and a socket's path is limited to 108 bytes.
    with tempfile.TemporaryDirectory(prefix="ecrwiz-") as folder:
        sandbox = Sandbox.attach_or_start(Path(folder) / "box", keep=False)
        try:
            yield sandbox
        finally:
            sandbox.close()


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
