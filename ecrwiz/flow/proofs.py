"""The table: what the CI identity must be able to do, and what it must not.

What must be refused is tried by calls that change nothing even where they are allowed: they only read, or they name
something that does not exist, or they ask for what ECR refuses for another reason. An error that comes after the
permission was checked (`reached`) shows that it is there. Where no such call exists, and where an answer tells
neither, IAM is asked to simulate.

Actions, resources and condition keys: service authorization reference, Amazon ECR, Amazon ECS, IAM, STS, S3, EC2.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from ecrwiz.model.answers import Answers
from ecrwiz.model.results import ProvisionResult

__all__ = ["PUSH_STEPS", "Call", "Place", "Trial", "trials"]

Expected = Literal["allowed", "refused"]

PUSH_STEPS: Final[tuple[tuple[str, str, str], ...]] = (
    ("ecr:BatchCheckLayerAvailability", "ask_for_layer", "ask which layers are there"),
    ("ecr:InitiateLayerUpload", "begin_upload", "begin to upload a layer"),
    ("ecr:UploadLayerPart", "send_part", "upload a layer"),
    ("ecr:CompleteLayerUpload", "complete_upload", "finish the upload of a layer"),
    ("ecr:PutImage", "name_image", "push a one-layer probe image"),
    ("ecr:BatchGetImage", "read_manifest", "pull the probe image's manifest"),
    ("ecr:GetDownloadUrlForLayer", "read_layer", "pull the probe image's layer"),
)
"""What a push and a pull ask for: IAM's action, the method of `ProbePush`, the words."""

_NO_POLICY: Final = "this is no policy, so nobody takes it for one ".ljust(120, ".")  # 100 characters at least
_TO_TASKS: Final = (("iam:PassedToService", "ecs-tasks.amazonaws.com"),)
_TO_LAMBDA: Final = (("iam:PassedToService", "lambda.amazonaws.com"),)


@dataclass(frozen=True, slots=True)
class Call:
    """A call that can do no harm.

    Attributes:
        service: AWS's, as the SDK names it.
        operation: the same.
        parameters: of the call.
        reached: error codes that AWS gives only to somebody who has the permission.
    """

    service: str
    operation: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    reached: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One row before it is tried; equal to itself alone.

    Attributes:
        title: a verb in words, such as `delete the repository`.
        action: IAM's.
        resource: ARN, or `*`.
        expected: how it must come out.
        call: None where it is a part of the push, or where only a simulation does no harm.
        context: values of condition keys, for a simulation.
        needs_image: the call is harmless only while the repository is there and holds an image.
    """

    title: str
    action: str
    resource: str
    expected: Expected
    call: Call | None = None
    context: tuple[tuple[str, str], ...] = ()
    needs_image: bool = False


class Place:
    """The names and ARNs that the table is made of.

    Args:
        answers: of the project.
        made: what Terraform made.
        partition: `aws`, `aws-cn`, ...
        user: ARN of the CI user; empty for a role, which makes no call of its own from here.
    """

    def __init__(self, answers: Answers, made: ProvisionResult, partition: str, user: str) -> None:
        self.answers = answers
        self.name = made.ecr_repo_path
        self.region = made.aws_region
        self.user = user
        self.user_name = made.ci_user
        self.ghost = f"ecrwiz-probe-{secrets.token_hex(6)}"  # nothing of this name exists
        self._made = made
        self._partition = partition

    def arn(self, service: str, resource: str) -> str:
        """An ARN in this account; IAM and S3 know no region."""
        region = "" if service in ("iam", "s3") else self._made.aws_region
        return f"arn:{self._partition}:{service}:{region}:{self._made.account}:{resource}"

    def repository(self, name: str) -> str:
        """The ARN of a repository."""
        return self.arn("ecr", f"repository/{name}")

    def policy(self, name: str) -> str:
        """The ARN of a policy of AWS's own."""
        return f"arn:{self._partition}:iam::aws:policy/{name}"


def trials(place: Place) -> tuple[Trial, ...]:
    """Every row for this project, those that must work first."""
    deploys = place.answers.ecs_deploy == "yes"
    rows = [*_push(place), *(_deploy(place) if deploys else ())]
    rows += [*_own_repository(place), *_other_repositories(place), *_identities(place)]
    rows += [*(_no_other_deploy(place) if deploys else _no_deploy(place)), *_elsewhere()]
    return tuple(_with_context(place, row) if deploys else row for row in rows)


def _with_context(place: Place, row: Trial) -> Trial:
    """Give a simulation every key that the policy for a deployment asks for, so that it need not leave it open."""
    if row.expected == "allowed":
        return row
    keys = {
        "iam:PassedToService": "ecs-tasks.amazonaws.com",
        "ecs:cluster": place.arn("ecs", f"cluster/{place.ghost}"),
        "ecs:task-definition": place.arn("ecs", f"task-definition/{place.ghost}:1"),
    }
    return replace(row, context=tuple((keys | dict(row.context)).items()))


def _call(service: str, operation: str, /, *reached: str, **parameters: object) -> Call:
    return Call(service, operation, parameters, frozenset(reached))


def _push(place: Place) -> tuple[Trial, ...]:
    own = place.repository(place.name)
    who = Trial("say who it is", "sts:GetCallerIdentity", "*", "allowed", _call("sts", "get_caller_identity"))
    return (
        *([who] if place.user else []),
        Trial("get a token for the registry", "ecr:GetAuthorizationToken", "*", "allowed",
              _call("ecr", "get_authorization_token")),
        *(Trial(title, action, own, "allowed") for action, _, title in PUSH_STEPS),
        Trial("look at the images in ECR", "ecr:DescribeImages", own, "allowed",
              _call("ecr", "describe_images", repositoryName=place.name, maxResults=1)),
    )  # fmt: skip


def _deploy(place: Place) -> tuple[Trial, ...]:
    answers = place.answers
    cluster, service, family = answers.cluster, answers.service, answers.ecs_task_family
    revision = place.arn("ecs", f"task-definition/{family}:1")
    service_arn, of_cluster = place.arn("ecs", f"service/{cluster}/{service}"), _of_cluster(place, cluster)
    roles = dict.fromkeys((answers.ecs_execution_role, answers.ecs_task_role))
    return (
        Trial("read a task definition", "ecs:DescribeTaskDefinition", "*", "allowed",
              _call("ecs", "describe_task_definition", "ClientException", taskDefinition=family)),
        Trial(f"register a revision of {family}", "ecs:RegisterTaskDefinition", revision, "allowed"),
        Trial(f"look at the service {service}", "ecs:DescribeServices", service_arn, "allowed",
              _call("ecs", "describe_services", "ClusterNotFoundException", cluster=cluster, services=[service]),
              of_cluster),
        Trial(f"bring a new revision into {service}", "ecs:UpdateService", service_arn, "allowed",
              context=(*of_cluster, ("ecs:task-definition", revision))),
        *(Trial(f"pass {role} to its tasks", "iam:PassRole", place.arn("iam", f"role/{role}"), "allowed",
                context=_TO_TASKS) for role in roles),
    )  # fmt: skip


def _of_cluster(place: Place, cluster: str) -> tuple[tuple[str, str], ...]:
    return (("ecs:cluster", place.arn("ecs", f"cluster/{cluster}")),)


def _own_repository(place: Place) -> tuple[Trial, ...]:
    name, own = place.name, place.repository(place.name)
    nothing = [{"imageDigest": f"sha256:{secrets.token_hex(32)}"}]
    return (
        # Without `force` ECR deletes no repository that holds an image.
        Trial("delete the repository", "ecr:DeleteRepository", own, "refused",
              _call("ecr", "delete_repository", "RepositoryNotEmptyException", repositoryName=name),
              needs_image=True),
        Trial("delete an image", "ecr:BatchDeleteImage", own, "refused",
              _call("ecr", "batch_delete_image", repositoryName=name, imageIds=nothing)),
        # What is no policy is not taken, whoever sends it.
        Trial("change which images ECR keeps", "ecr:PutLifecyclePolicy", own, "refused",
              _call("ecr", "put_lifecycle_policy", repositoryName=name, lifecyclePolicyText=_NO_POLICY)),
        Trial("remove the lifecycle policy", "ecr:DeleteLifecyclePolicy", own, "refused"),
        Trial("open the repository to others", "ecr:SetRepositoryPolicy", own, "refused",
              _call("ecr", "set_repository_policy", repositoryName=name, policyText=_NO_POLICY)),
        Trial("remove the repository's policy", "ecr:DeleteRepositoryPolicy", own, "refused"),
        Trial("let tags be moved, or not", "ecr:PutImageTagMutability", own, "refused"),
    )  # fmt: skip


def _other_repositories(place: Place) -> tuple[Trial, ...]:
    name, other = place.name, f"{place.name}-{place.ghost}"
    own, arn, gone = place.repository(name), place.repository(other), "RepositoryNotFoundException"
    latest = [{"imageTag": "latest"}]
    part: dict[str, Any] = {"uploadId": place.ghost, "partFirstByte": 0, "partLastByte": 0, "layerPartBlob": b"x"}
    return (
        Trial("create a repository", "ecr:CreateRepository", own, "refused",
              _call("ecr", "create_repository", "RepositoryAlreadyExistsException", repositoryName=name),
              needs_image=True),
        Trial("create another repository", "ecr:CreateRepository", arn, "refused"),
        Trial("list the account's repositories", "ecr:DescribeRepositories", place.repository("*"), "refused",
              _call("ecr", "describe_repositories", maxResults=1)),
        Trial("pull from another repository", "ecr:BatchGetImage", arn, "refused",
              _call("ecr", "batch_get_image", gone, repositoryName=other, imageIds=latest)),
        # Not InitiateLayerUpload: where the account has a template for it, that could create the repository.
        Trial("upload to another repository", "ecr:UploadLayerPart", arn, "refused",
              _call("ecr", "upload_layer_part", gone, "UploadNotFoundException", repositoryName=other, **part)),
        Trial("push to another repository", "ecr:PutImage", arn, "refused"),
    )  # fmt: skip


def _identities(place: Place) -> tuple[Trial, ...]:
    ghost, gone = place.ghost, "NoSuchEntity"
    ghost_user, ghost_role = place.arn("iam", f"user/{ghost}"), place.arn("iam", f"role/{ghost}")
    policy: dict[str, Any] = {"PolicyName": "ecrwiz-probe", "PolicyDocument": _NO_POLICY}
    return (
        Trial("list the account's users", "iam:ListUsers", place.arn("iam", "user/*"), "refused",
              _call("iam", "list_users", MaxItems=1)),
        Trial("make an access key for another user", "iam:CreateAccessKey", ghost_user, "refused",
              _call("iam", "create_access_key", gone, UserName=ghost)),
        Trial("give another user a policy", "iam:PutUserPolicy", ghost_user, "refused",
              _call("iam", "put_user_policy", gone, UserName=ghost, **policy)),
        *(_itself(place) if place.user else ()),
        Trial("make a role", "iam:CreateRole", ghost_role, "refused"),
        Trial("pass another role", "iam:PassRole", ghost_role, "refused", context=_TO_TASKS),
        # STS refuses to assume a role that does not exist in the same words as one that may not be assumed.
        Trial("assume another role", "sts:AssumeRole", ghost_role, "refused"),
    )  # fmt: skip


def _itself(place: Place) -> tuple[Trial, ...]:
    me, name, gone = place.user, place.user_name, "NoSuchEntity"
    unknown_key = "AKIA" + base64.b32encode(secrets.token_bytes(10)).decode()
    key: dict[str, Any] = {"AccessKeyId": unknown_key, "Status": "Inactive"}
    policy: dict[str, Any] = {"PolicyName": "ecrwiz-probe", "PolicyDocument": _NO_POLICY}
    return (
        Trial("make itself another access key", "iam:CreateAccessKey", me, "refused"),
        Trial("change an access key of its own", "iam:UpdateAccessKey", me, "refused",
              _call("iam", "update_access_key", gone, UserName=name, **key)),
        Trial("give itself a policy", "iam:PutUserPolicy", me, "refused",
              _call("iam", "put_user_policy", UserName=name, **policy)),
        Trial("give itself a policy of AWS's", "iam:AttachUserPolicy", me, "refused",
              _call("iam", "attach_user_policy", gone, UserName=name, PolicyArn=place.policy(place.ghost))),
        Trial("make a user", "iam:CreateUser", me, "refused",
              _call("iam", "create_user", "EntityAlreadyExists", UserName=name)),
    )  # fmt: skip


def _no_deploy(place: Place) -> tuple[Trial, ...]:
    family = place.arn("ecs", f"task-definition/{place.ghost}:1")
    return (
        Trial("register a task definition", "ecs:RegisterTaskDefinition", family, "refused"),
        _other_service(place, place.ghost),
    )


def _no_other_deploy(place: Place) -> tuple[Trial, ...]:
    answers, of_cluster = place.answers, _of_cluster(place, place.answers.cluster)
    other, own = (place.arn("ecs", f"task-definition/{name}:1") for name in (place.ghost, answers.ecs_task_family))
    service, role = f"service/{answers.cluster}/{answers.service}", f"role/{answers.ecs_task_role}"
    return (
        Trial("register a task definition of another family", "ecs:RegisterTaskDefinition", other, "refused"),
        _other_service(place, answers.cluster),
        Trial("delete the service", "ecs:DeleteService", place.arn("ecs", service), "refused", context=of_cluster),
        Trial("start a task by itself", "ecs:RunTask", own, "refused", context=of_cluster),
        Trial("pass the tasks' role to another service", "iam:PassRole", place.arn("iam", role), "refused",
              context=_TO_LAMBDA),
    )  # fmt: skip


def _other_service(place: Place, cluster: str) -> Trial:
    arn = place.arn("ecs", f"service/{cluster}/{place.ghost}")
    gone = ("ClusterNotFoundException", "ServiceNotFoundException")
    return Trial("change another ECS service", "ecs:UpdateService", arn, "refused",
                 _call("ecs", "update_service", *gone, cluster=cluster, service=place.ghost),
                 _of_cluster(place, cluster))  # fmt: skip


def _elsewhere() -> tuple[Trial, ...]:
    return (
        Trial("list S3 buckets", "s3:ListAllMyBuckets", "*", "refused", _call("s3", "list_buckets")),
        Trial("list EC2 instances", "ec2:DescribeInstances", "*", "refused",
              _call("ec2", "describe_instances", "DryRunOperation", DryRun=True)),
    )  # fmt: skip
