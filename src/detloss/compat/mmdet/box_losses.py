"""Losses of boxes as corners, with mmdet's signatures."""

from typing import Any, Literal

from torch import Tensor

import detloss
from detloss.compat.mmdet.loss_call import Divisor, Loss, Weight
from detloss.types import Reduction


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


class SIoULoss(BoxLoss):
    """`detloss.scylla_iou_loss`, with ``neg_gamma=True``."""

    def __init__(
        self,
        eps: float = 1e-6,
        reduction: Reduction = "mean",
        loss_weight: float = 1.0,
        neg_gamma: bool = False,
    ) -> None:
        super().__init__(eps, reduction, loss_weight)
        if not neg_gamma:
            raise ValueError(
                "neg_gamma: expected True, got False; with False the sign of an exponent is not that of the paper, and "
                "the loss decreases to 0 as a box moves away from its target"
            )
        self.neg_gamma = neg_gamma

    def evaluate(self, pred: Tensor, target: Tensor, weight: Weight, reduction: Reduction, divisor: Divisor) -> Tensor:
        return detloss.scylla_iou_loss(pred, target, weight=weight, reduction=reduction, normalizer=divisor)
