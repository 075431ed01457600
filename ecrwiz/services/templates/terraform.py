"""The Terraform that is rendered into a project's `infra/`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from ecrwiz.model import validation
from ecrwiz.model.answers import Answers
from ecrwiz.model.app import RenderedFile
from ecrwiz.model.errors import BadInputError
from ecrwiz.model.paths import INFRA_FOLDERS
from ecrwiz.services.templates.engine import PACKAGE, environment, lines

__all__ = ["check", "hcl_quote", "infra_files", "policy_size", "terraform_templates"]

PROVIDER_VERSIONS: Final = {"any": ">= 5.60, < 7.0", "5": ">= 5.60, < 6.0", "6": ">= 6.0, < 7.0"}
# 6.8.0 (2025-08) is the first release of hashicorp/aws whose aws_ecr_repository has
# image_tag_mutability_exclusion_filter; 6.7.0 has it not. Read in the schemas of both, as published for CDKTF.
_EXCLUSION_VERSION: Final = ">= 6.8, < 7.0"
_MUTABILITY: Final = {"mutable": "MUTABLE", "immutable": "IMMUTABLE"}

# In a folder with Terraform of the person's own, the usual names are likely to be theirs.
_NAMES_BESIDE_OTHERS: Final = {
    "main.tf": "ecrwiz.tf",
    "variables.tf": "ecrwiz-variables.tf",
    "outputs.tf": "ecrwiz-outputs.tf",
    "terraform.tfvars": "ecrwiz.auto.tfvars",
}
_ORDER: Final = ("versions.tf", "main.tf", "ecs.tf", "variables.tf", "terraform.tfvars", "outputs.tf")

POLICY_LIMIT: Final = 2048
"""Characters that IAM allows for all inline policies of one user together (IAM quotas; white space is not counted).
A role may have 10,240, which these two policies cannot reach."""
# The characters of the two policies in modules/ci_policy without what differs between projects; a test compares them
# with the real ones.
_PUSH_FIXED: Final = 409
_DEPLOY_FIXED: Final = 835


def terraform_templates() -> Path:
    """The folder whose files become `infra/`: inside the package, or beside it in an editable install."""
    packed = PACKAGE / "_terraform_templates"
    return packed if packed.is_dir() else PACKAGE.parent / "terraform_templates"


def check(answers: Answers) -> None:
    """Say early which answers do not go together.

    Raises:
        BadInputError: the provider asked for cannot do it, or IAM would refuse the CI user's policy.
    """
    if answers.tag_mutability == "immutable-except-latest" and answers.aws_provider == "5":
        raise BadInputError(
            "tag_mutability immutable-except-latest needs the AWS provider 6.8 or newer, and aws_provider says 5.",
            "Take aws_provider any or 6, or tag_mutability mutable or immutable.",
        )
    if answers.ecs_deploy == "yes":
        _check_ecs(answers)
    if answers.has_role:
        _check_environment(answers)
    size = policy_size(answers)
    if answers.has_key and size > POLICY_LIMIT:
        raise BadInputError(
            f"The CI user's policies would have about {size} characters, and IAM allows {POLICY_LIMIT}.",
            "Take shorter names for ecs_cluster, ecs_service and ecs_task_family, or ecs_deploy no.",
        )


def _check_environment(answers: Answers) -> None:
    """A job in an environment has that subject and no other, so the role must trust it."""
    named, forms = answers.github_environment, answers.oidc_trust.split(", ") if answers.oidc_trust else []
    if answers.workflow != "yes" or not forms:
        return
    if named and f"environment:{named}" not in forms:
        raise BadInputError(
            f"The workflow works in the environment {named}, so that is all that GitHub's tokens say of its runs, and "
            f"oidc_trust trusts {answers.oidc_trust} alone: AWS would refuse every run.",
            f"Add it: --set 'oidc_trust={answers.oidc_trust}, environment:{named}'; or empty oidc_trust.",
        )
    if not named and all(form.startswith("environment:") for form in forms):
        raise BadInputError(
            f"oidc_trust trusts {answers.oidc_trust} alone, and the workflow works in no environment: AWS would refuse "
            "every run.",
            f"Let it work there: --set github_environment={forms[0].removeprefix('environment:')!r}",
        )


def _check_ecs(answers: Answers) -> None:
    """Check the names of an ECS service; some are made of project_id, which may hold what ECS does not allow."""
    names = {
        "ecs_cluster": answers.cluster,
        "ecs_service": answers.service,
        "ecs_task_family": answers.ecs_task_family,
        "ecs_container": answers.ecs_container,
    }
    for field, name in names.items():
        try:
            validation.check_ecs_name(name, field)
        except ValueError:
            name = ""
        if not name:
            raise BadInputError(
                f"ecs_deploy is yes, and {field} has no name that ECS allows: letters, digits, '-' and '_'.",
                f"Name it as it is in ECS: --set {field}=...",
            )


def policy_size(answers: Answers) -> int:
    """The most characters that the CI identity's inline policies can have, whatever the partition."""
    partition = len("aws-us-gov")
    size = _PUSH_FIXED + partition + len(answers.region) + len(answers.repository_name)
    if answers.ecs_deploy == "yes":
        place = 5 * (partition + len(answers.region))
        names = 2 * len(answers.cluster) + len(answers.service) + 3 * len(answers.ecs_task_family)
        roles = (answers.ecs_execution_role, answers.ecs_task_role)
        size += _DEPLOY_FIXED + place + names + sum(partition + len(role) for role in roles)
    return size


def infra_files(answers: Answers) -> Iterator[RenderedFile]:
    """Render the Terraform files, in the order in which a person reads them.

    With `infra_layout` `beside` they are a root module of their own in `infra/ecrwiz/`. With `reuse` they become a
    part of the person's module in `infra/`: under names of their own, and without the `terraform` and `provider`
    blocks, which a module may have only once.

    Raises:
        BadInputError: answers that do not go together.
    """
    check(answers)
    reuse = answers.infra_layout == "reuse"
    folder = INFRA_FOLDERS[answers.infra_layout]
    left_out = tuple(folder for folder, wanted in _only_for(answers).items() if not wanted)
    values = _values(answers)
    for name in _templates():
        target = name.removesuffix(".j2")
        if (reuse and target == "versions.tf") or target.startswith(left_out):
            continue
        yield RenderedFile(
            f"{folder}/{_NAMES_BESIDE_OTHERS.get(target, target) if reuse else target}", _text(name, values)
        )


def _only_for(answers: Answers) -> dict[str, bool]:
    """Modules that not every CI identity needs, and whether this one does."""
    return {"modules/ci_user/": answers.has_key, "modules/ci_role/": answers.has_role}


def _text(name: str, values: Mapping[str, Any]) -> str:
    """A template's text; HCL cannot leave out a block or state a version by a variable, so some need an engine."""
    root = terraform_templates()
    if not name.endswith(".j2"):
        return lines((root / name).read_text(encoding="utf-8"))
    engine = environment(root)
    engine.filters["hcl"] = hcl_quote
    return lines(engine.get_template(name).render(values))


def _values(answers: Answers) -> dict[str, Any]:
    reuse, except_latest = answers.infra_layout == "reuse", answers.tag_mutability == "immutable-except-latest"
    return {
        **answers.model_dump(),
        "cluster": answers.cluster,
        "service": answers.service,
        "ecs_deploy": answers.ecs_deploy == "yes",
        "except_latest": except_latest,
        "force_delete": answers.force_delete == "yes",
        "has_key": answers.has_key,
        "has_role": answers.has_role,
        "lifecycle": answers.untagged_days > 0 or answers.keep_images > 0,
        "mutability": _MUTABILITY.get(answers.tag_mutability, ""),
        "provider_version": _EXCLUSION_VERSION if except_latest else PROVIDER_VERSIONS[answers.aws_provider],
        # Names such as `env` and `app` are everybody's, and a module may declare a variable once.
        "prefix": "ecrwiz_" if reuse else "",
        "reuse": reuse,
        "tfvars": "ecrwiz.auto.tfvars" if reuse else "terraform.tfvars",
    }


def _templates() -> list[str]:
    """The names of the templates, those of the root module first."""
    root = terraform_templates()
    found = [path.relative_to(root).as_posix() for pattern in ("*.tf", "*.j2") for path in root.rglob(pattern)]
    # Somebody may have tried them out there: .terraform holds copies.
    named = [name for name in found if not any(part.startswith(".") for part in PurePosixPath(name).parts)]
    return sorted(named, key=lambda name: (name.count("/"), name.rpartition("/")[0], _place(name), name))


def _place(name: str) -> int:
    target = PurePosixPath(name).name.removesuffix(".j2")
    return _ORDER.index(target) if target in _ORDER else len(_ORDER)


def hcl_quote(text: str) -> str:
    """A quoted HCL string whose value is this text, whatever it holds."""
    named = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    quoted = "".join(named.get(c) or (c if c.isprintable() else f"\\U{ord(c):08x}") for c in text)
    # ${ and %{ start a template. Doubling the sign would be read wrongly after another such sign.
    return '"' + quoted.replace("${", "\\u0024{").replace("%{", "\\u0025{") + '"'
