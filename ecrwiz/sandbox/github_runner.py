"""Runs workflows in the GitHub stand-in: what speaks to AWS really does, with the secrets that the repository has.

Nothing of a workflow's shell commands is executed here: the steps that matter for the CI identity are done by their
meaning (the settings are compared, the identity logs in, a one-layer image is pushed), all others succeed.
"""

from __future__ import annotations

import asyncio
import base64
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import boto3
import yaml
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.redact import Secret
from ecrwiz.model.trust_policy import judge
from ecrwiz.sandbox.github_expressions import evaluate, fill
from ecrwiz.sandbox.github_store import Refusal, Repository, Scope
from ecrwiz.services.probe_image import ProbePush, make_probe

__all__ = ["Cloud", "Plan", "RunRecord", "StepRecord", "perform", "prefix_of", "read_workflow", "subject_of"]

_ISSUER: Final = "token.actions.githubusercontent.com"
_NO_CREDENTIALS: Final = (
    "Credentials could not be loaded, please check your action inputs: Could not load credentials from any providers"
)
_NOT_TRUSTED: Final = "Could not assume role with OIDC: Not authorized to perform sts:AssumeRoleWithWebIdentity"


@dataclass(frozen=True)
class Cloud:
    """The AWS stand-in as a workflow reaches it.

    Attributes:
        aws: its URL.
        operator: a key that may look at roles, as AWS itself may.
    """

    aws: str
    operator: tuple[str, str] = field(repr=False)

    def client(self, service: str, region: str, key: Mapping[str, str] | None) -> Any:  # noqa: ANN401  # boto3's
        """A client with a key, or unsigned."""
        config = Config(retries={"total_max_attempts": 1}, signature_version=None if key else UNSIGNED)
        return boto3.client(service, endpoint_url=self.aws, region_name=region, config=config, **(key or {}))


@dataclass
class Plan:
    """What is to go otherwise, for tests.

    Attributes:
        seconds: of each step.
        fails: lines of the log by the name of the step that they make fail.
        starts: pushes start runs.
        holds: runs wait for somebody's approval.
    """

    seconds: float = 0.1
    fails: dict[str, list[str]] = field(default_factory=dict)
    starts: bool = True
    holds: bool = False


@dataclass
class StepRecord:
    """A step of a run."""

    number: int
    name: str
    status: str = "queued"
    conclusion: str | None = None
    started: str | None = None
    completed: str | None = None


@dataclass
class RunRecord:
    """A run with its one job."""

    id: int
    path: str
    name: str
    job: str
    event: str
    branch: str
    sha: str
    steps: list[StepRecord]
    created: str
    status: str = "queued"
    conclusion: str | None = None
    log: list[str] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)


def read_workflow(text: str) -> dict[str, Any]:
    """A workflow as GitHub reads it; YAML 1.1 takes the word `on` for true.

    Raises:
        Refusal: it is none.
    """
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("jobs"), dict):
        raise Refusal(422, "Invalid workflow file")
    return {"on" if key is True else key: value for key, value in found.items()}


def subject_of(repository: Repository, run: RunRecord, environment: str) -> str:
    """The claim `sub` of the run's token."""
    first = prefix_of(repository)
    context = f"environment:{environment.replace(':', '%3A')}" if environment else f"ref:refs/heads/{run.branch}"
    if repository.oidc_subject.get("use_default", True):
        return f"{first}:{context}"
    values = {
        "repo": first,
        "context": context,
        "ref": f"ref:refs/heads/{run.branch}",
        "event_name": f"event_name:{run.event}",
        "repository_id": f"repository_id:{repository.number}",
        "repository": f"repository:{repository.full_name}",
        "workflow_ref": f"workflow_ref:{repository.full_name}/{run.path}@refs/heads/{run.branch}",
    }
    return ":".join(values[claim] for claim in repository.oidc_subject.get("include_claim_keys", ["repo", "context"]))


def prefix_of(repository: Repository) -> str:
    """What the subjects of a repository begin with."""
    new = repository.created >= datetime(2026, 7, 15, tzinfo=UTC)
    if repository.oidc_subject.get("use_immutable_subject", new):
        return f"repo:{repository.owner}@{repository.owner_id}/{repository.name}@{repository.number}"
    return f"repo:{repository.full_name}"


class _Failed(Exception):  # noqa: N818  # it ends a step, not the stand-in
    """A step failed with these lines of log."""


@dataclass
class _Job:
    repository: Repository
    run: RunRecord
    body: Mapping[str, Any]
    permissions: Mapping[str, str]
    cloud: Cloud | None
    key: dict[str, str] = field(default_factory=dict)
    region: str = "us-east-1"
    login: tuple[str, str, str] = ("", "", "")
    tags: tuple[str, ...] = ()

    @property
    def environment(self) -> str:
        found = self.body.get("environment", "")
        return str(found.get("name", "") if isinstance(found, dict) else found)

    def context(self) -> dict[str, Any]:
        scopes: list[Scope] = [self.repository.organisation, self.repository]
        if self.environment:
            scopes.append(self.repository.environment(self.environment))
        merged = [
            {entry.name: entry.value for scope in scopes for entry in getattr(scope, kind).values()}
            for kind in ("secrets", "variables")
        ]
        run = self.run
        return {
            "github": {
                "repository": self.repository.full_name,
                "repository_owner": self.repository.owner,
                "ref": f"refs/heads/{run.branch}",
                "ref_name": run.branch,
                "sha": run.sha,
                "event_name": run.event,
                "event": {"repository": {"default_branch": self.repository.default_branch}},
            },
            "secrets": merged[0],
            "vars": merged[1],
            "runner": {"temp": "/tmp"},  # noqa: S108  # nothing is written
            "steps": {"image": {"outputs": {"tag": run.sha[:12], "name": self._image(merged[1])}}},
        }

    def _image(self, variables: Mapping[str, str]) -> str:
        return f"{variables.get('ECR_REGISTRY', '')}/{variables.get('ECR_REPOSITORY', '')}"


def perform(
    repository: Repository, run: RunRecord, workflow: Mapping[str, Any], plan: Plan, cloud: Cloud | None
) -> None:
    """Run a workflow's only job to its end; called in a thread of its own."""
    body = next(iter(workflow["jobs"].values()))
    permissions = body.get("permissions", workflow.get("permissions")) or {}
    job = _Job(repository, run, body, permissions, cloud)
    run.status = "waiting" if plan.holds else "in_progress"
    while plan.holds and not run.cancelled.wait(0.02):
        pass
    wanted = not run.cancelled.is_set() and bool(evaluate(str(body.get("if", "true")), job.context()))
    conclusion = "success" if wanted else "cancelled" if run.cancelled.is_set() else "skipped"
    for record, step in zip(run.steps, [{}, *body["steps"], {}], strict=True):
        if conclusion == "success":
            conclusion = _step(job, record, step, plan)
        elif conclusion in ("failure", "cancelled"):
            record.status, record.conclusion = "completed", "skipped"
    if not wanted and conclusion == "skipped":
        run.steps.clear()
    run.conclusion, run.status = conclusion, "completed"


def _step(job: _Job, record: StepRecord, step: Mapping[str, Any], plan: Plan) -> str:
    run = job.run
    record.status, record.started = "in_progress", _now()
    run.log.append(f"{_now()} ##[group]Run {record.name}")
    failed = run.cancelled.wait(plan.seconds)
    conclusion = "cancelled" if failed else "success"
    try:
        if not failed:
            for line in _work(job, record, step, plan):
                run.log.append(f"{_now()} {line}")
    except (_Failed, ClientError) as error:
        run.log += [f"{_now()} {line}" for line in str(error).splitlines()[:-1]]
        run.log.append(f"{_now()} ##[error]{str(error).splitlines()[-1]}")
        conclusion = "failure"
    record.status, record.conclusion, record.completed = "completed", conclusion, _now()
    return conclusion


def _work(job: _Job, record: StepRecord, step: Mapping[str, Any], plan: Plan) -> Iterator[str]:
    yield "##[endgroup]"
    if record.name in plan.fails:
        raise _Failed("\n".join(plan.fails[record.name]))
    uses = str(step.get("uses", "")).partition("@")[0]
    work = _ACTIONS.get(uses)
    context = job.context()
    environment = {name: fill(str(value), context) for name, value in (step.get("env") or {}).items()}
    if "FOUND" in environment and environment["FOUND"] != environment.get("WANTED"):
        raise _Failed(
            f"The variable ECR_REPOSITORY is '{environment['FOUND']}', and this workflow pushes to "
            f"{environment.get('WANTED')}: run 'ecrwiz run github' in the application's folder."
        )
    if work and job.cloud:
        inputs = {name: fill(str(value), context) for name, value in (step.get("with") or {}).items()}
        yield work(job, inputs)


def _take_credentials(job: _Job, inputs: Mapping[str, str]) -> str:
    job.region = inputs["aws-region"]
    if "role-to-assume" in inputs:
        job.key = _assume(job, inputs["role-to-assume"], inputs.get("audience") or "sts.amazonaws.com")
    elif not inputs.get("aws-access-key-id") or not inputs.get("aws-secret-access-key"):
        raise _Failed(_NO_CREDENTIALS)
    else:
        job.key = {
            "aws_access_key_id": inputs["aws-access-key-id"],
            "aws_secret_access_key": inputs["aws-secret-access-key"],
        }
    account = _aws(job, "sts").get_caller_identity()["Account"]
    allowed = inputs.get("allowed-account-ids")
    if allowed and account != allowed:
        raise _Failed(f"The account ID of the provided credentials ({account}) does not match any of the expected")
    return f"Authenticated as account {account}"


def _assume(job: _Job, arn: str, audience: str) -> dict[str, str]:
    """What AWS does with a token: look at the role's trust policy, which moto does not."""
    if job.permissions.get("id-token") != "write":
        raise _Failed(_NO_CREDENTIALS)
    cloud = _cloud(job)
    subject = subject_of(job.repository, job.run, job.environment)
    operator = dict(zip(("aws_access_key_id", "aws_secret_access_key"), cloud.operator, strict=True))
    try:
        role = cloud.client("iam", job.region, operator).get_role(RoleName=arn.rpartition("/")[2])["Role"]
    except ClientError:
        raise _Failed(_NOT_TRUSTED) from None
    if role["Arn"] != arn or judge(role["AssumeRolePolicyDocument"], _ISSUER, audience, subject) != "may":
        raise _Failed(_NOT_TRUSTED)
    made = cloud.client("sts", job.region, None).assume_role_with_web_identity(
        RoleArn=arn, RoleSessionName="GitHubActions", WebIdentityToken="made-by-the-sandbox"
    )["Credentials"]
    return {
        "aws_access_key_id": made["AccessKeyId"],
        "aws_secret_access_key": made["SecretAccessKey"],
        "aws_session_token": made["SessionToken"],
    }


def _log_in(job: _Job, inputs: Mapping[str, str]) -> str:  # noqa: ARG001  # an action without inputs
    found = _aws(job, "ecr").get_authorization_token()["authorizationData"][0]
    user, password = base64.b64decode(found["authorizationToken"]).decode().split(":", 1)
    job.login = (found["proxyEndpoint"], user, password)
    return f"Logging into registry {found['proxyEndpoint']}"


def _push(job: _Job, inputs: Mapping[str, str]) -> str:
    """A one-layer image under each of the tags, with the login of the step before."""
    names = [line.strip() for line in inputs["tags"].splitlines() if line.strip()]
    endpoint, user, password = job.login
    probe = make_probe()
    for name in names:
        host, _, rest = name.partition("/")
        repository, _, tag = rest.rpartition(":")
        url = f"http://{host}" if host.startswith(("127.", "localhost")) else endpoint
        asyncio.run(_push_one(ProbePush(url, repository, tag, user, Secret(password), probe, direct=True), name))
    return f"pushed {len(names)} tags"


async def _push_one(push: ProbePush, name: str) -> None:
    try:
        await push.begin_upload()
        await push.send_part()
        await push.complete_upload()
        await push.name_image()
    except EcrwizError as error:
        raise _Failed(f"ERROR: failed to push {name}: {error.message}") from None
    finally:
        await push.close()


_ACTIONS: Final[Mapping[str, Callable[[_Job, Mapping[str, str]], str]]] = {
    "aws-actions/configure-aws-credentials": _take_credentials,
    "aws-actions/amazon-ecr-login": _log_in,
    "docker/build-push-action": _push,
}


def _cloud(job: _Job) -> Cloud:
    if job.cloud is None:
        raise _Failed("No AWS is here.")
    return job.cloud


def _aws(job: _Job, service: str) -> Any:  # noqa: ANN401  # boto3's
    return _cloud(job).client(service, job.region, job.key)


def _now() -> str:
    whole = time.time()
    return datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
