"""The step credentials: a role without a secret, and a key whose only copy the keyring has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ecrwiz.flow import ci_key
from ecrwiz.flow.context import View
from ecrwiz.flow.engine import Engine
from ecrwiz.flow.events import Status, StepFinished, StepId
from ecrwiz.flow.journal import Record, as_json
from ecrwiz.flow.project import Project, open_project
from ecrwiz.flow.runbook import STEPS, stand
from ecrwiz.flow.steps.credentials import read_secret
from ecrwiz.model import results
from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.redact import Secret
from ecrwiz.services import keychain
from ecrwiz.services.aws import Identity
from ecrwiz.services.keychain import Keychain
from tests.fake_steps import Heard
from tests.test_keychain import Memory

ACCOUNT = "123456789012"
ENTRY = f"{ACCOUNT}/blog/dev"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/ci-blog-dev-server-role"
USER_ARN = f"arn:aws:iam::{ACCOUNT}:user/ci-blog-dev-server-user"
KEY = results.ProvisionResult("host", "web/blog/nextjs", "us-east-1", "AKIA2", "", "ci-blog-dev-server-user", ACCOUNT)


async def opened(root: Path, made: results.ProvisionResult, ring: Memory, **flags: str) -> Project:
    project = await open_project(root, {"project_id": "blog", "region": "us-east-1", **flags}, os.environ)
    kept = Keychain(5)
    kept._backend, kept._keyring = keychain.Backend("Memory", usable=True), ring
    project.tools.__dict__["keychain"] = kept
    project.journal.end(StepId.PROVISION, Record(Status.OK, "run", 0.0, outputs=as_json(made)))
    return project


async def run(project: Project) -> StepFinished:
    heard = Heard()
    await Engine(project, heard.append).run((StepId.CREDENTIALS,), force=True)
    return heard.ends()[StepId.CREDENTIALS]


def put(ring: Memory, access_key_id: str, secret: str) -> None:
    ring.kept[keychain.SERVICE, ENTRY] = keychain.pack(access_key_id, Secret(secret)).reveal()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Secret]]:
    asked: list[tuple[str, Secret]] = []

    async def prove(_: results.ProvisionResult, key: tuple[str, Secret], *__: object) -> Identity:
        asked.append(key)
        return Identity(ACCOUNT, USER_ARN)

    monkeypatch.setattr(ci_key, "prove", prove)
    return asked


async def test_a_role_has_no_secret_to_keep(next_app: Path, aws: list[tuple[str, Secret]]) -> None:
    ring = Memory()
    made = results.ProvisionResult("host", "web/blog/nextjs", "us-east-1", "", "", "", ACCOUNT, ROLE)
    project = await opened(next_app, made, ring, ci_identity="oidc")
    end = await run(project)
    assert end.status is Status.OK, end.error
    assert end.outputs == {"access_key_id": "", "arn": ROLE, "account": ACCOUNT, "backend": "", "entry": ""}
    assert ring.kept == {}
    assert aws == []
    assert (await stand(project, STEPS[StepId.CREDENTIALS])).status is Status.FRESH


async def test_a_role_that_is_not_made_yet(next_app: Path) -> None:
    end = await run(await opened(next_app, KEY, Memory(), ci_identity="oidc"))
    assert end.error is not None
    assert "provision has made none yet" in end.error.message


async def test_both_keep_the_key_until_it_is_retired(next_app: Path, aws: list[tuple[str, Secret]]) -> None:
    ring = Memory()
    put(ring, "AKIA2", "the-secret")
    made = results.ProvisionResult(
        "host", "web/blog/nextjs", "us-east-1", "AKIA2", "", "ci-blog-dev-server-user", ACCOUNT, ROLE
    )
    end = await run(await opened(next_app, made, ring, ci_identity="both"))
    assert end.status is Status.OK, end.error
    assert end.outputs["access_key_id"] == "AKIA2"
    assert end.outputs["arn"] == USER_ARN
    assert aws == [("AKIA2", Secret("the-secret"))]


async def test_a_key_of_a_rotation_is_read_from_the_keyring(next_app: Path, aws: list[tuple[str, Secret]]) -> None:
    ring = Memory()
    put(ring, "AKIA2", "the-secret")
    project = await opened(next_app, KEY, ring)
    end = await run(project)
    assert end.status is Status.OK, end.error
    assert await read_secret(View(project, StepId.GITHUB), KEY) == Secret("the-secret")
    assert "the-secret" not in project.paths.journal.read_text()


@pytest.mark.parametrize(
    ("there", "words", "hint"),
    [
        ("", "This machine's keyring does not have it.", "ecrwiz credentials rotate"),
        ("AKIA9", "has the key AKIA9 in its place", "ecrwiz credentials rotate"),
        ("locked", "is locked", "Unlock the keyring"),
    ],
)
async def test_a_key_of_a_rotation_that_the_keyring_does_not_give(
    next_app: Path, there: str, words: str, hint: str
) -> None:
    ring = Memory()
    if there.startswith("AKIA"):
        put(ring, there, "another")
    project = await opened(next_app, KEY, ring)
    if there == "locked":
        kept = project.tools.keychain
        kept._backend, kept._keyring = keychain.Backend("Memory", usable=False, reason="The keyring is locked."), None
    with pytest.raises(EcrwizError, match=words) as caught:
        await read_secret(View(project, StepId.GITHUB), KEY)
    assert hint in caught.value.hint
    assert "another" not in str(caught.value)


async def test_the_key_of_a_rotation_is_not_taken_for_lost_by_provision(next_app: Path) -> None:
    """Nothing encrypted is there to open, and the keyring is what counts."""
    ring = Memory()
    put(ring, "AKIA2", "the-secret")
    half = f"{ENTRY}/openpgp"
    ring.kept[keychain.SERVICE, half] = "no key"
    project = await opened(next_app, KEY, ring)
    view = View(project, StepId.PROVISION)
    assert await ci_key.is_readable(view, ACCOUNT, "AKIA2", "")
    assert not await ci_key.is_readable(view, ACCOUNT, "AKIA3", "")
    assert ci_key.all_entries(view, ACCOUNT) == (ENTRY, half, f"{ENTRY}/next")
