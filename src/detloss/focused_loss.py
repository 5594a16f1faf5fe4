"""Box losses with focusing weights: every pair has a weight that follows from its overlap and is held constant."""

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from detloss.boxes.overlap import iou
from detloss.focus import WiseFocus, iou_focus
from detloss.kernels.interface import at_least_float32
from detloss.losses.boxes import iou_loss
from detloss.losses.module import LossModule
from detloss.types import Reduction


class Focus(nn.Module):
    """A weight of every pair of boxes."""

    def forward(self, loss: LossModule, pred: Tensor, target: Tensor) -> Tensor:
        """The weights (...) of the pairs of a loss."""
        raise NotImplementedError


class PowerOfIoU(Focus):
    """A power of the IoU, as in Focal-EIoU.

    Args:
        gamma: The exponent, at least 0.
    """

    def __init__(self, gamma: float = 0.5) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, loss: LossModule, pred: Tensor, target: Tensor) -> Tensor:
        """IoU^gamma of the boxes as they are, whatever the loss does to their overlap."""
        return iou_focus(iou(pred, target, geometry=loss.options()["geometry"]), self.gamma)


class WiseWeight(Focus):
    """The weight of Wise-IoU, versions 2 and 3.

    Args:
        options: Those of `WiseFocus`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.focus = WiseFocus(**options)

    def forward(self, loss: LossModule, pred: Tensor, target: Tensor) -> Tensor:
        """The weight of 1 - IoU, with the overlap of the loss."""
        options = {name: value for name, value in loss.options().items() if name in ("geometry", "overlap")}
        weight: Tensor = self.focus(iou_loss(pred, target, **options, reduction="none"))
        return weight


class FocusedLoss(nn.Module):
    """A box loss times focusing weights, as a module with the arguments of the loss.

    Args:
        loss: The module of a box loss.
        focuses: Their weights are multiplied.
    """

    def __init__(self, loss: LossModule, focuses: Sequence[Focus]) -> None:
        super().__init__()
        self.loss = loss
        self.focuses: Sequence[Focus] = nn.ModuleList(focuses)  # type: ignore[assignment]

    def forward(self, pred: Tensor, target: Tensor, *, weight: Any = None, normalizer: Any = None) -> Tensor:
        """Call the loss with the product of the given weight and the focusing weights."""
        with torch.no_grad():  # in float32 at least: a rounded weight has a larger error than the loss
            boxes = at_least_float32(pred), at_least_float32(target)
            factors = [focus(self.loss, *boxes) for focus in self.focuses]
        for factor in factors:
            weight = factor if weight is None else weight * factor
        value: Tensor = self.loss(pred, target, weight=weight, normalizer=normalizer)
        return value

    def options(self) -> dict[str, Any]:
        """The options of the loss and their values."""
        return self.loss.options()

    def with_reduction(self, reduction: Reduction) -> Self:
        """The loss with another reduction and the same focusing weights, which keep their state."""
        return type(self)(self.loss.with_reduction(reduction), self.focuses)
