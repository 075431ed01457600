"""A small table of AWS list prices, with its date and where each was read; no network."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

__all__ = ["HOURS", "Price", "date", "price"]

HOURS: Final = 730.0
"""Hours of a month, as AWS's own calculator counts them."""


@dataclass(frozen=True, slots=True)
class Price:
    """A list price.

    Attributes:
        dollars: US dollars per unit.
        unit: such as `GB-month`.
        source: the page that it was read on.
        partitions: where it holds.
    """

    dollars: float
    unit: str
    source: str
    partitions: tuple[str, ...]


def date() -> str:
    """The month of the table, `YYYY-MM`."""
    return _table()[0]


def price(name: str, partition: str) -> Price | None:
    """The price of this name; None when the table does not know it for a partition."""
    found = _table()[1][name]
    return found if partition in found.partitions else None


@cache
def _table() -> tuple[str, Mapping[str, Price]]:
    data = tomllib.loads((resources.files(__package__) / "prices.toml").read_text("utf-8"))
    when = str(data.pop("date"))
    return when, {
        name: Price(float(row["price"]), row["unit"], row["source"], tuple(row["partitions"]))
        for name, row in data.items()
    }
