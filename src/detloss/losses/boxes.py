"""Losses of pairs of boxes of every geometry by their overlap: IoU, GIoU, DIoU, CIoU, WIoU."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from detloss.engine import box_pairs
from detloss.formulas import penalties
from detloss.geometry import AxisAligned, Geometry
from detloss.losses.module import LossModule
from detloss.losses.overlap_options import PLAIN, Overlap, modified
from detloss.types import Enclosing, IoUForm, Reduction, check_choice

FORMS: dict[IoUForm, Callable[..., Any]] = {"linear": penalties.iou, "log": penalties.log_iou}


def iou_loss(
    pred: Tensor,
    target: Tensor,
    *,
    form: IoUForm = "linear",
    geometry: Geometry = AxisAligned(),
    overlap: Overlap = PLAIN,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""One minus IoU, or its negative logarithm as in UnitBox.

    :math:`L = 1 - \mathrm{IoU}` (``"linear"``) or :math:`L = -\log \mathrm{IoU}` (``"log"``)

    When to choose it: predictions overlap their targets by construction, as when a pixel inside a box predicts l, t, r,
    b (``AxisAligned(format="ltrb")``). Disjoint boxes have no gradient: use `generalized_iou_loss`. The logarithm has
    larger gradients for small overlaps.

    Args:
        pred: (..., 2 * dims) boxes in the format of the geometry, or rows of another geometry, in any unit of length.
        target: As many rows as ``pred``, in the same unit.
        form: ``"linear"`` or ``"log"``.
        geometry: The meaning of a row, by default corners x1, y1, x2, y2.
        overlap: Modifiers of the IoU, with ``form="linear"`` only: see `Overlap`.
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
        Identical boxes have loss 0, even without area. Disjoint boxes have loss 1, or -log(2^-126) = 87.34 with
        ``"log"``, and no gradient. An inverted box is the empty set. A coordinate that is not finite makes its row NaN.

    Example:
        >>> import torch, detloss
        >>> pred, target = torch.tensor([[0., 0., 2., 2.]]), torch.tensor([[1., 1., 3., 3.]])
        >>> detloss.iou_loss(pred, target)  # 1 - 1/7
        tensor(0.8571)
        >>> detloss.iou_loss(pred, target, form="log")  # log 7
        tensor(1.9459)

    Sources:
        Yu et al., UnitBox (2016), https://arxiv.org/abs/1608.01471

    See also:
        `IoULoss`, the module; `iou`, the measure.
    """
    check_choice("form", form, FORMS)
    penalty, parameters = modified(penalties.iou, overlap)
    if form == "log":
        if parameters:
            raise ValueError(f"overlap: expected the default with form='log', got {overlap}")
        penalty = penalties.log_iou
    return box_pairs.loss("iou_loss", penalty, pred, target, geometry, weight, reduction, normalizer, None, parameters)


def generalized_iou_loss(
    pred: Tensor,
    target: Tensor,
    *,
    geometry: Geometry = AxisAligned(),
    enclosing: Enclosing | None = None,
    overlap: Overlap = PLAIN,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""One minus GIoU: IoU loss plus a penalty on the empty part of the enclosing region.

    .. math:: L = 1 - \mathrm{IoU} + |C \setminus (A \cup B)| / |C|

    with C the smallest region that encloses both boxes; :math:`0 \leq L \leq 2`

    When to choose it: predictions may be disjoint from their targets, as with anchors or proposals. It is a good
    default. `distance_iou_loss` moves centers more directly; ``detloss compare`` measures which is better on your data.

    Args:
        pred: (..., 2 * dims) boxes in the format of the geometry, or rows of another geometry, in any unit of length.
        target: As many rows as ``pred``, in the same unit.
        geometry: The meaning of a row, by default corners x1, y1, x2, y2.
        enclosing: ``"box"``, the smallest axis-aligned box; ``"hull"``, the convex hull; or None, the default of the
            geometry: the box for `AxisAligned`, the hull for all other shapes.
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
        Identical boxes have loss 0, even without area; different boxes without area have loss 2. An inverted box is the
        empty set, is never rewarded, and has no gradient. A coordinate that is not finite makes its row NaN.

    Example:
        >>> import torch, detloss
        >>> pred, target = torch.tensor([[0., 0., 2., 2.]]), torch.tensor([[1., 1., 3., 3.]])
        >>> detloss.generalized_iou_loss(pred, target)  # 1 - 1/7 + 2/9
        tensor(1.0794)

    Sources:
        Rezatofighi et al., Generalized Intersection over Union (2019), https://arxiv.org/abs/1902.09630

    See also:
        `GeneralizedIoULoss`, the module; `generalized_iou`, the measure.
    """
    penalty, parameters = modified(penalties.generalized_iou, overlap)
    return box_pairs.loss(
        "generalized_iou_loss",
        penalty,
        pred,
        target,
        geometry,
        weight,
        reduction,
        normalizer,
        enclosing,
        parameters,
    )


def distance_iou_loss(
    pred: Tensor,
    target: Tensor,
    *,
    geometry: Geometry = AxisAligned(),
    overlap: Overlap = PLAIN,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""One minus DIoU: IoU loss plus a penalty on the distance of the centers.

    .. math:: L = 1 - \mathrm{IoU} + \rho^2 / c^2

    with :math:`\rho` the distance of the centers and c the diagonal of the smallest enclosing box (for shapes other
    than axis-aligned boxes, the largest distance of two of their vertices); :math:`0 \leq L \leq 2`

    When to choose it: predictions may be disjoint from their targets or contained in them. For contained boxes GIoU
    equals IoU and has no gradient by the position.

    Args:
        pred: (..., 2 * dims) boxes in the format of the geometry, or rows of another geometry, in any unit of length.
        target: As many rows as ``pred``, in the same unit.
        geometry: The meaning of a row, by default corners x1, y1, x2, y2.
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
        Identical boxes have loss 0, points too. An inverted box is the empty set; the penalty on the centers remains. A
        coordinate that is not finite makes its row NaN.

    Example:
        >>> import torch, detloss
        >>> pred, target = torch.tensor([[0., 0., 2., 2.]]), torch.tensor([[1., 1., 3., 3.]])
        >>> detloss.distance_iou_loss(pred, target)  # 1 - 1/7 + 2/18
        tensor(0.9683)

    Sources:
        Zheng et al., Distance-IoU Loss (2020), eq. 7, https://arxiv.org/abs/1911.08287

    See also:
        `DistanceIoULoss`, the module; `distance_iou`, the measure.
    """
    penalty, parameters = modified(penalties.distance_iou, overlap)
    return box_pairs.loss(
        "distance_iou_loss", penalty, pred, target, geometry, weight, reduction, normalizer, None, parameters
    )


def complete_iou_loss(
    pred: Tensor,
    target: Tensor,
    *,
    geometry: Geometry = AxisAligned(),
    overlap: Overlap = PLAIN,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""One minus CIoU: DIoU loss plus a penalty on the aspect ratio.

    .. math:: L = 1 - \mathrm{IoU} + \rho^2 / c^2 + \alpha v

    with :math:`v = 4 / \pi^2 \, (\arctan(w' / h') - \arctan(w / h))^2` and :math:`\alpha = v / (1 - \mathrm{IoU} + v)`

    When to choose it: the shape of objects matters, as for thin or tall ones; it is the default of YOLO. The gradient
    treats alpha as a constant, as the authors' code does, so it is not the derivative of the value, nor is the second
    derivative.

    Args:
        pred: (..., 4) boxes in the format of the geometry, or `Rotated` rows, in any unit of length.
        target: As many rows as ``pred``, in the same unit.
        geometry: The meaning of a row: `AxisAligned` in two dimensions, by default corners x1, y1, x2, y2, or
            `Rotated`.
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
        Identical boxes have loss 0. v is 0 if a box is a point or inverted; a height of 0 is no division by 0. A
        `Rotated` rectangle with swapped sides, rotated by 90 degrees, is the same rectangle for all terms but v.

    Example:
        >>> import torch, detloss
        >>> pred, target = torch.tensor([[0., 0., 2., 2.]]), torch.tensor([[0., 0., 2., 1.]])
        >>> detloss.complete_iou_loss(pred, target, reduction="none")  # 1 - 1/2 + .25/8 + alpha v
        tensor([0.5345])

    Sources:
        Zheng et al., Distance-IoU Loss (2020), eq. 8 to 11, https://arxiv.org/abs/1911.08287

    See also:
        `CompleteIoULoss`, the module; `complete_iou`, the measure.
    """
    penalty, parameters = modified(penalties.complete_iou, overlap)
    return box_pairs.loss(
        "complete_iou_loss", penalty, pred, target, geometry, weight, reduction, normalizer, None, parameters
    )


def wise_iou_loss(
    pred: Tensor,
    target: Tensor,
    *,
    geometry: Geometry = AxisAligned(),
    overlap: Overlap = PLAIN,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""WIoU, version 1: IoU loss times a factor that grows with the distance of the centers.

    .. math:: L = \exp(\rho^2 / c^2) \, (1 - \mathrm{IoU})

    with :math:`\rho` the distance of the centers and c the diagonal of the smallest enclosing box (for shapes other
    than axis-aligned boxes, the largest distance of two of their vertices); :math:`0 \leq L \leq e`

    When to choose it: annotations are of mixed quality: no term punishes the shape, and the pull on the centers fades
    as the boxes overlap. The gradient treats c as a constant, as in the paper, so it is not the derivative of the
    value.

    Args:
        pred: (..., 2 * dims) boxes in the format of the geometry, or rows of another geometry, in any unit of length.
        target: As many rows as ``pred``, in the same unit.
        geometry: The meaning of a row, by default corners x1, y1, x2, y2.
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
        Identical boxes have loss 0. Disjoint boxes are attracted by the distance of the centers alone. An inverted box
        is the empty set. A coordinate that is not finite makes its row NaN.

    Example:
        >>> import torch, detloss
        >>> pred, target = torch.tensor([[0., 0., 2., 2.]]), torch.tensor([[1., 1., 3., 3.]])
        >>> detloss.wise_iou_loss(pred, target)  # exp(2/18) * 6/7
        tensor(0.9579)

    Sources:
        Tong et al., Wise-IoU (2023), https://arxiv.org/abs/2301.10051

    See also:
        `WiseIoULoss`, the module; `distance_iou_loss`, which adds the distance.
    """
    penalty, parameters = modified(penalties.wise_iou, overlap)
    return box_pairs.loss(
        "wise_iou_loss", penalty, pred, target, geometry, weight, reduction, normalizer, None, parameters
    )


class IoULoss(LossModule, function=iou_loss):
    """Module of `iou_loss`."""


class GeneralizedIoULoss(LossModule, function=generalized_iou_loss):
    """Module of `generalized_iou_loss`."""


class DistanceIoULoss(LossModule, function=distance_iou_loss):
    """Module of `distance_iou_loss`."""


class CompleteIoULoss(LossModule, function=complete_iou_loss):
    """Module of `complete_iou_loss`."""


class WiseIoULoss(LossModule, function=wise_iou_loss):
    """Module of `wise_iou_loss`."""
