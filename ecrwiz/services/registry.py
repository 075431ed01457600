"""A registry's own API (OCI distribution): what does it serve under a tag?"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from ecrwiz.model.errors import RemoteError, ToolFailedError
from ecrwiz.model.redact import Secret

if TYPE_CHECKING:
    import httpx

__all__ = ["base_url", "is_loopback", "manifest_digest"]

_ACCEPT: Final = (
    "application/vnd.docker.distribution.manifest.v2+json,"
    "application/vnd.docker.distribution.manifest.list.v2+json,"
    "application/vnd.oci.image.manifest.v1+json,"
    "application/vnd.oci.image.index.v1+json"
)
_AGAIN: Final = "Check the network, then try again."

_REFUSALS: Final = {
    401: ("did not accept the credentials", "Try again: a new token is fetched each time."),
    403: ("denied reading the repository", "Give this identity the permission to read images from it."),
    429: ("is asked too often and refuses for now", "Wait a minute and try again."),
}


async def manifest_digest(
    host: str, repository: str, reference: str, *, username: str, password: Secret
) -> tuple[str, Mapping[str, object]] | None:
    """Read a manifest and compute its digest from the bytes that came.

    Args:
        host: the registry's host, with its port if it has one. A loopback address is asked without
            encryption, as Docker does; everything else with TLS.
        repository: the repository's name.
        reference: a tag or a digest.
        username: for the registry; ECR's is always `AWS`.
        password: for the registry.

    Returns:
        The digest, `sha256:...`, and the manifest; None when the registry does not have it.

    Raises:
        RemoteError: the registry refused; `code` is the HTTP status.
        ToolFailedError: it cannot be reached, or what it says is not what it sent.
    """
    response = await _ask(host, repository, reference, username, password)
    if response.status_code == 404:
        return None
    if response.status_code != 200:
        raise _refusal(host, response)
    digest = f"sha256:{hashlib.sha256(response.content).hexdigest()}"
    claimed = {response.headers.get("Docker-Content-Digest", digest)}
    if reference.startswith("sha256:"):
        claimed.add(reference)
    if claimed != {digest}:
        raise ToolFailedError(
            f"The registry {host} sent a manifest of {repository}:{reference} that does not have the digest it claims.",
            "Do not use this image; something between this machine and the registry changes what is sent.",
        )
    try:
        manifest = json.loads(response.content)
    except ValueError:
        manifest = None
    if not isinstance(manifest, dict):
        raise ToolFailedError(
            f"What answers at {host} is not a container registry: it sent no manifest.",
            "Check the registry's address, and that no proxy answers in its place.",
        )
    return digest, manifest


async def _ask(host: str, repository: str, reference: str, username: str, password: Secret) -> httpx.Response:
    import httpx

    local = is_loopback(host)
    url = f"{base_url(host)}/v2/{quote(repository)}/manifests/{quote(reference, safe=':')}"
    try:
        # A proxy is for the world outside: it could not reach this machine's own address.
        async with httpx.AsyncClient(trust_env=not local, timeout=30.0) as client:
            return await client.get(url, headers={"Accept": _ACCEPT}, auth=httpx.BasicAuth(username, password.reveal()))
    except httpx.TimeoutException as error:
        raise ToolFailedError(f"The registry {host} did not answer in time.", _AGAIN) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = str(error).rstrip(".") or type(error).__name__
        raise ToolFailedError(f"The registry {host} cannot be reached: {why}.", _AGAIN) from error


def _refusal(host: str, response: httpx.Response) -> RemoteError:
    status = response.status_code
    what, hint = _REFUSALS.get(status, (f"failed with HTTP status {status}", "Try again in a minute."))
    return RemoteError(f"The registry {host} {what}.", hint, code=str(status))


def base_url(host: str) -> str:
    """The registry's address: without encryption on a loopback address, as Docker does it, and else with TLS."""
    return f"{'http' if is_loopback(host) else 'https'}://{host}"


def is_loopback(host: str) -> bool:
    """Whether a registry's host is this machine, which Docker too asks without TLS."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
