"""Validation images, with the truth and what a pair of losses sees in them."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from io import BytesIO
from math import cos, degrees, radians, sin

import numpy as np
import torch
from PIL import Image

import detloss
from detloss.study.dataset import Sample

MATCHING_IOU = 0.5

Prediction = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Boxes, scores and labels of one image."""


class Finding(Enum):
    """What a box in a picture is."""

    FOUND = "found"
    MISSED = "missed"
    HIT = "hit"
    FALSE = "false"


@dataclass(frozen=True)
class Mark:
    """A box to draw: left, top, width and height in pixels, what it is, and by how many degrees it is turned."""

    x: float
    y: float
    width: float
    height: float
    label: str
    finding: Finding
    turn: float = 0.0

    @property
    def around(self) -> tuple[float, float, float]:
        """Left, top and right of the smallest box along the axes around it."""
        cosine, sine = (abs(part(radians(self.turn))) for part in (cos, sin))
        reach = (self.width * cosine + self.height * sine) / 2
        x, y = self.x + self.width / 2, self.y + self.height / 2
        return x - reach, y - (self.width * sine + self.height * cosine) / 2, x + reach


@dataclass(frozen=True)
class Photograph:
    """A validation image, ready to stand in a page: `png` is base64."""

    name: str
    width: int
    height: int
    png: str


def photograph(sample: Sample) -> Photograph:
    """Encode a validation image for the page."""
    height, width, _ = sample.image.shape
    buffer = BytesIO()
    Image.fromarray(sample.image).save(buffer, format="PNG")
    return Photograph(sample.name, width, height, b64encode(buffer.getvalue()).decode())


def marks(
    sample: Sample,
    prediction: Prediction,
    class_names: Sequence[str],
    geometry: detloss.AxisAligned | detloss.Rotated = detloss.AxisAligned(),
) -> list[Mark]:
    """Judge the best predictions of an image against the truth.

    Scores of different losses are not comparable, so no threshold is applied: as many predictions are shown as there
    are true boxes, the highest scores first. A prediction is a hit where its class is right and it overlaps a true box
    that is not taken yet by an IoU of at least .5.

    Returns:
        The true boxes, each found or missed, then the predictions, each a hit or false.
    """
    boxes, scores, labels = prediction
    best = np.argsort(-scores, kind="stable")[: len(sample.boxes)]
    predictions, truths = torch.as_tensor(boxes[best]), torch.as_tensor(sample.boxes)
    overlaps = detloss.iou(predictions, truths, geometry=geometry, pairwise=True).numpy()
    free = np.ones(len(sample.boxes), dtype=bool)
    predicted = []
    for row, index in zip(overlaps, best, strict=True):
        candidates = np.where(free & (sample.labels == labels[index]), row, 0.0)
        nearest = int(candidates.argmax())
        hit = candidates[nearest] >= MATCHING_IOU
        free[nearest] &= not hit
        predicted.append(mark(boxes[index], class_names[labels[index]], Finding.HIT if hit else Finding.FALSE))
    truth = [
        mark(box, class_names[label], Finding.MISSED if missed else Finding.FOUND)
        for box, label, missed in zip(sample.boxes, sample.labels, free, strict=True)
    ]
    return truth + predicted


def mark(box: np.ndarray, label: str, finding: Finding) -> Mark:
    """Turn corners, or centre, sides and angle, into what SVG draws."""
    if len(box) == 5:
        cx, cy, width, height, angle = box.tolist()
        return Mark(cx - width / 2, cy - height / 2, width, height, label, finding, degrees(angle))
    x1, y1, x2, y2 = box.tolist()
    return Mark(x1, y1, max(x2 - x1, 0.0), max(y2 - y1, 0.0), label, finding)
