"""Data set of a comparison: loading, checking and resizing of images and boxes."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Literal

import numpy as np

import detloss
from detloss.experiments.data import formats
from detloss.experiments.data.digit_scenes import STYLES, Style, compose
from detloss.experiments.data.images import ImageError, read_resized_image
from detloss.experiments.data.records import (
    WHOLE_FILE,
    AnnotatedImage,
    Box,
    DatasetError,
    Listing,
    Problem,
    box_problem,
    well_formed,
)
from detloss.experiments.data.split import Split, split_images

__all__ = ["Dataset", "DatasetError", "Problem", "Sample", "load", "placeholder"]

LONGER_SIDE = 160
TRAIN_SCENES = 2000
VALIDATION_SCENES = 400
LISTED_PROBLEMS = 10


@dataclass(frozen=True)
class Sample:
    """One image with its objects.

    Attributes:
        name: The image's file name.
        image: Pixels (height, width, 3), uint8.
        boxes: Rows of the data set's geometry in pixels of `image`, (n, 4) or (n, 5) float32; all have an area.
        labels: Indices into the data set's class names, (n,) int64.
        file: The image file, which may be larger than `image`; None for generated scenes.
        file_size: Width and height of the upright image in the file; None for generated scenes.
        id: The image's id in a COCO file; None in other formats.
    """

    name: str
    image: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    file: Path | None = None
    file_size: tuple[int, int] | None = None
    id: int | str | None = None

    @property
    def sides(self) -> np.ndarray:
        """Widths and heights of the boxes in pixels, of rotated ones along their own sides; (n, 2) float64."""
        rotated = self.boxes.shape[1] == 5
        sides = self.boxes[:, 2:4] if rotated else self.boxes[:, 2:] - self.boxes[:, :2]
        return sides.astype(np.float64)


@dataclass(frozen=True)
class Dataset:
    """Training and validation images, and what was excluded.

    Attributes:
        name: The name of its folder or file, or of the generated scenes.
        class_names: Names in the order of the labels.
        train: Training samples.
        validation: Validation samples; no image is in both.
        problems: Everything that was excluded, with file, row and reason.
        split: The rule of the split and the sizes, as a sentence.
        geometry: Of the boxes: corners x1, y1, x2, y2, or rotated cx, cy, w, h, angle.
        class_ids: The ids of the classes in COCO files by name; empty in other formats.
    """

    name: str
    class_names: tuple[str, ...]
    train: list[Sample]
    validation: list[Sample]
    problems: list[Problem]
    split: str
    geometry: detloss.AxisAligned | detloss.Rotated = field(default_factory=detloss.AxisAligned)
    class_ids: Mapping[str, int | str] = field(default_factory=dict)

    def fingerprint(self) -> str:
        """A short hash of names, sizes, boxes and classes; pixels are left out, because they vary with the decoder."""
        digest = sha256(repr(self.class_names).encode())
        for samples in (self.train, self.validation):
            for sample in samples:
                digest.update(repr((sample.name, sample.image.shape, sample.labels.tolist())).encode())
                digest.update(sample.boxes.astype("<f4").tobytes())
        return digest.hexdigest()[:16]


def load(path: Path | None, *, size: int | None = None, scenes: str | None = None) -> Dataset:
    """Read a data set, check it, split it and resize its images.

    The format, COCO json, Pascal VOC xml or YOLO txt, is detected. A row that cannot be trained on is excluded and
    listed in `problems`; nothing is repaired. Images are resized to a longer side of `size` pixels, and their boxes
    with them.

    Args:
        path: A folder, a COCO json file or YOLO's data.yaml; None for scenes generated from the digits and photographs
            in scikit-learn.
        size: Longer side of every image in pixels, 160 by default; not for generated scenes.
        scenes: Style of the scenes: "digits" (the default), 64 x 64 pixels with one to five digits; "boxes", the same
            with all digits of one class; "sparse", 128 x 128 with one or two small digits; or "rotated", 64 x 64 with
            one to five rotated digits of one class and rotated boxes.

    Returns:
        The data set, with at least one image and one box for training and for validation.

    Raises:
        DatasetError: It is no data set of these formats, or has no images or no boxes for training or for validation.
    """
    if path is None:
        if size is not None:
            raise DatasetError(f"size: expected none for generated scenes, whose size is fixed, got {size}")
        return generated_scenes(STYLES["digits" if scenes is None else scenes])
    if scenes is not None:
        raise DatasetError(f"scenes: expected none for the data {path}, got {scenes!r}")
    longer_side = LONGER_SIDE if size is None else size
    if longer_side < 1:
        raise DatasetError(f"size: expected at least one pixel, got {size}")
    listing = formats.read(path)
    split = split_images(listing)
    problems = [*listing.problems, *split.problems]
    train = read_samples(split.train, listing.class_names, longer_side, problems)
    validation = read_samples(split.validation, listing.class_names, longer_side, problems)
    problems = presentable(path if path.is_dir() else path.parent, problems)
    for samples, purpose in ((train, "training"), (validation, "validation")):
        if not any(len(sample.boxes) for sample in samples):
            missing = "boxes" if samples else "images"
            raise DatasetError(f"{path}: no {missing} for {purpose}. {explanation(listing, split)}{listed(problems)}")
    unused = [f"{split.test} test images are not used"] if split.test else []
    return Dataset(
        name=well_formed(path.resolve().name),
        class_names=tuple(map(well_formed, listing.class_names)),
        train=train,
        validation=validation,
        problems=problems,
        split=well_formed("; ".join([split.rule, sizes(train, validation), *unused, *listing.remarks])) + ".",
        class_ids={well_formed(name): identity for name, identity in listing.class_ids.items()},
    )


def no_images() -> Dataset:
    """Make an empty data set, for trials whose scores come from elsewhere."""
    return Dataset("no data set", class_names=(), train=[], validation=[], problems=[], split="")


def placeholder(path: Path | None, scenes: str | None) -> Dataset:
    """Make a data set of one blank image with one box, with the name and the geometry that `load` would return.

    A detector can be built for it before the data are read.
    """
    style = STYLES["digits" if scenes is None else scenes]
    rotated = path is None and style.rotated
    box = np.array([[8, 8, 8, 8, 0] if rotated else [4, 4, 12, 12]], np.float32)
    sample = Sample("placeholder", np.zeros((32, 32, 3), np.uint8), box, np.zeros(1, np.int64))
    return Dataset(
        name=style.name if path is None else well_formed(path.resolve().name),
        class_names=("object",),
        train=[sample],
        validation=[sample],
        problems=[],
        split="",
        geometry=detloss.Rotated() if rotated else detloss.AxisAligned(),
    )


def read_samples(
    images: Sequence[AnnotatedImage], class_names: tuple[str, ...], longer_side: int, problems: list[Problem]
) -> list[Sample]:
    """Read and check images; what is excluded is added to the problems."""
    label_of = {name: label for label, name in enumerate(class_names)}
    samples = []
    with ThreadPoolExecutor() as threads:  # Pillow decodes and resizes without Python's lock
        for image, result in zip(images, threads.map(lambda image: read_pixels(image, longer_side), images)):
            if isinstance(result, Problem):
                problems.append(result)
            else:
                samples.append(make_sample(image, *result, label_of, problems))
    return samples


def read_pixels(image: AnnotatedImage, longer_side: int) -> tuple[np.ndarray, tuple[int, int]] | Problem:
    """The pixels of a resized image and its original size, or its problem."""
    try:
        pixels, size = read_resized_image(image.image, longer_side)
    except ImageError as error:
        return Problem(str(image.image), WHOLE_FILE, str(error))
    if image.declared_size in (None, size):
        return np.array(pixels), size
    declared, width, height = "{} x {}".format(*image.declared_size), *size
    message = f"expected {declared} pixels as annotated, got an upright image of {width} x {height}"
    return Problem(str(image.source), f"size of {image.image.name}", message)


def make_sample(
    image: AnnotatedImage, pixels: np.ndarray, size: tuple[int, int], label_of: dict[str, int], problems: list[Problem]
) -> Sample:
    """Combine an image with its valid boxes, resized as it was."""
    boxes, labels = [], []
    for annotation in image.annotations:
        box = annotation.box if image.unit == "pixels" else scaled(annotation.box, *size)
        problem = box_problem(box, *size)
        if problem is None:
            boxes.append(box)
            labels.append(label_of[annotation.class_name])
        else:
            problems.append(Problem(str(image.source), annotation.row, problem))
    height, width, _ = pixels.shape
    scale = np.array([width, height] * 2) / np.array(size * 2)
    return Sample(
        name=well_formed(image.image.name),
        image=pixels,
        boxes=(np.array(boxes).reshape(-1, 4) * scale).astype(np.float32),
        labels=np.array(labels, dtype=np.int64),
        file=image.image,
        file_size=size,
        id=image.id,
    )


def scaled(fractions: Box, width: int, height: int) -> Box:
    """Convert a box from fractions of the image to pixels."""
    x1, y1, x2, y2 = fractions
    return x1 * width, y1 * height, x2 * width, y2 * height


def presentable(folder: Path, problems: Iterable[Problem]) -> list[Problem]:
    """List each problem once, with its file relative to the folder of the data set, in printable characters."""
    return [
        Problem(
            well_formed(file.relative_to(folder).as_posix() if file.is_relative_to(folder) else problem.file),
            well_formed(problem.row),
            well_formed(problem.message),
        )
        for problem in dict.fromkeys(problems)
        for file in [Path(problem.file)]
    ]


def explanation(listing: Listing, split: Split) -> str:
    """Describe what was found, and the rule of the split if that leaves no images."""
    if listing.found:
        return listing.found
    images = [image for image in listing.images if image.subset != "test"]
    boxes = sum(len(image.annotations) for image in images)
    found = f"Found {len(images)} annotated images with {boxes} boxes, and {split.test} test images"
    if images and not listing.split_rule and not (split.train and split.validation):
        return f"{found}. {split.rule}: add images, or divide them into folders train and val"
    return f"{found}. {split.rule}" if images and listing.split_rule else found


def listed(problems: list[Problem]) -> str:
    """List the first problems, a line each."""
    lines = [f"\n  {problem.file}, {problem.row}: {problem.message}" for problem in problems]
    shown = f"\nProblems found: {len(lines)}" + "".join(lines[:LISTED_PROBLEMS])
    return shown + "\n  ..." * (len(lines) > LISTED_PROBLEMS) if lines else ""


def sizes(train: list[Sample], validation: list[Sample]) -> str:
    """Count images and boxes for training and validation."""
    train_boxes, validation_boxes = (sum(len(sample.boxes) for sample in samples) for samples in (train, validation))
    return (
        f"{len(train)} images with {train_boxes} boxes for training, "
        f"{len(validation)} images with {validation_boxes} boxes for validation"
    )


def generated_scenes(style: Style) -> Dataset:
    """Generate the training and validation scenes of a style."""
    train = scene_samples("train", TRAIN_SCENES, style)
    validation = scene_samples("validation", VALIDATION_SCENES, style)
    return Dataset(
        name=style.name,
        class_names=style.class_names,
        train=train,
        validation=validation,
        problems=[],
        split=f"By the writers of the digits; {sizes(train, validation)}.",
        geometry=detloss.Rotated() if style.rotated else detloss.AxisAligned(),
    )


def scene_samples(subset: Literal["train", "validation"], count: int, style: Style) -> list[Sample]:
    """Generate the first scenes of a subset."""
    return [
        Sample(f"{subset}-{number:04}", scene.image, scene.boxes, scene.labels)
        for number, scene in enumerate(compose(count, subset, style))
    ]
