"""Drop-in replacements for the loss modules of mmdet.models.losses (3.3), with its weights, divisors and overrides.

``forward(pred, target, weight=None, avg_factor=None, reduction_override=None, **kwargs)`` multiplies the loss by
``weight`` and by ``loss_weight``. A mean divides by ``avg_factor``, or by the number of elements, ignored ones
included. Box losses take a weight per box, (N,), or use the mean of (N, 4). As in mmdet, any further keyword is a
TypeError. CIoU has mmdet's gate: no aspect term up to an IoU of .5.

Cases with different results:

=================================== ================================= ==============================================
case                                mmdet                             here
=================================== ================================= ==============================================
areas below ``eps``                 IoU of tiny boxes near 0          the true IoU
log IoU, IoU below 1e-6             -log 1e-6 = 13.8                  -log IoU; 87.3 for an IoU of 0
linear and square IoU, IoU of 0     1 - 1e-6, 1 - 1e-12               1
inverted box                        negative sides; GIoU loss 0       the empty set, loss at least 1
CIoU of identical boxes             NaN for large ones, from 0/0      0
CIoU above 2                        clamped to 2                      never above 2 with the gate
focal, right by a logit > 16.75     0 in float32                      the true, small value
``avg_factor`` of 0                 the sum / 1.2e-7                  0, attached to the graph
``avg_factor`` otherwise            that plus 1.2e-7                  that
all weights 0, "none"               a single 0 (box losses but IoU)   one 0 per box
weight 0 beside a NaN               NaN                               0: weight 0 excludes
sigmoid focal of a class above C    an error                          a ValueError on the CPU, else NaN in its row
=================================== ================================= ==============================================
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

import detloss
from detloss.compat.torch import classes_last, two_sided_cross_entropy
from detloss.types import Reduction

__all__ = [
    "CIoULoss",
    "CrossEntropyLoss",
    "DIoULoss",
    "FocalLoss",
    "GIoULoss",
    "IoULoss",
    "L1Loss",
    "MSELoss",
    "SmoothL1Loss",
]


Weight = Tensor | None
Divisor = float | Tensor | None


class Loss(nn.Module, ABC):
    """The call of mmdet's losses."""

    def __init__(self, reduction: Reduction = "mean", loss_weight: float = 1.0) -> None:
        super().__init__()
        self.reduction = reduction
        self.loss_weight = loss_weight

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Weight = None,
        avg_factor: Divisor = None,
        reduction_override: Reduction | None = None,
        **kwargs: Any,
    ) -> Tensor:
        reduction = reduction_override or self.reduction
        if avg_factor is not None and reduction == "sum":
            raise ValueError("avg_factor: expected None with reduction='sum', since only a mean divides, got a value")
        divisor = avg_factor if reduction == "mean" else None
        return self.loss_weight * self.evaluate(pred, target, weight, reduction, divisor, **kwargs)

    @abstractmethod
    def evaluate(self, pred: Tensor, target: Tensor, weight: Weight, reduction: Reduction, divisor: Divisor) -> Tensor:
        """The loss, before `loss_weight`."""


class L1Loss(Loss):
    """`detloss.l1_loss`."""

    def evaluate(self, pred: Tensor, target: Tensor, weight: Weight, reduction: Reduction, divisor: Divisor) -> Tensor:
        return detloss.l1_loss(pred, target, weight=weight, reduction=reduction, normalizer=divisor)


class MSELoss(Loss):
    """`detloss.mse_loss`."""

    def evaluate(self, pred: Tensor, target: Tensor, weight: Weight, reduction: Reduction, divisor: Divisor) -> Tensor:
        return detloss.mse_loss(pred, target, weight=weight, reduction=reduction, normalizer=divisor)


class SmoothL1Loss(Loss):
    """`detloss.smooth_l1_loss`."""

    def __init__(self, beta: float = 1.0, reduction: Reduction = "mean", loss_weight: float = 1.0) -> None:
        super().__init__(reduction, loss_weight)
        self.beta = beta

    def evaluate(self, pred: Tensor, target: Tensor, weight: Weight, reduction: Reduction, divisor: Divisor) -> Tensor:
        return detloss.smooth_l1_loss(
            pred, target, beta=self.beta, weight=weight, reduction=reduction, normalizer=divisor
        )


class BoxLoss(Loss):
    """A loss of boxes as corners; weights per number are averaged to a weight per box."""

    def __init__(self, eps: float = 1e-6, reduction: Reduction = "mean", loss_weight: float = 1.0) -> None:
        super().__init__(reduction, loss_weight)

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Weight = None,
        avg_factor: Divisor = None,
        reduction_override: Reduction | None = None,
        **kwargs: Any,
    ) -> Tensor:
        if weight is not None and weight.shape == pred.shape:
            weight = weight.mean(-1)
        return super().forward(pred, target, weight, avg_factor, reduction_override, **kwargs)


class IoULoss(BoxLoss):
    """`detloss.iou_loss`: mode ``"log"``, ``"linear"``, or ``"square"``, which is 1 - IoU^2."""

    def __init__(
        self,
        linear: bool = False,
        eps: float = 1e-6,
        reduction: Reduction = "mean",
        loss_weight: float = 1.0,
        mode: Literal["linear", "square", "log"] = "log",
    ) -> None:
        super().__init__(eps, reduction, loss_weight)
        if mode not in ("linear", "square", "log"):
            raise ValueError(f"mode: expected 'linear', 'square' or 'log', got {mode!r}")
        self.mode = "linear" if linear else mode

    def evaluate(self, pred: Tensor, target: Tensor, weight: Weight, reduction: Reduction, divisor: Divisor) -> Tensor:
        if self.mode != "square":
            return detloss.iou_loss(
                pred, target, form=self.mode, weight=weight, reduction=reduction, normalizer=divisor
            )
        # 1 - IoU^2 = (1 - IoU) (2 - (1 - IoU)): a linear loss with a weight that has a gradient.
        present = None if weight is None else weight != 0
        factor = 2.0 - detloss.iou_loss(pred, target, weight=present, reduction="none")
        weight = factor if weight is None else factor * weight
        return detloss.iou_loss(pred, target, weight=weight, reduction=reduction, normalizer=divisor)


class GIoULoss(BoxLoss):
    """`detloss.generalized_iou_loss`."""

    def evaluate(self, pred: Tensor, target: Tensor, weight: Weight, reduction: Reduction, divisor: Divisor) -> Tensor:
        return detloss.generalized_iou_loss(pred, target, weight=weight, reduction=reduction, normalizer=divisor)


class DIoULoss(BoxLoss):
    """`detloss.distance_iou_loss`."""

    def evaluate(self, pred: Tensor, target: Tensor, weight: Weight, reduction: Reduction, divisor: Divisor) -> Tensor:
        return detloss.distance_iou_loss(pred, target, weight=weight, reduction=reduction, normalizer=divisor)


class CIoULoss(BoxLoss):
    """`detloss.complete_iou_loss` for an IoU above .5, else `detloss.distance_iou_loss`."""

    def evaluate(self, pred: Tensor, target: Tensor, weight: Weight, reduction: Reduction, divisor: Divisor) -> Tensor:
        near = detloss.iou(pred.detach(), target.detach()) > 0.5
        complete, distance = (
            loss(
                pred,
                target,
                weight=side if weight is None else side * weight,
                reduction=reduction,
                normalizer=divisor,
            )
            for loss, side in ((detloss.complete_iou_loss, near), (detloss.distance_iou_loss, ~near))
        )
        return complete + distance


class FocalLoss(Loss):
    """`detloss.sigmoid_focal_loss`: targets are class indices, C for background, or 0/1 in the shape of the logits.

    Weights are per row, (N,), or per element, also flattened.
    """

    def __init__(
        self,
        use_sigmoid: bool = True,
        gamma: float = 2.0,
        alpha: float = 0.25,
        reduction: Reduction = "mean",
        loss_weight: float = 1.0,
        activated: bool = False,
    ) -> None:
        super().__init__(reduction, loss_weight)
        if not use_sigmoid:
            raise ValueError("use_sigmoid: expected True, got False; for a softmax use detloss.softmax_focal_loss")
        if activated:
            raise ValueError(
                "activated: expected False, got True; pass logits, because probabilities have lost precision"
            )
        self.use_sigmoid = use_sigmoid
        self.gamma = gamma
        self.alpha = alpha
        self.activated = activated

    def evaluate(self, pred: Tensor, target: Tensor, weight: Weight, reduction: Reduction, divisor: Divisor) -> Tensor:
        if weight is not None and weight.dim() < pred.dim():
            weight = weight.unsqueeze(-1) if len(weight) == len(pred) else weight.reshape(pred.shape)
        return detloss.sigmoid_focal_loss(
            pred, target, alpha=self.alpha, gamma=self.gamma, weight=weight, reduction=reduction, normalizer=divisor
        )


class CrossEntropyLoss(Loss):
    """`detloss.cross_entropy_loss`, or with ``use_sigmoid`` or ``use_mask`` `detloss.binary_cross_entropy_loss`.

    With ``use_sigmoid``, ``class_weight`` multiplies the positive terms, rows with labels below 0 are excluded, and any
    other index out of range is background. With ``use_mask`` the third argument holds the classes of the masks, and the
    result has shape (1,).
    """

    def __init__(
        self,
        use_sigmoid: bool = False,
        use_mask: bool = False,
        reduction: Reduction = "mean",
        class_weight: Sequence[float] | None = None,
        ignore_index: int | None = None,
        loss_weight: float = 1.0,
        avg_non_ignore: bool = False,
    ) -> None:
        super().__init__(reduction, loss_weight)
        if use_sigmoid and use_mask:
            raise ValueError("use_mask: expected False with use_sigmoid=True, got True")
        self.use_sigmoid = use_sigmoid
        self.use_mask = use_mask
        self.class_weight = class_weight
        self.ignore_index = ignore_index
        self.avg_non_ignore = avg_non_ignore

    def forward(  # type: ignore[override]
        self,
        cls_score: Tensor,
        label: Tensor,
        weight: Weight = None,
        avg_factor: Divisor = None,
        reduction_override: Reduction | None = None,
        ignore_index: int | None = None,
        **kwargs: Any,
    ) -> Tensor:
        ignored = self.ignore_index if ignore_index is None else ignore_index
        return super().forward(cls_score, label, weight, avg_factor, reduction_override, ignore_index=ignored, **kwargs)

    def evaluate(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Weight,
        reduction: Reduction,
        divisor: Divisor,
        ignore_index: int | None = None,
    ) -> Tensor:
        if self.use_mask:
            return self.mask(pred, target, weight, reduction, divisor, ignore_index)
        evaluate = self.binary if self.use_sigmoid else self.softmax
        return evaluate(pred, target, weight, reduction, divisor, -100 if ignore_index is None else ignore_index)

    def softmax(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Weight,
        reduction: Reduction,
        divisor: Divisor,
        ignore_index: int,
    ) -> Tensor:
        """Cross-entropy whose mean counts ignored rows, unless ``avg_non_ignore`` is set."""
        logits = classes_last(pred)
        if reduction == "mean" and divisor is None and not self.avg_non_ignore:
            divisor = logits[..., 0].numel()
        return detloss.cross_entropy_loss(
            logits,
            classes_last(target) if target.dim() == pred.dim() else target,
            class_weight=self.class_weight,
            ignore_index=ignore_index,
            weight=weight,
            reduction=reduction,
            normalizer=divisor,
        )

    def binary(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Weight,
        reduction: Reduction,
        divisor: Divisor,
        ignore_index: int,
    ) -> Tensor:
        """Binary cross-entropy of every class."""
        valid = (target >= 0) & (target != ignore_index)
        if target.dim() < pred.dim():
            target = target.unsqueeze(-1) == torch.arange(pred.shape[-1], device=pred.device)
            valid = valid.unsqueeze(-1).expand_as(pred)
            weight = None if weight is None else weight.unsqueeze(-1)
        if reduction == "mean" and divisor is None and self.avg_non_ignore:
            divisor = valid.sum()
        return two_sided_cross_entropy(
            pred,
            target,
            valid if weight is None else valid * weight,
            None if self.class_weight is None else torch.as_tensor(self.class_weight, device=pred.device),
            reduction,
            divisor,
        )

    def mask(
        self,
        pred: Tensor,
        target: Tensor,
        label: Weight,
        reduction: Reduction,
        divisor: Divisor,
        ignore_index: int | None,
    ) -> Tensor:
        """Binary cross-entropy of the masks of the rows' classes, (N, ...) out of (N, C, ...)."""
        if reduction != "mean" or divisor is not None or self.class_weight is not None or ignore_index is not None:
            raise ValueError(
                "use_mask: expected reduction='mean' without avg_factor, class_weight and ignore_index, got others"
            )
        rows = torch.arange(len(pred), device=pred.device)
        return detloss.binary_cross_entropy_loss(pred[rows, label], target).reshape(1)
