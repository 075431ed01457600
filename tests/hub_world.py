"""An application with an access key on GitHub, in a real sandbox: for the rehearsal and for the move to a role.

AWS, the registry and GitHub are the sandbox's, so a rehearsal really logs in and pushes. Terraform's part is done by
the same calls to IAM that it would make, and the keyring is memory that outlives a "process". Everything with an
effect goes through `Fate.effect`, where a test can let the process die.
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from ecrwiz.flow import engine, rehearsing, runbook, trust
from ecrwiz.flow.context import Approvals, Context, View
from ecrwiz.flow.engine import Engine
from ecrwiz.flow.events import Asked, Reply, RunFinished, Status, StepId
from ecrwiz.flow.journal import Journal, Record, as_json
from ecrwiz.flow.move import Moved, to_oidc
from ecrwiz.flow.project import Project, open_project
from ecrwiz.flow.runbook import STEPS
from ecrwiz.model import results
from ecrwiz.model.redact import Secret
from ecrwiz.sandbox import Sandbox
from ecrwiz.services import ecr, files, iam, keychain, templates
from ecrwiz.services.github import GitHub
from ecrwiz.services.github.actions_runs import ActionsRuns
from ecrwiz.services.github.git_data import GitData
from ecrwiz.services.templates.workflow import path_of
from tests.conftest import NEXT_APP
from tests.fake_steps import Heard
from tests.rotation_world import ACCOUNT, REGION, Death, Ring

__all__ = ["Death", "Fate", "Hub"]

_numbers = itertools.count(1)
_CLIENTS: dict[tuple[str, str, tuple[str, str] | None], Any] = {}
_ISSUER = "token.actions.githubusercontent.com"


class Fate:
    """Counts every effect outside of the process, and lets the process die at one of them.

    Attributes:
        effects: what was done, by name.
        dies_at: the number of the effect before which the process dies, from 0; negative for never.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.effects: list[str] = []
        self.dies_at = -1
        self._patch = patch

    def watch(self, *, looks: bool = False) -> None:
        """Note all that changes something; with `looks` each look at a run too, whose number differs."""
        if looks:
            self._wrap(ActionsRuns, "jobs")
        for owner, names in (
            (iam.Iam, ("set_access_key", "delete_access_key")),
            (keychain.Keychain, ("store", "delete")),
            (GitHub, ("put_secret", "delete_secret", "put_variable")),
            (GitData, ("commit_files", "create_branch", "delete_branch")),
            (ActionsRuns, ("dispatch", "cancel")),
            (rehearsing.Stage, ("_note", "_forget")),
            (ecr.Ecr, ("delete_images",)),
            (Journal, ("_write",)),
            (Project, ("save_answers",)),
        ):
            for name in names:
                self._wrap(owner, name)

    def _wrap(self, owner: object, name: str) -> None:
        real = getattr(owner, name)

        async def later(*args: Any, **kwargs: Any) -> Any:
            self.effect(name)
            return await real(*args, **kwargs)

        def now(*args: Any, **kwargs: Any) -> Any:
            self.effect(name)
            return real(*args, **kwargs)

        self._patch.setattr(owner, name, later if inspect.iscoroutinefunction(real) else now)

    @property
    def is_dead(self) -> bool:
        """Whether the process has died."""
        return 0 <= self.dies_at < len(self.effects)

    def effect(self, name: str) -> None:
        """Something is about to be changed; a dead process changes nothing any more, whatever it tries."""
        self.effects.append(name)
        if self.is_dead:
            raise Death

    @contextlib.contextmanager
    def dying_at(self, number: int) -> Iterator[None]:
        """Let the process die before its effect of this number; before none when it is negative."""
        self.effects.clear()
        self.dies_at = number
        try:
            yield
        finally:
            self.dies_at = -1


class Hub:
    """One application, its account and its repository on GitHub.

    Args:
        box: the sandbox.
        folder: for the project.
        patch: undoes what this changes.
        fate: of the processes; one of its own when it is not given.
        answers: given on the command line.
    """

    def __init__(
        self, box: Sandbox, folder: Path, patch: pytest.MonkeyPatch, fate: Fate | None = None, **answers: str
    ) -> None:
        self.box, self.patch = box, patch
        self.fate = fate or Fate(patch)
        self.project_id = f"hub{next(_numbers)}"
        self.full_name = f"Octo/{self.project_id}"
        self.user = f"ci-{self.project_id}-dev-server-user"
        self.role = f"ci-{self.project_id}-dev-server-role"
        self.repository = f"web/{self.project_id}/nextjs"
        self.entry = f"{ACCOUNT}/{self.project_id}/dev"
        self.ring = Ring()
        self.answers = {"ci_identity": "access-key"} | answers
        self.root = folder / self.project_id
        for name in box.remove:
            patch.delenv(name, raising=False)
        for name, value in box.environment().items():
            patch.setenv(name, value)
        patch.setenv("AWS_REGION", REGION)
        for name in ("ECRWIZ_STATE_DIR", "ECRWIZ_TERRAFORM_STATE"):  # each application remembers its own
            patch.delenv(name, raising=False)
        self.root.mkdir()
        for name, text in NEXT_APP.items():
            (self.root / name).write_text(text)
        self.key = self._account()

    # --- around it ----------------------------------------------------------------------------------------

    def client(self, service: str, key: tuple[str, str] | None = None) -> Any:
        """A client as the operator, or with a key."""
        known = (self.box.info.aws, service, key)
        if known not in _CLIENTS:  # one takes some tenths of a second to make
            session = boto3.Session(*(key or (None, None)), region_name=REGION)
            _CLIENTS[known] = session.client(service, endpoint_url=self.box.info.aws)
        return _CLIENTS[known]

    def _account(self) -> tuple[str, str]:
        pairs = [{"Key": k, "Value": v} for k, v in self._tags().items()]
        arn = self.client("ecr").create_repository(repositoryName=self.repository, tags=pairs)["repository"]
        users = self.client("iam")
        users.create_user(UserName=self.user, Tags=pairs)
        self._arn = arn["repositoryArn"]
        users.put_user_policy(UserName=self.user, PolicyName="push", PolicyDocument=self._policy())
        key = users.create_access_key(UserName=self.user)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]

    def _tags(self) -> dict[str, str]:
        return {"managed-by": "ecrwiz", "project": self.project_id, "env": "dev"}

    def _policy(self) -> str:
        actions = ["BatchCheckLayerAvailability", "InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload",
                   "PutImage", "BatchGetImage", "GetDownloadUrlForLayer", "DescribeImages"]  # fmt: skip
        statements = [
            {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
            {"Effect": "Allow", "Action": [f"ecr:{name}" for name in actions], "Resource": self._arn},
        ]
        return json.dumps({"Version": "2012-10-17", "Statement": statements})

    def github(self, **body: Any) -> dict[str, Any]:
        """Set the stand-in's repository up, and give what it holds."""
        return self._admin(f"git/{self.full_name}", body)

    def settings(self, **body: Any) -> None:
        """Change facts and faults of the repository."""
        self._admin(f"repositories/{self.full_name}", body)

    def _admin(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        url, headers = f"{self.box.info.github}/_sandbox/{path}", {"X-Sandbox-Admin": self.box.info.admin_token}
        answer = httpx.request("PUT" if body else "GET", url, json=body or None, headers=headers, trust_env=False)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def on_github(self) -> dict[str, dict[str, str]]:
        """Secrets and variables in clear."""
        found: dict[str, dict[str, str]] = self._admin("opened", {}).get(self.full_name, {})
        return found

    def keys(self) -> dict[str, str]:
        """The user's access keys with their status; none when the user is gone."""
        try:
            listed = self.client("iam").list_access_keys(UserName=self.user)["AccessKeyMetadata"]
        except ClientError:
            return {}
        return {key["AccessKeyId"]: key["Status"] for key in listed}

    def has_user(self) -> bool:
        """Whether the user exists."""
        try:
            self.client("iam").get_user(UserName=self.user)
        except ClientError:
            return False
        return True

    def trusted(self) -> list[str]:
        """The subjects that the role trusts; none when there is no role."""
        try:
            found = self.client("iam").get_role(RoleName=self.role)["Role"]["AssumeRolePolicyDocument"]
        except ClientError:
            return []
        subjects: list[str] = found["Statement"][0]["Condition"]["StringEquals"][f"{_ISSUER}:sub"]
        return subjects

    def tags(self) -> list[str]:
        """The image tags in ECR."""
        found = self.client("ecr").describe_images(repositoryName=self.repository)["imageDetails"]
        return sorted(tag for image in found for tag in image.get("imageTags", []))

    # --- the project --------------------------------------------------------------------------------------

    async def open(self) -> Project:
        """The project as a new process opens it."""
        flags = {"project_id": self.project_id, "region": REGION, "github_repository": self.full_name}
        kept = {} if (self.root / "ecrwiz.toml").exists() else self.answers
        project = await open_project(self.root, flags | kept, os.environ)
        project.tools.__dict__["keychain"] = self.ring.open()
        return project

    async def set_up(self, **git: Any) -> Project:
        """Everything was done with the key, and GitHub has the application."""
        project = await self.open()
        project.save_answers()
        self.github(plan={"seconds": 0.01}, **git)
        for file in templates.render(project.answers, project.need_app(), lambda _: None, place=project.place):
            files.write_atomic(self.root / file.path, file.text, inside=project.paths.base)
        value = keychain.pack(self.key[0], Secret(self.key[1]))
        self.ring.backend.kept[keychain.SERVICE, self.entry] = value.reveal()
        made = results.ProvisionResult(
            self.box.info.registry.partition("://")[2], self.repository, REGION, self.key[0], "ENCRYPTED", self.user,
            ACCOUNT,
        )  # fmt: skip
        for result in (
            made,
            results.CredentialsResult(
                self.key[0], f"arn:aws:iam::{ACCOUNT}:user/{self.user}", ACCOUNT, "Memory", self.entry
            ),
            results.VerifyResult(()),
        ):
            await self._note(project, result)
        end, heard = await self.run(StepId.GITHUB)
        assert end.exit_code == 0, list(heard)
        return project

    async def _note(self, project: Project, result: results.Result) -> None:
        made_by = {results.ProvisionResult: StepId.PROVISION, results.CredentialsResult: StepId.CREDENTIALS}
        step = made_by.get(type(result), StepId.VERIFY)
        project.journal.begin(step, "first", time.time())
        inputs = await STEPS[step].inputs(View(project, step))
        record = Record(Status.OK, "first", time.time(), inputs=inputs, outputs=as_json(result))
        project.journal.end(step, record)

    def workflow(self, project: Project, **answers: str) -> dict[str, str]:
        """What a person would push: the application with the workflow as these answers render it."""
        wanted = project.as_if(answers)
        found = templates.render(wanted.answers, wanted.need_app(), lambda _: None, place=wanted.place)
        path = path_of(wanted.answers)
        return {"README.md": "An application", **{file.path: file.text for file in found if file.path == path}}

    async def run(
        self,
        *steps: StepId,
        reply: Callable[[str], Reply] = lambda _: None,
        approvals: Approvals | None = None,
        force: bool = True,
        project: Project | None = None,
    ) -> tuple[RunFinished, Heard]:
        """Run steps in a new process."""
        heard = Heard()

        def listen(event: Any) -> None:
            heard.append(event)
            if isinstance(event, Asked):
                running.answer(event.question.id, reply(event.question.title))

        running = Engine(project or await self.open(), listen)
        return await running.run(steps, force=force, approvals=approvals), heard

    async def move(self, say: Callable[[str], None] = lambda _: None) -> tuple[Moved, list[Heard]]:
        """Do `ecrwiz credentials to-oidc --yes` in a new process."""
        project, everything = await self.open(), []

        async def drive(steps: Sequence[StepId], force: bool, entries: Mapping[str, str]) -> RunFinished:
            end, heard = await self.run(
                *steps, force=force, project=project, approvals=Approvals(everything=True, entries=entries)
            )
            everything.append(heard)
            if self.fate.is_dead:
                raise Death
            return end

        return await to_oidc(project, drive, say), everything

    # --- what happens -------------------------------------------------------------------------------------

    def without_terraform(self) -> None:
        """Let PROVISION do by IAM's API what Terraform does, and VERIFY say that all is well."""
        faked = dict(STEPS)
        faked[StepId.PROVISION] = replace(STEPS[StepId.PROVISION], run=self._provision, inputs=_identity, gone=None)
        faked[StepId.VERIFY] = replace(STEPS[StepId.VERIFY], run=_verified, inputs=_identity, gone=None)
        for module in (runbook, engine):
            self.patch.setattr(module, "STEPS", faked)
        self.patch.setattr("ecrwiz.flow.move.STEPS", faked)

    async def _provision(self, context: Context) -> results.ProvisionResult:
        users, answers = self.client("iam"), context.answers
        registry = self.box.info.registry.partition("://")[2]
        made = results.ProvisionResult(registry, self.repository, REGION, "", "", "", ACCOUNT)
        if answers.has_role:
            found = await trust.solve(context)
            self.fate.effect("terraform makes the role")
            self._make_role(found.subjects)
            made = replace(made, ci_role_arn=f"arn:aws:iam::{ACCOUNT}:role/{self.role}")
        if answers.has_key:
            # What Terraform would do with a key that is missing: make a new one. No stage may let that happen.
            assert list(self.keys()) == [self.key[0]], "Terraform would make another key now"
            return replace(made, aws_iam_access_id=self.key[0], aws_iam_access_key="ENCRYPTED", ci_user=self.user)
        if self.has_user():
            assert set(self.keys().values()) <= {"Inactive"}, "Terraform would delete a key in use now"
            self.fate.effect("terraform removes the user")
            for key in self.keys():
                users.delete_access_key(UserName=self.user, AccessKeyId=key)
            users.delete_user_policy(UserName=self.user, PolicyName="push")
            users.delete_user(UserName=self.user)
        return made

    def _make_role(self, subjects: tuple[str, ...]) -> None:
        provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{_ISSUER}"
        statement = {
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {f"{_ISSUER}:aud": "sts.amazonaws.com", f"{_ISSUER}:sub": list(subjects)}},
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        roles, tags = self.client("iam"), [{"Key": k, "Value": v} for k, v in self._tags().items()]
        with contextlib.suppress(roles.exceptions.EntityAlreadyExistsException):
            roles.create_role(RoleName=self.role, AssumeRolePolicyDocument=document, Tags=tags)
        roles.update_assume_role_policy(RoleName=self.role, PolicyDocument=document)
        roles.put_role_policy(RoleName=self.role, PolicyName="push", PolicyDocument=self._policy())


async def _identity(view: View) -> dict[str, str]:
    return {"identity": view.answers.ci_identity}


async def _verified(_: Context) -> results.VerifyResult:
    return results.VerifyResult(())
