"""Class indices for losses that know dense targets only, and heads whose last layer belongs to the measurement."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional


def dense(target: Tensor, logits: Tensor) -> Tensor:
    """Class indices as 0/1 in the dtype of the logits; the index beyond the last class is background."""
    return (target[:, None] == torch.arange(logits.shape[-1], device=logits.device)).to(logits.dtype)


def from_indices(loss: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """A loss of dense targets that is given class indices and makes the dense targets itself."""

    def of_indices(logits: Tensor, target: Tensor) -> Tensor:
        return loss(logits, dense(target, logits))

    return of_indices


def after_linear(loss: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]:
    """A loss of logits behind the linear layer that makes them."""

    def of_features(features: Tensor, layer_weight: Tensor, layer_bias: Tensor, target: Tensor) -> Tensor:
        return loss(functional.linear(features, layer_weight, layer_bias), target)

    return of_features
