"""Losses of torch, reduced to the sum."""

from functools import partial

from torch import Tensor
from torch.nn import functional

l1 = partial(functional.l1_loss, reduction="sum")
l2 = partial(functional.mse_loss, reduction="sum")
smooth_l1 = partial(functional.smooth_l1_loss, reduction="sum")
ce = partial(functional.cross_entropy, reduction="sum")
bce = partial(functional.binary_cross_entropy_with_logits, reduction="sum")


def weighted_ce(logits: Tensor, target: Tensor, class_weight: Tensor) -> Tensor:
    """Cross-entropy with the class weights as an operand."""
    return functional.cross_entropy(logits, target, weight=class_weight, reduction="sum")


def balanced_bce(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy with a weight by the target."""
    balance = 0.25 * target + 0.75 * (1 - target)
    return functional.binary_cross_entropy_with_logits(logits, target, weight=balance, reduction="sum")
