"""What all commands share: the global options, the world that they point at, and the project that they open."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ecrwiz.model.errors import BadInputError

if TYPE_CHECKING:
    from ecrwiz.flow.project import Project

__all__ = ["Door", "alone", "also_here", "answers_option", "json_option", "open_at", "sandbox_folder", "world"]

_T = TypeVar("_T")


@dataclass
class Door:
    """What the global options said."""

    root: Path
    sandbox: bool
    keep: bool
    profile: str = ""


def answers_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--set` and the global options to a command."""
    words = "Give an answer, such as region=eu-west-1; may be repeated."
    return click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help=words)(also_here(function))


def also_here(function: Callable[..., Any]) -> Callable[..., Any]:
    """Take the global options behind the command too: people write them there."""

    def note(context: click.Context, parameter: click.Parameter, value: Any) -> None:  # noqa: ANN401
        door: Door = context.obj
        if parameter.name == "root" and value is not None:
            door.root = value.absolute()
        elif parameter.name == "profile":
            door.profile = value or door.profile
        elif value:
            door.sandbox = True
            door.keep = door.keep or parameter.name == "keep_sandbox"

    quiet: dict[str, Any] = {"hidden": True, "expose_value": False, "callback": note}
    function = click.option("-C", "--project", "root", type=click.Path(path_type=Path), **quiet)(function)
    function = click.option("--profile", metavar="NAME", **quiet)(function)
    for name in ("--sandbox", "--keep-sandbox"):
        function = click.option(name, is_flag=True, **quiet)(function)
    return function


json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


def sandbox_folder(door: Door) -> Path:
    """Where a kept sandbox of this project lies."""
    return door.root / ".ecrwiz" / "sandbox"


@contextlib.contextmanager
def world(door: Door, *, build: bool = False) -> Iterator[None]:
    """Point this process at the sandbox when it is wanted; the rest of the product never knows."""
    if not door.sandbox:
        yield
        return
    from ecrwiz.flow.project import check_state_folder
    from ecrwiz.sandbox import Sandbox, base_image
    from ecrwiz.services import node_app, templates

    asyncio.run(check_state_folder(door.root, sandbox_folder(door)))
    app = node_app.detect(door.root)
    theirs = app.serving == "own" or (app.dockerfile is not None and not app.dockerfile.ours)
    if build and not theirs:  # what a Dockerfile of their own begins with, only a registry has
        base_image.ensure_base_image(templates.base_image(app), lambda text: click.echo(text, err=True))
    box = Sandbox.attach_or_start(sandbox_folder(door), keep=door.keep)
    try:
        for name in box.remove:
            os.environ.pop(name, None)
        os.environ.update(box.environment())
        yield
    finally:
        box.close()
        if box.started_and_gone:
            base_image.forget_tags(box.info.registry)


def alone(work: Coroutine[Any, Any, _T]) -> _T:
    """Run the work of one command."""
    return asyncio.run(work)


async def open_at(door: Door, sets: tuple[str, ...]) -> Project:
    """Open the project of the global options.

    Args:
        door: the global options.
        sets: answers of the form `KEY=VALUE`.

    Raises:
        BadInputError: an answer is not of that form, or the project cannot be used.
    """
    from ecrwiz.flow.project import open_project

    flags: dict[str, str] = {}
    for item in sets:
        name, equals, value = item.partition("=")
        if not equals:
            raise BadInputError(f"--set {item} is not of the form KEY=VALUE.", "--set port=3000 would work.")
        flags[name.strip().replace("-", "_")] = value
    return await open_project(door.root, flags, os.environ, door.profile)
