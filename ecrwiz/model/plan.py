"""A Terraform plan as the doors show it: what changes, each attribute before and after, and the IAM policies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

__all__ = ["KNOWN_LATER", "SENSITIVE", "AttributeChange", "Plan", "PlannedChange", "PlannedPolicy"]

KNOWN_LATER: Final = "(known after apply)"
"""Terraform's own words for a value that only AWS can tell."""
SENSITIVE: Final = "(sensitive)"
"""In the place of a value that must not be seen."""


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """One attribute of a resource before and after; JSON in it is laid out over several lines.

    Attributes:
        name: its path, such as `tags.env` or `rule[0].id`; for several that only AWS can tell, all of their names.
        before: None when it was not there.
        after: None when it will not be there.
        forces: the resource must be made anew because of it.
    """

    name: str
    before: str | None
    after: str | None
    forces: bool = False


@dataclass(frozen=True, slots=True)
class PlannedPolicy:
    """An IAM policy as it will be.

    Attributes:
        address: the resource's address.
        holder: the name of the user or role that it is for; empty when that is not known yet.
        kind: `permissions`, or `trust` for who may assume a role.
        document: JSON; None when a part of it is known only after the apply.
    """

    address: str
    holder: str
    kind: Literal["permissions", "trust"]
    document: str | None


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One resource change that Terraform plans.

    Attributes:
        address: the resource's address.
        action: `create`, `update`, `replace`, `delete`, `import` (Terraform's own words; an import that also changes
            something is `import` with the reason `update`).
        reason: why it must be replaced, in Terraform's word; may be empty.
        details: its attributes, where they were looked up; they do not count when two changes are compared, for
            some (a throwaway public key, say) are made anew for each plan.
    """

    address: str
    action: str
    reason: str = ""
    details: tuple[AttributeChange, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """A Terraform plan in short.

    Attributes:
        changes: what would change.
        policies: every IAM policy as it would be, changed or not, where they were looked up.
    """

    changes: tuple[PlannedChange, ...]
    policies: tuple[PlannedPolicy, ...] = field(default=(), compare=False)

    def count(self, *actions: str) -> int:
        """How many changes have one of these actions."""
        return sum(change.action in actions for change in self.changes)

    def __str__(self) -> str:
        add = self.count("create", "replace")
        gone = self.count("delete", "replace")
        taken = self.count("import")
        imports = f"{taken} to import, " if taken else ""
        return f"{imports}{add} to add, {self.count('update')} to change, {gone} to destroy"
