"""Digit scenes: tight boxes, the promised variety, nothing shared between training and validation."""

import itertools

import numpy as np
import pytest
from sklearn.datasets import load_digits

from detloss.study import scenes
from detloss.study.dataset import load

PARTS = ("train", "validation")


@pytest.mark.parametrize("part", PARTS)
def test_the_same_scenes_every_time(part: str) -> None:
    for first, second in zip(scenes.compose(20, part), scenes.compose(50, part)):
        np.testing.assert_array_equal(first.image, second.image)
        np.testing.assert_array_equal(first.boxes, second.boxes)
        np.testing.assert_array_equal(first.labels, second.labels)


@pytest.mark.parametrize("part", PARTS)
def test_boxes_are_tight_around_the_ink(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = list(scenes.compose(300, part))
    monkeypatch.setattr(scenes, "_draw", lambda *arguments: None)
    bare = list(scenes.compose(300, part))
    lone = [(scene, plain) for scene, plain in zip(drawn, bare) if len(scene.boxes) == 1]
    assert len(lone) > 30
    tight = 0
    for scene, plain in lone:
        changed = (scene.image != plain.image).any(axis=2)
        rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
        around = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
        assert (scene.boxes[0, :2] <= around[:2]).all()
        assert (scene.boxes[0, 2:] >= around[2:]).all()
        tight += bool((around == scene.boxes[0]).all())
    # Ink may chance upon the very colour behind it at the only pixel of an edge.
    assert tight >= 0.97 * len(lone)


def test_the_data_set() -> None:
    dataset = load(None)
    assert (dataset.name, dataset.class_names, dataset.problems) == ("digit scenes", tuple("0123456789"), [])
    assert (len(dataset.train), len(dataset.validation)) == (2000, 400)
    assert dataset.split.startswith("By the writers of the digits; 2000 images with ")
    for sample in dataset.train + dataset.validation:
        assert (sample.image.shape, sample.image.dtype) == ((64, 64, 3), np.uint8)
        assert (sample.boxes.dtype, sample.labels.dtype) == (np.float32, np.int64)
        assert 1 <= len(sample.boxes) == len(sample.labels) <= 5
        assert sample.boxes.min() >= 0
        assert sample.boxes.max() <= 64


def test_the_promised_variety() -> None:
    everything = [scene for part in PARTS for scene in scenes.compose(1000, part)]
    labels = np.concatenate([scene.labels for scene in everything])
    shares = np.bincount(labels, minlength=10) / len(labels)
    assert shares.min() > 0.08
    assert shares.max() < 0.12
    counts = np.bincount([len(scene.boxes) for scene in everything], minlength=6)
    assert counts[0] == 0
    assert counts[1:].min() > 0.12 * len(everything)
    boxes = np.concatenate([scene.boxes for scene in everything])
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    assert height.max() <= scenes.TALLEST
    assert width.max() <= scenes.TALLEST
    assert height.min() >= scenes.SHORTEST - 1
    assert np.ptp(np.log2(np.percentile(height, [5, 95]))) > 1.2
    assert np.ptp(np.log2(np.percentile(width / height, [5, 95]))) > 1


def test_digits_hardly_cover_each_other() -> None:
    for scene in scenes.compose(300, "train"):
        for a, b in itertools.combinations(scene.boxes, 2):
            sides = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None)
            smaller = min(np.prod(a[2:] - a[:2]), np.prod(b[2:] - b[:2]))
            assert np.prod(sides) <= scenes.MOST_COVERED * smaller + 1e-6


def test_train_and_validation_share_neither_digits_nor_photographs() -> None:
    train, validation = (scenes._SOURCES[part] for part in PARTS)
    assert train.columns.stop <= validation.columns.start
    assert validation.digits.start - train.digits.stop >= 1797 // 14  # a form's worth lies between
    digits = load_digits()
    first, second = ({drawing.tobytes() for drawing in digits.images[source.digits]} for source in (train, validation))
    assert len(first) + len(second) > 1600
    assert not first & second
    # Every form begins with 0 to 9 three times over: both sides begin and the gap ends with a form.
    for start in (train.digits.start, train.digits.stop, validation.digits.start):
        assert digits.target[start : start + 30].tolist() == list(range(10)) * 3
