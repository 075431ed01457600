"""What `docker push` and `docker pull` meet: ECR's manners in front of a plain registry.

Bodies are passed on as they come; only manifests, which are small, are held in memory.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiohttp import ClientError, ClientSession, ClientTimeout, UnixConnector, web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from ecrwiz.sandbox import registry_rules
from ecrwiz.sandbox.aws_ecr import Token, TokenBook, record_push
from ecrwiz.sandbox.registry_rules import RegistryRefusal, Target

if TYPE_CHECKING:
    from moto.ecr.models import Repository

__all__ = ["EXPIRE_PATH", "RegistryFront"]

EXPIRE_PATH: Final = "/_sandbox/expire-tokens"
_ADMIN_HEADER: Final = "X-Sandbox-Admin"
_VERSION: Final = {"Docker-Distribution-Api-Version": "registry/2.0"}
# Between two hops, or between the client and the front alone.
_NOT_PASSED_ON: Final = frozenset({"authorization", "connection", "host", "keep-alive", "transfer-encoding"})
_MAX_MANIFEST: Final = 4 * 1024 * 1024  # bytes, the registry's own limit
_CHUNK: Final = 1 << 16
_log = logging.getLogger(__name__)


class RegistryFront:
    """The front of one registry."""

    def __init__(self, upstream: Path, tokens: TokenBook, admin_token: str) -> None:
        """Make the front; `start` it in a running event loop.

        Args:
            upstream: the registry's Unix socket.
            tokens: the authorization tokens that were issued.
            admin_token: opens `POST /_sandbox/expire-tokens` to tests.
        """
        self._upstream, self._tokens, self._admin_token = upstream, tokens, admin_token
        self._session: ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self._manifests = asyncio.Lock()

    async def start(self, listening: socket.socket) -> None:
        """Answer on a bound socket."""
        self._session = ClientSession(
            connector=UnixConnector(str(self._upstream)),
            timeout=ClientTimeout(total=None),
            auto_decompress=False,
        )
        app = web.Application(client_max_size=_MAX_MANIFEST)
        app.router.add_post(EXPIRE_PATH, self._expire)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()

    async def stop(self) -> None:
        """Answer no more."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def _expire(self, request: web.Request) -> web.Response:
        if not hmac.compare_digest(request.headers.get(_ADMIN_HEADER, "").encode(), self._admin_token.encode()):
            return _error(RegistryRefusal(404, "UNSUPPORTED", "The operation is unsupported."))
        self._tokens.expire_all()
        return web.Response(status=204)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            answer = await self._checked(request)
        except RegistryRefusal as refusal:
            _log.info("%s %s: %s %s", request.method, request.path, refusal.code, refusal.message)
            answer = _error(refusal)
            if refusal.status == 401:
                # The challenge that makes docker send the credentials it has.
                realm = f'Basic realm="http://{request.host}/",service="ecr.amazonaws.com"'
                answer.headers["WWW-Authenticate"] = realm
        except (ClientError, OSError) as error:
            answer = _broken(request, error)
        _log.info("%s %s: %d", request.method, request.path, answer.status)
        return answer

    async def _checked(self, request: web.Request) -> web.StreamResponse:
        token = registry_rules.authenticate(request.headers.get("Authorization"), self._tokens)
        path = request.raw_path.partition("?")[0]
        if path in {"/v2", "/v2/"}:
            return web.json_response({}, headers=_VERSION)
        target = Target.parse(request.method, path)
        repository = registry_rules.admit(token, target)
        if target.kind == "tags":
            tags = sorted(tag for image in repository.images for tag in image.image_tags)
            return web.json_response({"name": target.name, "tags": tags}, headers=_VERSION)
        if target.kind == "manifests":
            if request.method == "PUT":
                return await self._put_manifest(request, token, target, repository)
            target = Target(target.name, target.kind, registry_rules.resolve(repository, target.rest), target.action)
        return await self._pass_on(request, token, target)

    async def _put_manifest(
        self, request: web.Request, token: Token, target: Target, repository: Repository
    ) -> web.Response:
        body = await request.read()
        headers = _passed_on(request.headers)
        async with self._manifests:  # two pushes of one immutable tag: only the first may win
            registry_rules.check_tag(repository, target.rest)
            url = _upstream_url(request, token, target)
            async with self._client.put(url, headers=headers, data=body) as answer:
                content = await answer.read()
                if answer.status == 201:
                    digest = answer.headers["Docker-Content-Digest"]
                    media_type = request.headers.get("Content-Type", "")
                    record_push(repository, target.rest, body, media_type, digest)
                return web.Response(
                    status=answer.status, body=content, headers=_answered(answer.headers, request, token)
                )

    async def _pass_on(self, request: web.Request, token: Token, target: Target) -> web.StreamResponse:
        body = request.content if request.body_exists else None
        async with self._client.request(
            request.method,
            _upstream_url(request, token, target),
            headers=_passed_on(request.headers),
            data=body,
            allow_redirects=False,
        ) as answer:
            out = web.StreamResponse(status=answer.status, headers=_answered(answer.headers, request, token))
            await out.prepare(request)
            try:
                async for chunk in answer.content.iter_chunked(_CHUNK):
                    await out.write(chunk)
            except ClientError:
                if request.transport is not None:
                    request.transport.close()  # a body cut short must not look like a whole one
                raise
            await out.write_eof()
            return out

    @property
    def _client(self) -> ClientSession:
        if self._session is None:
            raise RuntimeError("the front was not started")
        return self._session


def _upstream_url(request: web.Request, token: Token, target: Target) -> URL:
    # Every region has repositories of its own, so the region is the first part of the name in the registry.
    path = f"/v2/{token.region}/{target.name}/{target.kind}/{target.rest}"
    query = request.raw_path.partition("?")[2]
    if request.method == "POST":
        query = ""  # ECR mounts no layer from another repository: the client uploads it
    return URL(f"http://registry{path}" + (f"?{query}" if query else ""), encoded=True)


def _passed_on(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    return CIMultiDict((key, value) for key, value in headers.items() if key.lower() not in _NOT_PASSED_ON)


def _answered(headers: CIMultiDictProxy[str], request: web.Request, token: Token) -> CIMultiDict[str]:
    answered = _passed_on(headers)
    location = answered.get("Location")
    if location is not None:
        path = URL(location, encoded=True).raw_path_qs.replace(f"/v2/{token.region}/", "/v2/", 1)
        answered["Location"] = f"http://{request.host}{path}"
    return answered


def _broken(request: web.Request, error: Exception) -> web.Response:
    if request.transport is None or request.transport.is_closing():
        _log.info("%s %s: the connection was closed half-way", request.method, request.path)
        return web.Response(status=499)  # nobody reads it
    _log.error("%s %s: the registry failed: %r", request.method, request.path, error)
    return _error(RegistryRefusal(502, "UNKNOWN", "The registry behind the sandbox's front does not answer."))


def _error(refusal: RegistryRefusal) -> web.Response:
    errors = [{"code": refusal.code, "message": refusal.message}]
    return web.json_response({"errors": errors}, status=refusal.status, headers=_VERSION)
