"""The GitHub service against the sandbox's stand-in, which checks every call by GitHub's own description."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import keyring
import pytest
from keyring.backends import SecretService

from ecrwiz.model.errors import MissingToolError, RemoteError
from ecrwiz.model.redact import Secret
from ecrwiz.sandbox import Sandbox
from ecrwiz.services import github, keychain
from ecrwiz.services.github import GitHub
from ecrwiz.services.keychain import Keychain

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

pytestmark = pytest.mark.skipif(
    shutil.which("docker-registry") is None and not os.environ.get("CI"),
    reason="the sandbox needs docker-registry",
)

SECRET = Secret("wJalr+XUtn/FEMI=é")


async def no_keyring(entry: str) -> Secret | None:
    raise MissingToolError("none here")


@pytest.fixture
async def hub(box: Sandbox, tmp_path: Path) -> AsyncIterator[GitHub]:
    """Connect as the github step does: by environment variables alone."""
    environ = box.environment()
    found = await github.find_token(environ, environ["GITHUB_API_URL"], no_keyring, tmp_path)
    assert found is not None
    assert found[1] == "GH_TOKEN"
    async with GitHub(environ["GITHUB_API_URL"], found[0]) as connected:
        yield connected


async def opened(box: Sandbox, full_name: str) -> dict[str, Any]:
    """What lies in the sealed boxes, by the stand-in's private key."""
    headers = {"X-Sandbox-Admin": box.info.admin_token}
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{box.info.github}/_sandbox/opened", headers=headers)
    found: dict[str, Any] = answer.raise_for_status().json()[full_name]
    return found


async def test_secrets_and_variables_there_and_back(hub: GitHub, box: Sandbox) -> None:
    name = "octo/there-and-back"
    assert await hub.list_secrets(name) == ()
    assert await hub.list_variables(name) == {}
    for value in (Secret("first"), SECRET):
        await hub.put_secret(name, "AWS_SECRET_ACCESS_KEY", value)
    await hub.put_secret(name, "AWS_ACCESS_KEY_ID", Secret("AKIAEXAMPLE"))
    for region in ("us-east-1", "eu-central-1", "eu-central-1"):
        await hub.put_variable(name, "AWS_REGION", region)
    assert await hub.list_secrets(name) == ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    assert await hub.list_variables(name) == {"AWS_REGION": "eu-central-1"}
    held = await opened(box, name)
    assert held["secrets"] == {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET.reveal()}
    assert held["variables"] == {"AWS_REGION": "eu-central-1"}
    assert [await hub.delete_secret(name, "AWS_SECRET_ACCESS_KEY") for _ in range(2)] == [True, False]
    assert [await hub.delete_variable(name, "AWS_REGION") for _ in range(2)] == [True, False]
    assert await hub.list_secrets(name) == ("AWS_ACCESS_KEY_ID",)
    assert await hub.list_variables(name) == {}


async def test_repository(hub: GitHub) -> None:
    found = await hub.repository("octo/app")
    assert found == github.Repository("octo/app", private=True, archived=False, can_push=True, can_admin=True)
    assert (await hub.repository("octo/archived")).archived
    assert not (await hub.repository("octo/no-admin")).can_admin


async def test_many_at_once_and_in_pages(hub: GitHub, box: Sandbox) -> None:
    name = "octo/many"
    await asyncio.gather(
        *(hub.put_secret(name, f"S{number:03}", Secret(str(number))) for number in range(100)),
        *(hub.put_variable(name, f"V{number:03}", str(number)) for number in range(35)),
    )
    assert await hub.list_secrets(name) == tuple(f"S{number:03}" for number in range(100))
    assert await hub.list_variables(name) == {f"V{number:03}": str(number) for number in range(35)}
    assert len((await opened(box, name))["secrets"]) == 100
    with pytest.raises(RemoteError, match="no room for another one"):
        await hub.put_secret(name, "S100", SECRET)
    await hub.put_secret(name, "S099", SECRET)


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("octo/missing", "404", "does not exist, or this token may not"),
        ("octo/no-admin", "403", "this token may not"),
        ("octo/archived", "403", "archived"),
    ],
)
async def test_refusals(hub: GitHub, name: str, code: str, words: str) -> None:
    with pytest.raises(RemoteError, match=words) as caught:
        await hub.put_secret(name, "NAME", SECRET)
    assert caught.value.code == code
    assert caught.value.hint


async def test_wrong_token(box: Sandbox) -> None:
    async with GitHub(box.info.github, Secret("ghp_wrong")) as hub:
        with pytest.raises(RemoteError, match="does not accept the token") as caught:
            await hub.repository("octo/app")
    assert caught.value.code == "401"


async def test_enterprise_server_prefix(box: Sandbox) -> None:
    async with GitHub(f"{box.info.github}/api/v3", Secret(box.info.github_token)) as hub:
        await hub.put_secret("octo/enterprise", "NAME", SECRET)
    assert (await opened(box, "octo/enterprise"))["secrets"] == {"NAME": SECRET.reveal()}


async def test_nobody_listens(unused_tcp_port: int) -> None:
    async with GitHub(f"http://127.0.0.1:{unused_tcp_port}", Secret("ghp_x")) as hub:
        with pytest.raises(MissingToolError, match="cannot be reached"):
            await hub.repository("octo/app")


async def test_token_kept_in_the_real_keyring(box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "DBUS_SESSION_BUS_ADDRESS" not in box.environment() and not os.environ.get("CI"):
        pytest.skip("the sandbox has no keyring here: dbus-daemon or gnome-keyring-daemon is missing")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", box.environment()["DBUS_SESSION_BUS_ADDRESS"])
    made: type[KeyringBackend] = SecretService.Keyring  # its constructor has no types
    monkeypatch.setattr(keyring.core, "_keyring_backend", made())
    monkeypatch.setenv("PATH", str(tmp_path))
    kept = Keychain(10)
    await kept.store(github.token_entry(box.info.github), Secret(box.info.github_token))
    found = await github.find_token({}, box.info.github, kept.read, tmp_path)
    assert found is not None
    assert found[1] == "keyring"
    async with GitHub(box.info.github, found[0]) as hub:
        assert (await hub.repository("octo/app")).full_name == "octo/app"
    assert await kept.delete(github.token_entry(box.info.github))
    assert (await kept.probe()) == keychain.Backend("SecretService Keyring", usable=True)
