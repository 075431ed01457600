"""What Terraform makes is made on a stand-in for AWS, and its CI user then tries what it may and may not do."""

from __future__ import annotations

import base64
import functools
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from ecrwiz.flow.infra import TARGETS
from ecrwiz.model.redact import Secret
from ecrwiz.services import openpgp
from ecrwiz.services.templates.terraform import policy_size
from tests.aws_program import Aws, serve
from tests.infra_kit import ACCOUNT, KMS_KEY, REGION, Infra, answers, rendered

PAIR = openpgp.generate("test")
SUBJECT = "repo:octo/web:ref:refs/heads/main"
ISSUER = "token.actions.githubusercontent.com"
TRUST = {"issuer": ISSUER, "audience": "sts.amazonaws.com", "subjects": [SUBJECT]}
ENV = {"TF_VAR_ci_user_pgp_key": PAIR.public, "TF_VAR_ci_role_trust": json.dumps(TRUST)}
THEIRS = (
    'terraform {\n  required_providers {\n    aws = {\n      source = "hashicorp/aws"\n    }\n  }\n'
    '  backend "local" {}\n}\n'
    'provider "aws" {\n  region = "eu-west-1"\n}\n'
)


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with serve() as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Infra:
    made = Infra(tmp_path_factory.mktemp("app"), rendered(ci_identity="both"))
    made.init()
    return made


@functools.cache  # a client takes 50 ms to make
def client(aws: Aws, service: str, region: str = REGION, key: str = "", secret: str = "", token: str = "") -> Any:
    session = boto3.Session(key or aws.key, secret or aws.secret, token or None, region_name=region)
    return session.client(service, endpoint_url=aws.url, config=Config(retries={"total_max_attempts": 1}))


def apply(infra: Infra, aws: Aws, files: dict[str, str], state: str) -> dict[str, Any]:
    """Apply into a state of its own, prove that nothing is left to change, and give the outputs."""
    infra.put(files)
    at = f"-state={state}.tfstate"
    done = infra.run("apply", "-auto-approve", "-input=false", "-no-color", at, **aws.environ, **ENV)
    assert done.returncode == 0, done.stdout + done.stderr
    again = infra.run("plan", "-detailed-exitcode", "-input=false", "-no-color", at, **aws.environ, **ENV)
    assert again.returncode == 0, again.stdout
    outputs = json.loads(infra.run("output", "-json", at).stdout)
    return {name: output["value"] for name, output in outputs.items()}


@dataclass(frozen=True)
class Made:
    """What CI gets.

    Attributes:
        project: the project's id.
        name: of the user or role.
        key: access key id, of the user or of a session as the role.
        secret: its secret.
        region: where the repository is.
        token: of a session as the role; empty for a user.
    """

    project: str
    name: str
    key: str
    secret: str
    region: str
    token: str = ""


_projects = (f"p{number}" for number in itertools.count(1))


def make(infra: Infra, aws: Aws, /, files: dict[str, str] | None = None, **options: str) -> Made:
    project = next(_projects)
    region = options.get("region", REGION)
    got = apply(infra, aws, rendered(project_id=project, **options) | (files or {}), project)
    assert got["account"] == ACCOUNT
    assert got["aws_region"] == region
    assert got["ecr_repo_path"] == f"web/{project}/nextjs"
    if options.get("ci_identity") == "oidc":
        return assume(aws, project, region, got)
    secret = openpgp.decrypt(got["aws_iam_access_key"], PAIR.private)
    plain = secret.reveal() if isinstance(secret, Secret) else secret
    return Made(project, got["ci_user"], got["aws_iam_access_id"], plain, region)


def assume(aws: Aws, project: str, region: str, got: dict[str, Any]) -> Made:
    """A session as the role, as a workflow's run gets it; the stand-in does not look at the token."""
    assert set(got) == {"account", "aws_region", "ci_role_arn", "ecr_repo_path", "ecr_repo_url"}
    name = got["ci_role_arn"].rpartition("/")[2]
    session = client(aws, "sts", region).assume_role_with_web_identity(
        RoleArn=got["ci_role_arn"], RoleSessionName="ecrwiz-1", WebIdentityToken="a.b.c"
    )["Credentials"]
    return Made(project, name, session["AccessKeyId"], session["SecretAccessKey"], region, session["SessionToken"])


def as_ci(aws: Aws, service: str, made: Made) -> Any:
    return client(aws, service, made.region, made.key, made.secret, made.token)


def repository_of(aws: Aws, made: Made) -> tuple[Any, dict[str, str], dict[str, str]]:
    """The repository, its tags, and the user's tags."""
    ecr, iam = client(aws, "ecr", made.region), client(aws, "iam", made.region)
    found = ecr.describe_repositories(repositoryNames=[f"web/{made.project}/nextjs"])["repositories"][0]
    listed = ecr.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"]
    of_user = iam.list_user_tags(UserName=made.name)["Tags"]
    return found, *({tag["Key"]: tag["Value"] for tag in tags} for tags in (listed, of_user))


def rules_of(aws: Aws, made: Made) -> list[int]:
    ecr = client(aws, "ecr", made.region)
    policy = ecr.get_lifecycle_policy(repositoryName=f"web/{made.project}/nextjs")["lifecyclePolicyText"]
    return [rule["selection"]["countNumber"] for rule in json.loads(policy)["rules"]]


def owned(made: Made) -> dict[str, str]:
    return {"project": made.project, "env": "prod", "managed-by": "ecrwiz"}


def test_the_defaults(folder: Infra, aws: Aws) -> None:
    made = make(folder, aws)
    found, tags, user_tags = repository_of(aws, made)
    assert found["imageTagMutability"] == "MUTABLE"
    assert found["encryptionConfiguration"] == {"encryptionType": "AES256"}
    assert rules_of(aws, made) == [14, 30]
    assert tags == user_tags == owned(made)


def test_options(folder: Infra, aws: Aws) -> None:
    options = {"tag_mutability": "immutable", "kms_key": KMS_KEY, "force_delete": "yes", "untagged_days": "0"}
    made = make(folder, aws, {}, keep_images="7", **options)
    found, _, _ = repository_of(aws, made)
    assert found["imageTagMutability"] == "IMMUTABLE"
    assert found["encryptionConfiguration"] == {"encryptionType": "KMS", "kmsKey": KMS_KEY}
    assert rules_of(aws, made) == [7]


def test_in_a_folder_with_terraform_of_the_persons_own(folder: Infra, aws: Aws) -> None:
    made = make(folder, aws, {"infra/main.tf": THEIRS}, infra_layout="reuse")
    _, tags, user_tags = repository_of(aws, made)
    assert tags == user_tags == owned(made)
    wrong = rendered(project_id="x", infra_layout="reuse", region="us-east-1") | {"infra/main.tf": THEIRS}
    folder.put(wrong)
    done = folder.run("plan", "-input=false", "-no-color", "-state=x.tfstate", **aws.environ, **ENV)
    assert done.returncode == 1
    said = " ".join(done.stderr.replace("│", " ").split())
    assert "Your aws provider works in eu-west-1, and ecrwiz.toml says us-east-1." in said


def test_options_changed_later_change_the_same_resources(folder: Infra, aws: Aws) -> None:
    made = make(folder, aws)
    for options in (
        {"tag_mutability": "immutable", "ecs_deploy": "yes", "keep_images": "0"},
        {"untagged_days": "0", "keep_images": "0"},
        {},
    ):
        folder.put(rendered(project_id=made.project, **options))
        at = f"-state={made.project}.tfstate"
        done = folder.run("apply", "-auto-approve", "-input=false", "-no-color", at, **aws.environ, **ENV)
        assert done.returncode == 0, done.stderr
        gone = [line for line in done.stdout.splitlines() if re.search("will be destroyed|must be replaced", line)]
        assert all("aws_ecr_lifecycle_policy.main" in line or "policy.deploy[0]" in line for line in gone), gone
        # As `ecrwiz destroy` asks for it, whether or not there is a lifecycle policy.
        targets = [f"-target={target}" for target in TARGETS]
        done = folder.run("plan", "-destroy", "-input=false", "-no-color", at, *targets, **aws.environ, **ENV)
        assert done.returncode == 0, done.stderr
    assert rules_of(aws, made) == [14, 30]


CLUSTER, SERVICE, FAMILY = "web-cluster", "web-service", "task-definition-node"
EXECUTION, TASK = "Policy-Ecs-Execution-Role", "Policy-Ecs-Task-Role"
PARTITIONS = {"eu-west-1": "aws", "cn-north-1": "aws-cn"}
_TRUST = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"}]}'


def container(image: str = "x") -> list[dict[str, Any]]:
    return [{"name": "nextjs-image", "image": image, "memory": 128}]


@pytest.fixture(scope="module", params=[(region, "access-key") for region in PARTITIONS] + [("eu-west-1", "oidc")])
def deployer(request: pytest.FixtureRequest, folder: Infra, aws: Aws) -> Made:
    """A CI user or role that Terraform made, with a service to deploy to and one beside it."""
    region, identity = request.param
    options = {"ecs_deploy": "yes", "ecs_cluster": CLUSTER, "ecs_service": SERVICE, "ci_identity": identity}
    made = make(folder, aws, {}, region=region, **options)
    services(aws, region)
    client(aws, "ecr", region).create_repository(repositoryName=f"web/{made.project}/other")
    return made


@functools.cache
def services(aws: Aws, region: str) -> None:
    """What there is to deploy to in a region, once."""
    ecs, iam = client(aws, "ecs", region), client(aws, "iam", region)
    for role in (EXECUTION, TASK, "admin"):
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=_TRUST)
    for family in (FAMILY, "other"):
        ecs.register_task_definition(family=family, containerDefinitions=container())
    for cluster in (CLUSTER, "other"):
        ecs.create_cluster(clusterName=cluster)
        for service in (SERVICE, "beside"):
            ecs.create_service(cluster=cluster, serviceName=service, taskDefinition=FAMILY, desiredCount=0)


def role(made: Made, name: str) -> str:
    return f"arn:{PARTITIONS[made.region]}:iam::{ACCOUNT}:role/{name}"


OWN = "web/{project}/nextjs"
LAYER = {"layerDigests": ["sha256:" + "0" * 64]}
IMAGE = {"imageIds": [{"imageTag": "x"}]}
MANIFEST = '{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "layers": []}'
# service, call, arguments; `{project}` and `role:NAME` are filled in.
ALLOWED: list[tuple[str, str, dict[str, Any]]] = [
    ("sts", "get_caller_identity", {}),
    ("ecr", "get_authorization_token", {}),
    ("ecr", "batch_check_layer_availability", {"repositoryName": OWN, **LAYER}),
    ("ecr", "initiate_layer_upload", {"repositoryName": OWN}),
    ("ecr", "batch_get_image", {"repositoryName": OWN, **IMAGE}),
    ("ecr", "describe_images", {"repositoryName": OWN}),
    ("ecs", "describe_task_definition", {"taskDefinition": FAMILY}),
    ("ecs", "describe_task_definition", {"taskDefinition": "other"}),  # AWS cannot narrow it
    ("ecs", "register_task_definition", {"family": FAMILY}),
    ("ecs", "register_task_definition",
     {"family": FAMILY, "taskRoleArn": f"role:{TASK}", "executionRoleArn": f"role:{EXECUTION}"}),
    ("ecs", "describe_services", {"cluster": CLUSTER, "services": [SERVICE]}),
    ("ecs", "update_service", {"cluster": CLUSTER, "service": SERVICE, "taskDefinition": f"{FAMILY}:1"}),
    ("ecs", "update_service", {"cluster": CLUSTER, "service": SERVICE, "desiredCount": 0}),
]  # fmt: skip
DENIED: list[tuple[str, str, dict[str, Any], str]] = [
    ("ecr", "initiate_layer_upload", {"repositoryName": "web/{project}/other"}, "ecr:InitiateLayerUpload"),
    ("ecr", "describe_images", {"repositoryName": "web/{project}/other"}, "ecr:DescribeImages"),
    ("ecr", "describe_repositories", {}, "ecr:DescribeRepositories"),
    ("ecr", "create_repository", {"repositoryName": "web/{project}/new"}, "ecr:CreateRepository"),
    ("ecr", "delete_repository", {"repositoryName": OWN, "force": True}, "ecr:DeleteRepository"),
    ("ecr", "batch_delete_image", {"repositoryName": OWN, **IMAGE}, "ecr:BatchDeleteImage"),
    ("ecr", "set_repository_policy", {"repositoryName": OWN, "policyText": "{}"}, "ecr:SetRepositoryPolicy"),
    ("ecr", "put_image_tag_mutability",
     {"repositoryName": OWN, "imageTagMutability": "MUTABLE"}, "ecr:PutImageTagMutability"),
    ("ecr", "delete_lifecycle_policy", {"repositoryName": OWN}, "ecr:DeleteLifecyclePolicy"),
    ("ecs", "register_task_definition", {"family": "other"}, "ecs:RegisterTaskDefinition"),
    ("ecs", "register_task_definition", {"family": f"{FAMILY}-2"}, "ecs:RegisterTaskDefinition"),
    ("ecs", "register_task_definition", {"family": FAMILY, "taskRoleArn": "role:admin"}, "iam:PassRole"),
    ("ecs", "register_task_definition", {"family": FAMILY, "executionRoleArn": "role:admin"}, "iam:PassRole"),
    ("ecs", "register_task_definition",
     {"family": FAMILY, "taskRoleArn": "role:admin", "executionRoleArn": f"role:{EXECUTION}"}, "iam:PassRole"),
    ("ecs", "update_service", {"cluster": CLUSTER, "service": "beside"}, "ecs:UpdateService"),
    ("ecs", "update_service", {"cluster": "other", "service": SERVICE}, "ecs:UpdateService"),
    ("ecs", "update_service",
     {"cluster": CLUSTER, "service": SERVICE, "taskDefinition": "other:1"}, "ecs:UpdateService"),
    ("ecs", "describe_services", {"cluster": CLUSTER, "services": [SERVICE, "beside"]}, "ecs:DescribeServices"),
    ("ecs", "create_service",
     {"cluster": CLUSTER, "serviceName": "new", "taskDefinition": FAMILY}, "ecs:CreateService"),
    ("ecs", "delete_service", {"cluster": CLUSTER, "service": SERVICE, "force": True}, "ecs:DeleteService"),
    ("ecs", "delete_cluster", {"cluster": CLUSTER}, "ecs:DeleteCluster"),
    ("ecs", "deregister_task_definition", {"taskDefinition": f"{FAMILY}:1"}, "ecs:DeregisterTaskDefinition"),
    ("ecs", "run_task", {"cluster": CLUSTER, "taskDefinition": FAMILY}, "ecs:RunTask"),
    ("iam", "create_access_key", {}, "iam:CreateAccessKey"),
    ("iam", "list_users", {}, "iam:ListUsers"),
    ("iam", "create_role", {"RoleName": "x", "AssumeRolePolicyDocument": _TRUST}, "iam:CreateRole"),
    ("sqs", "list_queues", {}, "sqs:ListQueues"),
]  # fmt: skip


def fill(made: Made, call: str, arguments: dict[str, Any]) -> dict[str, Any]:
    filled = {
        name: role(made, value.removeprefix("role:")) if isinstance(value, str) and value.startswith("role:") else value
        for name, value in arguments.items()
    }
    if "repositoryName" in filled:
        filled["repositoryName"] = filled["repositoryName"].format(project=made.project)
    return filled | ({"containerDefinitions": container()} if call == "register_task_definition" else {})


def test_what_ci_may_do(aws: Aws, deployer: Made) -> None:
    for service, call, arguments in ALLOWED:
        who = as_ci(aws, service, deployer)
        getattr(who, call)(**fill(deployer, call, arguments))


def test_what_ci_may_not_do(aws: Aws, deployer: Made) -> None:
    for service, call, arguments, action in DENIED:
        who = as_ci(aws, service, deployer)
        with pytest.raises(ClientError, match="not authorized to perform") as error:
            getattr(who, call)(**fill(deployer, call, arguments))
        assert f": {action} on resource" in str(error.value), (call, arguments)


def test_an_image_goes_up_and_is_seen(aws: Aws, deployer: Made) -> None:
    who = as_ci(aws, "ecr", deployer)
    name = f"web/{deployer.project}/nextjs"
    who.put_image(repositoryName=name, imageManifest=MANIFEST, imageTag="abc")
    assert who.describe_images(repositoryName=name, imageIds=[{"imageTag": "abc"}])["imageDetails"]


def test_roles_go_to_ecs_tasks_alone(aws: Aws, deployer: Made) -> None:
    """With permission for Lambda besides, the same identity cannot give a function the role of the tasks."""
    iam = client(aws, "iam", deployer.region)
    put, delete, whose = policy_calls(iam, deployer)
    extra = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "lambda:*", "Resource": "*"}}
    put(**whose, PolicyName="extra", PolicyDocument=json.dumps(extra))
    try:
        who = as_ci(aws, "lambda", deployer)
        with pytest.raises(ClientError, match="iam:PassRole"):
            who.create_function(
                FunctionName="f", Role=role(deployer, TASK), Runtime="nodejs22.x", Handler="x.y",
                Code={"ZipFile": base64.b64encode(b"x")},
            )  # fmt: skip
    finally:
        delete(**whose, PolicyName="extra")


def policy_calls(iam: Any, made: Made) -> tuple[Any, Any, dict[str, str]]:
    """IAM's calls that put and delete an inline policy, and how they name the identity."""
    if made.token:
        return iam.put_role_policy, iam.delete_role_policy, {"RoleName": made.name}
    return iam.put_user_policy, iam.delete_user_policy, {"UserName": made.name}


def test_the_policies_size_is_foretold(aws: Aws, deployer: Made) -> None:
    iam = client(aws, "iam", deployer.region)
    listed, got = (iam.list_role_policies, iam.get_role_policy) if deployer.token else (
        iam.list_user_policies, iam.get_user_policy,
    )  # fmt: skip
    whose = policy_calls(iam, deployer)[2]
    names = sorted(listed(**whose)["PolicyNames"])
    documents = [got(**whose, PolicyName=name)["PolicyDocument"] for name in names]
    assert names == ["deploy-to-ecs", "push-to-ecr"]
    size = sum(len(json.dumps(document, separators=(",", ":"))) for document in documents)
    given = {"region": deployer.region, "project_id": deployer.project, "ecs_cluster": CLUSTER, "ecs_service": SERVICE}
    foretold = policy_size(answers(ecs_deploy="yes", **given))
    partitions = 8 * (len("aws-us-gov") - len(PARTITIONS[deployer.region]))
    assert foretold - partitions == size
