"""RotatedUnitBox: a single-level dense detector of rotated boxes."""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

import detloss
from detloss.detectors import validation
from detloss.detectors.assignment import Assignment, Objects, assign_rotated, cell_centers
from detloss.detectors.dense import DenseDetector

FIRST_SIDE = 4.0  # initial sides in strides, as in UnitBox
FIRST_NUMBER = math.log(math.expm1(FIRST_SIDE))


class RotatedUnitBox(DenseDetector):
    """Single-stage anchor-free detector of rotated boxes with one feature map (C + 1 + 5, H, W).

    The first channels of a cell are the logits of C classes and of the background. The last five are its box: the
    center relative to the cell center, the sides in strides, and the unbounded angle in radians. A cell is positive if
    its center lies in a rotated box:

    ``loss = mean over objects of the mean over its cells of (class_loss + box_weight * box_loss) + sum over background
    cells of class_loss / number of positive cells``

    Overlap and Gaussian losses compare boxes. Regression losses compare ``(cx, cy, log w, log h, angle)`` with a target
    whose longer side comes first and whose angle is in [-pi/2, pi/2). The angle of this target is discontinuous: a
    small rotation can change it by pi, or by pi/2 for almost square boxes, so that regression losses penalize correct
    boxes near the discontinuity.

    When to choose it: to compare losses of rotated boxes, or as a small example of a rotated detector. Apart from the
    box head it is `UnitBox`.

    Args:
        num_classes: C, the number of classes without background.
        box_loss: Called as ``box_loss(boxes, target_boxes, weight=, normalizer=)`` with (positives, 5) rows: a
            regression or Gaussian loss, or an overlap loss with ``geometry=Rotated()`` (losses of detloss with another
            geometry are rejected). By default 1 - GIoU.
        class_loss: As in `UnitBox`.
        box_weight: Weight of the box loss.
        each_number: Whether the box loss has one element per number, as regression losses do. It then receives weights
            (positives, 1) and the logarithms of the sides; otherwise weights (positives,). None: inferred for losses
            of detloss, one element per box for others.
        background: As in `UnitBox`.
        prior: As in `UnitBox`.
        center_sampling: As in `UnitBox`, along the sides of the rotated box.
        backbone: As in `UnitBox`.

    Raises:
        TypeError: ``num_classes`` is no integer, or the backbone lacks an attribute.
        ValueError: ``num_classes`` is below 1, the prior outside (0, 1), the center sampling outside
            (0, 1], or an overlap loss has another geometry.

    Edge cases:
        A box that contains no cell center is assigned the nearest cell. A regression loss is infinite for a side of 0,
        whose logarithm does not exist. A batch without boxes has box loss 0, attached to the graph. Images may have any
        size. `predict` returns boxes with the longer side first and the angle in [-pi/2, pi/2); they may extend beyond
        the image.

    Example:
        >>> import torch, detloss
        >>> model = detloss.RotatedUnitBox(num_classes=2)
        >>> images = torch.zeros(1, 3, 30, 40)
        >>> model(images).shape
        torch.Size([1, 8, 8, 10])
        >>> target = {"boxes": torch.tensor([[16.0, 14.0, 16.0, 12.0, 0.5]]), "labels": torch.tensor([1])}
        >>> sorted(model.loss(images, [target]))
        ['box', 'classification']

    Sources:
        Yu et al., UnitBox: An Advanced Object Detection Network (2016), https://arxiv.org/abs/1608.01471; Yang et al.,
        Rethinking Rotated Object Detection with Gaussian Wasserstein Distance Loss (2021), section 2 (the
        discontinuity), https://arxiv.org/abs/2101.11952

    See also:
        `UnitBox`; `generalized_iou_loss`, `kullback_leibler_loss`, `gaussian_wasserstein_loss`,
        `probabilistic_iou_loss`.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        box_loss: Callable[..., Tensor] | None = None,
        class_loss: Callable[..., Tensor] | None = None,
        box_weight: float = 1.0,
        each_number: bool | None = None,
        background: bool | None = None,
        prior: float = 0.01,
        center_sampling: float = 1.0,
        backbone: nn.Module | None = None,
    ) -> None:
        rotated = detloss.Rotated()
        validation.reads_rows(box_loss, rotated, "Rotated() for rows cx, cy, w, h, angle")
        super().__init__(
            num_classes,
            box_loss=box_loss or detloss.GeneralizedIoULoss(geometry=rotated),
            class_loss=class_loss,
            box_weight=box_weight,
            each_number=each_number,
            background=background,
            prior=prior,
            center_sampling=center_sampling,
            backbone=backbone,
            first_numbers=[0.0, 0.0, FIRST_NUMBER, FIRST_NUMBER, 0.0],
            geometry=rotated,
        )

    def activate(self, numbers: Tensor) -> Tensor:
        """Rows cx, cy, w, h, angle, the center relative to the cell center, the sides positive."""
        center, sides, angle = numbers.tensor_split((2, 4), dim=1)
        return torch.cat((center, softplus(sides), angle), dim=1)

    def loss_inputs(self, boxes: Tensor) -> Tensor:
        """Rows, with logarithms of the sides for a regression loss."""
        if not self.each_number:
            return boxes
        center, sides, angle = boxes.tensor_split((2, 4), dim=1)
        return torch.cat((center, sides.log(), angle), dim=1)

    def decode(self, boxes: Tensor, centers: Tensor, height: int, width: int) -> Tensor:
        """Rows cx, cy, w, h, angle in pixels, the longer side first."""
        offsets, sides, angle = boxes.tensor_split((2, 4), dim=-1)
        rows = torch.cat(((centers + offsets) * self.stride, sides * self.stride, angle), dim=-1)
        return longer_side_first(rows)

    def assign(self, height: int, width: int, targets: Sequence[Mapping[str, Tensor]]) -> Assignment:
        """Assign ground-truth boxes to the cells of the feature maps, as the loss does.

        Args:
            height: Number of rows.
            width: Number of columns.
            targets: One per image, as for `loss`.

        Returns:
            An `Assignment` of the cells, image by image and row by row: labels, with C for background, encoded boxes
            with the longer side first, the positive cells, and their weights.
        """
        objects = Objects.of(targets)
        centers = cell_centers(height, width, device=objects.boxes.device)
        rows = longer_side_first(objects.boxes)
        rows = torch.cat((rows[:, :4] / self.stride, rows[:, 4:]), dim=1)
        return assign_rotated(
            centers, objects._replace(boxes=rows), background=self.num_classes, middle=self.center_sampling
        )


def longer_side_first(rows: Tensor) -> Tensor:
    """The unique row of each rectangle: the longer side first, the angle in [-pi/2, pi/2)."""
    return detloss.rotated_in_range(rows, start=-math.pi / 2, long_side_first=True)
