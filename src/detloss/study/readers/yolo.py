"""YOLO txt: one label file an image, one row a box: class, centre x, centre y, width, height.

Source: https://docs.ultralytics.com/datasets/detect/

- Coordinates are shares of the image's width and height, so boxes become pixels once it is read.
- Class names come from data.yaml, classes.txt or obj.names; without them they are the numbers.
- An image without a label file is by YOLO's custom an image without objects: kept, and counted in
  the report.
- Rows of more numbers, such as outlines or confidences, are no boxes: left out and listed.
"""

from pathlib import Path

from detloss.study.readers import yolo_layout, yolo_settings
from detloss.study.readers.annotation import (
    WHOLE_FILE,
    AnnotatedImage,
    Annotation,
    Box,
    Listing,
    lines_of,
)

LOOKED_FOR = (
    "data.yaml; images/ and labels/, both with train/ and val/ in them or without; train/ and "
    "valid/ with images/ and labels/ in them; *.txt beside their images"
)


def find(folder: Path) -> Path | None:
    """A file that shows that this folder holds YOLO txt; None if there is none."""
    settings_file = next(iter(yolo_settings.files_in(folder)), None)
    files = (yolo_layout.label_file(image) for image, _ in yolo_layout.by_folder(folder))
    return settings_file or next((file for file in files if file is not None), None)


def read(source: Path) -> Listing:
    """Reads a folder of images and labels, or the one that a data.yaml describes."""
    listing = Listing()
    folder = source if source.is_dir() else source.parent
    settings = yolo_settings.read(source, listing)
    images = yolo_layout.images_of(folder, settings, listing)
    without_label_file = 0
    for image, part in images:
        label_file = yolo_layout.label_file(image)
        if part == "test":
            listing.images.append(AnnotatedImage(image, image, part=part))
        elif label_file is None:
            listing.images.append(AnnotatedImage(image, image, part=part))
            without_label_file += 1
        elif (rows := _annotations(label_file, settings.class_names, listing)) is not None:
            listing.images.append(AnnotatedImage(image, label_file, rows, part, unit="shares"))
    if without_label_file:
        listing.remarks.append(f"images without a label file are kept as empty ({without_label_file})")
    for label_file in yolo_layout.labels_without_image(images):
        listing.leave_out(label_file, WHOLE_FILE, f"labels without an image {label_file.stem}")
    seen = {row.class_name for image in listing.images for row in image.annotations}
    known = settings.class_names
    listing.class_names = tuple(sorted(seen, key=int) if known is None else known.values())
    return listing


def _annotations(file: Path, class_names: dict[int, str] | None, listing: Listing) -> tuple[Annotation, ...] | None:
    """The sound rows of a label file; None if it cannot be read, so that its image is left out."""
    try:
        lines = lines_of(file)
    except (OSError, UnicodeDecodeError) as error:
        listing.leave_out(file, WHOLE_FILE, f"left out with its image: is not readable as text: {error}")
        return None
    annotations = []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        row = _row(line)
        if row is None:
            message = f"expected class, centre x, centre y, width, height; got {line!r:.60}"
        else:
            label, box = row
            name = str(label) if class_names is None else class_names.get(label)
            if name is not None and label >= 0:
                annotations.append(Annotation(f"line {number}", name, box))
                continue
            message = f"unknown class {label}"
            if class_names:
                message += f": expected {min(class_names)} to {max(class_names)}"
        listing.leave_out(file, f"line {number}", message)
    return tuple(annotations)


def _row(line: str) -> tuple[int, Box] | None:
    """The class number of a row and its corners, None if it is no row of a box."""
    try:
        label, x, y, width, height = map(float, line.split())
    except ValueError:
        return None
    if not label.is_integer():
        return None
    return int(label), (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
