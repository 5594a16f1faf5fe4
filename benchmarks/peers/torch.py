"""Losses of torch."""

from torch import Tensor
from torch.nn import functional

l1 = functional.l1_loss
l2 = functional.mse_loss
smooth_l1 = functional.smooth_l1_loss
ce = functional.cross_entropy
bce = functional.binary_cross_entropy_with_logits


def weighted_ce(logits: Tensor, target: Tensor, class_weight: Tensor, *, reduction: str) -> Tensor:
    """Cross-entropy with the class weights as an operand."""
    return functional.cross_entropy(logits, target, weight=class_weight, reduction=reduction)


def balanced_bce(logits: Tensor, target: Tensor, *, reduction: str) -> Tensor:
    """Binary cross-entropy with a weight by the target."""
    balance = 0.25 * target + 0.75 * (1 - target)
    return functional.binary_cross_entropy_with_logits(logits, target, weight=balance, reduction=reduction)
