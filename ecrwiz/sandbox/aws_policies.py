"""Corrections to how moto reads a policy's statement."""

from __future__ import annotations

import re

from moto.iam.access_control import IAMPolicyStatement, PermissionResult

__all__ = ["evaluate_as_aws_does"]


def evaluate_as_aws_does() -> None:
    """Let moto match patterns, NotResource and conditions as AWS does; for the whole process."""
    IAMPolicyStatement._check_element_matches = _element_matches  # type: ignore[method-assign]
    IAMPolicyStatement.is_action_permitted = _is_action_permitted  # type: ignore[method-assign]


def _matches(pattern: str, value: str, *, any_case: bool) -> bool:
    """AWS's patterns: `*` is any text and `?` any one character, nothing else is special."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, value, re.DOTALL | (re.IGNORECASE if any_case else 0)) is not None


def _element_matches(self: IAMPolicyStatement, statement_element: str, value: str) -> bool:
    patterns = self._statement[statement_element]
    any_case = statement_element in {"Action", "NotAction"}
    return any(
        _matches(pattern, value, any_case=any_case)
        for pattern in ([patterns] if isinstance(patterns, str) else patterns)
    )


_is_action_permitted_by_moto = IAMPolicyStatement.is_action_permitted


def _is_action_permitted(
    self: IAMPolicyStatement,
    action: str,
    resource: str = "*",
    principal: str | None = None,
    incoming_condition_values: dict[str, str] | None = None,
) -> PermissionResult:
    result = _is_action_permitted_by_moto(self, action, resource, principal, incoming_condition_values)
    allows = self._statement["Effect"] == "Allow"
    if result is PermissionResult.DENIED and allows:
        return PermissionResult.NEUTRAL  # an Allow that does not apply denies nothing
    if result is PermissionResult.PERMITTED and "NotResource" in self._statement:  # unknown to moto
        if self._check_element_matches("NotResource", resource):
            return PermissionResult.NEUTRAL
        return PermissionResult.PERMITTED if allows else PermissionResult.DENIED
    return result
