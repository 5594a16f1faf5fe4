"""Weight of a box loss from the scores of a search: the top of a parabola over the logarithm of the weight."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import inf, log2, sqrt

import numpy as np

EXTENSIONS = 2  # weights that a search may add beyond its grid
PER_OCTAVE = 3  # weights between a weight and its double, to which the top of a parabola is rounded
DIGITS = 4  # of a rounded weight, so that every machine obtains the same number
ROUNDING = 1e-9  # coefficients below this fraction of the scores are rounding errors
DRAWS = 1000  # of the coefficients


def rounded_weight(exponent: float) -> float:
    """The power of two with this exponent, rounded to a third."""
    return float(f"{2 ** (round(exponent * PER_OCTAVE) / PER_OCTAVE):.{DIGITS}g}")


@dataclass(frozen=True)
class WeightFit:
    """Scores of a pair of losses over its weights, and the weight that they select.

    A parabola over the logarithm of the weight is fitted to the scores, with an offset for each seed. It combines the
    trials at all weights, so that chance influences it less than the choice of the best trial. The search is not
    extended beyond weights at which a trial failed.
    """

    scores: Mapping[tuple[float, int], float]
    failed: Collection[float] = ()

    @cached_property
    def means(self) -> dict[float, float]:
        """Mean score of each weight, in ascending order of the weights."""
        of_weight: dict[float, list[float]] = {}
        for (weight, _), score in sorted(self.scores.items()):
            of_weight.setdefault(weight, []).append(score)
        return {weight: float(np.mean(scores)) for weight, scores in of_weight.items()}

    @cached_property
    def exponents(self) -> np.ndarray:
        """Logarithms to base 2 of the weights of `means`."""
        return np.log2(list(self.means))

    @property
    def center(self) -> float:
        """Middle of the exponents."""
        return float(self.exponents[[0, -1]].mean())

    def regression(self, powers: int) -> tuple[np.ndarray, np.ndarray, int]:
        """Fit powers of the logarithm of the weight.

        Returns:
            Their coefficients, lowest power first; a factor of the covariance of these; and its degrees of freedom.
        """
        seeds = sorted({seed for _, seed in self.scores})
        exponents = np.array([log2(weight) for weight, _ in self.scores]) - self.center
        offsets = np.array([[seed == other for other in seeds] for _, seed in self.scores], np.float64)
        design = np.column_stack([exponents[:, None] ** np.arange(1, powers + 1), offsets])
        observed, estimator = np.array(list(self.scores.values())), np.linalg.pinv(design)
        coefficients = estimator @ observed
        residuals = observed - design @ coefficients
        freedom = len(observed) - int(np.linalg.matrix_rank(design))
        scatter = sqrt(residuals @ residuals / freedom) if freedom else 0.0
        fitted = coefficients[:powers]
        significant = np.abs(fitted) > ROUNDING * np.abs(observed).max()
        return np.where(significant, fitted, 0.0), scatter * estimator[:powers], freedom

    @cached_property
    def parabola(self) -> tuple[np.ndarray, np.ndarray, int]:
        """The regression with the logarithm of the weight and its square."""
        return self.regression(2)

    @property
    def has_maximum(self) -> bool:
        """Whether there is a parabola, and it opens downwards."""
        return len(self.means) > 2 and bool(self.parabola[0][1] < 0)

    @property
    def top(self) -> float:
        """The logarithm of the weight at which the parabola is highest; it may be beyond the weights of the search.

        Where the parabola has no maximum, it is infinite in the direction in which the scores rise.
        """
        slope, curvature = self.parabola[0]
        if curvature < 0:
            return float(self.center - slope / (2 * curvature))
        [slope] = self.regression(1)[0]
        return self.center if slope == 0 else inf * np.sign(slope)

    @property
    def weight(self) -> float:
        """The selected weight: the top of the parabola, within the weights of the search.

        Without a maximum, it is the weight with the best mean score, and of equal ones that in the middle.
        """
        if self.has_maximum:
            return rounded_weight(float(np.clip(self.top, *self.exponents[[0, -1]])))
        return max(self.means, key=lambda weight: (self.means[weight], -abs(log2(weight) - self.center)))

    def curve(self, points: int = 33) -> list[tuple[float, float]]:
        """The parabola as weights and scores, for a chart; empty if it has no maximum."""
        if not self.has_maximum:
            return []
        parabola = np.polynomial.Polynomial([0.0, *self.parabola[0]])
        at_trials = parabola(np.array([log2(weight) for weight, _ in self.scores]) - self.center)
        mean = np.mean(list(self.scores.values())) - at_trials.mean()
        exponents = np.linspace(self.exponents[0], self.exponents[-1], points)
        return list(zip((2**exponents).tolist(), (mean + parabola(exponents - self.center)).tolist()))

    @property
    def at_end(self) -> bool:
        """Whether the selected weight is the lowest or the highest of the search."""
        return len(self.means) > 1 and not self.exponents[0] < log2(self.weight) < self.exponents[-1]

    def extension(self, grid: Collection[float]) -> float | None:
        """The weight that continues the search beyond an end, if the parabola has its top there.

        The scores of single weights do not decide this: the best of them often is so by chance. The grid has the
        weights of the search without extensions.
        """
        tried = {*self.means, *self.failed}
        if len(self.means) < 3 or len(tried - set(grid)) >= EXTENSIONS:
            return None
        lowest, highest = min(self.means), max(self.means)
        if self.top >= log2(highest) and highest == max(tried):
            return 2 * highest
        if self.top <= log2(lowest) and lowest == min(tried):
            return lowest / 2
        return None

    @cached_property
    def uncertainty(self) -> float:
        """Standard error of the score that the selected weight has, compared with the best weight.

        The score is lower than at the best weight by an unknown amount. Possible best weights are drawn from the
        distribution of the coefficients, and the amount is that of the fitted parabola. Its root mean square, divided
        by the root of two, is large enough: of losses that are equally good, one in twenty is called different.
        """
        random = np.random.default_rng(0)
        if not self.has_maximum:
            return self.uncertainty_of_means(random)
        coefficients, factor, freedom = self.parabola
        if freedom == 0:
            return 0.0
        slopes, curvatures = coefficients[:, None] + factor @ student(random, freedom, factor.shape[1])
        low, high = self.exponents[[0, -1]] - self.center
        tops = np.where(curvatures < 0, -slopes / (2 * curvatures), np.where(slopes > 0, high, low))
        selected, height = np.clip(self.top - self.center, low, high), np.polynomial.Polynomial([0.0, *coefficients])
        amounts = np.maximum(height(selected) - height(np.clip(tops, low, high)), 0.0)
        return sqrt(np.square(amounts).mean() / 2)

    def uncertainty_of_means(self, random: np.random.Generator) -> float:
        """The same without a parabola: the best of the mean scores, which are drawn."""
        means = np.array(list(self.means.values()))
        residuals = [score - self.means[weight] for (weight, _), score in self.scores.items()]
        freedom = len(residuals) - len(means)
        if freedom == 0:
            return 0.0
        error = sqrt(np.square(residuals).sum() / freedom * len(means) / len(residuals))
        drawn = means[:, None] + error * student(random, freedom, len(means))
        amounts = means.max() - means[drawn.argmax(axis=0)]
        return sqrt(np.square(amounts).mean() / 2)


def student(random: np.random.Generator, freedom: int, count: int) -> np.ndarray:
    """(count, draws) from Student's multivariate distribution."""
    drawn: np.ndarray = random.normal(size=(count, DRAWS)) / np.sqrt(random.chisquare(freedom, size=DRAWS) / freedom)
    return drawn
