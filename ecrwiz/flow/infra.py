"""What provisioning and destroying share: whose the resources are, and what the account has beside the state."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ecrwiz.flow import layout, three_way
from ecrwiz.flow.context import Context, View
from ecrwiz.flow.layout import IMPORT_FILE, KEY_FILE
from ecrwiz.model.answers import Answers
from ecrwiz.model.errors import BadInputError, EcrwizError, NeedMissingError, ToolFailedError
from ecrwiz.model.paths import INFRA_FOLDERS
from ecrwiz.model.results import Plan
from ecrwiz.services import files, git, hcl, openpgp
from ecrwiz.services.aws import Identity
from ecrwiz.services.terraform import State, Terraform, read_state

__all__ = [
    "ACCESS_KEY",
    "IMPORT_FILE",
    "KEY_FILE",
    "REPOSITORY",
    "TARGETS",
    "USER",
    "Resource",
    "adopt",
    "check_files",
    "check_layout",
    "check_owners",
    "check_providers",
    "check_state",
    "existing",
    "forget_imports",
    "identity",
    "is_ours",
    "not_ours",
    "refuse_replacement",
    "see_to_public_key",
    "what_import_means",
    "write_imports",
    "write_public_key",
]

REPOSITORY: Final = "aws_ecr_repository.main"
USER: Final = "module.ci_user.aws_iam_user.this"
ACCESS_KEY: Final = "module.ci_user.aws_iam_access_key.this"
TARGETS: Final = (REPOSITORY, "aws_ecr_lifecycle_policy.main", "module.ci_user")


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource that is in the account already.

    Attributes:
        kind: in words.
        name: in AWS.
        address: in Terraform.
        ours: it bears ecrwiz's tags for this project and environment.
    """

    kind: str
    name: str
    address: str
    ours: bool


def is_ours(address: str) -> bool:
    """Whether a resource is one that ecrwiz's own files declare; a person may add theirs to `infra/`."""
    return address in TARGETS or address.startswith("module.ci_user.")


def check_files(view: View) -> hcl.Found:
    """Refuse an `infra/` whose files would do something else than what is shown.

    Raises:
        EcrwizError: the files are missing, clash with ecrwiz's own, override them, or hold conflict markers.
    """
    paths, ours = view.paths, layout.our_files(view.answers)
    missing = [name for name in ours if not (paths.infra / name).is_file()]
    if missing:
        raise NeedMissingError(
            f"{paths.infra_folder}/ lacks {', '.join(missing)}.", "Write the Terraform files with: ecrwiz run render"
        )
    three_way.refuse_markers(paths, tuple(f"{paths.infra_folder}/{name}" for name in ours))
    found = hcl.check_for_clashes(paths.infra, ours, generated=layout.GENERATED, label=paths.infra_folder)
    _check_backend(view, found)
    return found


def check_layout(view: View) -> None:
    """Refuse a change of `infra_layout` while the state in the other folder still holds what was made.

    Raises:
        BadInputError: two states would hold the same resources.
    """
    for there, folder in INFRA_FOLDERS.items():
        if folder == view.paths.infra_folder or view.paths.terraform_state is not None:
            continue
        text = files.read_text(view.paths.root / folder / "terraform.tfstate", inside=view.paths.base) or "{}"
        try:
            held = read_state(text).resources.get(REPOSITORY, {})
        except ToolFailedError:
            continue  # no state that Terraform could read either
        if held.get("name") == view.answers.repository_name:
            raise BadInputError(
                f"{folder}/terraform.tfstate holds this project's repository, and with infra_layout = "
                f"{view.answers.infra_layout} a second state would hold it too: nothing was changed.",
                f"Go back with --set infra_layout={there}; to move, run `ecrwiz destroy` with that first.",
            )


async def check_providers(view: View) -> None:
    """Refuse providers that came with the repository: Terraform takes what lies there for installed, and runs it.

    Raises:
        BadInputError: git tracks something in Terraform's own folder.
        ToolFailedError: git refuses to work there.
    """
    paths = view.paths
    if await git.is_tracked(paths.infra, ".terraform"):
        name = f"{paths.infra_folder}/.terraform"
        raise BadInputError(
            f"{name} came with the Git repository, and the programs in it would be run with your AWS credentials.",
            f"Take it out with `git rm -r --cached {name}` and remove the folder; Terraform makes it anew.",
        )


def _check_backend(view: View, found: hcl.Found) -> None:
    """With `reuse` the state lies where the person's own backend says; a sandbox must not write there."""
    if view.answers.infra_layout == "reuse" and view.paths.terraform_state and found.backend != "local":
        where = f"backend {found.backend}" if found.backend else "no declared backend"
        raise BadInputError(
            f"infra_layout is reuse and infra/ keeps its state in {where}, so it cannot be kept apart here "
            "(a sandbox, or ECRWIZ_TERRAFORM_STATE).",
            'Take --set infra_layout=beside, or declare `backend "local" {}` there.',
        )


async def identity(context: Context) -> Identity:
    """Who we are, said aloud: a wrong account is the costliest mistake here."""
    context.command("aws", "sts", "get-caller-identity")
    who = await context.tools.aws(context.answers.region).identity()
    context.say(f"AWS account {who.account} as {who.arn}, region {context.answers.region}.")
    if who.is_root:
        context.say("Warning: these are the root user's credentials; an IAM identity is safer for daily work.")
    return who


def check_state(answers: Answers, state: State, account: str) -> None:
    """Compare what Terraform knows with the answers and the account; nothing may be touched when they differ.

    Raises:
        BadInputError: the state belongs to another account, region, project or environment.
    """
    held = {
        "account": (state.outputs.get("account"), account),
        "region": (state.outputs.get("aws_region"), answers.region),
        "repository": (_attribute(state, REPOSITORY, "name"), answers.repository_name),
        "user": (_attribute(state, USER, "name"), answers.ci_user_name),
    }
    for what, (there, wanted) in held.items():
        if there and there != wanted:
            raise BadInputError(
                f"This folder's Terraform state holds the {what} {there}, and this run is for {wanted}: "
                "nothing was changed.",
                "Go back to the earlier answers or AWS profile; to move, run `ecrwiz destroy` with those first.",
            )


def _attribute(state: State, address: str, name: str) -> str:
    attributes: Mapping[str, object] = state.resources.get(address, {})
    return str(attributes.get(name) or "")


async def existing(view: View) -> tuple[Resource, ...]:
    """The repository and the user as far as they exist in the account.

    Raises:
        EcrwizError: AWS cannot be asked.
    """
    answers = view.answers
    found: list[Resource] = []
    repository = await view.tools.ecr(answers.region).repository(answers.repository_name)
    if repository is not None:
        ours = _bears_our_tags(repository.tags, answers)
        found.append(Resource("repository", answers.repository_name, REPOSITORY, ours))
    user = await view.tools.iam(answers.region).user_tags(answers.ci_user_name)
    if user is not None:
        found.append(Resource("IAM user", answers.ci_user_name, USER, _bears_our_tags(user, answers)))
    return tuple(found)


async def check_owners(view: View) -> tuple[bool, bool]:
    """Whether the repository and the user exist in the account; both must bear ecrwiz's tags for this project.

    Raises:
        EcrwizError: one of them exists and is not ecrwiz's for this project and environment.
    """
    found = await existing(view)
    foreign = [resource for resource in found if not resource.ours]
    if foreign:
        raise EcrwizError(not_ours(foreign[0], view.answers), "Take another project_id or app.")
    addresses = [resource.address for resource in found]
    return REPOSITORY in addresses, USER in addresses


def _bears_our_tags(tags: Mapping[str, str], answers: Answers) -> bool:
    return all(tags.get(key) == value for key, value in _tags(answers).items())


def _tags(answers: Answers) -> dict[str, str]:
    return {"managed-by": "ecrwiz", "project": answers.project_id, "env": answers.env}


def not_ours(resource: Resource, answers: Answers) -> str:
    """The sentence about a resource that ecrwiz did not make."""
    words = ", ".join(f"{key}={value}" for key, value in _tags(answers).items())
    return (
        f"The {resource.kind} {resource.name} exists in this account and was not made by ecrwiz for this project and "
        f"environment: it lacks the tags {words}."
    )


async def adopt(context: Context, terraform: Terraform, state: State) -> State:
    """Take over what an interrupted run, or another copy of the state, left in the account.

    Only what bears ecrwiz's tags; the rest is not touched here.

    Raises:
        EcrwizError: AWS or Terraform refused.
    """
    missing = [found for found in await existing(context) if found.ours and found.address not in state.resources]
    for resource in missing:
        await terraform.adopt(resource.address, resource.name)
    return await terraform.state() if missing else state


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


def see_to_public_key(infra: Path, inside: Path) -> None:
    """Terraform wants a public key even to import or destroy; any will do then."""
    path = infra / KEY_FILE
    if not path.is_file():
        write_public_key(path, openpgp.generate("ecrwiz").public, inside)


def write_public_key(path: Path, public: str, inside: Path) -> None:
    """Write the public half where Terraform finds it; it is no secret."""
    text = (
        "# Made by ecrwiz: the PUBLIC half of a throwaway OpenPGP key. The CI user's secret key is encrypted\n"
        "# to it before it reaches the state. It matters only when the access key is made.\n"
        f"ci_user_pgp_key = {json.dumps(public)}\n"
    )
    files.write_atomic(path, text, inside=inside)
