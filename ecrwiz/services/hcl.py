"""Terraform files that were there before ecrwiz: what in them would clash with what it renders."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from ecrwiz.model.errors import BadInputError, ToolFailedError

__all__ = ["check_for_clashes"]


def check_for_clashes(infra: Path, ours: Collection[str]) -> None:
    """Look into the .tf files of a folder that are not ecrwiz's own.

    Args:
        infra: the folder that Terraform is rendered into.
        ours: names of the files that ecrwiz writes there itself.

    Raises:
        BadInputError: one of them configures the AWS provider or a backend, which may be done only once.
        ToolFailedError: one of them cannot be read.
    """
    for path in sorted(infra.glob("*.tf")):
        if path.name in ours:
            continue
        for what in _claims(path):
            raise BadInputError(
                f"infra/{path.name} was there already and declares {what}, which ecrwiz's files declare too: "
                "Terraform allows that only once.",
                "Move your own Terraform to another folder, or remove that block.",
            )


def _claims(path: Path) -> list[str]:
    import hcl2
    from lark.exceptions import LarkError

    try:
        found: dict[str, Any] = hcl2.loads(path.read_text("utf-8"))
    except (LarkError, UnicodeDecodeError, OSError) as error:
        raise ToolFailedError(
            f"infra/{path.name} was there already and cannot be read as Terraform.", "Mend it or move it away."
        ) from error
    claims = ["the provider aws" for block in found.get("provider", []) if "aws" in _labels(block)]
    claims += ["a backend" for block in found.get("terraform", []) if "backend" in block]
    for block in found.get("resource", []):
        if "main" in _labels(_labels(block).get("aws_ecr_repository", {})):
            claims.append("aws_ecr_repository.main")
    return claims


def _labels(block: dict[str, Any]) -> dict[str, Any]:
    """A block's bodies by label, without the quotes that some releases of the parser keep."""
    return {name.strip('"'): body for name, body in block.items()}
