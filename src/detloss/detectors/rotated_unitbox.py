"""UnitBox for rotated boxes: a dense detector that predicts center, sides and angle of a box."""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

import detloss
from detloss.detectors import validation
from detloss.detectors.assignment import Assignment, Objects, assign_rotated, cell_centers
from detloss.detectors.dense import DenseDetector

FIRST_SIDE = 4.0  # strides before training, as long as UnitBox's
FIRST_NUMBER = math.log(math.expm1(FIRST_SIDE))


class RotatedUnitBox(DenseDetector):
    """One-stage detector of rotated boxes without anchors: a feature map (C + 1 + 5, H, W).

    The first channels of a cell are the logits of C classes and background. The last five are its box: the center
    relative to the cell's center and the sides, in strides, and the angle in radians, which is unbounded. A cell is
    positive if its center lies in a box.

    ``loss = mean over objects of the mean over their cells of (class_loss + box_weight * box_loss)
    + sum over background cells of class_loss / number of positive cells``

    Overlap losses and Gaussian losses compare rectangles. Regression losses compare ``(cx, cy, log w, log h, angle)``
    with a target whose longer side comes first and whose angle is in [-pi/2, pi/2). This encoding is discontinuous: a
    small rotation of a target can change its angle by pi, and that of an almost square target by pi/2. Near the
    discontinuity, regression losses penalize predictions of the right rectangle.

    When to choose it: to compare losses of rotated boxes, or as an example of a detector of them. All but the box head
    is `UnitBox`.

    Args:
        num_classes: C, without background.
        box_loss: Called as ``box_loss(boxes, target_boxes, weight=, normalizer=)`` with (positives, 5) rows: any
            regression loss or Gaussian loss, or an overlap loss with ``geometry=Rotated()``; a loss of detloss with
            another geometry raises. By default 1 - GIoU.
        class_loss: As in `UnitBox`.
        box_weight: Factor of the box loss.
        each_number: Whether the unreduced box loss has a value per number, as regression losses have: it takes weights
            (positives, 1) and compares logarithms of sides. Others have a value per box and take (positives,). None:
            known for losses of detloss, False for all others.
        background: As in `UnitBox`.
        prior: As in `UnitBox`.
        center_sampling: As in `UnitBox`, along the sides of the box.
        backbone: As in `UnitBox`.

    Raises:
        TypeError: ``num_classes`` is not an integer, the backbone lacks an attribute, or a loss is a class.
        ValueError: ``num_classes`` is below 1, the prior is outside (0, 1), the center sampling is outside (0, 1], or
            an overlap loss has another geometry.

    Edge cases:
        A box that contains no cell's center is assigned to the nearest cell. A regression loss of a side of 0 is
        infinite. If a batch has no boxes, the box loss is 0 and attached to the graph. Images may have any size.
        `predict` returns boxes with the longer side first and the angle in [-pi/2, pi/2); they may exceed the image.

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
        Rethinking Rotated Object Detection with Gaussian Wasserstein Distance Loss (2021), section 2, on the angle,
        https://arxiv.org/abs/2101.11952

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
            encoding=rotated,
        )

    def activate(self, numbers: Tensor) -> Tensor:
        """Rows cx, cy, w, h, angle, the center relative to the cell's; sides are above 0."""
        center, sides, angle = numbers.tensor_split((2, 4), dim=1)
        return torch.cat((center, softplus(sides), angle), dim=1)

    def loss_operands(self, boxes: Tensor) -> Tensor:
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
        """Assign boxes to the cells of all images.

        Args:
            height: Rows of the feature map.
            width: Columns of the feature map.
            targets: One mapping per image, as in `loss`.

        Returns:
            An `Assignment` with labels, C for background, and encoded boxes, the longer side first.
        """
        objects = Objects.of(targets)
        centers = cell_centers(height, width, device=objects.boxes.device)
        rows = longer_side_first(objects.boxes)
        rows = torch.cat((rows[:, :4] / self.stride, rows[:, 4:]), dim=1)
        return assign_rotated(
            centers, objects._replace(boxes=rows), background=self.num_classes, middle=self.center_sampling
        )


def longer_side_first(rows: Tensor) -> Tensor:
    """Normalize rectangles: the longer side first, the angle in [-pi/2, pi/2)."""
    return detloss.rotated_in_range(rows, start=-math.pi / 2, long_side_first=True)
