"""Where the images and label files of a YOLO data set lie."""

from collections.abc import Iterator
from pathlib import Path

from detloss.study.readers.annotation import (
    DatasetError,
    Listing,
    Part,
    first_file,
    images_in,
    lines_of,
    part_of,
    tells_apart,
)
from detloss.study.readers.yolo_settings import Settings

_Placed = tuple[Path, Part | None]

_LISTS = {"train.txt", "val.txt", "valid.txt", "test.txt", "classes.txt"}


def images_of(folder: Path, settings: Settings, listing: Listing) -> list[_Placed]:
    """The images of a data set, each with its part: where its settings say, or else by folders."""
    listed = _by_list(folder, settings, listing)
    images = listed or by_folder(folder)
    if listed and tells_apart(part for _, part in settings.places):
        places = (place for place, part in settings.places if part != "test")
        listing.split_rule = "folders and lists " + " and ".join(places)
    elif tells_apart(part for _, part in images):
        listing.split_rule = "folders"
    return images


def by_folder(folder: Path) -> list[_Placed]:
    """The images of a data set without lists, each with the part that its folder speaks of."""
    return (
        _of_parts(folder / "images")
        or _of_parts(folder)
        or [(image, None) for image in images_in(folder / "images", nested=True)]
        or [(image, None) for image in images_in(folder)]
    )


def label_file(image: Path) -> Path | None:
    """The label file of an image: in labels/ where the image is in images/, or else beside it."""
    candidates = _label_folder(image.parent) / f"{image.stem}.txt", image.with_suffix(".txt")
    return first_file(candidates)


def labels_without_image(images: list[_Placed]) -> Iterator[Path]:
    """The label files that lie where those of the images lie and belong to none of them."""
    used = {label_file(image) for image, _ in images}
    places = {image.parent for image, part in images if part != "test"}
    folders = {apart if (apart := _label_folder(place)).is_dir() else place for place in places}
    for place in sorted(folders):
        for file in sorted(place.glob("*.txt")):
            is_label = file.name not in _LISTS and not file.name.lower().startswith("readme")
            if is_label and file not in used:
                yield file


def _by_list(folder: Path, settings: Settings, listing: Listing) -> list[_Placed]:
    """The images of the folders and lists that the settings name, each with its part."""
    images: list[_Placed] = []
    for written, part in settings.places:
        # Exported settings often say ../train where they mean train beside them.
        inside = written.removeprefix("./").replace("../", "")
        candidates = [folder / settings.base / written, folder / written, folder / inside]
        place = next((candidate for candidate in candidates if candidate.exists()), None)
        if place is not None:
            found = images_in(place, nested=True) if place.is_dir() else _of_list(place, listing)
            images += [(image, part) for image in found]
        elif part != "test":
            searched = ", ".join(str(candidate) for candidate in dict.fromkeys(candidates))
            message = f"expected a folder or a list of images at {written!r}; looked in {searched}"
            listing.leave_out(settings.file, part, message)
    return images


def _label_folder(place: Path) -> Path:
    """The path with its last "images" made "labels"; without one, the path itself."""
    parts = list(place.parts)
    if "images" in parts:
        last = len(parts) - 1 - parts[::-1].index("images")
        parts[last] = "labels"
    return Path(*parts)


def _of_parts(folder: Path) -> list[_Placed]:
    """The images of the folders named for a part, in them or in images/ in them."""
    if not folder.is_dir():
        return []
    places = sorted(place for place in folder.iterdir() if place.is_dir() and part_of(place.name))
    return [
        (image, part_of(place.name))
        for place in places
        for image in images_in(place / "images" if (place / "images").is_dir() else place, nested=True)
    ]


def _of_list(file: Path, listing: Listing) -> list[Path]:
    """The images that a list names, one a line."""
    images = []
    try:
        lines = lines_of(file)
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{file}: cannot tell which images are for what: {error}") from error
    for number, line in enumerate(lines, start=1):
        # Darknet writes paths from its own folder, which is not the list's.
        inside = Path(*Path(line).parts[1:])
        image = first_file((file.parent / line, file.parent / inside))
        if image is not None:
            images.append(image)
        elif line:
            listing.leave_out(file, f"line {number}", f"image {line!r} is missing")
    return images
