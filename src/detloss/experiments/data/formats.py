"""Readers of annotated images, and how a data set's format and folder are recognised."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from detloss.experiments.data import (
    coco,
    voc,
    yolo,
)
from detloss.experiments.data.file_tree import Tree, is_for_images
from detloss.experiments.data.records import DatasetError, Listing


@dataclass(frozen=True)
class _Format:
    name: str
    looked_for: str
    suffixes: tuple[str, ...]
    refused: str
    evidence: Callable[[Tree], Iterator[Path]]
    read: Callable[[Tree, Path | None], Listing]


_COCO = _Format(
    "COCO json",
    coco.LOOKED_FOR,
    (".json",),
    'expected lists "images" and "annotations" in it',
    coco.evidence,
    coco.read,
)
_VOC = _Format("Pascal VOC xml", voc.LOOKED_FOR, (".xml",), "expected <annotation> as its root", voc.evidence, voc.read)
_YOLO = _Format(
    "YOLO txt",
    yolo.LOOKED_FOR,
    (".txt",),
    "expected rows of class, center x, center y, width, height",
    yolo.evidence,
    yolo.read,
)
_FORMATS = (_COCO, _VOC, _YOLO)


def read(path: Path) -> Listing:
    """Reads a data set of whichever format it is, from its folder or one that has it somewhere in it.

    Raises:
        DatasetError: If there is nothing at the path, no data set or more than one.
    """
    if path.is_dir():
        return _read_folder(path)
    if not path.exists():
        raise DatasetError(f"{path}: there is no such file or folder")
    known = {".json": _COCO, **dict.fromkeys(yolo.SETTINGS_SUFFIXES, _YOLO)}.get(path.suffix.lower())
    if known is None:
        raise DatasetError(
            f"{path}: expected a folder, a COCO json file or YOLO's data.yaml, "
            f"got a file that ends in {path.suffix or 'nothing'}"
        )
    folder = path.parent
    # By custom the json files of COCO lie in a folder of their own, with the images beside it.
    tree = Tree(folder.parent if folder.name.lower() == "annotations" else folder)
    return _read(known, tree, path)


def _read_folder(folder: Path) -> Listing:
    tree = Tree(folder)
    found: dict[tuple[Path, str], tuple[_Format, Path]] = {}
    for known in _FORMATS:
        for file in known.evidence(tree):
            found.setdefault((tree.home(file.parent), known.name), (known, file))
    if not found:
        raise DatasetError(_nothing_found(tree))
    depth = min(len(home.parts) for home, _ in found)
    nearest = [(home, *evidence) for (home, _), evidence in found.items() if len(home.parts) == depth]
    if len(nearest) > 1:
        seen = "".join(f"\n  {known.name}: {file}" for _, known, file in nearest)
        raise DatasetError(
            f"{folder}: expected one data set, found {len(nearest)}; "
            f"name the folder or file of the one that is meant{seen}"
        )
    [(home, known, _)] = nearest
    return _read(known, tree if home == folder else Tree(home), None)


def _read(known: _Format, tree: Tree, file: Path | None) -> Listing:
    """Reads one data set; where it comes to no image, what there is says more than the problems alone."""
    listing = known.read(tree, file)
    if not listing.images:
        listing.found = f"It was read as {known.name} and has:{tree.inventory()}{_advice(tree)}"
    return listing


def _nothing_found(tree: Tree) -> str:
    """What is there, why it is none of the formats, and what would be one."""
    refused = [
        f"\n  {tree.shown(files[0])} is no {known.name}: {known.refused}"
        for known in _FORMATS
        if (files := tree.readable(*known.suffixes))
    ]
    reasons = "".join(refused) or ("\n  There are images, but no annotations." if tree.images else "")
    looked_for = "".join(f"\n  {known.name}: {known.looked_for}" for known in _FORMATS)
    return f"{tree.root}: no data set found. It has:{tree.inventory()}{_advice(tree)}{reasons}\nLooked for{looked_for}"


def _advice(tree: Tree) -> str:
    """Where the images may be, for a folder that has none."""
    if tree.images:
        return ""
    folder = tree.root.resolve()
    beside = [other.name for other in sorted(folder.parent.iterdir()) if is_for_images(other)]
    advice = f"{beside[0]}/ is beside it: name the folder that has both" if beside else "put them into images/ in it"
    return f"\n  It has no images: {advice}."
