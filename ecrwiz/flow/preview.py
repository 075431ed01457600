"""What a run would do, found out without writing anything into the project or the account."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ecrwiz.flow import ci_role, infra, layout
from ecrwiz.flow.context import View
from ecrwiz.flow.events import Failure, StepId
from ecrwiz.flow.imports import refuse_replacement, write_imports
from ecrwiz.flow.new_key import keys_to_replace
from ecrwiz.flow.project import Project
from ecrwiz.flow.steps import render
from ecrwiz.flow.variable_files import see_to_values
from ecrwiz.model.app import Note
from ecrwiz.model.errors import BadInputError, EcrwizError
from ecrwiz.model.ports import OnLines, ignore
from ecrwiz.model.results import FileChange, Plan
from ecrwiz.services import files, hcl
from ecrwiz.services.aws import Identity
from ecrwiz.services.terraform import State, Terraform

__all__ = ["Preview", "preview"]

_MOST_FILES: Final = 2000  # of the person's own Terraform, with what it reads
_LARGEST: Final = 2_000_000  # bytes of one file
_MOST_BYTES: Final = 50_000_000  # of all together
_LEFT_OUT: Final = (".terraform", "terraform.d", ".git", "node_modules", "ecrwiz")


@dataclass(frozen=True, slots=True)
class Preview:
    """The files and the plan.

    Attributes:
        files: each rendered file against what is there.
        plan: Terraform's plan, or None when it could not be made.
        problem: why there is no plan.
        programs: blocks of the person's own Terraform that run programs on this machine, one line each.
        notes: what detection found that the person should know.
        existing: what Terraform of the person's own declares that has to do with ecrwiz's, one line each.
        clash: why a run would stop or ask because of it.
        beside: files and plan are shown as they would be in `infra/ecrwiz`, for ecrwiz's cannot lie in `infra/`.
    """

    files: tuple[FileChange, ...]
    plan: Plan | None
    problem: Failure | None = None
    programs: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    existing: tuple[str, ...] = ()
    clash: Failure | None = None
    beside: bool = False


async def preview(
    project: Project, on_lines: OnLines = ignore, *, imports: bool = False, run_programs: bool = False
) -> Preview:
    """Render in memory, and plan in a scratch folder against the project's real state, which is only read.

    Args:
        project: the project.
        on_lines: takes Terraform's lines.
        imports: plan as if resources that ecrwiz did not make were to be taken over.
        run_programs: plan though blocks of the person's own run programs for that.

    Raises:
        EcrwizError: the answers or the application cannot be used.
    """
    existing = await asyncio.to_thread(layout.look, project)
    clash = _clash(project, existing)
    if existing.found.stands_in_the_way:
        project = project.as_if({"infra_layout": "beside"})
        if layout.look(project).found.stands_in_the_way:
            raise existing.error()
    found, gone = await render.compare_all(project)
    changes = (*(change for _, change in found), *gone)
    programs = await asyncio.to_thread(layout.programs, project)
    lines = tuple(f"{project.paths.infra_folder}/{program}" for program in programs)
    told = Preview(
        changes, None, None, lines, project.need_app().notes, existing.lines, clash, existing.found.stands_in_the_way
    )
    try:
        if not run_programs:
            _refuse_programs(project, programs)
        with tempfile.TemporaryDirectory(prefix="ecrwiz-plan-") as scratch:
            folder = Path(scratch, "infra")
            await asyncio.to_thread(_lay_out, project, found, gone, folder)
            plan = await _plan(project, folder, Path(scratch, "work"), on_lines, imports=imports)
    except EcrwizError as error:
        return replace(told, problem=Failure(error.message, error.hint, error.exit_code))
    return replace(told, plan=plan)


def _clash(project: Project, existing: layout.Existing) -> Failure | None:
    """What a run would stop at or ask about; raises only what leaves nothing that could be shown."""
    blocked, chosen = existing.found.stands_in_the_way, project.answers.infra_layout
    if blocked and chosen == "infra":
        error = existing.same_error() if existing.same else existing.error()
    elif existing.same and not blocked:
        error = existing.same_error()
    else:
        layout.check(project, existing)
        return None
    return Failure(error.message, error.hint, error.exit_code)


def _refuse_programs(project: Project, programs: tuple[hcl.Program, ...]) -> None:
    """Looking must not run what came with a repository."""
    early = next((program for program in programs if program.at_plan), None)
    if early is not None:
        where = f"{project.paths.infra_folder}/{early}"
        raise BadInputError(
            f"Terraform may run a program for the plan alone, so no plan was made: {where}.",
            "Look at it; if you trust it: ecrwiz plan --run-programs. A run asks first, too.",
        )


def _lay_out(project: Project, found: tuple[render.Change, ...], gone: tuple[FileChange, ...], folder: Path) -> None:
    """The Terraform files as they would be: the person's own, and ours as they are written by default."""
    paths = project.paths
    _copy(paths.infra, folder)
    prefix = f"{paths.infra_folder}/"
    for orphan in gone:
        if orphan.kind == "removed" and orphan.path.startswith(prefix):
            (folder / orphan.path.removeprefix(prefix)).unlink(missing_ok=True)
    for file, change in found:
        if file.path.startswith(prefix):
            target = folder / file.path.removeprefix(prefix)
            stays = change.text is None and change.kind != "same"
            text = files.read_text(paths.root / file.path, inside=paths.base) if stays else change.text
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(file.text if text is None else text, "utf-8")


def _copy(source: Path, target: Path) -> None:
    """The person's own resources in `infra/`, with what they read, belong to the plan too."""
    target.mkdir(parents=True, exist_ok=True)
    room = _MOST_BYTES
    for number, path in enumerate(_ordinary_files(source)):
        room -= path.lstat().st_size
        if number >= _MOST_FILES or room < 0:
            return
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def _ordinary_files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _LEFT_OUT]
        for name in names:
            path = Path(parent, name)
            about = path.lstat()
            if ".tfstate" not in name and stat.S_ISREG(about.st_mode) and about.st_size <= _LARGEST:
                yield path


async def _plan(project: Project, folder: Path, work: Path, on_lines: OnLines, *, imports: bool) -> Plan:
    view = View(project, StepId.PROVISION)
    settings = project.tools.settings
    word, named = await asyncio.to_thread(hcl.backend, folder)
    if not word:  # the person's files declare none, which means this one
        (folder / "ecrwiz-backend.tf").write_text('terraform {\n  backend "local" {}\n}\n', "utf-8")
    own = project.paths.infra / (named or "terraform.tfstate")
    terraform = Terraform(
        folder,
        work,
        project.tools.environ,
        state=(settings.terraform_state or own) if word in ("", "local") else None,
        data=work / "data",
        mirror=settings.terraform_mirror,
        on_lines=on_lines,
    )
    who = await project.tools.aws(project.answers.region).identity()
    await terraform.init()
    state = await terraform.state()
    infra.check_state(project.answers, state, who.account)
    if project.answers.has_role:
        await ci_role.write_for_plan(view, folder)
    see_to_values(project.answers, folder, folder)
    taken = await _taken(view, imports=imports)
    if taken:
        write_imports(folder, taken, folder)
    replace = await keys_to_replace(view, state, who.account, project.journal.get(StepId.PROVISION))
    _tell_arn(project, folder, state, who)
    plan = await terraform.plan(work / "plan", replace=replace or (), lock=False)
    refuse_replacement(plan, taken)
    return await terraform.look_into(work / "plan", plan)


def _tell_arn(project: Project, folder: Path, state: State, who: Identity) -> None:
    """Let the CI identity's policy be known before the repository exists, whose ARN is certain from its name.

    Only in the scratch folder, and only while neither is there: else the plan would differ from a run's.
    """
    if infra.REPOSITORY in state.resources or any(address.startswith("module.ci_") for address in state.resources):
        return
    answers, partition = project.answers, who.arn.split(":")[1]
    arn = f"arn:{partition}:ecr:{answers.region}:{who.account}:repository/{answers.repository_name}"
    for main in (folder / "main.tf", folder / "ecrwiz.tf"):
        if main.is_file():
            text = main.read_text("utf-8")
            main.write_text(re.sub(rf"\b{re.escape(infra.REPOSITORY)}\.arn\b", json.dumps(arn), text), "utf-8")


async def _taken(view: View, *, imports: bool) -> tuple[infra.Resource, ...]:
    """Resources that ecrwiz did not make and that would be taken over.

    Raises:
        EcrwizError: there are some, and nobody has said so.
    """
    foreign = tuple(found for found in await infra.existing(view) if not found.ours)
    if foreign and not imports:
        raise EcrwizError(
            infra.not_ours(foreign[0], view.answers),
            "A run asks whether Terraform shall take it over; see what that means with: ecrwiz plan --import",
        )
    return foreign
