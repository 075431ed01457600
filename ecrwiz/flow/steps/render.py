"""Write the files that the other steps work with: Dockerfile, start.sh, ignore files, `infra/`."""

from __future__ import annotations

from collections.abc import Iterator

from ecrwiz.flow.context import Context, Step, View
from ecrwiz.flow.events import Question, StepId
from ecrwiz.flow.infra import KEY_FILE
from ecrwiz.flow.project import Project
from ecrwiz.model.app import RenderedFile
from ecrwiz.model.results import FileChange, RenderResult
from ecrwiz.services import files, hcl, templates

__all__ = ["STEP", "changes"]


def changes(project: Project) -> tuple[tuple[RenderedFile, FileChange], ...]:
    """Every file as it would be rendered now, against what is there; nothing is written.

    Raises:
        EcrwizError: the answers or the application cannot be used, or a file cannot be read.
    """
    root = project.paths.root

    def existing(path: str) -> str | None:
        return files.read_text(root / path, inside=root)

    rendered = templates.render(project.answers, project.need_app(), existing)
    infra = project.paths.infra
    ours = {file.path.removeprefix("infra/"): file.text for file in rendered if file.path.startswith("infra/")}
    hcl.check_for_clashes(infra, ours, generated={KEY_FILE})
    found: list[tuple[RenderedFile, FileChange]] = []
    for file in rendered:
        before = existing(file.path)
        if before == file.text:
            change = FileChange(file.path, "same", "")
        else:
            kind = "new" if before is None else "added" if _only_adds(before, file.text) else "changed"
            change = FileChange(file.path, kind, files.diff(file.path, before, file.text))
        found.append((file, change))
    return tuple(found)


async def _run(context: Context) -> RenderResult:
    found = changes(context.project)
    keep = await _kept(context, [change for _, change in found if change.kind == "changed"])
    written: list[str] = []
    same: list[str] = []
    backups: list[str] = []
    for file, change in found:
        path = context.paths.root / file.path
        if change.kind == "same":
            same.append(file.path)
        elif file.path not in keep:
            if change.kind == "changed":
                backups.append(files.backup(path, inside=context.paths.root).relative_to(context.paths.root).as_posix())
                context.say(f"kept a copy: {backups[-1]}")
            files.write_atomic(path, file.text, executable=file.executable, inside=context.paths.root)
            written.append(file.path)
            context.say(f"{_WORDS[change.kind]:<12} {file.path}")
    for name in sorted(keep):
        context.say(f"{'kept yours':<12} {name} (to replace it: ecrwiz run render --force --yes; a copy stays)")
    if same:
        context.say(f"{len(same)} files are as they should be.")
    return RenderResult(tuple(written), tuple(same), tuple(sorted(keep)), tuple(backups))


_WORDS = {"new": "wrote", "added": "added to", "changed": "replaced"}


async def _kept(context: Context, differing: list[FileChange]) -> set[str]:
    """The files that stay as the person has them."""
    agreed = context.approvals
    open_ones = [change for change in differing if change.path not in agreed.files]
    if agreed.everything or not open_ones:
        return set()
    if agreed.plan is not None:  # they saw the review, and left these unticked
        return {change.path for change in open_ones}
    reply = await context.ask(
        Question(
            context.step,
            "confirm",
            f"{len(open_ones)} files are there already and differ. Replace them?",
            tuple(_body(open_ones)),
            yes="Replace, keep copies",
            no="Keep mine",
        )
    )
    return set() if reply is True else {change.path for change in open_ones}


def _body(differing: list[FileChange]) -> Iterator[str]:
    for change in differing:
        yield from change.diff.splitlines()


def _only_adds(before: str, after: str) -> bool:
    """Whether every line of `before` is still there, in order: nothing of the person's is lost."""
    lines = iter(after.splitlines())
    return all(line in lines for line in before.splitlines())


def _nothing_there(_: str) -> None:
    """What the person has added to an ignore file is no input of ours."""


async def _inputs(view: View) -> dict[str, str]:
    rendered = templates.render(view.answers, view.project.need_app(), _nothing_there)
    return {file.path: files.digest(file.text) for file in rendered}


async def _gone(view: View) -> str:
    result = view.find(RenderResult)
    wanted = (*result.written, *result.same, *result.kept) if result else ()
    missing = [path for path in wanted if not (view.paths.root / path).exists()]
    return f"missing: {', '.join(missing)}" if missing else ""


STEP = Step(id=StepId.RENDER, title="Write Dockerfile, start.sh and Terraform", run=_run, inputs=_inputs, gone=_gone)
