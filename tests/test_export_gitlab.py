"""The CI key in GitLab's CI/CD variables: written so that it cannot be seen, read back, and every refusal explained."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from ecrwiz import cli
from ecrwiz.flow import copies
from ecrwiz.flow.export_gitlab import Exported, Target, export, find_target, find_token, token_entry
from ecrwiz.flow.exports import read_key
from ecrwiz.flow.project import Project
from ecrwiz.flow.toolbox import Toolbox
from ecrwiz.model.errors import BadInputError, EcrwizError
from ecrwiz.model.redact import Secret
from ecrwiz.services import gitlab
from ecrwiz.services.gitlab import GitLab, parse_remote
from tests.custody_kit import ACCOUNT, KEY_ID, SECRET, fake_ring, git, open_kept
from tests.gitlab_stand_in import PATH, TOKEN, GitLabStandIn, gitlab_stand_in

WHOLE = {
    "AWS_ACCESS_KEY_ID": KEY_ID,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_ACCOUNT_ID": ACCOUNT,
    "AWS_REGION": "us-east-1",
    "ECR_REGISTRY": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com",
    "ECR_REPOSITORY": "web/blog/nextjs",
}
SECRET_NAME = "AWS_SECRET_ACCESS_KEY"


@pytest.fixture
def there() -> Iterator[GitLabStandIn]:
    with gitlab_stand_in() as running:
        yield running


@pytest.fixture
async def project(next_app: Path) -> Project:
    return await open_kept(next_app)


async def send(
    project: Project,
    there: GitLabStandIn,
    answer: bool | None = None,
    *,
    scope: str = "*",
    protected: bool = True,
    token: str = TOKEN,
) -> tuple[Exported, list[str], list[str]]:
    """Export; what became of it, what was asked and what was said."""
    asked: list[str] = []
    said: list[str] = []

    async def decide(question: str) -> bool | None:
        asked.append(question)
        return answer

    target = Target(there.url, PATH, scope, chosen=True)
    key = await read_key(project)
    done = await export(project, key, target, Secret(token), decide, protected=protected, say=said.append)
    assert SECRET not in "".join(said + asked)
    return done, asked, said


async def test_the_first_time(project: Project, there: GitLabStandIn) -> None:
    there.add("OTHER", "x")
    done, asked, _ = await send(project, there)
    assert done == Exported(tuple(WHOLE), (), (), hidden=True)
    assert asked == []
    assert there.values() == {"OTHER": "x", **WHOLE}
    by_key = {one["key"]: one for one in there.variables}
    assert all(by_key[name]["protected"] and by_key[name]["raw"] for name in WHOLE)
    assert {name for name in WHOLE if by_key[name]["masked"]} == {SECRET_NAME}
    assert {name for name in WHOLE if by_key[name]["hidden"]} == {SECRET_NAME}
    assert SECRET not in "".join(there.asked), "never in an address"
    (noted,) = copies.noted(project.paths)
    assert (noted.kind, noted.place) == ("gitlab", f"{there.url}/{PATH}, environment *")


async def test_again_and_only_what_changed(project: Project, there: GitLabStandIn) -> None:
    await send(project, there)
    there.asked.clear()
    done, asked, _ = await send(project, there)
    assert asked == [], "what ecrwiz put there it replaces without a question"
    assert done.written == ("AWS_ACCESS_KEY_ID", SECRET_NAME)
    assert set(done.same) == set(WHOLE) - set(done.written)
    assert sum("PUT" in line for line in there.asked) == 2
    assert there.values() == WHOLE


async def test_a_gitlab_that_hides_nothing(project: Project, there: GitLabStandIn) -> None:
    there.knows_hidden = False
    done, _, _ = await send(project, there)
    assert done.hidden is False
    assert [one["masked"] for one in there.variables if one["key"] == SECRET_NAME] == [True]


async def test_what_somebody_else_set(project: Project, there: GitLabStandIn) -> None:
    there.add(SECRET_NAME, "theirs")
    there.add("AWS_REGION", "eu-west-1")
    there.add(SECRET_NAME, "production's", "production")
    with pytest.raises(BadInputError, match="did not put it there"):
        await send(project, there, None)
    assert there.values() == {SECRET_NAME: "theirs", "AWS_REGION": "eu-west-1"}, "nothing was written by halves"
    assert copies.noted(project.paths) == ()

    done, asked, _ = await send(project, there, False)
    assert len(asked) == 2
    assert done.kept == ("AWS_ACCESS_KEY_ID", SECRET_NAME, "AWS_REGION"), "an id never stands beside another's secret"
    assert there.values()["AWS_REGION"] == "eu-west-1"
    assert "AWS_ACCESS_KEY_ID" not in there.values()


async def test_replaced_when_agreed_and_only_in_its_environment(project: Project, there: GitLabStandIn) -> None:
    there.add(SECRET_NAME, "all")
    there.add(SECRET_NAME, "theirs", "production")
    await send(project, there, True, scope="production", protected=False)
    assert there.values("production") == WHOLE
    assert there.values() == {SECRET_NAME: "all"}
    assert not any(one["protected"] for one in there.variables)


async def test_many_pages(project: Project, there: GitLabStandIn) -> None:
    there.page = 2
    for number in range(5):
        there.add(f"N{number}", "x")
    there.add("AWS_REGION", "us-east-1", protected=True)
    done, _, _ = await send(project, there)
    assert done.same == ("AWS_REGION",)


REFUSALS: dict[str, tuple[int, object, str]] = {
    "401": (401, {"message": "401 Unauthorized"}, "does not accept the token"),
    "403": (403, {"message": "403 Forbidden"}, "the token lacks the scope `read_api`, or its owner is no Maintainer"),
    "404": (404, {"message": "404 Project Not Found"}, "the token may not see it"),
    "429": (429, {"message": "Retry later"}, "too many requests"),
    "500": (500, {"message": "500 Internal Server Error"}, "failed to see the project"),
    "302": (302, {}, "sends the request elsewhere"),
    "html": (200, b"<html>welcome</html>", "not GitLab's API"),
    "list": (200, [1], "not GitLab's API"),
    "large": (200, b'{"a": "' + b"x" * 3_000_000 + b'"}', "not GitLab's API"),
    "deep": (200, b"[" * 100_000, "not GitLab's API"),
    "escape": (400, {"message": f"\x1b]0;x\x07 [bold]no[/] {TOKEN}"}, "did not see the project"),
}


@pytest.mark.parametrize("kind", REFUSALS)
async def test_refusals_in_plain_words(project: Project, there: GitLabStandIn, kind: str) -> None:
    status, body, words = REFUSALS[kind]
    there.answer = (status, body)
    with pytest.raises(EcrwizError, match=words) as caught:
        await send(project, there)
    assert "\x1b" not in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert copies.noted(project.paths) == ()


async def test_refusals_of_the_stand_in(project: Project, there: GitLabStandIn) -> None:
    with pytest.raises(EcrwizError, match="does not accept the token"):
        await send(project, there, token="glpat-wrong-one-entirely")
    there.scopes = {"read_api"}
    with pytest.raises(EcrwizError, match="scope `api`"):
        await send(project, there)
    there.scopes, there.archived = {"api"}, True
    with pytest.raises(EcrwizError, match="archived"):
        await send(project, there)


async def test_a_validation_error_names_the_reason_and_not_the_value(project: Project, there: GitLabStandIn) -> None:
    async with GitLab(there.url, Secret(TOKEN)) as api:
        with pytest.raises(EcrwizError, match="value is invalid") as caught:
            await api.put(PATH, "X", Secret("with blank in it"), scope="*", protected=True, there=False)
        there.answer = (422, {"message": "value 'with blank in it' is bad"})
        with pytest.raises(EcrwizError) as caught:
            await api.put(PATH, "X", Secret("with blank in it"), scope="*", protected=True, there=False)
    assert "with blank" not in str(caught.value)


async def test_what_gitlab_lost_is_no_success(project: Project, there: GitLabStandIn) -> None:
    there.drop_writes = True
    with pytest.raises(EcrwizError, match="does not have AWS_ACCESS_KEY_ID as it was written"):
        await send(project, there)


async def test_nobody_listens(project: Project) -> None:
    async with GitLab("http://127.0.0.1:9", Secret(TOKEN)) as api:
        with pytest.raises(EcrwizError, match="cannot be reached"):
            await api.project(PATH)


@pytest.mark.parametrize(
    "url", ["http://gitlab.example.com", "ftp://x", "https://", "https://user@host", "https://h?x=1", "gitlab.com"]
)
def test_a_token_travels_over_https_alone(url: str) -> None:
    with pytest.raises(BadInputError):
        GitLab(url, Secret(TOKEN))
    with pytest.raises(BadInputError, match="token"):
        GitLab("https://gitlab.com", Secret("with blank"))


REMOTES = {
    "git@gitlab.com:group/blog.git": ("gitlab.com", "group/blog"),
    "https://gitlab.com/group/sub/blog.git": ("gitlab.com", "group/sub/blog"),
    "https://me:token@gitlab.example.com:8443/a/b/": ("gitlab.example.com:8443", "a/b"),
    "ssh://git@gitlab.example.com:2222/a/b.git": ("gitlab.example.com", "a/b"),
    "https://gitlab.com/justone": None,
    "/srv/git/blog.git": None,
    "https://gitlab.com/a/../b": None,
    "https://gitlab.com/a b/c": None,
}


@pytest.mark.parametrize("url", REMOTES)
def test_remotes(url: str) -> None:
    assert parse_remote(url) == REMOTES[url]


async def test_which_project(next_app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = await open_kept(next_app)
    with pytest.raises(BadInputError, match="No project on GitLab"):
        await find_target(project, "", "", "*")
    git(next_app, "init", "-q")
    git(next_app, "remote", "add", "origin", "git@github.com:octo/blog.git")
    git(next_app, "remote", "add", "lab", "git@gitlab.example.com:a/b.git")
    assert await find_target(project, "", "", "*") == Target("https://gitlab.example.com", "a/b", "*", chosen=False)
    assert await find_target(project, "", "c/d", "prod") == Target("https://gitlab.com", "c/d", "prod")
    assert (await find_target(project, "https://gitlab.example.com/", "", "*")).chosen
    with pytest.raises(BadInputError):
        await find_target(project, "https://other.example", "", "*")
    git(next_app, "remote", "add", "mirror", "git@gitlab.com:a/b.git")
    with pytest.raises(BadInputError, match="several"):
        await find_target(project, "", "", "*")
    for path in ("one", "a//b", "../x", "a/b c", "a/b\nc"):
        with pytest.raises(BadInputError, match="no project"):
            await find_target(project, "", path, "*")
    with pytest.raises(BadInputError, match="scope"):
        await find_target(project, "", "a/b", "x\ny")


async def test_whose_token(next_app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = await open_kept(next_app, environ={"HOME": str(tmp_path), "GITLAB_TOKEN": "glpat-env"})
    com, remote = Target("https://gitlab.com", "a/b"), Target("https://gitlab.evil.example", "a/b")
    found = await find_token(project, com)
    assert found is not None
    assert (found[0].reveal(), found[1]) == ("glpat-env", "GITLAB_TOKEN")
    assert await find_token(project, remote) is None, "never to a host that only a git remote names"
    named = Target("https://gitlab.evil.example", "a/b", chosen=True)
    assert await find_token(project, named) is not None
    await project.tools.keychain.store(token_entry(remote.url), Secret("glpat-kept"))
    found = await find_token(project, remote)
    assert found is not None
    assert (found[0].reveal(), found[1]) == ("glpat-kept", "the keyring")

    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "glab").write_text(
        '#!/bin/sh\n[ "$*" = "config get token --host gitlab.evil.example" ] && echo glpat-cli-1\n'
    )
    (folder / "glab").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    found = await find_token(project, remote)
    assert found is not None
    assert (found[0].reveal(), found[1]) == ("glpat-cli-1", "glab")
    assert await gitlab.glab_token("gitlab.com", tmp_path) is None

    # As the real one does: the environment's token before the one that it keeps for the host.
    monkeypatch.setenv("GITLAB_TOKEN", "glpat-env")
    (folder / "glab").write_text('#!/bin/sh\necho "${GITLAB_TOKEN:-${OAUTH_TOKEN:-glpat-cli-1}}"\n')
    found = await find_token(project, remote)
    assert found is not None
    assert found[0].reveal() == "glpat-cli-1"


# --- the command ------------------------------------------------------------------------------------------------------


async def run(root: Path, *words: str) -> tuple[int, str]:
    arguments = ["-C", str(root), "export", "gitlab", "--set", "project_id=blog", *words]
    done = await asyncio.to_thread(CliRunner().invoke, cli.commands, arguments, standalone_mode=False)
    code = done.return_value if done.exception is None else getattr(done.exception, "exit_code", 99)
    said = done.output + str(done.exception or "")
    assert SECRET not in said
    assert TOKEN not in said
    return code, said


@pytest.mark.usefixtures("project")
async def test_by_command(next_app: Path, there: GitLabStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = fake_ring()
    monkeypatch.setattr(Toolbox, "keychain", property(lambda _: kept))
    where = ("--to", PATH, "--url", there.url)
    code, said = await run(next_app, *where)
    assert (code, "There is no token" in said) == (3, True)
    monkeypatch.setenv("GITLAB_TOKEN", TOKEN)
    there.add("AWS_REGION", "eu-west-1")
    code, said = await run(next_app, *where)
    assert (code, "--existing replace" in said) == (2, True)
    code, said = await run(next_app, *where, "--existing", "replace")
    assert code == 0, said
    assert there.values() == WHOLE
    assert "masked in job logs and hidden" in said
    assert "protected branches" in said
    git(next_app, "init", "-q")
    git(next_app, "remote", "add", "origin", "git@gitlab.example.com:a/b.git")
    code, said = await run(next_app)
    assert code == 2
    assert "named by a git remote alone" in said
