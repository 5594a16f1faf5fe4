"""What a difference to the baseline is worth: an interval that few seeds cannot make too narrow, and one word."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import hypot, inf, nan, sqrt

import numpy as np
from scipy.special import stdtrit  # type: ignore[import-untyped]

CONFIDENCE = 0.95
DRAWS = 1000  # bootstrap draws of the images
MOST_SEEDS = 100  # more are never advised
BOOTSTRAP_SEED = 0  # the same draws for every trial, and in every report of the same results


class Verdict(StrEnum):
    """What is known about a loss beside the baseline."""

    BETTER = "better"
    WORSE = "worse"
    NOT_DISTINGUISHABLE = "not distinguishable"


@dataclass(frozen=True)
class Difference:
    """How far scores lie above the baseline's, seed by seed.

    Attributes:
        mean: Over the seeds.
        low: Lower end of the interval; minus infinity with one seed.
        high: Its upper end; infinity with one seed.
        seeds: How many seeds both have.
        scatter: Standard deviation of the seeds' differences; NaN with one seed.
        by_images: How much of the interval, to either side of the mean, comes from the choice of the images.
    """

    mean: float
    low: float
    high: float
    seeds: int
    scatter: float = nan
    by_images: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """Better or worse where the interval leaves out 0."""
        if self.low > 0:
            return Verdict.BETTER
        return Verdict.WORSE if self.high < 0 else Verdict.NOT_DISTINGUISHABLE

    @property
    def seeds_to_show(self) -> int | None:
        """About how many seeds would show a difference of this size, at most `MOST_SEEDS`; None: not even so many."""
        for seeds in range(max(self.seeds, 1) + 1, MOST_SEEDS + 1):
            by_seeds = float(stdtrit(seeds - 1, (1 + CONFIDENCE) / 2)) * self.scatter / sqrt(seeds)
            if hypot(by_seeds, self.by_images) < abs(self.mean):
                return seeds
        return None

    def __format__(self, spec: str) -> str:
        """The mean with its sign and, if there is one, the interval; `spec` formats each number."""
        mean = format(self.mean, f"+{spec}")
        return mean if self.low == -inf else f"{mean} [{self.low:+{spec}}, {self.high:+{spec}}]"


def draws_of_images(images: int) -> np.ndarray:
    """Draw as many images as there are, with replacement, again and again; (draws, images) counts."""
    random = np.random.default_rng(BOOTSTRAP_SEED)
    return random.multinomial(images, np.full(images, 1 / images), size=DRAWS)


def difference(
    scores: Sequence[float],
    baseline: Sequence[float],
    *,
    drawn_scores: np.ndarray | None = None,
    drawn_baseline: np.ndarray | None = None,
) -> Difference:
    """Compare paired scores, with a 95 % interval of the mean difference.

    Two things move the difference by chance: the seeds, and which images the trials are judged on. A bootstrap of two
    or three seeds would make the interval far too narrow, because so few values hardly ever show how far they
    scatter. So the mean of the seeds is drawn from Student's t with its standard error, which is exact for any
    number of seeds where differences are normal, and to it is added how the mean moves where the images are drawn
    with replacement, the same draw for all trials. The interval is what 95 % of the sums lie in. The part of the
    scatter that images and seeds have together is in both, so the interval errs towards "not distinguishable".

    Args:
        scores: One a seed.
        baseline: The baseline's, of the same seeds.
        drawn_scores: The scores on draws of the images; (seeds, draws). None: the images are not known, and the
            interval is about the seeds alone.
        drawn_baseline: The baseline's, on the same draws.

    Returns:
        The difference, with an endless interval where there is one seed: it cannot tell how far seeds scatter.

    Raises:
        ValueError: There is no seed, or not as many of one as of the other.
    """
    if not scores or len(scores) != len(baseline):
        raise ValueError(f"scores: expected one for each seed of the baseline, got {len(scores)} and {len(baseline)}")
    differences = np.subtract(scores, baseline)
    mean, seeds = float(differences.mean()), len(differences)
    if seeds == 1:
        return Difference(mean, -inf, inf, seeds)
    standard_error = differences.std(ddof=1) / sqrt(seeds)
    by_images = np.zeros(1)
    if drawn_scores is not None and drawn_baseline is not None:
        moved = (drawn_scores - drawn_baseline).mean(axis=0)
        by_images = moved[np.isfinite(moved)] - np.nanmean(moved)
    # Quantiles of t in place of random draws: with every draw of the images stand equally many of each.
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
