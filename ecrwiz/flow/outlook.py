"""What the answers will lead to, told while they are typed: names, files, who is trusted; nobody is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ecrwiz.flow.project import Project
from ecrwiz.model import subjects, validation
from ecrwiz.model.answers import Answers
from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.trust import Form
from ecrwiz.services import answers_file, files, git, regions, templates
from ecrwiz.services.templates.workflow import REHEARSAL_BRANCH

__all__ = ["Outlook", "look", "tag"]

_DEFAULT_BRANCH: Final = "<default branch>"
_OPEN: Final = "…"


@dataclass(frozen=True, slots=True)
class Outlook:
    """What there will be.

    Attributes:
        facts: what it is, and its name.
        files: each file by its path, and whether it is `new` or `there`.
        problem: why the files cannot be told.
    """

    facts: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, str], ...] = ()
    problem: str = ""


async def tag(project: Project) -> str:
    """The tag that the image would get from the git commit; empty when there is none.

    Raises:
        EcrwizError: git refuses to work there.
    """
    state = await git.describe(project.paths.root)
    return git.image_tag(state) if state and state.commit else ""


async def look(project: Project, values: Mapping[str, str], account: str, commit_tag: str) -> Outlook:
    """Tell what these answers would lead to, some of which may be wrong still.

    Args:
        project: the project, whose own answers stay as they are.
        values: the answers as they are typed.
        account: the AWS account's number; empty while it is not known.
        commit_tag: what `tag` gave.
    """
    return await asyncio.to_thread(_look, project.as_if(values), account, commit_tag)


def _look(project: Project, account: str, commit_tag: str) -> Outlook:
    answers = project.resolved.answers
    if answers is None:
        return Outlook(tuple(_names(project, account)), problem="The files are listed when every field is right.")
    facts = [*_names(project, account), ("Image tag", _tags(answers, commit_tag)), *_trusted(answers)]
    facts.append(("State", _state(project)))
    try:
        app = project.need_app()

        def existing(path: str) -> str | None:
            return files.read_text(project.paths.root / path, inside=project.paths.base, cut=True)

        rendered = templates.render(answers, app, existing, place=project.place)
    except EcrwizError as error:
        return Outlook(tuple(facts), problem=error.message)
    paths = [answers_file.NAME, *(file.path for file in rendered)]
    found = tuple((path, "there" if (project.paths.root / path).exists() else "new") for path in paths)
    return Outlook(tuple(facts), found)


def _names(project: Project, account: str) -> list[tuple[str, str]]:
    """The names, with a sign in the place of each value that is wrong."""
    resolved = project.resolved
    values = {name: _OPEN if name in resolved.problems else value for name, value in resolved.values.items()}
    region = values.get("region", _OPEN)
    known = regions.all_regions().get(region)
    host = f"{account or 'ACCOUNT'}.dkr.ecr.{region}.{known.dns_suffix if known else 'amazonaws.com'}"
    name = validation.repository_name(values.get("project_id", _OPEN), values.get("app", _OPEN))
    found = [("Registry", host), ("Repository", name)]
    identity, project_id, env = values.get("ci_identity"), values.get("project_id", _OPEN), values.get("env", _OPEN)
    if identity != "oidc":
        found.append(("CI user", validation.ci_user_name(project_id, env)))
    if identity in ("oidc", "both"):
        found.append(("CI role", validation.ci_role_name(project_id, env)))
    return found


def _tags(answers: Answers, commit_tag: str) -> str:
    own = answers.image_tag or commit_tag or "src-… (no commit yet)"
    return own if answers.tag_mutability == "immutable" else f"{own}, latest"


def _trusted(answers: Answers) -> list[tuple[str, str]]:
    """The subjects that the role would trust, in the form that most repositories' tokens have."""
    if not answers.has_role:
        return []
    if not answers.github_repository:
        return [("Trusts", "nobody: name the GitHub repository")]
    forms = subjects.forms_of(answers.oidc_trust, answers.github_environment, _DEFAULT_BRANCH)
    if answers.ci_identity == "both" and not answers.github_environment:
        forms = (*forms, Form("branch", REHEARSAL_BRANCH))
    return [("Trusts", f"repo:{answers.github_repository}:{_end(form)}") for form in forms]


def _end(form: Form) -> str:
    ends = {"branch": f"ref:refs/heads/{form.name}", "tag": f"ref:refs/tags/{form.name}"}
    return ends.get(form.kind, f"{form.kind}:{form.name}" if form.name else form.kind)


def _state(project: Project) -> str:
    paths = project.paths
    if paths.terraform_state is not None:
        state, root = paths.terraform_state, paths.root
        return f"{state.relative_to(root) if state.is_relative_to(root) else state} on this machine"
    if project.answers.infra_layout == "reuse":
        return "where your own backend says"
    return f"{paths.infra_folder}/terraform.tfstate on this machine"
