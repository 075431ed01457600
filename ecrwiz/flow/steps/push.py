"""Push the image and prove that the registry serves what was pushed."""

from __future__ import annotations

import asyncio

from ecrwiz.flow.context import Context, Step, View
from ecrwiz.flow.events import StepId
from ecrwiz.model.errors import EcrwizError, ToolFailedError
from ecrwiz.model.redact import Secret
from ecrwiz.model.results import BuildResult, ProvisionResult, PushResult
from ecrwiz.services import registry
from ecrwiz.services.ecr import Ecr, Image

__all__ = ["STEP"]

_LATEST = "latest"
_STAND_IN = "org.ecrwiz.stand-in"  # a label that an image takes over from its base
_WAITS = (0.0, 1.0, 2.0, 4.0, 8.0)  # seconds: ECR may list an image a moment after it was pushed


async def _run(context: Context) -> PushResult:
    built, made = context.need(BuildResult), context.need(ProvisionResult)
    ecr = context.tools.ecr(made.aws_region)
    remote = f"{made.ecr_repo_url}/{made.ecr_repo_path}"
    info = await context.tools.docker.find_image(built.image_id)
    if info is None:
        raise EcrwizError("The image is gone from the engine.", "Build it again with: ecrwiz run build")
    if info.labels.get(_STAND_IN) and not registry.is_loopback(made.ecr_repo_url):
        raise EcrwizError(
            "The image was built on a stand-in for Node's own base image, made for the sandbox.",
            "Remove the stand-in with `docker rmi node:...-slim`, and build again where the real one can be pulled.",
        )
    wanted, there = await _what_to_push(context, ecr, built, made)
    user, password = await ecr.token()
    context.tools.redact.add(password)
    digest = there.digest if there else ""
    for tag in wanted:
        digest = await _push(context, built, remote, tag, user, password)
    tags = [built.tag, *(tag for tag in wanted if tag != built.tag)]
    await _verify_registry(context, made, tags, digest, user, password)
    image = await _listed(ecr, made.ecr_repo_path, digest)
    context.say(f"ECR lists {remote}@{digest} ({image.size / 1e6:.1f} MB) as {', '.join(image.tags)}.")
    return PushResult(remote, image.tags, digest, image.size, bool(wanted))


async def _what_to_push(
    context: Context, ecr: Ecr, built: BuildResult, made: ProvisionResult
) -> tuple[list[str], Image | None]:
    """The tags to push, and the image that bears the commit's tag already when it is this very one.

    ECR refuses a taken immutable tag only after all layers are uploaded, so this looks first.
    """
    name = made.ecr_repo_path
    repository = await ecr.repository(name)
    if repository is None:
        raise EcrwizError(
            f"The repository {name} does not exist in this account and region.",
            "Make it again with: ecrwiz run provision --force",
        )
    if repository.uri != f"{made.ecr_repo_url}/{made.ecr_repo_path}":
        raise EcrwizError(
            f"Terraform's outputs name the registry {made.ecr_repo_url}, and ECR says {repository.uri}: "
            "the registry's password was not sent there.",
            "Look at infra/outputs.tf, or write infra/ again with: ecrwiz run render --force --yes",
        )
    wanted: list[str] = []
    there: Image | None = None
    for tag in _tags(context, built.tag, immutable=repository.immutable):
        image = await ecr.image(name, tag=tag)
        if image and built.image_id in (image.digest, await ecr.config_digest(name, tag)):
            context.say(f"{name}:{tag} is there already and is this very image: nothing to upload.")
            there = image
        elif image and tag != _LATEST and (repository.immutable or context.answers.tag_mutability != "mutable"):
            raise EcrwizError(
                f"The tag {tag} is taken by another image, and the repository's tags are immutable.",
                f"Commit your changes and build again, or take another tag: "
                f"ecrwiz run build push --set image_tag={tag}-2",
            )
        else:
            wanted.append(tag)
    return wanted, there


def _tags(context: Context, tag: str, *, immutable: bool) -> tuple[str, ...]:
    """The commit's tag, and `latest` where it may move: on the first image alone it would be wrong ever after."""
    if context.answers.tag_mutability == "immutable" or immutable:
        context.say("Tags are immutable in this repository, so latest is not pushed.")
        return (tag,)
    return (tag, _LATEST)


async def _push(context: Context, built: BuildResult, remote: str, tag: str, user: str, password: Secret) -> str:
    context.command("docker", "tag", built.image_id, f"{remote}:{tag}")
    context.command("docker", "push", f"{remote}:{tag}")
    digest: str = await context.tools.docker.push(
        built.image_id,
        remote,
        tag,
        password,
        username=user,
        on_lines=context.lines,
        on_progress=context.progress,
    )
    return digest


async def _verify_registry(
    context: Context, made: ProvisionResult, tags: list[str], digest: str, user: str, password: Secret
) -> None:
    for tag in tags:
        served = await registry.manifest_digest(
            made.ecr_repo_url, made.ecr_repo_path, tag, username=user, password=password
        )
        if served is None or served[0] != digest:
            found = served[0] if served else "nothing"
            raise ToolFailedError(
                f"The registry serves {found} for {tag}, and {digest} was pushed.",
                "Somebody else may push to the same tag; run push again.",
            )
        context.say(f"The registry serves {digest} for {tag}.")


async def _listed(ecr: Ecr, name: str, digest: str) -> Image:
    for wait in _WAITS:
        await asyncio.sleep(wait)
        image = await ecr.image(name, digest=digest)
        if image:
            return image
    raise ToolFailedError(f"ECR does not list {digest} in {name}.", "Run push again in a minute.")


async def _inputs(view: View) -> dict[str, str]:
    built, made = view.find(BuildResult), view.find(ProvisionResult)
    return {
        "image": built.image_id if built else "",
        "image tag": built.tag if built else "",
        "tag mutability": view.answers.tag_mutability,
        "repository": f"{made.ecr_repo_url}/{made.ecr_repo_path}" if made else "",
    }


STEP = Step(
    id=StepId.PUSH,
    title="Push the image to ECR and verify it",
    run=_run,
    inputs=_inputs,
    needs=(StepId.BUILD, StepId.PROVISION),
    after=(StepId.SMOKE_TEST,),
)
