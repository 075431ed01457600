"""A sandbox in which Terraform made a repository and a CI user, and the project that belongs to it."""

from __future__ import annotations

import configparser
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from ecrwiz.flow.context import View
from ecrwiz.flow.events import StepId
from ecrwiz.flow.project import Project, open_project
from ecrwiz.model.redact import Secret
from ecrwiz.model.results import ProvisionResult
from ecrwiz.sandbox import Sandbox
from ecrwiz.services import openpgp
from tests.infra_kit import REGION, Infra, rendered

__all__ = ["Ground", "applied", "operator", "statement"]

_APP = {"package.json": '{"name": "blog", "scripts": {"start": "node server.js"}}\n', "server.js": "\n"}


@dataclass
class Ground:
    """What Terraform made.

    Attributes:
        box: the sandbox.
        made: Terraform's outputs.
        key: the CI user's key.
        answers: that it was made with.
        folder: for projects.
    """

    box: Sandbox
    made: ProvisionResult
    key: tuple[str, Secret]
    answers: Mapping[str, str]
    folder: Path

    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """A client as the sandbox's administrator."""
        if service not in self._clients:
            self._clients[service] = operator(self.box, service)
        return self._clients[service]

    async def view(self) -> View:
        """The project as the step verify sees it; the environment must be the sandbox's."""
        return View(await self.project(), StepId.VERIFY)

    async def project(self) -> Project:
        """The project; the environment must be the sandbox's."""
        root = self.folder / "app"
        root.mkdir(exist_ok=True)
        for name, text in _APP.items():
            (root / name).write_text(text)
        return await open_project(root, dict(self.answers), os.environ)

    def images(self) -> list[dict[str, Any]]:
        """What ECR lists."""
        found = self.client("ecr").describe_images(repositoryName=self.made.ecr_repo_path)
        return list(found["imageDetails"])

    @contextmanager
    def policy(self, *statements: dict[str, Any], user: str = "") -> Iterator[None]:
        """Give the CI user more, or less, until the block ends."""
        iam, name = self.client("iam"), user or self.made.ci_user
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_user_policy(UserName=name, PolicyName="extra", PolicyDocument=document)
        try:
            yield
        finally:
            iam.delete_user_policy(UserName=name, PolicyName="extra")


def statement(effect: str, action: str, resource: str = "*") -> dict[str, Any]:
    """A statement of a policy."""
    return {"Effect": effect, "Action": action, "Resource": resource}


def operator(box: Sandbox, service: str) -> Any:
    """A client as the sandbox's administrator."""
    profiles = configparser.ConfigParser()
    profiles.read(box.environment()["AWS_SHARED_CREDENTIALS_FILE"])
    profile = profiles[box.environment()["AWS_PROFILE"]]
    session = boto3.Session(profile["aws_access_key_id"], profile["aws_secret_access_key"], region_name=REGION)
    return session.client(service, endpoint_url=box.info.aws, config=Config(retries={"total_max_attempts": 1}))


def applied(box: Sandbox, folder: Path, **changed: str) -> Ground:
    """Let the real Terraform make what these answers say."""
    given = {"project_id": "blog", "region": REGION, "env": "prod", "app": "nextjs"} | changed
    pair = openpgp.generate("test")
    infra = Infra(folder, rendered(**given))
    infra.init()
    profiles = configparser.ConfigParser()
    profiles.read(box.environment()["AWS_SHARED_CREDENTIALS_FILE"])
    profile = profiles[box.environment()["AWS_PROFILE"]]
    environ = {
        "AWS_ENDPOINT_URL": box.info.aws,
        "AWS_ACCESS_KEY_ID": profile["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": profile["aws_secret_access_key"],
        "TF_VAR_ci_user_pgp_key": pair.public,
    }
    done = infra.run("apply", "-auto-approve", "-input=false", "-no-color", **environ)
    assert done.returncode == 0, done.stdout + done.stderr
    got = {name: output["value"] for name, output in json.loads(infra.run("output", "-json").stdout).items()}
    made = ProvisionResult(**{name: got.get(name, "") for name in ProvisionResult.__dataclass_fields__})
    secret = openpgp.decrypt(made.aws_iam_access_key, pair.private)
    return Ground(box, made, (made.aws_iam_access_id, secret), given, folder)
