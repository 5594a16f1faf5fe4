"""Losses of rotated boxes as Gaussians: smooth stand-ins for the overlap, 0 is identical."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from detloss.engine import checks
from detloss.engine.autograd import evaluate
from detloss.formulas import gaussians
from detloss.geometry import Rotated
from detloss.kernels.interface import GaussianRequest
from detloss.losses.module import LossModule

FORMS = {
    "sqrt": gaussians.saturated_root,
    "log": gaussians.saturated_logarithm,
    "linear": gaussians.saturated_linear,
}
DIRECTIONS = {
    "pred_to_target": gaussians.kullback_leibler,
    "target_to_pred": gaussians.reverse_kullback_leibler,
}
PROBABILISTIC_FORMS = {"linear": gaussians.hellinger, "log": gaussians.identity}


def gaussian_wasserstein_loss(
    pred: Tensor,
    target: Tensor,
    *,
    form: str = "sqrt",
    tau: float = 1.0,
    relative: bool = False,
    weight: float | Tensor | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """GWD: how far the mass of one box, as a Gaussian, has to travel to become the other.

    ``loss = 1 - 1 / (tau + f(D))`` with the squared Wasserstein distance
    ``D = |c - c'|^2 + tr(S + S' - 2 (S^1/2 S' S^1/2)^1/2)``, where c is the center of a box and
    ``S = R diag(w^2/4, h^2/4) R^T``; f(D) is ``sqrt(D)``, ``log(1 + D)`` or D itself

    When to choose it: rotated boxes that may miss their targets, or whose angle jumps at the end of its range, which
    a loss of the five numbers would punish. D is an area, so the loss depends on the unit of length, and large
    boxes weigh more; ``relative=True`` divides D by ``sqrt(w h w' h')`` and changes that.

    Args:
        pred: (..., 5) rows of `Rotated`: cx, cy, w, h in any unit of length, angle in radians.
        target: The shape of ``pred``, same units.
        form: ``"sqrt"``, ``"log"`` or ``"linear"``, what f is.
        tau: At least 1; with 1 identical boxes cost 0, with more the loss is flatter and starts at ``1 - 1/tau``.
        relative: Whether D is divided by the geometric mean of both areas.
        weight: A factor a box: a scalar, or as many dimensions as (...) and broadcasting to it; 0 is absent.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum over the normaliser.
        normalizer: What a mean divides by; by default the number of boxes.

    Returns:
        (...) for ``"none"``, else a scalar; the dtype of ``pred`` (float32 for a reduced 16-bit loss).

    Raises:
        TypeError: An operand is no floating tensor, or an option has the wrong type.
        ValueError: Shapes, devices, the weight's shape or an option do not fit.

    Edge cases:
        What it cannot see: the angle of a square, prediction or target, which gets no gradient. ``(w, h, angle)`` and
        ``(h, w, angle + pi/2)`` cost the same, and so does the exchange of prediction and target. Identical boxes cost
        exactly 0 (with ``tau=1``) and get no gradient, though ``"sqrt"`` has a kink there. A negative side counts as 0
        and gets no gradient. With ``relative`` a box without area costs 1, unless both are identical, and gets no
        gradient. A number that is not finite makes its row NaN.

    Example:
        >>> import torch, detloss
        >>> pred, target = torch.tensor([[0., 0., 4., 2., 0.]]), torch.tensor([[3., 0., 4., 10., 0.]])
        >>> detloss.gaussian_wasserstein_loss(pred, target)  # D = 3^2 + (1 - 5)^2 = 5^2; 1 - 1/6
        tensor(0.8333)

    Sources:
        Yang et al., Rethinking Rotated Object Detection with Gaussian Wasserstein Distance Loss (2021),
        https://arxiv.org/abs/2101.11952

    See also:
        `GaussianWassersteinLoss`, the module; `kullback_leibler_loss`, the same at any scale; `iou_loss` with
        ``geometry=Rotated()``, the overlap itself.
    """
    if not isinstance(relative, bool):
        raise TypeError(f"relative: expected True or False, got {type(relative).__name__}")
    penalty = choice("form", form, FORMS)
    divergence = gaussians.relative_wasserstein if relative else gaussians.wasserstein
    request = GaussianRequest(divergence, penalty, is_relative=relative)
    tau = checks.number("tau", tau, 1.0)
    return loss("gaussian_wasserstein_loss", request, pred, target, weight, reduction, normalizer, tau)


def kullback_leibler_loss(
    pred: Tensor,
    target: Tensor,
    *,
    direction: str = "pred_to_target",
    form: str = "log",
    tau: float = 1.0,
    weight: float | Tensor | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """KLD: the Kullback-Leibler divergence of two boxes as Gaussians, which weighs each error by the boxes' sizes.

    ``loss = 1 - 1 / (tau + f(D))`` with the divergence
    ``D = 1/2 ((c - c')^T S'^-1 (c - c') + tr(S'^-1 S) + log(|S'| / |S|)) - 1``, where c is the center of a box and
    ``S = R diag(w^2/4, h^2/4) R^T``; f(D) is ``sqrt(D)``, ``log(1 + D)`` or D itself

    When to choose it: rotated boxes, thin ones above all: an error across the target's short side costs more than the
    same error along it, and errors of the angle more the thinner the target. It does not depend on the unit of length.
    With ``direction="target_to_pred"`` both boxes change places, and the prediction's sizes are what errors are
    measured in.

    Args:
        pred: (..., 5) rows of `Rotated`: cx, cy, w, h in any unit of length, angle in radians.
        target: The shape of ``pred``, same units.
        direction: ``"pred_to_target"``, D as above, or ``"target_to_pred"``.
        form: ``"sqrt"``, ``"log"`` or ``"linear"``, what f is.
        tau: At least 1; with 1 identical boxes cost 0, with more the loss is flatter and starts at ``1 - 1/tau``.
        weight: A factor a box: a scalar, or as many dimensions as (...) and broadcasting to it; 0 is absent.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum over the normaliser.
        normalizer: What a mean divides by; by default the number of boxes.

    Returns:
        (...) for ``"none"``, else a scalar; the dtype of ``pred`` (float32 for a reduced 16-bit loss).

    Raises:
        TypeError: An operand is no floating tensor, or an option has the wrong type.
        ValueError: Shapes, devices, the weight's shape or an option do not fit.

    Edge cases:
        What it cannot see: the angle of a square, which gets no gradient. ``(w, h, angle)`` and
        ``(h, w, angle + pi/2)`` cost the same; an exchange of prediction and target does not. Identical boxes cost
        exactly 0 (with ``tau=1``) and get no gradient, though ``"sqrt"`` has a kink there. A negative side counts as 0.
        A box without area, prediction or target, is infinitely far from all others: the pair costs 1, or what
        identical boxes cost where both are identical, and gets no gradient. A number that is not
        finite makes its row NaN.

    Example:
        >>> import torch, detloss
        >>> pred, target = torch.tensor([[0., 0., 4., 2., 0.]]), torch.tensor([[2., 1., 4., 2., 0.]])
        >>> detloss.kullback_leibler_loss(pred, target, form="linear")  # D = (2^2/2^2 + 1^2/1^2) / 2 = 1
        tensor(0.5000)

    Sources:
        Yang et al., Learning High-Precision Bounding Box for Rotated Object Detection via Kullback-Leibler Divergence
        (2021), https://arxiv.org/abs/2106.01883

    See also:
        `KullbackLeiblerLoss`, the module; `probabilistic_iou_loss`, which treats both boxes alike.
    """
    divergence, penalty = choice("direction", direction, DIRECTIONS), choice("form", form, FORMS)
    request = GaussianRequest(divergence, penalty, is_relative=True)
    tau = checks.number("tau", tau, 1.0)
    return loss("kullback_leibler_loss", request, pred, target, weight, reduction, normalizer, tau)


def probabilistic_iou_loss(
    pred: Tensor,
    target: Tensor,
    *,
    form: str = "linear",
    weight: float | Tensor | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """ProbIoU: the Hellinger distance of two boxes as Gaussians, or their Bhattacharyya distance.

    ``loss = sqrt(1 - exp(-D))`` (``"linear"``, in [0, 1]: 1 - ProbIoU), or D itself (``"log"``), with
    ``D = 1/8 (c - c')^T M^-1 (c - c') + 1/2 log(|M| / sqrt(|S| |S'|))`` and ``M = (S + S') / 2``, where c is the center
    of a box and ``S = R diag(w^2/12, h^2/12) R^T``, the covariance of the box itself

    When to choose it: rotated boxes, where prediction and target should count alike and no option should be left to
    tune. ``"linear"`` hardly pulls boxes that are far apart: begin with ``"log"``, as the paper does, or use another
    loss beside it.

    Args:
        pred: (..., 5) rows of `Rotated`: cx, cy, w, h in any unit of length, angle in radians.
        target: The shape of ``pred``, same units.
        form: ``"linear"`` or ``"log"``, the L1 and the L2 of the paper.
        weight: A factor a box: a scalar, or as many dimensions as (...) and broadcasting to it; 0 is absent.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum over the normaliser.
        normalizer: What a mean divides by; by default the number of boxes.

    Returns:
        (...) for ``"none"``, else a scalar; the dtype of ``pred`` (float32 for a reduced 16-bit loss).

    Raises:
        TypeError: An operand is no floating tensor, or an option has the wrong type.
        ValueError: Shapes, devices, the weight's shape or an option do not fit.

    Edge cases:
        What it cannot see: the angle of a square, which gets no gradient. ``(w, h, angle)`` and
        ``(h, w, angle + pi/2)`` cost the same, and so does the exchange of prediction and target. Identical boxes cost
        exactly 0 and get no gradient, though ``"linear"`` has a kink there. A negative side counts as 0. A box without
        area shares nothing with any other: the pair costs 1, or -log(2^-126) = 87.34 in the log form, which boxes with
        area may exceed; identical ones cost 0; neither gets a gradient. A number that is not finite makes its row NaN.

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
    request = GaussianRequest(gaussians.bhattacharyya, choice("form", form, PROBABILISTIC_FORMS), is_relative=True)
    return loss("probabilistic_iou_loss", request, pred, target, weight, reduction, normalizer)


def choice(name: str, value: str, among: dict[str, Callable[..., Any]]) -> Callable[..., Any]:
    """What an option stands for."""
    if value not in among:
        *others, last = map(repr, among)
        raise ValueError(f"{name}: expected {', '.join(others)} or {last}, got {value!r}")
    return among[value]


def loss(
    name: str,
    request: GaussianRequest,
    pred: Tensor,
    target: Tensor,
    weight: float | Tensor | None,
    reduction: str,
    normalizer: float | Tensor | None,
    *parameters: float,
) -> Tensor:
    """A loss of pairs of rotated boxes."""
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
