"""Folds of the training images."""

from collections.abc import Sequence
from dataclasses import replace
from zlib import crc32

from detloss.experiments.data.dataset import Dataset, Sample
from detloss.experiments.data.samples import group_numbers

SEARCH_FOLDS = 5  # folds of a search for weights, which is evaluated on the first of them


def assign_folds(samples: Sequence[Sample], folds: int) -> list[int]:
    """Assign groups of images to folds, in turn, in the order of the checksums of their names.

    The remainder of the checksum is not used, because it may already determine the validation set.
    """
    groups = group_numbers(samples)
    names = {number: sample.group or sample.name for number, sample in zip(groups.tolist(), samples)}
    order = sorted(names, key=lambda number: (crc32(names[number].encode(errors="backslashreplace")), number))
    fold_of = {number: position % folds for position, number in enumerate(order)}
    return [fold_of[number] for number in groups.tolist()]


def fold_dataset(dataset: Dataset, fold: int, folds: int) -> Dataset:
    """Select the training images of a data set: one fold for evaluation, the others for training."""
    members = assign_folds(dataset.train, folds)
    return replace(
        dataset,
        train=[sample for sample, member in zip(dataset.train, members) if member != fold],
        validation=[sample for sample, member in zip(dataset.train, members) if member == fold],
    )


def search_dataset(dataset: Dataset) -> Dataset:
    """The data set of a search for weights, in which every fifth training image is held out for the evaluation."""
    return fold_dataset(dataset, 0, SEARCH_FOLDS)
