"""Fixture applications of `tests/apps`: found out, rendered and built by the product, then run as a person would."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.models.images import Image

from tests.e2e.containers import Page, Running, run_image

__all__ = [
    "APPS",
    "MANAGERS",
    "Case",
    "Project",
    "check_case",
    "check_image",
    "lay_out",
    "removed_at_the_end",
]

APPS = Path(__file__).parents[1] / "apps"
CANARY = "canary-d41c7a90b2"
"""Stands in every file that must not get into an image."""

_SECRET_FILES = (".env", ".env.local", ".env.production", "deploy.key")
_TITLE = "org.opencontainers.image.title"
_PORTS = (5000, 3100)
MANAGERS = ("npm", "npx", "yarn", "yarnpkg", "pnpm", "pnpx", "corepack", "bun", "bunx")
_STOPPED = {0, 128 + 15}
"""Exit codes of a server that ended when it was told to: of itself, or by the signal."""


@dataclass(frozen=True)
class Case:
    """One fixture application and what is expected of it.

    Attributes:
        name: its folder in `tests/apps`.
        framework: as detection names it.
        serving: as detection names it.
        pages: what it serves.
        manager: what installs its packages.
        folder: the application's folder in a monorepo, such as `apps/web`.
        answers: further answers, `name=value`.
        runtime: programs on PATH that are package managers elsewhere and run the application here.
        largest: megabytes (10^6) that the image may have above its base.
        writes: the folder that its server may write to.
    """

    name: str
    framework: str
    serving: str
    pages: tuple[Page, ...]
    manager: str = "npm"
    folder: str = "."
    answers: tuple[str, ...] = ()
    runtime: tuple[str, ...] = ()
    largest: float | None = None
    writes: str = ".next"

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Project:
    """A copy of a fixture in a folder of its own, and the product's command line on it.

    Attributes:
        top: the copy.
        root: the application's folder in it.
        id: the project's id, which no other test has.
        settings: `--set` options.
        environ: of the product's process.
    """

    top: Path
    root: Path
    id: str
    settings: tuple[str, ...]
    environ: Mapping[str, str]

    @property
    def repository(self) -> str:
        """How the names of its images begin in the engine."""
        return f"ecrwiz/{self.id}/"

    def run(self, *arguments: str) -> str:
        """Run `ecrwiz` and give what it prints; it must succeed."""
        done = subprocess.run(
            [sys.executable, "-m", "ecrwiz", "-C", str(self.root), *arguments],
            env=dict(self.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(arguments)}:\n{done.stdout[-8000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def detect(self) -> dict[str, Any]:
        """What the product finds out."""
        return dict(json.loads(self.run("detect", "--json")))

    def step(self, name: str, *options: str) -> dict[str, Any]:
        """Run one step; gives its outputs, and with them the `commands` it showed and what was `said`."""
        lines = self.run("run", name, "--yes", "--json", *options, *self.settings).splitlines()
        events = [json.loads(line) for line in lines]
        ends = [event for event in events if event["event"] == "step.finished" and event["step"] == name]
        assert [end["status"] for end in ends] == ["ok"], lines[-20:]
        commands = [event["command"] for event in events if event["event"] == "step.command"]
        said = "\n".join(event["line"] for event in events if event["event"] == "step.output")
        return {**ends[0]["outputs"], "commands": commands, "said": said}

    def files(self) -> dict[str, bytes]:
        """Every file but the product's own memory."""
        found = (path for path in self.top.rglob("*") if path.is_file() and ".ecrwiz" not in path.parts)
        return {path.relative_to(self.top).as_posix(): path.read_bytes() for path in found}


def lay_out(case: Case, folder: Path, environ: Mapping[str, str] | None = None) -> Project:
    """Copy a fixture, with secrets in it that a person's folder has."""
    top = folder / case.name
    shutil.copytree(APPS / case.name, top)
    root = top / case.folder
    for place in {top, root}:
        for name in _SECRET_FILES:
            (place / name).write_text(f"TOKEN={CANARY}\n")
    made = f"t-{case.name}-{uuid.uuid4().hex[:6]}"
    answers = (f"project_id={made}", "region=us-east-1", *case.answers)
    settings = tuple(word for answer in answers for word in ("--set", answer))
    base = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return Project(top, root, made, settings, {**base, **(environ or {})})


def find_canary(running: Running, image: Image) -> str:
    """Where the canary, or a file made for it, is found in an image; empty when nowhere."""
    names = " -o ".join(f"-name '{name}'" for name in _SECRET_FILES)
    script = (
        f"grep -rlF {CANARY} --exclude-dir=proc --exclude-dir=sys --exclude-dir=dev --exclude-dir=usr / 2>/dev/null;"
        f"find / -xdev -path /proc -prune -o \\( {names} \\) -print"
    )
    return running.shell(script, user="0") + "".join(str(step) for step in image.history() if CANARY in str(step))


@contextmanager
def removed_at_the_end(engine: docker.DockerClient, project: Project) -> Iterator[None]:
    """Take the project's images away; what a builder keeps to build faster stays."""
    try:
        yield
    finally:
        # `engine.images.list()` asks for each image again, and fails when another worker has just removed one.
        tags = {tag for image in engine.api.images() for tag in image["RepoTags"] or ()}
        for tag in sorted(tag for tag in tags if tag.startswith(project.repository)):
            engine.images.remove(tag, noprune=True)
        # The engine's own builder leaves the image before the last instruction, which has the project's name already.
        for image in engine.api.images(filters={"dangling": True, "label": _TITLE}):
            if image["Labels"][_TITLE].startswith(f"web/{project.id}/"):
                engine.images.remove(image["Id"], noprune=True)


def check_case(
    case: Case, folder: Path, engine: docker.DockerClient, base: str, environ: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The whole way of one fixture, and one line of figures on standard output; gives the build's outputs."""
    project = lay_out(case, folder, environ)
    found = project.detect()
    seen = {name: found[name] for name in ("framework", "serving")} | {"manager": found["manager"]["name"]}
    assert seen == {"framework": case.framework, "serving": case.serving, "manager": case.manager}
    with removed_at_the_end(engine, project):
        project.step("render")
        rendered = project.files()
        start = time.monotonic()
        made = project.step("build")
        seconds = time.monotonic() - start
        above = (engine.images.get(made["image_id"]).attrs["Size"] - engine.images.get(base).attrs["Size"]) / 1e6
        stops = check_image(case, engine, made["image_id"])
        again = project.step("render", "--force")  # else it says that it is fresh, and does nothing
        assert again["written"] == again["backups"] == [], f"{again['written']} written again"
        assert project.files() == rendered
    print(  # noqa: T201  # for `pytest -s`
        f"\n{case.name:<18} build {seconds:5.1f} s  {above:6.1f} MB above {base}  "
        f"stops in {max(stops):.2f} s  of {time.monotonic() - start:.1f} s"
    )
    assert case.largest is None or above < case.largest
    return made


def check_image(case: Case, engine: docker.DockerClient, image_id: str) -> list[float]:
    """Run an image on two ports, ask, look inside, stop; gives the seconds that each stop took."""
    stops = []
    for port in _PORTS:
        with run_image(engine, image_id, port) as running:
            running.wait(case.pages[0].path)
            for page in case.pages:
                running.check(page)
            assert running.listens_everywhere(), running.logs()
            if port == _PORTS[0]:
                _look_inside(case, running, engine.images.get(image_id))
            seconds, code = running.stop()
            assert code in _STOPPED, f"exit code {code}\n{running.logs()}"
            stops.append(seconds)
    # The quicker of the two: on a busy machine the engine itself takes its time, a deaf server needs it both times.
    assert min(stops) <= 1, f"SIGTERM took {stops} s"
    return stops


def _look_inside(case: Case, running: Running, image: Image) -> None:
    who = running.shell("id -u; id -g").split()
    assert who == ["1001", "1001"], f"it runs as {who}"
    found = find_canary(running, image)
    assert found == "", f"secrets in the image: {found}"
    if case.serving != "own":
        managers = running.managers([name for name in MANAGERS if name not in case.runtime])
        assert managers == [], f"package managers in the image: {managers}"
        own = f"find /opt/app -xdev -writable -type f -name '*.js' -not -path '*/{case.writes}/*' | head -5"
        assert running.shell(own) == ""
