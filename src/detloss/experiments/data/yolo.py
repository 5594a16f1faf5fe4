"""YOLO txt: one label file an image, one row a box: class, center x, center y, width, height.

Source: https://docs.ultralytics.com/datasets/detect/

- Coordinates are shares of the image's width and height, so boxes become pixels once it is read.
- Class names come from data.yaml, classes.txt, obj.names or _darknet.labels; without them they are
  "class 0", "class 1" and so on.
- An image without a label file is by YOLO's custom an image without objects: kept, and counted in
  the report.
- Rows of more numbers, such as outlines or confidences, are no boxes: left out and listed.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path

from detloss.experiments.data import yolo_settings
from detloss.experiments.data.file_tree import IMAGE_SUFFIXES, Tree
from detloss.experiments.data.records import (
    WHOLE_FILE,
    AnnotatedImage,
    Annotation,
    Box,
    DatasetError,
    Listing,
    Part,
    lines_of,
    tells_apart,
)
from detloss.experiments.data.yolo_settings import Settings

LOOKED_FOR = (
    "images/ and labels/ with *.txt, or *.txt among their images; also in train/ and valid/; data.yaml with names"
)

_HEAD = 4096  # bytes of a text file that show whether it has labels
_PEEKS = 20  # files of a folder to look into: those of images without objects are empty
_OTHER_TEXTS = {"train.txt", "val.txt", "valid.txt", "test.txt", *yolo_settings.NAME_FILES}
_Placed = tuple[Path, Part | None]


def evidence(tree: Tree) -> Iterator[Path]:
    """Every data.yaml, and one label file of every folder that has any."""
    yield from yolo_settings.files_in(tree)
    peeks: dict[Path, int] = defaultdict(int)
    for file in tree.readable(".txt"):
        if peeks[file.parent] < _PEEKS and file.name not in _OTHER_TEXTS:
            peeks[file.parent] += 1
            if _has_labels(file):
                peeks[file.parent] = _PEEKS
                yield file


def read(tree: Tree, source: Path | None = None) -> Listing:
    """Reads a folder of images and labels, or the one that a data.yaml describes."""
    listing = Listing()
    settings = yolo_settings.read(tree, source, listing)
    texts = [file for file in tree.readable(".txt") if file.name not in _OTHER_TEXTS]
    label_files: dict[Path, list[Path]] = defaultdict(list)
    for text, images_of_text in tree.pair(texts).items():
        for image in images_of_text:
            label_files[image].append(text)
    images = _listed(tree, settings, listing) or _by_folder(tree, label_files, listing)
    without_label_file = 0
    for image, part in images:
        files = _in_labels(tree, label_files.get(image, []))
        if part == "test":
            listing.images.append(AnnotatedImage(image, image, part=part))
        elif not files:
            listing.images.append(AnnotatedImage(image, image, part=part))
            without_label_file += 1
        elif len(files) > 1:
            message = f"expected one label file, found {len(files)}: " + ", ".join(map(tree.shown, files))
            listing.leave_out(image, WHOLE_FILE, message)
        elif (rows := _annotations(files[0], settings.class_names, listing)) is not None:
            listing.images.append(AnnotatedImage(image, files[0], rows, part, unit="shares"))
    if without_label_file:
        listing.remarks.append(f"images without a label file are kept as empty ({without_label_file})")
    folders = {image.source.parent for image in listing.images if image.source != image.image}
    paired = {text for files in label_files.values() for text in files}
    for text in texts:
        if text.parent in folders and text not in paired and not text.name.lower().startswith("readme"):
            listing.leave_out(text, WHOLE_FILE, f"labels without an image {text.stem}")
    seen = {row.class_name for image in listing.images for row in image.annotations}
    known = settings.class_names
    listing.class_names = tuple(sorted(seen, key=_number_of) if known is None else known.values())
    return listing


def _has_labels(file: Path) -> bool:
    """Whether the first row is a whole number and four others or more, as boxes and outlines have them."""
    with file.open("rb") as opened:
        head = opened.read(_HEAD).split(b"\n")
    row = next(filter(None, (line.split() for line in head)), [])
    return len(row) > 4 and re.fullmatch(rb"[0-9]+", row[0]) is not None and all(map(_is_number, row))


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _listed(tree: Tree, settings: Settings, listing: Listing) -> list[_Placed]:
    """The images of the folders and lists that the settings name, each with its part."""
    images: dict[Part, list[Path]] = defaultdict(list)
    names = []
    for written, part in settings.places:
        place = tree.at(written, settings.base, part)
        if place is not None:
            names += [tree.shown(place)] if part != "test" else []
            images[part] += tree.below(place, tree.images) if place.is_dir() else _of_list(tree, place, listing)
        elif part != "test":
            message = f"expected a folder or a list of images in the data set's folder, got {written!r:.200}"
            listing.leave_out(settings.file, part, message)
    placed: list[_Placed] = [(image, part) for part, of_part in images.items() for image in of_part]
    if not tells_apart(part for _, part in settings.places):
        return placed
    if images["train"] and set(images["train"]) == set(images["validation"]):
        listing.remarks.append(f"{settings.file.name} has the same images for train and val, so they were divided anew")
        return [(image, part) for image, part in placed if part != "validation"]
    listing.split_rule = "folders and lists " + " and ".join(names)
    return placed


def _of_list(tree: Tree, file: Path, listing: Listing) -> list[Path]:
    """The images that a list names, one a line."""
    images = []
    try:
        lines = lines_of(file)
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{file}: cannot tell which images are for what: {error}") from error
    for number, line in enumerate(lines, start=1):
        found = [image for image in tree.named(line) if image.suffix.lower() in IMAGE_SUFFIXES]
        nearest = tree.nearest(found, file, None)
        if len(nearest) == 1:
            images += nearest
        elif line:
            reason = "is the name of several: " + ", ".join(map(tree.shown, nearest)) if nearest else "is missing"
            listing.leave_out(file, f"line {number}", f"image {line!r:.200} {reason}")
    return images


def _by_folder(tree: Tree, label_files: Collection[Path], listing: Listing) -> list[_Placed]:
    """The images of a data set without lists, each with the part that its folder speaks of.

    Others, such as a preview, may lie about: an image counts where another in its folder has labels, or where its
    folder is named for images or for a part.
    """
    labelled = {image.parent for image in label_files}
    images = [image for image in tree.images if image.parent in labelled or tree.is_usual(image.parent)]
    listing.split_rule = tree.split_rule(images)
    return [(image, tree.part(image)) for image in images]


def _in_labels(tree: Tree, files: list[Path]) -> list[Path]:
    """The label files of an image; where there are several, those in a folder called labels."""
    in_labels = [file for file in files if "labels" in tree.shown(file.parent).lower().split("/")]
    return in_labels if len(files) > 1 and in_labels else files


def _annotations(file: Path, class_names: dict[int, str] | None, listing: Listing) -> tuple[Annotation, ...] | None:
    """The sound rows of a label file; None if it cannot be read, so that its image is left out."""
    try:
        lines = lines_of(file)
    except (OSError, UnicodeDecodeError) as error:
        listing.leave_out(file, WHOLE_FILE, f"left out with its image: is not readable as text: {error}")
        return None
    annotations = []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        row = _row(line)
        if row is None:
            message = f"expected class, center x, center y, width, height; got {line!r:.60}"
        else:
            label, box = row
            name = f"class {label}" if class_names is None else class_names.get(label)
            if name is not None and label >= 0:
                annotations.append(Annotation(f"line {number}", name, box))
                continue
            message = f"unknown class {label}"
            if class_names:
                message += f": expected {min(class_names)} to {max(class_names)}"
        listing.leave_out(file, f"line {number}", message)
    return tuple(annotations)


def _number_of(class_name: str) -> int:
    return int(class_name.removeprefix("class "))


def _row(line: str) -> tuple[int, Box] | None:
    """The class number of a row and its corners, None if it is no row of a box."""
    try:
        label, x, y, width, height = map(float, line.split())
    except ValueError:
        return None
    if not label.is_integer():
        return None
    return int(label), (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
