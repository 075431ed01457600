"""Take the access key away after a role took its place: refuse it first, then remove its copies, then the key.

From the moment that AWS refuses the key the answers say `oidc`, so that no later run makes a new one. Every part can
be done again; what is gone already is no failure.
"""

from __future__ import annotations

from ecrwiz.flow import ci_key, copies, infra, new_key, trust
from ecrwiz.flow.context import Context, Step, View
from ecrwiz.flow.events import Question, Status, StepId
from ecrwiz.flow.github_access import open_github
from ecrwiz.flow.github_write import remove_key
from ecrwiz.flow.same_place import check_same_identity
from ecrwiz.flow.workflows import in_use
from ecrwiz.model.errors import BadInputError, EcrwizError, MissingToolError, NeedMissingError, ToolFailedError
from ecrwiz.model.results import CredentialsResult, GithubResult, ProvisionResult, RehearseResult, RetireResult
from ecrwiz.services.iam import AccessKey
from ecrwiz.services.templates.workflow import path_of

__all__ = ["STEP"]


async def _run(context: Context) -> RetireResult:
    made, proven = context.need(ProvisionResult), context.need(RehearseResult)
    who = await infra.identity(context)
    check_same_identity(context, who.account, "the access key stays")
    if not made.ci_role_arn or proven.identity != made.ci_role_arn:
        raise NeedMissingError(
            "No workflow run has worked with the role yet, so the access key stays.",
            "Go on with: ecrwiz credentials to-oidc",
        )
    await _check_owner(context)
    await new_key.refuse_during_rotation(context)
    keys = await _keys(context, made)
    if any(key.active for key in keys):
        _check_rehearsed(context)
        await _check_workflows(context)
        await _agree(context, made, keys)
    await _refuse(context, keys)
    _from_now_on(context)
    removed = [*await remove_key(context)]
    user, iam = context.answers.ci_user_name, context.tools.iam(context.answers.region)
    for key in keys:
        context.command("aws", "iam", "delete-access-key", "--user-name", user, "--access-key-id", key.id)
        await iam.delete_access_key(user, key.id)
        removed.append(f"access key {key.id}")
    removed += await _forget_secrets(context, who.account)
    context.say(*(f"removed: {what}" for what in removed))
    for key in keys:
        context.say(*copies.warnings(context.paths, key.id))
    return RetireResult(keys[0].id if keys else "", made.ci_role_arn, tuple(removed))


async def _check_owner(context: Context) -> None:
    for found in await infra.existing(context, wanted_only=False):
        if found.address == infra.USER and not found.ours:
            raise EcrwizError(infra.not_ours(found, context.answers), "Its keys were left alone.")


async def _keys(context: Context, made: ProvisionResult) -> tuple[AccessKey, ...]:
    """The user's keys, which must all be this project's.

    Raises:
        EcrwizError: there is one that nobody here knows.
    """
    user = context.answers.ci_user_name
    exported = context.find(GithubResult)
    stored, _ = await ci_key.read_quietly(context, ci_key.entries(context, made.account)[0])
    known = {made.aws_iam_access_id, ci_key.kept_id(stored), exported.access_key_id if exported else ""}
    keys = await context.tools.iam(context.answers.region).access_keys(user)
    strangers = [key.id for key in keys if key.id not in known and key.active]
    if strangers:
        raise EcrwizError(
            f"{user} also has the access key {strangers[0]}, which this folder does not know, so somebody may use it.",
            f"If nobody does: aws iam delete-access-key --user-name {user} --access-key-id {strangers[0]}",
        )
    return keys


def _check_rehearsed(context: Context) -> None:
    """What a run has proven counts for the role as it was then.

    Raises:
        NeedMissingError: the role was changed since, or a later rehearsal failed.
    """
    record = context.project.journal.get(StepId.REHEARSE)
    if record is None or record.status is not Status.OK:
        why = record.error.message if record and record.error else record.note if record else ""
        because = f" ({why})" if why else ""
        raise NeedMissingError(
            f"No workflow run has worked with the role as it is now{because}, so the access key stays.",
            "Go on with: ecrwiz credentials to-oidc",
        )


async def _check_workflows(context: Context) -> None:
    """The key stays while a workflow on the default branch needs it, or could not work with the role.

    Raises:
        EcrwizError: one does, and nobody agreed that it may fail; or the role does not let the rendered one in.
    """
    repository = context.need(GithubResult).repository
    async with await open_github(context) as api:
        found = await in_use(context, api, repository)
        refused = await trust.refused(context, api)
    if refused:
        raise NeedMissingError(
            f"{context.answers.ci_role_name} does not let in the workflow's own runs on {found.branch} "
            f"({', '.join(refused)}), so CI would have nothing to work with: the access key stays.",
            "Let oidc_trust list that run too, or be empty (--set oidc_trust=); then: ecrwiz credentials to-oidc",
        )
    if not found.role:
        what = "still works with the access key" if found.rendered else "is not there yet"
        raise NeedMissingError(
            f"{path_of(context.answers)} on {repository}'s {found.branch} {what}.",
            f"Commit and push it to {found.branch}, then run again: ecrwiz credentials to-oidc",
        )
    if not found.others:
        return
    names = ", ".join(found.others)
    body = (f"They are {names}.", "Without the access key's secrets, their runs will fail.")
    question = Question(
        context.step,
        "confirm",
        "Other workflows use the access key. Take it away all the same?",
        body,
        yes="Take it away",
        no="Stop",
    )
    if await context.ask(question) is not True:
        raise EcrwizError(
            f"{names} on {found.branch} use the access key's secrets too, so the key stays.",
            "Let them assume the role as well, or agree in a terminal: ecrwiz credentials to-oidc",
        )


async def _agree(context: Context, made: ProvisionResult, keys: tuple[AccessKey, ...]) -> None:
    """The last word before CI depends on the role alone."""
    iam = context.tools.iam(context.answers.region)
    facts = []
    for key in keys:
        used = await iam.last_use(key.id)
        when = f"last used {used.when:%Y-%m-%d %H:%M} UTC for {used.service} in {used.region}" if used else "never used"
        facts.append(f"access key {key.id}, made {key.created:%Y-%m-%d}, {when} (IAM may lag by some hours)")
        facts += copies.warnings(context.paths, key.id)
    context.say(*facts)
    if context.approvals.everything:
        return
    question = Question(
        context.step,
        "confirm",
        f"Retire {' and '.join(key.id for key in keys)}? CI works with {made.ci_role_arn} from then on.",
        (*facts, "It is deactivated, its secrets on GitHub and in the keyring are removed, and it is deleted."),
        yes="Retire it",
        no="Keep it",
    )
    if await context.ask(question) is not True:
        raise BadInputError(
            "Nobody agreed, so the access key stays.", "Run with --yes: ecrwiz credentials to-oidc --yes"
        )


async def _refuse(context: Context, keys: tuple[AccessKey, ...]) -> None:
    user, iam = context.answers.ci_user_name, context.tools.iam(context.answers.region)
    for key in keys:
        if key.active:
            words = ("aws", "iam", "update-access-key", "--user-name", user, "--access-key-id", key.id)
            context.command(*words, "--status", "Inactive")
            await iam.set_access_key(user, key.id, active=False)
            context.say(f"AWS refuses {key.id} from now on.")


def _from_now_on(context: Context) -> None:
    """Before the key is deleted: else the next run would find it missing, and make a new one."""
    if context.answers.ci_identity != "oidc":
        context.project.answer({"ci_identity": "oidc"})
        context.project.save_answers()
        context.say("ecrwiz.toml says ci_identity = oidc now.")


async def _forget_secrets(context: Context, account: str) -> list[str]:
    """Remove the keyring's entries; without a keyring there are none, unless one kept the secret before.

    Raises:
        EcrwizError: an entry that was made is out of reach.
    """
    kept = context.find(CredentialsResult)
    removed: list[str] = []
    for entry in ci_key.all_entries(context, account):
        try:
            if await context.tools.keychain.delete(entry):
                removed.append(f"keyring entry {entry}")
        except (MissingToolError, ToolFailedError) as error:
            if kept is None or kept.backend:
                raise
            context.say(f"The keyring never had the secret, and was not looked at: {error.message}")
            break
    return removed


async def _inputs(_: View) -> dict[str, str]:
    return {}  # asked for, it is always done


STEP = Step(
    id=StepId.RETIRE,
    title="Retire the access key",
    run=_run,
    inputs=_inputs,
    needs=(StepId.PROVISION, StepId.REHEARSE),
)
