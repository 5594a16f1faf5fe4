"""Snapshots of a training: AP and some predictions at several steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from detloss.experiments.data.dataset import Dataset, Sample
from detloss.experiments.training.evaluation import Prediction, evaluate

FRACTIONS = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)  # of the steps
MOST_IMAGES = 100
STEPS_PER_IMAGE = 25  # fewer images in a short training, so that snapshots take about four percent of its time
SHOWN_IMAGES = 4  # images whose predictions are kept
MOST_OBJECTS = 8  # in an image whose predictions are kept, where there are enough such images


@dataclass(frozen=True)
class Snapshot:
    """State of a detector after some steps: its AP on a subset of the validation images.

    For some of these, it has the highest-scoring predictions, as many as the image has objects.
    """

    step: int
    ap: float
    predictions: Mapping[int, Prediction]


class SnapshotSchedule:
    """Steps and validation images of the snapshots, the same in every trial of a comparison."""

    def __init__(self, dataset: Dataset, steps: int) -> None:
        self.dataset = dataset
        self.steps = sorted({max(1, round(fraction * steps)) for fraction in FRACTIONS})
        count = min(MOST_IMAGES, max(steps // STEPS_PER_IMAGE, 2 * SHOWN_IMAGES))
        self.images = evenly_spaced(range(len(dataset.validation)), count)
        self.shown = shown_images(dataset.validation, self.images)

    @property
    def samples(self) -> list[Sample]:
        """The images to predict."""
        return [self.dataset.validation[image] for image in self.images]

    def snapshot(self, step: int, predictions: Sequence[Prediction]) -> Snapshot:
        """Evaluate the predictions of `samples`."""
        ap = evaluate(predictions, self.samples, self.dataset.geometry).ap
        by_image = dict(zip(self.images, predictions, strict=True))
        shown = {image: highest_scoring(by_image[image], self.dataset.validation[image]) for image in self.shown}
        return Snapshot(step, ap, shown)


def evenly_spaced(images: Sequence[int], count: int) -> list[int]:
    """Select at most `count` of these images, evenly spaced."""
    indices = np.linspace(0, len(images) - 1, min(count, len(images)))
    return [images[index] for index in indices.round().astype(int).tolist()]


def shown_images(samples: Sequence[Sample], images: Sequence[int]) -> list[int]:
    """Select the images whose predictions are kept: with few objects if there are enough such images."""
    with_objects = [image for image in images if len(samples[image].boxes)]
    with_few = [image for image in with_objects if len(samples[image].boxes) <= MOST_OBJECTS]
    return evenly_spaced(with_few if len(with_few) >= SHOWN_IMAGES else with_objects, SHOWN_IMAGES)


def highest_scoring(prediction: Prediction, sample: Sample) -> Prediction:
    """Keep as many predictions as the image has objects, those with the highest scores, with rounded numbers.

    Scores of different losses are not comparable, so a threshold would favor one of them.
    """
    best = np.argsort(-prediction.scores, kind="stable")[: len(sample.boxes)]
    boxes, scores, labels = (column[best] for column in prediction)
    return Prediction(shortened(boxes), shortened(scores), labels)


def shortened(numbers: np.ndarray) -> np.ndarray:
    """Round to 11 bits, the precision of float16, so that the numbers compress to half their size."""
    mantissa, exponent = np.frexp(numbers)
    rounded: np.ndarray = np.ldexp(np.round(mantissa * 2048) / 2048, exponent)
    return rounded
