"""Matching costs of DETR-style detectors: the cost matrix of queries and objects."""

from collections.abc import Callable

import torch
from torch import Tensor

from detloss.boxes.overlap import generalized_iou
from detloss.engine import checks
from detloss.geometry import AxisAligned, Cuboid, Rotated
from detloss.losses.binary import sigmoid_focal_loss


def softmax_cost(logits: Tensor) -> Tensor:
    """Classification cost of each class: its negative softmax probability.

    ``cost = -softmax(logits)``

    When to choose it: as ``classification`` of `matching_cost` for a head with a softmax over the classes and
    background, as in DETR.

    Args:
        logits: (..., C); classes last.

    Returns:
        (..., C) in the dtype of ``logits``, in [-1, 0].

    Raises:
        TypeError: The logits are no floating tensor.

    Example:
        >>> import torch, detloss
        >>> detloss.softmax_cost(torch.zeros(4))
        tensor([-0.2500, -0.2500, -0.2500, -0.2500])

    Sources:
        Carion et al., End-to-End Object Detection with Transformers (2020), section 3.1,
        https://arxiv.org/abs/2005.12872

    See also:
        `matching_cost`; `sigmoid_focal_cost`.
    """
    checks.floating_tensor("logits", logits)
    return -logits.softmax(-1)


def sigmoid_focal_cost(logits: Tensor, *, alpha: float | None = 0.25, gamma: float = 2.0) -> Tensor:
    """Classification cost of each class: its focal loss as a positive minus its focal loss as a negative.

    ``cost = focal(logits, 1) - focal(logits, 0)``, with `sigmoid_focal_loss`

    When to choose it: as ``classification`` of `matching_cost` for a head with one sigmoid per class, as in
    Deformable DETR, DINO and RT-DETR. Use the alpha and gamma of the training loss, for example
    ``functools.partial(detloss.sigmoid_focal_cost, gamma=1.5)``.

    Args:
        logits: (..., C); classes last.
        alpha: Weight of the positive loss, in [0, 1]; None gives both losses weight 1.
        gamma: The focusing exponent, at least 0.

    Returns:
        (..., C) in the dtype of ``logits``, negative for probable classes.

    Raises:
        TypeError: The logits are no floating tensor, or an option has the wrong type.
        ValueError: An option is out of range.

    Edge cases:
        Finite for every finite logit, without an epsilon: about ``-(1 - alpha) logit`` for large logits. (Other
        implementations add 1e-8 to probabilities and saturate at -13.8.)

    Example:
        >>> import torch, detloss
        >>> detloss.sigmoid_focal_cost(torch.zeros(1))  # (.25 - .75) (1/2)^2 log 2
        tensor([-0.0866])

    Sources:
        Zhu et al., Deformable DETR (2021), whose code has this cost, https://arxiv.org/abs/2010.04159; Lin et al.,
        Focal Loss for Dense Object Detection (2017), https://arxiv.org/abs/1708.02002

    See also:
        `matching_cost`; `softmax_cost`.
    """
    checks.floating_tensor("logits", logits)
    positive, negative = (
        sigmoid_focal_loss(logits, torch.full_like(logits, target), alpha=alpha, gamma=gamma, reduction="none")
        for target in (1.0, 0.0)
    )
    return positive - negative


def matching_cost(
    logits: Tensor,
    boxes: Tensor,
    labels: Tensor,
    target_boxes: Tensor,
    *,
    classification: Callable[[Tensor], Tensor] = softmax_cost,
    overlap: Callable[..., Tensor] = generalized_iou,
    geometry: AxisAligned | Rotated | Cuboid = AxisAligned(format="cxcywh"),
    classification_weight: float = 1.0,
    distance_weight: float = 5.0,
    overlap_weight: float = 2.0,
) -> Tensor:
    """Compute the cost of assigning object j to query i, for all i and j.

    ``cost_ij = a classification(logits_i)[label_j] + b |box_i - target_j|_1 - c overlap(box_i, target_j)``

    When to choose it: in the matcher of a DETR, before ``scipy.optimize.linear_sum_assignment``. The defaults are
    DETR's; Deformable DETR, DINO and RT-DETR have ``classification=detloss.sigmoid_focal_cost`` and
    ``classification_weight=2.0``.

    Args:
        logits: (..., queries, C).
        boxes: (..., queries, 2 * dims) in the geometry's format; the L1 distance is that of these numbers, so the
            default weights suit boxes normalized by the image size.
        labels: (..., objects) class indices from 0 to C - 1.
        target_boxes: (..., objects, 2 * dims), same format and unit.
        classification: Maps logits (..., C) to costs per class (..., C): `softmax_cost`, `sigmoid_focal_cost` or
            another function.
        overlap: Called as ``overlap(boxes, target_boxes, geometry=geometry, pairwise=True)``: a measure that is higher
            for better overlap.
        geometry: Geometry of the rows.
        classification_weight: a, at least 0; a term of weight 0 is not computed.
        distance_weight: b, likewise.
        overlap_weight: c, likewise.

    Returns:
        (..., queries, objects); in the widest dtype of logits and boxes, float32 at least; without gradient.

    Raises:
        TypeError: An argument has the wrong type or dtype.
        ValueError: Shapes, devices, a class index or the weights do not fit.

    Edge cases:
        Without objects the shape is (..., queries, 0). Costs are finite for finite logits and boxes, also for identical
        boxes and boxes without area; NaN logits or boxes make the row of their query NaN. Checking the class indices
        synchronizes with the device, as the assignment itself does.

    Example:
        >>> import torch, detloss
        >>> boxes = torch.tensor([[0.5, 0.5, 0.2, 0.2], [0.1, 0.1, 0.2, 0.2]])
        >>> cost = detloss.matching_cost(torch.zeros(2, 4), boxes, torch.tensor([3]), boxes[:1])
        >>> cost  # -1/4 - 2, and -1/4 + 5 (.4 + .4) + 2 (.36 - .08) / .36
        tensor([[-2.2500],
                [ 5.3056]])

    Sources:
        Carion et al., End-to-End Object Detection with Transformers (2020), eq. 1 and 2,
        https://arxiv.org/abs/2005.12872; Zhang et al., DINO (2022), https://arxiv.org/abs/2203.03605; Zhao et al.,
        DETRs Beat YOLOs on Real-time Object Detection (2023), https://arxiv.org/abs/2304.08069

    See also:
        `softmax_cost`, `sigmoid_focal_cost`; `generalized_iou`.
    """
    shape, _ = checks.shapes(geometry)
    boxes = checks.plain_boxes("boxes", boxes, shape)
    target_boxes = checks.plain_boxes("target_boxes", target_boxes, shape)
    for name, rows in (("logits", logits), ("boxes", boxes), ("target_boxes", target_boxes)):
        checks.floating_tensor(name, rows)
        checks.same_device(name, rows, "logits", logits)
    if logits.dim() < 2:
        raise ValueError(f"logits: expected (..., queries, classes), got {tuple(logits.shape)}")
    class_indices(labels, logits)
    has_shape("boxes", boxes, (*logits.shape[:-1], *geometry.row), "one box per query")
    has_shape("target_boxes", target_boxes, (*labels.shape, *geometry.row), "one box per object")
    weights = {
        "classification_weight": classification_weight,
        "distance_weight": distance_weight,
        "overlap_weight": overlap_weight,
    }
    a, b, c = (checks.number(name, weight, 0.0) for name, weight in weights.items())
    if a == b == c == 0:
        raise ValueError(f"{', '.join(weights)}: expected one above 0, got none")

    dtype = torch.promote_types(torch.promote_types(logits.dtype, boxes.dtype), torch.float32)
    logits, boxes, target_boxes = (rows.detach().to(dtype) for rows in (logits, boxes, target_boxes))

    cost = boxes.new_zeros(*boxes.shape[:-1], labels.shape[-1])
    if a:
        cost += a * classification(logits).gather(-1, labels.to(torch.int64).unsqueeze(-2).expand(cost.shape))
    if b:
        cost += b * torch.cdist(boxes, target_boxes, p=1)
    if c:
        cost -= c * overlap(boxes, target_boxes, geometry=geometry, pairwise=True)
    return cost


def class_indices(labels: object, logits: Tensor) -> None:
    """Indices of the logits' classes, for every object of the same batch."""
    checks.tensor("labels", labels, "labels")
    assert isinstance(labels, Tensor)
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise TypeError(f"labels: expected an integer dtype, got {labels.dtype}")
    checks.same_device("labels", labels, "logits", logits)
    batch, classes = tuple(logits.shape[:-2]), logits.shape[-1]
    if labels.dim() != len(batch) + 1 or labels.shape[:-1] != batch:
        expected = ", ".join(map(str, (*batch, "objects")))
        raise ValueError(
            f"labels: expected ({expected}) beside logits {tuple(logits.shape)}, got {tuple(labels.shape)}"
        )
    outside = labels[(labels < 0) | (labels >= classes)]
    if len(outside):
        raise ValueError(f"labels: expected class indices in [0, {classes - 1}], got {outside[0].item()}")


def has_shape(name: str, value: Tensor, shape: tuple[int, ...], meaning: str) -> None:
    """A tensor of one shape."""
    if value.shape != shape:
        raise ValueError(f"{name}: expected {shape}, {meaning}, got {tuple(value.shape)}")
