"""What would change for the trust if a repository were renamed, moved, or run otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from ecrwiz.model import validation
from ecrwiz.model.errors import BadInputError
from ecrwiz.model.subjects import IMMUTABLE_SINCE, Workflow, subjects_of
from ecrwiz.model.trust import Form, SubjectTemplate, TrustedRepository
from ecrwiz.model.trust_policy import Verdict

__all__ = ["Change", "Row", "Situation", "rows"]

Judge = Callable[[str], Verdict]
"""Whether a token with this subject gets the role."""

# Who of the row it is; several where it is not known which, none for nobody.
_Make = Callable[["Situation"], "tuple[Situation, ...]"]
_FURTHEST: Final = ("may not", "unknown", "may")
_UNKNOWN_ID: Final = 10**15 + 1  # no repository or owner has it yet; shown as `?`


@dataclass(frozen=True, slots=True)
class Situation:
    """What GitHub makes subjects from.

    Attributes:
        repository: with its names and ids.
        template: how its subjects are made.
        workflow: the rendered one.
        own: what kind of run that workflow's runs are.
    """

    repository: TrustedRepository
    template: SubjectTemplate
    workflow: Workflow
    own: Form


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of run.

    Attributes:
        who: in words.
        subject: what it sends; empty when GitHub gives it no token.
        verdict: whether it gets the role.
        subject_after: the same after the change; empty also when nothing is asked about.
        after: whether it gets the role then, by the same trust policy; None when nothing is asked about.
    """

    who: str
    subject: str
    verdict: Verdict
    subject_after: str = ""
    after: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Something that could be done on GitHub: the words of `--if`, understood."""

    kind: Literal["rename", "transfer", "environment", "branch", "tag", "pull_request"]
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> Change:
        """Read the words of a person.

        Raises:
            BadInputError: they say none of the changes that are known.
        """
        words = " ".join(text.split())
        found = re.fullmatch(r"(?:(rename|transfer) to|(environment|branch|tag)) (\S.*)", words)
        if words in ("pull_request", "pull request"):
            return cls("pull_request")
        if found is None:
            raise BadInputError(
                f"{text!r} is no change that can be explained.",
                'Say "rename to NAME", "transfer to OWNER", "environment NAME", "branch NAME", "tag NAME" or '
                "pull_request.",
            )
        kind, name = found[1] or found[2], found[3]
        try:
            if kind == "rename":
                validation.check_github_repository(f"owner/{name}")
            elif kind == "transfer":
                validation.check_github_repository(f"{name}/name")
            elif kind == "environment":
                validation.check_environment(name)
        except ValueError:
            raise BadInputError(
                f"{name!r} cannot be the name of a GitHub {_OF[kind]}.", "Spell it as GitHub does."
            ) from None
        return cls(kind, name)  # type: ignore[arg-type]  # the pattern has these words alone

    def __str__(self) -> str:
        return {
            "rename": f"the repository is renamed to {self.name}",
            "transfer": f"the repository is transferred to {self.name}",
            "pull_request": "the workflow runs for pull requests",
        }.get(self.kind, f"the workflow's job runs {_WHERE.get(self.kind, '')} {self.name}")

    def apply(self, before: Situation) -> Situation:
        """The situation afterwards."""
        repository, template = before.repository, before.template
        if self.kind not in ("rename", "transfer"):
            form = Form("pull_request") if self.kind == "pull_request" else Form(self.kind, self.name)  # type: ignore[arg-type]
            return replace(before, own=form)
        if self.kind == "rename":
            repository = replace(repository, name=self.name)
        else:
            repository = replace(repository, owner=self.name, owner_id=_UNKNOWN_ID)
        # Either of them moves a repository on github.com to the form with ids.
        return replace(before, repository=repository, template=replace(template, immutable=True, prefix=""))


_OF: Final = {"rename": "repository", "transfer": "owner", "environment": "environment"}
_NAMED: Final = {"branch": "a push to", "tag": "the tag", "environment": "a job in the environment"}
_ANYBODY: Final = "a run that sends just this"
_WHERE: Final = {"environment": "in the environment", "branch": "on the branch", "tag": "on the tag"}


def rows(
    before: Situation, judge: Judge, change: Change | None, forms: Sequence[Form] = (), others: Sequence[str] = ()
) -> tuple[Row, ...]:
    """Every kind of run that a person would ask about, before a change and after it.

    Args:
        before: how things are.
        judge: whether a token gets the role.
        change: what is asked about.
        forms: kinds of runs that are trusted, each with a row of its own.
        others: further subjects that are trusted, whoever sends them; the same.
    """
    after = None if change is None else change.apply(before)
    found = [_row(who, make, before, after, judge) for who, make in _visitors(before, after, forms)]
    for value in dict.fromkeys(others):
        if value not in {row.subject for row in found}:
            then = ("", None) if change is None else (value, judge(value))
            found.append(Row(_ANYBODY, value, judge(value), *then))
    forks = "pull request from a fork (GitHub gives it no token)"
    return (*found, Row(forks, "", "may not", "", None if change is None else "may not"))


def _visitors(before: Situation, after: Situation | None, forms: Sequence[Form]) -> list[tuple[str, _Make]]:
    branch = before.repository.default_branch
    named = [form for form in forms if form.kind in _NAMED and form != Form("branch", branch)]
    kinds = {form.kind for form in named}
    own = f"the rendered workflow ({before.own}" + (
        f", then {after.own})" if after and after.own != before.own else ")"
    )
    found: list[tuple[str, _Make]] = [(own, lambda here: (here,))]
    for who, form in (
        (f"a push to {branch}", Form("branch", branch)),
        *((f"{_NAMED[form.kind]} {form.name}", form) for form in named),
        ("a push to any other branch", _none_of(named, Form("branch", "some-other-branch"))),
        ("any other tag" if "tag" in kinds else "a tag", _none_of(named, Form("tag", "v1.0.0"))),
        (
            f"a job in {'any other' if 'environment' in kinds else 'an'} environment",
            _none_of(named, Form("environment", "some-environment")),
        ),
        ("a pull request from this repository", Form("pull_request")),
    ):
        if form not in (before.own, after.own if after else None):
            found.append((who, lambda here, form=form: (replace(here, own=form),)))  # type: ignore[misc]
    found.append(("another repository of the same owner", _sibling))
    if after is not None and after.repository != before.repository:
        found.append(
            ("a new repository that takes the old name", lambda here: _successors(before) if here is after else ())
        )
    return found


def _none_of(forms: Sequence[Form], form: Form) -> Form:
    """The form, by a name that none of these has."""
    while form in forms:
        form = replace(form, name=f"{form.name}-2")
    return form


def _row(
    who: str,
    make: _Make,
    before: Situation,
    after: Situation | None,
    judge: Judge,
) -> Row:
    subject, verdict = _sent(make(before), judge)
    if after is None:
        return Row(who, subject, verdict)
    return Row(who, subject, verdict, *_sent(make(after), judge))


def _sent(possible: tuple[Situation, ...], judge: Judge) -> tuple[str, Verdict]:
    """What is sent, and whether it gets in: of several possible subjects the one that gets the furthest."""
    found: list[tuple[str, Verdict]] = []
    for here in possible:
        try:
            sent = subjects_of(here.repository, here.template, here.own, here.workflow)
        except BadInputError:
            found.append(("(cannot be told before the run)", "unknown"))
        else:
            found += [(subject, judge(subject)) for subject in sent]
    subject, verdict = max(found, key=lambda pair: _FURTHEST.index(pair[1]), default=("", "may not"))
    return subject.replace(str(_UNKNOWN_ID), "?"), verdict


def _sibling(here: Situation) -> tuple[Situation, ...]:
    name = f"{here.repository.name}-2"
    return (replace(here, repository=_other(here.repository, name=name), template=_plain(here)),)


def _successors(before: Situation) -> tuple[Situation, ...]:
    """Somebody makes a repository of the old name: without a template of its own, or with the very same one."""
    new = replace(_other(before.repository, name=before.repository.name), created=IMMUTABLE_SINCE)
    same = replace(before.template, prefix="", immutable=None)
    return tuple(replace(before, repository=new, template=template) for template in (SubjectTemplate(), same))


def _other(repository: TrustedRepository, name: str) -> TrustedRepository:
    return replace(repository, name=name, id=_UNKNOWN_ID)


def _plain(here: Situation) -> SubjectTemplate:
    """The same template, without what GitHub says of this very repository."""
    return replace(here.template, prefix="", immutable=here.template.immutable or "@" in here.template.prefix or None)
