"""Starting, finding and ending a sandbox, however its processes end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ecrwiz.model.errors import BadInputError, EcrwizError, MissingToolError
from ecrwiz.sandbox import Sandbox, client

ROOT = Path(__file__).parents[2]
START = """
import sys
from pathlib import Path
from ecrwiz.sandbox import Sandbox
box = Sandbox.attach_or_start(Path(sys.argv[1]), keep=sys.argv[2] == "keep")
print(box.info.pid, box.started, flush=True)
sys.stdin.read()
box.close()
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "box"


def processes_of(data: Path) -> list[int]:
    """Every process that has the folder in its arguments or its environment, but for this one's children."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except (OSError, PermissionError):
            continue
        if os.fsencode(data) in text:
            found.append(int(entry.name))
    return found


def eventually(holds: Callable[[], bool], seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def start_elsewhere(data: Path, mode: str = "-") -> tuple[subprocess.Popen[str], int]:
    """Start or attach in a process of its own; gives it and the supervisor's id."""
    process = subprocess.Popen(
        [sys.executable, "-c", START, str(data), mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline().split()[0])


def finish(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_it_starts_quickly_and_leaves_nothing(data: Path) -> None:
    begun = time.monotonic()
    with Sandbox.attach_or_start(data) as box:
        assert time.monotonic() - begun < 10  # 1 s on an idle machine
        assert box.started
        assert client.status(data) == box.info
        assert len(processes_of(data)) >= 2
    assert not data.exists()
    assert processes_of(data) == []
    assert client.status(data) is None
    box.close()


def test_everything_is_private(data: Path) -> None:
    with Sandbox.attach_or_start(data):
        for path in (data, *data.rglob("*")):
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                assert stat.S_IMODE(mode) == 0o700, path
            elif stat.S_ISREG(mode):
                assert stat.S_IMODE(mode) == 0o600, path


def test_the_supervisor_knows_nothing_of_who_the_person_is(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kept one lives on, and every process of this user can read the environment that it was given."""
    for name in ("GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"):
        monkeypatch.setenv(name, "hush-hush")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "ECRWIZ_IMAGE_TAG", "MOTO_X"):
        monkeypatch.setenv(name, "hush-hush")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/kept/bundle.pem")
    with Sandbox.attach_or_start(data) as box:
        environ = Path(f"/proc/{box.info.pid}/environ").read_bytes()
    assert b"hush-hush" not in environ
    assert b"AWS_CA_BUNDLE=/kept/bundle.pem" in environ


def test_a_second_start_attaches(data: Path) -> None:
    with Sandbox.attach_or_start(data) as box:
        with Sandbox.attach_or_start(data) as second:
            assert not second.started
            assert second.info == box.info
            assert second.environment() == box.environment()
        assert client.status(data) == box.info


def test_a_kept_sandbox_is_found_again_as_it_was(data: Path) -> None:
    process, pid = start_elsewhere(data, "keep")
    finish(process)
    (data / "state").mkdir()
    with Sandbox.attach_or_start(data) as box:
        assert box.info.pid == pid
        assert box.info.keep
        assert (data / "state").is_dir()
    assert client.status(data) is not None
    assert client.stop(data)
    assert not data.exists()
    assert eventually(lambda: processes_of(data) == [])
    assert not client.stop(data)


def test_a_sandbox_can_be_kept_later(data: Path) -> None:
    process, pid = start_elsewhere(data)
    with Sandbox.attach_or_start(data, keep=True) as box:
        assert (box.info.pid, box.info.keep) == (pid, True)
    finish(process)
    found = client.status(data)
    assert found is not None
    assert found.keep
    assert client.stop(data)


def test_keeping_in_this_process(data: Path) -> None:
    with Sandbox.attach_or_start(data, keep=True) as box:
        pass
    assert client.status(data) == box.info
    assert client.stop(data)
    assert eventually(lambda: processes_of(data) == [])


def test_it_ends_with_a_parent_that_was_killed(data: Path) -> None:
    process, _ = start_elsewhere(data)
    assert processes_of(data)
    process.kill()
    process.communicate()
    assert eventually(lambda: not data.exists())
    assert eventually(lambda: processes_of(data) == [])


def test_its_programs_end_with_a_killed_supervisor_and_the_next_start_is_clean(data: Path) -> None:
    process, pid = start_elsewhere(data)
    (data / "state").mkdir()
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: processes_of(data) == [process.pid])
    # A process loses its command line a moment before the system closes its files, and with them the lock.
    assert eventually(lambda: client.status(data) is None)
    with Sandbox.attach_or_start(data) as box:
        assert box.info.pid != pid
        assert not (data / "state").exists()  # it told of things that the new stand-ins do not have
        finish(process)  # the end of the dead one's owner must not end the new one
        assert client.status(data) == box.info


def test_a_terminated_supervisor_cleans_up(data: Path) -> None:
    process, pid = start_elsewhere(data, "keep")
    os.kill(pid, signal.SIGTERM)
    assert eventually(lambda: not data.exists())
    assert eventually(lambda: processes_of(data) == [process.pid])
    finish(process)


def test_two_starts_at_once_give_one_sandbox(data: Path) -> None:
    argv = [sys.executable, "-c", START, str(data), "keep"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    both = [
        subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(3)
    ]
    said = [process.communicate(timeout=60)[0].split() for process in both]
    assert len({pid for pid, _ in said}) == 1
    assert sorted(started for _, started in said) == ["False", "False", "True"]
    assert client.stop(data)


def test_a_start_right_after_an_end_is_a_new_sandbox(data: Path) -> None:
    pids = set()
    for _ in range(3):
        with Sandbox.attach_or_start(data) as box:
            pids.add(box.info.pid)
    assert len(pids) == 3


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_text("mine")
    with pytest.raises(BadInputError, match="holds files that no sandbox made"):
        Sandbox.attach_or_start(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]
    assert not client.stop(tmp_path)
    assert (tmp_path / "photo.jpg").exists()


def test_a_folder_that_cannot_be_made_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BadInputError, match="cannot be made"):
        Sandbox.attach_or_start(tmp_path / "file" / "box")


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    with Sandbox.attach_or_start(tmp_path) as box:
        assert box.started


def test_a_long_path_is_no_hindrance(tmp_path: Path) -> None:
    data = tmp_path / ("long-" * 20) / "box"
    with Sandbox.attach_or_start(data) as box:
        assert box.info.bus is not None
        bus = Path(box.info.bus.removeprefix("unix:path="))
        assert bus.exists()
    assert not bus.parent.exists()


def programs(folder: Path, *names: str) -> str:
    """A PATH with these programs and no others."""
    folder.mkdir()
    for name in names:
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    return str(folder)


def test_a_missing_registry_is_one_clear_sentence(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", programs(tmp_path / "bin", "dbus-daemon", "gnome-keyring-daemon"))
    with pytest.raises(MissingToolError) as error:
        Sandbox.attach_or_start(data)
    assert error.value.message == "The sandbox needs docker-registry, which is not on this machine."
    assert "apt install docker-registry" in error.value.hint
    assert not data.exists()
    assert processes_of(data) == []


def test_without_a_keyring_program_the_persons_own_keyring_stays(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", programs(tmp_path / "bin", "docker-registry"))
    with Sandbox.attach_or_start(data) as box:
        assert box.info.bus is None
        assert "DBUS_SESSION_BUS_ADDRESS" not in box.environment()
        assert "PYTHON_KEYRING_BACKEND" not in {*box.environment(), *box.remove}


@pytest.mark.parametrize("package", ["moto", "aiohttp", "openapi_core"])
def test_a_missing_package_is_one_clear_sentence(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    (shadow / f"{package}.py").write_text(f"raise ModuleNotFoundError('gone', name={package!r})\n")
    monkeypatch.setenv("PYTHONPATH", str(shadow))
    with pytest.raises(MissingToolError, match=f"needs the Python package {package}") as error:
        Sandbox.attach_or_start(data)
    assert "ecrwiz[sandbox]" in error.value.hint
    assert eventually(lambda: processes_of(data) == [])


def test_a_crash_at_the_start_shows_why(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    (shadow / "moto.py").write_text("raise RuntimeError('a broken package')\n")
    monkeypatch.setenv("PYTHONPATH", str(shadow))
    with pytest.raises(EcrwizError, match="a broken package"):
        Sandbox.attach_or_start(data)
    assert eventually(lambda: processes_of(data) == [])


def test_the_environment_points_everything_at_the_sandbox(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_ECR", "https://elsewhere")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "intra.net")
    variables = box.environment()
    assert variables["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert variables["GITHUB_API_URL"].startswith("http://127.0.0.1:")
    assert variables["NO_PROXY"] == variables["no_proxy"] == "intra.net,127.0.0.1,localhost"
    for name in ("ECRWIZ_STATE_DIR", "ECRWIZ_TERRAFORM_STATE", "TF_DATA_DIR", "AWS_CONFIG_FILE"):
        assert Path(variables[name]).is_relative_to(box.data_dir)
    asked_for = {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_DEFAULT_PROFILE",
        "GITHUB_TOKEN",
        "GH_ENTERPRISE_TOKEN",
        "AWS_ENDPOINT_URL_ECR",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    }
    assert asked_for <= set(box.remove)
    assert not set(box.remove) & (variables.keys() - {"PYTHON_KEYRING_BACKEND"})


def test_boto3_and_the_person_s_own_settings(box: Sandbox) -> None:
    """A person with keys, a profile and endpoints of their own reaches the sandbox all the same."""
    program = (
        "import boto3, json; c = boto3.client('sts'); print(json.dumps([c.meta.endpoint_url, c.meta.region_name,"
        " c.get_caller_identity()['Arn']]))"
    )
    own = {
        "AWS_ACCESS_KEY_ID": "AKIAOWN",
        "AWS_SECRET_ACCESS_KEY": "own",
        "AWS_SESSION_TOKEN": "own",
        "AWS_DEFAULT_PROFILE": "work",
        "AWS_PROFILE": "work",
        "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    }
    environment = {**os.environ, **own}
    for name in (*box.remove, "AWS_ENDPOINT_URL_STS"):
        environment.pop(name, None)
    said = subprocess.check_output([sys.executable, "-c", program], env={**environment, **box.environment()})
    assert json.loads(said) == [box.info.aws, "us-east-1", "arn:aws:iam::123456789012:user/sandbox-operator"]


def test_importing_the_sandbox_is_cheap() -> None:
    program = "import sys; from ecrwiz.sandbox import Sandbox; print(*sorted(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    loaded = subprocess.check_output([sys.executable, "-c", program], env=environment, text=True).split()
    heavy = {"moto", "boto3", "botocore", "flask", "werkzeug", "aiohttp", "openapi_core", "nacl", "asyncio"}
    assert not heavy & set(loaded)


def test_the_command_line(data: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "ecrwiz.sandbox", *arguments, "--data", str(data)]
        return subprocess.run(
            argv, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
        )

    assert run("status").returncode == 1
    assert run("stop").stdout == f"No sandbox runs in {data}.\n"
    process, pid = start_elsewhere(data, "keep")
    finish(process)
    shown = run("status")
    assert shown.returncode == 0
    assert f"(process {pid}, kept until it is stopped)" in shown.stdout
    assert run("stop").stdout == f"The sandbox in {data} is gone.\n"
    assert not data.exists()
