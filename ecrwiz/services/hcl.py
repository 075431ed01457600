"""Terraform files that were there before ecrwiz: what in them would clash with what it renders, or undo it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ecrwiz.model.errors import BadInputError, ToolFailedError

__all__ = ["check_for_clashes"]

_OURS_ALONE: Final = "modules/ci_user"
_LABELLED: Final = ("variable", "output", "module", "resource", "data", "provider")


def check_for_clashes(infra: Path, ours: Mapping[str, str], generated: Collection[str] = ()) -> None:
    """Look into the files of a folder that are not ecrwiz's own.

    A person may keep their own resources there. What may not be there is what Terraform allows only once, and
    what would change ecrwiz's own files from outside: override files, JSON syntax, values that win over its own.

    Args:
        infra: the folder that Terraform is rendered into.
        ours: the files that ecrwiz renders there, by path relative to it, with their text.
        generated: further files of ecrwiz's own.

    Raises:
        BadInputError: such a file is there.
        ToolFailedError: one of them cannot be read.
    """
    taken = {
        claim for path, text in ours.items() if path.endswith(".tf") and "/" not in path for claim in _claims(text)
    }
    for path in sorted((*infra.glob("*.tf*"), *infra.glob(f"{_OURS_ALONE}/*"))):
        name = path.relative_to(infra).as_posix()
        if name in ours or name in generated or not path.is_file():
            continue
        reason = _unwanted(name)
        if reason:
            raise BadInputError(f"infra/{name} {reason}.", "Move it out of infra/ and look at what it does.")
        if name.endswith(".tf"):
            _check(name, _read(path), taken)


def _unwanted(name: str) -> str:
    """Why a file may not be there whatever it holds; empty when it may."""
    if name.startswith(f"{_OURS_ALONE}/"):
        return "lies in the folder of ecrwiz's own module and would become a part of it"
    if name.endswith((".tf.json", ".tfvars.json")):
        return "is Terraform in JSON, which ecrwiz does not look into"
    if name == "override.tf" or name.endswith("_override.tf"):
        return "would override what ecrwiz's files say"
    if name.endswith(".auto.tfvars"):
        return "sets variables that would win over ecrwiz's own"
    return ""


def _check(name: str, text: str, taken: Collection[str]) -> None:
    try:
        claims = list(_claims(text))
    except ToolFailedError as error:
        raise ToolFailedError(f"infra/{name} was there already. {error.message}", "Mend it or move it away.") from error
    for claim in claims:
        if claim in taken:
            raise BadInputError(
                f"infra/{name} was there already and declares {claim}, which ecrwiz's files declare too: "
                "Terraform allows that only once.",
                "Move your own Terraform to another folder, or remove that block.",
            )


def _claims(text: str) -> Iterator[str]:
    """What a file declares that may be declared only once."""
    import hcl2
    from lark.exceptions import LarkError

    try:
        found: dict[str, Any] = hcl2.loads(text)
    except LarkError as error:
        raise ToolFailedError("It cannot be read as Terraform.") from error
    for block in found.get("terraform", []):
        yield from (words for key, words in (("backend", "a backend"), ("required_providers", "required_providers"))
                    if key in block)  # fmt: skip
    for kind in _LABELLED:
        for block in found.get(kind, []):
            yield from (f"{kind} {label}" for label in _labels(block, depth=2 if kind in ("resource", "data") else 1))


def _labels(block: Mapping[str, Any], depth: int) -> Iterator[str]:
    """A block's labels joined by a dot, without the quotes that some releases of the parser keep."""
    for name, body in block.items():
        label = name.strip('"')
        if label.startswith("__"):
            continue
        if depth == 1:
            yield label
        elif isinstance(body, dict):
            yield from (f"{label}.{rest}" for rest in _labels(body, depth - 1))


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (UnicodeDecodeError, OSError) as error:
        raise ToolFailedError(f"infra/{path.name} was there already and cannot be read.", "Move it away.") from error
