"""A rehearsal's traces on GitHub and in ECR: made on a branch of its own, and taken away whatever happens.

Before anything is made, a note in the state folder says what will be; a run that was killed leaves the note, and
the next one takes away what the note names.
"""

from __future__ import annotations

import asyncio
import json
import posixpath
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from ecrwiz.flow.context import Context
from ecrwiz.flow.project import Project
from ecrwiz.flow.steps.render import compare_all
from ecrwiz.model.errors import EcrwizError, NeedMissingError
from ecrwiz.model.results import ProvisionResult
from ecrwiz.services import files
from ecrwiz.services.github import GitHub
from ecrwiz.services.github.actions_runs import ActionsRuns
from ecrwiz.services.github.git_data import Commit, GitData, NewFile
from ecrwiz.services.templates.workflow import REHEARSAL_BRANCH, path_of

__all__ = ["Stage", "rendered_files", "tag_of"]

_MARK: Final = "Ecrwiz-Rehearsal:"
_ENDING: Final = 60.0  # seconds that a cancelled run has to end
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_TAG_LENGTH: Final = 12  # characters of the commit, as in the rendered workflow


@dataclass(frozen=True, slots=True)
class _Note:
    """What a rehearsal of this folder has made or is about to make; `commit` is empty before it is known."""

    repository: str
    nonce: str
    commit: str = ""


def tag_of(commit: str) -> str:
    """The image tag that the workflow makes of a commit."""
    return commit[:_TAG_LENGTH]


async def rendered_files(project: Project) -> tuple[NewFile, ...]:
    """The files that the image and its workflow are made of, as they lie in the work tree.

    Raises:
        EcrwizError: one of them is missing.
    """
    found, _ = await compare_all(project)
    paths = project.paths
    taken: list[NewFile] = []
    for file, _change in found:
        if file.path.startswith(f"{paths.infra_folder}/") or posixpath.basename(file.path) == ".gitignore":
            continue
        text = files.read_text(paths.root / file.path, inside=paths.base)
        if text is None:
            raise NeedMissingError(f"{file.path} is missing.", "Write the files with: ecrwiz run render")
        path = posixpath.normpath(posixpath.join(project.place.app, file.path))
        taken.append(NewFile(path, text, executable=file.executable))
    return tuple(taken)


class Stage:
    """The branch, the run and the image of one rehearsal.

    Args:
        context: of the step.
        api: GitHub.
        repository: `owner/name`.
        made: where images go.
    """

    def __init__(self, context: Context, api: GitHub, repository: str, made: ProvisionResult) -> None:
        self._context = context
        self._repository = repository
        self._made = made
        self.git = GitData(api, repository)
        self.runs = ActionsRuns(api, repository)
        self._path = path_of(context.answers)
        self._file: Path = context.paths.state / "rehearsal.json"
        self._base = context.paths.state

    async def clear_leftovers(self) -> None:
        """Take away what a rehearsal left that was cut.

        Raises:
            EcrwizError: the branch is somebody else's, or a rehearsal runs on it now.
        """
        note, head = self._read(), await self.git.head(REHEARSAL_BRANCH)
        if note is not None and note.repository == self._repository and note.commit:
            await self._take_away(note.commit, branch=head == note.commit)
            head = None if head == note.commit else head
        self._forget()
        if head is None:
            return
        commit = await self.git.commit(head)
        if _MARK not in commit.message:
            raise EcrwizError(
                f"{self._repository} has a branch {REHEARSAL_BRANCH} that ecrwiz did not make; it was left alone.",
                f"Rename or delete it: git push origin --delete {REHEARSAL_BRANCH}",
            )
        working = [run for run in await self.runs.of_commit(head) if not run.done]
        if working:
            raise EcrwizError(
                f"Somebody else's rehearsal runs on {REHEARSAL_BRANCH} now: {working[0].url}",
                "Wait for its end, or cancel it there, and run this again.",
            )
        await self._take_away(head, branch=True)

    async def prepare(self, parent: str, rendered: tuple[NewFile, ...]) -> Commit:
        """Make a commit with the files on top of another one; no branch points to it yet.

        Raises:
            EcrwizError: GitHub refuses.
        """
        nonce = secrets.token_hex(8)
        self._note(_Note(self._repository, nonce))
        message = f"Rehearsal of the workflow\n\nMade by ecrwiz, and gone in some minutes.\n\n{_MARK} {nonce}\n"
        commit = await self.git.commit_files(await self.git.commit(parent), rendered, message)
        self._note(_Note(self._repository, nonce, commit.sha))
        return commit

    async def begin(self, commit: Commit) -> None:
        """Let the branch point to the commit; that starts the run.

        Raises:
            EcrwizError: GitHub refuses, or somebody else was faster.
        """
        # An answer that was lost is asked for again, and then the branch is there already: our own.
        made = await self.git.create_branch(REHEARSAL_BRANCH, commit.sha)
        if not made and await self.git.head(REHEARSAL_BRANCH) != commit.sha:
            raise EcrwizError(
                f"Somebody else began a rehearsal on {REHEARSAL_BRANCH} at this moment.",
                "Run this again in some minutes.",
            )

    async def end(self, commit: str) -> str:
        """Cancel the run if it works, delete the branch, remove the image; the tag that had to stay, or nothing."""
        left = await self._take_away(commit, branch=True)
        return tag_of(commit) if left else ""

    async def _take_away(self, commit: str, *, branch: bool) -> bool:
        """Whether an image was left. What does not work is said, and the note stays for the next time."""
        done = await self._trying(lambda: self._stop(commit), "The run on GitHub could not be cancelled")
        if branch:
            done &= await self._trying(
                lambda: self._delete_branch(commit), f"The branch {REHEARSAL_BRANCH} could not be deleted"
            )
        image = await self._trying(
            lambda: self._remove_image(commit), f"The image {tag_of(commit)} could not be removed"
        )
        if done and image:
            self._forget()
        return not image

    async def _trying(self, work: Callable[[], Awaitable[None]], words: str) -> bool:
        try:
            await work()
        except EcrwizError as error:
            self._context.say(f"{words}: {error}")
            return False
        return True

    async def _stop(self, commit: str) -> None:
        """Cancel what still runs, and wait for its end: a push under way would come after the removal."""
        for run in await self.runs.of_commit(commit):
            if run.done or run.path != self._path:
                continue
            if await self.runs.cancel(run.id):
                self._context.command("gh", "run", "cancel", str(run.id), "--repo", self._repository)
            end = time.monotonic() + _ENDING
            while not (await self.runs.run(run.id)).done:
                if time.monotonic() > end:
                    raise EcrwizError(f"it has not ended: {run.url}", "Cancel it there.")
                await asyncio.sleep(0.3)

    async def _delete_branch(self, commit: str) -> None:
        """Delete the branch, unless it is another one by now."""
        if await self.git.head(REHEARSAL_BRANCH) != commit:
            return
        self._context.command("git", "push", "origin", "--delete", REHEARSAL_BRANCH)
        if await self.git.delete_branch(REHEARSAL_BRANCH):
            self._context.say(f"The branch {REHEARSAL_BRANCH} is gone again.")

    async def _remove_image(self, commit: str) -> None:
        """Remove what the run pushed: the image, or only its tag when somebody gave the same image another one."""
        name, tag = self._made.ecr_repo_path, tag_of(commit)
        ecr = self._context.tools.ecr(self._made.aws_region)
        image = await ecr.image(name, tag=tag)
        if image is None:
            return
        which = f"imageDigest={image.digest}" if image.tags == (tag,) else f"imageTag={tag}"
        self._context.command("aws", "ecr", "batch-delete-image", "--repository-name", name, "--image-ids", which)
        if image.tags == (tag,):
            await ecr.delete_images(name, (image.digest,))
        else:
            await ecr.remove_tag(name, tag)
        self._context.say(f"The image {name}:{tag} that the rehearsal pushed was removed.")

    def _note(self, note: _Note) -> None:
        files.write_atomic(self._file, json.dumps(asdict(note)) + "\n", private=True, inside=self._base)

    def _forget(self) -> None:
        self._file.unlink(missing_ok=True)

    def _read(self) -> _Note | None:
        text = files.read_text(self._file, inside=self._base)
        try:
            found = json.loads(text) if text else None
            note = _Note(str(found["repository"]), str(found["nonce"]), str(found["commit"])) if found else None
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        # Anything else was not noted by a rehearsal, and would name a tag or a branch of the person's own.
        return None if note is not None and note.commit and not _COMMIT.fullmatch(note.commit) else note
