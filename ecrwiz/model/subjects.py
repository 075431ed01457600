"""The subjects that GitHub's tokens for workflows carry, solved exactly: pure rules, nothing is asked here.

A role's trust policy compares the claim `sub` of a token as a whole, so one wrong letter keeps the workflow out and
one pattern lets strangers in. Source of the rules: GitHub's "OpenID Connect reference" (subject forms, immutable
subject claims, customised claims, `:` as `%3A`), and IAM's policy grammar (`${`, characters up to U+00FF).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ecrwiz.model.errors import BadInputError, EcrwizError
from ecrwiz.model.trust import Form, SubjectTemplate, Trust, TrustedRepository

__all__ = [
    "EVENTS",
    "IMMUTABLE_SINCE",
    "Workflow",
    "audience_of",
    "forms_of",
    "issuer_of",
    "prefixes_of",
    "solve",
    "subjects_of",
]

IMMUTABLE_SINCE: Final = datetime(2026, 7, 15, tzinfo=UTC)
"""Repositories created, renamed or transferred since then have subjects with ids, on github.com."""

EVENTS: Final = ("push", "workflow_dispatch")
"""What starts the rendered workflow."""

_ISSUER: Final = "token.actions.githubusercontent.com"
# No pattern, no policy variable, no quote, and nothing that IAM's documents cannot hold.
_EXACT: Final = re.compile(r"(?! )[!#%&()+,./0-9:;=@A-Z\[\]^_a-z|~ -]{1,255}(?<! )")
_TELLS_REPOSITORY: Final = frozenset({"repo", "repository", "repository_id", "workflow_ref"})
# With these a name that somebody else took over is of no use: `repo` holds ids in every new repository on github.com.
_KEEPS_REPOSITORY: Final = frozenset({"repo", "repository_id", "repository_owner_id"})
_TELLS_RUN: Final = frozenset({"context", "ref", "environment", "workflow_ref", "job_workflow_ref"})


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow's file as GitHub names it in tokens: the name in it, and its path from the repository's top."""

    name: str
    path: str


@dataclass(frozen=True, slots=True)
class _Run:
    """What is known of a run before it happens; `ref` is empty when nobody can know it."""

    repository: TrustedRepository
    form: Form
    ref: str
    event: str
    workflow: Workflow


def issuer_of(web_host: str) -> str:
    """Host and path of the OIDC provider of a GitHub.

    Args:
        web_host: `github.com`, `NAME.ghe.com`, or the host of a GitHub Enterprise Server.
    """
    if web_host == "github.com":
        return _ISSUER
    if web_host.endswith(".ghe.com"):
        return f"token.actions.{web_host}"
    return f"{web_host}/_services/token"


def audience_of(region: str) -> str:
    """The audience of tokens for STS in the partition of a region."""
    return "sts.amazonaws.com.cn" if region.startswith("cn-") else "sts.amazonaws.com"


def forms_of(oidc_trust: str, environment: str, default_branch: str) -> tuple[Form, ...]:
    """The kinds of run that are trusted, each once.

    Args:
        oidc_trust: the answer, as `validation.check_oidc_trust` gives it.
        environment: the deployment environment that the workflow's job runs in; may be empty.
        default_branch: of the repository.
    """
    found: list[Form] = []
    for text in filter(None, (part.strip() for part in oidc_trust.split(","))):
        kind, _, name = text.partition(":")
        found.append(Form(kind, name))  # type: ignore[arg-type]  # the answer was checked at the door
    if not found:
        found = [Form("environment", environment) if environment else Form("branch", default_branch)]
    return tuple(dict.fromkeys(found))


def prefixes_of(repository: TrustedRepository, template: SubjectTemplate) -> tuple[tuple[str, ...], str]:
    """What the subjects of a repository begin with: one exact text, or two when GitHub leaves a doubt.

    Returns:
        The texts without a colon behind, and why there are two; empty when there is one.

    Raises:
        EcrwizError: GitHub's own first part is not this repository's.
    """
    owner, name = _exact(repository.owner, "owner"), _exact(repository.name, "repository")
    legacy = f"repo:{owner}/{name}"
    immutable = f"repo:{owner}@{repository.owner_id}/{name}@{repository.id}"
    if not repository.is_github_com:
        return (legacy,), ""
    for known in (immutable, legacy):
        if template.prefix == known or template.prefix.startswith(f"{known}:"):
            return (known,), ""
    if template.prefix and template.use_default:
        raise EcrwizError(
            f"GitHub says that the subjects of {owner}/{name} begin with {template.prefix!r}, which is neither "
            f"{immutable} nor {legacy}.",
            "If the repository was renamed or transferred just now, try again in a minute.",
        )
    if template.immutable or (template.immutable is None and repository.created >= IMMUTABLE_SINCE):
        return (immutable,), ""
    doubt = (
        "GitHub does not say which of its two forms this repository's subjects have"
        + (", as it was made before 15 July 2026 and may have been renamed or transferred since" if _is_old(repository)
           else ", though it was made after 15 July 2026")
        + ": both exact forms are trusted. Both name this repository alone."
    )  # fmt: skip
    return (immutable, legacy), doubt


def _is_old(repository: TrustedRepository) -> bool:
    return repository.created < IMMUTABLE_SINCE


def subjects_of(
    repository: TrustedRepository, template: SubjectTemplate, form: Form, workflow: Workflow
) -> tuple[str, ...]:
    """Every exact subject that a run of this form can have.

    Raises:
        BadInputError: it cannot be told before the run, or a name cannot stand in a trust policy exactly.
    """
    prefixes, _ = prefixes_of(repository, template)
    if template.use_default or not template.claims:
        return tuple(f"{prefix}:{_context(form)}" for prefix in prefixes)
    _check_claims(template.claims)
    events = ("pull_request",) if form.kind == "pull_request" else EVENTS
    runs = [_Run(repository, form, _ref(repository, form), event, workflow) for event in events]
    found = [":".join(_part(claim, run, prefix) for claim in template.claims) for run in runs for prefix in prefixes]
    return tuple(dict.fromkeys(found))


def _context(form: Form) -> str:
    if form.kind == "pull_request":
        return "pull_request"
    name = _exact(form.name, form.kind)
    if form.kind == "environment":
        return f"environment:{_quoted(name)}"
    if set(name) & set(": ~^[") or name.startswith(("/", "-")) or ".." in name:
        raise BadInputError(f"No {form.kind} can be called {name!r}: Git does not allow that name.")
    return f"ref:refs/{'heads' if form.kind == 'branch' else 'tags'}/{name}"


def _ref(repository: TrustedRepository, form: Form) -> str:
    """The git ref of a run; a job in an environment is the rendered workflow's, which the default branch runs."""
    if form.kind == "pull_request":
        return ""
    shown = Form("branch", repository.default_branch) if form.kind == "environment" else form
    return _context(shown).removeprefix("ref:")


def _check_claims(claims: Sequence[str]) -> None:
    """Refuse a template by which a run cannot be told, or cannot be told from other repositories' runs."""
    for claim in claims:
        if claim not in _CLAIMS:
            raise BadInputError(
                f"The subjects of this repository are customised with the claim {claim!r}, whose value cannot be "
                "known before a run, so no exact trust policy can be written.",
                "Take the claim out of the repository's or organisation's OIDC subject template on GitHub, or stay "
                "with the access key: --set ci_identity=access-key",
            )
    if not _TELLS_REPOSITORY & set(claims):
        raise BadInputError(
            f"The subjects of this repository are customised to {', '.join(claims)}, which other repositories share: "
            "their workflows could assume the role too.",
            "Put `repo` or `repository_id` into the OIDC subject template on GitHub, or stay with the access key: "
            "--set ci_identity=access-key",
        )


def _part(claim: str, run: _Run, prefix: str) -> str:
    if claim == "repo":
        return prefix
    if claim == "context":
        return _context(run.form)
    value = _CLAIMS[claim](run)
    if not value:
        raise BadInputError(
            f"The subjects of this repository hold the claim {claim!r}, which a run of the form {run.form} has no "
            "value for that can be known before.",
            "Run the job in an environment: --set github_environment=production"
            if claim == "environment"
            else "Trust a branch, a tag or an environment instead, or take the claim out of the template on GitHub.",
        )
    return f"{claim}:{_quoted(_exact(value, claim))}"


def _workflow_ref(run: _Run) -> str:
    repository = run.repository
    return f"{repository.owner}/{repository.name}/{run.workflow.path}@{run.ref}" if run.ref else ""


# Claims with a value that is known before a run; an empty one means: not for this form.
_CLAIMS: Final[Mapping[str, Callable[[_Run], str]]] = {
    "repo": lambda run: run.repository.name,
    "context": lambda run: str(run.form),
    "environment": lambda run: run.form.name if run.form.kind == "environment" else "",
    "event_name": lambda run: run.event,
    "job_workflow_ref": _workflow_ref,
    "ref": lambda run: run.ref,
    "ref_type": lambda run: "tag" if run.form.kind == "tag" else "branch",
    "repository": lambda run: f"{run.repository.owner}/{run.repository.name}",
    "repository_id": lambda run: str(run.repository.id),
    "repository_owner": lambda run: run.repository.owner,
    "repository_owner_id": lambda run: str(run.repository.owner_id),
    "repository_visibility": lambda run: run.repository.visibility,
    "runner_environment": lambda _: "github-hosted",
    "workflow": lambda run: run.workflow.name,
    "workflow_ref": _workflow_ref,
}


def _exact(value: str, what: str) -> str:
    """The value, if a trust policy can hold it as nothing but itself.

    Raises:
        BadInputError: it holds a pattern, a policy variable, or a sign that IAM's documents do not take.
    """
    if _EXACT.fullmatch(value):
        return value
    raise BadInputError(
        f"The {what} {value!r} cannot be trusted exactly: a trust policy holds plain letters, digits and signs, and no "
        "'*', '?', '$' or quotes.",
        "Trust another branch or an environment: --set oidc_trust=environment:production",
    )


def _quoted(value: str) -> str:
    """A value as GitHub puts it into a subject."""
    return value.replace(":", "%3A")


def solve(
    repository: TrustedRepository,
    template: SubjectTemplate,
    forms: Sequence[Form],
    workflow: Workflow,
    *,
    issuer: str,
    audience: str,
) -> Trust:
    """Who may assume the role: every exact subject of these forms.

    Raises:
        EcrwizError: one of them cannot be told exactly.
    """
    found = [subject for form in forms for subject in subjects_of(repository, template, form, workflow)]
    _, doubt = prefixes_of(repository, template)
    warnings = []
    claims = set(template.claims)
    if not template.use_default and claims and not claims & _TELLS_RUN:
        warnings.append(
            f"The subjects of this repository are customised to {', '.join(template.claims)}: they tell neither "
            "branches nor environments apart, so every workflow of this repository may assume the role."
        )
    if not template.use_default and claims and not claims & _KEEPS_REPOSITORY:
        warnings.append(
            f"The subjects of this repository are customised to {', '.join(template.claims)}, which name it and hold "
            "no id: whoever gets its name after a rename, a transfer or its deletion could have the same subjects. Put "
            "`repository_id` into the OIDC subject template on GitHub."
        )
    if any(form.kind == "pull_request" for form in forms):
        warnings.append(
            "Pull requests are trusted: whoever may push a branch to this repository can then push an image before "
            "anybody has reviewed it. Forks get no token."
        )
    full_name = f"{repository.owner}/{repository.name}"
    subjects = tuple(dict.fromkeys(found))
    return Trust(issuer, audience, subjects, full_name, tuple(forms), doubt, tuple(warnings))
