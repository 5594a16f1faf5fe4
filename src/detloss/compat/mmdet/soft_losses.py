"""Losses of soft targets: qualities, heat maps and masks, with mmdet's signatures."""

from typing import Any

import torch
from torch import Tensor

import detloss
from detloss.compat.mmdet.loss_call import Divisor, Loss, Weight
from detloss.types import Reduction


class QualityFocalLoss(Loss):
    """`detloss.quality_focal_loss`, summed over the classes of a row.

    The target is a pair of class indices and qualities, both (N,), or qualities (N, C); then an unreduced loss has
    shape (N, 1). A class index that does not exist is background.
    """

    def __init__(
        self,
        use_sigmoid: bool = True,
        beta: float = 2.0,
        reduction: Reduction = "mean",
        loss_weight: float = 1.0,
        activated: bool = False,
    ) -> None:
        super().__init__(reduction, loss_weight)
        require_logits(use_sigmoid, activated)
        self.use_sigmoid = use_sigmoid
        self.beta = beta
        self.activated = activated

    def evaluate(
        self,
        pred: Tensor,
        target: Tensor | tuple[Tensor, Tensor],
        weight: Weight,
        reduction: Reduction,
        divisor: Divisor,
    ) -> Tensor:
        rows, classes = len(pred), pred.shape[-1]
        if isinstance(target, Tensor):
            wanted, quality = target.detach(), None
        else:
            labels, quality = target[0], target[1].detach()
            wanted = torch.where((labels >= 0) & (labels < classes), labels, classes)
        if reduction == "mean" and divisor is None:
            divisor = rows
        loss = detloss.quality_focal_loss(
            pred,
            wanted,
            quality=quality,
            beta=self.beta,
            weight=None if weight is None else weight.reshape(rows, 1),
            reduction=reduction,
            normalizer=divisor,
        )
        return loss.sum(-1, keepdim=quality is None) if reduction == "none" else loss


class VarifocalLoss(Loss):
    """`detloss.varifocal_loss` of (N, C) logits and qualities; ``iou_weighted=False`` gives positives weight 1."""

    def __init__(
        self,
        use_sigmoid: bool = True,
        alpha: float = 0.75,
        gamma: float = 2.0,
        iou_weighted: bool = True,
        reduction: Reduction = "mean",
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(reduction, loss_weight)
        require_logits(use_sigmoid)
        self.use_sigmoid = use_sigmoid
        self.alpha = alpha
        self.gamma = gamma
        self.iou_weighted = iou_weighted

    def evaluate(self, pred: Tensor, target: Tensor, weight: Weight, reduction: Reduction, divisor: Divisor) -> Tensor:
        target = target.detach()
        if not self.iou_weighted:
            equal = torch.where(target > 0, target, 1.0).reciprocal()
            weight = equal if weight is None else equal * weight
        return detloss.varifocal_loss(
            pred, target, alpha=self.alpha, gamma=self.gamma, weight=weight, reduction=reduction, normalizer=divisor
        )


class GaussianFocalLoss(Loss):
    """`detloss.heatmap_focal_loss` of probabilities, as mmdet's heads compute them; positives have target 1."""

    def __init__(
        self,
        alpha: float = 2.0,
        gamma: float = 4.0,
        reduction: Reduction = "mean",
        loss_weight: float = 1.0,
        pos_weight: float = 1.0,
        neg_weight: float = 1.0,
    ) -> None:
        super().__init__(reduction, loss_weight)
        self.alpha = alpha
        self.gamma = gamma
        self.pos_weight = pos_weight
        self.neg_weight = neg_weight

    def forward(  # type: ignore[override]
        self,
        pred: Tensor,
        target: Tensor,
        pos_inds: Tensor | None = None,
        pos_labels: Tensor | None = None,
        weight: Weight = None,
        avg_factor: Divisor = None,
        reduction_override: Reduction | None = None,
        **kwargs: Any,
    ) -> Tensor:
        if pos_inds is not None or pos_labels is not None:
            raise ValueError("pos_inds: expected None, got a value; set the target of positives to 1")
        return super().forward(pred, target, weight, avg_factor, reduction_override, **kwargs)

    def evaluate(self, pred: Tensor, target: Tensor, weight: Weight, reduction: Reduction, divisor: Divisor) -> Tensor:
        target = target.detach()
        numbers = torch.finfo(pred.dtype)
        logits = torch.logit(pred.clamp(numbers.tiny, 1.0 - 0.5 * numbers.eps))
        if (self.pos_weight, self.neg_weight) != (1.0, 1.0):
            side = torch.where(target == 1, self.pos_weight, self.neg_weight).to(pred.dtype)
            weight = side if weight is None else side * weight
        return detloss.heatmap_focal_loss(
            logits,
            target,
            alpha=self.alpha,
            beta=self.gamma,
            weight=weight,
            reduction=reduction,
            normalizer=divisor,
        )


class DiceLoss(Loss):
    """`detloss.dice_loss` of logits (N, ...), with ``naive_dice=True``."""

    def __init__(
        self,
        use_sigmoid: bool = True,
        activate: bool = True,
        reduction: Reduction = "mean",
        naive_dice: bool = False,
        loss_weight: float = 1.0,
        eps: float = 1e-3,
    ) -> None:
        super().__init__(reduction, loss_weight)
        require_logits(use_sigmoid, not activate, "activate")
        if not naive_dice:
            raise ValueError(
                "naive_dice: expected True, got False; V-Net's form with squares in the denominator is another loss, "
                "which detloss does not have: its sizes are sums of probabilities"
            )
        self.use_sigmoid = use_sigmoid
        self.activate = activate
        self.naive_dice = naive_dice

    def forward(  # type: ignore[override]
        self,
        pred: Tensor,
        target: Tensor,
        weight: Weight = None,
        reduction_override: Reduction | None = None,
        avg_factor: Divisor = None,
        **kwargs: Any,
    ) -> Tensor:
        return super().forward(pred, target, weight, avg_factor, reduction_override, **kwargs)

    def evaluate(self, pred: Tensor, target: Tensor, weight: Weight, reduction: Reduction, divisor: Divisor) -> Tensor:
        return detloss.dice_loss(
            pred.flatten(1), target.flatten(1), weight=weight, reduction=reduction, normalizer=divisor
        )


def require_logits(use_sigmoid: bool, activated: bool = False, option: str = "activated") -> None:
    """Reject a softmax, and probabilities in place of logits."""
    if not use_sigmoid:
        raise ValueError("use_sigmoid: expected True, got False; there is no such loss of a softmax")
    if activated:
        expected = option == "activate"
        raise ValueError(
            f"{option}: expected {expected}, got {not expected}; pass logits, because probabilities have lost precision"
        )
