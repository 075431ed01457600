"""The CI key as other programs read it: dotenv lines, commands of a shell, the JSON of a `credential_process`.

Only the keyring is asked, so all of it works offline.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import Final

from ecrwiz.flow import ci_key
from ecrwiz.flow.context import View
from ecrwiz.flow.events import StepId
from ecrwiz.flow.project import Project
from ecrwiz.model.errors import BadInputError, EcrwizError, NeedMissingError
from ecrwiz.model.redact import Secret
from ecrwiz.model.results import ProvisionResult
from ecrwiz.services import keychain
from ecrwiz.services.templates.workflow import VARIABLES

__all__ = [
    "Key",
    "check_entry",
    "dotenv",
    "made_here",
    "process_json",
    "read_entry",
    "read_key",
    "refuse_role",
    "shell_lines",
    "values",
]

_ENTRY: Final = re.compile(r"\d{12}/[A-Za-z0-9._-]{1,64}/[A-Za-z0-9._-]{1,64}")
_SAID: Final = re.compile(r"# The access key (?P<id>[A-Za-z0-9]+) (?P<whose>of the IAM user \S+ in account \d+)\.")
_COPIED: Final = "# A copy of the secret, made by `ecrwiz export env`: remove it when it is not needed any more."
# Read alike, without quotes, by shells, docker's --env-file and every dotenv library.
_PLAIN: Final = re.compile(r"[A-Za-z0-9+/=_.:@-]*")


@dataclass(frozen=True, slots=True)
class Key:
    """The CI user's access key.

    Attributes:
        access_key_id: its id.
        secret: its secret.
        entry: the keyring entry that it came from.
        made: what Terraform made.
    """

    access_key_id: str
    secret: Secret
    entry: str
    made: ProvisionResult

    def __str__(self) -> str:
        return f"access key {self.access_key_id} {self.whose}"

    @property
    def whose(self) -> str:
        """Whose key it is, in words."""
        return f"of the IAM user {self.made.ci_user} in account {self.made.account}"


def refuse_role(project: Project) -> None:
    """Stop when the CI identity has no key.

    Raises:
        BadInputError: it is a role.
    """
    if not project.answers.has_key:
        raise BadInputError(
            "The CI identity is a role that GitHub's workflows assume (ci_identity is oidc), so there is no secret to "
            "export.",
            "GitLab and other places need an access key: --set ci_identity=access-key makes one.",
        )


async def read_key(project: Project) -> Key:
    """The key from the keyring.

    Raises:
        BadInputError: the CI identity is a role.
        NeedMissingError: there is no key yet.
        EcrwizError: the keyring does not have it, or cannot be asked.
    """
    refuse_role(project)
    view = View(project, StepId.CREDENTIALS)
    made = view.find(ProvisionResult)
    if made is None:
        raise NeedMissingError("There is no access key yet.", "Make it with: ecrwiz run provision credentials")
    entry, _ = ci_key.entries(view, made.account)
    access_key_id, secret = await _read(project.tools.keychain, entry)
    return Key(access_key_id, project.tools.redact.add(secret), entry, made)


async def read_entry(entry: str, keyring_seconds: float) -> tuple[str, Secret]:
    """The key of a keyring entry, without a project: what a profile of the AWS tools asks for at each use.

    Raises:
        BadInputError: it is no name of such an entry.
        EcrwizError: the keyring does not have it, or cannot be asked.
    """
    return await _read(keychain.Keychain(keyring_seconds), check_entry(entry))


def check_entry(entry: str) -> str:
    """Give the name of a CI key's keyring entry back.

    Raises:
        BadInputError: it is none.
    """
    if not _ENTRY.fullmatch(entry):
        raise BadInputError(f"{entry!r} is no keyring entry of a CI key.", "123456789012/blog/dev would be one.")
    return entry


async def _read(kept: keychain.Keychain, entry: str) -> tuple[str, Secret]:
    stored = await kept.read(entry)
    if stored is None:
        raise EcrwizError(
            f"The keyring has no entry {entry}, so the CI secret is not on this machine.",
            "Keep it here with `ecrwiz run credentials`, or make a new key with `ecrwiz credentials rotate`.",
        )
    return keychain.unpack(stored)


def values(key: Key) -> dict[str, str | Secret]:
    """What a CI system wants to know: the key, and where to push. The same names as on GitHub."""
    made = key.made
    place = (made.account, made.aws_region, made.ecr_repo_url, made.ecr_repo_path)
    pair: dict[str, str | Secret] = {"AWS_ACCESS_KEY_ID": key.access_key_id, "AWS_SECRET_ACCESS_KEY": key.secret}
    return pair | dict(zip(VARIABLES, place, strict=True))


def dotenv(key: Key) -> str:
    """The key as a dotenv file."""
    lines = [f"# The {key}.", _COPIED]
    lines += [f"{name}={_quoted(_text(value))}" for name, value in values(key).items()]
    return "\n".join(lines) + "\n"


def made_here(text: str) -> tuple[str, str]:
    """Of a dotenv file that is still as ecrwiz wrote it: the key's id, and whose key it says it is; else nothing."""
    first, second, *rest = [*text.removesuffix("\n").split("\n"), ""]
    rest = rest[:-1]
    said, names = _SAID.fullmatch(first), [line.partition("=")[0] for line in rest]
    if said is None or second != _COPIED or names != ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", *VARIABLES]:
        return "", ""
    return (said["id"], said["whose"]) if rest[0] == f"AWS_ACCESS_KEY_ID={said['id']}" else ("", "")


def shell_lines(key: Key, *, fish: bool = False) -> str:
    """Commands that set the key in a shell; `fish` for that shell, else for every POSIX one."""
    made = key.made
    wanted = {"AWS_ACCESS_KEY_ID": key.access_key_id, "AWS_SECRET_ACCESS_KEY": key.secret.reveal()}
    wanted["AWS_REGION"] = made.aws_region
    word = "set -gx {} {};" if fish else "export {}={}"
    # A session token of another identity that is still set would make AWS refuse the key.
    last = "set -e AWS_SESSION_TOKEN;" if fish else "unset AWS_SESSION_TOKEN"
    return "\n".join([*(word.format(name, shlex.quote(value)) for name, value in wanted.items()), last]) + "\n"


def process_json(access_key_id: str, secret: Secret) -> str:
    """What the AWS tools read from a `credential_process`, version 1 of its format."""
    return json.dumps({"Version": 1, "AccessKeyId": access_key_id, "SecretAccessKey": secret.reveal()})


def _text(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def _quoted(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    if "'" in text or any(ord(sign) < 32 for sign in text):
        raise EcrwizError("A value of the key cannot be written into a dotenv file.", "Take `ecrwiz export json`.")
    return f"'{text}'"
