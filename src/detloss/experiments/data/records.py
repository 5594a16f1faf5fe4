"""Records that all readers return: images and boxes as their files have them, and the checks of the boxes."""

import math
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from detloss.experiments.errors import UserError

Subset = Literal["train", "validation", "test"]
Box = tuple[float, float, float, float]

WHOLE_FILE = "whole file"
SUBSETS: tuple[Subset, ...] = ("train", "validation", "test")
SUBSET_WORDS: dict[str, Subset] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}

# The json of a large COCO data set has some hundred megabytes. Larger files would not fit into memory.
MAX_JSON_BYTES = 2**32
MAX_TEXT_BYTES = 2**26

# Boxes are drawn on rounded coordinates, so a true edge may lie one pixel outside.
ROUNDING = 1.0
# A shorter side may vanish in float32 when the image is resized.
MIN_SIDE = 0.01


class DatasetError(UserError, ValueError):
    """A data set that cannot be used."""

    def __init__(self, message: str) -> None:
        super().__init__(well_formed(message))


@dataclass(frozen=True)
class Problem:
    """An excluded part of a data set: its file, relative to the folder of the data set, its row, and the reason."""

    file: str
    row: str
    message: str


@dataclass(frozen=True)
class Annotation:
    """A labeled box at a position in a file, not checked: x1, y1, x2, y2 in the unit of its image.

    A difficult one is marked as hard to recognize.
    """

    row: str
    class_name: str
    box: Box
    difficult: bool = False


@dataclass(frozen=True)
class AnnotatedImage:
    """An image file with its labeled boxes; neither has been checked."""

    image: Path
    source: Path  # the file with the boxes
    annotations: tuple[Annotation, ...] = ()  # its boxes; always empty if the subset is "test"
    subset: Subset | None = None  # the subset that the data set assigns it to; None: not assigned
    declared_size: tuple[int, int] | None = None  # width and height in the annotation file
    id: int | str | None = None  # its id in the annotation file, where files have ids
    unit: Literal["pixels", "fractions"] = "pixels"  # of the boxes
    group: str = ""  # name of the images that stay together, such as the frames of a video; "" if it is alone


@dataclass
class Listing:
    """A data set as its files have it."""

    root: Path
    class_names: tuple[str, ...] = ()  # names in the order of their labels
    # ids of the classes by name, where files have ids; of several files, those of the first
    class_ids: dict[str, int | str] = field(default_factory=dict)
    # every image that has a row or a label file, of every subset
    images: list[AnnotatedImage] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)  # what could not be read and is excluded
    remarks: list[str] = field(default_factory=list)  # clauses for the report about unusual parts that are kept
    split_rule: str = ""  # the files or folders that separate training from validation, "" if none do
    found: str = ""  # a description of the folder if there are no images

    def exclude(self, file: Path, row: str, message: str) -> None:
        """Record an excluded part."""
        self.problems.append(Problem(str(file), row, message))


def subset_of(name: str) -> Subset | None:
    """Find the only subset that the name of a file or folder refers to: "instances_train2017" is for training."""
    words = re.findall("[a-z]+", name.lower())
    subsets = {SUBSET_WORDS[word] for word in words if word in SUBSET_WORDS}
    return subsets.pop() if len(subsets) == 1 else None


def has_split(subsets: Iterable[Subset | None]) -> bool:
    """Whether there is a subset for training and one for validation."""
    return {"train", "validation"} <= set(subsets)


def box_problem(box: Box, width: int, height: int) -> str | None:
    """Check whether a box can be trained on; one that cannot is excluded, never repaired.

    Up to one pixel outside the image counts as rounding: such a box is valid and remains unchanged. Its numbers are
    x1, y1, x2, y2 in pixels.

    Example:
        >>> box_problem((504, 337, 504, 337), 640, 480)
        'box (504, 337, 504, 337) has no area'
        >>> box_problem((600, 10, 652.5, 40), 640, 480)
        'box (600, 10, 652.5, 40) reaches 12.5 pixels beyond the image of 640 x 480 pixels'
    """
    x1, y1, x2, y2 = box
    shown = "box ({:.7g}, {:.7g}, {:.7g}, {:.7g})".format(*box)
    if not all(map(math.isfinite, box)):
        return f"{shown} has a number that is not finite"
    if x2 < x1 or y2 < y1:
        return f"{shown} is inverted: expected x1 < x2 and y1 < y2"
    if x2 - x1 < MIN_SIDE or y2 - y1 < MIN_SIDE:
        return f"{shown} has no area"
    if x2 <= 0 or y2 <= 0 or x1 >= width or y1 >= height:
        return f"{shown} lies outside the image of {width} x {height} pixels"
    beyond = max(-x1, -y1, x2 - width, y2 - height)
    if beyond > ROUNDING:
        return f"{shown} reaches {beyond:.7g} pixels beyond the image of {width} x {height} pixels"
    return None


def contents_of(file: Path, max_bytes: int = MAX_TEXT_BYTES) -> bytes:
    """Read a regular file of limited size; raise an OSError for any other."""
    if not os.path.isfile(file):
        raise OSError("it is missing or not a regular file")
    if (size := os.path.getsize(file)) > max_bytes:
        raise OSError(f"expected at most {max_bytes} bytes, got {size}")
    return file.read_bytes()


def lines_of(file: Path) -> list[str]:
    """Read the lines of a UTF-8 text file, with any line ends and with or without a byte order mark."""
    return [line.strip() for line in contents_of(file).decode("utf-8-sig").splitlines()]


def listed_names(file: Path) -> list[str]:
    """Read the lines of a list of images; raise a DatasetError if it cannot be read."""
    try:
        return lines_of(file)
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{file}: the list of images cannot be read: {error}") from error


def well_formed(text: str) -> str:
    r"""Escape characters that no encoding has, as in file names that are not UTF-8: \\udcff."""
    return text.encode("utf-8", "backslashreplace").decode()
