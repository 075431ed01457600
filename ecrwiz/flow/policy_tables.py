"""The words for what stands in IAM policies.

Source of the actions: docs.aws.amazon.com/service-authorization/latest/reference (Amazon ECR, Amazon ECS, IAM, STS).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["ACTIONS", "BOUND", "KEYS", "KEY_ENDS", "NOTABLE", "NO_NARROWER", "OPERATORS", "RESOURCES", "SERVICES"]

# Actions that belong together come first as a group; the first row whose actions are all there takes them.
ACTIONS: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    (("ecr:GetAuthorizationToken",), "log in to the registry"),
    (
        (
            "ecr:BatchCheckLayerAvailability",
            "ecr:InitiateLayerUpload",
            "ecr:UploadLayerPart",
            "ecr:CompleteLayerUpload",
            "ecr:PutImage",
        ),
        "push images",
    ),
    (("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"), "pull images"),
    (("ecr:DescribeImages",), "see which images are there"),
    (("ecr:ListImages",), "list the images' tags"),
    (("ecr:BatchCheckLayerAvailability",), "ask which layers are there"),
    (("ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload"), "upload layers"),
    (("ecr:PutImage",), "give an image its tag"),
    (("ecr:BatchDeleteImage",), "delete images"),
    (("ecr:CreateRepository",), "make repositories"),
    (("ecr:DeleteRepository",), "delete the repository"),
    (("ecr:DescribeRepositories",), "look at the repository's settings"),
    (("ecr:DescribeImageScanFindings",), "read which vulnerabilities were found"),
    (("ecs:DescribeTaskDefinition",), "read any ECS task definition"),
    (("ecs:RegisterTaskDefinition",), "register new revisions of a task definition"),
    (("ecs:UpdateService", "ecs:DescribeServices"), "start a revision in a service, and watch it"),
    (("ecs:UpdateService",), "start a revision in a service"),
    (("ecs:DescribeServices",), "watch a service"),
    (("ecs:TagResource",), "tag ECS resources"),
    (("iam:PassRole",), "hand over a role"),
    (("sts:GetCallerIdentity",), "ask who it is"),
    (("sts:AssumeRole",), "assume a role"),
)

# AWS knows no resource for these, so `*` is as narrow as it gets.
NO_NARROWER: Final = frozenset({
    "ecr:GetAuthorizationToken", "ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition", "sts:GetCallerIdentity",
})  # fmt: skip

SERVICES: Final[Mapping[str, str]] = {
    "ecr": "ECR",
    "ecs": "ECS",
    "iam": "IAM",
    "sts": "STS",
    "s3": "S3",
    "ec2": "EC2",
    "kms": "KMS",
    "lambda": "Lambda",
    "logs": "CloudWatch Logs",
    "secretsmanager": "Secrets Manager",
}

# Service, pattern of the ARN's last part, and the words for it.
RESOURCES: Final[tuple[tuple[str, str, str], ...]] = (
    ("ecr", r"repository/(.+)", "the repository {0}"),
    ("ecs", r"service/([^/]+)/(.+)", "the service {1} of the cluster {0}"),
    ("ecs", r"task-definition/([^:]+)(?::\*)?", "the task definition {0}"),
    ("ecs", r"task-definition/([^:]+):(\d+)", "revision {1} of the task definition {0}"),
    ("ecs", r"cluster/(.+)", "the cluster {0}"),
    ("iam", r"role/(?:.+/)?([^/]+)", "the role {0}"),
    ("iam", r"user/(?:.+/)?([^/]+)", "the user {0}"),
    ("s3", r"([^/]+)/\*", "the objects of the bucket {0}"),
    ("kms", r"key/(.+)", "the key {0}"),
)

OPERATORS: Final[Mapping[str, str]] = {
    "StringEquals": "is exactly",
    "StringNotEquals": "is not",
    "StringLike": "matches the pattern",
    "StringNotLike": "does not match the pattern",
    "StringEqualsIgnoreCase": "is, whatever its case,",
    "ArnEquals": "is",
    "ArnLike": "is",
    "ArnNotEquals": "is not",
    "Bool": "is",
    "IpAddress": "lies in",
    "NotIpAddress": "lies outside",
}

KEYS: Final[Mapping[str, str]] = {
    "iam:passedtoservice": "the service that gets it",
    "ecs:cluster": "its cluster",
    "ecs:task-definition": "what it starts",
    "aws:sourceip": "the caller's address",
    "aws:principalarn": "the caller",
    "aws:securetransport": "the call being encrypted",
}

# Keys of an OIDC provider begin with its address.
KEY_ENDS: Final = (
    (":sub", "the token's subject"),
    (":aud", "the token's audience"),
)

# What somebody who found the credentials would try; a policy for CI allows none of it.
NOTABLE: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("delete images or repositories", ("ecr:BatchDeleteImage", "ecr:DeleteRepository")),
    (
        "change the repository's settings, its lifecycle rules, or who else may use it",
        ("ecr:SetRepositoryPolicy", "ecr:PutLifecyclePolicy", "ecr:PutImageTagMutability"),
    ),
    ("make repositories", ("ecr:CreateRepository",)),
    (
        "give itself or others more rights, or make users, roles or keys",
        ("iam:PutUserPolicy", "iam:AttachUserPolicy", "iam:PutRolePolicy", "iam:AttachRolePolicy",
         "iam:CreateUser", "iam:CreateRole", "iam:CreateAccessKey"),
    ),
    ("become another role", ("sts:AssumeRole",)),
    ("run tasks, or make or delete services, in ECS", ("ecs:RunTask", "ecs:CreateService", "ecs:DeleteService")),
)  # fmt: skip

# What is allowed, but only for the resources that the policy names.
BOUND: Final[tuple[tuple[str, str], ...]] = (
    ("push to any other repository", "ecr:PutImage"),
    ("pull from any other repository", "ecr:BatchGetImage"),
    ("change any other service", "ecs:UpdateService"),
    ("hand over any other role", "iam:PassRole"),
)
