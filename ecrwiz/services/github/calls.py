"""What the answers of GitHub's API hold, checked: a field that is not as GitHub gives it means another server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ecrwiz.services.github.refusal import not_github

if TYPE_CHECKING:
    import httpx

    from ecrwiz.services.github.connection import Connection

__all__ = ["as_object", "fetch", "list_of", "number", "text"]


async def fetch(
    api: Connection, path: str, what: str, permission: str, also: tuple[int, ...] = ()
) -> dict[str, Any] | None:
    """Ask for an object; None when the answer's status is one of `also`.

    Raises:
        RemoteError: GitHub refused, or what answers is not GitHub.
        MissingToolError: GitHub cannot be reached.
    """
    response = await api.send("GET", path, what, permission, also=also)
    return None if response.status_code in also else as_object(response)


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
