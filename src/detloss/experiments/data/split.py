"""Split of a data set into training and validation images."""

import os
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from detloss.experiments.data.records import (
    WHOLE_FILE,
    AnnotatedImage,
    Listing,
    Problem,
    Subset,
)

# An image in several subsets belongs to the first of these.
PRECEDENCE: tuple[Subset | None, ...] = ("test", "train", "validation", None)


@dataclass(frozen=True)
class Split:
    """The training and validation images of a data set.

    Attributes:
        train: Training images in the order of their names.
        validation: Validation images in the order of their names; none of them is in `train`.
        test: Number of test images, which are not used.
        rule: The rule of the split, for users.
        problems: Images that are listed twice.
    """

    train: list[AnnotatedImage]
    validation: list[AnnotatedImage]
    test: int
    rule: str
    problems: list[Problem]


def split_images(listing: Listing) -> Split:
    """Split by the data set's own files, if they separate training from validation.

    Otherwise every fifth image is for validation: those whose file name has a crc32 divisible by 5, so that an image
    stays in its subset when the data set grows. Test images are in neither.
    """
    images, problems = unique_images(listing.images)
    usable = [image for image in images if image.subset != "test"]
    if listing.split_rule:
        rule = f"By the data set's own {listing.split_rule}"
        message = "excluded: its folder names neither train nor val, and others' do"
        problems += [Problem(str(image.image), WHOLE_FILE, message) for image in usable if image.subset is None]
        usable = [image for image in usable if image.subset is not None]
        validation = [image for image in usable if image.subset == "validation"]
    else:
        rule = "Every fifth image is for validation (crc32 of its file name divisible by 5)"
        validation = [image for image in usable if zlib.crc32(os.fsencode(image.image.name)) % 5 == 0]
    held_out = {id(image) for image in validation}
    train = [image for image in usable if id(image) not in held_out]
    return Split(train, validation, sum(image.subset == "test" for image in images), rule, problems)


def unique_images(images: Iterable[AnnotatedImage]) -> tuple[list[AnnotatedImage], list[Problem]]:
    """List every image file once, in the subset that takes precedence."""
    kept: dict[str, AnnotatedImage] = {}
    problems = []
    for image in sorted(images, key=lambda image: PRECEDENCE.index(image.subset)):
        first = kept.setdefault(os.path.realpath(image.image), image)
        if first is not image:
            message = f"image in {image.subset or 'the list'} is already in {first.subset or 'it'}; used there only"
            problems.append(Problem(str(image.image), WHOLE_FILE, message))
    return sorted(kept.values(), key=lambda image: (image.image.name, image.image)), problems
