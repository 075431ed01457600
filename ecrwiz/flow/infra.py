"""What provisioning and destroying have in common: the resources, their owner, and who may still read the key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ecrwiz.flow.context import View
from ecrwiz.model.answers import Answers
from ecrwiz.model.errors import EcrwizError, MissingToolError, ToolFailedError
from ecrwiz.model.redact import Secret
from ecrwiz.model.results import CredentialsResult, GithubResult
from ecrwiz.services import keychain, openpgp
from ecrwiz.services.terraform import Terraform

__all__ = [
    "ACCESS_KEY",
    "KEY_FILE",
    "REPOSITORY",
    "USER",
    "Existing",
    "key_is_in_use",
    "key_is_readable",
    "look_for_existing",
]

REPOSITORY: Final = "aws_ecr_repository.main"
USER: Final = "module.ci_user.aws_iam_user.this"
ACCESS_KEY: Final = "module.ci_user.aws_iam_access_key.this"
KEY_FILE: Final = "ci_user_key.auto.tfvars"


@dataclass(frozen=True, slots=True)
class Existing:
    """What is in the account though not in Terraform's state.

    Attributes:
        adopt: (address, identifier) of resources that ecrwiz made for this project.
        lost_keys: ids of the CI user's access keys that no state knows; nobody can read their secret from here.
    """

    adopt: tuple[tuple[str, str], ...]
    lost_keys: tuple[str, ...]


async def look_for_existing(view: View, terraform: Terraform) -> Existing:
    """Find what an interrupted run, or one with another state, left in the account.

    Raises:
        EcrwizError: a resource of that name exists and is not ecrwiz's, or AWS cannot be asked.
    """
    answers = view.answers
    known = await terraform.addresses()
    adopt: list[tuple[str, str]] = []
    if REPOSITORY not in known:
        repository = await view.tools.ecr(answers.region).repository(answers.repository_name)
        if repository is not None:
            _check_owner("repository", answers.repository_name, repository.tags, answers)
            adopt.append((REPOSITORY, answers.repository_name))
    iam = view.tools.iam(answers.region)
    tags = await iam.user_tags(answers.ci_user_name)
    if tags is None:
        return Existing(tuple(adopt), ())
    if USER not in known:
        _check_owner("IAM user", answers.ci_user_name, tags, answers)
        adopt.append((USER, answers.ci_user_name))
    keys = await iam.access_keys(answers.ci_user_name)
    outputs = await terraform.outputs()
    mine = outputs.get("aws_iam_access_id") if ACCESS_KEY in known else None
    return Existing(tuple(adopt), tuple(key for key in keys if key != mine))


def _check_owner(kind: str, name: str, tags: dict[str, str], answers: Answers) -> None:
    """Only what bears our own tags for this very project and environment may be taken over."""
    wanted = {"managed-by": "ecrwiz", "project": answers.project_id, "env": answers.env}
    if all(tags.get(key) == value for key, value in wanted.items()):
        return
    raise EcrwizError(
        f"The {kind} {name} exists in this account and was not made by ecrwiz for this project.",
        "Take another project_id or app, or, if it should become this project's, import it into infra/ yourself.",
    )


async def key_is_readable(view: View, account: str, access_key_id: str, encrypted: str) -> bool:
    """Whether the secret of an access key can be had here: from the keyring, or by its private OpenPGP key."""
    entries = (account, view.answers.project_id, view.answers.env)
    stored = await read_quietly(view, keychain.entry_name(*entries))
    private = await read_quietly(view, keychain.pgp_entry_name(*entries))
    return _is_for(stored[0], access_key_id) or _decrypts(private[0], encrypted)


async def read_quietly(view: View, entry: str) -> tuple[Secret | None, str]:
    """An entry of the keyring, or why none could be asked; what this process holds is found without one."""
    try:
        return await view.tools.keychain.read(entry), ""
    except (MissingToolError, ToolFailedError) as error:
        return None, error.message


def key_is_in_use(view: View, access_key_id: str) -> bool:
    """Whether the key was put where it is needed, so that a new one would break what works.

    True though nobody can read it here: the keyring may be locked just now, or GitHub alone may have it.
    """
    kept, exported = view.find(CredentialsResult), view.find(GithubResult)
    stored = kept is not None and kept.access_key_id == access_key_id and bool(kept.backend)
    return stored or (exported is not None and exported.access_key_id == access_key_id)


def _is_for(stored: Secret | None, access_key_id: str) -> bool:
    try:
        return stored is not None and keychain.unpack(stored)[0] == access_key_id
    except ToolFailedError:
        return False  # a damaged entry


def _decrypts(private: Secret | None, encrypted: str) -> bool:
    try:
        return private is not None and bool(openpgp.decrypt(encrypted, private))
    except ToolFailedError:
        return False
