"""When Terraform makes a new access key, and what has to be true before it does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from ecrwiz.flow import ci_key, infra, layout, rotation
from ecrwiz.flow.context import Context, View
from ecrwiz.flow.events import Question, Status, StepId
from ecrwiz.flow.journal import Record
from ecrwiz.flow.variable_files import write_public_key
from ecrwiz.model.errors import EcrwizError, MissingToolError, ToolFailedError
from ecrwiz.services import openpgp
from ecrwiz.services.terraform import State

__all__ = ["clear_lost_keys", "fresh_key_pair", "keys_to_replace", "refuse_during_rotation"]

_NOT_FINISHED: Final = (Status.RUNNING, Status.CANCELLED, Status.FAILED, Status.STALE)


async def keys_to_replace(
    view: View, state: State, account: str, before: Record | None, *, forced: bool = False
) -> tuple[str, ...] | None:
    """None when the access key stays, or none is wanted; else the addresses to replace (none when there is no key yet).

    Args:
        view: the project.
        state: what Terraform knows, after `infra.follow_key` where the state may be changed.
        account: AWS account id.
        before: the record of the last time.
        forced: the step was asked for by name.
    """
    if not view.answers.has_key:
        return None
    key = state.resources.get(infra.ACCESS_KEY)
    if key is None:
        return ()
    # A key that a rotation made has no encrypted secret: the keyring alone has it.
    known, encrypted = str(key.get("id") or ""), str(key.get("encrypted_secret") or "")
    if await ci_key.is_readable(view, account, known, encrypted):
        return None
    # An unreadable key may be in use elsewhere (this is another machine, say): it is replaced when that was asked
    # for by name, or when this folder's own journal tells that it was lost here before it was put anywhere.
    lost = before is not None and before.status in _NOT_FINISHED and not ci_key.is_in_use(view, known)
    return (infra.ACCESS_KEY,) if forced or lost else None


async def clear_lost_keys(context: Context, state: State, account: str, *, foreign: bool = False) -> None:
    """Delete what a run that was cut left behind; leave every other key alone, and see that there is room for one.

    The keys of a user that ecrwiz did not make (`foreign`) are all somebody else's.

    Only a key that was made after the cut run began is known to be this project's own and of no use: its secret
    went to Terraform, which did not live to write it down. One that the keyring or a rotation knows is never that.

    Raises:
        EcrwizError: there is no room for a key, or AWS refused.
    """
    iam = context.tools.iam(context.answers.region)
    user = context.answers.ci_user_name
    known = str(state.resources.get(infra.ACCESS_KEY, {}).get("id", ""))
    others = [key for key in await iam.access_keys(user) if key.id != known]
    before, rotated = context.before, await _of_rotations(context, account)
    cut = before is not None and before.status in (Status.RUNNING, Status.CANCELLED, Status.FAILED)
    began = datetime.fromtimestamp(int(before.started), UTC) if before and cut and not foreign else None
    for key in list(others):
        if began and key.created >= began and key.id not in rotated:
            context.command("aws", "iam", "delete-access-key", "--user-name", user, "--access-key-id", key.id)
            await iam.delete_access_key(user, key.id)
            context.say(f"Deleted the access key {key.id}: the run that was cut made it, and nobody has its secret.")
            others.remove(key)
        else:
            context.say(f"{user} also has the access key {key.id}, which this folder's state does not know; it stays.")
    room = rotation.QUOTA - len(others) - bool(known)
    if not known and room < 1:
        raise EcrwizError(
            f"{user} has {len(others)} access keys already, which is IAM's limit, and this folder's state knows none.",
            f"Delete one that nothing uses: aws iam delete-access-key --user-name {user} --access-key-id "
            f"{others[-1].id}; or bring the state that knows it into infra/.",
        )


async def _of_rotations(view: View, account: str) -> frozenset[str]:
    """The ids of the keys that the keyring has, for use or for a rotation that is not at its end."""
    entries = (ci_key.entries(view, account)[0], ci_key.next_entry(view, account))
    return frozenset([ci_key.kept_id((await ci_key.read_quietly(view, entry))[0]) for entry in entries])


async def refuse_during_rotation(view: View) -> None:
    """Leave a user alone whose key is being replaced: Terraform would take the rotation's mark away.

    Raises:
        EcrwizError: a rotation has begun and not ended.
    """
    if not view.answers.has_key:
        return
    tags = await view.tools.iam(view.answers.region).user_tags(view.answers.ci_user_name)
    if rotation.marks(tags or {}):
        raise EcrwizError(
            f"The access key of {view.answers.ci_user_name} is being replaced, or that was cut: nothing was changed.",
            "Bring it to its end with: ecrwiz credentials rotate",
        )


async def fresh_key_pair(context: Context, account: str) -> None:
    """A new pair for a new access key: the public half into infra/, the private one into the keyring.

    Raises:
        EcrwizError: there is no keyring, and nobody agreed to go on without one.
    """
    pair = openpgp.generate(f"ecrwiz {context.answers.project_id}")
    context.tools.redact.add(pair.private)
    _, entry = ci_key.entries(context, account)
    try:
        await context.tools.keychain.store(entry, pair.private)
    except (MissingToolError, ToolFailedError) as error:
        await _without_keyring(context, error)
    # Held too, so that another copy of this project that writes the same entry meanwhile loses us nothing.
    context.tools.keychain.hold(entry, pair.private)
    write_public_key(context.paths.infra / layout.KEY_FILE, pair.public, context.paths.root)


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
