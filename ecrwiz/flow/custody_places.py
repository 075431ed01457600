"""The places that may hold a copy of the CI secret, each looked at by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias

from ecrwiz.flow import ci_key, github_access, github_ledger, github_write
from ecrwiz.flow.context import View
from ecrwiz.flow.copies import Noted
from ecrwiz.flow.export_gitlab import PAIR, Target, find_token
from ecrwiz.model.custody import Copy
from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.results import GithubResult
from ecrwiz.services import aws_config, files
from ecrwiz.services.github import GitHub
from ecrwiz.services.gitlab import GitLab

__all__ = ["Kind", "file_copy", "github", "keyring", "noted", "profile_copy"]

Kind: TypeAlias = Literal["iam-key", "iam-role", "keyring", "github", "profile", "file", "gitlab"]

_SECRET: Final = PAIR[1]


async def keyring(view: View, account: str) -> Sequence[Copy]:
    """The entries of the key in use and, when there is one, of a rotation that has not ended.

    Raises:
        EcrwizError: the keyring cannot be asked.
    """
    if not account:
        return ()
    entry, pgp = ci_key.entries(view, account)
    kept = view.tools.keychain
    backend = (await kept.probe()).name
    found: list[Copy] = []
    for name, note in (
        (entry, backend),
        (ci_key.next_entry(view, account), "of a rotation that has not ended"),
        (pgp, "the throwaway OpenPGP key, which can decrypt the secret in Terraform's state"),
    ):
        stored = await kept.read(name)
        if stored is None and name != entry:
            continue
        key = ci_key.kept_id(stored)
        if stored is not None and not key and name != pgp:
            note = "it was changed by something else and cannot be read"
        found.append(Copy("keyring", f"keyring entry {name}", "there" if stored else "absent", key, note=note))
    return found


async def github(view: View) -> Sequence[Copy]:
    """The secret wherever this folder put it on GitHub, or may have before a cut; GitHub never gives its value.

    Raises:
        EcrwizError: no token can be looked for.
    """
    targets = github_write.targets(view)
    if not targets:
        return ()
    token = await github_access.find_token(view)
    if token is None:
        why = github_access.no_token().message
        return [Copy("github", f"secret {_SECRET} of {target}", "unknown", note=why) for target in targets]
    async with GitHub(view.answers.github_api_url, token[0], source=token[1]) as api:
        return [await _on_github(view, api, target) for target in targets]


async def _on_github(view: View, api: GitHub, target: github_write.Target) -> Copy:
    place, done = f"secret {_SECRET} of {target}", view.find(GithubResult)
    try:
        times = await api.secrets(target.repository, target.environment)
    except EcrwizError as error:
        return Copy("github", place, "unknown", note=error.message)
    if _SECRET not in times:
        return Copy("github", place, "absent")
    noted_time = github_ledger.Ledger(view.paths.state).of(target.where).get(f"secret {_SECRET}")
    known = done.access_key_id if done and noted_time == times[_SECRET] else ""
    note = "" if known else "set by somebody else since, or before ecrwiz noted it"
    return Copy("github", place, "there", known, _time(times[_SECRET]), note)


async def noted(view: View, copy: Noted) -> Sequence[Copy]:
    """A copy that `ecrwiz export` made.

    Raises:
        EcrwizError: it cannot be looked at.
    """
    if copy.kind == "file":
        return [await asyncio.to_thread(file_copy, copy)]
    if copy.kind == "profile":
        return [await asyncio.to_thread(profile_copy, copy)]
    return [await _gitlab(view, copy)]


def file_copy(copy: Noted) -> Copy:
    """A dotenv file, as it is now.

    Raises:
        EcrwizError: it cannot be read.
    """
    place, path = f"file {copy.place}", Path(copy.place)
    text = files.read_text(path)
    if text is None:
        return Copy("file", place, "absent", note="removed since")
    lines = [line for line in text.splitlines() if line.startswith(f"{PAIR[0]}=")]
    key = lines[0].partition("=")[2].strip("'\" ") if lines else ""
    if not key.isalnum():
        return Copy("file", place, "absent", note="the file is there and holds no access key any more")
    return Copy("file", place, "there", key[:128], _time(copy.when))


def profile_copy(copy: Noted) -> Copy:
    """A profile of the AWS tools, as it is now.

    Raises:
        EcrwizError: the configuration cannot be read.
    """
    entry = aws_config.ours(files.read_text(Path(copy.detail)) or "").get(copy.place)
    place = f"profile {copy.place} in {copy.detail}"
    if entry is None:
        return Copy("profile", place, "absent", note="removed since")
    if entry != copy.entry:
        return Copy("profile", place, "absent", note=f"another project's by now: reads keyring entry {entry}")
    return Copy("profile", place, "there", since=_time(copy.when), note=f"holds no secret: reads keyring entry {entry}")


async def _gitlab(view: View, copy: Noted) -> Copy:
    place = f"variable {_SECRET} of {copy.place}"
    path, _, scope = copy.detail.partition(" ")
    url = copy.place.partition(f"/{path}, environment ")[0]
    target = Target(url, path, scope or "*", chosen=True)  # the person sent the secret itself there
    token = await find_token(view.project, target)
    if token is None:
        return Copy("gitlab", place, "unknown", copy.access_key_id, _time(copy.when), "there is no GitLab token here")
    async with GitLab(url, token[0]) as api:
        there = {one.key: one for one in await api.variables(path) if one.scope == target.scope}
    if _SECRET not in there:
        return Copy("gitlab", place, "absent", note="removed since")
    held = there[PAIR[0]].value if PAIR[0] in there else None
    return Copy("gitlab", place, "there", held or copy.access_key_id, _time(copy.when))


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
