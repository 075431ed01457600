"""Terraform makes the repository and the CI identity: init, plan to a file, show it, apply that file.

The CI user's secret key is encrypted by AWS's provider to a throwaway OpenPGP key before it reaches the state;
the private half never leaves the keyring (or this process's memory when there is none). A CI role has no secret.
"""

from __future__ import annotations

from ecrwiz.flow import ci_role, imports, infra, layout, new_key
from ecrwiz.flow.context import Context, Step, View
from ecrwiz.flow.events import Question, StepId
from ecrwiz.flow.new_key import keys_to_replace
from ecrwiz.flow.variable_files import Trusted, forget_values, see_to_values
from ecrwiz.model.answers import Answers
from ecrwiz.model.errors import BadInputError, EcrwizError, ToolFailedError
from ecrwiz.model.results import Plan, ProvisionResult
from ecrwiz.services import aws, files
from ecrwiz.services.terraform import State, Terraform

__all__ = ["STEP", "keys_to_replace"]

# What of ours is lost for good when it goes: images, a name with its policies, a key in use. The provider replaces
# others, such as the lifecycle policy, whenever their text changes. What is not ours may be anything.
_OF_VALUE = (infra.REPOSITORY, infra.USER, infra.ACCESS_KEY, infra.ROLE)
_OF_ROLE = "module.ci_role."


_KEY_FIRST = (
    "The user's access key still works. Bring CI over to the role first, which ends with the key's deletion: "
    "ecrwiz credentials to-oidc"
)


async def _run(context: Context) -> ProvisionResult:
    infra.check_layout(context)
    infra.check_files(context)
    await infra.check_providers(context)
    await _programs(context)
    imports.forget_imports(context.paths.infra)
    who = await infra.identity(context)
    trusted = await ci_role.see_to_trust(context) if context.answers.has_role else None
    terraform = context.tools.terraform(context.lines, context.command)
    await terraform.init()
    state = await terraform.state()
    infra.check_state(context.answers, state, who.account)
    forget_values(context.answers, context.paths.infra)
    see_to_values(context.answers, context.paths.infra, context.paths.root)
    taken = await _take_over(context)
    await new_key.refuse_during_rotation(context)
    state = await infra.adopt(context, terraform, state)
    state = await infra.follow_key(context, terraform, state)
    replace = await keys_to_replace(context, state, who.account, context.before, forced=context.forced)
    if replace is not None:
        foreign = any(found.address == infra.USER for found in taken)
        await new_key.clear_lost_keys(context, state, who.account, foreign=foreign)
        await new_key.fresh_key_pair(context, who.account)
    try:
        if taken:
            imports.write_imports(context.paths.infra, taken, context.paths.root)
        await _make(context, terraform, replace or (), taken, trusted)
    finally:
        imports.forget_imports(context.paths.infra)
    return _result(context.answers, await terraform.state())


async def _make(
    context: Context,
    terraform: Terraform,
    replace: tuple[str, ...],
    taken: tuple[infra.Resource, ...],
    trusted: Trusted | None,
) -> None:
    """Plan, agree, see to GitHub's provider, apply."""
    plan = await terraform.plan(context.paths.plan, replace=replace)
    imports.refuse_replacement(plan, taken)
    besides = await ci_role.look_at_provider(context, trusted) if trusted else ""
    if plan.changes or besides:
        await _agree(context, plan, (*replace, *await _retired(context)), besides)
    if trusted:
        await ci_role.see_to_provider(context, trusted)
    if any(change.address.startswith(_OF_ROLE) for change in plan.changes):
        context.project.journal.spoil(StepId.REHEARSE, "the role was changed since")
    if plan.changes:
        await terraform.apply(context.paths.plan, len(plan.changes), context.progress)
    else:
        context.say("Nothing to change: the account is as the files say.")
    context.paths.plan.unlink(missing_ok=True)


async def _retired(context: Context) -> tuple[str, ...]:
    """The user, when a role has taken its place and it has no key left that AWS would accept."""
    if context.answers.has_key:
        return ()
    keys = await context.tools.iam(context.answers.region).access_keys(context.answers.ci_user_name)
    return () if any(key.active for key in keys) else (infra.USER, infra.ACCESS_KEY)


async def _programs(context: Context) -> None:
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
    lines = imports.what_import_means(foreign, context.answers)
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


def _result(answers: Answers, state: State) -> ProvisionResult:
    """What was made; the access key as the state's resource says, for a rotation changes it behind the outputs."""
    wanted = ["ecr_repo_url", "ecr_repo_path", "aws_region", "account"]
    wanted += ["ci_user", "aws_iam_access_id"] if answers.has_key else []
    wanted += ["ci_role_arn"] if answers.has_role else []
    key = state.resources.get(infra.ACCESS_KEY, {}) if answers.has_key else {}
    found = {name: str(state.outputs.get(name) or "") for name in wanted}
    if answers.has_key:
        found["aws_iam_access_id"] = str(key.get("id") or "")
    missing = [name for name, value in found.items() if not value]
    if missing:
        raise ToolFailedError(
            f"Terraform's outputs lack {', '.join(missing)}.",
            "Write infra/ again with: ecrwiz run render --force --yes",
        )
    everything = dict.fromkeys(ProvisionResult.__dataclass_fields__, "") | found
    return ProvisionResult(**everything | {"aws_iam_access_key": str(key.get("encrypted_secret") or "")})


async def _agree(context: Context, plan: Plan, expected: tuple[str, ...], besides: str = "") -> None:
    """Go on only with what the person has agreed to; `--yes` does not cover the loss of what is in use.

    Args:
        context: the run.
        plan: Terraform's plan.
        expected: addresses whose loss is meant.
        besides: what ecrwiz makes itself before; empty for nothing.
    """
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
    lines = (f"{'create':<8} {besides}", *lines) if besides else lines
    question = Question(context.step, "confirm", f"Apply this plan? {plan}.", lines, yes="Apply", no="Stop")
    reply = await context.ask(question)
    if reply is None and lost:
        raise BadInputError(
            f"The plan would remove or replace {', '.join(lost)}, which --yes does not cover; nothing was changed.",
            _KEY_FIRST
            if infra.USER in lost and context.answers.has_role
            else "Look at it with `ecrwiz plan`, and agree in a terminal if it is meant.",
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
    answers = view.answers
    trusted = (answers.github_api_url, answers.github_repository, answers.github_environment, answers.oidc_trust)
    role = {"trusted": files.digest(" ".join((answers.ci_identity, *trusted)))} if answers.has_role else {}
    return {**found, **role, "AWS credentials": aws.credential_hint(view.tools.environ)}


async def _gone(view: View) -> str:
    local = view.paths.terraform_state or view.paths.infra / "terraform.tfstate"
    data = view.paths.infra / ".terraform" / "terraform.tfstate"
    backend = files.read_text(data) or '"local"'
    if view.paths.terraform_state is None and '"local"' not in backend:
        return ""  # the person's own remote backend: not asked without a run
    return "" if local.is_file() else "Terraform's state is gone"


STEP = Step(
    id=StepId.PROVISION,
    title="Make the repository and the CI identity",
    run=_run,
    inputs=_inputs,
    needs=(StepId.RENDER,),
    gone=_gone,
)
