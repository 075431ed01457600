"""The regions of AWS: their names, their partitions, and which lie near to one another."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from math import acos, cos, radians, sin
from typing import Final

__all__ = ["Region", "all_regions", "near", "partition_of"]

_EARTH: Final = 6371.0  # kilometres
_FAR: Final = 50_000.0  # kilometres, for a region that the table does not have yet


@dataclass(frozen=True, slots=True)
class Region:
    """A region.

    Attributes:
        code: such as `eu-west-1`.
        name: such as `Europe (Ireland)`.
        partition: such as `aws` or `aws-cn`; credentials of one are of no use in another.
        dns_suffix: what the names of its services' hosts end with.
    """

    code: str
    name: str
    partition: str
    dns_suffix: str


@cache
def all_regions() -> Mapping[str, Region]:
    """All regions in all partitions by code, from the data that botocore carries."""
    data = json.loads((resources.files("botocore") / "data" / "partitions.json").read_text("utf-8"))
    return {
        code: Region(code, str(about.get("description", "")), partition["id"], partition["outputs"]["dnsSuffix"])
        for partition in data["partitions"]
        for code, about in partition["regions"].items()
        if not code.endswith("-global")
    }


def partition_of(code: str) -> str:
    """The partition of a region; `aws` for one that is not known."""
    found = all_regions().get(code)
    return found.partition if found else "aws"


def near(code: str) -> tuple[Region, ...]:
    """The regions of the same partition, the nearest first and the region itself at the very beginning."""
    partition = partition_of(code)
    mine = [region for region in all_regions().values() if region.partition == partition]
    return tuple(sorted(mine, key=lambda region: (region.code != code, _distance(code, region.code), region.code)))


@cache
def _places() -> Mapping[str, tuple[float, float]]:
    text = (resources.files(__package__) / "regions.toml").read_text("utf-8")
    return {code: (place[0], place[1]) for code, place in tomllib.loads(text)["places"].items()}


def _distance(one: str, other: str) -> float:
    """Kilometres over the ground."""
    places = _places()
    if one not in places or other not in places:
        return _FAR
    (north, east), (north_2, east_2) = ((radians(a), radians(b)) for a, b in (places[one], places[other]))
    cosine = sin(north) * sin(north_2) + cos(north) * cos(north_2) * cos(east - east_2)
    return _EARTH * acos(max(-1.0, min(1.0, cosine)))
