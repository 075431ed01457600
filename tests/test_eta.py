"""The time that is left, told only when it can be known."""

from __future__ import annotations

import pytest

from ecrwiz.flow.events import Progress, StepId
from ecrwiz.screens.run_state import StepView
from ecrwiz.screens.words import ago_text, progress_text
from ecrwiz.widgets.eta import Sample, seconds_left


def steady(seconds: float, rate: float = 10.0, total: float = 1000.0, start: float = 0.0) -> list[Sample]:
    """A sample each half second."""
    return [(start + number / 2, rate * number / 2, total) for number in range(int(seconds * 2) + 1)]


def test_a_steady_rate_gives_the_time_that_is_left() -> None:
    assert seconds_left(steady(10), 10) == pytest.approx(90)
    assert seconds_left(steady(10), 12) == pytest.approx(88), "the clock goes on between two samples"


@pytest.mark.parametrize(
    ("samples", "now", "why"),
    [
        ([], 0, "nothing"),
        (steady(3), 3, "too little history"),
        ([(0, 0, 1000), (10, 100, 1000)], 10, "too few samples"),
        (steady(10), 16, "nothing moved for five seconds"),
        ([*steady(5), *steady(10, total=2000)[11:]], 10, "the total changed"),
        ([*steady(10)[:-1], (10, 5, 1000)], 10, "it went backwards"),
        ([(second, 0, 1000) for second in range(10)], 9, "nothing moves"),
        ([(second, min(second, 5) * 100 + max(0, second - 5), 1000) for second in range(11)], 10, "it slows down"),
        (steady(10, rate=100), 10, "it is at its end"),
        (steady(10, rate=0.001), 10, "it would take days"),
        (steady(10, total=0), 10, "there is no total"),
    ],
)
def test_what_would_be_a_guess_is_not_told(samples: list[Sample], now: float, why: str) -> None:
    assert seconds_left(samples, now) is None, why


def test_only_bytes_with_a_total_are_followed() -> None:
    view = StepView()
    for number in range(60):
        view.note_progress(Progress(StepId.BUILD, number, 100, "steps", "x"), number)
    assert view.samples == []
    for number in range(400):
        view.note_progress(Progress(StepId.PUSH, number, 1000, "bytes", "x"), number / 10)
    assert view.left(40) == pytest.approx(60, abs=1)
    assert len(view.samples) <= 81, "only the last seconds are kept"


def test_the_time_left_stands_in_the_progress() -> None:
    progress = Progress(StepId.PUSH, 5e5, 1e6, "bytes", "layer 1")
    assert progress_text(progress, 4, 12.2) == "━━── 500.0 kB of 1.0 MB, 12 s left  layer 1"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3, "just now"), (60, "1m ago"), (3599, "59m ago"), (7200, "2h ago"), (200_000, "2d ago")],
)
def test_how_long_ago(seconds: float, text: str) -> None:
    assert ago_text(seconds) == text
