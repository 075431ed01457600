"""What the person decides: the answers, the names made of them, and where each value came from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from ecrwiz.model import validation
from ecrwiz.model.errors import BadInputError

__all__ = [
    "BUILD_ARG",
    "CHOICES",
    "FIELDS",
    "NOT_KEPT",
    "PLATFORMS",
    "STRATEGIES",
    "Answers",
    "Origin",
    "Resolved",
    "Source",
    "check_field",
    "is_field",
    "resolve",
]

Source = Literal["you", "flag", "environment", "file", "detected", "default"]
STRATEGIES: Final = ("multi-stage", "article", "own")
PLATFORMS: Final = ("linux/amd64", "linux/arm64")
YES_NO: Final = ("yes", "no")
INFRA_LAYOUTS: Final = ("infra", "beside", "reuse")
TAG_MUTABILITIES: Final = ("mutable", "immutable", "immutable-except-latest")
AWS_PROVIDERS: Final = ("any", "5", "6")
CI_IDENTITIES: Final = ("access-key", "oidc", "both")
"""What CI works as: an IAM user's key, a role assumed by OIDC, or both while one takes the place of the other."""

BUILD_ARG: Final = "build_args."
"""Values of public build variables stand under this prefix: `build_args.NEXT_PUBLIC_API_URL`."""

CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "strategy": STRATEGIES,
    "platform": PLATFORMS,
    "workflow": YES_NO,
    "infra_layout": INFRA_LAYOUTS,
    "tag_mutability": TAG_MUTABILITIES,
    "force_delete": YES_NO,
    "aws_provider": AWS_PROVIDERS,
    "ecs_deploy": YES_NO,
    "ci_identity": CI_IDENTITIES,
}
"""The answers that are one of a few words."""


class Answers(BaseModel):
    """A complete, checked set of answers; it never changes.

    Make it with `resolve`, which gives the regions that botocore knows as validation context.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    project_id: str
    region: str
    port: int = 3000
    env: str = "dev"
    app: str = "app"
    strategy: str = "multi-stage"
    platform: str = "linux/amd64"
    github_repository: str = ""
    github_api_url: str = "https://api.github.com"
    image_tag: str = ""
    health_path: str = "/"
    github_environment: str = ""
    ci_identity: str = "access-key"
    oidc_trust: str = ""
    workflow: str = "yes"
    infra_layout: str = "infra"
    tag_mutability: str = "mutable"
    untagged_days: int = 14
    keep_images: int = 30
    kms_key: str = ""
    force_delete: str = "no"
    aws_provider: str = "any"
    ecs_deploy: str = "no"
    ecs_cluster: str = ""
    ecs_service: str = ""
    ecs_task_family: str = "task-definition-node"
    ecs_container: str = "nextjs-image"
    ecs_execution_role: str = "Policy-Ecs-Execution-Role"
    ecs_task_role: str = "Policy-Ecs-Task-Role"
    build_args: Mapping[str, str] = Field(default_factory=dict)

    @field_validator("project_id", "env", "app")
    @classmethod
    def _name(cls, value: str, info: ValidationInfo) -> str:
        return validation.check_name(value, info.field_name or "")

    @field_validator("region")
    @classmethod
    def _region(cls, value: str, info: ValidationInfo) -> str:
        return validation.check_region(value, (info.context or {}).get("regions", ()))

    @field_validator("port", mode="before")
    @classmethod
    def _port(cls, value: object) -> int:
        return validation.check_port(value if isinstance(value, int | str) else "")

    @field_validator(*CHOICES)
    @classmethod
    def _choice(cls, value: str, info: ValidationInfo) -> str:
        name = info.field_name or ""
        return validation.check_choice(value, name, CHOICES[name])

    @field_validator("untagged_days", "keep_images", mode="before")
    @classmethod
    def _count(cls, value: object, info: ValidationInfo) -> int:
        return validation.check_count(value if isinstance(value, int | str) else "", info.field_name or "")

    @field_validator("health_path")
    @classmethod
    def _health_path(cls, value: str) -> str:
        return validation.check_health_path(value)

    @field_validator("kms_key")
    @classmethod
    def _kms_key(cls, value: str) -> str:
        return validation.check_kms_key(value)

    @field_validator("ecs_cluster", "ecs_service", "ecs_task_family", "ecs_container")
    @classmethod
    def _ecs_name(cls, value: str, info: ValidationInfo) -> str:
        return validation.check_ecs_name(value, info.field_name or "")

    @field_validator("ecs_execution_role", "ecs_task_role")
    @classmethod
    def _role_name(cls, value: str, info: ValidationInfo) -> str:
        return validation.check_role_name(value, info.field_name or "")

    @field_validator("build_args")
    @classmethod
    def _build_args(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        return validation.check_build_args(value)

    @field_validator("github_repository")
    @classmethod
    def _github_repository(cls, value: str) -> str:
        return validation.check_github_repository(value)

    @field_validator("github_api_url")
    @classmethod
    def _github_api_url(cls, value: str) -> str:
        return validation.check_api_url(value)

    @field_validator("github_environment")
    @classmethod
    def _github_environment(cls, value: str) -> str:
        return validation.check_environment(value)

    @field_validator("oidc_trust")
    @classmethod
    def _oidc_trust(cls, value: str) -> str:
        return validation.check_oidc_trust(value)

    @field_validator("image_tag")
    @classmethod
    def _image_tag(cls, value: str) -> str:
        return validation.check_image_tag(value)

    @model_validator(mode="after")
    def _together(self) -> Answers:
        validation.check_names_together(self.project_id, self.env, self.app)
        return self

    @property
    def repository_name(self) -> str:
        """The ECR repository's name, `web/<project_id>/<app>`."""
        return validation.repository_name(self.project_id, self.app)

    @property
    def ci_user_name(self) -> str:
        """The IAM user's name, `ci-<project_id>-<env>-server-user`."""
        return validation.ci_user_name(self.project_id, self.env)

    @property
    def ci_role_name(self) -> str:
        """The IAM role's name, `ci-<project_id>-<env>-server-role`."""
        return validation.ci_role_name(self.project_id, self.env)

    @property
    def has_key(self) -> bool:
        """Whether the CI identity is, or still is, a user with an access key."""
        return self.ci_identity in ("access-key", "both")

    @property
    def has_role(self) -> bool:
        """Whether the CI identity is, or already is, a role that GitHub's workflows assume."""
        return self.ci_identity in ("oidc", "both")

    @property
    def cluster(self) -> str:
        """The ECS cluster that a workflow deploys to; the series' name when none is given."""
        return self.ecs_cluster or f"web-cluster-{self.project_id}-{self.env}"

    @property
    def service(self) -> str:
        """The ECS service that a workflow deploys to; the series' name when none is given."""
        return self.ecs_service or f"web-service-{self.project_id}-{self.env}"

    @property
    def local_image(self) -> str:
        """The image's name in the local engine, without a tag."""
        return f"ecrwiz/{self.project_id}/{self.app}"


FIELDS: Final = tuple(name for name in Answers.model_fields if name != "build_args")


def is_field(name: str) -> bool:
    """Whether there is an answer of this name."""
    return name in FIELDS or (name.startswith(BUILD_ARG) and len(name) > len(BUILD_ARG))


# For one run only: a tag that was typed once must not stick to every later image.
NOT_KEPT: Final = frozenset({"image_tag"})


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from.

    Attributes:
        source: the kind of place.
        detail: the place itself, such as `package.json` or `ECRWIZ_PORT`; may be empty.
    """

    source: Source
    detail: str = ""

    def __str__(self) -> str:
        words = {"you": "you", "default": "default"}.get(self.source)
        return words or f"from {self.detail or self.source}"


@dataclass(frozen=True, slots=True)
class Resolved:
    """Raw values with their origins, and either checked answers or what is wrong with them.

    Attributes:
        values: every field's raw value, by name; missing ones are absent.
        origins: where each of them came from.
        answers: the checked answers; None when `problems` is not empty.
        problems: a sentence for each field that cannot be used; `""` is the key for several fields together.
    """

    values: Mapping[str, str]
    origins: Mapping[str, Origin]
    answers: Answers | None
    problems: Mapping[str, str] = field(default_factory=dict)

    def require(self) -> Answers:
        """The answers.

        Raises:
            BadInputError: with the first problem's sentence and the place of its value.
        """
        if self.answers is not None:
            return self.answers
        name, sentence = next(iter(self.problems.items()))
        origin = self.origins.get(name)
        raise BadInputError(sentence, f"The value came {_came(origin)}; nothing was written." if origin else "")


def _came(origin: Origin) -> str:
    return {"you": "from you", "default": "as a default"}.get(origin.source, str(origin))


def resolve(layers: Collection[Mapping[str, tuple[str, Origin]]], regions: Collection[str]) -> Resolved:
    """Merge layers of values, strongest first, and check the result.

    Args:
        layers: maps of field name to (raw value, origin); the first layer that has a field wins.
        regions: the region codes that AWS knows.
    """
    merged: dict[str, tuple[str, Origin]] = {}
    for layer in layers:
        for name, value in layer.items():
            merged.setdefault(name, value)
    for name in FIELDS:
        info = Answers.model_fields[name]
        if not info.is_required():
            merged.setdefault(name, (str(info.default), Origin("default")))
    ordered = (*FIELDS, *sorted(name for name in merged if name.startswith(BUILD_ARG)))
    values = {name: merged[name][0] for name in ordered if name in merged}
    origins = {name: merged[name][1] for name in values}
    unknown = [name for name in merged if not is_field(name)]
    if unknown:
        sentence = f"{unknown[0]} is no answer that ecrwiz knows; it knows {', '.join(FIELDS)}."
        return Resolved(values, {**origins, unknown[0]: merged[unknown[0]][1]}, None, {unknown[0]: sentence})
    try:
        answers = Answers.model_validate(_nested(values), context={"regions": regions})
    except ValidationError as error:
        return Resolved(values, origins, None, _sentences(error))
    return Resolved(values, origins, answers)


def _nested(values: Mapping[str, str]) -> dict[str, object]:
    """The raw values as `Answers` takes them; a build variable without a value is one that was not answered."""
    flat: dict[str, object] = {name: value for name, value in values.items() if not name.startswith(BUILD_ARG)}
    arguments = {
        name.removeprefix(BUILD_ARG): value for name, value in values.items() if name.startswith(BUILD_ARG) and value
    }
    return {**flat, "build_args": arguments}


def check_field(name: str, value: str, regions: Collection[str]) -> str:
    """The sentence that says what is wrong with one field's value; empty when nothing is."""
    values = {"project_id": "a", "region": "us-east-1", name: value}
    try:
        Answers.model_validate(
            _nested(values), context={"regions": {*regions, "us-east-1"} if name != "region" else regions}
        )
    except ValidationError as error:
        found = _sentences(error)
        return found.get(name.partition(".")[0]) or found.get("", "")
    return ""


def _sentences(error: ValidationError) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in error.errors(include_url=False):
        name = str(item["loc"][0]) if item["loc"] else ""
        if item["type"] == "missing":
            sentence = f"{name} is not known yet: give it with --set {name}=..., in ecrwiz.toml or in the wizard."
        else:
            sentence = str(item.get("ctx", {}).get("error") or item["msg"])
        found.setdefault(name, sentence)
    return found
