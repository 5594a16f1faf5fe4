"""Turns, rounds and spreads, by a clock that does not tell the time."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.contest import Budget, Contender, Run, contest, rounds_for
from benchmarks.spread import Spread, figure

BUDGET = Budget(seconds=8.0, stint=0.01, rounds=20)


class Pretender:
    """A call that claims to take so many seconds, and counts."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1


def claimed(run: Run, calls: int) -> float:
    for _ in range(calls):
        run()
    return run.seconds


def test_every_round_of_everybody_is_kept() -> None:
    runs = {"quick": Pretender(0.001), "slow": Pretender(0.5)}
    seconds = contest({name: Contender(run) for name, run in runs.items()}, BUDGET, claimed)
    assert seconds == {"quick": (0.001,) * 20, "slow": (0.5,) * 4}  # its half of 8 s, each round with a call before


def test_a_quick_call_is_repeated_until_the_clock_can_tell() -> None:
    run = Pretender(0.001)
    contest({"quick": Contender(run)}, BUDGET, claimed)
    assert run.calls == 1 + 5 + 20 * (1 + 10)


@pytest.mark.parametrize(
    ("stint", "share", "rounds"),
    [(0.001, 4.0, 20), (0.5, 4.0, 8), (2.0, 4.0, 3), (2.6, 4.0, 3), (2.7, 4.0, 1), (60.0, 4.0, 1)],
)
def test_rounds(stint: float, share: float, rounds: int) -> None:
    assert rounds_for(stint, share, BUDGET) == rounds


def test_a_contender_runs_under_its_circumstances() -> None:
    entered: Counter[str] = Counter()

    @contextmanager
    def circumstances() -> Iterator[None]:
        entered["inside"] = 1
        yield
        entered["inside"] = 0

    seen: set[tuple[str, int]] = set()
    contenders = {
        "with": Contender(lambda: seen.add(("with", entered["inside"])), circumstances),
        "without": Contender(lambda: seen.add(("without", entered["inside"]))),
    }
    contest(contenders, BUDGET, lambda run, calls: (run(), 0.1)[1])
    assert seen == {("with", 1), ("without", 0)}


def test_no_contender_no_rounds() -> None:
    assert contest({}, BUDGET, claimed) == {}


def test_spread() -> None:
    spread = Spread.of([3.0, 1.0, 2.0, 4.0, 5.0])
    assert (spread.low, spread.median, spread.high) == pytest.approx((1.4, 3.0, 4.6))
    assert Spread.of([2.0]) == Spread(2.0, 2.0, 2.0)


def test_ratios_are_taken_round_by_round() -> None:
    assert Spread.of_ratios([10.0, 40.0, 90.0], [1.0, 2.0, 3.0]).median == 20.0
    assert Spread.of_ratios([10.0, 40.0], [1.0, 2.0, 1e9]).median == 15.0


def test_other_units() -> None:
    assert Spread(1.0, 0.5, 2.0).times(100) == Spread(100.0, 50.0, 200.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (46.12, "46.1"), (47, "47.0"), (265.3, "265"), (12345.6, "12346"), (0.01234, "0.0123"), (1, "1.00")],
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert figure(value) == text


def test_a_spread_in_words() -> None:
    assert Spread(46.12, 44.8, 47.0).text("x") == "46.1x (44.8–47.0)"
    assert Spread(16.0, 16.0, 16.0).text(" B") == "16.0 B"
