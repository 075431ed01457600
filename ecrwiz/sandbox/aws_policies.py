"""Policies read as AWS reads them, in place of moto's reading.

Elements, wildcards and condition operators: IAM user guide, "IAM JSON policy elements reference".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from moto.iam.access_control import IAMPolicy, IAMPolicyStatement, PermissionResult

__all__ = ["evaluate_as_aws_does", "missing_keys"]


def evaluate_as_aws_does() -> None:
    """Let moto match patterns, NotResource and conditions as AWS does; for the whole process."""
    IAMPolicyStatement._check_element_matches = _element_matches  # type: ignore[method-assign]
    IAMPolicyStatement.is_action_permitted = _is_action_permitted  # type: ignore[method-assign]


def _matches(pattern: str, value: str, *, any_case: bool = False) -> bool:
    """AWS's patterns: `*` is any text and `?` any one character, nothing else is special."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, value, re.DOTALL | (re.IGNORECASE if any_case else 0)) is not None


def _element_matches(self: IAMPolicyStatement, statement_element: str, value: str) -> bool:
    any_case = statement_element in {"Action", "NotAction"}
    return any(_matches(pattern, value, any_case=any_case) for pattern in _list(self._statement[statement_element]))


def _list(value: Any) -> list[Any]:  # noqa: ANN401  # JSON of a policy
    return value if isinstance(value, list) else [value]


_is_action_permitted_by_moto = IAMPolicyStatement.is_action_permitted


def _is_action_permitted(
    self: IAMPolicyStatement,
    action: str,
    resource: str = "*",
    principal: str | None = None,
    incoming_condition_values: dict[str, str] | None = None,
) -> PermissionResult:
    statement = self._statement
    if "Resource" not in statement and "NotResource" not in statement:  # a role's trust policy
        result = _is_action_permitted_by_moto(self, action, resource, principal, incoming_condition_values)
        denies_nothing = result is PermissionResult.DENIED and statement["Effect"] == "Allow"
        return PermissionResult.NEUTRAL if denies_nothing else result
    if not _concerns(self, action, resource) or not _conditions_hold(statement, incoming_condition_values or {}):
        return PermissionResult.NEUTRAL
    return PermissionResult.PERMITTED if statement["Effect"] == "Allow" else PermissionResult.DENIED


def _concerns(self: IAMPolicyStatement, action: str, resource: str) -> bool:
    for element, value in (("Action", action), ("Resource", resource)):
        if f"Not{element}" in self._statement:
            if _element_matches(self, f"Not{element}", value):
                return False
        elif not _element_matches(self, element, value):
            return False
    return True


# Whether a value fits what a condition wants; those of this kind hold when the value fits any of the wanted ones.
_OPERATORS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "StringEquals": lambda wanted, value: wanted == value,
    "StringEqualsIgnoreCase": lambda wanted, value: wanted.lower() == value.lower(),
    "StringLike": _matches,
    "ArnEquals": _matches,
    "ArnLike": _matches,
    "Bool": lambda wanted, value: wanted.lower() == value.lower(),
}
# These hold when the value fits none of them, and also when there is no value.
_NEGATED: Final[Mapping[str, str]] = {
    "StringNotEquals": "StringEquals",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}


def _conditions(statement: Mapping[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    for operator, keys in (statement.get("Condition") or {}).items():
        for key, wanted in keys.items():
            yield operator, key, [str(value) for value in _list(wanted)]


def _conditions_hold(statement: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    given = {key.lower(): value for key, value in context.items()}
    return all(_holds(operator, given.get(key.lower()), wanted) for operator, key, wanted in _conditions(statement))


def _holds(operator: str, value: str | None, wanted: list[str]) -> bool:
    name = operator.removesuffix("IfExists")
    fits = _OPERATORS.get(_NEGATED.get(name, name))
    if fits is None:
        return False  # unknown here: such a statement applies to nothing
    if value is None:
        return name != operator or name in _NEGATED
    found = any(fits(pattern, value) for pattern in wanted)
    return found != (name in _NEGATED)


def missing_keys(policy: IAMPolicy, action: str, resource: str, context: Mapping[str, str]) -> set[str]:
    """The condition keys that a policy's statements about this call ask for and that are not given."""
    given = {key.lower() for key in context}
    return {
        key
        for statement in _list(policy._policy_json["Statement"])
        if _concerns(IAMPolicyStatement(statement), action, resource)
        for operator, key, _ in _conditions(statement)
        if key.lower() not in given and not operator.endswith("IfExists")
    }
