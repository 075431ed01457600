"""A project whose steps run for real: the real Terraform, IAM enforced on the stand-in, a keyring in memory."""

from __future__ import annotations

import functools
import itertools
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import boto3
import pytest

from ecrwiz.flow import trust
from ecrwiz.flow.context import Approvals
from ecrwiz.flow.engine import Engine
from ecrwiz.flow.events import Asked, Output, Question, Reply, StepFinished, StepId
from ecrwiz.flow.project import Project, open_project
from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.trust import Form, Trust
from ecrwiz.services import keychain
from ecrwiz.services.keychain import Keychain
from ecrwiz.services.terraform.mirror import find_mirror
from tests.aws_program import Aws
from tests.conftest import NEXT_APP
from tests.test_keychain import Memory

__all__ = ["ACCOUNT", "ISSUER", "PROVIDER", "REGION", "SUBJECT", "Bench", "client"]

ACCOUNT = "123456789012"
REGION = "eu-west-1"
ISSUER = "token.actions.githubusercontent.com"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
SUBJECT = "repo:octo@1/app@2:ref:refs/heads/main"
_MIRROR = find_mirror(os.environ)  # asked for before tests get a home of their own
_numbers = itertools.count(1)


@functools.cache  # a client takes 0.1 s to make
def client(aws: Aws, service: str, key: str = "", secret: str = "") -> Any:
    """A client as the operator, or with a key."""
    session = boto3.Session(key or aws.key, secret or aws.secret, region_name=REGION)
    return session.client(service, endpoint_url=aws.url)


@dataclass
class Told:
    """What a run said and asked, and how its steps ended."""

    lines: list[str] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    ends: dict[StepId, StepFinished] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """All lines."""
        return "\n".join(self.lines)

    def error(self, step: StepId) -> str:
        """Why a step failed, with the hint; empty when it did not."""
        found = self.ends[step].error
        return f"{found.message} {found.hint}" if found else ""


class Bench:
    """One person, one folder.

    Args:
        aws: the stand-in.
        folder: an empty one.
        patch: undoes what this changes.
    """

    def __init__(self, aws: Aws, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.aws = aws
        self.project_id = f"role{next(_numbers)}"
        self.root = folder / "app"
        self.root.mkdir()
        for name, text in NEXT_APP.items():
            (self.root / name).write_text(text)
        for name, value in aws.environ.items():
            patch.setenv(name, value)
        if _MIRROR is not None:
            patch.setenv("ECRWIZ_TERRAFORM_MIRROR", str(_MIRROR))
        self.ring = Memory()
        self.solved: Trust | EcrwizError = self.trusting(SUBJECT)
        patch.setattr(trust, "solve", self._solve)
        self.iam = client(aws, "iam")
        self.user = f"ci-{self.project_id}-dev-server-user"
        self.role = f"ci-{self.project_id}-dev-server-role"

    @staticmethod
    def trusting(*subjects: str, doubt: str = "") -> Trust:
        """What GitHub leads to."""
        return Trust(ISSUER, "sts.amazonaws.com", subjects, "octo/app", (Form("branch", "main"),), doubt)

    async def _solve(self, _: object) -> Trust:
        if isinstance(self.solved, EcrwizError):
            raise self.solved
        return self.solved

    async def open(self, **flags: str) -> Project:
        """The project as a new process opens it."""
        given = {"project_id": self.project_id, "region": REGION, "app": "nextjs", "github_repository": "octo/app"}
        project = await open_project(self.root, given | flags, os.environ)
        kept = Keychain(5)
        kept._backend, kept._keyring = keychain.Backend("Memory", usable=True), self.ring
        project.tools.__dict__["keychain"] = kept
        return project

    async def run(
        self,
        *steps: StepId,
        reply: Callable[[Question], Reply] = lambda _: None,
        approvals: Approvals | None = None,
        force: bool = False,
        **flags: str,
    ) -> Told:
        """Run steps in a new process, with `--yes` unless told otherwise."""
        project, told = await self.open(**flags), Told()

        def listen(event: Any) -> None:
            if isinstance(event, Output):
                told.lines += event.lines
            elif isinstance(event, Asked):
                told.questions.append(event.question)
                engine.answer(event.question.id, reply(event.question))
            elif isinstance(event, StepFinished):
                told.ends[event.step] = event

        engine = Engine(project, listen)
        await engine.run(steps, force=force, approvals=approvals or Approvals(everything=True))
        return told

    async def make(self, identity: str) -> Told:
        """Render and provision; it must succeed."""
        told = await self.run(StepId.RENDER, StepId.PROVISION, ci_identity=identity)
        assert not told.error(StepId.RENDER) + told.error(StepId.PROVISION), told.text
        return told

    @property
    def state(self) -> dict[str, dict[str, Any]]:
        """Attributes by address, as Terraform's state file has them."""
        data = json.loads((self.root / "infra" / "terraform.tfstate").read_text())
        found = {}
        for resource in data["resources"]:
            for instance in resource["instances"] if resource["mode"] == "managed" else ():
                module = f"{resource['module']}." if "module" in resource else ""
                found[f"{module}{resource['type']}.{resource['name']}"] = instance["attributes"]
        return found

    @property
    def outputs(self) -> dict[str, Any]:
        """Terraform's outputs."""
        data = json.loads((self.root / "infra" / "terraform.tfstate").read_text())
        return {name: output["value"] for name, output in data["outputs"].items()}

    def listed(self) -> dict[str, str]:
        """The user's access keys and their status."""
        listed = self.iam.list_access_keys(UserName=self.user)["AccessKeyMetadata"]
        return {key["AccessKeyId"]: key["Status"] for key in listed}

    def kept(self) -> tuple[str, str]:
        """The access key's id and secret that the keyring has."""
        text = self.ring.kept[keychain.SERVICE, f"{ACCOUNT}/{self.project_id}/dev"]
        found = json.loads(text)
        return cast("tuple[str, str]", tuple(found.values())[:2])
