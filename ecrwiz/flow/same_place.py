"""What this folder has made must be what the answers and the credentials name now, before any of it is taken away."""

from __future__ import annotations

from ecrwiz.flow.context import View
from ecrwiz.model.errors import BadInputError
from ecrwiz.model.results import ProvisionResult

__all__ = ["check_same_identity", "check_same_place"]

_BACK = "Go back to the earlier answers (ecrwiz.toml, --set, ECRWIZ_...) or AWS profile (AWS_PROFILE)."


def check_same_place(view: View, account: str, undone: str) -> None:
    """Account, region, repository and CI identity.

    Args:
        view: the project.
        account: the one of the credentials.
        undone: the end of the sentence, such as `nothing was removed`.

    Raises:
        BadInputError: this folder made something else.
    """
    made, answers = view.find(ProvisionResult), view.answers
    if made is None:
        return
    before, now = _identities(view, made)
    there = (made.account, made.aws_region, made.ecr_repo_path, before)
    if there != (account, answers.region, answers.repository_name, now):
        raise BadInputError(
            f"This folder holds {made.ecr_repo_path} and {before} in account {made.account}, {made.aws_region}; the "
            f"answers and credentials now name {answers.repository_name} and {now} in account {account}, "
            f"{answers.region}: {undone}.",
            _BACK,
        )


def check_same_identity(view: View, account: str, undone: str) -> None:
    """Account and CI identity alone: IAM knows no regions, and a wrong repository must keep no leaked key alive.

    Args:
        view: the project.
        account: the one of the credentials.
        undone: the end of the sentence, such as `nothing was changed`.

    Raises:
        BadInputError: this folder made something else.
    """
    made = view.find(ProvisionResult)
    if made is None:
        return
    before, now = _identities(view, made)
    if (made.account, before) != (account, now):
        raise BadInputError(
            f"This folder holds {before} in account {made.account}; the answers and credentials now name {now} in "
            f"account {account}: {undone}.",
            _BACK,
        )


def _identities(view: View, made: ProvisionResult) -> tuple[str, str]:
    """The CI identity that was made, and the one of that kind that the answers name."""
    if made.ci_user:
        return made.ci_user, view.answers.ci_user_name
    return made.ci_role_arn.rpartition("/")[2], view.answers.ci_role_name
