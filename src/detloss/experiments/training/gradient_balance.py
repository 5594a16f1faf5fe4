"""Weight at which the box loss and the class loss have gradients of equal norm."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training.batches import to_network, training_batches
from detloss.experiments.training.outcome import Trial
from detloss.experiments.training.training_loop import build, losses_of

BATCHES = 2


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
