"""Greedy non-maximum suppression: of the boxes that tell of one object, the surest stays."""

from collections.abc import Callable

import torch
from torch import Tensor

from detloss.boxes.overlap import iou
from detloss.engine import checks
from detloss.geometry import AxisAligned, Shape

AT_ONCE = 128  # boxes that are compared with each other at a time, so that memory grows with n, not with its square


def nms(
    boxes: Tensor,
    scores: Tensor,
    iou_threshold: float,
    *,
    measure: Callable[..., Tensor] = iou,
    geometry: Shape = AxisAligned(),
    labels: Tensor | None = None,
) -> Tensor:
    """Choose the boxes that no surer one overlaps too much: non-maximum suppression.

    From the highest score down, a box i stays unless ``measure(i, j) > iou_threshold`` for a box j that stayed already,
    of the same class where there are ``labels``.

    When to choose it: to make detections of a dense detector's predictions. Crowded objects, of which IoU suppresses
    the hidden ones: ``measure=detloss.distance_iou``, since their centers are apart (DIoU-NMS).

    Args:
        boxes: (n, 2 * dims) in the geometry's format, in any unit of length.
        scores: (n,), higher is surer.
        iou_threshold: In [-1, 1]: above it, two boxes are one object.
        measure: Called as ``measure(a, b, geometry=geometry, pairwise=True)``: `iou`, `generalized_iou`,
            `distance_iou`, `complete_iou`, or another that gives (N, M).
        geometry: What a row of numbers is.
        labels: (n,) numbers: boxes of different classes leave each other alone. None: all are of one class.

    Returns:
        (k,) int64 indices into ``boxes``, the surest first.

    Raises:
        TypeError: An argument has the wrong type or dtype.
        ValueError: Shapes, devices or the threshold do not fit.

    Edge cases:
        No boxes give no indices. Equal scores keep their order. An overlap equal to the threshold, in the dtype of
        the boxes, stays. 16-bit boxes are compared in float32. Identical boxes are one object, without area too
        (torchvision keeps both of these). An inverted box is the empty set, which overlaps nothing; one with a
        coordinate that is not finite suppresses nothing and is not suppressed. A score of NaN counts as the highest.

    Example:
        >>> import torch, detloss
        >>> boxes = torch.tensor([[0., 0., 4., 4.], [0., 0., 4., 3.], [8., 8., 9., 9.]])
        >>> scores = torch.tensor([0.8, 0.9, 0.7])
        >>> detloss.nms(boxes, scores, 0.5)  # the first two share 3/4
        tensor([1, 2])
        >>> detloss.nms(boxes, scores, 0.5, labels=torch.tensor([0, 1, 0]))
        tensor([1, 0, 2])

    Sources:
        Felzenszwalb et al., Object Detection with Discriminatively Trained Part-Based Models (2010), section 7.2,
        https://doi.org/10.1109/TPAMI.2009.167; Zheng et al., Distance-IoU Loss (2020), eq. 12
        (DIoU-NMS), https://arxiv.org/abs/1911.08287

    See also:
        `iou`, `distance_iou`; `UnitBox`, whose ``predict`` ends with it.
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
    surest_first = boxes.detach().to(torch.promote_types(boxes.dtype, torch.float32))[order]
    class_of = torch.zeros_like(order) if labels is None else torch.unique(labels, return_inverse=True)[1][order]

    def overlap(some: Tensor, others: Tensor) -> Tensor:
        return measure(surest_first[some], surest_first[others], geometry=geometry, pairwise=True) > threshold

    waiting = class_of.argsort(stable=True)  # class by class, the surest of each first
    kept = [waiting[:0]]
    while len(waiting):
        surest, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
        classes = class_of[surest]
        # [i, j]: i is surer than j, of its class and too close to it.
        beats = (overlap(surest, surest) & (classes[:, None] == classes)).triu(diagonal=1)
        stays = torch.ones_like(surest, dtype=torch.bool)
        # Round k settles every box at the end of a chain of k rivals, so the rounds end, and end at the greedy answer.
        while not torch.equal(settled := ~(beats & stays[:, None]).any(dim=0), stays):
            stays = settled
        kept.append(surest[stays])
        last = classes == classes[-1]  # no other class has boxes left that wait
        alike, others = waiting.tensor_split([int((class_of[waiting] == classes[-1]).sum())])
        waiting = torch.cat((alike[~overlap(surest[stays & last], alike).any(dim=0)], others))
    return order[torch.cat(kept).sort().values]


def one_per_box(name: str, value: object, boxes: Tensor) -> None:
    """A tensor of one number per box, on the device of the boxes."""
    checks.tensor(name, value, name)
    assert isinstance(value, Tensor)
    checks.same_device(name, value, "boxes", boxes)
    if value.shape != boxes.shape[:1]:
        raise ValueError(f"{name}: expected shape ({len(boxes)},), one per box, got {tuple(value.shape)}")
