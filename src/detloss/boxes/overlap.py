"""Overlap measures: IoU and its generalizations, 1 for identical boxes."""

from torch import Tensor

from detloss.engine import box_pairs
from detloss.formulas import penalties
from detloss.geometry import AxisAligned, Geometry
from detloss.types import Enclosing


def iou(a: Tensor, b: Tensor, *, geometry: Geometry = AxisAligned(), pairwise: bool = False) -> Tensor:
    """Compute the IoU of boxes: 0 if they are disjoint, 1 if they are identical.

    ``IoU = |A n B| / |A u B|``, by area, or by volume in more dimensions

    When to choose it: for matching, suppression and evaluation. It is 0 for all disjoint boxes, near or far;
    `generalized_iou` and `distance_iou` distinguish them.

    Args:
        a: (..., 2 * dims) boxes in the geometry's format, or rows of another geometry; with ``pairwise`` (..., N, row).
        b: As many rows as ``a``; with ``pairwise`` (..., M, row).
        geometry: Geometry of the rows.
        pairwise: Compare every row of ``a`` with every row of ``b``.

    Returns:
        (...), or (..., N, M); in the dtype of ``a``; differentiable in both.

    Raises:
        TypeError: An operand is no floating tensor, or the geometry is none.
        ValueError: Shapes or devices do not fit.

    Edge cases:
        Identical boxes have IoU 1, also without area; 0/0 is 0 otherwise. An inverted box is the empty set. A
        non-finite coordinate makes its row NaN.

    Example:
        >>> import torch, detloss
        >>> detloss.iou(torch.tensor([[0., 0., 2., 2.]]), torch.tensor([[1., 1., 3., 3.]]))  # 1 / 7
        tensor([0.1429])

    Sources:
        Jaccard, Etude comparative de la distribution florale (1901), https://doi.org/10.5169/seals-266450

    See also:
        `iou_loss`.
    """
    return box_pairs.measure("iou", penalties.iou, a, b, geometry, pairwise)


def generalized_iou(
    a: Tensor,
    b: Tensor,
    *,
    geometry: Geometry = AxisAligned(),
    enclosing: Enclosing | None = None,
    pairwise: bool = False,
) -> Tensor:
    """Compute IoU minus the empty fraction of the smallest enclosing region: from -1 for distant boxes to 1.

    ``GIoU = IoU - (|C| - |A u B|) / |C|``, with C the enclosing region

    When to choose it: to match boxes that may be disjoint; for training see `generalized_iou_loss`.

    Args:
        a: (..., 2 * dims) boxes in the geometry's format, or rows of another geometry; with ``pairwise`` (..., N, row).
        b: As many rows as ``a``; with ``pairwise`` (..., M, row).
        geometry: Geometry of the rows.
        enclosing: ``"box"``, the axis-aligned bounding box; ``"hull"``, the convex hull; or None, the default of the
            geometry: the box for `AxisAligned`, the hull for every other shape.
        pairwise: Compare every row of ``a`` with every row of ``b``.

    Returns:
        (...), or (..., N, M); in the dtype of ``a``; differentiable in both.

    Raises:
        TypeError: An operand is no floating tensor, or the geometry is none.
        ValueError: Shapes, devices or ``enclosing`` do not fit.

    Edge cases:
        Identical boxes have GIoU 1, also without area; 0/0 is -1 otherwise. An inverted box is the empty set, and the
        enclosing region spans its corners.

    Example:
        >>> import torch, detloss
        >>> detloss.generalized_iou(torch.tensor([[0., 0., 2., 2.]]), torch.tensor([[1., 1., 3., 3.]]))  # 1/7 - 2/9
        tensor([-0.0794])

    Sources:
        Rezatofighi et al., Generalized Intersection over Union (2019), https://arxiv.org/abs/1902.09630

    See also:
        `generalized_iou_loss`.
    """
    return box_pairs.measure("generalized_iou", penalties.generalized_iou, a, b, geometry, pairwise, enclosing)


def distance_iou(a: Tensor, b: Tensor, *, geometry: Geometry = AxisAligned(), pairwise: bool = False) -> Tensor:
    """Compute IoU minus the squared center distance over the squared diagonal of the enclosing region.

    ``DIoU = IoU - |a - b|^2 / c^2``

    When to choose it: to suppress detections in crowded scenes (DIoU-NMS); for training see `distance_iou_loss`.

    Args:
        a: (..., 2 * dims) boxes in the geometry's format, or rows of another geometry; with ``pairwise`` (..., N, row).
        b: As many rows as ``a``; with ``pairwise`` (..., M, row).
        geometry: Geometry of the rows.
        pairwise: Compare every row of ``a`` with every row of ``b``.

    Returns:
        (...), or (..., N, M); in the dtype of ``a``; differentiable in both.

    Raises:
        TypeError: An operand is no floating tensor, or the geometry is none.
        ValueError: Shapes or devices do not fit.

    Edge cases:
        Those of `iou`; two identical points have DIoU 1.

    Example:
        >>> import torch, detloss
        >>> detloss.distance_iou(torch.tensor([[0., 0., 2., 2.]]), torch.tensor([[1., 1., 3., 3.]]))  # 1/7 - 2/18
        tensor([0.0317])

    Sources:
        Zheng et al., Distance-IoU Loss (2020), eq. 6, https://arxiv.org/abs/1911.08287

    See also:
        `distance_iou_loss`.
    """
    return box_pairs.measure("distance_iou", penalties.distance_iou, a, b, geometry, pairwise)


def complete_iou(a: Tensor, b: Tensor, *, geometry: Geometry = AxisAligned(), pairwise: bool = False) -> Tensor:
    """Compute DIoU minus a penalty for different aspect ratios.

    ``CIoU = IoU - |a - b|^2 / c^2 - alpha v``, with ``v = 4/pi^2 (atan(w'/h') - atan(w/h))^2`` and
    ``alpha = v / (1 - IoU + v)``

    When to choose it: in label assigners that use it; for training see `complete_iou_loss`.

    Args:
        a: (..., 4) boxes in the geometry's format, or `Rotated` rows; with ``pairwise`` (..., N, row).
        b: As many rows as ``a``; with ``pairwise`` (..., M, row).
        geometry: Geometry of the rows: `AxisAligned` in two dimensions, or `Rotated`.
        pairwise: Compare every row of ``a`` with every row of ``b``.

    Returns:
        (...), or (..., N, M); in the dtype of ``a``; differentiable in both, with alpha held constant.

    Raises:
        TypeError: An operand is no floating tensor, or the geometry is none.
        ValueError: Shapes or devices do not fit, or the geometry has no width and height.

    Edge cases:
        v is 0 if a box is a point or inverted.

    Example:
        >>> import torch, detloss
        >>> detloss.complete_iou(torch.tensor([[0., 0., 2., 2.]]), torch.tensor([[1., 1., 3., 3.]]))  # equal aspects
        tensor([0.0317])

    Sources:
        Zheng et al., Distance-IoU Loss (2020), eq. 8 to 11, https://arxiv.org/abs/1911.08287

    See also:
        `complete_iou_loss`.
    """
    return box_pairs.measure("complete_iou", penalties.complete_iou, a, b, geometry, pairwise)
