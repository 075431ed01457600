"""From the access key to the role, in one guided go that may stop, or be cut, anywhere.

What comes next is read from the world each time: the answers, IAM, the journal's proofs, and the workflow on
GitHub's default branch. Until the role has been proven and is in use there, the key stays as it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ecrwiz.flow import ci_key
from ecrwiz.flow.context import View
from ecrwiz.flow.events import RunFinished, Status, StepId
from ecrwiz.flow.github_access import find_token, no_token
from ecrwiz.flow.project import Project
from ecrwiz.flow.runbook import STEPS, stand
from ecrwiz.flow.workflows import in_use
from ecrwiz.model.errors import BadInputError
from ecrwiz.model.results import GithubResult, ProvisionResult, RehearseResult
from ecrwiz.services.github import GitHub
from ecrwiz.services.iam import AccessKey
from ecrwiz.services.templates.workflow import path_of

__all__ = ["STAGES", "Moved", "to_oidc", "where"]

Drive = Callable[[Sequence[StepId], bool, Mapping[str, str]], Awaitable[RunFinished]]
"""Runs steps; fresh ones too when the second argument is true; the third is `Approvals.entries`."""

STAGES: Final = (
    "the role is made beside the key",
    "a rehearsal works with the role",
    "the default branch's workflow uses the role",
    "the key is refused, and its copies are removed",
    "the user is removed",
)

_OVER: Final = "CI works with the role alone, and there is no access key."
_MAKE: Final = (StepId.RENDER, StepId.PROVISION, StepId.CREDENTIALS, StepId.VERIFY, StepId.GITHUB)


@dataclass(frozen=True, slots=True)
class Moved:
    """How far the move came.

    Attributes:
        done: how many of `STAGES` are behind it.
        exit_code: 0 when all are; that of the run that failed; 1 when the person has something to do first.
        next: what is next, one sentence.
    """

    done: int
    exit_code: int
    next: str


async def to_oidc(project: Project, drive: Drive, say: Callable[[str], None]) -> Moved:
    """Go as far as it is safe.

    Args:
        project: the project; its answers are changed and saved as the move goes on.
        drive: runs steps.
        say: takes a line about where the move is.

    Raises:
        EcrwizError: it cannot begin, or GitHub or AWS cannot be asked.
    """
    _check(project)
    if await _is_over(project):
        return Moved(len(STAGES), 0, _OVER)
    retiring = await _is_retiring(project)
    if not retiring:
        if await find_token(View(project, StepId.GITHUB)) is None:
            raise no_token()
        if await _is_keyless(project):
            return await _make_alone(project, drive, say)
        stopped = await _prepare(project, drive, say)
        if stopped is not None:
            return stopped
    say(f"4 of 5: {STAGES[3]}")
    end = await drive((StepId.RETIRE,), True, {})
    if end.exit_code:
        return Moved(3, end.exit_code, "The key is retired when this is run again.")
    say(f"5 of 5: {STAGES[4]}")
    end = await drive(_MAKE, not await _has_role(project), {})
    if end.exit_code:
        return Moved(4, end.exit_code, "The key is gone, and the user is removed when this is run again.")
    return Moved(5, 0, "CI works with the role alone. Commit ecrwiz.toml and the rendered files.")


async def where(project: Project) -> Moved:
    """How far the move is by now; nothing is run, and nothing is changed.

    Raises:
        EcrwizError: it cannot begin, or GitHub or AWS cannot be asked.
    """
    _check(project)
    if await _is_over(project):
        return Moved(len(STAGES), 0, _OVER)
    if await _is_retiring(project):
        if await _keys(project):
            return Moved(3, 1, "AWS refuses the key; what is left of it is removed next.")
        return Moved(4, 1, "The key is gone; the user is removed next.")
    if await _is_keyless(project):
        return Moved(0, 1, "No access key works, and the role is made next.")
    if project.answers.ci_identity != "both":
        return Moved(0, 1, "Nothing is changed yet.")
    made = View(project, StepId.PROVISION).find(ProvisionResult)
    if made is None or not made.ci_role_arn or not await _has_role(project):
        return Moved(0, 1, "ecrwiz.toml says both, and the role is not made yet. The key works as before.")
    if not await _is_rehearsed(project):
        return Moved(1, 1, "The role is made, and the rehearsal is next. The key works as before.")
    waits = await _waits_for_push(project)
    return Moved(2, 1, waits) if waits else Moved(3, 1, "The workflow uses the role; the key is retired next.")


async def _make_alone(project: Project, drive: Drive, say: Callable[[str], None]) -> Moved:
    """The role where there is no key that it could take the place of."""
    say("1 of 5: the role is made")
    end = await drive(_MAKE, not await _has_role(project), {})
    if end.exit_code:
        return Moved(0, end.exit_code, "No access key works, and the role is made when this is run again.")
    return Moved(5, 0, "No access key works, and the role is made. Commit ecrwiz.toml and the rendered files.")


async def _prepare(project: Project, drive: Drive, say: Callable[[str], None]) -> Moved | None:
    """The stages during which the key goes on working; None when all are done."""
    if project.answers.ci_identity != "both":
        project.answer({"ci_identity": "both"})
        project.save_answers()
    say(f"1 of 5: {STAGES[0]}")
    end = await _make(project, drive)
    if end.exit_code:
        return Moved(0, end.exit_code, "The key works as before. Mend what failed, and run this again.")
    say(f"2 of 5: {STAGES[1]}")
    if not await _is_rehearsed(project):
        end = await drive((StepId.REHEARSE,), True, {})
        if end.exit_code:
            return Moved(1, end.exit_code, "The role is made, and the key works as before. Run this again.")
    say(f"3 of 5: {STAGES[2]}")
    waits = await _waits_for_push(project)
    return Moved(2, 1, waits) if waits else None


async def _make(project: Project, drive: Drive) -> RunFinished:
    """Make the role; where nobody can read the key's secret any more, the one on GitHub stays as it is."""
    view = View(project, StepId.GITHUB)
    made, before = view.find(ProvisionResult), view.find(GithubResult)
    if made is None or before is None or not before.secrets:
        return await drive(_MAKE, False, {})
    if await ci_key.is_readable(view, made.account, made.aws_iam_access_id, made.aws_iam_access_key):
        return await drive(_MAKE, False, {})
    end = await drive(_MAKE, False, dict.fromkeys(before.secrets, "keep"))
    project.journal.amend(StepId.GITHUB, {"access_key_id": before.access_key_id, "secrets": before.secrets}, {})
    return end


def _check(project: Project) -> None:
    answers = project.answers
    if not answers.github_repository:
        raise BadInputError(
            "A role is for workflows on GitHub, and no repository is known.",
            "Name it with --set github_repository=OWNER/NAME, or add a git remote on GitHub.",
        )
    if answers.workflow != "yes":
        raise BadInputError(
            "Without a rendered workflow nobody can prove that the role works, so the key stays.",
            "Render one with --set workflow=yes, or change your own workflow by hand: docs/identity.md",
        )


async def _keys(project: Project) -> tuple[AccessKey, ...]:
    return await project.tools.iam(project.answers.region).access_keys(project.answers.ci_user_name)


async def _has_role(project: Project) -> bool:
    return await project.tools.iam(project.answers.region).role(project.answers.ci_role_name) is not None


async def _is_keyless(project: Project) -> bool:
    """Whether the role alone is wanted, and AWS accepts no key.

    Raises:
        BadInputError: a key is wanted, and there has never been one.
        EcrwizError: AWS cannot be asked.
    """
    answers = project.answers
    if answers.ci_identity == "oidc":
        retired = project.journal.get(StepId.RETIRE)
        cut = retired is not None and retired.status is not Status.OK  # the key's copies may be left
        return not cut and not any(key.active for key in await _keys(project))
    made = View(project, StepId.PROVISION).find(ProvisionResult)
    if not await _keys(project) and (made is None or not made.aws_iam_access_id):
        raise BadInputError(
            "This project has no access key yet that a role could take the place of.",
            "Make the role at once: ecrwiz run --set ci_identity=oidc",
        )
    return False


async def _is_over(project: Project) -> bool:
    """Whether the role is there, there is no user, and nothing is left of a key."""
    retired = project.journal.get(StepId.RETIRE)
    if project.answers.ci_identity != "oidc" or (retired is not None and retired.status is not Status.OK):
        return False
    if (await stand(project, STEPS[StepId.PROVISION])).status is not Status.FRESH:
        return False
    iam = project.tools.iam(project.answers.region)
    return await _has_role(project) and await iam.user_tags(project.answers.ci_user_name) is None


async def _is_retiring(project: Project) -> bool:
    """Whether the key is refused already, and only what comes after that is left to do."""
    view = View(project, StepId.RETIRE)
    made, proven = view.find(ProvisionResult), view.find(RehearseResult)
    if made is None or not made.ci_role_arn or proven is None or proven.identity != made.ci_role_arn:
        return False
    return not any(key.active for key in await _keys(project)) and project.answers.ci_identity in ("both", "oidc")


async def _is_rehearsed(project: Project) -> bool:
    view = View(project, StepId.REHEARSE)
    made, proven = view.need(ProvisionResult), view.find(RehearseResult)
    fresh = (await stand(project, STEPS[StepId.REHEARSE])).status is Status.FRESH
    return fresh and proven is not None and proven.identity == made.ci_role_arn


async def _waits_for_push(project: Project) -> str:
    """What the person has to push first; empty for nothing."""
    view = View(project, StepId.RETIRE)
    token = await find_token(view)
    if token is None:
        raise no_token()
    repository = view.need(GithubResult).repository
    async with GitHub(project.answers.github_api_url, token[0], source=token[1]) as api:
        found = await in_use(view, api, repository)
    if found.role:
        return ""
    return (
        f"Commit and push {path_of(project.answers)} to {repository}'s {found.branch}, then run this again. "
        "The key works as before until then."
    )
