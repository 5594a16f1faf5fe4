"""Which detections found an object, in a form from which the AP of any draw of the images follows in an instant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
LARGEST_BLOCK = 4_000_000  # numbers in one intermediate array
MOST_DETECTIONS = 100  # of one class in one image, as COCO counts


@dataclass(frozen=True)
class Matches:
    """The detections of a trial that bear on its AP: all up to the last hit of their class, the surest first.

    Attributes:
        images: (n,) int32: which validation image.
        labels: (n,) int16: which class.
        hits: (n,) uint16: bit t is set where the detection found an object at IoU .50 + .05 t.
    """

    images: np.ndarray
    labels: np.ndarray
    hits: np.ndarray

    @classmethod
    def none(cls) -> "Matches":
        """No detection at all."""
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int16), np.zeros(0, np.uint16))


Assigned = Mapping[tuple[int, int], np.ndarray]
"""What `assign` found by image and class; one without objects is left out."""


def assign(overlaps: np.ndarray) -> np.ndarray:
    """Assign detections to objects as COCO does: the surest first, each to the free object it overlaps most.

    Args:
        overlaps: The IoU of n detections, the surest first, and m objects of one class in one image; (n, m).

    Returns:
        (n, thresholds): which object each detection gets at every threshold, -1 where it gets none.
    """
    free = np.ones((len(THRESHOLDS), overlaps.shape[1]), bool)
    every = np.arange(len(THRESHOLDS))
    objects = np.full((len(overlaps), len(THRESHOLDS)), -1)
    for detection in np.flatnonzero(overlaps.max(axis=1) >= THRESHOLDS[0]):
        row = np.where(free, overlaps[detection], -1.0)
        best = row.shape[1] - 1 - row[:, ::-1].argmax(axis=1)  # of equals the last, as COCO's loop has it
        hit = row[every, best] >= THRESHOLDS
        free[every[hit], best[hit]] = False
        objects[detection, hit] = best[hit]
    return objects


def bits(flags: np.ndarray) -> np.ndarray:
    """Write the thresholds of each row, (n, thresholds) bool, as one number; (n,) uint16."""
    numbers: np.ndarray = (flags @ (1 << np.arange(len(THRESHOLDS)))).astype(np.uint16)
    return numbers


def match(scores: Sequence[np.ndarray], labels: Sequence[np.ndarray], assigned: Assigned) -> Matches:
    """Gather which detections found an object.

    Args:
        scores: One array an image.
        labels: Likewise.
        assigned: The objects that they were assigned to.
    """
    found: dict[int, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {}
    for image, (image_scores, image_labels) in enumerate(zip(scores, labels)):
        for label in np.unique(image_labels).tolist():
            surest = np.sort(image_scores[image_labels == label])[::-1][:MOST_DETECTIONS]
            hits = np.zeros(len(surest), np.uint16)
            if (image, label) in assigned:
                hits = bits(assigned[image, label] >= 0)
            found.setdefault(label, []).append((surest, np.full(len(surest), image, np.int32), hits))
    parts = [ranked(label, of_images) for label, of_images in sorted(found.items())]
    return Matches(*(np.concatenate(column) for column in zip(*parts))) if parts else Matches.none()


def find(labels: Sequence[np.ndarray], assigned: Assigned) -> np.ndarray:
    """Gather which objects were found, image by image in the order of their labels; (objects,) uint16, as `hits`."""
    found = np.zeros((sum(map(len, labels)), len(THRESHOLDS)), bool)
    first = 0
    for image, image_labels in enumerate(labels):
        for label in np.unique(image_labels).tolist():
            if (image, label) in assigned:
                detections, thresholds = np.nonzero(assigned[image, label] >= 0)
                objects = assigned[image, label][detections, thresholds]
                found[first + np.flatnonzero(image_labels == label)[objects], thresholds] = True
        first += len(image_labels)
    return bits(found)


def ranked(
    label: int, of_images: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Order the detections of one class over all images; what comes after its last hit cannot move its AP."""
    scores, images, hits = (np.concatenate(column) for column in zip(*of_images))
    order = np.argsort(-scores, kind="stable")
    kept = order[: np.flatnonzero(hits[order]).max(initial=-1) + 1]
    return images[kept], np.full(len(kept), label, np.int16), hits[kept]


def average_precisions(matches: Matches, objects: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Compute COCO's AP for draws of the images with replacement.

    Detections and objects of an image count as often as it is drawn; which detection found which object does not
    depend on the other images, so nothing is matched again.

    Args:
        matches: The detections.
        objects: How many objects of each class each image has; (images, classes).
        draws: How often each image is drawn; (draws, images). A row of ones is the set itself.

    Returns:
        (draws,): the mean over the thresholds and over the classes that have an object in the draw; NaN without any.
    """
    drawn_objects = draws @ objects
    total = np.zeros(len(draws))
    for label in np.flatnonzero(objects.any(axis=0)):
        of_class = matches.labels == label
        total += of_one_class(matches.images[of_class], matches.hits[of_class], drawn_objects[:, label], draws)
    classes = (drawn_objects > 0).sum(axis=1)
    mean: np.ndarray = np.divide(total, classes, out=np.full(len(draws), np.nan), where=classes > 0)
    return mean


def of_one_class(images: np.ndarray, hits: np.ndarray, objects: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """The AP of one class in every draw, 0 where it has no object."""
    result = np.zeros(len(draws))
    rows = max(LARGEST_BLOCK // max(len(images), 1), 1)
    places = [np.flatnonzero(hits >> bit & 1) for bit in range(len(THRESHOLDS))]
    for first in range(0, len(draws), rows):
        block = slice(first, first + rows)
        times = draws[block][:, images]
        ranks = times.cumsum(axis=1)
        result[block] = np.mean([area(times[:, at], ranks[:, at], objects[block]) for at in places], axis=0)
    return result


def area(times: np.ndarray, ranks: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """The mean over COCO's recalls of the best precision from there on; one row a draw, one column a hit."""
    found = times.cumsum(axis=1)
    precision = found / np.maximum(ranks, 1)
    best_from_here = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = found / np.maximum(objects, 1)[:, None]
    nearest = np.rint(recall * (len(RECALLS) - 1)).astype(np.int64)
    passed = np.where(found > 0, nearest + (recall >= RECALLS[nearest]), 0)
    newly_passed = np.diff(passed, axis=1, prepend=0)
    mean: np.ndarray = (newly_passed * best_from_here).sum(axis=1) / len(RECALLS)
    return mean
