"""Losses of boxes: 0 is identical."""

from torch import Tensor

from detloss.engine import box_pairs
from detloss.formulas import penalties
from detloss.geometry import AxisAligned, Geometry
from detloss.losses.module import LossModule

FORMS = {"linear": penalties.iou, "log": penalties.log_iou}


def iou_loss(
    pred: Tensor,
    target: Tensor,
    *,
    form: str = "linear",
    geometry: Geometry = AxisAligned(),
    weight: float | Tensor | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """One less IoU, or UnitBox's negative logarithm of it.

    ``loss = 1 - IoU`` (``"linear"``), or ``-log IoU`` (``"log"``)

    When to choose it: predictions that overlap their targets by construction, as where a pixel inside a box predicts
    l, t, r, b (``AxisAligned(format="ltrb")``). Boxes that may miss get no pull: `generalized_iou_loss`. The
    logarithm pulls harder on bad boxes.

    Args:
        pred: (..., 2 * dims) boxes in the geometry's format, or rows of another geometry, in any unit of length.
        target: As many rows as ``pred``, same unit.
        form: ``"linear"`` or ``"log"``.
        geometry: What a row of numbers is.
        weight: A factor a box: a scalar, or as many dimensions as (...) and broadcasting to it; 0 is absent.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum over the normaliser.
        normalizer: What a mean divides by; by default the number of boxes.

    Returns:
        (...) for ``"none"``, else a scalar; the dtype of ``pred`` (float32 for a reduced 16-bit loss).

    Raises:
        TypeError: An operand is no floating tensor, or an option has the wrong type.
        ValueError: Shapes, devices, the weight's shape or an option do not fit.

    Edge cases:
        Identical boxes cost exactly 0, without area too. Disjoint boxes cost 1, or -log(2^-126) = 87.34 in the log
        form, and get no gradient. An inverted box is the empty set. A coordinate that is not finite makes its row
        NaN.

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
    if form not in FORMS:
        raise ValueError(f"form: expected 'linear' or 'log', got {form!r}")
    return box_pairs.loss("iou_loss", FORMS[form], pred, target, geometry, weight, reduction, normalizer)


def generalized_iou_loss(
    pred: Tensor,
    target: Tensor,
    *,
    geometry: Geometry = AxisAligned(),
    enclosing: str | None = None,
    weight: float | Tensor | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """One less GIoU: IoU loss with a pull on boxes that are apart.

    ``loss = 1 - IoU + (|C| - |A u B|) / |C|``, with C the smallest region that encloses both; in [0, 2]

    When to choose it: predictions may miss their targets, as with anchors or proposals. It is the plain first
    choice; `distance_iou_loss` pulls more directly, and which is better on your data ``detloss compare`` finds out.

    Args:
        pred: (..., 2 * dims) boxes in the geometry's format, or rows of another geometry, in any unit of length.
        target: As many rows as ``pred``, same unit.
        geometry: What a row of numbers is.
        enclosing: ``"box"``, the smallest box along the axes; ``"hull"``, the convex hull; or None, the geometry's own:
            the box for `AxisAligned`, the hull for every other shape.
        weight: A factor a box: a scalar, or as many dimensions as (...) and broadcasting to it; 0 is absent.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum over the normaliser.
        normalizer: What a mean divides by; by default the number of boxes.

    Returns:
        (...) for ``"none"``, else a scalar; the dtype of ``pred`` (float32 for a reduced 16-bit loss).

    Raises:
        TypeError: An operand is no floating tensor, or an option has the wrong type.
        ValueError: Shapes, devices, the weight's shape or an option do not fit.

    Edge cases:
        Identical boxes cost exactly 0, without area too; different boxes without any area cost 2. An inverted box is
        the empty set, never rewarded, and gets no gradient. A coordinate that is not finite makes its row NaN.

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
    formula = penalties.generalized_iou
    return box_pairs.loss(
        "generalized_iou_loss", formula, pred, target, geometry, weight, reduction, normalizer, enclosing
    )


def distance_iou_loss(
    pred: Tensor,
    target: Tensor,
    *,
    geometry: Geometry = AxisAligned(),
    weight: float | Tensor | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """One less DIoU: IoU loss with a pull of the centers.

    ``loss = 1 - IoU + |a - b|^2 / c^2``, with c the diagonal of the smallest box that encloses both, or, of other
    shapes than boxes along the axes, the largest distance of two of their vertices; in [0, 2]

    When to choose it: predictions may miss their targets or lie inside them, where GIoU equals IoU and does not say
    which way to go.

    Args:
        pred: (..., 2 * dims) boxes in the geometry's format, or rows of another geometry, in any unit of length.
        target: As many rows as ``pred``, same unit.
        geometry: What a row of numbers is.
        weight: A factor a box: a scalar, or as many dimensions as (...) and broadcasting to it; 0 is absent.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum over the normaliser.
        normalizer: What a mean divides by; by default the number of boxes.

    Returns:
        (...) for ``"none"``, else a scalar; the dtype of ``pred`` (float32 for a reduced 16-bit loss).

    Raises:
        TypeError: An operand is no floating tensor, or an option has the wrong type.
        ValueError: Shapes, devices, the weight's shape or an option do not fit.

    Edge cases:
        Identical boxes cost exactly 0, points too. An inverted box is the empty set and keeps the centers' pull. A
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
    return box_pairs.loss(
        "distance_iou_loss", penalties.distance_iou, pred, target, geometry, weight, reduction, normalizer
    )


def complete_iou_loss(
    pred: Tensor,
    target: Tensor,
    *,
    geometry: Geometry = AxisAligned(),
    weight: float | Tensor | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """One less CIoU: DIoU loss with a pull on the aspect ratio.

    ``loss = 1 - IoU + |a - b|^2 / c^2 + alpha v``, with ``v = 4/pi^2 (atan(w'/h') - atan(w/h))^2`` and the trade-off
    ``alpha = v / (1 - IoU + v)``

    When to choose it: objects whose shape matters, thin or tall ones; it is YOLO's default. Its gradient holds alpha
    constant, as in the paper's code, so it is not the derivative of its value (nor is its second derivative).

    Args:
        pred: (..., 4) boxes in the geometry's format, or `Rotated` rows, in any unit of length.
        target: As many rows as ``pred``, same unit.
        geometry: What a row of numbers is: `AxisAligned` of two dimensions, or `Rotated`.
        weight: A factor a box: a scalar, or as many dimensions as (...) and broadcasting to it; 0 is absent.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum over the normaliser.
        normalizer: What a mean divides by; by default the number of boxes.

    Returns:
        (...) for ``"none"``, else a scalar; the dtype of ``pred`` (float32 for a reduced 16-bit loss).

    Raises:
        TypeError: An operand is no floating tensor, or an option has the wrong type.
        ValueError: Shapes, devices, the weight's shape or an option do not fit, or the geometry has no width and
            height.

    Edge cases:
        Identical boxes cost exactly 0. v is 0 where a box is a point or inverted; a height of 0 is no division by 0. A
        `Rotated` rectangle written with its sides swapped and turned by 90 degrees is the same to all terms but v.

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
    return box_pairs.loss(
        "complete_iou_loss", penalties.complete_iou, pred, target, geometry, weight, reduction, normalizer
    )


class IoULoss(LossModule, function=iou_loss):
    """Module of `iou_loss`."""


class GeneralizedIoULoss(LossModule, function=generalized_iou_loss):
    """Module of `generalized_iou_loss`."""


class DistanceIoULoss(LossModule, function=distance_iou_loss):
    """Module of `distance_iou_loss`."""


class CompleteIoULoss(LossModule, function=complete_iou_loss):
    """Module of `complete_iou_loss`."""
