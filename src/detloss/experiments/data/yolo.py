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
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from detloss.experiments.data.file_tree import IMAGE_SUFFIXES, Tree
from detloss.experiments.data.records import (
    WHOLE_FILE,
    AnnotatedImage,
    Annotation,
    Box,
    DatasetError,
    Listing,
    Part,
    contents_of,
    lines_of,
    tells_apart,
)

LOOKED_FOR = (
    "images/ and labels/ with *.txt, or *.txt among their images; also in train/ and valid/; data.yaml with names"
)

SETTINGS_SUFFIXES = (".yaml", ".yml")
NAME_FILES = frozenset({"classes.txt", "obj.names", "_darknet.labels"})

# A part's name in data.yaml, and that of its list of images by Darknet's custom.
_PARTS: dict[str, Part] = {"train": "train", "val": "validation", "valid": "validation", "test": "test"}

_HEAD = 4096  # bytes of a text file that show whether it has labels
_PEEKS = 20  # files of a folder to look into: those of images without objects are empty
_OTHER_TEXTS = {"train.txt", "val.txt", "valid.txt", "test.txt", *NAME_FILES}
_Placed = tuple[Path, Part | None]


@dataclass(frozen=True)
class Settings:
    """What is said about a data set beside its labels.

    Attributes:
        file: The data.yaml, or the folder where there is none.
        class_names: Names by the number that stands in label files; None if none are given.
        places: Folders of images and lists of images as written, each with its part.
        base: The folder that places are written relative to.
    """

    file: Path
    class_names: dict[int, str] | None
    places: tuple[tuple[str, Part], ...]
    base: Path


def evidence(tree: Tree) -> Iterator[Path]:
    """Every data.yaml, and one label file of every folder that has any."""
    yield from settings_files(tree)
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
    settings = read_settings(tree, source, listing)
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


def settings_files(tree: Tree) -> list[Path]:
    """The files of settings in a folder: yaml that has names."""
    return [file for file in tree.readable(*SETTINGS_SUFFIXES) if _has_names(file)]


def read_settings(tree: Tree, source: Path | None, listing: Listing) -> Settings:
    """Reads a data.yaml, or the one of a folder and the files of names and lists beside it.

    Raises:
        DatasetError: If the folder has more than one data.yaml, or files of class names that differ.
    """
    files = [source] if source else [file for file in settings_files(tree) if tree.home(file.parent) == tree.root]
    if len(files) > 1:
        found = ", ".join(map(tree.shown, files))
        raise DatasetError(f"{tree.root}: expected one file of settings, found {found}; name one")
    file = files[0] if files else tree.root
    content = _mapping(file, listing) if files else {}
    places = [(place, part) for key, part in _PARTS.items() for place in _texts(content.get(key))]
    named = {part for _, part in places}
    lists = {tree.shown(text): text for text in tree.readable(".txt")}
    places += [(f"{key}.txt", part) for key, part in _PARTS.items() if part not in named and f"{key}.txt" in lists]
    folder = file.parent if files else tree.root
    return Settings(
        file=file,
        class_names=_class_names(tree, file, content.get("names"), listing),
        places=tuple(places),
        base=folder.joinpath(*_texts(content.get("path"))[:1]),
    )


def _has_names(file: Path) -> bool:
    try:
        return re.search(rb"(?m)^names\s*:", contents_of(file)) is not None
    except OSError:
        return False


def _mapping(file: Path, listing: Listing) -> dict[str, Any]:
    """The content of a yaml file, every value as text: a class may well be called "no"."""
    try:
        content = yaml.load(contents_of(file), Loader=yaml.BaseLoader)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        listing.leave_out(file, WHOLE_FILE, f"is not readable as yaml: {error}")
        return {}
    if isinstance(content, dict):
        return content
    message = f"expected settings such as names and train, got {type(content).__name__}"
    listing.leave_out(file, WHOLE_FILE, message)
    return {}


def _texts(value: Any) -> list[str]:
    """The texts of a setting that may be one text, a list of them or something else."""
    values = value if isinstance(value, list) else [value]
    return [text for text in values if isinstance(text, str) and text]


def _class_names(tree: Tree, settings_file: Path, given: Any, listing: Listing) -> dict[int, str] | None:
    if given:
        rows = given.items() if isinstance(given, dict) else enumerate(given if isinstance(given, list) else [given])
        return _unique(settings_file, rows, listing)
    lines: dict[Path, list[str]] = {}
    for file in tree.files:
        if file.name in NAME_FILES and tree.home(file.parent) == tree.root:
            try:
                lines[file] = lines_of(file)
            except (OSError, UnicodeDecodeError) as error:
                listing.leave_out(file, WHOLE_FILE, f"is not readable as text: {error}")
    if not lines:
        return None
    first, *others = lines
    for other in others:
        if lines[other] != lines[first]:
            both = f"{tree.shown(first)} and {tree.shown(other)}"
            raise DatasetError(f"{tree.root}: expected one list of class names, found {both}, which differ")
    return _unique(first, ((number, line) for number, line in enumerate(lines[first]) if line), listing)


def _unique(file: Path, rows: Iterable[tuple[Any, Any]], listing: Listing) -> dict[int, str]:
    """The names by number; a name that stands twice counts the first time."""
    names: dict[int, str] = {}
    taken = set()
    for key, name in rows:
        if not re.fullmatch("[0-9]{1,9}", str(key)) or not isinstance(name, str):
            # Of anything else only the type is shown: by aliases, 500 bytes of yaml become 10^10 entries.
            kind = repr(name[:60]) if isinstance(name, str) else f"a {type(name).__name__}"
            message = f"expected a whole number and a name, got {key!s:.60} and {kind}"
        elif name in taken:
            message = f"class name {name!r} is taken"
        else:
            names[int(key)] = name
            taken.add(name)
            continue
        listing.leave_out(file, f"class {key!s:.60}", message)
    return dict(sorted(names.items()))
