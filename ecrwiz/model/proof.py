"""One row of the table of what the CI identity may do and what it may not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Proof"]


@dataclass(frozen=True, slots=True)
class Proof:
    """One thing that the CI identity must be able to do, or must not.

    Attributes:
        title: in words, such as `delete the repository`.
        action: IAM's, such as `ecr:DeleteRepository`.
        resource: ARN, or `*`.
        expected: `allowed` or `refused`.
        found: `allowed`, `refused`, or `unknown` when nobody could find out.
        answer: what AWS said, in one line.
        how: `called` with the identity itself, `simulated` by IAM, or `read` in its policies.
        identity: ARN of the user or role that was tried.
    """

    title: str
    action: str
    resource: str
    expected: Literal["allowed", "refused"]
    found: Literal["allowed", "refused", "unknown"]
    answer: str
    how: Literal["called", "simulated", "read"]
    identity: str

    @property
    def wrong(self) -> bool:
        """Whether it is known to be otherwise than it must be."""
        return self.found not in (self.expected, "unknown")
