"""Which validation images a report shows: where the pairs differ most, and typical ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from detloss.experiments.comparison.ranking import Standing
from detloss.experiments.comparison.report.example_images import (
    Finding,
    Mark,
    Photograph,
    marks,
    photograph,
)
from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training.evaluation import Prediction
from detloss.experiments.training.snapshots import Glimpse
from detloss.experiments.training.trial import Outcome

OF_A_KIND = 4  # images where pairs differ most, and as many typical ones
FILMED_PAIRS = 4


@dataclass(frozen=True)
class Picture:
    """What a pair sees in an image.

    Attributes:
        photograph: The image.
        marks: The true boxes and the predictions.
    """

    photograph: Photograph
    marks: Sequence[Mark]

    @property
    def truths(self) -> int:
        """How many objects there are."""
        return sum(mark.finding in (Finding.FOUND, Finding.MISSED) for mark in self.marks)

    @property
    def hits(self) -> int:
        """How many of them are found."""
        return sum(mark.finding is Finding.FOUND for mark in self.marks)


@dataclass(frozen=True)
class Gallery:
    """Pictures of the same images for every pair.

    Attributes:
        title: What the images are chosen for.
        rows: Of every image, the picture of each pair by its name.
    """

    title: str
    rows: Sequence[Mapping[str, Picture]]


@dataclass(frozen=True)
class Film:
    """What pairs predicted in one image as training went on.

    Attributes:
        photograph: The image.
        strips: Of each pair by its name, the steps and the picture after each.
    """

    photograph: Photograph
    strips: Mapping[str, Sequence[tuple[int, Picture]]]


class Album:
    """The validation images in a page, each encoded once."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.photographs: dict[int, Photograph] = {}

    def marks(self, image: int, prediction: Prediction | None) -> list[Mark]:
        """What to draw on an image."""
        return marks(self.dataset.validation[image], prediction, self.dataset.class_names, self.dataset.geometry)

    def picture(self, image: int, prediction: Prediction | None) -> Picture:
        """Draw what was predicted in an image; None: the truth alone."""
        if image not in self.photographs:
            self.photographs[image] = photograph(self.dataset.validation[image], f"photograph-{image}")
        return Picture(self.photographs[image], self.marks(image, prediction))

    def galleries(self, standings: Sequence[Standing]) -> list[Gallery]:
        """Choose images by how many of their objects the first seed of each pair finds."""
        seen = {standing.name: predictions_of(standing.outcomes[0]) for standing in standings}
        common = sorted(set.intersection(*map(set, seen.values()))) if seen else []
        shares = {
            image: [share_found(self.marks(image, of_pair[image])) for of_pair in seen.values()] for image in common
        }
        samples = self.dataset.validation
        spread = {image: (max(share) - min(share)) * len(samples[image].boxes) for image, share in shares.items()}
        most = [image for image in sorted(common, key=lambda image: -spread[image])[:OF_A_KIND] if spread[image]]
        means = {image: fmean(share) for image, share in shares.items()}
        usual = sorted(set(common) - set(most), key=lambda image: (abs(means[image] - median(means.values())), image))
        chosen = {"Where the pairs differ most": most, "Typical images": sorted(usual[:OF_A_KIND])}
        return [
            Gallery(
                title,
                [{name: self.picture(image, of_pair[image]) for name, of_pair in seen.items()} for image in images],
            )
            for title, images in chosen.items()
            if images
        ]

    def films(self, glimpses: Mapping[str, Sequence[Glimpse]]) -> list[Film]:
        """Draw what the first pairs predicted on their way, image by image."""
        strips: dict[int, dict[str, list[tuple[int, Picture]]]] = {}
        for name, of_pair in list(glimpses.items())[:FILMED_PAIRS]:
            for glimpse in of_pair:
                for image, prediction in zip(glimpse.images, glimpse.predictions):
                    strip = strips.setdefault(image, {}).setdefault(name, [])
                    strip.append((glimpse.step, self.picture(image, prediction)))
        return [Film(self.photographs[image], of_image) for image, of_image in strips.items()]


def share_found(marks: Sequence[Mark]) -> float:
    """Which share of the objects is found; 1 where there is none."""
    truths = [mark.finding is Finding.FOUND for mark in marks if mark.finding in (Finding.FOUND, Finding.MISSED)]
    return fmean(truths) if truths else 1.0


def predictions_of(outcome: Outcome) -> dict[int, Prediction]:
    """The predictions of an outcome, by the image."""
    pictured = outcome.pictured or range(len(outcome.predictions))
    return dict(zip(pictured, outcome.predictions))
