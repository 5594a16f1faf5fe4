"""Drop-in replacements for fvcore.nn (0.1.5), focal, GIoU and smooth L1 loss, and DIoU and CIoU loss of detectron2.

Cases with different results, in addition to those of `detloss.compat.torchvision`:

=================================== ================================= ==============================================
case                                fvcore                            here
=================================== ================================= ==============================================
focal, float64 inputs               computed in float32               computed in float64
focal, 16-bit inputs                result in float32                 in the inputs' dtype; float32 where reduced
focal, ``alpha`` above 1            a negative weight                 ValueError
inverted box                        AssertionError                    the empty set; `detloss.validating` raises
smooth L1, ``beta`` below 1e-5      L1                                smooth L1; at most beta / 2 less
smooth L1, huge errors and beta     inf, from an overflowing square   finite: d (d / beta) / 2
unknown ``reduction``               taken as "none"                   ValueError
=================================== ================================= ==============================================
"""

from torch import Tensor

import detloss
from detloss.compat.torchvision import complete_box_iou_loss as ciou_loss
from detloss.compat.torchvision import distance_box_iou_loss as diou_loss
from detloss.compat.torchvision import generalized_box_iou_loss as giou_loss
from detloss.types import Reduction

__all__ = ["ciou_loss", "diou_loss", "giou_loss", "sigmoid_focal_loss", "sigmoid_focal_loss_jit", "smooth_l1_loss"]


def sigmoid_focal_loss(
    inputs: Tensor, targets: Tensor, alpha: float = -1, gamma: float = 2, reduction: Reduction = "none"
) -> Tensor:
    """`detloss.sigmoid_focal_loss`; an ``alpha`` below 0 gives both sides weight 1."""
    balance = None if alpha < 0 else alpha
    return detloss.sigmoid_focal_loss(inputs, targets, alpha=balance, gamma=gamma, reduction=reduction)


sigmoid_focal_loss_jit = sigmoid_focal_loss


def smooth_l1_loss(input: Tensor, target: Tensor, beta: float, reduction: Reduction = "none") -> Tensor:
    """`detloss.smooth_l1_loss`."""
    return detloss.smooth_l1_loss(input, target, beta=beta, reduction=reduction)
