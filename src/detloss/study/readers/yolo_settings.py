"""What data.yaml and the files of class names beside YOLO txt say."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from detloss.study.readers.annotation import WHOLE_FILE, DatasetError, Listing, Part, lines_of

SUFFIXES = (".yaml", ".yml")

_NAME_FILES = ("classes.txt", "obj.names", "labels/classes.txt")
_PARTS: dict[str, Part] = {"train": "train", "val": "validation", "test": "test"}


@dataclass(frozen=True)
class Settings:
    """What is said about a data set beside its labels.

    Attributes:
        file: The data.yaml, or the folder where there is none.
        class_names: Names by the number that stands in label files; None if none are given.
        places: Folders of images and lists of images as written, each with its part.
        base: The folder that places are written relative to, "" for the file's own.
    """

    file: Path
    class_names: dict[int, str] | None
    places: tuple[tuple[str, Part], ...]
    base: str


def files_in(folder: Path) -> list[Path]:
    """The files of settings in a folder: yaml that has names."""
    files = (file for suffix in SUFFIXES for file in folder.glob(f"*{suffix}"))
    return sorted(file for file in files if re.search(rb"(?m)^names\s*:", file.read_bytes()))


def read(source: Path, listing: Listing) -> Settings:
    """Reads a data.yaml, or the one of a folder and the files of names and lists beside it.

    Raises:
        DatasetError: If the folder has more than one data.yaml.
    """
    folder = source if source.is_dir() else source.parent
    files = files_in(source) if source.is_dir() else [source]
    if len(files) > 1:
        found = ", ".join(file.name for file in files)
        raise DatasetError(f"{folder}: expected one file of settings, found {found}; name one")
    content = _mapping(files[0], listing) if files else {}
    # Darknet's own custom is a list of images a part, train.txt and val.txt.
    lists = {key: f"{key}.txt" for key in _PARTS if (folder / f"{key}.txt").is_file()}
    return Settings(
        file=files[0] if files else folder,
        class_names=_class_names(folder, files, content.get("names"), listing),
        places=tuple(
            (place, part) for key, part in _PARTS.items() for place in _texts(content.get(key) or lists.get(key))
        ),
        base=next(iter(_texts(content.get("path"))), ""),
    )


def _mapping(file: Path, listing: Listing) -> dict[str, Any]:
    """The content of a yaml file, every value as text: a class may well be called "no"."""
    try:
        content = yaml.load(file.read_bytes(), Loader=yaml.BaseLoader)
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


def _class_names(folder: Path, settings_files: list[Path], given: Any, listing: Listing) -> dict[int, str] | None:
    if given:
        rows = given.items() if isinstance(given, dict) else enumerate(_texts(given))
        return _unique(settings_files[0], rows, listing)
    name_files = (folder / name for name in _NAME_FILES)
    file = next((file for file in name_files if file.is_file()), None)
    if file is None:
        return None
    try:
        lines = lines_of(file)
    except (OSError, UnicodeDecodeError) as error:
        listing.leave_out(file, WHOLE_FILE, f"is not readable as text: {error}")
        return None
    return _unique(file, ((number, line) for number, line in enumerate(lines) if line), listing)


def _unique(file: Path, rows: Iterable[tuple[Any, Any]], listing: Listing) -> dict[int, str]:
    """The names by number; a name that stands twice counts the first time."""
    names: dict[int, str] = {}
    for key, name in rows:
        if not re.fullmatch("[0-9]{1,9}", str(key)) or not isinstance(name, str):
            message = f"expected a whole number and a name, got {key!r} and {name!r}"
        elif name in names.values():
            message = f"class name {name!r} is taken"
        else:
            names[int(key)] = name
            continue
        listing.leave_out(file, f"class {key}", message)
    return dict(sorted(names.items()))
