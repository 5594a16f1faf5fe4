"""Scenes of rotated digits: boxes, angles, and everything that they share with upright scenes."""

import math

import numpy as np
import pytest

import detloss
from detloss.experiments.data import digit_scenes
from detloss.experiments.data.dataset import load

STYLE = digit_scenes.STYLES["rotated"]
PARTS = ("train", "validation")


@pytest.mark.parametrize("part", PARTS)
def test_the_same_scenes_every_time(part: str) -> None:
    for first, second in zip(digit_scenes.compose(20, part, STYLE), digit_scenes.compose(50, part, STYLE)):
        np.testing.assert_array_equal(first.image, second.image)
        np.testing.assert_array_equal(first.boxes, second.boxes)


@pytest.mark.parametrize("part", PARTS)
def test_a_rotated_box_is_tight_around_its_ink(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = list(digit_scenes.compose(300, part, STYLE))
    monkeypatch.setattr(digit_scenes, "paint", lambda *arguments: None)
    bare = list(digit_scenes.compose(300, part, STYLE))
    lone = [(scene, plain) for scene, plain in zip(drawn, bare) if len(scene.boxes) == 1]
    assert len(lone) > 30
    gaps = []
    for scene, plain in lone:
        rows, columns = np.nonzero((scene.image != plain.image).any(axis=2))
        (cx, cy, width, height, angle) = scene.boxes[0].astype(float)
        turned_back = ((columns + 0.5 - cx) + 1j * (rows + 0.5 - cy)) * np.exp(-1j * angle)
        assert np.abs(turned_back.real).max() <= width / 2 + 1e-4
        assert np.abs(turned_back.imag).max() <= height / 2 + 1e-4
        ends = (turned_back.real.max(), -turned_back.real.min(), turned_back.imag.max(), -turned_back.imag.min())
        gaps.append(np.array([width, width, height, height]) / 2 - ends)
    # The outermost pixels of ink end half a pixel from their centers, and may be faint where they lie aslant.
    assert np.mean(gaps) < 0.8
    assert np.quantile(gaps, 0.95) < 1.6


def test_ink_is_rotated_from_x_toward_y(seed: int) -> None:
    """A round spot of ink goes about the middle by the angle."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:20, :30] + 0.5
    for angle in (0.0, *random.uniform(-math.pi, math.pi, 20)):
        spot = random.uniform(6, 24), random.uniform(6, 14)
        ink = np.exp(-((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / 4).astype(np.float32)
        turned = digit_scenes.rotate(ink, angle)
        height, width = turned.shape
        rows, columns = np.mgrid[:height, :width] + 0.5
        center = ((columns - width / 2 + 1j * (rows - height / 2)) * turned).sum() / turned.sum()
        assert abs(center - complex(spot[0] - 15, spot[1] - 10) * np.exp(1j * angle)) < 0.05


@pytest.mark.exhaustive
def test_angles_are_uniform() -> None:
    boxes = np.concatenate([scene.boxes for part in PARTS for scene in digit_scenes.compose(600, part, STYLE)])
    assert len(boxes) > 2000
    angle = boxes[:, 4].astype(float)
    assert angle.min() >= -math.pi
    assert angle.max() <= math.pi
    for turns in (1, 2, 3, 4):
        assert abs(np.exp(1j * turns * angle).mean()) < 0.08
    aspect = boxes[:, 2] / boxes[:, 3]
    assert np.ptp(np.log2(np.percentile(aspect, [5, 95]))) > 1


def test_the_data_set() -> None:
    dataset = load(None, scenes="rotated")
    assert (dataset.name, dataset.geometry) == ("rotated digit scenes", detloss.Rotated())
    assert dataset.class_names == ("digit",), "a 6 that is turned may be a 9"
    assert (len(dataset.train), len(dataset.validation)) == (2000, 400)
    for sample in dataset.train + dataset.validation:
        assert (sample.image.shape, sample.boxes.dtype) == ((64, 64, 3), np.float32)
        assert sample.boxes.shape == (len(sample.labels), 5)
        assert 1 <= len(sample.boxes) <= 5
        assert not sample.labels.any()
        cosine, sine = np.abs(np.cos(sample.boxes[:, 4])), np.abs(np.sin(sample.boxes[:, 4]))
        width, height = sample.sides.T
        np.testing.assert_array_equal(sample.sides, sample.boxes[:, 2:4])
        reach = np.stack((width * cosine + height * sine, width * sine + height * cosine), axis=1) / 2
        assert (sample.boxes[:, :2] - reach >= -1e-4).all()
        assert (sample.boxes[:, :2] + reach <= 64 + 1e-4).all()


@pytest.mark.exhaustive
def test_scenes_are_upright_by_default() -> None:
    dataset = load(None)
    assert dataset.geometry == detloss.AxisAligned()
    sample = dataset.train[0]
    np.testing.assert_array_equal(sample.sides, sample.boxes[:, 2:] - sample.boxes[:, :2])
