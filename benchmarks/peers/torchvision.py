"""Losses of torchvision."""

from functools import partial

from torchvision import ops

giou = ops.generalized_box_iou_loss
diou = ops.distance_box_iou_loss
ciou = ops.complete_box_iou_loss
focal = partial(ops.sigmoid_focal_loss, alpha=0.25, gamma=2)
