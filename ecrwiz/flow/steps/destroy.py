"""Remove everything again: GitHub's secrets, the images, repository, user, key and role, the keyring's entries."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from ecrwiz.flow import ci_key, exported, imports, infra, layout, rotation
from ecrwiz.flow.context import Context, Step, View
from ecrwiz.flow.events import StepId
from ecrwiz.flow.github_write import placed, remove_all
from ecrwiz.flow.project import Project
from ecrwiz.flow.same_place import check_same_place
from ecrwiz.flow.variable_files import see_to_values
from ecrwiz.model.errors import BadInputError, EcrwizError, ToolFailedError
from ecrwiz.model.results import CredentialsResult, DestroyResult, ProvisionResult, PushResult
from ecrwiz.services.terraform import State, Terraform

__all__ = ["ABSENT", "REMOVED", "STEP", "inventory"]

REMOVED: Final = "removed: "
"""Before a line of the inventory in the step's output, as soon as that is gone."""
ABSENT: Final = "not there: "
"""The same for what was gone before."""

# How the lines of the inventory begin, by what takes the things away.
_IN_AWS: Final = ("ECR repository ", "IAM ", "access key ")
_IN_KEYRING: Final = ("keyring entry ",)
_ON_GITHUB: Final = ("GitHub ",)

_POLICIES: Final = ("push-to-ecr", "deploy-to-ecs")  # as modules/ci_user and modules/ci_role name them

_UNDONE: Final = "nothing was removed"

_PROVIDER_STAYS: Final = "GitHub's OIDC provider stays: the account shares it"


async def inventory(project: Project) -> tuple[str, ...]:
    """One line for each thing that `destroy` would remove, asked from AWS now.

    Raises:
        EcrwizError: AWS cannot be asked, or has something of that name that is not ecrwiz's.
    """
    view = View(project, StepId.DESTROY)
    answers = view.answers
    who = await view.tools.aws(answers.region).identity()
    check_same_place(view, who.account, _UNDONE)
    there = await infra.check_owners(view)
    images, keys = await asyncio.gather(
        view.tools.ecr(answers.region).images(answers.repository_name),
        view.tools.iam(answers.region).access_keys(answers.ci_user_name),
    )
    lines: list[str] = []
    if infra.REPOSITORY in there:
        count = f"{len(images)} image" + ("" if len(images) == 1 else "s")
        lines.append(f"ECR repository {answers.repository_name} in {answers.region} with {count}")
    if infra.USER in there:
        lines.append(f"IAM user {answers.ci_user_name} with its policy")
        lines += [f"access key {key.id}" for key in keys]
    if infra.ROLE in there:
        lines.append(f"IAM role {answers.ci_role_name} with its policy ({_PROVIDER_STAYS})")
    if answers.has_key and (there or view.find(ProvisionResult)):
        lines.append(f"keyring entry {ci_key.entries(view, who.account)[0]}, if there is one")
    for target, names in placed(view).items():
        for kind in ("secret", "variable"):
            sent = [name.removeprefix(f"{kind} ") for name in names if name.startswith(f"{kind} ")]
            lines += [f"GitHub {kind}s {', '.join(sent)} in {target}"] if sent else []
    return (*lines, *exported.lines(project))


@dataclass
class _Ledger:
    """What became of each thing."""

    context: Context
    removed: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    shown: tuple[str, ...] = ()

    def note(self, what: str, *, gone: bool) -> None:
        """Say and keep whether something was removed or had not been there."""
        (self.removed if gone else self.absent).append(what)
        self.context.say(f"{REMOVED if gone else ABSENT}{what}")

    def settle(self, starts: tuple[str, ...], *, gone: bool = True) -> None:
        """Say of the inventory's lines that begin so what became of them, for those who watch the inventory."""
        lines = [line for line in self.shown if line.startswith(starts)]
        if lines:
            self.context.say(*(f"{REMOVED if gone else ABSENT}{line}" for line in lines))


async def _run(context: Context) -> DestroyResult:
    shown = context.approvals.inventory
    ledger = _Ledger(context, shown=shown or ())
    if shown is not None and await inventory(context.project) != shown:
        raise EcrwizError(
            "What exists has changed since it was listed: nothing was removed.", "Look at the list again, and destroy."
        )
    terraform, state, account = await _prepare(context)
    await _plan(context, terraform)
    await _github(context, ledger)
    await _images(context, ledger)
    await _loose_ends(context, state, ledger)
    await _apply(context, terraform, ledger)
    await _keyring(context, account, ledger)
    for what, gone in await asyncio.to_thread(exported.take_back, context.project):
        if gone:
            ledger.note(what, gone=True)
        else:
            context.say(f"still there, of no use any more: {what}")
    await _local(context)
    await _prove(context)
    rotation.forget_of(context, account, context.answers.ci_user_name)
    context.project.journal.forget(*(step for step in StepId if step is not StepId.DESTROY))
    return DestroyResult(tuple(ledger.removed), tuple(ledger.absent))


async def _prepare(context: Context) -> tuple[Terraform, State, str]:
    """Everything that can say no comes first: files, account, state, owners."""
    infra.check_files(context)
    await infra.check_providers(context)
    imports.forget_imports(context.paths.infra)
    who = await infra.identity(context)
    check_same_place(context, who.account, _UNDONE)
    terraform = context.tools.terraform(context.lines, context.command)
    await terraform.init()
    state = await terraform.state()
    infra.check_state(context.answers, state, who.account)
    see_to_values(context.answers, context.paths.infra, context.paths.root)
    there = await infra.check_owners(context)
    state = await infra.adopt(context, terraform, state)
    _refuse_leftovers(context, there, state)
    return terraform, state, who.account


def _refuse_leftovers(view: View, there: frozenset[str], state: State) -> None:
    """The identity that the answers no longer name can be removed only while Terraform knows it."""
    names = {infra.USER: f"IAM user {view.answers.ci_user_name}", infra.ROLE: f"IAM role {view.answers.ci_role_name}"}
    left = [name for address, name in names.items() if address in there and address not in state.resources]
    if left:
        raise BadInputError(
            f"The {left[0]} exists too, and neither the answers nor Terraform's state know it: nothing was removed.",
            "Take both identities up first: ecrwiz run render provision --set ci_identity=both",
        )


async def _loose_ends(context: Context, state: State, ledger: _Ledger) -> None:
    """Remove what keeps AWS from deleting a user or role that the state took up just now, alone.

    A user that Terraform made goes with its keys; for one that it imported, that is not in its state.
    """
    iam, answers = context.tools.iam(context.answers.region), context.answers
    known = {str(values.get("id")) for values in state.resources.values()}
    for address, whose in ((infra.USER, {"user": answers.ci_user_name}), (infra.ROLE, {"role": answers.ci_role_name})):
        (name,) = whose.values()
        for policy in _POLICIES if address in state.resources else ():
            if f"{name}:{policy}" not in known:
                await iam.delete_policy(policy, **whose)
    for key in await iam.access_keys(answers.ci_user_name) if infra.USER in state.resources else ():
        if key.id not in known:
            await iam.delete_access_key(answers.ci_user_name, key.id)
            ledger.removed.append(f"access key {key.id}")
            context.say(f"removed: the access key {key.id}, which Terraform did not know")


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
    ledger.settle(_IN_AWS)
    generated = (layout.KEY_FILE, layout.TRUST_FILE)
    for path in (*(context.paths.infra / name for name in generated), context.paths.plan):
        path.unlink(missing_ok=True)


async def _github(context: Context, ledger: _Ledger) -> None:
    await remove_all(context, lambda what, gone: ledger.note(what, gone=gone))
    ledger.settle(_ON_GITHUB, gone=any("GitHub" in what for what in ledger.removed))


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
    for entry in ci_key.all_entries(context, account):
        try:
            ledger.note(f"keyring entry {entry}", gone=await context.tools.keychain.delete(entry))
        except EcrwizError as error:
            if kept is not None and kept.backend:
                raise ToolFailedError(
                    f"The keyring entry {entry} could not be removed: {error.message}",
                    "Everything else is gone. Unlock the keyring, and run destroy again.",
                ) from error
            context.say(f"keyring entry {entry}: {error.message}")
    ledger.settle(_IN_KEYRING, gone=any("keyring" in what for what in ledger.removed))


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
    iam = context.tools.iam(answers.region)
    if await iam.user_tags(answers.ci_user_name) is not None:
        left.append(f"IAM user {answers.ci_user_name}")
    if await iam.role(answers.ci_role_name) is not None:
        left.append(f"IAM role {answers.ci_role_name}")
    if left:
        raise ToolFailedError(f"AWS still lists {' and '.join(left)}.", "Run destroy again.")
    context.say("AWS lists neither the repository nor the CI identity any more.")
    if answers.has_role:
        context.say(f"{_PROVIDER_STAYS}.")


async def _inputs(_: View) -> dict[str, str]:
    return {}  # it is made of nothing that could change: asked for, it is always done


STEP = Step(id=StepId.DESTROY, title="Remove everything again", run=_run, inputs=_inputs)
