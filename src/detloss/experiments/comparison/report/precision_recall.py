"""How precise the detections of a pair are when they are to find this share of the objects."""

from collections.abc import Sequence

import numpy as np

from detloss.experiments.training.average_precision import RECALLS, Matches
from detloss.experiments.training.trial import Outcome


def precision_at_recalls(matches: Matches, objects: np.ndarray) -> np.ndarray:
    """Compute COCO's curve at IoU .50: the best precision from a recall on, the mean over the classes.

    Args:
        matches: The detections.
        objects: How many objects each class has; at least one of them has some.

    Returns:
        The precision at each of `RECALLS`, whose mean is AP50.
    """
    curves = []
    for label in np.flatnonzero(objects):
        found = (matches.hits[matches.labels == label] & 1).cumsum()
        precision = found / np.arange(1, len(found) + 1)
        best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
        reached = np.searchsorted(found / objects[label], RECALLS)
        curves.append(np.append(best_from_here, 0.0)[reached])
    mean: np.ndarray = np.mean(curves, axis=0)
    return mean


def mean_curve(outcomes: Sequence[Outcome], objects: np.ndarray) -> np.ndarray:
    """The mean over the seeds of a pair."""
    mean: np.ndarray = np.mean([precision_at_recalls(outcome.matches, objects) for outcome in outcomes], axis=0)
    return mean
