"""A one-layer image of some hundred bytes, pushed through a registry's own API, one permission at a time.

What `docker push` does in one go is done here in its single requests, because ECR asks another permission for each:
Amazon ECR user guide, "IAM permissions for pushing an image". Requests and answers: OCI distribution specification.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import secrets
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote

from ecrwiz.model.errors import RemoteError, ToolFailedError
from ecrwiz.model.redact import Secret, plain

if TYPE_CHECKING:
    import httpx

__all__ = ["Blob", "Probe", "ProbePush", "make_probe"]

_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_MOST: Final = 64 * 1024  # bytes of an answer; a probe has some hundred
_LABEL: Final = "org.ecrwiz.probe"

_Answer: TypeAlias = "tuple[httpx.Response, bytes]"


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes with their digest, `sha256:...`."""

    content: bytes
    digest: str

    @classmethod
    def of(cls, content: bytes) -> Blob:
        """The blob of these bytes."""
        return cls(content, f"sha256:{hashlib.sha256(content).hexdigest()}")

    def described(self, media_type: str) -> dict[str, object]:
        """How a manifest names it."""
        return {"mediaType": media_type, "size": len(self.content), "digest": self.digest}


@dataclass(frozen=True, slots=True)
class Probe:
    """An image that exists nowhere else: its layer holds a random number, so nobody else's image has its digest."""

    layer: Blob
    config: Blob
    manifest: Blob


def make_probe() -> Probe:
    """Make an image that does nothing."""
    number = secrets.token_hex(16)
    text = f"Pushed by ecrwiz to prove that the CI identity can push, and removed at once. {number}\n".encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo("ecrwiz-probe.txt")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
    layer = Blob.of(gzip.compress(packed.getvalue(), mtime=0))
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": {_LABEL: number}},
        "rootfs": {"type": "layers", "diff_ids": [Blob.of(packed.getvalue()).digest]},
    }
    config_blob = Blob.of(json.dumps(config).encode())
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": config_blob.described(_CONFIG),
        "layers": [layer.described(_LAYER)],
    }
    return Probe(layer, config_blob, Blob.of(json.dumps(manifest).encode()))


class ProbePush:
    """The requests of one push, in the order of the methods; each needs what the ones before it did.

    Every method raises `RemoteError` when the registry refuses (`code` is the registry's word such as `DENIED`, or
    the HTTP status when it says none) and `ToolFailedError` when it cannot be reached or does not speak as it should.

    Args:
        url: the registry's address, `https://HOST`.
        repository: the repository's name.
        tag: for the image; it must not exist.
        username: for the registry.
        password: for the registry.
        probe: the image.
        direct: ask without a proxy, as for this machine's own address.
        transport: for tests; None for the network.
    """

    def __init__(
        self,
        url: str,
        repository: str,
        tag: str,
        username: str,
        password: Secret,
        probe: Probe,
        *,
        direct: bool = False,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        import httpx

        self._auth = httpx.BasicAuth(username, password.reveal())
        self._client = httpx.AsyncClient(
            trust_env=not direct, timeout=20.0, follow_redirects=False, transport=transport
        )
        self._base = httpx.URL(url)
        self._path = f"{url}/v2/{quote(repository)}"
        self._tag = tag
        self._probe = probe
        self._upload: httpx.URL | None = None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def ask_for_layer(self) -> str:
        """Ask whether the layer is there already (ecr:BatchCheckLayerAvailability); gives what was said."""
        answer, _ = await self._ask("HEAD", f"{self._path}/blobs/{self._probe.layer.digest}", fine=(200, 404))
        return "HTTP 200" if answer.status_code == 200 else "HTTP 404: it is not there yet, as it should be"

    async def begin_upload(self) -> str:
        """Begin to upload the layer (ecr:InitiateLayerUpload); gives what was said."""
        self._upload, said = await self._begin()
        return said

    async def send_part(self) -> str:
        """Send the layer's bytes (ecr:UploadLayerPart); gives what was said."""
        self._upload, said = await self._send(self._begun(), self._probe.layer)
        return said

    async def complete_upload(self) -> str:
        """Say that the layer is whole (ecr:CompleteLayerUpload); gives what was said."""
        return await self._complete(self._begun(), self._probe.layer)

    async def name_image(self) -> str:
        """Upload the configuration too, then name the image (ecr:PutImage); gives what was said."""
        place, _ = await self._begin()
        place, _ = await self._send(place, self._probe.config)
        await self._complete(place, self._probe.config)
        manifest = self._probe.manifest
        url = f"{self._path}/manifests/{quote(self._tag)}"
        headers = {"Content-Type": _MANIFEST}
        answer, _ = await self._ask("PUT", url, content=manifest.content, headers=headers, fine=(201,))
        claimed = answer.headers.get("Docker-Content-Digest", manifest.digest)
        if claimed != manifest.digest:
            raise ToolFailedError(
                f"The registry took the manifest {manifest.digest} as {plain(claimed)[:100]}.",
                "Something between this machine and the registry changes what is sent.",
            )
        return f"HTTP 201: {manifest.digest}"

    async def read_manifest(self) -> str:
        """Read the image's manifest by its tag (ecr:BatchGetImage); gives what was said."""
        url = f"{self._path}/manifests/{quote(self._tag)}"
        _, content = await self._ask("GET", url, headers={"Accept": _MANIFEST}, fine=(200,))
        if Blob.of(content).digest != self._probe.manifest.digest:
            raise ToolFailedError(
                "The registry gave back another manifest than was pushed.",
                "Something between this machine and the registry changes what is sent.",
            )
        return f"HTTP 200: {self._probe.manifest.digest}"

    async def read_layer(self) -> str:
        """Ask for the layer (ecr:GetDownloadUrlForLayer); gives what was said.

        ECR answers with an address in S3. That is the proof, so it is not followed.
        """
        answer, content = await self._ask(
            "GET", f"{self._path}/blobs/{self._probe.layer.digest}", fine=(200, 301, 302, 303, 307, 308)
        )
        if answer.status_code != 200:
            return f"HTTP {answer.status_code}: the address of the layer"
        if Blob.of(content).digest != self._probe.layer.digest:
            raise ToolFailedError(
                "The registry gave back another layer than was pushed.",
                "Something between this machine and the registry changes what is sent.",
            )
        return "HTTP 200: the layer's bytes"

    def _begun(self) -> httpx.URL:
        if self._upload is None:
            raise ToolFailedError("No upload was begun.", "Run the step again.")
        return self._upload

    async def _begin(self) -> tuple[httpx.URL, str]:
        answer, _ = await self._ask("POST", f"{self._path}/blobs/uploads/", content=b"", fine=(202,))
        return self._next(answer), "HTTP 202: the upload has begun"

    async def _send(self, place: httpx.URL, blob: Blob) -> tuple[httpx.URL, str]:
        headers = {"Content-Type": "application/octet-stream"}
        answer, _ = await self._ask("PATCH", place, content=blob.content, headers=headers, fine=(201, 202, 204))
        return self._next(answer), f"HTTP {answer.status_code}: {len(blob.content)} bytes taken"

    async def _complete(self, place: httpx.URL, blob: Blob) -> str:
        answer, _ = await self._ask(
            "PUT", place.copy_merge_params({"digest": blob.digest}), content=b"", fine=(201, 204)
        )
        return f"HTTP {answer.status_code}: {blob.digest}"

    def _next(self, answer: httpx.Response) -> httpx.URL:
        """Where the upload goes on: at the same registry, for only that may get the password."""
        import httpx

        try:
            place = answer.url.join(answer.headers.get("Location", ""))
        except httpx.InvalidURL:
            place = httpx.URL()
        if (place.scheme, place.host, place.port) != (self._base.scheme, self._base.host, self._base.port):
            raise ToolFailedError(
                f"The registry {self._base.host} wants the layer sent to another host; nothing was sent there.",
                "Check the registry's address, and that no proxy answers in its place.",
            )
        return place

    async def _ask(
        self,
        method: str,
        url: httpx.URL | str,
        *,
        fine: tuple[int, ...],
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> _Answer:
        import httpx

        try:
            async with self._client.stream(method, url, content=content, headers=headers, auth=self._auth) as answer:
                body = b""
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > _MOST:
                        raise ToolFailedError("The registry's answer is far too long.", "Check the registry's address.")
        except httpx.TimeoutException as error:
            raise ToolFailedError(f"The registry {self._base.host} did not answer in time.", _AGAIN) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = str(error).rstrip(".") or type(error).__name__
            raise ToolFailedError(f"The registry {self._base.host} cannot be reached: {why}.", _AGAIN) from error
        if answer.status_code not in fine:
            raise _refusal(self._base.host, answer.status_code, body)
        return answer, body


_AGAIN: Final = "Check the network, then try again."


def _refusal(host: str, status: int, body: bytes) -> RemoteError:
    """The registry's own words: `{"errors": [{"code": ..., "message": ...}]}`."""
    code, said = str(status), ""
    try:
        first = json.loads(body)["errors"][0]
        code, said = str(first["code"])[:60], plain(str(first.get("message", "")))[:1000]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        pass
    words = f"HTTP {status} {said}".strip().rstrip(".")
    return RemoteError(f"The registry {host} refused: {words}.", "", code=code, said=said or f"HTTP {status}")
