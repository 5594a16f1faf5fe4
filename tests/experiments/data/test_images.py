"""Image files: conversion to upright RGB, and errors for broken ones."""

import hashlib
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps, UnidentifiedImageError

from detloss.experiments.data import images
from detloss.experiments.data.dataset import load
from detloss.experiments.data.images import (
    ImageError,
    read_image,
    read_resized_image,
    resized,
)
from tests.support.datasets import (
    PAIR,
    Picture,
    write_voc,
    write_yolo,
)

ORIENTATION = 0x0112


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1", "I;16"])
def test_every_mode_becomes_rgb(mode: str, tmp_path: Path) -> None:
    gray = np.array([[0, 255], [255, 0]], dtype=np.uint8)
    if mode == "I;16":
        picture = Image.fromarray(gray.astype(np.uint16) * 257)
    else:
        picture = Image.fromarray(gray).convert("RGB").convert(mode)
    file = tmp_path / "picture.tif"
    picture.save(file)
    read = read_image(file)
    assert read.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(read), np.repeat(gray[..., None], 3, axis=2))


def test_a_palette_keeps_its_colors(tmp_path: Path) -> None:
    colors = np.array([[[250, 10, 20], [30, 200, 40]]], dtype=np.uint8)
    Image.fromarray(colors).quantize(2).save(tmp_path / "palette.gif")
    np.testing.assert_array_equal(np.asarray(read_image(tmp_path / "palette.gif")), colors)


def test_images_are_upright_by_exif_orientation(tmp_path: Path) -> None:
    stored = np.zeros((30, 40, 3), dtype=np.uint8)
    stored[:10, :10] = 255  # the top left corner of the sensor, which is the top right once turned
    upright = Picture("one.png", rows=(("cell", 20.0, 0.0, 30.0, 10.0),), size=(30, 40))
    folder = write_voc(tmp_path / "cells", (upright, PAIR[1]))
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.fromarray(stored).save(folder / "JPEGImages" / "one.png", exif=exif)
    dataset = load(folder, size=40)
    [sample] = dataset.train
    assert sample.image.shape == (40, 30, 3)
    assert not dataset.problems
    x1, y1, x2, y2 = sample.boxes[0].astype(int)
    assert sample.image[y1:y2, x1:x2].min() == 255
    assert sample.image.sum() == sample.image[y1:y2, x1:x2].sum()


def test_sizes_annotated_without_exif_orientation_are_excluded(tmp_path: Path) -> None:
    folder = write_voc(tmp_path / "cells", (*PAIR, Picture("three.png")))
    exif = Image.Exif()
    exif[ORIENTATION] = 8
    Image.new("RGB", (40, 30)).save(folder / "JPEGImages" / "three.png", exif=exif)
    [problem] = load(folder).problems
    assert (problem.file, problem.row) == ("Annotations/three.xml", "size of three.png")
    assert problem.message == "expected 40 x 30 pixels as annotated, got an upright image of 30 x 40"


def test_another_format_is_named_after_ultralytics_has_replaced_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = images.open_with_pillow

    def replaced(*arguments: object, **options: object) -> Image.Image:
        try:
            return original(*arguments, **options)
        except UnidentifiedImageError:
            import_module("pi_heif")
            raise

    monkeypatch.setattr(images, "open_with_pillow", replaced)
    (tmp_path / "text.png").write_text("no image at all")
    with pytest.raises(ImageError, match="expected one of .*, got another format"):
        read_image(tmp_path / "text.png")


def test_truncated_missing_and_broken_images_are_excluded(tmp_path: Path) -> None:
    names = ("truncated.jpg", "text.png", "empty.png", "float.tif")
    folder = write_yolo(tmp_path / "cells", (*PAIR, *map(Picture, names)))
    there = folder / "images" / "train"
    noise = np.random.default_rng(0).integers(0, 256, size=(64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(there / "truncated.jpg")
    (there / "truncated.jpg").write_bytes((there / "truncated.jpg").read_bytes()[:2000])
    (there / "text.png").write_text("no image at all")
    (there / "empty.png").write_bytes(b"")
    Image.new("F", (40, 30)).save(there / "float.tif")
    dataset = load(folder)
    messages = {problem.file.removeprefix("images/train/"): problem.message for problem in dataset.problems}
    assert set(messages) == set(names)
    assert messages["truncated.jpg"].startswith("image cannot be read: image file is truncated")
    formats = "BMP, GIF, JPEG, PNG, TIFF, WEBP"
    assert messages["text.png"] == f"image cannot be read: expected one of {formats}, got another format"
    assert messages["float.tif"] == "image cannot be read: floating-point pixels have no defined range"
    assert [sample.name for sample in dataset.train] == ["one.png"]
    with pytest.raises(ImageError, match="image is missing"):
        read_image(tmp_path / "gone.png")


@pytest.mark.parametrize(
    ("size", "expected"),
    [((640, 480), (160, 120)), ((333, 500), (107, 160)), ((16, 8), (160, 80)), ((900, 1), (160, 1))],
)
def test_the_longer_side_is_the_requested_size(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert resized(size, 160) == expected


def test_boxes_are_scaled_with_the_image(tmp_path: Path) -> None:
    pictures = (Picture("one.png", size=(333, 500), rows=(("cell", 33.0, 50.0, 333.0, 500.0),)), PAIR[1])
    [sample] = load(write_voc(tmp_path / "cells", pictures)).train
    assert sample.image.shape == (160, 107, 3)
    np.testing.assert_allclose(sample.boxes, [[33 * 107 / 333, 16, 107, 160]], rtol=1e-6)


def photograph(width: int, height: int) -> Image.Image:
    """Smooth colors with a white square in the top left eighth."""
    x, y = np.meshgrid(np.linspace(0, 200, width), np.linspace(0, 200, height))
    pixels = np.stack([x, y, 200 - x], axis=-1).astype(np.uint8)
    pixels[: height // 8, : width // 8] = 255
    return Image.fromarray(pixels)


@pytest.mark.parametrize("size", [(640, 480), (643, 481), (1600, 1200), (1280, 90), (150, 200), (80, 60)])
@pytest.mark.parametrize("kind", ["jpg", "png"])
@pytest.mark.parametrize("orientation", [1, 6, 8])
def test_a_reduced_decoding_equals_that_of_all_pixels(
    size: tuple[int, int], kind: str, orientation: int, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    photograph(*size).save(tmp_path / f"photo.{kind}", exif=exif, quality=95)
    full = read_image(tmp_path / f"photo.{kind}")
    small, upright, digest = read_resized_image(tmp_path / f"photo.{kind}", 160)
    assert digest == hashlib.sha256((tmp_path / f"photo.{kind}").read_bytes()).hexdigest()
    assert upright == full.size == (size if orientation == 1 else size[::-1])
    wanted = np.asarray(full.resize(small.size, Image.Resampling.LANCZOS), dtype=float)
    assert np.abs(np.asarray(small) - wanted).mean() < 1
    assert np.abs(np.asarray(small) - wanted).max() < 60
    assert max(small.size) == 160


def test_a_jpeg_is_decoded_no_larger_than_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []
    transposed = ImageOps.exif_transpose
    monkeypatch.setattr(
        ImageOps, "exif_transpose", lambda picture: (decoded.append(picture.size), transposed(picture))[1]
    )
    for size in ((2560, 1920), (1280, 960), (640, 480), (642, 481), (320, 320), (318, 240)):
        photograph(*size).save(tmp_path / "photo.jpg")
        read_resized_image(tmp_path / "photo.jpg", 160)
    assert decoded == [(320, 240), (320, 240), (320, 240), (642, 481), (320, 320), (318, 240)]


def test_a_truncated_jpeg_is_noticed_at_any_size(tmp_path: Path) -> None:
    photograph(1600, 1200).save(tmp_path / "photo.jpg")
    whole = (tmp_path / "photo.jpg").read_bytes()
    (tmp_path / "photo.jpg").write_bytes(whole[: len(whole) * 3 // 4])
    with pytest.raises(ImageError, match="image file is truncated"):
        read_resized_image(tmp_path / "photo.jpg", 160)


def test_an_image_of_two_pictures_is_a_jpeg(tmp_path: Path) -> None:
    first, second = photograph(64, 48), photograph(64, 48)
    first.save(tmp_path / "photo.jpg", format="MPO", save_all=True, append_images=[second])
    assert read_image(tmp_path / "photo.jpg").size == (64, 48)
