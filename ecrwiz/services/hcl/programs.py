"""What in a person's own Terraform makes it run programs on this machine, or is not known not to.

A list of what is harmless, not of what is harmful: Terraform knows more ways to run a program, and to send a file
away, than a list of ours would ever hold.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ecrwiz.model.errors import ToolFailedError
from ecrwiz.services.hcl.reading import MOST_BYTES, Block, bodies, dicts, parse, read
from ecrwiz.services.hcl.walking import MOST_FILES, NOT_ENTERED, terraform_files

__all__ = ["Program", "programs"]

_PLUGINS: Final = "terraform.d"
_KNOWN_PROVIDER: Final = re.compile(r"(?:registry\.terraform\.io/)?hashicorp/[a-z0-9-]+")
_LOCAL_MODULE: Final = re.compile(r"\.(?:/[A-Za-z0-9_.@+ -]+)+/?")
# `resource` of these makes its plan without a program and without asking anybody but AWS.
_RESOURCES: Final = re.compile(r"(?:aws|random|null|time|tls|local|dns|terraform)_[a-z0-9_]+\.[\w-]+")
_DATA: Final = re.compile(r"aws_[a-z0-9_]+\.[\w-]+")
_EPHEMERAL: Final = re.compile(r"(?:aws|random)_[a-z0-9_]+\.[\w-]+")
_HARMLESS: Final = ("variable", "output", "locals", "moved", "import")
_LOOKED_INTO: Final = ("terraform", "provider", "module", "resource", "data", "ephemeral", "check", "removed")
_PROVIDER_SETTINGS: Final = frozenset(
    (
        *("region", "alias", "version", "profile", "assume_role", "default_tags", "ignore_tags"),
        *("allowed_account_ids", "forbidden_account_ids", "max_retries", "retry_mode"),
    )
)
_TERRAFORM_SETTINGS: Final = frozenset(("required_version", "required_providers", "backend", "cloud", "experiments"))
_BACKEND_SETTINGS: Final[Mapping[str, frozenset[str]]] = {
    "local": frozenset(("path", "workspace_dir")),
    "s3": frozenset(
        (
            *("bucket", "key", "region", "profile", "encrypt", "kms_key_id", "dynamodb_table", "use_lockfile", "acl"),
            *("workspace_key_prefix", "allowed_account_ids", "forbidden_account_ids", "max_retries", "retry_mode"),
            *("assume_role", "role_arn"),
        )
    ),
}
# A plan can send what it reads: as the key of an object that is looked up in somebody else's bucket, say.
_READS: Final = re.compile(r"\b(?:file\w*|templatefile|pathexpand)\s*(?:\(\s*(?P<given>[^)\n]*)|/\*|//|#)")
_OWN_FILE: Final = re.compile(
    r'"\$\{path\.(?:module|root)\}/(?!(?:[^"]*/)?\.\.(?:/|"))[^"$%\\]+"\s*(?:,.*)?', re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Program:
    """A block that makes Terraform run a program on this machine, or something that may hold such a one.

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
    """Everything below a folder that makes Terraform run a program on this machine, or that may do so.

    Args:
        infra: the folder; it may be absent.
        ours: files with this very text are ecrwiz's own and are not looked into.
        theirs: as for `look`.
    """
    found: list[Program] = []
    if os.path.lexists(infra / _PLUGINS):
        found.append(_early(_PLUGINS, "a folder that Terraform takes providers from", "may run programs"))
    room = MOST_BYTES
    for number, path in enumerate(terraform_files(infra)):
        name = path.relative_to(infra).as_posix()
        if number >= MOST_FILES:
            found.append(_early(name, f"more than {MOST_FILES} files", "the rest is not looked into"))
            break
        if name.endswith(".tf.json"):
            found.append(_early(name, "JSON", "not looked into, may run programs"))
            continue
        try:
            text = read(path, infra, room)
            if name not in theirs and ours.get(name) == text:
                continue
            room -= len(text)
            tree = parse(text)
        except ToolFailedError as error:
            found.append(_early(name, error.message, "may run programs"))
            continue
        found += _late(name, tree)
        found += (_early(name, what, how) for what, how in _unknown(path.parent, tree, text))
    return tuple(found)


def _early(name: str, what: str, how: str) -> Program:
    return Program(Block(name, what), how, at_plan=True)


def _late(name: str, tree: Mapping[str, Any]) -> Iterator[Program]:
    """What runs when a plan is applied."""
    for kind, depth in (("resource", 2), ("removed", 0)):
        for label, body in bodies(tree, kind, depth) if depth else (("", body) for body in dicts(tree.get(kind))):
            for provisioner, _ in bodies(body, "provisioner", 1):
                yield Program(Block(name, f"{kind} {label}".rstrip()), f"provisioner {provisioner}", at_plan=False)


def _unknown(folder: Path, tree: Mapping[str, Any], text: str) -> Iterator[tuple[str, str]]:
    """What is not known to be harmless at a plan: the block, and why."""
    yield from ((f"{kind} block", "not looked into") for kind in tree if not _is_known(kind))
    for place in (tree, *(check for _, check in bodies(tree, "check", 1))):
        for label, _ in bodies(place, "data", 2):
            if not _DATA.fullmatch(label):
                yield f"data {_short(label)}", f"data {_short(label.partition('.')[0])}"
    for kind, known in (("resource", _RESOURCES), ("ephemeral", _EPHEMERAL)):
        for label, _ in bodies(tree, kind, 2):
            if not known.fullmatch(label) and not label.startswith("terraform_data."):
                yield f"{kind} {_short(label)}", "of a provider that is not looked into"
    yield from _modules(folder, tree)
    yield from _providers(tree)
    for block in dicts(tree.get("terraform")):
        yield from _terraform(block)
    if any(not _OWN_FILE.fullmatch((found["given"] or "").strip()) for found in _READS.finditer(text)):
        yield "a function that reads files", "reads a file that is not named outright below its own folder"


def _is_known(kind: str) -> bool:
    return kind in _HARMLESS or kind in _LOOKED_INTO or kind.startswith("__")


def _modules(folder: Path, tree: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Modules whose code was not walked, so that nobody has looked into it."""
    for label, body in bodies(tree, "module", 1):
        source = _word(body.get("source"))
        if not _LOCAL_MODULE.fullmatch(source) or not _is_walked(folder, source):
            yield f"module {_short(label)}", f"code from {source}, not looked into"


def _is_walked(folder: Path, source: str) -> bool:
    for part in source.split("/"):
        if part in ("", "."):
            continue
        folder /= part
        if part == ".." or part.lower() in NOT_ENTERED or folder.is_symlink():
            return False
    return folder.is_dir()


def _providers(tree: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for label, body in bodies(tree, "provider", 1):
        allowed = _PROVIDER_SETTINGS if label == "aws" else frozenset(("alias", "version"))
        for name in sorted(_names(body) - allowed):
            yield f"provider {_short(label)}", f"its setting {_short(name)} may run programs or send data elsewhere"


def _terraform(block: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from ((f"terraform {_short(name)}", "not looked into") for name in _names(block) - _TERRAFORM_SETTINGS)
    for needed in dicts(block.get("required_providers")):
        for label, body in needed.items():
            source = _word(body.get("source")) if isinstance(body, dict) else ""
            if source and not _KNOWN_PROVIDER.fullmatch(source):
                yield f"provider {_short(label)}", f"a program from {source}"
    for word, body in bodies(block, "backend", 1):
        allowed = _BACKEND_SETTINGS.get(word)
        if allowed is None:
            yield f"backend {_short(word)}", "not looked into, may run programs"
        for name in sorted(_names(body) - (allowed or _names(body))):
            yield f"backend {_short(word)}", f"its setting {_short(name)} may run programs or send data elsewhere"
    if "cloud" in block:
        yield "cloud", "the plan is made elsewhere"


def _names(body: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name.strip('"') for name in body if not name.startswith("__"))


def _word(value: object) -> str:
    """A quoted string's text, cut to what fits on a line."""
    return _short(str(value).strip('"'))


def _short(text: str) -> str:
    return text.strip('"')[:80]
