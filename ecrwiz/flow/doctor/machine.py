"""Checks of this machine: Python, terminal, disk, port, git, Terraform, Docker, keyring."""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import socket
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

from ecrwiz import __version__
from ecrwiz.flow.doctor.finding import Finding, Patient, fine, from_error, problem, unknown, warning
from ecrwiz.model.errors import EcrwizError
from ecrwiz.services import git, process
from ecrwiz.services.docker.builders import Builder, find_builder
from ecrwiz.services.docker.facts import engine_facts
from ecrwiz.services.terraform import OLDEST_TERRAFORM
from ecrwiz.services.terraform.facts import provider_source, version

__all__ = [
    "builder", "disk", "docker", "git_program", "keyring", "port", "provider", "python", "terminal", "terraform",
]  # fmt: skip

_PYTHONS: Final = ((3, 11), (3, 13))  # pyproject.toml's requires-python
_GB: Final = 1_000_000_000
_LITTLE, _TOO_LITTLE = 3 * _GB, _GB // 2  # a Node image with its build is one to two GB


async def python(patient: Patient) -> Finding:  # noqa: ARG001
    """The interpreter and ecrwiz itself."""
    here = sys.version_info[:2]
    said = f"ecrwiz {__version__} on Python {platform.python_version()}."
    if not _PYTHONS[0] <= here <= _PYTHONS[1]:
        return warning(said, "ecrwiz is tested with Python 3.11 to 3.13: install it with one of those.")
    return fine(said, {"program": sys.executable, "system": platform.platform()})


async def terraform(patient: Patient) -> Finding:
    """Terraform's version."""
    found, program = await version(patient.project.paths.root)
    if _numbers(found) < OLDEST_TERRAFORM:
        return problem(
            f"Terraform {found} is too old: 1.9 or newer is needed.",
            "Install a newer one from https://developer.hashicorp.com/terraform/install.",
            {"program": program},
            missing=True,
        )
    return fine(f"Terraform {found}.", {"program": program})


async def provider(patient: Patient) -> Finding:
    """Where Terraform gets the AWS provider from."""
    paths, settings = patient.project.paths, patient.project.tools.settings
    found = await provider_source(paths.infra, settings.terraform_mirror, patient.environ)
    words = {
        "installed": "The AWS provider is installed in infra/ already.",
        "registry": "Terraform's registry answers: the AWS provider can be installed.",
        "mirror": "The AWS provider is taken from a folder of this machine.",
    }
    if found.kind:
        return fine(words[found.kind], {"where": found.where})
    if settings.terraform_mirror is not None:
        return problem(
            f"ECRWIZ_TERRAFORM_MIRROR names {found.where}, which does not hold the AWS provider.",
            "Name a folder with registry.terraform.io/hashicorp/aws in it, or unset the variable.",
            command="unset ECRWIZ_TERRAFORM_MIRROR",
            missing=True,
        )
    return problem(
        "Terraform's registry does not answer, and the AWS provider is not on this machine.",
        "Check the network and HTTPS_PROXY, or set ECRWIZ_TERRAFORM_MIRROR to a folder that holds the provider.",
        missing=True,
    )


async def docker(patient: Patient) -> Finding:  # noqa: ARG001
    """The engine, and the room where its data lies."""
    try:
        facts = await engine_facts()
    except EcrwizError as error:
        return from_error(error)
    seen = {"platform": facts.platform, "data": facts.data, "host": facts.host or "this machine"}
    if facts.free is None:
        return fine(f"Docker engine {facts.version} answers; its free disk cannot be seen from here.", seen)
    said = f"Docker engine {facts.version} answers; {_size(facts.free)} are free for its images."
    if facts.free < _LITTLE:
        return warning(said, "Remove images and build cache that nobody needs.", seen, command="docker system prune")
    return fine(said, seen)


async def builder(patient: Patient) -> Finding:  # noqa: ARG001
    """Whether images are built by BuildKit."""
    return judge_builder(await find_builder())


def judge_builder(found: Builder) -> Finding:
    """What it means which builder there is."""
    if found.program:
        kind = "buildx" if found.flags else "the engine's own"
        return fine(f"Images are built by BuildKit ({kind}, program {found.program}).")
    return warning(
        f"{found.reason} Images are built by the engine's older builder, without its caches and without build secrets.",
        "Install Docker's command line with its plugin buildx (https://docs.docker.com/go/buildx/).",
    )


async def git_program(patient: Patient) -> Finding:
    """Git, and what it says of the folder: the image's tag comes from the commit."""
    root = patient.project.paths.root
    if process.which("git") is None:
        return warning("git is not on PATH: the image's tag cannot come from the commit.", "Install git.")
    done = await process.capture(["git", "--version"], cwd=root, timeout=5.0)
    said = done.stdout.removeprefix("git version").strip() or "of an unknown version"
    state = await git.describe(root)
    if state is None:
        return warning(
            f"git {said}; the folder is in no Git repository, so images have no commit in their tag.",
            "Make it one, and commit.",
            command="git init && git add . && git commit -m 'First commit'",
        )
    if not state.commit:
        return warning(
            f"git {said}; nothing is committed yet, so images have no commit in their tag.",
            "Commit.",
            command="git add . && git commit -m 'First commit'",
        )
    dirty = "with changes that are not committed" if state.dirty else "without changes"
    return fine(f"git {said}; at {state.commit[:12]}, {dirty}.", {"branch": state.branch or "none"})


async def keyring(patient: Patient) -> Finding:
    """Whether the system's keyring keeps, gives back and deletes a trial entry."""
    found = await patient.keyring()
    if found.usable:
        return fine(f"The keyring ({found.name}) kept, gave back and deleted a trial entry.")
    return warning(
        found.reason,
        "Install or unlock the system's keyring; a run can go on without a local copy of the CI secret.",
        {"backend": found.name or "none"},
    )


async def port(patient: Patient) -> Finding:  # noqa: ARG001
    """Whether this machine gives out a port for the smoke test."""
    try:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            number = listener.getsockname()[1]
    except OSError as error:
        return problem(
            f"No port of 127.0.0.1 can be used for the smoke test: {error.strerror or error}.",
            "Check this machine's limits and its firewall, or run the other steps without smoke-test.",
        )
    return fine("127.0.0.1 has a free port for the smoke test.", {"for instance": str(number)})


async def disk(patient: Patient) -> Finding:
    """Room in the project's folder and in the folder for temporary files."""
    folders = {"the project": patient.project.paths.root, "temporary files": Path(tempfile.gettempdir())}
    free = {}
    for name, folder in folders.items():
        free[name] = (await process.in_daemon_thread(partial(shutil.disk_usage, folder))).free
    return judge_disk(free, {name: str(folder) for name, folder in folders.items()})


def judge_disk(free: Mapping[str, int], folders: Mapping[str, str]) -> Finding:
    """What it means that so many bytes are free."""
    least = min(free, key=lambda name: free[name])
    said = ", ".join(f"{_size(count)} for {name}" for name, count in free.items())
    if free[least] < _TOO_LITTLE:
        return problem(
            f"The disk is nearly full: {said}.",
            f"Free some room in {folders[least]}.",
            folders,
            command=f"du -xsh {shlex.quote(folders[least])}/*",
        )
    if free[least] < _LITTLE:
        return warning(f"Little room is left: {said}.", f"Free some room in {folders[least]}.", folders)
    return fine(f"There is room: {said}.", folders)


async def terminal(patient: Patient) -> Finding:
    """Size, colours and what stands between the wizard and the screen."""
    return judge_terminal(patient.environ, _terminal_size())


def judge_terminal(environ: Mapping[str, str], size: tuple[int, int] | None) -> Finding:
    """What the environment says of the terminal."""
    term = environ.get("TERM", "")
    if size is None:
        return unknown("There is no terminal here; the commands work without one.", facts={"TERM": term or "not set"})
    colours = _colours(environ)
    within = "tmux" if environ.get("TMUX") else "screen" if term.startswith("screen") else ""
    said = f"{size[0]}x{size[1]} cells, {colours}{f', in {within}' if within else ''}."
    if size[0] < 80 or size[1] < 24:
        return warning(said, "The wizard is made for 80x24 and more: enlarge the window.", {"TERM": term})
    if term in ("", "dumb"):
        return warning(
            said,
            "TERM does not name a terminal that can show the wizard.",
            {"TERM": term or "not set"},
            command="export TERM=xterm-256color",
        )
    return fine(said, {"TERM": term})


def _colours(environ: Mapping[str, str]) -> str:
    if environ.get("NO_COLOR"):
        return "no colours (NO_COLOR is set)"
    if environ.get("COLORTERM", "") in ("truecolor", "24bit"):
        return "16 million colours"
    return "256 colours" if "256" in environ.get("TERM", "") else "16 colours"


def _terminal_size() -> tuple[int, int] | None:
    for descriptor in (1, 2, 0):
        try:
            found = os.get_terminal_size(descriptor)
        except OSError:
            continue
        if found.columns and found.lines:
            return found.columns, found.lines
    return None


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])


def _size(count: float) -> str:
    return f"{count / _GB:.1f} GB"
