"""Image files: upright, RGB, eight bits per channel."""

import math
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from PIL.Image import open as open_with_pillow  # ultralytics replaces Image.open by one that installs packages


class ImageError(Exception):
    """An image file that is missing, broken or without a defined range of brightness."""


# Pillow detects the format by the contents. Some formats start another program, as EPS does Ghostscript.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
EXIF_ORIENTATION = 0x0112
TRANSPOSED = frozenset({5, 6, 7, 8})  # orientations that swap width and height
# A coarse, much faster step first reduces the image to at least this multiple of its final size.
REDUCING_GAP = 2.0


def read_image(file: Path) -> Image.Image:
    """Read an image file at its full size.

    The image is rotated upright by its EXIF orientation, as labeling tools show it. Gray, palette and CMYK images
    become RGB; transparency is dropped; sixteen bits per pixel are scaled to eight over their full range; of an
    animation the first frame is used.

    Raises:
        ImageError: There is no such file, or its pixels cannot be read.
    """
    return upright(file, None)[0]


def read_resized_image(file: Path, longer_side: int) -> tuple[Image.Image, tuple[int, int]]:
    """Read an image file, resize its longer side, and return the upright size that it had.

    Raises:
        ImageError: There is no such file, or its pixels cannot be read.
    """
    image, size = upright(file, longer_side)
    return image.resize(resized(size, longer_side), Image.Resampling.LANCZOS, reducing_gap=REDUCING_GAP), size


def resized(size: tuple[int, int], longer_side: int) -> tuple[int, int]:
    """Scale width and height to a longer side, rounded to pixels."""
    scale = longer_side / max(size)
    width, height = (max(1, round(side * scale)) for side in size)
    return width, height


def upright(file: Path, longer_side: int | None) -> tuple[Image.Image, tuple[int, int]]:
    """Read the upright image and its size; if a smaller one suffices, a JPEG is decoded at 1/2 to 1/8 of its size."""
    if not os.path.isfile(file):
        raise ImageError("image is not a regular file" if os.path.lexists(file) else "image is missing")
    try:
        with open_with_pillow(file, formats=FORMATS) as image:
            size = image.size
            if longer_side is not None:
                width, height = (math.ceil(side * REDUCING_GAP) for side in resized(size, longer_side))
                possible = (n for n in (8, 4, 2) if size[0] >= n * width and size[1] >= n * height)
                scale = next((n for n in possible if size[0] % n == size[1] % n == 0), 1)
                image.draft(None, (size[0] // scale, size[1] // scale))
            image.load()
            if image.getexif().get(EXIF_ORIENTATION) in TRANSPOSED:
                size = size[::-1]
            return rgb(ImageOps.exif_transpose(image)), size
    except Exception as error:  # Pillow's decoders raise nearly anything for a broken file
        raise ImageError(f"image cannot be read: {error}") from error


def rgb(image: Image.Image) -> Image.Image:
    """Convert an image to RGB with eight bits per channel."""
    if image.mode == "F":
        raise ImageError("floating-point pixels have no defined range")
    if image.mode.startswith("I"):  # Pillow would clip sixteen bits at 255
        eight_bits = np.clip(np.rint(np.asarray(image) / 257), 0, 255).astype(np.uint8)
        return Image.fromarray(eight_bits).convert("RGB")
    return image.convert("RGB")
