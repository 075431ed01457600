"""The fields of the form: labels, hints, and which kind of field each answer has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from textual.widgets import Static

from ecrwiz.flow.profiles import region_options
from ecrwiz.flow.project import Project
from ecrwiz.model.answers import BUILD_ARG, CHOICES, Origin
from ecrwiz.model.profile import Chosen
from ecrwiz.model.results import ProvisionResult
from ecrwiz.widgets.field import ChoiceField, Field, FixedField, TextField
from ecrwiz.widgets.pick_field import PickField

__all__ = ["PROFILE", "fields", "profile_field"]

PROFILE: Final = "aws_profile"
"""The field of the AWS profile; it is no answer, so it is kept elsewhere."""

# Field, label, and a sentence for it.
_MAIN: Final = (
    ("project_id", "Project id", "Names the repository and the CI identity."),
    ("app", "App", "The last part of the repository's name."),
    ("env", "Environment", "Such as dev or prod; part of the CI identity's name."),
    ("region", "AWS region", "Type a code or a place; an empty field lists all, nearest first."),
    ("port", "Port", "Where the container listens when PORT is not set."),
    ("strategy", "Dockerfile", ""),
    ("platform", "Platform", "What the servers run on that will pull the image."),
    ("ci_identity", "CI identity", ""),
    ("github_repository", "GitHub", "OWNER/NAME that CI runs in; empty for none."),
    ("github_environment", "GitHub env", "The deployment environment that CI works in; empty for none."),
)
_FURTHER: Final = (
    ("oidc_trust", "Role trusts", "branch:NAME, tag:NAME, environment:NAME, pull_request; empty: default branch."),
    ("health_path", "Health path", "What the image is asked for when it is tried."),
    ("workflow", "Workflow", "Write a GitHub workflow that builds and pushes."),
    ("ecs_deploy", "ECS deploy", "Let CI bring each image into an ECS service."),
    ("tag_mutability", "Image tags", "Whether a tag may move to another image."),
    ("infra_layout", "Terraform in", ""),
)

# What each word of a choice means.
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "strategy": {
        "multi-stage": "Docker installs and builds in stages; only what runs is in the image.",
        "article": "Copies what you built on this machine, as the article does.",
        "own": "Builds with the Dockerfile that is there; it is not touched.",
    },
    "ci_identity": {
        "access-key": "An IAM user's key, kept in your keyring and in GitHub's secrets; works with any CI.",
        "oidc": "GitHub's runs assume a role for an hour; there is no secret, and only GitHub can use it.",
        "both": "A role is taking the key's place; `ecrwiz credentials to-oidc` finishes that.",
    },
    "infra_layout": {
        "infra": "A folder of its own, infra/.",
        "beside": "In infra/ecrwiz, beside Terraform of yours.",
        "reuse": "Among your own files in infra/, with your provider and backend.",
    },
}  # fmt: skip
_SHOWN: Final[Mapping[str, Mapping[str, str]]] = {
    "ci_identity": {"access-key": "access key", "oidc": "OIDC role", "both": "both"},
}
_KEY_IN_USE: Final = "The next run would delete the key that CI has now; `ecrwiz credentials to-oidc` leaves no gap."
_OFFERED: Final[Mapping[str, tuple[str, ...]]] = {"ci_identity": ("access-key", "oidc")}


def fields(project: Project, draft: Mapping[str, str]) -> Iterator[Static | Field]:
    """All fields with their values, those that matter most first."""
    for name, label, hint in _MAIN:
        yield _field(project, draft, name, label, hint)
    yield Static("Further answers", classes="fields--head", markup=False)
    for name, label, hint in _FURTHER:
        yield _field(project, draft, name, label, hint)
    app = project.app
    if app is None or not app.public_variables:
        return
    yield Static("Public: baked into the image, for everybody to read", classes="fields--head", markup=False)
    for variable in app.public_variables:
        hint = f"Public; used in {variable.where}."
        field = _field(project, draft, BUILD_ARG + variable.name, variable.name, hint)
        field.add_class("-public")
        yield field


def profile_field(chosen: Chosen) -> Field:
    """The AWS profile: to be chosen, or what the environment says."""
    if not chosen.is_fixed:
        origin = "chosen for this folder" if chosen.name else "default"
        field = PickField(PROFILE, "AWS profile", chosen.name, options=(), origin=origin, hint="Asking AWS…")
        field.empty_means = "what the AWS SDK finds"
        return field
    by = "from --profile" if chosen.by == "--profile" else f"from {chosen.by}"
    return FixedField(PROFILE, "AWS profile", chosen.name or "keys of the environment", origin=by, hint="Asking AWS…")


def _field(project: Project, draft: Mapping[str, str], name: str, label: str, hint: str) -> Field:
    saved = project.resolved.values.get(name, "")
    value = draft.get(name, saved)
    origin = "you" if value != saved else _origin_text(project.resolved.origins.get(name))
    if name == "region":
        options, about = region_options(value if value in project.regions else saved)
        return PickField(name, label, value, options=options, about=about, origin=origin, hint=hint)
    words = _OFFERED.get(name) or CHOICES.get(name)
    if words:
        return ChoiceField(
            name,
            label,
            value,
            words=words,
            shown=_SHOWN.get(name),
            hints=_hints(project, name, saved),
            origin=origin,
            hint=hint,
        )
    return TextField(name, label, value, origin=origin, hint=hint)


def _hints(project: Project, name: str, saved: str) -> Mapping[str, str]:
    """What each word means; a key in use makes the way to a role another one."""
    found = _WORDS.get(name, {})
    made = project.results.find(ProvisionResult)
    if name == "ci_identity" and saved == "access-key" and made is not None and made.aws_iam_access_id:
        return {**found, "oidc": _KEY_IN_USE}
    return found


def _origin_text(origin: Origin | None) -> str:
    if origin is None:
        return ""
    return "default" if origin.detail == "default" else str(origin)
