"""The CI user's access key: its entries in the keyring, who may still read its secret, and the proof that it works."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from ecrwiz.flow.context import View
from ecrwiz.model.errors import MissingToolError, RemoteError, ToolFailedError
from ecrwiz.model.ports import ignore
from ecrwiz.model.redact import Secret
from ecrwiz.model.results import CredentialsResult, GithubResult, ProvisionResult
from ecrwiz.services import keychain, openpgp
from ecrwiz.services.aws import Aws, Identity
from ecrwiz.services.ecr import Ecr

__all__ = [
    "all_entries",
    "entries",
    "is_in_use",
    "is_readable",
    "kept_id",
    "next_entry",
    "prove",
    "read_quietly",
    "try_out",
]

_WAITS: Final = (0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0)  # seconds: a new key takes a while to reach all of AWS
_NOT_YET: Final = frozenset(
    {"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "AccessDenied"}
)
# One part of AWS may know a new key while the next one asked does not yet.
_IN_A_ROW: Final = 2


def entries(view: View, account: str) -> tuple[str, str]:
    """The keyring entries of the CI key and of the throwaway OpenPGP key."""
    names = (account, view.answers.project_id, view.answers.env)
    return keychain.entry_name(*names), keychain.pgp_entry_name(*names)


def next_entry(view: View, account: str) -> str:
    """The keyring entry of the key that a rotation has made and that is not in use yet."""
    return keychain.next_entry_name(account, view.answers.project_id, view.answers.env)


def all_entries(view: View, account: str) -> tuple[str, str, str]:
    """Every keyring entry that ecrwiz may have made for this CI identity."""
    return *entries(view, account), next_entry(view, account)


async def read_quietly(view: View, entry: str) -> tuple[Secret | None, str]:
    """An entry of the keyring, or why none could be asked; what this process holds is found without one."""
    try:
        return await view.tools.keychain.read(entry), ""
    except (MissingToolError, ToolFailedError) as error:
        return None, error.message


async def is_readable(view: View, account: str, access_key_id: str, encrypted: str) -> bool:
    """Whether the secret of an access key can be had here: from the keyring, or by its private OpenPGP key."""
    entry, pgp_entry = entries(view, account)
    stored, _ = await read_quietly(view, entry)
    private, _ = await read_quietly(view, pgp_entry)
    return kept_id(stored) == access_key_id or _decrypts(private, encrypted)


def is_in_use(view: View, access_key_id: str) -> bool:
    """Whether the key was put where it is needed, so that a new one would break what works.

    True though nobody can read it here: the keyring may be locked just now, or GitHub alone may have it.
    """
    kept, exported = view.find(CredentialsResult), view.find(GithubResult)
    stored = kept is not None and kept.access_key_id == access_key_id and bool(kept.backend)
    return stored or (exported is not None and exported.access_key_id == access_key_id)


def kept_id(stored: Secret | None) -> str:
    """The access key id that an entry of the keyring belongs to; empty when there is none, or it is damaged."""
    try:
        return keychain.unpack(stored)[0] if stored is not None else ""
    except ToolFailedError:
        return ""


async def prove(made: ProvisionResult, key: tuple[str, Secret], say: Callable[[str], object] = ignore) -> Identity:
    """Ask AWS whose a key is, with the key itself; new keys are refused for some seconds.

    Args:
        made: the account and the user that it must belong to.
        key: its id and its secret.
        say: takes a line whenever AWS does not know the key yet.

    Raises:
        RemoteError: AWS refuses the key for good.
        ToolFailedError: it belongs to somebody else.
        MissingToolError: AWS cannot be reached.
    """
    known = 0
    for number, wait in enumerate(_WAITS, 1):
        await asyncio.sleep(wait)
        try:
            while known < _IN_A_ROW:
                who = await Aws(made.aws_region, key).identity()  # a new connection each time
                known += 1
        except RemoteError as error:
            if error.code not in _NOT_YET or number == len(_WAITS):
                raise
            known = 0
            say(f"AWS does not know the new key yet (try {number} of {len(_WAITS)}).")
            continue
        if who.account != made.account or not who.arn.endswith(f":user/{made.ci_user}"):
            raise ToolFailedError(f"The key belongs to {who.arn}, not to {made.ci_user}.", "Run provision again.")
        return who
    raise AssertionError("unreachable: the last try returns or raises")


async def try_out(made: ProvisionResult, key: tuple[str, Secret], say: Callable[[str], object] = ignore) -> None:
    """Prove with the key itself that it belongs to the CI user and may log in to the registry and read there.

    Raises:
        EcrwizError: it does not, or may not.
    """
    who = await prove(made, key, say)
    ecr = Ecr(Aws(made.aws_region, key).call)
    await ecr.token()
    await ecr.images(made.ecr_repo_path)
    say(f"AWS knows the key {key[0]} as {who.arn}; it gets a push token and reads {made.ecr_repo_path}.")


def _decrypts(private: Secret | None, encrypted: str) -> bool:
    try:
        return private is not None and bool(encrypted) and bool(openpgp.decrypt(encrypted, private))
    except ToolFailedError:
        return False
