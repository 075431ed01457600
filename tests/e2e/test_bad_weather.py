"""What goes wrong around a project: other people's resources, changed answers, cut exports, fresh clones."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecrwiz.sandbox.client import stop
from tests.e2e.conftest import World, make_world

pytestmark = pytest.mark.e2e

REPOSITORY = "web/blog/nextjs"
USER = "ci-blog-dev-server-user"
STEPS = ("render", "provision", "credentials", "github")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, mirror: Path | None) -> Iterator[World]:
    """A project that is provisioned and exported; no image is built."""
    world = make_world(tmp_path_factory.mktemp("weather"), mirror=mirror)
    code, _, ends = world.run_json("run", *STEPS, "--yes")
    assert code == 0, ends
    yield world
    stop(world.data)


def _commit(world: World) -> None:
    name = ("-c", "user.name=t", "-c", "user.email=t@example.invalid")
    for words in (("add", "-A"), (*name, "commit", "-qm", "all")):
        subprocess.run(["git", *words], cwd=world.root, check=True)


def _key(world: World) -> str:
    (key,) = world.operator("iam").list_access_keys(UserName=USER)["AccessKeyMetadata"]
    return str(key["AccessKeyId"])


@pytest.mark.parametrize("answer", ["env=prod", "region=eu-west-1", "project_id=other"])
def test_changed_answers_do_not_touch_what_was_made(made: World, answer: str) -> None:
    before, text = _key(made), (made.root / "ecrwiz.toml").read_text()
    code, _, ends = made.run_json("run", "render", "provision", "--yes", "--set", answer)
    assert code == 2
    assert "nothing was changed" in ends["provision"]["error"]["message"]
    assert _key(made) == before
    done = made.run(
        "destroy", "--yes", "--confirm", answer.removeprefix("project_id=") if "project" in answer else "blog"
    )
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert _key(made) == before
    (made.root / "ecrwiz.toml").write_text(text)
    assert made.run_json("run", *STEPS, "--yes")[0] == 0


def test_the_same_name_made_by_somebody_else_is_left_alone(made: World, tmp_path: Path, mirror: Path | None) -> None:
    ecr = made.operator("ecr")
    ecr.create_repository(repositoryName="web/shop/nextjs", tags=[{"Key": "owner", "Value": "team-x"}])
    done = made.run("destroy", "--yes", "--confirm", "shop", "--set", "project_id=shop")
    assert done.returncode != 0
    assert ecr.describe_repositories(repositoryNames=["web/shop/nextjs"])["repositories"]
    ecr.delete_repository(repositoryName="web/shop/nextjs")


def _forget_in_keyring(world: World, entry: str) -> None:
    assert world.info.bus, "the sandbox has a keyring of its own"
    program = (
        "import sys, keyring; assert keyring.get_password('ecrwiz', sys.argv[1]); "
        "keyring.delete_password('ecrwiz', sys.argv[1])"
    )
    session = {
        "DBUS_SESSION_BUS_ADDRESS": world.info.bus,
        "PYTHON_KEYRING_BACKEND": "keyring.backends.SecretService.Keyring",
    }
    subprocess.run([sys.executable, "-c", program, entry], env=world.environ | session, check=True, timeout=60)


def test_a_fresh_clone_takes_over_and_leaves_the_key_in_use_alone(made: World) -> None:
    """As a second operator has it: the files are committed, the state and the keyring are not."""
    before = _key(made)
    _forget_in_keyring(made, "123456789012/blog/dev")
    state = made.data / "terraform.tfstate"
    kept = state.read_bytes()
    state.unlink()
    (made.root / "infra" / "ci_user_key.auto.tfvars").unlink()
    journal = made.data / "state" / "journal.json"
    records = journal.read_bytes()
    journal.unlink()
    try:
        code, events, ends = made.run_json("run", *STEPS, "--yes")
        assert code == 0, ends
        said = [event.get("line", "") for event in events]
        assert any("taken over" in line for line in said)
        assert any(f"also has the access key {before}" in line for line in said)
        keys = {key["AccessKeyId"] for key in made.operator("iam").list_access_keys(UserName=USER)["AccessKeyMetadata"]}
        assert before in keys, "a key that somebody may use is never deleted"
        assert len(keys) == 2
        new = (keys - {before}).pop()
        made.operator("iam").delete_access_key(UserName=USER, AccessKeyId=before)
        assert _key(made) == new
    except BaseException:
        state.write_bytes(kept)
        journal.write_bytes(records)
        raise


def test_an_export_that_was_cut_is_cleaned_up_by_destroy_and_foreign_resources_stay(made: World) -> None:
    (made.root / "infra" / "mine.tf").write_text(
        'resource "aws_ecr_repository" "mine" {\n  name = "team/precious"\n}\n'
    )
    code, _, ends = made.run_json("run", "render", "provision", "--yes")
    assert code == 0, ends
    journal = made.data / "state" / "journal.json"
    records = json.loads(journal.read_text())
    records["steps"]["github"].update(status="running", outputs={})  # as kill -9 leaves it
    journal.write_text(json.dumps(records))
    assert "AWS_SECRET_ACCESS_KEY" in json.dumps(made.opened_secrets())
    code, events, ends = made.run_json("destroy", "--yes", "--confirm", "blog")
    assert code == 0, ends
    assert "AWS_SECRET_ACCESS_KEY" not in json.dumps(made.opened_secrets())
    left = [found["repositoryName"] for found in made.operator("ecr").describe_repositories()["repositories"]]
    assert left == ["team/precious"], "what the person added to infra/ is theirs"
    assert any("GitHub secrets" in line for line in events[0]["lines"])
    (made.root / "infra" / "mine.tf").unlink()
    made.operator("ecr").delete_repository(repositoryName="team/precious")
    (made.data / "terraform.tfstate").unlink()


def test_a_remote_that_is_added_later_is_found(made: World) -> None:
    subprocess.run(["git", "remote", "rename", "origin", "upstream"], cwd=made.root, check=True)
    found = json.loads(made.run("status", "--json").stdout)["answers"]["github_repository"]
    assert found == {"value": "ecrwiz-demo/blog", "from": "from git remote upstream"}
    subprocess.run(["git", "remote", "remove", "upstream"], cwd=made.root, check=True)
    assert json.loads(made.run("status", "--json").stdout)["answers"]["github_repository"]["value"] == ""
    url = "git@github.com:ecrwiz-demo/blog.git"
    subprocess.run(["git", "remote", "add", "origin", url], cwd=made.root, check=True)
    assert (
        json.loads(made.run("status", "--json").stdout)["answers"]["github_repository"]["value"] == "ecrwiz-demo/blog"
    )


def test_a_reader_that_leaves_does_not_stop_the_work(made: World) -> None:
    process = made.start("run", "render", "provision", "--yes", "--json")
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(120) == 0
    found = {step["step"]: step["status"] for step in json.loads(made.run("status", "--json").stdout)["steps"]}
    assert found["provision"] == "fresh"


def test_committed_files_keep_everything_fresh(made: World) -> None:
    assert made.run_json("run", *STEPS, "--yes")[0] == 0
    _commit(made)
    code, _, ends = made.run_json("run", *STEPS)
    assert code == 0
    assert {end["status"] for end in ends.values()} == {"fresh"}


def test_another_repository_named_by_a_file_alone_gets_no_secret(made: World) -> None:
    path = made.root / "ecrwiz.toml"
    text = path.read_text()
    path.write_text(text + 'github_repository = "stranger/other"\n')
    code, _, ends = made.run_json("run", "github", "--force", "--yes")
    assert code == 2
    assert "was not sent" in ends["github"]["error"]["message"]
    assert "stranger" not in json.dumps(made.opened_secrets())
    code, _, ends = made.run_json("run", "github", "--force", "--yes", "--set", "github_repository=stranger/other")
    assert code == 0, ends
    path.write_text(text)


def test_programs_get_a_line_when_a_run_cannot_begin(made: World, tmp_path: Path) -> None:
    done = made.run("run", "--json", "--set", "port=99999")
    (line,) = done.stdout.splitlines()
    event = json.loads(line)
    assert (event["event"], event["status"], event["exit_code"]) == ("run.finished", "failed", 2)
    assert "3000 would work" in event["error"]["message"]
    empty = tmp_path / "empty"
    empty.mkdir()
    done = subprocess.run(
        [*made.command("run")[:3], "-C", str(empty), "run"],
        env=made.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "neither a package.json nor a Dockerfile" in done.stderr
    assert list(empty.iterdir()) == []


def test_no_engine_is_a_missing_tool(made: World) -> None:
    environ = {**made.environ, "DOCKER_HOST": "unix:///nonexistent/docker.sock"}
    root = made.root.parent / "no-engine"
    shutil.copytree(made.root, root, ignore=shutil.ignore_patterns(".ecrwiz"))
    command = [*made.command("run")[:3], "-C", str(root), "run", "render", "build", "--yes"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "Docker engine" in done.stdout


def test_ctrl_c_twice_still_ends_in_good_order(made: World) -> None:
    (made.root / "infra" / "terraform.tfvars").write_text(
        (made.root / "infra" / "terraform.tfvars").read_text() + "# touched\n"
    )
    process = made.start("run", "provision", "--yes", start_new_session=True)
    assert process.stdout is not None
    for line in process.stdout:
        if "terraform" in line:
            break
    os.kill(process.pid, signal.SIGINT)
    os.kill(process.pid, signal.SIGINT)
    process.stdout.read()
    assert process.wait(60) in (0, 130)
    assert made.run_json("run", "provision", "--yes")[0] == 0
    assert made.run("destroy", "--yes", "--confirm", "blog").returncode == 0
