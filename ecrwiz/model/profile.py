"""Whose AWS credentials are used: the profile that was chosen, and what AWS said of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

__all__ = ["Chosen", "Standing"]

By = Literal["--profile", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "this folder", ""]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which profile is used, and who said so.

    Attributes:
        name: the profile; empty for the environment's own keys and for what the SDK finds by itself.
        by: an option, a variable of the environment, or the choice that is kept for this folder; empty for nobody.
        note: what a person should know of it, in a sentence; may be empty.
    """

    name: str = ""
    by: By = ""
    note: str = ""

    @property
    def is_fixed(self) -> bool:
        """Whether another choice would change nothing in this process."""
        return self.by not in ("this folder", "")


@dataclass(frozen=True, slots=True)
class Standing:
    """What AWS said of a profile.

    Attributes:
        account: the account's number; empty when AWS said nothing.
        arn: who the credentials belong to.
        source: where they come from, in words.
        ends: when they, or the session that they come from, end (UTC); None when they do not, or do not say.
        problem: why AWS said nothing, in a sentence.
        hint: what to do about that.
        renew: the command that begins the profile's session anew; empty when it has none.
    """

    account: str = ""
    arn: str = ""
    source: str = ""
    ends: datetime | None = None
    problem: str = ""
    hint: str = ""
    renew: str = ""

    @property
    def is_root(self) -> bool:
        """The account's root user, which should not be used for daily work."""
        return self.arn.endswith(":root")
