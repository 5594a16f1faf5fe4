"""Losses of axis-aligned boxes by their sides and edges: EIoU, SIoU, MPDIoU, Shape-IoU, PIoU."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from detloss.engine import box_pairs, checks
from detloss.engine.debugging import refuse_if_validating
from detloss.formulas import penalties
from detloss.geometry import AxisAligned
from detloss.kernels.interface import arithmetic_dtype
from detloss.losses.module import LossModule
from detloss.losses.overlap_options import PLAIN, Overlap, modified
from detloss.types import Reduction


def efficient_iou_loss(
    pred: Tensor,
    target: Tensor,
    *,
    geometry: AxisAligned = AxisAligned(),
    overlap: Overlap = PLAIN,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""EIoU: DIoU loss plus a penalty on the differences of the sides.

    .. math:: L = 1 - \mathrm{IoU} + \rho^2 / c^2 + \sum_k (w_k - w'_k)^2 / C_k^2

    with :math:`w_k` and :math:`w'_k` the sides, :math:`C_k` the sides of the smallest enclosing box, c its diagonal and
    :math:`\rho` the distance of the centers; :math:`0 \leq L < 3.25` in two dimensions

    When to choose it: the sides of objects matter. In contrast to `complete_iou_loss`, which compares the aspect ratios
    alone, each side has a gradient of its own. A different loss, Extended IoU, has the same abbreviation in some
    libraries. With a weight ``iou ** 0.5`` that has no gradient it is Focal-EIoU.

    Args:
        pred: (..., 2 * dims) boxes in the format of the geometry, in any unit of length.
        target: As many rows as ``pred``, in the same unit.
        geometry: `AxisAligned`, by default corners x1, y1, x2, y2.
        overlap: Modifiers of the IoU: see `Overlap`.
        weight: Weight per box, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss dimension
            by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of boxes.

    Returns:
        (...) for ``"none"``, else a scalar. The dtype is that of ``pred``; a reduced 16-bit loss is float32.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.

    Edge cases:
        Identical boxes have loss 0, points too. The penalty is 0 on an axis on which both boxes have no extent. An
        inverted box is the empty set, and the penalty on the sides expands it. A coordinate that is not finite makes
        its row NaN.

    Example:
        >>> import torch, detloss
        >>> pred, target = torch.tensor([[0., 0., 4., 2.]]), torch.tensor([[1., 1., 5., 4.]])
        >>> detloss.efficient_iou_loss(pred, target)  # 14/17 + 13/164 + 0 + 1/16
        tensor(0.9653)

    Sources:
        Zhang et al., Focal and Efficient IOU Loss (2021), https://arxiv.org/abs/2101.08158

    See also:
        `EfficientIoULoss`, the module; `distance_iou_loss`.
    """
    penalty, parameters = modified(penalties.efficient_iou, overlap)
    return box_pairs.loss(
        "efficient_iou_loss", penalty, pred, target, geometry, weight, reduction, normalizer, None, parameters
    )


def scylla_iou_loss(
    pred: Tensor,
    target: Tensor,
    *,
    theta: float = 4.0,
    geometry: AxisAligned = AxisAligned(),
    overlap: Overlap = PLAIN,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""SIoU: IoU loss plus half a distance cost that depends on the angle, and half a cost of the shape.

    .. math::

       L &= 1 - \mathrm{IoU} + (\Delta + \Omega) / 2 \\
       \Delta &= \sum_k 1 - e^{-\gamma (d_k / C_k)^2}, \qquad
       \gamma = 2 - 2 |d_x d_y| / (d_x^2 + d_y^2) \\
       \Omega &= \sum_k (1 - e^{-|w_k - w'_k| / \max(w_k, w'_k)})^\theta

    with :math:`d_k` the distances of the centers in x and y, :math:`C_k` the sides of the smallest enclosing box,
    and :math:`w_k`, :math:`w'_k` the sides; :math:`0 \leq L < 2.2`

    When to choose it: as an alternative to `complete_iou_loss`; it is the loss of YOLOv6. The distance costs most along
    an axis, so centers are first pulled onto one. Far apart, its gradient vanishes.

    Args:
        pred: (..., 4) boxes in the format of the geometry, in any unit of length.
        target: As many rows as ``pred``, in the same unit.
        theta: Exponent of the shape cost, at least 1; the paper uses 2 to 6.
        geometry: `AxisAligned` in two dimensions, by default corners x1, y1, x2, y2.
        overlap: Modifiers of the IoU: see `Overlap`.
        weight: Weight per box, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss dimension
            by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of boxes.

    Returns:
        (...) for ``"none"``, else a scalar. The dtype is that of ``pred``; a reduced 16-bit loss is float32.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.

    Edge cases:
        Identical boxes have loss 0. With common centers the distance cost is 0. The costs are 0 on an axis on which
        both boxes have no extent. An inverted box is the empty set, and the shape cost expands it. A coordinate that
        is not finite makes its row NaN.

    Example:
        >>> import torch, detloss
        >>> pred, target = torch.tensor([[0., 0., 4., 2.]]), torch.tensor([[1., 1., 5., 4.]])
        >>> detloss.scylla_iou_loss(pred, target)
        tensor(0.9181)

    Sources:
        Gevorgyan, SIoU Loss (2022), https://arxiv.org/abs/2205.12740

    See also:
        `ScyllaIoULoss`, the module; `shape_iou_loss`, with the same shape cost.
    """
    theta = checks.number("theta", theta, 1.0)
    penalty, parameters = modified(penalties.scylla_iou, overlap)
    return box_pairs.loss(
        "scylla_iou_loss", penalty, pred, target, geometry, weight, reduction, normalizer, None, (*parameters, theta)
    )


def minimum_points_distance_iou_loss(
    pred: Tensor,
    target: Tensor,
    *,
    image_size: Sequence[float] | Tensor,
    geometry: AxisAligned = AxisAligned(),
    overlap: Overlap = PLAIN,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""MPDIoU: IoU loss plus the squared distances of the corners, relative to the image.

    .. math:: L = 1 - \mathrm{IoU} + (d_1^2 + d_2^2) / (W^2 + H^2)

    with :math:`d_1` and :math:`d_2` the distances of the first and of the last corners of both boxes, and W, H the size
    of the image

    When to choose it: as an alternative to `distance_iou_loss` whose penalty also depends on the sides and never
    saturates. The penalty is small for boxes much smaller than the image.

    Args:
        pred: (..., 2 * dims) boxes in the format of the geometry, in any unit of length.
        target: As many rows as ``pred``, in the same unit.
        image_size: Width and height of the image in the unit of the boxes (one length per axis): numbers, or a tensor
            (2,) or (..., 2) of one size per box. For boxes in fractions of the image it is (1, 1).
        geometry: `AxisAligned`, by default corners x1, y1, x2, y2.
        overlap: Modifiers of the IoU: see `Overlap`.
        weight: Weight per box, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss dimension
            by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of boxes.

    Returns:
        (...) for ``"none"``, else a scalar. The dtype is that of ``pred``; a reduced 16-bit loss is float32.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.

    Edge cases:
        Identical boxes have loss 0. An inverted box is the empty set, and the penalty restores it. An image size of
        zeros in a tensor has penalty 0, and `validating` raises. A coordinate that is not finite makes its row NaN.

    Example:
        >>> import torch, detloss
        >>> pred, target = torch.tensor([[0., 0., 4., 2.]]), torch.tensor([[1., 1., 5., 4.]])
        >>> detloss.minimum_points_distance_iou_loss(pred, target, image_size=(8, 6))  # 14/17 + 7/100
        tensor(0.8935)

    Sources:
        Ma and Xu, MPDIoU (2023), https://arxiv.org/abs/2307.07662

    See also:
        `MinimumPointsDistanceIoULoss`, the module; `normalized_wasserstein_loss`, by the same distances without IoU.
    """
    pred = checks.rows("pred", pred, checks.shapes(geometry)[0])
    diagonal = image_diagonal(image_size, pred, geometry)
    penalty, parameters = modified(penalties.minimum_points_distance_iou, overlap)
    return box_pairs.loss(
        "minimum_points_distance_iou_loss",
        penalty,
        pred,
        target,
        geometry,
        weight,
        reduction,
        normalizer,
        None,
        (*parameters, diagonal),
    )


def shape_iou_loss(
    pred: Tensor,
    target: Tensor,
    *,
    scale: float = 0.0,
    theta: float = 4.0,
    geometry: AxisAligned = AxisAligned(),
    overlap: Overlap = PLAIN,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""Shape-IoU: IoU loss plus costs of distance and shape, weighted by the shape of the target.

    .. math::

       L &= 1 - \mathrm{IoU} + (h_y \, d_x^2 + h_x \, d_y^2) / c^2 + \Omega / 2 \\
       \Omega &= (1 - e^{-h_y |w - w'| / \max(w, w')})^\theta + (1 - e^{-h_x |h - h'| / \max(h, h')})^\theta

    with :math:`h_x = 2 w'^s / (w'^s + h'^s)` and :math:`h_y = 2 h'^s / (w'^s + h'^s)` from the target's sides and the
    ``scale`` s, :math:`d_x` and :math:`d_y` the distances of the centers in x and y, and c the diagonal of the
    smallest enclosing box

    When to choose it: elongated objects: with s above 0 an error across the long side costs more than one along it.
    With s = 0 both weights are 1. The weights are constants in the gradient, also in that of the target.

    Args:
        pred: (..., 4) boxes in the format of the geometry, in any unit of length.
        target: As many rows as ``pred``, in the same unit.
        scale: s, at least 0; it depends on the data set.
        theta: Exponent of the shape cost, at least 1.
        geometry: `AxisAligned` in two dimensions, by default corners x1, y1, x2, y2.
        overlap: Modifiers of the IoU: see `Overlap`.
        weight: Weight per box, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss dimension
            by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of boxes.

    Returns:
        (...) for ``"none"``, else a scalar. The dtype is that of ``pred``; a reduced 16-bit loss is float32.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.

    Edge cases:
        Identical boxes have loss 0. The shape cost is 0 on an axis on which both boxes have no extent. An inverted box
        is the empty set, and the shape cost expands it. A coordinate that is not finite makes its row NaN.

    Example:
        >>> import torch, detloss
        >>> pred, target = torch.tensor([[0., 0., 4., 2.]]), torch.tensor([[1., 1., 5., 4.]])
        >>> detloss.shape_iou_loss(pred, target, scale=1.0)
        tensor(0.9122)

    Sources:
        Zhang and Zhang, Shape-IoU (2023), https://arxiv.org/abs/2312.17663

    See also:
        `ShapeIoULoss`, the module; `scylla_iou_loss`.
    """
    scale, theta = checks.number("scale", scale, 0.0), checks.number("theta", theta, 1.0)
    penalty, parameters = modified(penalties.shape_iou, overlap)
    return box_pairs.loss(
        "shape_iou_loss",
        penalty,
        pred,
        target,
        geometry,
        weight,
        reduction,
        normalizer,
        None,
        (*parameters, scale, theta),
    )


def powerful_iou_loss(
    pred: Tensor,
    target: Tensor,
    *,
    geometry: AxisAligned = AxisAligned(),
    overlap: Overlap = PLAIN,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""PIoU: IoU loss plus a penalty on the distances of the edges, relative to the target's sides.

    .. math::

       L = 1 - \mathrm{IoU} + 1 - e^{-P^2}, \qquad
       P = \frac{1}{2 d} \sum_k (|s_k| + |e_k|) / w'_k

    with :math:`s_k` and :math:`e_k` the distances of the first and of the last edges of axis k, :math:`w'_k` the
    target's side, and d the number of axes; :math:`0 \leq L \leq 2`

    When to choose it: predictions should not grow to reach their targets: the penalty does not depend on the enclosing
    box. It has little gradient for boxes farther apart than twice the target's size.

    Args:
        pred: (..., 2 * dims) boxes in the format of the geometry, in any unit of length.
        target: As many rows as ``pred``, in the same unit.
        geometry: `AxisAligned`, by default corners x1, y1, x2, y2.
        overlap: Modifiers of the IoU: see `Overlap`.
        weight: Weight per box, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss dimension
            by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of boxes.

    Returns:
        (...) for ``"none"``, else a scalar. The dtype is that of ``pred``; a reduced 16-bit loss is float32.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.

    Edge cases:
        Identical boxes have loss 0. Where a target has no extent on an axis and the edges differ, P is infinite: the
        penalty is 1 and has no gradient. An inverted box is the empty set, and the penalty restores it. A coordinate
        that is not finite makes its row NaN.

    Example:
        >>> import torch, detloss
        >>> pred, target = torch.tensor([[0., 0., 4., 2.]]), torch.tensor([[1., 1., 5., 4.]])
        >>> detloss.powerful_iou_loss(pred, target)  # 14/17 + 1 - exp(-(3/8)^2)
        tensor(0.9547)

    Sources:
        Liu et al., Powerful-IoU (2024),
        https://www.sciencedirect.com/science/article/abs/pii/S0893608023006640

    See also:
        `PowerfulIoULoss`, the module; `minimum_points_distance_iou_loss`.
    """
    penalty, parameters = modified(penalties.powerful_iou, overlap)
    return box_pairs.loss(
        "powerful_iou_loss", penalty, pred, target, geometry, weight, reduction, normalizer, None, parameters
    )


def image_diagonal(image_size: object, pred: Tensor, geometry: AxisAligned) -> float | Tensor:
    """The diagonal of an image, or one per box."""
    dims, name = checks.shapes(geometry)[0].dims, "image_size"
    if isinstance(image_size, Tensor):
        if image_size.shape[-1:] != (dims,):
            raise ValueError(f"{name}: expected shape ({dims},) or (..., {dims}), got {tuple(image_size.shape)}")
        wrong = ~(image_size > 0)
        refuse_if_validating("minimum_points_distance_iou_loss", name, image_size, wrong, "lengths above 0")
        diagonal = torch.linalg.vector_norm(image_size.to(arithmetic_dtype(pred, image_size)), dim=-1)
        return checks.per_row(name, diagonal, pred)
    if not isinstance(image_size, Sequence) or isinstance(image_size, str):
        raise TypeError(f"{name}: expected {dims} numbers or a tensor, got {type(image_size).__name__}")
    if len(image_size) != dims:
        raise ValueError(f"{name}: expected {dims} numbers, one per axis, got {len(image_size)}")
    return math.hypot(*(checks.positive(name, length) for length in image_size))


class EfficientIoULoss(LossModule, function=efficient_iou_loss):
    """Module of `efficient_iou_loss`."""


class ScyllaIoULoss(LossModule, function=scylla_iou_loss):
    """Module of `scylla_iou_loss`."""


class MinimumPointsDistanceIoULoss(LossModule, function=minimum_points_distance_iou_loss):
    """Module of `minimum_points_distance_iou_loss`."""


class ShapeIoULoss(LossModule, function=shape_iou_loss):
    """Module of `shape_iou_loss`."""


class PowerfulIoULoss(LossModule, function=powerful_iou_loss):
    """Module of `powerful_iou_loss`."""
