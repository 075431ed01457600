"""Replacing the access key: the straight way, what is refused, and who is asked. Cuts: test_rotation_crash.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ecrwiz.flow import ci_key, copies, infra, proving, rotation
from ecrwiz.flow.context import Approvals
from ecrwiz.flow.events import Asked, Output, Status, StepFinished, StepId
from ecrwiz.flow.runbook import STEPS, stand
from ecrwiz.flow.steps import verify
from ecrwiz.model.errors import MissingToolError, RemoteError, ToolFailedError
from ecrwiz.model.github_plan import Entry
from ecrwiz.model.redact import Secret
from ecrwiz.model.results import Proof
from ecrwiz.services import keychain
from ecrwiz.services.iam import Iam, LastUse
from tests.aws_program import Aws, serve
from tests.fake_steps import Heard
from tests.rotation_world import REPOSITORY_ON_GITHUB, Operator, Ring, World, assert_settled


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with serve() as running:
        yield running


@pytest.fixture
def world(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(ci_key, "_WAITS", (0.0, 0.0, 0.1))
    return World(aws, tmp_path, monkeypatch)


def ended(heard: Heard) -> StepFinished:
    return heard.ends()[StepId.ROTATE]


def failure(heard: Heard) -> tuple[str, str]:
    error = ended(heard).error
    assert error is not None
    return error.message, error.hint


def said(heard: Heard) -> str:
    return "\n".join(line for event in heard if isinstance(event, Output) for line in event.lines)


def asked(heard: Heard) -> list[str]:
    return [event.question.title for event in heard if isinstance(event, Asked)]


def assert_untouched(world: World, person: Operator) -> None:
    """The old key serves, and nothing else is there."""
    assert world.listed() == {world.first[0]: "Active"}
    assert person.entry() == world.first
    assert person.entry("/next") is None
    assert world.on_github() == world.first
    assert world.marks() == []
    assert person.note is None


async def test_the_new_key_takes_the_old_ones_place_everywhere(world: World) -> None:
    person = await world.operator()
    end, heard = await person.run()
    assert end.exit_code == 0, failure(heard)
    kept = await assert_settled(world, person)
    assert kept != world.first
    assert not world.works(world.first)
    assert ended(heard).outputs == {
        "old": world.first[0], "new": kept[0], "backend": "Memory", "github": REPOSITORY_ON_GITHUB,
    }  # fmt: skip
    assert asked(heard) == [], "to ask for it is to agree to it"


async def test_the_order_is_the_one_that_loses_nothing(world: World) -> None:
    person = await world.operator()
    await person.run()
    effects = [effect for effect in world.effects if effect not in ("write_note", "_write")]
    assert effects == [
        "tag_user", "create_access_key", "store",
        "put AWS_ACCESS_KEY_ID", "put AWS_SECRET_ACCESS_KEY",
        "store", "delete",
        "set_access_key", "delete_access_key",
        "terraform state rm", "terraform import", "terraform refresh",
        "untag_user", "forget",
    ]  # fmt: skip
    made = world.effects.index("create_access_key")
    assert world.effects[made + 1] == "store", "the secret is kept before anything else is done"
    assert world.effects.index("write_note") < world.effects.index("tag_user"), "the intent is noted before the mark"


async def test_the_secret_is_in_the_keyring_and_on_github_alone(world: World) -> None:
    person = await world.operator()
    _, heard = await person.run()
    kept = await assert_settled(world, person)
    told = json.dumps([str(event) for event in heard])
    files = b"".join(path.read_bytes() for path in person.root.rglob("*") if path.is_file())
    for secret in (kept[1], world.first[1]):
        assert secret not in told
        assert secret.encode() not in files
    assert kept[0] in told, "the id is no secret, and is shown"


async def test_twice_in_a_row(world: World) -> None:
    person = await world.operator()
    await person.run()
    once = await assert_settled(world, person)
    end, _ = await person.run()
    assert end.exit_code == 0
    assert await assert_settled(world, person) != once


async def test_without_an_export_github_is_left_alone(world: World) -> None:
    person = await world.operator(exported=False)
    end, heard = await person.run()
    assert end.exit_code == 0, failure(heard)
    await assert_settled(world, person, github=False)
    assert world.on_github() == world.first


THERE = (Entry("secret", "AWS_ACCESS_KEY_ID", there=True), Entry("variable", "AWS_REGION", there=True))
OUT_OF_REACH = MissingToolError("GitHub cannot be reached.", "Check the network.")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"entries": THERE}, "octo/app on GitHub has AWS_ACCESS_KEY_ID, which this folder did not put there"),
        ({"problem": OUT_OF_REACH}, "Whether octo/app on GitHub has the access key cannot be found out: GitHub cannot"),
    ],
)
@pytest.mark.parametrize("agrees", [True, False])
async def test_a_key_on_github_that_another_folder_put_there(
    world: World, changes: dict[str, Any], words: str, agrees: bool
) -> None:
    world.plan = replace(world.plan, **changes)
    person = await world.operator(exported=False)
    end, heard = await person.run(reply=lambda _: agrees, approvals=Approvals(everything=True))
    assert asked(heard) == ["Replace the access key without GitHub?"], "--yes does not cover it"
    if agrees:
        assert end.exit_code == 0
        await assert_settled(world, person, github=False)
    else:
        assert words in failure(heard)[0]
        assert "ecrwiz run github" in failure(heard)[1]
        assert_untouched(world, person)


async def test_what_github_will_refuse_is_told_before_there_is_a_key(world: World) -> None:
    world.plan = replace(world.plan, problem=RemoteError("octo/app is archived.", "Unarchive it.", code="403"))
    person = await world.operator()
    end, heard = await person.run()
    assert end.exit_code == 1
    assert failure(heard) == ("octo/app is archived.", "Unarchive it.")
    assert_untouched(world, person)


async def test_when_github_refuses_the_old_key_stays_and_the_next_run_goes_on(world: World) -> None:
    person = await world.operator()
    world.refusal = RemoteError("GitHub refused to write.", "Secrets: write is missing.", code="403")
    end, heard = await person.run()
    assert end.exit_code == 1
    assert failure(heard)[0] == "GitHub refused to write."
    assert world.on_github() == world.first
    assert person.entry() == world.first
    pending = person.entry("/next")
    assert pending is not None
    assert world.listed() == {world.first[0]: "Active", pending[0]: "Active"}
    world.refusal = None
    end, heard = await person.run()
    assert end.exit_code == 0, failure(heard)
    assert "was cut; going on" in said(heard)
    assert await assert_settled(world, person) == pending, "no third key was made"


# --- another key ---------------------------------------------------------------------------------------------


async def test_a_second_key_that_nobody_here_knows_is_not_deleted(world: World) -> None:
    other = world.client("iam").create_access_key(UserName=world.user)["AccessKey"]["AccessKeyId"]
    person = await world.operator()
    end, heard = await person.run()
    assert end.exit_code == 1
    message, hint = failure(heard)
    assert f"a second access key, {other}, that this folder does not know. IAM allows two" in message
    assert f"aws iam delete-access-key --user-name {world.user} --access-key-id {other}" in hint
    assert world.listed() == {world.first[0]: "Active", other: "Active"}
    assert world.marks() == []
    assert person.note is None


async def test_a_key_that_is_gone_in_iam_is_replaced_all_the_same(world: World) -> None:
    world.client("iam").delete_access_key(UserName=world.user, AccessKeyId=world.first[0])
    person = await world.operator()
    end, heard = await person.run()
    assert end.exit_code == 0, failure(heard)
    await assert_settled(world, person)


async def test_a_key_that_was_replaced_elsewhere_is_told(world: World) -> None:
    iam = world.client("iam")
    iam.delete_access_key(UserName=world.user, AccessKeyId=world.first[0])
    other = iam.create_access_key(UserName=world.user)["AccessKey"]["AccessKeyId"]
    person = await world.operator()
    _, heard = await person.run()
    message, hint = failure(heard)
    assert f"is gone, and the key {other} in its place is not known here" in message
    assert f"--access-key-id {other}" in hint
    assert list(world.listed()) == [other]


async def test_an_inactive_key_is_replaced_too(world: World) -> None:
    world.client("iam").update_access_key(UserName=world.user, AccessKeyId=world.first[0], Status="Inactive")
    person = await world.operator()
    end, heard = await person.run()
    assert end.exit_code == 0, failure(heard)
    await assert_settled(world, person)


async def test_a_user_that_is_not_ecrwizs_is_left_alone(world: World) -> None:
    person = await world.operator()
    world.client("iam").untag_user(UserName=world.user, TagKeys=["managed-by"])
    _, heard = await person.run()
    assert "was not made by ecrwiz" in failure(heard)[0]
    assert_untouched(world, person)


async def test_a_mark_of_another_folder_stops_it_and_hostile_text_in_it_does_no_harm(world: World) -> None:
    person = await world.operator()
    tag = f"{rotation.MARK}/abc +/=:@x"
    world.client("iam").tag_user(UserName=world.user, Tags=[{"Key": tag, "Value": "2026-07-01 = @+/."}])
    _, heard = await person.run()
    message, hint = failure(heard)
    assert "Another rotation of the access key" in message
    assert hint.endswith(f"--user-name {world.user} --tag-keys {rotation.MARK}/abc+:x")
    assert world.listed() == {world.first[0]: "Active"}
    assert world.marks() == [tag]


# --- the new key must work -----------------------------------------------------------------------------------


async def test_a_new_key_that_may_too_little_takes_nobodys_place(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def prove(*_: object) -> tuple[Proof, ...]:
        lacking = Proof("name an image", "ecr:PutImage", "*", "allowed", "refused", "no", "called", "x")
        return (lacking, Proof("list users", "iam:ListUsers", "*", "refused", "allowed", "yes", "called", "x"))

    monkeypatch.setattr(proving, "prove_key", prove)
    person = await world.operator()
    _, heard = await person.run()
    assert "may not name an image (ecr:PutImage), so the old one stays in use" in failure(heard)[0]
    assert verify.row((await prove())[1]) in said(heard)
    assert person.entry() == world.first
    assert world.on_github() == world.first
    assert world.listed()[world.first[0]] == "Active"


async def test_a_new_key_that_may_too_much_is_told_and_serves(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def prove(*_: object) -> tuple[Proof, ...]:
        return (Proof("list users", "iam:ListUsers", "*", "refused", "allowed", "yes", "called", "x"),)

    monkeypatch.setattr(proving, "prove_key", prove)
    person = await world.operator()
    end, heard = await person.run()
    assert end.exit_code == 0, "the old key may do as much"
    assert verify.row((await prove())[0]) in said(heard)
    state = await stand(await person.open(), STEPS[StepId.VERIFY])
    assert (state.status, state.reason) == (Status.STALE, "the new key may do what it must not")


async def test_copies_that_only_the_person_can_renew_are_told(world: World) -> None:
    person = await world.operator()
    exported = person.root / ".env.ci"
    exported.write_text("x")
    copies.note((await person.open()).paths, "file", str(exported), world.first[0])
    _, heard = await person.run()
    assert f"{exported} still holds the access key {world.first[0]}" in said(heard)


async def test_when_the_new_key_fails_without_the_old_one_that_comes_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object) -> None:
        raise ToolFailedError("ECR gives no token.", "Try again.")

    monkeypatch.setattr(ci_key, "try_out", refused)
    person = await world.operator()
    _, heard = await person.run()
    assert failure(heard)[0] == "ECR gives no token."
    assert "is active again" in said(heard)
    assert world.listed()[world.first[0]] == "Active"
    assert len(world.listed()) == 2


@pytest.mark.parametrize(("agrees", "everything"), [(True, False), (False, False), (None, False), (None, True)])
async def test_an_old_key_that_something_still_uses_is_asked_about(
    world: World, monkeypatch: pytest.MonkeyPatch, agrees: bool | None, everything: bool
) -> None:
    later = datetime.now(UTC) + timedelta(minutes=5)

    async def last_use(_: Iam, access_key_id: str) -> LastUse | None:
        return LastUse(later, "ecr", "us-east-1") if access_key_id == world.first[0] else None

    monkeypatch.setattr(Iam, "last_use", last_use)
    person = await world.operator()
    end, heard = await person.run(reply=lambda _: agrees, approvals=Approvals(everything=everything))
    assert "was last used at" in said(heard)
    if agrees or everything:
        assert end.exit_code == 0
        await assert_settled(world, person)
        return
    assert asked(heard) == [f"Delete {world.first[0]} though something still uses it?"]
    assert "it was not deleted, and both work" in failure(heard)[0]
    kept = person.entry()
    assert kept is not None
    assert world.listed() == {world.first[0]: "Active", kept[0]: "Active"}
    end, heard = await person.run(reply=lambda _: True)
    assert end.exit_code == 0, failure(heard)
    assert await assert_settled(world, person) == kept


# --- the keyring ---------------------------------------------------------------------------------------------


async def test_without_a_keyring_nothing_is_made_that_would_be_lost(world: World) -> None:
    person = await world.operator(exported=False)
    person.ring.usable = False
    end, heard = await person.run(approvals=Approvals(everything=True))
    assert end.exit_code == 3
    assert "would be lost when this process ends" in failure(heard)[0]
    assert_untouched(world, person)


@pytest.mark.parametrize("agrees", [True, False])
async def test_without_a_keyring_github_alone_gets_it_when_the_person_agrees(world: World, agrees: bool) -> None:
    person = await world.operator()
    person.ring.usable = False
    end, heard = await person.run(reply=lambda _: agrees)
    assert asked(heard) == ["Go on without a local copy of the CI secret?"]
    if not agrees:
        assert end.exit_code == 3
        assert_untouched(world, person)
        return
    assert end.exit_code == 0, failure(heard)
    assert world.works(world.on_github())
    assert world.listed() == {world.on_github()[0]: "Active"}
    assert world.state[infra.ACCESS_KEY] == {"id": world.on_github()[0]}
    assert ended(heard).outputs["backend"] == ""
    assert person.note is None


async def test_a_keyring_that_refuses_the_new_secret_undoes_the_key(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await world.operator()
    real = person.ring.backend.set_password

    def set_password(service: str, username: str, password: str) -> None:
        if username.endswith("/next"):
            raise OSError("no space")
        real(service, username, password)

    monkeypatch.setattr(person.ring.backend, "set_password", set_password)
    end, heard = await person.run()
    assert end.exit_code == 1
    assert "did not store" in failure(heard)[0]
    assert_untouched(world, person)


async def test_a_keyring_that_is_locked_in_the_middle_loses_nothing(world: World) -> None:
    person = await world.operator()
    world.refusal = RemoteError("no", code="500")
    await person.run()
    world.refusal = None
    pending = person.entry("/next")
    person.ring.usable = False
    end, heard = await person.run(approvals=Approvals(everything=True))
    assert end.exit_code == 3
    assert "the keyring may have the new key's secret" in failure(heard)[0]
    assert len(world.listed()) == 2
    person.ring.usable = True
    end, heard = await person.run()
    assert end.exit_code == 0, failure(heard)
    assert await assert_settled(world, person) == pending


async def test_a_pending_key_outlives_the_folder_it_was_made_in(world: World) -> None:
    person = await world.operator()
    world.refusal = RemoteError("no", code="500")
    await person.run()
    world.refusal = None
    pending = person.entry("/next")
    mark = world.marks()[0]
    (person.root / ".ecrwiz" / "rotation.json").unlink()
    _, heard = await person.run()
    assert "Another rotation" in failure(heard)[0], "for all that is known, it goes on elsewhere"
    world.client("iam").untag_user(UserName=world.user, TagKeys=[mark])  # as the sentence says
    end, heard = await person.run()
    assert end.exit_code == 0, failure(heard)
    assert await assert_settled(world, person) == pending


# --- refusals before anything --------------------------------------------------------------------------------


async def test_a_role_has_no_key(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    person = await world.operator()
    monkeypatch.setenv("ECRWIZ_CI_IDENTITY", "oidc")
    _, heard = await person.run()
    assert ended(heard).status is Status.SKIPPED
    assert "is a role" in ended(heard).note
    assert_untouched(world, person)


async def test_another_account(world: World) -> None:
    person = await world.operator()
    project = await person.open()
    project.journal.amend(StepId.PROVISION, {"account": "999999999999"}, {})
    _, heard = await person.run()
    assert f"holds {world.repository} and {world.user} in account 999999999999" in failure(heard)[0]
    assert "the key was not replaced" in failure(heard)[0]
    assert "AWS_PROFILE" in failure(heard)[1]
    assert_untouched(world, person)


async def test_a_note_that_cannot_be_read(world: World) -> None:
    person = await world.operator()
    (person.root / ".ecrwiz" / "rotation.json").write_text("{")
    _, heard = await person.run()
    assert "cannot be read: a rotation of the access key was begun" in failure(heard)[0]
    assert world.listed() == {world.first[0]: "Active"}


async def test_the_entry_of_a_rotation_says_which(world: World) -> None:
    ring = Ring()
    value = keychain.pack("AKIA1", Secret("s"), "nonce1")
    ring.backend.kept["ecrwiz", "e"] = value.reveal()
    assert ring.entry("e") == ("AKIA1", "s")
    assert keychain.rotation_of(value) == "nonce1"
    for text in ("", "[]", "{}", '{"rotation": 3}', "{" * 5000):
        assert keychain.rotation_of(Secret(text)) == ""
