"""Remove everything again: GitHub's secrets, the images, repository, user and key, the keyring's entries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from ecrwiz.flow.context import Context, Step, View
from ecrwiz.flow.events import CHAIN, StepId
from ecrwiz.flow.infra import KEY_FILE, look_for_existing
from ecrwiz.flow.project import Project
from ecrwiz.flow.steps.credentials import entries
from ecrwiz.flow.steps.github import SECRETS, VARIABLES, open_github
from ecrwiz.flow.steps.provision import write_public_key
from ecrwiz.model.errors import BadInputError, EcrwizError, MissingToolError, ToolFailedError
from ecrwiz.model.results import DestroyResult, GithubResult, ProvisionResult, PushResult
from ecrwiz.services import openpgp

__all__ = ["STEP", "inventory"]

_Note: TypeAlias = Callable[[str, bool], None]


async def inventory(project: Project) -> tuple[str, ...]:
    """One line for each thing that `destroy` would remove, asked from AWS now.

    Raises:
        EcrwizError: AWS cannot be asked.
    """
    view = View(project, StepId.DESTROY)
    answers = view.answers
    ecr, iam = view.tools.ecr(answers.region), view.tools.iam(answers.region)
    repository, images, tags, keys = await asyncio.gather(
        ecr.repository(answers.repository_name),
        ecr.images(answers.repository_name),
        iam.user_tags(answers.ci_user_name),
        iam.access_keys(answers.ci_user_name),
    )
    lines: list[str] = []
    if repository:
        count = f"{len(images)} image" + ("" if len(images) == 1 else "s")
        lines.append(f"ECR repository {repository.uri} with {count}")
    if tags is not None:
        lines.append(f"IAM user {answers.ci_user_name} with its policy")
        lines += [f"access key {key}" for key in keys]
    made, exported = view.find(ProvisionResult), view.find(GithubResult)
    if made:
        lines.append(f"keyring entry {entries(view, made.account)[0]}")
    if exported:
        lines += [f"GitHub secret {name} in {exported.repository}" for name in exported.secrets]
        lines += [f"GitHub variable {name} in {exported.repository}" for name in exported.variables]
    return tuple(lines)


async def _run(context: Context) -> DestroyResult:
    removed: list[str] = []
    absent: list[str] = []

    def note(what: str, gone: bool) -> None:
        (removed if gone else absent).append(what)
        context.say(f"{'removed' if gone else 'not there'}: {what}")

    account = await _check_account(context)
    exported = context.find(GithubResult)
    if exported:
        async with await open_github(context) as api:
            for name in SECRETS:
                note(f"GitHub secret {name}", await api.delete_secret(exported.repository, name))
            for name in VARIABLES:
                note(f"GitHub variable {name}", await api.delete_variable(exported.repository, name))
    await _images(context, removed)
    await _terraform(context, removed)
    await _keyring(context, account, note)
    await _local(context)
    await _prove(context)
    context.project.journal.forget(*CHAIN)
    return DestroyResult(tuple(removed), tuple(absent))


async def _check_account(context: Context) -> str:
    context.command("aws", "sts", "get-caller-identity")
    who = await context.tools.aws(context.answers.region).identity()
    made = context.find(ProvisionResult)
    if made and made.account != who.account:
        raise BadInputError(
            f"This project is in account {made.account}, and you are logged in to {who.account}: nothing was removed.",
            "Use the other account's profile (AWS_PROFILE).",
        )
    return who.account


async def _images(context: Context, removed: list[str]) -> None:
    """Empty the repository first: ECR does not delete one that holds images."""
    ecr, name = context.tools.ecr(context.answers.region), context.answers.repository_name
    images = await ecr.images(name)
    if images:
        context.command("aws", "ecr", "batch-delete-image", "--repository-name", name, "--image-ids", "...")
        await ecr.delete_images(name, [image.digest for image in images])
        removed += [f"image {name}@{image.digest}" for image in images]
        context.say(f"removed: {len(images)} images of {name}")


async def _terraform(context: Context, removed: list[str]) -> None:
    infra = context.paths.infra
    if not (infra / "main.tf").is_file():
        raise EcrwizError(
            "infra/ has no Terraform files, so Terraform cannot remove what it made.",
            "Write them again with: ecrwiz run render",
        )
    terraform = context.tools.terraform(context.lines, context.command)
    await terraform.init()
    existing = await look_for_existing(context, terraform)
    for address, identifier in existing.adopt:
        await terraform.adopt(address, identifier)
    if not (infra / KEY_FILE).is_file():
        write_public_key(infra / KEY_FILE, openpgp.generate("ecrwiz").public)
    plan = await terraform.plan(context.paths.plan, destroy=True)
    if plan.changes:
        await terraform.apply(context.paths.plan, len(plan.changes), context.progress)
    removed += [change.address for change in plan.changes]
    for path in (infra / KEY_FILE, context.paths.plan):
        path.unlink(missing_ok=True)


async def _keyring(context: Context, account: str, note: _Note) -> None:
    for entry in entries(context, account):
        try:
            note(f"keyring entry {entry}", await context.tools.keychain.delete(entry))
        except (MissingToolError, ToolFailedError) as error:
            context.say(f"keyring entry {entry}: {error.message}")


async def _local(context: Context) -> None:
    """The names that the push gave to local images; the image itself stays the person's."""
    pushed = context.find(PushResult)
    if pushed:
        try:
            await context.tools.docker.remove_tags([f"{pushed.image}:{tag}" for tag in pushed.tags])
        except EcrwizError as error:
            context.say(f"local tags stay: {error.message}")


async def _prove(context: Context) -> None:
    """Ask AWS again, so that "destroyed" is a fact."""
    answers = context.answers
    left = []
    if await context.tools.ecr(answers.region).repository(answers.repository_name):
        left.append(f"repository {answers.repository_name}")
    if await context.tools.iam(answers.region).user_tags(answers.ci_user_name) is not None:
        left.append(f"IAM user {answers.ci_user_name}")
    if left:
        raise ToolFailedError(f"AWS still lists {' and '.join(left)}.", "Run destroy again.")
    context.say("AWS lists neither the repository nor the user any more.")


async def _inputs(_: View) -> dict[str, str]:
    return {}  # it is made of nothing that could change: asked for, it is always done


STEP = Step(id=StepId.DESTROY, title="Remove everything again", run=_run, inputs=_inputs)
