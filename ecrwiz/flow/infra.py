"""What provisioning and destroying share: whose the resources are, and what the account has beside the state."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ecrwiz.flow import ci_key, layout, three_way
from ecrwiz.flow.context import Context, View
from ecrwiz.flow.variable_files import see_to_values
from ecrwiz.model.answers import Answers
from ecrwiz.model.errors import BadInputError, EcrwizError, NeedMissingError, ToolFailedError
from ecrwiz.model.paths import INFRA_FOLDERS
from ecrwiz.services import files, git, hcl
from ecrwiz.services.aws import Identity
from ecrwiz.services.terraform import State, Terraform, read_state

__all__ = [
    "ACCESS_KEY",
    "REPOSITORY",
    "ROLE",
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
    "follow_key",
    "identity",
    "is_ours",
    "not_ours",
]

REPOSITORY: Final = "aws_ecr_repository.main"
USER: Final = "module.ci_user.aws_iam_user.this"
ACCESS_KEY: Final = "module.ci_user.aws_iam_access_key.this"
ROLE: Final = "module.ci_role.aws_iam_role.this"
TARGETS: Final = (REPOSITORY, "aws_ecr_lifecycle_policy.main", "module.ci_user", "module.ci_role")

_SECONDS_UNTIL_LISTED: Final = 5.0  # IAM may not list a key yet that was made a moment ago


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
    return address in TARGETS or address.startswith(("module.ci_user.", "module.ci_role."))


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
        "role": (_attribute(state, ROLE, "name"), answers.ci_role_name),
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


async def existing(view: View, *, wanted_only: bool = True) -> tuple[Resource, ...]:
    """The repository, the user and the role as far as they exist in the account.

    Args:
        view: the project.
        wanted_only: leave out a user or a role that the answers do not ask for.

    Raises:
        EcrwizError: AWS cannot be asked.
    """
    answers = view.answers
    found: list[Resource] = []
    repository = await view.tools.ecr(answers.region).repository(answers.repository_name)
    if repository is not None:
        ours = _bears_our_tags(repository.tags, answers)
        found.append(Resource("repository", answers.repository_name, REPOSITORY, ours))
    iam = view.tools.iam(answers.region)
    if answers.has_key or not wanted_only:
        user = await iam.user_tags(answers.ci_user_name)
        if user is not None:
            found.append(Resource("IAM user", answers.ci_user_name, USER, _bears_our_tags(user, answers)))
    if answers.has_role or not wanted_only:
        role = await iam.role(answers.ci_role_name)
        if role is not None:
            found.append(Resource("IAM role", answers.ci_role_name, ROLE, _bears_our_tags(role.tags, answers)))
    return tuple(found)


async def check_owners(view: View) -> frozenset[str]:
    """The addresses of the repository, the user and the role that exist in the account, asked for or not.

    Raises:
        EcrwizError: one of them exists and is not ecrwiz's for this project and environment.
    """
    found = await existing(view, wanted_only=False)
    foreign = [resource for resource in found if not resource.ours]
    if foreign:
        raise EcrwizError(not_ours(foreign[0], view.answers), "Take another project_id or app.")
    return frozenset(resource.address for resource in found)


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


async def follow_key(context: Context, terraform: Terraform, state: State) -> State:
    """Let Terraform's state hold the access key that is in use, after a rotation or a revocation.

    A rotation makes its key by IAM's API and puts it into the keyring, and then the state must follow: the key that
    the state holds is taken out of it, and the one that the keyring holds, if IAM lists it as the user's and as active,
    is imported. A key that IAM no longer lists is taken out too, so that the next one is made with a fresh OpenPGP key.
    Cut between the two, the next call imports. No key is made or deleted here.

    Args:
        context: the run.
        terraform: initialised, in a folder that `check_files` and `check_providers` accepted.
        state: what Terraform knows now.

    Returns:
        What it knows then; the same when there is nothing to do.

    Raises:
        EcrwizError: AWS or Terraform refused.
    """
    if not context.answers.has_key:
        return state
    known = _attribute(state, ACCESS_KEY, "id")
    kept, listed = await _kept(context, state), await _listed(context, known)
    follows = kept not in ("", known) and listed.get(kept, False)
    lost = known != "" and known not in listed
    told = str(state.outputs.get("aws_iam_access_id") or known)
    if not (follows or lost or (known and told != known)):  # a destroy leaves outputs without a key
        return state
    see_to_values(context.answers, context.paths.infra, context.paths.root)
    if lost or (follows and known):
        await terraform.forget(ACCESS_KEY)
    if follows:
        await terraform.adopt(ACCESS_KEY, kept)
    if follows or not lost:
        await terraform.refresh(ACCESS_KEY)  # its outputs too
    return await terraform.state()


async def _kept(view: View, state: State) -> str:
    """The id of the access key that the keyring, or this process, holds for use; empty when none can be read."""
    account = str(state.outputs.get("account") or "")
    if not account:
        account = (await view.tools.aws(view.answers.region).identity()).account
    return ci_key.kept_id((await ci_key.read_quietly(view, ci_key.entries(view, account)[0]))[0])


async def _listed(view: View, known: str) -> dict[str, bool]:
    """The user's access keys by id, and whether each is active; asked twice before one that is known is missed."""
    iam, user = view.tools.iam(view.answers.region), view.answers.ci_user_name
    keys = await iam.access_keys(user)
    if known and known not in {key.id for key in keys}:
        await asyncio.sleep(_SECONDS_UNTIL_LISTED)
        keys = await iam.access_keys(user)
    return {key.id: key.active for key in keys}
