"""Median and percentiles of rounds, and the text of numbers and durations."""

import pytest

from benchmarks.results import Summary, duration, three_digits


def test_median_and_percentiles() -> None:
    summary = Summary.of([3.0, 1.0, 2.0, 4.0, 5.0])
    assert (summary.low, summary.median, summary.high) == pytest.approx((1.4, 3.0, 4.6))
    assert Summary.of([2.0]) == Summary(2.0, 2.0, 2.0)


def test_ratios_are_taken_round_by_round() -> None:
    assert Summary.of_ratios([10.0, 40.0, 90.0], [1.0, 2.0, 3.0]).median == 20.0
    assert Summary.of_ratios([10.0, 40.0], [1.0, 2.0, 1e9]).median == 15.0


def test_other_units() -> None:
    assert Summary(1.0, 0.5, 2.0).scaled(100) == Summary(100.0, 50.0, 200.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (46.12, "46.1"), (47, "47.0"), (265.3, "265"), (12345.6, "12346"), (0.01234, "0.0123"), (1, "1.00")],
)
def test_three_significant_digits(value: float, text: str) -> None:
    assert three_digits(value) == text


def test_text_of_a_summary() -> None:
    assert Summary(46.12, 44.8, 47.0).text("x") == "46.1x (44.8–47.0)"
    assert Summary(16.0, 16.0, 16.0).text(" B") == "16.0 B"


@pytest.mark.parametrize(("seconds", "text"), [(2.0, "2 s"), (0.01, "10 ms"), (5.36e-4, "536 µs"), (2e-9, "2 ns")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
