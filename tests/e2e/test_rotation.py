"""`ecrwiz credentials rotate` and `revoke` in their own process, with real Terraform, keyring and kill -9."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.e2e.conftest import REGION, World

pytestmark = pytest.mark.e2e

USER = "ci-blog-dev-server-user"
CHAIN = ("render", "provision", "credentials", "verify", "github")


@pytest.fixture(scope="module")
def first(world: World) -> str:
    """The id of the first key, which GitHub has."""
    code, _, ends = world.run_json("run", *CHAIN, "--yes")
    assert code == 0, ends
    return str(ends["provision"]["outputs"]["aws_iam_access_id"])


def keys(world: World) -> dict[str, str]:
    listed = world.operator("iam").list_access_keys(UserName=USER)["AccessKeyMetadata"]
    return {key["AccessKeyId"]: key["Status"] for key in listed}


def on_github(world: World) -> tuple[str, str]:
    """The key that a workflow would work with."""
    found: dict[str, str] = {}

    def walk(node: Any) -> None:
        for name, value in node.items() if isinstance(node, dict) else ():
            if name in {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} and isinstance(value, str):
                found[name] = value
            walk(value)

    walk(world.opened_secrets())
    return found.get("AWS_ACCESS_KEY_ID", ""), found.get("AWS_SECRET_ACCESS_KEY", "")


def works(world: World, key: tuple[str, str]) -> bool:
    session = boto3.Session(*key, region_name=REGION)
    try:
        arn = session.client("sts", endpoint_url=world.info.aws).get_caller_identity()["Arn"]
    except ClientError:
        return False
    return str(arn).endswith(f":user/{USER}")


def assert_settled(world: World) -> str:
    """One key; GitHub and the keyring have it; every step is fresh, and Terraform has nothing to do."""
    (key,) = keys(world)
    pair = on_github(world)
    assert pair[0] == key
    assert works(world, pair)
    exported = json.loads(world.run("export", "json").stdout)  # from the keyring
    assert (exported["AccessKeyId"], exported["SecretAccessKey"]) == pair
    tags = world.operator("iam").list_user_tags(UserName=USER)["Tags"]
    assert not [tag for tag in tags if tag["Key"].startswith("ecrwiz-rotation")]
    assert not list(world.root.rglob("rotation.json"))
    code, events, ends = world.run_json("run", *CHAIN, "--yes")
    assert code == 0
    assert {step: end["status"] for step, end in ends.items()} == dict.fromkeys(CHAIN, "fresh")
    code, events, ends = world.run_json("run", "provision", "--force", "--yes")
    assert code == 0, ends
    assert any("Nothing to change" in event.get("line", "") for event in events), "Terraform's plan is empty"
    assert ends["provision"]["outputs"]["aws_iam_access_id"] == key
    return key


def test_rotate(world: World, first: str) -> None:
    code, events, ends = world.run_json("credentials", "rotate")
    assert code == 0, ends
    made = ends["rotate"]["outputs"]
    assert made["old"] == first
    assert made["new"] == assert_settled(world)
    assert made["github"]
    assert made["backend"]
    phases = [event["done"] for event in events if event["event"] == "step.progress" and event["unit"] == "phases"]
    assert phases == list(range(1, 9))
    secret = on_github(world)[1]
    assert secret not in json.dumps(events)
    for path in (world.root / ".ecrwiz").rglob("*"):
        if path.is_file() and "sandbox" not in path.parts:
            assert secret.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("phase", [1, 2, 3, 4, 5, 6, 7])
def test_kill_9_after_a_phase(world: World, first: str, phase: int) -> None:
    (before,) = keys(world)
    running = world.start("credentials", "rotate", "--json")
    _kill_after(running, phase)
    pair = on_github(world)
    assert "Active" in keys(world).values()
    assert works(world, pair), "CI has a key that works all the time"
    code, _, ends = world.run_json("credentials", "rotate")
    assert code == 0, ends
    assert assert_settled(world) != before


def _kill_after(running: subprocess.Popen[str], phase: int) -> None:
    assert running.stdout
    for line in running.stdout:
        event = json.loads(line)
        if event["event"] == "step.progress" and event["unit"] == "phases" and event["done"] == phase:
            running.send_signal(signal.SIGKILL)
            break
    running.stdout.close()
    assert running.wait(30) == -signal.SIGKILL


def test_a_hand_made_second_key_stops_it(world: World, first: str) -> None:
    iam = world.operator("iam")
    other = iam.create_access_key(UserName=USER)["AccessKey"]["AccessKeyId"]
    try:
        code, _, ends = world.run_json("credentials", "rotate", "--yes")
        assert code == 1
        assert other in ends["rotate"]["error"]["message"]
    finally:
        iam.delete_access_key(UserName=USER, AccessKeyId=other)
    assert_settled(world)


def test_revoke_wants_the_projects_id(world: World, first: str) -> None:
    before = keys(world)
    for arguments in (("--yes",), ("--yes", "--confirm", "another"), ()):
        assert world.run("credentials", "revoke", *arguments).returncode == 2
    assert keys(world) == before


def test_revoke_and_begin_anew(world: World, first: str) -> None:
    pair = on_github(world)
    code, _, ends = world.run_json("credentials", "revoke", "--yes", "--confirm", "blog")
    assert code == 0, ends
    assert keys(world) == {}
    assert not works(world, pair)
    assert on_github(world) == ("", "")
    assert world.run("export", "json").returncode != 0
    status = world.run("status").stdout
    assert "the access key was revoked" in status
    code, _, ends = world.run_json("run", *CHAIN, "--yes")
    assert code == 0, ends
    assert assert_settled(world) != pair[0]
