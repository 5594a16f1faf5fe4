"""How far a detector has come in the middle of its training: its AP and some predictions at a few moments."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detloss.experiments.data.dataset import Dataset, Sample
from detloss.experiments.training.evaluation import Prediction, evaluate

MOMENTS = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)  # shares of the steps
MOST_IMAGES = 100
STEPS_AN_IMAGE = 10  # fewer images where a training is short, so that looking takes two or three percent of its time
FILMED = 4  # images whose predictions are kept
MOST_OBJECTS = 8  # in an image that is filmed, if there are such


@dataclass(frozen=True)
class Glimpse:
    """What a detector can do after some steps.

    Attributes:
        step: Steps done.
        ap: On some of the validation images.
        images: Which validation images the predictions are for.
        predictions: The highest-scoring in each of these images, as many as it has objects.
    """

    step: int
    ap: float
    images: Sequence[int]
    predictions: Sequence[Prediction]


class Watch:
    """When and on which validation images a training is looked at; the same for every trial of a comparison."""

    def __init__(self, dataset: Dataset, steps: int) -> None:
        self.dataset = dataset
        self.steps = sorted({max(1, round(share * steps)) for share in MOMENTS})
        count = min(MOST_IMAGES, max(steps // STEPS_AN_IMAGE, 2 * FILMED))
        self.images = evenly(range(len(dataset.validation)), count)
        self.filmed = filmed(dataset.validation, self.images)

    @property
    def samples(self) -> list[Sample]:
        """The images to predict."""
        return [self.dataset.validation[image] for image in self.images]

    def glimpse(self, step: int, predictions: Sequence[Prediction]) -> Glimpse:
        """Judge the predictions in `samples`."""
        ap = evaluate(predictions, self.samples, self.dataset.geometry).ap
        of_image = dict(zip(self.images, predictions, strict=True))
        shown = [highest_scoring(of_image[image], self.dataset.validation[image]) for image in self.filmed]
        return Glimpse(step, ap, self.filmed, shown)


def evenly(images: Sequence[int], count: int) -> list[int]:
    """At most so many of these images, spread evenly."""
    places = np.linspace(0, len(images) - 1, min(count, len(images)))
    return [images[place] for place in places.round().astype(int).tolist()]


def filmed(samples: Sequence[Sample], images: Sequence[int]) -> list[int]:
    """Those of the images that are filmed: with few objects if there are such, else with any."""
    having = [image for image in images if len(samples[image].boxes)]
    few = [image for image in having if len(samples[image].boxes) <= MOST_OBJECTS]
    return evenly(few if len(few) >= FILMED else having, FILMED)


def highest_scoring(prediction: Prediction, sample: Sample) -> Prediction:
    """As many predictions as there are objects, those with the highest scores.

    Scores of different losses cannot be compared, so that a threshold would favor one.
    """
    best = np.argsort(-prediction.scores, kind="stable")[: len(sample.boxes)]
    return Prediction(*(column[best] for column in prediction))
