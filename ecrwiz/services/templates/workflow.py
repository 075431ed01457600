"""The GitHub Actions workflow that builds and pushes with what the wizard exported."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator
from typing import Any, Final

from ecrwiz.model.answers import Answers
from ecrwiz.model.app import NodeApp, Place, RenderedFile
from ecrwiz.model.errors import BadInputError
from ecrwiz.services.templates.dockerfile import base_image
from ecrwiz.services.templates.engine import PACKAGE, environment, template
from ecrwiz.services.templates.managers import commands

__all__ = [
    "ACTIONS",
    "REHEARSAL_BRANCH",
    "ROLE_VARIABLE",
    "VARIABLES",
    "path_of",
    "title_of",
    "variables",
    "workflow_file",
]

ACTIONS: Final = {
    "actions/checkout": ("3d3c42e5aac5ba805825da76410c181273ba90b1", "v7.0.1"),
    "aws-actions/amazon-ecr-login": ("03f1aad4c6c7ffd436567f42f9384779290529bd", "v2.1.7"),
    "aws-actions/amazon-ecs-deploy-task-definition": ("c465972ecbd160473f22e683363b422a5412a3de", "v2.6.3"),
    "aws-actions/amazon-ecs-render-task-definition": ("138c24f321fdbdf7edee4a685519d253cae2cdea", "v1.9.0"),
    "aws-actions/configure-aws-credentials": ("e6de054238d6b7531b4efff3b6587d9aade6a06c", "v6.2.3"),
    "docker/build-push-action": ("53b7df96c91f9c12dcc8a07bcb9ccacbed38856a", "v7.3.0"),
    "docker/setup-buildx-action": ("37fe631027851001ddb9b187196cc803df7f5f0e", "v4.3.0"),
}
"""The commit and the version of each action that is used."""

VARIABLES: Final = ("AWS_ACCOUNT_ID", "AWS_REGION", "ECR_REGISTRY", "ECR_REPOSITORY")
"""The repository's variables that the workflow reads, besides the public build variables and `ROLE_VARIABLE`."""

ROLE_VARIABLE: Final = "AWS_ROLE_ARN"
"""The variable that names the role, when the CI identity is one."""

REHEARSAL_BRANCH: Final = "ecrwiz/rehearsal"
"""The branch on which the workflow is tried; the only one that ecrwiz ever pushes."""

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9._/@+-]*|\.")
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})  # YAML reads them otherwise
# A folder's name that is neither an expression of GitHub's (`${{`) nor anything else to YAML or the shell.
_FOLDER: Final = re.compile(r"[A-Za-z0-9._@+/ ()\[\]-]+")
_SHELL_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# A clone that wants one of these for its npm registry wants it stolen.
_NEVER_A_TOKEN: Final = re.compile(r"(?:AWS|ECR|ECRWIZ)_", re.IGNORECASE)


def workflow_file(answers: Answers, app: NodeApp, place: Place) -> RenderedFile | None:
    """Render the workflow.

    Args:
        answers: the checked answers.
        app: what was read of the application.
        place: where the application lies in its Git work tree.

    Returns:
        The file in `.github/workflows/` at the top of the work tree; None when no workflow is wanted or no
        repository on GitHub is known.

    Raises:
        BadInputError: a folder's name cannot stand in a workflow, or the build needs files from outside the
            work tree.
    """
    if answers.workflow != "yes" or not answers.github_repository:
        return None
    environment(PACKAGE / "app_templates").filters.update(yaml=_yaml, yaml_quoted=json.dumps)
    path = path_of(answers)
    text = template("workflow.yml.j2", _values(answers, app, place, path))
    return RenderedFile(posixpath.normpath(posixpath.join(place.up, path)), text)


def variables(answers: Answers) -> tuple[str, ...]:
    """The names of the variables that the workflow reads, besides the public build variables."""
    return (*VARIABLES, ROLE_VARIABLE) if answers.has_role else VARIABLES


def path_of(answers: Answers) -> str:
    """Where the workflow lies, from the top of the work tree."""
    return f".github/workflows/{_name(answers)}.yml"


def title_of(answers: Answers) -> str:
    """The workflow's name, as GitHub lists it."""
    return f"Build and push {answers.repository_name}"


def _name(answers: Answers) -> str:
    """What tells this workflow from those of other applications in the same repository."""
    return f"ecrwiz-{answers.project_id}-{answers.app}"


def _values(answers: Answers, app: NodeApp, place: Place, path: str) -> dict[str, Any]:
    context = _folder(posixpath.join(place.app, app.up))
    own = answers.strategy == "own" and app.dockerfile
    dockerfile = app.dockerfile.path if own and app.dockerfile else "Dockerfile"
    article = answers.strategy == "article"
    tokens = [name for name in app.registry.variables if _SHELL_NAME.fullmatch(name) and not _NEVER_A_TOKEN.match(name)]
    return {
        **answers.model_dump(),
        "action": _action,
        "audience": "sts.amazonaws.com.cn" if answers.region.startswith("cn-") else "",
        "article": article,
        "base_image": base_image(app),
        "build": _build(app) if article else "",
        "cluster": answers.cluster,
        "context": context,
        "deployed": f"github.ref != 'refs/heads/{REHEARSAL_BRANCH}'",
        "ecs": answers.ecs_deploy == "yes",
        "ex": lambda expression: f"${{{{ {expression} }}}}",
        "file": _folder(posixpath.join(place.app, dockerfile)),
        "folder": _folder(place.app),
        "has_role": answers.has_role,
        "immutable": answers.tag_mutability != "mutable",
        "latest": answers.tag_mutability != "immutable",
        "name": _name(answers),
        "npmrc": bool(app.registry.npmrc) and not article and not own,
        "owner": answers.github_repository.partition("/")[0],
        "paths": [*_paths(app, place, context, path)],
        "public": sorted(answers.build_args),
        "rehearsal": REHEARSAL_BRANCH,
        "service": answers.service,
        "title": answers.repository_name,
        "tokens": tokens,
        "variables": variables(answers),
        "workflow_name": title_of(answers),
    }


def _action(name: str) -> str:
    commit, version = ACTIONS[name]
    return f"{name}@{commit} # {version}"


def _build(app: NodeApp) -> str:
    """What the article does by hand: install and build, in the image that the application runs in."""
    wanted = commands(app, lambda _: None)
    return " && ".join(part for part in (*wanted.setup, wanted.install, app.build_command(wanted.program)) if part)


def _folder(path: str) -> str:
    """A path from the top of the work tree, in its shortest form.

    Raises:
        BadInputError: it leads out, or cannot stand in a workflow.
    """
    path = posixpath.normpath(path)
    if path.startswith(("..", "/")):
        raise BadInputError(
            "The workspace's root lies above the Git repository, so a workflow cannot check it out.",
            "Go without the workflow (--set workflow=no), or put the whole workspace under Git.",
        )
    if not _FOLDER.fullmatch(path):
        raise BadInputError(
            f"The path {path!r} holds characters that have a meaning in a workflow.",
            "Rename the folder to letters, digits, '.', '_' and '-', or go without the workflow: --set workflow=no",
        )
    return path


def _paths(app: NodeApp, place: Place, context: str, workflow: str) -> Iterator[str]:
    """What the image is made of, as path filters; nothing when that is the whole repository."""
    if app.workspace is None:
        if place.app != ".":
            yield from (f"{_pattern(_folder(place.app))}/**", workflow)
        return
    # Which members the application uses is the package manager's knowledge: the folders with members count.
    members = [app.workspace.app, *(posixpath.dirname(path) for path in app.workspace.manifests)]
    parents = {_parent(member) for member in members if member not in ("", ".")}
    if "" in parents:  # members directly in the root: the root is what matters then
        if context != ".":
            yield from (f"{_pattern(context)}/**", workflow)
        return
    root = "" if context == "." else f"{_pattern(context)}/"
    yield from (f"{root}{_pattern(_folder(name))}/**" for name in sorted(parents))
    yield f"{root}*.json"  # package.json, a lockfile, tsconfig.base.json, turbo.json
    for name in app.manager.files:
        if "/" in name or not name.endswith(".json"):
            path = root + _pattern(_folder(name))
            yield from (path, f"{path}/**") if _may_be_folder(name) else (path,)
    yield workflow


def _may_be_folder(path: str) -> bool:
    """Whether a path such as `patches` or `.yarn` may be a folder: it has no ending, and is no `.npmrc`."""
    name = posixpath.basename(path).lstrip(".")
    return "." not in name and not name.endswith("rc")


def _parent(member: str) -> str:
    return member.split("/", 1)[0] if "/" in member else ""


def _pattern(path: str) -> str:
    """A path as GitHub's filters take it literally."""
    return re.sub(r"([*?+\[\]!])", r"\\\1", path)


def _yaml(text: str) -> str:
    """A YAML scalar with this text."""
    plain = all(_PLAIN.fullmatch(word) for word in text.split(" ")) and text.lower() not in _WORDS
    return text if plain else json.dumps(text)
