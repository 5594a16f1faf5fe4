"""Image files: upright, RGB, eight bits per channel."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from io import BufferedReader
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.Image import open as open_with_pillow  # ultralytics replaces Image.open by one that installs packages


class ImageError(Exception):
    """An image file that is missing, broken or without a defined range of brightness."""


# Pillow detects the format by the contents. Some formats start another program, as EPS does Ghostscript.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
EXIF_ORIENTATION = 0x0112
TRANSPOSED = frozenset({5, 6, 7, 8})  # orientations that swap width and height
# A coarse, much faster step first reduces the image to at least this multiple of its final size.
REDUCING_GAP = 2.0
# Pillow rejects images of more than 179 million pixels; this many have at most 716 MB without compression.
MAX_IMAGE_BYTES = 2**30


def read_image(file: Path) -> Image.Image:
    """Read an image file at its full size.

    The image is rotated upright by its EXIF orientation, as labeling tools show it. Gray, palette and CMYK images
    become RGB; transparency is dropped; sixteen bits per pixel are scaled to eight over their full range; of an
    animation the first frame is used.

    Raises:
        ImageError: There is no such file, or its pixels cannot be read.
    """
    with opened(file) as (_, image):
        return upright(image)


def read_resized_image(file: Path, longer_side: int) -> tuple[Image.Image, tuple[int, int], str]:
    """Read an image file as `read_image` and resize its longer side; return also its upright size and its SHA-256."""
    with opened(file) as (stream, image):
        position = stream.tell()
        stream.seek(0)
        digest = file_digest(stream, "sha256").hexdigest()
        stream.seek(position)
        size = upright_size(image)
        reduce_decoding(image, longer_side)
        shown = upright(image)
    return shown.resize(resized(size, longer_side), Image.Resampling.LANCZOS, reducing_gap=REDUCING_GAP), size, digest


def resized_pixels(file: Path, longer_side: int) -> int:
    """The number of pixels of a resized image, from the header of its file; ImageError if it has none."""
    with opened(file) as (_, image):
        return math.prod(resized(image.size, longer_side))


def resized(size: tuple[int, int], longer_side: int) -> tuple[int, int]:
    """Scale width and height to a longer side, rounded to pixels."""
    scale = longer_side / max(size)
    width, height = (max(1, round(side * scale)) for side in size)
    return width, height


@contextmanager
def opened(file: Path) -> Iterator[tuple[BufferedReader, Image.Image]]:
    """Open an image file, without decoding it."""
    if not os.path.isfile(file):
        raise ImageError("image is not a regular file" if os.path.lexists(file) else "image is missing")
    try:
        if (size := os.path.getsize(file)) > MAX_IMAGE_BYTES:
            raise ImageError(f"expected at most {MAX_IMAGE_BYTES} bytes, got {size}")
        with file.open("rb") as stream, open_with_pillow(stream, formats=FORMATS) as image:
            yield stream, image
    except Exception as error:  # Pillow's decoders raise nearly anything for a broken file
        # After ultralytics has replaced `open`, the first error is the context of another one.
        is_unidentified = any(isinstance(each, UnidentifiedImageError) for each in (error, error.__context__))
        reason = f"expected one of {', '.join(FORMATS)}, got another format" if is_unidentified else error
        raise ImageError(f"image cannot be read: {reason}") from error


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height after the rotation by the EXIF orientation."""
    width, height = image.size
    return (height, width) if image.getexif().get(EXIF_ORIENTATION) in TRANSPOSED else (width, height)


def reduce_decoding(image: Image.Image, longer_side: int) -> None:
    """Decode a JPEG at 1/2, 1/4 or 1/8 of its size, if that suffices for a longer side."""
    width, height = image.size
    least = [math.ceil(side * REDUCING_GAP) for side in resized(image.size, longer_side)]
    possible = (n for n in (8, 4, 2) if width >= n * least[0] and height >= n * least[1])
    scale = next((n for n in possible if width % n == height % n == 0), 1)
    image.draft(None, (width // scale, height // scale))


def upright(image: Image.Image) -> Image.Image:
    """Decode an opened image and rotate it upright."""
    image.load()
    return rgb(ImageOps.exif_transpose(image))


def rgb(image: Image.Image) -> Image.Image:
    """Convert an image to RGB with eight bits per channel."""
    if image.mode == "F":
        raise ImageError("floating-point pixels have no defined range")
    if image.mode.startswith("I"):  # Pillow would clip sixteen bits at 255
        eight_bits = np.clip(np.rint(np.asarray(image) / 257), 0, 255).astype(np.uint8)
        return Image.fromarray(eight_bits).convert("RGB")
    return image.convert("RGB")
