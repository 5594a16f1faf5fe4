"""Interleaved timing: rounds, repetitions and contexts, with a fake clock."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.meters import Run
from benchmarks.timing import Budget, Candidate, interleaved, rounds_for

BUDGET = Budget(seconds=8.0, min_run_time=0.01, rounds=20)


class FakeCall:
    """A call with a given time that counts its calls."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1


def fake_clock(run: Run, calls: int) -> float:
    for _ in range(calls):
        run()
    return run.seconds


def test_times_of_all_rounds_are_returned() -> None:
    runs = {"fast": FakeCall(0.001), "slow": FakeCall(0.5)}
    seconds = interleaved({name: Candidate(run) for name, run in runs.items()}, BUDGET, fake_clock)
    assert seconds == {"fast": (0.001,) * 20, "slow": (0.5,) * 4}  # half of 8 s, planned with two calls per round
    assert runs["slow"].calls == 1 + 4  # a long call is not repeated before it is timed


def test_fast_call_is_repeated_for_the_minimum_run_time() -> None:
    run = FakeCall(0.001)
    interleaved({"fast": Candidate(run)}, BUDGET, fake_clock)
    assert run.calls == 1 + 5 + 20 * (1 + 10)


def test_call_that_exceeds_a_third_of_the_budget_is_timed_once() -> None:
    runs = {"fast": FakeCall(0.001), "slow": FakeCall(2.7)}
    seconds = interleaved({name: Candidate(run) for name, run in runs.items()}, BUDGET, fake_clock)
    assert seconds["slow"] == (2.7,)
    assert runs["slow"].calls == 1
    assert len(seconds["fast"]) == 20


@pytest.mark.parametrize(
    ("seconds_per_round", "seconds", "rounds"),
    [(0.001, 4.0, 20), (0.5, 4.0, 8), (2.0, 4.0, 3)],
)
def test_number_of_rounds(seconds_per_round: float, seconds: float, rounds: int) -> None:
    assert rounds_for(seconds_per_round, seconds, BUDGET) == rounds


def test_candidate_runs_in_its_context() -> None:
    entered: Counter[str] = Counter()

    @contextmanager
    def context() -> Iterator[None]:
        entered["inside"] = 1
        yield
        entered["inside"] = 0

    seen: set[tuple[str, int]] = set()
    candidates = {
        "with": Candidate(lambda: seen.add(("with", entered["inside"])), context),
        "without": Candidate(lambda: seen.add(("without", entered["inside"]))),
    }
    interleaved(candidates, BUDGET, lambda run, calls: (run(), 0.1)[1])
    assert seen == {("with", 1), ("without", 0)}


def test_no_candidates() -> None:
    assert interleaved({}, BUDGET, fake_clock) == {}
