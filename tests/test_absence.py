"""The proof of absence: in whichever place the secret is planted it is found, and told without being shown."""

from __future__ import annotations

import base64
import io
import os
import tarfile
import tempfile
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import docker as docker_py
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecrwiz.flow import absence, absence_places, copies
from ecrwiz.flow.absence import found_secret, search
from ecrwiz.flow.events import StepId
from ecrwiz.flow.project import Project
from ecrwiz.model.custody import Search
from ecrwiz.model.errors import MissingToolError
from ecrwiz.model.redact import Secret
from ecrwiz.model.results import BuildResult
from ecrwiz.services import keychain
from ecrwiz.services.docker import Engine
from tests.custody_kit import ENTRY, KEY_ID, SECRET, fake_ring, git, open_kept, record
from tests.test_keychain import Memory

FORMS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "base64": lambda secret: base64.b64encode(f"key={secret}\n".encode()).decode(),
    "url": lambda secret: quote(secret, safe=""),
}


@pytest.fixture(autouse=True)
def _own_temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))


def at(root: Path, name: str) -> Path:
    """A path by its beginning: `~` the home folder, `T` the temporary one, else the project."""
    if name.startswith("~/"):
        return Path(os.environ["HOME"]) / name[2:]
    return Path(tempfile.gettempdir()) / name[2:] if name.startswith("T/") else root / name


def plant(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


async def hits(project: Project) -> dict[str, tuple[str, ...]]:
    """Kinds of places with the secret in them."""
    found = await search(project)
    assert SECRET not in repr(found)
    return {one.place: one.secret for one in found if one.secret}


# Where it is planted, in which kind of place it must be found, and how that is called.
STATE, PLANS, OWN, SOURCES, SHELLS, OTHERS = (
    "Terraform's state and its backups",
    "Terraform's plans",
    "what ecrwiz keeps: journal, logs, rendered files",
    "the project's files, ecrwiz.toml and .env* among them",
    "histories of shells",
    "settings of other programs",
)
PLACES = {
    "infra/terraform.tfstate": STATE,
    "infra/terraform.tfstate.backup": STATE,
    "infra/terraform.tfstate.1700000000.backup": STATE,
    "infra/.terraform/terraform.tfstate": STATE,
    "infra/ecrwiz/terraform.tfstate": STATE,
    "infra/old.tfplan": PLANS,
    ".ecrwiz/logs/20260101-000000/provision.log": OWN,
    ".ecrwiz/rendered/Dockerfile": OWN,
    ".ecrwiz/github.json": OWN,
    "~/.local/state/ecrwiz/log/crash-1.log": OWN,
    "T/ecrwiz-plan-x/plan": OWN,
    "ecrwiz.toml": SOURCES,
    "Dockerfile": SOURCES,
    ".env": SOURCES,
    ".env.local": SOURCES,
    ".next/static/chunks/main.js": SOURCES,
    "src/deep/config.ts": SOURCES,
    "~/.bash_history": SHELLS,
    "~/.zsh_history": SHELLS,
    "~/.local/share/fish/fish_history": SHELLS,
    "~/.local/state/bash/history": SHELLS,
    "~/.docker/config.json": OTHERS,
    "~/.npmrc": OTHERS,
    ".npmrc": SOURCES,
    "~/.aws/credentials": OTHERS,
    "~/.aws/config": OTHERS,
    "~/.bashrc": OTHERS,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", PLACES)
async def test_planted_in_a_file(next_app: Path, name: str, form: str) -> None:
    project = await open_kept(next_app)
    path = at(next_app, name)
    plant(path, "first line\n")
    assert await hits(project) == {}
    plant(path, f"first line\nx {FORMS[form](SECRET)} y\n")
    found = await hits(project)
    assert PLACES[name] in found
    assert set(found) - {PLACES[name]} <= {SOURCES}, "a state lies among the project's files, too"
    (line,) = found[PLACES[name]]
    assert line.endswith(f"{path.name}:2")


# As each shell writes it: bash with times, zsh plain and extended, with a command over two lines, fish.
HISTORIES = {
    "~/.bash_history": f"#1700000000\nls\n#1700000001\nexport AWS_SECRET_ACCESS_KEY={SECRET}\n",
    "~/.zsh_history": f": 1700000000:0;ls\n: 1700000001:3;aws configure set \\\\\n  aws_secret_access_key {SECRET}\n",
    "~/.local/share/fish/fish_history": f"- cmd: ls\n  when: 1\n- cmd: set -x K '{SECRET}'\n  when: 2\n",
}


@pytest.mark.parametrize("name", HISTORIES)
async def test_histories_in_their_own_formats(next_app: Path, name: str) -> None:
    project = await open_kept(next_app)
    plant(at(next_app, name), HISTORIES[name])
    assert list(await hits(project)) == [SHELLS]


async def test_the_file_that_histfile_names(next_app: Path, tmp_path: Path) -> None:
    history = tmp_path / "elsewhere"
    project = await open_kept(
        next_app, environ={**os.environ, "HISTFILE": str(history), "ZDOTDIR": str(tmp_path / "z")}
    )
    plant(history, SECRET)
    plant(tmp_path / "z/.zsh_history", SECRET)
    assert len((await hits(project))[SHELLS]) == 2


async def test_a_plan_is_looked_into(next_app: Path) -> None:
    project = await open_kept(next_app)
    with zipfile.ZipFile(project.paths.plan, "w", zipfile.ZIP_DEFLATED) as plan:
        plan.writestr("tfstate", f'{{"secret": "{SECRET}"}}')
    assert (await hits(project))[PLANS] == (".ecrwiz/provision.tfplan, tfstate:1",)


async def test_the_environment(next_app: Path) -> None:
    project = await open_kept(next_app, environ={**os.environ, "AWS_SECRET_ACCESS_KEY": SECRET, "X": KEY_ID})
    found = {one.place: one for one in await search(project)}["the environment of this process"]
    assert (found.secret, found.key_id) == (("AWS_SECRET_ACCESS_KEY",), ("X",))


async def test_git_from_index_to_unreachable(next_app: Path) -> None:
    words = "Git: index, whole history, stashes, unreachable objects"
    git(next_app, "init", "-q")
    git(next_app, "add", "-A")
    git(next_app, "commit", "-qm", "one")
    project = await open_kept(next_app)
    assert await hits(project) == {}
    plant(next_app / "config.js", f"a\n{SECRET}\n")
    git(next_app, "add", "-A")
    (next_app / "config.js").unlink()
    assert "config.js in the index" in (await hits(project))[words][0]
    git(next_app, "commit", "-qm", "two")
    git(next_app, "reset", "-q", "--hard", "HEAD~1")
    git(next_app, "reflog", "expire", "--expire=now", "--all")
    assert (await hits(project))[words][0].startswith("no branch leads to it (blob ")
    git(next_app, "gc", "-q", "--prune=now")
    assert await hits(project) == {}
    git(next_app, "config", "remote.origin.url", f"https://u:{quote(SECRET, safe='')}@example.com/a/b")
    assert (await hits(project))[words] == (".git/config:7",)


class Images:
    """An engine that has one image."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    async def save(self, ref: str, take: Callable[[bytes], None]) -> None:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            for name, data in self.files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        data = out.getvalue()
        for begin in range(0, len(data), 700):
            take(data[begin : begin + 700])


BUILT = BuildResult("ecrwiz/blog/nextjs", "abc", "sha256:1", "linux/amd64", 1)
IMAGE = "layers and configuration of the image ecrwiz/blog/nextjs:abc"


async def test_the_image(next_app: Path) -> None:
    project = await open_kept(next_app)
    record(project, StepId.BUILD, BUILT)
    project.tools.__dict__["docker"] = Images({"manifest.json": b"[]", "a.json": b'{"Env": ["PATH=/bin"]}'})
    assert await hits(project) == {}
    project.tools.__dict__["docker"] = Images({"a.json": f'{{"Env": ["KEY={SECRET}"]}}'.encode()})
    assert await hits(project) == {IMAGE: ("a.json:1",)}


async def test_a_real_image(next_app: Path, engine: docker_py.DockerClient, request: pytest.FixtureRequest) -> None:
    name, out = f"ecrwiz-test-{uuid.uuid4().hex[:12]}", io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for file, text in (("app/clean.txt", "x" * 9000), ("app/.env", f"A=1\nKEY={SECRET}\n")):
            info = tarfile.TarInfo(file)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    request.addfinalizer(lambda: engine.api.remove_image(f"{name}:1", force=True))
    engine.api.import_image_from_data(out.getvalue(), repository=name, tag="1", changes=[f"ENV SAME={SECRET}"])
    project = await open_kept(next_app)
    record(project, StepId.BUILD, BuildResult(name, "1", "sha256:1", "linux/amd64", 1))
    project.tools.__dict__["docker"] = Engine()
    (lines,) = (await hits(project)).values()
    assert any(line.endswith("app/.env:2") for line in lines)
    assert any("/.env" not in line for line in lines), "the configuration has it, too"
    record(project, StepId.BUILD, BuildResult(name, "2", "sha256:1", "linux/amd64", 1))
    found = {one.place: one for one in await search(project)}[f"layers and configuration of the image {name}:2"]
    assert not found.complete
    assert "is not in the local Docker engine" in found.looked_at


async def test_a_search_that_costs_too_much_says_so(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = await open_kept(next_app)
    record(project, StepId.BUILD, BUILT)
    project.tools.__dict__["docker"] = Images({"a.json": b"x" * 9000})
    git(next_app, "init", "-q")
    plant(next_app / "big", "y" * 5000)
    git(next_app, "add", "-A")
    monkeypatch.setattr(absence, "_MOST_BYTES", 1000)
    found = {one.place: one for one in await search(project)}
    for place in (IMAGE, SOURCES, "Git: index, whole history, stashes, unreachable objects"):
        assert not found[place].complete, place
        assert "stopped after" in found[place].looked_at


async def test_a_state_in_a_backend(next_app: Path) -> None:
    project = await open_kept(next_app)
    plant(next_app / "infra/backend.tf", 'terraform {\n  backend "s3" {}\n}\n')

    async def pull() -> str:
        return f'{{"outputs": {{"x": "{SECRET}"}}}}'

    project.tools.terraform = lambda *_: SimpleNamespace(pull=pull)  # type: ignore[method-assign,assignment]
    assert await hits(project) == {"Terraform's state in its backend": ("backend s3",)}

    async def refuse() -> str:
        raise MissingToolError("Terraform is not on this machine.")

    project.tools.terraform = lambda *_: SimpleNamespace(pull=refuse)  # type: ignore[method-assign,assignment]
    found = {one.place: one for one in await search(project)}["Terraform's state in its backend"]
    assert (found.complete, "was not read: Terraform is not" in found.looked_at) == (False, True)


# --- what is searched for ---------------------------------------------------------------------------------------------


async def test_nothing_is_there(next_app: Path) -> None:
    project = await open_kept(next_app)
    told: list[Search] = []
    found = await search(project, told.append)
    assert not found_secret(found)
    assert sorted(one.place for one in told) == sorted(one.place for one in found)
    assert all(one.complete for one in found)
    by_place = {one.place: one for one in found}
    assert by_place[OWN].key_id, "the journal has the id, which is no secret"


async def test_a_copy_that_was_exported_is_no_find_but_its_commit_is(next_app: Path) -> None:
    project = await open_kept(next_app)
    plant(next_app / ".env.ci", SECRET)
    assert SOURCES in await hits(project)
    copies.note(project.paths, "file", str(next_app / ".env.ci"), KEY_ID)
    found = {one.place: one for one in await search(project)}[SOURCES]
    assert (found.secret, found.looked_at.endswith("besides .env.ci, which you exported")) == ((), True)
    git(next_app, "init", "-q")
    git(next_app, "add", "-f", ".env.ci")
    assert len(await hits(project)) == 1


async def test_a_secret_that_cannot_be_read_here(next_app: Path) -> None:
    project = await open_kept(next_app, None)
    plant(next_app / "x", f"{SECRET} {KEY_ID}")
    first, *rest = await search(project)
    assert (first.place, first.complete) == ("the secret itself", False)
    assert "Only the id of its key was searched for" in first.looked_at
    assert {one.place: one.key_id for one in rest}[SOURCES] == ("x:1",)
    locked = keychain.Keychain(5)
    locked._backend = keychain.Backend("X", False, "The keyring (X) cannot be used: it is locked.")
    project.tools.__dict__["keychain"] = locked
    assert "it is locked" in (await search(project))[0].looked_at


async def test_the_secret_of_a_rotation_that_has_not_ended_too(next_app: Path) -> None:
    other = "N" * 20 + "0123456789abcdefghij"
    project = await open_kept(next_app)
    kept = fake_ring()
    assert isinstance(kept._keyring, Memory)
    kept._keyring.kept[keychain.SERVICE, f"{ENTRY}/next"] = keychain.pack(
        "AKIANEXT000000000000", Secret(other)
    ).reveal()
    project.tools.__dict__["keychain"] = kept
    plant(next_app / "x", other)
    assert (await hits(project))[SOURCES] == ("x:1",)


async def test_without_any_key_there_is_nothing_to_search_for(next_app: Path) -> None:
    project = await open_kept(next_app, ci_identity="oidc")
    project.journal.forget(*list(project.journal._records))
    assert await search(project) == ()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    secret=st.text("ABCDEFGHIJabcdefghij0123456789+/", min_size=40, max_size=40),
    name=st.sampled_from(sorted(PLACES)),
    before=st.integers(0, 600_000),
    form=st.sampled_from(sorted(FORMS)),
)
async def test_any_secret_at_any_offset_of_any_place(
    next_app: Path, secret: str, name: str, before: int, form: str
) -> None:
    project = await open_kept(next_app, secret)
    path = at(next_app, name)
    try:
        plant(path, "~" * before + "\n" + FORMS[form](secret) + "\n" + "~" * (600_000 - before))
        found = {one.place: one for one in await search(project)}
        assert found[PLACES[name]].secret
        plant(path, "~" * 600_000)
        assert not found_secret(await search(project))
    finally:
        path.unlink()


def test_names_are_as_a_person_calls_them(next_app: Path) -> None:
    project = SimpleNamespace(
        paths=SimpleNamespace(root=next_app, base=next_app.parent), tools=SimpleNamespace(environ=dict(os.environ))
    )
    names = {
        next_app / "a/b": "a/b",
        next_app.parent / "c": "../c",
        Path.home() / ".npmrc": "~/.npmrc",
        Path("/x"): "/x",
    }
    for path, words in names.items():
        assert absence_places.short(path, project) == words  # type: ignore[arg-type]
