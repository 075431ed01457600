"""Throwaway OpenPGP keys: small, usable by others' software, quiet when something is wrong."""

from __future__ import annotations

import base64
import shutil
import subprocess
import traceback
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pysequoia import Cert, Tsk, encrypt
from pysequoia.packet import PacketPile, Tag

from ecrwiz.model.errors import ToolFailedError
from ecrwiz.model.redact import Secret
from ecrwiz.services import openpgp

LOCKER_CHARACTERS = 2560 // 2  # the Windows credential locker keeps UTF-16


def encrypted_to(public: str, text: str) -> str:
    cert = Cert.from_bytes(base64.b64decode(public, validate=True))
    return base64.b64encode(encrypt(text.encode(), recipients=[cert], armor=False)).decode()


def test_pair_opens_what_its_public_half_closed() -> None:
    pair = openpgp.generate("ecrwiz shop-dev")
    assert openpgp.decrypt(encrypted_to(pair.public, "wJalr/K7+MDE"), pair.private) == Secret("wJalr/K7+MDE")


@settings(max_examples=25, deadline=None)
@given(comment=st.text(max_size=200), text=st.text(max_size=80))
def test_any_comment_and_any_secret(comment: str, text: str) -> None:
    pair = openpgp.generate(comment)
    kept = Secret(pair.private.reveal())  # as it comes back from a keyring: text
    assert len(kept.reveal()) < 1200 < LOCKER_CHARACTERS
    assert kept.reveal().isascii()
    assert "\n" not in kept.reveal()
    assert openpgp.decrypt(encrypted_to(pair.public, text), kept).reveal() == text


def test_public_half_comes_back_from_the_private_one_and_is_public() -> None:
    pair = openpgp.generate("ecrwiz shop-dev")
    assert openpgp.public_half(pair.private) == pair.public
    tags = [packet.tag for packet in PacketPile.from_bytes(base64.b64decode(pair.public))]
    assert tags == [Tag.PublicKey, Tag.Signature, Tag.UserID, Tag.Signature, Tag.PublicSubkey, Tag.Signature]


def test_armoured_private_key_is_understood() -> None:
    pair = openpgp.generate("ecrwiz shop-dev")
    armoured = Secret(str(Tsk.from_bytes(base64.b64decode(pair.private.reveal()))))
    assert armoured.reveal().startswith("-----BEGIN PGP PRIVATE KEY BLOCK-----")
    assert openpgp.decrypt(encrypted_to(pair.public, "s3cret"), armoured) == Secret("s3cret")


def test_wrapped_base64_is_understood() -> None:
    pair = openpgp.generate("ecrwiz shop-dev")
    message = encrypted_to(pair.public, "s3cret")
    wrapped = "\n".join(message[at : at + 64] for at in range(0, len(message), 64)) + "\n"
    assert openpgp.decrypt(wrapped, pair.private) == Secret("s3cret")


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "not base64", "someone else's"])
def test_message_that_cannot_be_opened(damage: str) -> None:
    pair, other = openpgp.generate("one"), openpgp.generate("two")
    message = encrypted_to(pair.public, "THE-PLAIN-SECRET")
    raw = bytearray(base64.b64decode(message))
    raw[-8] ^= 1
    bad = {
        "cut": base64.b64encode(base64.b64decode(message)[:-12]).decode(),
        "changed": base64.b64encode(bytes(raw)).decode(),
        "empty": "",
        "not base64": "%%%",
        "someone else's": encrypted_to(other.public, "THE-PLAIN-SECRET"),
    }[damage]
    with pytest.raises(ToolFailedError, match="could not be decrypted") as caught:
        openpgp.decrypt(bad, pair.private)
    shown = "".join(traceback.format_exception(caught.value))
    assert "THE-PLAIN-SECRET" not in shown
    assert pair.private.reveal() not in shown
    assert caught.value.__suppress_context__  # pysequoia's own messages can hold a native backtrace


@pytest.mark.parametrize("kept", ["", "no key", "QUJD", "é"])
def test_private_half_that_is_damaged(kept: str) -> None:
    message = encrypted_to(openpgp.generate("one").public, "x")
    with pytest.raises(ToolFailedError, match=r"private key that was kept .* is damaged"):
        openpgp.decrypt(message, Secret(kept))


def test_public_half_is_no_private_half() -> None:
    with pytest.raises(ToolFailedError, match="is damaged"):
        openpgp.public_half(Secret(openpgp.generate("one").public))


@pytest.mark.skipif(shutil.which("gpg") is None, reason="no GnuPG to compare with")
def test_gnupg_encrypts_to_the_reduced_key(tmp_path: Path) -> None:
    pair = openpgp.generate("ecrwiz shop-dev")
    key = tmp_path / "key.pgp"
    key.write_bytes(base64.b64decode(pair.public))
    argv = ["gpg", "--homedir", str(tmp_path), "--batch", "--quiet", "--no-autostart"]
    argv += ["--recipient-file", str(key), "--encrypt"]
    closed = subprocess.run(argv, input=b"from GnuPG", capture_output=True, check=True, timeout=60)
    assert openpgp.decrypt(base64.b64encode(closed.stdout).decode(), pair.private) == Secret("from GnuPG")
