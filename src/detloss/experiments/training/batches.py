"""Batches of images and their boxes: order, padding, augmentation, prefetching."""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from detloss.experiments.data.samples import Sample
from detloss.experiments.training.detectors import target_of

BATCH = 16
LOADERS = 2  # processes that prepare batches for a GPU; on a CPU they would slow the training down
SCALES = (0.5, 1.5)  # of an augmented image
MIN_SIDE = 1.0  # pixels of a box after a crop

Targets = list[dict[str, Tensor]]


class Batches(TorchDataset[tuple[Tensor, Targets]]):
    """Batches by their numbers: pixels (B, H, W, 3), uint8, padded with black to the largest image, and targets.

    `indices` are those of the samples of each batch. The augmentation depends on the seed and on the number of the
    batch only; without a seed, images stay as they are.
    """

    def __init__(self, samples: Sequence[Sample], indices: Sequence[Sequence[int]], seed: int | None = None) -> None:
        self.samples, self.indices, self.seed = samples, indices, seed

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, number: int) -> tuple[Tensor, Targets]:
        batch = [self.samples[index] for index in self.indices[number]]
        images, targets = [sample.image for sample in batch], [target_of(sample) for sample in batch]
        if self.seed is not None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(np.random.SeedSequence((self.seed, number)).generate_state(1, np.uint64).item())
                images, targets = zip(*map(augmented, images, targets))
        return padded(images), targets

    def on(self, device: str, first: int = 0) -> Iterator[tuple[Tensor, Targets]]:
        """Iterate over the batches from number `first`, prepared ahead for a GPU."""
        on_gpu = torch.device(device).type == "cuda"
        loader = DataLoader(
            self,
            batch_size=None,
            sampler=range(first, len(self)),
            num_workers=LOADERS if on_gpu else 0,
            pin_memory=on_gpu,
            generator=torch.Generator(),  # the loader would draw from the generator of the training
        )
        yield from loader


def training_batches(samples: Sequence[Sample], seed: int, steps: int, *, augment: bool) -> Batches:
    """The batches of a training."""
    return Batches(samples, list(islice(batch_indices(len(samples), seed), steps)), seed if augment else None)


def batch_indices(samples: int, seed: int) -> Iterator[list[int]]:
    """Yield the indices of each batch, endlessly; each epoch is a random permutation of the samples."""
    generator = torch.Generator().manual_seed(seed)
    remaining: list[int] = []
    while True:
        while len(remaining) < BATCH:
            remaining += torch.randperm(samples, generator=generator).tolist()
        yield remaining[:BATCH]
        del remaining[:BATCH]


def same_size_batches(samples: Sequence[Sample]) -> Batches:
    """All samples in batches of the same size, so that the prediction of an image depends on no other image."""
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index, sample in enumerate(samples):
        by_shape.setdefault(sample.pixels.shape, []).append(index)
    indices = [
        of_shape[first : first + BATCH] for of_shape in by_shape.values() for first in range(0, len(of_shape), BATCH)
    ]
    return Batches(samples, indices)


def padded(images: Sequence[np.ndarray]) -> Tensor:
    """Stack images, padded with black to the largest."""
    height = max(image.shape[0] for image in images)
    width = max(image.shape[1] for image in images)
    pixels = np.zeros((len(images), height, width, 3), np.uint8)
    for row, image in zip(pixels, images):
        row[: image.shape[0], : image.shape[1]] = image
    return torch.from_numpy(pixels)


def to_network(pixels: Tensor, device: str) -> Tensor:
    """Move pixels to a device and convert them there to (B, 3, H, W) in [0, 1]."""
    channels_last = pixels.to(device, non_blocking=True).permute(0, 3, 1, 2)  # the faster layout for convolutions
    return channels_last / 255


def augmented(image: np.ndarray, target: dict[str, Tensor]) -> tuple[np.ndarray, dict[str, Tensor]]:
    """Flip, scale and crop an image with its target at random; the image keeps its size."""
    from torchvision import tv_tensors
    from torchvision.transforms import v2

    size = image.shape[:2]
    transform = v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.ScaleJitter(size, SCALES),
            v2.RandomCrop(size, pad_if_needed=True),
            v2.SanitizeBoundingBoxes(min_size=MIN_SIDE),
        ]
    )
    pixels = tv_tensors.Image(torch.from_numpy(image.copy()).permute(2, 0, 1))
    boxes = tv_tensors.BoundingBoxes(target["boxes"], format="XYXY", canvas_size=size)
    changed, found = transform(pixels, {"boxes": boxes, "labels": target["labels"]})
    return changed.permute(1, 2, 0).numpy(), {"boxes": found["boxes"].as_subclass(Tensor), "labels": found["labels"]}
