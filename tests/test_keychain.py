"""The keyring service against backends of every temper; the real ones are in test_keychain_real.py."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import time

import keyring
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from keyring.backends import chainer, fail, null
from keyring.errors import InitError, KeyringLocked, PasswordDeleteError

from ecrwiz.model.errors import MissingToolError, ToolFailedError
from ecrwiz.model.redact import Secret
from ecrwiz.services import keychain
from ecrwiz.services.keychain import Keychain

ENTRY = keychain.entry_name("123456789012", "shop", "dev")


def made(kind: type[KeyringBackend]) -> KeyringBackend:
    """Make one of keyring's own backends, whose constructors have no types."""
    return kind()


class Memory(KeyringBackend):
    """A well-behaved backend that keeps its entries in memory and counts what is asked of it."""

    viable = False  # a class property in keyring; never chosen by itself, for other tests in this process
    priority = 9.0

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.writes = 0
        self.error: BaseException | None = None

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.writes += 1
        if self.error:
            raise self.error
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        try:
            del self.kept[service, username]
        except KeyError:
            raise PasswordDeleteError("No such password!") from None


@pytest.fixture(autouse=True)
def _keyring_of_the_others_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)  # set_keyring's effect is undone afterwards


@pytest.fixture
def memory() -> Memory:
    backend = Memory()
    keyring.set_keyring(backend)
    return backend


async def test_store_read_delete(memory: Memory) -> None:
    kept = Keychain(5)
    assert await kept.probe() == keychain.Backend("test_keychain Memory", usable=True)
    assert await kept.read(ENTRY) is None
    await kept.store(ENTRY, Secret("one"))
    await kept.store(ENTRY, Secret("two"))
    assert memory.kept == {("ecrwiz", "123456789012/shop/dev"): "two"}
    assert await kept.read(ENTRY) == Secret("two")
    assert await kept.delete(ENTRY) is True
    assert await kept.delete(ENTRY) is False
    assert not memory.kept


async def test_concurrent_callers_probe_once(memory: Memory) -> None:
    kept = Keychain(5)
    found = await asyncio.gather(*(kept.probe() for _ in range(8)))
    assert len({id(backend) for backend in found}) == 1
    assert memory.writes == 1


async def test_probe_again_after_unlocking(memory: Memory) -> None:
    memory.error = KeyringLocked("Failed to unlock the collection!")
    kept = Keychain(5)
    assert not (await kept.probe()).usable
    memory.error = None
    assert not (await kept.probe()).usable
    assert (await kept.probe(again=True)).usable
    await kept.store(ENTRY, Secret("x"))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyringLocked("Failed to unlock the collection!"), "locked"),
        (InitError("Failed to create the collection: Prompt dismissed.."), "prompt was dismissed"),
        (NotImplementedError(), "NotImplementedError"),
        (TimeoutError(), "TimeoutError"),
        (type("DBusThing", (Exception,), {})("x"), "DBusThing"),
    ],
)
async def test_backend_that_refuses(memory: Memory, error: BaseException, words: str) -> None:
    memory.error = error
    kept = Keychain(5)
    backend = await kept.probe()
    assert not backend.usable
    assert backend.name == "test_keychain Memory"
    assert words in backend.reason
    with pytest.raises(MissingToolError, match=words):
        await kept.store(ENTRY, Secret("x"))
    with pytest.raises(MissingToolError, match=words):
        await kept.read(ENTRY)
    assert not memory.kept


async def test_error_of_a_backend_never_shows_what_it_was_given(memory: Memory) -> None:
    kept = Keychain(5)
    await kept.probe()
    memory.error = ValueError("cannot store THE-SECRET-VALUE")
    with pytest.raises(ToolFailedError, match=r"did not store 123456789012/shop/dev: .*ValueError") as caught:
        await kept.store(ENTRY, Secret("THE-SECRET-VALUE"))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "THE-SECRET-VALUE" not in str(caught.value)


class Forgetful(Memory):
    def set_password(self, service: str, username: str, password: str) -> None:
        self.writes += 1
        if username.startswith("canary/"):
            super().set_password(service, username, password)


async def test_value_that_does_not_come_back() -> None:
    keyring.set_keyring(Forgetful())
    kept = Keychain(5)
    kept.hold(ENTRY, Secret("held"))
    with pytest.raises(ToolFailedError, match="lost or changed the entry"):
        await kept.store(ENTRY, Secret("x"))
    assert await kept.read(ENTRY) == Secret("held")  # nothing is lost


class Changing(Memory):
    """Gives back something else for entries whose name begins so."""

    def __init__(self, beginning: str) -> None:
        super().__init__()
        self.beginning = beginning

    def get_password(self, service: str, username: str) -> str | None:
        found = super().get_password(service, username)
        return f"{found} " if found and username.startswith(self.beginning) else found


async def test_canary_that_comes_back_changed() -> None:
    keyring.set_keyring(Changing("canary/"))
    assert "something else than was stored" in (await Keychain(5).probe()).reason


async def test_value_that_comes_back_changed() -> None:
    keyring.set_keyring(Changing(ENTRY))
    with pytest.raises(ToolFailedError, match="lost or changed the entry"):
        await Keychain(5).store(ENTRY, Secret("x"))


class PlaintextKeyring(Memory):
    """Named as the one of keyrings.alt, which writes base64 to a file."""


class OnTop(PlaintextKeyring):
    """Somebody's own backend that inherits where secrets go."""


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        (made(null.Keyring), "null backend"),
        (made(fail.Keyring), "no keyring service"),
        (PlaintextKeyring(), "plain text"),
        (OnTop(), "plain text"),
        (type("EncryptedKeyring", (Memory,), {"__module__": "keyrings.alt.file"})(), "on the terminal"),
    ],
)
async def test_backends_that_get_nothing(backend: KeyringBackend, words: str) -> None:
    keyring.set_keyring(backend)
    kept = Keychain(5)
    assert words in (await kept.probe()).reason
    with pytest.raises(MissingToolError, match=words):
        await kept.store(ENTRY, Secret("x"))
    if isinstance(backend, Memory):
        assert backend.writes == 0


async def test_windows_encryption_of_keyrings_alt_is_fine() -> None:
    backend = type("RegistryKeyring", (Memory,), {"__module__": "keyrings.alt.Windows"})()
    keyring.set_keyring(backend)
    assert (await Keychain(5).probe()).usable


def chain(*backends: KeyringBackend) -> KeyringBackend:
    return made(type("Chain", (chainer.ChainerBackend,), {"backends": backends, "viable": False}))


async def test_chainer_is_unwrapped_to_the_first_safe_backend() -> None:
    plain_file, read_only, good = PlaintextKeyring(), Memory(), Memory()
    read_only.error = NotImplementedError()
    keyring.set_keyring(chain(plain_file, read_only, good))
    kept = Keychain(5)
    await kept.store(ENTRY, Secret("x"))
    assert good.kept == {("ecrwiz", ENTRY): "x"}
    assert not plain_file.kept
    assert not read_only.kept


async def test_empty_chainer() -> None:
    keyring.set_keyring(chain())
    assert await Keychain(5).probe() == keychain.Backend("", False, "The system's keyring is absent.")


@pytest.mark.parametrize("setting", ["no.such.module.Keyring", "keyring.backends.null.Nothing", "nonsense"])
async def test_setting_that_names_no_backend(monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", setting)
    backend = await Keychain(5).probe()
    assert not backend.usable
    assert "PYTHON_KEYRING_BACKEND" in backend.reason


class Hanging(Memory):
    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()

    def set_password(self, service: str, username: str, password: str) -> None:
        self.release.wait(30)


async def test_backend_that_hangs_costs_the_deadline_once() -> None:
    backend = Hanging()
    keyring.set_keyring(backend)
    kept = Keychain(0.2)
    began = time.monotonic()
    found = await kept.probe()
    assert found.reason == "The keyring (test_keychain Hanging) did not keep a trial entry within 0.2 seconds."
    for _ in range(3):
        with pytest.raises(MissingToolError, match=r"within 0\.2 seconds"):
            await kept.store(ENTRY, Secret("x"))
    assert 0.2 <= time.monotonic() - began < 2
    backend.release.set()


async def test_answer_after_the_deadline_disturbs_nobody() -> None:
    backend, disturbed = Hanging(), []
    backend.get_password = lambda *_: 1 / 0  # type: ignore[method-assign,assignment]
    keyring.set_keyring(backend)
    asyncio.get_running_loop().set_exception_handler(lambda _, context: disturbed.append(context["message"]))
    await Keychain(0.1).probe()
    backend.release.set()
    await asyncio.sleep(0.2)
    gc.collect()
    assert disturbed == []


async def test_cancelling_does_not_wait_for_the_backend() -> None:
    backend = Hanging()
    keyring.set_keyring(backend)
    probing = asyncio.create_task(Keychain(30).probe())
    await asyncio.sleep(0.1)
    probing.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await probing
    assert time.monotonic() - began < 1
    backend.release.set()


async def test_held_entries_live_without_a_keyring() -> None:
    keyring.set_keyring(made(fail.Keyring))
    kept = Keychain(5)
    kept.hold(ENTRY, Secret("only here"))
    assert await kept.read(ENTRY) == Secret("only here")
    assert await kept.delete(ENTRY) is True
    with pytest.raises(MissingToolError):
        await kept.read(ENTRY)
    with pytest.raises(MissingToolError):
        await kept.delete(ENTRY)


async def test_held_entry_is_read_first_and_gives_way_to_a_stored_one(memory: Memory) -> None:
    kept = Keychain(5)
    await kept.store(ENTRY, Secret("old"))
    kept.hold(ENTRY, Secret("new"))
    assert await kept.read(ENTRY) == Secret("new")
    await kept.store(ENTRY, Secret("newest"))
    assert await kept.read(ENTRY) == Secret("newest")
    kept.hold(ENTRY, Secret("again"))
    assert await kept.delete(ENTRY) is True
    assert not memory.kept


async def test_several_entries_of_one_name_are_all_deleted() -> None:
    class Twice(Memory):
        left = 2

        def get_password(self, service: str, username: str) -> str | None:
            return super().get_password(service, username) if username != ENTRY else "x" * bool(self.left) or None

        def delete_password(self, service: str, username: str) -> None:
            if username != ENTRY:
                super().delete_password(service, username)
            self.left -= username == ENTRY

    backend = Twice()
    keyring.set_keyring(backend)
    kept = Keychain(5)
    assert await kept.delete(ENTRY) is True
    assert backend.left == 0
    backend.left = 1000
    with pytest.raises(ToolFailedError, match="still has"):
        await kept.delete(ENTRY)


def test_names_of_entries() -> None:
    assert keychain.entry_name("1", "shop", "dev") == "1/shop/dev"
    assert keychain.pgp_entry_name("1", "shop", "dev") == "1/shop/dev/openpgp"


@given(st.text(min_size=1), st.text(min_size=1))
def test_pack_and_unpack(access_key_id: str, secret: str) -> None:
    value = keychain.pack(access_key_id, Secret(secret))
    assert keychain.unpack(Secret(value.reveal())) == (access_key_id, Secret(secret))


@given(st.one_of(st.text(), st.recursive(st.none() | st.booleans() | st.text(), st.lists).map(str)))
def test_unpack_of_anything_else(text: str) -> None:
    with pytest.raises(ToolFailedError, match="cannot be read") as caught:
        keychain.unpack(Secret(text))
    assert len(text) < 12 or text not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        '{"access_key_id": "A"}',
        '{"access_key_id": 1, "secret_access_key": "x"}',
        '{"access_key_id": "", "secret_access_key": "x"}',
        "[]",
        pytest.param("[" * 99_999, id="too deep"),
        "{{",
        "null",
        '"x"',
        "",
    ],
)
def test_unpack_of_near_misses(text: str) -> None:
    with pytest.raises(ToolFailedError, match="cannot be read"):
        keychain.unpack(Secret(text))


def test_importing_the_service_does_not_import_keyring() -> None:
    code = "import sys, ecrwiz.services.keychain as k; k.Keychain(1); print('keyring' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == "False"
