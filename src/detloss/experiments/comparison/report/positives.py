"""Positive cells and normalizers of the training batches.

Both follow from the data and the order of the images, not from the losses, so they are counted after the trials.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np

from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training.batches import batch_indices
from detloss.experiments.training.detectors import cell_labels, unitbox_of
from detloss.experiments.training.outcome import Trial


@dataclass(frozen=True)
class Positives:
    """Positive fraction of the cells, their mean number per batch, and the mean and range of the normalizer.

    The normalizer is the divisor of the losses: the number of positive cells of a batch, but at least 1.
    """

    fraction: float
    cells: float
    normalizer: float
    lowest: int
    highest: int


def positives(trials: Iterable[Trial], dataset: Dataset) -> Positives | None:
    """Count the cells in trials of UnitBox; None for other detectors, which do their own label assignment, and if
    images are augmented."""
    runs = sorted({(trial.detector, trial.seed, trial.steps) for trial in trials})
    if dataset.augment or {detector for detector, _, _ in runs} != {"unitbox"}:
        return None
    model = unitbox_of(dataset)()
    sizes = np.array([sample.pixels.shape[:2] for sample in dataset.train])
    shapes = -(-sizes // model.stride)
    labels = cell_labels(model, dataset.train)
    positive_cells = np.array([int((of_image < model.num_classes).sum()) for of_image in labels])
    cells, found = [], []
    for _, seed, steps in runs:
        for batch in islice(batch_indices(len(dataset.train), seed), steps):
            cells.append(len(batch) * int(shapes[batch].max(axis=0).prod()))  # images are padded to the largest
            found.append(int(positive_cells[batch].sum()))
    normalizers = np.maximum(found, 1)
    return Positives(
        fraction=sum(found) / sum(cells),
        cells=float(np.mean(cells)),
        normalizer=float(normalizers.mean()),
        lowest=int(normalizers.min()),
        highest=int(normalizers.max()),
    )
