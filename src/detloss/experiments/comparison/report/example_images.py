"""Example images of the report: selection, ground truth and predictions."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from io import BytesIO
from math import cos, degrees, radians, sin
from statistics import fmean, median
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

import detloss
from detloss.experiments.comparison.ranking import Standing
from detloss.experiments.data.dataset import Dataset, Sample
from detloss.experiments.data.images import ImageError, read_image, resized
from detloss.experiments.training.average_precision import assign
from detloss.experiments.training.evaluation import Prediction
from detloss.experiments.training.snapshots import Snapshot, highest_scoring

LONGER_SIDE = 480  # pixels of an image in the page
MAX_SCALE = 4
MAX_LABELED = 8  # objects
IMAGES_PER_GALLERY = 4
PAIRS_IN_STRIPS = 4


class BoxStatus(Enum):
    """Result of matching a ground-truth box or a prediction; the values are classes of the page's style."""

    FOUND = "found"
    MISSED = "missed"
    TRUE_POSITIVE = "hit"
    FALSE_POSITIVE = "false"


@dataclass(frozen=True)
class DrawnBox:
    """A box to draw: left, top, width and height in pixels, label, status, and angle in degrees."""

    x: float
    y: float
    width: float
    height: float
    label: str
    status: BoxStatus
    angle: float = 0.0

    @property
    def bounds(self) -> tuple[float, float, float]:
        """Left, top and right of the smallest enclosing axis-aligned box."""
        cosine, sine = (abs(part(radians(self.angle))) for part in (cos, sin))
        half_width = (self.width * cosine + self.height * sine) / 2
        x, y = self.x + self.width / 2, self.y + self.height / 2
        return x - half_width, y - (self.width * sine + self.height * cosine) / 2, x + half_width


@dataclass(frozen=True)
class EmbeddedImage:
    """A validation image, encoded for the page, at a higher resolution than the evaluated one if its file has it.

    Width and height are in pixels of the evaluated image, which are the coordinates of the boxes; a crowded image has
    too many objects for labels.
    """

    id: str
    name: str
    width: int
    height: int
    url: str
    crowded: bool


def embedded_image(sample: Sample, id: str) -> EmbeddedImage:
    """Encode a validation image, from its file if that still exists."""
    height, width, _ = sample.pixels.shape
    picture = Image.fromarray(sample.image)
    if sample.file is not None:
        with suppress(ImageError):
            picture = read_image(sample.file)
    size = resized(picture.size, min(LONGER_SIDE, MAX_SCALE * max(picture.size)))
    buffer = BytesIO()
    picture.resize(size, Image.Resampling.LANCZOS).save(buffer, format="JPEG", quality=85)
    url = f"data:image/jpeg;base64,{b64encode(buffer.getvalue()).decode()}"
    return EmbeddedImage(id, sample.name, width, height, url, crowded=len(sample.boxes) > MAX_LABELED)


def drawn_boxes(
    sample: Sample,
    prediction: Prediction | None,
    class_names: Sequence[str],
    geometry: detloss.AxisAligned | detloss.Rotated = detloss.AxisAligned(),
) -> list[DrawnBox]:
    """Match the highest-scoring predictions of an image to its ground truth.

    Scores of different losses are not comparable, so there is no threshold: as many predictions are drawn as there are
    ground-truth boxes, by descending score. A prediction is correct if its class is right and its IoU with an unmatched
    ground-truth box is at least .5. Ground-truth boxes come first; without a prediction, they are alone.
    """
    if prediction is None:
        objects = zip(sample.boxes, sample.labels)
        return [drawn_box(box, class_names[label], BoxStatus.FOUND) for box, label in objects]
    boxes, _, labels = highest_scoring(prediction, sample)
    rows = (torch.as_tensor(part) for part in (boxes, sample.boxes))
    overlaps = detloss.iou(*rows, geometry=geometry, pairwise=True).numpy()
    matched = assign(np.where(labels[:, None] == sample.labels, overlaps, 0.0))[:, 0].tolist()
    of_objects = [BoxStatus.FOUND if index in matched else BoxStatus.MISSED for index in range(len(sample.boxes))]
    of_predictions = [BoxStatus.TRUE_POSITIVE if index >= 0 else BoxStatus.FALSE_POSITIVE for index in matched]
    drawn = [*zip(sample.boxes, sample.labels, of_objects), *zip(boxes, labels, of_predictions)]
    return [drawn_box(box, class_names[label], status) for box, label, status in drawn]


def drawn_box(box: np.ndarray, label: str, status: BoxStatus) -> DrawnBox:
    """Convert corners, or center, sides and angle, to the rectangle of SVG."""
    if len(box) == 5:
        cx, cy, width, height, angle = box.tolist()
        return DrawnBox(cx - width / 2, cy - height / 2, width, height, label, status, degrees(angle))
    x1, y1, x2, y2 = box.tolist()
    return DrawnBox(x1, y1, max(x2 - x1, 0.0), max(y2 - y1, 0.0), label, status)


class ImageView(NamedTuple):
    """An image with ground truth and predictions of a pair."""

    image: EmbeddedImage
    boxes: Sequence[DrawnBox]

    @property
    def objects(self) -> int:
        """Number of objects."""
        return sum(box.status in (BoxStatus.FOUND, BoxStatus.MISSED) for box in self.boxes)

    @property
    def found(self) -> int:
        """Number of objects that are found."""
        return hits_in(self.boxes)


class Gallery(NamedTuple):
    """How images are selected, and for each of them the view of each pair by name."""

    title: str
    rows: Sequence[Mapping[str, ImageView]]


class Strip(NamedTuple):
    """An image, and for each pair by name the steps of its training and the view after each."""

    image: EmbeddedImage
    views: Mapping[str, Sequence[tuple[int, ImageView]]]


class ExampleImages:
    """The validation images of a page, each encoded once."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.embedded: dict[int, EmbeddedImage] = {}

    def boxes(self, image: int, prediction: Prediction | None) -> list[DrawnBox]:
        """The boxes to draw on an image."""
        return drawn_boxes(self.dataset.validation[image], prediction, self.dataset.class_names, self.dataset.geometry)

    def view(self, image: int, prediction: Prediction | None) -> ImageView:
        """View the predictions in an image; None: the ground truth alone."""
        if image not in self.embedded:
            self.embedded[image] = embedded_image(self.dataset.validation[image], f"image-{image}")
        return ImageView(self.embedded[image], self.boxes(image, prediction))

    def galleries(self, standings: Sequence[Standing]) -> list[Gallery]:
        """Select images by the number of objects that the first seed of each pair finds."""
        predictions = {standing.name: standing.outcomes[0].predictions for standing in standings}
        common = sorted(set.intersection(*map(set, predictions.values()))) if predictions else []
        hits = {image: [hits_in(self.boxes(image, found[image])) for found in predictions.values()] for image in common}
        by_spread = sorted(common, key=lambda image: min(hits[image]) - max(hits[image]))
        different = [image for image in by_spread[:IMAGES_PER_GALLERY] if min(hits[image]) < max(hits[image])]
        means = {image: fmean(of_image) / len(self.dataset.validation[image].boxes) for image, of_image in hits.items()}
        typical = sorted(
            set(common) - set(different), key=lambda image: (abs(means[image] - median(means.values())), image)
        )
        selected = {
            "Largest differences between the pairs": different,
            "Typical images": sorted(typical[:IMAGES_PER_GALLERY]),
        }
        return [
            Gallery(
                title,
                [{name: self.view(image, of_pair[image]) for name, of_pair in predictions.items()} for image in images],
            )
            for title, images in selected.items()
            if images
        ]

    def strips(self, snapshots: Mapping[str, Sequence[Snapshot]]) -> list[Strip]:
        """View the predictions of the first pairs during training, image by image."""
        views: dict[int, dict[str, list[tuple[int, ImageView]]]] = {}
        for name, of_pair in list(snapshots.items())[:PAIRS_IN_STRIPS]:
            for snapshot in of_pair:
                for image, prediction in snapshot.predictions.items():
                    strip = views.setdefault(image, {}).setdefault(name, [])
                    strip.append((snapshot.step, self.view(image, prediction)))
        return [Strip(self.embedded[image], of_image) for image, of_image in views.items()]


def hits_in(boxes: Sequence[DrawnBox]) -> int:
    """Number of objects that are found."""
    return sum(box.status is BoxStatus.FOUND for box in boxes)
