"""Preparation of the search for weights: its images, and the candidates of every pair from balanced gradients."""

from collections.abc import Sequence
from dataclasses import replace
from math import inf, log2

import torch
from torch import Tensor, nn

from detloss.experiments.comparison.plan import Plan, pair_of, weight_grid
from detloss.experiments.comparison.weight_fit import rounded_weight
from detloss.experiments.data.dataset import Dataset, DatasetError, search_dataset
from detloss.experiments.training.batches import to_network, training_batches
from detloss.experiments.training.outcome import Trial
from detloss.experiments.training.training_loop import build, losses_of

BATCHES = 2  # on which gradients are measured


def check_search(plan: Plan, dataset: Dataset) -> None:
    """Raise a DatasetError if the search has no boxes for training or for the evaluation."""
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


def balanced_weight(trial: Trial, dataset: Dataset, device: str = "cpu") -> float:
    """Measure the weight at which both losses of a trial have gradients of equal norm, at initialization.

    The gradients are those in the parameters that both losses train, on a few batches of the training images. The
    weight is infinite if the box loss has no gradient, 0 if the class loss has none, and NaN if one is not finite.
    """
    model = build(*losses_of(trial), replace(trial, weight=1.0), dataset)
    model.to(device)
    model.train()
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    norms = torch.zeros(2, dtype=torch.float64)
    for pixels, targets in training_batches(dataset.train, trial.seed, BATCHES, augment=dataset.augment).on("cpu"):
        moved = [{name: value.to(device) for name, value in target.items()} for target in targets]
        terms = model.loss(to_network(pixels, device), moved)
        norms += shared_norms([terms["classification"], terms["box"]], parameters)
    classification, box = norms
    return float(classification / box)


def shared_norms(terms: Sequence[Tensor], parameters: Sequence[nn.Parameter]) -> Tensor:
    """The norm of the gradient of each term in the parameters on which all terms depend."""
    gradients = [torch.autograd.grad(term, parameters, retain_graph=True, allow_unused=True) for term in terms]
    shared = [of_terms for of_terms in zip(*gradients) if all(gradient is not None for gradient in of_terms)]
    norms = [torch.stack([gradient.double().norm() for gradient in of_term]).norm() for of_term in zip(*shared)]
    return torch.stack(norms).cpu()
