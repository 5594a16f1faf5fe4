"""UnitBox: every cell of one feature plane says what it sees, and how far the four sides of its box are."""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

import detloss
from detloss.detectors import validation
from detloss.detectors.assignment import Assignment, Objects, assign, cell_centers
from detloss.detectors.dense import DenseDetector

FIRST_DISTANCE = 2.0  # strides to every side before training, so that boxes overlap from the first step


class UnitBox(DenseDetector):
    """Detect objects in one pass, without anchors, from a plane (C + 1 + 4, H, W).

    A cell's first channels are the logits of C classes and of the background, its last four the distances l, t, r, b
    from its center to the sides of its box, in strides. A cell is positive if its center lies in a box:

    ``loss = mean over objects of the mean over its cells of (class_loss + box_weight * box_loss) + sum over background
    cells of class_loss / number of positive cells``

    Every object counts the same, however large: were it every cell, a blood cell of 26 pixels would count seven times
    a platelet of 10, and platelets would be learnt last. The numbers of objects and of positive cells are means over
    ranks where torch.distributed runs, and at least 1. Nothing depends on which losses they are, so a comparison of
    losses compares nothing else.

    When to choose it: to train a detector in a minute, to compare losses, or to read how a dense detector is made.
    216 thousand parameters.

    Args:
        num_classes: C, without the background.
        box_loss: Called as ``box_loss(distances, target_distances, weight=, normalizer=)`` with (positives, 4) rows
            l, t, r, b in strides: a regression loss as it is, an overlap loss with
            ``geometry=AxisAligned(format="ltrb")`` (detloss's own with another format are refused). By default
            UnitBox's own, -log IoU.
        class_loss: Called as ``class_loss(logits, classes, weight=, normalizer=)`` with (cells, C + 1) logits, or
            (cells, C) where ``background`` is False, and (cells,) indices in which C is the background. By default
            softmax cross-entropy; where ``background`` is False, sigmoid focal loss.
        box_weight: The factor of the box loss.
        each_side: Whether the box loss has an entry for each of the four sides, as regression losses do, and so takes
            weights (positives, 1); overlap losses have one a box and take (positives,). None: detloss's own losses
            are known, any other has one a box.
        background: Whether the background has a logit of its own, for losses over a softmax; False for sigmoid
            losses, one class against all, which take weights (cells, 1): the plane is (C + 4, H, W) then. None:
            detloss's own losses are known, any other is over a softmax.
        prior: How probable a cell thinks an object before training, or each class where ``background`` is False: in
            (0, 1).
        center_sampling: The share of a box's width and height, about its center, in which a cell's center has to lie
            for the cell to be positive, in (0, 1]; below 1 fewer cells near a box's sides, which predict it worst.
        backbone: A module from images (B, 3, H, W) to features (B, out_channels, H / stride, W / stride), with the
            integers ``out_channels`` and ``stride`` as attributes; H and W come padded to multiples of the stride. By
            default a small pyramid, stride 4.

    Raises:
        TypeError: ``num_classes`` is no integer, or the backbone lacks an attribute.
        ValueError: ``num_classes`` is below 1, the prior outside (0, 1), the center sampling outside
            (0, 1], or an overlap loss reads rows that are not l, t, r, b.

    Edge cases:
        A box too small to have a cell's center in it gets the nearest cell, whose prediction can touch but not equal
        it. A batch without boxes has a box loss of 0, attached to the graph. Images of any size will do.

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
        class (faces) and one face an image; Lin et al., Focal Loss for Dense Object Detection (2017), section 3.3
        (the prior) and 4 (the normaliser), https://arxiv.org/abs/1708.02002

    See also:
        `RotatedUnitBox`, of turned boxes; `iou_loss`, `cross_entropy_loss`, `sigmoid_focal_loss`.
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

    def written(self, numbers: Tensor) -> Tensor:
        """Distances l, t, r, b in strides, all of them above 0."""
        return softplus(numbers)

    def placed(self, boxes: Tensor, centers: Tensor, height: int, width: int) -> Tensor:
        """Corners x1, y1, x2, y2 in pixels, within the image."""
        before, after = boxes.chunk(2, dim=-1)
        corners = torch.cat((centers - before, centers + after), dim=-1) * self.stride
        return corners.clamp(min=0).minimum(corners.new_tensor([width, height, width, height]))

    def assign(self, height: int, width: int, targets: Sequence[Mapping[str, Tensor]]) -> Assignment:
        """Say which cell of the images' planes has which box, as the loss does.

        Args:
            height: Cells from top to bottom.
            width: Cells from left to right.
            targets: One an image, as for `loss`.

        Returns:
            The labels of the cells, image by image and row by row, C in the background; their distances in strides;
            which have a box.
        """
        objects = Objects.of(targets)
        centers = cell_centers(height, width, device=objects.boxes.device)
        return assign(
            centers,
            objects._replace(boxes=objects.boxes / self.stride),
            background=self.num_classes,
            middle=self.center_sampling,
        )
