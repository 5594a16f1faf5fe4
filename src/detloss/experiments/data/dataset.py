"""The images that losses are compared on, with what had to be left out of them."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Literal

import numpy as np

import detloss
from detloss.experiments.data import formats
from detloss.experiments.data.digit_scenes import STYLES, Style, compose
from detloss.experiments.data.images import PictureError, small_picture
from detloss.experiments.data.records import (
    WHOLE_FILE,
    AnnotatedImage,
    Box,
    DatasetError,
    Listing,
    Problem,
    fault_of,
    well_formed,
)
from detloss.experiments.data.split import Division, divide

__all__ = ["Dataset", "DatasetError", "Problem", "Sample", "load"]

LONGER_SIDE = 160
TRAIN_SCENES = 2000
VALIDATION_SCENES = 400
_SHOWN_PROBLEMS = 10


@dataclass(frozen=True)
class Sample:
    """One image with its objects.

    Attributes:
        name: The image's file name.
        image: Pixels (height, width, 3), uint8.
        boxes: Rows of the data set's geometry in pixels of `image`, (n, 4) or (n, 5) float32; none is without area.
        labels: Indices into the data set's class names, (n,) int64.
        file: The image file, which may be larger than `image`; None for scenes.
    """

    name: str
    image: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    file: Path | None = None

    @property
    def sides(self) -> np.ndarray:
        """Widths and heights of the boxes in pixels, of turned ones along their own sides; (n, 2) float64."""
        turned = self.boxes.shape[1] == 5
        sides = self.boxes[:, 2:4] if turned else self.boxes[:, 2:] - self.boxes[:, :2]
        return sides.astype(np.float64)


@dataclass(frozen=True)
class Dataset:
    """What to train on, what to judge on, and what was left out.

    Attributes:
        name: The name of its folder or file, or "digit scenes".
        class_names: Names in the order of the labels.
        train: Samples to train on.
        validation: Samples to judge on; no image is in both.
        problems: Everything that was left out, each with its file, its row and the reason.
        split: Which rule told the two sides apart, with their sizes, as a sentence.
        geometry: What a box is: corners x1, y1, x2, y2, or turned cx, cy, w, h, angle.
    """

    name: str
    class_names: tuple[str, ...]
    train: list[Sample]
    validation: list[Sample]
    problems: list[Problem]
    split: str
    geometry: detloss.AxisAligned | detloss.Rotated = field(default_factory=detloss.AxisAligned)

    def fingerprint(self) -> str:
        """A short text that differs where names, sizes, boxes or classes do; pixels may vary with the decoder."""
        digest = sha256(repr(self.class_names).encode())
        for side in (self.train, self.validation):
            for sample in side:
                digest.update(repr((sample.name, sample.image.shape, sample.labels.tolist())).encode())
                digest.update(sample.boxes.astype("<f4").tobytes())
        return digest.hexdigest()[:16]


def load(path: Path | None, *, size: int | None = None, scenes: str | None = None) -> Dataset:
    """Reads a data set, checks it, divides it and brings its images to one size.

    The format, COCO json, Pascal VOC xml or YOLO txt, is recognised by itself. A row that cannot
    be trained on is left out and listed in `problems`; nothing is repaired. Images are resized so
    that the longer side has `size` pixels, and their boxes with them.

    Args:
        path: A folder, a COCO json file or YOLO's data.yaml; None for scenes composed from the
            digits and photographs that ship inside scikit-learn.
        size: Longer side of every image in pixels, 160 unless given; not for the scenes.
        scenes: Which scenes: "digits" unless given, of 64 x 64 pixels with one to five digits;
            "boxes", the same with all digits of one class; "sparse", of 128 x 128 with one or two
            small ones; or "rotated", of 64 x 64 with one to five turned ones, all of one class,
            whose boxes are turned with them.

    Returns:
        The data set, with at least one image and one box on either side.

    Raises:
        DatasetError: If it is no data set of these formats, or a side is left without images or
            without boxes.
    """
    if path is None:
        if size is not None:
            raise DatasetError(f"size {size} was given, but scenes have a size of their own")
        return _scenes(STYLES["digits" if scenes is None else scenes])
    if scenes is not None:
        raise DatasetError(f"scenes {scenes!r} were asked for, but there are data: {path}")
    longer_side = LONGER_SIDE if size is None else size
    if longer_side < 1:
        raise DatasetError(f"size: expected at least one pixel, got {size}")
    listing = formats.read(path)
    division = divide(listing)
    problems = [*listing.problems, *division.problems]
    train = _samples(division.train, listing.class_names, longer_side, problems)
    validation = _samples(division.validation, listing.class_names, longer_side, problems)
    problems = _presentable(path if path.is_dir() else path.parent, problems)
    for side, purpose in ((train, "training"), (validation, "validation")):
        if not any(len(sample.boxes) for sample in side):
            missing = "boxes" if side else "images"
            raise DatasetError(
                f"{path}: no {missing} for {purpose}. {_explained(listing, division)}{_first_of(problems)}"
            )
    untouched = [f"{division.test} test images are left untouched"] if division.test else []
    return Dataset(
        name=well_formed(path.resolve().name),
        class_names=tuple(map(well_formed, listing.class_names)),
        train=train,
        validation=validation,
        problems=problems,
        split=well_formed("; ".join([division.rule, _sizes(train, validation), *untouched, *listing.remarks])) + ".",
    )


def placeholder(path: Path | None, scenes: str | None) -> Dataset:
    """Make a data set of one blank image with one box, named and shaped like the one that `load` would return.

    A detector can be built for it before the data are read.
    """
    style = STYLES["digits" if scenes is None else scenes]
    turned = path is None and style.turned
    box = np.array([[8, 8, 8, 8, 0] if turned else [4, 4, 12, 12]], np.float32)
    sample = Sample("placeholder", np.zeros((32, 32, 3), np.uint8), box, np.zeros(1, np.int64))
    return Dataset(
        name=style.name if path is None else well_formed(path.resolve().name),
        class_names=("object",),
        train=[sample],
        validation=[sample],
        problems=[],
        split="",
        geometry=detloss.Rotated() if turned else detloss.AxisAligned(),
    )


def _samples(
    images: Sequence[AnnotatedImage], class_names: tuple[str, ...], longer_side: int, problems: list[Problem]
) -> list[Sample]:
    """Reads and checks the images; what has to be left out is added to the problems."""
    label_of = {name: label for label, name in enumerate(class_names)}
    samples = []
    with ThreadPoolExecutor() as threads:  # Pillow decodes and resizes without Python's lock
        for image, picture in zip(images, threads.map(lambda image: _picture(image, longer_side), images)):
            if isinstance(picture, Problem):
                problems.append(picture)
            else:
                samples.append(_sample(image, *picture, label_of, problems))
    return samples


def _picture(image: AnnotatedImage, longer_side: int) -> tuple[np.ndarray, tuple[int, int]] | Problem:
    """The pixels of an image, resized, and the size that it had; or what is wrong with it."""
    try:
        picture, size = small_picture(image.image, longer_side)
    except PictureError as error:
        return Problem(str(image.image), WHOLE_FILE, str(error))
    if image.declared_size in (None, size):
        return np.array(picture), size
    declared, width, height = "{} x {}".format(*image.declared_size), *size
    message = f"expected {declared} pixels as annotated, got an image of {width} x {height} once upright"
    return Problem(str(image.source), f"size of {image.image.name}", message)


def _sample(
    image: AnnotatedImage, pixels: np.ndarray, size: tuple[int, int], label_of: dict[str, int], problems: list[Problem]
) -> Sample:
    """An image with those of its boxes that can be trained on; the boxes are resized as it was."""
    boxes, labels = [], []
    for annotation in image.annotations:
        box = annotation.box if image.unit == "pixels" else _pixels(annotation.box, *size)
        fault = fault_of(box, *size)
        if fault is None:
            boxes.append(box)
            labels.append(label_of[annotation.class_name])
        else:
            problems.append(Problem(str(image.source), annotation.row, fault))
    height, width, _ = pixels.shape
    scale = np.array([width, height] * 2) / np.array(size * 2)
    return Sample(
        name=well_formed(image.image.name),
        image=pixels,
        boxes=(np.array(boxes).reshape(-1, 4) * scale).astype(np.float32),
        labels=np.array(labels, dtype=np.int64),
        file=image.image,
    )


def _pixels(shares: Box, width: int, height: int) -> Box:
    x1, y1, x2, y2 = shares
    return x1 * width, y1 * height, x2 * width, y2 * height


def _presentable(folder: Path, problems: Iterable[Problem]) -> list[Problem]:
    """Each problem once, its file named from the data set's folder on, its texts such that they can be written."""
    return [
        Problem(
            well_formed(file.relative_to(folder).as_posix() if file.is_relative_to(folder) else problem.file),
            well_formed(problem.row),
            well_formed(problem.message),
        )
        for problem in dict.fromkeys(problems)
        for file in [Path(problem.file)]
    ]


def _explained(listing: Listing, division: Division) -> str:
    """What was found, and the rule of the division where that is why a side is empty."""
    if listing.found:
        return listing.found
    images = [image for image in listing.images if image.part != "test"]
    boxes = sum(len(image.annotations) for image in images)
    found = f"Found {len(images)} annotated images with {boxes} boxes, and {division.test} test images"
    if images and not listing.split_rule and not (division.train and division.validation):
        return f"{found}. {division.rule}: add images, or divide them into folders train and val"
    return f"{found}. {division.rule}" if images and listing.split_rule else found


def _first_of(problems: list[Problem]) -> str:
    lines = [f"\n  {problem.file}, {problem.row}: {problem.message}" for problem in problems]
    shown = f"\nProblems found: {len(lines)}" + "".join(lines[:_SHOWN_PROBLEMS])
    return shown + "\n  ..." * (len(lines) > _SHOWN_PROBLEMS) if lines else ""


def _sizes(train: list[Sample], validation: list[Sample]) -> str:
    train_boxes, validation_boxes = (sum(len(sample.boxes) for sample in samples) for samples in (train, validation))
    return (
        f"{len(train)} images with {train_boxes} boxes for training, "
        f"{len(validation)} images with {validation_boxes} boxes for validation"
    )


def _scenes(style: Style) -> Dataset:
    train = _scene_samples("train", TRAIN_SCENES, style)
    validation = _scene_samples("validation", VALIDATION_SCENES, style)
    return Dataset(
        name=style.name,
        class_names=style.class_names,
        train=train,
        validation=validation,
        problems=[],
        split=f"By the writers of the digits; {_sizes(train, validation)}.",
        geometry=detloss.Rotated() if style.turned else detloss.AxisAligned(),
    )


def _scene_samples(part: Literal["train", "validation"], count: int, style: Style) -> list[Sample]:
    return [
        Sample(f"{part}-{number:04}", scene.image, scene.boxes, scene.labels)
        for number, scene in enumerate(compose(count, part, style))
    ]
