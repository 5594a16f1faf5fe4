"""COCO json: one file a part, with its images, categories and annotations.

Source: T.-Y. Lin et al., "Microsoft COCO: Common Objects in Context", 2014,
https://cocodataset.org/#format-data

- A box [x, y, width, height] becomes its corners; the numbers stay as they stand.
- A row with iscrowd = 1 outlines a crowd, not an object: it is left out and listed.
- An image without rows is an image without objects, and kept.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

from detloss.experiments.data.file_tree import Tree
from detloss.experiments.data.records import (
    LARGEST_JSON,
    WHOLE_FILE,
    AnnotatedImage,
    Annotation,
    Box,
    Listing,
    Part,
    contents_of,
    part_of,
    tells_apart,
)

LOOKED_FOR = "*.json with images, annotations and categories, in the folder, annotations/, or train/ and valid/"

Value = TypeVar("Value")


@dataclass(frozen=True)
class _ImageRow:
    """A row of "images", with the annotations that were found for it; no file, no image."""

    name: str
    file: Path | None
    declared_size: tuple[int, int] | None
    annotations: list[Annotation] = field(default_factory=list)


def evidence(tree: Tree) -> Iterator[Path]:
    """Every COCO json; of other files of the same images, such as captions, none where there are instances."""
    files = [file for file in tree.readable(".json") if _is_coco(file)]
    instances = [file for file in files if file.name.startswith("instances_")]
    yield from instances or files


def read(tree: Tree, source: Path | None = None) -> Listing:
    """Reads one json file, or all of a folder: those that say train and val where any do."""
    listing = Listing()
    files = [source] if source else [file for file in evidence(tree) if tree.home(file.parent) == tree.root]
    part_of_file = {file: part_of(file.stem) or tree.part(file) for file in files}
    if tells_apart(part_of_file.values()):
        for file in [file for file in files if part_of_file[file] is None]:
            message = "left out: its name says neither train nor val, and others' names do"
            listing.leave_out(file, WHOLE_FILE, message)
            del part_of_file[file]
        names = (tree.shown(file) for file, part in part_of_file.items() if part != "test")
        listing.split_rule = "json files " + " and ".join(names)
    for file, part in part_of_file.items():
        _read_file(tree, file, part, listing)
    return listing


def _is_coco(file: Path) -> bool:
    size = file.stat().st_size
    if file.name.startswith("instances_") or file.name.endswith(".coco.json"):
        return True
    if not 0 < size <= LARGEST_JSON:
        return False
    with file.open("rb") as opened, mmap(opened.fileno(), 0, access=ACCESS_READ) as content:
        return content.find(b'"images"') >= 0 and max(map(content.find, (b'"annotations"', b'"categories"'))) >= 0


def _read_file(tree: Tree, file: Path, part: Part | None, listing: Listing) -> None:
    try:
        content = json.loads(contents_of(file, LARGEST_JSON))
    except (OSError, ValueError, RecursionError) as error:
        listing.leave_out(file, WHOLE_FILE, f"is not readable as json: {error}")
        return
    # Of a test set nothing is wanted but which images to leave alone.
    rows = _image_rows(tree, file, part, content, Listing() if part == "test" else listing)
    if part != "test":
        name_of_category = _categories(file, content, listing)
        _add_annotations(file, content, rows, name_of_category, listing)
        new_names = dict.fromkeys([*listing.class_names, *name_of_category.values()])
        listing.class_names = tuple(new_names)
    listing.images += [
        AnnotatedImage(row.file, file, tuple(row.annotations), part, row.declared_size)
        for row in rows.values()
        if row.file is not None
    ]


def _rows(file: Path, content: Any, table: str, listing: Listing) -> list[tuple[str, dict[str, Any]]]:
    """The objects of one table of the file, each with its place in words."""
    rows = content.get(table) if isinstance(content, dict) else None
    if not isinstance(rows, list):
        listing.leave_out(file, table, f"expected a list named {table}, got {_kind(rows)}")
        return []
    sound = []
    for number, row in enumerate(rows):
        if isinstance(row, dict):
            sound.append((f"{table}[{number}]", row))
        else:
            message = f"expected an object, got {_kind(row)}"
            listing.leave_out(file, f"{table}[{number}]", message)
    return sound


def _categories(file: Path, content: Any, listing: Listing) -> dict[int | str, str]:
    """Class names by category id, in the order of the ids."""
    names: dict[int | str, str] = {}
    taken = set()
    for place, row in _rows(file, content, "categories", listing):
        identity, name = row.get("id"), row.get("name")
        if not _is_whole(identity) or not isinstance(name, str):
            message = f"expected a whole number as id and a name, got {identity!r} and {name!r}"
        elif identity in names:
            message = f"category id {identity} is taken by {names[identity]!r}"
        elif name in taken:
            message = f"category name {name!r} is taken"
        else:
            names[identity] = name
            taken.add(name)
            continue
        listing.leave_out(file, place, message)
    return dict(sorted(names.items(), key=lambda item: item[0]))


def _image_rows(
    tree: Tree, file: Path, part: Part | None, content: Any, listing: Listing
) -> dict[int | str, _ImageRow]:
    """The images by their id; a missing one too, so that its annotations are not listed as well."""
    rows: dict[int | str, _ImageRow] = {}
    for place, row in _rows(file, content, "images", listing):
        identity, name = row.get("id"), row.get("file_name")
        if not isinstance(identity, int | str) or not isinstance(name, str):
            message = f"expected an id and a file_name, got {identity!r} and {name!r}"
        elif identity in rows:
            message = f"image id {identity!r} is taken by {rows[identity].name!r}"
        else:
            images = tree.nearest(tree.named(name), file, part)
            image = images[0] if len(images) == 1 else None
            width, height = row.get("width"), row.get("height")
            declared = (width, height) if _is_length(width) and _is_length(height) else None
            rows[identity] = _ImageRow(name, image, declared)
            if image is not None:
                continue
            found = f"{len(images)} images are named so: " + ", ".join(map(tree.shown, images))
            message = f"image {name!r}: {found}" if images else f"image {name!r} is missing in the data set's folder"
        listing.leave_out(file, place, message)
    return rows


def _add_annotations(
    file: Path,
    content: Any,
    images: dict[int | str, _ImageRow],
    name_of_category: dict[int | str, str],
    listing: Listing,
) -> None:
    for place, row in _rows(file, content, "annotations", listing):
        if "id" in row:
            place = f"{place}, id {row['id']!r}"
        image = _looked_up(images, row.get("image_id"))
        name = _looked_up(name_of_category, row.get("category_id"))
        box = _corners(row.get("bbox"))
        if image is None:
            message = f"image_id {row.get('image_id')!r} is none of the images"
        elif name is None:
            message = f"unknown class: category_id {row.get('category_id')!r} is none of the categories"
        elif row.get("iscrowd"):
            message = "iscrowd: outlines a crowd, not an object"
        elif box is None:
            message = f"bbox: expected [x, y, width, height], got {row.get('bbox')!r:.60}"
        else:
            image.annotations.append(Annotation(place, name, box))
            continue
        listing.leave_out(file, place, message)


def _looked_up(table: dict[int | str, Value], key: Any) -> Value | None:
    """The value of a key that came from a file and may be of any kind."""
    return table.get(key) if _is_whole(key) or isinstance(key, str) else None


def _corners(bbox: Any) -> Box | None:
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(_is_number, bbox)):
        return None
    try:
        x, y, width, height = map(float, bbox)
    except OverflowError:  # a whole number beyond what a float can hold
        return None
    return x, y, x + width, y + height


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_length(value: Any) -> TypeGuard[int]:
    return _is_whole(value) and value > 0


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or _is_whole(value)


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"{type(value).__name__} {value!r:.40}"
