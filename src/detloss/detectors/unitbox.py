"""UnitBox: a dense detector that predicts the distances to the four sides of a box."""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

import detloss
from detloss.detectors import validation
from detloss.detectors.assignment import Assignment, Objects, assign, cell_centers
from detloss.detectors.dense import DenseDetector

FIRST_DISTANCE = 2.0  # strides to every side before training, so that boxes overlap from the start


class UnitBox(DenseDetector):
    """One-stage detector without anchors: a feature map (C + 1 + 4, H, W).

    The first channels of a cell are the logits of C classes and background. The last four are the distances l, t, r, b
    from its center to the sides of its box, in strides. A cell is positive if its center lies in a box.

    ``loss = mean over objects of the mean over their cells of (class_loss + box_weight * box_loss)
    + sum over background cells of class_loss / number of positive cells``

    All objects have the same weight, whatever their size. If all cells had the same weight, a blood cell of 26 pixels
    would weigh seven times a platelet of 10, and platelets would be learned last. The numbers of objects and of
    positive cells are at least 1, and are averaged over ranks if torch.distributed is initialized. No part depends on
    the chosen losses, so a comparison of losses compares nothing else.

    When to choose it: to train a detector in a minute, to compare losses, or as an example of a dense detector. It has
    216 thousand parameters.

    Args:
        num_classes: C, without background.
        box_loss: Called as ``box_loss(distances, target_distances, weight=, normalizer=)`` with (positives, 4) rows
            l, t, r, b in strides: any regression loss, or an overlap loss with
            ``geometry=AxisAligned(format="ltrb")``; a loss of detloss with another format raises. By default -log IoU,
            the loss of the UnitBox paper.
        class_loss: Called as ``class_loss(logits, classes, weight=, normalizer=)`` with (cells, C + 1) logits, or
            (cells, C) for ``background=False``, and (cells,) class indices, C for background. A loss of detloss with a
            quality also receives ``quality=``, the IoU of each positive cell's box with its target. By default softmax
            cross-entropy, or sigmoid focal loss for ``background=False``.
        box_weight: Factor of the box loss.
        each_side: Whether the unreduced box loss has a value per side, as regression losses have, and so takes weights
            (positives, 1); overlap losses have a value per box and take (positives,). None: known for losses of
            detloss, False for all others.
        background: Whether background has its own logit, for softmax losses. False is for sigmoid losses, which take
            weights (cells, 1); the feature map is then (C + 4, H, W). None: known for losses of detloss, True for all
            others.
        prior: The probability of an object in a cell before training, or of each class for ``background=False``, in
            (0, 1).
        center_sampling: The fraction of a box's width and height, around its center, that must contain the center of a
            positive cell, in (0, 1]. Values below 1 exclude cells near the sides of boxes, whose predictions are worst.
        backbone: A module from images (B, 3, H, W) to features (B, out_channels, H / stride, W / stride), with integer
            attributes ``out_channels`` and ``stride``; H and W are padded to multiples of the stride. By default a
            small feature pyramid with stride 4.

    Raises:
        TypeError: ``num_classes`` is not an integer, the backbone lacks an attribute, or a loss is a class.
        ValueError: ``num_classes`` is below 1, the prior is outside (0, 1), the center sampling is outside (0, 1], or
            an overlap loss has another format than l, t, r, b.

    Edge cases:
        A box that contains no cell's center is assigned to the nearest cell, whose prediction can touch but not equal
        it. If a batch has no boxes, the box loss is 0 and attached to the graph. Images may have any size.

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
            encoding=distances,
        )

    def activate(self, numbers: Tensor) -> Tensor:
        """Distances l, t, r, b in strides, all above 0."""
        return softplus(numbers)

    def decode(self, boxes: Tensor, centers: Tensor, height: int, width: int) -> Tensor:
        """Corners x1, y1, x2, y2 in pixels, clipped to the image."""
        before, after = boxes.chunk(2, dim=-1)
        corners = torch.cat((centers - before, centers + after), dim=-1) * self.stride
        return corners.clamp(min=0).minimum(corners.new_tensor([width, height, width, height]))

    def assign(self, height: int, width: int, targets: Sequence[Mapping[str, Tensor]]) -> Assignment:
        """Assign boxes to the cells of all images.

        Args:
            height: Rows of the feature map.
            width: Columns of the feature map.
            targets: One mapping per image, as in `loss`.

        Returns:
            An `Assignment` with labels, C for background, and distances in strides.
        """
        objects = Objects.of(targets)
        centers = cell_centers(height, width, device=objects.boxes.device)
        return assign(
            centers,
            objects._replace(boxes=objects.boxes / self.stride),
            background=self.num_classes,
            middle=self.center_sampling,
        )
