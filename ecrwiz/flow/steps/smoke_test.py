"""Run the image as Fargate would and ask it over HTTP, with PORT set to another value than the default."""

from __future__ import annotations

from typing import Final

from ecrwiz.flow.context import Context, Step, View
from ecrwiz.flow.events import StepId
from ecrwiz.model.results import BuildResult, SmokeResult
from ecrwiz.services import docker, files

__all__ = ["HOSTNAME", "LABEL", "STEP", "probe_port"]

LABEL = "org.ecrwiz.smoke-test"
HOSTNAME: Final = "ip-10-0-0-1.ec2.internal"
"""A HOSTNAME as Fargate sets it. It leads to the container's own address there and here: a server that listens on
it answers, which is no fault in itself, and is found out all the same."""

_ARTICLE_PORT = 5000
_PATIENCE: Final = 5.0  # seconds that stopping may take unremarked
_ROOT: Final = ("", "0", "root")


def probe_port(default: int) -> int:
    """A PORT that differs from the default, so that an image which ignores PORT is found out."""
    return _ARTICLE_PORT if default != _ARTICLE_PORT else _ARTICLE_PORT + 1


def _port(view: View) -> tuple[int, str]:
    """The PORT to try the image with, and why it is not another one than the default; the reason may be empty."""
    app, answers = view.project.need_app(), view.answers
    own = app.dockerfile if answers.strategy == "own" else None
    if own and own.expose and not own.names_port:
        reason = f"{own.path} never names PORT and has EXPOSE {own.expose[0]}"
        return own.expose[0], reason
    if app.port_is_fixed:
        return app.port, f"the code listens on {app.port} whatever PORT says"
    return probe_port(answers.port), ""


async def _run(context: Context) -> SmokeResult:
    built, (port, reason) = context.need(BuildResult), _port(context)
    if reason:
        context.say(f"Warning: {reason}, so it is asked there and not on another port.")
    if reason and port != context.answers.port:
        context.say(
            f"Warning: what runs the image would ask port {context.answers.port}, where it does not listen. "
            f"Take --set port={port}, or have the application read PORT."
        )
    variables = [word for name in (f"HOSTNAME={HOSTNAME}", f"PORT={port}") for word in ("-e", name)]
    published = ("-p", f"127.0.0.1::{port}")
    context.command("docker", "run", "--rm", "--hostname", HOSTNAME, *variables, *published, built.image_id)
    trial = docker.Trial(
        built.image_id,
        port=port,
        env={},
        # What an earlier test of this very folder left behind is removed; another checkout's is not ours.
        labels={LABEL: files.digest(str(context.paths.root))},
        seconds=context.tools.settings.smoke_seconds,
        path=context.answers.health_path,
        hostname=HOSTNAME,
        stop_seconds=int(_PATIENCE) + 1,
    )
    probe = await context.tools.docker.run_probe(trial, context.lines)
    context.say(f"{probe.url} answered {probe.status} in {probe.milliseconds:.0f} ms.")
    await _warn(context, probe, built.image_id)
    started = round(probe.started_after, 2)
    return SmokeResult(probe.url, port, probe.status, round(probe.milliseconds, 1), started, probe.stopped_in)


async def _warn(context: Context, probe: docker.Probe, image_id: str) -> None:
    """Tell what works here and will trip the image where it is to run."""
    if probe.was_killed or probe.stopped_in > _PATIENCE:
        how = "did not end" if probe.was_killed else f"took {probe.stopped_in:.1f} s to end"
        context.say(
            f"Warning: the container {how} when it was asked to stop (SIGTERM), so each deployment waits for it and "
            "then cuts requests off. Start the server with `exec` (CMD as a JSON list), and behind an init such as "
            "tini when it does not end on SIGTERM by itself."
        )
    else:
        context.say(f"It stopped {probe.stopped_in:.1f} s after SIGTERM.")
    if probe.bound_to_hostname:
        context.say(
            "Warning: it listens on the address behind HOSTNAME only, so a health check inside the container fails "
            "on Fargate, which sets HOSTNAME. Have it listen on 0.0.0.0: export HOSTNAME=0.0.0.0 in the start script."
        )
    if context.answers.strategy == "own":
        image = await context.tools.docker.find_image(image_id)
        if image and image.user.partition(":")[0] in _ROOT:
            context.say(
                "Warning: the image runs as root. Name another user by number, such as `USER 1001`, at the "
                "Dockerfile's end."
            )


async def _inputs(view: View) -> dict[str, str]:
    built = view.find(BuildResult)
    return {
        "image": built.image_id if built else "",
        "port": str(_port(view)[0]),
        "health_path": view.answers.health_path,
    }


STEP = Step(
    id=StepId.SMOKE_TEST,
    title="Try the image on another PORT",
    run=_run,
    inputs=_inputs,
    needs=(StepId.BUILD,),
)
