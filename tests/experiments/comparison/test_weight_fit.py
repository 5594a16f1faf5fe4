"""Weight selected by a search: against parabolas that are known, and simulated searches of equal losses."""

from math import log2

import numpy as np
import pytest
from scipy.stats import t

from detloss.experiments.comparison.plan import FACTORS
from detloss.experiments.comparison.weight_fit import WeightFit, rounded_weight

GRID = (0.25, 0.5, 1.0, 2.0, 4.0)


def scores_of(top: float, curvature: float = 0.01, grid: tuple[float, ...] = GRID) -> dict[tuple[float, int], float]:
    """Scores on a parabola over the exponent; the second seed is better by an offset."""
    return {(w, seed): 0.4 + 0.02 * seed - curvature * (log2(w) - top) ** 2 for w in grid for seed in (0, 1)}


@pytest.mark.parametrize("exponent", [-1.4, -1.0, 0.0, 1.1, 1.6])
def test_the_top_is_rounded_to_a_third_of_an_octave(exponent: float) -> None:
    fit = WeightFit(scores_of(exponent))
    assert fit.top == pytest.approx(exponent)
    assert fit.has_maximum
    assert log2(fit.weight) == pytest.approx(round(3 * exponent) / 3, abs=1e-3)
    assert fit.uncertainty == pytest.approx(0, abs=1e-9)


def test_the_curve_is_the_mean_of_the_seeds() -> None:
    curve = WeightFit(scores_of(0.5)).curve(points=5)
    assert [weight for weight, _ in curve] == pytest.approx(GRID)
    assert [score for _, score in curve] == pytest.approx([0.41 - 0.01 * (log2(w) - 0.5) ** 2 for w in GRID])
    assert WeightFit(scores_of(0.5, curvature=-0.01)).curve() == []


def test_rounded_weights_have_few_digits() -> None:
    assert [rounded_weight(exponent) for exponent in (-1, -0.3, 0, 0.35, 1.05)] == [0.5, 0.7937, 1, 1.26, 2]


def test_a_seed_without_one_weight_does_not_move_the_top() -> None:
    scores = scores_of(0.5)
    del scores[4.0, 1]
    assert WeightFit(scores, failed=[4.0]).top == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("top", "failed", "extension"),
    [(0.5, (), None), (1.9, (), None), (2.1, (), 8.0), (-2.1, (), 0.125), (9.0, (), 8.0), (2.1, (8.0,), None)],
)
def test_a_search_is_extended_where_the_parabola_has_its_top(
    top: float, failed: tuple[float, ...], extension: float | None
) -> None:
    fit = WeightFit(scores_of(top), failed)
    assert fit.extension(GRID) == extension
    if not -2 < top < 2:
        assert fit.weight == (4.0 if top > 0 else 0.25)
        assert fit.at_end


def test_the_best_single_weight_does_not_extend_a_search() -> None:
    scores = scores_of(0.0, curvature=0.02)
    scores |= {(4.0, seed): 0.41 + 0.02 * seed for seed in (0, 1)}
    fit = WeightFit(scores)
    assert max(fit.means, key=fit.means.__getitem__) == 4.0
    assert fit.extension(GRID) is None


def test_two_extensions_are_enough() -> None:
    assert WeightFit(scores_of(9.0, grid=(*GRID, 8.0))).extension(GRID) == 16.0
    assert WeightFit(scores_of(9.0, grid=(*GRID, 8.0, 16.0))).extension(GRID) is None


@pytest.mark.parametrize(
    ("scores", "weight", "extension"),
    [
        (scores_of(0.0, curvature=-0.01), 0.25, None),  # both ends are best, and no direction
        (scores_of(-0.5, curvature=-0.01), 4.0, 8.0),
        (scores_of(0.0, curvature=0.0), 1.0, None),  # all are equal: the middle
        ({key: 0.0 for key in scores_of(0.0)}, 1.0, None),
        ({(1.0, 0): 0.2, (2.0, 0): 0.3}, 2.0, None),
        ({(1.0, 0): 0.2}, 1.0, None),
    ],
)
def test_without_a_maximum_the_best_mean_is_selected(
    scores: dict[tuple[float, int], float], weight: float, extension: float | None
) -> None:
    fit = WeightFit(scores)
    assert not fit.has_maximum
    assert fit.weight == weight
    assert fit.extension(GRID) == extension


def searched(random: np.random.Generator, top: float, curvature: float, noise: float) -> WeightFit:
    """A search with its extensions, with independent errors."""
    scores: dict[tuple[float, int], float] = {}

    def add(weight: float) -> WeightFit:
        for seed in (0, 1):
            scores[weight, seed] = -curvature * (log2(weight) - top) ** 2 + noise * random.normal()
        return WeightFit(dict(scores))

    for weight in FACTORS:
        fit = add(weight)
    while (extension := fit.extension(FACTORS)) is not None:
        fit = add(extension)
    return fit


@pytest.mark.exhaustive
@pytest.mark.parametrize("curvature", [0.0, 0.002, 0.005, 0.01])
def test_losses_with_equal_best_scores_are_rarely_called_different(curvature: float) -> None:
    """The scores of seeds scatter by .0142, those of a search by .03."""
    random, runs, seeds = np.random.default_rng(0), 400, (3, 5, 10)
    called = dict.fromkeys(seeds, 0)
    for _ in range(runs):
        tops = random.uniform(-1, 3, 2)
        fits = [searched(random, top, curvature, 0.03) for top in tops]
        means = [-curvature * (log2(fit.weight) - top) ** 2 for fit, top in zip(fits, tops)]
        by_weights = np.hypot(*(fit.uncertainty for fit in fits))
        differences = means[0] - means[1] + 0.0142 * (random.normal(size=10) - random.normal(size=10))
        for count in seeds:
            sample = differences[:count]
            error = np.hypot(sample.std(ddof=1) / np.sqrt(count), by_weights)
            called[count] += abs(sample.mean()) > t.ppf(0.975, count - 1) * error
    assert max(called.values()) <= 0.06 * runs, called
