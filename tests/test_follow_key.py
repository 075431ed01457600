"""Terraform's state follows the access key that a rotation made, with the real Terraform on the stand-in for AWS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecrwiz.flow import infra
from ecrwiz.flow.context import Approvals, Context
from ecrwiz.flow.events import Status, StepId
from ecrwiz.flow.rotation import MARK
from ecrwiz.model.redact import Secret
from ecrwiz.model.results import ProvisionResult
from ecrwiz.services import keychain
from ecrwiz.services.terraform import Terraform
from tests.aws_program import Aws, serve
from tests.role_kit import ACCOUNT, Bench, client

P, C = StepId.PROVISION, StepId.CREDENTIALS


class Death(BaseException):
    """The process ends here."""


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with serve() as running:
        yield running


@pytest.fixture
async def bench(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Everything up to the keyring is done."""
    monkeypatch.setattr(infra, "_SECONDS_UNTIL_LISTED", 0)
    made = Bench(aws, tmp_path, monkeypatch)
    await made.make("access-key")
    told = await made.run(C)
    assert not told.error(C)
    return made


def rotate(bench: Bench, entry: str = "", *, delete_old: bool = True) -> tuple[str, str]:
    """Another key by IAM's API, into the keyring; gives the old id and the new one."""
    old = bench.kept()[0]
    key = bench.iam.create_access_key(UserName=bench.user)["AccessKey"]
    value = keychain.pack(key["AccessKeyId"], Secret(key["SecretAccessKey"]))
    bench.ring.kept[keychain.SERVICE, f"{ACCOUNT}/{bench.project_id}/dev{entry}"] = value.reveal()
    if delete_old:
        bench.iam.delete_access_key(UserName=bench.user, AccessKeyId=old)
    return old, key["AccessKeyId"]


async def made(bench: Bench) -> ProvisionResult:
    return (await bench.open()).results.need(ProvisionResult, P)


def assert_follows(bench: Bench, new: str) -> None:
    assert bench.state[infra.ACCESS_KEY]["id"] == new
    assert bench.outputs["aws_iam_access_id"] == new
    assert not bench.outputs.get("aws_iam_access_key")
    assert bench.listed() == {new: "Active"}


async def test_the_state_follows_and_no_key_is_made(bench: Bench) -> None:
    encrypted = (await made(bench)).aws_iam_access_key
    assert encrypted
    old, new = rotate(bench)
    told = await bench.run(P, force=True)
    assert not told.error(P)
    assert_follows(bench, new)
    assert "Nothing to change: the account is as the files say." in told.lines
    found = await made(bench)
    assert (found.aws_iam_access_id, found.aws_iam_access_key) == (new, "")
    text = (bench.root / "infra" / "terraform.tfstate").read_text()
    assert old not in text
    assert encrypted not in text
    told = await bench.run(P, force=True)  # and once more: nothing to follow
    assert "Nothing to change: the account is as the files say." in told.lines
    assert f"{infra.ACCESS_KEY}: taken over" not in told.text


async def _die(*_: Any) -> None:
    raise Death


async def follow(bench: Bench) -> None:
    """As a rotation calls it."""
    project = await bench.open()

    async def nobody(_: object) -> None:
        return None

    context = Context(project, P, Approvals(everything=True), lambda _: None, nobody)
    terraform = project.tools.terraform(context.lines, context.command)
    await terraform.init()
    await infra.follow_key(context, terraform, await terraform.state())


@pytest.mark.parametrize("at", ["adopt", "refresh"])
async def test_a_crash_in_between_loses_and_makes_no_key(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """Between taking the old key out of the state and importing the new one; and after that, before the outputs."""
    _, new = rotate(bench)

    with monkeypatch.context() as patch:
        patch.setattr(Terraform, at, _die)
        with pytest.raises(Death):
            await follow(bench)
    held = bench.state.get(infra.ACCESS_KEY, {}).get("id")
    assert held == (None if at == "adopt" else new)
    told = await bench.run(P, force=True)
    assert not told.error(P)
    assert_follows(bench, new)


async def test_a_second_key_in_use_is_neither_deleted_nor_replaced(bench: Bench) -> None:
    """A rotation was cut before the first key went: the keyring says which one is in use."""
    old, new = rotate(bench, delete_old=False)
    project = await bench.open()
    record = project.journal.get(P)
    assert record
    project.journal.begin(P, "cut", record.started)
    assert project.journal.get(P).status is Status.RUNNING  # type: ignore[union-attr]
    told = await bench.run(P)
    assert not told.error(P)
    assert bench.listed() == {old: "Active", new: "Active"}
    assert bench.state[infra.ACCESS_KEY]["id"] == new


async def test_a_key_that_waits_in_the_keyring_is_not_taken_for_a_lost_one(bench: Bench) -> None:
    old, new = rotate(bench, "/next", delete_old=False)
    del bench.ring.kept[keychain.SERVICE, f"{ACCOUNT}/{bench.project_id}/dev"]  # the one in use cannot be read
    project = await bench.open()
    project.journal.begin(P, "cut", 0.0)
    project.journal.forget(C)
    told = await bench.run(P)
    assert new in bench.listed(), told.text
    assert old not in bench.listed(), "its secret is lost, and it was put nowhere"


async def test_a_key_that_is_gone_gets_a_successor_that_can_be_read(bench: Bench) -> None:
    """Somebody deleted it in the console: the next is made with a fresh OpenPGP key, or nobody could open it."""
    old = bench.kept()[0]
    bench.iam.delete_access_key(UserName=bench.user, AccessKeyId=old)
    told = await bench.run(P, C, force=True)
    assert not told.error(P) + told.error(C)
    new, secret = bench.kept()
    assert new != old
    assert bench.listed() == {new: "Active"}
    arn = client(bench.aws, "sts", new, secret).get_caller_identity()["Arn"]
    assert arn.endswith(f":user/{bench.user}")


async def test_another_copy_of_the_folder_uses_the_key_that_the_keyring_has(bench: Bench) -> None:
    key = bench.kept()[0]
    (bench.root / "infra" / "terraform.tfstate").unlink()
    told = await bench.run(P, force=True)
    assert not told.error(P)
    assert_follows(bench, key)


async def test_a_key_of_somebody_else_in_the_keyring_changes_nothing(bench: Bench) -> None:
    other = bench.iam.create_user(UserName=f"{bench.user}-other")["User"]["UserName"]
    key = bench.iam.create_access_key(UserName=other)["AccessKey"]
    value = keychain.pack(key["AccessKeyId"], Secret(key["SecretAccessKey"]))
    before = bench.kept()[0]
    bench.ring.kept[keychain.SERVICE, f"{ACCOUNT}/{bench.project_id}/dev"] = value.reveal()
    told = await bench.run(P)
    assert not told.error(P)
    assert bench.state[infra.ACCESS_KEY]["id"] == before
    bench.iam.delete_access_key(UserName=other, AccessKeyId=key["AccessKeyId"])


async def test_provisioning_waits_for_a_rotation(bench: Bench) -> None:
    """Terraform would take the rotation's mark off the user."""
    mark = {"Key": f"{MARK}/abc", "Value": "2026-01-01T00:00:00Z"}
    bench.iam.tag_user(UserName=bench.user, Tags=[mark])
    told = await bench.run(P, force=True)
    assert "is being replaced, or that was cut: nothing was changed" in told.error(P)
    assert "ecrwiz credentials rotate" in told.error(P)
    tags = bench.iam.list_user_tags(UserName=bench.user)["Tags"]
    assert mark in tags
    bench.iam.untag_user(UserName=bench.user, TagKeys=[mark["Key"]])
    assert not (await bench.run(P, force=True)).error(P)
