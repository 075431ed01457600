"""Resources that ecrwiz did not make and that come under its Terraform: what that means, and the blocks that do it."""

from __future__ import annotations

import json
from pathlib import Path

from ecrwiz.flow.infra import REPOSITORY, Resource
from ecrwiz.flow.layout import IMPORT_FILE
from ecrwiz.model.answers import Answers
from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.results import Plan
from ecrwiz.services import files

__all__ = ["forget_imports", "refuse_replacement", "what_import_means", "write_imports"]


def write_imports(folder: Path, resources: tuple[Resource, ...], inside: Path) -> None:
    """Write the blocks by which Terraform's next plan takes resources over."""
    text = "# Written by ecrwiz for one run, which removes it: Terraform takes over what exists already.\n"
    for resource in resources:
        text += f"\nimport {{\n  to = {resource.address}\n  id = {json.dumps(resource.name)}\n}}\n"
    files.write_atomic(folder / IMPORT_FILE, text, inside=inside)


def forget_imports(folder: Path) -> None:
    """Remove the blocks: they are of use once, and one that a killed run left would be a riddle."""
    (folder / IMPORT_FILE).unlink(missing_ok=True)


def what_import_means(foreign: tuple[Resource, ...], answers: Answers) -> tuple[str, ...]:
    """What a person must know before Terraform takes over what it did not make."""
    lines = []
    for resource in foreign:
        lines.append(f"Terraform will manage the {resource.kind} {resource.name} from then on:")
        lines.append("its tags and settings become what the rendered files say (the plan shows them),")
        if resource.address == REPOSITORY and (answers.untagged_days or answers.keep_images):
            kept = f"untagged images go after {answers.untagged_days} days" if answers.untagged_days else ""
            newest = f"only the {answers.keep_images} newest tagged ones stay" if answers.keep_images else ""
            lines.append(f"ECR then removes images by the lifecycle rules: {', '.join(filter(None, (kept, newest)))},")
        lines.append("and `ecrwiz destroy` would delete it with all that is in it.")
    return tuple(lines)


def refuse_replacement(plan: Plan, taken: tuple[Resource, ...]) -> None:
    """A resource that is taken over must not be made anew instead.

    Raises:
        EcrwizError: the plan would replace or delete it.
    """
    lost = {change.address for change in plan.changes if change.action in ("replace", "delete")}
    for resource in taken:
        if resource.address in lost:
            raise EcrwizError(
                f"Terraform would delete the {resource.kind} {resource.name} and make it anew, because a setting that "
                "cannot be changed in place (such as its encryption) differs. Nothing was changed.",
                "Give its own encryption key with --set kms_key=..., or take another project_id or app.",
            )
