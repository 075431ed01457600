"""Where the rendered Terraform lies when `infra/` holds Terraform of the person's own: beside it, or among it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ecrwiz.flow import three_way
from ecrwiz.flow.context import Context
from ecrwiz.flow.events import Question
from ecrwiz.flow.project import Project
from ecrwiz.model.answers import Answers
from ecrwiz.model.errors import BadInputError, EcrwizError
from ecrwiz.model.paths import INFRA_FOLDERS
from ecrwiz.services import files, hcl
from ecrwiz.services.templates import terraform

__all__ = ["GENERATED", "IMPORT_FILE", "KEY_FILE", "TRUST_FILE", "Existing", "look", "our_files", "programs", "settle"]

KEY_FILE = "ci_user_key.auto.tfvars"
TRUST_FILE = "ci-role.auto.tfvars.json"
IMPORT_FILE = "ecrwiz-import.tf"
GENERATED = frozenset({KEY_FILE, TRUST_FILE, IMPORT_FILE})

_STOP = ("stop", "Stop, and look at it first")
_ROOT = INFRA_FOLDERS["infra"]
_KINDS = {"aws_ecr_repository": "repository", "aws_iam_user": "user", "aws_iam_role": "role"}


@dataclass(frozen=True, slots=True)
class Existing:
    """What is there already, and what can be done about it.

    Attributes:
        folder: the folder's name for the person.
        found: what it holds.
        can_reuse: ecrwiz's resources could use the provider and the backend that are there.
        same: blocks of the person's own that make what ecrwiz makes, a repository, user or role of the very name.
    """

    folder: str
    found: hcl.Found
    can_reuse: bool = False
    same: tuple[hcl.Block, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """File by file, what is in the way, and what else a person wants to know of."""
        found = self.found
        same = tuple(f"{_ROOT}/{block} declares the same {_KINDS[_type(block)]}" for block in self.same)
        clashes = tuple(f"{self.folder}/{block}{_too(block)}" for block in found.clashes)
        refused = tuple(f"{self.folder}/{name} {reason}" for name, reason in found.refused)
        others = tuple(f"{self.folder}/{block}" for block in found.blocks if block not in found.clashes)
        return (*same, *clashes, *refused, *others)

    def same_error(self) -> BadInputError:
        """What is said of the first of `same`."""
        block = self.same[0]
        return BadInputError(
            f"{_ROOT}/{block} declares the same {_KINDS[_type(block)]} that ecrwiz is to make. "
            "Of two that declare it, each would undo what the other does, and `destroy` would delete it.",
            "Remove that block from your files, or choose another project_id, app or env.",
        )

    def error(self) -> BadInputError:
        """What is said when nobody can be asked."""
        found = self.found
        cause = f"{self.folder}/{found.clashes[0]}" if found.clashes else " ".join((self.folder, *found.refused[0]))
        more = len(found.clashes) + len(found.refused) - 1
        rest = f" and {more} more" if more else ""
        hint = "To have ecrwiz's Terraform beside it in infra/ecrwiz: --set infra_layout=beside."
        if self.can_reuse:
            hint += " To have it among yours, with your provider and backend: --set infra_layout=reuse."
        return BadInputError(
            f"{self.folder}/ was there already, and ecrwiz's Terraform clashes with it: {cause}{rest}. "
            "Nothing was written there.",
            hint,
        )


def _too(block: hcl.Block) -> str:
    return "" if block.what == hcl.SAME_FILE else ": ecrwiz's files declare it too"


def _type(block: hcl.Block) -> str:
    return block.what.removeprefix("resource ").partition(".")[0]


def our_files(answers: Answers) -> dict[str, str]:
    """The Terraform files as they are rendered, by path relative to their folder."""
    folder = f"{INFRA_FOLDERS[answers.infra_layout]}/"
    return {file.path.removeprefix(folder): file.text for file in terraform.infra_files(answers)}


def look(project: Project) -> Existing:
    """Read what stands in the folder that the answers name.

    Raises:
        EcrwizError: the answers cannot be used.
    """
    answers = project.answers
    existing = _existing(project, answers)
    if not existing.found.stands_in_the_way or answers.infra_layout != "infra":
        return existing
    reused = _existing(project, answers.model_copy(update={"infra_layout": "reuse"})).found
    return replace(existing, can_reuse=reused.aws_provider and not reused.stands_in_the_way)


def _existing(project: Project, answers: Answers) -> Existing:
    ours = our_files(answers)
    paths = project.paths
    found = hcl.look(paths.infra, ours, generated=GENERATED, theirs=_theirs(project, ours))
    # Beside it or among it, theirs is read: it is the account that holds each name only once.
    wanted = {"aws_ecr_repository": answers.repository_name}
    wanted |= {"aws_iam_user": answers.ci_user_name} if answers.has_key else {}
    wanted |= {"aws_iam_role": answers.ci_role_name} if answers.has_role else {}
    same = hcl.same_names(paths.root / _ROOT, wanted)
    return Existing(paths.infra_folder, found, same=same)


def _theirs(project: Project, ours: Mapping[str, str]) -> frozenset[str]:
    """Files with the name of one of ours that no ecrwiz has rendered."""
    paths = project.paths
    found = set()
    for name, text in ours.items():
        path = f"{paths.infra_folder}/{name}"
        if three_way.read_last(paths, path) is None:
            there = files.read_text(paths.root / path, inside=paths.base)
            if there is not None and hcl.is_foreign(there, text):
                found.add(name)
    return frozenset(found)


def programs(project: Project) -> tuple[hcl.Program, ...]:
    """Blocks of the person's own Terraform that run programs on this machine."""
    ours = our_files(project.answers)
    return hcl.programs(project.paths.infra, ours)


async def settle(context: Context) -> None:
    """See to it that ecrwiz's files can lie where the answers say, asking the person when they cannot.

    Raises:
        EcrwizError: they cannot, and nobody answered; or the person stopped.
    """
    existing = look(context.project)
    check(context.project, existing)
    if not existing.found.stands_in_the_way:
        return
    choices = [("beside", "Beside it, in infra/ecrwiz")]
    choices += [("reuse", "Among it, with your provider and backend")] if existing.can_reuse else []
    reply = await context.ask(
        Question(
            context.step,
            "choice",
            f"{existing.folder}/ holds Terraform of yours that ecrwiz's would clash with. Where shall ecrwiz's go?",
            existing.lines,
            choices=(*choices, _STOP),
        )
    )
    if reply not in {word for word, _ in choices}:
        raise (
            existing.error()
            if reply is None
            else EcrwizError("You stopped, so nothing was written.", "Look at infra/, and run render again.")
        )
    context.project.answer({"infra_layout": str(reply)})
    context.project.save_answers()
    context.say(f"infra_layout = {reply}, kept in {context.paths.answers_file.name}.")


def check(project: Project, existing: Existing | None = None) -> None:
    """Refuse a layout that asks for what is not there, and one that has no way round.

    Raises:
        BadInputError: `reuse` without an aws provider, a clash in the folder that was chosen for this, or a
            repository, user or role of the very name that is declared already.
    """
    existing = existing or look(project)
    layout = project.answers.infra_layout
    if existing.same:
        raise existing.same_error()
    if layout == "reuse" and not existing.found.aws_provider:
        raise BadInputError(
            "infra_layout is reuse, and infra/ declares no aws provider that could be used.",
            'Add a `provider "aws"` block of your own there, or take --set infra_layout=beside.',
        )
    if layout != "infra" and existing.found.stands_in_the_way:
        line = existing.lines[0]
        apart = ", or take infra_layout = beside" if layout == "reuse" else ""
        raise BadInputError(f"{line}.", f"Move it out of {existing.folder}/, or rename that block{apart}.")
