"""The GitHub service: what it sends, what it makes of every kind of answer, which remotes and tokens it takes.

Answers here are made up; test_github_real.py talks to the stand-in that checks them against GitHub's description.
"""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
import time
import traceback
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.public import PrivateKey, SealedBox

from ecrwiz import __version__
from ecrwiz.model.errors import BadInputError, EcrwizError, MissingToolError, RemoteError, ToolFailedError
from ecrwiz.model.redact import Secret
from ecrwiz.services import github, process
from ecrwiz.services.github import GitHub, connection, entries

API = "https://api.github.com"
TOKEN = Secret("ghp_ThisIsTheTokenOfTheTests0123456789")
REPO = "octo/app"
Handler = Callable[[httpx.Request], httpx.Response]


def hub(handler: Handler, api: str = API) -> GitHub:
    return GitHub(api, TOKEN, transport=httpx.MockTransport(handler))


def always(status: int, body: Any = None, **headers: str) -> Handler:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: httpx.Response(status, json=body, headers=named)


class Script:
    """Answers in turn and remembers what was asked; the last answer repeats."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def lines(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.asked]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_PAUSES", (0.0, 0.0))


async def refused(handler: Handler, call: Callable[[GitHub], Any]) -> EcrwizError:
    async with hub(handler) as hubbed:
        with pytest.raises(EcrwizError) as caught:
            await call(hubbed)
    shown = "".join(traceback.format_exception(caught.value))
    assert TOKEN.reveal() not in shown
    return caught.value


# --- what is sent and read -------------------------------------------------------------------------------


async def test_headers_and_repository() -> None:
    body = {"full_name": "octo/app", "private": True, "archived": False, "permissions": {"push": True}}
    script = Script(httpx.Response(200, json=body))
    async with hub(script) as hubbed:
        assert await hubbed.repository(REPO) == github.Repository("octo/app", True, False, True, False)
    sent = script.asked[0]
    assert str(sent.url) == "https://api.github.com/repos/octo/app"
    assert sent.headers["authorization"] == f"Bearer {TOKEN.reveal()}"
    assert sent.headers["x-github-api-version"] == "2022-11-28"
    assert sent.headers["user-agent"] == f"ecrwiz/{__version__}"
    assert sent.headers["accept"] == "application/vnd.github+json"


async def test_enterprise_server_paths() -> None:
    script = Script(httpx.Response(204))
    async with hub(script, "https://git.example.com/api/v3/") as hubbed:
        assert await hubbed.delete_secret(REPO, "NAME") is True
    assert str(script.asked[0].url) == "https://git.example.com/api/v3/repos/octo/app/actions/secrets/NAME"


async def test_public_key_is_fetched_once_and_boxes_open() -> None:
    private = PrivateKey.generate()
    key = base64.b64encode(bytes(private.public_key)).decode()
    opened: dict[str, str] = {}
    fetched = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/public-key"):
            fetched.append(request)
            return httpx.Response(200, json={"key_id": "77", "key": key})
        body = json.loads(request.content)
        assert body["key_id"] == "77"
        name = request.url.path.rpartition("/")[2]
        opened[name] = SealedBox(private).decrypt(base64.b64decode(body["encrypted_value"])).decode()
        return httpx.Response(201, json={})

    async with hub(answer) as hubbed:
        await asyncio.gather(*(hubbed.put_secret(REPO, f"S{n}", Secret(f"välue {n}")) for n in range(5)))
    assert opened == {f"S{n}": f"välue {n}" for n in range(5)}
    assert len(fetched) == 1


@given(st.text())
def test_seal_and_unseal(text: str) -> None:
    private = PrivateKey.generate()
    sealed = entries._seal(base64.b64encode(bytes(private.public_key)).decode(), Secret(text))
    assert SealedBox(private).decrypt(base64.b64decode(sealed, validate=True)) == text.encode()
    assert len(text) < 8 or text not in sealed


@pytest.mark.parametrize("key", ["", "AAAA", "not base64!", "é"])
async def test_public_key_that_is_none(key: str) -> None:
    error = await refused(
        always(200, {"key_id": "1", "key": key}), lambda hubbed: hubbed.put_secret(REPO, "N", Secret("x"))
    )
    assert "not GitHub's API" in error.message


async def test_variable_that_exists_is_patched_only() -> None:
    script = Script(httpx.Response(204))
    async with hub(script) as hubbed:
        await hubbed.put_variable(REPO, "AWS_REGION", "eu-central-1")
    assert script.lines == ["PATCH /repos/octo/app/actions/variables/AWS_REGION"]
    assert json.loads(script.asked[0].content) == {"name": "AWS_REGION", "value": "eu-central-1"}


async def test_variable_that_is_new_is_posted() -> None:
    script = Script(httpx.Response(404, json={"message": "Not Found"}), httpx.Response(201))
    async with hub(script) as hubbed:
        await hubbed.put_variable(REPO, "AWS_REGION", "eu-central-1")
    assert script.lines[1] == "POST /repos/octo/app/actions/variables"


async def test_variable_that_appears_between_the_two_calls() -> None:
    script = Script(httpx.Response(404), httpx.Response(409), httpx.Response(204))
    async with hub(script) as hubbed:
        await hubbed.put_variable(REPO, "V", "x")
    assert [request.method for request in script.asked] == ["PATCH", "POST", "PATCH"]


async def test_variable_that_may_not_be_written() -> None:
    error = await refused(always(404, {"message": "Not Found"}), lambda h: h.put_variable(REPO, "V", "x"))
    assert "Variables: write" in error.hint


async def test_deleting_what_is_gone() -> None:
    async with hub(always(404, {"message": "Not Found"})) as hubbed:
        assert await hubbed.delete_secret(REPO, "NAME") is False
        assert await hubbed.delete_variable(REPO, "NAME") is False


@pytest.mark.parametrize(("count", "pages"), [(0, 1), (1, 1), (30, 1), (31, 2), (95, 4)])
async def test_pagination(count: int, pages: int) -> None:
    everything = [{"name": f"V{number}", "value": str(number)} for number in range(count)]
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        page, size = (int(request.url.params[name]) for name in ("page", "per_page"))
        asked.append(page)
        shown = everything[(page - 1) * size : page * size]
        return httpx.Response(200, json={"total_count": count, "variables": shown})

    async with hub(answer) as hubbed:
        assert await hubbed.list_variables(REPO) == {entry["name"]: entry["value"] for entry in everything}
    assert asked == list(range(1, pages + 1))


async def test_total_count_that_is_wrong_ends_the_listing() -> None:
    script = Script(
        httpx.Response(200, json={"total_count": 500, "secrets": [{"name": "A"}]}),
        httpx.Response(200, json={"total_count": 500, "secrets": []}),
    )
    async with hub(script) as hubbed:
        assert await hubbed.list_secrets(REPO) == ("A",)


# --- refusals --------------------------------------------------------------------------------------------

TIRED = str(int(time.time()) + 1800)


@pytest.mark.parametrize(
    ("handler", "message", "hint"),
    [
        (always(401, {"message": "Bad credentials"}), "does not accept the token (401 Bad credentials)", "expired"),
        (
            always(403, {"message": "x"}, x_github_sso="required; url=https://github.com/orgs/o/sso?a=1"),
            "single sign-on",
            "https://github.com/orgs/o/sso?a=1",
        ),
        (always(403, {"message": "x"}, x_github_sso="required"), "single sign-on", "Authorise it on GitHub"),
        (always(403, {"message": "Repository was archived so is read-only."}), "read-only", "unarchive it"),
        (always(403, {"message": "Resource not accessible by integration"}), "integration", "GH_TOKEN"),
        (
            always(403, {"message": "Resource not accessible by personal access token"}),
            "this token may not (403 Resource",
            "“Secrets: write”",
        ),
        (always(404, {"message": "Not Found"}), "does not exist, or this token may not", "scope `repo`"),
        (always(429, {"message": "slow down"}, retry_after="900"), "too many requests", "Try again after"),
        (
            always(403, {"message": "limit"}, x_ratelimit_remaining="0", x_ratelimit_reset=TIRED),
            "too many requests",
            "Try again after",
        ),
        (always(503, None), "503 Service Unavailable", "githubstatus.com"),
        (always(422, {"message": "Bad\n request\x1b[31m"}), "(422 Bad request)", "Correct"),
        (always(418, ["no", "object"]), "418", "Correct"),
        (always(301, {"message": "Moved"}, location="https://evil.example/x"), "301 Moved", ""),
    ],
)
async def test_refusals(handler: Handler, message: str, hint: str) -> None:
    error = await refused(handler, lambda hubbed: hubbed.put_secret(REPO, "NAME", Secret("x")))
    assert isinstance(error, RemoteError)
    assert message in error.message
    assert error.message.startswith("GitHub did not read the secrets' public key of octo/app")
    assert hint in error.hint
    assert error.code.isdecimal()
    assert "\x1b" not in str(error)
    assert "\n" not in str(error)


async def test_permission_named_is_that_of_the_call() -> None:
    for call, permission in [
        (lambda h: h.list_secrets(REPO), "Secrets: read"),
        (lambda h: h.list_variables(REPO), "Variables: read"),
        (lambda h: h.put_variable(REPO, "V", "x"), "Variables: write"),
        (lambda h: h.delete_secret(REPO, "S"), "Secrets: write"),
        (lambda h: h.delete_variable(REPO, "V"), "Variables: write"),
        (lambda h: h.repository(REPO), "Metadata: read"),
    ]:
        assert permission in (await refused(always(403, {"message": "no"}), call)).hint


# The answer's headers, status -> what the hint names. GitHub tells the kinds of token apart by their headers.
KINDS = [
    ({}, 403, "A fine-grained token needs this repository and the permission “Environments: write”; a classic"),
    ({"X-OAuth-Scopes": "gist, read:org"}, 404, "lacks the scope `repo` (it has: gist, read:org)"),
    ({"X-OAuth-Scopes": ""}, 403, "lacks the scope `repo` (it has: none)"),
    ({"X-OAuth-Scopes": "repo, gist"}, 403, "your own role there, which must be Write or more"),
    ({"X-Accepted-GitHub-Permissions": "environments=write"}, 403, "permission “Environments: write”: edit it"),
    ({"X-Accepted-GitHub-Permissions": "actions_variables=write"}, 403, "permission “Variables: write”"),
    ({"X-Accepted-GitHub-Permissions": "secrets=write,metadata=read"}, 403, "“Secrets: write” and “Metadata: read”"),
    (
        {"X-Accepted-GitHub-Permissions": "administration=read; organization_secrets=read"},
        403,
        "“Administration: read”",
    ),
    ({"X-Accepted-GitHub-Permissions": "\x1b[31m[/b]"}, 403, "permission “Environments: write”"),
    ({"X-GitHub-Enterprise-Version": "3.4.2"}, 404, "GitHub Enterprise Server 3.4.2 may be too old"),
]


@pytest.mark.parametrize(("headers", "status", "hint"), KINDS)
async def test_the_permission_is_named_for_the_kind_of_token(headers: dict[str, str], status: int, hint: str) -> None:
    answer = httpx.Response(status, json={"message": "no"}, headers=headers)
    error = await refused(Script(answer), lambda hubbed: hubbed.put_variable(REPO, "V", "x", "prod"))
    assert hint in error.hint
    assert "\x1b" not in str(error)


async def test_what_an_environment_holds_has_a_permission_and_a_path_of_its_own() -> None:
    script = Script(httpx.Response(403))
    for call in (
        lambda h: h.secrets(REPO, "prod/eu west"),
        lambda h: h.variables(REPO, "prod/eu west"),
        lambda h: h.delete_secret(REPO, "S", "prod/eu west"),
        lambda h: h.put_secret(REPO, "S", Secret("x"), "prod/eu west"),
    ):
        error = await refused(script, call)
        assert "Environments: " in error.hint
        assert "the environment prod/eu west of octo/app" in error.message
    for request in script.asked:
        assert request.url.raw_path.startswith(b"/repos/octo/app/environments/prod%2Feu%20west/")


async def test_faults_of_a_422_are_told() -> None:
    body = {"message": "Validation Failed.", "errors": [{"field": "name", "code": "custom"}, "odd\x1b[31m", 7, {}]}
    error = await refused(always(422, body), lambda hubbed: hubbed.secrets(REPO))
    assert "(422 Validation Failed; name custom; odd)" in error.message


async def test_a_secondary_limit_that_names_no_time_is_a_minute() -> None:
    error = await refused(
        always(403, {"message": "You have exceeded a secondary rate limit."}), lambda h: h.secrets(REPO)
    )
    assert "too many requests at once" in error.message
    assert "Try again after" in error.hint


async def test_an_answer_without_end_is_not_read() -> None:
    class Endless(httpx.AsyncByteStream):
        sent = 0

        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                self.sent += 1
                yield b" " * 65536

    stream = Endless()
    error = await refused(Script(httpx.Response(200, stream=stream)), lambda hubbed: hubbed.repository(REPO))
    assert "not GitHub's API" in error.message
    assert stream.sent < 200


@pytest.mark.parametrize("name", ["../../user", "octo/app/x", "octo/[/b]", "octo/..", ""])
async def test_a_repository_s_new_name_is_a_name(name: str) -> None:
    body = {"full_name": name, "private": False}
    assert isinstance(await refused(always(200, body), lambda hubbed: hubbed.repository(REPO)), EcrwizError)


async def test_environments_are_read_with_their_rules() -> None:
    rules = [{"type": "wait_timer", "wait_timer": 5}, {"type": "required_reviewers"}, {"type": "branch_policy"}]
    body = {"name": "Prod", "protection_rules": rules, "deployment_branch_policy": {"protected_branches": True}}
    async with hub(always(200, body)) as hubbed:
        assert await hubbed.environment(REPO, "prod") == github.Environment(
            "Prod", ("a wait of 5 minutes", "a review by one of its required reviewers", "a protected branch")
        )
    async with hub(always(404)) as hubbed:
        assert await hubbed.environment(REPO, "prod") is None


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>Please log in"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"private": True}),
        httpx.Response(200, json={"full_name": 7, "private": True}),
    ],
)
async def test_success_that_is_not_github_s(answer: httpx.Response) -> None:
    error = await refused(Script(answer), lambda hubbed: hubbed.repository(REPO))
    assert "not GitHub's API" in error.message
    assert "GITHUB_API_URL" in error.hint


# --- trying again ----------------------------------------------------------------------------------------

GOOD = httpx.Response(200, json={"full_name": "octo/app", "private": False})


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.Response(502),
        httpx.Response(503, headers={"Retry-After": "0"}),
        httpx.Response(403, headers={"Retry-After": "0"}, json={"message": "secondary rate limit"}),
        httpx.Response(429, headers={"Retry-After": "0"}),
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
    ],
)
async def test_trouble_that_passes(trouble: httpx.Response | Exception) -> None:
    script = Script(trouble, trouble, GOOD)
    async with hub(script) as hubbed:
        assert (await hubbed.repository(REPO)).full_name == "octo/app"
    assert len(script.asked) == 3


@pytest.mark.parametrize(
    ("trouble", "attempts"),
    [
        (httpx.Response(502), 3),
        (httpx.ConnectError("refused"), 3),
        (httpx.ReadTimeout("no answer"), 1),  # it may have been done: not asked twice
        (httpx.Response(500), 1),
        (httpx.Response(429, headers={"Retry-After": "31"}), 1),
        (httpx.Response(403), 1),
    ],
)
async def test_trouble_that_stays(trouble: httpx.Response | Exception, attempts: int) -> None:
    script = Script(trouble)
    error = await refused(script, lambda hubbed: hubbed.repository(REPO))
    assert len(script.asked) == attempts
    if isinstance(trouble, Exception):
        assert isinstance(error, MissingToolError)
        assert f"cannot be reached at {API}" in error.message


async def test_certificate_that_is_not_trusted() -> None:
    script = Script(httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"))
    error = await refused(script, lambda hubbed: hubbed.repository(REPO))
    assert "not trusted" in error.message
    assert "SSL_CERT_FILE" in error.hint
    assert len(script.asked) == 1


# --- where the token goes --------------------------------------------------------------------------------


async def test_renamed_repository_is_followed_with_the_same_method() -> None:
    moved = httpx.Response(307, headers={"Location": f"{API}/repositories/12/actions/variables/V"})
    script = Script(moved, httpx.Response(204))
    async with hub(script) as hubbed:
        await hubbed.put_variable(REPO, "V", "x")
    assert script.lines[1] == "PATCH /repositories/12/actions/variables/V"
    assert script.asked[1].content == script.asked[0].content


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/x", "http://api.github.com/x", "https://api.github.com:8443/x", "//evil.example/x"],
)
async def test_token_does_not_follow_to_another_origin(target: str) -> None:
    script = Script(httpx.Response(302, headers={"Location": target}))
    await refused(script, lambda hubbed: hubbed.repository(REPO))
    assert len(script.asked) == 1


async def test_circle_of_redirections_ends() -> None:
    script = Script(httpx.Response(302, headers={"Location": f"{API}/again"}))
    await refused(script, lambda hubbed: hubbed.repository(REPO))
    assert len(script.asked) == 3


@pytest.mark.parametrize("api", ["http://api.github.com", "ftp://x", "api.github.com", "", "http://localhost.evil"])
def test_token_is_not_sent_in_clear(api: str) -> None:
    with pytest.raises(BadInputError, match="over https:// only"):
        GitHub(api, TOKEN)


@pytest.mark.parametrize("text", ["", "two words", "ghp_x\nX-Evil: 1", "tökén", "x\x00"])
def test_text_that_is_no_token(text: str) -> None:
    with pytest.raises(BadInputError, match="has a blank or a character") as caught:
        GitHub(API, Secret(text))
    assert len(text) < 3 or text not in str(caught.value)


async def test_loopback_goes_past_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # the discard port: nothing answers
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with GitHub(f"http://127.0.0.1:{port}", TOKEN) as hubbed:
            assert await hubbed.delete_secret(REPO, "NAME") is True


# --- input -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "octo", "octo/", "/app", "../app", "octo/..", "./x", "a/b/c", "o/a?x", "o/a b"])
async def test_text_that_is_no_repository(name: str) -> None:
    error = await refused(always(500), lambda hubbed: hubbed.repository(name))
    assert isinstance(error, BadInputError)
    assert "octocat/hello" in error.message


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "GITHUB_X", "github_x", "../x", "Ä"])
async def test_names_that_github_would_not_take(name: str) -> None:
    for call in (
        lambda h: h.put_secret(REPO, name, Secret("x")),
        lambda h: h.put_variable(REPO, name, "x"),
        lambda h: h.delete_secret(REPO, name),
        lambda h: h.delete_variable(REPO, name),
    ):
        assert isinstance(await refused(always(500), call), BadInputError)


async def test_value_that_is_too_large() -> None:
    error = await refused(always(500), lambda h: h.put_secret(REPO, "N", Secret("x" * 49153)))
    assert "48 KB" in error.message
    assert "xxx" not in error.message


# --- remotes ---------------------------------------------------------------------------------------------

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,30}", fullmatch=True).filter(lambda name: not name.endswith(".git"))
HOSTS = st.sampled_from(["github.com", "acme.ghe.com", "git.example.com", "ghe.corp"])


@given(
    HOSTS, NAMES, NAMES, st.sampled_from(["", ".git"]), st.sampled_from(["", "/"]), st.sampled_from(["", "u@", "u:p@"])
)
def test_remotes_in_every_form(host: str, owner: str, name: str, ending: str, slash: str, user: str) -> None:
    path = f"{owner}/{name}{ending}{slash}"
    for url in (
        f"https://{user}{host}/{path}",
        f"https://{user}{host.upper()}:443/{path}",
        f"ssh://git@{host}/{path}",
        f"ssh://git@{host}:2222/{path}",
        f"git+ssh://git@{host}/{path}",
        f"git://{host}/{path}",
        f"git@{host}:{path}",
        f"git@{host}:/{path}",
        f"{host}:{path}",
        f"  https://{host}/{path}\n",
    ):
        assert github.parse_remote(url) == (host, owner, name), url
    assert github.parse_remote(f"https://{host}:8443/{path}") == (f"{host}:8443", owner, name)


@given(st.one_of(st.text(), st.from_regex(r"(https|ssh)://\S*", fullmatch=True), st.from_regex(r"\S*@\S*:\S*")))
def test_parsing_never_fails_and_never_gives_more_than_a_name(url: str) -> None:
    found = github.parse_remote(url)
    if found is not None:
        host, owner, name = found
        assert "/" not in host + owner + name
        assert not {owner, name} & {"", ".", ".."}
        assert host.isascii()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("git@github.com-work:octo/app.git", ("github.com", "octo", "app")),
        ("ssh://git@ssh.github.com:443/octo/app.git", ("github.com", "octo", "app")),
        ("https://www.github.com/octo/app", ("github.com", "octo", "app")),
        ("https://x-access-token:ghp_x@github.com/octo/app.git", ("github.com", "octo", "app")),
        ("https://github.com/octo/octo.github.io", ("github.com", "octo", "octo.github.io")),
        ("http://git.example.com/octo/app", ("git.example.com", "octo", "app")),
    ],
)
def test_remotes_that_are_github(url: str, expected: tuple[str, str, str]) -> None:
    assert github.parse_remote(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "git@gitlab.com:octo/app.git",
        "https://gitlab.example.com/octo/app.git",
        "git@bitbucket.org:octo/app.git",
        "https://octo@dev.azure.com/octo/app/_git/app",
        "https://acme.visualstudio.com/octo/app",
        "https://git-codecommit.eu-central-1.amazonaws.com/v1/repos/app",
        "codecommit::eu-central-1://app",
        "https://git-codecommit.cn-north-1.amazonaws.com.cn/v1/app",
        "https://codeberg.org/octo/app",
        "https://gist.github.com/octo/0123456789abcdef",
        "https://huggingface.co/octo/app",
        "/srv/git/app.git",
        "../app",
        "file:///srv/octo/app",
        "C:/src/app",
        "C:\\src\\app",
        "https://github.com/octo",
        "https://github.com/octo/app/tree/main",
        "https://github.com/octo/..",
        "https://github.com/../app",
        "https://github.com/octo/.git",
        "https://github.com/octo/app?x=1",
        "ext::sh -c evil% >&2",
        "",
    ],
)
def test_remotes_that_are_not_github(url: str) -> None:
    assert github.parse_remote(url) is None


@pytest.mark.parametrize(
    ("host", "api"),
    [
        ("github.com", "https://api.github.com"),
        ("acme.ghe.com", "https://api.acme.ghe.com"),
        ("git.example.com", "https://git.example.com/api/v3"),
        ("git.example.com:8443", "https://git.example.com:8443/api/v3"),
    ],
)
def test_api_urls_and_back(host: str, api: str) -> None:
    assert github.api_url_for(host) == api
    assert github.token_entry(api) == f"github/{host}"
    assert github.token_entry(f"{api}/") == f"github/{host}"


# --- tokens ----------------------------------------------------------------------------------------------


async def nothing(entry: str) -> Secret | None:
    return None


@pytest.fixture
def no_gh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


SERVER = "https://git.example.com/api/v3"
BOTH = {"GH_TOKEN": "one", "GITHUB_TOKEN": "two", "GH_ENTERPRISE_TOKEN": "three"}


@pytest.mark.parametrize(
    ("environ", "api", "expected"),
    [
        (BOTH, API, ("one", "GH_TOKEN")),
        ({"GITHUB_TOKEN": " two\n"}, API, ("two", "GITHUB_TOKEN")),
        ({"GH_TOKEN": " ", "GITHUB_TOKEN": "two"}, API, ("two", "GITHUB_TOKEN")),
        ({"GH_ENTERPRISE_TOKEN": "three"}, API, None),
        (BOTH, "https://api.acme.ghe.com", ("one", "GH_TOKEN")),
        (BOTH, SERVER, None),
        ({**BOTH, "GH_HOST": "git.example.com"}, SERVER, ("three", "GH_ENTERPRISE_TOKEN")),
        ({**BOTH, "GH_HOST": "git.example.com"}, "https://evil.example/api/v3", None),
        ({"GITHUB_ENTERPRISE_TOKEN": "four", "GITHUB_API_URL": SERVER}, SERVER, ("four", "GITHUB_ENTERPRISE_TOKEN")),
        ({"GH_TOKEN": "one"}, SERVER, None),  # the remote alone names that host
        ({"GH_TOKEN": "one", "GITHUB_API_URL": f"{SERVER}/"}, SERVER, ("one", "GH_TOKEN")),
        ({"GH_TOKEN": "one", "GITHUB_API_URL": "https://other/api/v3"}, SERVER, None),
        ({"GH_TOKEN": "one"}, "https://evilghe.com/api/v3", None),
        ({"GITHUB_TOKEN": "two", "CODESPACES": "true"}, API, ("two", "GITHUB_TOKEN of this Codespace")),
        ({"GH_TOKEN": "one", "GITHUB_TOKEN": "two", "CODESPACES": "true"}, API, ("one", "GH_TOKEN")),
        ({}, API, None),
    ],
)
@pytest.mark.usefixtures("no_gh")
async def test_token_from_the_environment(
    environ: dict[str, str], api: str, expected: tuple[str, str] | None, tmp_path: Path
) -> None:
    found = await github.find_token(environ, api, nothing, tmp_path)
    assert (found and (found[0].reveal(), found[1])) == expected


@pytest.mark.usefixtures("no_gh")
async def test_a_host_that_the_person_chose_gets_the_enterprise_token(tmp_path: Path) -> None:
    found = await github.find_token(BOTH, SERVER, nothing, tmp_path, chosen=True)
    assert found is not None
    assert found[1] == "GH_ENTERPRISE_TOKEN"


@pytest.fixture
def gh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Path]:
    """Put a `gh` of our own in front; gives the file that it writes its arguments and environment to."""
    log = tmp_path / "gh.log"

    def install(body: str) -> Path:
        program = tmp_path / "bin" / "gh"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\n{{ echo "$@"; env; }} >"{log}"\n{body}\n', encoding="utf-8")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
        return log

    return install


async def test_token_of_gh(gh: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = gh("echo gho_fromgh")
    monkeypatch.setenv("GH_ENTERPRISE_TOKEN", "not-for-gh")
    found = await github.find_token({}, "https://api.acme.ghe.com", nothing, tmp_path)
    assert found is not None
    assert (found[0].reveal(), found[1]) == ("gho_fromgh", "gh auth token")
    lines = log.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "auth token --hostname acme.ghe.com"
    assert "GH_PROMPT_DISABLED=1" in lines
    assert not [line for line in lines if "not-for-gh" in line]


@pytest.mark.parametrize("body", ["echo 'no oauth token' >&2; exit 1", "exit 0", "echo half; exit 1"])
async def test_gh_without_a_token(gh: Callable[[str], Path], tmp_path: Path, body: str) -> None:
    gh(body)
    assert await github.find_token({}, API, nothing, tmp_path) is None


async def test_gh_that_hangs(gh: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gh("sleep 60")
    real = process.capture

    async def hurried(*args: Any, timeout: float, **named: Any) -> process.Captured:  # noqa: ASYNC109
        assert timeout <= 15
        return await real(*args, timeout=0.3, **named)

    monkeypatch.setattr(process, "capture", hurried)
    began = time.monotonic()
    assert await github.find_token({}, API, nothing, tmp_path) is None
    assert time.monotonic() - began < 10


@pytest.mark.usefixtures("no_gh")
async def test_token_of_the_keyring(tmp_path: Path) -> None:
    async def kept(entry: str) -> Secret | None:
        return Secret(f"token of {entry}")

    found = await github.find_token({}, API, kept, tmp_path)
    assert found is not None
    assert (found[0].reveal(), found[1]) == ("token of github/github.com", "keyring")


@pytest.mark.usefixtures("no_gh")
async def test_a_kept_token_comes_before_the_codespace_s_own(tmp_path: Path) -> None:
    async def kept(entry: str) -> Secret | None:
        return Secret("kept")

    found = await github.find_token({"GITHUB_TOKEN": "two", "CODESPACES": "true"}, API, kept, tmp_path)
    assert found is not None
    assert (found[0].reveal(), found[1]) == ("kept", "keyring")


@pytest.mark.parametrize("error", [MissingToolError("none"), ToolFailedError("locked")])
@pytest.mark.usefixtures("no_gh")
async def test_no_keyring_is_no_token(error: EcrwizError, tmp_path: Path) -> None:
    async def broken(entry: str) -> Secret | None:
        raise error

    assert await github.find_token({}, API, broken, tmp_path) is None


def test_importing_the_service_does_not_import_the_http_client() -> None:
    code = "import sys, ecrwiz.services.github; print([m for m in ('httpx', 'nacl') if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == "[]"
