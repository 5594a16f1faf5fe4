"""Errors of a detector by type, each with the AP50 that is gained if all errors of this type are repaired."""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
import torch

import detloss
from detloss.experiments.data.dataset import Sample
from detloss.experiments.training.average_precision import MOST_DETECTIONS, assign, curve_area
from detloss.experiments.training.evaluation import Prediction

FOREGROUND, BACKGROUND = 0.5, 0.1  # IoU thresholds


class Status(IntEnum):
    """A correct detection, or the type of its error."""

    CORRECT, CLASS, LOCALIZATION, BOTH, DUPLICATE, BACKGROUND = range(6)


def errors_by_type(
    predictions: Sequence[Prediction],
    samples: Sequence[Sample],
    geometry: detloss.AxisAligned | detloss.Rotated = detloss.AxisAligned(),
) -> dict[str, float]:
    """Compute the AP50 in [0, 1] that is gained if the errors of one type are repaired, as TIDE defines it.

    A false detection has the wrong class (IoU of at least .5 with an object of another class), the wrong location (IoU
    from .1 to .5 with an object of its class), both, is a duplicate of a correct one, or is background (IoU of at most
    .1 with every object). Errors of class and location are repaired for the detection of an object with the highest
    score, if the object is not detected otherwise; the other false detections are removed. Objects are missed if no
    detection is correct or has one of these two errors; their repair removes the objects.

    The 100 highest-scoring detections of an image count. A class without ground-truth boxes is excluded from the mean.

    Returns:
        The gains by the keys class, localization, both, duplicate, background and missed.

    Sources:
        Bolya et al., TIDE (2020), https://arxiv.org/abs/2008.08115
    """
    images = [classified(prediction, sample, geometry) for prediction, sample in zip(predictions, samples, strict=True)]
    missed = np.concatenate([of_image[-1] for of_image in images])
    scores, labels, status, repaired = (np.concatenate(column) for column in zip(*(rows[:4] for rows in images)))
    order = np.argsort(-scores, kind="stable")
    labels, status, repaired = labels[order], status[order], repaired[order]
    objects = np.bincount(np.concatenate([sample.labels for sample in samples]))
    correct = status == Status.CORRECT
    before = mean_ap50(labels, correct, objects)
    gains = {}
    for error in list(Status)[1:]:
        hit = correct | ((status == error) & (repaired >= 0))
        kept = hit | (status != error)
        moved = np.where(hit & ~correct, repaired, labels)
        gains[error.name.lower()] = mean_ap50(moved[kept], hit[kept], objects) - before
    gains["missed"] = mean_ap50(labels, correct, objects - np.bincount(missed, minlength=len(objects))) - before
    return {name: max(gain, 0.0) for name, gain in gains.items()}


def classified(
    prediction: Prediction, sample: Sample, geometry: detloss.AxisAligned | detloss.Rotated
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Find the status of every detection of an image.

    Returns:
        Scores, labels, status, and the class as which the detection is correct after a repair, or -1; by descending
        score. Last, the classes of the missed objects.
    """
    order = np.argsort(-prediction.scores, kind="stable")[:MOST_DETECTIONS]
    boxes, scores, labels = (column[order] for column in prediction)
    if not len(boxes) or not len(sample.boxes):
        return scores, labels, np.full(len(boxes), Status.BACKGROUND), np.full(len(boxes), -1), sample.labels
    rows = (torch.from_numpy(part).double() for part in (boxes, sample.boxes))
    overlaps = detloss.iou(*rows, geometry=geometry, pairwise=True).numpy()
    same = labels[:, None] == sample.labels
    of_class, of_others = np.where(same, overlaps, 0.0), np.where(same, 0.0, overlaps)
    objects, best = assign(of_class)[:, 0], of_class.max(axis=1)
    conditions = {
        Status.CORRECT: objects >= 0,
        Status.LOCALIZATION: (best >= BACKGROUND) & (best < FOREGROUND),
        Status.CLASS: of_others.max(axis=1) >= FOREGROUND,
        Status.DUPLICATE: best >= FOREGROUND,
        Status.BACKGROUND: overlaps.max(axis=1) <= BACKGROUND,
    }
    status = np.select([*conditions.values()], [*conditions], Status.BOTH)
    targets = np.where(status == Status.CLASS, of_others.argmax(axis=1), of_class.argmax(axis=1))
    repairable = np.isin(status, (Status.CLASS, Status.LOCALIZATION)) & ~np.isin(targets, objects)
    repaired, candidates = np.full(len(boxes), -1), np.flatnonzero(repairable)
    covered, first = np.unique(targets[candidates], return_index=True)
    repaired[candidates[first]] = sample.labels[covered]
    missed = np.delete(sample.labels, np.concatenate((objects[objects >= 0], covered)))
    return scores, labels, status, repaired, missed


def mean_ap50(labels: np.ndarray, correct: np.ndarray, objects: np.ndarray) -> float:
    """Compute the mean AP50 of the classes with objects, from detections by descending score."""
    present = np.flatnonzero(objects)
    ranks = [np.flatnonzero(correct[labels == label])[None] + 1 for label in present]
    areas = [
        curve_area(np.ones_like(of_class), of_class, count) for of_class, count in zip(ranks, objects[present, None])
    ]
    return float(np.sum(areas)) / max(len(present), 1)
