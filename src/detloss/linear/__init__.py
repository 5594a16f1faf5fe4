"""Losses of a linear layer's logits, computed without ever making all the logits."""

from detloss.linear.losses import (
    linear_binary_cross_entropy_loss,
    linear_cross_entropy_loss,
    linear_sigmoid_focal_loss,
)

__all__ = [
    "linear_binary_cross_entropy_loss",
    "linear_cross_entropy_loss",
    "linear_sigmoid_focal_loss",
]
