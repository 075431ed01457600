"""The form: fields, the AWS profile, and what the answers lead to."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from textual.widgets import Input

from ecrwiz.flow import glance, outlook, profiles
from ecrwiz.flow.events import StepId
from ecrwiz.model.app import NodeApp, PublicVariable
from ecrwiz.model.errors import MissingToolError
from ecrwiz.screens.answers import AnswersScreen
from ecrwiz.services import node_app
from ecrwiz.widgets.field import Field
from ecrwiz.widgets.pick_field import PickField
from tests.wizard import NASTY, SIZES, Stage, front, on_screen, screen_text, until

sizes = pytest.mark.parametrize("size", SIZES)
Size = tuple[int, int]
ASK = profiles._ask  # a stage has another

CONFIG = """\
[default]
region = eu-west-1
aws_access_key_id = AKIDDEFAULT
aws_secret_access_key = none

[profile work]
region = eu-central-1
sso_session = corp
sso_account_id = 1
sso_role_name = dev

[sso-session corp]
sso_start_url = https://corp.example
sso_region = eu-central-1

[profile [/foo]]
region = cn-north-1
"""


@pytest.fixture
def stage(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(next_app, monkeypatch)


@pytest.fixture
def broken(config: Path) -> None:
    config.write_text("[profile a\n")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "aws-config"
    path.write_text(CONFIG)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))
    return path


@sizes
async def test_the_form_shows_origins_checks_while_typing_and_previews_names(stage: Stage, size: Size) -> None:
    async with stage.wizard(size, saved=False, port="8080") as (app, pilot):
        await until(pilot, lambda: front(app) == "AnswersScreen")
        await on_screen(pilot, "from package.json", "from --set port", "default")
        await on_screen(pilot, "web/blog/nextjs", "ci-blog-dev-server-user")
        labels = ("AWS profile", "Project id", "App", "Environment", "AWS region", "Port", "Dockerfile", "Platform")
        for label in (*labels, "CI identity", "GitHub", "GitHub env"):
            assert label in screen_text(app)
        await pilot.press("ctrl+u", *"My Shop")
        await on_screen(pilot, "my-shop would", "web/…/nextjs")
        await pilot.press("enter")
        await until(pilot, lambda: "Nothing was saved" in " ".join(stage.told))
        assert not (stage.root / "ecrwiz.toml").exists()
        await pilot.press("ctrl+u", *"shop")
        await on_screen(pilot, "web/shop/nextjs", "ci-shop-dev-server-user")


async def test_the_form_tells_when_names_are_too_long_together(stage: Stage) -> None:
    async with stage.wizard(saved=False) as (app, pilot):
        await until(pilot, lambda: front(app) == "AnswersScreen")
        app.screen.query_one("#field-project_id Input", Input).value = "a" * 60
        await on_screen(pilot, "IAM allows 64")
        await pilot.press("enter")
        assert isinstance(app.screen, AnswersScreen)


async def test_every_field_is_reached_by_keys_and_saved(stage: Stage) -> None:
    async with stage.wizard(saved=False) as (app, pilot):
        await until(pilot, lambda: front(app) == "AnswersScreen" and isinstance(app.focused, Input))
        await pilot.press("ctrl+u", *"shop", "down", "ctrl+u", *"web", "tab", "ctrl+u", *"prod", "tab")
        await pilot.press("ctrl+u", *"eu-west", "down", "enter", "tab", "ctrl+u", *"8080", "tab")
        await pilot.press("right", "tab", "right", "tab", "right", "tab", *"octo/shop", "tab", *"production", "tab")
        await pilot.press("tab", *"health", "tab", "right", "tab", "tab", "right", "tab", "right", "ctrl+n")
        await until(pilot, lambda: front(app) == "ReviewScreen")
        answers = app.session.project.answers
        assert (answers.project_id, answers.app, answers.env) == ("shop", "web", "prod")
        assert (answers.region, answers.port) == ("eu-west-2", 8080)
        assert (answers.strategy, answers.platform) == ("article", "linux/arm64")
        assert (answers.github_repository, answers.github_environment) == ("octo/shop", "production")
        assert answers.ci_identity == "oidc"
        assert (answers.health_path, answers.workflow, answers.ecs_deploy) == ("/health", "no", "no")
        assert (answers.tag_mutability, answers.infra_layout) == ("immutable", "beside")
        assert 'region = "eu-west-2"' in (stage.root / "ecrwiz.toml").read_text()


@sizes
async def test_public_variables_are_asked_for_and_said_to_be_public(
    stage: Stage, size: Size, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("NEXT_PUBLIC_API_URL", "NEXT_PUBLIC_SITE")
    variables = tuple(PublicVariable(name, f"src/{NASTY}.js:3") for name in names)
    real = node_app.detect

    def detect(root: Path) -> NodeApp:
        return replace(real(root), public_variables=variables)

    monkeypatch.setattr(node_app, "detect", detect)
    async with stage.wizard(size, saved=False) as (app, pilot):
        await until(pilot, lambda: front(app) == "AnswersScreen")
        app.screen.query_one(f"#field-build_args-{names[1]} Input", Input).focus()
        await on_screen(pilot, "Public: baked into the image, for everybody to read", *names, "src/aws_ecr")
        await pilot.press(*"https://example.com", "ctrl+n")
        await until(pilot, lambda: front(app) == "ReviewScreen")
        assert dict(app.session.project.answers.build_args) == {names[1]: "https://example.com"}
        assert f'"build_args.{names[1]}"' in (text := (stage.root / "ecrwiz.toml").read_text()) or names[1] in text


async def test_the_form_saves_only_what_was_changed_as_yours(stage: Stage) -> None:
    async with stage.wizard(saved=False) as (app, pilot):
        await until(pilot, lambda: front(app) == "AnswersScreen")
        await pilot.press("ctrl+u", *"shop", "enter")
        await until(pilot, lambda: front(app) == "ReviewScreen")
        origins = app.session.project.resolved.origins
        assert origins["project_id"].source == "you"
        assert origins["port"].source != "you"


@sizes
async def test_the_outlook_stands_beside_the_form_where_there_is_room(stage: Stage, size: Size) -> None:
    async with stage.wizard(size, saved=False, github_repository="octo/shop") as (app, pilot):
        await until(pilot, lambda: front(app) == "AnswersScreen")
        await on_screen(pilot, "web/blog/nextjs", "ci-blog-dev-server-user")
        beside = size[0] >= 100
        assert ("What this makes" in screen_text(app)) is beside
        if beside:
            await on_screen(pilot, "123456789012.dkr.ecr.us-east-1.amazonaws.com", "src-… (no commit yet), latest")
            await on_screen(pilot, "infra/terraform.tfstate on this machine", "+ Dockerfile", "+ ecrwiz.toml")
        app.screen.query_one("#field-ci_identity Choice").focus()
        await on_screen(pilot, "An IAM user's key")
        await pilot.press("right")
        await on_screen(pilot, "no secret, and only GitHub can use it", "ci-blog-dev-server-role")
        assert "ci-blog-dev-server-user" not in screen_text(app)
        if beside:
            await on_screen(pilot, "repo:octo/shop:ref:refs/heads/<default")
            app.screen.query_one("#field-github_environment Input", Input).value = "production"
            await on_screen(pilot, "repo:octo/shop:environment:production")
            app.screen.query_one("#field-project_id Input", Input).value = "No Good"
            await on_screen(pilot, "web/…/nextjs", "The files are listed when every field")


async def test_both_is_shown_when_it_is_so_but_never_offered(stage: Stage) -> None:
    async with stage.wizard((120, 60), saved=False) as (app, pilot):
        await until(pilot, lambda: front(app) == "AnswersScreen")
        await on_screen(pilot, "access key")
        assert "○ both" not in screen_text(app)
    async with stage.wizard((120, 60), saved=False, ci_identity="both", github_repository="o/r") as (app, pilot):
        await on_screen(pilot, "● both", "credentials to-oidc", "ci-blog-dev-server-user", "ci-blog-dev-server-role")


async def test_a_key_in_use_makes_the_way_to_a_role_another_one(stage: Stage) -> None:
    async with stage.wizard((120, 60)) as (app, pilot):
        app.session.start((StepId.RENDER, StepId.PROVISION))
        await until(pilot, lambda: not app.session.busy)
        await pilot.press("e")
        await until(pilot, lambda: front(app) == "AnswersScreen")
        app.screen.query_one("#field-ci_identity Choice").focus()
        await pilot.press("right")
        await on_screen(pilot, "would delete the key that CI has now")


@pytest.mark.usefixtures("config")
@sizes
async def test_regions_are_listed_by_name_and_the_nearest_first(stage: Stage, size: Size) -> None:
    async with stage.wizard(size, saved=False) as (app, pilot):
        await until(pilot, lambda: front(app) == "AnswersScreen")
        app.screen.query_one("#field-region Input").focus()
        await pilot.press("ctrl+u")
        await on_screen(pilot, "eu-west-1", "Europe (Ireland)", "eu-west-2", "Europe (London)")
        assert "cn-north-1" not in screen_text(app)
        await pilot.press(*"frank")
        await on_screen(pilot, "eu-central-1", "Europe (Frankfurt)")
        await pilot.press("escape")
        await pilot.pause()
        assert front(app) == "AnswersScreen", "escape closed the list alone"
        await pilot.press("backspace", "enter")
        assert app.screen.query_one("#field-region", PickField).value == "eu-central-1"


@pytest.mark.usefixtures("config")
@sizes
async def test_a_profile_is_chosen_with_its_account_and_its_region(stage: Stage, size: Size) -> None:
    stage.ends = datetime.now(UTC) + timedelta(minutes=42, seconds=30)
    async with stage.wizard(size, saved=False) as (app, pilot):
        await until(pilot, lambda: front(app) == "AnswersScreen")
        await on_screen(pilot, "Account 123456789012, user/ann", "expires in 42 min")
        field = app.screen.query_one("#field-aws_profile", PickField)
        field.focus_entry()
        await pilot.press("w")
        await on_screen(pilot, "AWS single sign-on, eu-central-1")
        await pilot.press("x")
        await on_screen(pilot, "There is no AWS profile wx on this machine.")
        await pilot.press("ctrl+n")
        await until(pilot, lambda: "Nothing was saved" in " ".join(stage.told))
        await pilot.press("backspace", "enter")
        await until(pilot, lambda: app.screen.query_one("#field-region", PickField).value == "eu-central-1")
        await on_screen(pilot, "from AWS profile work" if size[0] < 100 else "from AWS pro")
        await pilot.press("ctrl+n")
        await until(pilot, lambda: front(app) == "ReviewScreen")
        project = app.session.project
        assert (project.tools.profile, project.answers.region) == ("work", "eu-central-1")
        assert "profile" not in (stage.root / "ecrwiz.toml").read_text()
    async with stage.wizard(size) as (app, pilot):
        assert app.session.project.tools.profile == "work", "kept for this folder"


@pytest.mark.usefixtures("config")
async def test_the_environment_says_which_profile_and_wins(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    (stage.root / ".ecrwiz").mkdir()
    (stage.root / ".ecrwiz" / "aws-profile.json").write_text('{"profile": "work"}')
    monkeypatch.setenv("AWS_PROFILE", "[/foo]")
    async with stage.wizard(saved=False) as (app, pilot):
        await until(pilot, lambda: front(app) == "AnswersScreen")
        await on_screen(pilot, "[/foo]", "from AWS_PROFILE")
        await until(pilot, lambda: "wins over work" in " ".join(stage.told))
        assert not app.screen.query("#field-aws_profile Input")


@pytest.mark.usefixtures("config")
async def test_root_credentials_and_expired_sessions_are_told(stage: Stage) -> None:
    stage.who = glance.Identity("123456789012", "arn:aws:iam::123456789012:root")
    async with stage.wizard(saved=False) as (app, pilot):
        await on_screen(pilot, "! Account 123456789012, root: it may do everything.")
        stage.who = MissingToolError(f"Your session has expired {NASTY}.", "Log in again.")
        app.screen.query_one("#field-aws_profile Input", Input).value = "work"
        await on_screen(pilot, f"✗ Your session has expired {NASTY}.", "aws sso login --profile work")


@pytest.mark.usefixtures("broken")
async def test_a_broken_aws_configuration_is_told(stage: Stage) -> None:
    async with stage.wizard(saved=False) as (_app, pilot):
        await until(pilot, lambda: "aws-config cannot be read" in " ".join(stage.told))


async def test_a_credential_program_that_hangs_holds_no_key_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    going_on = threading.Event()

    def hang(self: object) -> None:
        going_on.wait(60)
        raise MissingToolError(f"The program says nothing {NASTY}.", "Ask it.")

    monkeypatch.setattr(profiles, "_ask", ASK)
    monkeypatch.setattr("ecrwiz.services.aws.Aws.ask_identity", hang)
    monkeypatch.setattr(profiles, "SECONDS", 60.0)
    async with stage.wizard(saved=False) as (app, pilot):
        await on_screen(pilot, "Asking AWS…")
        await pilot.press(*"more")
        assert app.screen.query_one("#field-project_id", Field).value == "blogmore"
        assert "Asking AWS…" in screen_text(app)
        going_on.set()
        await on_screen(pilot, "✗ The program says nothing", "Ask it.")


async def test_a_credential_program_that_hangs_is_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "_ask", ASK)
    monkeypatch.setattr("ecrwiz.services.aws.Aws.ask_identity", lambda _: time.sleep(30))
    monkeypatch.setattr(profiles, "SECONDS", 0.2)
    said = await profiles.standing(await stage.project(), "", None)
    assert said.problem == "AWS did not answer within 0.2 seconds."


async def test_nothing_of_the_outlook_is_worked_out_on_the_loop(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object) -> outlook.Outlook:
        time.sleep(4)
        return outlook.Outlook((("Repository", NASTY),))

    monkeypatch.setattr(outlook, "_look", slow)
    worst = 0.0

    async def watch() -> None:
        nonlocal worst
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.01)
            worst = max(worst, time.perf_counter() - before)

    async with stage.wizard((120, 40), saved=False) as (app, pilot):
        await until(pilot, lambda: front(app) == "AnswersScreen")
        watching = asyncio.create_task(watch())
        await on_screen(pilot, 'aws_ecr_repository.this["a"] [/foo] path[0]')
        watching.cancel()
    assert worst < 2, "the loop waited for the outlook"
