"""Which runs of GitHub's workflows a role trusts: repository, forms and the exact subjects made of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

__all__ = ["DeploymentEnvironment", "Form", "SubjectTemplate", "Trust", "TrustedRepository"]


@dataclass(frozen=True, slots=True)
class TrustedRepository:
    """A repository as GitHub's tokens name it.

    Attributes:
        owner: as GitHub spells it; subjects are compared with case.
        owner_id: GitHub's number of the owner.
        name: without the owner.
        id: GitHub's number of the repository.
        created: when it was made (UTC).
        default_branch: such as `main`.
        visibility: `public`, `private` or `internal`.
        is_github_com: False for GitHub Enterprise Server, which has no immutable subjects.
    """

    owner: str
    owner_id: int
    name: str
    id: int
    created: datetime
    default_branch: str
    visibility: str = "private"
    is_github_com: bool = True


@dataclass(frozen=True, slots=True)
class SubjectTemplate:
    """How the subjects of a repository's tokens are made, as `GET .../actions/oidc/customization/sub` tells.

    Attributes:
        use_default: the usual form.
        claims: otherwise the claims that the subject is made of, in order, such as `repo`, `context`.
        immutable: whether ids stand beside the names; None when GitHub does not say.
        prefix: GitHub's own first part, such as `repo:octo@1/web@2`; empty when it does not say.
    """

    use_default: bool = True
    claims: tuple[str, ...] = ()
    immutable: bool | None = None
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class DeploymentEnvironment:
    """A deployment environment that a role may trust.

    Attributes:
        name: as the answers and GitHub spell it.
        exists: False where GitHub has none; the first job that names it makes it then, without rules.
        guarded: whether its rules say which branches may use it, or who has to agree; None when GitHub does not tell.
    """

    name: str
    exists: bool = True
    guarded: bool | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """What kind of run: on a branch, on a tag, in an environment, or of a pull request; `name` is empty then."""

    kind: Literal["branch", "tag", "environment", "pull_request"]
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else self.kind


@dataclass(frozen=True, slots=True)
class Trust:
    """Who may assume the role.

    Attributes:
        issuer: host and path of the provider, `token.actions.githubusercontent.com` for github.com.
        audience: `sts.amazonaws.com`, or the partition's own.
        subjects: exact values of the claim `sub`; no patterns.
        repository: `owner/name`, for words.
        forms: what the subjects were made of, for words.
        doubt: why there is more than one subject for a form; empty when there is no doubt.
        warnings: sentences: the repository's own template of subjects tells no branches apart, ...
        own: the subjects of the rendered workflow's runs on the default branch, trusted or not; empty when no
            workflow is rendered.
        beyond: those of `subjects` that let in more than the default branch or an environment with rules of its own.
    """

    issuer: str
    audience: str
    subjects: tuple[str, ...]
    repository: str
    forms: tuple[Form, ...]
    doubt: str = ""
    warnings: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()
