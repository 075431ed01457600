"""Throwaway OpenPGP keys: Terraform encrypts the CI user's secret key to one, so state never holds it plain.

A pair is Curve25519 with one encryption subkey and nothing else: the private half is stored as one line of
base64 (about 1,100 characters), so that it fits into the smallest keyring entry there is, the 2,560 bytes of
UTF-16 (1,280 characters) of the Windows credential locker. Armoured with every subkey it would not.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ecrwiz.model.errors import ToolFailedError
from ecrwiz.model.redact import Secret

if TYPE_CHECKING:
    from pysequoia import Tsk
    from pysequoia.packet import Packet

__all__ = ["KeyPair", "decrypt", "generate", "public_half"]

_LONGEST_COMMENT = 64  # bytes of UTF-8; keeps the private half below 1,200 characters


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A fresh key pair.

    Attributes:
        public: base64, unarmoured: what Terraform's `pgp_key` takes.
        private: base64, unarmoured, one line; less than 1,200 characters. Belongs into the keyring alone.
    """

    public: str
    private: Secret


def generate(comment: str) -> KeyPair:
    """Make a key pair that never expires.

    Args:
        comment: what the key is for, as its user id; cut after 64 bytes of UTF-8, control characters go.
    """
    from pysequoia import Tsk
    from pysequoia.packet import PacketPile

    printable = "".join(letter for letter in comment if letter.isprintable())
    user_id = printable.encode("utf-8", "ignore")[:_LONGEST_COMMENT].decode("utf-8", "ignore") or "ecrwiz"
    full = PacketPile.from_bytes(bytes(Tsk.generate(user_id)))
    key = Tsk.from_packets(_without_signing_subkey(list(full)))
    return KeyPair(public=_public(key), private=Secret(base64.b64encode(bytes(key)).decode("ascii")))


def public_half(private: Secret) -> str:
    """Give the public half of a stored private one, so that a later run hands Terraform the same `pgp_key`.

    Raises:
        ToolFailedError: the text is no OpenPGP private key.
    """
    return _public(_load(private))


def decrypt(encrypted_b64: str, private: Secret) -> Secret:
    """Decrypt what Terraform encrypted, such as its `encrypted_secret`.

    Args:
        encrypted_b64: the OpenPGP message in base64; white space in it does not matter.
        private: the private half; armoured text is understood as well.

    Raises:
        ToolFailedError: one of the two is damaged or they do not belong together. Names no key material.
    """
    from pysequoia import decrypt as open_message

    key = _load(private)
    try:
        message = base64.b64decode("".join(encrypted_b64.split()), validate=True)
        content = open_message(message, decryptor=key.decryptor()).bytes
        return Secret((content or b"").decode("utf-8"))
    except (ValueError, RuntimeError, OSError):
        # `from None`: the cause could quote what was decrypted (UnicodeDecodeError does).
        raise ToolFailedError(
            "The CI user's secret key could not be decrypted: it is damaged or made for another key.",
            "Make a new access key with: ecrwiz run provision credentials github --force",
        ) from None


def _load(private: Secret) -> Tsk:
    from pysequoia import Tsk

    text = private.reveal().strip()
    try:
        raw = text.encode("ascii") if text.startswith("-----BEGIN") else base64.b64decode(text, validate=True)
        key = Tsk.from_bytes(raw)
        if "PRIVATE KEY BLOCK" not in str(key)[:64]:
            raise ValueError  # from_bytes takes a public key as well
        return key
    except (ValueError, RuntimeError, OSError):
        raise ToolFailedError(
            "The OpenPGP private key that was kept for the CI user's secret key is damaged.",
            "Make a new access key with: ecrwiz run provision credentials github --force",
        ) from None


def _public(key: Tsk) -> str:
    return base64.b64encode(bytes(key.extract_certificate())).decode("ascii")


def _without_signing_subkey(packets: list[Packet]) -> list[Packet]:
    """Leave out the subkey that signs: nothing is ever signed, and it is a third of the size."""
    kept: list[Packet] = []
    for packet in packets:
        flags = packet.key_flags
        if flags is not None and flags.signing:
            kept.pop()  # the subkey that this signature binds stands right before it
        else:
            kept.append(packet)
    return kept
