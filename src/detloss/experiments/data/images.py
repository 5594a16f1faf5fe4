"""Image files to pixels: upright, RGB, eight bits a channel."""

import math
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from PIL.Image import open as open_image  # ultralytics replaces Image.open by one that installs packages


class PictureError(Exception):
    """An image file that is missing, broken or of a kind without a defined brightness."""


# Pillow finds a file's kind in its contents. Some of its kinds run another program, as Ghostscript for EPS.
_KINDS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
_ORIENTATION = 0x0112  # the tag in EXIF
_TURNED = frozenset({5, 6, 7, 8})  # its values that exchange width and height
# A coarser and much faster step first brings the image to at least so many times its final size.
_GAP = 2.0


def open_picture(file: Path) -> Image.Image:
    """Reads an image file whole.

    It is turned upright as its EXIF orientation says, since that is how labelling tools show it.
    Grey, palette and CMYK images become RGB; transparency is dropped; sixteen bits a pixel are
    scaled to eight over their full range; of an animation the first frame is taken.

    Raises:
        PictureError: If there is no such file, or its pixels cannot all be read.
    """
    return _opened(file, None)[0]


def small_picture(file: Path, longer_side: int) -> tuple[Image.Image, tuple[int, int]]:
    """The same with its longer side of this many pixels, and the width and height that the upright image has.

    Raises:
        PictureError: If there is no such file, or its pixels cannot all be read.
    """
    picture, size = _opened(file, longer_side)
    return picture.resize(resized(size, longer_side), Image.Resampling.LANCZOS, reducing_gap=_GAP), size


def resized(size: tuple[int, int], longer_side: int) -> tuple[int, int]:
    """Width and height with the longer of the two as many pixels, the shape kept to the nearest pixel."""
    scale = longer_side / max(size)
    width, height = (max(1, round(side * scale)) for side in size)
    return width, height


def _opened(file: Path, longer_side: int | None) -> tuple[Image.Image, tuple[int, int]]:
    """The upright image and its size; where less will do, a JPEG is decoded at a half to an eighth of it."""
    if not os.path.isfile(file):
        raise PictureError("image is not a regular file" if os.path.lexists(file) else "image is missing")
    try:
        with open_image(file, formats=_KINDS) as picture:
            size = picture.size
            if longer_side is not None:
                width, height = (math.ceil(side * _GAP) for side in resized(size, longer_side))
                possible = (n for n in (8, 4, 2) if size[0] >= n * width and size[1] >= n * height)
                scale = next((n for n in possible if size[0] % n == size[1] % n == 0), 1)
                picture.draft(None, (size[0] // scale, size[1] // scale))
            picture.load()
            if picture.getexif().get(_ORIENTATION) in _TURNED:
                size = size[::-1]
            return _rgb(ImageOps.exif_transpose(picture)), size
    except Exception as error:  # a broken file makes Pillow's decoders raise nearly anything
        raise PictureError(f"image cannot be read: {error}") from error


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "F":
        raise PictureError("floating-point pixels have no defined range")
    if picture.mode.startswith("I"):  # Pillow itself would clip sixteen bits at 255
        eight_bits = np.clip(np.rint(np.asarray(picture) / 257), 0, 255).astype(np.uint8)
        return Image.fromarray(eight_bits).convert("RGB")
    return picture.convert("RGB")
