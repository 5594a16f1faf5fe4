"""Batches: order, padding, augmentation of images with their boxes, and preparation in other processes."""

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from detloss.experiments.data.samples import Sample
from detloss.experiments.training.batches import (
    Batches,
    augmented,
    batch_indices,
    padded,
    same_size_batches,
    to_network,
    training_batches,
)
from detloss.experiments.training.detectors import target_of


def bright_box(number: int, height: int = 40, width: int = 50) -> Sample:
    """A white box on black."""
    random = np.random.default_rng(number)
    image = np.zeros((height, width, 3), np.uint8)
    (x1, x2), (y1, y2) = (np.sort(random.choice(np.arange(2, side - 2), 2, replace=False)) for side in (width, height))
    image[y1 : y2 + 1, x1 : x2 + 1] = 255
    box = np.array([[x1, y1, x2 + 1, y2 + 1]], np.float32)
    return Sample(f"{number}.png", image, box, np.array([number % 3]))


@pytest.fixture
def samples() -> list[Sample]:
    return [bright_box(number, 40 + 8 * (number % 2)) for number in range(20)]


def test_every_epoch_is_a_permutation_of_the_samples() -> None:
    stream = batch_indices(24, seed=1)
    three = [next(stream) for _ in range(3)]
    assert [len(batch) for batch in three] == [16] * 3
    drawn = [*chain.from_iterable(three)]
    assert sorted(drawn[:24]) == sorted(drawn[24:]) == list(range(24))
    assert drawn[:24] != drawn[24:]


def test_images_of_a_batch_are_padded_with_black(samples: list[Sample]) -> None:
    pixels = padded([sample.image for sample in samples[:4]])
    assert (pixels.shape, pixels.dtype) == ((4, 48, 50, 3), torch.uint8)
    images = to_network(pixels, "cpu")
    assert (images.shape, images.dtype) == ((4, 3, 48, 50), torch.float32)
    assert images.is_contiguous(memory_format=torch.channels_last)
    for image, sample in zip(images, samples):
        height, width, _ = sample.image.shape
        expected = torch.from_numpy(sample.image.astype(np.float32) / 255).permute(2, 0, 1)
        torch.testing.assert_close(image[:, :height, :width], expected)
        assert not image[:, height:].any()


def test_batches_of_the_same_size_have_every_sample_once(samples: list[Sample]) -> None:
    many = samples * 3
    batches = same_size_batches(many)
    assert sorted(chain.from_iterable(batches.indices)) == list(range(60))
    assert [len(batch) for batch in batches.indices] == [16, 14, 16, 14]
    for batch in batches.indices:
        assert len({many[index].image.shape for index in batch}) == 1


def test_training_leaves_the_random_numbers_of_the_process_alone(samples: list[Sample]) -> None:
    for augment in (False, True):
        torch.manual_seed(5)
        expected = torch.rand(3)
        torch.manual_seed(5)
        assert len(list(training_batches(samples, seed=1, steps=3, augment=augment).on("cpu"))) == 3
        assert torch.equal(torch.rand(3), expected)


def test_augmented_boxes_are_where_the_objects_are() -> None:
    torch.manual_seed(0)
    sides, positions = set(), set()
    for number in range(100):
        sample = bright_box(number)
        image, target = augmented(sample.image, target_of(sample))
        assert (image.shape, image.dtype) == (sample.image.shape, np.uint8)
        rows, columns = (np.flatnonzero((image > 127).any(axis=(axis, 2))) for axis in (1, 0))
        if not len(target["boxes"]):
            assert min(len(rows), len(columns)) <= 2, "only a sliver is left"
            continue
        [box] = target["boxes"].tolist()
        found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        np.testing.assert_allclose(box, found, atol=1.01)
        assert type(target["boxes"]) is torch.Tensor
        assert target["labels"].tolist() == sample.labels.tolist()
        sides.add(round(box[2] - box[0]))
        positions.add(round(box[0]))
    assert min(len(sides), len(positions)) > 15


def test_an_augmented_image_without_boxes_stays_without() -> None:
    empty = replace(bright_box(1), boxes=np.zeros((0, 4), np.float32), labels=np.zeros(0, np.int64))
    _, target = augmented(empty.image, target_of(empty))
    assert target["boxes"].shape == (0, 4)


def contents(batches: Batches, loaders: int = 0) -> list[bytes]:
    loader = DataLoader(batches, batch_size=None, num_workers=loaders)
    return [pixels.numpy().tobytes() + repr(targets).encode() for pixels, targets in loader]


def test_the_augmentation_depends_on_the_seed_alone(samples: list[Sample]) -> None:
    first = contents(training_batches(samples, seed=3, steps=4, augment=True))
    torch.manual_seed(99)
    assert contents(training_batches(samples, seed=3, steps=4, augment=True)) == first
    assert contents(training_batches(samples, seed=3, steps=2, augment=True)) == first[:2]
    assert not {*contents(training_batches(samples, seed=4, steps=4, augment=True))} & {*first}
    assert not {*contents(training_batches(samples, seed=3, steps=4, augment=False))} & {*first}


def test_other_processes_prepare_the_same_batches(samples: list[Sample]) -> None:
    batches = training_batches(samples, seed=3, steps=4, augment=True)
    assert contents(batches, loaders=2) == contents(batches)
