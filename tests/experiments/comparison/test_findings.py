"""Findings: one main sentence, correct also if seeds failed or trials are missing."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from detloss.experiments.comparison.findings import findings
from detloss.experiments.comparison.plan import Pair, Plan
from detloss.experiments.comparison.ranking import Bootstrap, rank
from detloss.experiments.comparison.runner import Results
from detloss.experiments.comparison.statistics import Difference
from detloss.experiments.training.outcome import Trial
from detloss.experiments.training.workers import Failed
from tests.support.trials import outcome_of, small_dataset

L1 = Pair("l1", "focal")
FAILED = None


def found(baseline: Pair = L1, seeds: int | None = None, **scores: list[float | None]) -> list[str]:
    """The findings for pairs with focal loss and these AP, one per seed; `seeds` may plan more."""
    planned = seeds or max(map(len, scores.values()))
    plan = Plan({Pair(box, "focal"): (1.0,) for box in scores}, range(planned), steps=2)
    outcomes, failures = [], []
    for (box, aps), seed in product(scores.items(), range(planned)):
        trial = Trial(box, "focal", 1.0, seed, steps=2)
        if seed < len(aps) and aps[seed] is FAILED:
            failures.append(Failed(trial, "FloatingPointError: step 1"))
        elif seed < len(aps):
            outcomes.append(outcome_of(trial, aps[seed]))
    results = Results(plan, outcomes, failures)
    return findings(rank(outcomes, baseline, Bootstrap(small_dataset()), failures), results)


def test_the_finding_names_the_difference_its_interval_and_the_seeds() -> None:
    answer, *details = found(l1=[0.30, 0.40], giou=[0.35, 0.45])
    assert answer == "giou + focal is better than l1 + focal: AP +0.050 [+0.050, +0.050] over 2 seeds."
    assert details[0] == "The highest mean AP is 0.400, of giou + focal."
    assert found(l1=[0.35, 0.45], giou=[0.30, 0.40])[0].startswith("giou + focal is worse than l1 + focal: AP -0.050 [")


def test_an_indistinguishable_pair_has_an_estimate_of_the_seeds_needed() -> None:
    differences = np.array([0.02, 0.05, 0.01, -0.01])
    answer = found(l1=[0.3] * 4, giou=list(0.3 + differences))[0]
    assert answer.startswith("giou + focal is not distinguishable from l1 + focal: AP +0.018 [-0.0")
    mean, scatter = differences.mean(), differences.std(ddof=1)
    enough = next(n for n in range(5, 100) if stats.t(n - 1).ppf(0.975) * scatter / n**0.5 < mean)
    assert answer.endswith(f"over 4 seeds; about {enough} seeds might show a difference of this size.")


@pytest.mark.parametrize(
    ("mean", "by_images", "needed"),
    [(0.1, 0.0, 4), (0.1, 0.08, 5), (0.1, 0.1, None), (0.0, 0.0, None), (-0.1, 0.0, 4), (0.001, 0.0, None)],
)
def test_more_seeds_do_not_help_against_the_images(mean: float, by_images: float, needed: int | None) -> None:
    assert Difference(mean, -1, 1, 3, scatter=0.04, by_images=by_images).seeds_to_detect == needed


def test_a_difference_too_small_for_the_images_is_reported_as_such() -> None:
    answer = found(l1=[0.3, 0.31, 0.3], giou=[0.3, 0.3, 0.31])[0]
    assert answer.endswith("over 3 seeds; more seeds cannot show a difference this small on these validation images.")


def test_several_pairs_are_one_sentence() -> None:
    answer, *details = found(l1=[0.30, 0.40], giou=[0.35, 0.45], ciou=[0.20, 0.30], iou=[0.31, 0.35], diou=[0.45, 0.29])
    assert answer.startswith(
        "Compared with l1 + focal over 2 seeds, giou + focal (AP +0.050 [+0.050, +0.050]) is better,"
    )
    assert " ciou + focal (AP -0.100 [" in answer
    assert "]) is worse and diou + focal (AP +0.020 [" in answer
    assert answer.endswith("]) are not distinguishable.")
    assert answer.count(". ") == 0
    assert details[0] == "The highest mean AP is 0.400, of giou + focal."


def test_a_pair_with_a_failed_seed_is_not_better() -> None:
    answer, detail, *_ = found(l1=[0.400, 0.402, 0.398], giou=[0.430, FAILED, 0.4285])
    assert answer == (
        "giou + focal cannot be called better than l1 + focal, because it failed on 1 of 3 seeds:"
        " AP +0.030 [+0.027, +0.033] of giou + focal over the 2 seeds that both finished."
    )
    assert detail.startswith("giou + focal failed on 1 of 3 seeds")


def test_a_pair_is_not_worse_than_a_baseline_with_a_failed_seed() -> None:
    answer = found(l1=[0.430, FAILED, 0.430], giou=[0.400, 0.402, 0.400])[0]
    assert answer.startswith("l1 + focal cannot be called better than giou + focal, because it failed on 1 of 3 seeds")


def test_a_failed_seed_does_not_excuse_a_pair_that_is_worse() -> None:
    answer = found(l1=[0.430, 0.431, 0.430], giou=[0.400, FAILED, 0.400])[0]
    assert answer.startswith("giou + focal is worse than l1 + focal: AP -0.030")
    assert answer.endswith("over 2 seeds.")


def test_a_failed_seed_among_several_pairs() -> None:
    answer = found(l1=[0.40, 0.40, 0.40], giou=[0.43, FAILED, 0.43], ciou=[0.45, 0.45, 0.45])[0]
    assert answer.startswith("Compared with l1 + focal over 2 to 3 seeds, ciou + focal (AP +0.050")
    assert answer.endswith("is better and giou + focal (AP +0.030 [+0.030, +0.030]) is not distinguishable.")


def test_a_pair_that_failed_on_every_seed_is_named() -> None:
    answer, detail, *_ = found(l1=[0.40, 0.40], giou=[FAILED, FAILED])
    assert answer.startswith("Nothing can be compared with l1 + focal: giou + focal has no result")
    assert detail.startswith("giou + focal failed on 2 of 2 seeds")
    assert found(l1=[FAILED, FAILED], giou=[0.4, 0.4])[0].startswith(
        "Nothing can be compared with l1 + focal: l1 + focal has no result"
    )


def test_unfinished_trials_are_reported_first() -> None:
    answer = found(l1=[0.30, 0.40], giou=[0.35, 0.45], seeds=3)[0]
    assert answer.startswith("With 4 of 6 trials finished: giou + focal is better than l1 + focal")
    assert found(l1=[], giou=[], seeds=3) == ["No trial of the comparison has finished yet."]


def test_one_seed_and_one_pair() -> None:
    assert found(l1=[0.3], giou=[0.5])[0] == (
        "Not distinguishable: one seed cannot separate a difference from chance, and at least three are needed"
        " (difference in AP from l1 + focal: giou + focal +0.200)."
    )
    assert found(l1=[0.3, 0.4])[0] == "l1 + focal has a mean AP of 0.350 (0.300–0.400) over 2 seeds."
