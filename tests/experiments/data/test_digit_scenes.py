"""Digit scenes: tight boxes, variety, and disjoint material for training and validation."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from detloss.experiments.data import digit_scenes
from detloss.experiments.data.dataset import DatasetError, load
from tests.support.trials import small_dataset

PARTS = ("train", "validation")


@pytest.mark.parametrize("part", PARTS)
def test_the_same_scenes_every_time(part: str) -> None:
    for first, second in zip(digit_scenes.compose(20, part), digit_scenes.compose(50, part)):
        np.testing.assert_array_equal(first.image, second.image)
        np.testing.assert_array_equal(first.boxes, second.boxes)
        np.testing.assert_array_equal(first.labels, second.labels)


@pytest.mark.parametrize("part", PARTS)
def test_boxes_are_tight_around_the_ink(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = list(digit_scenes.compose(300, part))
    monkeypatch.setattr(digit_scenes, "paint", lambda *arguments: None)
    bare = list(digit_scenes.compose(300, part))
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
    # Ink may chance upon the very color behind it at the only pixel of an edge.
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


def test_scenes_have_the_documented_variety() -> None:
    everything = [scene for part in PARTS for scene in digit_scenes.compose(1000, part)]
    labels = np.concatenate([scene.labels for scene in everything])
    shares = np.bincount(labels, minlength=10) / len(labels)
    assert shares.min() > 0.08
    assert shares.max() < 0.12
    counts = np.bincount([len(scene.boxes) for scene in everything], minlength=6)
    assert counts[0] == 0
    assert counts[1:].min() > 0.12 * len(everything)
    boxes = np.concatenate([scene.boxes for scene in everything])
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    style = digit_scenes.STYLES["digits"]
    assert height.max() <= style.max_height
    assert width.max() <= style.max_height
    assert height.min() >= style.min_height - 1
    assert np.ptp(np.log2(np.percentile(height, [5, 95]))) > 1.2
    assert np.ptp(np.log2(np.percentile(width / height, [5, 95]))) > 1


@pytest.mark.exhaustive
def test_sparse_scenes_have_few_positive_cells() -> None:
    """With rare objects, a class loss has more than 99 cells of background per positive cell."""
    dataset = load(None, scenes="sparse")
    assert (dataset.name, len(dataset.train), len(dataset.validation)) == ("sparse digit scenes", 2000, 400)
    for samples in (dataset.train, dataset.validation):
        cells = positive = 0
        for sample in samples:
            assert sample.image.shape == (128, 128, 3)
            assert 1 <= len(sample.boxes) <= 2
            centers = np.arange(128 // 4) * 4 + 2
            x, y = np.meshgrid(centers, centers)
            inside = [(x > x1) & (x < x2) & (y > y1) & (y < y2) for x1, y1, x2, y2 in sample.boxes]
            cells += x.size
            positive += np.any(inside, axis=0).sum()
        assert 0.004 < positive / cells < 0.01
    again = load(None, scenes="sparse")
    assert all(np.array_equal(one.image, other.image) for one, other in zip(dataset.train[:20], again.train))


@pytest.mark.exhaustive
def test_scenes_of_one_class_differ_from_digits_in_their_labels_alone() -> None:
    digits, boxes = load(None), load(None, scenes="boxes")
    assert (boxes.name, boxes.class_names) == ("digit scenes of one class", ("digit",))
    for ours, theirs in zip(boxes.train + boxes.validation, digits.train + digits.validation, strict=True):
        np.testing.assert_array_equal(ours.image, theirs.image)
        np.testing.assert_array_equal(ours.boxes, theirs.boxes)
        assert ours.labels.tolist() == [0] * len(theirs.labels)


def test_scenes_and_data_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=f"scenes: expected none for the data {tmp_path}"):
        load(tmp_path, scenes="sparse")
    with pytest.raises(DatasetError, match="size: expected none for generated scenes, whose size is fixed, got 80"):
        load(None, size=80, scenes="sparse")


def test_augmentation_needs_axis_aligned_boxes_and_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DatasetError, match="augment: expected axis-aligned boxes, got rotated scenes"):
        load(None, scenes="rotated", augment=True)
    monkeypatch.setattr("detloss.experiments.data.dataset.find_spec", lambda name: None)
    with pytest.raises(DatasetError, match=r"augment: expected the package torchvision, found none: pip install"):
        load(None, augment=True)


def test_the_fingerprint_depends_on_pixels_sizes_boxes_and_classes() -> None:
    dataset = small_dataset()
    first, second = dataset.train
    others = [
        replace(dataset, class_names=("cat", "cow")),
        replace(dataset, train=[second, first]),
        replace(dataset, validation=[first]),
        replace(dataset, train=[first], validation=[second, *dataset.validation]),
        replace(dataset, train=[replace(first, boxes=first.boxes + 0.5), second]),
        replace(dataset, train=[replace(first, labels=first.labels[::-1]), second]),
        replace(dataset, train=[replace(first, pixels=first.image[:29]), second]),
        replace(dataset, train=[replace(first, pixels=255 - first.image), second]),
        replace(dataset, augment=True),
    ]
    prints = [candidate.fingerprint() for candidate in (dataset, *others)]
    assert len(set(prints)) == 10
    assert prints[-1] == f"{prints[0]} augmented"
    renamed = replace(dataset, train=[replace(first, name="other.png"), second], name="elsewhere")
    assert renamed.fingerprint() == dataset.fingerprint() == small_dataset().fingerprint()


def test_digits_hardly_cover_each_other() -> None:
    for scene in digit_scenes.compose(300, "train"):
        for a, b in itertools.combinations(scene.boxes, 2):
            sides = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None)
            smaller = min(np.prod(a[2:] - a[:2]), np.prod(b[2:] - b[:2]))
            assert np.prod(sides) <= digit_scenes.MAX_COVERED * smaller + 1e-6


def test_train_and_validation_share_neither_digits_nor_photographs() -> None:
    train, validation = (digit_scenes.SOURCES[part] for part in PARTS)
    assert train.columns.stop <= validation.columns.start
    assert validation.digits.start - train.digits.stop >= 1797 // 14  # at least one form of digits lies between
    digits = load_digits()
    first, second = ({drawing.tobytes() for drawing in digits.images[source.digits]} for source in (train, validation))
    assert len(first) + len(second) > 1600
    assert not first & second
    # Every form begins with 0 to 9 three times over: both sides begin and the gap ends with a form.
    for start in (train.digits.start, train.digits.stop, validation.digits.start):
        assert digits.target[start : start + 30].tolist() == list(range(10)) * 3
