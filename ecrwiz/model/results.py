"""What the steps give: plain values that the journal keeps and the doors show. Never a secret."""

from __future__ import annotations

from dataclasses import dataclass

from ecrwiz.model.plan import KNOWN_LATER, SENSITIVE, AttributeChange, Plan, PlannedChange, PlannedPolicy
from ecrwiz.model.proof import Proof

__all__ = [
    "KNOWN_LATER",
    "SENSITIVE",
    "AttributeChange",
    "BuildResult",
    "CredentialsResult",
    "DestroyResult",
    "FileChange",
    "GithubResult",
    "Plan",
    "PlannedChange",
    "PlannedPolicy",
    "Proof",
    "ProvisionResult",
    "PushResult",
    "RehearseResult",
    "RenderResult",
    "Result",
    "RetireResult",
    "RevokeResult",
    "RotateResult",
    "SmokeResult",
    "VerifyResult",
]


@dataclass(frozen=True, slots=True)
class Result:
    """What a step gives."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """One rendered file against what is there.

    Attributes:
        path: relative to the application's folder.
        kind: `new`, `same`; `added` (nothing of what is there goes); `updated` (the person has not touched what
            was rendered last); `yours` (only the person changed it, it stays); `merged` (both did, in different
            places); `conflict` (both did, in the same place); `changed` (it differs, and what was rendered last
            is not known); `removed` (rendered no longer, and untouched); `left` (rendered no longer, and edited).
        diff: a unified diff of what ecrwiz would write; empty when the file stays without a question.
        text: what is written by default; None when the file stays.
        both: for `conflict` and `changed`, the text with git's conflict markers; None when git cannot make one.
    """

    path: str
    kind: str
    diff: str
    text: str | None = None
    both: str | None = None


@dataclass(frozen=True, slots=True)
class RenderResult(Result):
    """What became of the files.

    Attributes:
        written: written.
        same: left as they were because nothing changed.
        kept: left as the person has them.
        backups: copies of what was replaced or removed.
        undecided: those of `kept` in which a conflict stands because nobody could be asked.
        removed: rendered before, rendered no longer, and so removed.
    """

    written: tuple[str, ...]
    same: tuple[str, ...]
    kept: tuple[str, ...]
    backups: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BuildResult(Result):
    """The image in the local engine.

    Attributes:
        image: name without tag.
        tag: from the git commit.
        image_id: the engine's id, `sha256:...`.
        platform: `os/architecture` read back from the image.
        size: bytes, uncompressed.
        secrets: the build secrets that the person agreed to give, by id, with a fingerprint of the npm configuration
            that says to whom; never their values.
    """

    image: str
    tag: str
    image_id: str
    platform: str
    size: int
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SmokeResult(Result):
    """How the image answered.

    Attributes:
        url: what was asked, on this machine.
        port: PORT inside the container.
        status: HTTP status.
        milliseconds: of the answer that counted.
        started_after: seconds from start to that answer.
        stopped_in: seconds from the signal to stop until it had ended; 0 when that was not measured.
    """

    url: str
    port: int
    status: int
    milliseconds: float
    started_after: float
    stopped_in: float = 0.0


@dataclass(frozen=True, slots=True)
class ProvisionResult(Result):
    """Terraform's outputs, named as in the article's series.

    Attributes:
        ecr_repo_url: the registry's host (the article's name for it).
        ecr_repo_path: the repository's name.
        aws_region: region.
        aws_iam_access_id: the CI user's access key id; empty when the CI identity is a role.
        aws_iam_access_key: the secret key, ENCRYPTED to the throwaway OpenPGP key, base64; empty when the key was
            made by a rotation, which puts its secret into the keyring alone.
        ci_user: the IAM user's name; empty when the CI identity is a role.
        account: AWS account id.
        ci_role_arn: the role that GitHub's workflows assume; empty when the CI identity is a user alone.
    """

    ecr_repo_url: str
    ecr_repo_path: str
    aws_region: str
    aws_iam_access_id: str
    aws_iam_access_key: str
    ci_user: str
    account: str
    ci_role_arn: str = ""


@dataclass(frozen=True, slots=True)
class PushResult(Result):
    """The image in the registry.

    Attributes:
        image: registry host and repository name.
        tags: what it is tagged there.
        digest: `sha256:...` of the manifest, as the registry serves it.
        size: bytes, compressed, as ECR says.
        uploaded: False when the registry had this very image already.
    """

    image: str
    tags: tuple[str, ...]
    digest: str
    size: int
    uploaded: bool


@dataclass(frozen=True, slots=True)
class CredentialsResult(Result):
    """The CI identity, proven; where its secret is kept, or an empty backend when it is not."""

    access_key_id: str
    arn: str
    account: str
    backend: str
    entry: str


@dataclass(frozen=True, slots=True)
class GithubResult(Result):
    """What GitHub lists after the export.

    Attributes:
        repository: `owner/name`.
        access_key_id: of the key whose secret was sent; empty when the CI identity is a role.
        secrets: the names of those that ecrwiz looks after there.
        variables: the same for variables.
        environment: the deployment environment that holds them; empty for the repository itself.
        kept: the names of those that were there already and were left as they are.
    """

    repository: str
    access_key_id: str
    secrets: tuple[str, ...]
    variables: tuple[str, ...]
    environment: str = ""
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VerifyResult(Result):
    """What the CI identity may do and what it may not, as tried."""

    proofs: tuple[Proof, ...]


@dataclass(frozen=True, slots=True)
class RehearseResult(Result):
    """A run of the rendered workflow on a branch of its own.

    Attributes:
        repository: `owner/name`.
        branch: the branch, which is gone again.
        commit: the commit that ran.
        url: the run on GitHub.
        identity: the access key's id or the role's ARN that it worked with.
        image: the tag that it pushed; empty when that was removed again.
        seconds: how long the run took.
    """

    repository: str
    branch: str
    commit: str
    url: str
    identity: str
    image: str
    seconds: float


@dataclass(frozen=True, slots=True)
class RotateResult(Result):
    """The access key before and after; `github` and `backend` say who has the new secret (empty: nobody there)."""

    old: str
    new: str
    backend: str
    github: str


@dataclass(frozen=True, slots=True)
class RetireResult(Result):
    """The access key that a role took the place of, and the copies of it that were removed."""

    access_key_id: str
    role_arn: str
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RevokeResult(Result):
    """The access keys that were deleted, and the copies of them that were removed."""

    access_key_ids: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DestroyResult(Result):
    """What was removed, and what was already gone; one line each."""

    removed: tuple[str, ...]
    absent: tuple[str, ...]
