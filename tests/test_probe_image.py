"""The probe image and its push: what is sent, and what is made of every kind of answer."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable

import httpx
import pytest

from ecrwiz.model.errors import EcrwizError, RemoteError, ToolFailedError
from ecrwiz.model.redact import Secret
from ecrwiz.services.probe_image import Probe, ProbePush, make_probe

URL = "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com"
PASSWORD = Secret("a-token-that-nobody-may-see")
PROBE = make_probe()
STEPS = ("ask_for_layer", "begin_upload", "send_part", "complete_upload", "name_image", "read_manifest", "read_layer")
Handler = Callable[[httpx.Request], httpx.Response]


def push(handler: Handler, probe: Probe = PROBE) -> ProbePush:
    transport = httpx.MockTransport(handler)
    return ProbePush(URL, "web/blog/nextjs", "t", "AWS", PASSWORD, probe, transport=transport)


class Registry:
    """As much of a registry as a push needs."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.blobs: dict[str, bytes] = {}
        self.part = b""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"].startswith("Basic ")
        kind = request.url.path.removeprefix("/v2/web/blog/nextjs/").partition("/")[0]
        self.asked.append(f"{request.method} {kind}")
        if request.method == "POST":
            return httpx.Response(202, headers={"Location": "/v2/web/blog/nextjs/blobs/uploads/1?state=x"})
        if request.method == "PATCH":
            self.part = request.content
            return httpx.Response(202, headers={"Location": "/v2/web/blog/nextjs/blobs/uploads/1?state=y"})
        if request.method == "PUT" and kind == "blobs":
            assert request.url.params["state"] == "y"
            self.blobs[request.url.params["digest"]] = self.part
            return httpx.Response(201)
        if request.method == "PUT":
            self.blobs["manifest"] = request.content
            return httpx.Response(201)
        found = self.blobs.get("manifest" if kind == "manifests" else request.url.path.rpartition("/")[2])
        return httpx.Response(404) if found is None else httpx.Response(200, content=found)


def test_a_probe_is_a_whole_image_of_one_layer_and_never_the_same_twice() -> None:
    manifest, config = json.loads(PROBE.manifest.content), json.loads(PROBE.config.content)
    (layer,) = manifest["layers"]
    assert layer["digest"] == PROBE.layer.digest == f"sha256:{hashlib.sha256(PROBE.layer.content).hexdigest()}"
    assert layer["size"] == len(PROBE.layer.content) < 1000
    unpacked = gzip.decompress(PROBE.layer.content)
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(unpacked).hexdigest()}"]
    with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
        assert archive.getnames() == ["ecrwiz-probe.txt"]
    again = make_probe()
    assert {again.layer.digest, again.manifest.digest}.isdisjoint({PROBE.layer.digest, PROBE.manifest.digest})


async def test_a_push_and_a_pull() -> None:
    registry = Registry()
    pushed = push(registry)
    said = [await getattr(pushed, step)() for step in STEPS]
    await pushed.close()
    assert registry.asked == [
        "HEAD blobs", "POST blobs", "PATCH blobs", "PUT blobs",
        "POST blobs", "PATCH blobs", "PUT blobs", "PUT manifests", "GET manifests", "GET blobs",
    ]  # fmt: skip
    assert registry.blobs == {
        PROBE.layer.digest: PROBE.layer.content,
        PROBE.config.digest: PROBE.config.content,
        "manifest": PROBE.manifest.content,
    }
    assert said[4] == f"HTTP 201: {PROBE.manifest.digest}"


async def test_the_address_of_a_layer_is_proof_enough_and_not_followed() -> None:
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(307, headers={"Location": "https://bucket.s3.amazonaws.com/x"})

    assert await push(handler).read_layer() == "HTTP 307: the address of the layer"
    assert asked == [URL.removeprefix("https://")]


@pytest.mark.parametrize(
    "place", ["https://evil.example/upload", "http://123456789012.dkr.ecr.eu-west-1.amazonaws.com/upload",
              "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com:8443/upload", "//evil.example/", "http://["],
)  # fmt: skip
async def test_nothing_is_sent_to_another_host(place: str) -> None:
    with pytest.raises(ToolFailedError, match="to another host; nothing was sent there"):
        await push(lambda _: httpx.Response(202, headers={"Location": place})).begin_upload()


DENIAL = "User: arn:aws:iam::1:user/ci is not authorized to perform: ecr:PutImage"
# HTTP status, body, the code, what was said.
REFUSALS: list[tuple[int, bytes, str, str]] = [
    (403, json.dumps({"errors": [{"code": "DENIED", "message": DENIAL}]}).encode(), "DENIED", DENIAL),
    (403, b"", "403", "HTTP 403"),
    (500, b"<html>", "500", "HTTP 500"),
    (404, b'{"errors": []}', "404", "HTTP 404"),
    (404, b'{"errors": "x"}', "404", "HTTP 404"),
    (400, b'{"errors": [{"code": "TAG_INVALID"}]}', "TAG_INVALID", "HTTP 400"),
    (403, b"[" * 60000, "403", "HTTP 403"),
    (403, json.dumps({"errors": [{"code": "DENIED", "message": "\x1b]0;x\x07no"}]}).encode(), "DENIED", "no"),
]


@pytest.mark.parametrize(("status", "body", "code", "said"), REFUSALS)
async def test_a_refusal_is_told_in_the_registrys_words(status: int, body: bytes, code: str, said: str) -> None:
    with pytest.raises(RemoteError) as caught:
        await push(lambda _: httpx.Response(status, content=body)).begin_upload()
    assert (caught.value.code, caught.value.said) == (code, said)
    assert PASSWORD.reveal() not in str(caught.value)


async def test_an_endless_answer_is_cut() -> None:
    with pytest.raises(ToolFailedError, match="far too long"):
        await push(lambda _: httpx.Response(200, content=b"x" * 100_000)).read_manifest()


@pytest.mark.parametrize(
    ("error", "words"),
    [(httpx.ReadTimeout("slow"), "did not answer in time"), (httpx.ConnectError("no route"), "no route")],
)
async def test_a_registry_out_of_reach(error: Exception, words: str) -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(ToolFailedError, match=words):
        await push(handler).ask_for_layer()


@pytest.mark.parametrize("step", ["read_manifest", "read_layer"])
async def test_what_comes_back_must_be_what_was_sent(step: str) -> None:
    with pytest.raises(EcrwizError, match="gave back another"):
        await getattr(push(lambda _: httpx.Response(200, content=b"{}")), step)()


async def test_a_registry_that_takes_it_as_something_else() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if "manifests" in request.url.path:
            return httpx.Response(201, headers={"Docker-Content-Digest": "sha256:0"})
        return Registry()(request) if request.method != "PUT" else httpx.Response(201)

    with pytest.raises(ToolFailedError, match="took the manifest"):
        await push(handler).name_image()


@pytest.mark.parametrize("step", ["send_part", "complete_upload"])
async def test_the_order_matters(step: str) -> None:
    with pytest.raises(ToolFailedError, match="No upload was begun"):
        await getattr(push(Registry()), step)()
