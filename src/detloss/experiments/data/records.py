"""What every reader hands over: rows as their files have them, their boxes not yet checked."""

import math
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Part = Literal["train", "validation", "test"]
Box = tuple[float, float, float, float]

WHOLE_FILE = "whole file"
PARTS: tuple[Part, ...] = ("train", "validation", "test")
# A COCO json of a large set has some hundred megabytes; what has more is none, and would not fit into memory.
LARGEST_JSON = 2**32
LARGEST_TEXT = 2**26
# Labels are drawn on rounded coordinates, so that a true edge may stand one pixel outside.
ROUNDING = 1.0
# A thinner side vanishes in float32 once the image is resized.
SHORTEST_SIDE = 0.01

_PART_WORDS: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


class DatasetError(ValueError):
    """A data set that cannot be used at all, in words for its owner."""

    def __init__(self, message: str) -> None:
        super().__init__(well_formed(message))


@dataclass(frozen=True)
class Problem:
    """One thing that was left out, and why.

    Attributes:
        file: The file it stands in, relative to the data set's folder.
        row: The row of that file, or "whole file".
        message: What was expected and what came.
    """

    file: str
    row: str
    message: str


@dataclass(frozen=True)
class Annotation:
    """One labelled box as its file has it.

    Attributes:
        row: Where in the file it stands, in words.
        class_name: A name out of the listing's `class_names`.
        box: x1, y1, x2, y2 in the unit of its image's `unit`; any numbers at all.
        difficult: Whether its owner marked it as hard to recognise.
    """

    row: str
    class_name: str
    box: Box
    difficult: bool = False


@dataclass(frozen=True)
class AnnotatedImage:
    """An image file with its labelled boxes; neither has been looked at.

    Attributes:
        image: The image file.
        source: The file that holds the boxes.
        annotations: Its boxes; always empty where part is "test".
        part: Which part of the data set its owner put it in, None where the owner did not say.
        declared_size: Width and height as the annotation file has them.
        unit: Whether boxes are in pixels or in shares of the image's width and height.
    """

    image: Path
    source: Path
    annotations: tuple[Annotation, ...] = ()
    part: Part | None = None
    declared_size: tuple[int, int] | None = None
    unit: Literal["pixels", "shares"] = "pixels"


@dataclass
class Listing:
    """A whole data set as its files have it.

    Attributes:
        class_names: Names in the order of their labels.
        images: Every image that has a row or a label file, of every part.
        problems: What could not be understood and is left out.
        remarks: Clauses for the report on what was kept although it may surprise.
        split_rule: Which files or folders tell train and validation apart, "" if none do.
        found: What there is instead, in sentences, where there are no images.
    """

    class_names: tuple[str, ...] = ()
    images: list[AnnotatedImage] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    split_rule: str = ""
    found: str = ""

    def leave_out(self, file: Path, row: str, message: str) -> None:
        """Notes one thing that is left out."""
        self.problems.append(Problem(str(file), row, message))


def part_of(name: str) -> Part | None:
    """The part that a file or folder name speaks of: "instances_train2017" of training.

    Returns:
        None where the name speaks of no part, or of more than one.
    """
    words = re.findall("[a-z]+", name.lower())
    parts = {_PART_WORDS[word] for word in words if word in _PART_WORDS}
    return parts.pop() if len(parts) == 1 else None


def tells_apart(parts: Iterable[Part | None]) -> bool:
    """Whether there is both a part to train on and one to judge on."""
    return {"train", "validation"} <= set(parts)


def fault_of(box: Box, width: int, height: int) -> str | None:
    """What is wrong with a box, in words.

    Up to one pixel beyond the image's edge counts as rounding: such a box is sound, and its
    numbers stay as they stand.

    Args:
        box: x1, y1, x2, y2 in pixels of the image.
        width: Width of the image in pixels.
        height: Height of the image in pixels.

    Returns:
        None for a sound box.

    Example:
        >>> fault_of((504, 337, 504, 337), 640, 480)
        'box (504, 337, 504, 337) has no area'
        >>> fault_of((600, 10, 652.5, 40), 640, 480)
        'box (600, 10, 652.5, 40) reaches 12.5 pixels beyond the image of 640 x 480 pixels'
    """
    x1, y1, x2, y2 = box
    shown = "box ({:.7g}, {:.7g}, {:.7g}, {:.7g})".format(*box)
    if not all(map(math.isfinite, box)):
        return f"{shown} has a number that is not finite"
    if x2 < x1 or y2 < y1:
        return f"{shown} is inverted: expected x1 < x2 and y1 < y2"
    if x2 - x1 < SHORTEST_SIDE or y2 - y1 < SHORTEST_SIDE:
        return f"{shown} has no area"
    if x2 <= 0 or y2 <= 0 or x1 >= width or y1 >= height:
        return f"{shown} lies outside the image of {width} x {height} pixels"
    beyond = max(-x1, -y1, x2 - width, y2 - height)
    if beyond > ROUNDING:
        return f"{shown} reaches {beyond:.7g} pixels beyond the image of {width} x {height} pixels"
    return None


def contents_of(file: Path, largest: int = LARGEST_TEXT) -> bytes:
    """The bytes of a regular file of no more than so many.

    Raises:
        OSError: If it is larger, no regular file, or cannot be opened.
    """
    if not os.path.isfile(file):
        raise OSError("it is missing or not a regular file")
    if (size := os.path.getsize(file)) > largest:
        raise OSError(f"expected at most {largest} bytes, got {size}")
    return file.read_bytes()


def lines_of(file: Path) -> list[str]:
    """The lines of a text file in UTF-8, with any line ends and with or without a byte order mark.

    Raises:
        OSError: If it cannot be read.
        UnicodeDecodeError: If it is not UTF-8.
    """
    return [line.strip() for line in contents_of(file).decode("utf-8-sig").splitlines()]


def well_formed(text: str) -> str:
    r"""The text with what no encoding can write, as in file names that are not UTF-8, spelt as \\udcff."""
    return text.encode("utf-8", "backslashreplace").decode()
