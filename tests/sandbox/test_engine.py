"""The registry's front as a real Docker engine meets it."""

from __future__ import annotations

import base64
import io
import itertools
import os
import tarfile
from collections.abc import Iterator
from typing import Any

import docker
import pytest

from ecrwiz.sandbox import Sandbox

from .conftest import ACCOUNT, Connect, Key, MakeUser, push_policy, repository_arn

_numbers = itertools.count(1)


@pytest.fixture
def image(engine: docker.DockerClient) -> Iterator[Any]:
    """A small image with two layers of random bytes."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for name, content in (
            ("Dockerfile", b"FROM scratch\nCOPY one /\nCOPY two /\n"),
            ("one", os.urandom(300_000)),
            ("two", os.urandom(3_000_000)),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    tag = f"ecrwiz-sandbox-test:{next(_numbers)}"
    built, _ = engine.images.build(fileobj=io.BytesIO(context.getvalue()), custom_context=True, tag=tag, rm=True)
    yield built
    if _is_there(engine, built.id):
        engine.api.remove_image(built.id, force=True)


def _is_there(engine: docker.DockerClient, name: str) -> bool:
    try:
        engine.api.inspect_image(name)
    except docker.errors.ImageNotFound:
        return False
    return True


def auth(ecr: Any) -> dict[str, str]:
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    return {"username": user, "password": password}


def push(engine: docker.DockerClient, uri: str, tag: str, ecr: Any) -> list[dict[str, Any]]:
    records = engine.api.push(uri, tag=tag, stream=True, decode=True, auth_config=auth(ecr))
    return list(records)


@pytest.fixture
def uri(box: Sandbox, repository: str) -> str:
    return f"{box.info.registry.removeprefix('http://')}/{repository}"


def test_push_verify_and_pull_back(
    engine: docker.DockerClient, image: Any, connect: Connect, make_user: MakeUser, repository: str, uri: str
) -> None:
    ecr = connect("ecr", make_user(push_policy(repository)))
    image.tag(uri, "v1")
    digest = push(engine, uri, "v1", ecr)[-1]["aux"]["Digest"]
    (detail,) = ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": "v1"}])["imageDetails"]
    assert (detail["imageDigest"], detail["imageTags"]) == (digest, ["v1"])
    assert detail["imageSizeInBytes"] > 3_300_000
    again = push(engine, uri, "v1", ecr)
    assert [record.get("status") for record in again].count("Layer already exists") == 2


def test_pulling_needs_the_right_to_download(
    engine: docker.DockerClient,
    image: Any,
    connect: Connect,
    make_user: MakeUser,
    operator: Key,
    repository: str,
    uri: str,
) -> None:
    admin = connect("ecr", operator)
    image.tag(uri, "v1")
    push(engine, uri, "v1", admin)
    engine.api.remove_image(image.id, force=True)
    ci = make_user(push_policy(repository))
    refused = engine.api.pull(uri, tag="v1", stream=True, decode=True, auth_config=auth(connect("ecr", ci)))
    assert "ecr:GetDownloadUrlForLayer" in list(refused)[-1]["error"]
    pulled = engine.images.pull(uri, tag="v1", auth_config=auth(admin))
    assert pulled.id == image.id


def test_refusals_reach_the_person_in_ecrs_words(
    engine: docker.DockerClient,
    image: Any,
    connect: Connect,
    make_user: MakeUser,
    operator: Key,
    repository: str,
    uri: str,
) -> None:
    admin = connect("ecr", operator)
    image.tag(uri, "v1")
    image.tag(uri + "-absent", "v1")
    absent = push(engine, uri + "-absent", "v1", admin)[-1]["error"]
    assert absent == (
        f"name unknown: The repository with name '{repository}-absent' does not exist "
        f"in the registry with id '{ACCOUNT}'"
    )
    stranger = make_user(push_policy("web/elsewhere/nextjs"))
    denied = push(engine, uri, "v1", connect("ecr", stranger))[-1]["error"]
    assert denied == (
        f"denied: User: arn:aws:iam::{ACCOUNT}:user/{stranger.user} is not authorized to perform: "
        f"ecr:InitiateLayerUpload on resource: {repository_arn(repository)} "
        "because no identity-based policy allows the ecr:InitiateLayerUpload action"
    )
    push(engine, uri, "v1", admin)
    admin.put_image_tag_mutability(repositoryName=repository, imageTagMutability="IMMUTABLE")
    immutable = push(engine, uri, "v1", admin)[-1]["error"]
    assert immutable == (
        f"tag invalid: The image tag 'v1' already exists in the '{repository}' repository "
        "and cannot be overwritten because the repository is immutable."
    )


def test_no_token_and_a_wrong_token(engine: docker.DockerClient, image: Any, uri: str) -> None:
    image.tag(uri, "v1")
    for credentials, sentence in (({}, "no basic auth credentials"), ({"username": "AWS", "password": "x"}, "")):
        records = list(engine.api.push(uri, tag="v1", stream=True, decode=True, auth_config=credentials))
        assert sentence in records[-1]["error"]
