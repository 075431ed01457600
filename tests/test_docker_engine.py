"""The Docker service against the real engine and a real registry; images of 2 MB, so that it is quick."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import shutil
import tarfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from docker.errors import APIError

from ecrwiz.model.errors import EcrwizError, MissingToolError, ToolFailedError
from ecrwiz.model.ports import ignore
from ecrwiz.model.redact import Secret
from ecrwiz.services import registry
from ecrwiz.services.docker import Engine, Request, Trial
from ecrwiz.services.docker.builders import find_builder
from tests.registry_program import PASSWORD, Registry, serve

if TYPE_CHECKING:
    import docker as docker_py

PLATFORM = "linux/amd64"


@pytest.fixture(scope="module")
def tiny(engine: docker_py.DockerClient) -> Iterator[str]:
    """A base image of nothing but a static busybox."""
    busybox = shutil.which("busybox")
    assert busybox, "busybox (Debian: busybox-static) is missing; `make setup` installs it."
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(busybox, "bin/busybox")
        for name in ("sh", "sleep", "httpd", "nc", "mkdir", "cat", "hostname"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    name = f"ecrwiz-tiny-{uuid.uuid4().hex[:8]}"
    engine.api.import_image_from_data(packed.getvalue(), repository=name, tag="1", changes=["ENV PATH=/bin"])
    base = engine.images.get(f"{name}:1").id
    yield f"{name}:1"
    for found in engine.api.images(filters={"dangling": True}):  # steps of builds that failed or were cancelled
        with suppress(APIError):  # went with an image that was built on it, or is in use by others
            if any(layer["Id"] == base for layer in engine.api.history(found["Id"])):
                engine.api.remove_image(found["Id"], force=True)
    engine.images.remove(f"{name}:1", force=True)


@pytest.fixture(params=["buildkit", "plain"])
async def builder(
    request: pytest.FixtureRequest,
    engine: docker_py.DockerClient,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """BuildKit by a docker program of this machine, and then the same without any such program."""
    kind = str(request.param)
    if kind == "plain":
        monkeypatch.setenv("PATH", str(tmp_path_factory.mktemp("no-programs")))
    found = await find_builder()
    if kind == "buildkit" and not found.program:
        sentence = f"No docker program with BuildKit: {found.reason}"
        if os.environ.get("CI"):
            pytest.fail(sentence, pytrace=False)
        pytest.skip(sentence)
    assert bool(found.program) == (kind == "buildkit")
    return kind


@pytest.fixture
def token() -> str:
    """A word that is in no other container or image of this engine, which others use too."""
    return f"ecrwiz-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def containers(engine: docker_py.DockerClient, token: str) -> Callable[[], list[str]]:
    """The containers, running or not, whose command or labels hold the token."""

    def find() -> list[str]:
        return [found["Id"] for found in engine.api.containers(all=True) if token in json.dumps(found)]

    return find


@pytest.fixture
def working(containers: Callable[[], list[str]], token: str) -> Callable[[], list[str]]:
    """What a build's RUN has left running: containers, and the processes of BuildKit, which has none that show."""

    def find() -> list[str]:
        return [*containers(), *(place.parent.name for place in Path("/proc").glob("[0-9]*/cmdline") if runs(place))]

    def runs(place: Path) -> bool:
        with suppress(OSError):  # it ended just now
            return f"{token} begins".encode() in place.read_bytes()
        return False

    return find


@pytest.fixture
async def image(tiny: str, token: str, tmp_path: Path) -> AsyncIterator[Callable[[str], Any]]:
    """Builds an image from instructions; it is removed afterwards."""
    made = Engine()

    async def make(*instructions: str, lines: list[str] | None = None, **changed: Any) -> str:
        (tmp_path / "Dockerfile").write_text("\n".join([f"FROM {tiny}", *instructions, ""]))
        receivers = {name: changed.pop(name, ignore) for name in ("on_progress", "on_command", "on_lines")}
        tags = [f"{token}:1", f"{token}:latest"]
        asked = Request(tmp_path, "Dockerfile", PLATFORM, tags, {}, {"test": token})
        if lines is not None:
            receivers["on_lines"] = lines.extend
        await made.build(replace(asked, **changed), **receivers)
        return f"{token}:1"

    yield make
    await made.remove_tags([f"{token}:1", f"{token}:latest"])


async def soon(condition: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        await asyncio.sleep(0.05)


async def test_build_and_find(
    engine: docker_py.DockerClient, image: Callable[..., Any], token: str, tmp_path: Path, builder: str
) -> None:
    (tmp_path / "kept").write_bytes(b"x" * 300_000)
    (tmp_path / "left-out").write_text("x")
    (tmp_path / ".dockerignore").write_text("\ufeffleft-out\nDockerfile\n")
    lines: list[str] = []
    commands: list[str] = []
    progress: list[tuple[object, ...]] = []
    await image(
        "ARG WORD",
        "COPY . /app/",
        'RUN test -f /app/kept && ! test -e /app/left-out && printf "word $WORD\\n\\033[31mred\\033[0m\\n"',
        lines=lines,
        build_args={"WORD": f"of-{token}"},
        on_progress=lambda *told: progress.append(told),
        on_command=commands.append,
    )
    found = await Engine().find_image(f"{token}:latest")
    assert found is not None
    assert found.platform == PLATFORM
    assert found.size > 1_000_000
    assert set(found.tags) == {f"{token}:1", f"{token}:latest"}
    assert found.repo_digests == ()
    assert (found.user, found.stop_signal) == ("", "SIGTERM")
    assert found == await Engine().find_image(found.id)
    assert engine.images.get(found.id).labels == {"test": token}
    assert any(line.endswith(f"word of-{token}") for line in lines)
    assert any(line.endswith("\x1b[31mred\x1b[0m") for line in lines)
    assert {told[2] for told in progress} <= {"bytes", "steps"}
    assert progress[-1][1] == (3 if builder == "buildkit" else 5)
    assert len(commands) == 1
    assert commands[0].startswith("DOCKER_BUILDKIT=1 ") == (builder == "buildkit")
    assert any("`docker` is not on PATH" in line for line in lines) == (builder == "plain")
    assert await Engine().find_image(f"{token}:none") is None
    assert await Engine().ping()


async def test_a_dockerfile_for_buildkit_is_built_by_either(
    image: Callable[..., Any], token: str, tmp_path: Path, builder: str
) -> None:
    lines: list[str] = []
    await image(
        "RUN --mount=type=cache,target=/cache \\",
        "    # a comment within",
        "    --mount=type=secret,id=TOKEN \\",
        "    mkdir -p /made && echo made > /made/it",
        lines=lines,
    )
    assert "--mount=type=cache" in (tmp_path / "Dockerfile").read_text(), "the file itself stays"
    assert any("without the Dockerfile's cache mounts" in line for line in lines) == (builder == "plain")


async def test_a_dockerfile_in_a_folder_of_the_context(
    image: Callable[..., Any], tiny: str, tmp_path: Path, builder: str
) -> None:
    app = tmp_path / "apps/web"
    app.mkdir(parents=True)
    (tmp_path / "shared").write_text("x")
    (tmp_path / ".dockerignore").write_text("shared\n")
    (app / "page").write_text("x")
    (app / "draft").write_text("x")
    (app / "Dockerfile.dockerignore").write_text("**/draft\n")
    for place in (tmp_path, app):
        (place / ".ecrwiz").mkdir()
        (place / ".ecrwiz/journal.json").write_text("{}")
    found = "test -f /c/shared && test -f /c/apps/web/page && ! test -e /c/apps/web/draft"
    hidden = "! test -e /c/.ecrwiz && ! test -e /c/apps/web/.ecrwiz"
    (app / "Dockerfile").write_text(f"FROM {tiny}\nCOPY . /c/\nRUN {found} && {hidden}\n")
    commands: list[str] = []
    await image(dockerfile="apps/web/Dockerfile", folder=app, on_command=commands.append)
    assert commands[0].endswith(" ../.."), builder


async def test_our_own_folder_needs_no_copy_when_the_rules_leave_it_out(
    image: Callable[..., Any], tmp_path: Path, builder: str
) -> None:
    (tmp_path / ".ecrwiz").mkdir()
    (tmp_path / ".dockerignore").write_text(".ecrwiz\n")
    commands: list[str] = []
    await image("COPY . /c/", "RUN ! test -e /c/.ecrwiz", on_command=commands.append)
    assert " -f " not in commands[0], builder


async def test_build_secrets(
    image: Callable[..., Any], engine: docker_py.DockerClient, token: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    npmrc = tmp_path_factory.mktemp("home") / ".npmrc"
    npmrc.write_text(f"//npm.example.com/:_authToken=file-{token}\n")
    lines: list[str] = []
    commands: list[str] = []
    # The values themselves stand in no instruction, so that they can be looked for afterwards.
    sums = [hashlib.sha256(text.encode()).hexdigest() for text in (f"env-{token}", npmrc.read_text())]
    ref = await image(
        "RUN --mount=type=secret,id=NPM_TOKEN --mount=type=secret,id=npmrc,target=/root/.npmrc \\",
        "  busybox sha256sum /run/secrets/NPM_TOKEN /root/.npmrc > /sums && busybox cat /sums \\",
        f"  && busybox grep {sums[0]} /sums && busybox grep {sums[1]} /sums",
        lines=lines,
        secrets={"NPM_TOKEN": Secret(f"env-{token}")},
        secret_files={"npmrc": npmrc},
        on_command=commands.append,
    )
    assert "--secret id=NPM_TOKEN,env=NPM_TOKEN" in commands[0]
    assert f"env-{token}" not in "\n".join([*lines, *commands])
    kept = json.dumps([engine.api.history(ref), engine.api.inspect_image(ref)])
    assert f"env-{token}" not in kept
    exported = b"".join(engine.images.get(ref).save())
    assert f"env-{token}".encode() not in exported
    assert f"file-{token}".encode() not in exported


async def test_a_secret_without_buildkit_is_refused_before_anything_is_sent(
    image: Callable[..., Any], token: str, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path_factory.mktemp("no-programs")))
    progress: list[tuple[object, ...]] = []
    with pytest.raises(
        MissingToolError, match="needs the build secret NPM_TOKEN, which only BuildKit gives"
    ) as refused:
        await image(
            "RUN --mount=type=secret,id=NPM_TOKEN true",
            secrets={"NPM_TOKEN": Secret("word")},
            on_progress=lambda *told: progress.append(told),
        )
    assert "buildx" in refused.value.hint
    assert not progress
    assert await Engine().find_image(f"{token}:1") is None


@pytest.mark.parametrize(
    ("instructions", "message"),
    [
        (["RUN echo before; echo 'fatal: error 42' >&2; exit 3"], "which ended with code 3: fatal: error 42."),
        (["COPY nope /"], ("The Dockerfile copies /nope, which is not there.", "stat nope: file does not exist.")),
        (["NOPE x"], "Line 2 of the Dockerfile cannot be understood: unknown instruction: NOPE."),
        (["RUN --mount=type=what true"], ('unsupported mount type "what"', "a mount of type what")),
        (["FROM 127.0.0.1:1/no/such:1"], "the Docker engine cannot reach 127.0.0.1:1."),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
async def test_builds_that_fail(
    image: Callable[..., Any], builder: str, instructions: Sequence[str], message: str | tuple[str, str]
) -> None:
    wanted = message if isinstance(message, str) else message[builder == "plain"]
    with pytest.raises(EcrwizError) as failed:
        await image(*instructions)
    assert wanted in failed.value.message
    assert failed.value.hint or "error 42" in wanted


async def test_no_dockerfile(tmp_path: Path) -> None:
    request = Request(tmp_path, "Dockerfile", PLATFORM, [], {}, {})
    with pytest.raises(ToolFailedError, match=r"Dockerfile cannot be read") as failed:
        await Engine().build(request, on_lines=ignore, on_progress=ignore)
    assert "render" in failed.value.hint


async def test_an_image_for_another_platform_is_found_out(image: Callable[..., Any], token: str, builder: str) -> None:
    # BuildKit looks for a base image of that platform instead of taking the one that is there.
    wrong = "could not be pulled" if builder == "buildkit" else "is for linux/amd64 though linux/arm64 was asked for"
    with pytest.raises(ToolFailedError, match=wrong):
        await image("RUN true", platform="linux/arm64")
    assert await Engine().find_image(f"{token}:1") is None, "it must not be tagged"


async def test_a_broken_credential_store_does_not_matter(
    image: Callable[..., Any], builder: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path_factory.mktemp("config")
    (config / "config.json").write_text('{"credsStore": "not-there"}')
    monkeypatch.setenv("DOCKER_CONFIG", str(config))
    lines: list[str] = []
    await image("RUN true", lines=lines)
    told = any("docker-credential-not-there is not on this machine" in line for line in lines)
    assert told == (builder == "plain"), "BuildKit asks the store only when it has to pull"


async def test_a_cancelled_build_leaves_no_container(
    image: Callable[..., Any], token: str, working: Callable[[], list[str]], builder: str
) -> None:
    lines: list[str] = []
    build = asyncio.create_task(image(f"RUN echo {token} begins; sleep 60; true", lines=lines))
    await soon(lambda: any(line.endswith(f"{token} begins") and "RUN" not in line for line in lines))
    assert working(), builder
    start = time.monotonic()
    build.cancel()
    with pytest.raises(asyncio.CancelledError):
        await build
    assert time.monotonic() - start < 1
    await soon(lambda: not working(), 3)
    assert await Engine().find_image(f"{token}:1") is None


async def test_a_build_cancelled_while_it_sends(image: Callable[..., Any], tmp_path: Path, builder: str) -> None:
    with (tmp_path / "big").open("wb") as big:
        big.truncate(3_000_000_000)  # sparse: nothing is written, but it takes seconds to send
    progress: list[tuple[object, ...]] = []
    build = asyncio.create_task(image("COPY big /", on_progress=lambda *told: progress.append(told)))
    enough = 1 if builder == "buildkit" else 3  # it tells no more often than every 5 s
    await soon(lambda: sum(told[2] == "bytes" for told in progress) >= enough)
    start = time.monotonic()
    build.cancel()
    with pytest.raises(asyncio.CancelledError):
        await build
    assert time.monotonic() - start < 2
    assert progress[-1][2] == "bytes", builder


async def test_a_receiver_that_fails_ends_the_build(
    image: Callable[..., Any], token: str, working: Callable[[], list[str]], builder: str
) -> None:
    def fail(lines: Sequence[str]) -> None:
        if any("begins" in line and "RUN" not in line for line in lines):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await image(f"RUN echo {token} begins; sleep 60; true", on_lines=fail)
    await soon(lambda: not working(), 3)
    assert await Engine().find_image(f"{token}:1") is None, builder


async def run(ref: str, token: str, *, seconds: float = 10, lines: list[str] | None = None, path: str = "/") -> Any:
    trial = Trial(ref, 4321, {"WORD": "of-mouth"}, {"org.ecrwiz.test": token}, seconds, path)
    return await Engine().run_probe(trial, ignore if lines is None else lines.extend)


SERVE = "mkdir /w; echo hi > /w/index.html; echo $WORD on $PORT; exec httpd -f -p $PORT -h /w"


async def test_a_probe_that_answers(
    image: Callable[..., Any], token: str, containers: Callable[[], list[str]], engine: docker_py.DockerClient
) -> None:
    ref = await image(f"CMD {json.dumps(['/bin/sh', '-c', SERVE])}")
    leftover = engine.containers.run(ref, ["sleep", "60"], detach=True, labels={"org.ecrwiz.test": token})
    stranger = engine.containers.run(ref, ["sleep", "60"], detach=True, labels={"org.ecrwiz.test": "other"})
    try:
        lines: list[str] = []
        answer = await run(ref, token, lines=lines)
        assert answer.status == 200
        assert answer.url.startswith("http://127.0.0.1:")
        assert 0 < answer.milliseconds < 5000
        assert 0 < answer.started_after < 10
        assert lines == ["of-mouth on 4321"]
        assert (await run(ref, token, path="/missing")).status == 404
        assert leftover.id not in containers(), "what a killed run left is removed"
        stranger.reload()
        assert stranger.status == "running"
    finally:
        stranger.remove(force=True)
    assert not containers()


HOST = "ip-10-0-0-1.ec2.internal"
WAIT = "trap 'exit 0' TERM; sleep 60 & wait"


@pytest.mark.parametrize(
    ("command", "bound", "killed"),
    [
        ("echo $HOSTNAME; httpd -p $PORT -h /bin; " + WAIT, False, False),
        ("echo $HOSTNAME; httpd -p $(hostname -i):$PORT -h /bin; " + WAIT, True, False),
        ("echo $HOSTNAME; exec httpd -f -p $PORT -h /bin", False, True),
    ],
    ids=["well", "bound to HOSTNAME", "deaf to SIGTERM"],
)
async def test_a_probe_as_on_fargate(
    image: Callable[..., Any],
    token: str,
    containers: Callable[[], list[str]],
    command: str,
    *,
    bound: bool,
    killed: bool,
) -> None:
    ref = await image("ENV HOSTNAME=0.0.0.0", f"CMD {json.dumps(['/bin/sh', '-c', command])}")
    lines: list[str] = []
    trial = Trial(ref, 4321, {}, {"org.ecrwiz.test": token}, 10, "/sh", hostname=HOST, stop_seconds=1)
    answer = await Engine().run_probe(trial, lines.extend)
    assert answer.status == 200
    assert lines == [HOST], "Fargate's HOSTNAME wins over the image's"
    assert (answer.bound_to_hostname, answer.was_killed) == (bound, killed)
    assert (answer.stopped_in >= 1) == killed
    assert answer.stopped_in > 0
    assert not containers()


async def test_a_probe_of_an_image_without_any_program_to_ask_with(image: Callable[..., Any], token: str) -> None:
    ref = await image('CMD ["/bin/busybox", "httpd", "-f", "-p", "4321"]', "RUN busybox rm /bin/cat")
    answer = await Engine().run_probe(Trial(ref, 4321, {}, {}, 10, "/bin/sh", hostname=HOST), ignore)
    assert (answer.status, answer.bound_to_hostname, answer.stopped_in) == (200, False, 0), token


UNWELL = (
    "n=0; while true; do n=$((n+1)); s='503 Not Yet'; [ $n -gt {good_from} ] && s='200 OK'; "
    'printf "HTTP/1.1 $s\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n" | nc -l -p $PORT; done'
)


async def test_a_probe_waits_while_the_server_is_unwell(image: Callable[..., Any], token: str) -> None:
    ref = await image(f"CMD {json.dumps(['/bin/sh', '-c', UNWELL.format(good_from=3)])}")
    assert (await run(ref, token, seconds=30)).status == 200
    ref = await image(f"CMD {json.dumps(['/bin/sh', '-c', UNWELL.format(good_from=10_000)])}")
    with pytest.raises(ToolFailedError, match=r"did not answer with anything but status 503 on port 4321 within 3 "):
        await run(ref, token, seconds=3)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["/bin/sh", "-c", "echo boom >&2; exit 1"], "code 1 (an error in the application) before it answered"),
        (["/bin/sh", "-c", "exec yarn"], "code 127 (a program that it starts is not in the image)"),
        (["/bin/sh", "-c", "kill -9 $$; sleep 1"], "code "),
        (["/bin/sh", "-c", "exit 0"], "code 0 (it ended by itself, without an error) before it answered. It printed"),
        (["sleep", "60"], "The container runs, but did not answer on port 4321 within 2 seconds."),
        (["/opt/start.sh"], "The container could not be started: /opt/start.sh is not in the image"),
        (["/bin"], "its start program may not be executed"),
        (["nope"], "the program nope is not in the image"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
async def test_probes_that_fail(
    image: Callable[..., Any], token: str, containers: Callable[[], list[str]], command: list[str], message: str
) -> None:
    lines: list[str] = []
    ref = await image(f"CMD {json.dumps(command)}")
    with pytest.raises(ToolFailedError) as failed:
        await run(ref, token, seconds=2, lines=lines)
    assert message in failed.value.message
    if "boom" in command[-1]:
        assert "Its last line: boom." in failed.value.message
        assert lines == ["boom"]
    assert not containers()


async def test_a_probe_of_nothing(engine: docker_py.DockerClient, token: str) -> None:
    with pytest.raises(ToolFailedError, match="The image is not in the local Docker engine"):
        await run(f"{token}:none", token)


@pytest.mark.parametrize("pause", [0.0, 0.02, 0.1, 0.3, 1.0])
async def test_a_cancelled_probe_leaves_nothing(
    image: Callable[..., Any], token: str, containers: Callable[[], list[str]], pause: float
) -> None:
    ref = await image('CMD ["sleep", "60"]')
    probe = asyncio.create_task(run(ref, token, seconds=60))
    await asyncio.sleep(pause)
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    assert not containers()


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with serve(tmp_path_factory.mktemp("registry")) as running:
        yield running


async def push(store: Registry, ref: str, tag: str, password: str = PASSWORD, **receivers: Any) -> str:
    wanted: dict[str, Any] = {"on_lines": ignore, "on_progress": ignore, **receivers}
    return await Engine().push(ref, f"{store.host}/web/p/nextjs", tag, Secret(password), **wanted)


async def test_push_is_what_the_registry_serves(image: Callable[..., Any], token: str, store: Registry) -> None:
    ref = await image("RUN busybox head -c 3000000 /dev/urandom > /noise")
    lines: list[str] = []
    progress: list[tuple[float, float | None, str, str]] = []
    digest = await push(store, ref, "v1", on_lines=lines.extend, on_progress=lambda *told: progress.append(told))
    try:
        served = await registry.manifest_digest(
            store.host, "web/p/nextjs", "v1", username="AWS", password=Secret(PASSWORD)
        )
        assert served is not None
        assert served[0] == digest
        found = await Engine().find_image(ref)
        assert found is not None
        config = served[1]["config"]
        assert isinstance(config, dict)
        assert config["digest"] == found.id
        assert f"{store.host}/web/p/nextjs@{digest}" in found.repo_digests
        done, total, unit, text = progress[-1]
        assert (unit, text) == ("bytes", "2 of 2 layers")
        assert done == total
        assert done > 3_000_000
        assert sum(line.endswith(": Pushed") for line in lines) == 2
        assert await push(store, ref, "v2") == digest
        assert not Path("~/.docker/config.json").expanduser().exists()  # noqa: ASYNC240
    finally:
        await Engine().remove_tags([f"{store.host}/web/p/nextjs:{tag}" for tag in ("v1", "v2", "never")])
    assert await Engine().find_image(f"{store.host}/web/p/nextjs:v1") is None
    assert await Engine().find_image(ref) is not None


async def test_pushes_that_fail(image: Callable[..., Any], token: str, store: Registry) -> None:
    ref = await image("RUN true")
    try:
        with pytest.raises(ToolFailedError, match=r"did not accept the credentials|no credentials"):
            await push(store, ref, "v1", password="wrong-password")
        with pytest.raises(ToolFailedError, match="is not in the local Docker engine"):
            await push(store, f"{token}:none", "v1")
        with pytest.raises(ToolFailedError, match="The registry refused the connection"):
            await Engine().push(
                ref, "127.0.0.1:1/web/p/nextjs", "v1", Secret(PASSWORD), on_lines=ignore, on_progress=ignore
            )
    finally:
        await Engine().remove_tags([f"{store.host}/web/p/nextjs:v1", "127.0.0.1:1/web/p/nextjs:v1"])


async def test_a_cancelled_push(image: Callable[..., Any], store: Registry) -> None:
    ref = await image("RUN busybox head -c 120000000 /dev/urandom > /noise")
    progress: list[tuple[float, float | None, str, str]] = []
    pushing = asyncio.create_task(push(store, ref, "v1", on_progress=lambda *told: progress.append(told)))
    try:
        await soon(lambda: any(told[0] > 0 for told in progress))
        start = time.monotonic()
        pushing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pushing
        assert time.monotonic() - start < 1
        await asyncio.sleep(1)
        seen = await registry.manifest_digest(
            store.host, "web/p/nextjs", "v1", username="AWS", password=Secret(PASSWORD)
        )
        assert seen is None
    finally:
        await Engine().remove_tags([f"{store.host}/web/p/nextjs:v1"])


@pytest.mark.parametrize("text", ['{"auths": {"x": 3}}', '{"auths": {"x": {"auth": "!!"}}}'])
async def test_a_broken_docker_configuration(
    engine: docker_py.DockerClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    (tmp_path / "config.json").write_text(text)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with pytest.raises(MissingToolError, match=r"config\.json\) cannot be understood"):
        await Engine().ping()


@pytest.mark.parametrize("address", ["unix:///no/such/docker.sock", "tcp://127.0.0.1:1", "ssh://127.0.0.1", "nonsense"])
async def test_no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    for call in (Engine().ping(), Engine().find_image("x"), Engine().remove_tags(["x"])):
        with pytest.raises(EcrwizError) as missing:
            await call
        assert isinstance(missing.value, MissingToolError)
        assert missing.value.hint
