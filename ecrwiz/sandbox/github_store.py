"""What the GitHub stand-in remembers: repositories with their secrets, variables and environments."""

from __future__ import annotations

import base64
import binascii
import hashlib
import itertools
import re
import secrets
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

__all__ = ["Entry", "Environment", "Moved", "Refusal", "Repository", "Scope", "Store", "clock"]

# GitHub's own limits: bytes of one secret or variable, and how many there may be.
_MAX_VALUE_BYTES: Final = 48 * 1024
_MOST_SECRETS: Final = 100
_MOST_VARIABLES: Final = {"repository": 500, "environment": 100}
_EPOCH: Final = datetime(2024, 3, 1, 12, 0, 0, tzinfo=UTC)  # before subjects became immutable
_NAME: Final = re.compile(r"[A-Z_][A-Z0-9_]*")
_NAME_RULE: Final = (
    "names can only contain alphanumeric characters ([a-z], [A-Z], [0-9]) or underscores (_). "
    "Spaces are not allowed. Must start with a letter ([a-z], [A-Z]) or underscores (_)."
)


def clock() -> datetime:
    """The stand-in's time."""
    return datetime.now(UTC)


class Refusal(Exception):  # noqa: N818  # an answer of the API, not a fault of the stand-in
    """An error that GitHub would answer.

    Attributes:
        status: HTTP status code.
        message: GitHub's text for it.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass
class Entry:
    """A secret or a variable."""

    name: str
    value: str = field(repr=False)
    created_at: str
    updated_at: str

    def described(self, *, with_value: bool) -> dict[str, Any]:
        """GitHub's JSON for it; a secret's value is never in it."""
        shown = {"name": self.name, "created_at": self.created_at, "updated_at": self.updated_at}
        return {**shown, "value": self.value} if with_value else shown


class Scope:
    """The secrets and variables of a repository, or of one of its environments, and the key for sealing."""

    level = "environment"

    def __init__(self) -> None:
        self._private_key = PrivateKey.generate()
        self._lock = threading.Lock()
        self.key_id = str(secrets.randbelow(10**18)).zfill(18)
        self.secrets: dict[str, Entry] = {}
        self.variables: dict[str, Entry] = {}

    @property
    def public_key(self) -> str:
        """The base64 of the key that clients seal secrets for."""
        return base64.b64encode(bytes(self._private_key.public_key)).decode()

    def put_secret(self, name: str, encrypted_value: str, key_id: str) -> bool:
        """Open the sealed box and keep what was in it.

        Returns:
            True when the secret is new.

        Raises:
            Refusal: bad name, another key's id, or a box that this key does not open.
        """
        name = _checked_name("Secret", name)
        if key_id != self.key_id:
            raise Refusal(422, "Key ID is not the current public key's ID. Fetch the public key again.")
        try:
            value = SealedBox(self._private_key).decrypt(base64.b64decode(encrypted_value, validate=True)).decode()
        except (CryptoError, binascii.Error, UnicodeDecodeError):
            raise Refusal(422, "The encrypted value cannot be opened with the public key's private half.") from None
        return self._put(self.secrets, "Secret", name, value)

    def create_variable(self, name: str, value: str) -> None:
        """Keep a new variable.

        Raises:
            Refusal: bad name, value too large, or the variable exists (409).
        """
        name = _checked_name("Variable", name)
        if name in self.variables:
            raise Refusal(409, "Already exists - Variable already exists")
        self._put(self.variables, "Variable", name, value)

    def update_variable(self, name: str, new_name: str | None, value: str | None) -> None:
        """Change a variable's value, its name or both.

        Raises:
            Refusal: no such variable, or the new name or value is not allowed.
        """
        old = self.variable(name)
        target = _checked_name("Variable", new_name or old.name)
        if target != old.name and target in self.variables:
            raise Refusal(409, "Already exists - Variable already exists")
        self._put(self.variables, "Variable", target, old.value if value is None else value)
        if target != old.name:
            self.variables[target].created_at = old.created_at
            del self.variables[old.name]

    def secret(self, name: str) -> Entry:
        """The secret of that name, in any case; 404 when there is none."""
        return _found(self.secrets, name)

    def variable(self, name: str) -> Entry:
        """The variable of that name, in any case; 404 when there is none."""
        return _found(self.variables, name)

    def _put(self, kept: dict[str, Entry], kind: str, name: str, value: str) -> bool:
        if len(value.encode()) > _MAX_VALUE_BYTES:
            raise Refusal(422, f"{kind} value is too large: the limit is 48 KB.")
        most = _MOST_SECRETS if kind == "Secret" else _MOST_VARIABLES[self.level]
        now = clock().strftime("%Y-%m-%dT%H:%M:%SZ")
        with self._lock:
            old = kept.get(name)
            if old is None and len(kept) >= most:
                # GitHub documents the number, not its words for it.
                raise Refusal(422, f"You have reached the maximum number of {kind.lower()}s ({most}).")
            kept[name] = Entry(name, value, old.created_at if old else now, now)
        return old is None

    def keep(self, kind: str, name: str, value: str) -> None:
        """Keep one of the `secrets` or `variables` as the web page would, without a sealed box."""
        kept, word = (self.secrets, "Secret") if kind == "secrets" else (self.variables, "Variable")
        self._put(kept, word, _checked_name(word, name), value)

    def opened(self) -> dict[str, dict[str, str]]:
        """Every value in clear, for tests alone."""
        return {
            "secrets": {entry.name: entry.value for entry in self.secrets.values()},
            "variables": {entry.name: entry.value for entry in self.variables.values()},
        }


class Repository(Scope):
    """A repository; three names stand for what goes wrong in practice.

    `missing` does not exist (or the token may not see it: GitHub answers the same), `archived` is read-only,
    and to `no-admin` the token has no administration rights. More can be switched on by `modes`.

    Attributes:
        number: GitHub's id of it.
        owner_id: GitHub's id of the owner.
        owner_type: `User` or `Organization`.
        created: when it was made.
        default_branch: its default branch.
        modes: what goes wrong, by the names of `github_modes.MODES`.
        organisation: secrets and variables of the organisation that it may use.
    """

    level = "repository"

    def __init__(self, number: int, owner: str, name: str) -> None:
        super().__init__()
        self.number, self.owner, self.name = number, owner, name
        self.owner_id = int.from_bytes(hashlib.sha256(owner.lower().encode()).digest()[:4], "big") + 1
        self.owner_type = "User"
        self.created = _EPOCH
        self.default_branch = "main"
        self.modes: set[str] = set()
        self.organisation = Scope()
        self.environments: dict[str, Environment] = {}
        self.oidc_subject: dict[str, Any] = {"use_default": True}

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner}/{self.name}"

    @property
    def archived(self) -> bool:
        """Whether it is read-only."""
        return self.name == "archived" or "archived" in self.modes

    @property
    def administered(self) -> bool:
        """Whether the token may see and change secrets."""
        return self.name != "no-admin" and "read-only-person" not in self.modes

    @property
    def writable(self) -> bool:
        """Whether the token's owner may push."""
        return "read-only-person" not in self.modes

    def environment(self, name: str) -> Environment:
        """The environment of that name; 404 when there is none."""
        try:
            return self.environments[name.lower()]
        except KeyError:
            raise Refusal(404, "Not Found") from None


class Environment(Scope):
    """A deployment environment; `name` is spelled as whoever made it did."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class Moved(Exception):  # noqa: N818  # an answer of the API, not a fault of the stand-in
    """The repository has another name today.

    Attributes:
        number: GitHub's id of it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Store:
    """All repositories: any owner and name exists once somebody asks for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._repositories: dict[tuple[str, str], Repository] = {}
        self._moved: dict[tuple[str, str], int] = {}
        self._numbers = itertools.count(1)

    def repository(self, owner: str, name: str) -> Repository:
        """Find a repository as GitHub does, whatever the case of its name.

        Raises:
            Refusal: 404 for the name `missing`.
            Moved: it was renamed or transferred.
        """
        if name.lower() == "missing":
            raise Refusal(404, "Not Found")
        with self._lock:
            key = (owner.lower(), name.lower())
            if key in self._moved:
                raise Moved(self._moved[key])
            if key not in self._repositories:
                self._repositories[key] = Repository(next(self._numbers), owner, name)
            return self._repositories[key]

    def clear(self) -> None:
        """Forget every repository."""
        with self._lock:
            self._repositories.clear()
            self._moved.clear()

    def by_number(self, number: int) -> Repository | None:
        """The repository with GitHub's id."""
        return next((found for found in self._repositories.values() if found.number == number), None)

    def of_owner(self, owner: str) -> list[Repository]:
        """All repositories of an owner."""
        return [found for (name, _), found in self._repositories.items() if name == owner.lower()]

    def rename(self, found: Repository, full_name: str) -> None:
        """Give a repository another owner, name or both; the old name leads to it from then on."""
        owner, _, name = full_name.partition("/")
        with self._lock:
            old = (found.owner.lower(), found.name.lower())
            self._moved[old] = found.number
            self._repositories[owner.lower(), name.lower()] = self._repositories.pop(old)
            self._moved.pop((owner.lower(), name.lower()), None)
            found.owner, found.name = owner, name

    def opened(self) -> dict[str, Any]:
        """Every value of every repository in clear, by `owner/name`, for tests alone."""
        return {
            repository.full_name: {
                **repository.opened(),
                "environments": {name: scope.opened() for name, scope in repository.environments.items()},
            }
            for repository in self._repositories.values()
        }


def _checked_name(kind: str, name: str) -> str:
    upper = name.upper()
    if not _NAME.fullmatch(upper):
        raise Refusal(422, f"{kind} {_NAME_RULE}")
    if upper.startswith("GITHUB_"):
        raise Refusal(422, f"{kind} names must not start with GITHUB_.")
    return upper


def _found(kept: dict[str, Entry], name: str) -> Entry:
    try:
        return kept[name.upper()]
    except KeyError:
        raise Refusal(404, "Not Found") from None
