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
SIoU above 2                        clamped to 2                      up to 2.03
balanced L1, ``beta`` other than 1  the gradient jumps at 0           0 at 0
distribution focal, target of n     an error                          belongs to the last bin
Gaussian focal, probability 0 or 1  1e-12 inside the logarithms       that of the nearest number; gradient 0
Dice, ``eps``                       added to both sizes               not added; 0/0 is 0
=================================== ================================= ==============================================

Not here: ``EIoULoss``, which is Extended IoU in mmdet, not Efficient IoU; ``DiceLoss`` with ``naive_dice=False``, whose
sizes are sums of squares; ``SIoULoss`` with ``neg_gamma=False``, which is 0 for a box far from its target.
"""

from typing import NoReturn

from detloss.compat.mmdet.box_losses import CIoULoss, DIoULoss, GIoULoss, IoULoss, SIoULoss
from detloss.compat.mmdet.class_losses import CrossEntropyLoss, FocalLoss
from detloss.compat.mmdet.number_losses import (
    BalancedL1Loss,
    DistributionFocalLoss,
    L1Loss,
    MSELoss,
    SmoothL1Loss,
)
from detloss.compat.mmdet.soft_losses import DiceLoss, GaussianFocalLoss, QualityFocalLoss, VarifocalLoss

__all__ = [
    "BalancedL1Loss",
    "CIoULoss",
    "CrossEntropyLoss",
    "DIoULoss",
    "DiceLoss",
    "DistributionFocalLoss",
    "FocalLoss",
    "GIoULoss",
    "GaussianFocalLoss",
    "IoULoss",
    "L1Loss",
    "MSELoss",
    "QualityFocalLoss",
    "SIoULoss",
    "SmoothL1Loss",
    "VarifocalLoss",
]


def __getattr__(name: str) -> NoReturn:
    """Refuse a name, with an explanation for a loss of mmdet that is another one here."""
    hint = ""
    if name == "EIoULoss":
        hint = (
            ": mmdet's EIoULoss is Extended IoU (Peng and Yu, 2021), which detloss does not have; Efficient IoU is "
            "detloss.EfficientIoULoss"
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
