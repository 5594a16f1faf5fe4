"""Call of mmdet's losses: weight, average factor and override of the reduction."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

from detloss.types import Reduction

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
