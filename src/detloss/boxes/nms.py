"""Greedy non-maximum suppression."""

from collections.abc import Callable

import torch
from torch import Tensor

from detloss.boxes.overlap import iou
from detloss.engine import checks
from detloss.geometry import AxisAligned, Shape

AT_ONCE = 128  # boxes compared with each other at a time: memory is linear in n


def nms(
    boxes: Tensor,
    scores: Tensor,
    iou_threshold: float,
    *,
    measure: Callable[..., Tensor] = iou,
    geometry: Shape = AxisAligned(),
    labels: Tensor | None = None,
) -> Tensor:
    """Keep the highest-scoring box of every group of overlapping boxes: greedy non-maximum suppression.

    In order of decreasing score, box i is kept unless ``measure(i, j) > iou_threshold`` for a kept box j, of the same
    class if ``labels`` are given.

    When to choose it: as the last step of a dense detector. For crowded scenes, where IoU suppresses occluded objects,
    use ``measure=detloss.distance_iou`` (DIoU-NMS).

    Args:
        boxes: (n, 2 * dims) in the geometry's format, in any unit of length.
        scores: (n,) confidence scores.
        iou_threshold: In [-1, 1]. Of two boxes with a larger overlap, only the higher-scoring one is kept.
        measure: Called as ``measure(a, b, geometry=geometry, pairwise=True)``: `iou`, `generalized_iou`,
            `distance_iou`, `complete_iou` or another function that returns (N, M).
        geometry: Geometry of the rows.
        labels: (n,) class labels; boxes suppress only boxes of their own class. None: class-agnostic.

    Returns:
        (k,) int64 indices into ``boxes``, in order of decreasing score.

    Raises:
        TypeError: An argument has the wrong type or dtype.
        ValueError: Shapes, devices or the threshold do not fit.

    Edge cases:
        Without boxes the result is empty. Equal scores keep their order. An overlap equal to the threshold, in the
        dtype of the boxes, does not suppress. 16-bit boxes are compared in float32. Of identical boxes one is kept,
        also if they have no area (torchvision keeps both). An inverted box is the empty set and overlaps nothing. A box
        with a non-finite coordinate neither suppresses nor is suppressed. A NaN score counts as the highest.

    Example:
        >>> import torch, detloss
        >>> boxes = torch.tensor([[0., 0., 4., 4.], [0., 0., 4., 3.], [8., 8., 9., 9.]])
        >>> scores = torch.tensor([0.8, 0.9, 0.7])
        >>> detloss.nms(boxes, scores, 0.5)  # the IoU of the first two is 3/4
        tensor([1, 2])
        >>> detloss.nms(boxes, scores, 0.5, labels=torch.tensor([0, 1, 0]))
        tensor([1, 0, 2])

    Sources:
        Felzenszwalb et al., Object Detection with Discriminatively Trained Part-Based Models (2010), section 7.2,
        https://doi.org/10.1109/TPAMI.2009.167; Zheng et al., Distance-IoU Loss (2020), eq. 12
        (DIoU-NMS), https://arxiv.org/abs/1911.08287

    See also:
        `iou`, `distance_iou`; `UnitBox`, whose ``predict`` uses it.
    """
    shape, _ = checks.shapes(geometry)
    boxes = checks.rows("boxes", boxes, shape)
    if boxes.dim() != 1 + len(shape.row):
        raise ValueError(
            f"boxes: expected (n, {', '.join(map(str, boxes.shape[-len(shape.row) :]))}), got {tuple(boxes.shape)}"
        )
    checks.floating_tensor("scores", scores)
    one_per_box("scores", scores, boxes)
    if labels is not None:
        one_per_box("labels", labels, boxes)
    threshold = checks.number("iou_threshold", iou_threshold, -1.0, 1.0)

    order = scores.argsort(descending=True, stable=True)
    by_score = boxes.detach().to(torch.promote_types(boxes.dtype, torch.float32))[order]
    class_of = torch.zeros_like(order) if labels is None else torch.unique(labels, return_inverse=True)[1][order]

    def overlap(some: Tensor, others: Tensor) -> Tensor:
        return measure(by_score[some], by_score[others], geometry=geometry, pairwise=True) > threshold

    remaining = class_of.argsort(stable=True)  # by class, then by decreasing score
    kept = [remaining[:0]]
    while len(remaining):
        current, remaining = remaining[:AT_ONCE], remaining[AT_ONCE:]
        classes = class_of[current]
        # [i, j]: i has the higher score, the class of j and too large an overlap with it.
        suppresses = (overlap(current, current) & (classes[:, None] == classes)).triu(diagonal=1)
        keeps = torch.ones_like(current, dtype=torch.bool)
        # Round k decides every box at the end of a chain of k overlaps: the rounds end with the greedy result.
        while not torch.equal(decided := ~(suppresses & keeps[:, None]).any(dim=0), keeps):
            keeps = decided
        kept.append(current[keeps])
        last = classes == classes[-1]  # of every other class all boxes are decided
        alike, others = remaining.tensor_split([int((class_of[remaining] == classes[-1]).sum())])
        remaining = torch.cat((alike[~overlap(current[keeps & last], alike).any(dim=0)], others))
    return order[torch.cat(kept).sort().values]


def one_per_box(name: str, value: object, boxes: Tensor) -> None:
    """A tensor of one number per box, on the device of the boxes."""
    checks.tensor(name, value, name)
    assert isinstance(value, Tensor)
    checks.same_device(name, value, "boxes", boxes)
    if value.shape != boxes.shape[:1]:
        raise ValueError(f"{name}: expected shape ({len(boxes)},), one per box, got {tuple(value.shape)}")
