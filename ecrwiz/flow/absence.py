"""The proof of absence: every place where the CI secret must not be is searched for it, and for the id of its key.

The secret is compared in this process's memory; no program is given it. What is found is told by its place alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ecrwiz.flow import ci_key, copies
from ecrwiz.flow.absence_places import FilePlace, file_places, short
from ecrwiz.flow.context import View
from ecrwiz.flow.events import StepId
from ecrwiz.flow.project import Project
from ecrwiz.model.custody import Search
from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.ports import ignore
from ecrwiz.model.redact import Secret, plain
from ecrwiz.model.results import BuildResult, CredentialsResult, ProvisionResult, PushResult, RotateResult
from ecrwiz.services import hcl, keychain, process
from ecrwiz.services.git import history
from ecrwiz.services.searching import (
    Budget,
    Finds,
    ImageReader,
    Needles,
    ObjectReader,
    SpentError,
    search_files,
    search_text,
)

__all__ = ["found_secret", "search"]

_SECONDS: Final = 120.0  # for each kind of place
_MOST_BYTES: Final = 40_000_000_000  # of each, unpacked


@dataclass(frozen=True)
class _Wanted:
    """What is searched for; `unread` says why the secret is not among it."""

    needles: Needles
    unread: str


async def search(project: Project, on_found: Callable[[Search], None] = ignore) -> tuple[Search, ...]:
    """Search every kind of place.

    Args:
        project: the project.
        on_found: takes each result as soon as it is there.

    Returns:
        One for each kind of place, in a fixed order; none when there is nothing that could be searched for.
    """
    wanted = await _wanted(project)
    if not wanted.needles:
        return ()
    first: list[Search] = []
    if wanted.unread:
        sentence = f"{wanted.unread} Only the id of its key was searched for."
        first.append(Search("the secret itself", sentence, (), (), complete=False))
        on_found(first[0])
    places = await process.in_daemon_thread(lambda: file_places(project))
    needles = wanted.needles

    async def tell(work: asyncio.Task[Search]) -> Search:
        found = await work
        on_found(found)
        return found

    # Files one after another, for they are on one disk; git, the engine and Terraform beside them.
    turn = asyncio.Lock()
    jobs = [_in_turn(turn, project, needles, place) for place in places]
    jobs += [_git(project, needles), _image(project, needles), _remote_state(project, needles)]
    jobs += [_environment(project, needles)]
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        return (*first, *await asyncio.gather(*map(tell, tasks)))
    finally:
        for task in tasks:
            task.cancel()


def found_secret(searches: tuple[Search, ...]) -> bool:
    """Whether the secret was found anywhere."""
    return any(search.secret for search in searches)


async def _wanted(project: Project) -> _Wanted:
    """The secrets of the key in use and of a rotation's, and every id that this folder knows."""
    view = View(project, StepId.CREDENTIALS)
    made, kept, rotated = view.find(ProvisionResult), view.find(CredentialsResult), view.find(RotateResult)
    ids = {made.aws_iam_access_id if made else "", kept.access_key_id if kept else ""}
    ids |= {rotated.old, rotated.new} if rotated else set()
    ids |= {copy.access_key_id for copy in copies.noted(project.paths)}
    account = made.account if made else kept.account if kept else ""
    secrets: list[Secret] = []
    unread = ""
    if account:
        for entry in (ci_key.entries(view, account)[0], ci_key.next_entry(view, account)):
            stored, why = await ci_key.read_quietly(view, entry)
            unread = unread or why
            if stored is not None and ci_key.kept_id(stored):
                key, secret = keychain.unpack(stored)
                ids.add(key)
                secrets.append(project.tools.redact.add(secret))
        if not secrets and project.answers.has_key:
            unread = f"It cannot be read here: {unread or 'the keyring has no entry of it.'}"
    return _Wanted(Needles(secrets, sorted(ids - {""})), "" if secrets else unread)


def _budget() -> Budget:
    return Budget(_SECONDS, _MOST_BYTES)


def _search(words: str, finds: Finds, *, unit: str = "file", remark: str = "") -> Search:
    size = f"{finds.size / 1e6:.1f} MB" if finds.size >= 1e5 else f"{finds.size / 1e3:.1f} kB"
    looked = f"{finds.things} {unit}{'' if finds.things == 1 else 's'}, {size}"
    said = "; ".join((looked, *finds.problems, *((remark,) if remark else ())))
    return Search(
        words,
        _line(said),
        tuple(map(_line, finds.secret)),
        tuple(map(_line, finds.key_id)),
        complete=not finds.problems,
    )


def _not_read(words: str, why: str) -> Search:
    return Search(words, _line(why), (), (), complete=False)


def _line(text: str) -> str:
    """A file's name may hold anything, the looks of a further line of the report included."""
    return plain(" ".join(text.splitlines()))


async def _in_turn(turn: asyncio.Lock, project: Project, needles: Needles, place: FilePlace) -> Search:
    apart = [Path(copy.place) for copy in copies.noted(project.paths) if copy.kind == "file"]
    async with turn:
        finds = await process.in_daemon_thread(
            lambda: search_files(
                needles,
                place.paths,
                _budget(),
                name=lambda path: short(path, project),
                without=place.without,
                apart=apart,
            )
        )
    return _search(place.words, finds, remark=place.remark)


async def _git(project: Project, needles: Needles) -> Search:
    words, root = "Git: index, whole history, stashes, unreachable objects", project.paths.root
    reader = ObjectReader(needles, budget := _budget())
    whole: bool | None = False
    try:
        whole = await history.pour_objects(root, reader.feed, _SECONDS)
        reader.end()
        if whole is None:
            return Search(words, "no repository", (), (), complete=True)
        own = await history.folders(root)
        settings = await process.in_daemon_thread(
            lambda: search_files(needles, own, _budget(), name=lambda path: short(path, project), without=("objects",))
        )
        finds = reader.finds
        finds.size += settings.size
        finds.things += settings.things
        finds.problems += settings.problems
        finds.secret += [*[await _object(root, *hit) for hit in reader.secret], *settings.secret]
        finds.key_id += [*[await _object(root, *hit) for hit in reader.key_id[:5]], *settings.key_id]
    except SpentError:
        reader.finds.problems.append(budget.stopped)
        reader.finds.secret += [await _object(root, *hit) for hit in reader.secret]
    except EcrwizError as error:
        return _not_read(words, error.message)
    if whole is False and not reader.finds.problems:
        reader.finds.problems.append(f"git did not end well within {_SECONDS:g} s")
    return _search(words, reader.finds, unit="object")


async def _object(root: Path, oid: str, kind: str, where: str) -> str:
    """An object by a name that a person can go to."""
    names = await history.names_of(root, oid) if kind == "blob" else ""
    return (
        f"{names or 'no branch leads to it'} ({kind} {oid[:12]}{where})"
        if kind == "blob"
        else f"{kind} {oid[:12]}{where}"
    )


async def _image(project: Project, needles: Needles) -> Search:
    built, pushed = project.results.find(BuildResult), project.results.find(PushResult)
    if built is None:
        return Search("the image", "none was built", (), (), complete=True)
    name = f"{built.image}:{built.tag}"
    words = f"layers and configuration of the image {name}"
    budget = _budget()
    reader = ImageReader(needles, budget)
    remark = "" if pushed is None else "the same image is in the registry"
    try:
        await project.tools.docker.save(name, reader.feed)
        await process.in_daemon_thread(reader.end)
    except SpentError:
        reader.finds.problems.append(budget.stopped)
    except EcrwizError as error:
        return _not_read(words, error.message)
    return _search(words, reader.finds, remark=remark)


async def _remote_state(project: Project, needles: Needles) -> Search:
    """A state that is kept elsewhere, asked for as Terraform itself does."""
    words, infra = "Terraform's state in its backend", project.paths.infra
    backend = (await process.in_daemon_thread(lambda: hcl.backend(infra)))[0] if infra.is_dir() else ""
    if backend in ("", "local") or project.paths.terraform_state is not None:
        return Search(words, "it is kept on this machine", (), (), complete=True)
    try:
        async with asyncio.timeout(_SECONDS):
            text = await project.tools.terraform(ignore, ignore).pull()
    except (EcrwizError, TimeoutError) as error:
        return _not_read(words, f"the backend {backend} was not read: {error or 'no answer'}")
    return _search(words, search_text(needles, [(f"backend {backend}", text)]), unit="state")


async def _environment(project: Project, needles: Needles) -> Search:
    finds = search_text(needles, sorted(project.tools.environ.items()))
    return _search("the environment of this process", finds, unit="variable")
