"""Builds a stand-in for the official `node:<major>-slim` image on a machine that reaches no image registry.

It is a real Debian with the official glibc Node: `debootstrap` brings Debian from the machine's mirror,
npm's registry carries the Node that nodejs.org publishes, npm, yarn and corepack. The layout is that of the
official image: everything under /usr/local, a user `node` with id 1000, an entry point that does the same.

A label says what the image is, so that nothing takes it for the real one.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ecrwiz.model.errors import MissingToolError, ToolFailedError
from ecrwiz.sandbox.machine import Machine

if TYPE_CHECKING:
    import docker

__all__ = ["LABEL", "RECIPE_LABEL", "build", "major_version", "recipe"]

LABEL = "org.ecrwiz.stand-in"
RECIPE_LABEL = "org.ecrwiz.stand-in.recipe"

_VERSION = 1
"""Raise it with every change of what is built: images of an older recipe are then made anew."""

_SUITE = "bookworm"
_SLIM = re.compile(r"(?:docker\.io/)?(?:library/)?node:(\d+)(?:\.\d+){0,2}(?:-bookworm)?-slim")
_NPM_ARCHITECTURES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
_LEFT_OUT = (
    "./dev/*",
    "./proc/*",
    "./sys/*",
    "./usr/share/doc/*",
    "./usr/share/info/*",
    "./usr/share/lintian/*",
    "./usr/share/locale/*",
    "./usr/share/man/*",
    "./var/cache/apt/*",
    "./var/lib/apt/lists/*",
    "./var/log/*",
)
_ENTRY_POINT = """#!/bin/sh
set -e
# An option, an unknown command or a script that cannot be run is meant for node, as in the official image.
if [ "${1#-}" != "$1" ] || [ -z "$(command -v "$1")" ] || { [ -f "$1" ] && ! [ -x "$1" ]; }; then
  set -- node "$@"
fi
exec "$@"
"""
_DOCKERFILE = """FROM {root}
COPY rootfs/ /
RUN rm -f /etc/apt/sources.list \\
 && groupadd --gid 1000 node \\
 && useradd --uid 1000 --gid node --shell /bin/bash --create-home node \\
 && node --version && npm --version
ENV NODE_VERSION={node} NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
LABEL {label}=true {recipe_label}={recipe}
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["node"]
"""


@dataclass(frozen=True, slots=True)
class _Package:
    """A package that `npm pack` has brought."""

    version: str
    archive: Path


def major_version(reference: str) -> int | None:
    """The Node release that an image reference asks for, None when no stand-in for it can be built.

    Args:
        reference: such as `node:24-slim`.
    """
    match = _SLIM.fullmatch(reference)
    return int(match[1]) if match else None


def recipe(machine: Machine) -> str:
    """What an image that is built now would be built from, as a short text to compare."""
    return f"{_VERSION}-{machine.fingerprint()}"


def build(
    client: docker.DockerClient, reference: str, machine: Machine, scratch: Path, say: Callable[[str], None]
) -> None:
    """Builds the stand-in and tags it.

    Args:
        client: the engine that gets the image.
        reference: a reference for which `major_version` gives a number.
        machine: whose certificate authorities and archives go in.
        scratch: a folder for some 400 MB, on a file system that may hold programs and devices.
        say: gets a sentence at each stage.

    Raises:
        MissingToolError: debootstrap, npm or the right to use them is missing.
        ToolFailedError: one of them, or the engine, reported a failure.
    """
    major = major_version(reference)
    if major is None:
        raise ValueError(reference)
    elevate = _elevation()
    _program("debootstrap", "Install it with `apt install debootstrap`.")
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        say("Fetching Node from npm's registry.")
        packages = _fetch_packages(major, machine.architecture, Path(folder))
        say("Installing a small Debian with debootstrap; this takes about half a minute.")
        root = f"ecrwiz-stand-in-root:{os.getpid()}"
        with _debian(machine, Path(folder) / "root", major, elevate) as tree:
            _import_tree(client, tree, root, elevate)
        try:
            say(f"Building {reference} from them.")
            _build_image(client, reference, root, machine, packages, Path(folder))
        finally:
            client.images.remove(root, noprune=True)


def _elevation() -> list[str]:
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    raise MissingToolError(
        "No image registry can be reached, and building a stand-in for the base image needs root or sudo "
        "without a password.",
        "Run this once as root, or load the base image with `docker load`.",
    )


def _program(name: str, hint: str) -> str:
    # An ordinary account's PATH often lacks Debian's sbin; a virtual environment may bring its own npm.
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", str(Path(sys.executable).parent)])
    found = shutil.which(name, path=places)
    if found is None:
        raise MissingToolError(
            f"No image registry can be reached, and building a stand-in for the base image needs {name}, "
            "which is not on this machine.",
            hint,
        )
    return found


def _run(argv: list[str], **environment: str) -> str:
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=900, env={**os.environ, **environment}
    )
    if done.returncode != 0:
        last = " ".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-3:])
        raise ToolFailedError(f"`{' '.join(argv[:4])} ...` failed with status {done.returncode}: {last}")
    return done.stdout


def _fetch_packages(major: int, architecture: str, folder: Path) -> dict[str, _Package]:
    suffix = _NPM_ARCHITECTURES.get(architecture)
    if suffix is None:
        raise MissingToolError(f"There is no Node for a {architecture} processor in npm's registry.")
    wanted = {f"node-linux-{suffix}": str(major), "npm": "11" if major >= 22 else "10"}
    # The official images carry yarn up to Node 25 and corepack up to Node 24.
    if major < 26:
        wanted["yarn"] = "1"
    if major < 25:
        wanted["corepack"] = "0"
    npm = _program("npm", "Install Node.js from https://nodejs.org.")
    specs = [f"{name}@{version}" for name, version in wanted.items()]
    answer = json.loads(_run([npm, "pack", "--json", "--pack-destination", str(folder), *specs]))
    return {p["name"]: _Package(p["version"], folder / p["filename"]) for p in answer}


@contextmanager
def _debian(machine: Machine, target: Path, major: int, elevate: list[str]) -> Iterator[Path]:
    tool = _program("debootstrap", "Install it with `apt install debootstrap`.")
    # Node is linked against it since release 25, and the official images have it since then.
    more = ["--include=libatomic1"] if major >= 25 else []
    try:
        _run(
            [*elevate, tool, "--variant=minbase", *more, _SUITE, str(target), machine.mirror],
            DEBIAN_FRONTEND="noninteractive",
        )
        yield target
    finally:
        subprocess.run([*elevate, "rm", "-rf", "--one-file-system", str(target)], check=False)


def _import_tree(client: docker.DockerClient, tree: Path, tag: str, elevate: list[str]) -> None:
    name, _, version = tag.partition(":")
    argv = [*elevate, "tar", "--numeric-owner", *(f"--exclude={pattern}" for pattern in _LEFT_OUT)]
    with subprocess.Popen([*argv, "-C", str(tree), "-c", "."], stdout=subprocess.PIPE) as packer:
        client.api.import_image_from_stream(packer.stdout, repository=name, tag=version)
    if packer.returncode != 0:
        raise ToolFailedError(f"Packing the new Debian failed with status {packer.returncode}.")


def _build_image(
    client: docker.DockerClient,
    reference: str,
    root: str,
    machine: Machine,
    packages: Mapping[str, _Package],
    folder: Path,
) -> None:
    node = next(package.version for name, package in packages.items() if name.startswith("node-linux-"))
    dockerfile = _DOCKERFILE.format(
        root=root, node=node, label=LABEL, recipe_label=RECIPE_LABEL, recipe=recipe(machine)
    )
    with (folder / "context.tar").open("w+b") as file:
        _write_context(file, dockerfile, machine, packages)
        file.seek(0)
        records = client.api.build(fileobj=file, custom_context=True, tag=reference, rm=True, forcerm=True, decode=True)
        for record in records:
            if "error" in record:
                raise ToolFailedError(f"Building the stand-in for {reference} failed: {record['error'].strip()}")


def _write_context(file: IO[bytes], dockerfile: str, machine: Machine, packages: Mapping[str, _Package]) -> None:
    with tarfile.open(fileobj=file, mode="w") as context:
        _add(context, "Dockerfile", dockerfile.encode())
        for path, content in _machine_files(machine):
            _add(context, f"rootfs/{path}", content)
        _add(context, "rootfs/usr/local/bin/docker-entrypoint.sh", _ENTRY_POINT.encode(), mode=0o755)
        for name, package in packages.items():
            library = "" if name.startswith("node-linux-") else f"lib/node_modules/{name}/"
            _add_package(context, package.archive, f"rootfs/usr/local/{library}")
        for link, target in _links(packages):
            _add_link(context, f"rootfs/usr/local/bin/{link}", target)


def _machine_files(machine: Machine) -> Iterator[tuple[str, bytes]]:
    yield f"etc/apt/sources.list.d/{_SUITE}.sources", machine.apt_sources(_SUITE).encode()
    yield "etc/apt/apt.conf.d/90machine", machine.apt_settings.encode()
    yield "etc/ssl/certs/ca-certificates.crt", machine.authorities
    yield "usr/local/etc/npmrc", b"cafile=/etc/ssl/certs/ca-certificates.crt\n"
    # Where the package ca-certificates looks when it writes the file above anew.
    for name, content in machine.extra_authorities:
        yield f"usr/local/share/ca-certificates/{name}", content


def _links(packages: Iterable[str]) -> Iterator[tuple[str, str]]:
    yield "nodejs", "node"
    commands = {
        "npm": {"npm": "bin/npm-cli.js", "npx": "bin/npx-cli.js"},
        "yarn": {"yarn": "bin/yarn.js", "yarnpkg": "bin/yarn.js"},
        "corepack": {"corepack": "dist/corepack.js"},
    }
    for package in packages:
        for command, script in commands.get(package, {}).items():
            yield command, f"../lib/node_modules/{package}/{script}"


def _add(context: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    context.addfile(entry, io.BytesIO(content))


def _add_link(context: tarfile.TarFile, name: str, target: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    context.addfile(entry)


def _add_package(context: tarfile.TarFile, archive: Path, prefix: str) -> None:
    with tarfile.open(archive, mode="r:gz") as package:
        for entry in package:
            inner = entry.name.partition("/")[2]
            top_level_note = prefix.endswith("local/") and "/" not in inner
            if not entry.isfile() or top_level_note:
                continue
            script = inner.startswith("bin/") or inner == "dist/corepack.js"
            copy = tarfile.TarInfo(prefix + inner)
            copy.size, copy.mode = entry.size, 0o755 if script or entry.mode & 0o100 else 0o644
            context.addfile(copy, package.extractfile(entry))
