"""What data.yaml and the files of class names beside YOLO txt say."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from detloss.experiments.data.file_tree import Tree
from detloss.experiments.data.records import (
    WHOLE_FILE,
    DatasetError,
    Listing,
    Part,
    contents_of,
    lines_of,
)

SUFFIXES = (".yaml", ".yml")
NAME_FILES = frozenset({"classes.txt", "obj.names", "_darknet.labels"})

# A part's name in data.yaml, and that of its list of images by Darknet's custom.
_PARTS: dict[str, Part] = {"train": "train", "val": "validation", "valid": "validation", "test": "test"}


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


def files_in(tree: Tree) -> list[Path]:
    """The files of settings in a folder: yaml that has names."""
    return [file for file in tree.readable(*SUFFIXES) if _has_names(file)]


def read(tree: Tree, source: Path | None, listing: Listing) -> Settings:
    """Reads a data.yaml, or the one of a folder and the files of names and lists beside it.

    Raises:
        DatasetError: If the folder has more than one data.yaml, or files of class names that differ.
    """
    files = [source] if source else [file for file in files_in(tree) if tree.home(file.parent) == tree.root]
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
