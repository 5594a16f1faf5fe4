"""Reader of COCO json: one file per subset, with its images, categories and annotations.

Source: T.-Y. Lin et al., "Microsoft COCO: Common Objects in Context", 2014,
https://cocodataset.org/#format-data

- A box [x, y, width, height] becomes its corners, in float64.
- A row with iscrowd = 1 outlines a crowd, not an object. It is excluded and listed.
- An image without rows has no objects, and is kept.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

from detloss.experiments.data.file_tree import FileTree
from detloss.experiments.data.records import (
    MAX_JSON_BYTES,
    WHOLE_FILE,
    AnnotatedImage,
    Annotation,
    Box,
    Listing,
    Subset,
    contents_of,
    has_split,
    subset_of,
)

LAYOUT = "*.json with images, annotations and categories, in the folder, annotations/, or train/ and valid/"

Value = TypeVar("Value")


@dataclass(frozen=True)
class ImageRow:
    """A row of "images" with its annotations; the file is None if there is no such image."""

    name: str
    file: Path | None
    declared_size: tuple[int, int] | None
    annotations: list[Annotation] = field(default_factory=list)


def detect(tree: FileTree) -> Iterator[Path]:
    """Find COCO json files; if some are named instances, others such as captions are not for detection."""
    files = [file for file in tree.regular(".json") if is_coco(file)]
    instances = [file for file in files if file.name.startswith("instances_")]
    yield from instances or files


def read(tree: FileTree, source: Path | None = None) -> Listing:
    """Read one json file, or all of a folder; if some name train and val, only those that name a subset."""
    listing = Listing(tree.root)
    files = [source] if source else [file for file in detect(tree) if tree.dataset_root(file.parent) == tree.root]
    subset_of_file = {file: subset_of(file.stem) or tree.subset(file) for file in files}
    if has_split(subset_of_file.values()):
        for file in [file for file in files if subset_of_file[file] is None]:
            message = "excluded: its name has neither train nor val, and others' names do"
            listing.exclude(file, WHOLE_FILE, message)
            del subset_of_file[file]
        names = (tree.relative(file) for file, subset in subset_of_file.items() if subset != "test")
        listing.split_rule = "json files " + " and ".join(names)
    for file, subset in subset_of_file.items():
        read_file(tree, file, subset, listing)
    return listing


def is_coco(file: Path) -> bool:
    """Whether a json file has the tables of COCO."""
    size = file.stat().st_size
    if file.name.startswith("instances_") or file.name.endswith(".coco.json"):
        return True
    if not 0 < size <= MAX_JSON_BYTES:
        return False
    with file.open("rb") as opened, mmap(opened.fileno(), 0, access=ACCESS_READ) as content:
        return content.find(b'"images"') >= 0 and max(map(content.find, (b'"annotations"', b'"categories"'))) >= 0


def read_file(tree: FileTree, file: Path, subset: Subset | None, listing: Listing) -> None:
    """Read one json file into a listing."""
    try:
        content = json.loads(contents_of(file, MAX_JSON_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        listing.exclude(file, WHOLE_FILE, f"is not readable as json: {error}")
        return
    # Of a test set only the names of the images are needed, to exclude them.
    rows = image_rows(tree, file, subset, content, Listing(tree.root) if subset == "test" else listing)
    if subset != "test":
        name_of_category = read_categories(file, content, listing)
        add_annotations(file, content, rows, name_of_category, listing)
        new_names = dict.fromkeys([*listing.class_names, *name_of_category.values()])
        listing.class_names = tuple(new_names)
        listing.class_ids = {name: identity for identity, name in name_of_category.items()} | listing.class_ids
    listing.images += [
        AnnotatedImage(row.file, file, tuple(row.annotations), subset, row.declared_size, identity)
        for identity, row in rows.items()
        if row.file is not None
    ]


def table_rows(file: Path, content: Any, table: str, listing: Listing) -> list[tuple[str, dict[str, Any]]]:
    """The objects of one table of the file, each with its position."""
    rows = content.get(table) if isinstance(content, dict) else None
    if not isinstance(rows, list):
        listing.exclude(file, table, f"expected a list named {table}, got {kind_of(rows)}")
        return []
    valid = []
    for number, row in enumerate(rows):
        if isinstance(row, dict):
            valid.append((f"{table}[{number}]", row))
        else:
            message = f"expected an object, got {kind_of(row)}"
            listing.exclude(file, f"{table}[{number}]", message)
    return valid


def read_categories(file: Path, content: Any, listing: Listing) -> dict[int | str, str]:
    """Read class names by category id, in the order of the ids."""
    names: dict[int | str, str] = {}
    taken = set()
    for position, row in table_rows(file, content, "categories", listing):
        identity, name = row.get("id"), row.get("name")
        if not is_integer(identity) or not isinstance(name, str):
            message = f"expected an integer as id and a name, got {identity!r} and {name!r}"
        elif identity in names:
            message = f"category id {identity} is taken by {names[identity]!r}"
        elif name in taken:
            message = f"category name {name!r} is taken"
        else:
            names[identity] = name
            taken.add(name)
            continue
        listing.exclude(file, position, message)
    return dict(sorted(names.items(), key=lambda item: item[0]))


def image_rows(
    tree: FileTree, file: Path, subset: Subset | None, content: Any, listing: Listing
) -> dict[int | str, ImageRow]:
    """Read the images by id, also missing ones, so that their annotations are not listed as well."""
    rows: dict[int | str, ImageRow] = {}
    for position, row in table_rows(file, content, "images", listing):
        identity, name = row.get("id"), row.get("file_name")
        if not isinstance(identity, int | str) or not isinstance(name, str):
            message = f"expected an id and a file_name, got {identity!r} and {name!r}"
        elif identity in rows:
            message = f"image id {identity!r} is taken by {rows[identity].name!r}"
        else:
            images = tree.nearest(tree.find(name), file, subset)
            image = images[0] if len(images) == 1 else None
            width, height = row.get("width"), row.get("height")
            declared = (width, height) if is_length(width) and is_length(height) else None
            rows[identity] = ImageRow(name, image, declared)
            if image is not None:
                continue
            found = f"{len(images)} images have this name: " + ", ".join(map(tree.relative, images))
            message = f"image {name!r}: {found}" if images else f"image {name!r} is missing in the data set's folder"
        listing.exclude(file, position, message)
    return rows


def add_annotations(
    file: Path,
    content: Any,
    images: dict[int | str, ImageRow],
    name_of_category: dict[int | str, str],
    listing: Listing,
) -> None:
    """Read the annotations and add them to their images."""
    for position, row in table_rows(file, content, "annotations", listing):
        if "id" in row:
            position = f"{position}, id {row['id']!r}"
        image = look_up(images, row.get("image_id"))
        name = look_up(name_of_category, row.get("category_id"))
        box = corners(row.get("bbox"))
        if image is None:
            message = f"image_id {row.get('image_id')!r} is none of the images"
        elif name is None:
            message = f"unknown class: category_id {row.get('category_id')!r} is none of the categories"
        elif row.get("iscrowd"):
            message = "iscrowd: outlines a crowd, not an object"
        elif box is None:
            message = f"bbox: expected [x, y, width, height], got {row.get('bbox')!r:.60}"
        else:
            image.annotations.append(Annotation(position, name, box))
            continue
        listing.exclude(file, position, message)


def look_up(table: dict[int | str, Value], key: Any) -> Value | None:
    """Look up a key from a file, which may have any type."""
    return table.get(key) if is_key(key) else None


def corners(bbox: Any) -> Box | None:
    """Convert a box to its corners; None if it is not a box."""
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(is_number, bbox)):
        return None
    try:
        x, y, width, height = map(float, bbox)
    except OverflowError:  # an integer too large for a float
        return None
    return x, y, x + width, y + height


def is_integer(value: Any) -> TypeGuard[int]:
    """Whether a value is an integer; in Python a bool is one too."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_key(value: Any) -> TypeGuard[int | str]:
    """Whether a value can be an id."""
    return is_integer(value) or isinstance(value, str)


def is_length(value: Any) -> TypeGuard[int]:
    """Whether a value is a positive integer."""
    return is_integer(value) and value > 0


def is_number(value: Any) -> bool:
    """Whether a value is a number."""
    return isinstance(value, float) or is_integer(value)


def kind_of(value: Any) -> str:
    """Describe a value by its type and its first characters."""
    return "nothing" if value is None else f"{type(value).__name__} {value!r:.40}"
