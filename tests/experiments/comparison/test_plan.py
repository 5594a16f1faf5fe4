"""Trials of a comparison: the grid, the selection of weights, the order."""

import json
from collections import Counter
from dataclasses import replace

import pytest

from detloss.experiments.comparison.plan import FACTORS, Pair, Plan, pair_of, weight_grid
from detloss.experiments.training.outcome import Phase, Trial

L2, GIOU = Pair("l2", "bce"), Pair("giou", "bce")
PLAN = Plan({L2: weight_grid(0.2), GIOU: (1.5,)}, seeds=range(5, 7), steps=42, detector="unitbox")


def test_the_grid_is_around_the_listed_weight() -> None:
    assert weight_grid(0.2) == pytest.approx((0.05, 0.1, 0.2, 0.4, 0.8))


def test_the_search_tries_every_weight_of_those_that_have_several() -> None:
    search = PLAN.search_trials()
    assert [(pair_of(trial), trial.seed, trial.steps, trial.phase) for trial in search] == [(L2, 5, 11, "search")] * 5
    assert [trial.weight for trial in search] == list(weight_grid(0.2))


def test_the_comparison_is_every_pair_on_every_seed_seed_by_seed() -> None:
    trials = PLAN.comparison_trials({L2: 0.4, GIOU: 1.5})
    assert trials == [
        Trial(*pair, weight, seed, 42, phase=Phase.COMPARE)
        for seed in (5, 6)
        for pair, weight in ((L2, 0.4), (GIOU, 1.5))
    ]


def test_the_best_weight_is_chosen_and_of_equals_the_first() -> None:
    search = PLAN.search_trials()
    scores = dict(zip(search, [0.1, 0.3, 0.2, 0.3, 0.0]))
    assert PLAN.best_weights(scores) == {L2: weight_grid(0.2)[1], GIOU: 1.5}
    # Trials of the comparison and of other pairs are ignored.
    foreign = {Trial("l2", "bce", 0.8, 5, 42): 0.9, Trial("l2", "ce", 0.8, 5, 11, phase=Phase.SEARCH): 0.9}
    assert PLAN.best_weights(scores | foreign) == PLAN.best_weights(scores)


def test_a_pair_without_a_finished_search_is_left_out() -> None:
    assert PLAN.best_weights({}) == {GIOU: 1.5}
    assert PLAN.best_weights({PLAN.search_trials()[3]: 0.0}) == {L2: weight_grid(0.2)[3], GIOU: 1.5}


def test_counts_are_those_of_the_lists() -> None:
    trials = PLAN.search_trials() + PLAN.comparison_trials(PLAN.best_weights({PLAN.search_trials()[0]: 1.0}))
    assert len(set(trials)) == len(trials) == PLAN.trial_count == 9
    assert sum(trial.steps for trial in trials) == PLAN.step_count
    assert Counter(trial.phase for trial in trials) == {Phase.SEARCH: len(FACTORS), Phase.COMPARE: 4}


def test_a_round_trip_through_json() -> None:
    plan = replace(PLAN, seeds=[5, 6], detector="fcos", precision="bfloat16")
    assert Plan.from_json(json.loads(json.dumps(plan.to_json() | {"data": "other entries"}))) == plan


def test_names() -> None:
    assert [str(GIOU), str(Pair("mine"))] == ["giou + bce", "mine"]
