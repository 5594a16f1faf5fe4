"""Which trials a comparison is made of: the grid, the choice, the order."""

from collections import Counter

import pytest

from detloss.experiments.comparison.plan import (
    FACTORS,
    Pair,
    Plan,
    grid,
    pair_of,
)
from detloss.experiments.training.trial import Trial

L2, GIOU = Pair("l2", "bce"), Pair("giou", "bce")
PLAN = Plan({L2: grid(0.2), GIOU: (1.5,)}, seeds=range(5, 7), steps=42, detector="unitbox")


def test_the_grid_is_around_the_listed_weight() -> None:
    assert grid(0.2) == pytest.approx((0.05, 0.1, 0.2, 0.4, 0.8))


def test_the_search_tries_every_weight_of_those_that_have_several() -> None:
    search = PLAN.search()
    assert [(pair_of(trial), trial.seed, trial.steps, trial.phase) for trial in search] == [(L2, 5, 11, 1)] * 5
    assert [trial.weight for trial in search] == list(grid(0.2))


def test_phase_2_is_every_pair_on_every_seed_with_the_seeds_slowest() -> None:
    trials = PLAN.comparison({L2: 0.4, GIOU: 1.5})
    assert trials == [
        Trial(*pair, weight, seed, 42, phase=2) for seed in (5, 6) for pair, weight in ((L2, 0.4), (GIOU, 1.5))
    ]


def test_the_best_weight_is_chosen_and_of_equals_the_first() -> None:
    search = PLAN.search()
    scores = dict(zip(search, [0.1, 0.3, 0.2, 0.3, 0.0]))
    assert PLAN.chosen(scores) == {L2: grid(0.2)[1], GIOU: 1.5}
    # Neither the other phase nor another pair has a say.
    foreign = {Trial("l2", "bce", 0.8, 5, 42): 0.9, Trial("l2", "ce", 0.8, 5, 11, phase=1): 0.9}
    assert PLAN.chosen(scores | foreign) == PLAN.chosen(scores)


def test_a_pair_without_a_finished_search_is_left_out() -> None:
    assert PLAN.chosen({}) == {GIOU: 1.5}
    assert PLAN.chosen({PLAN.search()[3]: 0.0}) == {L2: grid(0.2)[3], GIOU: 1.5}


def test_counts_are_those_of_the_lists() -> None:
    trials = PLAN.search() + PLAN.comparison(PLAN.chosen({PLAN.search()[0]: 1.0}))
    assert len(set(trials)) == len(trials) == PLAN.all_trials() == 9
    assert sum(trial.steps for trial in trials) == PLAN.all_steps()
    assert Counter(trial.phase for trial in trials) == {1: len(FACTORS), 2: 4}


def test_names() -> None:
    assert [str(GIOU), str(Pair("mine"))] == ["giou + bce", "mine"]
