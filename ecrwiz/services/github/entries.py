"""Secrets and variables of Actions: of a repository, of one of its environments, and of its organisation."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ecrwiz.model.errors import BadInputError
from ecrwiz.model.redact import Secret, plain
from ecrwiz.services.github.connection import Connection, field, path_to
from ecrwiz.services.github.refusal import not_github

__all__ = ["LARGEST", "MOST_SECRETS", "MOST_VARIABLES", "Entries", "Variable"]

MOST_SECRETS: Final = 100
"""How many secrets a repository, or an environment, can hold (GitHub's secrets reference)."""

MOST_VARIABLES: Final = {False: 500, True: 100}
"""How many variables a repository can hold, and, under True, an environment (GitHub's variables reference)."""

LARGEST: Final = 48 * 1024
"""Bytes of one secret or variable (GitHub's secrets and variables references)."""

_ENTRY_NAME: Final = re.compile(r"(?!GITHUB_)[A-Z_][A-Z0-9_]*")
_PAGE: Final = {"secrets": 100, "variables": 30}
_LABEL: Final = {"secrets": "Secrets", "variables": "Variables"}


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable.

    Attributes:
        value: its value.
        updated: when it was last set (ISO 8601, as GitHub says).
    """

    value: str
    updated: str


class Entries(Connection):
    """Reads and writes secrets and variables.

    `environment` names a deployment environment; empty for the repository itself. GitHub keeps all names in
    capitals, and so they are given back. Beside what a connection raises, `BadInputError` tells of a name or a
    value that GitHub would not take.
    """

    async def check_public_key(self, full_name: str, environment: str = "") -> None:
        """Fetch the key for which secrets are sealed; raises when the token may not."""
        await self._public_key(full_name, environment)

    async def secrets(self, full_name: str, environment: str = "") -> dict[str, str]:
        """Name the secrets and when each was last set (ISO 8601); GitHub never gives their values."""
        found = await self._entries(full_name, environment, "secrets")
        return {_name(entry): _time(entry) for entry in found}

    async def variables(self, full_name: str, environment: str = "") -> dict[str, Variable]:
        """Give the variables, by name."""
        found = await self._entries(full_name, environment, "variables")
        return {_name(entry): Variable(field(entry, "value", str), _time(entry)) for entry in found}

    async def list_secrets(self, full_name: str, environment: str = "") -> tuple[str, ...]:
        """Name the secrets."""
        return tuple(await self.secrets(full_name, environment))

    async def list_variables(self, full_name: str, environment: str = "") -> dict[str, str]:
        """Give the variables' values, by name."""
        found = await self.variables(full_name, environment)
        return {name: variable.value for name, variable in found.items()}

    async def of_organisation(self, full_name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Name the organisation's secrets and variables that this repository may use."""
        kinds = []
        for kind in ("secrets", "variables"):
            path = f"{path_to(full_name)}/actions/organization-{kind}"
            what = f"list the organisation's {kind} for {full_name}"
            found = await self._list(path, kind, _PAGE[kind], what, f"{_LABEL[kind]}: read")
            kinds.append(tuple(_name(entry) for entry in found))
        return kinds[0], kinds[1]

    async def put_secret(self, full_name: str, name: str, secret: Secret, environment: str = "") -> None:
        """Create or replace a secret, sealed for the public key of the repository or environment."""
        path = f"{_base(full_name, environment)}/secrets/{_checked(name, secret.reveal())}"
        key_id, key = await self._public_key(full_name, environment)
        body = {"encrypted_value": _seal(key, secret), "key_id": key_id}
        what = f"write the secret {name} of {_place(full_name, environment)}"
        await self.send("PUT", path, what, _need("secrets", "write", environment), body)

    async def put_variable(self, full_name: str, name: str, value: str, environment: str = "") -> None:
        """Create or replace a variable."""
        path = f"{_base(full_name, environment)}/variables"
        body = {"name": _checked(name, value), "value": value}
        what = f"write the variable {name} of {_place(full_name, environment)}"
        need = _need("variables", "write", environment)
        for last in (False, True):
            changed = await self.send("PATCH", f"{path}/{name}", what, need, body, also=() if last else (404,))
            if changed.status_code != 404:
                return
            # 409: a first attempt went through though its answer was lost, or somebody was faster.
            if (await self.send("POST", path, what, need, body, also=(409,))).status_code != 409:
                return

    async def delete_secret(self, full_name: str, name: str, environment: str = "") -> bool:
        """Delete a secret; False when there was none."""
        return await self._delete(full_name, name, environment, "secrets")

    async def delete_variable(self, full_name: str, name: str, environment: str = "") -> bool:
        """Delete a variable; False when there was none."""
        return await self._delete(full_name, name, environment, "variables")

    async def _delete(self, full_name: str, name: str, environment: str, kind: str) -> bool:
        path = f"{_base(full_name, environment)}/{kind}/{_checked(name)}"
        what = f"delete the {kind.removesuffix('s')} {name} of {_place(full_name, environment)}"
        response = await self.send("DELETE", path, what, _need(kind, "write", environment), also=(404,))
        return response.status_code != 404

    async def _entries(self, full_name: str, environment: str, kind: str) -> list[dict[str, Any]]:
        path, what = f"{_base(full_name, environment)}/{kind}", f"list the {kind} of {_place(full_name, environment)}"
        return await self._list(path, kind, _PAGE[kind], what, _need(kind, "read", environment))

    async def _public_key(self, full_name: str, environment: str) -> tuple[str, str]:
        path = f"{_base(full_name, environment)}/secrets/public-key"
        async with self._fetching:
            if path not in self._keys:
                what = f"read the secrets' public key of {_place(full_name, environment)}"
                body = await self._get(path, what, _need("secrets", "write", environment))
                self._keys[path] = field(body, "key_id", str), field(body, "key", str)
            return self._keys[path]


def _base(full_name: str, environment: str) -> str:
    path = path_to(full_name, environment)
    return path if environment else f"{path}/actions"


def _place(full_name: str, environment: str) -> str:
    return f"the environment {environment} of {full_name}" if environment else full_name


def _need(kind: str, access: str, environment: str) -> str:
    """A fine-grained token's permission: what an environment holds has one of its own."""
    return f"{'Environments' if environment else _LABEL[kind]}: {access}"


def _name(entry: Mapping[str, Any]) -> str:
    return field(entry, "name", str).upper()


def _time(entry: Mapping[str, Any]) -> str:
    """When it was last set; empty for a server that does not say."""
    value = entry.get("updated_at")
    return value if isinstance(value, str) and re.fullmatch(r"[0-9T:.+Z-]{10,40}", value) else ""


def _checked(name: str, value: str = "") -> str:
    """Give the name back when GitHub would take it and the value."""
    if not _ENTRY_NAME.fullmatch(name.upper()):
        raise BadInputError(
            f"{plain(name)!r} cannot name a secret or a variable: letters, digits and _ are allowed, "
            "no digit first, no GITHUB_ first; such as AWS_REGION."
        )
    if len(value.encode()) > LARGEST:
        raise BadInputError(f"The value of {name} is larger than the 48 KB that GitHub keeps.")
    return name


def _seal(public_key: str, secret: Secret) -> str:
    """Encrypt for the holder of the private key alone; base64 in, base64 out."""
    from nacl.exceptions import CryptoError
    from nacl.public import PublicKey, SealedBox

    try:
        box = SealedBox(PublicKey(base64.b64decode(public_key, validate=True)))
    except (CryptoError, ValueError):
        raise not_github(200) from None
    return base64.b64encode(box.encrypt(secret.reveal().encode())).decode("ascii")
