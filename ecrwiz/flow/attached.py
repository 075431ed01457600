"""One row that no call can give: whether the identity's policies in IAM are those that `infra/` says, and no others.

The table's calls and simulations name things that do not exist, so a permission for a thing that does exist, another
user or one secret, say, would be seen by none of them. Here the policies themselves are read. What only denies gives
nothing, and what allows less is found by the rows that must work; so a statement is right when one of ours covers it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ecrwiz.flow.context import View
from ecrwiz.flow.proofs import Place, Trial
from ecrwiz.flow.trying import WAITS, Answer, Patience, is_refusal, one_line
from ecrwiz.model.errors import BadInputError, EcrwizError
from ecrwiz.model.ports import AwsCall
from ecrwiz.services import files
from ecrwiz.services.iam_policies import Attached, Policy, read_policies
from ecrwiz.services.templates.terraform import infra_files

__all__ = ["compare", "judge", "our_policies", "trial"]

_PUSH: Final = "push-to-ecr"
_DEPLOY: Final = "deploy-to-ecs"
_SHOWN: Final = 4  # actions, or resources, of a statement that are named


def trial() -> Trial:
    """The row before it is tried."""
    return Trial("do more than infra/ says", "*", "*", "refused")


def our_policies(place: Place) -> dict[str, dict[str, Any]]:
    """The inline policies by name, as `modules/ci_policy` makes them of these answers; a test compares the two."""
    push = _allow(
        ("ecr:BatchCheckLayerAvailability", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart",
         "ecr:CompleteLayerUpload", "ecr:PutImage", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer",
         "ecr:DescribeImages"),
        (place.repository(place.name),),
    )  # fmt: skip
    found = {_PUSH: _document(_allow(("ecr:GetAuthorizationToken",), ("*",)), push)}
    if place.answers.ecs_deploy == "yes":
        found[_DEPLOY] = _document(*_deploy(place))
    return found


def _deploy(place: Place) -> Iterator[dict[str, Any]]:
    answers = place.answers
    family = place.arn("ecs", f"task-definition/{answers.ecs_task_family}")
    roles = dict.fromkeys(
        place.arn("iam", f"role/{role}") for role in (answers.ecs_execution_role, answers.ecs_task_role)
    )
    yield _allow(("ecs:DescribeTaskDefinition",), ("*",))
    yield _allow(("ecs:RegisterTaskDefinition",), (family, f"{family}:*"))
    yield _allow(
        ("ecs:UpdateService", "ecs:DescribeServices"),
        (place.arn("ecs", f"service/{answers.cluster}/{answers.service}"),),
        ArnEquals={"ecs:cluster": place.arn("ecs", f"cluster/{answers.cluster}")},
        ArnLikeIfExists={"ecs:task-definition": f"{family}:*"},
    )
    yield _allow(
        ("iam:PassRole",), tuple(roles), StringEquals={"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    )  # fmt: skip


def _allow(actions: tuple[str, ...], resources: tuple[str, ...], **condition: object) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return statement | ({"Condition": condition} if condition else {})


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


async def compare(view: View, call: AwsCall, place: Place, arn: str, patience: Patience) -> Answer:
    """Read the identity's policies with the operator's credentials and compare them.

    Args:
        view: the project.
        call: AWS as the operator.
        place: the names and ARNs.
        arn: of the user or role.
        patience: for a policy that was just changed.
    """
    name = arn.rsplit("/", 1)[-1]
    whose = {"user": name} if ":user/" in arn else {"role": name}
    for wait in (*WAITS, None):
        try:
            answer = judge(await read_policies(call, **whose), our_policies(place), edited=_edited(view))
        except EcrwizError as error:
            answer = Answer("unknown", one_line(f"its policies could not be read: {error.message}"), how="read")
        if answer.found != "allowed" or wait is None or not patience.has(wait):
            break
        await asyncio.sleep(wait)
    return answer


def _edited(view: View) -> str:
    """The first of the modules' files that is not as ecrwiz renders it, for then it may say something else."""
    try:
        rendered = tuple(infra_files(view.answers))
    except BadInputError:
        return ""
    folder = f"{view.paths.infra_folder}/"
    for file in rendered:
        name = file.path.removeprefix(folder)
        there = files.read_text(view.paths.infra / name, inside=view.paths.base)
        if name.startswith("modules/") and there is not None and there != file.text:
            return file.path
    return ""


def judge(attached: Attached, ours: Mapping[str, Mapping[str, Any]], *, edited: str = "") -> Answer:
    """Say whether an identity's policies give more than ecrwiz's own.

    Args:
        attached: what IAM has.
        ours: ecrwiz's policies by name.
        edited: a file of the policy module that somebody edited, so that `ours` may not be what it says.
    """
    wanted = [grant for document in ours.values() for grant in _grants(document)]
    wrong, unsure = [], []
    for policy in attached.policies:
        extra = [grant.words for grant in _grants(policy.document) if not any(one.covers(grant) for one in wanted)]
        if not extra:
            continue
        words = f"{policy.where} allows {' and '.join(extra)}"
        if edited and _may_be_the_modules(policy):
            unsure.append(f"{words}, and {edited} was edited, so it may be what that says")
        else:
            wrong.append(words)
    for action, error in attached.unread:
        lacks = is_refusal(error)
        unsure.append(f"your own AWS identity lacks {action}" if lacks else f"{action}: {error.message.rstrip('.')}")
    if wrong:
        return Answer("allowed", one_line("; ".join(wrong)), how="read")
    if unsure:
        return Answer("unknown", one_line("; ".join(dict.fromkeys(unsure))), how="read")
    told = f"no policy or group of it allows more than {' and '.join(ours)}"
    bound = f"; the permissions boundary {attached.boundary} can only take away" if attached.boundary else ""
    return Answer("refused", one_line(told + bound), how="read")


def _may_be_the_modules(policy: Policy) -> bool:
    return policy.own and policy.name in (_PUSH, _DEPLOY)


@dataclass(frozen=True, slots=True)
class _Grant:
    """A statement that allows something; `rest` is all of it besides actions and resources, in one form."""

    actions: frozenset[str]
    resources: frozenset[str]
    rest: str
    words: str

    def covers(self, other: _Grant) -> bool:
        return other.actions <= self.actions and other.resources <= self.resources and other.rest == self.rest


def _grants(document: Mapping[str, Any] | None) -> Iterator[_Grant]:
    """The statements that do not only deny; what cannot be understood may allow anything."""
    if document is None:
        yield _Grant(frozenset(), frozenset(), "?", "what cannot be read")
        return
    for item in _many(document.get("Statement")):
        if not isinstance(item, Mapping):
            yield _Grant(frozenset(), frozenset(), "?", "what cannot be read")
        elif item.get("Effect") != "Deny":
            actions, resources = _texts(item.get("Action")), _texts(item.get("Resource"))
            rest = {key: value for key, value in item.items() if key not in ("Sid", "Action", "Resource", "Condition")}
            rest["Condition"] = _conditions(item.get("Condition"))
            yield _Grant(
                frozenset(action.lower() for action in actions),
                frozenset(resources),
                json.dumps(rest, sort_keys=True, default=str),
                _words(item, actions, resources),
            )


def _conditions(condition: object) -> object:
    if not isinstance(condition, Mapping):
        return condition or {}
    return {
        str(operator): {str(key).lower(): sorted(_texts(values)) for key, values in keys.items()}
        if isinstance(keys, Mapping)
        else keys
        for operator, keys in condition.items()
    }


def _words(item: Mapping[str, Any], actions: list[str], resources: list[str]) -> str:
    if "NotAction" in item:
        actions = [f"all but {_few(_texts(item['NotAction']))}"]
    if "NotResource" in item:
        resources = [f"all but {_few(_texts(item['NotResource']))}"]
    return f"{_few(actions)} on {_few(resources)}{' under a condition' if item.get('Condition') else ''}"


def _few(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _many(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _texts(value: object) -> list[str]:
    return [str(item) for item in _many(value)]
