"""The forms in which a secret and the id of its key may lie about."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NoReturn, TypeAlias
from urllib.parse import quote

from ecrwiz.model.redact import MASK, Secret

__all__ = ["BLANKS", "Kind", "Needles", "compact"]

Kind: TypeAlias = Literal["secret", "key id"]

BLANKS: Final = b" \t\r\n\0"
"""Bytes that are passed over: line ends and indentation in wrapped base64, and every second byte of UTF-16."""

_SHORTEST: Final = 12  # characters; what is shorter would be found by accident


def compact(data: bytes) -> bytes:
    """Data without the bytes that are passed over."""
    return data.translate(None, BLANKS)


class Needles:
    """What is looked for: each secret and each id as it is, in base64, as part of a URL and in JSON.

    Args:
        secrets: the secrets; those below 12 characters are left out.
        key_ids: ids of access keys, which are no secrets.

    Attributes:
        forms: kind and bytes of each form, free of the bytes that are passed over.
        longest: bytes of the longest form.
    """

    __slots__ = ("forms", "longest")

    def __init__(self, secrets: Iterable[Secret], key_ids: Iterable[str]) -> None:
        forms: dict[bytes, Kind] = {}
        for secret in secrets:
            forms |= dict.fromkeys(_forms(secret.reveal()), "secret")
        for key_id in key_ids:
            forms |= {form: "key id" for form in _forms(key_id) if form not in forms}
        self.forms: tuple[tuple[Kind, bytes], ...] = tuple((kind, form) for form, kind in forms.items())
        self.longest = max(map(len, forms), default=0)

    def __repr__(self) -> str:
        return f"Needles({MASK})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("what is looked for is never written or copied")

    def __bool__(self) -> bool:
        return bool(self.forms)


def _forms(text: str) -> Iterator[bytes]:
    plain = compact(text.encode())
    if len(plain) < _SHORTEST:
        return
    yield plain
    yield compact(json.dumps(text)[1:-1].encode())
    yield plain.replace(b"/", b"\\/")
    for safe in ("", "/", "+"):
        escaped = compact(quote(text, safe=safe).encode())
        yield escaped
        yield _lower_escapes(escaped)
    yield from _base64(text.encode())


def _lower_escapes(escaped: bytes) -> bytes:
    first, *rest = escaped.split(b"%")
    return b"%".join([first, *(part[:2].lower() + part[2:] for part in rest)])


def _base64(text: bytes) -> Iterator[bytes]:
    """The characters that are the same whatever stands before and after, for each of three alignments."""
    for before, start in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(bytes(before) + text)
        core = encoded[start : (before + len(text)) * 8 // 6]
        yield core
        yield core.translate(bytes.maketrans(b"+/", b"-_"))
