"""Terraform makes the repository and the CI user: init, plan to a file, show it, apply that file.

The CI user's secret key is encrypted by AWS's provider to a throwaway OpenPGP key before it reaches the state;
the private half never leaves the keyring (or this process's memory when there is none).
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from ecrwiz.flow.context import Context, Step, View
from ecrwiz.flow.events import Question, StepId
from ecrwiz.flow.infra import ACCESS_KEY, KEY_FILE, key_is_in_use, key_is_readable, look_for_existing
from ecrwiz.flow.journal import need_missing
from ecrwiz.model.errors import BadInputError, EcrwizError, MissingToolError, ToolFailedError
from ecrwiz.model.results import Plan, ProvisionResult
from ecrwiz.services import aws, files, keychain, openpgp
from ecrwiz.services.terraform import Terraform

__all__ = ["STEP", "keys_to_replace", "write_public_key"]


async def _run(context: Context) -> ProvisionResult:
    if not (context.paths.infra / "main.tf").is_file():
        raise need_missing(context.step, StepId.RENDER)
    terraform = context.tools.terraform(context.lines, context.command)
    identity, _ = await asyncio.gather(_identity(context), terraform.init())
    await _adopt(context, terraform)
    replace = await keys_to_replace(context, terraform, identity, forced=context.forced)
    await _fresh_key_pair(context, identity, new=replace is not None)
    plan = await terraform.plan(context.paths.plan, replace=replace or ())
    if plan.changes:
        await _agree(context, plan)
        await terraform.apply(context.paths.plan, len(plan.changes), context.progress)
    else:
        context.say("Nothing to change: the account is as the files say.")
    outputs = await terraform.outputs()
    fields = ProvisionResult.__dataclass_fields__
    missing = [name for name in fields if not outputs.get(name)]
    if missing:
        raise ToolFailedError(
            f"Terraform's outputs lack {', '.join(missing)}.",
            "Render infra/ again with: ecrwiz run render --force",
        )
    return ProvisionResult(**{name: str(outputs[name]) for name in fields})


async def _identity(context: Context) -> str:
    """The account, which is said aloud: a wrong account is the costliest mistake here."""
    context.command("aws", "sts", "get-caller-identity")
    who = await context.tools.aws(context.answers.region).identity()
    context.say(f"AWS account {who.account} as {who.arn}, region {context.answers.region}.")
    if who.is_root:
        context.say("Warning: these are the root user's credentials; an IAM identity is safer for daily work.")
    made = context.find(ProvisionResult)
    if made and made.account != who.account:
        raise BadInputError(
            f"This project was provisioned in account {made.account}, and you are logged in to {who.account}.",
            "Use the other account's profile (AWS_PROFILE), or destroy the project there first.",
        )
    return who.account


async def _adopt(context: Context, terraform: Terraform) -> None:
    """Take over what an interrupted run left, and remove access keys that nobody can read."""
    existing = await look_for_existing(context, terraform)
    for address, identifier in existing.adopt:
        await terraform.adopt(address, identifier)
    for key in existing.lost_keys:
        if not context.approvals.everything and not await _may_delete(context, key):
            raise EcrwizError(
                f"The CI user has the access key {key}, which this project's Terraform state does not know.",
                "Agree to its removal, delete it yourself, or bring the state that knows it into infra/.",
            )
        context.command("aws", "iam", "delete-access-key", "--user-name", context.answers.ci_user_name,
                        "--access-key-id", key)  # fmt: skip
        await context.tools.iam(context.answers.region).delete_access_key(context.answers.ci_user_name, key)
        context.say(f"Deleted the access key {key}: no state knows it and its secret cannot be read.")


async def _may_delete(context: Context, key: str) -> bool:
    question = Question(
        context.step,
        "confirm",
        f"Delete the access key {key} of {context.answers.ci_user_name}?",
        (
            "This project's Terraform state does not know it, so its secret cannot be read here.",
            "It was left by a run that was cut off, or belongs to another copy of the state.",
            "If CI still uses it, CI stops working until the new key is exported.",
        ),
        yes="Delete it",
        no="Stop",
    )
    return await context.ask(question) is True


async def keys_to_replace(
    view: View, terraform: Terraform, account: str, *, forced: bool = False
) -> tuple[str, ...] | None:
    """None when the access key stays; else the addresses to replace (none when there is no key yet)."""
    if ACCESS_KEY not in await terraform.addresses():
        return ()
    outputs = await terraform.outputs()
    known, encrypted = str(outputs.get("aws_iam_access_id")), str(outputs.get("aws_iam_access_key"))
    if await key_is_readable(view, account, known, encrypted):
        return None
    # Asked for by name, provision makes a new key when this one cannot be read; else only if nobody uses it.
    return None if key_is_in_use(view, known) and not forced else (ACCESS_KEY,)


async def _fresh_key_pair(context: Context, account: str, *, new: bool) -> None:
    """See to the public half in infra/, and for a new access key to a private half that is kept."""
    path = context.paths.infra / KEY_FILE
    if not new and path.is_file():
        return
    pair = openpgp.generate(f"ecrwiz {context.answers.project_id}")
    if new:
        context.tools.redact.add(pair.private)
        answers = context.answers
        entry = keychain.pgp_entry_name(account, answers.project_id, answers.env)
        try:
            await context.tools.keychain.store(entry, pair.private)
        except (MissingToolError, ToolFailedError) as error:
            context.tools.keychain.hold(entry, pair.private)
            context.say(f"{error.message} The private key stays in this process's memory only.")
    write_public_key(path, pair.public)


def write_public_key(path: Path, public: str) -> None:
    """Write the public half where Terraform finds it; it is no secret."""
    text = (
        "# Made by ecrwiz: the PUBLIC half of a throwaway OpenPGP key. The CI user's secret key is encrypted\n"
        "# to it before it reaches the state. It matters only when the access key is made.\n"
        f"ci_user_pgp_key = {json.dumps(public)}\n"
    )
    files.write_atomic(path, text)


async def _agree(context: Context, plan: Plan) -> None:
    """Go on only with a plan that the person has agreed to."""
    lines = [f"{change.action:<8} {change.address}" for change in plan.changes]
    context.say(f"Plan: {plan}.")
    agreed = context.approvals
    if agreed.everything or agreed.plan == frozenset(plan.changes):
        return
    reply = await context.ask(
        Question(context.step, "confirm", f"Apply this plan? {plan}.", tuple(lines), yes="Apply", no="Stop")
    )
    if reply is None:
        raise BadInputError(
            f"Nobody agreed to the plan ({plan}), so nothing was changed.",
            "Look at it with `ecrwiz plan`, then run with --yes.",
        )
    if reply is not True:
        raise EcrwizError("You did not agree to the plan, so nothing was changed.", "Run provision again when you do.")


async def _inputs(view: View) -> dict[str, str]:
    infra = view.paths.infra
    found = {
        f"infra/{path.relative_to(infra).as_posix()}": files.digest(files.read_text(path) or "")
        for path in sorted((*infra.glob("*.tf"), *infra.glob("*.tfvars"), *infra.glob("modules/*/*.tf")))
        if path.name != KEY_FILE
    }
    return {**found, "AWS credentials": aws.credential_hint(view.tools.environ)}


async def _gone(view: View) -> str:
    local = view.paths.terraform_state or view.paths.infra / "terraform.tfstate"
    data = view.paths.infra / ".terraform"
    if view.paths.terraform_state is None and data.is_dir() and '"local"' not in _backend(data):
        return ""  # the person's own remote backend: not asked without a run
    return "" if local.is_file() else "Terraform's state is gone"


def _backend(data: Path) -> str:
    return files.read_text(data / "terraform.tfstate") or '"local"'


STEP = Step(
    id=StepId.PROVISION,
    title="Make the repository and the CI user",
    run=_run,
    inputs=_inputs,
    needs=(StepId.RENDER,),
    gone=_gone,
)
