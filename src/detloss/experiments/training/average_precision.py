"""Matching of detections to objects, and COCO's AP of any resampling of the images without matching again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
LARGEST_BLOCK = 4_000_000  # numbers in one intermediate array
MOST_DETECTIONS = 100  # of one class in one image, as COCO counts


@dataclass(frozen=True)
class MatchedDetections:
    """The detections that affect the AP: of each class, by descending score, all up to the last true positive."""

    images: np.ndarray  # (n,) int32: index of the validation image
    labels: np.ndarray  # (n,) int16: class
    hits: np.ndarray  # (n,) uint16: bit t is set if the detection matches an object at IoU .50 + .05 t

    @classmethod
    def none(cls) -> "MatchedDetections":
        """No detections."""
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int16), np.zeros(0, np.uint16))


Assignments = Mapping[tuple[int, int], np.ndarray]
"""Results of `assign` by image and class; those without objects are absent."""


def assign(overlaps: np.ndarray) -> np.ndarray:
    """Assign detections to objects as COCO does: by descending score, each to the free object of highest IoU.

    Args:
        overlaps: (n, m): IoU of n detections, by descending score, with m objects of one class in one image.

    Returns:
        (n, thresholds): index of the object assigned to each detection at every threshold, or -1.
    """
    free = np.ones((len(THRESHOLDS), overlaps.shape[1]), bool)
    thresholds = np.arange(len(THRESHOLDS))
    objects = np.full((len(overlaps), len(THRESHOLDS)), -1)
    for detection in np.flatnonzero(overlaps.max(axis=1, initial=0.0) >= THRESHOLDS[0]):
        row = np.where(free, overlaps[detection], -1.0)
        best = row.shape[1] - 1 - row[:, ::-1].argmax(axis=1)  # among ties the last, as in COCO's loop
        hit = row[thresholds, best] >= THRESHOLDS
        free[thresholds[hit], best[hit]] = False
        objects[detection, hit] = best[hit]
    return objects


def bits(flags: np.ndarray) -> np.ndarray:
    """Encode rows of (n, thresholds) bool as the bits of (n,) uint16."""
    numbers: np.ndarray = (flags @ (1 << np.arange(len(THRESHOLDS)))).astype(np.uint16)
    return numbers


def match(scores: Sequence[np.ndarray], labels: Sequence[np.ndarray], assignments: Assignments) -> MatchedDetections:
    """Collect the detections of all images, from the scores and labels of each."""
    found: dict[int, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {}
    for image, (image_scores, image_labels) in enumerate(zip(scores, labels)):
        for label in np.unique(image_labels).tolist():
            highest = np.sort(image_scores[image_labels == label])[::-1][:MOST_DETECTIONS]
            hits = np.zeros(len(highest), np.uint16)
            if (image, label) in assignments:
                hits = bits(assignments[image, label] >= 0)
            found.setdefault(label, []).append((highest, np.full(len(highest), image, np.int32), hits))
    parts = [ranked(label, of_images) for label, of_images in sorted(found.items())]
    return MatchedDetections(*map(np.concatenate, zip(*parts))) if parts else MatchedDetections.none()


def found_objects(labels: Sequence[np.ndarray], assignments: Assignments) -> np.ndarray:
    """Collect the thresholds at which each object is detected, image by image; (objects,) uint16, bits as `hits`."""
    found = np.zeros((sum(map(len, labels)), len(THRESHOLDS)), bool)
    first = 0
    for image, image_labels in enumerate(labels):
        for label in np.unique(image_labels).tolist():
            if (image, label) in assignments:
                detections, thresholds = np.nonzero(assignments[image, label] >= 0)
                objects = assignments[image, label][detections, thresholds]
                found[first + np.flatnonzero(image_labels == label)[objects], thresholds] = True
        first += len(image_labels)
    return bits(found)


def ranked(
    label: int, of_images: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sort the detections of one class over all images; those after the last true positive do not affect its AP."""
    scores, images, hits = (np.concatenate(column) for column in zip(*of_images))
    order = np.argsort(-scores, kind="stable")
    kept = order[: np.flatnonzero(hits[order]).max(initial=-1) + 1]
    return images[kept], np.full(len(kept), label, np.int16), hits[kept]


def average_precisions(matches: MatchedDetections, objects: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Compute COCO's AP of bootstrap samples of the images, NaN without an object.

    Detections and objects of an image count as often as the image is drawn. Matching is done per image, so it does not
    depend on the sample.

    Args:
        matches: The detections.
        objects: (images, classes): number of objects.
        draws: (draws, images): how often each image is drawn; a row of ones is the original set.
    """
    drawn_objects = draws @ objects
    total = np.zeros(len(draws))
    for label in np.flatnonzero(objects.any(axis=0)):
        of_class = matches.labels == label
        total += class_average_precisions(
            matches.images[of_class], matches.hits[of_class], drawn_objects[:, label], draws
        )
    classes = (drawn_objects > 0).sum(axis=1)
    mean: np.ndarray = np.divide(total, classes, out=np.full(len(draws), np.nan), where=classes > 0)
    return mean


def class_average_precisions(
    images: np.ndarray, hits: np.ndarray, objects: np.ndarray, draws: np.ndarray
) -> np.ndarray:
    """The AP of one class in every draw; 0 where it has no object."""
    result = np.zeros(len(draws))
    rows = max(LARGEST_BLOCK // max(len(images), 1), 1)
    positions = [np.flatnonzero(hits >> bit & 1) for bit in range(len(THRESHOLDS))]
    for first in range(0, len(draws), rows):
        block = slice(first, first + rows)
        counts = draws[block][:, images]
        ranks = counts.cumsum(axis=1)
        result[block] = np.mean([curve_area(counts[:, at], ranks[:, at], objects[block]) for at in positions], axis=0)
    return result


def curve_area(counts: np.ndarray, ranks: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """Average the interpolated precision over COCO's recalls; one row per draw, one column per true positive."""
    found = counts.cumsum(axis=1)
    precision = found / np.maximum(ranks, 1)
    interpolated = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = found / np.maximum(objects, 1)[:, None]
    nearest = np.rint(recall * (len(RECALLS) - 1)).astype(np.int64)
    passed = np.where(found > 0, nearest + (recall >= RECALLS[nearest]), 0)
    newly_passed = np.diff(passed, axis=1, prepend=0)
    mean: np.ndarray = (newly_passed * interpolated).sum(axis=1) / len(RECALLS)
    return mean
