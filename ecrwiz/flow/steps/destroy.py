"""Remove everything again: GitHub's secrets, the images, repository, user and key, the keyring's entries."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from ecrwiz.flow import ci_key, infra
from ecrwiz.flow.context import Context, Step, View
from ecrwiz.flow.events import CHAIN, StepId
from ecrwiz.flow.project import Project
from ecrwiz.flow.steps.github import SECRETS, VARIABLES, open_github
from ecrwiz.model.errors import BadInputError, EcrwizError, ToolFailedError
from ecrwiz.model.results import CredentialsResult, DestroyResult, GithubResult, ProvisionResult, PushResult
from ecrwiz.services.terraform import Terraform

__all__ = ["STEP", "inventory"]


async def inventory(project: Project) -> tuple[str, ...]:
    """One line for each thing that `destroy` would remove, asked from AWS now.

    Raises:
        EcrwizError: AWS cannot be asked, or has something of that name that is not ecrwiz's.
    """
    view = View(project, StepId.DESTROY)
    answers = view.answers
    who = await view.tools.aws(answers.region).identity()
    _check_same_place(view, who.account)
    repository, user = await infra.check_owners(view)
    images, keys = await asyncio.gather(
        view.tools.ecr(answers.region).images(answers.repository_name),
        view.tools.iam(answers.region).access_keys(answers.ci_user_name),
    )
    lines: list[str] = []
    if repository:
        count = f"{len(images)} image" + ("" if len(images) == 1 else "s")
        lines.append(f"ECR repository {answers.repository_name} in {answers.region} with {count}")
    if user:
        lines.append(f"IAM user {answers.ci_user_name} with its policy")
        lines += [f"access key {key.id}" for key in keys]
    if repository or user or view.find(ProvisionResult):
        lines.append(f"keyring entry {ci_key.entries(view, who.account)[0]}, if there is one")
    exported = _exported_to(view)
    if exported:
        lines.append(f"GitHub secrets {', '.join(SECRETS)} in {exported}")
        lines.append(f"GitHub variables {', '.join(_variables(view))} in {exported}")
    return tuple(lines)


def _exported_to(view: View) -> str:
    """The repository on GitHub that has the secrets, or may have some of them after an export that was cut."""
    done = view.find(GithubResult)
    if done:
        return done.repository
    return view.answers.github_repository if view.project.journal.get(StepId.GITHUB) else ""


def _variables(view: View) -> tuple[str, ...]:
    """The variables that were exported; those that always are when an export was cut."""
    done = view.find(GithubResult)
    return done.variables if done else VARIABLES


def _check_same_place(view: View, account: str) -> None:
    """What was made must be what the answers and the credentials name now."""
    made, answers = view.find(ProvisionResult), view.answers
    if made is None:
        return
    there = (made.account, made.aws_region, made.ecr_repo_path, made.ci_user)
    here = (account, answers.region, answers.repository_name, answers.ci_user_name)
    if there != here:
        raise BadInputError(
            f"This folder holds {made.ecr_repo_path} and {made.ci_user} in account {made.account}, "
            f"{made.aws_region}; the answers and credentials now name {here[2]} and {here[3]} in account {account}, "
            f"{answers.region}: nothing was removed.",
            "Go back to the earlier answers or AWS profile (AWS_PROFILE).",
        )


@dataclass
class _Ledger:
    """What became of each thing."""

    context: Context
    removed: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)

    def note(self, what: str, *, gone: bool) -> None:
        """Say and keep whether something was removed or had not been there."""
        (self.removed if gone else self.absent).append(what)
        self.context.say(f"{'removed' if gone else 'not there'}: {what}")


async def _run(context: Context) -> DestroyResult:
    ledger = _Ledger(context)
    shown = context.approvals.inventory
    if shown is not None and await inventory(context.project) != shown:
        raise EcrwizError(
            "What exists has changed since it was listed: nothing was removed.", "Look at the list again, and destroy."
        )
    terraform, account = await _prepare(context)
    await _plan(context, terraform)
    await _github(context, ledger)
    await _images(context, ledger)
    await _apply(context, terraform, ledger)
    await _keyring(context, account, ledger)
    await _local(context)
    await _prove(context)
    context.project.journal.forget(*CHAIN)
    return DestroyResult(tuple(ledger.removed), tuple(ledger.absent))


async def _prepare(context: Context) -> tuple[Terraform, str]:
    """Everything that can say no comes first: files, account, state, owners."""
    infra.check_files(context)
    await infra.check_providers(context)
    infra.forget_imports(context.paths.infra)
    who = await infra.identity(context)
    _check_same_place(context, who.account)
    terraform = context.tools.terraform(context.lines, context.command)
    await terraform.init()
    state = await terraform.state()
    infra.check_state(context.answers, state, who.account)
    infra.see_to_public_key(context.paths.infra, context.paths.root)
    await infra.check_owners(context)
    await infra.adopt(context, terraform, state)
    return terraform, who.account


async def _plan(context: Context, terraform: Terraform) -> None:
    plan = await terraform.plan(context.paths.plan, destroy=infra.TARGETS)
    foreign = [change.address for change in plan.changes if not infra.is_ours(change.address)]
    if foreign:
        raise BadInputError(
            f"infra/ also holds {', '.join(foreign)}, which depends on what would be removed: nothing was removed.",
            "Remove your own resources first, by hand with Terraform.",
        )


async def _apply(context: Context, terraform: Terraform, ledger: _Ledger) -> None:
    """A plan made anew: the images are gone now, and the state may hold less than before."""
    plan = await terraform.plan(context.paths.plan, destroy=infra.TARGETS)
    if plan.changes and all(infra.is_ours(change.address) for change in plan.changes):
        await terraform.apply(context.paths.plan, len(plan.changes), context.progress)
        ledger.removed += [change.address for change in plan.changes]
    for path in (context.paths.infra / infra.KEY_FILE, context.paths.plan):
        path.unlink(missing_ok=True)


async def _github(context: Context, ledger: _Ledger) -> None:
    repository = _exported_to(context)
    if not repository:
        return
    made, answers = context.find(ProvisionResult), context.answers
    async with await open_github(context) as api:
        variables = await api.list_variables(repository)
        ours = made.ecr_repo_path if made else answers.repository_name
        if variables.get("ECR_REPOSITORY", ours) != ours:
            context.say(f"{repository} on GitHub now serves {variables['ECR_REPOSITORY']}: its secrets stay.")
            return
        for name in SECRETS:
            ledger.note(f"GitHub secret {name}", gone=await api.delete_secret(repository, name))
        for name in _variables(context):
            ledger.note(f"GitHub variable {name}", gone=await api.delete_variable(repository, name))


async def _images(context: Context, ledger: _Ledger) -> None:
    """Empty the repository: ECR does not delete one that holds images."""
    ecr, name = context.tools.ecr(context.answers.region), context.answers.repository_name
    images = await ecr.images(name)
    if images:
        context.command("aws", "ecr", "batch-delete-image", "--repository-name", name, "--image-ids", "...")
        await ecr.delete_images(name, [image.digest for image in images])
        ledger.removed += [f"image {name}@{image.digest}" for image in images]
        context.say(f"removed: {len(images)} images of {name}")


async def _keyring(context: Context, account: str, ledger: _Ledger) -> None:
    """The entries are of no use any more, but "destroyed" is not said while one is there."""
    kept = context.find(CredentialsResult)
    for entry in ci_key.entries(context, account):
        try:
            ledger.note(f"keyring entry {entry}", gone=await context.tools.keychain.delete(entry))
        except EcrwizError as error:
            if kept is not None and kept.backend:
                raise ToolFailedError(
                    f"The keyring entry {entry} could not be removed: {error.message}",
                    "Everything else is gone. Unlock the keyring, and run destroy again.",
                ) from error
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
