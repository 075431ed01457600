"""Make every access key of the CI user useless at once, then remove the keys and their copies.

IAM comes first, and within it every key is refused before one is deleted. What cannot be reached after that
(GitHub, the keyring) is said at the end; the step can be run again until nothing is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ecrwiz.flow import ci_key, copies, infra, rotation
from ecrwiz.flow.context import Context, Skipped, Step, View
from ecrwiz.flow.events import Question, StepId
from ecrwiz.flow.github_write import remove_key
from ecrwiz.flow.same_place import check_same_identity
from ecrwiz.model.errors import BadInputError, EcrwizError, ToolFailedError
from ecrwiz.model.results import RevokeResult
from ecrwiz.services.iam import AccessKey, Iam

__all__ = ["STEP"]

_REASON = "the access key was revoked"


@dataclass
class _Done:
    """What was removed, and what could not be."""

    context: Context
    removed: list[str] = field(default_factory=list)
    left: list[EcrwizError] = field(default_factory=list)

    async def attempt(self, what: str, work: Callable[[], Awaitable[bool]]) -> None:
        """Remove one copy; a failure is kept for the end."""
        try:
            if await work():
                self.removed.append(what)
                self.context.say(f"removed: {what}")
        except EcrwizError as error:
            self.left.append(error)
            self.context.say(f"still there, perhaps: {what}. {error.message}")


async def _run(context: Context) -> RevokeResult | Skipped:
    who = await infra.identity(context)
    check_same_identity(context, who.account, "no key was revoked")
    user, iam = context.answers.ci_user_name, context.tools.iam(context.answers.region)
    await _check_owner(context)
    tags = await iam.user_tags(user)
    keys = await iam.access_keys(user)
    await _agree(context, user, keys)
    _spoil(context, keys)
    await _refuse(context, iam, keys)
    done = _Done(context)
    for key in keys:
        context.command("aws", "iam", "delete-access-key", "--user-name", user, "--access-key-id", key.id)
        await iam.delete_access_key(user, key.id)
        context.say(f"{key.id} is deleted.")
    await _github(context, done)
    for entry in ci_key.all_entries(context, who.account):
        await done.attempt(f"keyring entry {entry}", lambda entry=entry: context.tools.keychain.delete(entry))  # type: ignore[misc]
    for nonce in rotation.marks(tags or {}):
        await iam.untag_user(user, f"{rotation.MARK}/{nonce}")
    for line in (line for key in keys for line in copies.warnings(context.paths, key.id)):
        context.say(line)
    if done.left:
        raise _incomplete(keys, done.left)
    rotation.forget_of(context, who.account, user)
    if not keys and not done.removed:
        return Skipped(f"there is no access key of {user}, and no copy of one")
    return RevokeResult(tuple(key.id for key in keys), tuple(done.removed))


async def _check_owner(context: Context) -> None:
    """The user alone counts: whatever is wrong with the repository must not keep a leaked key alive."""
    for found in await infra.existing(context, wanted_only=False):
        if found.address == infra.USER and not found.ours:
            raise EcrwizError(infra.not_ours(found, context.answers), "Take another project_id or env.")


async def _agree(context: Context, user: str, keys: tuple[AccessKey, ...]) -> None:
    """Have the project's id typed: CI stops at once, and nothing brings these keys back."""
    if context.approvals.everything:
        return
    project_id = context.answers.project_id
    body = (
        *(f"access key {key.id} of {user}, made {key.created:%Y-%m-%d}" for key in keys),
        "AWS refuses each of them from that moment on, and every workflow that uses one fails.",
        "The secrets on GitHub and the keyring's entries go too. `ecrwiz run` makes a new key.",
    )
    question = Question(
        context.step, "text", f"Type {project_id} to revoke every access key of {user}", body, yes="Revoke", no="Stop"
    )
    if await context.ask(question) != project_id:
        raise BadInputError(
            "Nothing was revoked: the project's id was not typed out.",
            f"Run: ecrwiz credentials revoke --yes --confirm {project_id}",
        )


def _spoil(context: Context, keys: tuple[AccessKey, ...]) -> None:
    """Before the keys go: what was made of them is of no use from now on, so that the next run makes it anew."""
    journal = context.project.journal
    if not keys:
        return
    with journal.at_once():
        journal.amend(StepId.CREDENTIALS, {"access_key_id": "", "backend": "", "entry": ""}, {})
        journal.amend(StepId.GITHUB, {"access_key_id": ""}, {})
        for step in (StepId.PROVISION, StepId.CREDENTIALS, StepId.VERIFY, StepId.GITHUB):
            journal.spoil(step, _REASON)


async def _refuse(context: Context, iam: Iam, keys: tuple[AccessKey, ...]) -> None:
    """Every key at once; AWS's own limits allow no more than two."""
    user = context.answers.ci_user_name
    for key in keys:
        words = ("aws", "iam", "update-access-key", "--user-name", user, "--access-key-id", key.id)
        context.command(*words, "--status", "Inactive")
    outcomes = await asyncio.gather(
        *(iam.set_access_key(user, key.id, active=False) for key in keys), return_exceptions=True
    )
    failed = [error for error in outcomes if error is not None]
    if failed:
        raise failed[0]
    if keys:
        context.say(f"AWS refuses {' and '.join(key.id for key in keys)} from now on.")


async def _github(context: Context, done: _Done) -> None:
    """The two secrets where ecrwiz put them; the variables say only where to push, and stay."""
    try:
        for what in await remove_key(context):
            done.removed.append(what)
            context.say(f"removed: {what}")
    except EcrwizError as error:
        done.left.append(error)
        context.say(f"still there, perhaps: the secrets on GitHub. {error.message}")


def _incomplete(keys: tuple[AccessKey, ...], left: list[EcrwizError]) -> EcrwizError:
    """AWS refuses the keys whatever else failed, and that is said first."""
    revoked = " and ".join(key.id for key in keys) or "every access key"
    return ToolFailedError(
        f"AWS refuses {revoked} for good, but not every copy could be removed: {left[0].message}",
        f"{left[0].hint} Then run again: ecrwiz credentials revoke".strip(),
    )


async def _inputs(_: View) -> dict[str, str]:
    return {}  # asked for, it is always done


STEP = Step(
    id=StepId.REVOKE,
    title="Revoke the access key",
    run=_run,
    inputs=_inputs,
    needs=(),
)
