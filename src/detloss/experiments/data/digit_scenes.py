"""Scenes of handwritten digits on photographs, composed on the fly from scikit-learn's own files.

Digits are scikit-learn's `load_digits`: 1797 images of 8 x 8 pixels by 13 writers, the test part of
E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", 1998,
https://doi.org/10.24432/C50P49. Photographs are its `load_sample_images`: china.jpg, flower.jpg.

Who wrote a digit is not recorded. What is known: the digits stand form after form, each form
begins with 0 to 9 three times over, and there are 14 such forms for the 13 writers. Training takes
the first ten forms, validation the last three, and neither takes the one between, so that a writer
is on one side only as long as his forms are neighbours. Photographs are cut apart likewise:
training sees their left, validation their right.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

_Box = tuple[int, int, int, int]

DIGITS = tuple("0123456789")
ONE_CLASS = ("digit",)
WINDOW = 64
NARROWEST, WIDEST = 0.5, 2.0
# How much of the smaller of two digits the other may cover.
MOST_COVERED = 0.15

_TRIES = 20
# How far the grey of ink is at least from what is behind it, and how far its colors stray.
_LEAST_CONTRAST = 50
_TINT = 40
# Fainter ink would leave edges of a box without a pixel that changes.
_FAINTEST = 0.25


@dataclass(frozen=True)
class Style:
    """What scenes look like.

    Attributes:
        name: What a data set of them is called.
        side: Of the image, in pixels.
        most_digits: At least one, at most so many.
        shortest: The least height of a digit in pixels, before it is cut to its ink.
        tallest: The greatest, which is also the greatest width.
        class_names: What each digit is labeled as: itself, or "digit" where there is one class only.
        turned: Whether each digit is turned by an angle of its own, any up to half a turn either way.
    """

    name: str
    side: int
    most_digits: int
    shortest: int
    tallest: int
    class_names: tuple[str, ...] = DIGITS
    turned: bool = False


STYLES = {
    "digits": Style("digit scenes", side=64, most_digits=5, shortest=10, tallest=32),
    # Where a digit is takes far fewer steps to learn than which one it is.
    "boxes": Style("digit scenes of one class", side=64, most_digits=5, shortest=10, tallest=32, class_names=ONE_CLASS),
    # One or two small digits: of UnitBox's cells, one every four pixels, less than 1 % see one.
    "sparse": Style("sparse digit scenes", side=128, most_digits=2, shortest=9, tallest=14),
    # Turned, a 6 may be a 9.
    "rotated": Style(
        "turned digit scenes", side=64, most_digits=5, shortest=10, tallest=32, class_names=ONE_CLASS, turned=True
    ),
}


@dataclass(frozen=True)
class Scene:
    """One composed image.

    Attributes:
        image: Pixels (side, side, 3), uint8.
        boxes: x1, y1, x2, y2 in pixels, tight around the ink, (n, 4) float32 with n >= 1. Where the style is turned cx,
            cy, w, h in pixels and the angle in radians, tight around the ink before it was turned, (n, 5).
        labels: Indices into the style's class names, (n,) int64.
    """

    image: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class _Source:
    """What the scenes of one side are composed from."""

    seed: int
    digits: slice
    columns: slice


_SOURCES = {
    "train": _Source(seed=1, digits=slice(0, 1287), columns=slice(0, 304)),
    "validation": _Source(seed=2, digits=slice(1415, 1797), columns=slice(304, 640)),
}


def compose(count: int, part: Literal["train", "validation"], style: Style = STYLES["digits"]) -> Iterator[Scene]:
    """Composes the first scenes of one side, the same ones every time.

    A scene is a crop of a photograph with a few digits, every class as likely as every other, about
    half to twice as wide as tall, each brighter or darker than what is behind it by an amount that
    varies, and covering at most 15 % of another's box; of turned digits, the boxes along the axes
    around them count.

    Args:
        count: How many scenes.
        part: Which side; the two share neither digits nor any part of a photograph.
        style: How large a scene is, and how many digits of which size it has.

    Returns:
        The scenes, one by one.
    """
    from sklearn.datasets import load_digits, load_sample_images  # takes a second, which worker processes can spare

    source = _SOURCES[part]
    digits = load_digits()
    labels = digits.target[source.digits]
    drawings = [_cut_to_ink((drawing / 16).astype(np.float32), 0.35) for drawing in digits.images[source.digits]]
    by_class = [np.flatnonzero(labels == label) for label in range(len(DIGITS))]
    photographs = [photograph[:, source.columns] for photograph in load_sample_images().images]
    for number in range(count):
        random = np.random.default_rng((source.seed, number))
        canvas = _background(photographs, style.side, random)
        places: list[_Box] = []
        boxes: list[tuple[float, ...]] = []
        drawn: list[int] = []
        for _ in range(random.integers(1, style.most_digits, endpoint=True)):
            label = int(random.integers(len(DIGITS)))
            ink = _stretched(drawings[random.choice(by_class[label])], style, random)
            upright, angle = ink.shape, 0.0
            if style.turned:
                angle = random.uniform(-np.pi, np.pi)
                ink = _turned(ink, angle)
            place = _free_place(ink.shape, places, style.side, random)
            if place is not None:
                _draw(canvas, ink, place, _color(canvas, place, random))
                places.append(place)
                boxes.append(_row_in(place, upright, angle) if style.turned else place)
                drawn.append(label if style.class_names == DIGITS else 0)
        yield Scene(
            image=np.rint(canvas).astype(np.uint8),
            boxes=np.array(boxes, dtype=np.float32),
            labels=np.array(drawn, dtype=np.int64),
        )


def _background(photographs: list[np.ndarray], side_of_scene: int, random: np.random.Generator) -> np.ndarray:
    """A crop from a window of one to three times 64 pixels, brought to this side."""
    photograph = photographs[random.integers(len(photographs))]
    side = int(random.integers(WINDOW, 3 * WINDOW, endpoint=True))
    top = random.integers(photograph.shape[0] - side, endpoint=True)
    left = random.integers(photograph.shape[1] - side, endpoint=True)
    window = Image.fromarray(photograph[top : top + side, left : left + side])
    if random.random() < 0.5:
        window = window.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    resized = window.resize((side_of_scene, side_of_scene), Image.Resampling.BILINEAR)
    return np.array(resized, dtype=np.float32)


def _cut_to_ink(drawing: np.ndarray, least: float) -> np.ndarray:
    """The part of a drawing that holds all pixels with at least so much ink."""
    inked = drawing >= least
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    return drawing[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _stretched(drawing: np.ndarray, style: Style, random: np.random.Generator) -> np.ndarray:
    """A digit at a size drawn by chance, as shares of ink, none of them faint."""
    height = _log_uniform(random, style.shortest, style.tallest)
    aspect = drawing.shape[1] / drawing.shape[0] * _log_uniform(random, 0.7, 2.0)
    width = height * min(max(aspect, NARROWEST), WIDEST)
    size = round(min(width, style.tallest)), round(height)
    ink = np.asarray(Image.fromarray(drawing).resize(size, Image.Resampling.BILINEAR))
    return _cut_to_ink(np.where(ink < _FAINTEST, 0, ink), _FAINTEST)


def _turned(ink: np.ndarray, angle: float) -> np.ndarray:
    """Ink turned about its middle, from x toward y, on a field that just holds it."""
    height, width = ink.shape
    cosine, sine = np.cos(angle), np.sin(angle)
    turned_width = int(np.ceil(width * abs(cosine) + height * abs(sine)))
    turned_height = int(np.ceil(width * abs(sine) + height * abs(cosine)))
    x, y = turned_width / 2, turned_height / 2
    back = (
        *(cosine, sine, width / 2 - cosine * x - sine * y),
        *(-sine, cosine, height / 2 + sine * x - cosine * y),
    )  # from a point of the field to the point of the ink that comes to lie there
    field = Image.fromarray(ink).transform(
        (turned_width, turned_height), Image.Transform.AFFINE, back, Image.Resampling.BILINEAR
    )
    return np.asarray(field)


def _row_in(place: _Box, upright: tuple[int, ...], angle: float) -> tuple[float, ...]:
    """The turned box of ink that was of this height and width, in the middle of its place."""
    x1, y1, x2, y2 = place
    height, width = upright
    return (x1 + x2) / 2, (y1 + y2) / 2, width, height, angle


def _log_uniform(random: np.random.Generator, low: float, high: float) -> float:
    """A number whose logarithm is uniform, so that doubling is as likely small as large."""
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def _free_place(
    shape: tuple[int, ...], taken: list[_Box], side_of_scene: int, random: np.random.Generator
) -> _Box | None:
    """A box of this height and width that hardly covers the taken ones; None if none turns up."""
    height, width = shape
    for _ in range(_TRIES):
        x, y = (int(random.integers(side_of_scene - side, endpoint=True)) for side in (width, height))
        box = (x, y, x + width, y + height)
        if all(_covered(box, other) <= MOST_COVERED for other in taken):
            return box
    return None


def _covered(box: _Box, other: _Box) -> float:
    """The share of the smaller of two boxes that lies in the other."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    smaller = min((x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in (box, other))
    return max(width, 0) * max(height, 0) / smaller


def _color(canvas: np.ndarray, box: _Box, random: np.random.Generator) -> np.ndarray:
    """A color of ink that stands out from what is in the box, now clearly and now hardly."""
    x1, y1, x2, y2 = box
    behind = float(canvas[y1:y2, x1:x2].mean())
    contrast = random.uniform(_LEAST_CONTRAST, max(behind, 255 - behind))
    within_range = [grey for grey in (behind - contrast, behind + contrast) if 0 <= grey <= 255]
    tint = random.uniform(-_TINT, _TINT, size=3)
    color: np.ndarray = np.clip(random.choice(within_range) + tint, 0, 255)
    return color


def _draw(canvas: np.ndarray, ink: np.ndarray, box: _Box, color: np.ndarray) -> None:
    x1, y1, x2, y2 = box
    share = ink[..., None]
    canvas[y1:y2, x1:x2] += share * (color - canvas[y1:y2, x1:x2])
