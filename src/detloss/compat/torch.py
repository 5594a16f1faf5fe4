"""Drop-in replacements for torch.nn.functional and torch.nn (2.14): losses of logits and regression losses.

``nll_loss`` and ``binary_cross_entropy`` are missing, because probabilities have already lost precision.
``size_average`` and ``reduce`` work as in torch, without its warning. The modules are subclasses of torch's, with the
same buffers and state.

Cases with different results:

=================================== ================================= ==============================================
case                                torch                             here
=================================== ================================= ==============================================
cross-entropy, right by > 16.75     value, gradient 0 in float32      the true, small ones
binary, right by > 16.75            gradient 0 in float32             the true, small one
infinite logit of the right sign    NaN                               0
infinite loss with weight 0         NaN                               0: weight 0 excludes
mean of no rows, or of weight 0     NaN                               0, attached to the graph
all rows ignored, mean              NaN                               0, attached to the graph
class index out of range            IndexError on the CPU             ValueError with the row on the CPU, else NaN
smooth L1, huge errors and beta     inf, from an overflowing square   finite: d (d / beta) / 2
16-bit inputs, reduced              16 bits, overflows early          float32
shapes of mse, l1 that differ       broadcast, with a warning         ValueError
=================================== ================================= ==============================================
"""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

import detloss
from detloss.types import Reduction

__all__ = [
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "L1Loss",
    "MSELoss",
    "SmoothL1Loss",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "l1_loss",
    "mse_loss",
    "smooth_l1_loss",
]


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """`detloss.cross_entropy_loss` with classes in dimension 1; the mean of index targets divides by their weights."""
    reduction = effective_reduction(size_average, reduce, reduction)
    dense = target.dim() == input.dim()
    if dense and ignore_index >= 0:
        raise ValueError(f"ignore_index: expected below 0 with target probabilities, got {ignore_index}")
    normalizer = None
    if weight is not None and reduction == "mean" and not dense:
        each = precise(weight)[target.clamp(0, len(weight) - 1).long()]
        normalizer = (each * (target != ignore_index)).sum()
    return detloss.cross_entropy_loss(
        classes_last(input),
        classes_last(target) if dense else target,
        class_weight=weight,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        reduction=reduction,
        normalizer=normalizer,
    )


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """`detloss.binary_cross_entropy_loss` with broadcast weights and a weight of the positive term."""
    if target.shape != input.shape:
        raise ValueError(f"target: expected the shape of input, {tuple(input.shape)}, got {tuple(target.shape)}")
    reduction = effective_reduction(size_average, reduce, reduction)
    weight = None if weight is None else expanded("weight", weight, input)
    return two_sided_cross_entropy(input, target, weight, pos_weight, reduction, None)


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """`detloss.mse_loss`; a weighted mean divides by the sum of the weights."""
    return per_weight(detloss.mse_loss, input, target, weight, effective_reduction(size_average, reduce, reduction))


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """`detloss.l1_loss`; a weighted mean divides by the sum of the weights."""
    return per_weight(detloss.l1_loss, input, target, weight, effective_reduction(size_average, reduce, reduction))


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
    beta: float = 1.0,
) -> Tensor:
    """`detloss.smooth_l1_loss`."""
    return detloss.smooth_l1_loss(
        input, target, beta=beta, reduction=effective_reduction(size_average, reduce, reduction)
    )


class CrossEntropyLoss(nn.CrossEntropyLoss):
    """Module of `cross_entropy`."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=cast(Reduction, self.reduction),
            label_smoothing=self.label_smoothing,
        )


class BCEWithLogitsLoss(nn.BCEWithLogitsLoss):
    """Module of `binary_cross_entropy_with_logits`."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=cast(Reduction, self.reduction), pos_weight=self.pos_weight
        )


class MSELoss(nn.MSELoss):
    """Module of `mse_loss`."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return mse_loss(input, target, reduction=cast(Reduction, self.reduction))


class L1Loss(nn.L1Loss):
    """Module of `l1_loss`."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return l1_loss(input, target, reduction=cast(Reduction, self.reduction))


class SmoothL1Loss(nn.SmoothL1Loss):
    """Module of `smooth_l1_loss`."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return smooth_l1_loss(input, target, reduction=cast(Reduction, self.reduction), beta=self.beta)


def effective_reduction(size_average: bool | None, reduce: bool | None, reduction: Reduction) -> Reduction:
    """The reduction, or that of torch's deprecated flags if one of them is given."""
    if size_average is None and reduce is None:
        return reduction
    if reduce not in (None, True):
        return "none"
    return "mean" if size_average in (None, True) else "sum"


def classes_last(scores: Tensor) -> Tensor:
    """Scores with the classes in the last dimension; in torch they are in dimension 1, or in the only one."""
    return scores.movedim(min(1, scores.dim() - 1), -1)


def precise(values: Tensor) -> Tensor:
    """Values in at least float32, for sums and products."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def expanded(name: str, weight: Tensor, input: Tensor) -> Tensor:
    """A weight expanded to the shape of the input, aligned at the last dimension."""
    aligned = zip(weight.shape[::-1], input.shape[::-1])
    if weight.dim() > input.dim() or not all(size in (1, full) for size, full in aligned):
        raise ValueError(f"{name}: expected to broadcast to {tuple(input.shape)}, got {tuple(weight.shape)}")
    return weight.expand_as(input)


def two_sided_cross_entropy(
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None,
    positive_weight: Tensor | None,
    reduction: Reduction,
    normalizer: float | Tensor | None,
) -> Tensor:
    """Binary cross-entropy with a weight of its positive term, as the sum of two losses with targets 1 and 0."""
    if positive_weight is None:
        return detloss.binary_cross_entropy_loss(
            logits, target, weight=weight, reduction=reduction, normalizer=normalizer
        )
    fraction = precise(target)
    towards_one, towards_zero = fraction * expanded("pos_weight", positive_weight, logits), 1.0 - fraction
    one, zero = (
        detloss.binary_cross_entropy_loss(
            logits,
            side.expand_as(logits),
            weight=part if weight is None else part * weight,
            reduction=reduction,
            normalizer=normalizer,
        )
        for side, part in ((logits.new_ones(()), towards_one), (logits.new_zeros(()), towards_zero))
    )
    return one + zero


def per_weight(
    loss: Callable[..., Tensor], input: Tensor, target: Tensor, weight: Tensor | None, reduction: Reduction
) -> Tensor:
    """A regression loss whose mean divides by the sum of the weights, if given."""
    if weight is None:
        return loss(input, target, reduction=reduction)
    if weight.shape != input.shape:
        raise ValueError(f"weight: expected the shape of input, {tuple(input.shape)}, got {tuple(weight.shape)}")
    normalizer = precise(weight).sum() if reduction == "mean" else None
    return loss(input, target, weight=weight, reduction=reduction, normalizer=normalizer)
