"""Breakdowns of the results: AP by class, AP50 lost by type of error, and recall by size and shape of the objects."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from detloss.experiments.comparison.bootstrap import Bootstrap
from detloss.experiments.comparison.findings import joined
from detloss.experiments.comparison.ranking import Ranking, Summary
from detloss.experiments.comparison.statistics import Difference, Estimate, Verdict
from detloss.experiments.data.dataset import Dataset, Sample
from detloss.experiments.training.average_precision import THRESHOLDS, class_average_precisions
from detloss.experiments.training.outcome import Outcome

MIN_IMAGES = 10  # with an object of a group; a bootstrap of fewer images is meaningless
MOST_CLASSES = 12  # the most frequent ones
ERRORS = {
    "class": "wrong classes",
    "localization": "inaccurate boxes",
    "both": "wrong classes and inaccurate boxes",
    "duplicate": "duplicates",
    "background": "detections of background",
    "missed": "missed objects",
}
"""Types of errors (Bolya et al., TIDE, 2020) in words."""

Measure = Callable[[Outcome], np.ndarray]
"""Computes a quantity of an outcome on all images, and on every bootstrap sample of them."""


@dataclass(frozen=True)
class Grouping:
    """Groups of objects by a property, which `measure` computes for each object of a sample.

    `limits` are the upper limits of all groups but the last, inclusive. `phrase` is the recall of one group, as part of
    a sentence.
    """

    title: str
    phrase: str
    measure: Callable[[Sample], np.ndarray]
    limits: tuple[float, ...]
    names: tuple[str, ...]


GROUPINGS = (
    Grouping(
        "Recall by size: fraction of the image",
        "the recall of objects of {} of the image",
        lambda sample: sample.sides.prod(axis=1) / (sample.pixels.shape[0] * sample.pixels.shape[1]),
        (1 / 1000, 1 / 300, 0.01, 0.03, 0.1, 0.3),  # two of them are COCO's limits of small and large
        ("up to 0.1 %", "0.1 to 0.33 %", "0.33 to 1 %", "1 to 3 %", "3 to 10 %", "10 to 30 %", "above 30 %"),
    ),
    Grouping(
        "Recall by aspect ratio: width : height",
        "the recall of objects with the aspect ratio {}",
        lambda sample: sample.sides[:, 0] / sample.sides[:, 1],
        (1 / 2, 4 / 5, 5 / 4, 2),
        ("1 : 2 and taller", "1 : 2 to 4 : 5", "about square", "5 : 4 to 2 : 1", "wider than 2 : 1"),
    ),
)


@dataclass(frozen=True)
class Group:
    """A quantity of all pairs in one group of objects, or of one class or type of error, by the names of the pairs.

    Differences from the baseline are those of pairs that can be compared with it; there are none if too few images have
    such an object.
    """

    name: str
    objects: int | None
    values: Mapping[str, Summary]
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
    """The groups of a property that have objects, in the order of the report.

    `phrase` is the quantity in one group as part of a sentence. Less is better if AP50 is `lost`.
    """

    title: str
    phrase: str
    groups: Sequence[Group]
    lost: bool = False

    @property
    def scale(self) -> tuple[float, float]:
        """Range of all seeds and groups, rounded outwards to tenths."""
        summaries = [summary for group in self.groups for summary in group.values.values()]
        low = np.floor(min(summary.lowest for summary in summaries) * 10) / 10
        high = np.ceil(max(summary.highest for summary in summaries) * 10) / 10
        return float(min(low, 0.9)), float(max(high, min(low, 0.9) + 0.1))

    @property
    def compared(self) -> int:
        """Number of groups in which pairs are compared with the baseline."""
        return sum(bool(group.differences) for group in self.groups)

    def largest(self, pair: str) -> str:
        """The largest significant difference of a pair, as part of a sentence; empty if there is none."""
        found = [(group.significant[pair], group.name) for group in self.groups if pair in group.significant]
        if not found:
            return ""
        difference, name = max(found, key=lambda one: abs(one[0].mean))
        return f"{self.phrase.format(name)}, {difference:.3f}"


def source(ranking: Ranking, found: Sequence[Breakdown]) -> str:
    """State where the best of the pairs that are better or worse than the baseline differs most; empty if unknown."""
    for standing in ranking.standings:
        if standing.verdict in (Verdict.BETTER, Verdict.WORSE):
            largest = [part for breakdown in found if (part := breakdown.largest(standing.name))]
            return f"{standing.name} differs most from {ranking.baseline} in {joined(largest)}." if largest else ""
    return ""


def breakdowns(ranking: Ranking, dataset: Dataset) -> list[Breakdown]:
    """Compare the pairs by class and by type of error, as far as these are known, and then by size and shape."""
    images = Bootstrap(dataset)
    draws = np.vstack([np.ones_like(images.draws[:1]), images.draws])
    by_shape = [by_group(grouping, ranking, dataset, draws) for grouping in GROUPINGS]
    return [*by_class(ranking, dataset.class_names, images.objects, draws), *by_error(ranking, draws), *by_shape]


def by_class(ranking: Ranking, names: Sequence[str], objects: np.ndarray, draws: np.ndarray) -> list[Breakdown]:
    """Compare the AP of each of the most frequent classes, if there are several; `objects` is by image and class."""
    present = np.flatnonzero(objects.any(axis=0))
    frequent = sorted(present[np.argsort(-objects[:, present].sum(axis=0), kind="stable")][:MOST_CLASSES].tolist())
    if len(frequent) < 2:
        return []
    title = "AP by class" + f", the {MOST_CLASSES} most frequent" * (len(present) > MOST_CLASSES)
    counts = {label: objects[:, label] for label in frequent}
    groups = [compare_group(names[one], counts[one], ranking, class_ap(one, counts[one], draws)) for one in counts]
    return [Breakdown(title, "the AP of the class {}", groups)]


def class_ap(label: int, objects: np.ndarray, draws: np.ndarray) -> Measure:
    """The AP of one class, from its number of objects in each image."""
    drawn_objects = draws @ objects

    def measure(outcome: Outcome) -> np.ndarray:
        assert outcome.evaluation is not None
        matches = outcome.evaluation.matches
        of_class = matches.labels == label
        found = class_average_precisions(matches.images[of_class], matches.hits[of_class], drawn_objects, draws)
        return np.where(drawn_objects > 0, found, np.nan)

    return measure


def by_error(ranking: Ranking, draws: np.ndarray) -> list[Breakdown]:
    """Compare the AP50 that each type of error costs, over the seeds only, if all trials have recorded it."""
    if not all(outcome.errors for standing in ranking.standings for outcome in standing.outcomes):
        return []

    def measure(error: str) -> Measure:
        return lambda outcome: np.full(len(draws), outcome.errors[error])

    groups = [compare_group(name, None, ranking, measure(error)) for error, name in ERRORS.items()]
    groups = [group for group in groups if any(value.highest for value in group.values.values())]
    return [Breakdown("AP50 lost by type of error", "the AP50 lost by {}", groups, lost=True)] if groups else []


def by_group(grouping: Grouping, ranking: Ranking, dataset: Dataset, draws: np.ndarray) -> Breakdown:
    """Compare the recall in every group of one grouping."""
    images = np.repeat(np.arange(len(dataset.validation)), [len(sample.boxes) for sample in dataset.validation])
    values = np.concatenate([grouping.measure(sample) for sample in dataset.validation])
    groups = np.searchsorted(grouping.limits, values)
    compared = []
    for group in np.unique(groups).tolist():
        members = groups == group
        objects = np.bincount(images[members], minlength=draws.shape[1])
        measure = recall(members, images, objects, draws)
        compared.append(compare_group(grouping.names[group], objects, ranking, measure))
    return Breakdown(grouping.title, grouping.phrase, compared)


def recall(members: np.ndarray, images: np.ndarray, objects: np.ndarray, draws: np.ndarray) -> Measure:
    """The recall of the objects of a group.

    Of each object of the validation images, `members` states whether it belongs to the group, and `images` its image;
    `objects` counts those of the group by image.
    """
    drawn_objects = draws @ objects

    def measure(outcome: Outcome) -> np.ndarray:
        assert outcome.evaluation is not None
        flags = outcome.evaluation.found[members, None] >> np.arange(len(THRESHOLDS)) & 1
        found_in_image = np.bincount(images[members], flags.mean(axis=1), minlength=draws.shape[1])
        with np.errstate(invalid="ignore"):
            fraction: np.ndarray = draws @ found_in_image / drawn_objects  # NaN without objects
        return fraction

    return measure


def compare_group(name: str, objects: np.ndarray | None, ranking: Ranking, measure: Measure) -> Group:
    """Compare the pairs in one group; `objects` counts its objects by image, if they are not all."""
    measured = {
        standing.pair: {outcome.trial.seed: measure(outcome) for outcome in standing.outcomes}
        for standing in ranking.standings
    }
    values = {pair: {seed: float(one[0]) for seed, one in of_pair.items()} for pair, of_pair in measured.items()}
    compared = [standing.pair for standing in ranking.standings if not standing.failed]
    differences: dict[str, Difference] = {}
    if ranking.baseline in compared and (objects is None or np.count_nonzero(objects) >= MIN_IMAGES):
        drawn = [{seed: one[1:] for seed, one in measured[pair].items()} for pair in compared]
        estimate = Estimate.of_seeds([values[pair] for pair in compared], drawn)
        found = estimate.differences_from(compared, ranking.baseline)
        differences = {str(pair): difference for pair, difference in found.items()}
    summaries = {str(pair): Summary.of(list(of_pair.values())) for pair, of_pair in values.items()}
    return Group(name, None if objects is None else int(objects.sum()), summaries, differences)
