"""A client of the registry protocol, as small as a push can be."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass(frozen=True)
class SmallImage:
    """A manifest, its configuration and its layers."""

    config: bytes
    layers: tuple[bytes, ...]

    @classmethod
    def random(cls, layer_bytes: int = 2000) -> SmallImage:
        return cls(json.dumps({"architecture": "amd64", "os": "linux"}).encode(), (os.urandom(layer_bytes),))

    @property
    def manifest(self) -> bytes:
        def part(kind: str, data: bytes) -> dict[str, Any]:
            media_type = f"application/vnd.docker.{kind}"
            return {"mediaType": media_type, "size": len(data), "digest": digest_of(data)}

        return json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "config": part("container.image.v1+json", self.config),
                "layers": [part("image.rootfs.diff.tar.gzip", layer) for layer in self.layers],
            }
        ).encode()

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)

    @property
    def size(self) -> int:
        return len(self.config) + sum(map(len, self.layers))


class RegistryClient(httpx.Client):
    """Talks to a registry with a token of GetAuthorizationToken."""

    def __init__(self, ecr: Any) -> None:
        data = ecr.get_authorization_token()["authorizationData"][0]
        user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
        super().__init__(base_url=data["proxyEndpoint"], auth=(user, password), trust_env=False)

    def upload(self, repository: str, blob: bytes) -> httpx.Response:
        """Upload a blob in pieces, as docker does; the first refusal is the answer."""
        begun = self.post(f"/v2/{repository}/blobs/uploads/")
        if begun.status_code != 202:
            return begun

        def pieces() -> Iterator[bytes]:
            for start in range(0, len(blob), 1 << 20):
                yield blob[start : start + (1 << 20)]

        sent = self.patch(begun.headers["Location"], content=pieces())
        if sent.status_code != 202:
            return sent
        return self.put(httpx.URL(sent.headers["Location"]).copy_merge_params({"digest": digest_of(blob)}))

    def put_manifest(self, repository: str, reference: str, manifest: bytes) -> httpx.Response:
        headers = {"Content-Type": MANIFEST_TYPE}
        return self.put(f"/v2/{repository}/manifests/{reference}", content=manifest, headers=headers)

    def push(self, repository: str, tag: str, image: SmallImage) -> httpx.Response:
        for blob in (image.config, *image.layers):
            answer = self.upload(repository, blob)
            if answer.status_code != 201:
                return answer
        return self.put_manifest(repository, tag, image.manifest)


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, code and message of an error in the protocol's form."""
    error = answer.json()["errors"][0]
    return answer.status_code, error["code"], error["message"]
