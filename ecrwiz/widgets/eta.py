"""How long something still takes, told only when it can be known."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, TypeAlias

__all__ = ["WINDOW_SECONDS", "Sample", "seconds_left"]

Sample: TypeAlias = tuple[float, float, float]  # monotonic seconds, bytes done, bytes in all

WINDOW_SECONDS: Final = 20.0
_HISTORY: Final = 4.0  # seconds of movement before a rate means something
_LEAST: Final = 5
_STALL: Final = 5.0
_LONGEST: Final = 6 * 3600.0


def seconds_left(samples: Sequence[Sample], now: float) -> float | None:
    """Seconds until the end by the rate of the last 20 seconds; None when that would be a guess.

    It would be one while the total still changes, before there is some history, when nothing has moved for five
    seconds, when it went backwards, and when the two halves of the history disagree by more than a factor of three.

    Args:
        samples: in order of time.
        now: monotonic seconds.
    """
    recent = [sample for sample in samples if now - sample[0] <= WINDOW_SECONDS]
    if len(recent) < _LEAST or len({total for _, _, total in recent}) != 1:
        return None
    (began, first, total), (ended, done, _) = recent[0], recent[-1]
    moved = [later[1] - earlier[1] for earlier, later in pairwise(recent)]
    if total <= 0 or done >= total or done <= first or min(moved) < 0:
        return None
    if ended - began < _HISTORY or now - ended > _STALL:
        return None
    middle = min(recent, key=lambda sample: abs(sample[0] - (began + ended) / 2))
    if middle[0] in (began, ended):
        return None
    early, late = (middle[1] - first) / (middle[0] - began), (done - middle[1]) / (ended - middle[0])
    if early <= 0 or late <= 0 or max(early, late) > 3 * min(early, late):
        return None
    left = (total - done) * (ended - began) / (done - first) - (now - ended)
    return left if 0 < left <= _LONGEST else None
