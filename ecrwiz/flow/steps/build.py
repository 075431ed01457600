"""Build the image for one platform, tagged with the git commit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ecrwiz.flow import build_secrets, three_way
from ecrwiz.flow.context import Context, Step, View
from ecrwiz.flow.events import StepId
from ecrwiz.flow.journal import need_missing
from ecrwiz.model.errors import BadInputError, EcrwizError, MissingToolError, ToolFailedError
from ecrwiz.model.results import BuildResult
from ecrwiz.services import docker, files, git

__all__ = ["STEP", "Source", "source"]

# Left out by the ignore file, and written while other steps run: a change in them makes no other image.
_NOT_IN_THE_IMAGE = ("infra", "ecrwiz.toml", ".gitignore", ".ecrwiz")


@dataclass(frozen=True, slots=True)
class Source:
    """What an image is built from.

    Attributes:
        context: the folder that is sent: the application's, or its monorepo's root.
        dockerfile: relative to it.
        apart: what a change in makes no other image, relative to it.
    """

    context: Path
    dockerfile: str
    apart: tuple[str, ...]


def source(view: View) -> Source:
    """What the image is built from.

    Raises:
        EcrwizError: there is no application.
    """
    app, root = view.project.need_app(), view.paths.root
    own = view.answers.strategy == "own" and app.dockerfile
    context = (root / app.up).resolve() if app.workspace else root
    apart = tuple(app.in_context(name) for name in _NOT_IN_THE_IMAGE)
    return Source(context, app.in_context(own.path if own else "Dockerfile"), (*apart, *([] if own else [".github"])))


async def _run(context: Context) -> BuildResult:
    answers = context.answers
    found = source(context)
    _check(context, found)
    text = docker.read_dockerfile(found.context, found.dockerfile)
    tag, revision = await _tag(context, found)
    arguments = _arguments(context, text, {"VERSION": tag, "REVISION": revision})
    mounted = {mount.id for mount in docker.mounts(text) if mount.kind == "secret"}
    secrets = await build_secrets.collect(context, found.context, mounted)
    names = [f"{answers.local_image}:{tag}", f"{answers.local_image}:latest"]
    request = docker.Request(
        found.context,
        dockerfile=found.dockerfile,
        platform=answers.platform,
        tags=names,
        build_args=arguments,
        labels=_labels(context, tag, revision),
        secrets=secrets.variables,
        secret_files=secrets.npmrc,
        folder=context.paths.root,
    )
    image_id = await context.tools.docker.build(
        request,
        on_lines=context.lines,
        on_progress=context.progress,
        on_command=context.command,
        notes=context.paths.children,
    )
    info = await context.tools.docker.find_image(image_id)
    if info is None:
        raise ToolFailedError("The image was built and is gone from the engine.", "Run build again.")
    context.say(f"{names[0]}: {info.size / 1e6:.0f} MB for {info.platform}")
    return BuildResult(answers.local_image, tag, image_id, info.platform, info.size, secrets.consent)


def _check(context: Context, found: Source) -> None:
    """Refuse what cannot become an image, and tell what will trip it."""
    app, own = context.project.need_app(), context.answers.strategy == "own"
    if not (found.context / found.dockerfile).is_file():
        if own:
            raise BadInputError(
                f"Strategy own builds your own Dockerfile, and {found.context / found.dockerfile} is not there.",
                "Write it, or take --set strategy=multi-stage to have one rendered.",
            )
        raise need_missing(context.step, StepId.RENDER)
    dockerfile = app.dockerfile.path if own and app.dockerfile else "Dockerfile"
    ignore = (f"{dockerfile}.dockerignore", ".dockerignore")
    three_way.refuse_markers(context.paths, (dockerfile, *ignore, *([] if own else ["start.sh"])))
    if context.answers.strategy == "article" and not app.built_on_host:
        raise BadInputError(
            "Strategy article copies .next and node_modules from this machine, and they are not there.",
            "Run `npm ci && npm run build` (or yarn's) first, or take --set strategy=multi-stage.",
        )
    for note in app.notes:
        if note.warning:
            context.say(f"Warning: {note.text} {note.hint}".rstrip())


def _arguments(context: Context, text: str, ours: Mapping[str, str]) -> dict[str, str]:
    """The build arguments that the Dockerfile takes; says which of the person's everybody will be able to read."""
    taken = docker.arg_names(text)
    public = context.answers.build_args
    unused = [name for name in public if name not in taken]
    if unused:
        context.say(f"Warning: the Dockerfile has no ARG for {', '.join(unused)}, so the build does not get it.")
    given = [name for name in public if name in taken]
    if given:
        context.say(f"Public, for everybody can read it in what browsers get: {', '.join(given)}.")
    known = {*public, *(variable.name for variable in context.project.need_app().public_variables if variable.value)}
    for variable in context.project.need_app().public_variables:
        if variable.name in taken and variable.name not in known:
            context.say(
                f"Warning: {variable.name} ({variable.where}) has no value and will be empty in what browsers get. "
                f"Give it one with --set build_args.{variable.name}=VALUE."
            )
    return {name: value for name, value in {**public, **ours}.items() if name in taken}


def _labels(context: Context, tag: str, revision: str) -> dict[str, str]:
    """An own Dockerfile says nothing of version and revision; a rendered one does."""
    if context.answers.strategy != "own":
        return {}
    known = {"version": tag, "revision": revision}
    return {f"org.opencontainers.image.{name}": value for name, value in known.items() if value}


async def _tag(view: View, found: Source) -> tuple[str, str]:
    """The image's tag, and the commit it was built from (empty when there is none)."""
    state = await git.describe(found.context, apart=found.apart)
    revision = state.commit if state else ""
    if view.answers.image_tag:
        return view.answers.image_tag, revision
    if state and state.commit:
        return git.image_tag(state), revision
    digest = await asyncio.to_thread(docker.context_digest, found.context, found.dockerfile)
    return f"src-{digest[:12]}", ""


async def _inputs(view: View) -> dict[str, str]:
    found = source(view)
    context = asyncio.to_thread(docker.context_digest, found.context, found.dockerfile)
    digest, (tag, _) = await asyncio.gather(context, _tag(view, found))
    return {
        "Dockerfile": files.digest(files.read_text(found.context / found.dockerfile) or ""),
        "the application's files": digest,
        "image tag": tag,
        "platform": view.answers.platform,
        "image name": view.answers.local_image,
        "public build variables": files.digest(json.dumps(dict(view.answers.build_args), sort_keys=True)),
    }


async def _gone(view: View) -> str:
    result = view.find(BuildResult)
    try:
        if result and await view.tools.docker.find_image(result.image_id) is None:
            return "the image is gone from the engine"
    except MissingToolError:
        return ""  # no engine answers, so nothing is known; a step that needs it will say so
    except EcrwizError as error:
        return error.message
    return ""


STEP = Step(
    id=StepId.BUILD,
    title="Build the image",
    run=_run,
    inputs=_inputs,
    needs=(StepId.RENDER,),
    gone=_gone,
)
