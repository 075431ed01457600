"""The base image: found, pulled, stood in for, or refused with a reason."""

from __future__ import annotations

import io
import os
import re
import shutil
import socket
import subprocess
import tarfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ecrwiz.model.errors import EcrwizError, MissingToolError
from ecrwiz.sandbox import base_image as module
from ecrwiz.sandbox import machine as machine_module
from ecrwiz.sandbox import stand_in
from ecrwiz.sandbox.base_image import ensure_base_image
from ecrwiz.sandbox.machine import Machine

if TYPE_CHECKING:
    import docker

MachineFolder = Callable[[dict[str, str]], Machine]


def make_image(engine: docker.DockerClient, reference: str, *changes: str) -> str:
    """Imports an image of one small file that differs from every other, and gives its id."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        content = uuid.uuid4().bytes
        entry = tarfile.TarInfo("id")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    repository, _, tag = reference.rpartition(":")
    engine.api.import_image_from_data(packed.getvalue(), repository=repository, tag=tag, changes=list(changes))
    return str(engine.images.get(reference).id)


@pytest.fixture
def reference(engine: docker.DockerClient) -> Iterator[str]:
    """An image reference of this test alone, at a registry that refuses connections."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        name = f"127.0.0.1:{unused.getsockname()[1]}/ecrwiz-test/{uuid.uuid4().hex}:1"
    yield name
    if engine.api.images(filters={"reference": name}):
        engine.images.remove(name, force=True)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """The address of a real, empty registry on this machine."""
    program = shutil.which("docker-registry") or shutil.which("registry")
    assert program, "`make setup` installs docker-registry"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    settings = tmp_path / "registry.yml"
    settings.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {tmp_path / 'registry'}}}}}\n"
        f"http: {{addr: '{address}'}}\n"
    )
    with (tmp_path / "registry.log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(settings)], stdout=log, stderr=log)
    try:
        wait_for(address)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def wait_for(address: str) -> None:
    host, port = address.split(":")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on {address}")


class TestEnsure:
    def test_an_image_that_is_here_is_left_alone(self, engine: docker.DockerClient, reference: str) -> None:
        image = make_image(engine, reference)
        said: list[str] = []
        assert ensure_base_image(reference, said.append) is False
        assert said == []
        assert engine.images.get(reference).id == image

    def test_an_image_that_a_registry_has_is_pulled(self, engine: docker.DockerClient, registry: str) -> None:
        name = f"{registry}/base:1"
        image = make_image(engine, name)
        engine.images.push(name)
        engine.images.remove(name, force=True)
        try:
            assert ensure_base_image(name, print) is False
            assert engine.images.get(name).id == image
        finally:
            engine.images.remove(image, force=True)

    def test_the_real_image_replaces_a_stand_in_as_soon_as_it_can_be_pulled(
        self, engine: docker.DockerClient, registry: str
    ) -> None:
        name = f"{registry}/base:1"
        real = make_image(engine, name)
        engine.images.push(name)
        engine.images.remove(name, force=True)
        replaced = make_image(engine, name, f"LABEL {stand_in.LABEL}=true")
        try:
            assert ensure_base_image(name, print) is False
            assert engine.images.get(name).id == real
        finally:
            engine.images.remove(real, force=True)
            engine.images.remove(replaced, force=True)

    def test_a_refusal_names_the_image_and_the_reason(self, reference: str) -> None:
        with pytest.raises(MissingToolError) as caught:
            ensure_base_image(reference, print)
        assert reference in caught.value.message
        assert "connection refused" in caught.value.message
        assert "docker load" in caught.value.hint

    def test_a_registry_that_never_answers_costs_a_bounded_time(
        self, engine: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_PULL_SILENCE", 2)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            started = time.monotonic()
            with pytest.raises(MissingToolError, match="has not answered for 2 seconds"):
                ensure_base_image(f"127.0.0.1:{silent.getsockname()[1]}/base:1", print)
        assert time.monotonic() - started < 10

    def test_without_an_engine_it_says_so(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
        with pytest.raises(MissingToolError, match="No Docker engine answers"):
            ensure_base_image("node:24-slim", print)

    def test_a_stand_in_that_was_kept_is_loaded_not_built(
        self, engine: docker.DockerClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        # A release that neither a registry nor npm has: building it would fail.
        name = "node:9999-slim"
        recipe = stand_in.recipe(Machine.read())
        label = f"LABEL {stand_in.LABEL}=true {stand_in.RECIPE_LABEL}={recipe}"
        image = make_image(engine, name, label)
        folder = tmp_path / "ecrwiz" / "base-images"
        folder.mkdir(parents=True)
        module._save(engine, name, folder / f"node-9999-slim_{recipe}.tar")
        engine.images.remove(name, force=True)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        said: list[str] = []
        try:
            assert ensure_base_image(name, said.append) is True
            assert engine.images.get(name).id == image
            assert ensure_base_image(name, said.append) is False, "the second call finds it in the engine"
        finally:
            engine.images.remove(name, force=True)
        assert any("built earlier" in sentence for sentence in said)


class TestImage:
    """The image that the fixture has seen to: the real one, or the stand-in that has to match it."""

    def test_it_is_laid_out_as_the_official_image(self, engine: docker.DockerClient, base_image: str) -> None:
        places = "for p in node npm npx yarn; do command -v $p; done"
        script = f"node --version; npm --version; yarn --version; id node; {places}"
        lines = engine.containers.run(base_image, ["sh", "-c", script], remove=True).decode().splitlines()
        assert lines[0].startswith("v24.")
        assert re.fullmatch(r"\d+\.\d+\.\d+", lines[1])
        assert lines[2].startswith("1.22.")
        assert lines[3] == "uid=1000(node) gid=1000(node) groups=1000(node)"
        assert lines[4:] == [f"/usr/local/bin/{name}" for name in ("node", "npm", "npx", "yarn")]

    def test_its_entry_point_takes_options_scripts_and_commands(
        self, engine: docker.DockerClient, base_image: str
    ) -> None:
        assert engine.containers.run(base_image, ["-p", "6 * 7"], remove=True).strip() == b"42"
        assert engine.containers.run(base_image, ["echo", "plain"], remove=True).strip() == b"plain"

    def test_npm_and_apt_work_in_a_build_on_it(self, engine: docker.DockerClient, base_image: str) -> None:
        dockerfile = (
            f"FROM {base_image}\n"
            "RUN apt-get update && apt-get install -y --no-install-recommends tini\n"
            "USER node\nWORKDIR /home/node\n"
            "RUN npm install left-pad@1.3.0 && tini -- node -e 'require(\"left-pad\")'\n"
        )
        image, _ = engine.images.build(fileobj=io.BytesIO(dockerfile.encode()), rm=True, nocache=True)
        engine.images.remove(image.id, force=True)

    def test_a_stand_in_says_what_it_is(self, engine: docker.DockerClient, base_image: str) -> None:
        labels = engine.images.get(base_image).labels
        if stand_in.LABEL in labels:
            assert labels[stand_in.RECIPE_LABEL] == stand_in.recipe(Machine.read())
        else:
            assert not [name for name in labels if name.startswith("org.ecrwiz")]


@pytest.mark.parametrize(
    ("reference", "major"),
    [
        ("node:24-slim", 24),
        ("node:20-bookworm-slim", 20),
        ("node:22.11.0-slim", 22),
        ("docker.io/library/node:24-slim", 24),
        ("node:24", None),
        ("node:24-alpine", None),
        ("node:slim", None),
        ("node:24-slim@sha256:abc", None),
        ("registry.example.com/node:24-slim", None),
        ("notnode:24-slim", None),
    ],
)
def test_only_what_debian_and_npm_can_give_is_stood_in_for(reference: str, major: int | None) -> None:
    assert stand_in.major_version(reference) == major


class TestTools:
    def test_without_root_and_sudo_it_says_what_to_do(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(MissingToolError, match="needs root or sudo") as caught:
            stand_in._elevation()
        assert "as root" in caught.value.hint

    def test_a_missing_program_is_named_with_the_way_to_get_it(self) -> None:
        with pytest.raises(MissingToolError, match="needs no-such-program") as caught:
            stand_in._program("no-such-program", "Install it.")
        assert caught.value.hint == "Install it."

    def test_a_processor_without_node_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(MissingToolError, match="riscv64"):
            stand_in._fetch_packages(24, "riscv64", tmp_path)

    def test_a_failing_program_is_quoted(self) -> None:
        with pytest.raises(EcrwizError, match="status 3: it broke"):
            stand_in._run(["sh", "-c", "echo it broke >&2; exit 3"])


@pytest.fixture
def machine_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MachineFolder:
    """Reads the machine as if these were the files in /etc/apt."""

    def read(files: dict[str, str]) -> Machine:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(content)
        monkeypatch.setattr(machine_module, "_APT_SOURCES", tmp_path)
        return Machine.read()

    return read


class TestMachine:
    def test_a_private_mirror_is_found_in_either_syntax(self, machine_with: MachineFolder) -> None:
        machine = machine_with(
            {
                "sources.list": "# deb http://old.example/debian bookworm main\n"
                "deb [signed-by=/k.gpg] https://mirror.example/debian bookworm main\n",
                "sources.list.d/security.sources": "Types: deb\nURIs: https://mirror.example/debian-security\n",
            }
        )
        assert machine.mirror == "https://mirror.example/debian"
        assert machine.security_mirror == "https://mirror.example/debian-security"
        assert "URIs: https://mirror.example/debian\nSuites: bookworm bookworm-updates\n" in machine.apt_sources(
            "bookworm"
        )

    def test_a_source_that_is_switched_off_or_not_debian_stays_out(self, machine_with: MachineFolder) -> None:
        machine = machine_with(
            {
                "sources.list.d/mine.sources.disabled": "URIs: http://off.example/debian\n",
                "sources.list.d/ubuntu.list": "deb http://archive.ubuntu.com/ubuntu noble main\n",
            }
        )
        assert machine.mirror == "http://deb.debian.org/debian"

    def test_the_fingerprint_follows_every_fact(self, machine_with: MachineFolder) -> None:
        before = machine_with({})
        after = machine_with({"sources.list": "deb http://mirror.example/debian bookworm main\n"})
        assert before.fingerprint() != after.fingerprint()
        assert before.fingerprint() == Machine(*(getattr(before, n) for n in Machine.__slots__)).fingerprint()

    def test_the_bundle_named_by_the_environment_wins(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        bundle = tmp_path / "bundle.pem"
        bundle.write_bytes(b"mine")
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        assert Machine.read().authorities == b"mine"
