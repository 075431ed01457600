"""Terraform makes the repository and the CI user: init, plan to a file, show it, apply that file.

The CI user's secret key is encrypted by AWS's provider to a throwaway OpenPGP key before it reaches the state;
the private half never leaves the keyring (or this process's memory when there is none).
"""

from __future__ import annotations

from datetime import UTC, datetime

from ecrwiz.flow import ci_key, infra, layout
from ecrwiz.flow.context import Context, Step, View
from ecrwiz.flow.events import Question, Status, StepId
from ecrwiz.flow.journal import Record
from ecrwiz.model.errors import BadInputError, EcrwizError, MissingToolError, ToolFailedError
from ecrwiz.model.results import Plan, ProvisionResult
from ecrwiz.services import aws, files, openpgp
from ecrwiz.services.terraform import State, Terraform

__all__ = ["STEP", "keys_to_replace"]

_NOT_FINISHED = (Status.RUNNING, Status.CANCELLED, Status.FAILED, Status.STALE)
# What of ours is lost for good when it goes: images, a name with its policies, a key in use. The provider replaces
# others, such as the lifecycle policy, whenever their text changes. What is not ours may be anything.
_OF_VALUE = (infra.REPOSITORY, infra.USER, infra.ACCESS_KEY)
_IAM_QUOTA = 2  # access keys a user may have


async def _run(context: Context) -> ProvisionResult:
    infra.check_layout(context)
    infra.check_files(context)
    await infra.check_providers(context)
    await _trust(context)
    infra.forget_imports(context.paths.infra)
    terraform = context.tools.terraform(context.lines, context.command)
    who = await infra.identity(context)
    await terraform.init()
    state = await terraform.state()
    infra.check_state(context.answers, state, who.account)
    infra.see_to_public_key(context.paths.infra, context.paths.root)
    taken = await _take_over(context)
    state = await infra.adopt(context, terraform, state)
    replace = await keys_to_replace(context, state, who.account, context.before, forced=context.forced)
    if replace is not None:
        await _clear_lost_keys(context, state, foreign=any(found.address == infra.USER for found in taken))
        await _fresh_key_pair(context, who.account)
    try:
        if taken:
            infra.write_imports(context.paths.infra, taken, context.paths.root)
        await _make(context, terraform, replace or (), taken)
    finally:
        infra.forget_imports(context.paths.infra)
    return _result(await terraform.state())


async def _make(
    context: Context, terraform: Terraform, replace: tuple[str, ...], taken: tuple[infra.Resource, ...]
) -> None:
    """Plan, agree, apply."""
    plan = await terraform.plan(context.paths.plan, replace=replace)
    infra.refuse_replacement(plan, taken)
    if plan.changes:
        await _agree(context, plan, replace)
        await terraform.apply(context.paths.plan, len(plan.changes), context.progress)
    else:
        context.say("Nothing to change: the account is as the files say.")
    context.paths.plan.unlink(missing_ok=True)


async def _trust(context: Context) -> None:
    """Say which blocks of the person's own files run programs; those that would run for a plan are asked about."""
    found = layout.programs(context.project)
    folder = context.paths.infra_folder
    for program in found:
        context.say(f"Warning: Terraform may run a program on this machine: {folder}/{program}.")
    early = tuple(f"{folder}/{program}" for program in found if program.at_plan)
    if not early or context.approvals.everything:
        return
    question = Question(
        context.step,
        "confirm",
        "These run programs as soon as Terraform plans. Go on?",
        early,
        yes="Run them",
        no="Stop",
    )
    if await context.ask(question) is not True:
        raise BadInputError(
            f"Nobody agreed to the programs that {early[0]} would run, so nothing was changed.",
            "Look at those blocks; if you trust them, run with --yes, or take --set infra_layout=beside.",
        )


async def _take_over(context: Context) -> tuple[infra.Resource, ...]:
    """Resources of the wanted names that ecrwiz did not make and that are to come under its Terraform."""
    foreign = tuple(found for found in await infra.existing(context) if not found.ours)
    if not foreign:
        return ()
    for resource in foreign:
        context.say(infra.not_ours(resource, context.answers))
    lines = infra.what_import_means(foreign, context.answers)
    if not context.approvals.imports:
        choices = (("import", "Import"), ("stop", "Stop"))
        title = f"{' and '.join(found.name for found in foreign)} exists and is not ecrwiz's. Take it over?"
        reply = await context.ask(Question(context.step, "choice", title, lines, choices=choices))
        if reply != "import":
            raise EcrwizError(
                infra.not_ours(foreign[0], context.answers) + " Nothing was changed.",
                "Take another project_id or app; or let Terraform take it over with: ecrwiz run provision --import",
            )
    context.say(*lines)
    return foreign


def _result(state: State) -> ProvisionResult:
    fields = ProvisionResult.__dataclass_fields__
    missing = [name for name in fields if not state.outputs.get(name)]
    if missing:
        raise ToolFailedError(
            f"Terraform's outputs lack {', '.join(missing)}.",
            "Write infra/ again with: ecrwiz run render --force --yes",
        )
    return ProvisionResult(**{name: str(state.outputs[name]) for name in fields})


async def keys_to_replace(
    view: View, state: State, account: str, before: Record | None, *, forced: bool = False
) -> tuple[str, ...] | None:
    """None when the access key stays; else the addresses to replace (none when there is no key yet)."""
    if infra.ACCESS_KEY not in state.resources:
        return ()
    known, encrypted = str(state.outputs.get("aws_iam_access_id")), str(state.outputs.get("aws_iam_access_key"))
    if await ci_key.is_readable(view, account, known, encrypted):
        return None
    # An unreadable key may be in use elsewhere (this is another machine, say): it is replaced when that was asked
    # for by name, or when this folder's own journal tells that it was lost here before it was put anywhere.
    lost = before is not None and before.status in _NOT_FINISHED and not ci_key.is_in_use(view, known)
    return (infra.ACCESS_KEY,) if forced or lost else None


async def _clear_lost_keys(context: Context, state: State, *, foreign: bool = False) -> None:
    """Delete what a run that was cut left behind; leave every other key alone, and see that there is room for one.

    The keys of a user that ecrwiz did not make (`foreign`) are all somebody else's.

    Only a key that was made after the cut run began is known to be this project's own and of no use: its secret
    went to Terraform, which did not live to write it down.
    """
    iam = context.tools.iam(context.answers.region)
    user = context.answers.ci_user_name
    known = str(state.resources.get(infra.ACCESS_KEY, {}).get("id", ""))
    others = [key for key in await iam.access_keys(user) if key.id != known]
    before = context.before
    cut = before is not None and before.status in (Status.RUNNING, Status.CANCELLED, Status.FAILED)
    for key in list(others):
        if before and cut and not foreign and key.created >= datetime.fromtimestamp(int(before.started), UTC):
            context.command("aws", "iam", "delete-access-key", "--user-name", user, "--access-key-id", key.id)
            await iam.delete_access_key(user, key.id)
            context.say(f"Deleted the access key {key.id}: the run that was cut made it, and nobody has its secret.")
            others.remove(key)
        else:
            context.say(f"{user} also has the access key {key.id}, which this folder's state does not know; it stays.")
    room = _IAM_QUOTA - len(others) - bool(known)
    if not known and room < 1:
        raise EcrwizError(
            f"{user} has {len(others)} access keys already, which is IAM's limit, and this folder's state knows none.",
            f"Delete one that nothing uses: aws iam delete-access-key --user-name {user} --access-key-id "
            f"{others[-1].id}; or bring the state that knows it into infra/.",
        )


async def _fresh_key_pair(context: Context, account: str) -> None:
    """A new pair for a new access key: the public half into infra/, the private one into the keyring."""
    pair = openpgp.generate(f"ecrwiz {context.answers.project_id}")
    context.tools.redact.add(pair.private)
    _, entry = ci_key.entries(context, account)
    try:
        await context.tools.keychain.store(entry, pair.private)
    except (MissingToolError, ToolFailedError) as error:
        await _without_keyring(context, error)
    # Held too, so that another copy of this project that writes the same entry meanwhile loses us nothing.
    context.tools.keychain.hold(entry, pair.private)
    infra.write_public_key(context.paths.infra / infra.KEY_FILE, pair.public, context.paths.root)


async def _without_keyring(context: Context, error: EcrwizError) -> None:
    """Nothing is made yet: the moment to say that the secret would live in this process alone."""
    if StepId.CREDENTIALS not in context.together:
        raise MissingToolError(
            f"{error.message} A new access key's secret would be lost when this process ends.",
            "Run the steps that use it together: ecrwiz run provision credentials github --force --yes",
        )
    if not context.approvals.everything:
        question = Question(
            context.step,
            "confirm",
            "Go on without a local copy of the CI secret?",
            (
                error.message,
                "The secret stays in this process's memory and can be exported to GitHub in this run.",
                "After that nobody can read it again; a new key can be made at any time.",
            ),
            yes="Go on without",
            no="Stop",
        )
        if await context.ask(question) is not True:
            raise MissingToolError(error.message, "Run with --yes to go on without a local copy of the secret.")
    context.say(f"{error.message} The key that opens the secret stays in this process's memory only.")


async def _agree(context: Context, plan: Plan, expected: tuple[str, ...]) -> None:
    """Go on only with a plan that the person has agreed to; `--yes` does not cover the loss of what is in use."""
    agreed = context.approvals
    lost = [
        change.address
        for change in plan.changes
        if change.action in ("delete", "replace")
        and (change.address in _OF_VALUE or not infra.is_ours(change.address))
        and change.address not in expected
        and change.reason != "tainted"  # what a run that was cut left half-made is of no use to anybody
    ]
    if agreed.plan == frozenset(plan.changes) or (agreed.everything and not lost):
        return
    lines = tuple(f"{change.action:<8} {change.address}" for change in plan.changes)
    question = Question(context.step, "confirm", f"Apply this plan? {plan}.", lines, yes="Apply", no="Stop")
    reply = await context.ask(question)
    if reply is None and lost:
        raise BadInputError(
            f"The plan would remove or replace {', '.join(lost)}, which --yes does not cover; nothing was changed.",
            "Look at it with `ecrwiz plan`, and agree in a terminal if it is meant.",
        )
    if reply is None:
        raise BadInputError(
            f"Nobody agreed to the plan ({plan}), so nothing was changed.",
            "Look at it with `ecrwiz plan`, then run with --yes.",
        )
    if reply is not True:
        raise EcrwizError("You did not agree to the plan, so nothing was changed.", "Run provision again when you do.")


async def _inputs(view: View) -> dict[str, str]:
    folder = view.paths.infra
    found = {
        f"{view.paths.infra_folder}/{path.relative_to(folder).as_posix()}": files.digest(files.read_text(path) or "")
        for path in sorted((*folder.glob("*.tf"), *folder.glob("*.tfvars"), *folder.glob("modules/*/*.tf")))
        if path.name not in layout.GENERATED
    }
    return {**found, "AWS credentials": aws.credential_hint(view.tools.environ)}


async def _gone(view: View) -> str:
    local = view.paths.terraform_state or view.paths.infra / "terraform.tfstate"
    data = view.paths.infra / ".terraform" / "terraform.tfstate"
    backend = files.read_text(data) or '"local"'
    if view.paths.terraform_state is None and '"local"' not in backend:
        return ""  # the person's own remote backend: not asked without a run
    return "" if local.is_file() else "Terraform's state is gone"


STEP = Step(
    id=StepId.PROVISION,
    title="Make the repository and the CI user",
    run=_run,
    inputs=_inputs,
    needs=(StepId.RENDER,),
    gone=_gone,
)
