"""Run the image and ask it over HTTP, with PORT set to another value than the default."""

from __future__ import annotations

from ecrwiz.flow.context import Context, Step, View
from ecrwiz.flow.events import StepId
from ecrwiz.model.results import BuildResult, SmokeResult
from ecrwiz.services import files

__all__ = ["LABEL", "STEP"]

LABEL = "org.ecrwiz.smoke-test"
_ARTICLE_PORT = 5000


def probe_port(default: int) -> int:
    """A PORT that differs from the default, so that an image which ignores PORT is found out."""
    return _ARTICLE_PORT if default != _ARTICLE_PORT else _ARTICLE_PORT + 1


async def _run(context: Context) -> SmokeResult:
    built = context.need(BuildResult)
    port = probe_port(context.answers.port)
    context.command("docker", "run", "--rm", "-e", f"PORT={port}", "-p", f"127.0.0.1::{port}", built.image_id)
    probe = await context.tools.docker.run_probe(
        built.image_id,
        port=port,
        env={"PORT": str(port)},
        # What an earlier test of this very folder left behind is removed; another checkout's is not ours.
        labels={LABEL: files.digest(str(context.paths.root))},
        seconds=context.tools.settings.smoke_seconds,
        on_lines=context.lines,
    )
    context.say(f"{probe.url} answered {probe.status} in {probe.milliseconds:.0f} ms.")
    return SmokeResult(probe.url, port, probe.status, round(probe.milliseconds, 1), round(probe.started_after, 2))


async def _inputs(view: View) -> dict[str, str]:
    built = view.find(BuildResult)
    return {"image": built.image_id if built else "", "port": str(probe_port(view.answers.port))}


STEP = Step(
    id=StepId.SMOKE_TEST,
    title="Try the image on another PORT",
    run=_run,
    inputs=_inputs,
    needs=(StepId.BUILD,),
)
