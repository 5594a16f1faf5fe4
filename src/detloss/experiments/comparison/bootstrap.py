"""Scores of trials on bootstrap samples of the validation images."""

from functools import cached_property

import numpy as np

from detloss.experiments.comparison.statistics import draws_of_images
from detloss.experiments.data.dataset import Dataset
from detloss.experiments.data.samples import group_numbers
from detloss.experiments.training.average_precision import average_precisions
from detloss.experiments.training.outcome import Outcome, Trial


class Bootstrap:
    """The scores of trials on the same bootstrap samples of the validation images, computed once per trial."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset, self.images = dataset, len(dataset.validation)
        self.known: dict[Trial, np.ndarray] = {}

    def __call__(self, outcome: Outcome) -> np.ndarray:
        """The score of a trial on every sample: the AP, or the mean of the scores of the images."""
        if outcome.trial not in self.known:
            scores = outcome.image_scores
            self.images = self.images or len(scores)
            if outcome.evaluation is None and len(scores) != self.images:
                raise ValueError(f"train: expected the scores of {self.images} images, as before, got {len(scores)}")
            self.known[outcome.trial] = (
                self.draws @ scores / self.images
                if outcome.evaluation is None
                else average_precisions(outcome.evaluation.matches, self.objects, self.draws)
            )
        return self.known[outcome.trial]

    @cached_property
    def draws(self) -> np.ndarray:
        """How often each image is in each sample."""
        return draws_of_images(
            group_numbers(self.dataset.validation) if self.dataset.validation else np.arange(self.images)
        )

    @cached_property
    def objects(self) -> np.ndarray:
        """Number of objects by image and class."""
        classes = len(self.dataset.class_names)
        return np.stack([np.bincount(sample.labels, minlength=classes) for sample in self.dataset.validation])
