"""The whole job through `ecrwiz run --json`, in order: each test goes on where the one before it ended."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import time
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from tests.e2e.conftest import REGION, World

pytestmark = pytest.mark.e2e

REPOSITORY = "web/blog/nextjs"
USER = "ci-blog-dev-server-user"
CHAIN = ["render", "build", "smoke-test", "provision", "push", "credentials", "verify", "github"]


@pytest.fixture(scope="module")
def first(world: World) -> dict[str, dict[str, Any]]:
    """The first run of everything."""
    code, events, ends = world.run_json("run", "--yes")
    world.events = events
    assert code == 0, [end for end in ends.values() if end["status"] != "ok"]
    return ends


@pytest.fixture(scope="module")
def ci_key(world: World, first: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The CI identity's key, as GitHub has it after opening the sealed boxes."""
    opened = world.opened_secrets()
    text = json.dumps(opened)
    assert "AWS_SECRET_ACCESS_KEY" in text
    found: dict[str, str] = {}

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            for name, value in node.items():
                if name in {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} and isinstance(value, str):
                    found[name] = value
                walk(value)

    walk(opened)
    return found


def test_every_step_ends_ok(world: World, first: dict[str, dict[str, Any]]) -> None:
    assert {step: end["status"] for step, end in first.items()} == dict.fromkeys(CHAIN, "ok")
    assert all(end["seconds"] > 0 for end in first.values())
    kinds = {event["event"] for event in world.events}
    assert kinds >= {"run.started", "step.started", "step.command", "step.output", "step.progress", "run.finished"}
    assert world.events[-1]["event"] == "run.finished"
    assert world.events[-1]["status"] == "ok"


def test_the_outputs_are_the_articles(world: World, first: dict[str, dict[str, Any]]) -> None:
    made = first["provision"]["outputs"]
    assert made["ecr_repo_path"] == REPOSITORY
    assert made["aws_region"] == REGION
    assert made["ci_user"] == USER
    assert made["ecr_repo_url"] == world.info.registry.removeprefix("http://")
    assert first["smoke-test"]["outputs"]["port"] == 5000
    assert first["smoke-test"]["outputs"]["status"] == 200


def test_build_and_provision_ran_at_the_same_time(world: World, first: dict[str, dict[str, Any]]) -> None:
    order = [(event["event"], event.get("step")) for event in world.events]
    started, finished = order.index(("step.started", "provision")), order.index(("step.finished", "provision"))
    build = order.index(("step.started", "build")), order.index(("step.finished", "build"))
    assert started < build[1]
    assert build[0] < finished


def test_the_image_is_in_the_registry(world: World, first: dict[str, dict[str, Any]]) -> None:
    digest = first["push"]["outputs"]["digest"]
    images = world.operator("ecr").describe_images(repositoryName=REPOSITORY)["imageDetails"]
    assert [image["imageDigest"] for image in images] == [digest]
    assert set(images[0]["imageTags"]) == {first["build"]["outputs"]["tag"], "latest"}
    repository = world.operator("ecr").describe_repositories()["repositories"][0]
    assert repository["imageScanningConfiguration"]["scanOnPush"] is True
    assert repository["encryptionConfiguration"]["encryptionType"] == "AES256"
    assert world.operator("ecr").get_lifecycle_policy(repositoryName=REPOSITORY)["lifecyclePolicyText"]


def _push_one_layer(world: World, ecr: Any) -> None:
    """What CI does, with the CI identity's own token, against the registry itself; and taken away again."""
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, password = base64.b64decode(token).decode().split(":", 1)
    layer, config = b"not really a tar", b"{}"

    def named(blob: bytes) -> dict[str, Any]:
        return {"digest": f"sha256:{hashlib.sha256(blob).hexdigest()}", "size": len(blob)}

    with httpx.Client(base_url=world.info.registry, auth=(user, password), trust_env=False) as client:
        for blob in (layer, config):
            place = client.post(f"/v2/{REPOSITORY}/blobs/uploads/").raise_for_status().headers["Location"]
            target = httpx.URL(place).copy_merge_params({"digest": named(blob)["digest"]})
            client.put(target, content=blob).raise_for_status()
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        manifest = {
            "schemaVersion": 2,
            "mediaType": kind,
            "config": {"mediaType": "application/vnd.docker.container.image.v1+json", **named(config)},
            "layers": [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", **named(layer)}],
        }
        answer = client.put(f"/v2/{REPOSITORY}/manifests/probe", json=manifest, headers={"Content-Type": kind})
        answer.raise_for_status()
    world.operator("ecr").batch_delete_image(repositoryName=REPOSITORY, imageIds=[{"imageTag": "probe"}])


def _refused(call: Any, **parameters: Any) -> bool:
    try:
        call(**parameters)
    except ClientError as error:
        return "AccessDenied" in error.response["Error"]["Code"]
    return False


def test_the_ci_identity_can_push_and_nothing_else(world: World, ci_key: dict[str, str]) -> None:
    session = boto3.Session(ci_key["AWS_ACCESS_KEY_ID"], ci_key["AWS_SECRET_ACCESS_KEY"], region_name=REGION)
    ecr = session.client("ecr", endpoint_url=world.info.aws)
    iam = session.client("iam", endpoint_url=world.info.aws)
    assert session.client("sts", endpoint_url=world.info.aws).get_caller_identity()["Arn"].endswith(f":user/{USER}")
    assert ecr.get_authorization_token()["authorizationData"]
    assert ecr.describe_images(repositoryName=REPOSITORY)["imageDetails"]
    _push_one_layer(world, ecr)
    world.operator("ecr").create_repository(repositoryName="web/other/nextjs")
    try:
        other = {"repositoryName": "web/other/nextjs"}
        assert _refused(ecr.describe_images, **other)
        assert _refused(ecr.put_image, **other, imageManifest="{}", imageTag="x")
    finally:
        world.operator("ecr").delete_repository(repositoryName="web/other/nextjs")
    assert _refused(ecr.delete_repository, repositoryName=REPOSITORY)
    assert _refused(ecr.batch_delete_image, repositoryName=REPOSITORY, imageIds=[{"imageTag": "latest"}])
    assert _refused(ecr.create_repository, repositoryName="web/new/nextjs")
    assert _refused(iam.list_users)
    assert _refused(iam.create_access_key, UserName=USER)


def test_the_secret_is_nowhere_on_disk(world: World, first: dict[str, dict[str, Any]], ci_key: dict[str, str]) -> None:
    secret = ci_key["AWS_SECRET_ACCESS_KEY"]
    forms = [form.encode() for form in (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode())]
    assert not any(form in json.dumps(event).encode() for form in forms for event in world.events)
    searched = 0
    for folder in (world.root, world.home):
        for path in folder.rglob("*"):
            # The stand-in for AWS itself has to know the key; a registry's blobs hold the image.
            if not path.is_file() or path.is_symlink() or "providers" in path.parts:
                continue
            searched += 1
            held = path.read_bytes()
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    held += b"".join(archive.read(name) for name in archive.namelist())
            assert not any(form in held for form in forms), path
    names = {path.name for path in world.root.rglob("*")}
    assert {"terraform.tfstate", "journal.json", "provision.log", "sandbox.log"} <= names
    assert searched > 50


def test_the_private_openpgp_key_is_gone_and_the_keyring_has_the_secret(
    world: World, first: dict[str, dict[str, Any]], ci_key: dict[str, str]
) -> None:
    code = (
        "import json, keyring\n"
        "print(json.dumps([keyring.get_password('ecrwiz', n) for n in"
        " ('123456789012/blog/dev', '123456789012/blog/dev/openpgp')]))"
    )
    import subprocess
    import sys

    environ = {**world.environ, "DBUS_SESSION_BUS_ADDRESS": world.info.bus or ""}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    stored, private = json.loads(done.stdout)
    assert json.loads(stored) == {
        "access_key_id": ci_key["AWS_ACCESS_KEY_ID"],
        "secret_access_key": ci_key["AWS_SECRET_ACCESS_KEY"],
    }
    assert private is None


def test_the_second_run_finds_everything_fresh_in_seconds(world: World, first: dict[str, dict[str, Any]]) -> None:
    before = time.monotonic()
    code, _, ends = world.run_json("run")
    assert code == 0
    assert {end["status"] for end in ends.values()} == {"fresh"}
    assert ends["push"]["outputs"]["digest"] == first["push"]["outputs"]["digest"]
    assert time.monotonic() - before < 30


def test_plan_says_that_nothing_is_to_do(world: World, first: dict[str, dict[str, Any]]) -> None:
    done = world.run("plan", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert {change["kind"] for change in found["files"]} == {"same"}
    assert found["plan"]["changes"] == []


def test_a_step_again(world: World, first: dict[str, dict[str, Any]], ci_key: dict[str, str]) -> None:
    code, _, ends = world.run_json("run", "credentials", "github", "--force")
    assert code == 0
    assert {step: end["status"] for step, end in ends.items()} == {"credentials": "ok", "github": "ok"}
    assert ci_key["AWS_SECRET_ACCESS_KEY"] in json.dumps(world.opened_secrets())


def test_bad_input_writes_nothing(world: World, first: dict[str, dict[str, Any]]) -> None:
    before = (world.root / "ecrwiz.toml").read_bytes()
    for value, example in (
        ("project_id=My Shop", "my-shop"),
        ("region=us-esat-1", "us-west-1 would work"),
        ("port=99999", "3000"),
    ):
        done = world.run("run", "--set", value)
        assert done.returncode == 2
        assert example in done.stderr
        assert "Traceback" not in done.stderr
    assert (world.root / "ecrwiz.toml").read_bytes() == before


def test_an_immutable_tag_is_looked_at_before_any_upload(world: World, first: dict[str, dict[str, Any]]) -> None:
    ecr = world.operator("ecr")
    ecr.put_image_tag_mutability(repositoryName=REPOSITORY, imageTagMutability="IMMUTABLE")
    try:
        code, _, ends = world.run_json("run", "push", "--force")
        assert code == 0, "the tag is there already with this very image"
        assert ends["push"]["outputs"]["uploaded"] is False
        page = world.root / "app" / "page.js"
        page.write_text(page.read_text() + "// changed\n")
        code, events, ends = world.run_json("run", "build", "push")
        assert code == 1
        assert "immutable" in ends["push"]["error"]["message"]
        tag = first["build"]["outputs"]["tag"]
        assert f"image_tag={tag}-2" in ends["push"]["error"]["hint"]
        assert not [event for event in events if event["event"] == "step.progress" and event["step"] == "push"]
        code, _, ends = world.run_json("run", "build", "push", "--set", f"image_tag={tag}-2")
        assert code == 0
        assert f"{tag}-2" in ends["push"]["outputs"]["tags"]
        assert "image_tag" not in (world.root / "ecrwiz.toml").read_text()
    finally:
        ecr.put_image_tag_mutability(repositoryName=REPOSITORY, imageTagMutability="MUTABLE")


def test_destroy_wants_the_project_id_typed_out(world: World, first: dict[str, dict[str, Any]]) -> None:
    for arguments in ((), ("--yes",), ("--yes", "--confirm", "other")):
        done = world.run("destroy", *arguments)
        assert done.returncode == 2
        assert "ecrwiz destroy --yes --confirm blog" in done.stderr
    assert world.operator("ecr").describe_images(repositoryName=REPOSITORY)["imageDetails"]


def test_destroy_leaves_nothing(world: World, first: dict[str, dict[str, Any]]) -> None:
    code, _, ends = world.run_json("destroy", "--yes", "--confirm", "blog")
    assert code == 0, ends
    assert world.operator("ecr").describe_repositories()["repositories"] == []
    assert USER not in [user["UserName"] for user in world.operator("iam").list_users()["Users"]]
    assert "AWS_SECRET_ACCESS_KEY" not in json.dumps(world.opened_secrets())
    removed = ends["destroy"]["outputs"]["removed"]
    assert "keyring entry 123456789012/blog/dev" in removed
    assert "GitHub secret AWS_SECRET_ACCESS_KEY of ecrwiz-demo/blog" in removed
    found = json.loads(world.run("status", "--json").stdout)
    assert {step["status"] for step in found["steps"]} == {"not-run"}
    code, _, _ = world.run_json("destroy", "--yes", "--confirm", "blog")
    assert code == 0, "a second destroy finds nothing and is content"


def _until(world: World, text: str, *arguments: str) -> Any:
    """Start a run and give it when its output shows a text."""
    process = world.start(*arguments, start_new_session=True)
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return process
    raise AssertionError(f"{text} never came")


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_run_that_was_cut_in_provision_ends_well_the_next_time(world: World, blow: signal.Signals) -> None:
    process = _until(world, "Creating...", "run", "render", "provision", "--yes")
    os.kill(process.pid, blow)
    rest = process.stdout.read()
    code = process.wait(60)
    found = {step["step"]: step["status"] for step in json.loads(world.run("status", "--json").stdout)["steps"]}
    assert found["render"] == "fresh"
    if blow is signal.SIGKILL:
        assert found["provision"] == "cut"
    else:
        assert code in (0, 130), rest  # 0: it was done before the signal came
        assert found["provision"] == ("cancelled" if code else "fresh"), rest
    code, _, ends = world.run_json("run", "render", "provision", "credentials", "github", "--yes")
    assert code == 0, ends
    assert ends["provision"]["status"] in {"ok", "fresh"}
    keys = world.operator("iam").list_access_keys(UserName=USER)["AccessKeyMetadata"]
    assert len(keys) == 1, "no key is orphaned"
    assert world.run("destroy", "--yes", "--confirm", "blog").returncode == 0


def test_without_a_remote_github_is_skipped_with_the_reason(world: World, tmp_path: Path) -> None:
    import subprocess

    subprocess.run(["git", "remote", "remove", "origin"], cwd=world.root, check=True)
    (world.root / "ecrwiz.toml").unlink()
    code, _, ends = world.run_json("run", "render", "provision", "credentials", "github", "--yes")
    assert code == 0
    assert ends["github"]["status"] == "skipped"
    assert "no GitHub repository" in ends["github"]["note"]
    assert world.run("destroy", "--yes", "--confirm", "blog").returncode == 0
