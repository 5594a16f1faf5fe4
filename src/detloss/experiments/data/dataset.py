"""Data set of a comparison: loading, checking and resizing of images and boxes, and folds of the training images."""

import os
import pickle
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from importlib.util import find_spec
from mmap import ACCESS_READ, mmap
from multiprocessing.reduction import DupFd
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Literal
from weakref import finalize
from zlib import crc32

import numpy as np

import detloss
from detloss.experiments.data import formats
from detloss.experiments.data.digit_scenes import STYLES, Style, compose
from detloss.experiments.data.image_cache import decode
from detloss.experiments.data.records import DatasetError, Listing, Problem, well_formed
from detloss.experiments.data.samples import Sample, copies, group_numbers, make_samples
from detloss.experiments.data.split import Split, split_images

__all__ = ["Dataset", "DatasetError", "Problem", "Sample", "SharedDataset", "load", "placeholder"]

LONGER_SIDE = 160
TRAIN_SCENES = 2000
VALIDATION_SCENES = 400
LISTED_PROBLEMS = 20
LONGEST_TEXT = 500  # characters of a problem
SEARCH_FOLDS = 5  # folds of a search for weights, which is evaluated on the first of them


@dataclass(frozen=True)
class Dataset:
    """Training and validation images, and what was excluded."""

    name: str  # the name of its folder or file, or of the generated scenes
    class_names: tuple[str, ...]  # names in the order of the labels
    train: list[Sample]
    validation: list[Sample]  # validation samples; no image is in both
    problems: list[Problem]  # everything that was excluded, with file, row and reason
    split: str  # the rule of the split and the sizes, as a sentence
    # of the boxes: corners x1, y1, x2, y2, or rotated cx, cy, w, h, angle
    geometry: detloss.AxisAligned | detloss.Rotated = field(default_factory=detloss.AxisAligned)
    # the ids of the classes in COCO files by name; empty in other formats
    class_ids: Mapping[str, int | str] = field(default_factory=dict)
    warnings: Sequence[str] = ()  # properties of the data that make results unreliable
    augment: bool = False  # whether training images are flipped, scaled and cropped at random

    def fingerprint(self) -> str:
        """A short hash of the image files, the sizes, boxes and classes, and whether images are augmented.

        Resized pixels are left out, because they vary with the decoder.
        """
        digest = sha256(repr(self.class_names).encode())
        for samples in (self.train, self.validation):
            digest.update(repr(len(samples)).encode())
            for sample in samples:
                digest.update(repr((sample.identity, sample.pixels.shape, sample.labels.tolist())).encode())
                digest.update(sample.boxes.astype("<f4").tobytes())
        return digest.hexdigest()[:16] + " augmented" * self.augment


class SharedDataset:
    """A data set for worker processes. Calling it returns the data set.

    Workers read it from an unlinked temporary file: through a pipe, the start of each would wait for the one before.
    """

    def __init__(self, dataset: Dataset) -> None:
        with TemporaryFile() as file:
            pickle.dump(dataset, file)
            file.flush()
            self.hold(os.dup(file.fileno()))

    def hold(self, descriptor: int) -> None:
        """Keep the file open for the lifetime of this object."""
        self.descriptor = descriptor
        finalize(self, os.close, descriptor)

    def __getstate__(self) -> dict[str, Any]:
        return {"descriptor": DupFd(self.descriptor)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.hold(state["descriptor"].detach())

    def __call__(self) -> Dataset:
        """Return the data set."""
        with mmap(self.descriptor, 0, access=ACCESS_READ) as content:
            dataset: Dataset = pickle.loads(content)
        return dataset


def load(
    path: Path | None,
    *,
    size: int | None = None,
    scenes: str | None = None,
    group: str | None = None,
    augment: bool = False,
    cache: Path | None = None,
    announce: Callable[[str], object] = lambda line: None,
) -> Dataset:
    """Read a data set, check it, split it and resize its images.

    The format, COCO json, Pascal VOC xml or YOLO txt, is detected. A row that cannot be trained on is excluded and
    listed in `problems`; nothing is repaired. Images are resized to a longer side of `size` pixels, and their boxes
    with them. Resized images are kept in a file, which all processes map and later calls read.

    Args:
        path: A folder, a COCO json file or YOLO's data.yaml; None for scenes generated from the digits and photographs
            in scikit-learn.
        size: Longer side of every image in pixels, 160 by default; not for generated scenes.
        scenes: Style of the scenes: "digits" (the default), 64 x 64 pixels with one to five digits; "boxes", the same
            with all digits of one class; "sparse", 128 x 128 with one or two small digits; or "rotated", 64 x 64 with
            one to five rotated digits of one class and rotated boxes.
        group: Regular expression. Images stay on one side of the split whose paths agree in its groups, or in all of
            its match if it has no groups: "video_[0-9]+" for the frames of videos. Not for generated scenes.
        augment: Whether training images are flipped, scaled and cropped at random; not for rotated boxes.
        cache: Folder for resized images; None: in the user's folder for caches.
        announce: Called with the size and the place of the resized images before they are read.

    Returns:
        The data set, with at least one image and one box for training and for validation.

    Raises:
        DatasetError: It is no data set of these formats, or has no images or no boxes for training or for validation;
            an argument is invalid; or the resized images cannot be stored.
    """
    if augment and find_spec("torchvision") is None:
        raise DatasetError("augment: expected the package torchvision, found none: pip install 'detloss[torchvision]'")
    if path is None:
        if size is not None:
            raise DatasetError(f"size: expected none for generated scenes, whose size is fixed, got {size}")
        if group is not None:
            raise DatasetError(f"group: expected none for generated scenes, got {group!r}")
        return generated_scenes(STYLES["digits" if scenes is None else scenes], augment=augment)
    if scenes is not None:
        raise DatasetError(f"scenes: expected none for the data {path}, got {scenes!r}")
    longer_side = LONGER_SIDE if size is None else size
    if longer_side < 1:
        raise DatasetError(f"size: expected at least one pixel, got {size}")
    try:
        pattern = None if group is None else re.compile(group)
    except re.error as error:
        raise DatasetError(f"group: expected a regular expression, got {group!r} ({error})") from error
    listing = formats.read(path)
    split = split_images(listing, pattern)
    problems = [*listing.problems, *split.problems]
    images = [*split.train, *split.validation]
    pixels = decode([image.image for image in images], longer_side, cache, announce) if images else []
    train, validation = (
        make_samples(part, pixels_of_part, listing.class_names, problems)
        for part, pixels_of_part in (
            (split.train, pixels[: len(split.train)]),
            (split.validation, pixels[len(split.train) :]),
        )
    )
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
        warnings=copies(train, validation),
        augment=augment,
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


def presentable(folder: Path, problems: Iterable[Problem]) -> list[Problem]:
    """List each problem once, with its file relative to the folder of the data set, in short and printable texts."""
    return [
        Problem(
            presentable_text(file.relative_to(folder).as_posix() if file.is_relative_to(folder) else problem.file),
            presentable_text(problem.row),
            presentable_text(problem.message),
        )
        for problem in dict.fromkeys(problems)
        for file in [Path(problem.file)]
    ]


def presentable_text(text: str) -> str:
    """A text that every encoding has, shortened if it is very long."""
    text = well_formed(text)
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}..."


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


def generated_scenes(style: Style, *, augment: bool) -> Dataset:
    """Generate the training and validation scenes of a style."""
    if augment and style.rotated:
        raise DatasetError("augment: expected axis-aligned boxes, got rotated scenes")
    subsets: tuple[tuple[Literal["train", "validation"], int], ...]
    subsets = ("train", TRAIN_SCENES), ("validation", VALIDATION_SCENES)
    train, validation = (
        [
            Sample(f"{subset}-{number:04}", scene.image, scene.boxes, scene.labels)
            for number, scene in enumerate(compose(count, subset, style))
        ]
        for subset, count in subsets
    )
    return Dataset(
        name=style.name,
        class_names=style.class_names,
        train=train,
        validation=validation,
        problems=[],
        split=f"By the writers of the digits; {sizes(train, validation)}.",
        geometry=detloss.Rotated() if style.rotated else detloss.AxisAligned(),
        augment=augment,
    )


def assign_folds(samples: Sequence[Sample], folds: int) -> list[int]:
    """Assign groups of images to folds, in turn, in the order of the checksums of their names.

    The remainder of the checksum is not used, because it may already determine the validation set.
    """
    groups = group_numbers(samples)
    names = {number: sample.group or sample.name for number, sample in zip(groups.tolist(), samples)}
    order = sorted(names, key=lambda number: (crc32(names[number].encode(errors="backslashreplace")), number))
    fold_of = {number: position % folds for position, number in enumerate(order)}
    return [fold_of[number] for number in groups.tolist()]


def fold_dataset(dataset: Dataset, fold: int, folds: int) -> Dataset:
    """Select the training images of a data set: one fold for evaluation, the others for training."""
    members = assign_folds(dataset.train, folds)
    return replace(
        dataset,
        train=[sample for sample, member in zip(dataset.train, members) if member != fold],
        validation=[sample for sample, member in zip(dataset.train, members) if member == fold],
    )


def search_dataset(dataset: Dataset) -> Dataset:
    """The data set of a search for weights, in which every fifth training image is held out for the evaluation."""
    return fold_dataset(dataset, 0, SEARCH_FOLDS)
