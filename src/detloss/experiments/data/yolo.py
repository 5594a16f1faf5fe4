"""Reader of YOLO txt: one label file per image, one row per box: class, center x, center y, width, height.

Source: https://docs.ultralytics.com/datasets/detect/

- Coordinates are fractions of the image's width and height; boxes are converted to pixels when the image is read.
- Class names come from data.yaml, classes.txt, obj.names or _darknet.labels; otherwise they are "class 0", "class 1"
  and so on.
- By YOLO's convention, an image without a label file has no objects. It is kept, and counted in the report.
- Rows with more numbers, such as outlines or confidences, are not boxes. They are excluded and listed.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from detloss.experiments.data.file_tree import IMAGE_SUFFIXES, FileTree
from detloss.experiments.data.records import (
    WHOLE_FILE,
    AnnotatedImage,
    Annotation,
    Box,
    DatasetError,
    Listing,
    Subset,
    contents_of,
    has_split,
    lines_of,
    listed_names,
)

LAYOUT = "images/ and labels/ with *.txt, or *.txt among their images; also in train/ and valid/; data.yaml with names"

SETTINGS_SUFFIXES = (".yaml", ".yml")
NAME_FILES = frozenset({"classes.txt", "obj.names", "_darknet.labels"})
OTHER_TEXTS = {"train.txt", "val.txt", "valid.txt", "test.txt", *NAME_FILES}

# Keys of the subsets in data.yaml, and by Darknet's convention the names of their lists of images.
SUBSET_KEYS: dict[str, Subset] = {"train": "train", "val": "validation", "valid": "validation", "test": "test"}

MAX_YAML_BYTES = 2**18  # PyYAML takes ten seconds for a hundred thousand values; that of LVIS has 25 kB
HEAD_BYTES = 4096  # of a text file, which show whether it has labels
MAX_EMPTY_FILES = 20  # files of a folder to inspect: those of images without objects are empty

Located = tuple[Path, Subset | None]


@dataclass(frozen=True)
class Settings:
    """The description of a data set beside its labels, in a data.yaml or, without one, a folder.

    Class names are by the number in label files. Sources are folders and lists of images as written, relative to the
    base, each with its subset.
    """

    file: Path
    class_names: dict[int, str] | None
    sources: tuple[tuple[str, Subset], ...]
    base: Path


def detect(tree: FileTree) -> Iterator[Path]:
    """Find every data.yaml, and one label file of every folder that has any."""
    yield from settings_files(tree)
    inspected: dict[Path, int] = defaultdict(int)
    for file in tree.regular(".txt"):
        if inspected[file.parent] < MAX_EMPTY_FILES and file.name not in OTHER_TEXTS:
            inspected[file.parent] += 1
            if has_labels(file):
                inspected[file.parent] = MAX_EMPTY_FILES
                yield file


def read(tree: FileTree, source: Path | None = None) -> Listing:
    """Read a folder of images and labels, or the one that a data.yaml describes."""
    listing = Listing(tree.root)
    settings = read_settings(tree, source, listing)
    texts = [file for file in tree.regular(".txt") if file.name not in OTHER_TEXTS]
    label_files: dict[Path, list[Path]] = defaultdict(list)
    for text, images_of_text in tree.match_images(texts).items():
        for image in images_of_text:
            label_files[image].append(text)
    images = images_of_settings(tree, settings, listing) or images_by_folder(tree, label_files, listing)
    without_label_file = 0
    for image, subset in images:
        files = prefer_labels(tree, label_files.get(image, []))
        if subset == "test":
            listing.images.append(AnnotatedImage(image, image, subset=subset))
        elif not files:
            listing.images.append(AnnotatedImage(image, image, subset=subset))
            without_label_file += 1
        elif len(files) > 1:
            message = f"expected one label file, found {len(files)}: " + ", ".join(map(tree.relative, files))
            listing.exclude(image, WHOLE_FILE, message)
        elif (rows := read_labels(files[0], settings.class_names, listing)) is not None:
            listing.images.append(AnnotatedImage(image, files[0], rows, subset, unit="fractions"))
    if without_label_file:
        listing.remarks.append(f"images without a label file are kept as empty ({without_label_file})")
    folders = {image.source.parent for image in listing.images if image.source != image.image}
    paired = {text for files in label_files.values() for text in files}
    for text in texts:
        if text.parent in folders and text not in paired and not text.name.lower().startswith("readme"):
            listing.exclude(text, WHOLE_FILE, f"labels without an image {text.stem}")
    found, known = {row.class_name for image in listing.images for row in image.annotations}, settings.class_names
    by_number = sorted(found, key=lambda name: int(name.split()[-1])) if known is None else known.values()
    listing.class_names = tuple(by_number)
    return listing


def has_labels(file: Path) -> bool:
    """Whether the first row is an integer and at least four other numbers, as in boxes and outlines."""
    with file.open("rb") as opened:
        head = opened.read(HEAD_BYTES).split(b"\n")
    row = next(filter(None, (line.split() for line in head)), [])
    return len(row) > 4 and re.fullmatch(rb"[0-9]+", row[0]) is not None and all(map(is_number, row))


def is_number(text: bytes) -> bool:
    """Whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def images_of_settings(tree: FileTree, settings: Settings, listing: Listing) -> list[Located]:
    """List the images in the folders and lists of the settings, each with its subset."""
    images: dict[Subset, list[Path]] = defaultdict(list)
    names = []
    for written, subset in settings.sources:
        source = tree.resolve(written, settings.base, subset)
        if source is not None:
            names += [tree.relative(source)] if subset != "test" else []
            images[subset] += tree.below(source, tree.images) if source.is_dir() else read_list(tree, source, listing)
        elif subset != "test":
            message = f"expected a folder or a list of images in the data set's folder, got {written!r:.200}"
            listing.exclude(settings.file, subset, message)
    located: list[Located] = [(image, subset) for subset, of_subset in images.items() for image in of_subset]
    if not has_split(subset for _, subset in settings.sources):
        return located
    if images["train"] and set(images["train"]) == set(images["validation"]):
        listing.remarks.append(f"{settings.file.name} has the same images for train and val, so a new split was made")
        return [(image, subset) for image, subset in located if subset != "validation"]
    listing.split_rule = "folders and lists " + " and ".join(names)
    return located


def read_list(tree: FileTree, file: Path, listing: Listing) -> list[Path]:
    """Read a list of images, one per line."""
    images = []
    for number, line in enumerate(listed_names(file), start=1):
        found = [image for image in tree.find(line) if image.suffix.lower() in IMAGE_SUFFIXES]
        nearest = tree.nearest(found, file, None)
        if len(nearest) == 1:
            images += nearest
        elif line:
            reason = "is the name of several: " + ", ".join(map(tree.relative, nearest)) if nearest else "is missing"
            listing.exclude(file, f"line {number}", f"image {line!r:.200} {reason}")
    return images


def images_by_folder(tree: FileTree, label_files: Collection[Path], listing: Listing) -> list[Located]:
    """List the images of a data set without lists, each with the subset of its folder.

    There may be other images, such as a preview: an image counts if another in its folder has labels, or if its folder
    is named for images or for a subset.
    """
    labeled = {image.parent for image in label_files}
    images = [image for image in tree.images if image.parent in labeled or tree.is_conventional(image.parent)]
    listing.split_rule = tree.split_rule(images)
    return [(image, tree.subset(image)) for image in images]


def prefer_labels(tree: FileTree, files: list[Path]) -> list[Path]:
    """The label files of an image; of several, those in a folder named labels."""
    if len(files) < 2:
        return files
    return [file for file in files if "labels" in tree.relative(file.parent).lower().split("/")] or files


def read_labels(file: Path, class_names: dict[int, str] | None, listing: Listing) -> tuple[Annotation, ...] | None:
    """Read the valid rows of a label file; None if it cannot be read, which excludes its image."""
    try:
        lines = lines_of(file)
    except (OSError, UnicodeDecodeError) as error:
        listing.exclude(file, WHOLE_FILE, f"excluded with its image: is not readable as text: {error}")
        return None
    annotations = []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        row = parse_row(line)
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
        listing.exclude(file, f"line {number}", message)
    return tuple(annotations)


def parse_row(line: str) -> tuple[int, Box] | None:
    """Parse the class number of a row and its corners; None if the row is not a box."""
    try:
        label, x, y, width, height = map(float, line.split())
    except ValueError:
        return None
    if not label.is_integer():
        return None
    return int(label), (x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def settings_files(tree: FileTree) -> list[Path]:
    """Find the settings in a folder: yaml files with names."""
    return [file for file in tree.regular(*SETTINGS_SUFFIXES) if has_names(file)]


def read_settings(tree: FileTree, source: Path | None, listing: Listing) -> Settings:
    """Read a data.yaml, or the only one of a folder, and the files of names and lists beside it."""
    files = (
        [source] if source else [file for file in settings_files(tree) if tree.dataset_root(file.parent) == tree.root]
    )
    if len(files) > 1:
        found = ", ".join(map(tree.relative, files))
        raise DatasetError(f"{tree.root}: expected one file of settings, found {found}; give one of them")
    file = files[0] if files else tree.root
    content = read_mapping(file, listing) if files else {}
    sources = [(source, subset) for key, subset in SUBSET_KEYS.items() for source in texts_of(content.get(key))]
    named = {subset for _, subset in sources}
    lists = {tree.relative(text) for text in tree.regular(".txt")}
    sources += [
        (f"{key}.txt", subset) for key, subset in SUBSET_KEYS.items() if subset not in named and f"{key}.txt" in lists
    ]
    folder = file.parent if files else tree.root
    return Settings(
        file=file,
        class_names=read_class_names(tree, file, content.get("names"), listing),
        sources=tuple(sources),
        base=folder.joinpath(*texts_of(content.get("path"))[:1]),
    )


def has_names(file: Path) -> bool:
    """Whether a yaml file has names of classes."""
    try:
        return re.search(rb"(?m)^names\s*:", contents_of(file)) is not None
    except OSError:
        return False


def read_mapping(file: Path, listing: Listing) -> dict[str, Any]:
    """Read a yaml file, every value as text: a class may be named "no"."""
    try:
        content = yaml.load(contents_of(file, MAX_YAML_BYTES), Loader=yaml.BaseLoader)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        listing.exclude(file, WHOLE_FILE, f"is not readable as yaml: {error}")
        return {}
    if isinstance(content, dict):
        return content
    message = f"expected settings such as names and train, got {type(content).__name__}"
    listing.exclude(file, WHOLE_FILE, message)
    return {}


def texts_of(value: Any) -> list[str]:
    """The texts of a setting, which may be a text, a list of them or of another type."""
    values = value if isinstance(value, list) else [value]
    return [text for text in values if isinstance(text, str) and text]


def read_class_names(tree: FileTree, settings_file: Path, given: Any, listing: Listing) -> dict[int, str] | None:
    """Read the class names from the settings, or from a file of names."""
    if given:
        rows = given.items() if isinstance(given, dict) else enumerate(given if isinstance(given, list) else [given])
        return unique_names(settings_file, rows, listing)
    lines: dict[Path, list[str]] = {}
    for file in tree.files:
        if file.name in NAME_FILES and tree.dataset_root(file.parent) == tree.root:
            try:
                lines[file] = lines_of(file)
            except (OSError, UnicodeDecodeError) as error:
                listing.exclude(file, WHOLE_FILE, f"is not readable as text: {error}")
    if not lines:
        return None
    first, *others = lines
    for other in others:
        if lines[other] != lines[first]:
            both = f"{tree.relative(first)} and {tree.relative(other)}"
            raise DatasetError(f"{tree.root}: expected one list of class names, found {both}, which differ")
    return unique_names(first, ((number, line) for number, line in enumerate(lines[first]) if line), listing)


def unique_names(file: Path, rows: Iterable[tuple[Any, Any]], listing: Listing) -> dict[int, str]:
    """Collect names by number; a name that occurs twice belongs to its first number."""
    names: dict[int, str] = {}
    taken = set()
    for key, name in rows:
        if not re.fullmatch("[0-9]{1,9}", str(key)) or not isinstance(name, str):
            # Of other values only the type is shown: with aliases, 500 bytes of yaml become 10^10 elements.
            kind = repr(name[:60]) if isinstance(name, str) else f"a {type(name).__name__}"
            message = f"expected an integer and a name, got {key!s:.60} and {kind}"
        elif name in taken:
            message = f"class name {name!r} is taken"
        else:
            names[int(key)] = name
            taken.add(name)
            continue
        listing.exclude(file, f"class {key!s:.60}", message)
    return dict(sorted(names.items()))
