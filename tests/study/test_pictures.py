"""Image files of every kind become upright RGB; a broken one is left out."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detloss.study.dataset import load
from detloss.study.readers.pictures import PictureError, open_picture, resized
from tests.study.data_sets import PAIR, Picture, write_voc, write_yolo

ORIENTATION = 0x0112


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1", "I;16"])
def test_every_mode_becomes_rgb(mode: str, tmp_path: Path) -> None:
    grey = np.array([[0, 255], [255, 0]], dtype=np.uint8)
    if mode == "I;16":
        picture = Image.fromarray(grey.astype(np.uint16) * 257)
    else:
        picture = Image.fromarray(grey).convert("RGB").convert(mode)
    file = tmp_path / "picture.tif"
    picture.save(file)
    read = open_picture(file)
    assert read.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(read), np.repeat(grey[..., None], 3, axis=2))


def test_a_palette_keeps_its_colours(tmp_path: Path) -> None:
    colours = np.array([[[250, 10, 20], [30, 200, 40]]], dtype=np.uint8)
    Image.fromarray(colours).quantize(2).save(tmp_path / "palette.gif")
    np.testing.assert_array_equal(np.asarray(open_picture(tmp_path / "palette.gif")), colours)


def test_exif_orientation_turns_the_image_upright(tmp_path: Path) -> None:
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


def test_boxes_drawn_on_the_image_as_stored_are_left_out(tmp_path: Path) -> None:
    folder = write_voc(tmp_path / "cells", (*PAIR, Picture("three.png")))
    exif = Image.Exif()
    exif[ORIENTATION] = 8
    Image.new("RGB", (40, 30)).save(folder / "JPEGImages" / "three.png", exif=exif)
    [problem] = load(folder).problems
    assert (problem.file, problem.row) == ("Annotations/three.xml", "size of three.png")
    assert problem.message == "expected 40 x 30 pixels as annotated, got an image of 30 x 40 once upright"


def test_truncated_missing_and_broken_images_are_left_out(tmp_path: Path) -> None:
    names = ("truncated.jpg", "text.png", "empty.png", "float.tif")
    folder = write_yolo(tmp_path / "cells", (*PAIR, *map(Picture, names)))
    images = folder / "images" / "train"
    noise = np.random.default_rng(0).integers(0, 256, size=(64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(images / "truncated.jpg")
    (images / "truncated.jpg").write_bytes((images / "truncated.jpg").read_bytes()[:2000])
    (images / "text.png").write_text("no image at all")
    (images / "empty.png").write_bytes(b"")
    Image.new("F", (40, 30)).save(images / "float.tif")
    dataset = load(folder)
    messages = {problem.file.removeprefix("images/train/"): problem.message for problem in dataset.problems}
    assert set(messages) == set(names)
    assert messages["truncated.jpg"].startswith("image cannot be read: image file is truncated")
    assert messages["text.png"].startswith("image cannot be read: cannot identify image file")
    assert messages["float.tif"] == "image cannot be read: floating-point pixels have no defined range"
    assert [sample.name for sample in dataset.train] == ["one.png"]
    with pytest.raises(PictureError, match="image is missing"):
        open_picture(tmp_path / "gone.png")


@pytest.mark.parametrize(
    ("size", "expected"),
    [((640, 480), (160, 120)), ((333, 500), (107, 160)), ((16, 8), (160, 80)), ((900, 1), (160, 1))],
)
def test_the_longer_side_is_as_asked(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert resized(size, 160) == expected


def test_boxes_are_scaled_by_what_the_image_was_scaled(tmp_path: Path) -> None:
    pictures = (Picture("one.png", size=(333, 500), rows=(("cell", 33.0, 50.0, 333.0, 500.0),)), PAIR[1])
    [sample] = load(write_voc(tmp_path / "cells", pictures)).train
    assert sample.image.shape == (160, 107, 3)
    np.testing.assert_allclose(sample.boxes, [[33 * 107 / 333, 16, 107, 160]], rtol=1e-6)
