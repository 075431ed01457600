"""Build the image for one platform, tagged with the git commit."""

from __future__ import annotations

import asyncio

from ecrwiz.flow.context import Context, Step, View
from ecrwiz.flow.events import StepId
from ecrwiz.flow.journal import need_missing
from ecrwiz.model.errors import BadInputError, EcrwizError, MissingToolError, ToolFailedError
from ecrwiz.model.results import BuildResult
from ecrwiz.services import docker, files, git

__all__ = ["STEP"]

# Left out by .dockerignore, and written while other steps run: a change in them makes no other image.
_NOT_IN_THE_IMAGE = ("infra", "ecrwiz.toml", ".gitignore", ".ecrwiz")


async def _run(context: Context) -> BuildResult:
    answers, root = context.answers, context.paths.root
    if not (root / "Dockerfile").is_file():
        raise need_missing(context.step, StepId.RENDER)
    _check_host_build(context)
    tag, revision = await _tag(context)
    names = [f"{answers.local_image}:{tag}", f"{answers.local_image}:latest"]
    arguments = {"VERSION": tag, "REVISION": revision}
    flags = [item for name, value in arguments.items() for item in ("--build-arg", f"{name}={value}")]
    tags = [item for name in names for item in ("-t", name)]
    context.command("docker", "build", "--platform", answers.platform, *tags, *flags, ".")
    image_id = await context.tools.docker.build(
        root,
        dockerfile="Dockerfile",
        platform=answers.platform,
        tags=names,
        build_args=arguments,
        labels={},
        on_lines=context.lines,
        on_progress=context.progress,
    )
    info = await context.tools.docker.find_image(image_id)
    if info is None:
        raise ToolFailedError("The image was built and is gone from the engine.", "Run build again.")
    context.say(f"{names[0]}: {info.size / 1e6:.0f} MB for {info.platform}")
    return BuildResult(answers.local_image, tag, image_id, info.platform, info.size)


def _check_host_build(context: Context) -> None:
    app = context.project.need_app()
    if context.answers.strategy == "article" and not app.built_on_host:
        raise BadInputError(
            "Strategy article copies .next and node_modules from this machine, and they are not there.",
            "Run `npm ci && npm run build` (or yarn's) first, or take --set strategy=multi-stage.",
        )


async def _tag(view: View) -> tuple[str, str]:
    """The image's tag, and the commit it was built from (empty when there is none)."""
    state = await git.describe(view.paths.root, apart=_NOT_IN_THE_IMAGE)
    revision = state.commit if state else ""
    if view.answers.image_tag:
        return view.answers.image_tag, revision
    if state and state.commit:
        return git.image_tag(state), revision
    digest = await asyncio.to_thread(docker.context_digest, view.paths.root)
    return f"src-{digest[:12]}", ""


async def _inputs(view: View) -> dict[str, str]:
    root = view.paths.root
    context = asyncio.to_thread(docker.context_digest, root)
    digest, (tag, _) = await asyncio.gather(context, _tag(view))
    return {
        "Dockerfile": files.digest(files.read_text(root / "Dockerfile") or ""),
        "the application's files": digest,
        "image tag": tag,
        "platform": view.answers.platform,
        "image name": view.answers.local_image,
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
