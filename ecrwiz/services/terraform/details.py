"""What a saved plan holds beside addresses: attributes before and after, and IAM policies.

Source: developer.hashicorp.com/terraform/internals/json-format (change representation; `after_unknown` and the
`*_sensitive` members have the value's own shape with `true` where it applies).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from ecrwiz.model.errors import ToolFailedError
from ecrwiz.model.redact import plain
from ecrwiz.model.results import KNOWN_LATER, SENSITIVE, AttributeChange, Plan, PlannedPolicy

__all__ = ["with_details"]

_DEEPEST: Final = 6
_MOST: Final = 200  # attributes of one resource
_LONGEST: Final = 20_000  # characters of one value

# Which resources hold a policy, under which attribute, and which attribute says for whom.
_POLICIES: Final[Mapping[str, tuple[str, str]]] = {
    "aws_iam_user_policy": ("policy", "user"),
    "aws_iam_role_policy": ("policy", "role"),
    "aws_iam_group_policy": ("policy", "group"),
    "aws_iam_policy": ("policy", "name"),
}
_ROLE: Final = "aws_iam_role"

_Leaves = dict[str, str]


def with_details(plan: Plan, shown: str) -> Plan:
    """Add to a plan what `terraform show -json` says of it.

    Raises:
        ToolFailedError: that is no JSON of the documented form.
    """
    try:
        resources = [item for item in json.loads(shown).get("resource_changes", ()) if item.get("mode") == "managed"]
        details = {str(item["address"]): _attributes(item["change"]) for item in resources}
        policies = tuple(policy for item in resources for policy in _policies(item))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ToolFailedError("Terraform's plan is of a form that ecrwiz does not know.", "Update ecrwiz.") from error
    changes = tuple(replace(change, details=details.get(change.address, ())) for change in plan.changes)
    return Plan(changes, policies)


def _attributes(change: Mapping[str, Any]) -> tuple[AttributeChange, ...]:
    before = dict(_leaves(change.get("before"), False, change.get("before_sensitive")))
    after = dict(_leaves(change.get("after"), change.get("after_unknown"), change.get("after_sensitive")))
    forced = [_path(parts) for parts in change.get("replace_paths") or ()]
    found, later = [], []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        forces = any(name == path or name.startswith((f"{path}.", f"{path}[")) for path in forced)
        if old is None and new == KNOWN_LATER:
            later.append(name)
        elif old != new or (old == SENSITIVE and _differs(change, name)):
            found.append(AttributeChange(name, old, new, forces))
    found.sort(key=lambda item: not item.forces)
    if later:
        found.append(AttributeChange(", ".join(later), None, KNOWN_LATER))
    return tuple(found[:_MOST])


def _differs(change: Mapping[str, Any], name: str) -> bool:
    """Whether a sensitive value changes: that it does may be seen."""
    top = name.partition(".")[0].partition("[")[0]
    before, after = change.get("before") or {}, change.get("after") or {}
    return before.get(top) != after.get(top)


def _leaves(value: Any, unknown: Any, sensitive: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:  # noqa: ANN401
    """Path and text of each value; what is empty says nothing and is left out."""
    if sensitive is True:
        if value is not None or unknown:
            yield path, SENSITIVE
    elif unknown is True:
        yield path, KNOWN_LATER
    elif isinstance(value, Mapping) and (value or unknown) and depth < _DEEPEST:
        names = dict.fromkeys([*value, *(unknown if isinstance(unknown, Mapping) else ())])
        for name in names:
            inner = f"{path}.{name}" if path else str(name)
            yield from _leaves(value.get(name), _at(unknown, name), _at(sensitive, name), inner, depth + 1)
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value) and depth < _DEEPEST:
        for number, item in enumerate(value):
            inner = f"{path}[{number}]"
            yield from _leaves(item, _at(unknown, number), _at(sensitive, number), inner, depth + 1)
    elif value not in (None, "", [], {}):
        yield path, _text(value)


def _at(shape: Any, key: str | int) -> Any:  # noqa: ANN401
    if isinstance(shape, Mapping):
        return shape.get(key)
    if isinstance(shape, list) and isinstance(key, int) and key < len(shape):
        return shape[key]
    return None


def _path(parts: list[str | int]) -> str:
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _text(value: Any) -> str:  # noqa: ANN401
    said = _laid_out(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = plain(said.expandtabs(4))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _laid_out(value: str) -> str:
    """JSON in a string (a policy, say) over several lines; any other string as it is."""
    if not value.startswith(("{", "[")) or len(value) > _LONGEST:
        return value
    try:
        return json.dumps(json.loads(value), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return value


def _policies(resource: Mapping[str, Any]) -> Iterator[PlannedPolicy]:
    change, kind = resource["change"], str(resource.get("type"))
    after, unknown = change.get("after"), change.get("after_unknown") or {}
    if not isinstance(after, Mapping):
        return  # it goes
    address = str(resource["address"])
    if kind == _ROLE:
        trust = None if unknown.get("assume_role_policy") else after.get("assume_role_policy")
        yield PlannedPolicy(address, str(after.get("name") or ""), "trust", trust)
    elif kind in _POLICIES:
        attribute, holder = _POLICIES[kind]
        document = None if unknown.get(attribute) else after.get(attribute)
        yield PlannedPolicy(address, str(after.get(holder) or ""), "permissions", document)
