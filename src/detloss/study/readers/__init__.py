"""Readers of annotated images, and how a data set's format is recognised."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from detloss.study.readers import coco, voc, yolo, yolo_settings
from detloss.study.readers.annotation import DatasetError, Listing


@dataclass(frozen=True)
class _Format:
    name: str
    looked_for: str
    find: Callable[[Path], Path | None]
    read: Callable[[Path], Listing]


_COCO = _Format("COCO json", coco.LOOKED_FOR, coco.find, coco.read)
_VOC = _Format("Pascal VOC xml", voc.LOOKED_FOR, voc.find, voc.read)
_YOLO = _Format("YOLO txt", yolo.LOOKED_FOR, yolo.find, yolo.read)
_FORMATS = (_COCO, _VOC, _YOLO)


def read(path: Path) -> Listing:
    """Reads a data set of whichever format it is.

    A folder is looked into itself and, should it hold no data set, one folder deeper.

    Raises:
        DatasetError: If there is nothing at the path, no data set or more than one.
    """
    if path.is_dir():
        return _read_folder(path)
    if not path.exists():
        raise DatasetError(f"{path}: there is no such file or folder")
    if path.suffix.lower() == ".json":
        return coco.read(path)
    if path.suffix.lower() in yolo_settings.SUFFIXES:
        return yolo.read(path)
    raise DatasetError(
        f"{path}: expected a folder, a COCO json file or YOLO's data.yaml, "
        f"got a file that ends in {path.suffix or 'nothing'}"
    )


def _read_folder(folder: Path) -> Listing:
    subfolders = sorted(entry for entry in folder.iterdir() if entry.is_dir())
    found = _recognise([folder]) or _recognise(subfolders)
    if not found:
        looked_for = "".join(f"\n  {known.name}: {known.looked_for}" for known in _FORMATS)
        raise DatasetError(f"{folder}: no data set found, here or one folder deeper; looked for{looked_for}")
    if len(found) > 1:
        seen = "".join(f"\n  {known.name}: {evidence}" for known, _, evidence in found)
        raise DatasetError(
            f"{folder}: expected one data set, found {len(found)}; "
            f"name the folder or file of the one that is meant{seen}"
        )
    [(known, place, _)] = found
    return known.read(place)


def _recognise(folders: list[Path]) -> list[tuple[_Format, Path, Path]]:
    """Every data set in these folders: its format, its folder and the file that gave it away."""
    return [
        (known, folder, evidence)
        for folder in folders
        for known in _FORMATS
        if (evidence := known.find(folder)) is not None
    ]
