"""How well boxes overlap: the measures IoU, GIoU, DIoU, CIoU, and the losses made of them."""

from collections.abc import Callable

from torch import Tensor

from detloss import arguments, formulas
from detloss.engine import evaluate
from detloss.geometry import AxisAligned
from detloss.kernels.loops import PairLoop
from detloss.modules import LossModule

FORMS = {"linear": formulas.iou, "log": formulas.log_iou}


def iou(a: Tensor, b: Tensor, *, geometry: AxisAligned = AxisAligned(), pairwise: bool = False) -> Tensor:
    """Measure how much of two boxes is shared: 0 apart, 1 identical.

    ``IoU = |A n B| / |A u B|``, by area, or by volume in more dimensions

    When to choose it: to match, to suppress, to evaluate. It cannot tell near misses from far ones, since it is 0 for
    both: `generalized_iou` and `distance_iou` can.

    Args:
        a: (..., 2 * dims) boxes in the geometry's format; with ``pairwise`` (..., N, 2 * dims).
        b: The shape of ``a``; with ``pairwise`` (..., M, 2 * dims).
        geometry: What a row of numbers is.
        pairwise: Compare every row of ``a`` with every row of ``b``.

    Returns:
        (...), or (..., N, M); in the dtype of ``a``; differentiable by both.

    Raises:
        TypeError: An operand is no floating tensor, or the geometry is none.
        ValueError: Shapes or devices do not fit.

    Edge cases:
        Identical boxes have 1 even without area; 0/0 is 0 otherwise; an inverted box is the empty set; a coordinate
        that is not finite makes its row NaN.

    Example:
        >>> import torch, detloss
        >>> detloss.iou(torch.tensor([[0., 0., 2., 2.]]), torch.tensor([[1., 1., 3., 3.]]))  # 1 / 7
        tensor([0.1429])

    Sources:
        Jaccard, Etude comparative de la distribution florale (1901), https://doi.org/10.5169/seals-266450

    See also:
        `iou_loss`.
    """
    return measure("iou", formulas.iou, a, b, geometry, pairwise)


def generalized_iou(
    a: Tensor,
    b: Tensor,
    *,
    geometry: AxisAligned = AxisAligned(),
    enclosing: str | None = None,
    pairwise: bool = False,
) -> Tensor:
    """Measure IoU, less the empty share of the smallest region that encloses both: from -1 far apart to 1.

    ``GIoU = IoU - (|C| - |A u B|) / |C|``, with C the enclosing region

    When to choose it: to match boxes that may not touch; as `generalized_iou_loss` to train.

    Args:
        a: (..., 2 * dims) boxes in the geometry's format; with ``pairwise`` (..., N, 2 * dims).
        b: The shape of ``a``; with ``pairwise`` (..., M, 2 * dims).
        geometry: What a row of numbers is.
        enclosing: ``"box"``, the smallest axis-aligned box, or None, the geometry's own: here the same.
        pairwise: Compare every row of ``a`` with every row of ``b``.

    Returns:
        (...), or (..., N, M); in the dtype of ``a``; differentiable by both.

    Raises:
        TypeError: An operand is no floating tensor, or the geometry is none.
        ValueError: Shapes, devices or ``enclosing`` do not fit.

    Edge cases:
        Identical boxes have 1 even without area; 0/0 is -1 otherwise; an inverted box is the empty set, and the
        enclosure spans its corners.

    Example:
        >>> import torch, detloss
        >>> detloss.generalized_iou(torch.tensor([[0., 0., 2., 2.]]), torch.tensor([[1., 1., 3., 3.]]))  # 1/7 - 2/9
        tensor([-0.0794])

    Sources:
        Rezatofighi et al., Generalized Intersection over Union (2019), https://arxiv.org/abs/1902.09630

    See also:
        `generalized_iou_loss`.
    """
    enclosure(geometry, enclosing)
    return measure("generalized_iou", formulas.generalized_iou, a, b, geometry, pairwise)


def distance_iou(a: Tensor, b: Tensor, *, geometry: AxisAligned = AxisAligned(), pairwise: bool = False) -> Tensor:
    """Measure IoU, less the squared distance of the centres by the enclosure's squared diagonal.

    ``DIoU = IoU - |a - b|^2 / c^2``

    When to choose it: to suppress detections of crowded objects (DIoU-NMS); as `distance_iou_loss` to train.

    Args:
        a: (..., 2 * dims) boxes in the geometry's format; with ``pairwise`` (..., N, 2 * dims).
        b: The shape of ``a``; with ``pairwise`` (..., M, 2 * dims).
        geometry: What a row of numbers is.
        pairwise: Compare every row of ``a`` with every row of ``b``.

    Returns:
        (...), or (..., N, M); in the dtype of ``a``; differentiable by both.

    Raises:
        TypeError: An operand is no floating tensor, or the geometry is none.
        ValueError: Shapes or devices do not fit.

    Edge cases:
        As `iou`; two identical points have 1.

    Example:
        >>> import torch, detloss
        >>> detloss.distance_iou(torch.tensor([[0., 0., 2., 2.]]), torch.tensor([[1., 1., 3., 3.]]))  # 1/7 - 2/18
        tensor([0.0317])

    Sources:
        Zheng et al., Distance-IoU Loss (2020), eq. 6, https://arxiv.org/abs/1911.08287

    See also:
        `distance_iou_loss`.
    """
    return measure("distance_iou", formulas.distance_iou, a, b, geometry, pairwise)


def complete_iou(a: Tensor, b: Tensor, *, geometry: AxisAligned = AxisAligned(), pairwise: bool = False) -> Tensor:
    """Measure DIoU, less a term for a wrong aspect ratio.

    ``CIoU = IoU - |a - b|^2 / c^2 - alpha v``, with ``v = 4/pi^2 (atan(w'/h') - atan(w/h))^2`` and
    ``alpha = v / (1 - IoU + v)``

    When to choose it: as `complete_iou_loss` to train; as a measure mostly by assigners that were trained with it.

    Args:
        a: (..., 4) boxes in the geometry's format; with ``pairwise`` (..., N, 4).
        b: The shape of ``a``; with ``pairwise`` (..., M, 4).
        geometry: What a row of numbers is; two dimensions.
        pairwise: Compare every row of ``a`` with every row of ``b``.

    Returns:
        (...), or (..., N, M); in the dtype of ``a``; differentiable by both, alpha held constant.

    Raises:
        TypeError: An operand is no floating tensor, or the geometry is none.
        ValueError: Shapes or devices do not fit, or the geometry has other than two dimensions.

    Edge cases:
        v is 0 where a box is a point or inverted.

    Example:
        >>> import torch, detloss
        >>> detloss.complete_iou(torch.tensor([[0., 0., 2., 2.]]), torch.tensor([[1., 1., 3., 3.]]))  # equal aspects
        tensor([0.0317])

    Sources:
        Zheng et al., Distance-IoU Loss (2020), eq. 8 to 11, https://arxiv.org/abs/1911.08287

    See also:
        `complete_iou_loss`.
    """
    planar(geometry)
    return measure("complete_iou", formulas.complete_iou, a, b, geometry, pairwise)


def iou_loss(
    pred: Tensor,
    target: Tensor,
    *,
    form: str = "linear",
    geometry: AxisAligned = AxisAligned(),
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
        pred: (..., 2 * dims) boxes in the geometry's format, in any unit of length.
        target: The shape of ``pred``, same unit.
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
    return loss("iou_loss", FORMS[form], pred, target, geometry, weight, reduction, normalizer)


def generalized_iou_loss(
    pred: Tensor,
    target: Tensor,
    *,
    geometry: AxisAligned = AxisAligned(),
    enclosing: str | None = None,
    weight: float | Tensor | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """One less GIoU: IoU loss with a pull on boxes that are apart.

    ``loss = 1 - IoU + (|C| - |A u B|) / |C|``, with C the smallest box that encloses both; in [0, 2]

    When to choose it: predictions may miss their targets, as with anchors or proposals. It is the plain first
    choice; `distance_iou_loss` pulls more directly, and which is better on your data `detloss compare` finds out.

    Args:
        pred: (..., 2 * dims) boxes in the geometry's format, in any unit of length.
        target: The shape of ``pred``, same unit.
        geometry: What a row of numbers is.
        enclosing: ``"box"``, the smallest axis-aligned box, or None, the geometry's own: here the same.
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
    enclosure(geometry, enclosing)
    formula = formulas.generalized_iou
    return loss("generalized_iou_loss", formula, pred, target, geometry, weight, reduction, normalizer)


def distance_iou_loss(
    pred: Tensor,
    target: Tensor,
    *,
    geometry: AxisAligned = AxisAligned(),
    weight: float | Tensor | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """One less DIoU: IoU loss with a pull of the centres.

    ``loss = 1 - IoU + |a - b|^2 / c^2``, with c the diagonal of the smallest box that encloses both; in [0, 2]

    When to choose it: predictions may miss their targets or lie inside them, where GIoU equals IoU and does not say
    which way to go.

    Args:
        pred: (..., 2 * dims) boxes in the geometry's format, in any unit of length.
        target: The shape of ``pred``, same unit.
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
        Identical boxes cost exactly 0, points too. An inverted box is the empty set and keeps the centres' pull. A
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
    return loss(
        "distance_iou_loss", formulas.distance_iou, pred, target, geometry, weight, reduction, normalizer
    )


def complete_iou_loss(
    pred: Tensor,
    target: Tensor,
    *,
    geometry: AxisAligned = AxisAligned(),
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
        pred: (..., 4) boxes in the geometry's format, in any unit of length.
        target: The shape of ``pred``, same unit.
        geometry: What a row of numbers is; two dimensions.
        weight: A factor a box: a scalar, or as many dimensions as (...) and broadcasting to it; 0 is absent.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum over the normaliser.
        normalizer: What a mean divides by; by default the number of boxes.

    Returns:
        (...) for ``"none"``, else a scalar; the dtype of ``pred`` (float32 for a reduced 16-bit loss).

    Raises:
        TypeError: An operand is no floating tensor, or an option has the wrong type.
        ValueError: Shapes, devices, the weight's shape or an option do not fit, or the geometry has other than two
            dimensions.

    Edge cases:
        Identical boxes cost exactly 0. v is 0 where a box is a point or inverted; a height of 0 is no division by 0.

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
    planar(geometry)
    return loss(
        "complete_iou_loss", formulas.complete_iou, pred, target, geometry, weight, reduction, normalizer
    )


def loss(
    name: str,
    penalty: Callable,
    pred: Tensor,
    target: Tensor,
    geometry: AxisAligned,
    weight: float | Tensor | None,
    reduction: str,
    normalizer: float | Tensor | None,
) -> Tensor:
    """A penalty on pairs of rows."""
    shape_of(geometry)
    arguments.pair("pred", pred, "target", target)
    arguments.rows("pred", pred, geometry.row_length, geometry)
    return evaluate(
        name,
        PairLoop(penalty, geometry, with_angle=penalty is formulas.complete_iou, measure=False),
        pred,
        target,
        operands=("pred", "target"),
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
    )


def measure(name: str, penalty: Callable, a: Tensor, b: Tensor, geometry: AxisAligned, pairwise: bool) -> Tensor:
    """A similarity of pairs of rows, row by row or every one with every other."""
    shape_of(geometry)
    arguments.floating_tensor("a", a)
    arguments.floating_tensor("b", b)
    arguments.rows("a", a, geometry.row_length, geometry)
    arguments.rows("b", b, geometry.row_length, geometry)
    if pairwise:
        if a.dim() < 2 or b.dim() != a.dim() or a.shape[:-2] != b.shape[:-2]:
            raise ValueError(
                "b: expected (..., M, numbers) beside a (..., N, numbers) with the same leading dimensions for "
                f"pairwise=True, got {tuple(b.shape)} beside {tuple(a.shape)}"
            )
        arguments.same_device("b", b, "a", a)
        each, other = a.shape[-2], b.shape[-2]
        a, b = a.unsqueeze(-2), b.unsqueeze(-3)
        a = a.expand(*a.shape[:-2], other, a.shape[-1])
        b = b.expand(*b.shape[:-3], each, *b.shape[-2:])
    arguments.pair("a", a, "b", b)
    loop = PairLoop(penalty, geometry, with_angle=penalty is formulas.complete_iou, measure=True)
    return evaluate(name, loop, a, b, operands=("a", "b"), reduction="none")


def shape_of(geometry: object) -> None:
    """A geometry, not its class or its name."""
    if not isinstance(geometry, AxisAligned):
        given = geometry.__name__ + ", the class itself" if isinstance(geometry, type) else repr(geometry)
        raise TypeError(f"geometry: expected an instance such as AxisAligned(), got {given}")


def planar(geometry: AxisAligned) -> None:
    """Two dimensions: an aspect ratio has a width and a height."""
    shape_of(geometry)
    if geometry.dims != 2:
        raise ValueError(f"geometry: expected two dimensions for an aspect ratio, got dims={geometry.dims}")


def enclosure(geometry: AxisAligned, enclosing: str | None) -> None:
    """An enclosing region that the geometry has."""
    if enclosing not in (None, "box"):
        raise ValueError(f"enclosing: expected None or 'box' for {geometry}, got {enclosing!r}")


class IoULoss(LossModule, function=iou_loss):
    """Module of `iou_loss`."""


class GeneralizedIoULoss(LossModule, function=generalized_iou_loss):
    """Module of `generalized_iou_loss`."""


class DistanceIoULoss(LossModule, function=distance_iou_loss):
    """Module of `distance_iou_loss`."""


class CompleteIoULoss(LossModule, function=complete_iou_loss):
    """Module of `complete_iou_loss`."""
