"""Blocks of a person's own Terraform that make it run programs on this machine."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ecrwiz.model.errors import ToolFailedError
from ecrwiz.services.hcl.reading import MOST_BYTES, Block, bodies, dicts, parse, read

__all__ = ["Program", "programs"]

_MOST_FILES: Final = 300
_KNOWN_PROVIDERS: Final = ("hashicorp/", "registry.terraform.io/hashicorp/")
_NOT_ENTERED: Final = (".terraform", ".git", "node_modules")


@dataclass(frozen=True, slots=True)
class Program:
    """A block that makes Terraform run a program on this machine, or a file that may hold such a one.

    Attributes:
        block: where.
        how: such as `provisioner local-exec`.
        at_plan: it runs even when nothing but a plan is made.
    """

    block: Block
    how: str
    at_plan: bool

    def __str__(self) -> str:
        return f"{self.block} ({self.how})"


def programs(infra: Path, ours: Mapping[str, str], theirs: Collection[str] = ()) -> tuple[Program, ...]:
    """Every block below a folder that makes Terraform run a program on this machine.

    Args:
        infra: the folder; it may be absent.
        ours: files with this very text are ecrwiz's own and are not looked into.
        theirs: as for `look`.
    """
    found: list[Program] = []
    room = MOST_BYTES
    for path in _terraform_files(infra):
        name = path.relative_to(infra).as_posix()
        if name.endswith(".tf.json"):
            found.append(Program(Block(name, "JSON"), "not looked into, may run programs", at_plan=True))
            continue
        try:
            text = read(path, infra, room)
            if name not in theirs and ours.get(name) == text:
                continue
            room -= len(text)
            found += _programs_of(name, parse(text))
        except ToolFailedError as error:
            found.append(Program(Block(name, error.message), "may run programs", at_plan=True))
    return tuple(found)


def _programs_of(name: str, tree: Mapping[str, Any]) -> Iterator[Program]:
    for label, body in bodies(tree, "resource", 2):
        for kind, _ in bodies(body, "provisioner", 1):
            yield Program(Block(name, f"resource {label}"), f"provisioner {kind}", at_plan=False)
    for place in (tree, *(check for _, check in bodies(tree, "check", 1))):
        for label, _ in bodies(place, "data", 2):
            if label.startswith("external."):
                yield Program(Block(name, f"data {label}"), "data external", at_plan=True)
    yield from (Program(Block(name, what), how, at_plan=True) for what, how in _from_elsewhere(tree))


def _from_elsewhere(tree: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Modules and providers whose code is not in the folder, so that nobody has looked into it."""
    for label, body in bodies(tree, "module", 1):
        source = _word(body.get("source"))
        if not source.startswith("./") or ".." in source.split("/"):
            yield f"module {label}", f"code from {source}, not looked into"
    for block in dicts(tree.get("terraform")):
        for needed in dicts(block.get("required_providers")):
            for label, body in needed.items():
                source = _word(body.get("source")) if isinstance(body, dict) else ""
                if source and not source.startswith(_KNOWN_PROVIDERS):
                    yield f"provider {label}", f"a program from {source}"


def _word(value: object) -> str:
    """A quoted string's text, cut to what fits on a line."""
    return str(value).strip('"')[:80]


def _terraform_files(folder: Path) -> Iterator[Path]:
    """Every .tf and .tf.json file below a folder, links to folders not followed, a bounded number."""
    count = 0
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _NOT_ENTERED)
        for name in sorted(names):
            if name.endswith((".tf", ".tf.json")):
                count += 1
                if count > _MOST_FILES:
                    return
                yield Path(parent, name)
