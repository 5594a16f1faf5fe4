"""Confidence intervals: equal to Student's without images, and with the nominal error rate in simulations."""

from math import inf

import numpy as np
import pytest
from scipy import stats

from detloss.experiments.comparison.statistics import (
    DRAWS,
    Difference,
    Verdict,
    difference,
    draws_of_images,
)


@pytest.mark.parametrize("seeds", [2, 3, 7])
def test_without_images_it_is_the_interval_of_the_paired_t_test(seeds: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    scores, baseline = random.normal(0.4, 0.01, seeds).tolist(), random.normal(0.38, 0.01, seeds).tolist()
    found = difference(scores, baseline)
    low, high = stats.ttest_rel(scores, baseline).confidence_interval(0.95)
    assert found.mean == pytest.approx(np.mean(scores) - np.mean(baseline))
    width = high - low
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.01 * width)


def test_where_seeds_agree_it_is_the_bootstrap_of_the_images(seed: int) -> None:
    images = 200
    quality = np.random.default_rng(seed).normal(0.1, 1.0, images)
    moved = draws_of_images(np.arange(images)) @ quality / images
    found = difference(
        [quality.mean()] * 3,
        [0.0] * 3,
        drawn_scores=np.tile(moved, (3, 1)),
        drawn_baseline=np.zeros((3, DRAWS)),
    )
    error = quality.std() / np.sqrt(images)
    assert (found.low, found.high) == pytest.approx(
        (found.mean - 1.96 * error, found.mean + 1.96 * error), abs=0.3 * error
    )


def fraction_not_distinguishable(
    seeds: int, seed: int, *, images: float, by_seed: float, both: float, runs: int
) -> float:
    """Simulate two equal losses; the standard deviations are those over images, seeds, and both."""
    random = np.random.default_rng(seed)
    count = 60
    draws = draws_of_images(np.arange(count))[:200]
    count_not_distinguishable = 0
    for _ in range(runs):
        scores = random.normal(0, images, count) + random.normal(0, by_seed, (seeds, 1))
        scores = scores + random.normal(0, both, (seeds, count))
        found = difference(
            scores.mean(axis=1).tolist(),
            [0.0] * seeds,
            drawn_scores=scores @ draws.T / count,
            drawn_baseline=np.zeros((seeds, len(draws))),
        )
        count_not_distinguishable += found.verdict is Verdict.NOT_DISTINGUISHABLE
    return count_not_distinguishable / runs


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_equal_losses_are_called_different_in_one_of_twenty_cases(seeds: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    runs = 2000
    scores = random.normal(0.4, 0.01, (runs, 2, seeds))
    equal = [difference(one.tolist(), other.tolist()).verdict is Verdict.NOT_DISTINGUISHABLE for one, other in scores]
    assert np.mean(equal) == pytest.approx(0.95, abs=0.02)  # four standard errors


@pytest.mark.parametrize(
    ("images", "by_seed", "both"), [(0.05, 0.0, 0.0), (0.05, 0.006, 0.0), (0.02, 0.003, 0.03), (0.0, 0.0, 0.05)]
)
def test_images_and_seeds_together_do_not_increase_the_error_rate(
    images: float, by_seed: float, both: float, seed: int
) -> None:
    fraction = fraction_not_distinguishable(3, seed, images=images, by_seed=by_seed, both=both, runs=150)
    assert fraction >= 0.95 - 0.075  # four standard errors; more than 95 % is allowed


def test_a_true_difference_is_detected(seed: int) -> None:
    random = np.random.default_rng(seed)
    common = random.normal(0, 0.1, 3)  # common to both, removed by pairing
    scores, baseline = common + 0.43 + random.normal(0, 0.001, 3), common + 0.40
    assert difference(scores.tolist(), baseline.tolist()).verdict is Verdict.BETTER
    assert difference(baseline.tolist(), scores.tolist()).verdict is Verdict.WORSE


def test_one_seed_is_not_distinguishable() -> None:
    found = difference([0.9], [0.1])
    assert (found.low, found.high, found.verdict) == (-inf, inf, Verdict.NOT_DISTINGUISHABLE)
    assert f"{found:.2f}" == "+0.80"


def test_equal_scores_are_not_distinguishable() -> None:
    assert difference([0.4, 0.5], [0.4, 0.5]).verdict is Verdict.NOT_DISTINGUISHABLE


def test_text_of_verdicts_and_differences() -> None:
    assert [str(word) for word in Verdict] == ["better", "worse", "not distinguishable"]
    assert f"{Difference(0.01, -0.002, 0.022, 3):.3f}" == "+0.010 [-0.002, +0.022]"


@pytest.mark.parametrize(("scores", "baseline"), [([], []), ([0.1], [0.1, 0.2])])
def test_scores_come_in_pairs(scores: list[float], baseline: list[float]) -> None:
    with pytest.raises(ValueError, match=f"scores: expected one per seed of the baseline, got {len(scores)} and"):
        difference(scores, baseline)


def test_draws_are_of_as_many_images_and_always_the_same() -> None:
    draws = draws_of_images(np.arange(30))
    assert draws.shape == (DRAWS, 30)
    assert set(draws.sum(axis=1).tolist()) == {30}
    np.testing.assert_array_equal(draws, draws_of_images(np.arange(30)))
