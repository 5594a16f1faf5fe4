"""Split of a data set into training and validation images."""

import os
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from detloss.experiments.data.records import WHOLE_FILE, AnnotatedImage, DatasetError, Listing, Problem, Subset

# An image in several subsets belongs to the first of these.
PRECEDENCE: tuple[Subset | None, ...] = ("test", "train", "validation", None)


@dataclass(frozen=True)
class Split:
    """The training and validation images of a data set, in the order of their names.

    `test` is the number of test images, which are not used; `rule` describes the split, for users.
    """

    train: list[AnnotatedImage]
    validation: list[AnnotatedImage]
    test: int
    rule: str
    problems: list[Problem]


def split_images(listing: Listing, pattern: re.Pattern[str] | None = None) -> Split:
    """Split by the data set's own files, if they separate training from validation.

    Otherwise every fifth image is for validation: those whose file name has a crc32 divisible by 5, so that an image
    stays in its subset when the data set grows. Test images are in neither. Images stay together whose paths in the
    data set agree in the groups of the pattern, or in all of its match if it has no groups; the crc32 is then that of
    the agreeing part. A pattern that matches no path is a DatasetError.
    """
    images, problems = unique_images(listing.images)
    if pattern is not None:
        images = [replace(image, group=group_of(image, listing.root, pattern)) for image in images]
        if images and not any(image.group for image in images):
            example = images[0].image.relative_to(listing.root).as_posix()
            raise DatasetError(f"group: expected a pattern in paths such as {example!r}, got {pattern.pattern!r}")
    usable = [image for image in images if image.subset != "test"]
    if listing.split_rule:
        rule = f"By the data set's own {listing.split_rule}"
        message = "excluded: its folder names neither train nor val, and others' do"
        problems += [Problem(str(image.image), WHOLE_FILE, message) for image in usable if image.subset is None]
        usable = [image for image in usable if image.subset is not None]
        trained = {image.group for image in usable if image.subset == "train"} - {""}
        message = "excluded: it is for validation, and images of its group {!r:.200} are for training"
        problems += [
            Problem(str(image.image), WHOLE_FILE, message.format(image.group))
            for image in usable
            if image.subset == "validation" and image.group in trained
        ]
        validation = [image for image in usable if image.subset == "validation" and image.group not in trained]
        train = [image for image in usable if image.subset == "train"]
    else:
        rule = "Every fifth image is for validation (crc32 of its file name divisible by 5)"
        if pattern is not None:
            rule = "Every fifth group of images is for validation (crc32 of its name divisible by 5)"
        validation = [image for image in usable if is_fifth(image)]
        train = [image for image in usable if not is_fifth(image)]
    if pattern is not None:
        groups = len({image.group for image in (*train, *validation)} - {""})
        rule += f"; {groups} groups by {pattern.pattern!r}"
    return Split(train, validation, sum(image.subset == "test" for image in images), rule, problems)


def is_fifth(image: AnnotatedImage) -> bool:
    """Whether an image is for validation, by the checksum of its group or of its name."""
    return zlib.crc32(os.fsencode(image.group or image.image.name)) % 5 == 0


def group_of(image: AnnotatedImage, root: Path, pattern: re.Pattern[str]) -> str:
    """The part of the path of an image that its group has in common; "" if the pattern is not in it."""
    found = pattern.search(image.image.relative_to(root).as_posix())
    return "" if found is None else "/".join(found.groups("")) or found[0]


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
