"""Image files to pixels: upright, RGB, eight bits a channel."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps


class PictureError(Exception):
    """An image file that is missing, broken or of a kind without a defined brightness."""


def open_picture(file: Path) -> Image.Image:
    """Reads an image file whole.

    It is turned upright as its EXIF orientation says, since that is how labelling tools show it.
    Grey, palette and CMYK images become RGB; transparency is dropped; sixteen bits a pixel are
    scaled to eight over their full range; of an animation the first frame is taken.

    Raises:
        PictureError: If there is no such file, or its pixels cannot all be read.
    """
    try:
        with Image.open(file) as picture:
            picture.load()
            return _rgb(ImageOps.exif_transpose(picture))
    except FileNotFoundError:
        raise PictureError("image is missing") from None
    except Exception as error:  # a broken file makes Pillow's decoders raise nearly anything
        # Packages that teach Pillow another format fail on what they lack where a file is of none.
        cause = error.__context__ if isinstance(error, ImportError) else error
        raise PictureError(f"image cannot be read: {cause}") from error


def resize(picture: Image.Image, longer_side: int) -> Image.Image:
    """The picture with its longer side of this many pixels, its shape kept to the nearest pixel."""
    scale = longer_side / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "F":
        raise PictureError("floating-point pixels have no defined range")
    if picture.mode.startswith("I"):  # Pillow itself would clip sixteen bits at 255
        eight_bits = np.clip(np.rint(np.asarray(picture) / 257), 0, 255).astype(np.uint8)
        return Image.fromarray(eight_bits).convert("RGB")
    return picture.convert("RGB")
