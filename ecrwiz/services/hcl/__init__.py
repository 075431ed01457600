"""Terraform files that were there before ecrwiz: what they declare, what would clash, what runs programs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from ecrwiz.model.errors import BadInputError, ToolFailedError
from ecrwiz.services.hcl.programs import Program, programs
from ecrwiz.services.hcl.reading import LARGEST, MOST_BYTES, Block, bodies, dicts, parse, read
from ecrwiz.services.hcl.walking import terraform_files

__all__ = [
    "SAME_FILE",
    "Block",
    "Found",
    "Program",
    "backend",
    "check_for_clashes",
    "is_foreign",
    "look",
    "programs",
    "same_names",
]

SAME_FILE: Final = "a file of that name is rendered by ecrwiz too"
"""What is said of a clash that is no block but a whole file."""

_LABELLED: Final = ("variable", "output", "module", "resource", "data", "provider")
_TOLD: Final = ("provider ", "backend ", "required_providers", "module ", "resource aws_ecr_", "resource aws_iam_user.")


@dataclass(frozen=True, slots=True)
class Found:
    """What a folder holds beside ecrwiz's own files.

    Attributes:
        blocks: those that a person wants to know of before ecrwiz comes in: providers, backends, modules,
            repositories, users.
        clashes: those that ecrwiz's files declare too; Terraform allows each only once.
        refused: files that may not lie beside ecrwiz's whatever they hold, with the reason.
        aws_provider: there is an aws provider without an alias.
        backend: the word of the declared backend, such as `s3`; empty when none is declared.
    """

    blocks: tuple[Block, ...] = ()
    clashes: tuple[Block, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    aws_provider: bool = False
    backend: str = ""

    @property
    def stands_in_the_way(self) -> bool:
        """Whether ecrwiz's files cannot lie in that folder too."""
        return bool(self.clashes or self.refused)


def look(
    infra: Path, ours: Mapping[str, str], *, generated: Collection[str] = (), theirs: Collection[str] = ()
) -> Found:
    """Read the files of a folder that are not ecrwiz's own.

    A person may keep their own resources there. What may not be there is what Terraform allows only once, and
    what would change ecrwiz's own files from outside: override files, JSON syntax, values that win over its own.

    Args:
        infra: the folder that Terraform is rendered into; it may be absent.
        ours: the files that ecrwiz renders there, by path relative to it, with their text.
        generated: further files of ecrwiz's own.
        theirs: files of `ours` whose name is taken by a file of the person's.
    """
    taken = {
        claim for path, text in ours.items() if path.endswith(".tf") and "/" not in path for claim in _claims(text)
    }
    blocks: list[Block] = []
    clashes: list[Block] = [Block(name, SAME_FILE) for name in sorted(theirs)]
    refused: list[tuple[str, str]] = []
    parsed: list[dict[str, Any]] = []
    room = MOST_BYTES
    modules = {str(PurePosixPath(path).parent) for path in ours if "/" in path}
    inside = (path for module in modules for path in infra.glob(f"{module}/*") if not _is_copy(path.name))
    for path in sorted((*infra.glob("*.tf*"), *inside)):
        name = path.relative_to(infra).as_posix()
        if name in generated or (name in ours and name not in theirs) or not path.is_file():
            continue
        reason = "" if name in theirs else _unwanted(name)
        if not reason and name.endswith(".tf"):
            try:
                text = read(path, infra, room)
                room -= len(text)
                tree = parse(text)
            except ToolFailedError as error:
                reason = f"was there already and {error.message}"
            else:
                parsed.append(tree)
                found = [Block(name, claim) for claim in _claims_of(tree)]
                blocks += [block for block in found if block.what.startswith(_TOLD)]
                clashes += [block for block in found if _unique(block.what) in taken and name not in theirs]
        refused += [(name, reason)] if reason else []
    return Found(tuple(blocks), tuple(clashes), tuple(refused), _has_aws(parsed), _backend(parsed))


def check_for_clashes(
    infra: Path, ours: Mapping[str, str], generated: Collection[str] = (), *, label: str = "infra"
) -> Found:
    """The same, and refuse what ecrwiz's files cannot lie beside.

    Args:
        infra: the folder that Terraform is rendered into.
        ours: the files that ecrwiz renders there, by path relative to it, with their text.
        generated: further files of ecrwiz's own.
        label: the folder's name for the person.

    Raises:
        BadInputError: such a file is there.
    """
    found = look(infra, ours, generated=generated)
    for name, reason in found.refused:
        raise BadInputError(f"{label}/{name} {reason}.", f"Move it out of {label}/ and look at what it does.")
    for block in found.clashes:
        raise BadInputError(
            f"{label}/{block.file} was there already and declares {block.what}, which ecrwiz's files declare too: "
            "Terraform allows that only once.",
            "Move your own Terraform to another folder, or remove that block.",
        )
    return found


def same_names(folder: Path, wanted: Mapping[str, str]) -> tuple[Block, ...]:
    """Resources of the person's own that bear the very name of one of ecrwiz's in AWS.

    Only names that are written out are seen; one that is put together of variables is found at the plan.

    Args:
        folder: all of its files are read, those of modules below it too.
        wanted: the names of ecrwiz's resources, by type, such as `aws_ecr_repository`.
    """
    found: list[Block] = []
    room = MOST_BYTES
    for path in terraform_files(folder):
        try:
            text = read(path, folder, room)
            room -= len(text)
            if path.suffix != ".tf" or not any(name.lower() in text.lower() for name in wanted.values()):
                continue
            resources = list(bodies(parse(text), "resource", 2))
        except ToolFailedError:
            continue
        for label, body in resources:
            name = wanted.get(label.partition(".")[0])
            if name and str(body.get("name", "")).strip('"').lower() == name.lower():  # IAM takes case for nothing
                found.append(Block(path.relative_to(folder).as_posix(), f"resource {label}"))
    return tuple(found)


def backend(folder: Path) -> tuple[str, str]:
    """Where a folder's files say that the state is kept.

    Returns:
        The declared backend's word, such as `s3` or `local`, empty when none is declared or the files cannot be
        read; and for `local` the path that is named, or an empty one.
    """
    for path in sorted(folder.glob("*.tf")):
        try:
            text = read(path, folder, MOST_BYTES)
            if "backend" not in text and "cloud" not in text:
                continue
            for block in dicts(parse(text).get("terraform")):
                for word, body in bodies(block, "backend", 1):
                    return word, str(body.get("path", "")).strip('"')
                if "cloud" in block:
                    return "cloud", ""
        except ToolFailedError:
            continue
    return "", ""


def is_foreign(text: str, ours: str) -> bool:
    """Whether a file with the name of one of ecrwiz's is none that an ecrwiz of any version has rendered.

    Args:
        text: what is there.
        ours: what ecrwiz renders under that name.
    """
    if text == ours or "ecrwiz" in text:
        return False
    if len(text) > LARGEST:
        return True
    try:
        return not set(_claims(text)) <= set(_claims(ours)) or not any(_claims(ours))
    except ToolFailedError:
        return True


def _is_copy(name: str) -> bool:
    """Whether it is what ecrwiz keeps of a file that it replaces; Terraform takes no notice of it."""
    return ".ecrwiz-backup" in name and not name.endswith((".tf", ".json"))


def _unwanted(name: str) -> str:
    """Why a file may not be there whatever it holds; empty when it may."""
    if "/" in name:
        return "lies in the folder of ecrwiz's own module and would become a part of it"
    if name.endswith((".tf.json", ".tfvars.json")):
        return "is Terraform in JSON, which ecrwiz does not look into"
    if name == "override.tf" or name.endswith("_override.tf"):
        return "would override what ecrwiz's files say"
    if name.endswith(".auto.tfvars"):
        return "sets variables that would win over ecrwiz's own"
    return ""


def _unique(what: str) -> str:
    """The form in which a claim is compared: one backend is as good as another."""
    return "a backend" if what.startswith("backend ") or what == "cloud" else what


def _claims(text: str) -> Iterator[str]:
    """What a file declares that may be declared only once, in the form in which it is compared."""
    yield from (_unique(claim) for claim in _claims_of(parse(text)))


def _claims_of(tree: Mapping[str, Any]) -> Iterator[str]:
    for block in dicts(tree.get("terraform")):
        yield from (f"backend {label}" for label, _ in bodies(block, "backend", 1))
        yield from (word for word in ("cloud", "required_providers") if word in block)
    for kind in _LABELLED:
        depth = 2 if kind in ("resource", "data") else 1
        yield from (f"{kind} {label}" for label, _ in bodies(tree, kind, depth))


def _has_aws(trees: Collection[Mapping[str, Any]]) -> bool:
    providers = [found for tree in trees for found in bodies(tree, "provider", 1)]
    return any(label == "aws" and "alias" not in body for label, body in providers)


def _backend(trees: Collection[Mapping[str, Any]]) -> str:
    claims = [claim for tree in trees for claim in _claims_of(tree)]
    found = [claim.removeprefix("backend ") for claim in claims if _unique(claim) == "a backend"]
    return found[0] if found else ""
