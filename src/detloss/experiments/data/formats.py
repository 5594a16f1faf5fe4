"""Detection of the format and the folder of a data set."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from detloss.experiments.data import coco, voc, yolo
from detloss.experiments.data.file_tree import FileTree, is_image_folder
from detloss.experiments.data.records import DatasetError, Listing


@dataclass(frozen=True)
class Format:
    """A format and its reader; for users, its supported layouts and the expected contents of its annotation files."""

    name: str
    layout: str
    suffixes: tuple[str, ...]
    expected: str
    detect: Callable[[FileTree], Iterator[Path]]
    read: Callable[[FileTree, Path | None], Listing]


COCO_CONTENT = 'expected lists "images" and "annotations" in it'
YOLO_CONTENT = "expected rows of class, center x, center y, width, height"
COCO = Format("COCO json", coco.LAYOUT, (".json",), COCO_CONTENT, coco.detect, coco.read)
VOC = Format("Pascal VOC xml", voc.LAYOUT, (".xml",), "expected <annotation> as its root", voc.detect, voc.read)
YOLO = Format("YOLO txt", yolo.LAYOUT, (".txt",), YOLO_CONTENT, yolo.detect, yolo.read)
FORMATS = (COCO, VOC, YOLO)


def read(path: Path) -> Listing:
    """Read a data set of any format from its file, its folder, or a folder that contains it and no other."""
    if path.is_dir():
        return read_folder(path)
    if not path.exists():
        raise DatasetError(f"{path}: there is no such file or folder")
    file_format = {".json": COCO, **dict.fromkeys(yolo.SETTINGS_SUFFIXES, YOLO)}.get(path.suffix.lower())
    if file_format is None:
        raise DatasetError(
            f"{path}: expected a folder, a COCO json file or YOLO's data.yaml, "
            f"got a file that ends in {path.suffix or 'nothing'}"
        )
    folder = path.parent
    # By convention COCO's json files are in a folder of their own, beside the images.
    tree = FileTree(folder.parent if folder.name.lower() == "annotations" else folder)
    return read_as(file_format, tree, path)


def read_folder(folder: Path) -> Listing:
    """Read the data set in a folder that is nearest to its root."""
    tree = FileTree(folder)
    found: dict[tuple[Path, str], tuple[Format, Path]] = {}
    for file_format in FORMATS:
        for file in file_format.detect(tree):
            found.setdefault((tree.dataset_root(file.parent), file_format.name), (file_format, file))
    if not found:
        raise DatasetError(nothing_found(tree))
    depth = min(len(root.parts) for root, _ in found)
    nearest = [(root, *of_root) for (root, _), of_root in found.items() if len(root.parts) == depth]
    if len(nearest) > 1:
        listed = "".join(f"\n  {file_format.name}: {file}" for _, file_format, file in nearest)
        raise DatasetError(
            f"{folder}: expected one data set, found {len(nearest)}; give the folder or file of one of them{listed}"
        )
    [(root, file_format, _)] = nearest
    return read_as(file_format, tree if root == folder else FileTree(root), None)


def read_as(file_format: Format, tree: FileTree, file: Path | None) -> Listing:
    """Read a data set in a format; if it has no images, describe the folder."""
    listing = file_format.read(tree, file)
    if not listing.images:
        listing.found = f"It was read as {file_format.name} and has:{tree.inventory()}{advice(tree)}"
    return listing


def nothing_found(tree: FileTree) -> str:
    """Describe a folder without a data set: its contents, what they lack, and the supported layouts."""
    rejected = [
        f"\n  {tree.relative(files[0])} is no {file_format.name}: {file_format.expected}"
        for file_format in FORMATS
        if (files := tree.regular(*file_format.suffixes))
    ]
    reasons = "".join(rejected) or ("\n  There are images, but no annotations." if tree.images else "")
    layouts = "".join(f"\n  {file_format.name}: {file_format.layout}" for file_format in FORMATS)
    return (
        f"{tree.root}: no data set found. It has:{tree.inventory()}{advice(tree)}{reasons}\nSupported layouts:{layouts}"
    )


def advice(tree: FileTree) -> str:
    """Suggest where to put images, for a folder that has none."""
    if tree.images:
        return ""
    folder = tree.root.resolve()
    siblings = [other.name for other in sorted(folder.parent.iterdir()) if is_image_folder(other)]
    where = f"{siblings[0]}/ is beside it: give the folder that has both" if siblings else "put them into images/ in it"
    return f"\n  It has no images: {where}."
