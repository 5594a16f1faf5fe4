"""Drop-in replacements for torchvision.ops (0.29): focal loss, box losses and pairwise box measures.

Cases with different results:

=================================== ================================= ==============================================
case                                torchvision                       here
=================================== ================================= ==============================================
identical boxes of side .001        GIoU loss .09                     0; torchvision adds 1e-7 to an area of 1e-6
identical boxes without area        loss 1; measures NaN, from 0/0    loss 0, measure 1
different boxes without area        GIoU loss 1; IoU and GIoU NaN     2; 0 and -1: 0/0 is 0
CIoU of a box without height        gradient NaN; value where w = 0   finite: angles by atan2, 0 for points
inverted box (x2 < x1)              negative sides; GIoU loss 0       the empty set, loss at least 1
IoU terms of near-equal boxes       1 - IoU cancels                   accurate to a few ulp
focal, right by a logit > 16.75     exactly 0 in float32              the true, small value
focal, gamma < 1, right by 16.75    gradient NaN                      finite
focal, infinite logit               NaN                               0 if right, infinite if wrong
focal, mean of an empty batch       NaN                               0
16-bit boxes                        result in float32                 dtype of the boxes; float32 if reduced
integer boxes                       computed                          TypeError: pass ``boxes.float()``
=================================== ================================= ==============================================

Integer focal targets with one dimension less than the inputs are class indices here; in torchvision they raise.
"""

from typing import Literal

from torch import Tensor

import detloss
from detloss.types import Reduction

__all__ = [
    "box_iou",
    "complete_box_iou",
    "complete_box_iou_loss",
    "distance_box_iou",
    "distance_box_iou_loss",
    "generalized_box_iou",
    "generalized_box_iou_loss",
    "sigmoid_focal_loss",
]


def sigmoid_focal_loss(
    inputs: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2, reduction: Reduction = "none"
) -> Tensor:
    """`detloss.sigmoid_focal_loss`; an ``alpha`` of -1 gives both sides weight 1."""
    balance = None if alpha == -1 else alpha
    return detloss.sigmoid_focal_loss(inputs, targets, alpha=balance, gamma=gamma, reduction=reduction)


def generalized_box_iou_loss(
    boxes1: Tensor, boxes2: Tensor, reduction: Reduction = "none", eps: float = 1e-7
) -> Tensor:
    """`detloss.generalized_iou_loss` of corners."""
    return detloss.generalized_iou_loss(boxes1, boxes2, reduction=reduction)


def distance_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: Reduction = "none", eps: float = 1e-7) -> Tensor:
    """`detloss.distance_iou_loss` of corners."""
    return detloss.distance_iou_loss(boxes1, boxes2, reduction=reduction)


def complete_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: Reduction = "none", eps: float = 1e-7) -> Tensor:
    """`detloss.complete_iou_loss` of corners."""
    return detloss.complete_iou_loss(boxes1, boxes2, reduction=reduction)


def box_iou(boxes1: Tensor, boxes2: Tensor, fmt: Literal["xyxy", "xywh", "cxcywh"] = "xyxy") -> Tensor:
    """`detloss.iou` of all pairs, in the formats ``"xyxy"``, ``"xywh"`` and ``"cxcywh"``."""
    if fmt not in ("xyxy", "xywh", "cxcywh"):
        raise ValueError(f"fmt: expected 'xyxy', 'xywh' or 'cxcywh' (rotated boxes: detloss.iou), got {fmt!r}")
    return detloss.iou(boxes1, boxes2, geometry=detloss.AxisAligned(format=fmt), pairwise=True)


def generalized_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """`detloss.generalized_iou` of all pairs."""
    return detloss.generalized_iou(boxes1, boxes2, pairwise=True)


def distance_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """`detloss.distance_iou` of all pairs."""
    return detloss.distance_iou(boxes1, boxes2, pairwise=True)


def complete_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """`detloss.complete_iou` of all pairs."""
    return detloss.complete_iou(boxes1, boxes2, pairwise=True)
