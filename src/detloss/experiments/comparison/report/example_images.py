"""Validation images, with the truth and what a pair of losses sees in them."""

from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from io import BytesIO
from math import cos, degrees, radians, sin

import numpy as np
import torch
from PIL import Image

import detloss
from detloss.experiments.data.dataset import Sample
from detloss.experiments.data.images import ImageError, read_image, resized
from detloss.experiments.training.evaluation import Prediction
from detloss.experiments.training.snapshots import highest_scoring

MATCHING_IOU = 0.5
LONGER_SIDE = 480  # pixels of a picture in the page
MOST_ENLARGED = 4
MOST_LABELED = 8  # objects


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
    """A validation image, ready to stand in a page.

    Attributes:
        id: What pictures of the page call it.
        name: Its file name.
        width: In pixels of the image that was judged, in which boxes are.
        height: Likewise.
        url: The picture itself, sharper than that image where its file is.
        crowded: Whether it has so many objects that labels would hide them.
    """

    id: str
    name: str
    width: int
    height: int
    url: str
    crowded: bool


def photograph(sample: Sample, id: str) -> Photograph:
    """Encode a validation image for the page, from its file if that is still there."""
    height, width, _ = sample.image.shape
    picture = Image.fromarray(sample.image)
    if sample.file is not None:
        with suppress(ImageError):
            picture = read_image(sample.file)
    size = resized(picture.size, min(LONGER_SIDE, MOST_ENLARGED * max(picture.size)))
    buffer = BytesIO()
    picture.resize(size, Image.Resampling.LANCZOS).save(buffer, format="JPEG", quality=85)
    url = f"data:image/jpeg;base64,{b64encode(buffer.getvalue()).decode()}"
    return Photograph(id, sample.name, width, height, url, crowded=len(sample.boxes) > MOST_LABELED)


def marks(
    sample: Sample,
    prediction: Prediction | None,
    class_names: Sequence[str],
    geometry: detloss.AxisAligned | detloss.Rotated = detloss.AxisAligned(),
) -> list[Mark]:
    """Judge the best predictions of an image against the truth.

    Scores of different losses are not comparable, so no threshold is applied: as many predictions are shown as there
    are true boxes, the highest scores first. A prediction is a hit where its class is right and it overlaps a true box
    that is not taken yet by an IoU of at least .5.

    Without a prediction, the true boxes alone.

    Returns:
        The true boxes, each found or missed, then the predictions, each a hit or false.
    """
    if prediction is None:
        return [mark(box, class_names[label], Finding.FOUND) for box, label in zip(sample.boxes, sample.labels)]
    boxes, _, labels = highest_scoring(prediction, sample)
    predictions, truths = torch.as_tensor(boxes), torch.as_tensor(sample.boxes)
    overlaps = detloss.iou(predictions, truths, geometry=geometry, pairwise=True).numpy()
    free = np.ones(len(sample.boxes), dtype=bool)
    predicted = []
    for index, row in enumerate(overlaps):
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
    """Turn corners, or center, sides and angle, into what SVG draws."""
    if len(box) == 5:
        cx, cy, width, height, angle = box.tolist()
        return Mark(cx - width / 2, cy - height / 2, width, height, label, finding, degrees(angle))
    x1, y1, x2, y2 = box.tolist()
    return Mark(x1, y1, max(x2 - x1, 0.0), max(y2 - y1, 0.0), label, finding)
