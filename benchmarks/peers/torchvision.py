"""Losses of torchvision, reduced to the sum."""

from functools import partial

from torchvision import ops

giou = partial(ops.generalized_box_iou_loss, reduction="sum")
diou = partial(ops.distance_box_iou_loss, reduction="sum")
ciou = partial(ops.complete_box_iou_loss, reduction="sum")
focal = partial(ops.sigmoid_focal_loss, alpha=0.25, gamma=2, reduction="sum")
