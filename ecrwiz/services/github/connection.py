"""The connection to GitHub's REST API: who may be sent the token, what is tried again, what is a refusal."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from urllib.parse import quote, urlsplit

from ecrwiz import __version__
from ecrwiz.model.errors import BadInputError, MissingToolError
from ecrwiz.model.redact import Secret, plain
from ecrwiz.services.github.calls import as_object
from ecrwiz.services.github.refusal import not_github, refusal, retry_after
from ecrwiz.services.github.remote import FULL_NAME

if TYPE_CHECKING:
    import httpx

__all__ = ["Connection", "field", "path_to"]

_T = TypeVar("_T")
_API_VERSION: Final = "2022-11-28"
_SECONDS: Final = 15.0
_PAUSES: Final = (0.5, 1.0)  # seconds before the second and the third attempt
_HOPS: Final = 3
_PAGES: Final = 100  # the most that is read of one list
_LARGEST_ANSWER: Final = 8 * 1024 * 1024  # bytes; a page of variables may hold 30 of 48 KB each
_OF_THE_TRANSPORT: Final = ("content-encoding", "content-length", "transfer-encoding")
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class Connection:
    """One API with one token; an async context manager.

    Every call raises `RemoteError` (with the HTTP status as `code`) when GitHub refuses, and `MissingToolError`
    when it cannot be reached.

    Args:
        api_url: such as `https://api.github.com` or `https://HOST/api/v3`.
        token: a personal access token, or one of the `gh` command.
        source: where the token came from, in words, for what refusals say.
        transport: how requests travel, for tests.

    Attributes:
        scopes: those of a classic token, as GitHub's last answer named them; None when it named none, as for
            a fine-grained token.
        clock: the time of GitHub's last answer in its own words (the HTTP header Date); empty when it had none.

    Raises:
        BadInputError: an API URL without HTTPS, or a token that cannot be one.
    """

    def __init__(
        self, api_url: str, token: Secret, *, source: str = "", transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
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
        self.clock = ""
        self.source = source
        self._keys: dict[str, tuple[str, str]] = {}  # for sealing, by the path that they belong to
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

    async def _list(self, path: str, field_name: str, size: int, what: str, permission: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for page in range(1, _PAGES + 1):
            body = await self._get(f"{path}?per_page={size}&page={page}", what, permission)
            entries = field(body, field_name, list)
            if not all(isinstance(entry, dict) for entry in entries):
                raise not_github(200)
            found += entries
            if not entries or len(found) >= field(body, "total_count", int):
                break
        return found

    async def _get(self, path: str, what: str, permission: str) -> dict[str, Any]:
        return as_object(await self.send("GET", path, what, permission))

    async def send(
        self,
        method: str,
        path: str,
        what: str,
        permission: str,
        body: Mapping[str, Any] | None = None,
        also: tuple[int, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a request; statuses outside 2xx and `also` are raised.

        Args:
            method: of HTTP.
            path: below the API's address.
            what: what is tried, such as `write the secret X of o/r`.
            permission: what a fine-grained token needs for it, such as `Secrets: write`.
            body: sent as JSON.
            also: further statuses that are no failure.
            headers: besides those of every request.

        Raises:
            RemoteError: GitHub refused.
            MissingToolError: GitHub cannot be reached.
        """
        url = f"{self._api}{path}"
        for _ in range(_HOPS):  # a renamed repository is answered with a redirection, for every method
            response = await self._attempt(method, url, body, headers)
            target = response.request.url.join(response.headers.get("location", ""))
            if not response.has_redirect_location or _origin(target) != _origin(response.request.url):
                break
            url = str(target)
        self.clock = response.headers.get("date", "")
        named = response.headers.get("x-oauth-scopes")
        self.scopes = None if named is None else tuple(scope.strip() for scope in named.split(",") if scope.strip())
        if response.is_success or response.status_code in also:
            return response
        raise refusal(response, what, permission, self.source)

    async def _attempt(
        self, method: str, url: str, body: Mapping[str, Any] | None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        import httpx

        for pause in (*_PAUSES, None):
            try:
                async with self._client.stream(method, url, json=body, headers=headers) as stream:
                    response = await _read(stream)
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


async def _read(stream: httpx.Response) -> httpx.Response:
    """The whole answer, unless it is larger than any of GitHub's."""
    import httpx

    content = bytearray()
    async for chunk in stream.aiter_bytes():
        content += chunk
        if len(content) > _LARGEST_ANSWER:
            raise not_github(stream.status_code)
    headers = [(name, value) for name, value in stream.headers.multi_items() if name not in _OF_THE_TRANSPORT]
    return httpx.Response(stream.status_code, headers=headers, content=bytes(content), request=stream.request)


def path_to(full_name: str, environment: str = "") -> str:
    """The path of a repository, or of one of its deployment environments.

    Raises:
        BadInputError: that is no repository's name.
    """
    if not FULL_NAME.fullmatch(full_name):
        raise BadInputError(f"{plain(full_name)!r} is no repository's name, which looks like `octocat/hello`.")
    return f"/repos/{full_name}" + (f"/environments/{quote(environment, safe='')}" if environment else "")


def field(body: Mapping[str, Any], name: str, kind: type[_T]) -> _T:
    """A field that GitHub always fills.

    Raises:
        RemoteError: what answers is not GitHub.
    """
    value = body.get(name)
    if not isinstance(value, kind):
        raise not_github(200)
    return value


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
