"""Trying an image out: run it, wait until it answers over HTTP, remove it whatever happens."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

from ecrwiz.model.errors import EcrwizError, ToolFailedError
from ecrwiz.model.ports import OnLines
from ecrwiz.model.redact import clean_line, plain
from ecrwiz.services.docker.bridge import Feed, Wire, connected, in_thread, settled
from ecrwiz.services.docker.faults import start_error
from ecrwiz.services.docker.tables import sentence

__all__ = ["Probe", "Trial", "engine_host", "only_outside", "probe"]

_MARK: Final = "org.ecrwiz.probe"  # label with a value of each probe's own
_PAUSE: Final = 0.1  # seconds between two tries
_LAST_WORDS: Final = 2.0  # seconds for the log to end after the container

_KILLED: Final = 137  # exit code: 128 and SIGKILL's number
_ANYWHERE: Final = frozenset({"00000000", "0" * 32})  # 0.0.0.0 and :: in /proc/net
_LISTEN: Final = "0A"  # TCP_LISTEN in /proc/net/tcp

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
        stopped_in: seconds from the signal to stop until it had ended; 0 when it was not asked to.
        was_killed: it had not ended in the time that it was given.
        bound_to_hostname: it listens on the address of its host name only, so not on localhost.
    """

    url: str
    status: int
    milliseconds: float
    started_after: float
    stopped_in: float = 0.0
    was_killed: bool = False
    bound_to_hostname: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """How an image is to be tried out.

    Attributes:
        image_ref: the image in the local engine.
        port: PORT inside the container.
        env: its other variables.
        labels: of the container; what carries all of them from an earlier probe is removed first.
        seconds: how long it may take until it answers.
        path: what to ask for. A status below 500 is an answer; 500 and above may still get better.
        hostname: its host name, which is also its HOSTNAME whatever the image says, as on Fargate; Docker's own
            choice when empty. It leads to the container's address.
        stop_seconds: how long it may take to stop when it is asked to; 0 asks nothing and kills it.
    """

    image_ref: str
    port: int
    env: Mapping[str, str]
    labels: Mapping[str, str]
    seconds: float
    path: str = "/"
    hostname: str = ""
    stop_seconds: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """All variables of the container."""
        named = {"HOSTNAME": self.hostname} if self.hostname else {}
        return {**self.env, **named, "PORT": str(self.port)}


async def probe(trial: Trial, on_lines: OnLines) -> Probe:
    """Run an image with a free port of this machine's own address before it, until it answers; then stop it.

    Args:
        trial: how.
        on_lines: the container's log, live.

    Raises:
        ToolFailedError: it could not be started, ended before it answered, or did not answer in time.
    """
    feed, mark = Feed(on_lines), f"{_MARK}={uuid.uuid4().hex}"
    ours = dict([mark.split("=")], **trial.labels)
    if trial.labels:
        await in_thread(lambda: _remove([f"{name}={value}" for name, value in trial.labels.items()]))
    try:
        box = await settled(asyncio.to_thread(_start, trial, ours))
        wire = Wire()
        log = asyncio.create_task(in_thread(lambda: _follow(box.id, feed, wire), feed=feed, wire=wire))
        try:
            answer = await _first_answer(box, trial, log, feed)
            return await _looked_at(box, trial, answer)
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


async def _first_answer(box: _Box, trial: Trial, log: asyncio.Task[None], feed: Feed) -> Probe:
    import httpx

    url, last = f"http://{box.address}{trial.path}", ""
    async with httpx.AsyncClient(trust_env=False) as client:
        while (left := box.started + trial.seconds - time.monotonic()) > 0:
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
        f"The container runs, but did not answer{last} on port {trial.port} within {trial.seconds:g} seconds.",
        "See its log above. The application must listen on 0.0.0.0 and on the port in the variable PORT.",
    )


async def _looked_at(box: _Box, trial: Trial, answer: Probe) -> Probe:
    """Where it listens, and how it stops when it is asked to: by the image's signal to process 1, as ECS asks."""
    if trial.hostname:
        listening = await in_thread(lambda: _listening(box.id))
        answer = replace(answer, bound_to_hostname=only_outside(listening, trial.port))
    if not trial.stop_seconds:
        return answer
    asked = time.monotonic()
    state = await in_thread(lambda: _stop(box.id, trial.stop_seconds))
    took = round(time.monotonic() - asked, 2)
    killed = int(state["ExitCode"]) == _KILLED and took >= trial.stop_seconds
    return replace(answer, stopped_in=took, was_killed=killed)


def _ended(state: Mapping[str, Any], feed: Feed) -> ToolFailedError:
    code = int(state["ExitCode"])
    meaning = "it ran out of memory" if state.get("OOMKilled") else _CODES.get(code, "an error in the application")
    said = [line for raw in feed.recent if (line := plain(clean_line(raw)).strip())]
    last = f" Its last line: {sentence(said[-1][:300])}" if said else " It printed nothing."
    return ToolFailedError(
        f"The container ended with code {code} ({meaning}) before it answered.{last}", "See its log above."
    )


def _start(trial: Trial, labels: Mapping[str, str]) -> _Box:
    from docker.errors import APIError

    host = engine_host()
    inner = f"{trial.port}/tcp"
    with connected("starting a container") as api:
        try:
            settings = api.create_host_config(port_bindings={inner: ("" if host else "127.0.0.1", None)})
            container = api.create_container(
                trial.image_ref,
                environment=trial.environment,
                labels=dict(labels),
                ports=[trial.port],
                hostname=trial.hostname or None,
                host_config=settings,
            )["Id"]
            api.start(container)
            started = time.monotonic()
        except APIError as error:
            raise start_error(str(error.explanation)) from error
        bound = (api.inspect_container(container)["NetworkSettings"]["Ports"] or {}).get(inner) or []
    return _Box(container, started, f"{host or '127.0.0.1'}:{bound[0]['HostPort']}" if bound else "")


def _follow(container: str, feed: Feed, wire: Wire) -> None:
    with connected("reading a container's log") as api:
        wire.watch(api)
        for piece in api.logs(container, stream=True, follow=True):
            wire.check()
            feed.write(piece)
        feed.write(b"", end=True)


def _listening(container: str) -> str:
    """The container's sockets as its kernel lists them; nothing when the image has no `cat` to ask with."""
    from docker.errors import APIError

    with connected("looking at a container's sockets") as api, suppress(APIError):  # or it has ended just now
        asked = api.exec_create(container, ["cat", "/proc/net/tcp", "/proc/net/tcp6"], stderr=False)["Id"]
        return bytes(api.exec_start(asked)).decode("ascii", "replace")
    return ""


def only_outside(listening: str, port: int) -> bool:
    """Whether a port is listened on at one address only, and that is not every address.

    Args:
        listening: what `/proc/net/tcp` and `tcp6` hold (proc(5)): second field `ADDRESS:PORT` in hex, fourth the state.
        port: which.
    """
    rows = [fields for line in listening.splitlines() if len(fields := line.split()) > 3]
    there = f":{port:04X}"
    addresses = {row[1].removesuffix(there) for row in rows if row[3] == _LISTEN and row[1].endswith(there)}
    return bool(addresses) and not addresses & _ANYWHERE


def _stop(container: str, seconds: int) -> Mapping[str, Any]:
    with connected("stopping a container") as api:
        api.stop(container, timeout=seconds)
        state: Mapping[str, Any] = api.inspect_container(container)["State"]
        return state


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
