"""An IAM policy in plain English, statement by statement, made from the document itself.

What the tables do not know (an action, a condition, a kind of resource) is named as the document names it, so that
nothing of a policy is ever left out. What it must not allow is found by asking the document, not by hoping.
Source: docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html and ..._elements.html.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ecrwiz.flow import policy_tables as tables
from ecrwiz.model.redact import plain
from ecrwiz.model.results import Plan, PlannedPolicy

__all__ = ["Told", "Words", "by_holder", "explain", "trust"]

Statement = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Words:
    """What policies allow, in sentences.

    Attributes:
        may: what is allowed, a sentence a statement.
        cannot: what is not, of what a stolen key would be tried for.
        beware: what allows more than CI should have, or cannot be understood.
    """

    may: tuple[str, ...]
    cannot: tuple[str, ...] = ()
    beware: tuple[str, ...] = ()


Told = tuple[tuple[str, Words, tuple[PlannedPolicy, ...]], ...]
"""Who gets permissions, what they allow in words, and the documents."""


def explain(*documents: str) -> Words:
    """What the policies of one user or role allow together."""
    statements, broken = _read(documents)
    allowed = [item for item in statements if item.get("Effect") == "Allow"]
    denied = [item for item in statements if item.get("Effect") == "Deny"]
    may = [f"May {_sentence(item)}." for item in allowed] + [f"May never {_sentence(item)}." for item in denied]
    return Words(tuple(may), tuple(_cannot(allowed, denied)), (*broken, *_too_much(allowed)))


def by_holder(plan: Plan | None) -> Told:
    """Who gets permissions by a plan, what those allow, and the documents; none without a plan."""
    found = []
    every = plan.policies if plan else ()
    for holder in dict.fromkeys(policy.holder for policy in every):
        mine = tuple(policy for policy in every if policy.holder == holder)
        allowed = [policy.document for policy in mine if policy.kind == "permissions" and policy.document]
        words = explain(*allowed) if allowed else Words(())
        for policy in mine:
            if policy.kind == "trust" and policy.document:
                trusted = trust(policy.document)
                words = Words((*trusted.may, *words.may), words.cannot, (*trusted.beware, *words.beware))
        found.append((holder, words, mine))
    return tuple(found)


def trust(document: str) -> Words:
    """Who may assume a role, by its trust policy."""
    statements, broken = _read((document,))
    allowed = [item for item in statements if item.get("Effect") == "Allow"]
    may = [f"May be assumed by {_principal(item)}{_conditions(item)}." for item in allowed]
    may += [f"Never by {_principal(item)}{_conditions(item)}." for item in statements if item.get("Effect") == "Deny"]
    return Words(tuple(may), (), (*broken, *(line for item in allowed for line in _open_trust(item))))


def _read(documents: Sequence[str]) -> tuple[list[Statement], tuple[str, ...]]:
    found: list[Statement] = []
    for text in documents:
        try:
            statements = json.loads(text)["Statement"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return found, ("A policy is no JSON of IAM's form, so it cannot be told what it allows.",)
        found += [item for item in _many(statements) if isinstance(item, Mapping)]
    return found, ()


def _sentence(item: Statement) -> str:
    return f"{_actions(item)}{_resources(item)}{_conditions(item)}"


def _actions(item: Statement) -> str:
    if "NotAction" in item:
        return f"use every action except {_names(_texts(item['NotAction']))}"
    actions = _texts(item.get("Action"))
    left, phrases = list(actions), []
    for names, phrase in tables.ACTIONS:
        if all(name in left for name in names):
            phrases.append(phrase)
            left = [name for name in left if name not in names]
    for name in left:
        service, _, rest = name.partition(":")
        if name == "*":
            phrases.append("use every action of every service")
        elif rest == "*":
            phrases.append(f"use every action of {tables.SERVICES.get(service, service)}")
        else:
            phrases.append(f"use {plain(name)}")
    return _listed(phrases) or "use no action"


def _resources(item: Statement) -> str:
    if "NotResource" in item:
        return f", on everything except {_names(_texts(item['NotResource']))}"
    resources = _texts(item.get("Resource"))
    if not resources:
        return ""
    if "*" in resources:
        narrow = all(action in tables.NO_NARROWER for action in _texts(item.get("Action")))
        return " (AWS knows no narrower resource for this)" if narrow else ", on every resource (*)"
    words = list(dict.fromkeys(_resource(arn) for arn in resources))
    return f", only for {_listed(words)}"


def _resource(arn: str) -> str:
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return plain(arn)
    _, _, service, region, _, name = parts
    where = f" in {region}" if region else ""
    for kind, pattern, words in tables.RESOURCES:
        found = re.fullmatch(pattern, name) if service == kind else None
        if found is not None:
            star = "*" in (name if service != "ecs" else name.removesuffix(":*"))
            return plain(arn) if star else plain(words.format(*found.groups())) + where
    return plain(arn)


def _conditions(item: Statement) -> str:
    found = []
    conditions = item.get("Condition")
    for operator, pairs in conditions.items() if isinstance(conditions, Mapping) else ():
        for key, values in pairs.items() if isinstance(pairs, Mapping) else ():
            found.append(_condition(str(operator), str(key), _texts(values)))
    return f", if {_listed(found)}" if found else ""


def _condition(operator: str, key: str, values: list[str]) -> str:
    subject = tables.KEYS.get(key.lower()) or next(
        (words for end, words in tables.KEY_ENDS if key.lower().endswith(end)), plain(key)
    )
    bare = operator.removesuffix("IfExists").removeprefix("ForAnyValue:")
    verb = tables.OPERATORS.get(bare)
    if verb is None:
        return f"{subject} meets {plain(operator)} {_names(values, 'or')}"
    shown = [_resource(value) if value.startswith("arn:") else plain(value) for value in values]
    maybe = " (when the call names one)" if operator.endswith("IfExists") else ""
    return f"{subject}{maybe} {verb} {_listed(shown, 'or')}"


def _principal(item: Statement) -> str:
    said = item.get("Principal")
    if said == "*" or (isinstance(said, Mapping) and "*" in _texts(said.get("AWS"))):
        return "anybody with an AWS account"
    if "NotPrincipal" in item:
        return "everybody except those named in NotPrincipal"
    if not isinstance(said, Mapping):
        return "nobody"
    words = []
    for kind, names in said.items():
        for name in _texts(names):
            hub = kind == "Federated" and "token.actions.githubusercontent.com" in name
            words.append("runs of GitHub's workflows" if hub else plain(f"{kind} {name}"))
    return _listed(words)


def _open_trust(item: Statement) -> Iterator[str]:
    conditions = item.get("Condition") if isinstance(item.get("Condition"), Mapping) else {}
    keys = {
        str(key).lower(): (str(operator), _texts(values))
        for operator, pairs in (conditions or {}).items()
        if isinstance(pairs, Mapping)
        for key, values in pairs.items()
    }
    if "sts:AssumeRoleWithWebIdentity" in _texts(item.get("Action")):
        for end, what in ((":sub", "repository, branch or environment"), (":aud", "audience")):
            said = next((about for key, about in keys.items() if key.endswith(end)), None)
            if said is None:
                yield f"The trust policy asks for no {end[1:]}: a token of any {what} would do."
            elif "Like" in said[0] and any("*" in value or "?" in value for value in said[1]):
                yield f"The trust policy compares {end[1:]} with a pattern ({_names(said[1])}), which more may match."
            elif said[0].startswith("ForAllValues"):
                yield f"ForAllValues on {end[1:]} is also true for a token without it."
    elif _principal(item).startswith("anybody") and not keys:
        yield "Anybody with an AWS account could assume this role."


def _cannot(allowed: Sequence[Statement], denied: Sequence[Statement]) -> Iterator[str]:
    for words, actions in tables.NOTABLE:
        if not any(_allows(item, action) for item in allowed for action in actions):
            yield f"Cannot {words}."
        elif all(any(_denies_all(item, action) for item in denied) for action in actions):
            yield f"Cannot {words}: that is denied."
    for words, action in tables.BOUND:
        where = [item for item in allowed if _allows(item, action)]
        if where and not any(_is_wide(item) for item in where):
            yield f"Cannot {words}."
    services = sorted({action.partition(":")[0] for item in allowed for action in _texts(item.get("Action"))})
    if (
        allowed
        and not any(set(name) & set("*?") for name in services)
        and not any("NotAction" in item for item in allowed)
    ):
        yield f"Cannot use any AWS service besides {_listed([tables.SERVICES.get(name, name) for name in services])}."


def _too_much(allowed: Sequence[Statement]) -> Iterator[str]:
    for item in allowed:
        everywhere = "*" in _texts(item.get("Resource")) or "NotResource" in item
        for action in _texts(item.get("Action")):
            if action == "*" or (action.endswith(":*") and everywhere):
                yield f"{plain(action)} {'on every resource ' if everywhere else ''}is far more than CI needs."
        if _is_wide(item) and _allows(item, "iam:PassRole"):
            yield "iam:PassRole for more than named roles: what such a role may do could be had by handing it over."
        if "NotAction" in item:
            yield "NotAction with Allow permits every action that AWS will ever add."


def _allows(item: Statement, action: str) -> bool:
    if "NotAction" in item:
        return not any(_matches(pattern, action) for pattern in _texts(item["NotAction"]))
    return any(_matches(pattern, action) for pattern in _texts(item.get("Action")))


def _is_wide(item: Statement) -> bool:
    """Whether its resources are more than those that it names."""
    return "NotResource" in item or any(set(arn) & set("*?") for arn in _texts(item.get("Resource")))


def _denies_all(item: Statement, action: str) -> bool:
    return _allows(item, action) and "*" in _texts(item.get("Resource")) and not item.get("Condition")


def _matches(pattern: str, action: str) -> bool:
    literal = pattern.replace("[", "[[]")  # IAM knows * and ? alone
    return fnmatch.fnmatchcase(action.lower(), literal.lower())


def _many(value: Any) -> list[Any]:  # noqa: ANN401
    return value if isinstance(value, list) else [] if value is None else [value]


def _texts(value: Any) -> list[str]:  # noqa: ANN401
    return [str(item) for item in _many(value)]


def _names(values: Sequence[str], word: str = "and") -> str:
    return _listed([plain(value) for value in values], word)


def _listed(words: Sequence[str], word: str = "and") -> str:
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {word} {words[-1]}"
