"""What the person decides: the answers, the names made of them, and where each value came from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator, model_validator

from ecrwiz.model import validation
from ecrwiz.model.errors import BadInputError

__all__ = [
    "FIELDS",
    "NOT_KEPT",
    "PLATFORMS",
    "STRATEGIES",
    "Answers",
    "Origin",
    "Resolved",
    "Source",
    "check_field",
    "resolve",
]

Source = Literal["you", "flag", "environment", "file", "detected", "default"]
STRATEGIES: Final = ("multi-stage", "article")
PLATFORMS: Final = ("linux/amd64", "linux/arm64")


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

    @field_validator("strategy")
    @classmethod
    def _strategy(cls, value: str) -> str:
        return validation.check_choice(value, "strategy", STRATEGIES)

    @field_validator("platform")
    @classmethod
    def _platform(cls, value: str) -> str:
        return validation.check_choice(value, "platform", PLATFORMS)

    @field_validator("github_repository")
    @classmethod
    def _github_repository(cls, value: str) -> str:
        return validation.check_github_repository(value)

    @field_validator("github_api_url")
    @classmethod
    def _github_api_url(cls, value: str) -> str:
        return validation.check_api_url(value)

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
    def local_image(self) -> str:
        """The image's name in the local engine, without a tag."""
        return f"ecrwiz/{self.project_id}/{self.app}"


FIELDS: Final = tuple(Answers.model_fields)

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
    for name, info in Answers.model_fields.items():
        if not info.is_required():
            merged.setdefault(name, (str(info.default), Origin("default")))
    values = {name: merged[name][0] for name in FIELDS if name in merged}
    origins = {name: merged[name][1] for name in values}
    unknown = [name for name in merged if name not in FIELDS]
    if unknown:
        sentence = f"{unknown[0]} is no answer that ecrwiz knows; it knows {', '.join(FIELDS)}."
        return Resolved(values, {**origins, unknown[0]: merged[unknown[0]][1]}, None, {unknown[0]: sentence})
    try:
        answers = Answers.model_validate(values, context={"regions": regions})
    except ValidationError as error:
        return Resolved(values, origins, None, _sentences(error))
    return Resolved(values, origins, answers)


def check_field(name: str, value: str, regions: Collection[str]) -> str:
    """The sentence that says what is wrong with one field's value; empty when nothing is."""
    values = {"project_id": "a", "region": "us-east-1", name: value}
    try:
        Answers.model_validate(values, context={"regions": {*regions, "us-east-1"} if name != "region" else regions})
    except ValidationError as error:
        found = _sentences(error)
        return found.get(name) or found.get("", "")
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
