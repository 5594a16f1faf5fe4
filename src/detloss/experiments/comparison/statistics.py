"""Statistics of a comparison: simultaneous intervals, comparison with the best, and detectable differences."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property, lru_cache
from math import inf, isfinite, nan, sqrt
from typing import Self, TypeVar

import numpy as np
from scipy.special import chdtri  # type: ignore[import-untyped]

CONFIDENCE = 0.95
POWER = 0.8
DRAWS = 1000  # bootstrap samples of the images
ERRORS_PER_DRAW = 50  # errors due to the seeds that are combined with each bootstrap sample
MAX_SEEDS = 100  # the largest number that is ever advised
UNPAIRED_SEEDS = 4  # up to here two losses are not paired by seed: pairing would leave too few degrees of freedom
ROUNDING = 1e-9  # scatter relative to the scores below which it is none
RANDOM_SEED = 0  # the same samples for every trial, and in every report of the same results

Name = TypeVar("Name")


class Verdict(StrEnum):
    """Result of the comparison of a loss with the baseline."""

    BETTER = "better"
    WORSE = "worse"
    EQUAL = "equal"
    NOT_DISTINGUISHABLE = "not distinguishable"


@dataclass(frozen=True)
class Difference:
    """Difference of two mean scores, with its interval, which is infinite if the variance over the seeds is unknown."""

    mean: float
    low: float
    high: float

    def verdict(self, matters: float = 0.0) -> Verdict:
        """Equal if the interval is within ±matters, otherwise better or worse if it excludes 0."""
        if -matters < self.low and self.high < matters:
            return Verdict.EQUAL  # also if the interval excludes 0
        if self.low > 0:
            return Verdict.BETTER
        return Verdict.WORSE if self.high < 0 else Verdict.NOT_DISTINGUISHABLE

    def __format__(self, spec: str) -> str:
        """The mean with its sign and, if there is one, the interval; `spec` formats each number."""
        mean = format(self.mean, f"+{spec}")
        return mean if self.low == -inf else f"{mean} [{self.low:+{spec}}, {self.high:+{spec}}]"


def finite(number: float) -> float | None:
    """The number for JSON, in which infinities are null."""
    return number if isfinite(number) else None


def draws_of_images(groups: np.ndarray) -> np.ndarray:
    """Draw bootstrap samples: (draws, images), how often each image is drawn.

    The groups of the images, whose members are drawn together, are numbered from 0 without gaps.
    """
    random = np.random.default_rng(RANDOM_SEED)
    count = int(groups.max()) + 1
    drawn: np.ndarray = random.multinomial(count, np.full(count, 1 / count), size=DRAWS)[:, groups]
    return drawn


@lru_cache(maxsize=4)
def standard_draws(draws: int, losses: int, freedom: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw standard normal errors, (errors per draw, draws, losses), and the relative errors of their scatter."""
    random = np.random.default_rng(RANDOM_SEED)
    squares = chdtri(freedom, (np.arange(draws) + 0.5) / draws)  # quantiles instead of draws: less noise
    scatters = np.sqrt(random.permutation(np.tile(squares, ERRORS_PER_DRAW)) / freedom)
    return random.standard_normal((ERRORS_PER_DRAW, draws, losses)), scatters.reshape(ERRORS_PER_DRAW, draws, 1)


@dataclass(frozen=True, eq=False)
class Estimate:
    """Mean scores of losses, up to a common constant, and the joint distribution of their errors.

    The errors are those of the choice of seeds, which have a multivariate t distribution with the pooled variance, plus
    those of the choice of images, which are a bootstrap. Variance that is due to images and seeds together is in both,
    so intervals err on the wide side.
    """

    means: np.ndarray  # (losses,): least-squares means
    scatter: float  # standard deviation of a score over the seeds, pooled over the losses; NaN if it is unknown
    freedom: int  # degrees of freedom of the scatter
    variances: np.ndarray  # (losses, losses): covariance matrix of the means for a scatter of 1
    by_images: np.ndarray  # (draws, losses): deviation of the means on bootstrap samples of the images
    confidence: float = CONFIDENCE  # probability that simultaneous intervals hold together

    @classmethod
    def of(cls, scores: np.ndarray, drawn: np.ndarray | None = None, *, overlap: float = 0.0) -> Self:
        """Estimate the means from randomized blocks: every loss is trained on the same seeds.

        Missing scores are handled by least squares: a loss is not favored by the seeds on which it finished. Two losses
        on at most four seeds are not paired by seed, and neither are losses that are not connected by common seeds.

        Args:
            scores: (losses, seeds), NaN where there is none; every loss has one.
            drawn: (losses, seeds, draws): the scores on bootstrap samples of the images. None: the errors are those of
                the seeds only.
            overlap: If the columns are folds rather than seeds, the ratio of test to training images. It corrects the
                variance for training sets that overlap (Nadeau and Bengio, 2003); folds are always paired.
        """
        finished = np.isfinite(scores)
        losses, seeds = np.nonzero(finished[:, finished.any(axis=0)])
        count, blocks = len(scores), int(finished.any(axis=0).sum())
        unpaired = np.eye(count)[losses]
        design = np.hstack([unpaired, np.eye(blocks)[seeds, 1:]])
        paired = overlap > 0 or count > 2 or blocks > UNPAIRED_SEEDS
        if not paired or np.linalg.matrix_rank(design) < design.shape[1]:
            design = unpaired
        estimator, observed = np.linalg.pinv(design), scores[finished]
        residuals = observed - design @ (estimator @ observed)
        freedom = len(observed) - design.shape[1]
        scatter = sqrt(residuals @ residuals / freedom) if freedom else nan
        of_means = estimator[:count]
        by_images = np.zeros((DRAWS, count))
        if drawn is not None:
            by_images = (of_means @ drawn[finished]).T
            by_images = by_images[np.isfinite(by_images).all(axis=1)]
            by_images = by_images - by_images.mean(axis=0)
        return cls(
            means=of_means @ observed,
            scatter=scatter if scatter > ROUNDING * np.abs(observed).max() else nan,
            freedom=freedom,
            variances=of_means @ of_means.T * (1 + blocks * overlap),
            by_images=by_images,
        )

    @classmethod
    def of_seeds(cls, scores: Sequence[Mapping[int, float]], drawn: Sequence[Mapping[int, np.ndarray]] = ()) -> Self:
        """Estimate the means from the scores of each loss by seed, and those on bootstrap samples of the images."""
        seeds = sorted(set().union(*scores))
        missing = np.full(DRAWS, nan)
        return cls.of(
            np.array([[of_loss.get(seed, nan) for seed in seeds] for of_loss in scores]),
            np.array([[of_loss.get(seed, missing) for seed in seeds] for of_loss in drawn]) if drawn else None,
        )

    def with_uncertain_weights(self, errors: Sequence[float]) -> Self:
        """Add the standard error of each mean that is due to its weight; like that of the images, it is systematic.

        The weight was selected by a search. More seeds of the comparison do not show whether it is the best.
        """
        drawn = np.random.default_rng(RANDOM_SEED).normal(size=self.by_images.shape) * errors
        return replace(self, by_images=self.by_images + drawn - drawn.mean(axis=0))

    def planned(self, seeds: int) -> Self:
        """The same scatter, with this number of seeds of every loss."""
        losses = len(self.means)
        paired = losses > 2 or seeds > UNPAIRED_SEEDS
        freedom = (losses - 1) * (seeds - 1) if paired else losses * (seeds - 1)
        return replace(self, freedom=freedom, variances=np.eye(losses) / seeds)

    @classmethod
    def assumed(cls, losses: int, scatter: float) -> Self:
        """Nothing but a scatter over the seeds, for `planned`."""
        return cls(np.zeros(losses), scatter, 0, np.eye(losses), np.zeros((DRAWS, losses)))

    @property
    def known(self) -> bool:
        """Whether the scatter is known, so that there are intervals."""
        return self.freedom > 0 and isfinite(self.scatter)

    @cached_property
    def errors(self) -> np.ndarray:
        """(errors per draw, draws, losses): joint errors of the means."""
        normal, scatters = standard_draws(len(self.by_images), len(self.means), self.freedom)
        by_seeds = normal @ (self.scatter * np.linalg.cholesky(self.variances).T) / scatters
        joint: np.ndarray = by_seeds + self.by_images
        return joint

    def standard_errors(self, contrasts: np.ndarray) -> np.ndarray:
        """(2, contrasts): standard errors of linear combinations of the means, due to seeds and due to images."""
        by_seeds = np.einsum("ci,ij,cj->c", contrasts, self.variances, contrasts)
        return np.stack([self.scatter * np.sqrt(by_seeds), (self.by_images @ contrasts.T).std(axis=0)])

    def critical_value(self, contrasts: np.ndarray) -> float:
        """The quantile of the largest absolute studentized error of several contrasts (Dunnett)."""
        errors = np.hypot(*self.standard_errors(contrasts))[:, None]
        studentized = self.errors @ np.divide(contrasts, errors, out=np.zeros_like(contrasts), where=errors > 0).T
        return float(np.quantile(np.abs(studentized).max(axis=-1, initial=0.0), self.confidence))

    def half_widths(self, contrasts: np.ndarray) -> np.ndarray:
        """Half-widths of the simultaneous intervals of contrasts."""
        if not self.known:
            return np.full(len(contrasts), inf)
        widths: np.ndarray = self.critical_value(contrasts) * np.hypot(*self.standard_errors(contrasts))
        return widths

    def differences(self, contrasts: np.ndarray) -> list[Difference]:
        """Estimate contrasts, with intervals that contain all true values with the confidence."""
        means, widths = (contrasts @ self.means).tolist(), self.half_widths(contrasts).tolist()
        return [Difference(mean, mean - width, mean + width) for mean, width in zip(means, widths)]

    def differences_from(self, names: Sequence[Name], baseline: Name) -> dict[Name, Difference]:
        """Compare all losses with one of them, by their names."""
        others = (name for name in names if name != baseline)
        return dict(zip(others, self.differences(self.from_baseline(names.index(baseline)))))

    def from_baseline(self, baseline: int) -> np.ndarray:
        """(losses - 1, losses): the contrasts of all others with a loss."""
        identity = np.eye(len(self.means))
        contrasts: np.ndarray = np.delete(identity - identity[baseline], baseline, axis=0)
        return contrasts

    def parts(self, contrasts: np.ndarray) -> tuple[float, float]:
        """Largest half-width of the contrasts if only the seeds vary, and if only the images vary."""
        seeds_only = replace(self, by_images=np.zeros_like(self.by_images))
        by_seeds, by_images = (one.half_widths(contrasts).max() for one in (seeds_only, self.images_only))
        return float(by_seeds), float(by_images)

    @property
    def images_only(self) -> Self:
        """The estimate that infinitely many seeds would give."""
        return replace(self, scatter=0.0, freedom=1)

    def detectable(self, contrasts: np.ndarray) -> float:
        """The difference that the least certain of several contrasts shows with a power of 80 %."""
        if not self.known:
            return inf
        by_seeds, by_images = self.standard_errors(contrasts)[:, np.hypot(*self.standard_errors(contrasts)).argmax()]
        normal, scatters = standard_draws(len(self.by_images), len(self.means), self.freedom)
        half_widths = self.critical_value(contrasts) * np.hypot(by_seeds * scatters[..., 0], by_images)
        return float(np.quantile(half_widths + np.hypot(by_seeds, by_images) * normal[..., 0], POWER))

    def seeds_to_detect(self, difference: float, contrasts: np.ndarray) -> int | None:
        """Approximate number of seeds that detect such a difference; None above `MAX_SEEDS`."""
        numbers = range(2, MAX_SEEDS + 1)
        index = bisect_left(numbers, True, key=lambda seeds: self.planned(seeds).detectable(contrasts) <= difference)
        return numbers[index] if index < len(numbers) else None

    def needed(self, difference: float, contrasts: np.ndarray) -> tuple[int | None, float]:
        """Approximate number of seeds, and if they are not enough factor of the images, that detect a difference."""
        seeds, factor = self.seeds_to_detect(difference, contrasts), 1.0
        if seeds is None:
            floor = self.images_only.detectable(contrasts)
            factor = max(2 * (floor / difference) ** 2, 1.0)  # the images are then half of the variance
            fewer = replace(self, by_images=self.by_images / sqrt(factor))
            seeds = fewer.seeds_to_detect(difference, contrasts)
        return seeds, factor

    def best(self, candidates: np.ndarray, references: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compare every loss with the best (Hsu, 1984; Edwards and Hsu, 1983).

        With the confidence, the best loss is among those that may be best and no loss is further below it than its
        regret, which is infinite if it is unknown. `references` are the candidates that can show that another loss is
        not the best.

        Returns:
            (losses,) bool: the losses that may be best; and (losses,): their regrets.
        """
        regrets, best = np.where(candidates, 0.0, inf), candidates.copy()
        indices = np.flatnonzero(candidates)
        margins = np.full((len(candidates), len(candidates)), inf)
        for loss in indices if self.known else ():
            others = indices[indices != loss]
            errors = np.hypot(*self.standard_errors(np.eye(len(candidates))[others] - np.eye(len(candidates))[loss]))
            studentized = (self.errors[..., others] - self.errors[..., [loss]]) / errors
            margins[loss, others] = errors * np.quantile(studentized.max(axis=-1, initial=0.0), self.confidence)
        ahead = self.means - self.means[:, None]  # of row i, by how much each loss is ahead of loss i
        for loss in indices:
            others = references & (np.arange(len(candidates)) != loss)
            best[loss] = bool((ahead[loss] - margins[loss] < 0)[others].all())
        for loss in indices:
            others = best & (np.arange(len(candidates)) != loss)
            regrets[loss] = max((ahead[loss] + margins[:, loss])[others].max(initial=0.0), 0.0)
        return best, regrets
