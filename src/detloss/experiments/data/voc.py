"""Pascal VOC xml: one file an image, with its objects.

Source: M. Everingham et al., "The Pascal Visual Object Classes (VOC) Challenge", 2010,
http://host.robots.ox.ac.uk/pascal/VOC/

- Boxes keep the numbers that the file has. VOC itself counts pixels from 1 and includes the last
  one, most tools that write VOC xml do neither, and no file says which; at stake is one pixel
  before resizing. A box with xmin = xmax is therefore one without area.
- Objects marked difficult are objects like any other: they are kept, and counted in the report.
- The classes are the names that occur outside the test images, in alphabetical order.
- An image belongs to the file of its name; only where there is none do the file's own filename,
  folder and path say which it is, since images are renamed more often than their files are edited.
- Test images are known by their names only: their annotation files are not opened.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree

from detloss.experiments.data.file_tree import IMAGE_SUFFIXES, Tree
from detloss.experiments.data.records import (
    WHOLE_FILE,
    AnnotatedImage,
    Annotation,
    DatasetError,
    Listing,
    Part,
    contents_of,
    lines_of,
    part_of,
    tells_apart,
)

LOOKED_FOR = (
    "a folder of *.xml beside images/, JPEGImages/ or imgs/, or *.xml among their images; also in train/ and valid/"
)

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_HEAD = 4096  # bytes in which the root element of an xml file stands


def evidence(tree: Tree) -> Iterator[Path]:
    """One Pascal VOC xml of every folder that has any."""
    folders: set[Path] = set()
    for file in tree.readable(".xml"):
        if file.parent not in folders and _is_voc(file):
            folders.add(file.parent)
            yield file


def read(tree: Tree, source: Path | None = None) -> Listing:
    """Reads all Pascal VOC xml of a folder."""
    listing = Listing()
    folders = {file.parent for file in evidence(tree) if tree.home(file.parent) == tree.root}
    everything = [file for file in tree.readable(".xml") if file.parent in folders]
    files = _listed(tree, everything, listing)
    pairs = tree.pair({file for file, _ in files})
    taken = {images[0] for images in pairs.values() if len(images) == 1}
    for file, part in files:
        images = pairs[file]
        part = part or tree.part(file) or (tree.part(images[0]) if images else None)
        if part == "test":
            listing.images += [AnnotatedImage(image, file, part=part) for image in images[:1]]
        elif (root := _root(file, listing)) is not None:
            _read_file(tree, file, root, part, _chosen(tree, file, root, part, images, taken), listing)
    _add_images_without_file(tree, {file.stem for file in (*everything, *pairs)}, listing)
    listing.split_rule = listing.split_rule or tree.split_rule(image.image for image in listing.images)
    rows = [row for image in listing.images for row in image.annotations]
    listing.class_names = tuple(sorted({row.class_name for row in rows}))
    if difficult := sum(row.difficult for row in rows):
        listing.remarks.append(f"objects marked difficult are kept ({difficult})")
    return listing


def _is_voc(file: Path) -> bool:
    with file.open("rb") as head:
        return re.search(rb"<annotation[\s>]", head.read(_HEAD)) is not None


def _listed(tree: Tree, everything: list[Path], listing: Listing) -> list[tuple[Path, Part | None]]:
    """The annotation files with their parts, as the lists in ImageSets/Main have them.

    Without a list to train or validate on, all files but those of the test list have no part.
    """
    lists = {
        file: part
        for file in tree.readable(".txt")
        if (part := part_of(file.stem))
        and file.stem.isalpha()
        and tree.shown(file.parent).lower().endswith("imagesets/main")
    }
    files: list[tuple[Path, Part | None]] = []
    for names, part in lists.items():
        files += [(file, part) for file in _files_of_list(tree, names, everything)]
    if tells_apart(lists.values()):
        chosen = " and ".join(names.name for names, part in lists.items() if part != "test")
        listing.split_rule = f"ImageSets/Main/{chosen}"
    if set(lists.values()) <= {"test"}:
        tested = {file for file, _ in files}
        files += [(file, None) for file in everything if file not in tested]
    return files


def _files_of_list(tree: Tree, names: Path, everything: list[Path]) -> list[Path]:
    try:
        lines = lines_of(names)
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{names}: cannot tell which images are for what: {error}") from error
    known = set(everything)
    files = []
    for line in filter(None, lines):
        stem = line.removesuffix(Path(line).suffix) if Path(line).suffix.lower() in IMAGE_SUFFIXES else line
        found = [file for file in tree.named(f"{stem}.xml") if file in known]
        # A missing one is listed where it should be; its own folders may lead anywhere.
        files.append(found[0] if found else everything[0].parent / f"{PureWindowsPath(stem).name}.xml")
    return files


def _root(file: Path, listing: Listing) -> Element | None:
    try:
        root: Element = ElementTree.fromstring(contents_of(file))
    except (OSError, ParseError, ValueError, LookupError) as error:
        reason = f"is not readable as xml: {str(error) or type(error).__name__}"
        if not os.path.isfile(file):
            reason = "stands in a list of ImageSets/Main, but there is no such file"
    else:
        if root.tag == "annotation":
            return root
        reason = f"expected <annotation>, got <{root.tag}>"
    listing.leave_out(file, WHOLE_FILE, reason)
    return None


def _chosen(
    tree: Tree, file: Path, root: Element, part: Part | None, images: list[Path], taken: set[Path]
) -> list[Path]:
    """The images of a file: the one of its name, or else those that its own path, folder and filename say."""
    name = _text(root, "filename")
    for written in (_text(root, "path"), f"{_text(root, 'folder')}/{name}", name):
        if len(images) == 1:
            break
        named = tree.named(written) if written else []
        possible = [
            image
            for image in named
            if image.suffix.lower() in IMAGE_SUFFIXES and (image in images if images else image not in taken)
        ]
        images = tree.nearest(possible, file, part) or images
    return images


def _read_file(tree: Tree, file: Path, root: Element, part: Part | None, images: list[Path], listing: Listing) -> None:
    if len(images) != 1:
        name = PureWindowsPath(_text(root, "filename")).name
        shown = ", ".join(map(tree.shown, images))
        missing = f"image {name!r} is missing, and no other image is named {file.stem}"
        message = f"expected one image named {file.stem}, found {len(images)}: {shown}" if images else missing
        listing.leave_out(file, WHOLE_FILE, message)
        return
    [image] = images
    width, height = _text(root, "size/width"), _text(root, "size/height")
    is_declared = all(re.fullmatch("[1-9][0-9]{0,8}", side) for side in (width, height))
    declared_size = (int(width), int(height)) if is_declared else None
    part = part or tree.part(image)
    annotations = () if part == "test" else _annotations(file, root, listing)
    listing.images.append(AnnotatedImage(image, file, annotations, part, declared_size))


def _add_images_without_file(tree: Tree, known: set[str], listing: Listing) -> None:
    """Adds the test images that have no annotation file, and lists any other image that has none."""
    found = {image.image for image in listing.images}
    folders = {image.parent for image in found}
    for image in tree.images:
        if image in found or image.stem in known:
            continue
        if tree.part(image) == "test":
            listing.images.append(AnnotatedImage(image, image, part="test"))
        elif image.parent in folders:
            listing.leave_out(image, WHOLE_FILE, f"image has no annotation file {image.stem}.xml")


def _annotations(file: Path, root: Element, listing: Listing) -> tuple[Annotation, ...]:
    annotations = []
    for number, row in enumerate(root.findall("object"), start=1):
        name = _text(row, "name")
        corners = [_text(row, f"bndbox/{corner}") for corner in _CORNERS]
        try:
            x1, y1, x2, y2 = map(float, corners)
        except ValueError:
            shown = ", ".join(f"{key} {text!r}" for key, text in zip(_CORNERS, corners, strict=True))
            message = f"bndbox: expected four numbers, got {shown}"
        else:
            if name:
                box, difficult = (x1, y1, x2, y2), _text(row, "difficult") == "1"
                annotations.append(Annotation(f"object {number}, {name}", name, box, difficult))
                continue
            message = "unknown class: expected a name, got none"
        listing.leave_out(file, f"object {number}", message)
    return tuple(annotations)


def _text(parent: Element, path: str) -> str:
    """The text of the element at a path, "" if there is none."""
    return (parent.findtext(path) or "").strip()
