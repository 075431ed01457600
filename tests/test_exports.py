"""The CI key goes to files, profiles, shells and programs; never to a terminal, to Git or over a link."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pexpect
import pytest
from botocore.session import Session
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from ecrwiz import cli
from ecrwiz.flow import copies, export_file, export_profile
from ecrwiz.flow.export_file import env_file, ignore_line, needs_ignoring
from ecrwiz.flow.exports import Key, check_entry, dotenv, process_json, read_key, shell_lines, values
from ecrwiz.flow.project import Project
from ecrwiz.flow.toolbox import Toolbox
from ecrwiz.model.errors import BadInputError, EcrwizError
from ecrwiz.model.redact import Secret
from ecrwiz.services import aws_config, docker, files, keychain
from tests.custody_kit import ACCOUNT, ENTRY, KEY_ID, MADE, SECRET, fake_ring, git, open_kept

PLACE = {
    "AWS_ACCOUNT_ID": ACCOUNT,
    "AWS_REGION": "us-east-1",
    "ECR_REGISTRY": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com",
    "ECR_REPOSITORY": "web/blog/nextjs",
}
WHOLE = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, **PLACE}


def key_of(secret: str) -> Key:
    return Key(KEY_ID, Secret(secret), ENTRY, MADE)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def text_of(path: Path) -> str:
    return path.read_text()


# --- reading the key --------------------------------------------------------------------------------------------------


async def test_the_key_comes_from_the_keyring(next_app: Path) -> None:
    project = await open_kept(next_app)
    key = await read_key(project)
    assert (key.access_key_id, key.secret.reveal(), key.entry) == (KEY_ID, SECRET, ENTRY)
    assert SECRET not in f"{key} {key!r} {values(key)}"
    assert SECRET not in project.tools.redact(f"x {SECRET}"), "from now on it is masked"


async def test_why_there_is_no_key(next_app: Path) -> None:
    with pytest.raises(EcrwizError, match=f"no entry {ENTRY}"):
        await read_key(await open_kept(next_app, None))
    with pytest.raises(BadInputError, match="no secret to export"):
        await read_key(await open_kept(next_app, ci_identity="oidc"))
    project = await open_kept(next_app, ci_identity="both")
    assert (await read_key(project)).access_key_id == KEY_ID
    project.journal.forget(*project.journal._records)
    with pytest.raises(EcrwizError, match="There is no access key yet"):
        await read_key(project)


@pytest.mark.parametrize("entry", ["", "blog", "github/api.github.com", f"{ENTRY}/openpgp", f"{ENTRY}/next", "1/2/3"])
def test_only_entries_of_ci_keys_are_given_out(entry: str) -> None:
    with pytest.raises(BadInputError):
        check_entry(entry)


# --- what other programs read -----------------------------------------------------------------------------------------

text = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)


def said_by(shell: list[str], lines: str) -> dict[str, str]:
    """What a shell has in its environment after these lines."""
    ran = subprocess.run(
        [*shell, f"{lines}\nexec env -0"], env={"PATH": os.environ["PATH"]}, capture_output=True, check=True
    )
    return dict(item.split("=", 1) for item in ran.stdout.decode().split("\0") if "=" in item)


@settings(max_examples=25, deadline=None)
@given(text)
def test_a_shell_reads_what_was_meant(secret: str) -> None:
    found = said_by(["sh", "-c"], "AWS_SESSION_TOKEN=old\n" + shell_lines(key_of(secret)))
    assert found["AWS_SECRET_ACCESS_KEY"] == secret
    assert (found["AWS_ACCESS_KEY_ID"], found["AWS_REGION"]) == (KEY_ID, "us-east-1")
    assert "AWS_SESSION_TOKEN" not in found


def test_fish_lines_are_such_that_nothing_needs_quotes() -> None:
    assert shell_lines(key_of(SECRET), fish=True).splitlines()[1] == f"set -gx AWS_SECRET_ACCESS_KEY {SECRET};"


def test_dotenv_is_read_alike_by_a_shell_and_by_docker() -> None:
    lines = dotenv(key_of(SECRET))
    found = said_by(["sh", "-c"], f"set -a\n{lines}")
    assert {name: found[name] for name in WHOLE} == WHOLE
    # docker's --env-file: what stands behind the first `=`, as it is.
    plain = dict(line.split("=", 1) for line in lines.splitlines() if line and not line.startswith("#"))
    assert plain == WHOLE


@settings(max_examples=50, deadline=None)
@given(text.filter(lambda value: "'" not in value))
def test_dotenv_of_any_secret(secret: str) -> None:
    assert said_by(["sh", "-c"], f"set -a\n{dotenv(key_of(secret))}")["AWS_SECRET_ACCESS_KEY"] == secret


def test_a_secret_that_no_dotenv_file_can_hold_is_refused() -> None:
    with pytest.raises(EcrwizError, match="dotenv"):
        dotenv(key_of("it's\nhere"))


# --- a file -----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def project(next_app: Path) -> Project:
    git(next_app, "init", "-q")
    return await open_kept(next_app)


async def write(project: Project, path: Path, **options: bool) -> tuple[str, ...]:
    return await env_file(project, await read_key(project), path, **options)


async def test_a_file_for_this_user_alone(project: Project) -> None:
    root = project.paths.root
    (root / ".gitignore").write_text(".env*\n")
    (root / ".dockerignore").write_text("**/.env*\n")
    path = root / ".env.ci"
    assert await write(project, path) == ()
    assert mode(path) == 0o600
    assert f"AWS_SECRET_ACCESS_KEY={SECRET}\n" in path.read_text()
    (noted,) = copies.noted(project.paths)
    assert (noted.kind, noted.place, noted.access_key_id) == ("file", str(path), KEY_ID)
    assert SECRET not in (project.paths.state / "copies.json").read_text()
    path.chmod(0o644)
    assert await write(project, path) == ()
    assert mode(path) == 0o600, "one that others could read is not only filled anew"
    assert len(copies.noted(project.paths)) == 1


def cut_off(path: Path, text: str, told: Path) -> Path:
    """Write the file in a process that is killed when all of it is on the disk under another name; that name."""
    child = os.fork()
    if not child:

        def cut(descriptor: int) -> None:
            found = Path(f"/proc/self/fd/{descriptor}").readlink()
            if found.name.startswith("..env.ci."):
                told.write_text(str(found))
                os.kill(os.getpid(), signal.SIGKILL)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", cut)
            export_file._write(path, text)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    return Path(told.read_text())


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_what_a_power_cut_leaves_reaches_neither_git_nor_an_image(
    project: Project, tmp_path: Path, *, elsewhere: bool
) -> None:
    root = tmp_path / "other" if elsewhere else project.paths.root
    root.mkdir(exist_ok=True)
    git(root, "init", "-q")
    (root / ".gitignore").write_text(".env*\n" if elsewhere else ".env*\n.ecrwiz/\n")
    (root / ".dockerignore").write_text("**/.env*\n**/.ecrwiz\n")
    path = root / ".env.ci"
    left = cut_off(path, dotenv(await read_key(project)), tmp_path / "told")
    assert SECRET in text_of(left)
    assert (mode(left), mode(left.parent)) == (0o600, 0o700)
    git(root, "add", "-A")
    assert ".tmp" not in git(root, "ls-files")
    assert not docker.is_sent(root, "Dockerfile", left.relative_to(root).as_posix())
    old, theirs = root / "..env.ci.abcdefabcdef.tmp", root / "..env.ci.mine.tmp"
    for item in (old, theirs):
        item.write_text("x")
    await write(project, path)
    assert [item.exists() for item in (path, left, old, theirs)] == [True, False, False, True]


async def test_no_folder_is_left_beside_a_file_elsewhere(project: Project, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    await write(project, tmp_path / "other/ci.env")
    assert [item.name for item in (tmp_path / "other").iterdir()] == ["ci.env"]


@pytest.mark.parametrize("more", ["MINE=1\n", ""])
async def test_what_was_made_of_the_file_since_is_not_overwritten(project: Project, more: str) -> None:
    path = project.paths.root / ".env.ci"
    (project.paths.root / ".gitignore").write_text("*\n")
    await write(project, path)
    text = path.read_text()
    another = text.replace("ci-blog-dev", "ci-shop-prod").replace(KEY_ID, "AKIAOTHER00000000000")
    theirs = text + more if more else another
    path.write_text(theirs)
    with pytest.raises(BadInputError, match="or it was changed since"):
        await write(project, path)
    assert path.read_text() == theirs
    path.write_text(text.replace(KEY_ID, "AKIABEFORE0000000000"))
    await write(project, path)
    assert path.read_text() == text, "a key of this project's from before is replaced"
    path.write_text(theirs)
    await write(project, path, replace=True)
    assert path.read_text() == text


async def test_git_never_gets_it(project: Project) -> None:
    root, path = project.paths.root, project.paths.root / ".env.ci"
    with pytest.raises(BadInputError, match="does not ignore"):
        await write(project, path)
    assert not path.exists()
    assert await needs_ignoring(path) == "/.env.ci"
    (root / ".gitignore").write_text("node_modules")
    told = await write(project, path, gitignore=True)
    assert told[0] == f"Added the line /.env.ci to {root / '.gitignore'}."
    assert (root / ".gitignore").read_text() == "node_modules\n/.env.ci\n"
    assert await needs_ignoring(path) == ""
    git(root, "add", "-A")
    assert ".env.ci" not in git(root, "ls-files")

    git(root, "add", "-f", ".env.ci")
    with pytest.raises(BadInputError, match="Git tracks"):
        await write(project, path)

    (root / "sub").mkdir()
    (root / "sub/.gitignore").write_text("!.env.ci\n")
    with pytest.raises(BadInputError, match="does not ignore"):
        await write(project, root / "sub/.env.ci")


@pytest.mark.parametrize("name", [".env.ci", "a b", "[x]", "!x", "#x", "st*r", "wh?t", "ba\\ck", "tail "])
async def test_the_line_for_gitignore_means_this_name_alone(project: Project, name: str) -> None:
    path = project.paths.root / name
    await write(project, path, gitignore=True)
    assert path.is_file()
    assert ignore_line(path) in (project.paths.root / ".gitignore").read_text().splitlines()
    other = project.paths.root / "other"
    assert await needs_ignoring(other) == "/other"


async def test_no_link_is_followed_and_no_file_of_theirs_is_lost(project: Project, tmp_path: Path) -> None:
    root = project.paths.root
    (root / ".gitignore").write_text("*\n")
    (tmp_path / "elsewhere").write_text("theirs")
    (root / ".env.ci").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInputError, match="no ordinary file"):
        await write(project, root / ".env.ci", replace=True)
    (root / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(BadInputError, match="no ordinary file"):
        await write(project, root / "dangling")
    os.mkfifo(root / "pipe")
    with pytest.raises(BadInputError, match="no ordinary file"):
        await write(project, root / "pipe")
    (root / "theirs").write_text("A=1")
    with pytest.raises(BadInputError, match="ecrwiz did not make it"):
        await write(project, root / "theirs")
    assert (tmp_path / "elsewhere").read_text() == "theirs"
    assert not (tmp_path / "nowhere").exists()
    await write(project, root / "theirs", replace=True)
    assert SECRET in (root / "theirs").read_text()
    with pytest.raises(BadInputError, match="is no folder"):
        await write(project, root / "missing/.env")
    await write(project, tmp_path / "out.env")  # outside of any repository Git has no say
    assert mode(tmp_path / "out.env") == 0o600


async def test_a_link_that_comes_between_looking_and_writing_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("theirs")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    files.write_atomic(tmp_path / "link", "secret", private=True, follow=False)
    assert (tmp_path / "target").read_text() == "theirs"
    assert not (tmp_path / "link").is_symlink()


async def test_an_image_would_take_it_along(project: Project) -> None:
    root = project.paths.root
    (root / ".gitignore").write_text("*\n")
    assert "COPY . ." in (await write(project, root / "ci.txt"))[0]
    (root / ".dockerignore").write_text("*.txt\n")
    assert await write(project, root / "ci.txt") == ()


# --- a profile --------------------------------------------------------------------------------------------------------

VALUES = {"region": "us-east-1", "credential_process": "/bin/ecrwiz export json"}
CONFIGS = [
    "",
    "[default]\nregion = eu-west-1\n",
    "# mine\n[default]\nregion=eu-west-1\n\n[profile work]\nsso_start_url = https://x\n# tail",
    "[default]\r\nregion = x\r\n",
    "\n\n[profile a]\ns3 =\n  max_queue_size = 1000\n\n\n; the end\n",
    '[sso-session s]\nx = 1\n\n# about b\n[profile "b c"]\ny = 2\n',
]


@pytest.mark.parametrize("before", CONFIGS)
def test_everything_else_in_the_configuration_stays(before: str) -> None:
    after = aws_config.put(before, "ci", ENTRY, VALUES)
    assert after.startswith(before)
    assert aws_config.put(after, "ci", ENTRY, VALUES) == after
    assert aws_config.ours(after) == {"ci": ENTRY}
    gone = aws_config.remove(after, "ci", {ENTRY})
    assert gone.rstrip("\r\n") == before.rstrip("\r\n")
    assert aws_config.remove(gone, "ci", {ENTRY}) == gone
    if "\r\n" in before:
        assert "\n" not in after.replace("\r\n", "")


lines = st.lists(
    st.sampled_from(
        ["[default]", "[profile x]", "[profile y z]", "region = a", "# note", "; note", "", "  nested = 1", "k=v"]
    ),
    max_size=14,
)


@settings(max_examples=300, deadline=None)
@given(before=lines, behind=lines, other=st.sampled_from(["us-east-1", "eu-west-1"]))
def test_a_profile_in_the_middle_changes_alone(before: list[str], behind: list[str], other: str) -> None:
    tail = "\n".join(behind)
    if behind and not behind[0].startswith("["):
        tail = "[profile after]\n" + tail
    middle = aws_config.put("\n".join(before), "ci", ENTRY, VALUES)
    whole = middle + tail
    changed = aws_config.put(whole, "ci", ENTRY, {**VALUES, "region": other})
    assert changed == middle.replace("region = us-east-1\ncredential", f"region = {other}\ncredential") + tail
    gone = aws_config.remove(changed, "ci", {ENTRY})
    assert "credential_process" not in gone
    assert [line for line in gone.split("\n") if line] == [line for line in [*before, *tail.split("\n")] if line]


def test_settings_that_the_person_added_to_ours_stay() -> None:
    text = aws_config.put("", "ci", ENTRY, VALUES).replace("region = us-east-1\n", "region = x\noutput = json\n")
    again = aws_config.put(text, "ci", ENTRY, VALUES)
    assert "output = json\n" in again
    assert "region = x" not in again
    assert aws_config.ours(again) == {"ci": ENTRY}


def test_another_projects_profile_is_neither_written_nor_removed() -> None:
    text = aws_config.put("", "ci", "222222222222/b/prod", VALUES)
    refused = "reads the keyring entry 222222222222/b/prod, which is not this project's"
    with pytest.raises(BadInputError, match=refused):
        aws_config.put(text, "ci", ENTRY, VALUES)
    with pytest.raises(BadInputError, match=refused):
        aws_config.remove(text, "ci", {ENTRY})
    assert aws_config.remove(text, "ci", {ENTRY, "222222222222/b/prod"}) == ""


@pytest.mark.parametrize(
    "text",
    ["[profile ci]\nregion = x\n", '[profile "ci"]\n', "[profile   ci]\n", "[profile ci]\n[profile ci]\n"],
)
def test_a_profile_of_theirs_is_refused(text: str) -> None:
    with pytest.raises(BadInputError):
        aws_config.put(text, "ci", ENTRY, VALUES)
    with pytest.raises(BadInputError):
        aws_config.remove(text, "ci", {ENTRY})


@pytest.mark.parametrize("name", ["default", "", "a b", "x]", "a\nb", "-x", "ä", "x" * 65])
def test_names_that_no_profile_gets(name: str) -> None:
    with pytest.raises(BadInputError):
        aws_config.check_profile_name(name)
    with pytest.raises(BadInputError):
        aws_config.put("", "ci", ENTRY, {"region": "x\ny"})


async def test_botocore_reads_the_profile(next_app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a program in ecrwiz's place that prints what it was asked and what ecrwiz would print."""
    odd = tmp_path / "a folder's $name #1"
    odd.mkdir()
    asked = odd / "ecrwiz"
    body = f"#!/bin/sh\nprintf '%s\\n' \"$@\" > {shlex.quote(str(odd / 'asked'))}\n"
    asked.write_text(body + f"echo {shlex.quote(process_json(KEY_ID, Secret(SECRET)))}\n")
    asked.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(asked)])
    config = tmp_path / "aws-config"
    config.write_text("[default]\nregion = eu-north-1\n")
    config.chmod(0o640)
    project = await open_kept(next_app, environ={**os.environ, "AWS_CONFIG_FILE": str(config)})
    key = await read_key(project)
    assert export_profile.profile(project, key, "ci") == config
    assert SECRET not in config.read_text()
    assert mode(config) == 0o640
    assert config.with_name("aws-config.ecrwiz-backup").read_text() == "[default]\nregion = eu-north-1\n"

    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    session = Session(profile="ci")
    found = session.get_credentials()
    assert (found.access_key, found.secret_key, found.token) == (KEY_ID, SECRET, None)
    assert session.get_config_variable("region") == "us-east-1"
    assert (odd / "asked").read_text().split() == ["export", "json", "--entry", ENTRY]
    assert Session(profile="default").get_config_variable("region") == "eu-north-1"

    assert [copy.place for copy in copies.noted(project.paths)] == ["ci"]
    config.write_text(config.read_text() + "# more\n")
    before = config.read_text()
    export_profile.profile(project, Key("AKIANEW", key.secret, key.entry, replace(MADE, aws_region="eu-west-1")), "ci")
    assert not config.with_name("aws-config.ecrwiz-backup-2").exists(), "credentials in it are not multiplied"
    assert config.with_name("aws-config.ecrwiz-backup").read_text() == before
    assert mode(config.with_name("aws-config.ecrwiz-backup")) == 0o600
    config.write_text(config.read_text().removesuffix("# more\n"))

    shutil.copytree(next_app, tmp_path / "shop", ignore=shutil.ignore_patterns(".ecrwiz"))
    other = await open_kept(tmp_path / "shop", environ=project.tools.environ, project_id="shop")
    with pytest.raises(BadInputError, match="not this project's"):
        export_profile.remove_profile(other, "ci")
    with pytest.raises(BadInputError, match="not this project's"):
        export_profile.profile(other, replace(key, entry=f"{ACCOUNT}/shop/dev"), "ci")
    assert copies.noted(other.paths) == (), "what is refused is not noted"
    assert export_profile.remove_profile(project, "ci") == (config, True)
    assert config.read_text() == "[default]\nregion = eu-north-1\n"
    assert copies.noted(project.paths) == ()
    assert export_profile.remove_profile(project, "ci") == (config, False)


async def test_a_new_configuration_and_one_among_dotfiles(next_app: Path, tmp_path: Path) -> None:
    home = Path(os.environ["HOME"])
    project = await open_kept(next_app)
    key = await read_key(project)
    path = export_profile.profile(project, key, export_profile.profile_name(project))
    assert path == home / ".aws/config"
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert aws_config.ours(path.read_text()) == {"ecrwiz-blog-dev": ENTRY}

    real = tmp_path / "dotfiles"
    real.write_text("# mine\n")
    path.unlink()
    path.symlink_to(real)
    export_profile.profile(project, key, "ci")
    assert path.is_symlink()
    assert real.read_text().startswith("# mine\n")


async def test_a_profile_that_would_not_be_read_is_refused(next_app: Path) -> None:
    folder = Path(os.environ["HOME"]) / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text("[ci]\naws_access_key_id = x\n")
    project = await open_kept(next_app)
    key = await read_key(project)
    with pytest.raises(BadInputError, match="has a profile ci"):
        export_profile.profile(project, key, "ci")
    (folder / "config").write_bytes(b"\xef\xbb\xbf[default]\n")
    with pytest.raises(BadInputError, match="byte order mark"):
        export_profile.profile(project, key, "other")
    assert (folder / "config").read_bytes() == b"\xef\xbb\xbf[default]\n"


def test_one_that_was_fetched_for_one_use_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert export_profile.passing_warning() == ()
    monkeypatch.setattr(sys, "executable", "/home/a/.cache/uv/archive-v0/x1/bin/python")
    assert "may vanish" in export_profile.passing_warning()[0]


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = fake_ring()
    monkeypatch.setattr(Toolbox, "keychain", property(lambda _: kept))
    monkeypatch.setattr(keychain, "Keychain", lambda _: kept)


def run(root: Path, *words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(cli.commands, ["-C", str(root), *words], standalone_mode=False)
    code = done.return_value if done.exception is None else getattr(done.exception, "exit_code", 99)
    return code, done.stdout, done.stderr + str(done.exception or "")


@pytest.mark.usefixtures("ring")
async def test_what_is_printed_is_for_the_program_and_the_rest_for_the_person(next_app: Path) -> None:
    await open_kept(next_app)
    code, out, err = await _thread(run, next_app, "export", "json", "--set", "project_id=blog")
    assert (code, json.loads(out)) == (0, {"Version": 1, "AccessKeyId": KEY_ID, "SecretAccessKey": SECRET})
    assert KEY_ID in err
    assert SECRET not in err
    code, out, err = await _thread(run, next_app, "export", "json", "--entry", ENTRY)
    assert (code, json.loads(out)["SecretAccessKey"], err) == (0, SECRET, "")
    code, out, err = await _thread(run, next_app, "export", "shell", "--set", "project_id=blog")
    assert said_by(["sh", "-c"], out)["AWS_SECRET_ACCESS_KEY"] == SECRET
    assert SECRET not in err


@pytest.mark.usefixtures("ring")
async def test_env_by_command(next_app: Path) -> None:
    git(next_app, "init", "-q")
    await open_kept(next_app)
    words = ("export", "env", "--set", "project_id=blog")
    code, _, err = await _thread(run, next_app, *words)
    assert code == 2
    assert "--gitignore" in err
    code, out, err = await _thread(run, next_app, *words, "--gitignore")
    assert (code, out) == (0, "")
    assert "only you can read it" in err
    assert SECRET not in err
    assert SECRET in (next_app / ".env.ci").read_text()


@pytest.mark.usefixtures("ring")
@pytest.mark.parametrize("what", ["env", "profile", "shell", "json", "gitlab"])
async def test_a_role_has_nothing_to_export(next_app: Path, what: str) -> None:
    await open_kept(next_app)
    code, out, err = await _thread(run, next_app, "export", what, "--set", "ci_identity=oidc")
    assert (code, out) == (2, "")
    assert "no secret to export" in err


@pytest.mark.parametrize("what", ["shell", "json"])
def test_no_terminal_is_given_the_secret(next_app: Path, what: str) -> None:
    child = pexpect.spawn(
        sys.executable, ["-m", "ecrwiz", "-C", str(next_app), "export", what], encoding="utf-8", timeout=60
    )
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 2
    assert "The secret was not printed: standard output is a terminal" in " ".join(child.before.split())


@pytest.mark.parametrize("what", [("shell",), ("json",), ("json", "--entry", ENTRY)])
def test_no_file_is_given_the_secret_by_a_redirection(next_app: Path, tmp_path: Path, what: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "ecrwiz", "-C", str(next_app), "export", *what]
    with (tmp_path / "x").open("w") as file:
        done = subprocess.run(command, stdout=file, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "standard output is a file" in done.stderr
    assert "ecrwiz export env --to FILE" in done.stderr
    piped = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "standard output" not in piped.stderr


async def _thread(work: object, *arguments: object) -> tuple[int, str, str]:
    """Commands begin a loop of their own."""
    return await asyncio.to_thread(work, *arguments)  # type: ignore[arg-type]
