"""Who may still read the CI user's secret key: the keyring, a private OpenPGP key, or nobody."""

from __future__ import annotations

from ecrwiz.flow.context import View
from ecrwiz.model.errors import MissingToolError, ToolFailedError
from ecrwiz.model.redact import Secret
from ecrwiz.model.results import CredentialsResult, GithubResult
from ecrwiz.services import keychain, openpgp

__all__ = ["entries", "is_in_use", "is_readable", "read_quietly"]


def entries(view: View, account: str) -> tuple[str, str]:
    """The keyring entries of the CI key and of the throwaway OpenPGP key."""
    names = (account, view.answers.project_id, view.answers.env)
    return keychain.entry_name(*names), keychain.pgp_entry_name(*names)


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
    return _is_for(stored, access_key_id) or _decrypts(private, encrypted)


def is_in_use(view: View, access_key_id: str) -> bool:
    """Whether the key was put where it is needed, so that a new one would break what works.

    True though nobody can read it here: the keyring may be locked just now, or GitHub alone may have it.
    """
    kept, exported = view.find(CredentialsResult), view.find(GithubResult)
    stored = kept is not None and kept.access_key_id == access_key_id and bool(kept.backend)
    return stored or (exported is not None and exported.access_key_id == access_key_id)


def _is_for(stored: Secret | None, access_key_id: str) -> bool:
    try:
        return stored is not None and keychain.unpack(stored)[0] == access_key_id
    except ToolFailedError:
        return False  # a damaged entry


def _decrypts(private: Secret | None, encrypted: str) -> bool:
    try:
        return private is not None and bool(openpgp.decrypt(encrypted, private))
    except ToolFailedError:
        return False
