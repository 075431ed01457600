"""Where a rotation of the access key stands, read from IAM, the keyring and a note in the state folder.

A rotation may be cut at any moment. Nothing here trusts that it was not: the next run looks at the user's keys,
the two keyring entries and the note, and `standing` says what is left to do. What makes that safe:

* IAM allows a user two keys, so of two rotations that begin from the same key only one can make another.
* A key that is not the one in use, and that neither the keyring nor the note knows, is somebody's. It is deleted
  only when this folder's own rotation must have made it: its mark is on the user, no other rotation's is, the key
  was made within minutes of the mark and was never used.
* Each rotation puts a mark of its own (a tag with its nonce) on the user before it looks whether there is
  another's: of two that begin at once, at least one sees the other and withdraws.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from pydantic import TypeAdapter, ValidationError

from ecrwiz.flow import ci_key
from ecrwiz.flow.context import View
from ecrwiz.model.errors import BadInputError, EcrwizError, MissingToolError
from ecrwiz.model.results import ProvisionResult
from ecrwiz.services import files, keychain
from ecrwiz.services.iam import AccessKey

__all__ = [
    "MARK",
    "QUOTA",
    "SENDING",
    "Note",
    "Standing",
    "World",
    "begin_note",
    "forget",
    "forget_of",
    "look",
    "marks",
    "read_note",
    "standing",
    "stranger",
    "write_note",
]

MARK: Final = "ecrwiz-rotation"
"""Tags of the IAM user that begin so, with a nonce behind, mark rotations that have not ended."""

QUOTA: Final = 2
"""Access keys that an IAM user may have (IAM user guide, "IAM and AWS STS quotas")."""

SENDING: Final = "?"
"""What a note says of GitHub while GitHub is getting the new key: after a cut it may have it or not."""

_FILE: Final = "rotation.json"
# SDK and network may need some minutes for one call, and two clocks differ by less than five, else AWS refuses.
_MADE_AFTER: Final = timedelta(minutes=10)
_MADE_BEFORE: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Note:
    """What this folder remembers of its rotation until it has ended; nothing of it is secret.

    Attributes:
        nonce: names the rotation, in the user's tag and in the keyring.
        account: AWS account id.
        user: the IAM user's name.
        started: seconds since the epoch.
        old: the access key that is replaced.
        new: the access key that replaces it; empty while it is not known to be made.
        backend: the keyring that has the new secret; empty when only the process had it.
        github: the repository that has it; None while that is not so, empty when it was never exported, `SENDING`
            from before the export until its end.
        switched: when the new key had taken the old one's place everywhere; seconds since the epoch, 0 before.
    """

    nonce: str
    account: str
    user: str
    started: float
    old: str
    new: str = ""
    backend: str = ""
    github: str | None = None
    switched: float = 0.0


_NOTE: Final = TypeAdapter(Note)


@dataclass(frozen=True, slots=True)
class World:
    """What there is.

    Attributes:
        user: the IAM user's name.
        keys: its access keys by id.
        used: ids of those that IAM knows to have been used; only those that nobody here knows are asked about.
        marks: the rotations that have not ended, by nonce, with the time that each says.
        kept: id of the key that the keyring has for use.
        pending: id of the key that the keyring has for a rotation, and that rotation's nonce.
        locked: why the keyring could not be read.
        known: id of the key that the journal knows.
        note: this folder's own.
    """

    user: str
    keys: Mapping[str, AccessKey]
    marks: Mapping[str, str] = field(default_factory=dict)
    used: frozenset[str] = frozenset()
    kept: str = ""
    pending: tuple[str, str] = ("", "")
    locked: str = ""
    known: str = ""
    note: Note | None = None

    @property
    def current(self) -> str:
        """The key in use: the keyring's, else the journal's; empty when neither exists any more."""
        return next((key for key in (self.kept, self.known) if key in self.keys), "")


@dataclass(frozen=True, slots=True)
class Standing:
    """What is to be done.

    Attributes:
        stage: `make` a new key; `use` the one that the keyring has ready; `retire` the old one, for the new one is
            everywhere; `ask` GitHub whether it has the new one, whose secret nobody else has.
        old: the key that is replaced; it may be gone.
        new: the key that replaces it; empty for `make`.
        lost: keys of this rotation whose secret nobody has; they are deleted first.
    """

    stage: Literal["make", "use", "retire", "ask"]
    old: str
    new: str = ""
    lost: tuple[str, ...] = ()


def marks(tags: Mapping[str, str]) -> dict[str, str]:
    """The rotations that have not ended, by nonce, from the tags of an IAM user."""
    return {key.removeprefix(f"{MARK}/"): value for key, value in tags.items() if key.startswith(f"{MARK}/")}


def read_note(view: View) -> Note | None:
    """The note of a rotation that this folder began and that has not ended."""
    text = files.read_text(view.paths.state / _FILE, inside=view.paths.state)
    if text is None:
        return None
    try:
        return _NOTE.validate_json(text)
    except ValidationError:
        raise BadInputError(
            f"{view.paths.state / _FILE} cannot be read: a rotation of the access key was begun, and how far it came "
            "is not known.",
            "Look at the user's keys with `ecrwiz credentials where`, then remove that file.",
        ) from None


def write_note(view: View, note: Note) -> Note:
    """Write the note down before what it tells of is done."""
    files.write_atomic(
        view.paths.state / _FILE, json.dumps(asdict(note), indent=1) + "\n", private=True, inside=view.paths.state
    )
    return note


def forget(view: View) -> None:
    """Remove the note: the rotation has ended."""
    (view.paths.state / _FILE).unlink(missing_ok=True)


def forget_of(view: View, account: str, user: str) -> None:
    """Remove the note of a rotation whose user is gone, or has no keys any more; another user's stays.

    One that cannot be read stays too: whose it is, is not known.
    """
    try:
        note = read_note(view)
    except BadInputError:
        return
    if note is not None and (note.account, note.user) == (account, user):
        forget(view)


def begin_note(made: ProvisionResult, old: str, nonce: str = "") -> Note:
    """The note of a rotation that begins now."""
    return Note(nonce or secrets.token_hex(8), made.account, made.ci_user, time.time(), old)


async def look(view: View, made: ProvisionResult) -> World:
    """Ask IAM and the keyring, and read the note.

    Raises:
        EcrwizError: AWS cannot be asked, there is no such user, or the note cannot be read.
    """
    iam = view.tools.iam(made.aws_region)
    tags = await iam.user_tags(made.ci_user)
    if tags is None:
        hint = "Make it with: ecrwiz run provision --force"
        raise EcrwizError(f"There is no IAM user {made.ci_user} any more.", hint)
    keys = {key.id: key for key in await iam.access_keys(made.ci_user)}
    stored, locked = await ci_key.read_quietly(view, ci_key.entries(view, made.account)[0])
    waiting, _ = await ci_key.read_quietly(view, ci_key.next_entry(view, made.account))
    pending = (ci_key.kept_id(waiting), keychain.rotation_of(waiting) if waiting else "")
    kept, known, note = ci_key.kept_id(stored), made.aws_iam_access_id, await _own_note(view, made)
    unknown = set(keys) - {kept, known, pending[0]} - ({note.old, note.new} if note else set())
    used = frozenset([key for key in sorted(unknown) if await iam.last_use(key) is not None])
    return World(made.ci_user, keys, marks(tags), used, kept, pending, locked, known, note)


async def _own_note(view: View, made: ProvisionResult) -> Note | None:
    """The note, which must be about this user; one about a user that is gone tells of nothing any more."""
    note = read_note(view)
    if note is None or (note.account, note.user) == (made.account, made.ci_user):
        return note
    if note.account == made.account and await view.tools.iam(made.aws_region).user_tags(note.user) is None:
        forget(view)
        return None
    raise BadInputError(
        f"This folder began to replace the access key of {note.user} in account {note.account} and did not end "
        f"it; now it is about {made.ci_user} in account {made.account}.",
        "Go back to the earlier answers or AWS profile, and run: ecrwiz credentials rotate",
    )


def standing(world: World) -> Standing:
    """What is left to do, from what there is; pure.

    Raises:
        EcrwizError: a person has to decide something first.
    """
    return _begin(world) if world.note is None else _resume(world, world.note)


def _begin(world: World) -> Standing:
    """This folder knows of no rotation."""
    if world.marks:
        raise stranger(world.user, world.marks)
    ready, _ = world.pending
    if ready in world.keys:  # of a rotation that was cut, and whose folder is gone
        others = [key for key in world.keys if key != ready] or [world.known if world.known != ready else ""]
        if others[0] in ("", world.kept, world.known):
            return Standing("use", others[0], ready)
    return _make(world, world.current or world.kept or world.known)


def _resume(world: World, note: Note) -> Standing:
    """The rotation that this folder began was cut."""
    ready, nonce = world.pending
    if ready in world.keys and nonce == note.nonce:
        return Standing("use", note.old, ready)
    if note.new in world.keys and world.kept == note.new:
        return Standing("retire", note.old, note.new)
    if world.locked and note.backend:
        raise MissingToolError(
            f"A rotation was cut, and the keyring may have the new key's secret, but it cannot be read: {world.locked}",
            "Unlock the keyring, and run again: ecrwiz credentials rotate",
        )
    sending = note.new in world.keys and note.github == SENDING
    if sending and note.old in world.keys:
        return Standing("ask", note.old, note.new)
    if note.new in world.keys and note.github and not sending:  # GitHub alone has it: no keyring, or emptied since
        return Standing("retire", note.old, note.new)
    strangers = {nonce: when for nonce, when in world.marks.items() if nonce != note.nonce}
    if strangers:
        raise stranger(world.user, strangers)
    if sending:  # the old key was deleted by hand: CI may work with the new one until there is a third
        return _make(world, note.new)
    lost = tuple(key for key in world.keys if key == note.new or _is_lost(world, note, key))
    gone = note.old not in world.keys  # and since then, perhaps, a new one was made and kept
    return _make(world, (world.current if gone else "") or note.old, lost)


def _is_lost(world: World, note: Note, key: str) -> bool:
    """Whether this rotation must have made a key, and was cut before it could keep its secret or write its id down.

    Were the old key gone or inactive, another rotation could have ended meanwhile, and the key be its new one.
    """
    old = world.keys.get(note.old)
    if note.new or note.nonce not in world.marks or old is None or not old.active:
        return False
    if key in (note.old, world.kept, world.known, world.pending[0]):
        return False
    began = datetime.fromtimestamp(note.started, UTC)
    made = world.keys[key].created
    return key not in world.used and began - _MADE_BEFORE <= made <= began + _MADE_AFTER


def _make(world: World, old: str, lost: tuple[str, ...] = ()) -> Standing:
    unknown = [key for key in world.keys if key != old and key not in lost]
    if not unknown:
        return Standing("make", old, lost=lost)
    other = unknown[0]
    delete = f"aws iam delete-access-key --user-name {world.user} --access-key-id {other}"
    if old in world.keys:
        raise EcrwizError(
            f"{world.user} has a second access key, {other}, that this folder does not know. IAM allows two, so there "
            "is no room for a new one, and ecrwiz deletes no key that may be in use.",
            f"See when it was used with `ecrwiz credentials where`; if nothing needs it: {delete}",
        )
    raise EcrwizError(
        f"The access key {old or 'that this folder knew'} of {world.user} is gone, and the key {other} in its place is "
        "not known here: it was replaced from another folder or machine.",
        f"Work from there; or, if nobody has its secret, delete it and rotate again: {delete}",
    )


def stranger(user: str, strangers: Mapping[str, str]) -> EcrwizError:
    """The sentence about a rotation that was begun elsewhere."""
    nonce, when = min(strangers.items())
    return EcrwizError(
        f"Another rotation of the access key of {user} was begun ({_clean(when)}) from another folder or machine "
        "and has not ended: nothing was changed.",
        "Let it end there. If it never will, remove its mark and rotate again: aws iam untag-user "
        f"--user-name {user} --tag-keys {MARK}/{_clean(nonce)}",
    )


def _clean(text: str) -> str:
    """A tag's text, which anybody who may tag the user has written, without what a shell or a terminal would read."""
    return "".join(letter for letter in text if letter.isascii() and (letter.isalnum() or letter in "-_:.+"))[:64]
