"""The operating system's keyring: the only place on this machine where the CI secret is kept.

A keyring is a service of its own that may be absent, locked, or silent for ever. So every call runs in a
daemon thread with a deadline, and nothing is entrusted to a backend before it has kept a canary for a moment.
Backends that store plain text or nothing at all are refused, whoever configured them.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from ecrwiz.model.errors import EcrwizError, MissingToolError, ToolFailedError
from ecrwiz.model.redact import Secret
from ecrwiz.services import process

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

__all__ = [
    "SERVICE",
    "Backend",
    "Keychain",
    "entry_name",
    "next_entry_name",
    "pack",
    "pgp_entry_name",
    "rotation_of",
    "unpack",
]

SERVICE: Final = "ecrwiz"

_T = TypeVar("_T")
_USE_ANOTHER = "Install or unlock the system's keyring, or go on without a local copy."


@dataclass(frozen=True, slots=True)
class Backend:
    """The keyring that this machine offers.

    Attributes:
        name: in words, such as `SecretService Keyring`; may be empty when there is none.
        usable: it kept, gave back and deleted a canary just now.
        reason: one sentence why it is not usable; empty when it is.
    """

    name: str
    usable: bool
    reason: str = ""


class Keychain:
    """Entries of the service `ecrwiz` in the system's keyring, and those held for this process only.

    A value should stay below 1,200 characters: the Windows credential locker takes 2,560 bytes of UTF-16.

    Args:
        seconds: how long one call may take; a person may have to type the keyring's password meanwhile.
    """

    def __init__(self, seconds: float = 20.0) -> None:
        self._seconds = seconds
        self._held: dict[str, Secret] = {}
        self._probing = asyncio.Lock()
        self._backend: Backend | None = None
        self._keyring: KeyringBackend | None = None

    async def probe(self, *, again: bool = False) -> Backend:
        """Find out once whether the keyring can be used; never raises for a keyring that cannot.

        Args:
            again: ask anew, for instance after the person has unlocked it.
        """
        async with self._probing:
            if self._backend is None or again:
                self._backend, self._keyring = await self._choose()
            return self._backend

    async def store(self, entry: str, secret: Secret) -> None:
        """Write an entry (replacing it), read it back and compare; a held copy of it is then dropped.

        Raises:
            MissingToolError: no usable keyring, or it does not answer.
            ToolFailedError: it refused, or gave back something else.
        """
        name, keyring = await self._usable()

        def work() -> bool:
            keyring.set_password(SERVICE, entry, secret.reveal())
            return keyring.get_password(SERVICE, entry) == secret.reveal()

        if not await self._call(name, f"store {entry}", work):
            raise ToolFailedError(f"{_subject(name)} lost or changed the entry {entry}.", _USE_ANOTHER)
        self._held.pop(entry, None)

    async def read(self, entry: str) -> Secret | None:
        """Give an entry: the one held for this process, else the keyring's; None when there is none.

        Raises:
            MissingToolError: not held, and no usable keyring or it does not answer.
            ToolFailedError: the keyring refused.
        """
        if entry in self._held:
            return self._held[entry]
        name, keyring = await self._usable()
        text = await self._call(name, f"read {entry}", lambda: keyring.get_password(SERVICE, entry))
        return None if text is None else Secret(text)

    async def delete(self, entry: str) -> bool:
        """Remove an entry from this process and from the keyring; False when it was in neither.

        Raises:
            MissingToolError: not held, and no usable keyring or it does not answer.
            ToolFailedError: the keyring refused, or still has the entry.
        """
        held = self._held.pop(entry, None) is not None
        if held and not (await self.probe()).usable:
            return True
        name, keyring = await self._usable()
        deleted = await self._call(name, f"delete {entry}", lambda: _delete(keyring, entry))
        return held or deleted

    def hold(self, entry: str, secret: Secret) -> None:
        """Keep an entry for this process only, for runs without a keyring."""
        self._held[entry] = secret

    async def _usable(self) -> tuple[str, KeyringBackend]:
        backend = await self.probe()
        if self._keyring is None:
            raise MissingToolError(backend.reason, _USE_ANOTHER)
        return backend.name, self._keyring

    async def _choose(self) -> tuple[Backend, KeyringBackend | None]:
        """Take the first backend that is safe and keeps a canary; else the best one, with the reason."""
        refused: list[Backend] = []
        try:
            candidates = await self._call("", "open", _candidates)
        except (MissingToolError, ToolFailedError) as error:
            return Backend("", usable=False, reason=error.message), None
        for candidate in candidates:
            reason = await self._trial(candidate)
            if not reason:
                return Backend(_title(candidate), usable=True), candidate
            refused.append(Backend(_title(candidate), usable=False, reason=reason))
        return refused[0] if refused else Backend("", usable=False, reason=f"{_subject('')} is absent."), None

    async def _trial(self, candidate: KeyringBackend) -> str:
        """Why a backend cannot be used, in one sentence; empty when it can."""
        name, reason = _title(candidate), _unsafe(candidate)
        try:
            reason = reason or await self._call(name, "keep a trial entry", lambda: _canary(candidate))
        except (MissingToolError, ToolFailedError) as error:
            return error.message
        return reason and f"{_subject(name)} cannot be used: {reason}."

    async def _call(self, name: str, what: str, work: Callable[[], _T]) -> _T:
        """Run blocking work in a daemon thread, at most for the set time; translate what a backend raises."""
        answer = asyncio.ensure_future(process.in_daemon_thread(work))
        try:
            await asyncio.wait({answer}, timeout=self._seconds)
            if not answer.done():
                raise MissingToolError(
                    f"{_subject(name)} did not {what} within {self._seconds:g} seconds.",
                    "If it asks for a password in another window, answer there and try again.",
                )
            error = answer.exception()
        finally:
            answer.cancel()
        if error is None:
            return answer.result()
        if isinstance(error, EcrwizError):
            raise error
        # A backend is a plug-in: its error can be of any type, and its text could quote what it was given.
        raise ToolFailedError(f"{_subject(name)} did not {what}: {_explain(error)}.", _USE_ANOTHER) from None


def entry_name(account: str, project_id: str, env: str) -> str:
    """Name the entry of a CI identity: one per AWS account, project and environment."""
    return f"{account}/{project_id}/{env}"


def pgp_entry_name(account: str, project_id: str, env: str) -> str:
    """Name the entry of the OpenPGP private half that belongs to a CI identity."""
    return f"{entry_name(account, project_id, env)}/openpgp"


def next_entry_name(account: str, project_id: str, env: str) -> str:
    """Name the entry of the access key that a rotation has made and that is not in use yet."""
    return f"{entry_name(account, project_id, env)}/next"


def pack(access_key_id: str, secret: Secret, rotation: str = "") -> Secret:
    """Make the value of a CI identity's entry.

    Args:
        access_key_id: the key's id.
        secret: the key's secret.
        rotation: which rotation made the key; for the entry that `next_entry_name` names.
    """
    value = {"access_key_id": access_key_id, "secret_access_key": secret.reveal()}
    return Secret(json.dumps(value | ({"rotation": rotation} if rotation else {})))


def unpack(value: Secret) -> tuple[str, Secret]:
    """Take the value of a CI identity's entry apart: access key id and secret.

    Raises:
        ToolFailedError: it is not what `pack` makes.
    """
    try:
        data = json.loads(value.reveal())
        access_key_id, secret = data["access_key_id"], data["secret_access_key"]
    except (ValueError, KeyError, TypeError, RecursionError):
        access_key_id = secret = None
    if not (isinstance(access_key_id, str) and isinstance(secret, str) and access_key_id and secret):
        raise ToolFailedError(
            "The keyring's entry for the CI identity was changed by something else and cannot be read.",
            "Make a new access key with: ecrwiz credentials rotate",
        )
    return access_key_id, Secret(secret)


def rotation_of(value: Secret) -> str:
    """Which rotation made the key of an entry; empty when that is not said."""
    try:
        said = json.loads(value.reveal()).get("rotation", "")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return said if isinstance(said, str) else ""


def _candidates() -> list[KeyringBackend]:
    """List the backends to try, best first. Blocks; runs in the keyring thread like all below."""
    import keyring
    from keyring.backends.chainer import ChainerBackend

    try:
        active = keyring.get_keyring()
    except (ImportError, AttributeError, ValueError, RuntimeError):
        raise MissingToolError(
            "The keyring backend that PYTHON_KEYRING_BACKEND or keyringrc.cfg names cannot be loaded here.",
            "Correct or remove that setting.",
        ) from None
    # The chainer writes to whichever of its backends takes the value, a plain file too: choose here instead.
    return list(active.backends) if isinstance(active, ChainerBackend) else [active]


def _subject(name: str) -> str:
    return f"The keyring ({name})" if name else "The system's keyring"


def _title(keyring: KeyringBackend) -> str:
    """Name a backend as keyring does, without its `(priority: 5)`: `SecretService Keyring`."""
    kind = type(keyring)
    return f"{kind.__module__.rpartition('.')[2]} {kind.__name__}"


def _unsafe(keyring: KeyringBackend) -> str:
    """Why nothing may be entrusted to a backend; empty when nothing speaks against it."""
    for kind in type(keyring).__mro__:
        module = kind.__module__
        if module == "keyring.backends.fail":
            return "this machine has no keyring service, or it cannot be reached from this session"
        if module == "keyring.backends.null":
            return "keyring is switched off here (the null backend loses what it is given)"
        if "plaintext" in kind.__name__.lower():
            return "it keeps secrets as plain text in a file"
    own = type(keyring).__module__
    # On Windows keyrings.alt encrypts for the logged-in user; its others are plain or ask on the terminal.
    if own.startswith("keyrings.alt.") and own != "keyrings.alt.Windows":
        return "it keeps secrets in a plain file or asks for a password on the terminal"
    return ""


def _canary(keyring: KeyringBackend) -> str:
    """Write, read and delete a random entry; what was wrong with it, or nothing."""
    entry, value = f"canary/{secrets.token_hex(8)}", secrets.token_hex(16)
    keyring.set_password(SERVICE, entry, value)
    found = keyring.get_password(SERVICE, entry)
    if found is None:
        return "it took a trial entry and lost it"
    keyring.delete_password(SERVICE, entry)
    return "" if found == value else "it gave back something else than was stored"


def _delete(keyring: KeyringBackend, entry: str) -> bool:
    """Delete until nothing is left: a backend may hold several entries of one name and deletes the first."""
    for count in range(10):
        if keyring.get_password(SERVICE, entry) is None:
            return count > 0
        keyring.delete_password(SERVICE, entry)
    raise ToolFailedError(f"The keyring still has {entry} after deleting it.", "Delete it by hand.")


def _explain(error: BaseException) -> str:
    """Say in half a sentence what a backend's error means."""
    kind = type(error).__name__
    if kind in {"KeyringLocked", "LockedException"}:
        return "it is locked and was not unlocked (log in to the desktop, or unlock its login collection)"
    if kind == "PromptDismissedException" or "prompt dismissed" in str(error).lower():
        return "its password prompt was dismissed or could not be shown (no desktop in this session)"
    if kind == "NoKeyringError":
        return "this machine has no keyring service, or it cannot be reached from this session"
    return f"it answered with {kind}"
