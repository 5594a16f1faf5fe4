"""Which images are trained on and which are judged on."""

import os
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from detloss.experiments.data.records import (
    WHOLE_FILE,
    AnnotatedImage,
    Listing,
    Part,
    Problem,
)

# A test image is never used, and one to train on never judges.
_PRECEDENCE: tuple[Part | None, ...] = ("test", "train", "validation", None)


@dataclass(frozen=True)
class Division:
    """The two sides of a data set.

    Attributes:
        train: Images to train on, in the order of their names.
        validation: Images to judge on, in the order of their names; none of them is in `train`.
        test: How many images are left untouched.
        rule: How the sides were told apart, in words.
        problems: Images that stood in two places.
    """

    train: list[AnnotatedImage]
    validation: list[AnnotatedImage]
    test: int
    rule: str
    problems: list[Problem]


def divide(listing: Listing) -> Division:
    """Divides by the data set's own files where they tell train and validation apart.

    Where they do not, every fifth image is for validation: one whose file name has a crc32 divisible
    by 5, which stays on its side however the set grows. Test images are on neither side.
    """
    images, problems = _each_once(listing.images)
    usable = [image for image in images if image.part != "test"]
    if listing.split_rule:
        rule = f"By the data set's own {listing.split_rule}"
        message = "left out: its folder says neither train nor val, and others' do"
        problems += [Problem(str(image.image), WHOLE_FILE, message) for image in usable if image.part is None]
        usable = [image for image in usable if image.part is not None]
        validation = [image for image in usable if image.part == "validation"]
    else:
        rule = "Every fifth image is for validation (crc32 of its file name divisible by 5)"
        validation = [image for image in usable if zlib.crc32(os.fsencode(image.image.name)) % 5 == 0]
    judged = {id(image) for image in validation}
    train = [image for image in usable if id(image) not in judged]
    return Division(train, validation, sum(image.part == "test" for image in images), rule, problems)


def _each_once(images: Iterable[AnnotatedImage]) -> tuple[list[AnnotatedImage], list[Problem]]:
    """Every image file once, in the part that takes precedence."""
    kept: dict[str, AnnotatedImage] = {}
    problems = []
    for image in sorted(images, key=lambda image: _PRECEDENCE.index(image.part)):
        first = kept.setdefault(os.path.realpath(image.image), image)
        if first is not image:
            places = f"{image.part or 'the list'} though it is already in {first.part or 'it'}"
            problems.append(Problem(str(image.image), WHOLE_FILE, f"image stands in {places}; used there only"))
    return sorted(kept.values(), key=lambda image: (image.image.name, image.image)), problems
