"""AWS's failures in plain words, ECR and IAM over recorded answers; the real protocol is in tests/sandbox."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from ecrwiz.model.errors import EcrwizError, MissingToolError, RemoteError, ToolFailedError
from ecrwiz.services import aws
from ecrwiz.services.aws import Aws
from ecrwiz.services.ecr import Ecr
from ecrwiz.services.iam import Iam


def test_regions_of_every_partition_are_known() -> None:
    known = aws.known_regions()
    assert {"us-east-1", "cn-north-1", "us-gov-west-1", "eusc-de-east-1"} <= known
    assert not [name for name in known if name.endswith("-global")]


def test_the_region_of_the_persons_set_up(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\nregion = eu-west-1\n[profile work]\nregion = eu-north-1\n")
    environ = {"AWS_CONFIG_FILE": str(config)}
    assert aws.configured_region(environ) == ("eu-west-1", "AWS profile default")
    assert aws.configured_region({**environ, "AWS_PROFILE": "work"}) == ("eu-north-1", "AWS profile work")
    assert aws.configured_region({**environ, "AWS_PROFILE": "none"}) is None
    assert aws.configured_region({**environ, "AWS_REGION": "us-west-2"}) == ("us-west-2", "AWS_REGION")
    config.write_bytes(b"\xff\xfe broken")
    assert aws.configured_region(environ) is None


async def test_without_credentials_it_says_how_to_get_some(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingToolError) as caught:
        await Aws("us-east-1").identity()
    assert caught.value.message == "There are no AWS credentials on this machine."
    assert caught.value.exit_code == 3


async def test_a_profile_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(MissingToolError, match="nobody"):
        await Aws("us-east-1").identity()


async def test_aws_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAX")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "verysecretverysecret")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(MissingToolError, match="AWS cannot be reached") as caught:
        await Aws("us-east-1").identity()
    assert "verysecret" not in str(caught.value)


class _Nonsense(BaseHTTPRequestHandler):
    """Answers as a proxy's log-in page does: with success, and in another language than AWS."""

    def do_POST(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html><p>Please log in</html>")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


async def test_an_answer_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    server = HTTPServer(("127.0.0.1", 0), _Nonsense)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAX")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "verysecretverysecret")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    try:
        with pytest.raises(ToolFailedError, match="something that cannot be read") as caught:
            await Aws("us-east-1").identity()
    finally:
        server.shutdown()
        server.server_close()
    assert "AWS_ENDPOINT_URL" in caught.value.hint


async def test_what_must_not_be_done_twice_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Failing(_Nonsense):
        """Has done it, and answers with a failure."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            asked.append(body.partition("Action=")[2].partition("&")[0])
            self.send_response(500)
            self.end_headers()
            self.wfile.write(b"<ErrorResponse><Error><Code>ServiceFailure</Code></Error></ErrorResponse>")

    server = HTTPServer(("127.0.0.1", 0), Failing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAX")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "verysecretverysecret")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    try:
        service = Aws("us-east-1")
        with pytest.raises(RemoteError) as caught:
            await Iam(service.call, service.call_once).create_access_key("ci")
        assert caught.value.code == "ServiceFailure"
        assert asked == ["CreateAccessKey"]
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("code", "said"),
    [("ExpiredToken", "session has expired"), ("InvalidClientTokenId", "does not know this access key")],
)
def test_known_refusals(code: str, said: str) -> None:
    assert said in aws._refused("sts", "get_caller_identity", {"Code": code, "Message": "x"}).message


def test_an_unknown_refusal_keeps_the_words_of_aws() -> None:
    text = "User: arn:x is not authorized to perform: ecr:CreateRepository on resource: *"
    error = aws._refused("ecr", "create_repository", {"Code": "AccessDeniedException", "Message": text})
    assert text in error.message
    assert "profile" in error.hint


class Recorded:
    """Answers calls from a list: (operation, answer or error)."""

    def __init__(self, *answers: tuple[str, Any]) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, object]] = []

    async def __call__(self, service: str, operation: str, /, **parameters: object) -> dict[str, Any]:
        wanted, answer = self.answers.pop(0)
        assert operation == wanted
        self.asked.append(parameters)
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)


def _no(code: str) -> EcrwizError:
    return RemoteError("no", code=code)


async def test_a_token_is_a_user_and_a_secret() -> None:
    token = base64.b64encode(b"AWS:pass:word").decode()
    call = Recorded(("get_authorization_token", {"authorizationData": [{"authorizationToken": token}]}))
    user, password = await Ecr(call).token()
    assert (user, password.reveal()) == ("AWS", "pass:word")
    with pytest.raises(ToolFailedError):
        await Ecr(Recorded(("get_authorization_token", {"authorizationData": []}))).token()


async def test_what_is_not_there_is_none() -> None:
    ecr = Ecr(Recorded(("describe_repositories", _no("RepositoryNotFoundException"))))
    assert await ecr.repository("web/p/app") is None
    assert await Ecr(Recorded(("describe_images", _no("ImageNotFoundException")))).image("r", tag="t") is None
    assert await Ecr(Recorded(("describe_images", _no("RepositoryNotFoundException")))).images("r") == ()
    assert await Iam(Recorded(("list_user_tags", _no("NoSuchEntity")))).user_tags("u") is None
    assert await Iam(Recorded(("list_access_keys", _no("NoSuchEntity")))).access_keys("u") == ()
    await Iam(Recorded(("delete_access_key", _no("NoSuchEntity")))).delete_access_key("u", "k")
    with pytest.raises(RemoteError):
        await Ecr(Recorded(("describe_repositories", _no("AccessDeniedException")))).repository("web/p/app")


async def test_access_keys_have_an_age() -> None:
    made = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    call = Recorded(("list_access_keys", {"AccessKeyMetadata": [{"AccessKeyId": "AKIA1", "CreateDate": made}]}))
    (key,) = await Iam(call).access_keys("u")
    assert (key.id, key.created) == ("AKIA1", made)


async def test_images_are_listed_over_pages_and_deleted_by_the_hundred() -> None:
    def page(number: int) -> dict[str, Any]:
        return {"imageDigest": f"sha256:{number}", "imageTags": ["b", "a"], "imageSizeInBytes": 5}

    call = Recorded(
        ("describe_images", {"imageDetails": [page(1)], "nextToken": "n"}),
        ("describe_images", {"imageDetails": [page(2)]}),
        ("batch_delete_image", {}),
        ("batch_delete_image", {"failures": [{"failureCode": "ImageNotFound"}]}),
        ("batch_delete_image", {"failures": [{"failureCode": "KmsError", "failureReason": "no key"}]}),
    )
    images = await Ecr(call).images("r")
    assert [(image.digest, image.tags) for image in images] == [("sha256:1", ("a", "b")), ("sha256:2", ("a", "b"))]
    await Ecr(call).delete_images("r", [str(number) for number in range(150)])
    assert [len(asked["imageIds"]) for asked in call.asked[2:]] == [100, 50]  # type: ignore[arg-type]
    with pytest.raises(ToolFailedError, match="no key"):
        await Ecr(call).delete_images("r", ["1"])


def test_threads_that_ask_at_once_do_not_stand_in_each_others_way() -> None:
    code = """
import threading
from ecrwiz.services.aws import Aws

start, wrong = threading.Barrier(8), []

def ask(number):
    start.wait()
    try:
        (Aws("us-east-1").find_credentials if number % 2 else Aws("us-east-1").ask_identity)()
    except Exception as error:
        wrong.append(type(error).__name__)

threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(sorted(set(wrong)))
"""
    environ = {"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull,
               "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "PYTHONPATH": str(Path(__file__).parents[1])}  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=True)
    assert done.stdout.strip() == "['MissingToolError']"
