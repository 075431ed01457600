"""The registry's API: against the real docker-registry, and against servers that misbehave."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from ecrwiz.model.errors import RemoteError, ToolFailedError
from ecrwiz.model.redact import Secret
from ecrwiz.services.registry import manifest_digest
from tests.registry_program import PASSWORD, Registry, serve

NAME = "web/p/nextjs"
DOCKER_V2 = "application/vnd.docker.distribution.manifest.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with serve(tmp_path_factory.mktemp("registry")) as running:
        yield running


def upload(store: Registry, tag: str, kind: str) -> str:
    """Put an image without layers into the registry by its own API; gives the manifest's digest."""
    blob = json.dumps({"architecture": "amd64", "os": "linux", "tag": tag}).encode()
    config = {"mediaType": "application/vnd.docker.container.image.v1+json", "size": len(blob), "digest": sha256(blob)}
    if kind == OCI:
        config["mediaType"] = "application/vnd.oci.image.config.v1+json"
    manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": []}, indent=1).encode()
    with httpx.Client(auth=("AWS", PASSWORD), base_url=f"http://{store.host}/v2/{NAME}", trust_env=False) as client:
        place = client.post("/blobs/uploads/").headers["Location"]
        done = client.put(httpx.URL(place).copy_merge_params({"digest": sha256(blob)}), content=blob)
        assert done.status_code == 201, done.text
        done = client.put(f"/manifests/{tag}", content=manifest, headers={"Content-Type": kind})
        assert done.status_code == 201, done.text
    return sha256(manifest)


async def ask(host: str, reference: str = "v1", password: str = PASSWORD) -> tuple[str, object] | None:
    return await manifest_digest(host, NAME, reference, username="AWS", password=Secret(password))


@pytest.mark.parametrize("kind", [DOCKER_V2, OCI])
async def test_the_digest_of_what_is_there(store: Registry, kind: str) -> None:
    tag = kind.split(".")[1]
    digest = upload(store, tag, kind)
    found = await manifest_digest(store.host, NAME, tag, username="AWS", password=Secret(PASSWORD))
    assert found is not None
    assert found[0] == digest
    assert found[1]["mediaType"] == kind
    by_digest = await ask(store.host, digest)
    assert by_digest == found
    port = store.host.rpartition(":")[2]
    assert await ask(f"localhost:{port}", tag) == found


async def test_what_is_not_there(store: Registry) -> None:
    assert await ask(store.host, "never-pushed") is None
    assert await manifest_digest(store.host, "no/such", "v1", username="AWS", password=Secret(PASSWORD)) is None


async def test_a_wrong_password(store: Registry) -> None:
    with pytest.raises(RemoteError, match="did not accept the credentials") as refused:
        await ask(store.host, password="wrong-password")
    assert refused.value.code == "401"
    assert "wrong-password" not in str(refused.value)


@contextmanager
def server(status: int, body: bytes, headers: dict[str, str]) -> Iterator[str]:
    """A server that gives one answer to everything; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:  # the tests' output is not for this
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.mark.parametrize(
    ("status", "message"),
    [(403, "denied reading"), (429, "too often"), (500, "HTTP status 500"), (302, "HTTP status 302")],
)
async def test_refusals(status: int, message: str) -> None:
    elsewhere = {"Location": "http://elsewhere.invalid/"}
    with server(status, b"{}", elsewhere) as host, pytest.raises(RemoteError, match=message) as refused:
        await ask(host)
    assert refused.value.code == str(status)
    assert refused.value.hint


async def test_a_digest_that_is_not_true() -> None:
    body = b'{"schemaVersion": 2}'
    untrue = {"Docker-Content-Digest": "sha256:" + "0" * 64}
    what = "does not have the digest it claims"
    with server(200, body, untrue) as host, pytest.raises(ToolFailedError, match=what):
        await ask(host)
    with server(200, body, {}) as host:
        assert await ask(host) == (sha256(body), {"schemaVersion": 2})
        with pytest.raises(ToolFailedError, match=what):
            await ask(host, "sha256:" + "1" * 64)


@pytest.mark.parametrize("body", [b"<html>log in to the hotel's network</html>", b"[]"])
async def test_what_is_no_registry(body: bytes) -> None:
    with server(200, body, {}) as host, pytest.raises(ToolFailedError, match="is not a container registry"):
        await ask(host)


async def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ToolFailedError, match=r"The registry 127\.0\.0\.1:1 cannot be reached: "):
        await ask("127.0.0.1:1")
    with pytest.raises(ToolFailedError, match=r"cannot be reached: "):
        await ask("bad host name")
    # A proxy is not asked for this machine's own address, but for everything else it is.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with server(200, b"{}", {}) as host:
        assert await ask(host) == (sha256(b"{}"), {})
    with pytest.raises(ToolFailedError, match=r"registry\.invalid cannot be reached"):
        await ask("registry.invalid")


async def test_only_loopback_is_asked_without_encryption(store: Registry, tmp_path: Path) -> None:
    upload(store, "plain", DOCKER_V2)
    port = store.host.rpartition(":")[2]
    assert await ask(f"127.0.0.1:{port}", "plain")
    # 0.0.0.0 is this machine too, but not a loopback address: TLS is spoken, which the registry does not understand.
    with pytest.raises(ToolFailedError, match="cannot be reached"):
        await ask(f"0.0.0.0:{port}", "plain")
