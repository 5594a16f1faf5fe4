"""Bright squares and dark bars on grey, and a trial's losses by their names."""

import numpy as np
import torch
from torch import Tensor

from detloss.catalog import LOSSES, Loss
from detloss.experiments.data.dataset import Dataset, Sample
from detloss.experiments.training.batches import padded, to_network
from detloss.experiments.training.detectors import target_of

ROWS: dict[str, Loss] = {loss.name: loss for loss in LOSSES}
CLASS_NAMES = ("square", "bar", "never seen")


def scenes(seed: int, count: int = 2, height: int = 64, width: int = 64) -> Dataset:
    """The same images for training and validation; with more than two, every third image is empty."""
    random = np.random.default_rng(seed)
    samples = []
    for number in range(count):
        image = random.integers(90, 110, (height, width, 3), dtype=np.uint8)
        x, y = (int(value) for value in random.integers(0, 12, 2))
        image[y : y + 18, x : x + 18] = 250
        image[y + 26 : y + 38, x + 4 : x + 36] = 5
        boxes = np.array([[x, y, x + 18, y + 18], [x + 4, y + 26, x + 36, y + 38]], np.float32)
        labels = np.array([0, 1])
        kept = 0 if number % 3 == 2 else 2
        samples.append(Sample(f"{number}.png", image, boxes[:kept], labels[:kept]))
    return Dataset("shapes", CLASS_NAMES, samples, samples, [], "")


def batch(dataset: Dataset) -> tuple[Tensor, list[dict[str, Tensor]]]:
    """All images of a data set."""
    return to_network(padded([sample.image for sample in dataset.train]), "cpu"), [
        target_of(sample) for sample in dataset.train
    ]


def losses_while_training(detector: torch.nn.Module, dataset: Dataset, steps: int) -> list[float]:
    """Take steps on all images at once; the training loss of each."""
    images, targets = batch(dataset)
    optimizer = torch.optim.AdamW(detector.parameters(), lr=2e-3)
    detector.train()
    totals = []
    for _ in range(steps):
        terms = detector.loss(images, targets)
        assert sorted(terms) == ["box", "classification"]
        total = terms["box"] + terms["classification"]
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        totals.append(total.item())
    return totals
