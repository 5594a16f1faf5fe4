"""Pascal VOC xml: one file an image, with its objects.

Source: M. Everingham et al., "The Pascal Visual Object Classes (VOC) Challenge", 2010,
http://host.robots.ox.ac.uk/pascal/VOC/

- Boxes keep the numbers that the file has. VOC itself counts pixels from 1 and includes the last
  one, most tools that write VOC xml do neither, and no file says which; at stake is one pixel
  before resizing. A box with xmin = xmax is therefore one without area.
- Objects marked difficult are objects like any other: they are kept, and counted in the report.
- The classes are the names that occur outside the test images, in alphabetical order.
- Test images are known by their names only: their annotation files are not opened.
"""

import re
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree

from detloss.study.readers.annotation import (
    WHOLE_FILE,
    AnnotatedImage,
    Annotation,
    DatasetError,
    Listing,
    Part,
    first_file,
    images_in,
    lines_of,
    part_of,
    tells_apart,
)

LOOKED_FOR = "Annotations/*.xml and JPEGImages/, or *.xml beside their images, also in train/, valid/"

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_LISTS: dict[str, Part] = {"train.txt": "train", "val.txt": "validation", "test.txt": "test"}


def find(folder: Path) -> Path | None:
    """A file that shows that this folder holds Pascal VOC xml; None if there is none."""
    apart = sorted((folder / "Annotations").glob("*.xml"))
    beside = (file for file in _beside_images(folder) if b"<annotation" in file.read_bytes())
    return apart[0] if apart else next(beside, None)


def read(folder: Path) -> Listing:
    """Reads a folder with Annotations/ and JPEGImages/, or with xml files beside their images."""
    listing = Listing()
    if (folder / "Annotations").is_dir():
        image_folders = [folder / "JPEGImages", folder / "images"]
        _read_files(_listed(folder, listing), image_folders, listing)
    else:
        files = _beside_images(folder)
        parts = {file.parent: part_of(file.parent.name) if file.parent != folder else None for file in files}
        for place, part in parts.items():
            if part == "test":
                listing.images += [AnnotatedImage(i, i, part=part) for i in images_in(place)]
            else:
                _read_files([(file, part) for file in files if file.parent == place], [place], listing)
        if tells_apart(parts.values()):
            names = (place.name for place, part in parts.items() if part != "test")
            listing.split_rule = "folders " + " and ".join(names)
    rows = [row for image in listing.images for row in image.annotations]
    listing.class_names = tuple(sorted({row.class_name for row in rows}))
    if difficult := sum(row.difficult for row in rows):
        listing.remarks.append(f"objects marked difficult are kept ({difficult})")
    return listing


def _beside_images(folder: Path) -> list[Path]:
    """The xml files of the folder itself, or else of those in it that are named for a part."""
    parts = (entry for entry in folder.iterdir() if entry.is_dir() and part_of(entry.name))
    here = sorted(folder.glob("*.xml"))
    return here or sorted(file for place in parts for file in place.glob("*.xml"))


def _listed(folder: Path, listing: Listing) -> list[tuple[Path, Part | None]]:
    """The annotation files with their parts, as the lists in ImageSets/Main have them.

    Without a list to train or validate on, all files but those of the test list have no part.
    """
    lists = {folder / "ImageSets" / "Main" / name: part for name, part in _LISTS.items()}
    lists = {names: part for names, part in lists.items() if names.is_file()}
    files: list[tuple[Path, Part | None]] = []
    for names, part in lists.items():
        files += [(file, part) for file in _files_of_list(names, folder)]
    if tells_apart(lists.values()):
        listing.split_rule = "ImageSets/Main/train.txt and val.txt"
    if set(lists.values()) <= {"test"}:
        tested = {file for file, _ in files}
        everything = sorted((folder / "Annotations").glob("*.xml"))
        files += [(file, None) for file in everything if file not in tested]
    return files


def _files_of_list(names: Path, folder: Path) -> list[Path]:
    try:
        lines = lines_of(names)
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{names}: cannot tell which images are for what: {error}") from error
    return [folder / "Annotations" / f"{name}.xml" for name in lines if name]


def _read_files(files: Sequence[tuple[Path, Part | None]], image_folders: list[Path], listing: Listing) -> None:
    images = [image for place in image_folders for image in images_in(place)]
    image_of_stem = {image.stem: image for image in reversed(images)}
    for file, part in files:
        image = image_of_stem.get(file.stem)
        if part != "test":
            _read_file(file, part, image, image_folders, listing)
        elif image is not None:
            listing.images.append(AnnotatedImage(image, file, part=part))
    stems = {file.stem for file, _ in files}
    stems |= {xml.stem for place in {file.parent for file, _ in files} for xml in place.glob("*.xml")}
    named = {image.image for image in listing.images}
    for image in images:
        if image.stem not in stems and image not in named:
            listing.leave_out(image, WHOLE_FILE, f"image has no annotation file {image.stem}.xml")


def _read_file(file: Path, part: Part | None, image: Path | None, image_folders: list[Path], listing: Listing) -> None:
    try:
        root = ElementTree.parse(file).getroot()
    except FileNotFoundError:
        listing.leave_out(file, WHOLE_FILE, "stands in a list of ImageSets/Main, but there is no such file")
        return
    except (OSError, ParseError, ValueError, LookupError) as error:
        reason = str(error) or type(error).__name__
        listing.leave_out(file, WHOLE_FILE, f"is not readable as xml: {reason}")
        return
    # An image is renamed more often than the name in its file is kept up.
    name = PureWindowsPath(_text(root, "filename")).name
    image = image or first_file(place / name for place in image_folders if name)
    if image is None:
        searched = ", ".join(str(place) for place in image_folders)
        message = f"image {name!r} is missing, as is any named {file.stem}; looked in {searched}"
        listing.leave_out(file, WHOLE_FILE, message)
        return
    annotations = _annotations(file, root, listing)
    width, height = _text(root, "size/width"), _text(root, "size/height")
    is_declared = all(re.fullmatch("[1-9][0-9]{0,8}", side) for side in (width, height))
    declared_size = (int(width), int(height)) if is_declared else None
    listing.images.append(AnnotatedImage(image, file, annotations, part, declared_size))


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
