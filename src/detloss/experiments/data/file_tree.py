"""Files below the folder of a data set, and the image of each annotation file.

The folder is listed once. Names in annotation files are looked up in that list, never on the disk, so that no file
outside of the folder is opened. Symbolic links are followed; hidden files and folders are ignored.
"""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import takewhile
from operator import eq
from pathlib import Path, PureWindowsPath

from detloss.experiments.data.records import SUBSETS, Subset, has_split, subset_of

IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
INVENTORY_FOLDERS = 8

# Conventional names of folders of images and of annotations.
IMAGE_FOLDERS = frozenset({"image", "images", "img", "imgs", "jpegimages"})
CONVENTIONAL = frozenset({"annotation", "annotations", "annot", "annots", "label", "labels", "xml", "xmls"})
CONVENTIONAL |= IMAGE_FOLDERS
BESIDE_A_SUBSET = CONVENTIONAL | {"obj", "data", "set"}  # as in "obj_train_data"


class FileTree:
    """All files below a folder, sorted; `images` are those with the suffix of an image, readable or not."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: list[Path] = []
        self.names: dict[Path, tuple[str, ...]] = {}  # of each folder, from the root on
        for folder, files in walk(root):
            self.names[folder] = folder.relative_to(root).parts
            self.files += [folder / name for name in files]
        self.files.sort()
        self.images = [file for file in self.files if file.suffix.lower() in IMAGE_SUFFIXES]
        self.places = {folder: place_of(names) for folder, names in self.names.items()}
        self.subsets: dict[Path, Subset | None] = {
            folder: next(filter(None, map(subset_of, reversed(names))), None) for folder, names in self.names.items()
        }
        self.by_name: dict[str, list[Path]] = defaultdict(list)
        self.images_by_stem: dict[str, list[Path]] = defaultdict(list)
        for file in self.files:
            self.by_name[file.name].append(file)
        for image in self.images:
            self.images_by_stem[image.stem].append(image)
        with_images = {self.names[folder] for folder in {image.parent for image in self.images}}
        self.above_images = {names[:depth] for names in with_images for depth in range(len(names) + 1)}

    def regular(self, *suffixes: str) -> list[Path]:
        """The regular files with one of these suffixes, without pipes, devices or broken links."""
        return [file for file in self.files if file.suffix.lower() in suffixes and os.path.isfile(file)]

    def below(self, folder: Path, files: Iterable[Path]) -> list[Path]:
        """The files that are in a folder or below it."""
        names = self.names[folder]
        return [file for file in files if self.names[file.parent][: len(names)] == names]

    def relative(self, file: Path) -> str:
        """The path of a file or folder from the root, "." for the root."""
        return file.relative_to(self.root).as_posix()

    def subset(self, file: Path) -> Subset | None:
        """The subset that the folders of a file refer to, the innermost first; None if they refer to none."""
        return self.subsets[file.parent]

    def split_rule(self, files: Iterable[Path]) -> str:
        """The folders of files that separate training from validation, "" if none do."""
        folders = {
            name: subset
            for folder in sorted({file.parent for file in files})
            for name in self.names[folder]
            if (subset := subset_of(name)) in ("train", "validation")
        }
        return "folders " + " and ".join(folders) if has_split(folders.values()) else ""

    def dataset_root(self, folder: Path) -> Path:
        """The root of the data set of a folder of annotations: the outermost folder with a conventional path to it.

        Conventional are the root itself; folders that are named for a subset, for images or for annotations, and
        everything in them; and a folder of any name without images, with or without one folder per subset in it.
        """
        names = self.names[folder]
        roots = (names[:depth] for depth in range(len(names)) if self.is_root(names[:depth], names[depth:]))
        return self.root.joinpath(*next(roots, names))

    def match_images(self, annotations: Iterable[Path]) -> dict[Path, list[Path]]:
        """The images that each annotation file may belong to by its name and its folder.

        They have the same name and are in the same folder, or else in one whose path differs only by names such as
        "images" and "annotations", and by the name of the folder of annotations. If there are none, any image of that
        name qualifies that is in no other subset and belongs to no other file.
        """
        near = {file: self.near_images(file) for file in annotations}
        taken = {image for images in near.values() for image in images}
        return {
            file: images
            or [
                image
                for image in self.images_by_stem[file.stem]
                if image not in taken and len({self.subset(file), self.subset(image)} - {None}) < 2
            ]
            for file, images in near.items()
        }

    def find(self, written: str) -> list[Path]:
        """The files that a path in an annotation file may refer to: those with the longest common end.

        A path from another machine, which is absolute or leads upward, may have any beginning. Others have to contain
        every folder that is neither conventional nor named for a subset.
        """
        names, is_foreign = ((written,), False) if written in self.by_name else split_path(written)
        agreeing: dict[int, list[Path]] = defaultdict(list)
        for file in self.by_name.get(names[-1], ()) if names else ():
            of_file = (*self.names[file.parent], file.name)
            count = sum(takewhile(bool, map(eq, reversed(names), reversed(of_file))))
            contained = set(place_of(names[:-1]))
            if is_foreign or len(names) == 1 or {*self.places[file.parent]} - {*SUBSETS} <= contained:
                agreeing[count].append(file)
        return agreeing[max(agreeing)] if agreeing else []

    def nearest(self, files: Iterable[Path], annotation: Path, subset: Subset | None) -> list[Path]:
        """The files that are nearest to an annotation file of a subset, none of them in another subset."""
        place = *self.places[annotation.parent], *([subset] if subset else [])
        ranks: dict[int, list[Path]] = defaultdict(list)
        for file in files:
            if None in (subset, self.subset(file)) or subset == self.subset(file):
                rank = 0 if file.parent == annotation.parent else 1 if self.matches_place(place, file) else 2
                ranks[rank].append(file)
        return ranks[min(ranks)] if ranks else []

    def resolve(self, written: str, base: Path, subset: Subset) -> Path | None:
        """The folder or file that a path in a file of settings refers to; None if it is not in the data set.

        It is relative to the base. Exported settings often contain ../train for train, or the path of the machine that
        exported them: as a last resort, leading names are dropped, as long as two remain or one that names the subset.
        """
        names, is_foreign = split_path(written)
        inside = Path(os.path.normpath(base / written))
        candidates = [inside, *([] if is_foreign and not names else [self.root.joinpath(*names)])]
        shorter = (names[start:] for start in range(1, len(names)))
        candidates += [self.root.joinpath(*rest) for rest in shorter if len(rest) > 1 or subset_of(rest[-1]) == subset]
        return next(
            (path for path in candidates if path in self.names or path in self.by_name.get(path.name, ())), None
        )

    def is_conventional(self, folder: Path) -> bool:
        """Whether a folder, or the outermost one above it, is named for images, for annotations or for a subset."""
        names = self.names[folder]
        return bool(names) and not {*place_of(names[:1])} - {*SUBSETS}

    def inventory(self) -> str:
        """The number of files of each type, a line per folder, the fullest first."""
        types: dict[Path, Counter[str]] = defaultdict(Counter)
        for file in self.files:
            types[file.parent][file.suffix.lower() or "without a suffix"] += 1
        fullest = sorted(types, key=lambda folder: -types[folder].total())
        lines = [
            f"\n  {self.relative(folder)}: "
            + ", ".join(f"{count} {suffix}" for suffix, count in types[folder].most_common(5))
            for folder in fullest[:INVENTORY_FOLDERS]
        ]
        more = len(fullest) - len(lines)
        return "".join(lines) + (f"\n  and {more} more folders" if more else "") if lines else " no files"

    def is_root(self, root: tuple[str, ...], names: tuple[str, ...]) -> bool:
        """Whether a folder is the root of a data set whose annotations are in these folders below it."""
        first, *others = names
        if not {*place_of((first,))} - {*SUBSETS}:
            return True
        return (*root, first) not in self.above_images and all(subset_of(name) for name in others)

    def near_images(self, annotation: Path) -> list[Path]:
        """The images of an annotation file's name that are in its folder, or else in a corresponding one."""
        same_name = self.images_by_stem.get(annotation.stem, [])
        beside = [image for image in same_name if image.parent == annotation.parent]
        return beside or [image for image in same_name if self.matches_place(self.places[annotation.parent], image)]

    def matches_place(self, place: tuple[str, ...], image: Path) -> bool:
        """Whether an image is at a place, or at one without the name of a folder of annotations."""
        of_image = self.places[image.parent]
        shorter = (place[:i] + place[i + 1 :] for i, name in enumerate(place) if name not in SUBSETS)
        return of_image == place or of_image in shorter


def is_image_folder(folder: Path) -> bool:
    """Whether there is a folder with a conventional name such as "images"."""
    return folder.name.lower() in IMAGE_FOLDERS and folder.is_dir()


def walk(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """List every folder with the names of its files.

    A folder with several links is listed once. A link to a folder that contains the root is ignored.
    """
    above = {str(folder) for folder in root.resolve().parents}
    visited = set()
    for path, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(path)
        if real in visited or real in above:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        folders.sort(key=lambda name: (os.path.islink(os.path.join(path, name)), name))
        yield Path(path), [name for name in files if not name.startswith(".")]


def place_of(names: Iterable[str]) -> tuple[str, ...]:
    """The names of folders without conventional ones such as "images"; names of subsets in their standard form."""
    place: list[str] = []
    for name in names:
        subset, words = subset_of(name), re.findall("[a-z]+|[0-9]+", name.lower())
        if subset and all(word in BESIDE_A_SUBSET or word.isdigit() or subset_of(word) for word in words):
            place.append(subset)
        elif not words or not CONVENTIONAL.issuperset(words):
            place.append(name)
    return tuple(place)


def split_path(written: str) -> tuple[tuple[str, ...], bool]:
    """The names in a path of any system, without its root and steps upward, and whether it has any of these."""
    path = PureWindowsPath(written)
    names = tuple(name for name in path.parts if name not in (path.anchor, "..", "."))
    return names, bool(path.anchor) or ".." in path.parts
