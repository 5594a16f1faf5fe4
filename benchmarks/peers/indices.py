"""Adapters: class indices for losses of dense targets, and the linear layer before a loss."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional


def dense(target: Tensor, logits: Tensor) -> Tensor:
    """Class indices as targets of 0 and 1 in the dtype of the logits; the index after the last class is background."""
    return (target[:, None] == torch.arange(logits.shape[-1], device=logits.device)).to(logits.dtype)


def from_indices(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A loss of class indices that converts them to dense targets."""

    def of_indices(logits: Tensor, target: Tensor, *, weight: Tensor | None = None) -> Tensor:
        return loss(logits, dense(target, logits), weight=weight)

    return of_indices


def after_linear(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A linear layer followed by a loss of its logits."""

    def of_features(features: Tensor, layer_weight: Tensor, layer_bias: Tensor, target: Tensor) -> Tensor:
        return loss(functional.linear(features, layer_weight, layer_bias), target)

    return of_features
