"""The steps build and smoke-test: what they ask the engine for, refuse and tell; then with the real engine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ecrwiz.flow.context import Approvals, Context
from ecrwiz.flow.events import CommandShown, Event, Output, Question, Reply, StepId
from ecrwiz.flow.journal import Record, as_json
from ecrwiz.flow.project import Project, open_project
from ecrwiz.flow.steps import build, smoke_test
from ecrwiz.model.app import DockerfileFacts, Note, PublicVariable, RegistryAccess, Workspace
from ecrwiz.model.errors import BadInputError, EcrwizError, MissingToolError, NeedMissingError
from ecrwiz.model.ports import OnLines
from ecrwiz.model.results import BuildResult, SmokeResult
from ecrwiz.services import process
from ecrwiz.services.docker import ImageInfo, Probe, Request, Trial

if TYPE_CHECKING:
    import docker as docker_py

DOCKERFILE = (
    "# Rendered by ecrwiz: for these tests.\nFROM scratch\nARG VERSION\nARG REVISION=x NEXT_PUBLIC_URL\nCOPY . /app/\n"
)


class Docker:
    """An engine that only remembers what it was asked for."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.notes: list[Path | None] = []
        self.trials: list[Trial] = []
        self.user = "1001"
        self.answer = Probe("http://127.0.0.1:1/", 200, 1.0, 1.0, stopped_in=0.2)

    @property
    def asked(self) -> Request:
        return self.requests[-1]

    async def build(self, request: Request, *, notes: Path, on_command: Callable[[str], None], **_: object) -> str:
        self.requests.append(request)
        self.notes.append(notes)
        on_command("docker build ...")
        return "sha256:1"

    async def find_image(self, ref: str) -> ImageInfo:
        return ImageInfo(ref, "linux/amd64", 5_000_000, (), (), {}, user=self.user)

    async def run_probe(self, trial: Trial, on_lines: OnLines) -> Probe:
        self.trials.append(trial)
        on_lines(["it runs"])
        return self.answer


@dataclass
class Opened:
    """A project with a step's context, and what the step has told.

    Attributes:
        replies: to the questions, in order; nobody answers when they are used up.
    """

    project: Project
    docker: Docker = field(default_factory=Docker)
    events: list[Event] = field(default_factory=list)
    asked: list[Question] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    approvals: Approvals = field(default_factory=Approvals)

    def context(self, step: StepId) -> Context:
        async def ask(question: Question) -> Reply:
            self.asked.append(question)
            return self.replies.pop(0) if self.replies else None

        return Context(self.project, step, self.approvals, self.events.append, ask)

    async def build(self) -> BuildResult:
        self.project.tools.__dict__["docker"] = self.docker
        return await self.really_build()

    async def really_build(self) -> BuildResult:
        result = await build.STEP.run(self.context(StepId.BUILD))
        assert isinstance(result, BuildResult)
        self.keep(StepId.BUILD, as_json(result))
        return result

    async def try_out(self) -> SmokeResult:
        result = await smoke_test.STEP.run(self.context(StepId.SMOKE_TEST))
        assert isinstance(result, SmokeResult)
        return result

    def keep(self, step: StepId, outputs: Mapping[str, object]) -> None:
        self.project.journal.begin(step, "run", 0)
        self.project.journal.end(step, Record("ok", "run", 0, outputs=outputs))  # type: ignore[arg-type]

    @property
    def said(self) -> str:
        return "\n".join(line for event in self.events if isinstance(event, Output) for line in event.lines)

    @property
    def commands(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, CommandShown)]


def changed(project: Project, **facts: Any) -> None:
    """Have detection find something else."""
    project.app = replace(project.need_app(), **facts)


async def opened(root: Path, environ: Mapping[str, str] | None = None, **flags: str) -> Opened:
    answers = {"project_id": "blog", "region": "eu-west-1", **flags}
    return Opened(await open_project(root, answers, {**os.environ, **(environ or {})}))


@pytest.fixture
def app(next_app: Path) -> Path:
    (next_app / "Dockerfile").write_text(DOCKERFILE)
    return next_app


async def test_what_the_engine_is_asked_for(app: Path) -> None:
    made = await opened(app, image_tag="v7")
    result = await made.build()
    assert result == BuildResult("ecrwiz/blog/nextjs", "v7", "sha256:1", "linux/amd64", 5_000_000)
    asked = made.docker.asked
    assert (asked.root, asked.dockerfile, asked.folder) == (app, "Dockerfile", app)
    assert asked.tags == ["ecrwiz/blog/nextjs:v7", "ecrwiz/blog/nextjs:latest"]
    assert asked.build_args == {"VERSION": "v7", "REVISION": ""}
    assert (asked.secrets, asked.secret_files, asked.labels) == ({}, {}, {})
    assert made.docker.notes == [made.project.paths.children]
    assert made.commands == ["docker build ..."]


async def test_public_variables_are_said_to_be_public(app: Path) -> None:
    made = await opened(app, None, **{"build_args.NEXT_PUBLIC_URL": "https://a", "build_args.OTHER": "x"})
    await made.build()
    assert made.docker.asked.build_args["NEXT_PUBLIC_URL"] == "https://a"
    assert "OTHER" not in made.docker.asked.build_args
    assert "Public, for everybody can read it in what browsers get: NEXT_PUBLIC_URL." in made.said
    assert "Warning: the Dockerfile has no ARG for OTHER" in made.said
    assert "has no value" not in made.said


async def test_a_public_variable_without_a_value_is_told(app: Path) -> None:
    made = await opened(app)
    changed(made.project, public_variables=(PublicVariable("NEXT_PUBLIC_URL", "app/page.tsx:3"),))
    await made.build()
    assert "NEXT_PUBLIC_URL (app/page.tsx:3) has no value" in made.said
    assert "--set build_args.NEXT_PUBLIC_URL=VALUE" in made.said


async def test_warnings_of_detection_are_told(app: Path) -> None:
    made = await opened(app)
    notes = (Note("It trips.", "Mend it.", warning=True), Note("It is so."))
    changed(made.project, notes=notes)
    await made.build()
    assert made.said.splitlines()[0] == "Warning: It trips. Mend it."
    assert "It is so" not in made.said


async def test_what_cannot_become_an_image(app: Path) -> None:
    article = await opened(app, strategy="article")
    with pytest.raises(BadInputError, match=r"copies \.next and node_modules"):
        await article.build()
    (app / "Dockerfile").write_text("<<<<<<< yours\nFROM a\n=======\nFROM b\n>>>>>>> ecrwiz\n")
    with pytest.raises(BadInputError, match="Dockerfile still holds conflict markers at line 1"):
        await (await opened(app)).build()
    (app / "Dockerfile").unlink()
    with pytest.raises(NeedMissingError, match="build needs what render makes"):
        await (await opened(app)).build()
    with pytest.raises(BadInputError, match=r"Strategy own builds your own Dockerfile, and .*Dockerfile is not there"):
        await (await opened(app, strategy="own")).build()


async def test_a_commit_names_the_image_and_the_whole_monorepo_counts(tmp_path: Path) -> None:
    top = tmp_path / "repository"
    app = monorepo(top)
    made = await opened(app)
    changed(made.project, workspace=Workspace("../..", "apps/web", "web"))
    for name in ("infra/main.tf", "ecrwiz.toml", ".ecrwiz/journal.json"):
        (app / name).parent.mkdir(exist_ok=True)
        (app / name).write_text("ours")
    clean = await made.build()
    assert len(clean.tag) == 12, "what ecrwiz writes for itself makes no other image"
    assert (made.docker.asked.root, made.docker.asked.dockerfile) == (top.resolve(), "apps/web/Dockerfile")
    assert made.docker.asked.build_args["REVISION"].startswith(clean.tag)
    inputs = await build.STEP.inputs(made.context(StepId.BUILD))
    (top / "packages/lib/index.js").write_text("changed")
    assert (await made.build()).tag == f"{clean.tag}-dirty"
    assert await build.STEP.inputs(made.context(StepId.BUILD)) != inputs


def monorepo(top: Path) -> Path:
    """A repository with an application and a package beside it, committed; gives the application's folder."""
    app = top / "apps/web"
    for name, text in {
        "package.json": '{"name": "all", "private": true, "workspaces": ["apps/*", "packages/*"]}',
        "package-lock.json": '{"name": "all", "lockfileVersion": 3, "packages": {}}',
        "packages/lib/package.json": '{"name": "lib", "version": "1.0.0"}',
        "packages/lib/index.js": "module.exports = 1",
        "apps/web/package.json": '{"name": "web", "scripts": {"start": "node index.js"}, "dependencies": {"lib": "*"}}',
        "apps/web/index.js": "require('lib')",
        "apps/web/Dockerfile": DOCKERFILE,
    }.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *words], cwd=top, check=True)
    return app


SECRET = "RUN --mount=type=secret,id=NPM_TOKEN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci\n"


async def private(app: Path, *names: str, npmrc: str = "", environ: Mapping[str, str] | None = None) -> Opened:
    (app / "Dockerfile").write_text(DOCKERFILE + SECRET)
    made = await opened(app, environ)
    changed(made.project, registry=RegistryAccess(names, npmrc))  # type: ignore[arg-type]
    return made


async def test_a_build_secret_is_asked_about_once(app: Path) -> None:
    made = await private(app, "NPM_TOKEN", environ={"NPM_TOKEN": "hidden-word"})
    with pytest.raises(BadInputError, match="needs the variable NPM_TOKEN, and nobody agreed") as refused:
        await made.build()
    assert "--yes" in refused.value.hint
    made.replies = [False]
    with pytest.raises(EcrwizError, match="You did not agree that the build gets the variable NPM_TOKEN"):
        await made.build()
    assert not made.docker.requests
    made.replies = [True]
    result = await made.build()
    assert [consent.split()[0] for consent in result.secrets] == ["NPM_TOKEN"]
    assert made.docker.asked.secrets["NPM_TOKEN"].reveal() == "hidden-word"
    assert len(made.asked) == 3
    await made.build()
    assert len(made.asked) == 3, "what was agreed to holds for the next build"
    (app / ".npmrc").write_text("//other.example/:_authToken=${NPM_TOKEN}\n")
    made.replies = [True]
    await made.build()
    assert len(made.asked) == 4, "and no longer when it goes to another host"
    assert made.project.tools.redact("hidden-word") != "hidden-word"
    assert "hidden-word" not in made.project.paths.journal.read_text()
    assert "hidden-word" not in repr(made.asked)


async def test_yes_agrees_to_build_secrets(app: Path) -> None:
    made = await private(app, "NPM_TOKEN", environ={"NPM_TOKEN": "hidden-word"})
    made.approvals = Approvals(everything=True)
    await made.build()
    assert not made.asked
    assert "The build gets the variable NPM_TOKEN, which the image does not keep." in made.said


async def test_yes_does_not_cover_what_a_clone_may_be_after(app: Path, tmp_path: Path) -> None:
    made = await private(app, "GH_TOKEN", environ={"GH_TOKEN": "hidden-word"})
    (app / "Dockerfile").write_text(f"{DOCKERFILE}RUN --mount=type=secret,id=GH_TOKEN true\n")
    made.approvals = Approvals(everything=True)
    with pytest.raises(BadInputError, match="needs the variable GH_TOKEN, and nobody agreed"):
        await made.build()
    (tmp_path / ".npmrc").write_text("//npm.example.com/:_authToken=file-hidden-word\n")
    made = await private(app, npmrc="user", environ={"HOME": str(tmp_path)})
    made.approvals = Approvals(everything=True)
    with pytest.raises(BadInputError, match=r"\.npmrc, and nobody agreed"):
        await made.build()
    assert not made.docker.requests


async def test_a_missing_or_odd_variable_is_refused(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NPM_TOKEN", raising=False)
    made = await private(app, "NPM_TOKEN")
    with pytest.raises(BadInputError, match=r"needs the variable NPM_TOKEN, which .* it is not set") as refused:
        await made.build()
    assert "export NPM_TOKEN" in refused.value.hint
    stolen = await private(app, "AWS_SECRET_ACCESS_KEY", environ={"AWS_SECRET_ACCESS_KEY": "key"})
    (app / "Dockerfile").write_text(f"{DOCKERFILE}RUN --mount=type=secret,id=AWS_SECRET_ACCESS_KEY true\n")
    stolen.approvals = Approvals(everything=True)
    with pytest.raises(BadInputError, match="names the variable AWS_SECRET_ACCESS_KEY as a token"):
        await stolen.build()
    assert not stolen.docker.requests


async def test_only_what_the_dockerfile_mounts_and_the_registry_wants_is_given(app: Path) -> None:
    made = await private(app, "OTHER_TOKEN", environ={"NPM_TOKEN": "x" * 9, "OTHER_TOKEN": "y" * 9})
    await made.build()
    assert (made.docker.asked.secrets, made.docker.asked.secret_files) == ({}, {})


async def test_an_npmrc_goes_in_as_a_file_and_its_token_is_masked(app: Path, tmp_path: Path) -> None:
    (app / ".npmrc").write_text("//npm.example.com/:_authToken=file-hidden-word\n")
    made = await private(app, npmrc="project")
    made.approvals = Approvals(everything=True)
    result = await made.build()
    assert [consent.split()[0] for consent in result.secrets] == [f"npmrc={app / '.npmrc'}"]
    assert made.docker.asked.secret_files == {"npmrc": app / ".npmrc"}
    assert "file-hidden-word" not in made.project.tools.redact("x file-hidden-word x")

    home = tmp_path / "somebody"
    home.mkdir()
    made = await private(app, npmrc="user", environ={"HOME": str(home)})
    made.approvals = Approvals(everything=True)
    with pytest.raises(BadInputError, match=r"somebody/\.npmrc is not there"):
        await made.build()
    (home / ".npmrc").write_text("registry=https://x\n")
    made.replies = [True]
    await made.build()
    assert made.docker.asked.secret_files == {"npmrc": home / ".npmrc"}


async def test_an_npmrc_that_leads_out_of_the_project_is_refused(app: Path, tmp_path: Path) -> None:
    made = await private(app, npmrc="project")
    made.approvals = Approvals(everything=True)
    (tmp_path / "key").write_text("_authToken=private\n")
    (app / ".npmrc").symlink_to(tmp_path / "key")
    with pytest.raises(EcrwizError, match=r"\.npmrc .*leads out of"):
        await made.build()
    assert not made.docker.requests


OWN = DockerfileFacts("Dockerfile", ours=False, expose=(8080,))


@pytest.mark.parametrize(
    ("facts", "strategy", "port", "says"),
    [
        ({}, "multi-stage", 5000, ""),
        ({"port": 5000, "port_is_fixed": True}, "multi-stage", 5000, "listens on 5000 whatever PORT says"),
        ({"dockerfile": OWN}, "own", 8080, "Dockerfile never names PORT and has EXPOSE 8080"),
        ({"dockerfile": OWN}, "multi-stage", 5000, ""),
        ({"dockerfile": DockerfileFacts("Dockerfile", ours=False, expose=(8080,), names_port=True)}, "own", 5000, ""),
        ({"dockerfile": DockerfileFacts("Dockerfile", ours=False)}, "own", 5000, ""),
    ],
)
async def test_where_the_image_is_asked(app: Path, facts: dict[str, Any], strategy: str, port: int, says: str) -> None:
    made = await opened(app, strategy=strategy, health_path="/health")
    changed(made.project, **facts)
    await made.build()
    made.events.clear()
    result = await made.try_out()
    assert (result.port, made.docker.trials[0].port, made.docker.trials[0].path) == (port, port, "/health")
    assert result.stopped_in == 0.2
    assert says in made.said
    assert ("Take --set port=" in made.said) == bool(says)
    assert f"-e PORT={port}" in made.commands[0]
    assert f"--hostname {smoke_test.HOSTNAME}" in made.commands[0]
    assert (await smoke_test.STEP.inputs(made.context(StepId.SMOKE_TEST)))["port"] == str(port)


@pytest.mark.parametrize(
    ("answer", "user", "strategy", "warnings"),
    [
        ({}, "1001", "own", []),
        ({}, "", "multi-stage", []),
        ({}, "root", "own", ["runs as root"]),
        ({}, "0:0", "own", ["runs as root"]),
        ({"stopped_in": 6.0, "was_killed": True}, "1001", "own", ["did not end when"]),
        ({"stopped_in": 5.4}, "1001", "multi-stage", ["took 5.4 s to end"]),
        ({"bound_to_hostname": True}, "1001", "own", ["on the address behind HOSTNAME only"]),
    ],
)
async def test_what_would_trip_on_fargate_is_told(
    app: Path, answer: dict[str, Any], user: str, strategy: str, warnings: list[str]
) -> None:
    made = await opened(app, strategy=strategy)
    await made.build()
    made.events.clear()
    made.docker.user = user
    made.docker.answer = Probe("http://127.0.0.1:1/", 200, 1.0, 1.0, **answer)
    await made.try_out()
    told = [line for line in made.said.splitlines() if line.startswith("Warning: ")]
    assert len(told) == len(warnings)
    assert all(wanted in line for wanted, line in zip(warnings, told, strict=True))


@pytest.fixture
def project_id(engine: docker_py.DockerClient) -> Iterator[str]:
    """A name whose images are removed afterwards."""
    name = f"t-{uuid.uuid4().hex[:10]}"
    yield name
    for image in engine.api.images(filters={"reference": f"ecrwiz/{name}/*"}):
        engine.images.remove(image["Id"], force=True)


@pytest.fixture
def busybox(tmp_path: Path) -> Callable[[Path], str]:
    """Puts a static busybox into a folder, and gives the first lines of a Dockerfile that has nothing else."""
    found = shutil.which("busybox")
    assert found, "busybox (Debian: busybox-static) is missing; `make setup` installs it."

    def put(folder: Path) -> str:
        shutil.copy(found, folder / "busybox")
        return 'FROM scratch\nCOPY busybox /bin/busybox\nENV PATH=/bin\nRUN ["busybox", "--install", "/bin"]\n'

    assert tmp_path.is_dir()
    return put


async def test_an_own_dockerfile_of_any_language(
    tmp_path: Path, project_id: str, busybox: Callable[[Path], str]
) -> None:
    root = tmp_path / "site"
    root.mkdir()
    (root / "index.html").write_text("hello")
    serve = json.dumps(["httpd", "-f", "-p", "8080", "-h", "/site"])
    (root / "Dockerfile").write_text(f"{busybox(root)}COPY index.html /site/\nEXPOSE 8080\nCMD {serve}\n")
    made = await opened(root, project_id=project_id, strategy="own", image_tag="v1")
    built = await made.really_build()
    assert built.image == f"ecrwiz/{project_id}/app"
    info = await made.project.tools.docker.find_image(built.image_id)
    assert info is not None
    assert info.labels["org.opencontainers.image.version"] == "v1"
    shown = next(text for text in made.commands if " build " in text)
    again = await process.capture(["/bin/sh", "-c", shown], cwd=root)
    assert again.returncode == 0, f"the shown command can be typed: {again.stderr}"

    tried = await made.try_out()
    assert (tried.status, tried.port) == (200, 8080)
    assert tried.stopped_in >= 5
    for warning in ("never names PORT and has EXPOSE 8080", "did not end when", "runs as root"):
        assert warning in made.said


async def test_a_monorepo_is_built_from_its_root(
    tmp_path: Path, project_id: str, busybox: Callable[[Path], str]
) -> None:
    app = monorepo(tmp_path / "top")
    first = busybox(tmp_path / "top")
    (app / "Dockerfile").write_text(f"{first}COPY . /c/\nRUN test -f /c/packages/lib/index.js && ! test -e /c/secret\n")
    (app / "Dockerfile.dockerignore").write_text("secret\n**/.ecrwiz\n")
    (tmp_path / "top/secret").write_text("x")
    made = await opened(app, project_id=project_id)
    assert made.project.need_app().up == "../.."
    await made.really_build()
    shown = next(text for text in made.commands if " build " in text)
    assert shown.endswith(" ../..")
    assert " -f Dockerfile " in shown


async def test_a_private_registrys_token_is_used_and_not_kept(
    app: Path, engine: docker_py.DockerClient, project_id: str, busybox: Callable[[Path], str]
) -> None:
    word = f"word-{uuid.uuid4().hex}"
    # BuildKit's cache does not look at secrets: only a RUN that is new is run.
    run = f"RUN --mount=type=secret,id=NPM_TOKEN : {uuid.uuid4().hex} && cat $NPM && wc -c $NPM\n"
    (app / "Dockerfile").write_text(f"{busybox(app)}ARG NPM=/run/secrets/NPM_TOKEN\n{run}")
    made = await opened(app, {"NPM_TOKEN": word}, project_id=project_id)
    changed(made.project, registry=RegistryAccess(("NPM_TOKEN",)))
    made.approvals = Approvals(everything=True)
    built = await made.really_build()
    assert f"{len(word)} /run/secrets/NPM_TOKEN" in made.said
    assert "--secret id=NPM_TOKEN,env=NPM_TOKEN" in made.commands[0]
    assert word not in repr(made.events), "what the RUN itself prints is masked"
    assert word.encode() not in b"".join(engine.images.get(built.image_id).save())


async def test_a_needed_secret_without_buildkit(
    app: Path, engine: docker_py.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert engine
    made = await private(app, "NPM_TOKEN", environ={"NPM_TOKEN": "hidden-word"})
    made.approvals = Approvals(everything=True)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingToolError, match="needs the build secret NPM_TOKEN, which only BuildKit gives"):
        await made.really_build()
