"""Decrypt the CI user's secret key in memory, prove it, and put it into the operating system's keyring."""

from __future__ import annotations

from ecrwiz.flow import ci_key
from ecrwiz.flow.context import Context, Step, View
from ecrwiz.flow.events import Question, StepId
from ecrwiz.model.errors import EcrwizError, MissingToolError
from ecrwiz.model.redact import Secret
from ecrwiz.model.results import CredentialsResult, ProvisionResult
from ecrwiz.services import files, keychain, openpgp

__all__ = ["STEP", "read_secret"]


async def read_secret(view: View, made: ProvisionResult) -> Secret:
    """The CI user's secret key: from the keyring, or decrypted from Terraform's output.

    Raises:
        EcrwizError: neither is possible on this machine.
    """
    entry, pgp_entry = ci_key.entries(view, made.account)
    stored, locked = await ci_key.read_quietly(view, entry)
    if stored is not None:
        access_key_id, secret = keychain.unpack(stored)
        if access_key_id == made.aws_iam_access_id:
            return view.tools.redact.add(secret)
    there = ci_key.kept_id(stored)
    if not made.aws_iam_access_key:  # made by a rotation, whose only copy the keyring has
        raise _only_in_a_keyring(made, locked, there)
    private, why = await ci_key.read_quietly(view, pgp_entry)
    if private is None and there:
        raise _only_in_a_keyring(made, "", there)
    if private is None:
        raise _unreadable(made, why or "Its private OpenPGP key is not on this machine.")
    return view.tools.redact.add(openpgp.decrypt(made.aws_iam_access_key, private))


def _unreadable(made: ProvisionResult, why: str) -> EcrwizError:
    return EcrwizError(
        f"The secret of access key {made.aws_iam_access_id} cannot be read any more. {why}",
        "Make a new key, which replaces it, with: ecrwiz run provision credentials github --force --yes",
    )


def _only_in_a_keyring(made: ProvisionResult, locked: str, there: str) -> EcrwizError:
    if locked:
        why, hint = locked, "Unlock the keyring and try again; or replace the key with: ecrwiz credentials rotate"
    else:
        instead = f"has the key {there} in its place" if there else "does not have it"
        why, hint = f"This machine's keyring {instead}.", "Replace the key by a new one with: ecrwiz credentials rotate"
    return EcrwizError(f"The secret of access key {made.aws_iam_access_id} cannot be read here. {why}", hint)


async def _run(context: Context) -> CredentialsResult:
    made = context.need(ProvisionResult)
    if not context.answers.has_key:
        return _role(context, made)
    entry, pgp_entry = ci_key.entries(context, made.account)
    try:
        secret = await read_secret(context, made)
    except EcrwizError:
        if not ci_key.is_in_use(context, made.aws_iam_access_id):  # then the next run makes a new one
            context.project.journal.spoil(StepId.PROVISION, "the access key's secret cannot be read")
        raise
    value = keychain.pack(made.aws_iam_access_id, secret)
    keyring = context.tools.keychain
    keyring.hold(entry, value)  # whatever the keyring does, the next step of this run has it
    context.command(f"aws sts get-caller-identity  # as {context.answers.ci_user_name}, with the new key")
    who = await ci_key.prove(made, (made.aws_iam_access_id, secret), context.say)
    context.say(f"AWS knows the key as {who.arn}.")
    backend = await keyring.probe()
    if not backend.usable:
        await _go_on_without(context, backend.reason)
        return CredentialsResult(made.aws_iam_access_id, who.arn, who.account, "", "")
    await keyring.store(entry, value)
    context.say(f"The secret is in {backend.name}: service {keychain.SERVICE}, entry {entry}.")
    if await keyring.delete(pgp_entry):
        context.say("The throwaway OpenPGP key is not needed any more and was deleted.")
    return CredentialsResult(made.aws_iam_access_id, who.arn, who.account, backend.name, entry)


def _role(context: Context, made: ProvisionResult) -> CredentialsResult:
    """A role has no secret: GitHub gets credentials from AWS anew for each run."""
    if not made.ci_role_arn:
        context.project.journal.spoil(StepId.PROVISION, "the role for GitHub has not been made")
        raise EcrwizError(
            f"The CI identity is to be the role {context.answers.ci_role_name}, and provision has made none yet.",
            "Make it with: ecrwiz run provision credentials",
        )
    context.say(f"The CI identity is the role {made.ci_role_arn}: there is no secret to keep.")
    return CredentialsResult("", made.ci_role_arn, made.account, "", "")


async def _go_on_without(context: Context, reason: str) -> None:
    """No keyring: say so, and go on without a local copy only if the person agrees, here or while provisioning."""
    if not context.approvals.everything and StepId.PROVISION not in context.together:
        question = Question(
            context.step,
            "confirm",
            "Go on without a local copy of the CI secret?",
            (
                reason,
                "The secret stays in this process's memory and can be exported to GitHub in this run.",
                "After that nobody can read it again; a new key can be made at any time.",
            ),
            yes="Go on without",
            no="Stop",
        )
        if await context.ask(question) is not True:
            raise MissingToolError(reason, "Run with --yes to go on without a local copy of the secret.")
    context.say(f"{reason} Going on without a local copy of the secret.")


async def _inputs(view: View) -> dict[str, str]:
    made = view.find(ProvisionResult)
    if made is None:
        return {}
    if not view.answers.has_key:
        return {"role": made.ci_role_arn, "account": made.account}
    return {
        "access key": made.aws_iam_access_id,
        "encrypted secret": files.digest(made.aws_iam_access_key),
        "account": made.account,
    }


STEP = Step(
    id=StepId.CREDENTIALS,
    title="Keep the CI credentials in the keyring",
    run=_run,
    inputs=_inputs,
    needs=(StepId.PROVISION,),
)
