"""Write the files that the other steps work with: Dockerfile, start.sh, ignore files, `infra/`, the workflow.

A file that is there already is not simply replaced: what the person changed since it was rendered last stays, or is
merged with what ecrwiz changed; where both changed the same place, the person decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from ecrwiz.flow import ignored, layout, orphans, three_way
from ecrwiz.flow.ancestors import Ancestors
from ecrwiz.flow.context import Context, Step, View
from ecrwiz.flow.events import Question, StepId
from ecrwiz.flow.project import Project
from ecrwiz.model.app import RenderedFile
from ecrwiz.model.results import FileChange, RenderResult
from ecrwiz.services import files, templates

__all__ = ["ASKED", "DECIDE", "STEP", "changes", "compare_all"]

ASKED = ("conflict", "changed")
"""The kinds of change that the person decides about."""
DECIDE = "ecrwiz run render --on-conflict new (or mine, both)"
"""The way to decide without a terminal."""

_IGNORE_FILES = (".dockerignore", ".gitignore")
_WORDS = {
    "new": "wrote",
    "added": "added to",
    "updated": "updated",
    "merged": "merged",
    "conflict": "replaced",
    "changed": "replaced",
    "yours": "replaced",
}

Change = tuple[RenderedFile, FileChange]


async def changes(project: Project) -> tuple[Change, ...]:
    """Every file as it would be rendered now, against what is there; nothing is written.

    Raises:
        EcrwizError: the answers or the application cannot be used, a file cannot be read, or Terraform of the
            person's own is in the way.
    """
    existing = await asyncio.to_thread(layout.look, project)
    layout.check(project, existing)
    if existing.found.stands_in_the_way:
        raise existing.error()
    return await _changes(project)


async def compare_all(project: Project) -> tuple[tuple[Change, ...], tuple[FileChange, ...]]:
    """The same whatever Terraform of the person's own is there; and what is rendered no longer.

    Raises:
        EcrwizError: the answers or the application cannot be used, or a file cannot be read.
    """
    found = await _changes(project)
    return found, orphans.find(project, [file.path for file, _ in found])


async def _changes(project: Project) -> tuple[Change, ...]:
    paths = project.paths

    def existing(path: str) -> str | None:
        return files.read_text(paths.root / path, inside=paths.base, cut=True)

    rendered = await asyncio.to_thread(
        templates.render, project.answers, project.need_app(), existing, place=project.place
    )
    ancestors = Ancestors(project)
    found: list[Change] = []
    for file in rendered:
        mine = files.read_text(paths.root / file.path, inside=paths.base)
        last = three_way.read_last(paths, file.path)
        if last is None and mine not in (None, file.text):
            last = await ancestors.of(file.path, mine or "", file.text)
        found.append((file, await three_way.compare(file.path, mine, last, file.text)))
    return tuple(found)


async def _run(context: Context) -> RenderResult:
    await layout.settle(context)
    found = await _changes(context.project)
    three_way.refuse_markers(context.paths, tuple(file.path for file, _ in found))
    decided = await _decide(context, [change for _, change in found if change.kind in ASKED])
    result = _Writer(context).write_all(found, decided)
    await ignored.check(context)
    return result


class _Writer:
    """Writes the files one by one; after each, what was rendered is noted as the ancestor of the next merge."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._paths = context.paths
        agreed = context.approvals
        # Asked for by name, to be done though it is fresh, with --yes: everything as ecrwiz has it.
        self._anew = context.forced and agreed.everything and not agreed.on_conflict
        self._written: list[str] = []
        self._same: list[str] = []
        self._kept: list[str] = []
        self._backups: list[str] = []
        self._removed: list[str] = []

    def write_all(self, found: Sequence[Change], decided: Mapping[str, str]) -> RenderResult:
        for file, change in found:
            text = self._text(file, change, decided)
            if text is not None:
                self._write(file, change, text)
            elif change.kind == "same":
                self._same.append(file.path)
            else:
                self._kept.append(file.path)
            if not self._is_open(change, decided):  # else the question would never come again
                three_way.remember(self._paths, file.path, file.text)
        self._remove_orphans([file.path for file, _ in found])
        undecided = tuple(change.path for _, change in found if self._is_open(change, decided))
        self._tell(undecided)
        return RenderResult(
            tuple(self._written),
            tuple(self._same),
            tuple(self._kept),
            tuple(self._backups),
            undecided,
            tuple(self._removed),
        )

    def _is_open(self, change: FileChange, decided: Mapping[str, str]) -> bool:
        return change.kind in ASKED and change.path not in decided and not self._anew

    def _remove_orphans(self, rendered: Sequence[str]) -> None:
        """Take away what was rendered before under a name that is no longer rendered."""
        for change in orphans.find(self._context.project, rendered):
            if change.kind == "removed":
                copy = orphans.remove(self._paths, change.path)
                self._backups.append(copy)
                self._removed.append(change.path)
                self._context.say(f"kept a copy: {copy}", f"{'removed':<12} {change.path}")
            else:
                self._context.say(f"{'left alone':<12} {change.path}: ecrwiz no longer renders it; remove it yourself.")

    def _text(self, file: RenderedFile, change: FileChange, decided: Mapping[str, str]) -> str | None:
        """What is written; None when the file stays."""
        if self._anew and change.kind in ("yours", "merged", *ASKED):
            return file.text
        if change.kind not in ASKED:
            return change.text
        return {"new": file.text, "both": change.both}.get(decided.get(file.path, "mine"))

    def _write(self, file: RenderedFile, change: FileChange, text: str) -> None:
        path, context = self._paths.root / file.path, self._context
        if change.kind in ("yours", "merged", *ASKED):
            copy = files.backup(path, inside=self._paths.base)
            self._backups.append(str(PurePosixPath(file.path).with_name(copy.name)))
            context.say(f"kept a copy: {self._backups[-1]}")
        files.write_atomic(path, text, executable=file.executable, inside=self._paths.base)
        self._written.append(file.path)
        marked = text == change.both and change.kind in ASKED
        context.say(f"{'marked' if marked else _WORDS[change.kind]:<12} {file.path}")
        if marked:
            context.say(f"{file.path} holds both sides with conflict markers: choose there before you build.")

    def _tell(self, undecided: Sequence[str]) -> None:
        for name in sorted(self._kept):
            hint = f" (undecided: {DECIDE})" if name in undecided else ""
            self._context.say(f"{'kept yours':<12} {name}{hint}")
        if self._same:
            self._context.say(f"{len(self._same)} files are as they should be.")


async def _decide(context: Context, asked: Sequence[FileChange]) -> dict[str, str]:
    """`mine`, `new` or `both` for each file that the person decides about; those that nobody decided are left out."""
    agreed = context.approvals
    open_ones = [change for change in asked if change.path not in agreed.files]
    decided = {change.path: agreed.files[change.path] for change in asked if change.path in agreed.files}
    if agreed.on_conflict or agreed.everything:
        word = agreed.on_conflict or "new"
        possible = [change for change in open_ones if word != "both" or change.both is not None]
        for change in open_ones:
            if change not in possible:
                context.say(f"{change.path}: only git can put both texts into one file, and it could not.")
        return decided | {change.path: word for change in possible}
    if agreed.plan is not None:  # they saw the review, and left these as they are
        return decided | {change.path: "mine" for change in open_ones}
    for change in open_ones:
        reply = await context.ask(_question(context.step, change))
        if reply is not None:
            decided[change.path] = str(reply) if reply in ("new", "both") else "mine"
    return decided


def _question(step: StepId, change: FileChange) -> Question:
    why = (
        "You and ecrwiz both changed the same lines of it."
        if change.kind == "conflict"
        else ("It differs from what ecrwiz renders, and no earlier rendering is known here.")
    )
    choices = [("new", "Take ecrwiz's")]
    choices += [("both", "Both, marked")] if change.both is not None else []
    return Question(
        step,
        "choice",
        f"{change.path} is there already. Whose text shall it hold?",
        (why, "A copy of yours is kept in any case.", "", *change.diff.splitlines()),
        choices=(*choices, ("mine", "Keep mine")),
    )


async def _inputs(view: View) -> dict[str, str]:
    paths = view.paths

    def existing(path: str) -> str | None:
        """What the person has added to an ignore file is no input of ours."""
        return None if path in _IGNORE_FILES else files.read_text(paths.root / path, inside=paths.base, cut=True)

    rendered = templates.render(view.answers, view.project.need_app(), existing, place=view.project.place)
    return {file.path: files.digest(file.text) for file in rendered}


async def _gone(view: View) -> str:
    result = view.find(RenderResult)
    wanted = (*result.written, *result.same, *result.kept) if result else ()
    if result and result.undecided:
        return f"undecided: {', '.join(result.undecided)}"
    missing = [path for path in wanted if not (view.paths.root / path).exists()]
    return f"missing: {', '.join(missing)}" if missing else ""


STEP = Step(id=StepId.RENDER, title="Write Dockerfile, start.sh and Terraform", run=_run, inputs=_inputs, gone=_gone)
