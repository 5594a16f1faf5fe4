"""How many cells had an object in training, and what the losses were divided by.

Both follow from the data and the order of the images, whatever the losses; so they are counted after the trials.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np

from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training.builders import labels_of_cells, unitbox_of
from detloss.experiments.training.trial import Trial, order


@dataclass(frozen=True)
class Positives:
    """The cells of the batches that were trained on, over all seeds.

    Attributes:
        share: Positive ones, of all.
        cells: In a batch; the mean, for images may differ in size.
        normalizer: What the sums of a batch were divided by, its positive cells or 1; the mean over the steps.
        lowest: Of a batch.
        highest: Of a batch.
    """

    share: float
    cells: float
    normalizer: float
    lowest: int
    highest: int


def positives(trials: Iterable[Trial], dataset: Dataset) -> Positives | None:
    """Count for trials of UnitBox; None for other detectors, which assign their anchors themselves."""
    runs = sorted({(trial.detector, trial.seed, trial.steps) for trial in trials})
    if {detector for detector, _, _ in runs} != {"unitbox"}:
        return None
    assigning = unitbox_of(dataset)()
    sizes = np.array([sample.image.shape[:2] for sample in dataset.train])
    planes = -(-sizes // assigning.stride)
    labels = labels_of_cells(assigning, dataset.train)
    of_sample = np.array([int((of_image < assigning.num_classes).sum()) for of_image in labels])
    cells, found = [], []
    for _, seed, steps in runs:
        for batch in islice(order(len(dataset.train), seed), steps):
            cells.append(len(batch) * int(planes[batch].max(axis=0).prod()))  # all are filled up to the largest
            found.append(int(of_sample[batch].sum()))
    normalizers = np.maximum(found, 1)
    return Positives(
        share=sum(found) / sum(cells),
        cells=float(np.mean(cells)),
        normalizer=float(normalizers.mean()),
        lowest=int(normalizers.min()),
        highest=int(normalizers.max()),
    )
