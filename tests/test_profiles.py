"""AWS profiles: what the configuration says, which one counts, and what AWS says of it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecrwiz.flow import profiles
from ecrwiz.flow.project import Project, open_project
from ecrwiz.flow.toolbox import environment
from ecrwiz.model.errors import BadInputError, MissingToolError
from ecrwiz.model.profile import Chosen
from ecrwiz.screens.answers_profile import standing_words
from ecrwiz.services import aws_profiles
from ecrwiz.services.aws import Aws, Credentials, Identity
from ecrwiz.services.regions import all_regions, near, partition_of
from ecrwiz.services.terraform import Terraform

CONFIG = """
# a comment
[default]
region = eu-west-1

[profile work]
sso_session = corp
region = eu-central-1
s3 =
  max_concurrent_requests = 10

[sso-session corp]
sso_start_url = https://corp.example

[profile old]
sso_start_url = https://old.example

[profile "two words"]
login_session = arn:aws:iam::1:user/ann

[profile deploy]
role_arn = arn:aws:iam::1:role/deploy
source_profile = work

[profile round]
role_arn = arn:aws:iam::1:role/a
source_profile = round

[profile web]
role_arn = arn:aws:iam::1:role/web
web_identity_token_file = /nowhere

[profile tool]
credential_process = /usr/bin/tool --give

[profile [/foo]]
region = us-east-1

[services x]
s3 = y
"""
KEYS = """
[default]
aws_access_key_id = AKIA
aws_secret_access_key = s
[temp]
aws_access_key_id = ASIA
aws_session_token = t
"""
SOON = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "config").write_text(CONFIG)
    (tmp_path / "credentials").write_text(KEYS)
    cache = tmp_path / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    for key in ("corp", "https://old.example"):
        name = hashlib.sha1(key.encode()).hexdigest()
        (cache / f"{name}.json").write_text(
            json.dumps({"accessToken": "secret", "expiresAt": "2030-01-01T12:00:00UTC"})
        )
    return {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "HOME": str(tmp_path),
    }


def test_each_profile_has_its_kind_its_region_and_the_command_that_renews_it(files: dict[str, str]) -> None:
    found = aws_profiles.read(files)
    assert found.problem == ""
    assert found.profiles[0].name == "default"
    table = {profile.name: (profile.kind, profile.region, profile.renew) for profile in found.profiles}
    sso = "AWS single sign-on"
    assert table == {
        "default": ("an access key", "eu-west-1", ""),
        "work": (sso, "eu-central-1", "aws sso login --profile work"),
        "old": (sso, "", "aws sso login --profile old"),
        "two words": ("aws login", "", "aws login --profile 'two words'"),
        "deploy": ("a role assumed from the profile work", "", "aws sso login --profile work"),
        "round": ("a role assumed from the profile round", "", ""),
        "web": ("a role assumed with a web identity", "", ""),
        "tool": ("a program that the profile names", "", ""),
        "[/foo]": ("no credentials of its own", "us-east-1", ""),
        "temp": ("temporary keys", "", ""),
    }
    ends = {profile.name: profile.ends for profile in found.profiles}
    assert (ends["work"], ends["old"], ends["deploy"], ends["default"]) == (SOON, SOON, SOON, None)
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"[profile a\n", "section"), (b"\xff\xfe", "decode"), (b"x" * 1_000_001, "large"), (None, "ordinary")],
)
def test_a_file_that_cannot_be_read_is_told_and_the_other_counts(
    files: dict[str, str], tmp_path: Path, content: bytes | None, word: str
) -> None:
    path = tmp_path / "config"
    path.unlink()
    if content is None:
        os.mkfifo(path)
    else:
        path.write_bytes(content)
    found = aws_profiles.read(files)
    assert "cannot be read" in found.problem
    assert word in found.problem
    assert [profile.name for profile in found.profiles] == ["default", "temp"]


def test_no_configuration_is_no_problem(tmp_path: Path) -> None:
    assert aws_profiles.read({"HOME": str(tmp_path), "AWS_CONFIG_FILE": str(tmp_path / "no")}).profiles == ()


async def opened(root: Path, profile: str = "") -> Project:
    return await open_project(root, {}, os.environ, profile)


@pytest.fixture
def configured(files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, files[name])


@pytest.mark.usefixtures("configured")
async def test_an_option_beats_the_environment_which_beats_the_folder(
    next_app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = await opened(next_app)
    assert project.tools.chosen == Chosen()
    assert project.answers.region == "eu-west-1"
    profiles.choose(project, "work")
    assert project.answers.region == "eu-central-1", "the region follows"
    assert not (next_app / "ecrwiz.toml").exists()
    project = await opened(next_app)
    assert (project.tools.profile, project.tools.chosen.by) == ("work", "this folder")
    assert project.answers.region == "eu-central-1"
    monkeypatch.setenv("AWS_PROFILE", "default")
    project = await opened(next_app)
    assert (project.tools.profile, project.tools.chosen.by) == ("", "AWS_PROFILE")
    assert "wins over work" in project.tools.chosen.note
    with pytest.raises(BadInputError, match="AWS_PROFILE says which"):
        profiles.choose(project, "old")
    project = await opened(next_app, "deploy")
    assert (project.tools.profile, project.tools.chosen.by) == ("deploy", "--profile")
    monkeypatch.delenv("AWS_PROFILE")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    project = await opened(next_app)
    assert (project.tools.profile, project.tools.chosen.by) == ("", "AWS_ACCESS_KEY_ID")
    assert "keys in the environment win" in project.tools.chosen.note


@pytest.mark.usefixtures("configured")
async def test_a_profile_that_is_not_there_is_refused_or_forgotten(next_app: Path) -> None:
    with pytest.raises(BadInputError, match=r"There is no AWS profile nobody\.") as error:
        await opened(next_app, "nobody")
    assert "default, " in error.value.hint
    project = await opened(next_app)
    profiles.choose(project, "work")
    for said in ('{"profile": "gone"}', '{"profile": 3}', "[", "{}"):
        project.paths.profile.write_text(said)
        again = await opened(next_app)
        assert again.tools.profile == ""
        assert ("gone" in again.tools.chosen.note) is ("gone" in said)
    profiles.choose(project, "")
    assert not project.paths.profile.exists()


def test_keys_of_the_environment_do_not_win_over_a_profile_that_was_named() -> None:
    environ = {"AWS_ACCESS_KEY_ID": "a", "AWS_SESSION_TOKEN": "t", "PATH": "/bin"}
    assert environment(environ, Chosen("x", "--profile")) == {"PATH": "/bin", "AWS_PROFILE": "x"}
    assert environment(environ, Chosen("x", "AWS_PROFILE")) is environ


def test_terraform_gets_the_same_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    named = Terraform(tmp_path, tmp_path, environment(os.environ, Chosen("work", "--profile")))._env()
    assert named["AWS_PROFILE"] == "work"
    assert "AWS_ACCESS_KEY_ID" not in named
    assert "AWS_SECRET_ACCESS_KEY" not in named
    assert Terraform(tmp_path, tmp_path, os.environ)._env()["AWS_ACCESS_KEY_ID"] == "AKIAENV"


@pytest.mark.usefixtures("configured")
def test_the_sdk_takes_the_named_profile_and_not_the_environments_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    assert Aws("eu-west-1").find_credentials().key_id == "AKIAENV"
    assert Aws("eu-west-1", profile="default").find_credentials().key_id == "AKIA"
    with pytest.raises(MissingToolError, match="gone"):
        Aws("eu-west-1", profile="gone").find_credentials()


@pytest.mark.usefixtures("configured")
async def test_what_aws_says_is_asked_once_and_told_in_words(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def ask(aws: Aws) -> tuple[Identity, Credentials]:
        asked.append(aws.region)
        return Identity("1", "arn:aws:sts::1:assumed-role/x/ann"), Credentials("A", "AWS single sign-on", None)

    monkeypatch.setattr(profiles, "_ask", ask)
    project = await opened(next_app)
    work = next(profile for profile in (await profiles.listed(project)).profiles if profile.name == "work")
    said = await profiles.standing(project, "work", work)
    assert asked == ["eu-central-1"]
    assert said == await profiles.standing(project, "work", work)
    assert len(asked) == 1
    assert said.ends is None, "of another home's cache nothing is known"
    assert standing_words(said) == "Account 1, assumed-role/x/ann, from AWS single sign-on."
    await profiles.standing(project, "work", work, anew=True)
    assert len(asked) == 2


@pytest.mark.usefixtures("configured")
async def test_an_expired_session_names_the_command(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(aws: Aws) -> tuple[Identity, Credentials]:
        raise MissingToolError("Your AWS single sign-on session is missing or has expired.", "Log in.")

    monkeypatch.setattr(profiles, "_ask", ask)
    project = await opened(next_app)
    known = {profile.name: profile for profile in (await profiles.listed(project)).profiles}
    said = await profiles.standing(project, "deploy", known["deploy"])
    assert said.hint == "Log in again: aws sso login --profile work"
    assert (await profiles.standing(project, "tool", known["tool"])).hint == "Log in."


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(seconds=-1), "expired"),
        (timedelta(seconds=30), "expires within a minute"),
        (timedelta(minutes=42, seconds=59), "expires in 42 min"),
        (timedelta(hours=3), "expires in 3 h"),
        (timedelta(days=3), "expires in 3 days"),
    ],
)
def test_how_long_a_session_lasts_in_words(left: timedelta, words: str) -> None:
    assert profiles.left_words(SOON + left, SOON) == words
    assert profiles.left_words(None) == ""


def test_regions_of_the_partition_come_in_the_order_of_their_distance() -> None:
    codes = [region.code for region in near("eu-west-1")]
    assert codes[:4] == ["eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1"]
    assert codes.index("us-east-1") < codes.index("ap-southeast-2")
    assert {region.code for region in near("cn-north-1")} == {"cn-north-1", "cn-northwest-1"}
    assert {region.partition for region in near("us-gov-west-1")} == {"aws-us-gov"}
    assert (partition_of("nowhere"), all_regions()["cn-north-1"].dns_suffix) == ("aws", "amazonaws.com.cn")
    assert len(near("nowhere")) == len(near("eu-west-1"))


@pytest.mark.usefixtures("configured")
def test_the_option_works_before_and_behind_a_command(next_app: Path) -> None:
    for arguments in (("--profile", "nobody", "status"), ("status", "--profile", "nobody")):
        argv = [sys.executable, "-m", "ecrwiz", "-C", str(next_app), *arguments]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])
        assert done.returncode == 2
        assert "There is no AWS profile nobody." in done.stderr
