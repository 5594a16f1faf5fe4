"""Where each pair is good: which share of the objects of a size, and of a shape, it finds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from detloss.experiments.comparison.plan import Pair
from detloss.experiments.comparison.ranking import Standing, Summary
from detloss.experiments.comparison.statistics import (
    Difference,
    Verdict,
    difference,
    draws_of_images,
)
from detloss.experiments.data.dataset import Dataset, Sample
from detloss.experiments.training.average_precision import THRESHOLDS

FEWEST_IMAGES = 10  # with such an object; below, drawing the images anew tells nothing


@dataclass(frozen=True)
class Division:
    """Objects sorted by a number that each of them has.

    Attributes:
        title: What they are sorted by.
        measure: That number of each object of a sample.
        limits: The upper limits of all groups but the last; a limit belongs to the group below it.
        names: Of the groups, one more than limits.
    """

    title: str
    measure: Callable[[Sample], np.ndarray]
    limits: tuple[float, ...]
    names: tuple[str, ...]


def share_of_image(sample: Sample) -> np.ndarray:
    """The area of each object, the image's being 1."""
    width, height = sample.sides.T
    image_height, image_width = sample.image.shape[:2]
    share: np.ndarray = width * height / (image_height * image_width)
    return share


def width_by_height(sample: Sample) -> np.ndarray:
    """The aspect ratio of each object."""
    width, height = sample.sides.T
    ratio: np.ndarray = width / height
    return ratio


DIVISIONS = (
    Division(
        "By size: the object's share of its image",
        share_of_image,
        (1 / 1000, 1 / 300, 0.01, 0.03, 0.1, 0.3),  # two of them are COCO's limits of small and large
        ("up to 0.1 %", "0.1 to 0.33 %", "0.33 to 1 %", "1 to 3 %", "3 to 10 %", "10 to 30 %", "above 30 %"),
    ),
    Division(
        "By shape: the object's width : height",
        width_by_height,
        (1 / 2, 4 / 5, 5 / 4, 2),
        ("1 : 2 and taller", "1 : 2 to 4 : 5", "about square", "5 : 4 to 2 : 1", "wider than 2 : 1"),
    ),
)


@dataclass(frozen=True)
class Group:
    """How the pairs find the objects of one group.

    Attributes:
        name: Of the group.
        objects: How many there are in the validation images.
        recalls: Of every pair by its name: the share that it finds, the mean over IoU thresholds .50 to .95.
        differences: To the baseline, of pairs that can be compared with it; none where too few images have such an
            object.
    """

    name: str
    objects: int
    recalls: Mapping[str, Summary]
    differences: Mapping[str, Difference]

    @property
    def told(self) -> dict[str, Difference]:
        """The differences that are none of chance, as far as one can tell."""
        return {
            name: difference
            for name, difference in self.differences.items()
            if difference.verdict is not Verdict.NOT_DISTINGUISHABLE
        }


@dataclass(frozen=True)
class Breakdown:
    """The groups of a division that have objects.

    Attributes:
        title: What they are sorted by.
        groups: In the order of the division.
    """

    title: str
    groups: Sequence[Group]

    @property
    def scale(self) -> tuple[float, float]:
        """Tenths between which all seeds of all groups lie."""
        summaries = [summary for group in self.groups for summary in group.recalls.values()]
        low = np.floor(min(summary.lowest for summary in summaries) * 10) / 10
        high = np.ceil(max(summary.highest for summary in summaries) * 10) / 10
        return float(min(low, 0.9)), float(max(high, min(low, 0.9) + 0.1))

    @property
    def comparisons(self) -> int:
        """In how many cases a pair was compared with the baseline."""
        return sum(len(group.differences) for group in self.groups)


def breakdowns(standings: Sequence[Standing], dataset: Dataset, baseline: Pair) -> list[Breakdown]:
    """Compare the pairs group by group; nothing where a trial did not note which objects it found."""
    if any(outcome.found is None for standing in standings for outcome in standing.outcomes):
        return []
    draws = draws_of_images(len(dataset.validation))
    return [breakdown(division, standings, dataset, baseline, draws) for division in DIVISIONS]


def breakdown(
    division: Division, standings: Sequence[Standing], dataset: Dataset, baseline: Pair, draws: np.ndarray
) -> Breakdown:
    """Compare the pairs in every group of one division."""
    images = np.repeat(np.arange(len(dataset.validation)), [len(sample.boxes) for sample in dataset.validation])
    values = np.concatenate([division.measure(sample) for sample in dataset.validation])
    groups = np.searchsorted(division.limits, values)
    return Breakdown(
        division.title,
        [
            group_of(division.names[group], groups == group, images, standings, baseline, draws)
            for group in np.unique(groups).tolist()
        ],
    )


def group_of(
    name: str,
    members: np.ndarray,
    images: np.ndarray,
    standings: Sequence[Standing],
    baseline: Pair,
    draws: np.ndarray,
) -> Group:
    """Compare the pairs on the objects of one group.

    Args:
        name: Of the group.
        members: (objects,) bool: which objects of the validation images belong to it.
        images: (objects,): the image of each object.
        standings: The pairs.
        baseline: The pair that the others are compared with.
        draws: (draws, images): how often each image is drawn.
    """
    objects = np.bincount(images[members], minlength=draws.shape[1])
    drawn_objects = draws @ objects
    recalls: dict[Pair, dict[int, float]] = {}
    drawn: dict[Pair, dict[int, np.ndarray]] = {}
    for standing in standings:
        for outcome in standing.outcomes:
            found = recall_of_each(outcome.found)[members]
            recalls.setdefault(standing.pair, {})[outcome.trial.seed] = float(found.mean())
            found_in_image = np.bincount(images[members], found, minlength=draws.shape[1])
            drawn.setdefault(standing.pair, {})[outcome.trial.seed] = np.divide(
                draws @ found_in_image, drawn_objects, out=np.full(len(draws), np.nan), where=drawn_objects > 0
            )
    differences = {}
    baseline_failed = any(standing.failed for standing in standings if standing.pair == baseline)
    for standing in standings:
        pair = standing.pair
        if standing.failed or baseline_failed:
            continue
        seeds = [seed for seed in recalls[pair] if seed in recalls.get(baseline, {})]
        if pair != baseline and seeds and np.count_nonzero(objects) >= FEWEST_IMAGES:
            differences[standing.name] = difference(
                [recalls[pair][seed] for seed in seeds],
                [recalls[baseline][seed] for seed in seeds],
                drawn_scores=np.stack([drawn[pair][seed] for seed in seeds]),
                drawn_baseline=np.stack([drawn[baseline][seed] for seed in seeds]),
            )
    summaries = {str(pair): summary_of(list(values.values())) for pair, values in recalls.items()}
    return Group(name, int(objects.sum()), summaries, differences)


def recall_of_each(found: np.ndarray | None) -> np.ndarray:
    """At which share of the IoU thresholds each object was found."""
    assert found is not None
    flags = found[:, None] >> np.arange(len(THRESHOLDS)) & 1
    share: np.ndarray = flags.mean(axis=1)
    return share


def summary_of(values: Sequence[float]) -> Summary:
    """Mean and range over the seeds."""
    return Summary(fmean(values), min(values), max(values))
