"""The loops of class losses and the weights of classes, their options checked."""

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from detloss.engine import checks
from detloss.kernels.interface import BinaryRequest, SoftmaxRequest

OPERANDS = ("logits", "target")


def softmax_request(
    formula: Callable[..., Any], logits: Tensor, target: Tensor, ignore_index: int, label_smoothing: float
) -> SoftmaxRequest:
    """The request of a softmax loss that takes probabilities too, its operands checked."""
    checks.class_target(logits, target, "probabilities")
    checks.index("ignore_index", ignore_index)
    return SoftmaxRequest(formula, ignore_index, checks.number("label_smoothing", label_smoothing, 0.0, 1.0))


def binary_request(
    formula: Callable[..., Any], logits: Tensor, target: Tensor, ignore_index: int | None, label_smoothing: float
) -> BinaryRequest:
    """The request of a binary loss, its operands checked."""
    checks.class_target(logits, target, "0/1 or soft values")
    if ignore_index is not None:
        checks.index("ignore_index", ignore_index)
        if target.dim() == logits.dim():
            raise ValueError("ignore_index: expected None with targets that are not class indices, got a value")
    return BinaryRequest(formula, ignore_index, checks.number("label_smoothing", label_smoothing, 0.0, 1.0))


def alpha_weights(
    alpha: float | Tensor | Sequence[float] | None, logits: Tensor
) -> tuple[float | Tensor, float | Tensor]:
    """The weights of t = 1 and of t = 0."""
    if alpha is None:
        return 1.0, 1.0
    if isinstance(alpha, Real):
        positive = checks.number("alpha", alpha, 0.0, 1.0)
        return positive, 1.0 - positive
    if isinstance(alpha, str) or not isinstance(alpha, Tensor | Sequence):
        raise TypeError(f"alpha: expected None, a number or one a class, got {type(alpha).__name__}")
    each = checks.one_a_class("alpha", alpha, logits, 1.0).to(torch.float64)
    return each, 1.0 - each


def class_weight_parameter(class_weight: Tensor | Sequence[float] | None, logits: Tensor) -> float | Tensor:
    """One factor a class."""
    if class_weight is None:
        return 1.0
    if isinstance(class_weight, str) or not isinstance(class_weight, Tensor | Sequence):
        raise TypeError(f"class_weight: expected None or one a class, got {type(class_weight).__name__}")
    return checks.one_a_class("class_weight", class_weight, logits)
