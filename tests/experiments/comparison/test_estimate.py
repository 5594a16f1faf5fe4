"""What is said before a comparison starts: the plan in words, and the time of what is left."""

from dataclasses import replace

import pytest

from detloss.experiments.comparison import estimate
from detloss.experiments.comparison.plan import Pair
from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training.devices import Place
from detloss.experiments.training.trial import Trial
from tests.support.trials import (
    SEARCHED,
    fixed_plan,
    outcome_of,
    small_dataset,
)

CPU = [("cpu",)]


def test_the_plan_in_words() -> None:
    assert estimate.in_words(SEARCHED) == (
        "4 trials of 2 steps to find the weights, then 6 trials of 8 steps: 2 pairs on 3 seeds"
    )
    assert estimate.in_words(fixed_plan(0)) == "1 trial of 3 steps: 1 pair on 1 seed"


def test_the_time_is_that_of_what_is_left_shared_by_the_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "pace", lambda trial, dataset, place: (0.5, 10.0))
    monkeypatch.setattr(estimate, "process_time", lambda: 0.0)
    data = small_dataset()
    whole = 0.5 * (4 * 2 + 6 * 8) + 10 * 10
    assert estimate.seconds_left(SEARCHED, [], data, CPU * 1) == pytest.approx(whole)
    assert estimate.seconds_left(SEARCHED, [], data, CPU * 4) == pytest.approx(whole / 4)
    done = [outcome_of(trial) for trial in SEARCHED.search()]
    assert estimate.seconds_left(SEARCHED, done, data, CPU * 2) == pytest.approx((0.5 * 6 * 8 + 10 * 6) / 2)
    one = replace(SEARCHED, weights={Pair("l1", "focal"): (1.0,)}, seeds=(0,))
    assert estimate.seconds_left(SEARCHED, [], data, [("cpu", "cpu")]) == pytest.approx((whole - 100) / 2 + 100)
    assert estimate.seconds_left(one, [], data, CPU * 8) == pytest.approx(0.5 * 8 + 10), "one trial has one job"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.4, "1 second"), (1.4, "1 second"), (42.4, "42 seconds"), (600, "10 minutes"), (9000, "2.5 hours")],
)
def test_a_time_as_one_says_it(seconds: float, told: str) -> None:
    assert estimate.duration(seconds) == told


def test_a_pair_that_diverges_at_once_does_not_end_the_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    def pace(trial: Trial, dataset: Dataset, place: Place) -> tuple[float, float]:
        if trial.box in diverging:
            raise FloatingPointError("step 1: expected a finite gradient")
        return 1.0, 0.0

    monkeypatch.setattr(estimate, "pace", pace)
    monkeypatch.setattr(estimate, "process_time", lambda: 7.0)
    plan, data = fixed_plan(0, boxes=("l2", "giou"), steps=3), small_dataset()
    diverging = {"l2"}
    assert estimate.seconds_left(plan, [], data, CPU) == pytest.approx(7 + 2 * 3), "what a worker loads first counts"
    diverging = {"l2", "giou"}
    assert estimate.seconds_left(plan, [], data, CPU) is None
