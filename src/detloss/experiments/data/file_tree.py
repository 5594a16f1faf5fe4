"""The files below a data set's folder, and which annotation file belongs to which image.

The folder is listed once. Names that stand in annotation files are looked up in that list, never on the disk, so that
nothing outside of the folder is opened, whatever the files say. Symbolic links are followed; hidden files and folders
are passed over.
"""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import takewhile
from operator import eq
from pathlib import Path, PureWindowsPath

from detloss.experiments.data.records import (
    PARTS,
    Part,
    part_of,
    tells_apart,
)

IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})

_SHOWN_FOLDERS = 8
# What folders of images and of annotations are called; "images", "JPEGImages" and "labels" say nothing else.
_IMAGE_FOLDERS = frozenset({"image", "images", "img", "imgs", "jpegimages"})
_KINDS = frozenset({"annotation", "annotations", "annot", "annots", "label", "labels", "xml", "xmls"})
_KINDS |= _IMAGE_FOLDERS
_BESIDE_A_PART = _KINDS | {"obj", "data", "set"}  # "obj_train_data" says no more than "train"


class Tree:
    """Every file below a folder, listed once.

    Attributes:
        root: The folder.
        files: All files, sorted.
        images: Those with the suffix of an image, be they readable or not.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._names: dict[Path, tuple[str, ...]] = {}
        self.files: list[Path] = []
        for folder, files in _walk(root):
            self._names[folder] = folder.relative_to(root).parts
            self.files += [folder / name for name in files]
        self.files.sort()
        self.images = [file for file in self.files if file.suffix.lower() in IMAGE_SUFFIXES]
        self._places = {folder: _place(names) for folder, names in self._names.items()}
        self._parts: dict[Path, Part | None] = {
            folder: next(filter(None, map(part_of, reversed(names))), None) for folder, names in self._names.items()
        }
        self._of_name: dict[str, list[Path]] = defaultdict(list)
        self._images_of_stem: dict[str, list[Path]] = defaultdict(list)
        for file in self.files:
            self._of_name[file.name].append(file)
        for image in self.images:
            self._images_of_stem[image.stem].append(image)
        lit = {self._names[folder] for folder in {image.parent for image in self.images}}
        self._lit = {names[:depth] for names in lit for depth in range(len(names) + 1)}

    def readable(self, *suffixes: str) -> list[Path]:
        """The files with one of these suffixes that are regular ones: no pipes, devices or broken links."""
        return [file for file in self.files if file.suffix.lower() in suffixes and os.path.isfile(file)]

    def below(self, folder: Path, files: Iterable[Path]) -> list[Path]:
        """Those of the files that lie in the folder or deeper."""
        names = self._names[folder]
        return [file for file in files if self._names[file.parent][: len(names)] == names]

    def shown(self, file: Path) -> str:
        """A file or folder by its path from the root on, "." for the root itself."""
        return file.relative_to(self.root).as_posix()

    def part(self, file: Path) -> Part | None:
        """The part that the folders of a file speak of, the innermost first; None if they speak of none."""
        return self._parts[file.parent]

    def split_rule(self, files: Iterable[Path]) -> str:
        """Which folders of these files tell train and validation apart, in words; "" if none do."""
        folders = {
            name: part
            for folder in sorted({file.parent for file in files})
            for name in self._names[folder]
            if (part := part_of(name)) in ("train", "validation")
        }
        return "folders " + " and ".join(folders) if tells_apart(folders.values()) else ""

    def home(self, folder: Path) -> Path:
        """The data set that a folder of annotations belongs to: the outermost folder of which it is a usual one.

        Usual are the data set's folder itself; folders that are named for a part, for images or for annotations, and
        whatever is in these; and a folder of any name, with or without one for each part in it, that has no images.
        """
        names = self._names[folder]
        homes = (names[:depth] for depth in range(len(names)) if self._is_home(names[:depth], names[depth:]))
        return self.root.joinpath(*next(homes, names))

    def pair(self, annotations: Iterable[Path]) -> dict[Path, list[Path]]:
        """The images that each annotation file may belong to by its name and its folder.

        They have the same name and lie in the same folder, or else in one whose path differs by no more than names such
        as "images" and "annotations", and by the name of the folder of annotations. Where there are none, any image of
        that name will do that is in no other part and belongs to no other file.
        """
        near = {file: self._near(file) for file in annotations}
        taken = {image for images in near.values() for image in images}
        return {
            file: images
            or [image for image in self._images_of_stem[file.stem] if image not in taken and self._agree(file, image)]
            for file, images in near.items()
        }

    def named(self, written: str) -> list[Path]:
        """The files that a path in an annotation file may mean: those that agree with most of its last names.

        A path from another machine, which is absolute or leads upwards, may begin with anything. Any other has to name
        every folder that says more than "images" or the part.
        """
        names, is_foreign = ((written,), False) if written in self._of_name else _split(written)
        agreeing: dict[int, list[Path]] = defaultdict(list)
        for file in self._of_name.get(names[-1], ()) if names else ():
            of_file = (*self._names[file.parent], file.name)
            count = sum(takewhile(bool, map(eq, reversed(names), reversed(of_file))))
            said = set(_place(names[:-1]))
            if is_foreign or len(names) == 1 or {*self._places[file.parent]} - {*PARTS} <= said:
                agreeing[count].append(file)
        return agreeing[max(agreeing)] if agreeing else []

    def nearest(self, files: Iterable[Path], annotation: Path, part: Part | None) -> list[Path]:
        """Those of the files that are nearest to an annotation file of this part, none of them in another part."""
        place = *self._places[annotation.parent], *([part] if part else [])
        ranks: dict[int, list[Path]] = defaultdict(list)
        for file in files:
            if None in (part, self.part(file)) or part == self.part(file):
                rank = 0 if file.parent == annotation.parent else 1 if self._belongs(place, file) else 2
                ranks[rank].append(file)
        return ranks[min(ranks)] if ranks else []

    def at(self, written: str, base: Path, part: Part) -> Path | None:
        """The folder or file that a path in a file of settings means, None if there is none in the data set.

        It counts from the base. Exported settings often say ../train where they mean train, or have the path of the
        machine they were made on: failing all else, leading names are dropped, as long as two are left or one that
        speaks of the part.
        """
        names, is_foreign = _split(written)
        inside = Path(os.path.normpath(base / written))
        candidates = [inside, *([] if is_foreign and not names else [self.root.joinpath(*names)])]
        shorter = (names[start:] for start in range(1, len(names)))
        candidates += [self.root.joinpath(*rest) for rest in shorter if len(rest) > 1 or part_of(rest[-1]) == part]
        return next((place for place in candidates if place in self._names or self._has(place)), None)

    def is_usual(self, folder: Path) -> bool:
        """Whether a folder, or one that it lies in, is named for images, for annotations or for a part."""
        names = self._names[folder]
        return bool(names) and not {*_place(names[:1])} - {*PARTS}

    def inventory(self) -> str:
        """What there is: the number of files of each kind, a line a folder, the fullest first."""
        kinds: dict[Path, Counter[str]] = defaultdict(Counter)
        for file in self.files:
            kinds[file.parent][file.suffix.lower() or "without a suffix"] += 1
        fullest = sorted(kinds, key=lambda folder: -kinds[folder].total())
        lines = [
            f"\n  {self.shown(folder)}: " + ", ".join(f"{count} {kind}" for kind, count in kinds[folder].most_common(5))
            for folder in fullest[:_SHOWN_FOLDERS]
        ]
        left = len(fullest) - len(lines)
        return "".join(lines) + (f"\n  and {left} more folders" if left else "") if lines else " no files"

    def _has(self, file: Path) -> bool:
        return file in self._of_name.get(file.name, ())

    def _is_home(self, home: tuple[str, ...], names: tuple[str, ...]) -> bool:
        first, *others = names
        if not {*_place((first,))} - {*PARTS}:
            return True
        return (*home, first) not in self._lit and all(part_of(name) for name in others)

    def _near(self, annotation: Path) -> list[Path]:
        alike = self._images_of_stem.get(annotation.stem, [])
        beside = [image for image in alike if image.parent == annotation.parent]
        return beside or [image for image in alike if self._belongs(self._places[annotation.parent], image)]

    def _belongs(self, place: tuple[str, ...], image: Path) -> bool:
        """Whether an image lies where those of this place do, which may have a name of its own for annotations."""
        of_image = self._places[image.parent]
        shorter = (place[:i] + place[i + 1 :] for i, name in enumerate(place) if name not in PARTS)
        return of_image == place or of_image in shorter

    def _agree(self, first: Path, second: Path) -> bool:
        """Whether two files are in no two different parts."""
        parts = {self.part(first), self.part(second)} - {None}
        return len(parts) < 2


def is_for_images(folder: Path) -> bool:
    """Whether there is a folder of a name such as "images"."""
    return folder.name.lower() in _IMAGE_FOLDERS and folder.is_dir()


def _walk(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Every folder with the names of its files; one that links reach twice comes once."""
    seen = set()
    for place, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        folders.sort(key=lambda name: (os.path.islink(os.path.join(place, name)), name))
        yield Path(place), [name for name in files if not name.startswith(".")]


def _place(names: Iterable[str]) -> tuple[str, ...]:
    """What the names of folders say beyond "images" and "annotations": parts, and names of their own."""
    place: list[str] = []
    for name in names:
        part, words = part_of(name), re.findall("[a-z]+|[0-9]+", name.lower())
        if part and all(word in _BESIDE_A_PART or word.isdigit() or part_of(word) for word in words):
            place.append(part)
        elif not words or not _KINDS.issuperset(words):
            place.append(name)
    return tuple(place)


def _split(written: str) -> tuple[tuple[str, ...], bool]:
    """The names in a path of any system, without its root and steps upwards, and whether it has any of these."""
    path = PureWindowsPath(written)
    names = tuple(name for name in path.parts if name not in (path.anchor, "..", "."))
    return names, bool(path.anchor) or ".." in path.parts
