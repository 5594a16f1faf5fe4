"""Recall of each pair by the size and by the shape of the objects."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from detloss.experiments.comparison.plan import Pair
from detloss.experiments.comparison.ranking import Ranking, Standing, Summary
from detloss.experiments.comparison.statistics import Difference, Estimate, Verdict, draws_of_images
from detloss.experiments.data.dataset import Dataset, Sample
from detloss.experiments.data.samples import group_numbers
from detloss.experiments.training.average_precision import THRESHOLDS

MIN_IMAGES = 10  # with an object of a group; a bootstrap of fewer images is meaningless


@dataclass(frozen=True)
class Grouping:
    """Groups of objects by a property.

    Attributes:
        title: The property.
        measure: Computes the property of each object of a sample.
        limits: Upper limits of all groups but the last, inclusive.
        names: Names of the groups, one more than limits.
    """

    title: str
    measure: Callable[[Sample], np.ndarray]
    limits: tuple[float, ...]
    names: tuple[str, ...]


def fraction_of_image(sample: Sample) -> np.ndarray:
    """The area of each object as a fraction of its image."""
    width, height = sample.sides.T
    image_height, image_width = sample.pixels.shape[:2]
    fraction: np.ndarray = width * height / (image_height * image_width)
    return fraction


def aspect_ratio(sample: Sample) -> np.ndarray:
    """The width of each object divided by its height."""
    width, height = sample.sides.T
    ratio: np.ndarray = width / height
    return ratio


GROUPINGS = (
    Grouping(
        "By size: fraction of the image",
        fraction_of_image,
        (1 / 1000, 1 / 300, 0.01, 0.03, 0.1, 0.3),  # two of them are COCO's limits of small and large
        ("up to 0.1 %", "0.1 to 0.33 %", "0.33 to 1 %", "1 to 3 %", "3 to 10 %", "10 to 30 %", "above 30 %"),
    ),
    Grouping(
        "By aspect ratio: width : height",
        aspect_ratio,
        (1 / 2, 4 / 5, 5 / 4, 2),
        ("1 : 2 and taller", "1 : 2 to 4 : 5", "about square", "5 : 4 to 2 : 1", "wider than 2 : 1"),
    ),
)


@dataclass(frozen=True)
class Group:
    """Recall of the pairs in one group of objects.

    Attributes:
        name: Name of the group.
        objects: Number of objects in the validation images.
        recalls: Recall of every pair by name, averaged over IoU thresholds .50 to .95.
        differences: Differences from the baseline, of pairs that can be compared with it; empty if too few images have
            such an object.
    """

    name: str
    objects: int
    recalls: Mapping[str, Summary]
    differences: Mapping[str, Difference]

    @property
    def significant(self) -> dict[str, Difference]:
        """The differences whose interval excludes 0."""
        return {
            name: difference
            for name, difference in self.differences.items()
            if difference.verdict() is not Verdict.NOT_DISTINGUISHABLE
        }


@dataclass(frozen=True)
class Breakdown:
    """The groups of a grouping that have objects.

    Attributes:
        title: The property.
        groups: In ascending order of the property.
    """

    title: str
    groups: Sequence[Group]

    @property
    def scale(self) -> tuple[float, float]:
        """Range of all seeds and groups, rounded outwards to tenths."""
        summaries = [summary for group in self.groups for summary in group.recalls.values()]
        low = np.floor(min(summary.lowest for summary in summaries) * 10) / 10
        high = np.ceil(max(summary.highest for summary in summaries) * 10) / 10
        return float(min(low, 0.9)), float(max(high, min(low, 0.9) + 0.1))

    @property
    def compared(self) -> int:
        """Number of groups in which pairs are compared with the baseline."""
        return sum(bool(group.differences) for group in self.groups)


def breakdowns(ranking: Ranking, dataset: Dataset) -> list[Breakdown]:
    """Compare the pairs group by group."""
    draws = draws_of_images(group_numbers(dataset.validation))
    return [breakdown(grouping, ranking, dataset, draws) for grouping in GROUPINGS]


def breakdown(grouping: Grouping, ranking: Ranking, dataset: Dataset, draws: np.ndarray) -> Breakdown:
    """Compare the pairs in every group of one grouping."""
    images = np.repeat(np.arange(len(dataset.validation)), [len(sample.boxes) for sample in dataset.validation])
    values = np.concatenate([grouping.measure(sample) for sample in dataset.validation])
    groups = np.searchsorted(grouping.limits, values)
    return Breakdown(
        grouping.title,
        [
            compare_group(grouping.names[group], groups == group, images, ranking.standings, ranking.baseline, draws)
            for group in np.unique(groups).tolist()
        ],
    )


def compare_group(
    name: str,
    members: np.ndarray,
    images: np.ndarray,
    standings: Sequence[Standing],
    baseline: Pair,
    draws: np.ndarray,
) -> Group:
    """Compare the pairs on the objects of one group.

    Args:
        name: Name of the group.
        members: (objects,) bool: whether each object of the validation images belongs to it.
        images: (objects,): image of each object.
        standings: The pairs.
        baseline: The pair that the others are compared with.
        draws: (draws, images): how often each image is drawn.
    """
    objects = np.bincount(images[members], minlength=draws.shape[1])
    drawn_objects = draws @ objects
    recalls: dict[Pair, dict[int, float]] = {}
    drawn: dict[Pair, dict[int, np.ndarray]] = {}
    for standing in standings:
        for seed, evaluation in zip(standing.scores, standing.evaluations):
            found = recall_per_object(evaluation.found)[members]
            recalls.setdefault(standing.pair, {})[seed] = float(found.mean())
            found_in_image = np.bincount(images[members], found, minlength=draws.shape[1])
            drawn.setdefault(standing.pair, {})[seed] = np.divide(
                draws @ found_in_image, drawn_objects, out=np.full(len(draws), np.nan), where=drawn_objects > 0
            )
    compared = [standing.pair for standing in standings if not standing.failed]
    differences: dict[Pair, Difference] = {}
    if baseline in compared and np.count_nonzero(objects) >= MIN_IMAGES:
        estimate = Estimate.of_seeds([recalls[pair] for pair in compared], [drawn[pair] for pair in compared])
        differences = estimate.differences_from(compared, baseline)
    summaries = {str(pair): Summary.of(list(values.values())) for pair, values in recalls.items()}
    return Group(name, int(objects.sum()), summaries, {str(pair): one for pair, one in differences.items()})


def recall_per_object(found: np.ndarray) -> np.ndarray:
    """The fraction of the IoU thresholds at which each object is found."""
    flags = found[:, None] >> np.arange(len(THRESHOLDS)) & 1
    fraction: np.ndarray = flags.mean(axis=1)
    return fraction
