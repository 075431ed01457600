"""The connection to GitHub's REST API: repositories, Actions secrets and variables."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from urllib.parse import urlsplit

from ecrwiz import __version__
from ecrwiz.model.errors import BadInputError, MissingToolError
from ecrwiz.model.redact import Secret, plain
from ecrwiz.services.github.refusal import not_github, refusal, retry_after
from ecrwiz.services.github.remote import FULL_NAME

if TYPE_CHECKING:
    import httpx

__all__ = ["GitHub", "Repository"]

_T = TypeVar("_T")
_API_VERSION: Final = "2022-11-28"
_SECONDS: Final = 15.0
_PAUSES: Final = (0.5, 1.0)  # seconds before the second and the third attempt
_HOPS: Final = 3
_LARGEST: Final = 48 * 1024  # bytes of one secret or variable
_ENTRY_NAME = re.compile(r"(?!GITHUB_)[A-Z_][A-Z0-9_]*")
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository as the token sees it.

    Attributes:
        full_name: `owner/name` as GitHub spells it today; differs from what was asked after a rename.
        private: whether the public cannot see it.
        archived: read-only; secrets cannot be written.
        can_push: the token's owner may push.
        can_admin: the token's owner administers it.
    """

    full_name: str
    private: bool
    archived: bool
    can_push: bool
    can_admin: bool


class GitHub:
    """A connection to one API with one token; use it as an async context manager.

    Every method raises `RemoteError` (with the HTTP status as `code`) when GitHub refuses, `MissingToolError`
    when it cannot be reached, and `BadInputError` for a name or value that GitHub would not take.

    Args:
        api_url: such as `https://api.github.com` or `https://HOST/api/v3`.
        token: a personal access token, or one of the `gh` command.
        transport: how requests travel, for tests.

    Attributes:
        scopes: those of a classic token, as GitHub's last answer named them; None when it named none, as for
            a fine-grained token.

    Raises:
        BadInputError: an API URL without HTTPS, or a token that cannot be one.
    """

    def __init__(self, api_url: str, token: Secret, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        import httpx

        self._api = api_url.rstrip("/")
        parts = urlsplit(self._api)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise BadInputError(
                f"{plain(self._api)} cannot be GitHub's API: a token is sent over https:// only.",
                "Set GITHUB_API_URL to an address such as https://github.example.com/api/v3.",
            )
        if not re.fullmatch(r"[!-~]+", token.reveal()):  # checked here: httpx would quote it in its error
            raise BadInputError("The GitHub token has a blank or a character that no token has.")
        self._client = httpx.AsyncClient(
            timeout=_SECONDS,
            transport=transport,
            mounts={f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")},  # no proxy to here
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {token.reveal()}",
                "User-Agent": f"ecrwiz/{__version__}",
                "X-GitHub-Api-Version": _API_VERSION,
            },
        )
        self.scopes: tuple[str, ...] | None = None
        self._keys: dict[str, tuple[str, str]] = {}
        self._fetching = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def user(self) -> str:
        """The login of the token's owner."""
        return _field(await self._get("/user", "tell whose token this is", "any"), "login", str)

    async def repository(self, full_name: str) -> Repository:
        """Look a repository up; follows a rename."""
        body = await self._get(_path(full_name), f"see the repository {full_name}", "Metadata: read")
        permissions = body.get("permissions")
        allowed = permissions if isinstance(permissions, dict) else {}
        return Repository(
            full_name=_field(body, "full_name", str),
            private=_field(body, "private", bool),
            archived=bool(body.get("archived")),
            can_push=bool(allowed.get("push")),
            can_admin=bool(allowed.get("admin")),
        )

    async def check_public_key(self, full_name: str) -> None:
        """Fetch the key for which secrets are sealed; raises when the token may not."""
        await self._public_key(full_name)

    async def actions_enabled(self, full_name: str) -> bool:
        """Whether GitHub Actions may run in the repository; GitHub tells it to administrators only."""
        path = f"{_path(full_name)}/actions/permissions"
        body = await self._get(path, f"read the Actions settings of {full_name}", "Administration: read")
        return _field(body, "enabled", bool)

    async def list_secrets(self, full_name: str) -> tuple[str, ...]:
        """Name the repository's Actions secrets; GitHub never gives their values."""
        found = await self._list(full_name, "secrets", 100, "Secrets: read")
        return tuple(_field(entry, "name", str) for entry in found)

    async def list_variables(self, full_name: str) -> dict[str, str]:
        """Give the repository's Actions variables, by name."""
        found = await self._list(full_name, "variables", 30, "Variables: read")
        return {_field(entry, "name", str): _field(entry, "value", str) for entry in found}

    async def put_secret(self, full_name: str, name: str, secret: Secret) -> None:
        """Create or replace an Actions secret, sealed for this repository's public key."""
        path = f"{_path(full_name)}/actions/secrets/{_checked(name, secret.reveal())}"
        key_id, key = await self._public_key(full_name)
        body = {"encrypted_value": _seal(key, secret), "key_id": key_id}
        await self._do("PUT", path, f"write the secret {name} of {full_name}", "Secrets: write", body)

    async def put_variable(self, full_name: str, name: str, value: str) -> None:
        """Create or replace an Actions variable."""
        path = f"{_path(full_name)}/actions/variables"
        body = {"name": _checked(name, value), "value": value}
        what, need = f"write the variable {name} of {full_name}", "Variables: write"
        for last in (False, True):
            changed = await self._do("PATCH", f"{path}/{name}", what, need, body, also=() if last else (404,))
            if changed.status_code != 404:
                return
            # 409: a first attempt went through though its answer was lost, or somebody was faster.
            if (await self._do("POST", path, what, need, body, also=(409,))).status_code != 409:
                return

    async def delete_secret(self, full_name: str, name: str) -> bool:
        """Delete an Actions secret; False when there was none."""
        path = f"{_path(full_name)}/actions/secrets/{_checked(name)}"
        what = f"delete the secret {name} of {full_name}"
        return (await self._do("DELETE", path, what, "Secrets: write", also=(404,))).status_code != 404

    async def delete_variable(self, full_name: str, name: str) -> bool:
        """Delete an Actions variable; False when there was none."""
        path = f"{_path(full_name)}/actions/variables/{_checked(name)}"
        what = f"delete the variable {name} of {full_name}"
        return (await self._do("DELETE", path, what, "Variables: write", also=(404,))).status_code != 404

    async def _public_key(self, full_name: str) -> tuple[str, str]:
        async with self._fetching:
            if full_name not in self._keys:
                path = f"{_path(full_name)}/actions/secrets/public-key"
                body = await self._get(path, f"read the secrets' public key of {full_name}", "Secrets: write")
                self._keys[full_name] = _field(body, "key_id", str), _field(body, "key", str)
            return self._keys[full_name]

    async def _list(self, full_name: str, kind: str, size: int, permission: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for page in range(1, 101):
            path = f"{_path(full_name)}/actions/{kind}?per_page={size}&page={page}"
            body = await self._get(path, f"list the {kind} of {full_name}", permission)
            entries = _field(body, kind, list)
            found += entries
            if not entries or len(found) >= _field(body, "total_count", int):
                break
        return found

    async def _get(self, path: str, what: str, permission: str) -> dict[str, Any]:
        response = await self._do("GET", path, what, permission)
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise not_github(response.status_code)
        return body

    async def _do(
        self,
        method: str,
        path: str,
        what: str,
        permission: str,
        body: Mapping[str, str] | None = None,
        also: tuple[int, ...] = (),
    ) -> httpx.Response:
        """Send a request; statuses outside 2xx and `also` are raised."""
        url = f"{self._api}{path}"
        for _ in range(_HOPS):  # a renamed repository is answered with a redirection, for every method
            response = await self._attempt(method, url, body)
            target = response.request.url.join(response.headers.get("location", ""))
            if not response.has_redirect_location or _origin(target) != _origin(response.request.url):
                break
            url = str(target)
        named = response.headers.get("x-oauth-scopes")
        self.scopes = None if named is None else tuple(scope.strip() for scope in named.split(",") if scope.strip())
        if response.is_success or response.status_code in also:
            return response
        raise refusal(response, what, permission)

    async def _attempt(self, method: str, url: str, body: Mapping[str, str] | None) -> httpx.Response:
        import httpx

        for pause in (*_PAUSES, None):
            try:
                response = await self._client.request(method, url, json=body)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if pause is None or "CERTIFICATE" in str(error):
                    raise self._unreachable(error) from error
                await asyncio.sleep(pause)
                continue
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise self._unreachable(error) from error
            wait = None if pause is None else retry_after(response, pause)
            if wait is None:
                return response
            await asyncio.sleep(wait)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _unreachable(self, error: Exception) -> MissingToolError:
        if "CERTIFICATE" in str(error):
            return MissingToolError(
                f"The certificate of {self._api} is not trusted on this machine.",
                "Set SSL_CERT_FILE to a file with your organisation's CA certificates.",
            )
        return MissingToolError(
            f"GitHub cannot be reached at {self._api} ({type(error).__name__}).",
            "Check the network connection, and HTTPS_PROXY if there is a proxy; then run the step again.",
        )


def _path(full_name: str) -> str:
    if not FULL_NAME.fullmatch(full_name):
        raise BadInputError(f"{plain(full_name)!r} is no repository's name, which looks like `octocat/hello`.")
    return f"/repos/{full_name}"


def _checked(name: str, value: str = "") -> str:
    """Give the name back when GitHub would take it and the value."""
    if not _ENTRY_NAME.fullmatch(name.upper()):
        raise BadInputError(
            f"{plain(name)!r} cannot name a secret or a variable: letters, digits and _ are allowed, "
            "no digit first, no GITHUB_ first; such as AWS_REGION."
        )
    if len(value.encode()) > _LARGEST:
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


def _field(body: Mapping[str, Any], name: str, kind: type[_T]) -> _T:
    value = body.get(name)
    if not isinstance(value, kind):
        raise not_github(200)
    return value


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
