"""Statistics of a comparison against Student's and Dunnett's intervals, published tables, and hand-computed cases."""

from dataclasses import replace
from math import inf, sqrt

import numpy as np
import pytest
from scipy import stats

from detloss.experiments.comparison.statistics import (
    DRAWS,
    MAX_SEEDS,
    Difference,
    Estimate,
    Verdict,
    draws_of_images,
)

ALL = np.ones(2, bool)


def scores_of(losses: int, seeds: int, seed: int, scatter: float = 0.01) -> np.ndarray:
    random = np.random.default_rng(seed)
    return 0.4 + random.normal(0, 0.02, seeds) + random.normal(0, scatter, (losses, seeds))


def width_of(difference: Difference) -> float:
    return (difference.high - difference.low) / 2


def from_first(scores: np.ndarray, drawn: np.ndarray | None = None, overlap: float = 0.0) -> list[Difference]:
    estimate = Estimate.of(scores, drawn, overlap=overlap)
    return estimate.differences(estimate.from_baseline(0))


@pytest.mark.parametrize(("seeds", "test"), [(2, stats.ttest_ind), (4, stats.ttest_ind), (5, stats.ttest_rel), (9, stats.ttest_rel)])  # fmt: skip
def test_two_losses_have_students_interval_paired_from_five_seeds_on(seeds: int, test, seed: int) -> None:
    baseline, loss = scores_of(2, seeds, seed)
    [found] = from_first(np.array([baseline, loss]))
    low, high = test(loss, baseline).confidence_interval(0.95)
    assert found.mean == pytest.approx(loss.mean() - baseline.mean())
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.01 * (high - low))


# Dunnett, New Tables for Multiple Comparisons with a Control (1964), 5 %: (losses, degrees of freedom), two-sided and
# one-sided critical value.
PUBLISHED = {(3, 10): (2.57, 2.15), (6, 10): (2.99, 2.56), (10, 10): (3.24, 2.81), (5, 20): (2.65, 2.30), (9, 24): (2.86, 2.53)}  # fmt: skip


@pytest.mark.parametrize(("losses", "freedom"), PUBLISHED)
def test_critical_values_are_those_of_the_published_tables(losses: int, freedom: int) -> None:
    two_sided, one_sided = PUBLISHED[losses, freedom]
    identity = np.eye(losses)
    estimate = Estimate(np.zeros(losses), 1.0, freedom, identity, np.zeros((DRAWS, losses)))
    assert estimate.critical_value(estimate.from_baseline(0)) == pytest.approx(two_sided, abs=0.03)
    everyone = np.ones(losses, bool)
    _, regrets = estimate.best(everyone, everyone)
    np.testing.assert_allclose(regrets, one_sided * sqrt(2), atol=0.04)


@pytest.mark.parametrize(("losses", "seeds"), [(3, 2), (4, 3), (8, 3), (8, 5)])
def test_intervals_of_blocks_hold_together(losses: int, seeds: int, seed: int) -> None:
    """The standard error by the analysis of variance, and the critical value of the multivariate t distribution."""
    scores = scores_of(losses, seeds, seed)
    residuals = scores - scores.mean(0) - scores.mean(1, keepdims=True) + scores.mean()
    freedom = (losses - 1) * (seeds - 1)
    error = sqrt(2 * (residuals**2).sum() / freedom / seeds)
    for found, loss in zip(from_first(scores), scores[1:], strict=True):
        assert found.mean == pytest.approx((loss - scores[0]).mean())
        critical = np.full(losses - 1, width_of(found) / error)
        joint = stats.multivariate_t(shape=0.5 + 0.5 * np.eye(losses - 1), df=freedom, seed=0)
        assert joint.cdf(critical, lower_limit=-critical) == pytest.approx(0.95, abs=0.003)


def test_losses_without_common_seeds_are_not_paired(seed: int) -> None:
    values = scores_of(3, 4, seed)
    scores = np.full((3, 12), np.nan)
    for loss in range(3):
        scores[loss, 4 * loss : 4 * loss + 4] = values[loss]
    interval = stats.dunnett(*values[1:], control=values[0], rng=0).confidence_interval(0.95)
    for found, low, high in zip(from_first(scores), interval.low, interval.high):
        assert (found.low, found.high) == pytest.approx((low, high), abs=0.01 * (high - low))


def test_missing_scores_do_not_favor_a_loss(seed: int) -> None:
    """The difference is that of an additive model, not of the means; its error is that of simulations."""
    random = np.random.default_rng(seed)
    means, seeds = np.array([0.40, 0.43, 0.41]), np.array([0.0, 0.1, -0.1, 0.05])
    missing = np.zeros((3, 4), bool)
    missing[1, 1] = missing[1, 2] = missing[2, 0] = True
    exact = np.where(missing, np.nan, means[:, None] + seeds)
    found = from_first(exact + random.normal(0, 1e-6, (3, 4)))
    assert [one.mean for one in found] == pytest.approx([0.03, 0.01], abs=1e-5)
    noisy = [Estimate.of(exact + random.normal(0, 0.01, (3, 4))) for _ in range(300)]
    contrasts = noisy[0].from_baseline(0)
    scatter = np.std([contrasts @ one.means for one in noisy], axis=0)
    assert scatter == pytest.approx(0.01 * noisy[0].standard_errors(contrasts)[0] / noisy[0].scatter, rel=0.2)
    assert np.mean([one.scatter**2 for one in noisy]) == pytest.approx(0.01**2, rel=0.3)


def test_where_seeds_hardly_differ_it_is_the_bootstrap_of_the_images(seed: int) -> None:
    images = 200
    quality = np.random.default_rng(seed).normal(0.1, 1.0, images)
    scores = np.array([[0.0] * 3, [quality.mean()] * 3]) + np.random.default_rng(seed).normal(0, 1e-6, (2, 3))
    moved = draws_of_images(np.arange(images)) @ quality / images
    [found] = from_first(scores, np.stack([np.zeros((3, DRAWS)), np.tile(moved, (3, 1))]))
    error = quality.std() / np.sqrt(images)
    assert width_of(found) == pytest.approx(1.96 * error, rel=0.1)
    assert found.mean == pytest.approx(quality.mean(), abs=1e-5)


def test_the_parts_of_an_interval(seed: int) -> None:
    scores = scores_of(4, 3, seed)
    drawn = scores[..., None] + np.random.default_rng(seed).normal(0, 0.02, (4, 1, DRAWS))
    drawn[2, 0, 7] = np.nan  # a sample without objects is ignored
    estimate = Estimate.of(scores, drawn)
    contrasts = estimate.from_baseline(0)
    by_seeds, by_images = estimate.parts(contrasts)
    assert by_seeds == pytest.approx(max(map(width_of, from_first(scores))), rel=0.02)
    joint = stats.multivariate_normal(np.zeros(3), 0.5 + 0.5 * np.eye(3), seed=0)
    critical = np.full(3, by_images / (0.02 * sqrt(2)))
    assert joint.cdf(critical, lower_limit=-critical) == pytest.approx(0.95, abs=0.03)
    widest = max(map(width_of, estimate.differences(contrasts)))
    assert max(by_seeds, by_images) < widest < by_seeds + by_images


@pytest.mark.parametrize("seeds", [3, 6])
def test_the_detectable_difference_is_that_of_the_noncentral_t_distribution(seeds: int) -> None:
    freedom, error = (4, sqrt(2 / 3)) if seeds == 3 else (5, sqrt(2 / 6))
    estimate = Estimate.assumed(2, 0.01).planned(seeds)
    found = estimate.detectable(estimate.from_baseline(0))
    power = stats.nct(freedom, found / (0.01 * error)).sf(stats.t(freedom).ppf(0.975))
    assert power == pytest.approx(0.8, abs=0.01)


def test_the_seeds_that_detect_a_difference() -> None:
    estimate = Estimate.assumed(2, 0.01)
    contrasts = estimate.from_baseline(0)

    def power(seeds: int, difference: float) -> float:
        return stats.nct(seeds - 1, difference / 0.01 / sqrt(2 / seeds)).sf(stats.t(seeds - 1).ppf(0.975))

    for difference in (0.005, 0.01):
        enough = next(n for n in range(5, 200) if power(n, difference) > 0.8)
        assert estimate.seeds_to_detect(difference, contrasts) == pytest.approx(enough, abs=1)
    assert estimate.seeds_to_detect(0.001, contrasts) is None
    assert estimate.needed(0.01, contrasts) == (estimate.seeds_to_detect(0.01, contrasts), 1.0)


def test_more_images_are_needed_where_seeds_are_not_enough() -> None:
    estimate = Estimate(np.zeros(2), 0.01, 8, np.eye(2) / 5, np.random.default_rng(0).normal(0, 0.01, (DRAWS, 2)))
    contrasts = estimate.from_baseline(0)
    assert estimate.seeds_to_detect(0.03, contrasts) is None, "the images alone hide it: 2.8 * 0.01 * sqrt(2) = 0.04"
    seeds, factor = estimate.needed(0.03, contrasts)
    assert factor == pytest.approx(2 * (2.8 * 0.01 * sqrt(2) / 0.03) ** 2, rel=0.1)
    assert seeds is not None
    assert 2 < seeds < MAX_SEEDS
    few = replace(estimate, by_images=estimate.by_images / 1000)
    assert few.needed(0.0005, contrasts) == (None, 1.0), "more images do not help where the seeds are the problem"


def test_the_best_of_two_by_hand() -> None:
    """A one-sided t test in each direction: the variance is 1e-4 with 4 degrees of freedom."""
    scores = np.array([[0.40, 0.41, 0.42], [0.43, 0.44, 0.45]])
    margin = stats.t(4).ppf(0.95) * 0.01 * sqrt(2 / 3)
    best, regrets = Estimate.of(scores).best(ALL, ALL)
    assert best.tolist() == [False, True]
    assert regrets == pytest.approx([0.03 + margin, 0.0], rel=0.01)
    closer = scores + np.array([[0.02], [0.0]])
    best, regrets = Estimate.of(closer).best(ALL, ALL)
    assert best.tolist() == [True, True]
    assert regrets == pytest.approx([0.01 + margin, margin - 0.01], rel=0.02)


def test_a_loss_that_is_no_candidate_or_no_reference_does_not_exclude_others() -> None:
    estimate = Estimate.of(np.array([[0.40, 0.41, 0.42], [0.53, 0.54, 0.55]]))
    best, regrets = estimate.best(np.array([True, False]), ALL)
    assert (best.tolist(), regrets.tolist()) == ([True, False], [0.0, inf])
    best, regrets = estimate.best(ALL, np.array([True, False]))
    assert best.tolist() == [True, True]
    assert regrets[0] > 0.13
    assert regrets[1] == 0.0


@pytest.mark.parametrize(
    "scores",
    [[[0.1], [0.9]], [[0.1, 0.1], [0.9, 0.9]], [[0.1, 0.2, 0.4], [0.2, 0.3, 0.5], [0.4, 0.5, 0.7]], [[0.0] * 5] * 2],
)
def test_without_scatter_nothing_is_certain(scores: list[list[float]]) -> None:
    found = from_first(np.array(scores))
    assert {(one.low, one.high, one.verdict(1.0)) for one in found} == {(-inf, inf, Verdict.NOT_DISTINGUISHABLE)}
    assert f"{found[0]:.2f}" == f"{found[0].mean:+.2f}"
    everyone = np.ones(len(scores), bool)
    best, regrets = Estimate.of(np.array(scores)).best(everyone, everyone)
    assert best.all()
    assert np.isinf(regrets).all()


def test_folds_are_paired_and_corrected_for_their_overlap(seed: int) -> None:
    """Nadeau and Bengio: the variance over k folds is multiplied by (1 / k + test / train) / (1 / k)."""
    scores = scores_of(2, 3, seed)
    [found] = from_first(scores, overlap=1 / 2)
    differences = scores[1] - scores[0]
    expected = stats.t(2).ppf(0.975) * differences.std(ddof=1) * sqrt(1 / 3 + 1 / 2)
    assert width_of(found) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(
    ("interval", "matters", "verdict"),
    [
        ((0.001, 0.02), 0.01, "better"),
        ((-0.02, -0.001), 0.01, "worse"),
        ((-0.009, 0.009), 0.01, "equal"),
        ((0.001, 0.009), 0.01, "equal"),
        ((0.001, 0.009), 0.0, "better"),
        ((-0.001, 0.011), 0.01, "not distinguishable"),
        ((0.0, 0.0), 0.0, "not distinguishable"),
    ],
)
def test_verdicts(interval: tuple[float, float], matters: float, verdict: str) -> None:
    assert str(Difference(sum(interval) / 2, *interval).verdict(matters)) == verdict


def test_text_of_a_difference() -> None:
    assert f"{Difference(0.01, -0.002, 0.022):.3f}" == "+0.010 [-0.002, +0.022]"


def test_draws_are_of_as_many_images_and_always_the_same() -> None:
    draws = draws_of_images(np.arange(30))
    assert draws.shape == (DRAWS, 30)
    assert set(draws.sum(axis=1).tolist()) == {30}
    np.testing.assert_array_equal(draws, draws_of_images(np.arange(30)))
