"""An account, a keyring, GitHub and Terraform's state around one CI user, for tests of what changes its key.

IAM and STS are the stand-in's, with enforcement. The keyring, GitHub's two secrets and Terraform's state are memory
that outlives a "process": `World.operator` gives what a new process of the same person would open. Everything that
has an effect outside the process goes through `World.effect`, where a test can let the process die or another
operator run.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import json
import os
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import boto3
import botocore.loaders
import botocore.session
import pytest

from ecrwiz.flow import github_plan, github_write, infra, proving, rotation
from ecrwiz.flow.context import Approvals, Context, View
from ecrwiz.flow.engine import Engine
from ecrwiz.flow.events import Asked, Reply, RunFinished, Status, StepId
from ecrwiz.flow.journal import Journal, Record, as_json
from ecrwiz.flow.project import Project, open_project
from ecrwiz.flow.runbook import STEPS, stand
from ecrwiz.flow.steps import github, revoke, rotate
from ecrwiz.flow.toolbox import Toolbox
from ecrwiz.model import results
from ecrwiz.model.github_plan import GithubPlan
from ecrwiz.model.redact import Secret
from ecrwiz.services import files, keychain
from ecrwiz.services.iam import Iam
from ecrwiz.services.keychain import Keychain
from ecrwiz.services.templates import terraform as terraform_templates
from ecrwiz.services.terraform import State, Terraform
from tests.aws_program import Aws
from tests.conftest import NEXT_APP
from tests.fake_steps import Heard
from tests.test_keychain import Memory

__all__ = ["ACCOUNT", "REGION", "REPOSITORY_ON_GITHUB", "Death", "Operator", "Ring", "World", "assert_settled"]

ACCOUNT = "123456789012"
REGION = "us-east-1"
REPOSITORY_ON_GITHUB = "octo/app"
_numbers = itertools.count(1)
_LOADER = botocore.loaders.create_loader()


class Death(BaseException):
    """The process ends here, as by `kill -9`: nothing that runs afterwards in it may matter."""


@dataclass
class Ring:
    """One person's keyring; `store` may be made to refuse."""

    backend: Memory = field(default_factory=Memory)
    usable: bool = True

    def open(self) -> Keychain:
        """The service as a new process has it."""
        kept = Keychain(5)
        kept._backend = keychain.Backend("Memory", self.usable, "" if self.usable else "The keyring is locked.")
        kept._keyring = self.backend if self.usable else None
        return kept

    def entry(self, name: str) -> tuple[str, str] | None:
        """The access key's id and secret in an entry."""
        text = self.backend.kept.get((keychain.SERVICE, name))
        if text is None:
            return None
        access_key_id, secret = keychain.unpack(Secret(text))
        return access_key_id, secret.reveal()


class World:
    """Everything outside of ecrwiz's processes.

    Args:
        aws: the stand-in with enforcement.
        folder: for the projects.
        patch: undoes what this changes.
    """

    def __init__(self, aws: Aws, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.project_id = f"rot{next(_numbers)}"
        self.folder = folder
        self.user = f"ci-{self.project_id}-dev-server-user"
        self.repository = f"web/{self.project_id}/nextjs"
        self.entry = f"{ACCOUNT}/{self.project_id}/dev"
        self.github: dict[str, str] = {}
        self.state: dict[str, dict[str, Any]] = {}
        self.effects: list[str] = []
        self.at: Callable[[str], None] | None = None
        self.meanwhile: Callable[[str], Awaitable[None]] | None = None
        self.refusal: Exception | None = None
        self.set_at = datetime(2020, 1, 1, tzinfo=UTC)
        self.plan = GithubPlan(REPOSITORY_ON_GITHUB, "", False, True, "a test", ())
        self._aws = aws
        self._patch = patch
        for name, value in aws.environ.items():
            patch.setenv(name, value)
        patch.setenv("AWS_REGION", REGION)
        patch.setattr(botocore.session, "create_loader", lambda *_: _LOADER)  # reading the services' models takes long
        self._watch()
        self.first = self._account()

    def client(self, service: str, key: tuple[str, str] | None = None) -> Any:
        """A client as the operator, or with a key."""
        return _client(service, self._aws.url, *(key or (self._aws.key, self._aws.secret)))

    def _account(self) -> tuple[str, str]:
        """The repository, the user with its policy, and its first key."""
        tags = {"managed-by": "ecrwiz", "project": self.project_id, "env": "dev"}
        ecr, iam = self.client("ecr"), self.client("iam")
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        arn = ecr.create_repository(repositoryName=self.repository, tags=pairs)["repository"]["repositoryArn"]
        iam.create_user(UserName=self.user, Tags=pairs)
        statements = [
            {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
            {"Effect": "Allow", "Action": "ecr:DescribeImages", "Resource": arn},
        ]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName=self.user, PolicyName="push", PolicyDocument=policy)
        key = iam.create_access_key(UserName=self.user)["AccessKey"]
        self.github = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        self.state = {infra.USER: {"name": self.user}, infra.ACCESS_KEY: {"id": key["AccessKeyId"]}}
        return key["AccessKeyId"], key["SecretAccessKey"]

    # --- what happens -------------------------------------------------------------------------------------

    def _watch(self) -> None:
        for name in ("create_access_key", "delete_access_key", "set_access_key", "tag_user", "untag_user"):
            self._wrap(Iam, name)
        for name in ("store", "delete"):
            self._wrap(Keychain, name)
        self._wrap(rotation, "write_note")
        self._wrap(rotation, "forget")
        self._wrap(Journal, "_write", when=lambda journal: not journal._waiting)
        self._patch.setattr(github, "replace_key", self._replace_key, raising=False)
        self._patch.setattr(rotate, "set_since", self._set_since)
        self._patch.setattr(revoke, "remove_key", self._remove_key)
        self._patch.setattr(github_plan, "look", self._look)
        self._patch.setattr(proving, "prove_key", _prove_key)
        self._patch.setattr(Toolbox, "terraform", lambda *_: cast("Terraform", FakeTerraform(self)))
        self._patch.setattr(infra, "_SECONDS_UNTIL_LISTED", 0)

    def _wrap(self, owner: object, name: str, when: Callable[..., bool] = lambda *_: True) -> None:
        real = getattr(owner, name)

        async def later(*args: Any, **kwargs: Any) -> Any:
            await self.effect(name)
            return await real(*args, **kwargs)

        def now(*args: Any, **kwargs: Any) -> Any:
            if when(*args):
                self.effect_now(name)
            return real(*args, **kwargs)

        self._patch.setattr(owner, name, later if inspect.iscoroutinefunction(real) else now)

    async def effect(self, name: str) -> None:
        """Something is about to be changed that others can see."""
        self.effect_now(name)
        if self.meanwhile:
            await self.meanwhile(name)

    def effect_now(self, name: str) -> None:
        """Something is about to be changed outside of the process."""
        self.effects.append(name)
        if self.at:
            self.at(name)

    def dies_before(self, number: int) -> None:
        """Let the process die before its effect of this number, counted from 0."""
        count = itertools.count()

        def at(_: str) -> None:
            if next(count) == number:
                raise Death

        self.effects.clear()
        self.at = at

    def goes_on(self) -> None:
        """Nothing more happens."""
        self.effects.clear()
        self.at = self.meanwhile = None

    async def _look(self, _: Project) -> GithubPlan:
        return self.plan

    async def _replace_key(self, context: Context, access_key_id: str, secret: Secret) -> str:
        if context.find(results.GithubResult) is None:
            return ""
        await self.effect("put AWS_ACCESS_KEY_ID")
        if self.refusal:
            raise self.refusal
        self.github["AWS_ACCESS_KEY_ID"] = access_key_id
        await self.effect("put AWS_SECRET_ACCESS_KEY")
        self.github["AWS_SECRET_ACCESS_KEY"] = secret.reveal()
        self.set_at = datetime.now(UTC)
        return REPOSITORY_ON_GITHUB

    async def _set_since(self, context: Context, moment: datetime) -> dict[github_write.Target, bool]:
        if self.refusal:
            raise self.refusal
        return {target: self.set_at >= moment.replace(microsecond=0) for target in github_write.targets(context)}

    async def _remove_key(self, context: Context) -> tuple[str, ...]:
        if context.find(results.GithubResult) is None:
            return ()
        removed = []
        for name in github.SECRETS:
            await self.effect(f"delete {name}")
            if self.refusal:
                raise self.refusal
            if self.github.pop(name, None) is not None:
                removed.append(f"GitHub secret {name} of {REPOSITORY_ON_GITHUB}")
        return tuple(removed)

    # --- what there is ------------------------------------------------------------------------------------

    def listed(self) -> dict[str, str]:
        """The user's access keys in IAM, with their status."""
        listed = self.client("iam").list_access_keys(UserName=self.user)["AccessKeyMetadata"]
        return {key["AccessKeyId"]: key["Status"] for key in listed}

    def marks(self) -> list[str]:
        """The names of the rotation's tags on the user."""
        tags = self.client("iam").list_user_tags(UserName=self.user)["Tags"]
        return [tag["Key"] for tag in tags if tag["Key"].startswith(rotation.MARK)]

    def works(self, key: tuple[str, str]) -> bool:
        """Whether AWS takes an access key."""
        try:
            arn = self.client("sts", key).get_caller_identity()["Arn"]
        except self.client("sts").exceptions.ClientError:
            return False
        return bool(arn.endswith(f":user/{self.user}"))

    def on_github(self) -> tuple[str, str]:
        """The key that a workflow would work with."""
        return self.github["AWS_ACCESS_KEY_ID"], self.github["AWS_SECRET_ACCESS_KEY"]

    async def operator(self, name: str = "one", ring: Ring | None = None, *, exported: bool = True) -> Operator:
        """A person with a folder of their own, in which everything was done with the first key."""
        root = self.folder / self.project_id / name
        root.mkdir(parents=True)
        for file, text in NEXT_APP.items():
            (root / file).write_text(text)
        ring = ring or Ring()
        value = keychain.pack(self.first[0], Secret(self.first[1]))
        ring.backend.kept[keychain.SERVICE, self.entry] = value.reveal()
        made = Operator(self, root, ring)
        await made.everything_was_done(exported=exported)
        return made


@functools.cache  # a client takes 0.1 s to make
def _client(service: str, url: str, access_key_id: str, secret: str) -> Any:
    return boto3.Session(access_key_id, secret, region_name=REGION).client(service, endpoint_url=url)


class FakeTerraform:
    """Terraform's commands on the state, with the state in the world."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def init(self) -> None:
        """Nothing to install."""

    async def state(self) -> State:
        """What it knows."""
        held = self._world.state
        outputs = {"account": ACCOUNT, "aws_iam_access_id": held.get(infra.ACCESS_KEY, {}).get("id", "")}
        return State(outputs, {address: dict(values) for address, values in held.items()})

    async def forget(self, address: str) -> None:
        """`terraform state rm`."""
        await self._world.effect("terraform state rm")
        del self._world.state[address]

    async def adopt(self, address: str, identifier: str) -> None:
        """`terraform import`, which refuses what does not exist and what it has already."""
        await self._world.effect("terraform import")
        assert address == infra.ACCESS_KEY
        assert address not in self._world.state
        assert identifier in self._world.listed()
        self._world.state[address] = {"id": identifier}

    async def refresh(self, address: str) -> None:
        """`terraform apply -refresh-only`."""
        await self._world.effect("terraform refresh")


@dataclass
class Operator:
    """One person at one machine: a folder and a keyring."""

    world: World
    root: Path
    ring: Ring
    stray: dict[str, str] = field(default_factory=dict)

    async def open(self) -> Project:
        """The project as a new process opens it, with the answers that are `stray` now."""
        flags = {"project_id": self.world.project_id, "region": REGION, "github_repository": REPOSITORY_ON_GITHUB}
        flags |= self.stray
        project = await open_project(self.root, flags, os.environ)
        project.tools.__dict__["keychain"] = self.ring.open()
        return project

    async def everything_was_done(self, *, exported: bool) -> None:
        """The files are rendered, and the journal tells of a whole run."""
        project = await self.open()
        for file in terraform_templates.infra_files(project.answers):
            files.write_atomic(self.root / file.path, file.text)
        (self.root / "infra" / "terraform.tfstate").write_text("{}")
        first, world = self.world.first[0], self.world
        made: dict[StepId, results.Result] = {
            StepId.PROVISION: results.ProvisionResult(
                f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com", world.repository, REGION, first, "ENCRYPTED", world.user,
                ACCOUNT,
            ),
            StepId.CREDENTIALS: results.CredentialsResult(
                first, f"arn:aws:iam::{ACCOUNT}:user/{world.user}", ACCOUNT, "Memory", world.entry
            ),
            StepId.VERIFY: results.VerifyResult(()),
        }  # fmt: skip
        if exported:
            made[StepId.GITHUB] = results.GithubResult(REPOSITORY_ON_GITHUB, first, github.SECRETS, github.VARIABLES)
        journal = project.journal
        for step, result in made.items():
            journal.begin(step, "first", time.time())
            journal.end(step, Record(Status.OK, "first", time.time(), outputs=as_json(result)))
            inputs = await STEPS[step].inputs(View(project, step))
            journal.end(step, Record(Status.OK, "first", time.time(), inputs=inputs, outputs=as_json(result)))

    async def run(
        self,
        step: StepId = StepId.ROTATE,
        *,
        reply: Callable[[str], Reply] = lambda _: None,
        approvals: Approvals | None = None,
    ) -> tuple[RunFinished, Heard]:
        """Run a step in a new process."""
        project = await self.open()
        heard = Heard()

        def listen(event: Any) -> None:
            heard.append(event)
            if isinstance(event, Asked):
                engine.answer(event.question.id, reply(event.question.title))

        engine = Engine(project, listen)
        return await engine.run((step,), force=True, approvals=approvals), heard

    def entry(self, name: str = "") -> tuple[str, str] | None:
        """The key in the keyring's entry, or in another one below it."""
        return self.ring.entry(self.world.entry + name)

    @property
    def note(self) -> Mapping[str, Any] | None:
        """The rotation's note."""
        path = self.root / ".ecrwiz" / "rotation.json"
        return json.loads(path.read_text()) if path.exists() else None

    def forget_folder(self) -> None:
        """What a fresh clone has: no state folder."""
        shutil.rmtree(self.root / ".ecrwiz")


async def assert_settled(world: World, person: Operator, *, github: bool = True) -> tuple[str, str]:
    """One key, active, and everybody who needs it has it; nothing of a rotation is left."""
    kept = person.entry()
    assert kept is not None
    assert world.listed() == {kept[0]: "Active"}
    assert world.works(kept)
    assert person.entry("/next") is None
    assert not github or world.on_github() == kept
    assert world.state[infra.ACCESS_KEY] == {"id": kept[0]}
    assert world.marks() == []
    assert person.note is None
    project = await person.open()
    for step in (StepId.PROVISION, StepId.CREDENTIALS, StepId.VERIFY, *((StepId.GITHUB,) if github else ())):
        state = await stand(project, STEPS[step])
        assert (state.status, state.reason) == (Status.FRESH, ""), step
    return kept


async def _prove_key(_: View, made: results.ProvisionResult, key: tuple[str, Secret]) -> tuple[results.Proof, ...]:
    """In place of the probe image, for which there is no registry here: `tests/test_verify.py` tries all rows."""
    proof = results.Proof("try", "ecr:PutImage", "*", "allowed", "allowed", "yes", "called", made.ci_user)
    assert key[0]
    return (proof,)
