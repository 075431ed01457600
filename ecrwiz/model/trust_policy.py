"""What a role's trust policy says: who gets in by it, and what is dangerous in it.

The policy may be anybody's: everything is read as data, and what is not understood counts as `unknown`, never as
refused. Source: IAM's policy grammar, and GitHub's and AWS's warnings about OIDC conditions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

__all__ = ["Verdict", "dangers", "judge", "subjects_in"]

Verdict = Literal["may", "may not", "unknown"]
_ACTION: Final = "sts:assumerolewithwebidentity"
_MOST: Final = 200  # statements, conditions or values that are looked at


@dataclass(frozen=True, slots=True)
class _Test:
    """One line of a condition.

    Attributes:
        operator: the base operator in small letters, such as `stringequals`.
        written: the operator as it stands there.
        key: in small letters.
        values: what the claim is compared with.
    """

    operator: str
    written: str
    key: str
    values: tuple[str, ...]

    @property
    def lax(self) -> bool:
        """Whether it is true when the claim is absent."""
        return self.written.lower().startswith("forallvalues:") or self.written.lower().endswith("ifexists")


def judge(document: Mapping[str, Any], issuer: str, audience: str, subject: str) -> Verdict:
    """Whether a token with this subject gets the role, as far as the trust policy decides.

    Args:
        document: the trust policy.
        issuer: host and path of the OIDC provider.
        audience: the token's claim `aud`.
        subject: the token's claim `sub`.
    """
    claims = {f"{issuer}:sub".lower(): subject, f"{issuer}:aud".lower(): audience}
    found: list[Verdict] = []
    for statement in _statements(document):
        verdict = _statement(statement, issuer, claims)
        if statement.get("Effect") == "Deny":
            if verdict == "may":
                return "may not"
            verdict = "unknown" if verdict == "unknown" else "may not"
            found.append(verdict)
        else:
            found.append(verdict)
    if "unknown" in found:
        return "unknown"
    return "may" if "may" in found else "may not"


def _statement(statement: Mapping[str, Any], issuer: str, claims: Mapping[str, str]) -> Verdict:
    """Whether the statement speaks of this token."""
    if "NotAction" in statement or "NotPrincipal" in statement:
        return "unknown"
    if not _names(statement) or not _provider(statement, issuer):
        return "may not"
    verdicts = {_test(test, claims) for test in _tests(statement)}
    if "may not" in verdicts:
        return "may not"
    return "unknown" if "unknown" in verdicts else "may"


def _test(test: _Test, claims: Mapping[str, str]) -> Verdict:
    if test.key not in claims or any("${" in value for value in test.values):
        return "unknown"
    value = claims[test.key]
    if test.operator == "stringequals":
        fits = value in test.values
    elif test.operator == "stringequalsignorecase":
        fits = value.lower() in {wanted.lower() for wanted in test.values}
    elif test.operator == "stringlike":
        fits = any(_fits(wanted, value) for wanted in test.values)
    elif test.operator == "stringnotequals":
        fits = value not in test.values
    elif test.operator == "stringnotlike":
        fits = not any(_fits(wanted, value) for wanted in test.values)
    else:
        return "unknown"
    return "may" if fits else "may not"


def _fits(pattern: str, value: str) -> bool:
    """IAM's `*` and `?`, without a regular expression that a hostile pattern could make endless."""
    at, begin, star, mark = 0, 0, -1, 0
    while at < len(value):
        if begin < len(pattern) and pattern[begin] == "*":
            star, mark, begin = begin, at, begin + 1
        elif begin < len(pattern) and pattern[begin] in ("?", value[at]):
            begin, at = begin + 1, at + 1
        elif star >= 0:
            mark, begin = mark + 1, star + 1
            at = mark
        else:
            return False
    return set(pattern[begin:]) <= {"*"}


def subjects_in(document: Mapping[str, Any], issuer: str) -> tuple[str, ...]:
    """Every value that the policy compares the subject with, patterns too."""
    key = f"{issuer}:sub".lower()
    found = [
        value
        for statement in _statements(document)
        if statement.get("Effect") != "Deny"
        for test in _tests(statement)
        if test.key == key
        for value in test.values
    ]
    return tuple(dict.fromkeys(found))


def dangers(document: Mapping[str, Any], issuer: str) -> tuple[str, ...]:
    """What lets more in than it should, or keeps out what it means to let in; a sentence each."""
    found: list[str] = []
    for statement in _statements(document):
        if statement.get("Effect") != "Deny":
            found += _dangers(statement, issuer)
    return tuple(dict.fromkeys(found))


def _dangers(statement: Mapping[str, Any], issuer: str) -> Iterator[str]:
    if "NotAction" in statement or "NotPrincipal" in statement:
        yield "It says who or what is not meant (NotPrincipal, NotAction), and so lets in whatever it forgot."
        return
    for name in _others(statement, issuer):
        yield f"It also lets {name} assume the role."
    if not _names(statement) or not _provider(statement, issuer):
        return
    tests = _tests(statement)
    for claim, sentence in (
        ("aud", "It does not check the audience (aud), so a token that was made for another service would do."),
        ("sub", "It does not check the subject (sub), so workflows of every repository on GitHub could assume it."),
    ):
        if not any(test.key == f"{issuer}:{claim}".lower() for test in tests):
            yield sentence
    for test in tests:
        yield from _dangers_of(test)


def _dangers_of(test: _Test) -> Iterator[str]:
    claim = test.key.rpartition(":")[2]
    if test.lax:
        yield f"{test.written} on {claim} is true when the claim is absent: StringEquals is what is meant."
    if test.operator.startswith("stringnot"):
        yield f"{test.written} on {claim} says who may not, and lets everybody else in."
    if test.operator == "stringequalsignorecase":
        yield f"{test.written} on {claim} does not tell upper from lower case: StringEquals is what is meant."
    for value in test.values:
        if not set(value) & set("*?"):
            continue
        if test.operator == "stringlike":
            yield f"StringLike on {claim} lets in everything that fits {value}."
        elif test.operator == "stringequals":
            yield f"StringEquals on {claim} takes {value} letter by letter: no token ever fits it."


def _statements(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = document.get("Statement") if isinstance(document, Mapping) else None
    listed = found if isinstance(found, list) else [found]
    return [item for item in listed[:_MOST] if isinstance(item, Mapping)]


def _texts(value: object) -> tuple[str, ...]:
    listed: Sequence[object] = value if isinstance(value, list) else [value]
    return tuple(item for item in listed[:_MOST] if isinstance(item, str))


def _names(statement: Mapping[str, Any]) -> bool:
    """Whether it speaks of assuming a role with a token."""
    return any(_fits(action.lower(), _ACTION) for action in _texts(statement.get("Action")))


def _provider(statement: Mapping[str, Any], issuer: str) -> bool:
    """Whether it speaks of tokens of this provider."""
    principal = statement.get("Principal")
    if principal == "*":
        return True
    federated = _texts(principal.get("Federated")) if isinstance(principal, Mapping) else ()
    return any(name == "*" or name.endswith(f":oidc-provider/{issuer}") for name in federated)


def _others(statement: Mapping[str, Any], issuer: str) -> Iterator[str]:
    """Principals besides this provider."""
    principal = statement.get("Principal")
    if isinstance(principal, str):
        yield "everybody" if principal == "*" else principal
    elif isinstance(principal, Mapping):
        for kind, names in principal.items():
            for name in _texts(names):
                if not (kind == "Federated" and name.endswith(f":oidc-provider/{issuer}")):
                    yield "everybody" if name == "*" else name


def _tests(statement: Mapping[str, Any]) -> tuple[_Test, ...]:
    condition = statement.get("Condition")
    found: list[_Test] = []
    for written, keys in condition.items() if isinstance(condition, Mapping) else ():
        base = re.sub(r"^for(?:all|any)values:|ifexists$", "", str(written).lower())
        for key, values in keys.items() if isinstance(keys, Mapping) else ():
            found.append(_Test(base, str(written), str(key).lower(), _texts(values)))
    return tuple(found[:_MOST])
