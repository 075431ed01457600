"""Who the CI identity is and where its copies are, asked of every place at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from ecrwiz.flow import copies, custody_places, rotation
from ecrwiz.flow.context import View
from ecrwiz.flow.events import Status, StepId
from ecrwiz.flow.project import Project
from ecrwiz.model.custody import Copy, Custody, Used
from ecrwiz.model.errors import BadInputError, EcrwizError, MissingToolError
from ecrwiz.model.results import CredentialsResult, ProvisionResult, RotateResult
from ecrwiz.services import files
from ecrwiz.services.iam import AccessKey, LastUse

__all__ = ["OLD_AFTER", "ago", "custody", "reminder"]

OLD_AFTER: Final = timedelta(days=90)
"""When a key is to be replaced: the age that AWS's own rule `access-keys-rotated` takes."""

_SECONDS: Final = 25.0  # for each place; a keyring may ask for its password meanwhile
_LAG: Final = timedelta(minutes=5)  # two clocks


@dataclass
class _Cloud:
    """What AWS says."""

    account: str = ""
    user: str = ""
    role: str = ""
    keys: tuple[AccessKey, ...] = ()
    used: dict[str, LastUse | None] = field(default_factory=dict)
    rotating: bool = False
    problem: str = ""
    hint: str = ""


async def custody(project: Project) -> Custody:
    """Ask AWS, the keyring, GitHub and GitLab, and look at profiles and files, at the same time.

    A place that does not answer, or not in time, is in the ledger as `unknown` with the reason.

    Raises:
        BadInputError: an answer cannot be used.
    """
    answers = project.answers
    view = View(project, StepId.CREDENTIALS)
    made, kept = view.find(ProvisionResult), view.find(CredentialsResult)
    known = made.account if made else kept.account if kept else ""
    cloud_task = asyncio.create_task(_cloud(view, known))
    account = known or (await cloud_task).account
    jobs: list[Awaitable[Sequence[Copy]]] = [
        _within(custody_places.keyring(view, account), "keyring", "the system's keyring"),
        _within(custody_places.github(view), "github", "GitHub's secrets"),
        *(_within(custody_places.noted(view, copy), copy.kind, copy.place) for copy in copies.noted(project.paths)),
    ]
    found = await asyncio.gather(*jobs)
    cloud = await cloud_task
    places = [copy for group in found for copy in group]
    current = _current(cloud, places, made)
    used = next((_used(cloud, key.id) for key in cloud.keys if current and key.id == current.id), "")
    secret_ids = {copy.access_key_id for copy in places if copy.kind == "keyring" and copy.state == "there"}
    return Custody(
        identity=answers.ci_identity,
        arn=cloud.user or cloud.role,
        account=account or cloud.account,
        access_key_id=current.id if current else (made.aws_iam_access_id if made and cloud.problem else ""),
        created=current.created if current else None,
        status=("Active" if current.active else "Inactive") if current else "",
        last_used=used,
        copies=(*_identities(view, cloud), *places),
        warnings=tuple(_warnings(project, cloud, places, current, secret_ids)),
        user=cloud.user,
        role=cloud.role,
        problem=f"{cloud.problem} {cloud.hint}".strip(),
        used=_last(cloud, current.id) if current else None,
    )


async def _within(work: Awaitable[Sequence[Copy]], kind: custody_places.Kind, place: str) -> Sequence[Copy]:
    try:
        async with asyncio.timeout(_SECONDS):
            return await work
    except TimeoutError:
        return (Copy(kind, place, "unknown", note=f"no answer within {_SECONDS:g} seconds"),)
    except EcrwizError as error:
        return (Copy(kind, place, "unknown", note=error.message),)


async def _cloud(view: View, account: str) -> _Cloud:
    found = _Cloud()
    try:
        async with asyncio.timeout(_SECONDS):
            await _ask_cloud(view, account, found)
    except TimeoutError:
        found.problem = f"AWS did not answer within {_SECONDS:g} seconds."
    except (EcrwizError, MissingToolError) as error:
        found.problem, found.hint = error.message, error.hint
    return found


async def _ask_cloud(view: View, account: str, found: _Cloud) -> None:
    answers = view.answers
    who = await view.tools.aws(answers.region).identity()
    if account and who.account != account:
        raise BadInputError(
            f"The CI identity is in account {account}, and your AWS credentials are of account {who.account}."
        )
    found.account = who.account
    iam = view.tools.iam(answers.region)
    partition = who.arn.split(":")[1]
    role, tags, keys = await asyncio.gather(
        iam.role(answers.ci_role_name), iam.user_tags(answers.ci_user_name), iam.access_keys(answers.ci_user_name)
    )
    found.role = role.arn if role else ""
    if tags is not None:
        found.user = f"arn:{partition}:iam::{who.account}:user/{answers.ci_user_name}"
        found.rotating = bool(rotation.marks(tags))
    found.keys = keys
    uses = await asyncio.gather(*(iam.last_use(key.id) for key in keys))
    found.used = dict(zip((key.id for key in keys), uses, strict=True))


def _current(cloud: _Cloud, places: Sequence[Copy], made: ProvisionResult | None) -> AccessKey | None:
    """The key in use: the one that the keyring has, else the one that the journal knows, else the newest."""
    keys = {key.id: key for key in cloud.keys}
    wanted = [copy.access_key_id for copy in places if copy.kind == "keyring" and not copy.place.endswith("/next")]
    wanted += [made.aws_iam_access_id] if made else []
    newest = sorted(cloud.keys, key=lambda key: key.created, reverse=True)
    return next((keys[name] for name in wanted if name in keys), newest[0] if newest else None)


def _identities(view: View, cloud: _Cloud) -> Iterator[Copy]:
    answers = view.answers
    if cloud.problem:
        if answers.has_key:
            yield Copy("iam-key", f"IAM user {answers.ci_user_name}", "unknown", note=cloud.problem)
        if answers.has_role:
            yield Copy("iam-role", f"IAM role {answers.ci_role_name}", "unknown", note=cloud.problem)
        return
    for key in cloud.keys:
        words = "" if key.active else "inactive, "
        yield Copy(
            "iam-key", f"access key {key.id} of {answers.ci_user_name}", "there", key.id, key.created,
            words + _used(cloud, key.id),
        )  # fmt: skip
    if not cloud.keys and answers.has_key:
        yield Copy("iam-key", f"access key of {answers.ci_user_name}", "absent")
    if cloud.role or answers.has_role:
        yield Copy("iam-role", f"role {answers.ci_role_name}", "there" if cloud.role else "absent", note=cloud.role)


def _used(cloud: _Cloud, key: str) -> str:
    used = _last(cloud, key)
    if used is None:
        return "never used, as far as IAM has noted"
    return f"used {ago(used.at)} for {used.service}{f' in {used.region}' if used.region else ''}"


def _last(cloud: _Cloud, key: str) -> Used | None:
    used = cloud.used.get(key)
    return Used(used.when, used.service, "" if used.region == "N/A" else used.region) if used else None


def ago(when: datetime, now: datetime | None = None) -> str:
    """How long ago, in one unit: `3 hours ago`."""
    seconds = max(0, int(((now or datetime.now(UTC)) - when).total_seconds()))
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def _warnings(
    project: Project, cloud: _Cloud, places: Sequence[Copy], current: AccessKey | None, kept: set[str]
) -> Iterator[str]:
    if cloud.problem:
        yield f"AWS could not be asked about the CI identity: {cloud.problem} {cloud.hint}".rstrip()
    if current is not None:
        yield from _about_key(current, places, kept)
    others = [key.id for key in cloud.keys if current and key.id != current.id]
    cut = cloud.rotating or (project.paths.state / "rotation.json").exists()
    if cut and _rotates(project):
        yield "A rotation of the access key is going on now."
    elif cut:
        yield "A rotation of the access key has not ended: `ecrwiz credentials rotate` goes on where it stopped."
    elif others:
        yield (
            f"The user has a second access key, {others[0]}, that ecrwiz does not use: delete it in IAM if nobody "
            "needs it."
        )
    if current and not cut and not kept and not _has_secret(places):
        yield (
            "Nobody has the key's secret any more, neither this machine nor GitHub: make a new one with "
            "`ecrwiz credentials rotate`."
        )
    if project.answers.ci_identity == "oidc" and cloud.keys:
        yield (
            f"The CI identity is a role, and the access key {cloud.keys[0].id} exists all the same: end the change "
            "with `ecrwiz credentials to-oidc`."
        )
    for copy in places:
        if copy.state == "there" and copy.kind in ("file", "gitlab") and copy.access_key_id:
            yield from copies.outdated(
                copy, {key.id for key in cloud.keys if key.active} if not cloud.problem else None
            )


def _rotates(project: Project) -> bool:
    """Whether the run that holds the project's lock is a rotation: nothing has begun since."""
    journal = project.journal
    mine = journal.get(StepId.ROTATE)
    if mine is None or mine.status is not Status.RUNNING or not files.is_locked(project.paths.lock):
        return False
    records = (journal.get(step) for step in StepId)
    return all(record.started <= mine.started for record in records if record is not None)


def _about_key(key: AccessKey, places: Sequence[Copy], kept: set[str]) -> Iterator[str]:
    age = datetime.now(UTC) - key.created
    if age > OLD_AFTER:
        yield f"The access key {key.id} is {age.days} days old: replace it with `ecrwiz credentials rotate`."
    if not key.active:
        yield f"The access key {key.id} is inactive, so AWS refuses it."
    if kept and key.id not in kept:
        there = ", ".join(sorted(kept - {""})) or "none that can be read"
        yield f"The keyring has the access key {there}, and IAM has {key.id}: run `ecrwiz credentials rotate`."
    for copy in places:
        if copy.kind == "github" and copy.state == "there" and copy.since and copy.since + _LAG < key.created:
            yield (
                f"GitHub's secret was set {ago(copy.since)}, before the access key {key.id} was made, so CI works "
                "with another: run `ecrwiz run github --force`."
            )


def _has_secret(places: Sequence[Copy]) -> bool:
    """Whether some place has it, or may have it."""
    return any(copy.state != "absent" for copy in places if copy.kind in ("keyring", "github", "gitlab"))


def reminder(project: Project) -> str:
    """A sentence when the key is known to be older than 90 days, from the journal alone; empty otherwise.

    The journal knows since when at least the key exists, which is when it was first proven here.
    """
    journal, found = project.journal, project.results.find(CredentialsResult)
    record = journal.get(StepId.CREDENTIALS)
    if found is None or record is None or not found.access_key_id:
        return ""
    since, rotated = record.started, journal.get(StepId.ROTATE)
    last = project.results.find(RotateResult)
    if rotated and last and last.new == found.access_key_id:
        since = max(since, rotated.started)
    age = datetime.now(UTC) - datetime.fromtimestamp(since, UTC)
    if age <= OLD_AFTER:
        return ""
    return (
        f"The CI access key {found.access_key_id} is at least {age.days} days old: replace it with "
        "`ecrwiz credentials rotate`."
    )
