"""The engine: order, concurrency, freshness, failure, questions, cancellation, what a crash leaves."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ecrwiz.flow.context import Approvals, Context, Skipped
from ecrwiz.flow.engine import Engine
from ecrwiz.flow.events import CHAIN, Asked, Output, Question, RunFinished, Status, StepId
from ecrwiz.flow.project import Project, open_project
from ecrwiz.flow.runbook import survey
from ecrwiz.model.errors import BadInputError, EcrwizError, MissingToolError
from ecrwiz.model.redact import MASK, Secret
from ecrwiz.model.results import Result
from tests.fake_steps import RESULTS, FakeSteps, Heard

Open = Callable[..., Awaitable[Project]]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> FakeSteps:
    return FakeSteps(monkeypatch)


@pytest.fixture
def opened(next_app: Path) -> Open:
    async def open_(**flags: str) -> Project:
        return await open_project(next_app, flags, os.environ)

    return open_


async def _run(project: Project, *wanted: StepId, force: bool = False) -> tuple[RunFinished, Heard]:
    heard = Heard()
    end = await Engine(project, heard.append).run(wanted, force=force)
    return end, heard


async def test_a_run_visits_the_chain_in_order_and_side_by_side(steps: FakeSteps, opened: Open) -> None:
    end, heard = await _run(await opened())
    assert end.exit_code == 0
    assert set(steps.ran) == set(CHAIN)
    for before, after in (("render", "build"), ("build", "smoke-test"), ("provision", "push"), ("smoke-test", "push"),
                          ("provision", "credentials"), ("credentials", "github")):  # fmt: skip
        assert steps.ran.index(StepId(before)) < steps.ran.index(StepId(after))
    assert steps.most >= 2, "build and provision do not need each other"
    assert {event.status for event in heard.ends().values()} == {Status.OK}


async def test_the_second_run_finds_everything_fresh(steps: FakeSteps, opened: Open) -> None:
    project = await opened()
    await _run(project)
    steps.ran.clear()
    end, heard = await _run(project)
    assert steps.ran == []
    assert {event.status for event in heard.ends().values()} == {Status.FRESH}
    assert heard.ends()[StepId.PUSH].outputs["digest"] == "sha256:2"
    assert end.exit_code == 0


async def test_a_changed_input_makes_the_step_stale_and_says_why(steps: FakeSteps, opened: Open) -> None:
    project = await opened()
    await _run(project)
    steps.inputs[StepId.BUILD] = {"platform": "linux/arm64"}
    found = await survey(project)
    assert (found[StepId.BUILD].status, found[StepId.BUILD].reason) == (Status.STALE, "changed: platform")
    assert found[StepId.PUSH].reason == "comes after build"
    assert found[StepId.PROVISION].status is Status.FRESH
    steps.ran.clear()
    await _run(project)
    assert steps.ran == [StepId.BUILD], "the image came out the same, so what follows it is fresh"


async def test_force_runs_a_fresh_step_again(steps: FakeSteps, opened: Open) -> None:
    project = await opened()
    await _run(project)
    steps.ran.clear()
    await _run(project, StepId.PUSH)
    assert steps.ran == []
    await _run(project, StepId.PUSH, force=True)
    assert steps.ran == [StepId.PUSH]


async def test_a_step_alone_says_what_it_needs(steps: FakeSteps, opened: Open) -> None:
    end, heard = await _run(await opened(), StepId.PUSH)
    error = heard.ends()[StepId.PUSH].error
    assert end.exit_code == 2
    assert error is not None
    assert error.message == "push needs what build makes, and build has not been done."
    assert "ecrwiz run build" in error.hint
    assert steps.ran == []


def _fails(error: Exception) -> Callable[[Context], Awaitable[Result | Skipped]]:
    async def fail(context: Context) -> Result | Skipped:
        raise error

    return fail


async def test_a_failure_stops_what_needs_it_and_nothing_else(steps: FakeSteps, opened: Open) -> None:
    steps.doing[StepId.BUILD] = _fails(EcrwizError("npm said no.", "Look at line 3."))
    project = await opened()
    end, heard = await _run(project)
    ends = heard.ends()
    assert end.exit_code == 1
    assert ends[StepId.BUILD].error is not None
    assert ends[StepId.PUSH].status is Status.SKIPPED
    assert ends[StepId.PUSH].note == "needs build, which did not succeed"
    assert ends[StepId.GITHUB].status is Status.OK
    del steps.doing[StepId.BUILD]
    steps.ran.clear()
    assert (await _run(project))[0].exit_code == 0
    assert steps.ran == [StepId.BUILD, StepId.SMOKE_TEST, StepId.PUSH], "what was done is not done again"


async def test_a_missing_tool_gives_its_own_exit_code(steps: FakeSteps, opened: Open) -> None:
    steps.doing[StepId.BUILD] = _fails(MissingToolError("No engine.", "Start it."))
    assert (await _run(await opened(), StepId.RENDER, StepId.BUILD))[0].exit_code == 3


async def test_an_error_in_ecrwiz_shows_no_traceback_and_logs_it(steps: FakeSteps, opened: Open) -> None:
    steps.doing[StepId.RENDER] = _fails(ZeroDivisionError("inner words"))
    project = await opened()
    end, heard = await _run(project, StepId.RENDER)
    error = heard.ends()[StepId.RENDER].error
    assert error is not None
    assert "inner words" not in f"{error.message}{error.hint}"
    log = next(project.paths.logs.glob("*/tracebacks.log")).read_text()
    assert "ZeroDivisionError:" not in next(project.paths.logs.glob("*/render.log")).read_text()
    assert "ZeroDivisionError: inner words" in log
    assert end.exit_code == 1


async def test_skipped_is_no_failure(steps: FakeSteps, opened: Open) -> None:
    async def skip(context: Context) -> Result | Skipped:
        return Skipped("no remote")

    steps.doing[StepId.GITHUB] = skip
    end, heard = await _run(await opened())
    assert end.exit_code == 0
    assert (heard.ends()[StepId.GITHUB].status, heard.ends()[StepId.GITHUB].note) == (Status.SKIPPED, "no remote")


async def test_cancel_lets_a_step_end_in_good_order(steps: FakeSteps, opened: Open) -> None:
    order: list[str] = []

    sleeping = asyncio.Event()

    async def slow(context: Context) -> Result | Skipped:
        try:
            sleeping.set()
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)
            order.append("cleaned up")
            raise
        return RESULTS[StepId.BUILD]

    steps.doing[StepId.BUILD] = slow
    project = await opened()
    heard = Heard()
    engine = Engine(project, heard.append)
    run = asyncio.create_task(engine.run())
    while not sleeping.is_set():
        await asyncio.sleep(0.01)
    engine.cancel()
    end = await run
    assert (end.exit_code, end.status) == (130, Status.CANCELLED)
    assert order == ["cleaned up"]
    assert heard.ends()[StepId.BUILD].status is Status.CANCELLED
    assert (await survey(project))[StepId.BUILD].status is Status.CANCELLED


async def test_cancelling_the_run_itself_does_the_same(steps: FakeSteps, opened: Open) -> None:
    async def slow(context: Context) -> Result | Skipped:
        await asyncio.sleep(60)
        return RESULTS[StepId.RENDER]

    steps.doing[StepId.RENDER] = slow
    heard = Heard()
    run = asyncio.create_task(Engine(await opened(), heard.append).run())
    while not steps.ran:
        await asyncio.sleep(0.01)
    run.cancel()
    assert (await run).exit_code == 130
    assert heard.ends()[StepId.RENDER].status is Status.CANCELLED


async def test_a_question_waits_for_its_answer(steps: FakeSteps, opened: Open) -> None:
    replies: list[object] = []

    async def ask(context: Context) -> Result | Skipped:
        replies.append(await context.ask(Question(context.step, "confirm", "Go?", ("[/foo] this[0]",))))
        return RESULTS[StepId.RENDER]

    steps.doing[StepId.RENDER] = ask
    heard = Heard()

    def listen(event: object) -> None:
        if isinstance(event, Asked):
            assert event.question.body == ("[/foo] this[0]",)
            engine.answer(event.question.id, True)
            engine.answer(event.question.id, False)  # a second answer is ignored

    engine = Engine(await opened(), listen)
    await engine.run([StepId.RENDER])
    assert replies == [True]
    assert not heard


async def test_a_killed_run_shows_as_cut_and_is_taken_up_there(steps: FakeSteps, opened: Open) -> None:
    project = await opened()
    await _run(project, StepId.RENDER)
    project.journal.begin(StepId.BUILD, "20260101-000000", 0.0)  # and then the process was killed
    again = await opened()
    found = await survey(again)
    assert found[StepId.RENDER].status is Status.FRESH
    assert found[StepId.BUILD].status is Status.CUT
    steps.ran.clear()
    assert (await _run(again))[0].exit_code == 0
    assert StepId.RENDER not in steps.ran
    assert steps.ran[0] in {StepId.BUILD, StepId.PROVISION}


async def test_two_runs_at_once_are_refused(steps: FakeSteps, opened: Open) -> None:
    async def slow(context: Context) -> Result | Skipped:
        await asyncio.sleep(0.3)
        return RESULTS[StepId.RENDER]

    steps.doing[StepId.RENDER] = slow
    project = await opened()
    first = asyncio.create_task(_run(project, StepId.RENDER))
    while not steps.ran:
        await asyncio.sleep(0.01)
    with pytest.raises(EcrwizError, match="Another ecrwiz run"):
        await _run(await opened(), StepId.RENDER)
    assert (await survey(await opened()))[StepId.RENDER].status is Status.RUNNING
    assert (await first)[0].exit_code == 0


async def test_bad_answers_write_nothing(steps: FakeSteps, opened: Open, next_app: Path) -> None:
    def there() -> list[str]:
        return sorted(path.name for path in next_app.iterdir())

    before = there()
    with pytest.raises(BadInputError, match="my-shop would work"):
        await _run(await opened(project_id="My Shop"))
    assert there() == before


async def test_answers_are_kept_with_the_persons_comments(steps: FakeSteps, opened: Open, next_app: Path) -> None:
    file = next_app / "ecrwiz.toml"
    file.write_text('# mine\nregion = "eu-west-1" # near us\n')
    await _run(await opened(port="8080"))
    text = file.read_text()
    assert text.startswith('# mine\nregion = "eu-west-1" # near us\n')
    assert "port = 8080" in text
    again = await opened()
    assert str(again.resolved.origins["port"]) == "from ecrwiz.toml"
    assert again.answers.port == 8080


async def test_precedence_is_flag_environment_file_detection_default(
    steps: FakeSteps, opened: Open, next_app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (next_app / "ecrwiz.toml").write_text('env = "file"\nregion = "eu-west-1"\nport = 4000\n')
    monkeypatch.setenv("ECRWIZ_ENV", "environment")
    monkeypatch.setenv("ECRWIZ_REGION", "eu-west-2")
    project = await opened(region="eu-west-3")
    found = project.answers
    assert (found.region, found.env, found.port) == ("eu-west-3", "environment", 4000)
    assert (found.project_id, found.app, found.platform) == ("blog", "nextjs", "linux/amd64")
    words = {name: str(origin) for name, origin in project.resolved.origins.items()}
    assert words["region"] == "from --set region"
    assert words["env"] == "from ECRWIZ_ENV"
    assert words["project_id"] == "from package.json"
    assert words["platform"] == "default"
    await _run(project)
    text = (next_app / "ecrwiz.toml").read_text()
    assert 'env = "file"' in text, "what only the environment said is not written down"


async def test_a_secret_in_output_is_masked_and_cannot_enter_the_journal(steps: FakeSteps, opened: Open) -> None:
    secret = Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")

    async def leak(context: Context) -> Result | Skipped:
        context.tools.redact.add(secret)
        context.say(f"the key is {secret.reveal()}")
        context.command("curl", "-u", secret.reveal())
        raise EcrwizError(f"bad {secret.reveal()}")

    steps.doing[StepId.RENDER] = leak
    project = await opened()
    _, heard = await _run(project, StepId.RENDER)
    told = [line for event in heard if isinstance(event, Output) for line in event.lines]
    assert told == [f"the key is {MASK}"]
    for path in project.paths.state.rglob("*"):
        assert not path.is_file() or secret.reveal() not in path.read_text()
    with pytest.raises(TypeError):
        json.dumps({"x": secret})


async def test_a_journal_that_cannot_be_read_counts_as_none_and_says_so(steps: FakeSteps, opened: Open) -> None:
    project = await opened()
    await _run(project)
    project.paths.journal.write_text('{"schema": 1, "steps": {"render": ')
    again = await opened()
    assert "cannot be read as a journal" in again.journal.unreadable
    assert (await survey(again))[StepId.RENDER].status is Status.NOT_RUN
    assert (await _run(again))[0].exit_code == 0


async def test_old_logs_are_pruned(steps: FakeSteps, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECRWIZ_KEEP_LOGS", "2")
    project = await opened()
    for _ in range(4):
        await _run(project, StepId.RENDER, force=True)
    assert len(list(project.paths.logs.iterdir())) == 2


async def test_yes_is_passed_to_the_steps(steps: FakeSteps, opened: Open) -> None:
    seen: list[Approvals] = []

    async def look(context: Context) -> Result | Skipped:
        seen.append(context.approvals)
        return RESULTS[StepId.RENDER]

    steps.doing[StepId.RENDER] = look
    await Engine(await opened(), Heard().append).run([StepId.RENDER], approvals=Approvals(everything=True))
    assert seen[0].everything
