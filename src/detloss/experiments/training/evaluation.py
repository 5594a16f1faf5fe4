"""COCO's average precision of predictions, with small, medium and large taken relative to the image."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt
from typing import Any, NamedTuple

import numpy as np
import torch

import detloss
from detloss.experiments.data.dataset import Sample
from detloss.experiments.training.average_precision import (
    MOST_DETECTIONS,
    Matches,
    assign,
    find,
    match,
)

# COCO calls objects below 32 x 32 pixels small and above 96 x 96 large, on photographs of about this many pixels.
COCO_PIXELS = 640 * 480


class Prediction(NamedTuple):
    """The detections in one image.

    Attributes:
        boxes: (n, 4) float32: corners x1, y1, x2, y2 in pixels; or (n, 5), turned boxes cx, cy, w, h, angle.
        scores: (n,) float32, higher is surer.
        labels: (n,) int64: indices into the data set's class names.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Precision:
    """Average precisions in [0, 1]; NaN where there is no object to find.

    Attributes:
        ap: The mean over IoU thresholds .50, .55, ..., .95 and over the classes that occur.
        ap50: At IoU .50.
        ap75: At IoU .75.
        small: As `ap`, of objects below 1/300 of their image: 32 x 32 pixels in 640 x 480.
        medium: Of objects in between.
        large: Of objects above 3 % of their image: 96 x 96 pixels in 640 x 480.
        matches: Which detections found an object.
        found: (objects,) uint16, image by image: bit t is set where an object was found at IoU .50 + .05 t.
    """

    ap: float
    ap50: float
    ap75: float
    small: float
    medium: float
    large: float
    matches: Matches
    found: np.ndarray


def evaluate(
    predictions: Sequence[Prediction],
    samples: Sequence[Sample],
    geometry: detloss.AxisAligned | detloss.Rotated = detloss.AxisAligned(),
) -> Precision:
    """Judge predictions against the truth as COCO does, at most 100 an image.

    Every image is judged as if it were enlarged to 640 x 480 pixels, its own proportions kept: overlaps do not change
    by that, and COCO's limits of size become shares of the image.

    Args:
        predictions: One a sample, in the same order.
        samples: The images with their true boxes; the same one may occur repeatedly, as a bootstrap draws it.
        geometry: What a box is. Of turned boxes the IoU is that of the turned rectangles.

    Returns:
        The average precisions.

    Raises:
        ValueError: There are not as many predictions as samples.

    Edge cases:
        No detection at all is a precision of 0; a class without a true box is left out of the mean.

    Example:
        >>> boxes, labels = np.array([[0, 0, 8, 8]], np.float32), np.array([0])
        >>> sample = Sample("one", np.zeros((16, 16, 3), np.uint8), boxes, labels)
        >>> evaluate([Prediction(boxes, np.array([0.9], np.float32), labels)], [sample]).ap50
        1.0

    Sources:
        Lin et al., Microsoft COCO: Common Objects in Context (2014), https://arxiv.org/abs/1405.0312, and
        https://cocodataset.org/#detection-eval
    """
    if len(predictions) != len(samples):
        raise ValueError(f"predictions: expected one for each of {len(samples)} samples, got {len(predictions)}")
    images: list[dict[str, Any]] = []
    objects: list[dict[str, Any]] = []
    detections: list[dict[str, Any]] = []
    for image, (prediction, sample) in enumerate(zip(predictions, samples), start=1):
        height, width = sample.image.shape[:2]
        enlarged = sqrt(COCO_PIXELS / (height * width))
        images.append({"id": image, "height": height * enlarged, "width": width * enlarged})
        for box, label in zip(corner_and_size(sample.boxes, enlarged, geometry), sample.labels.tolist()):
            place = {"id": len(objects) + 1, "image_id": image, "category_id": label, "bbox": box}
            objects.append(place | {"area": box[2] * box[3], "iscrowd": 0})
        detected = zip(
            corner_and_size(prediction.boxes, enlarged, geometry),
            prediction.labels.tolist(),
            prediction.scores.tolist(),
        )
        detections.extend(
            {"image_id": image, "category_id": label, "bbox": box, "score": score} for box, label, score in detected
        )

    classes = sorted({row["category_id"] for row in objects + detections})
    categories = [{"id": label, "name": str(label)} for label in classes]
    from faster_coco_eval import COCO, COCOeval_faster  # imports OpenCV, which commands do without until they train

    truth = COCO({"images": images, "annotations": objects, "categories": categories}, print_function=keep_quiet)
    judge = COCOeval_faster(truth, truth.loadRes(detections), "bbox", print_function=keep_quiet)
    if geometry == detloss.Rotated():
        known = rotated_overlaps(predictions, samples)
        # All else of COCO's judging is the same for boxes of any kind.
        judge.computeIoU = lambda image, label: known.get((image - 1, label), [])
    judge.run()
    assigned = {
        (image - 1, label): assign(overlaps) for (image, label), overlaps in judge.ious.items() if len(overlaps)
    }
    matches = match(
        [prediction.scores for prediction in predictions], [prediction.labels for prediction in predictions], assigned
    )
    found = find([sample.labels for sample in samples], assigned)
    ap, ap50, ap75, small, medium, large = (float(value) if value >= 0 else nan for value in judge.stats[:6])
    return Precision(ap, ap50, ap75, small, medium, large, matches, found)


def corner_and_size(
    boxes: np.ndarray, enlarged: float, geometry: detloss.AxisAligned | detloss.Rotated
) -> list[list[float]]:
    """Turn boxes into COCO's x1, y1, width, height; turned ones are turned back, which leaves their area."""
    boxes = boxes * enlarged
    if geometry == detloss.Rotated():
        corners, sides = boxes[:, :2] - boxes[:, 2:4] / 2, boxes[:, 2:4]
    else:
        corners, sides = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    rows: list[list[float]] = np.concatenate((corners, sides), axis=1).tolist()
    return rows


def rotated_overlaps(predictions: Sequence[Prediction], samples: Sequence[Sample]) -> dict[tuple[int, int], np.ndarray]:
    """Measure how turned boxes overlap, by image and class: a row a detection, the surest first, a column an object."""
    known = {}
    for image, (prediction, sample) in enumerate(zip(predictions, samples)):
        boxes, others = (torch.from_numpy(rows).double() for rows in (prediction.boxes, sample.boxes))
        overlaps = detloss.iou(boxes, others, geometry=detloss.Rotated(), pairwise=True).numpy()
        surest_first = np.argsort(-prediction.scores, kind="stable")
        for label in np.intersect1d(prediction.labels, sample.labels).tolist():
            detections = surest_first[prediction.labels[surest_first] == label][:MOST_DETECTIONS]
            known[image, label] = overlaps[np.ix_(detections, np.flatnonzero(sample.labels == label))]
    return known


def keep_quiet(*_: object) -> None:
    """Take what would be printed."""
