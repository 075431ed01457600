"""How the modules beside the client send their calls: one place that knows how the connection does it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ecrwiz.services.github.refusal import not_github

if TYPE_CHECKING:
    import httpx

    from ecrwiz.services.github.connection import Connection

__all__ = ["as_object", "fetch", "list_of", "number", "send", "text"]


async def fetch(
    api: Connection, path: str, what: str, permission: str, also: tuple[int, ...] = ()
) -> dict[str, Any] | None:
    """Ask for an object; None when the answer's status is one of `also`.

    Raises:
        RemoteError: GitHub refused, or what answers is not GitHub.
        MissingToolError: GitHub cannot be reached.
    """
    response = await send(api, "GET", path, what, permission, also=also)
    return None if response.status_code in also else as_object(response)


async def send(
    api: Connection,
    method: str,
    path: str,
    what: str,
    permission: str,
    body: Mapping[str, Any] | None = None,
    also: tuple[int, ...] = (),
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """Send a call; every status outside 2xx and `also` is raised.

    Raises:
        RemoteError: GitHub refused.
        MissingToolError: GitHub cannot be reached.
    """
    return await api._do(method, path, what, permission, body, also, headers)


def as_object(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer.

    Raises:
        RemoteError: it holds none.
    """
    try:
        body = response.json()
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise not_github(response.status_code)
    return body


def text(body: object, name: str) -> str:
    """A field that GitHub always fills with a text.

    Raises:
        RemoteError: what answers is not GitHub.
    """
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, str) or not value:
        raise not_github(200)
    return value


def number(body: object, name: str) -> int:
    """A field that GitHub always fills with a positive whole number.

    Raises:
        RemoteError: what answers is not GitHub.
    """
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise not_github(200)
    return value


def list_of(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A field that is a list of objects.

    Raises:
        RemoteError: what answers is not GitHub.
    """
    value = body.get(name)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise not_github(200)
    return value
