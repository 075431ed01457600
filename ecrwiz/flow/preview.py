"""What a run would do, found out without writing anything into the project or the account."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ecrwiz.flow import infra
from ecrwiz.flow.context import View
from ecrwiz.flow.events import Failure, StepId
from ecrwiz.flow.project import Project
from ecrwiz.flow.steps import render
from ecrwiz.flow.steps.provision import keys_to_replace
from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.ports import OnLines, ignore
from ecrwiz.model.results import FileChange, Plan
from ecrwiz.services.terraform import Terraform

__all__ = ["Preview", "preview"]


@dataclass(frozen=True, slots=True)
class Preview:
    """The files and the plan.

    Attributes:
        files: each rendered file against what is there.
        plan: Terraform's plan, or None when it could not be made.
        problem: why there is no plan.
    """

    files: tuple[FileChange, ...]
    plan: Plan | None
    problem: Failure | None = None


async def preview(project: Project, on_lines: OnLines = ignore) -> Preview:
    """Render in memory, and plan in a scratch folder against the project's real state, which is only read.

    Raises:
        EcrwizError: the answers or the application cannot be used.
    """
    found = await asyncio.to_thread(render.changes, project)
    changes = tuple(change for _, change in found)
    try:
        with tempfile.TemporaryDirectory(prefix="ecrwiz-plan-") as scratch:
            folder_of_infra = Path(scratch, "infra")
            _copy(project.paths.infra, folder_of_infra)
            for file, change in found:
                folder, _, name = file.path.partition("/")
                if folder == "infra":
                    target = folder_of_infra / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    mine = project.paths.root / file.path
                    # A file that differs is kept as the person has it unless they agree to replace it.
                    target.write_text(mine.read_text("utf-8") if change.kind == "changed" else file.text, "utf-8")
            plan = await _plan(project, folder_of_infra, Path(scratch, "work"), on_lines)
    except EcrwizError as error:
        return Preview(changes, None, Failure(error.message, error.hint, error.exit_code))
    return Preview(changes, plan)


def _copy(source: Path, target: Path) -> None:
    """The person's own resources in `infra/` belong to the plan too."""
    for path in (*source.glob("*.tf"), *source.glob("*.tfvars"), *source.glob(".terraform.lock.hcl")):
        if path.is_file():
            target.mkdir(parents=True, exist_ok=True)
            (target / path.name).write_text(path.read_text("utf-8"), "utf-8")


async def _plan(project: Project, infra_folder: Path, work: Path, on_lines: OnLines) -> Plan:
    view = View(project, StepId.PROVISION)
    settings = project.tools.settings
    terraform = Terraform(
        infra_folder,
        work,
        project.tools.environ,
        state=settings.terraform_state or project.paths.infra / "terraform.tfstate",
        data=work / "data",
        mirror=settings.terraform_mirror,
        on_lines=on_lines,
    )
    who = await project.tools.aws(project.answers.region).identity()
    await terraform.init()
    state = await terraform.state()
    infra.check_state(project.answers, state, who.account)
    infra.see_to_public_key(infra_folder)
    replace = await keys_to_replace(view, state, who.account, project.journal.get(StepId.PROVISION))
    return await terraform.plan(work / "plan", replace=replace or (), lock=False)
