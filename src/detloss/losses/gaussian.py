"""Losses of boxes as Gaussians, smooth surrogates for their overlap."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from detloss.engine import box_pairs, checks
from detloss.engine.autograd import evaluate
from detloss.engine.debugging import refuse_if_validating
from detloss.formulas import gaussians, penalties
from detloss.geometry import AxisAligned, Rotated, Shape
from detloss.kernels.interface import GaussianRequest
from detloss.losses.module import LossModule
from detloss.types import Direction, DivergenceForm, IoUForm, Reduction, check_choice

FORMS: dict[DivergenceForm, Callable[..., Any]] = {
    "sqrt": gaussians.saturated_root,
    "log": gaussians.saturated_logarithm,
    "linear": gaussians.saturated_linear,
}
DIRECTIONS: dict[Direction, Callable[..., Any]] = {
    "pred_to_target": gaussians.kullback_leibler,
    "target_to_pred": gaussians.reverse_kullback_leibler,
}
PROBABILISTIC_FORMS: dict[IoUForm, Callable[..., Any]] = {"linear": gaussians.hellinger, "log": gaussians.identity}


def gaussian_wasserstein_loss(
    pred: Tensor,
    target: Tensor,
    *,
    form: DivergenceForm = "sqrt",
    tau: float = 1.0,
    relative: bool = False,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""GWD: Wasserstein distance of two rotated boxes as Gaussians.

    .. math:: L = 1 - 1 / (\tau + f(D))

    with :math:`f(D) = \sqrt{D}`, :math:`\log(1 + D)` or D, and the squared distance
    :math:`D = |c - c'|^2 + \mathrm{tr}(S + S' - 2 (S^{1/2} S' S^{1/2})^{1/2})`, where c is the center of a box and
    :math:`S = R \, \mathrm{diag}(w^2 / 4, h^2 / 4) R^T`

    When to choose it: rotated boxes that may be disjoint from their targets, or whose angle jumps at the end of its
    range, where a regression of the five numbers fails. D is an area, so the loss depends on the unit of length and
    large boxes have larger losses; ``relative=True`` divides D by ``sqrt(w h w' h')`` and removes this dependence.

    Args:
        pred: (..., 5) rows of `Rotated`: cx, cy, w, h in any unit of length, and the angle in radians.
        target: The shape of ``pred``, in the same units.
        form: f, one of ``"sqrt"``, ``"log"`` and ``"linear"``.
        tau: At least 1. With 1 identical boxes have loss 0; a larger tau flattens the loss, which starts at
            ``1 - 1/tau``.
        relative: Whether to divide D by the geometric mean of both areas.
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
        The angle of a square, prediction or target, has no effect and no gradient. ``(w, h, angle)`` and
        ``(h, w, angle + pi/2)`` have the same loss, and so have a pair and its exchange. Identical boxes have loss 0
        (with ``tau=1``) and no gradient, although ``"sqrt"`` has a kink there. A negative side counts as 0 and has no
        gradient. With ``relative``, a box without area has loss 1, unless both are identical, and no gradient. A number
        that is not finite makes its row NaN.

    Example:
        >>> import torch, detloss
        >>> pred, target = torch.tensor([[0., 0., 4., 2., 0.]]), torch.tensor([[3., 0., 4., 10., 0.]])
        >>> detloss.gaussian_wasserstein_loss(pred, target)  # D = 3^2 + (1 - 5)^2 = 5^2; 1 - 1/6
        tensor(0.8333)

    Sources:
        Yang et al., Rethinking Rotated Object Detection with Gaussian Wasserstein Distance Loss (2021),
        https://arxiv.org/abs/2101.11952

    See also:
        `GaussianWassersteinLoss`, the module; `kullback_leibler_loss`, which is scale-invariant; `iou_loss` with
        ``geometry=Rotated()``, the overlap itself.
    """
    if not isinstance(relative, bool):
        raise TypeError(f"relative: expected True or False, got {type(relative).__name__}")
    check_choice("form", form, FORMS)
    divergence = gaussians.relative_wasserstein if relative else gaussians.wasserstein
    request = GaussianRequest(divergence, FORMS[form], is_relative=relative)
    tau = checks.number("tau", tau, 1.0)
    return loss("gaussian_wasserstein_loss", request, pred, target, weight, reduction, normalizer, tau)


def kullback_leibler_loss(
    pred: Tensor,
    target: Tensor,
    *,
    direction: Direction = "pred_to_target",
    form: DivergenceForm = "log",
    tau: float = 1.0,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""KLD: Kullback-Leibler divergence of two rotated boxes as Gaussians.

    .. math:: L = 1 - 1 / (\tau + f(D))

    with :math:`f(D) = \sqrt{D}`, :math:`\log(1 + D)` or D, and the divergence
    :math:`D = ((c - c')^T S'^{-1} (c - c') + \mathrm{tr}(S'^{-1} S) + \log(|S'| / |S|)) / 2 - 1`, where c is the center
    of a box and :math:`S = R \, \mathrm{diag}(w^2 / 4, h^2 / 4) R^T`

    When to choose it: rotated boxes, especially thin ones: an error across the target's short side costs more than the
    same error along its long side, and errors of the angle cost more for thinner targets. The loss does not depend on
    the unit of length. With ``direction="target_to_pred"`` the boxes are exchanged, and errors are relative to the
    prediction's sizes.

    Args:
        pred: (..., 5) rows of `Rotated`: cx, cy, w, h in any unit of length, and the angle in radians.
        target: The shape of ``pred``, in the same units.
        direction: ``"pred_to_target"``, D as above, or ``"target_to_pred"``.
        form: f, one of ``"sqrt"``, ``"log"`` and ``"linear"``.
        tau: At least 1. With 1 identical boxes have loss 0; a larger tau flattens the loss, which starts at
            ``1 - 1/tau``.
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
        The angle of a square has no effect and no gradient. ``(w, h, angle)`` and ``(h, w, angle + pi/2)`` have the
        same loss; a pair and its exchange do not. Identical boxes have loss 0 (with ``tau=1``) and no gradient,
        although ``"sqrt"`` has a kink there. A negative side counts as 0. A box without area, prediction or target, is
        infinitely far from all others: the pair has loss 1, or that of identical boxes if both are identical, and no
        gradient. A number that is not finite makes its row NaN.

    Example:
        >>> import torch, detloss
        >>> pred, target = torch.tensor([[0., 0., 4., 2., 0.]]), torch.tensor([[2., 1., 4., 2., 0.]])
        >>> detloss.kullback_leibler_loss(pred, target, form="linear")  # D = (2^2/2^2 + 1^2/1^2) / 2 = 1
        tensor(0.5000)

    Sources:
        Yang et al., Learning High-Precision Bounding Box for Rotated Object Detection via Kullback-Leibler Divergence
        (2021), https://arxiv.org/abs/2106.01883

    See also:
        `KullbackLeiblerLoss`, the module; `probabilistic_iou_loss`, which is symmetric.
    """
    check_choice("direction", direction, DIRECTIONS)
    check_choice("form", form, FORMS)
    request = GaussianRequest(DIRECTIONS[direction], FORMS[form], is_relative=True)
    tau = checks.number("tau", tau, 1.0)
    return loss("kullback_leibler_loss", request, pred, target, weight, reduction, normalizer, tau)


def probabilistic_iou_loss(
    pred: Tensor,
    target: Tensor,
    *,
    form: IoUForm = "linear",
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""ProbIoU: Hellinger or Bhattacharyya distance of two rotated boxes as Gaussians.

    :math:`L = \sqrt{1 - e^{-D}}` (``"linear"``: one minus ProbIoU, in [0, 1]) or :math:`L = D` (``"log"``), with
    :math:`D = (c - c')^T M^{-1} (c - c') / 8 + \log(|M| / \sqrt{|S| |S'|}) / 2` and :math:`M = (S + S') / 2`, where c
    is the center of a box and :math:`S = R \, \mathrm{diag}(w^2 / 12, h^2 / 12) R^T`, its covariance

    When to choose it: rotated boxes, if prediction and target should be treated alike and no option should need tuning.
    ``"linear"`` has almost no gradient for distant boxes: start the training with ``"log"``, as the paper does, or
    combine it with another loss.

    Args:
        pred: (..., 5) rows of `Rotated`: cx, cy, w, h in any unit of length, and the angle in radians.
        target: The shape of ``pred``, in the same units.
        form: ``"linear"`` or ``"log"``, the losses L1 and L2 of the paper.
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
        The angle of a square has no effect and no gradient. ``(w, h, angle)`` and ``(h, w, angle + pi/2)`` have the
        same loss, and so have a pair and its exchange. Identical boxes have loss 0 and no gradient, although
        ``"linear"`` has a kink there. A negative side counts as 0. A box without area has no overlap with any other:
        the pair has loss 1, or -log(2^-126) = 87.34 with ``"log"``, which boxes with area may exceed; identical ones
        have loss 0; neither has a gradient. A number that is not finite makes its row NaN.

    Example:
        >>> import torch, detloss
        >>> pred, target = torch.tensor([[0., 0., 4., 2., 0.]]), torch.tensor([[4., 0., 4., 2., 0.]])
        >>> detloss.probabilistic_iou_loss(pred, target, form="log")  # 1/8 * 4^2 / (4^2/12)
        tensor(1.5000)
        >>> detloss.probabilistic_iou_loss(pred, target)  # sqrt(1 - exp(-1.5))
        tensor(0.8814)

    Sources:
        Llerena et al., Gaussian Bounding Boxes and Probabilistic Intersection-over-Union for Object Detection (2021),
        https://arxiv.org/abs/2106.06072

    See also:
        `ProbabilisticIoULoss`, the module; `kullback_leibler_loss`.
    """
    check_choice("form", form, PROBABILISTIC_FORMS)
    request = GaussianRequest(gaussians.bhattacharyya, PROBABILISTIC_FORMS[form], is_relative=True)
    return loss("probabilistic_iou_loss", request, pred, target, weight, reduction, normalizer)


def normalized_wasserstein_loss(
    pred: Tensor,
    target: Tensor,
    *,
    scale: float | Tensor,
    geometry: Shape = AxisAligned(),
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""NWD: Wasserstein distance of two boxes as Gaussians, relative to the size of objects.

    .. math:: L = 1 - \exp(-\sqrt{D} / C)

    with :math:`D = \rho^2 + \sum_k (w_k - w'_k)^2 / 4` the squared distance of Gaussians with the boxes' centers and
    half their sides as standard deviations, and C the ``scale``; :math:`0 \leq L < 1`

    When to choose it: tiny objects, for which a shift of a pixel or two changes the IoU from 1 to 0. It has a gradient
    for disjoint boxes, but little for boxes farther apart than a few C.

    Args:
        pred: (..., 2 * dims) boxes in the format of the geometry, or `Rotated` rows, in any unit of length.
        target: As many rows as ``pred``, in the same unit.
        scale: C, a length in the unit of the boxes, such as the mean size of the objects, the square root of their area
            (12.8 pixels for AI-TOD): a number, or a tensor of one length per box.
        geometry: `AxisAligned`, by default corners x1, y1, x2, y2, or `Rotated`.
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
        Identical boxes have loss 0 and no gradient, although the loss has a kink there. The signs of the sides of an
        inverted box count, which restores it; a negative side of a `Rotated` row counts as 0. A scale of 0 in a tensor
        has loss 0, and `validating` raises. A number that is not finite makes its row NaN.

    Example:
        >>> import torch, detloss
        >>> pred, target = torch.tensor([[0., 0., 4., 2.]]), torch.tensor([[1., 1., 5., 4.]])
        >>> detloss.normalized_wasserstein_loss(pred, target, scale=12.8)  # 1 - exp(-sqrt(3.5) / 12.8)
        tensor(0.1360)

    Sources:
        Wang et al., A Normalized Gaussian Wasserstein Distance for Tiny Object Detection (2021),
        https://arxiv.org/abs/2110.13389

    See also:
        `NormalizedWassersteinLoss`, the module; `gaussian_wasserstein_loss`.
    """
    rows = checks.rows("pred", pred, checks.shapes(geometry)[0])
    scale = checks.per_row("scale", scale, rows)
    name = "normalized_wasserstein_loss"
    if isinstance(scale, Tensor):
        refuse_if_validating(name, "scale", scale, ~(scale > 0), "lengths above 0")
    if isinstance(geometry, Rotated):
        request = GaussianRequest(gaussians.wasserstein, gaussians.normalized_exponential, is_relative=False)
        return loss(name, request, pred, target, weight, reduction, normalizer, scale)
    penalty = penalties.normalized_wasserstein
    return box_pairs.loss(name, penalty, pred, target, geometry, weight, reduction, normalizer, None, (scale,))


def loss(
    name: str,
    request: GaussianRequest,
    pred: Tensor,
    target: Tensor,
    weight: float | Tensor | None,
    reduction: Reduction,
    normalizer: float | Tensor | None,
    *parameters: float | Tensor,
) -> Tensor:
    """Evaluate a loss of pairs of rotated boxes, their shapes checked."""
    pred, target = (checks.rows(key, value, Rotated()) for key, value in (("pred", pred), ("target", target)))
    checks.pair("pred", pred, "target", target)
    return evaluate(
        name,
        request,
        pred,
        target,
        operands=("pred", "target"),
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=parameters,
    )


class GaussianWassersteinLoss(LossModule, function=gaussian_wasserstein_loss):
    """Module of `gaussian_wasserstein_loss`."""


class KullbackLeiblerLoss(LossModule, function=kullback_leibler_loss):
    """Module of `kullback_leibler_loss`."""


class ProbabilisticIoULoss(LossModule, function=probabilistic_iou_loss):
    """Module of `probabilistic_iou_loss`."""


class NormalizedWassersteinLoss(LossModule, function=normalized_wasserstein_loss):
    """Module of `normalized_wasserstein_loss`."""
