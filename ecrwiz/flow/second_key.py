"""The first half of a rotation: a second access key, made when nobody else makes one, its secret kept at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from ecrwiz.flow import ci_key, github_plan, rotation
from ecrwiz.flow.context import Context
from ecrwiz.flow.events import Question
from ecrwiz.flow.github_access import check_destination
from ecrwiz.flow.github_write import targets
from ecrwiz.flow.rotation import MARK, Note, Standing
from ecrwiz.model.errors import EcrwizError, MissingToolError, RemoteError
from ecrwiz.model.results import ProvisionResult
from ecrwiz.services import keychain

__all__ = ["Rotation"]

_PHASES: Final = 8
_WAITS: Final = (0.5, 1.0, 2.0, 4.0)  # seconds in which the other of two rotations withdraws
# After these, AWS has made no key for certain (IAM API reference, "Common Errors" and CreateAccessKey; Throttling).
_REFUSED: Final = frozenset(
    {
        "AccessDenied", "AccessDeniedException", "ExpiredToken", "ExpiredTokenException", "IncompleteSignature",
        "InvalidClientTokenId", "LimitExceeded", "MissingAuthenticationToken", "NoSuchEntity", "NotAuthorized",
        "OptInRequired", "RequestExpired", "SignatureDoesNotMatch", "Throttling", "ThrottlingException",
        "UnrecognizedClientException", "ValidationError",
    }
)  # fmt: skip
_T = TypeVar("_T")


class Rotation:
    """What both halves of a rotation share, and the first of them.

    Args:
        context: of the step.
        made: the user whose key it is.

    Attributes:
        context: of the step.
        made: the user whose key it is.
        iam: IAM with the operator's credentials.
        keyring: the system's.
        entry: the keyring's entry of the key in use.
        next: the one of the key that is to come into use.
        note: what the next run will know of this one.
    """

    def __init__(self, context: Context, made: ProvisionResult) -> None:
        self.context = context
        self.made = made
        self.iam = context.tools.iam(made.aws_region)
        self.keyring = context.tools.keychain
        self.entry = ci_key.entries(context, made.account)[0]
        self.next = ci_key.next_entry(context, made.account)
        self.note = rotation.begin_note(made, "")

    async def make(self, todo: Standing, before: frozenset[str]) -> Standing:
        """Make the new key and keep its secret, with room made by deleting what a cut run of ours lost."""
        await self._see_to_github()
        backend = await self._where_to_keep()
        for key in todo.lost:
            await self.delete(key)
            self.context.say(f"{key} was made by the rotation that was cut, and nobody has its secret.")
        nonce, started = self.note.nonce, time.time()
        self.note = Note(nonce, self.made.account, self.made.ci_user, started, todo.old, backend=backend)
        self.write()
        await self.mark()
        await self._be_alone(before - set(todo.lost))
        self.done(1, "nobody else replaces the key now")
        new = await _to_the_end(self._create())
        await self._check_company(todo.old if todo.old in before else "", new)
        self.done(2, f"{new} is made, and its secret is kept")
        return Standing("use", todo.old, new)

    async def _see_to_github(self) -> None:
        """What GitHub would refuse, and a key there that this folder knows nothing of, are better known beforehand.

        Raises:
            EcrwizError: GitHub would refuse, or workflows could be left with a key that is deleted.
        """
        context, exported = self.context, await self.check_destinations()
        if not exported and not context.answers.github_repository:
            return
        plan = await github_plan.look(context.project)
        if exported:
            if plan.problem is not None and not isinstance(plan.problem, MissingToolError):
                raise plan.problem
            return
        there = [entry.name for entry in plan.entries if entry.kind == "secret" and entry.there]
        if plan.problem is None and not there:
            return
        repository = plan.repository or context.answers.github_repository
        if plan.problem is None:
            why = f"{repository} on GitHub has {' and '.join(there)}, which this folder did not put there."
        else:
            why = f"Whether {repository} on GitHub has the access key cannot be found out: {plan.problem.message}"
        await self._go_on_all_the_same(why)

    async def check_destinations(self) -> bool:
        """Whether the key was exported; the places are the person's own, though a file of the project may name them.

        Raises:
            BadInputError: nobody agreed to a place that is in doubt.
        """
        known = targets(self.context)
        for repository in dict.fromkeys(target.repository for target in known):
            await check_destination(self.context, repository)
        return bool(known)

    async def _go_on_all_the_same(self, why: str) -> None:
        body = (
            why,
            "If workflows there use the access key that is replaced now, they fail until they get the new one.",
        )
        title = "Replace the access key without GitHub?"
        question = Question(self.context.step, "confirm", title, body, yes="Go on without", no="Stop")
        if await self.context.ask(question) is not True:
            raise EcrwizError(
                f"{why} The access key was not replaced.",
                "Export the key from here first, then rotate: ecrwiz run github",
            )

    async def _where_to_keep(self) -> str:
        """The keyring's name; empty when the person agrees to go on without one."""
        backend = await self.keyring.probe()
        if not backend.usable:  # it may have been unlocked since
            backend = await self.keyring.probe(again=True)
        if backend.usable:
            return backend.name
        context = self.context
        if not targets(context):
            raise MissingToolError(
                f"{backend.reason} The new key's secret would be lost when this process ends.",
                "Install or unlock the system's keyring, or export to GitHub first: ecrwiz run github",
            )
        if not context.approvals.everything:
            body = (backend.reason, "The new secret stays in this process's memory and goes to GitHub.")
            title = "Go on without a local copy of the CI secret?"
            question = Question(context.step, "confirm", title, body, yes="Go on without", no="Stop")
            if await context.ask(question) is not True:
                raise MissingToolError(backend.reason, "Run with --yes to go on without a local copy of the secret.")
        context.say(f"{backend.reason} Going on without a local copy of the secret.")
        return ""

    async def mark(self) -> None:
        """Say on the user that a rotation is going on, for whoever else may begin one."""
        tag, when = f"{MARK}/{self.note.nonce}", datetime.fromtimestamp(self.note.started, UTC)
        self.aws("tag-user", "--tags", f"Key={tag},Value={when:%Y-%m-%dT%H:%M:%SZ}")
        await self.iam.tag_user(self.made.ci_user, tag, f"{when:%Y-%m-%dT%H:%M:%SZ}")

    async def unmark(self) -> None:
        """Take that mark away, and no other's."""
        self.aws("untag-user", "--tag-keys", f"{MARK}/{self.note.nonce}")
        await self.iam.untag_user(self.made.ci_user, f"{MARK}/{self.note.nonce}")

    async def _withdraw(self) -> None:
        """End a rotation that has changed nothing."""
        await self.unmark()
        rotation.forget(self.context)

    async def _be_alone(self, expected: frozenset[str]) -> None:
        """Withdraw when another rotation is going on; of two that begin at once the one with the lower nonce waits."""
        user = self.made.ci_user
        for wait in (*_WAITS, None):
            others = await self._others()
            if not others or wait is None or min(others) < self.note.nonce:
                break
            await asyncio.sleep(wait)
        now = frozenset(key.id for key in await self.iam.access_keys(user))
        if others or now != expected:
            await self._withdraw()
            if others:
                raise rotation.stranger(user, others)
            raise EcrwizError(
                f"The access keys of {user} changed while this began: nothing was changed here.", "Run it again."
            )

    async def _create(self) -> str:
        """Make a key; its secret goes into the keyring before anything else is done."""
        user = self.made.ci_user
        self.aws("create-access-key")
        try:
            new, secret = await self.iam.create_access_key(user)
        except RemoteError as error:
            raise await self._no_key(error) from error
        self.context.tools.redact.add(secret)
        value = keychain.pack(new, secret, self.note.nonce)
        try:
            if self.note.backend:
                await self.keyring.store(self.next, value)
            else:
                self.keyring.hold(self.next, value)
        except EcrwizError:
            self.write(new=new)
            await self.delete(new)
            await self._withdraw()
            raise
        self.write(new=new)
        return new

    async def _no_key(self, error: RemoteError) -> EcrwizError:
        """Why AWS made no key. One that a lost answer hides is found by the next run, by mark and note."""
        user = self.made.ci_user
        if error.code not in _REFUSED:
            return EcrwizError(
                f"{error.message} Whether {user} got a second access key all the same is not known.",
                "Run again, which finds it and goes on: ecrwiz credentials rotate",
            )
        others = await self._others()
        if error.code != "LimitExceeded" or others:
            await self._withdraw()
            return rotation.stranger(user, others) if others else error
        return EcrwizError(
            f"{user} got a second access key at this very moment, and IAM allows {rotation.QUOTA}: nothing is lost.",
            "Run again, which finds out whose it is: ecrwiz credentials rotate",
        )

    async def _others(self) -> dict[str, str]:
        """The rotations that others began and that have not ended."""
        found = rotation.marks(await self.iam.user_tags(self.made.ci_user) or {})
        return {nonce: when for nonce, when in found.items() if nonce != self.note.nonce}

    async def _check_company(self, old: str, new: str) -> None:
        """The last line of defence: with the new key the user must have the old one and no other.

        A rotation that ended elsewhere a moment ago made room for this one.
        """
        now = {key.id for key in await self.iam.access_keys(self.made.ci_user)}
        if now <= {old, new} and (not old or old in now):
            return
        await self.delete(new)
        await self.keyring.delete(self.next)
        await self._withdraw()
        raise EcrwizError(
            f"The access key {old} of {self.made.ci_user} was replaced from another folder or machine at this moment; "
            "the key that was made here was deleted again.",
            "Go on from there, where the new key is kept.",
        )

    async def delete(self, key: str) -> None:
        """Delete an access key of the user."""
        self.aws("delete-access-key", "--access-key-id", key)
        await self.iam.delete_access_key(self.made.ci_user, key)

    def write(self, **changes: Any) -> None:  # noqa: ANN401  # the fields of a note
        """Change the note, on disk first."""
        self.note = rotation.write_note(self.context, replace(self.note, **changes))

    def aws(self, *words: str) -> None:
        """Show a call of IAM about the user as a person could type it."""
        verb, *rest = words
        self.context.command("aws", "iam", verb, "--user-name", self.made.ci_user, *rest)

    def done(self, number: int, words: str) -> None:
        """Tell that a phase is behind."""
        self.context.progress(number, _PHASES, "phases", words)


async def _to_the_end(work: Coroutine[Any, Any, _T]) -> _T:
    """Let work finish that must not be left in the middle, though the person cancels meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
