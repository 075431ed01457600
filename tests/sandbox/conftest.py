"""One sandbox for the whole session; tests keep apart by using names of their own."""

from __future__ import annotations

import configparser
import functools
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from ecrwiz.sandbox import Sandbox

REGION = "eu-west-1"
ACCOUNT = "123456789012"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Key:
    """An access key with its user."""

    user: str
    access_key_id: str
    secret: str


@pytest.fixture(scope="session")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox.attach_or_start(tmp_path_factory.mktemp("box") / "sandbox") as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def operator(box: Sandbox) -> Key:
    """The administrator whose key lies in the credentials file."""
    profiles = configparser.ConfigParser()
    profiles.read(box.environment()["AWS_SHARED_CREDENTIALS_FILE"])
    profile = profiles[box.environment()["AWS_PROFILE"]]
    return Key("sandbox-operator", profile["aws_access_key_id"], profile["aws_secret_access_key"])


Connect = Callable[..., Any]


@pytest.fixture(scope="session")
def connect(box: Sandbox) -> Connect:
    """Make a boto3 client: connect("ecr", key, region=...)."""

    @functools.cache  # a client takes 50 ms to make
    def client(service: str, key: Key, region: str = REGION) -> Any:
        session = boto3.Session(key.access_key_id, key.secret, region_name=region)
        once = Config(retries={"total_max_attempts": 1})
        return session.client(service, endpoint_url=box.info.aws, config=once)

    return client


MakeUser = Callable[[dict[str, Any] | None], Key]


@pytest.fixture(scope="session")
def make_user(connect: Connect, operator: Key) -> MakeUser:
    """Make an IAM user with an inline policy, or with none."""
    iam = connect("iam", operator)

    def user(policy: dict[str, Any] | None) -> Key:
        name = f"ci-{next(_numbers)}"
        iam.create_user(UserName=name)
        if policy is not None:
            iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return Key(name, key["AccessKeyId"], key["SecretAccessKey"])

    return user


@pytest.fixture
def repository(connect: Connect, operator: Key) -> str:
    """The name of a new repository."""
    name = f"web/p{next(_numbers)}/nextjs"
    connect("ecr", operator).create_repository(repositoryName=name)
    return name


def repository_arn(name: str, region: str = REGION, partition: str = "aws") -> str:
    return f"arn:{partition}:ecr:{region}:{ACCOUNT}:repository/{name}"


PUSH_ACTIONS = [
    "ecr:BatchCheckLayerAvailability",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
]


def push_policy(name: str) -> dict[str, Any]:
    """What a CI identity needs to push to one repository and to look at what it pushed."""
    more = ["ecr:BatchGetImage", "ecr:DescribeImages"]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
            {"Effect": "Allow", "Action": PUSH_ACTIONS + more, "Resource": repository_arn(name)},
        ],
    }


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
