"""Losses of numbers and of distances as distributions, with mmdet's signatures."""

from torch import Tensor

import detloss
from detloss.compat.mmdet.loss_call import Divisor, Loss, Weight
from detloss.types import Reduction


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


class BalancedL1Loss(Loss):
    """`detloss.balanced_l1_loss`."""

    def __init__(
        self,
        alpha: float = 0.5,
        gamma: float = 1.5,
        beta: float = 1.0,
        reduction: Reduction = "mean",
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(reduction, loss_weight)
        self.alpha = alpha
        self.gamma = gamma
        self.beta = beta

    def evaluate(self, pred: Tensor, target: Tensor, weight: Weight, reduction: Reduction, divisor: Divisor) -> Tensor:
        return detloss.balanced_l1_loss(
            pred,
            target,
            alpha=self.alpha,
            gamma=self.gamma,
            beta=self.beta,
            weight=weight,
            reduction=reduction,
            normalizer=divisor,
        )


class DistributionFocalLoss(Loss):
    """`detloss.distribution_focal_loss` of (N, n + 1) logits, with bins 0 to n."""

    def evaluate(self, pred: Tensor, target: Tensor, weight: Weight, reduction: Reduction, divisor: Divisor) -> Tensor:
        return detloss.distribution_focal_loss(
            pred, target.detach(), weight=weight, reduction=reduction, normalizer=divisor
        )
