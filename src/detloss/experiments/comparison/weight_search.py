"""Preparation of the search for weights: its images, and the candidates of every pair."""

from dataclasses import replace
from math import inf, log2

from detloss.experiments.comparison.plan import Plan, pair_of, weight_grid
from detloss.experiments.comparison.weight_fit import rounded_weight
from detloss.experiments.data.dataset import Dataset, DatasetError
from detloss.experiments.data.training_folds import search_dataset
from detloss.experiments.training.gradient_balance import balanced_weight
from detloss.experiments.training.outcome import Trial
from detloss.experiments.training.training_loop import losses_of


def check_search(plan: Plan, dataset: Dataset) -> None:
    """Check that the search has boxes for training and for the evaluation.

    Raises:
        DatasetError: It has none.
    """
    part = search_dataset(dataset)
    for purpose, samples in (("training", part.train), ("evaluation", part.validation)):
        if plan.searched and not any(len(sample.boxes) for sample in samples):
            raise DatasetError(
                f"{dataset.name}: expected boxes for {purpose} in the search for weights, got none in {len(samples)} of"
                f" {len(dataset.train)} training images: give --weights"
            )


def starting_weight(trial: Trial, dataset: Dataset, device: str = "cpu") -> float | None:
    """The weight halfway, in logarithms, between the listed weight and that of balanced gradients; None if unknown.

    Gradients at initialization show the scale of a class loss, but exaggerate that of distances: on digit scenes, the
    best weights of L1, smooth L1 and L2 are 6 to 20 times the balanced ones, and in Faster R-CNN they are far below.
    """
    balanced = balanced_weight(trial, dataset, device)
    return rounded_weight(log2(losses_of(trial)[0].weight * balanced) / 2) if 0 < balanced < inf else None


def with_balanced_grids(plan: Plan, dataset: Dataset, device: str) -> Plan:
    """Center the weights of every search on the starting weight, where it is known."""
    starts = {
        pair: starting_weight(trial, dataset, device)
        for trial in plan.sample_trials()
        if (pair := pair_of(trial)) in plan.searched
    }
    return replace(plan, measured=True).with_grids(
        {str(pair): weight_grid(start) for pair, start in starts.items() if start}
    )
