"""Generated scenes of handwritten digits on photographs, from the files of scikit-learn.

Digits are scikit-learn's `load_digits`: 1797 images of 8 x 8 pixels by 13 writers, the test set of E. Alpaydin,
C. Kaynak, "Optical Recognition of Handwritten Digits", 1998, https://doi.org/10.24432/C50P49. Photographs are its
`load_sample_images`: china.jpg, flower.jpg.

The writers of the digits are not recorded. The digits are in the order of forms, each form begins with three times 0 to
9, and there are 14 such forms for the 13 writers. Training uses the first ten forms, validation the last three, and
neither uses the one between, so that a writer is in one subset only, provided that the forms of a writer are adjacent.
Photographs are divided as well: training uses their left, validation their right.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

PixelBox = tuple[int, int, int, int]

DIGITS = tuple("0123456789")
ONE_CLASS = ("digit",)
CROP_SIDE = 64
MIN_ASPECT, MAX_ASPECT = 0.5, 2.0
MAX_COVERED = 0.15  # fraction of the smaller of two digits that the other may cover
MAX_ATTEMPTS = 20  # to place a digit

MIN_CONTRAST = 50  # of the gray value of ink to the background
TINT = 40  # maximum deviation of a color from its gray value
MIN_INK = 0.25  # fainter ink would leave edges of a box without a changed pixel


@dataclass(frozen=True)
class Style:
    """The style of scenes, with the name of a data set of such scenes; lengths are in pixels.

    The height of a digit is that before it is cropped to its ink; its maximum is also that of the width. Rotated digits
    have random angles.
    """

    name: str
    side: int = 64
    max_digits: int = 5
    min_height: int = 10
    max_height: int = 32
    class_names: tuple[str, ...] = DIGITS
    rotated: bool = False


STYLES = {
    "digits": Style("digit scenes"),
    # Localization takes far fewer steps to learn than classification.
    "boxes": Style("digit scenes of one class", class_names=ONE_CLASS),
    # Fewer than 1 % of UnitBox's cells, one every four pixels, are positive.
    "sparse": Style("sparse digit scenes", side=128, max_digits=2, min_height=9, max_height=14),
    # One class, because a rotated 6 may be a 9.
    "rotated": Style("rotated digit scenes", class_names=ONE_CLASS, rotated=True),
}


@dataclass(frozen=True)
class Scene:
    """A generated image."""

    image: np.ndarray  # pixels (side, side, 3), uint8
    # x1, y1, x2, y2 in pixels, tight around the ink, (n, 4) float32 with n >= 1. In a rotated style cx, cy, w, h in
    # pixels and the angle in radians, tight around the ink before its rotation, (n, 5)
    boxes: np.ndarray
    labels: np.ndarray  # indices into the style's class names, (n,) int64


@dataclass(frozen=True)
class Source:
    """The material of the scenes of a subset."""

    seed: int
    digits: slice
    columns: slice


SOURCES = {
    "train": Source(seed=1, digits=slice(0, 1287), columns=slice(0, 304)),
    "validation": Source(seed=2, digits=slice(1415, 1797), columns=slice(304, 640)),
}


def compose(count: int, subset: Literal["train", "validation"], style: Style = STYLES["digits"]) -> Iterator[Scene]:
    """Generate the first scenes of a subset, which are always the same.

    A scene is a crop of a photograph with a few digits. All classes are equally likely. Digits are between half and
    twice as wide as tall, brighter or darker than their background by a varying amount, and cover at most 15 % of
    another digit's box; for rotated digits, of its axis-aligned bounding box. The two subsets share neither digits nor
    parts of a photograph.
    """
    from sklearn.datasets import load_digits, load_sample_images  # takes a second, which worker processes do without

    source = SOURCES[subset]
    digits = load_digits()
    labels = digits.target[source.digits]
    drawings = [crop_to_ink((drawing / 16).astype(np.float32), 0.35) for drawing in digits.images[source.digits]]
    by_class = [np.flatnonzero(labels == label) for label in range(len(DIGITS))]
    photographs = [photograph[:, source.columns] for photograph in load_sample_images().images]
    for number in range(count):
        random = np.random.default_rng((source.seed, number))
        canvas = crop_background(photographs, style.side, random)
        places: list[PixelBox] = []
        boxes: list[tuple[float, ...]] = []
        drawn: list[int] = []
        for _ in range(random.integers(1, style.max_digits, endpoint=True)):
            label = int(random.integers(len(DIGITS)))
            ink = stretch(drawings[random.choice(by_class[label])], style, random)
            upright, angle = ink.shape, 0.0
            if style.rotated:
                angle = random.uniform(-np.pi, np.pi)
                ink = rotate(ink, angle)
            place = free_place(ink.shape, places, style.side, random)
            if place is not None:
                paint(canvas, ink, place, ink_color(canvas, place, random))
                places.append(place)
                boxes.append(rotated_box(place, upright, angle) if style.rotated else place)
                drawn.append(label if style.class_names == DIGITS else 0)
        yield Scene(
            image=np.rint(canvas).astype(np.uint8),
            boxes=np.array(boxes, dtype=np.float32),
            labels=np.array(drawn, dtype=np.int64),
        )


def crop_background(photographs: list[np.ndarray], side_of_scene: int, random: np.random.Generator) -> np.ndarray:
    """Crop one to three times 64 pixels of a photograph, resized to the side of the scene."""
    photograph = photographs[random.integers(len(photographs))]
    side = int(random.integers(CROP_SIDE, 3 * CROP_SIDE, endpoint=True))
    top = random.integers(photograph.shape[0] - side, endpoint=True)
    left = random.integers(photograph.shape[1] - side, endpoint=True)
    crop = Image.fromarray(photograph[top : top + side, left : left + side])
    if random.random() < 0.5:
        crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    resized = crop.resize((side_of_scene, side_of_scene), Image.Resampling.BILINEAR)
    return np.array(resized, dtype=np.float32)


def crop_to_ink(drawing: np.ndarray, threshold: float) -> np.ndarray:
    """Crop a drawing to the pixels whose ink reaches a threshold."""
    inked = drawing >= threshold
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    return drawing[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def stretch(drawing: np.ndarray, style: Style, random: np.random.Generator) -> np.ndarray:
    """Resize a digit to a random size; its pixels are opacities, without faint ones."""
    height = log_uniform(random, style.min_height, style.max_height)
    aspect = drawing.shape[1] / drawing.shape[0] * log_uniform(random, 0.7, 2.0)
    width = height * min(max(aspect, MIN_ASPECT), MAX_ASPECT)
    size = round(min(width, style.max_height)), round(height)
    ink = np.asarray(Image.fromarray(drawing).resize(size, Image.Resampling.BILINEAR))
    return crop_to_ink(np.where(ink < MIN_INK, 0, ink), MIN_INK)


def rotate(ink: np.ndarray, angle: float) -> np.ndarray:
    """Rotate ink about its center, from x toward y, in the smallest field that contains it."""
    height, width = ink.shape
    cosine, sine = np.cos(angle), np.sin(angle)
    rotated_width = int(np.ceil(width * abs(cosine) + height * abs(sine)))
    rotated_height = int(np.ceil(width * abs(sine) + height * abs(cosine)))
    x, y = rotated_width / 2, rotated_height / 2
    inverse = (
        *(cosine, sine, width / 2 - cosine * x - sine * y),
        *(-sine, cosine, height / 2 + sine * x - cosine * y),
    )  # from points of the field to points of the ink
    field = Image.fromarray(ink).transform(
        (rotated_width, rotated_height), Image.Transform.AFFINE, inverse, Image.Resampling.BILINEAR
    )
    return np.asarray(field)


def rotated_box(place: PixelBox, upright: tuple[int, ...], angle: float) -> tuple[float, ...]:
    """The rotated box of ink, from its height and width before the rotation and its place in the scene."""
    x1, y1, x2, y2 = place
    height, width = upright
    return (x1 + x2) / 2, (y1 + y2) / 2, width, height, angle


def log_uniform(random: np.random.Generator, low: float, high: float) -> float:
    """Draw a number whose logarithm is uniform."""
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def free_place(
    shape: tuple[int, ...], taken: list[PixelBox], side_of_scene: int, random: np.random.Generator
) -> PixelBox | None:
    """Find a box of this height and width that hardly covers others; None if no attempt succeeds."""
    height, width = shape
    for _ in range(MAX_ATTEMPTS):
        x, y = (int(random.integers(side_of_scene - side, endpoint=True)) for side in (width, height))
        box = (x, y, x + width, y + height)
        if all(covered_fraction(box, other) <= MAX_COVERED for other in taken):
            return box
    return None


def covered_fraction(box: PixelBox, other: PixelBox) -> float:
    """The fraction of the smaller of two boxes that is in the other."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    smaller = min((x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in (box, other))
    return max(width, 0) * max(height, 0) / smaller


def ink_color(canvas: np.ndarray, box: PixelBox, random: np.random.Generator) -> np.ndarray:
    """Draw a color of ink with a random contrast to the background in a box."""
    x1, y1, x2, y2 = box
    behind = float(canvas[y1:y2, x1:x2].mean())
    contrast = random.uniform(MIN_CONTRAST, max(behind, 255 - behind))
    within_range = [gray for gray in (behind - contrast, behind + contrast) if 0 <= gray <= 255]
    tint = random.uniform(-TINT, TINT, size=3)
    color: np.ndarray = np.clip(random.choice(within_range) + tint, 0, 255)
    return color


def paint(canvas: np.ndarray, ink: np.ndarray, box: PixelBox, color: np.ndarray) -> None:
    """Blend ink of a color into a box of the canvas."""
    x1, y1, x2, y2 = box
    opacity = ink[..., None]
    canvas[y1:y2, x1:x2] += opacity * (color - canvas[y1:y2, x1:x2])
