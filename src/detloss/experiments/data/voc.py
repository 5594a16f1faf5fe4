"""Reader of Pascal VOC xml: one file per image, with its objects.

Source: M. Everingham et al., "The Pascal Visual Object Classes (VOC) Challenge", 2010,
http://host.robots.ox.ac.uk/pascal/VOC/

- Boxes keep the numbers of the file. VOC counts pixels from 1 and includes the last one, most tools that write VOC xml
  do neither, and no file states its convention; the difference is one pixel before resizing. A box with xmin = xmax has
  no area.
- Objects marked difficult are kept, and counted in the report.
- The classes are the names that occur outside the test images, in alphabetical order.
- An image belongs to the file of its name. Only if there is none, the file's own filename, folder and path identify it,
  because images are renamed more often than their files are edited.
- Of test images only the names are used: their annotation files are not opened.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree

from detloss.experiments.data.file_tree import IMAGE_SUFFIXES, FileTree
from detloss.experiments.data.records import (
    WHOLE_FILE,
    AnnotatedImage,
    Annotation,
    Listing,
    Subset,
    contents_of,
    has_split,
    listed_names,
    subset_of,
)

LAYOUT = (
    "a folder of *.xml beside images/, JPEGImages/ or imgs/, or *.xml among their images; also in train/ and valid/"
)

CORNERS = ("xmin", "ymin", "xmax", "ymax")
HEAD_BYTES = 4096  # the root element of an xml file is within these


def detect(tree: FileTree) -> Iterator[Path]:
    """Find one Pascal VOC xml of every folder that has any."""
    folders: set[Path] = set()
    for file in tree.regular(".xml"):
        if file.parent not in folders and is_voc(file):
            folders.add(file.parent)
            yield file


def read(tree: FileTree, source: Path | None = None) -> Listing:
    """Read all Pascal VOC xml of a folder."""
    listing = Listing(tree.root)
    folders = {file.parent for file in detect(tree) if tree.dataset_root(file.parent) == tree.root}
    all_files = [file for file in tree.regular(".xml") if file.parent in folders]
    files = listed_files(tree, all_files, listing)
    images_of_file = tree.match_images({file for file, _ in files})
    taken = {images[0] for images in images_of_file.values() if len(images) == 1}
    for file, subset in files:
        images = images_of_file[file]
        subset = subset or tree.subset(file) or (tree.subset(images[0]) if images else None)
        if subset == "test":
            listing.images += [AnnotatedImage(image, file, subset=subset) for image in images[:1]]
        elif (root := root_of(file, listing)) is not None:
            read_file(tree, file, root, subset, identify_images(tree, file, root, subset, images, taken), listing)
    add_images_without_file(tree, {file.stem for file in (*all_files, *images_of_file)}, listing)
    listing.split_rule = listing.split_rule or tree.split_rule(image.image for image in listing.images)
    rows = [row for image in listing.images for row in image.annotations]
    listing.class_names = tuple(sorted({row.class_name for row in rows}))
    if difficult := sum(row.difficult for row in rows):
        listing.remarks.append(f"objects marked difficult are kept ({difficult})")
    return listing


def is_voc(file: Path) -> bool:
    """Whether an xml file has the root element of VOC."""
    with file.open("rb") as opened:
        return re.search(rb"<annotation[\s>]", opened.read(HEAD_BYTES)) is not None


def listed_files(tree: FileTree, all_files: list[Path], listing: Listing) -> list[tuple[Path, Subset | None]]:
    """List the annotation files with their subsets by the lists in ImageSets/Main.

    Without a list for training or validation, all files except those of the test list have no subset.
    """
    lists = {
        file: subset
        for file in tree.regular(".txt")
        if (subset := subset_of(file.stem))
        and file.stem.isalpha()
        and tree.relative(file.parent).lower().endswith("imagesets/main")
    }
    files: list[tuple[Path, Subset | None]] = []
    for names, subset in lists.items():
        files += [(file, subset) for file in files_of_list(tree, names, all_files)]
    if has_split(lists.values()):
        used = " and ".join(names.name for names, subset in lists.items() if subset != "test")
        listing.split_rule = f"ImageSets/Main/{used}"
    if set(lists.values()) <= {"test"}:
        test_files = {file for file, _ in files}
        files += [(file, None) for file in all_files if file not in test_files]
    return files


def files_of_list(tree: FileTree, names: Path, all_files: list[Path]) -> list[Path]:
    """Find the annotation files that a list names."""
    known = set(all_files)
    files = []
    for line in filter(None, listed_names(names)):
        stem = line.removesuffix(Path(line).suffix) if Path(line).suffix.lower() in IMAGE_SUFFIXES else line
        found = [file for file in tree.find(f"{stem}.xml") if file in known]
        # A missing file is listed in the folder of the others, because a list may name any folder.
        files.append(found[0] if found else all_files[0].parent / f"{PureWindowsPath(stem).name}.xml")
    return files


def root_of(file: Path, listing: Listing) -> Element | None:
    """Parse an xml file and return its root element; None if it is excluded."""
    try:
        root: Element = ElementTree.fromstring(contents_of(file))
    except (OSError, ParseError, ValueError, LookupError) as error:
        reason = f"is not readable as xml: {str(error) or type(error).__name__}"
        if not os.path.isfile(file):
            reason = "is in a list of ImageSets/Main, but there is no such file"
    else:
        if root.tag == "annotation":
            return root
        reason = f"expected <annotation>, got <{root.tag}>"
    listing.exclude(file, WHOLE_FILE, reason)
    return None


def identify_images(
    tree: FileTree, file: Path, root: Element, subset: Subset | None, images: list[Path], taken: set[Path]
) -> list[Path]:
    """The images of a file: the one of its name, or else those of its own path, folder and filename."""
    name = text_of(root, "filename")
    for written in (text_of(root, "path"), f"{text_of(root, 'folder')}/{name}", name):
        if len(images) == 1:
            break
        named = tree.find(written) if written else []
        possible = [
            image
            for image in named
            if image.suffix.lower() in IMAGE_SUFFIXES and (image in images if images else image not in taken)
        ]
        images = tree.nearest(possible, file, subset) or images
    return images


def read_file(
    tree: FileTree, file: Path, root: Element, subset: Subset | None, images: list[Path], listing: Listing
) -> None:
    """Read an xml file into a listing, if it has exactly one image."""
    if len(images) != 1:
        name = PureWindowsPath(text_of(root, "filename")).name
        shown = ", ".join(map(tree.relative, images))
        missing = f"image {name!r} is missing, and no other image is named {file.stem}"
        message = f"expected one image named {file.stem}, found {len(images)}: {shown}" if images else missing
        listing.exclude(file, WHOLE_FILE, message)
        return
    [image] = images
    width, height = text_of(root, "size/width"), text_of(root, "size/height")
    is_declared = all(re.fullmatch("[1-9][0-9]{0,8}", side) for side in (width, height))
    declared_size = (int(width), int(height)) if is_declared else None
    subset = subset or tree.subset(image)
    annotations = () if subset == "test" else read_objects(file, root, listing)
    listing.images.append(AnnotatedImage(image, file, annotations, subset, declared_size))


def add_images_without_file(tree: FileTree, known: set[str], listing: Listing) -> None:
    """Add test images without an annotation file, and list other images without one as excluded."""
    found = {image.image for image in listing.images}
    folders = {image.parent for image in found}
    for image in tree.images:
        if image in found or image.stem in known:
            continue
        if tree.subset(image) == "test":
            listing.images.append(AnnotatedImage(image, image, subset="test"))
        elif image.parent in folders:
            listing.exclude(image, WHOLE_FILE, f"image has no annotation file {image.stem}.xml")


def read_objects(file: Path, root: Element, listing: Listing) -> tuple[Annotation, ...]:
    """Read the objects of an xml file."""
    annotations = []
    for number, row in enumerate(root.findall("object"), start=1):
        name = text_of(row, "name")
        corners = [text_of(row, f"bndbox/{corner}") for corner in CORNERS]
        try:
            x1, y1, x2, y2 = map(float, corners)
        except ValueError:
            shown = ", ".join(f"{key} {text!r}" for key, text in zip(CORNERS, corners, strict=True))
            message = f"bndbox: expected four numbers, got {shown}"
        else:
            if name:
                box, difficult = (x1, y1, x2, y2), text_of(row, "difficult") == "1"
                annotations.append(Annotation(f"object {number}, {name}", name, box, difficult))
                continue
            message = "unknown class: expected a name, got none"
        listing.exclude(file, f"object {number}", message)
    return tuple(annotations)


def text_of(parent: Element, path: str) -> str:
    """The text of the element at a path, "" if there is none."""
    return (parent.findtext(path) or "").strip()
