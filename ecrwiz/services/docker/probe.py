"""Trying an image out: run it, wait until it answers over HTTP, remove it whatever happens."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from ecrwiz.model.errors import EcrwizError, ToolFailedError
from ecrwiz.model.ports import OnLines
from ecrwiz.model.redact import clean_line, plain
from ecrwiz.services.docker.bridge import Feed, Wire, connected, in_thread, settled
from ecrwiz.services.docker.faults import sentence, start_error

__all__ = ["Probe", "engine_host", "probe"]

_MARK: Final = "org.ecrwiz.probe"  # label with a value of each probe's own
_PAUSE: Final = 0.1  # seconds between two tries
_LAST_WORDS: Final = 2.0  # seconds for the log to end after the container

_CODES: Final = {
    0: "it ended by itself, without an error",
    1: "an error in the application",
    125: "the engine could not run it",
    126: "its start program may not be executed",
    127: "a program that it starts is not in the image",
    134: "it aborted",
    137: "it was killed, most often for lack of memory",
    139: "it crashed: a native module may be made for another system",
    143: "it was told to stop",
}


@dataclass(frozen=True, slots=True)
class Probe:
    """How an image answered.

    Attributes:
        url: what was asked.
        status: HTTP status, below 500.
        milliseconds: until the headers of that answer were there.
        started_after: seconds from the container's start to that answer.
    """

    url: str
    status: int
    milliseconds: float
    started_after: float


async def probe(
    image_ref: str,
    *,
    port: int,
    env: Mapping[str, str],
    labels: Mapping[str, str],
    seconds: float,
    path: str,
    on_lines: OnLines,
) -> Probe:
    """Run an image with a free port of this machine's own address before it, until it answers.

    Args:
        image_ref: the image in the local engine.
        port: PORT inside the container.
        env: its other variables.
        labels: of the container; what carries all of them from an earlier probe is removed first.
        seconds: how long it may take.
        path: what to ask for. A status below 500 is an answer; 500 and above may still get better.
        on_lines: the container's log, live.

    Raises:
        ToolFailedError: it could not be started, ended before it answered, or did not answer in time.
    """
    feed, mark = Feed(on_lines), f"{_MARK}={uuid.uuid4().hex}"
    ours = dict([mark.split("=")], **labels)
    if labels:
        await in_thread(lambda: _remove([f"{name}={value}" for name, value in labels.items()]))
    try:
        box = await settled(asyncio.to_thread(_start, image_ref, port, {**env, "PORT": str(port)}, ours))
        wire = Wire()
        log = asyncio.create_task(in_thread(lambda: _follow(box.id, feed, wire), feed=feed, wire=wire))
        try:
            return await _first_answer(box, path, seconds, log, feed)
        finally:
            await settled(asyncio.to_thread(_kill, box.id))
            await settled(asyncio.wait({log}, timeout=_LAST_WORDS))
            log.cancel()
            await settled(asyncio.wait({log}))
    finally:
        await settled(asyncio.to_thread(_remove, [mark]))


@dataclass(frozen=True, slots=True)
class _Box:
    """A started container: when it was, and host and port as seen from here, empty when it ended at once."""

    id: str
    started: float
    address: str
    port: int


async def _first_answer(box: _Box, path: str, seconds: float, log: asyncio.Task[None], feed: Feed) -> Probe:
    import httpx

    url, last = f"http://{box.address}{path}", ""
    async with httpx.AsyncClient(trust_env=False) as client:
        while (left := box.started + seconds - time.monotonic()) > 0:
            if log.done() and (state := await in_thread(lambda: _state(box.id)))["Status"] != "running":
                raise _ended(state, feed)
            if not box.address:
                await asyncio.sleep(_PAUSE)
                continue
            asked = time.monotonic()
            try:
                async with asyncio.timeout(left), client.stream("GET", url, timeout=left) as response:
                    status = response.status_code
            except (httpx.HTTPError, TimeoutError):
                await asyncio.sleep(_PAUSE)
                continue
            now = time.monotonic()
            if status < 500:
                return Probe(url, status, round((now - asked) * 1000, 1), round(now - box.started, 2))
            last = f" with anything but status {status}"
            await asyncio.sleep(_PAUSE)
    raise ToolFailedError(
        f"The container runs, but did not answer{last} on port {box.port} within {seconds:g} seconds.",
        "See its log above. The application must listen on 0.0.0.0 and on the port in the variable PORT.",
    )


def _ended(state: Mapping[str, Any], feed: Feed) -> ToolFailedError:
    code = int(state["ExitCode"])
    meaning = "it ran out of memory" if state.get("OOMKilled") else _CODES.get(code, "an error in the application")
    said = [line for raw in feed.recent if (line := plain(clean_line(raw)).strip())]
    last = f" Its last line: {sentence(said[-1][:300])}" if said else " It printed nothing."
    return ToolFailedError(
        f"The container ended with code {code} ({meaning}) before it answered.{last}", "See its log above."
    )


def _start(image_ref: str, port: int, env: Mapping[str, str], labels: Mapping[str, str]) -> _Box:
    from docker.errors import APIError

    host = engine_host()
    inner = f"{port}/tcp"
    with connected("starting a container") as api:
        try:
            settings = api.create_host_config(port_bindings={inner: ("" if host else "127.0.0.1", None)})
            container = api.create_container(
                image_ref, environment=dict(env), labels=dict(labels), ports=[port], host_config=settings
            )["Id"]
            api.start(container)
            started = time.monotonic()
        except APIError as error:
            raise start_error(str(error.explanation)) from error
        bound = (api.inspect_container(container)["NetworkSettings"]["Ports"] or {}).get(inner) or []
    address = f"{host or '127.0.0.1'}:{bound[0]['HostPort']}" if bound else ""
    return _Box(container, started, address, port)


def _follow(container: str, feed: Feed, wire: Wire) -> None:
    with connected("reading a container's log") as api:
        wire.watch(api)
        for piece in api.logs(container, stream=True, follow=True):
            wire.check()
            feed.write(piece)
        feed.write(b"", end=True)


def _kill(container: str) -> None:
    """End it, which ends its log too: every line that it printed has come then."""
    from docker.errors import APIError

    with suppress(EcrwizError), connected("ending a container") as api, suppress(APIError):  # it had ended already
        api.kill(container)


def _state(container: str) -> Mapping[str, Any]:
    with connected("asking how a container is") as api:
        state: Mapping[str, Any] = api.inspect_container(container)["State"]
        return state


def _remove(labels: list[str]) -> None:
    from docker.errors import NotFound

    with connected("removing containers") as api:
        for found in api.containers(all=True, filters={"label": labels}):
            try:
                api.remove_container(found["Id"], force=True, v=True)
            except NotFound:
                continue


def engine_host(environment: Mapping[str, str] = os.environ) -> str:
    """The engine's host when that is another machine, which then publishes ports there; empty when it is this one."""
    from docker.context import ContextAPI
    from docker.utils import kwargs_from_env

    address = kwargs_from_env(environment).get("base_url")
    if not address:
        address = ContextAPI.kwargs_from_context(environment=environment).get("base_url")
    parts = urlsplit(str(address or ""))
    host = parts.hostname or ""
    if parts.scheme not in ("tcp", "ssh", "http", "https") or host == "localhost":
        return ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    return "" if loopback else (f"[{host}]" if ":" in host else host)
