"""Classification losses of one class, several classes or masks, with mmdet's signatures."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

import detloss
from detloss.compat.mmdet.loss_call import Divisor, Loss, Weight
from detloss.compat.torch import classes_last, two_sided_cross_entropy
from detloss.types import Reduction


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
