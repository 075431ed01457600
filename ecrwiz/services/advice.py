"""Known failures and what to do about them: the rules of `advice.toml`, and of `rehearsal.toml` for workflow runs."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

__all__ = ["Advice", "advise", "hint_for", "rules"]

_LONGEST: Final = 20_000  # characters that are looked at: a failure's text may be a whole log


@dataclass(frozen=True, slots=True)
class Advice:
    """What a rule says about a failure.

    Attributes:
        pattern: what it was known by.
        message: what happened, in one sentence.
        hint: what to do next.
        link: where it is explained; may be empty.
        sample: a real text that the rule fits; its test.
    """

    pattern: re.Pattern[str]
    message: str
    hint: str
    link: str = ""
    sample: str = ""


def advise(text: str, table: str = "advice") -> Advice | None:
    """What is known about a failure by its words; None when nothing is.

    Args:
        text: the words.
        table: `advice`, or `rehearsal` for the log of a workflow run.
    """
    text = text[:_LONGEST]
    return next((rule for rule in rules(table) if rule.pattern.search(text)), None)


def hint_for(text: str) -> str:
    """What to do about a failure, by its words; empty when nothing is known."""
    found = advise(text)
    return found.hint if found else ""


def rules(table: str = "advice") -> tuple[Advice, ...]:
    """The rules of a table, read when the first failure needs them."""
    return _rules(table)


@cache
def _rules(table: str) -> tuple[Advice, ...]:
    data = tomllib.loads((resources.files("ecrwiz.services") / f"{table}.toml").read_text("utf-8"))
    return tuple(
        Advice(
            re.compile(rule["pattern"], re.IGNORECASE | re.DOTALL),
            rule["message"], rule["hint"], rule.get("link", ""), rule["sample"],
        )
        for rule in data["rule"]
    )  # fmt: skip
