"""UnitBox: a single-level dense detector of axis-aligned boxes."""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

import detloss
from detloss.detectors import validation
from detloss.detectors.assignment import Assignment, Objects, assign, cell_centers
from detloss.detectors.dense import DenseDetector

FIRST_DISTANCE = 2.0  # initial distances in strides, so that boxes overlap from the first step


class UnitBox(DenseDetector):
    """Single-stage anchor-free detector with one feature map (C + 1 + 4, H, W).

    The first channels of a cell are the logits of C classes and of the background. The last four are the distances
    l, t, r, b from the cell center to the sides of its box, in strides. A cell is positive if its center lies in a box:

    ``loss = mean over objects of the mean over its cells of (class_loss + box_weight * box_loss) + sum over background
    cells of class_loss / number of positive cells``

    Every object has the same weight, independent of its size. With equal weights per cell, a blood cell of 26 pixels
    would count seven times as much as a platelet of 10 pixels. The numbers of objects and of positive cells are at
    least 1, and averaged over ranks under torch.distributed. Nothing else depends on the losses, so that comparisons
    isolate their effect.

    When to choose it: to train a detector in a minute, to compare losses, or as a small example of a dense detector.
    It has 216 thousand parameters.

    Args:
        num_classes: C, the number of classes without background.
        box_loss: Called as ``box_loss(distances, target_distances, weight=, normalizer=)`` with (positives, 4) rows
            l, t, r, b in strides: a regression loss, or an overlap loss with
            ``geometry=AxisAligned(format="ltrb")`` (losses of detloss with another format are rejected). By default
            -log IoU, as in the paper.
        class_loss: Called as ``class_loss(logits, classes, weight=, normalizer=)`` with (cells, C + 1) logits, or
            (cells, C) without ``background``, and (cells,) class indices with C for background. By default softmax
            cross-entropy, or sigmoid focal loss without ``background``.
        box_weight: Weight of the box loss.
        each_side: Whether the box loss has one element per side, as regression losses do. It then receives weights
            (positives, 1), otherwise weights (positives,). None: inferred for losses of detloss, one element per box
            for others.
        background: Whether the background has a logit, for softmax losses. False is for sigmoid losses, with a feature
            map (C + 4, H, W) and weights (cells, 1). None: inferred for losses of detloss, True for others.
        prior: Initial probability of an object in a cell, or of each class without ``background``, in (0, 1).
        center_sampling: Fraction of the width and height of a box, around its center, that must contain the center of a
            positive cell, in (0, 1]. Values below 1 exclude cells near the sides, whose predictions are worst.
        backbone: A module from images (B, 3, H, W) to features (B, out_channels, H / stride, W / stride), with the
            integer attributes ``out_channels`` and ``stride``; H and W are padded to multiples of the stride. By
            default a small feature pyramid of stride 4.

    Raises:
        TypeError: ``num_classes`` is no integer, or the backbone lacks an attribute.
        ValueError: ``num_classes`` is below 1, the prior outside (0, 1), the center sampling outside
            (0, 1], or an overlap loss does not read rows l, t, r, b.

    Edge cases:
        A box that contains no cell center is assigned the nearest cell, whose prediction can touch but not equal it. A
        batch without boxes has box loss 0, attached to the graph. Images may have any size.

    Example:
        >>> import torch
        >>> model = UnitBox(num_classes=2)
        >>> images = torch.zeros(1, 3, 30, 40)
        >>> model(images).shape
        torch.Size([1, 7, 8, 10])
        >>> target = {"boxes": torch.tensor([[8.0, 8.0, 24.0, 20.0]]), "labels": torch.tensor([1])}
        >>> sorted(model.loss(images, [target]))
        ['box', 'classification']

    Sources:
        Yu et al., UnitBox: An Advanced Object Detection Network (2016), https://arxiv.org/abs/1608.01471, with one
        class (faces) and one face per image; Lin et al., Focal Loss for Dense Object Detection (2017), section 3.3
        (the prior) and 4 (the normalizer), https://arxiv.org/abs/1708.02002

    See also:
        `RotatedUnitBox`, for rotated boxes; `iou_loss`, `cross_entropy_loss`, `sigmoid_focal_loss`.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        box_loss: Callable[..., Tensor] | None = None,
        class_loss: Callable[..., Tensor] | None = None,
        box_weight: float = 1.0,
        each_side: bool | None = None,
        background: bool | None = None,
        prior: float = 0.01,
        center_sampling: float = 1.0,
        backbone: nn.Module | None = None,
    ) -> None:
        distances = detloss.AxisAligned(format="ltrb")
        validation.reads_rows(box_loss, distances, "AxisAligned(format='ltrb') for rows l, t, r, b")
        super().__init__(
            num_classes,
            box_loss=box_loss or detloss.IoULoss(form="log", geometry=distances),
            class_loss=class_loss,
            box_weight=box_weight,
            each_number=each_side,
            background=background,
            prior=prior,
            center_sampling=center_sampling,
            backbone=backbone,
            first_numbers=[math.log(math.expm1(FIRST_DISTANCE))] * 4,
            geometry=detloss.AxisAligned(),
        )

    def activate(self, numbers: Tensor) -> Tensor:
        """Distances l, t, r, b in strides, all positive."""
        return softplus(numbers)

    def decode(self, boxes: Tensor, centers: Tensor, height: int, width: int) -> Tensor:
        """Corners x1, y1, x2, y2 in pixels, within the image."""
        before, after = boxes.chunk(2, dim=-1)
        corners = torch.cat((centers - before, centers + after), dim=-1) * self.stride
        return corners.clamp(min=0).minimum(corners.new_tensor([width, height, width, height]))

    def assign(self, height: int, width: int, targets: Sequence[Mapping[str, Tensor]]) -> Assignment:
        """Assign ground-truth boxes to the cells of the feature maps, as the loss does.

        Args:
            height: Number of rows.
            width: Number of columns.
            targets: One per image, as for `loss`.

        Returns:
            An `Assignment` of the cells, image by image and row by row: labels, with C for background, distances in
            strides, the positive cells, and their weights.
        """
        objects = Objects.of(targets)
        centers = cell_centers(height, width, device=objects.boxes.device)
        return assign(
            centers,
            objects._replace(boxes=objects.boxes / self.stride),
            background=self.num_classes,
            middle=self.center_sampling,
        )
