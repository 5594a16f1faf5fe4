"""Trials of a comparison: the grid, the selection of weights, the order."""

import json
from collections import Counter
from dataclasses import replace

import pytest

from detloss.experiments.comparison.plan import FACTORS, SEARCH_SEEDS, Pair, Plan, pair_of, weight_grid
from detloss.experiments.training.outcome import Phase, Trial

L2, GIOU = Pair("l2", "bce"), Pair("giou", "bce")
PLAN = Plan({L2: weight_grid(0.2), GIOU: (1.5,)}, seeds=range(5, 7), steps=42, detector="unitbox")


def ended(*means: float) -> dict[Trial, float | None]:
    """The search with these means of the weights, two seeds each."""
    pairs = zip(PLAN.search_trials({}), [mean for mean in means for _ in SEARCH_SEEDS])
    return {trial: mean + 0.001 * (trial.seed % 2) for trial, mean in pairs}


def test_the_grid_is_around_the_starting_weight() -> None:
    assert weight_grid(0.2) == pytest.approx((0.1, 0.2, 0.4, 0.8, 1.6))


def test_the_search_tries_every_weight_of_those_that_have_several_on_seeds_of_its_own() -> None:
    search = PLAN.search_trials({})
    assert {(pair_of(trial), trial.steps, trial.phase) for trial in search} == {(L2, 6, "search")}
    assert [(trial.weight, trial.seed) for trial in search] == [
        (weight, seed) for weight in weight_grid(0.2) for seed in SEARCH_SEEDS
    ]
    assert not {*SEARCH_SEEDS} & {*PLAN.seeds}


def test_the_comparison_is_every_pair_on_every_seed_seed_by_seed() -> None:
    trials = PLAN.comparison_trials({L2: 0.4, GIOU: 1.5})
    assert trials == [
        Trial(*pair, weight, seed, 42, phase=Phase.COMPARE)
        for seed in (5, 6)
        for pair, weight in ((L2, 0.4), (GIOU, 1.5))
    ]


def test_the_best_weight_is_the_top_of_the_parabola() -> None:
    scores = ended(0.1, 0.3, 0.4, 0.4, 0.3)  # the weights 0.1 to 1.6; by least squares, the top is at 0.57
    assert PLAN.best_weights(scores) == {L2: 0.6300, GIOU: 1.5}
    # Trials of the comparison and of other pairs are ignored.
    foreign = {Trial("l2", "bce", 0.8, 5, 42): 0.9, Trial("l2", "ce", 0.8, SEARCH_SEEDS[0], 6, phase=Phase.SEARCH): 0.9}
    assert PLAN.best_weights(scores | foreign) == PLAN.best_weights(scores)


def test_a_pair_has_no_weight_until_its_search_has_ended() -> None:
    scores = ended(0.1, 0.3, 0.4, 0.4, 0.3)
    last = PLAN.search_trials({})[-1]
    assert PLAN.best_weights({}) == {GIOU: 1.5}
    assert PLAN.best_weights({trial: score for trial, score in scores.items() if trial != last}) == {GIOU: 1.5}
    assert PLAN.best_weights(dict.fromkeys(scores)) == {GIOU: 1.5}, "all failed"
    assert PLAN.best_weights(scores | {last: None}).keys() == {L2, GIOU}


def test_a_search_is_extended_at_most_twice() -> None:
    scores, weights = ended(0.0, 0.1, 0.2, 0.3, 0.4), []
    while new := [trial for trial in PLAN.search_trials(scores) if trial not in scores]:
        assert PLAN.best_weights(scores) == {GIOU: 1.5}
        weights += [trial.weight for trial in new]
        scores |= {trial: 0.5 + 0.1 * len(weights) for trial in new}
    assert weights == pytest.approx([3.2, 3.2, 6.4, 6.4])
    assert PLAN.trial_count(scores) == 5 * 2 + 4 + 4


def test_counts_are_those_of_the_lists() -> None:
    scores = ended(0.1, 0.3, 0.4, 0.4, 0.3)
    trials = PLAN.trials(scores)
    assert len(set(trials)) == len(trials) == PLAN.trial_count(scores) == PLAN.trial_count({}) == 14
    assert sum(trial.steps for trial in trials) == PLAN.step_count(scores)
    assert Counter(trial.phase for trial in trials) == {Phase.SEARCH: 2 * len(FACTORS), Phase.COMPARE: 4}


def test_a_round_trip_through_json() -> None:
    plan = replace(PLAN, seeds=[5, 6], detector="fcos", precision="bfloat16")
    assert (
        Plan.from_json(json.loads(json.dumps(plan.detector_settings | plan.to_json() | {"data": "other entries"})))
        == plan
    )


def test_names() -> None:
    assert [str(GIOU), str(Pair("mine"))] == ["giou + bce", "mine"]
