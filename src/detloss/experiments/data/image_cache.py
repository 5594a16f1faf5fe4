"""Cache of decoded images: a file of pixels per data set and image size, which all processes map."""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from importlib.metadata import version
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock
from platformdirs import user_cache_path

from detloss.experiments.data.images import ImageError, read_resized_image, resized_pixels
from detloss.experiments.data.records import DatasetError

PIXELS, INDEX = "pixels.bin", "index.json"
BLOCK = 256  # images that are decoded before they are written
REVISION = 1  # increased when images are decoded or stored differently


@dataclass(frozen=True)
class StoredImage:
    """Pixels in a file. Pickled, it is a reference; the process that loads it maps the file."""

    file: Path
    offset: int
    shape: tuple[int, int, int]

    def array(self) -> np.ndarray:
        """A read-only view of the pixels, uint8."""
        return mapped(self.file)[self.offset : self.offset + prod(self.shape)].reshape(self.shape)


@cache
def mapped(file: Path) -> np.ndarray:
    """Map a file into memory, once per process."""
    return np.asarray(np.memmap(file, np.uint8, mode="r"))


@dataclass(frozen=True)
class DecodedImage:
    """A resized image, with the upright width and height of its file and the SHA-256 of that."""

    pixels: StoredImage
    size: tuple[int, int]
    digest: str


def decode(
    files: Sequence[Path], longer_side: int, folder: Path | None, announce: Callable[[str], object]
) -> list[DecodedImage | ImageError]:
    """Decode and resize images, unless the cache has them already.

    The cache is a folder named for the paths, sizes and modification times of the files. It is created completely or
    not at all, by one process at a time, in the user's folder for caches unless another is given. `announce` is called
    with its size and place before anything is decoded.

    Raises:
        DatasetError: The folder is not writable, or has too little space.
    """
    from rich.filesize import decimal  # usage errors and worker processes need none of it

    root = user_cache_path("detloss") if folder is None else folder.resolve()
    target = root / f"images-{longer_side}-{identity(files, longer_side)}"
    rows = read_index(target, files, longer_side)
    if rows is None:
        try:
            root.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{target}.lock"):  # another process may decode the same images
                rows = read_index(target, files, longer_side) or build(files, longer_side, target, announce)
        except OSError as error:
            reason = error.strerror or error
            raise DatasetError(
                f"cache: expected a writable folder, got {root} ({reason}): choose another with --cache"
            ) from error
    else:
        announce(f"images: {decimal((target / PIXELS).stat().st_size)} in {target}")
    return [
        ImageError(row)
        if isinstance(row, str)
        else DecodedImage(StoredImage(target / PIXELS, row[0], tuple(row[1])), tuple(row[2]), row[3])
        for row in rows
    ]


def read_index(target: Path, files: Sequence[Path], longer_side: int) -> list[Any] | None:
    """Read the rows of the index; None if there is no complete cache, or an image with an error can be read now."""
    try:
        index = json.loads((target / INDEX).read_text(encoding="utf-8"))
        is_complete = index["bytes"] == (target / PIXELS).stat().st_size
    except (OSError, ValueError):
        return None
    rows: list[Any] = index["images"]
    failed = [file for file, row in zip(files, rows, strict=True) if isinstance(row, str)]
    return rows if is_complete and all(isinstance(decoded(file, longer_side), str) for file in failed) else None


def identity(files: Sequence[Path], longer_side: int) -> str:
    """A hash of the state of files; the time of the last change of a file cannot be set by programs."""
    digest = sha256(repr((REVISION, longer_side, version("pillow"))).encode())
    for file in files:
        state: tuple[int, ...] = ()
        with suppress(OSError):
            found = file.stat()
            state = found.st_size, found.st_mtime_ns, found.st_ctime_ns
        digest.update(repr((os.fsencode(file.absolute()), state)).encode())
    return digest.hexdigest()[:16]


def build(files: Sequence[Path], longer_side: int, target: Path, announce: Callable[[str], object]) -> list[Any]:
    """Decode images into a new folder, if it has the space, and return the rows of its index."""
    from rich.filesize import decimal

    part = target.with_name(f"{target.name}.part")
    for unfinished in (part, target):  # of a process that was killed
        shutil.rmtree(unfinished, ignore_errors=True)
    part.mkdir()
    try:
        with ThreadPoolExecutor() as threads:  # Pillow decodes and resizes without Python's lock
            needed = sum(threads.map(partial(bytes_of, longer_side=longer_side), files))
            free = shutil.disk_usage(part).free
            if needed > free:
                raise DatasetError(
                    f"cache: expected {decimal(needed)} of free space in {target.parent}, found {decimal(free)}: "
                    "choose another folder with --cache"
                )
            announce(f"images: decoding {len(files)} into {target}, {decimal(needed)}")
            rows: list[Any] = []
            with durable(part / PIXELS) as stream:
                for first in range(0, len(files), BLOCK):
                    block = files[first : first + BLOCK]
                    for row in threads.map(partial(decoded, longer_side=longer_side), block):
                        rows.append(row if isinstance(row, str) else stored(stream, *row))
                size = stream.tell()
        with durable(part / INDEX) as stream:
            stream.write(json.dumps({"bytes": size, "images": rows}).encode())
        part.rename(target)
        mapped.cache_clear()  # it may have mapped the file that was replaced
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return rows


@contextmanager
def durable(file: Path) -> Iterator[BinaryIO]:
    """Open a new file whose contents are on the disk when it is closed."""
    with file.open("wb") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())


def bytes_of(file: Path, longer_side: int) -> int:
    """Size of the resized image in bytes; 0 if the file is not an image."""
    try:
        return 3 * resized_pixels(file, longer_side)
    except ImageError:
        return 0


def decoded(file: Path, longer_side: int) -> tuple[np.ndarray, tuple[int, int], str] | str:
    """Read an image file: its resized pixels, its size and its hash, or the error."""
    try:
        image, size, digest = read_resized_image(file, longer_side)
    except ImageError as error:
        return str(error)
    return np.asarray(image), size, digest


def stored(stream: BinaryIO, pixels: np.ndarray, size: tuple[int, int], digest: str) -> list[object]:
    """Append pixels to a file, and return the row of the index."""
    offset = stream.tell()
    stream.write(pixels.tobytes())
    return [offset, pixels.shape, size, digest]
