"""What the steps give: plain values that the journal keeps and the doors show. Never a secret."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "BuildResult",
    "CredentialsResult",
    "DestroyResult",
    "FileChange",
    "GithubResult",
    "Plan",
    "PlannedChange",
    "ProvisionResult",
    "PushResult",
    "RenderResult",
    "Result",
    "SmokeResult",
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
class PlannedChange:
    """One resource change that Terraform plans.

    Attributes:
        address: the resource's address.
        action: `create`, `update`, `replace`, `delete`, `import` (Terraform's own words; an import that also changes
            something is `import` with the reason `update`).
        reason: why it must be replaced, in Terraform's word; may be empty.
    """

    address: str
    action: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A Terraform plan in short."""

    changes: tuple[PlannedChange, ...]

    def count(self, *actions: str) -> int:
        """How many changes have one of these actions."""
        return sum(change.action in actions for change in self.changes)

    def __str__(self) -> str:
        add = self.count("create", "replace")
        gone = self.count("delete", "replace")
        taken = self.count("import")
        imports = f"{taken} to import, " if taken else ""
        return f"{imports}{add} to add, {self.count('update')} to change, {gone} to destroy"


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
        aws_iam_access_id: the CI user's access key id.
        aws_iam_access_key: the secret key, ENCRYPTED to the throwaway OpenPGP key, base64.
        ci_user: the IAM user's name.
        account: AWS account id.
    """

    ecr_repo_url: str
    ecr_repo_path: str
    aws_region: str
    aws_iam_access_id: str
    aws_iam_access_key: str
    ci_user: str
    account: str


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
    """What GitHub lists after the export of an access key."""

    repository: str
    access_key_id: str
    secrets: tuple[str, ...]
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DestroyResult(Result):
    """What was removed, and what was already gone; one line each."""

    removed: tuple[str, ...]
    absent: tuple[str, ...]
