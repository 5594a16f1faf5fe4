"""UnitBox for turned boxes: every cell says where the center of its box is, how long its sides are, and its angle."""

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
    """Detect turned objects in one pass, without anchors, from a plane (C + 1 + 5, H, W).

    A cell's first channels are the logits of C classes and of the background. Its last five are its box: the center,
    measured from the cell's, and the sides in strides, and the angle in radians, which is predicted as it is, without
    bounds. A cell is positive if its center lies in a turned box:

    ``loss = mean over objects of the mean over its cells of (class_loss + box_weight * box_loss) + sum over background
    cells of class_loss / number of positive cells``

    A box loss reads one of two things. Losses of overlap and of Gaussians compare rectangles. Losses of numbers compare
    ``(cx, cy, log w, log h, angle)`` with the target written in one way: the longer side first, its angle in
    [-pi/2, pi/2). That is their fault: a target turned a little further jumps by half a turn, an almost square one by a
    quarter, so near the jump they punish predictions of the right rectangle.

    When to choose it: to compare losses of turned boxes, or to read how a detector of them is made. All but the box
    head is `UnitBox`.

    Args:
        num_classes: C, without the background.
        box_loss: Called as ``box_loss(boxes, target_boxes, weight=, normalizer=)`` with (positives, 5) rows: a
            regression loss or one of Gaussians as it is, an overlap loss with ``geometry=Rotated()`` (detloss's own
            with another are refused). By default 1 - GIoU.
        class_loss: As `UnitBox` has it.
        box_weight: The factor of the box loss.
        each_number: Whether the box loss has an entry for each of the five numbers, as regression losses do: it takes
            weights (positives, 1) and compares the logarithms of sides; others have one a box and take (positives,).
            None: detloss's own losses are known, any other has one a box.
        background: As `UnitBox` has it.
        prior: As `UnitBox` has it.
        center_sampling: As `UnitBox` has it, along the box's own sides.
        backbone: As `UnitBox` has it.

    Raises:
        TypeError: ``num_classes`` is no integer, or the backbone lacks an attribute.
        ValueError: ``num_classes`` is below 1, the prior outside (0, 1), the center sampling outside
            (0, 1], or an overlap loss reads other rows.

    Edge cases:
        A box too small to have a cell's center in it gets the nearest cell. A side of 0 has no logarithm: a regression
        loss is infinite there. A batch without boxes has a box loss of 0, attached to the graph. Images of any size
        will do. `predict` writes boxes with the longer side first and the angle in [-pi/2, pi/2); they may reach beyond
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
        Rethinking Rotated Object Detection with Gaussian Wasserstein Distance Loss (2021), section 2 (what jumps),
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
        )

    def written(self, numbers: Tensor) -> Tensor:
        """Rows cx, cy, w, h, angle, the center measured from the cell's; the sides are above 0."""
        center, sides, angle = numbers.tensor_split((2, 4), dim=1)
        return torch.cat((center, softplus(sides), angle), dim=1)

    def compared(self, boxes: Tensor) -> Tensor:
        """Rows as they are, or with logarithms of their sides for a loss of numbers."""
        if not self.each_number:
            return boxes
        center, sides, angle = boxes.tensor_split((2, 4), dim=1)
        return torch.cat((center, sides.log(), angle), dim=1)

    def placed(self, boxes: Tensor, centers: Tensor, height: int, width: int) -> Tensor:
        """Rows cx, cy, w, h, angle in pixels, the longer side first."""
        offsets, sides, angle = boxes.tensor_split((2, 4), dim=-1)
        rows = torch.cat(((centers + offsets) * self.stride, sides * self.stride, angle), dim=-1)
        return longer_side_first(rows)

    def assign(self, height: int, width: int, targets: Sequence[Mapping[str, Tensor]]) -> Assignment:
        """Say which cell of the images' planes has which box, as the loss does.

        Args:
            height: Cells from top to bottom.
            width: Cells from left to right.
            targets: One an image, as for `loss`.

        Returns:
            The labels of the cells, image by image and row by row, C in the background; their boxes, as the plane has
            them, the longer side first; which have a box.
        """
        objects = Objects.of(targets)
        centers = cell_centers(height, width, device=objects.boxes.device)
        rows = longer_side_first(objects.boxes)
        rows = torch.cat((rows[:, :4] / self.stride, rows[:, 4:]), dim=1)
        return assign_rotated(
            centers, objects._replace(boxes=rows), background=self.num_classes, middle=self.center_sampling
        )


def longer_side_first(rows: Tensor) -> Tensor:
    """Write each rectangle in one way of all: the longer side first, the angle in [-pi/2, pi/2)."""
    return detloss.rotated_in_range(rows, start=-math.pi / 2, long_side_first=True)
