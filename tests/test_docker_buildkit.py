"""BuildKit's output: how far a build is, and what its failures mean. The texts are BuildKit's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ecrwiz.model.errors import EcrwizError, MissingToolError
from ecrwiz.model.ports import ignore
from ecrwiz.model.redact import Secret
from ecrwiz.services.docker.builders import Builder
from ecrwiz.services.docker.buildkit_log import BuildKitLog
from ecrwiz.services.docker.command import arguments, shown
from ecrwiz.services.docker.request import Request

# Docker 20.10 and buildx 0.13, as they came.
OUTPUT = """\
#1 [internal] load build definition from Dockerfile
#1 sha256:c15dd8ffc8f6ecf32a86cde71d7afbc4a9da9e1770736a981678d6d20b306ac6
#1 transferring dockerfile: 342B done
#1 DONE 0.0s

#3 [internal] load metadata for docker.io/library/node:24-slim
#3 DONE 0.0s

#4 [deps 1/3] FROM docker.io/library/node:24-slim@sha256:1111
#4 resolve docker.io/library/node:24-slim@sha256:1111 done
#4 sha256:aaaa 10.49MB / 30.00MB 0.2s
#4 sha256:bbbb 1.00kB / 2.00kB 0.2s done
#4 DONE 1.1s

#7 [internal] load build context
#7 transferring context: 31.5MB 0.2s
#7 transferring context: 63.10MB 0.4s done
#7 DONE 0.4s

#5 [deps 2/3] COPY package.json package-lock.json ./
#5 CACHED

#6 [deps 3/3] RUN npm ci
#6 0.333 \x1b[91mnpm warn deprecated\x1b[0m
#6 0.334 added 20 packages
#6 DONE 12.4s

#8 [linux/amd64 stage-1 2/2] COPY --from=deps /a /b
#8 DONE 0.1s

#9 exporting to image
#9 DONE 0.1s"""


def test_progress() -> None:
    told: list[tuple[object, ...]] = []
    log = BuildKitLog(lambda *progress: told.append(progress))
    for line in OUTPUT.splitlines():
        log.take([line])
    assert told == [
        (0, 3, "steps", "FROM docker.io/library/node:24-slim@sha256:1111"),
        (10_490_000, 30_000_000, "bytes", "pulling the base image"),
        (10_491_000, 30_002_000, "bytes", "pulling the base image"),
        (1, 3, "steps", "FROM docker.io/library/node:24-slim@sha256:1111"),
        (0, None, "bytes", "sending the files to the Docker engine"),
        (31_500_000, None, "bytes", "sending the files to the Docker engine"),
        (63_100_000, None, "bytes", "sending the files to the Docker engine"),
        (1, 3, "steps", "COPY package.json package-lock.json ./"),
        (2, 3, "steps", "COPY package.json package-lock.json ./"),
        (2, 3, "steps", "RUN npm ci"),
        (3, 3, "steps", "RUN npm ci"),
        (4, 5, "steps", "COPY --from=deps /a /b"),
        (5, 5, "steps", "COPY --from=deps /a /b"),
    ]


def failure(output: str) -> EcrwizError:
    log = BuildKitLog(ignore)
    log.take(output.splitlines())
    return log.failure()


SOLVE = "ERROR: failed to solve: "
RUN = "#6 [deps 2/5] RUN npm ci\n"
NEWER = 'process "/bin/sh -c npm ci" did not complete successfully: exit code: {}'
OLDER = "executor failed running [/bin/sh -c npm ci]: exit code: {}"
AT = "The build failed at step 2 of 5 of stage deps, `RUN npm ci`, which ended with code 1: "
LLB = "failed to solve with frontend dockerfile.v0: failed to create LLB definition: "
META = "#3 [internal] load metadata for docker.io/library/nodde:24\n#3 ERROR: {0}\n------\nERROR: failed to solve: {0}"
SUM = "failed to compute cache key: failed to calculate checksum of ref 8a0f::x1y2: "
HUB = 'failed to do request: Head "https://registry-1.docker.io/v2/library/nodde/manifests/24": dial tcp: lookup r: '


def step(printed: str, error: str) -> str:
    return f"{RUN}#6 0.412 {printed}\n#6 ERROR: {error}\n------\n > [deps 2/5] RUN npm ci:\n------\n{SOLVE}{error}"


# output, what the message ends with or holds, what the hint holds
FAILURES = [
    (step("npm error code E404", OLDER.format(1)), f"{AT}npm error code E404.", ""),
    (step("npm error code E404", NEWER.format(1)), f"{AT}npm error code E404.", ""),
    (f"{RUN}#6 ERROR: {OLDER.format(1)}\n{OLDER.format(1)}", f"{AT}it printed nothing.", ""),
    (step("npm error code EUSAGE", NEWER.format(1)), "EUSAGE.", "commit the package-lock.json"),
    (step("getaddrinfo EAI_AGAIN registry.npmjs.org", NEWER.format(1)), "registry.npmjs.org.", "reach the network"),
    (step("write error: No space left on device", NEWER.format(1)), "left on device.", "docker system prune"),
    (step("Killed", NEWER.format(137)), "ended with code 137: Killed.", "more memory"),
    (
        step("x", 'process "/bin/sh -c npm ci" did not complete successfully: cannot allocate memory'),
        "cannot allocate memory.",
        "more memory",
    ),
    (
        step("exec /bin/sh: exec format error", NEWER.format(255)),
        "exec format error.",
        "Install emulation",
    ),
    (
        '#7 [2/2] COPY nope /x\n#7 ERROR: "/nope" not found: not found\n------\nfailed to compute cache key: "/nope" '
        "not found: not found",
        "The Dockerfile copies /nope, which is not there.",
        "Create it",
    ),
    (
        f'#7 [run 2/2] COPY --from=build /opt/app/public /x\n#7 ERROR: {SUM}"/opt/app/public": not found\n------\n'
        f"Dockerfile:9\n  9 | >>> COPY --from=build /opt/app/public /x\nERROR: failed to build: failed to solve: {SUM}"
        '"/opt/app/public": not found\n\nView build details: docker-desktop://dashboard/build/x',
        "The Dockerfile copies /opt/app/public, which is not there.",
        "--from=",
    ),
    (
        f"{LLB}dockerfile parse error line 2: unknown instruction: NOPE",
        "Line 2 of the Dockerfile cannot be understood: unknown instruction: NOPE.",
        "Correct it",
    ),
    (
        "ERROR: failed to solve: dockerfile parse error on line 7: unknown flag: --mout",
        "Line 7 of the Dockerfile cannot be understood: unknown flag: --mout.",
        "Correct it",
    ),
    (
        f"ERROR: failed to solve: rpc error: code = Unknown desc = {LLB}file with no instructions",
        "no instructions.",
        "render",
    ),
    ("ERROR: failed to solve: the Dockerfile cannot be empty", "holds no instructions.", "render"),
    (f"{LLB}no build stage in current context", "does not begin with FROM.", "FROM line"),
    (
        META.format(f"{HUB}no such host"),
        "image docker.io/library/nodde:24 could not be pulled: the Docker engine cannot reach registry-1.docker.io.",
        "network",
    ),
    (
        META.format("docker.io/library/nodde:24: not found"),
        "The base image docker.io/library/nodde:24 does not exist.",
        "FROM line",
    ),
    (
        META.format(
            "nodde:24: failed to resolve source metadata for docker.io/library/nodde:24: pull access denied, "
            "repository does not exist or may require authorization: server message: insufficient_scope: no"
        ),
        "The base image docker.io/library/nodde:24 does not exist, or may only be pulled after a login.",
        "docker login",
    ),
    (
        META.format(
            "failed to resolve source metadata for docker.io/library/nodde:24: "
            "no match for platform in manifest: not found"
        ),
        "does not exist for the platform that was asked for.",
        "another platform",
    ),
    (
        META.format(
            "unexpected status code [manifests 24]: 429 Too Many Requests - Server message: toomanyrequests: x"
        ),
        "its registry allows no more pulls for now.",
        "public.ecr.aws",
    ),
    (
        META.format(
            'error getting credentials - err: exec: "docker-credential-desktop": '
            "executable file not found in $PATH, out: ``"
        ),
        "Docker's configuration wants docker-credential-desktop for the login, which is not installed.",
        "credsStore",
    ),
    (
        META.format("error getting credentials - err: exit status 1, out: ``"),
        "the program that keeps Docker's logins failed (exit status 1).",
        "docker login",
    ),
    (
        META.format(
            'failed to authorize: failed to fetch anonymous token: Get "https://auth.docker.io/token?x": '
            "dial tcp: timeout"
        ),
        "the Docker engine cannot reach auth.docker.io.",
        "network",
    ),
    (
        "#3 resolve image config for docker.io/docker/dockerfile:1\n#3 ERROR: failed to do request: no such host\n"
        f"------\n{SOLVE}failed to do request: no such host",
        "asks for docker.io/docker/dockerfile:1, which could not be pulled: failed to do request: no such host.",
        "# syntax=",
    ),
    (
        f"#5 [2/2] RUN x\n#5 ERROR: secret zz not found: not found\n------\n{SOLVE}secret zz not found: not found",
        "The Dockerfile wants the build secret zz, which was not given.",
        ".npmrc",
    ),
    ("unknown flag: --load\nSee 'docker build --help'.", "does not know the flag --load", "Update Docker"),
    (
        "ERROR: BuildKit is enabled but the buildx component is missing or broken.\n       Install the component",
        "its plugin buildx is missing or broken.",
        "docker-buildx",
    ),
    (
        "ERROR: failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF",
        "The Docker engine broke the connection off during the build.",
        "docker info",
    ),
    (
        "could not parse secrets: [id=x,src=/n]: failed to stat /n: stat /n: no such file or directory",
        "/n, which",
        "again",
    ),
    (
        "#5 [2/3] RUN x\n#5 ERROR: a new thing\n------\nERROR: failed to solve: a new thing",
        "at step 2 of 3, `RUN x`: a new thing.",
        "",
    ),
    ("ERROR: failed to solve: failed to solve: a new thing", "The build failed: a new thing.", ""),
    ("", "The build failed: it printed nothing.", ""),
]


@pytest.mark.parametrize(("output", "message", "hint"), FAILURES)
def test_failures(output: str, message: str, hint: str) -> None:
    error = failure(output)
    assert message in error.message
    assert hint in error.hint
    assert bool(hint) == bool(error.hint)
    assert "rpc error" not in error.message


def test_an_engine_that_is_gone_is_a_missing_tool() -> None:
    gone = "ERROR: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
    denied = "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock"
    assert isinstance(failure(gone), MissingToolError)
    assert isinstance(failure(f"ERROR: {denied}"), MissingToolError)
    assert "may not use its socket" in failure(denied).message


def request(**changed: object) -> Request:
    root = Path("/work tree")
    wanted: dict[str, object] = {
        "root": root,
        "dockerfile": "Dockerfile",
        "platform": "linux/amd64",
        "tags": ["a/b:1"],
        "build_args": {"TITLE": "it's"},
        "labels": {"x": "y"},
    }
    return Request(**{**wanted, **changed})  # type: ignore[arg-type]


def test_the_command_can_be_typed() -> None:
    builder = Builder("docker", ("--load",), {"DOCKER_BUILDKIT": "1"})
    assert shown(builder, arguments(builder, request())) == (
        "DOCKER_BUILDKIT=1 docker build --progress=plain --load --platform linux/amd64 -t a/b:1 "
        "--build-arg 'TITLE=it'\"'\"'s' --label x=y ."
    )
    plain = Builder("", reason="None.")
    assert shown(plain, arguments(plain, request(build_args={}, labels={}))) == (
        "docker build --platform linux/amd64 -t a/b:1 ."
    )


def test_the_command_in_a_monorepo_and_with_secrets() -> None:
    builder = Builder("/usr/bin/docker")
    asked = request(
        dockerfile="apps/web/Dockerfile",
        folder=Path("/work tree/apps/web"),
        secrets={"NPM_TOKEN": Secret("hidden-word")},
        secret_files={"npmrc": Path("/home/me/.npmrc")},
        build_args={},
        labels={},
    )
    text = shown(builder, arguments(builder, asked))
    assert text == (
        "/usr/bin/docker build --progress=plain -f Dockerfile --platform linux/amd64 -t a/b:1 "
        "--secret id=NPM_TOKEN,env=NPM_TOKEN --secret id=npmrc,src=/home/me/.npmrc ../.."
    )
    assert "hidden-word" not in text
    odd = replace(asked, secrets={}, secret_files={"npmrc": Path('/home/a,"b/.npmrc')})
    assert 'id=npmrc,"src=/home/a,""b/.npmrc"' in arguments(builder, odd)
