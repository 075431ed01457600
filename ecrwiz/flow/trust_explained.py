"""Who could assume the CI role now, and after a change on GitHub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ecrwiz.flow import trust
from ecrwiz.flow.context import View
from ecrwiz.model import trust_policy
from ecrwiz.model.answers import Answers
from ecrwiz.model.errors import BadInputError, EcrwizError
from ecrwiz.model.subjects import Workflow, forms_of, solve
from ecrwiz.model.trust import Trust
from ecrwiz.model.trust_policy import Verdict
from ecrwiz.model.what_if import Change, Row, Situation, rows
from ecrwiz.services.templates.workflow import path_of, title_of

__all__ = ["Explanation", "explain"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Who may assume the role.

    Attributes:
        trust: what ecrwiz solves for the answers and for GitHub as it is now.
        role: the ARN of the role that is in the account; empty when there is none or nobody could look.
        judged: the subjects that the verdicts were made by: the role's own ones, else those that were solved.
        rows: every kind of run.
        dangers: what the role's trust policy does wrong, a sentence each.
        differences: between the role's trust policy and what was solved, a sentence each.
        note: why the role was not looked at; empty when it was.
        change: what was asked about, in words; empty for nothing.
        then: what ecrwiz would solve after that change; None when nothing was asked about or it cannot be told.
        then_note: why it cannot be told.
    """

    trust: Trust
    role: str
    judged: tuple[str, ...]
    rows: tuple[Row, ...]
    dangers: tuple[str, ...]
    differences: tuple[str, ...]
    note: str = ""
    change: str = ""
    then: Trust | None = None
    then_note: str = ""


async def explain(view: View, change: Change | None = None) -> Explanation:
    """Tell who could assume the role, before and after a change.

    Raises:
        EcrwizError: GitHub cannot be asked, or a subject cannot be told exactly.
    """
    known = await trust.learn(view)
    solved = trust.solve_from(view.answers, known)
    arn, document, note = await _live(view)

    def judge(subject: str) -> Verdict:
        if document is not None:
            return trust_policy.judge(document, solved.issuer, solved.audience, subject)
        return "may" if subject in solved.subjects else "may not"

    judged = solved.subjects if document is None else trust_policy.subjects_in(document, solved.issuer)
    others = [value for value in judged if value not in (*solved.subjects, *solved.own)]
    situation = _situation(view.answers, known)
    then, then_note = (None, "") if change is None else _after(view.answers, solved, change.apply(situation))
    return Explanation(
        trust=solved,
        role=arn,
        judged=judged,
        rows=rows(situation, judge, change, solved.forms, others),
        dangers=() if document is None else trust_policy.dangers(document, solved.issuer),
        differences=() if document is None else _differences(document, solved),
        note=note,
        change="" if change is None else str(change),
        then=then,
        then_note=then_note,
    )


def _situation(answers: Answers, known: trust.Known) -> Situation:
    (own,) = forms_of("", answers.github_environment, known.repository.default_branch)
    return Situation(known.repository, known.template, Workflow(title_of(answers), path_of(answers)), own)


def _after(answers: Answers, solved: Trust, after: Situation) -> tuple[Trust | None, str]:
    """What would be solved then: the same forms, with the workflow's own new one among them."""
    forms = tuple(dict.fromkeys((*(form for form in solved.forms if answers.oidc_trust), after.own)))
    try:
        return solve(
            after.repository, after.template, forms, after.workflow, issuer=solved.issuer, audience=solved.audience
        ), ""
    except BadInputError as error:
        return None, error.message


async def _live(view: View) -> tuple[str, Mapping[str, Any] | None, str]:
    """The role's ARN and trust policy; and why there is none to look at."""
    name = view.answers.ci_role_name
    try:
        role = await view.tools.iam(view.answers.region).role(name)
    except EcrwizError as error:
        return "", None, f"The role in AWS was not looked at: {error.message}"
    if role is None:
        return "", None, f"The account has no role {name} yet; this is what ecrwiz would make it trust."
    return role.arn, role.trust, ""


def _differences(document: Mapping[str, Any], solved: Trust) -> tuple[str, ...]:
    there = trust_policy.subjects_in(document, solved.issuer)
    found = [f"The role trusts {value}, which ecrwiz would not." for value in there if value not in solved.subjects]
    found += [
        f"The role does not let in {subject}, which ecrwiz would trust."
        for subject in solved.subjects
        if trust_policy.judge(document, solved.issuer, solved.audience, subject) == "may not"
    ]
    return tuple(found)
