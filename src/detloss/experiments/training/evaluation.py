"""COCO's evaluation of predictions, with object sizes relative to the image."""

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
    MatchedDetections,
    assign,
    found_objects,
    match,
)

# COCO's limits of small and large objects, 32 x 32 and 96 x 96 pixels, are for photographs of about this size.
COCO_PIXELS = 640 * 480


class Prediction(NamedTuple):
    """The detections in one image."""

    boxes: np.ndarray  # (n, 4) float32: corners x1, y1, x2, y2 in pixels; or (n, 5): rotated boxes cx, cy, w, h, angle
    scores: np.ndarray  # (n,) float32
    labels: np.ndarray  # (n,) int64: indices into the data set's class names


@dataclass(frozen=True)
class Evaluation:
    """Average precisions in [0, 1], NaN where there is no object, and the matching behind them."""

    ap: float  # mean over IoU thresholds .50, .55, ..., .95 and over the classes that occur
    ap50: float
    ap75: float
    small: float  # AP of objects below 1/300 of their image: 32 x 32 pixels in 640 x 480
    medium: float  # AP of objects in between
    large: float  # AP of objects above 3 % of their image: 96 x 96 pixels in 640 x 480
    matches: MatchedDetections  # the detections with the thresholds at which each matches an object
    found: np.ndarray  # (objects,) uint16, image by image: bit t is set if the object is detected at IoU .50 + .05 t


def evaluate(
    predictions: Sequence[Prediction],
    samples: Sequence[Sample],
    geometry: detloss.AxisAligned | detloss.Rotated = detloss.AxisAligned(),
) -> Evaluation:
    """Compare predictions with the ground truth as COCO does, at most 100 per image.

    Every image is evaluated as if scaled to the area of 640 x 480 pixels. This does not change the IoU, and COCO's size
    limits become fractions of the image. Without detections, the precision is 0. A class without ground-truth boxes is
    excluded from the mean. A sample may occur repeatedly, as in a bootstrap.

    Raises:
        ValueError: There are not as many predictions as samples.

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
        height, width = sample.pixels.shape[:2]
        scale = sqrt(COCO_PIXELS / (height * width))
        images.append({"id": image, "height": height * scale, "width": width * scale})
        for box, label in zip(coco_boxes(sample.boxes, scale, geometry), sample.labels.tolist()):
            annotation = {"id": len(objects) + 1, "image_id": image, "category_id": label, "bbox": box}
            objects.append(annotation | {"area": box[2] * box[3], "iscrowd": 0})
        boxes = coco_boxes(prediction.boxes, scale, geometry)
        detected = zip(boxes, prediction.labels.tolist(), prediction.scores.tolist())
        detections.extend(
            {"image_id": image, "category_id": label, "bbox": box, "score": score} for box, label, score in detected
        )

    from faster_coco_eval import COCO, COCOeval_faster  # imports OpenCV, which commands need only when they evaluate

    classes = sorted({row["category_id"] for row in objects + detections})
    categories = [{"id": label, "name": str(label)} for label in classes]
    content = {"images": images, "annotations": objects, "categories": categories}
    truth = COCO(content, print_function=lambda *_: None)
    evaluator = COCOeval_faster(truth, truth.loadRes(detections), "bbox", print_function=lambda *_: None)
    if geometry == detloss.Rotated():
        overlaps_of = rotated_overlaps(predictions, samples)
        # The rest of COCO's evaluation does not depend on the shape of the boxes.
        evaluator.computeIoU = lambda image, label: overlaps_of.get((image - 1, label), [])
    evaluator.run()
    assignments = {
        (image - 1, label): assign(overlaps) for (image, label), overlaps in evaluator.ious.items() if len(overlaps)
    }
    scores, labels = [one.scores for one in predictions], [one.labels for one in predictions]
    matches = match(scores, labels, assignments)
    found = found_objects([sample.labels for sample in samples], assignments)
    ap, ap50, ap75, small, medium, large = (float(value) if value >= 0 else nan for value in evaluator.stats[:6])
    return Evaluation(ap, ap50, ap75, small, medium, large, matches, found)


def coco_boxes(boxes: np.ndarray, scale: float, geometry: detloss.AxisAligned | detloss.Rotated) -> list[list[float]]:
    """Convert boxes to COCO's x1, y1, width, height; rotated boxes keep their area and lose their angle."""
    boxes = boxes * scale
    if geometry == detloss.Rotated():
        corners, sides = boxes[:, :2] - boxes[:, 2:4] / 2, boxes[:, 2:4]
    else:
        corners, sides = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    rows: list[list[float]] = np.concatenate((corners, sides), axis=1).tolist()
    return rows


def rotated_overlaps(predictions: Sequence[Prediction], samples: Sequence[Sample]) -> dict[tuple[int, int], np.ndarray]:
    """Compute the IoU of rotated boxes by image and class: one row per detection by descending score, one column per
    object."""
    overlaps_of = {}
    for image, (prediction, sample) in enumerate(zip(predictions, samples)):
        boxes, others = (torch.from_numpy(rows).double() for rows in (prediction.boxes, sample.boxes))
        overlaps = detloss.iou(boxes, others, geometry=detloss.Rotated(), pairwise=True).numpy()
        order = np.argsort(-prediction.scores, kind="stable")
        for label in np.intersect1d(prediction.labels, sample.labels).tolist():
            detections = order[prediction.labels[order] == label][:MOST_DETECTIONS]
            overlaps_of[image, label] = overlaps[np.ix_(detections, np.flatnonzero(sample.labels == label))]
    return overlaps_of
