"""Confidence intervals of differences from the baseline, valid for few seeds, and verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import hypot, inf, nan, sqrt

import numpy as np
from scipy.special import stdtrit  # type: ignore[import-untyped]

CONFIDENCE = 0.95
DRAWS = 1000  # bootstrap samples of the images
MAX_SEEDS = 100  # the largest number that is ever advised
BOOTSTRAP_SEED = 0  # the same samples for every trial, and in every report of the same results


class Verdict(StrEnum):
    """Result of the comparison of a loss with the baseline."""

    BETTER = "better"
    WORSE = "worse"
    NOT_DISTINGUISHABLE = "not distinguishable"


@dataclass(frozen=True)
class Difference:
    """Difference of scores from those of the baseline, paired by seed.

    Attributes:
        mean: Mean over the seeds.
        low: Lower end of the interval; minus infinity with one seed.
        high: Upper end of the interval; infinity with one seed.
        seeds: Number of common seeds.
        scatter: Standard deviation over the seeds; NaN with one seed.
        by_images: Half-width of the part of the interval that is due to the choice of the images.
    """

    mean: float
    low: float
    high: float
    seeds: int
    scatter: float = nan
    by_images: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """Better or worse if the interval excludes 0."""
        if self.low > 0:
            return Verdict.BETTER
        return Verdict.WORSE if self.high < 0 else Verdict.NOT_DISTINGUISHABLE

    @property
    def seeds_to_detect(self) -> int | None:
        """Approximate number of seeds that detect a difference of this size; None above `MAX_SEEDS`."""
        for seeds in range(max(self.seeds, 1) + 1, MAX_SEEDS + 1):
            by_seeds = float(stdtrit(seeds - 1, (1 + CONFIDENCE) / 2)) * self.scatter / sqrt(seeds)
            if hypot(by_seeds, self.by_images) < abs(self.mean):
                return seeds
        return None

    def __format__(self, spec: str) -> str:
        """The mean with its sign and, if there is one, the interval; `spec` formats each number."""
        mean = format(self.mean, f"+{spec}")
        return mean if self.low == -inf else f"{mean} [{self.low:+{spec}}, {self.high:+{spec}}]"


def draws_of_images(groups: np.ndarray) -> np.ndarray:
    """Draw bootstrap samples of groups of images.

    Args:
        groups: (images,): the number of the group of each image, from 0 without gaps; images of a group are drawn
            together.

    Returns:
        (draws, images): how often each image is drawn.
    """
    random = np.random.default_rng(BOOTSTRAP_SEED)
    count = int(groups.max()) + 1
    drawn: np.ndarray = random.multinomial(count, np.full(count, 1 / count), size=DRAWS)[:, groups]
    return drawn


def difference(
    scores: Sequence[float],
    baseline: Sequence[float],
    *,
    drawn_scores: np.ndarray | None = None,
    drawn_baseline: np.ndarray | None = None,
) -> Difference:
    """Compare paired scores, with a 95 % confidence interval of the mean difference.

    The difference varies with the seeds and with the validation images. A bootstrap of two or three seeds would make
    the interval far too narrow. Therefore the mean over the seeds is drawn from Student's t distribution with its
    standard error, which is exact for any number of seeds if differences are normal. To it is added the change of the
    mean on bootstrap samples of the images, the same samples for all trials. The interval contains 95 % of the sums.
    Variance that is due to images and seeds together is counted twice, so the interval errs towards "not
    distinguishable".

    Args:
        scores: One per seed.
        baseline: Scores of the baseline on the same seeds.
        drawn_scores: (seeds, draws): the scores on bootstrap samples of the images. None: the interval accounts for the
            seeds only.
        drawn_baseline: Scores of the baseline on the same samples.

    Returns:
        The difference; with one seed, which does not show the variance over seeds, its interval is infinite.

    Raises:
        ValueError: There is no seed, or the numbers of scores differ.
    """
    if not scores or len(scores) != len(baseline):
        raise ValueError(f"scores: expected one per seed of the baseline, got {len(scores)} and {len(baseline)}")
    differences = np.subtract(scores, baseline)
    mean, seeds = float(differences.mean()), len(differences)
    if seeds == 1:
        return Difference(mean, -inf, inf, seeds)
    standard_error = differences.std(ddof=1) / sqrt(seeds)
    by_images = np.zeros(1)
    if drawn_scores is not None and drawn_baseline is not None:
        drawn = (drawn_scores - drawn_baseline).mean(axis=0)
        by_images = drawn[np.isfinite(drawn)] - np.nanmean(drawn)
    # Quantiles of t instead of random draws: every sample of the images is combined with equally many of each.
    by_seeds = standard_error * stdtrit(seeds - 1, (np.arange(DRAWS) + 0.5) / DRAWS)
    ends = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    low, high = np.quantile(np.add.outer(by_seeds, by_images), ends)
    image_low, image_high = np.quantile(by_images, ends)
    return Difference(
        mean,
        mean + float(low),
        mean + float(high),
        seeds,
        scatter=float(differences.std(ddof=1)),
        by_images=float(image_high - image_low) / 2,
    )
