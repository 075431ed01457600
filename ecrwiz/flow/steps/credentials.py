"""Decrypt the CI user's secret key in memory, prove it, and put it into the operating system's keyring."""

from __future__ import annotations

import asyncio

from ecrwiz.flow import ci_key
from ecrwiz.flow.context import Context, Step, View
from ecrwiz.flow.events import Question, StepId
from ecrwiz.model.errors import EcrwizError, MissingToolError, RemoteError, ToolFailedError
from ecrwiz.model.redact import Secret
from ecrwiz.model.results import CredentialsResult, ProvisionResult
from ecrwiz.services import files, keychain, openpgp
from ecrwiz.services.aws import Aws, Identity

__all__ = ["STEP", "read_secret"]

_WAITS = (0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0)  # seconds: a new key takes a while to reach all of AWS
_NOT_YET = {"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "AccessDenied"}


async def read_secret(view: View, made: ProvisionResult) -> Secret:
    """The CI user's secret key: from the keyring, or decrypted from Terraform's output.

    Raises:
        EcrwizError: neither is possible on this machine.
    """
    entry, pgp_entry = ci_key.entries(view, made.account)
    stored, _ = await ci_key.read_quietly(view, entry)
    if stored is not None:
        access_key_id, secret = keychain.unpack(stored)
        if access_key_id == made.aws_iam_access_id:
            return view.tools.redact.add(secret)
    private, why = await ci_key.read_quietly(view, pgp_entry)
    if private is None:
        raise _unreadable(made, why or "Its private OpenPGP key is not on this machine.")
    return view.tools.redact.add(openpgp.decrypt(made.aws_iam_access_key, private))


def _unreadable(made: ProvisionResult, why: str) -> EcrwizError:
    return EcrwizError(
        f"The secret of access key {made.aws_iam_access_id} cannot be read any more. {why}",
        "Make a new key, which replaces it, with: ecrwiz run provision credentials github --force --yes",
    )


async def _run(context: Context) -> CredentialsResult:
    made = context.need(ProvisionResult)
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
    who = await _prove(context, made, secret)
    backend = await keyring.probe()
    if not backend.usable:
        await _go_on_without(context, backend.reason)
        return CredentialsResult(made.aws_iam_access_id, who.arn, who.account, "", "")
    await keyring.store(entry, value)
    context.say(f"The secret is in {backend.name}: service {keychain.SERVICE}, entry {entry}.")
    if await keyring.delete(pgp_entry):
        context.say("The throwaway OpenPGP key is not needed any more and was deleted.")
    return CredentialsResult(made.aws_iam_access_id, who.arn, who.account, backend.name, entry)


async def _prove(context: Context, made: ProvisionResult, secret: Secret) -> Identity:
    """Ask AWS who the key is; new keys are refused for some seconds."""
    context.command(f"aws sts get-caller-identity  # as {context.answers.ci_user_name}, with the new key")
    for number, wait in enumerate(_WAITS, 1):
        await asyncio.sleep(wait)
        try:
            who = await Aws(made.aws_region, (made.aws_iam_access_id, secret)).identity()
        except RemoteError as error:
            if error.code not in _NOT_YET or number == len(_WAITS):
                raise
            context.say(f"AWS does not know the new key yet (try {number} of {len(_WAITS)}).")
            continue
        if who.account != made.account or not who.arn.endswith(f":user/{made.ci_user}"):
            raise ToolFailedError(f"The key belongs to {who.arn}, not to {made.ci_user}.", "Run provision again.")
        context.say(f"AWS knows the key as {who.arn}.")
        return who
    raise ToolFailedError("AWS does not know the new key.", "Run credentials again in a minute.")


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
