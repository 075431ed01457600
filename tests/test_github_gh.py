"""Through the login of the real `gh`: GitHub Enterprise Server with TLS behind a proxy, and the real keyring.

The product runs as a person runs it; `gh` then sees what it wrote. Nothing that is kept or shown has the secret.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from ecrwiz.model.redact import Secret
from ecrwiz.sandbox.keyring_session import KeyringSession, can_start
from ecrwiz.services import keychain
from tests.github_kit import ACCESS_KEY, SECRET, Hub, open_ready, running_hub
from tests.tls_kit import make_certificates, running_proxy

HOST = "ghe.example.test"
REPO = "octo/app"

pytestmark = pytest.mark.skipif(
    (shutil.which("gh") is None or not can_start()) and not os.environ.get("CI"),
    reason="gh or gnome-keyring is not installed",
)

# Stands before the real gh: notes its arguments and environment, and hands over.
WRAPPER = """#!/bin/sh
{{ echo "$@"; env; }} >>"{log}"
exec "{gh}" "$@"
"""
STORE = """
import asyncio, sys
from ecrwiz.model.redact import Secret
from ecrwiz.services import keychain
entry, value = sys.stdin.read().split()
asyncio.run(keychain.Keychain(20).store(entry, Secret(value.replace("|", " "))))
"""


@dataclass
class Office:
    """A machine in a company's network, with its proxy, its CA and its GitHub."""

    home: Path
    app: Path
    hub: Hub
    environ: dict[str, str]
    tunnels: list[str]

    def gh(self, *arguments: str, text: str | None = None) -> str:
        """Run the real gh."""
        argv = ["gh", *arguments]
        ran = subprocess.run(
            argv, env=self.environ, input=text, capture_output=True, text=True, timeout=60, check=False
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def ecrwiz(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the product."""
        answers = {"region": "eu-west-1", "env": "dev", "app": "app", "project_id": "blog", "github_repository": REPO}
        answers["github_api_url"] = f"https://{HOST}/api/v3"
        sets = [part for name, value in answers.items() for part in ("--set", f"{name}={value}")]
        argv = [sys.executable, "-m", "ecrwiz", "-C", str(self.app), *arguments, *sets]
        return subprocess.run(
            argv, env=self.environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
        )


@pytest.fixture
def office(next_app: Path) -> Iterator[Office]:
    with ExitStack() as stack:
        # Not tmp_path: the keyring makes a socket below it, and a socket's path is limited to 108 bytes.
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecrwiz-", ignore_cleanup_errors=True)))
        ca, certificate, key = make_certificates(home, HOST)
        hub = stack.enter_context(running_hub((certificate, key)))
        proxy, tunnels = stack.enter_context(running_proxy(HOST, int(hub.url.rpartition(":")[2])))
        (home / "run").mkdir(mode=0o700)
        keyring = KeyringSession(home / "keyring", home / "run")
        stack.callback(keyring.stop)
        keyring.unlock()
        keyring.wait()
        (home / "bin").mkdir()
        wrapper = home / "bin" / "gh"
        wrapper.write_text(WRAPPER.format(log=home / "gh.log", gh=shutil.which("gh")))
        wrapper.chmod(0o755)
        environ = {
            "PATH": f"{wrapper.parent}:{os.environ['PATH']}",
            "HOME": str(home),
            "PYTHONPATH": str(Path(__file__).parents[1]),
            "HTTPS_PROXY": proxy,
            "SSL_CERT_FILE": str(ca),
            "DBUS_SESSION_BUS_ADDRESS": keyring.address,
            "PYTHON_KEYRING_BACKEND": "keyring.backends.SecretService.Keyring",
            "AWS_EC2_METADATA_DISABLED": "true",
            "GH_NO_UPDATE_NOTIFIER": "1",
        }
        yield Office(home, next_app, hub, environ, tunnels)


def keep_secret(office: Office) -> None:
    """The secret lies in the keyring, as the step credentials leaves it."""
    value = keychain.pack(ACCESS_KEY, Secret(SECRET)).reveal().replace(" ", "|")
    entry = keychain.entry_name("123456789012", "blog", "dev")
    argv = [sys.executable, "-c", STORE]
    subprocess.run(argv, env=office.environ, input=f"{entry} {value}", text=True, timeout=60, check=True)


def test_with_the_login_of_gh(office: Office) -> None:
    office.gh("auth", "login", "--hostname", HOST, "--with-token", text=office.hub.token)
    office.gh("auth", "status", "--hostname", HOST)
    asyncio.run(open_ready(office.app, office.hub))
    keep_secret(office)
    (office.home / "gh.log").unlink()

    ran = office.ecrwiz("run", "github", "--yes", "--json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    ends = [json.loads(line) for line in ran.stdout.splitlines()]
    outputs = next(e["outputs"] for e in ends if e["event"] == "step.finished" and e["step"] == "github")
    assert outputs["secrets"] == ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    assert "GitHub token: from gh auth token." in ran.stdout

    log = (office.home / "gh.log").read_text()
    assert [line for line in log.splitlines() if line.startswith("auth ")] == [f"auth token --hostname {HOST}"]
    listed = office.gh("secret", "list", "--repo", f"{HOST}/{REPO}")
    assert [line.split("\t")[0] for line in listed.splitlines()] == ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    read = office.gh("api", "--hostname", HOST, f"repos/{REPO}/actions/variables", "--jq", ".variables[].value")
    assert "web/blog/app" in read.splitlines()
    assert office.hub.opened(REPO)["secrets"]["AWS_SECRET_ACCESS_KEY"] == SECRET
    assert set(office.tunnels) == {f"{HOST}:443"}

    shown = ran.stdout + ran.stderr + log
    everything = [path for folder in (office.app, office.home) for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "journal.json" for path in everything)
    assert any(path.suffix == ".log" or "logs" in path.parts for path in everything)
    for text in (shown.encode(), *(path.read_bytes() for path in everything)):
        assert SECRET.encode() not in text
    for path in everything:
        token_of_gh = path.name == "hosts.yml"
        assert token_of_gh or office.hub.token.encode() not in path.read_bytes(), path


def test_gh_changes_what_ecrwiz_wrote_and_ecrwiz_notices(office: Office) -> None:
    office.gh("auth", "login", "--hostname", HOST, "--with-token", text=office.hub.token)
    asyncio.run(open_ready(office.app, office.hub))
    keep_secret(office)
    office.gh("secret", "set", "AWS_SECRET_ACCESS_KEY", "--repo", f"{HOST}/{REPO}", text="theirs")
    ran = office.ecrwiz("run", "github", "--yes")
    assert ran.returncode == 2
    assert "AWS_SECRET_ACCESS_KEY already, which somebody else put there" in " ".join((ran.stdout + ran.stderr).split())
    assert office.hub.opened(REPO)["secrets"] == {"AWS_SECRET_ACCESS_KEY": "theirs"}
    ran = office.ecrwiz("run", "github", "--yes", "--replace", "AWS_SECRET_ACCESS_KEY")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert office.hub.opened(REPO)["secrets"]["AWS_SECRET_ACCESS_KEY"] == SECRET


def test_without_the_company_s_ca_nothing_is_sent(office: Office) -> None:
    office.gh("auth", "login", "--hostname", HOST, "--with-token", text=office.hub.token)
    asyncio.run(open_ready(office.app, office.hub))
    keep_secret(office)
    del office.environ["SSL_CERT_FILE"]
    ran = office.ecrwiz("run", "github", "--yes")
    assert ran.returncode == 3
    assert "The certificate of https://ghe.example.test/api/v3 is not trusted" in ran.stdout + ran.stderr
    assert REPO not in office.hub.everything()
