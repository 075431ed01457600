"""What provisioning and destroying share: whose the resources are, and what the account has beside the state."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ecrwiz.flow.context import Context, View
from ecrwiz.model.answers import Answers
from ecrwiz.model.errors import BadInputError, EcrwizError
from ecrwiz.services import files, hcl, openpgp, templates
from ecrwiz.services.aws import Identity
from ecrwiz.services.terraform import State, Terraform

__all__ = [
    "ACCESS_KEY",
    "KEY_FILE",
    "REPOSITORY",
    "TARGETS",
    "USER",
    "adopt",
    "check_files",
    "check_owners",
    "check_state",
    "identity",
    "is_ours",
    "see_to_public_key",
    "write_public_key",
]

REPOSITORY: Final = "aws_ecr_repository.main"
USER: Final = "module.ci_user.aws_iam_user.this"
ACCESS_KEY: Final = "module.ci_user.aws_iam_access_key.this"
TARGETS: Final = (REPOSITORY, "aws_ecr_lifecycle_policy.main", "module.ci_user")
KEY_FILE: Final = "ci_user_key.auto.tfvars"


def is_ours(address: str) -> bool:
    """Whether a resource is one that ecrwiz's own files declare; a person may add theirs to `infra/`."""
    return address in TARGETS or address.startswith("module.ci_user.")


def check_files(view: View) -> None:
    """Refuse an `infra/` whose files would do something else than what is shown.

    Raises:
        EcrwizError: the files are missing, clash with ecrwiz's own, or override them.
    """
    infra = view.paths.infra
    if not (infra / "main.tf").is_file():
        raise EcrwizError("infra/ has no Terraform files.", "Write them with: ecrwiz run render")
    folder = templates.terraform_templates()
    ours = {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in folder.rglob("*.tf")}
    hcl.check_for_clashes(infra, {**ours, "terraform.tfvars": ""}, generated={KEY_FILE})


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


async def check_owners(view: View) -> tuple[bool, bool]:
    """Whether the repository and the user exist in the account; both must bear ecrwiz's tags for this project.

    Raises:
        EcrwizError: one of them exists and is not ecrwiz's for this project and environment.
    """
    answers = view.answers
    repository = await view.tools.ecr(answers.region).repository(answers.repository_name)
    if repository is not None:
        _check_owner("repository", answers.repository_name, repository.tags, answers)
    user = await view.tools.iam(answers.region).user_tags(answers.ci_user_name)
    if user is not None:
        _check_owner("IAM user", answers.ci_user_name, user, answers)
    return repository is not None, user is not None


def _check_owner(kind: str, name: str, tags: Mapping[str, str], answers: Answers) -> None:
    wanted = {"managed-by": "ecrwiz", "project": answers.project_id, "env": answers.env}
    if all(tags.get(key) == value for key, value in wanted.items()):
        return
    words = ", ".join(f"{key}={value}" for key, value in wanted.items())
    raise EcrwizError(
        f"The {kind} {name} exists in this account and was not made by ecrwiz for this project and environment: "
        f"it lacks the tags {words}.",
        "Take another project_id or app. If it should become this project's, give it those tags.",
    )


async def adopt(context: Context, terraform: Terraform, state: State) -> State:
    """Take over what an interrupted run, or another copy of the state, left in the account.

    Raises:
        EcrwizError: something of that name exists and is not ecrwiz's for this project.
    """
    repository, user = await check_owners(context)
    answers = context.answers
    there = ((REPOSITORY, answers.repository_name, repository), (USER, answers.ci_user_name, user))
    missing = [(address, name) for address, name, exists in there if exists and address not in state.resources]
    for address, name in missing:
        await terraform.adopt(address, name)
    return await terraform.state() if missing else state


def see_to_public_key(infra: Path) -> None:
    """Terraform wants a public key even to import or destroy; any will do then."""
    path = infra / KEY_FILE
    if not path.is_file():
        write_public_key(path, openpgp.generate("ecrwiz").public, infra.parent)


def write_public_key(path: Path, public: str, inside: Path) -> None:
    """Write the public half where Terraform finds it; it is no secret."""
    text = (
        "# Made by ecrwiz: the PUBLIC half of a throwaway OpenPGP key. The CI user's secret key is encrypted\n"
        "# to it before it reaches the state. It matters only when the access key is made.\n"
        f"ci_user_pgp_key = {json.dumps(public)}\n"
    )
    files.write_atomic(path, text, inside=inside)
