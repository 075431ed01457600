"""The ledger: every copy, how old the key is, and what is wrong; a place that does not answer holds up nothing."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecrwiz.flow import copies, custody_places, export_profile, exported, github_access, github_ledger
from ecrwiz.flow import custody as ledger
from ecrwiz.flow.custody import ago, custody, reminder
from ecrwiz.flow.events import StepId
from ecrwiz.flow.export_file import env_file
from ecrwiz.flow.exports import read_key
from ecrwiz.flow.project import Project
from ecrwiz.model.custody import Copy, Custody, Used
from ecrwiz.model.errors import EcrwizError, MissingToolError, RemoteError
from ecrwiz.model.redact import Secret
from ecrwiz.model.results import CredentialsResult, GithubResult, RotateResult
from ecrwiz.services import files, keychain
from ecrwiz.services.aws import Identity
from ecrwiz.services.iam import AccessKey, LastUse, Role
from ecrwiz.services.keychain import Keychain
from tests.custody_kit import ACCOUNT, ENTRY, KEPT, KEY_ID, SECRET, fake_ring, git, open_kept, record
from tests.gitlab_stand_in import PATH, TOKEN, gitlab_stand_in
from tests.test_keychain import Memory

NOW = datetime.now(UTC)
USER = "ci-blog-dev-server-user"


@dataclass
class Cloud:
    """AWS, as far as it is asked."""

    keys: tuple[AccessKey, ...] = (AccessKey(KEY_ID, NOW - timedelta(days=3)),)
    used: dict[str, LastUse] = field(default_factory=dict)
    tags: dict[str, str] | None = field(default_factory=dict)
    arn: str = ""
    account: str = ACCOUNT
    error: EcrwizError | None = None
    hangs: bool = False

    async def identity(self) -> Identity:
        if self.hangs:
            await asyncio.sleep(1000)
        if self.error:
            raise self.error
        return Identity(self.account, f"arn:aws:iam::{self.account}:user/operator")

    async def user_tags(self, name: str) -> dict[str, str] | None:
        assert name == USER
        return self.tags

    async def access_keys(self, name: str) -> tuple[AccessKey, ...]:
        return self.keys

    async def last_use(self, key: str) -> LastUse | None:
        return self.used.get(key)

    async def role(self, name: str) -> Role | None:
        return Role(self.arn, {}, {}) if self.arn else None


async def opened(root: Path, cloud: Cloud | None = None, secret: str | None = SECRET, **flags: str) -> Project:
    project = await open_kept(root, secret, None, **flags)
    there = cloud or Cloud()
    project.tools.aws = lambda _: there  # type: ignore[method-assign,assignment,return-value]
    project.tools.iam = lambda _: there  # type: ignore[method-assign,assignment,return-value]
    return project


def the(found: Custody, kind: str) -> Copy:
    (one,) = [copy for copy in found.copies if copy.kind == kind]
    return one


async def test_a_key_in_good_order(next_app: Path) -> None:
    used = LastUse(NOW - timedelta(hours=3, minutes=5), "ecr", "us-east-1")
    found = await custody(await opened(next_app, Cloud(used={KEY_ID: used})))
    assert (found.identity, found.account, found.access_key_id, found.status) == (
        "access-key",
        ACCOUNT,
        KEY_ID,
        "Active",
    )
    assert found.arn == f"arn:aws:iam::{ACCOUNT}:user/{USER}"
    assert found.last_used == "used 3 hours ago for ecr in us-east-1"
    assert found.used == Used(used.when, "ecr", "us-east-1")
    assert found.warnings == ()
    assert the(found, "iam-key").place == f"access key {KEY_ID} of {USER}"
    kept = the(found, "keyring")
    assert (kept.place, kept.state, kept.access_key_id, kept.note) == (
        f"keyring entry {ENTRY}",
        "there",
        KEY_ID,
        "Memory",
    )
    assert [copy.kind for copy in found.copies] == ["iam-key", "keyring"], "what was never exported is not asked about"
    assert SECRET not in repr(found)


OLD = AccessKey(KEY_ID, NOW - timedelta(days=91, hours=1))
SECOND = AccessKey("AKIASECOND0000000000", NOW)
# The account, the key that the keyring has (None: nothing): what the one warning says.
TROUBLES: dict[str, tuple[Cloud, str | None, str]] = {
    "old": (Cloud(keys=(OLD,)), KEY_ID, "is 91 days old: replace it with `ecrwiz credentials rotate`"),
    "inactive": (Cloud(keys=(AccessKey(KEY_ID, NOW, active=False),)), KEY_ID, "is inactive, so AWS refuses it"),
    "second": (Cloud(keys=(AccessKey(KEY_ID, NOW), SECOND)), KEY_ID, f"second access key, {SECOND.id}"),
    "cut": (Cloud(tags={"ecrwiz-rotation/abc": "x"}), KEY_ID, "A rotation of the access key has not ended"),
    "other": (Cloud(keys=(SECOND,)), KEY_ID, f"The keyring has the access key {KEY_ID}, and IAM has {SECOND.id}"),
    "nobody": (Cloud(), None, "Nobody has the key's secret any more"),
}


@pytest.mark.parametrize("kind", TROUBLES)
async def test_warnings(next_app: Path, kind: str) -> None:
    cloud, kept, words = TROUBLES[kind]
    project = await opened(next_app, cloud, SECRET if kept else None)
    found = await custody(project)
    (sentence,) = found.warnings
    assert words in sentence
    if kind == "cut":
        cloud.tags = {}
        assert (await custody(project)).warnings == ()
        (project.paths.state / "rotation.json").write_text("{}")
        assert words in (await custody(project)).warnings[0], "the note of this folder alone says so, too"


async def test_the_eighty_ninth_day_is_quiet(next_app: Path) -> None:
    cloud = Cloud(keys=(AccessKey(KEY_ID, NOW - timedelta(days=89)),))
    assert (await custody(await opened(next_app, cloud))).warnings == ()


async def test_a_rotation_that_is_going_on_is_not_taken_for_a_cut_one(next_app: Path) -> None:
    project = await opened(next_app, Cloud(tags={"ecrwiz-rotation/abc": "x"}))
    journal, going_on = project.journal, "A rotation of the access key is going on now."
    with files.lock(project.paths.lock):
        assert "has not ended" in (await custody(project)).warnings[0], "another step holds the lock"
        journal.begin(StepId.ROTATE, "run", time.time())
        assert (await custody(project)).warnings == (going_on,)
        journal.begin(StepId.VERIFY, "next", time.time() + 1)
        assert "has not ended" in (await custody(project)).warnings[0], "it was cut, and a later step holds the lock"
        journal.begin(StepId.ROTATE, "third", time.time() + 2)
        assert (await custody(project)).warnings == (going_on,)
    assert "has not ended" in (await custody(project)).warnings[0], "its process is gone"


async def test_a_rotation_that_was_cut_is_in_the_ledger(next_app: Path) -> None:
    project = await opened(next_app, Cloud(keys=(AccessKey(KEY_ID, NOW), SECOND), tags={"ecrwiz-rotation/x": "t"}))
    memory = project.tools.keychain._keyring
    assert isinstance(memory, Memory)
    memory.kept[keychain.SERVICE, f"{ENTRY}/next"] = keychain.pack(SECOND.id, Secret("x" * 40)).reveal()
    memory.kept[keychain.SERVICE, f"{ENTRY}/openpgp"] = "PRIVATE"
    found = await custody(project)
    assert found.access_key_id == KEY_ID, "the key in use is the keyring's own entry's"
    assert [(copy.place, copy.access_key_id) for copy in found.copies if copy.kind == "keyring"] == [
        (f"keyring entry {ENTRY}", KEY_ID),
        (f"keyring entry {ENTRY}/next", SECOND.id),
        (f"keyring entry {ENTRY}/openpgp", ""),
    ]
    assert len(found.warnings) == 1


async def test_a_damaged_entry_is_told(next_app: Path) -> None:
    project = await opened(next_app)
    memory = project.tools.keychain._keyring
    assert isinstance(memory, Memory)
    memory.kept[keychain.SERVICE, ENTRY] = "scribbled over"
    kept = the(await custody(project), "keyring")
    assert (kept.state, kept.access_key_id, "cannot be read" in kept.note) == ("there", "", True)


# --- places that do not answer ----------------------------------------------------------------------------------------


async def test_aws_out_of_reach(next_app: Path) -> None:
    cloud = Cloud(error=MissingToolError("AWS cannot be reached.", "Look at the network."))
    found = await custody(await opened(next_app, cloud))
    assert (the(found, "iam-key").state, the(found, "iam-key").note) == ("unknown", "AWS cannot be reached.")
    assert (found.access_key_id, found.status, found.created) == (KEY_ID, "", None)
    assert the(found, "keyring").state == "there"
    assert found.problem == "AWS cannot be reached. Look at the network."
    assert found.warnings == (f"AWS could not be asked about the CI identity: {found.problem}",)
    found = await custody(await opened(next_app, cloud, ci_identity="both"))
    assert [copy.kind for copy in found.copies if copy.state == "unknown"] == ["iam-key", "iam-role"]


async def test_another_account(next_app: Path) -> None:
    found = await custody(await opened(next_app, Cloud(account="999999999999")))
    assert "your AWS credentials are of account 999999999999" in the(found, "iam-key").note
    assert found.account == ACCOUNT


async def test_everything_hangs(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "_SECONDS", 0.2)

    async def hang(_: str) -> Secret | None:
        await asyncio.sleep(1000)
        return None

    project = await opened(next_app, Cloud(hangs=True))
    project.tools.keychain.read = hang  # type: ignore[method-assign,assignment]
    began = time.monotonic()
    found = await custody(project)
    assert time.monotonic() - began < 2, "they are waited for together"
    assert {copy.kind: copy.state for copy in found.copies} == {"iam-key": "unknown", "keyring": "unknown"}
    assert all("0.2 seconds" in copy.note for copy in found.copies)


async def test_a_locked_keyring(next_app: Path) -> None:
    project = await opened(next_app)
    locked = Keychain(5)
    locked._backend = keychain.Backend("X", False, "The keyring (X) cannot be used: it is locked.")
    project.tools.__dict__["keychain"] = locked
    kept = the(await custody(project), "keyring")
    assert (kept.state, kept.note) == ("unknown", "The keyring (X) cannot be used: it is locked.")
    assert (await custody(project)).warnings == ()


async def test_nothing_was_made_yet(next_app: Path) -> None:
    project = await opened(next_app, Cloud(keys=(), tags=None))
    project.journal.forget(*list(project.journal._records))
    project.tools.__dict__["keychain"] = fake_ring(None)
    found = await custody(project)
    assert (found.arn, found.access_key_id, found.account) == ("", "", ACCOUNT)
    assert [(copy.kind, copy.state) for copy in found.copies] == [("iam-key", "absent"), ("keyring", "absent")]


# --- a role -----------------------------------------------------------------------------------------------------------

ROLE = f"arn:aws:iam::{ACCOUNT}:role/ci-blog-dev-server-role"


async def test_a_role_has_no_secret(next_app: Path) -> None:
    project = await opened(next_app, Cloud(keys=(), tags=None, arn=ROLE), None, ci_identity="oidc")
    record(project, StepId.CREDENTIALS, CredentialsResult("", ROLE, ACCOUNT, "", ""))
    found = await custody(project)
    assert (found.identity, found.arn, found.access_key_id, found.warnings) == ("oidc", ROLE, "", ())
    assert the(found, "iam-role").state == "there"


async def test_a_role_and_a_key_that_was_left(next_app: Path) -> None:
    found = await custody(await opened(next_app, Cloud(arn=ROLE), ci_identity="oidc"))
    assert "exists all the same" in found.warnings[0]
    found = await custody(await opened(next_app, Cloud(arn=ROLE), ci_identity="both"))
    assert (found.warnings, found.problem) == ((), "")
    assert (found.user, found.role) == (f"arn:aws:iam::{ACCOUNT}:user/{USER}", ROLE)


# --- GitHub -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """GitHub's answer: `times`, or an `error`; and what was asked."""
    said: dict[str, object] = {"times": {}}

    class Hub:
        def __init__(self, url: str, token: Secret, *, source: str) -> None:
            pass

        async def __aenter__(self) -> Hub:
            return self

        async def __aexit__(self, *_: object) -> None:
            pass

        async def secrets(self, full_name: str, environment: str = "") -> object:
            said["asked"] = (full_name, environment)
            if isinstance(said.get("error"), EcrwizError):
                raise said["error"]  # type: ignore[misc]
            return said["times"]

    async def token(_: object) -> tuple[Secret, str] | None:
        return (Secret("ghp_x"), "a test") if said.get("token", True) else None

    monkeypatch.setattr(custody_places, "GitHub", Hub)
    monkeypatch.setattr(github_access, "find_token", token)
    return said


async def after_an_export(root: Path, environment: str = "") -> Project:
    project = await opened(root, github_repository="octo/blog")
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    record(project, StepId.GITHUB, GithubResult("octo/blog", KEY_ID, names, (), environment))
    return project


def stamp(when: datetime) -> str:
    return when.isoformat(timespec="seconds").replace("+00:00", "Z")


async def test_the_secret_on_github(next_app: Path, hub: dict[str, object]) -> None:
    project, when = await after_an_export(next_app), stamp(NOW)
    hub["times"] = {"AWS_SECRET_ACCESS_KEY": when}
    place = github_ledger.place(project.answers.github_api_url, "octo/blog", "")
    github_ledger.Ledger(project.paths.state).settle(place, {"secret AWS_SECRET_ACCESS_KEY": when})
    found = the(await custody(project), "github")
    assert (found.place, found.state, found.access_key_id) == (
        "secret AWS_SECRET_ACCESS_KEY of octo/blog", "there", KEY_ID
    )  # fmt: skip
    assert found.since == NOW.replace(microsecond=0)
    hub["times"] = {"AWS_SECRET_ACCESS_KEY": stamp(NOW + timedelta(minutes=1))}
    found = the(await custody(project), "github")
    assert (found.access_key_id, "somebody else" in found.note) == ("", True)


async def test_an_environments_secret_older_than_the_key(next_app: Path, hub: dict[str, object]) -> None:
    hub["times"] = {"AWS_SECRET_ACCESS_KEY": stamp(NOW - timedelta(days=30))}
    found = await custody(await after_an_export(next_app, "production"))
    assert the(found, "github").place.endswith(" of the environment production of octo/blog")
    assert hub["asked"] == ("octo/blog", "production")
    assert "GitHub's secret was set 30 days ago, before" in found.warnings[0]


async def test_github_says_no(next_app: Path, hub: dict[str, object]) -> None:
    project = await after_an_export(next_app)
    assert the(await custody(project), "github").state == "absent"
    hub["error"] = RemoteError("GitHub refused to list the secrets.", code="403")
    found = the(await custody(project), "github")
    assert (found.state, found.note) == ("unknown", "GitHub refused to list the secrets.")
    hub["token"] = False
    assert "There is no GitHub token" in the(await custody(project), "github").note


# --- copies that were exported ----------------------------------------------------------------------------------------


async def test_files_and_profiles(next_app: Path) -> None:
    git(next_app, "init", "-q")
    project = await opened(next_app)
    key = await read_key(project)
    path = next_app / ".env.ci"
    await env_file(project, key, path, gitignore=True)
    config = export_profile.profile(project, key, "ci")
    found = await custody(project)
    assert (the(found, "file").state, the(found, "file").access_key_id) == ("there", KEY_ID)
    assert the(found, "profile").place == f"profile ci in {config}"
    assert ENTRY in the(found, "profile").note
    assert found.warnings == ()

    path.write_text(path.read_text().replace(KEY_ID, "AKIAGONE000000000000"))
    (sentence,) = (await custody(project)).warnings
    assert f"The file {path} holds the access key AKIAGONE000000000000, which AWS does not accept" in sentence

    path.unlink()
    config.write_text("[profile ci]\nregion = x\n")
    found = await custody(project)
    assert [the(found, kind).state for kind in ("file", "profile")] == ["absent", "absent"]


async def test_gitlab(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = await opened(next_app)
    with gitlab_stand_in() as there:
        copies.note(project.paths, "gitlab", f"{there.url}/{PATH}, environment *", KEY_ID, f"{PATH} *")
        assert "no GitLab token" in the(await custody(project), "gitlab").note
        assert there.asked == []
        project.tools.environ = {**os.environ, "GITLAB_TOKEN": TOKEN}
        assert the(await custody(project), "gitlab").state == "absent"
        there.add("AWS_SECRET_ACCESS_KEY", "x", masked=True, hidden=True)
        there.add("AWS_ACCESS_KEY_ID", "AKIAGONE000000000000")
        found = await custody(project)
        assert the(found, "gitlab").access_key_id == "AKIAGONE000000000000"
        assert "which AWS does not accept" in found.warnings[0]
        there.answer = (500, {})
        assert the(await custody(project), "gitlab").state == "unknown"


async def test_what_a_destroy_takes_back(next_app: Path, tmp_path: Path) -> None:
    git(next_app, "init", "-q")
    project = await opened(next_app)
    key = await read_key(project)
    mine, edited, linked = next_app / ".env.ci", next_app / ".env.two", next_app / ".env.three"
    for path in (mine, edited, linked):
        await env_file(project, key, path, gitignore=True)
    edited.write_text("MINE=1\n")
    linked.rename(tmp_path / "moved")
    linked.symlink_to(tmp_path / "moved")
    config = export_profile.profile(project, key, "ci")
    export_profile.profile(project, key, "theirs")
    config.write_text(
        config.read_text().replace("# Made by ecrwiz", "# Mine now", 2).replace("# Mine now", "# Made by ecrwiz", 1)
    )
    copies.note(project.paths, "gitlab", "https://gitlab.com/a/b, environment *", KEY_ID, "a/b *")
    assert exported.lines(project) == (f"file {mine}", f"AWS profile ci in {config}")
    assert exported.take_back(project) == (
        (f"file {mine}", True),
        (f"file {linked}, which was changed since and holds {KEY_ID}", False),
        (f"AWS profile ci in {config}", True),
        ("GitLab variables of https://gitlab.com/a/b, environment *", False),
    )
    assert not mine.exists()
    assert edited.read_text() == "MINE=1\n", "what the person made of it stays"
    assert (tmp_path / "moved").exists()
    assert "[profile theirs]" in config.read_text()
    assert "[profile ci]" not in config.read_text()
    assert [copy.kind for copy in copies.noted(project.paths)] == ["file", "gitlab"]
    assert exported.lines(project) == ()


async def test_a_destroy_leaves_what_is_another_projects_by_now(next_app: Path) -> None:
    git(next_app, "init", "-q")
    project = await opened(next_app)
    key = await read_key(project)
    added, other = next_app / ".env.ci", next_app / ".env.two"
    for path in (added, other):
        await env_file(project, key, path, gitignore=True)
    with added.open("a") as file:
        file.write("MINE=1\n")
    other.write_text(other.read_text().replace(KEY_ID, "AKIAOTHER00000000000"))
    config = export_profile.profile(project, key, "ci")
    config.write_text(config.read_text().replace(ENTRY, "222222222222/b/prod"))
    before = [path.read_text() for path in (added, other, config)]
    copy = the(await custody(project), "profile")
    assert (copy.state, copy.note) == ("absent", "another project's by now: reads keyring entry 222222222222/b/prod")
    assert exported.lines(project) == ()
    assert exported.take_back(project) == ((f"file {added}, which was changed since and holds {KEY_ID}", False),)
    assert [path.read_text() for path in (added, other, config)] == before


async def test_notes_that_cannot_be_read_count_as_none(next_app: Path) -> None:
    project = await opened(next_app)
    for text in ("", "[]", "{", '{"copies": 1}', '{"copies": [{"kind": "x"}]}', "[" * 100_000):
        (project.paths.state / "copies.json").write_text(text)
        assert copies.noted(project.paths) == ()
    copies.note(project.paths, "file", "/x", KEY_ID)
    assert [copy.place for copy in copies.noted(project.paths)] == ["/x"]


async def test_what_to_do_about_copies_after_a_rotation(next_app: Path) -> None:
    project = await opened(next_app)
    path = next_app / ".env.ci"
    path.write_text("x")
    copies.note(project.paths, "file", str(path), KEY_ID)
    copies.note(project.paths, "file", str(next_app / "gone"), KEY_ID)
    copies.note(project.paths, "profile", "ci", "", "/config")
    copies.note(project.paths, "gitlab", "https://gitlab.com/a/b, environment *", KEY_ID, "a/b *")
    first, second = copies.warnings(project.paths, KEY_ID)
    assert first == f"{path} still holds the access key {KEY_ID}: replace it with `ecrwiz export env`, or remove it."
    assert "ecrwiz export gitlab" in second
    assert copies.warnings(project.paths, "AKIAOTHER") == ()
    copies.forget(project.paths, *copies.noted(project.paths))
    assert copies.noted(project.paths) == ()


# --- age --------------------------------------------------------------------------------------------------------------

DAY = 86_400.0


async def test_the_reminder_of_status(next_app: Path) -> None:
    project = await opened(next_app)
    assert reminder(project) == ""
    record(project, StepId.CREDENTIALS, KEPT, started=time.time() - 91 * DAY)
    assert "is at least 91 days old" in reminder(project)
    record(project, StepId.ROTATE, RotateResult("AKIAOLD", KEY_ID, "Memory", ""), started=time.time() - DAY)
    assert reminder(project) == "", "amended after a rotation, the record is older than the key"
    record(project, StepId.ROTATE, RotateResult("AKIAOLD", "AKIAELSE", "Memory", ""), started=time.time() - DAY)
    assert reminder(project)
    record(project, StepId.CREDENTIALS, CredentialsResult("", ROLE, ACCOUNT, "", ""), started=0)
    assert reminder(project) == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "just now"), (59, "just now"), (60, "1 minute ago"), (7199, "1 hour ago"), (7200, "2 hours ago"),
     (86_400, "1 day ago"), (86_400 * 400, "400 days ago")],
)  # fmt: skip
def test_how_long_ago(seconds: int, words: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == words
