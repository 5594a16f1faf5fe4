"""Pixels of a data set, shared by all processes of a comparison."""

import os
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from mmap import ACCESS_COPY, mmap
from multiprocessing.reduction import DupFd
from tempfile import TemporaryFile
from typing import Any
from weakref import finalize

import numpy as np

from detloss.experiments.data.dataset import Dataset

NO_PIXELS = np.empty(0, np.uint8)


class SharedDataset:
    """A data set for worker processes, which map its pixels instead of reading or generating it again.

    Calling it returns the data set. The pixels are in an unlinked temporary file that every process maps; the file is
    deleted with the last of them. A process that writes to an image changes its own copy.
    """

    def __init__(self, dataset: Dataset) -> None:
        with TemporaryFile() as file:
            for sample in chain(dataset.train, dataset.validation):
                file.write(sample.image.tobytes())
            file.flush()
            self.hold(os.dup(file.fileno()))
        self.shapes = [sample.image.shape for sample in chain(dataset.train, dataset.validation)]
        self.without_pixels = with_images(dataset, [NO_PIXELS] * len(self.shapes))

    def hold(self, descriptor: int) -> None:
        """Keep the file open for the lifetime of this object."""
        self.descriptor = descriptor
        finalize(self, os.close, descriptor)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"descriptor": DupFd(self.descriptor)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.hold(state["descriptor"].detach())

    def __call__(self) -> Dataset:
        """Return the data set with mapped images."""
        pixels = np.frombuffer(mmap(self.descriptor, 0, access=ACCESS_COPY), np.uint8)
        ends = np.cumsum([np.prod(shape) for shape in self.shapes])[:-1]
        images = (part.reshape(shape) for part, shape in zip(np.split(pixels, ends), self.shapes))
        return with_images(self.without_pixels, images)


def with_images(dataset: Dataset, images: Iterable[np.ndarray]) -> Dataset:
    """Replace the images of a data set, the training images first."""
    source = iter(images)
    train, validation = (
        [replace(sample, image=next(source)) for sample in samples] for samples in (dataset.train, dataset.validation)
    )
    return replace(dataset, train=train, validation=validation)
