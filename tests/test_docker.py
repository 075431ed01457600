"""The Docker service without an engine: what is sent, what records mean, which credentials leave."""

from __future__ import annotations

import base64
import io
import json
import os
import socket
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker.auth
import pytest
from docker.errors import APIError, DockerException
from hypothesis import given
from hypothesis import strategies as st
from requests import Response

from ecrwiz.model.errors import BadInputError, MissingToolError, ToolFailedError
from ecrwiz.model.ports import ignore
from ecrwiz.services.docker import context_digest
from ecrwiz.services.docker.bridge import Feed
from ecrwiz.services.docker.context import list_context, tar_size, tar_stream
from ecrwiz.services.docker.credentials import base_images, send_only_needed
from ecrwiz.services.docker.faults import push_error, start_error, translated
from ecrwiz.services.docker.ignore import Ignore
from ecrwiz.services.docker.probe import engine_host, only_outside
from ecrwiz.services.docker.records import BuildLog, PushLog

FILES = [
    *("a.txt", "B.txt", "b.txt", "sub/a.txt", "sub/deep/c.md", "sub/deep/.env", ".env", ".env.local", "Readme.md"),
    *("docs/x.md", "docs/keep/y.md", "[x].txt", "node_modules/m/index.js", "app/node_modules/n/i.js", "#odd"),
]

# What Docker's own client leaves out, as seen with docker 28.2 (classic builder) on these very files.
IGNORED = {
    "": "",
    "*.txt": "a.txt B.txt b.txt [x].txt",
    "\ufeff*.txt": "a.txt B.txt b.txt [x].txt",
    "B.txt": "B.txt",
    "**/*.md": "sub/deep/c.md Readme.md docs/x.md docs/keep/y.md",
    "**/node_modules": "node_modules/m/index.js app/node_modules/n/i.js",
    "node_modules": "node_modules/m/index.js",
    "/sub": "sub/a.txt sub/deep/c.md sub/deep/.env",
    "./sub/deep/": "sub/deep/c.md sub/deep/.env",
    "docs\n!docs/keep": "docs/x.md",
    "docs/*\n!docs/keep/y.md": "docs/x.md",
    "docs\n!docs/keep\ndocs/keep/y.md": "docs/x.md docs/keep/y.md",
    "# x\n*.md": "Readme.md",
    "\\#odd": "#odd",
    "[ab].txt": "a.txt b.txt",
    "[^a].txt": "B.txt b.txt",
    "\\[x\\].txt": "[x].txt",
    ".env*\n!.env.local": ".env",
    "**/.env": ".env sub/deep/.env",
    "sub/**/c.md": "sub/deep/c.md",
    "sub/../docs": "docs/x.md docs/keep/y.md",
    "../a.txt": "",
    "  *.md  \r\n*.txt\r": "Readme.md a.txt B.txt b.txt [x].txt",
    "!a.txt\n*.txt": "a.txt B.txt b.txt [x].txt",
    "Dockerfile\n.dockerignore": "",
    "*\n!**/c.md": " ".join(FILES),
    "*\n!sub/deep/c.md": " ".join(name for name in FILES if name != "sub/deep/c.md"),
}


def lay_out(root: Path, ignored: str) -> None:
    for name in (*FILES, "Dockerfile"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / ".dockerignore").write_text(ignored, encoding="utf-8", newline="")


def sent_files(root: Path) -> set[str]:
    return {entry.path for entry in list_context(root) if (root / entry.path).is_file()}


@pytest.mark.parametrize("rules", IGNORED, ids=repr)
def test_dockerignore_is_read_as_docker_does(tmp_path: Path, rules: str) -> None:
    lay_out(tmp_path, rules)
    always = {"Dockerfile", ".dockerignore"}
    assert {*FILES} - sent_files(tmp_path) == set(IGNORED[rules].split())
    assert always <= sent_files(tmp_path)


@pytest.mark.parametrize("rules", ["[a", "x\\", "!", "[]", "[z-a]"])
def test_rules_that_make_no_sense(tmp_path: Path, rules: str) -> None:
    lay_out(tmp_path, rules)
    with pytest.raises(BadInputError, match=r"in \.dockerignore"):
        list_context(tmp_path)


@given(st.lists(st.text(max_size=12).filter(lambda text: text.strip()), max_size=5), st.text(min_size=1, max_size=12))
def test_any_rules_decide_or_are_refused(patterns: list[str], path: str) -> None:
    try:
        rules = Ignore(patterns)
    except BadInputError:
        return
    ignored, hits = rules.decide(path, rules.nothing)
    assert ignored in (True, False)
    assert len(hits) == len(rules.nothing)


def test_no_rules_and_our_own_folder(tmp_path: Path) -> None:
    for place in (".ecrwiz", "apps/web/.ecrwiz"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "journal.json").write_text("{}")
    (tmp_path / "apps/web/x.ecrwiz").touch()
    assert [entry.path for entry in list_context(tmp_path)] == ["apps", "apps/web", "apps/web/x.ecrwiz"]


def test_rules_beside_the_dockerfile_come_first(tmp_path: Path) -> None:
    lay_out(tmp_path, "*.txt")
    (tmp_path / "app/Dockerfile").write_text("FROM x")
    assert "docs/x.md" in {entry.path for entry in list_context(tmp_path, "app/Dockerfile")}
    (tmp_path / "app/Dockerfile.dockerignore").write_text("\ufeffdocs\napp\n")
    sent = {entry.path for entry in list_context(tmp_path, "app/Dockerfile")}
    assert {"a.txt", "app/Dockerfile", "app/Dockerfile.dockerignore", ".dockerignore"} <= sent
    assert not {"docs", "docs/x.md", "app/node_modules"} & sent
    assert context_digest(tmp_path, "app/Dockerfile") != context_digest(tmp_path)
    (tmp_path / ".dockerignore").write_text("sub")
    assert "docs/x.md" in {entry.path for entry in list_context(tmp_path)}, "not for another Dockerfile"


def test_hostile_rules_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "clone"
    root.mkdir()
    (root / ".dockerignore").symlink_to("/dev/zero")
    with pytest.raises(BadInputError, match="no ordinary file"):
        list_context(root)
    (root / ".dockerignore").unlink()
    (root / ".dockerignore").write_bytes(b"x\n" * 600_000)
    with pytest.raises(BadInputError, match="larger than 1 MB"):
        list_context(root)


def test_the_stream_is_a_tar_that_docker_would_make(tmp_path: Path) -> None:
    lay_out(tmp_path, "docs\nB.txt")
    (tmp_path / "start.sh").write_text("#!/bin/sh\n")
    (tmp_path / "start.sh").chmod(0o755)
    (tmp_path / "big").write_bytes(os.urandom(700_001))
    (tmp_path / "twin").hardlink_to(tmp_path / "big")
    (tmp_path / "broken link").symlink_to("./gone//there")
    (tmp_path / ("long" * 40)).write_text("ü")
    os.mkfifo(tmp_path / "fifo")
    listener = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(tmp_path)  # a socket's path may be no longer than 108 bytes
    listener.bind("socket")
    os.chdir(here)
    listener.close()

    told: list[int] = []
    entries = list_context(tmp_path)
    data = b"".join(tar_stream(tmp_path, entries, told.append))
    assert told == sorted(told)
    assert told[0] == 0
    assert tar_size(entries) <= len(data) + 1024 <= tar_size(entries) * 1.2
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = {member.name: member for member in archive}
        assert {name for name in FILES if not name.startswith(("docs", "B"))} <= set(members)
        assert not {"docs", "B.txt", "socket"} & set(members)
        assert members["start.sh"].mode & 0o777 == 0o755
        assert {member.uid for member in members.values()} | {m.gid for m in members.values()} == {0}
        assert members["twin"].islnk()
        assert members["broken link"].linkname == "./gone//there"
        assert members["fifo"].isfifo()
        big = archive.extractfile("big")
        assert big is not None
        assert big.read() == (tmp_path / "big").read_bytes()
        assert members["long" * 40].size == 2


def test_a_file_may_be_sent_with_other_content(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM a\nRUN --mount=type=cache,target=/x y\n")
    (tmp_path / "twin").hardlink_to(tmp_path / "Dockerfile")
    data = b"".join(tar_stream(tmp_path, list_context(tmp_path), ignore, {"Dockerfile": b"FROM a\nRUN  y\n"}))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        told = {name: archive.extractfile(name) for name in ("Dockerfile", "twin")}
        content = {name: file.read() for name, file in told.items() if file}
    assert content == {"Dockerfile": b"FROM a\nRUN  y\n", "twin": (tmp_path / "twin").read_bytes()}


def test_a_file_that_cannot_be_sent(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("x" * 5000)
    entries = list_context(tmp_path)
    (tmp_path / "log").write_text("short")
    with pytest.raises(BadInputError, match="became shorter"):
        list(tar_stream(tmp_path, entries, ignore))
    (tmp_path / "log").unlink()
    with pytest.raises(BadInputError, match=r"log cannot be read for the build: No such file"):
        list(tar_stream(tmp_path, entries, ignore))
    with pytest.raises(BadInputError, match="cannot be read"):
        context_digest(tmp_path / "gone")


def test_the_fingerprint_changes_when_what_is_sent_does(tmp_path: Path) -> None:
    lay_out(tmp_path, "docs\nnode_modules")
    seen = [context_digest(tmp_path)]

    def changed() -> bool:
        seen.append(context_digest(tmp_path))
        return seen[-1] != seen[-2]

    assert not changed()
    (tmp_path / "docs/new").write_text("ignored")
    (tmp_path / "node_modules/m/index.js").write_text("ignored")
    assert not changed()
    (tmp_path / "a.txt").write_text("longer than before")
    assert changed()
    os.utime(tmp_path / "a.txt", ns=(1, 1))
    assert changed()
    (tmp_path / "a.txt").chmod(0o755)
    assert changed()
    (tmp_path / "link").symlink_to("a")
    assert changed()
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("b")
    assert changed()
    (tmp_path / ".dockerignore").write_text("docs")
    assert changed(), "node_modules is sent now"


def test_the_fingerprint_of_many_files_is_quick(tmp_path: Path) -> None:
    for package in range(300):
        folder = tmp_path / f"node_modules/p{package}"
        folder.mkdir(parents=True)
        for number in range(100):
            (folder / f"{number}.js").touch()
    (tmp_path / ".dockerignore").write_text(".git\n.env*\n!.env.example\n**/*.log\ninfra\n*.pem")
    seconds = []
    for _ in range(3):
        start = time.process_time()
        context_digest(tmp_path)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.5


class Heard:
    """A feed, and what came out of it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.progress: list[tuple[object, ...]] = []
        self.feed = Feed(self.lines.extend, lambda *told: self.progress.append(told))


STEPS: Sequence[dict[str, Any]] = [
    {"stream": "Step 1/3 : FROM tiny:1"},
    {"stream": "\n"},
    {"stream": " ---> 0c6f5089f717\n"},
    {"stream": "Step 2/3 : RUN npm ci"},
    {"stream": "\n"},
    {"stream": " ---> Running in f8148237523e\n"},
    {"stream": "before\n"},
    {"stream": "\x1b[91mnpm error code E404\n\x1b[0m"},
    {"stream": "npm error A complete log of this run can be found in: /home/node/.npm\n"},
    {"stream": "Removing intermediate container f8148237523e\n"},
]


def test_build_records() -> None:
    heard = Heard()
    log = BuildLog(heard.feed)
    records: list[dict[str, Any]] = [
        *STEPS[:5],
        {"status": "Pulling from library/node", "id": "24-slim"},
        {"status": "Pulling fs layer", "progressDetail": {}, "id": "aaa"},
        {"status": "Downloading", "progressDetail": {"current": 10, "total": 40}, "id": "aaa"},
        {"status": "Downloading", "progressDetail": {"current": 20, "total": 40}, "id": "aaa"},
        {"status": "Pull complete", "progressDetail": {}, "id": "aaa"},
        {"status": "Digest: sha256:1"},
        {"aux": {"ID": "sha256:abc"}},
        {"stream": "Successfully built abc\n"},
    ]
    for record in records:
        log.take(record)
        heard.feed.flush()
    assert log.image_id == "sha256:abc"
    first, *later = heard.progress
    assert first == (0, 3, "steps", "FROM tiny:1")
    assert (20, 40, "bytes", "pulling the base image: 0 of 1 layers") in later
    assert later[-1] == (40, 40, "bytes", "pulling the base image: 1 of 1 layers")
    assert heard.lines == [
        "Step 1/3 : FROM tiny:1",
        " ---> 0c6f5089f717",
        "Step 2/3 : RUN npm ci",
        "24-slim: Pulling from library/node",
        "aaa: Pull complete",
        "Digest: sha256:1",
        "Successfully built abc",
    ]


NO_FILE = "COPY failed: file not found in build context or excluded by .dockerignore: stat public: file does not exist"
NO_NETWORK = 'Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io on 1.1.1.1:53: no such host'
NO_ACCESS = "pull access denied for nodde, repository does not exist or may require 'docker login': denied"
CODE_1 = {"errorDetail": {"code": 1, "message": "The command '/bin/sh -c npm ci' returned a non-zero code: 1"}}
FAILED = {**CODE_1, "error": "the same"}
OLD_SSL = "Error: error:0308010C:digital envelope routines::unsupported"
AT_2 = "The build failed at step 2 of 3, `RUN npm ci`, which ended with code 1: "


@pytest.mark.parametrize(
    ("records", "message", "hint"),
    [
        ([*STEPS, FAILED], f"{AT_2}npm error code E404.", ""),
        ([*STEPS[:5], {"stream": f"{OLD_SSL}\n"}, FAILED], f"{AT_2}{OLD_SSL}.", "--openssl-legacy-provider"),
        ([*STEPS[:5], FAILED], f"{AT_2}it printed nothing.", ""),
        ([{"error": NO_FILE}], f"The build failed: {NO_FILE}.", "Create the file"),
        ([{"error": NO_NETWORK}], "the Docker engine cannot reach registry-1.docker.io.", "Check the network"),
        ([{"error": "toomanyrequests: You have reached your pull rate limit."}], "no more pulls", "public.ecr.aws"),
        ([{"error": NO_ACCESS}], "The base image nodde does not exist, or may only be pulled after a login.", "FROM"),
        (
            [{"error": "manifest for node:99-slim not found: manifest unknown: manifest unknown"}],
            "The base image node:99-slim does not exist.",
            "FROM line",
        ),
    ],
)
def test_build_failures(records: Sequence[dict[str, Any]], message: str, hint: str) -> None:
    heard = Heard()
    log = BuildLog(heard.feed)
    for record in records[:-1]:
        log.take(record)
    with pytest.raises(ToolFailedError) as failed:
        log.take(records[-1])
    assert failed.value.message.endswith(message) or message in failed.value.message
    assert hint in failed.value.hint
    assert bool(failed.value.hint) == bool(hint)


def test_push_records() -> None:
    heard = Heard()
    log = PushLog(heard.feed)
    records: list[dict[str, Any]] = [
        {"status": "The push refers to repository [127.0.0.1:5000/web/p/nextjs]"},
        {"status": "Preparing", "progressDetail": {}, "id": "aaa"},
        {"status": "Preparing", "progressDetail": {}, "id": "bbb"},
        {"status": "Waiting", "progressDetail": {}, "id": "bbb"},
        {"status": "Layer already exists", "progressDetail": {}, "id": "bbb"},
        {"status": "Pushing", "progressDetail": {"current": 512, "total": 2000}, "progress": "[>]", "id": "aaa"},
        {"status": "Pushing", "progressDetail": {"current": 2048, "total": 2000}, "progress": "[=>]", "id": "aaa"},
        {"status": "Pushed", "progressDetail": {}, "id": "aaa"},
        {"status": "1: digest: sha256:ddd size: 525"},
        {"progressDetail": {}, "aux": {"Tag": "1", "Digest": "sha256:ddd", "Size": 525}},
    ]
    for record in records:
        log.take(record)
        heard.feed.flush()
    assert log.digest == "sha256:ddd"
    assert heard.lines == [
        "The push refers to repository [127.0.0.1:5000/web/p/nextjs]",
        "bbb: Layer already exists",
        "aaa: Pushed",
        "1: digest: sha256:ddd size: 525",
    ]
    assert heard.progress[-3:] == [
        (512, 2000, "bytes", "1 of 2 layers"),
        (2048, 2048, "bytes", "1 of 2 layers"),
        (2048, 2048, "bytes", "2 of 2 layers"),
    ]


IMMUTABLE = (
    "tag invalid: The image tag 'v9' already exists in the 'web/p/nextjs' repository and cannot be overwritten because "
    "the {} is immutable."
)
NO_REPOSITORY = "name unknown: The repository with name 'web/p/x' does not exist in the registry with id '123456789012'"
NOT_ALLOWED = (
    "denied: User: arn:aws:iam::123456789012:user/ci is not authorized to perform: ecr:InitiateLayerUpload "
    "on resource: arn:aws:ecr:eu-west-1:123456789012:repository/x because no policy allows it"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (IMMUTABLE.format("repository"), "The tag v9 exists in the repository web/p/nextjs already"),
        (IMMUTABLE.format("tag"), "The tag v9 exists in the repository web/p/nextjs already"),
        (NO_REPOSITORY, "The repository web/p/x does not exist in the registry of account 123456789012."),
        (NOT_ALLOWED, "push: arn:aws:iam::123456789012:user/ci may not do ecr:InitiateLayerUpload."),
        ("denied: Your authorization token has expired. Reauthenticate and try again.", "has expired."),
        ("denied: requested access to the resource is denied", "The registry denied the push."),
        ("no basic auth credentials", "because it got no credentials."),
        ("unauthorized: authentication required", "The registry did not accept the credentials."),
        ('Get "http://127.0.0.1:9/v2/": dial tcp 127.0.0.1:9: connect: connection refused', "refused the connection."),
        ("dial tcp: lookup nope.dkr.ecr.eu-west-1.amazonaws.com: no such host", "cannot reach the registry."),
        ("EOF", "The registry closed the connection during the push."),
        ("An image does not exist locally with the tag: x", "is not in the local Docker engine."),
        ("something   quite new\n", "The push failed: something quite new."),
    ],
)
def test_push_failures(text: str, message: str) -> None:
    with pytest.raises(ToolFailedError) as failed:
        PushLog(Heard().feed).take({"errorDetail": {"message": text}, "error": text})
    assert message in failed.value.message
    assert failed.value.hint or "quite new" in text
    assert push_error(text).message == failed.value.message


def test_a_start_that_fails() -> None:
    crlf = (
        "OCI runtime create failed: container_linux.go:380: starting container process caused: "
        'exec: "/opt/app/start.sh": stat /opt/app/start.sh: no such file or directory: unknown'
    )
    assert "LF, not in CRLF" in start_error(crlf).hint
    assert start_error("port is already allocated").message == (
        "The container could not be started: port is already allocated."
    )


def api_error(status: int, explanation: str) -> APIError:
    response = Response()
    response.status_code, response.reason = status, "Refused"
    return APIError("GET http://engine/build?buildargs=TOKEN", response=response, explanation=explanation)


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (DockerException("Error while fetching server API version: x"), MissingToolError, "engine does not answer"),
        (DockerException("... PermissionError(13, 'Permission denied')"), MissingToolError, "may not use its socket"),
        (ConnectionResetError("gone"), MissingToolError, "does not answer (while building the image)"),
        (api_error(400, "dockerfile parse error line 3: unknown"), ToolFailedError, "Line 3 of the Dockerfile"),
        (api_error(500, "a new thing"), ToolFailedError, "refused building the image: a new thing."),
        (DockerException("odd"), ToolFailedError, "failed while building the image: odd."),
    ],
)
def test_exceptions_are_translated(error: Exception, kind: type[ToolFailedError], text: str) -> None:
    with pytest.raises(kind) as caught, translated("building the image"):
        raise error
    assert text in caught.value.message
    assert "TOKEN" not in str(caught.value)


def test_our_own_errors_pass_unchanged() -> None:
    with pytest.raises(BadInputError, match=r"^mine$"), translated("x"):
        raise BadInputError("mine")


DOCKERFILE = """# syntax=docker/dockerfile:1
ARG NODE=24
ARG HOST
FROM --platform=$BUILDPLATFORM node:${NODE}-slim AS deps
RUN FROM nothing
FROM deps as builder
COPY --chown=1:1 --from=private.example.com/tools:1 \\
     /a /b
COPY --from=deps /a /b
COPY --from=0 /a /b
FROM ${HOST:-public.ecr.aws}/x/y
FROM scratch
FROM $UNKNOWN
"""


def test_the_base_images_of_a_dockerfile() -> None:
    assert base_images(DOCKERFILE, {}) == ["node:24-slim", "private.example.com/tools:1", "public.ecr.aws/x/y"]
    given_host = base_images(DOCKERFILE, {"HOST": "h.example:5000", "NODE": "22"})
    assert given_host == ["node:22-slim", "private.example.com/tools:1", "h.example:5000/x/y"]


def test_only_the_credentials_that_are_needed_leave() -> None:
    def entry(word: str) -> dict[str, str]:
        return {"auth": base64.b64encode(f"user:{word}".encode()).decode()}

    config = {
        "auths": {
            "https://index.docker.io/v1/": entry("hub-word"),
            "private.example.com": entry("tools-word"),
            "other.example.com": entry("other-word"),
        },
        "credHelpers": {"public.ecr.aws": "helper-that-is-not-there"},
    }
    api = SimpleNamespace(_auth_configs=docker.auth.load_config(config_dict=config), _set_auth_headers=None)
    heard = Heard()
    headers: dict[str, str] = {}
    send_only_needed(api, ["node:24-slim", "private.example.com/tools:1", "public.ecr.aws/x/y"], heard.feed)
    heard.feed.flush()
    assert callable(api._set_auth_headers)
    api._set_auth_headers(headers)
    sent = json.loads(base64.urlsafe_b64decode(headers["X-Registry-Config"]))
    assert {host: login["password"] for host, login in sent.items()} == {
        "https://index.docker.io/v1/": "hub-word",
        "private.example.com": "tools-word",
    }
    assert len(heard.lines) == 1
    assert "docker-credential-helper-that-is-not-there is not on this machine" in heard.lines[0]

    headers.clear()
    send_only_needed(api, ["quay.io/x/y"], heard.feed)
    assert callable(api._set_auth_headers)
    api._set_auth_headers(headers)
    assert not headers


# /proc/net/tcp and tcp6 of a container, shortened: a listener at each address, and a connection (state 01).
SOCKETS = """\
  sl  local_address rem_address   st tx_queue rx_queue
   0: {address}:1388 00000000:0000 0A 00000000:00000000
   1: 020011AC:1388 010011AC:9C40 01 00000000:00000000
   2: 0B00007F:8A3D 00000000:0000 0A 00000000:00000000
  sl  local_address                         remote_address                        st
   0: {address6}:1388 00000000000000000000000000000000:0000 {state6} 00000000:00000000
"""


@pytest.mark.parametrize(
    ("address", "address6", "state6", "outside"),
    [
        ("00000000", "0" * 32, "01", False),
        ("020011AC", "0" * 32, "01", True),
        ("020011AC", "0" * 32, "0A", False),
        ("0100007F", "0" * 24 + "01000000", "0A", True),
    ],
)
def test_where_a_server_listens(address: str, address6: str, state6: str, *, outside: bool) -> None:
    listing = SOCKETS.format(address=address, address6=address6, state6=state6)
    assert only_outside(listing, 5000) is outside
    assert only_outside(listing, 5001) is False
    assert only_outside("", 5000) is False


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("unix:///var/run/docker.sock", ""),
        ("tcp://127.0.0.1:2375", ""),
        ("tcp://localhost:2375", ""),
        ("tcp://build.example.com:2376", "build.example.com"),
        ("ssh://me@10.0.0.7", "10.0.0.7"),
        ("tcp://[fd00::1]:2375", "[fd00::1]"),
    ],
)
def test_where_the_engine_publishes_ports(address: str, host: str) -> None:
    assert engine_host({"DOCKER_HOST": address}) == host
