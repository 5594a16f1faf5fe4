"""Regression losses of numbers: L1, L2 (MSE), smooth L1, Charbonnier, balanced L1 and log-cosh."""

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor

from detloss.engine import checks
from detloss.engine.autograd import evaluate
from detloss.formulas import elementwise
from detloss.kernels.interface import ElementwiseRequest
from detloss.losses.module import LossModule
from detloss.types import Reduction

STEEPEST = 64.0  # the largest gamma / alpha of balanced L1: its exponential is far inside the range of float32


def l1_loss(
    pred: Tensor,
    target: Tensor,
    *,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Absolute error: the gradient has the same size for every error.

    .. math:: L = |p - t|

    When to choose it: outliers among the targets must not dominate. The gradient does not shrink near the target, so
    the last small errors decrease slowly; `smooth_l1_loss` is quadratic there.

    Args:
        pred: (...), any floating dtype.
        target: The shape of ``pred``, in the same unit.
        weight: Weight per element, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss
            dimension by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of elements.

    Returns:
        The shape of ``pred`` for ``"none"``, else a scalar. The dtype is that of ``pred``; a reduced 16-bit loss is
        float32.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.

    Edge cases:
        Without elements, or with a normalizer of 0, the loss is 0 and attached to the graph. The derivative at 0 is 0.

    Example:
        >>> import torch, detloss
        >>> detloss.l1_loss(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 2.0]))
        tensor(2.)

    Sources:
        Boscovich, De litteraria expeditione (1757), the method of least absolute deviations.

    See also:
        `L1Loss`, the module; `smooth_l1_loss`.
    """
    return loss("l1_loss", elementwise.l1, pred, target, weight, reduction, normalizer)


def l2_loss(
    pred: Tensor,
    target: Tensor,
    *,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Squared error, not halved; ``mse_loss`` is an alias.

    .. math:: L = (p - t)^2

    When to choose it: errors are small and normally distributed. The gradient grows with the error, so outliers
    dominate, and for boxes in pixels large objects outweigh small ones.

    Args:
        pred: (...), any floating dtype.
        target: The shape of ``pred``, in the same unit.
        weight: Weight per element, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss
            dimension by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of elements.

    Returns:
        The shape of ``pred`` for ``"none"``, else a scalar. The dtype is that of ``pred``; a reduced 16-bit loss is
        float32. The unit is that of ``pred``, squared.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.

    Edge cases:
        Without elements, or with a normalizer of 0, the loss is 0 and attached to the graph. In optax and the
        TensorFlow Object Detection API, the L2 loss is half of this.

    Example:
        >>> import torch, detloss
        >>> detloss.l2_loss(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 2.0]))
        tensor(5.)

    Sources:
        Legendre, Nouvelles methodes pour la determination des orbites des cometes (1805).

    See also:
        `L2Loss`, the module.
    """
    return loss("l2_loss", elementwise.l2, pred, target, weight, reduction, normalizer)


mse_loss = l2_loss


def smooth_l1_loss(
    pred: Tensor,
    target: Tensor,
    *,
    beta: float = 1.0,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""Quadratic for errors below ``beta``, linear above, and continuously differentiable.

    :math:`L = d^2 / (2 \beta)` where :math:`|d| < \beta`, else :math:`L = |d| - \beta / 2`, with :math:`d = p - t`

    When to choose it: regression of encoded box offsets, as in Fast and Faster R-CNN. ``beta`` is the error, in the
    unit of ``pred``, below which the gradient decreases.

    Args:
        pred: (...), any floating dtype.
        target: The shape of ``pred``, in the same unit.
        beta: The error at which the two parts meet, at least 0; 0 gives L1.
        weight: Weight per element, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss
            dimension by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of elements.

    Returns:
        The shape of ``pred`` for ``"none"``, else a scalar. The dtype is that of ``pred``; a reduced 16-bit loss is
        float32.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.

    Edge cases:
        Without elements, or with a normalizer of 0, the loss is 0 and attached to the graph.

    Example:
        >>> import torch, detloss
        >>> detloss.smooth_l1_loss(torch.tensor([0.5, 3.0]), torch.zeros(2), reduction="none")
        tensor([0.1250, 2.5000])

    Sources:
        Girshick, Fast R-CNN (2015), eq. 3, https://arxiv.org/abs/1504.08083

    See also:
        `SmoothL1Loss`, the module; `l1_loss`.
    """
    return loss(
        "smooth_l1_loss",
        elementwise.smooth_l1,
        pred,
        target,
        weight,
        reduction,
        normalizer,
        checks.number("beta", beta, 0.0),
    )


def charbonnier_loss(
    pred: Tensor,
    target: Tensor,
    *,
    delta: float = 1.0,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""Smooth absolute error, with derivatives of every order; pseudo-Huber loss is ``delta`` times this.

    :math:`L = \sqrt{d^2 + \delta^2} - \delta` with :math:`d = p - t`

    When to choose it: as `smooth_l1_loss`, where second derivatives must not jump. ``delta`` is the error, in the unit
    of ``pred``, around which the loss changes from quadratic to linear.

    Args:
        pred: (...), any floating dtype.
        target: The shape of ``pred``, in the same unit.
        delta: Width of the quadratic part, at least 0; 0 gives L1.
        weight: Weight per element, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss
            dimension by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of elements.

    Returns:
        The shape of ``pred`` for ``"none"``, else a scalar. The dtype is that of ``pred``; a reduced 16-bit loss is
        float32.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.

    Edge cases:
        Without elements, or with a normalizer of 0, the loss is 0 and attached to the graph. Errors much smaller than
        ``delta`` keep all digits: nothing is subtracted.

    Example:
        >>> import torch, detloss
        >>> detloss.charbonnier_loss(torch.tensor([3.0, 0.0]), torch.zeros(2), delta=4.0, reduction="none")
        tensor([1., 0.])

    Sources:
        Charbonnier et al., Two Deterministic Half-Quadratic Regularization Algorithms for Computed Imaging (1994),
        https://doi.org/10.1109/ICIP.1994.413553

    See also:
        `CharbonnierLoss`, the module; `smooth_l1_loss`; `log_cosh_loss`.
    """
    return loss(
        "charbonnier_loss",
        elementwise.charbonnier,
        pred,
        target,
        weight,
        reduction,
        normalizer,
        checks.number("delta", delta, 0.0),
    )


def balanced_l1_loss(
    pred: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.5,
    gamma: float = 1.5,
    beta: float = 1.0,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""Loss of Libra R-CNN: small errors have a larger gradient than in smooth L1, large errors a bounded one.

    :math:`L = \beta \left( \frac{\alpha}{b} (b e + 1) \log(b e + 1) - \alpha e \right)` where :math:`e < 1`,
    else :math:`L = \beta \left( \gamma e + \frac{\gamma}{b} - \alpha \right)`, with :math:`e = |p - t| / \beta` and
    :math:`b = \exp(\gamma / \alpha) - 1`

    When to choose it: regression of encoded box offsets, where accurate boxes contribute too little to the gradient of
    `smooth_l1_loss`. The gradient is :math:`\alpha \log(b e + 1)` up to ``beta`` and ``gamma`` beyond.

    Args:
        pred: (...), any floating dtype.
        target: The shape of ``pred``, in the same unit.
        alpha: Scale of the gradient of small errors, more than 0; a smaller one increases it relative to ``gamma``.
        gamma: Gradient of large errors, at least 0 and at most 64 ``alpha``.
        beta: The error at which the two parts meet, more than 0.
        weight: Weight per element, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss
            dimension by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of elements.

    Returns:
        The shape of ``pred`` for ``"none"``, else a scalar. The dtype is that of ``pred``; a reduced 16-bit loss is
        float32.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.

    Edge cases:
        Without elements, or with a normalizer of 0, the loss is 0 and attached to the graph. Value and gradient are
        continuous for every ``beta``. In mmdet the gradient jumps at 0 unless ``beta`` is 1.

    Example:
        >>> import torch, detloss
        >>> detloss.balanced_l1_loss(torch.tensor([0.5, 1.0, 2.0]), torch.zeros(3), reduction="none")
        tensor([0.4006, 1.0786, 2.5786])

    Sources:
        Pang et al., Libra R-CNN (2019), https://arxiv.org/abs/1904.02701

    See also:
        `BalancedL1Loss`, the module; `smooth_l1_loss`.
    """
    alpha, beta = checks.positive("alpha", alpha), checks.positive("beta", beta)
    gamma = checks.number("gamma", gamma, 0.0)
    if gamma > STEEPEST * alpha:
        raise ValueError(f"gamma: expected at most {STEEPEST:g} alpha = {STEEPEST * alpha:g}, got {gamma:g}")
    rate = math.expm1(gamma / alpha) / beta
    return loss(
        "balanced_l1_loss", elementwise.balanced_l1, pred, target, weight, reduction, normalizer, alpha, rate, beta
    )


def log_cosh_loss(
    pred: Tensor,
    target: Tensor,
    *,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""Logarithm of the hyperbolic cosine of the error: about half its square near 0, its size less log 2 far away.

    .. math:: L = \log \cosh(p - t)

    When to choose it: as `charbonnier_loss` with ``delta=1``, with a gradient, :math:`\tanh(p - t)`, that approaches 1
    exponentially. Divide ``pred`` and ``target`` by the error at which the loss shall become linear.

    Args:
        pred: (...), any floating dtype.
        target: The shape of ``pred``, in the same unit.
        weight: Weight per element, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss
            dimension by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of elements.

    Returns:
        The shape of ``pred`` for ``"none"``, else a scalar. The dtype is that of ``pred``; a reduced 16-bit loss is
        float32.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.

    Edge cases:
        Without elements, or with a normalizer of 0, the loss is 0 and attached to the graph. The hyperbolic cosine of a
        large error is not computed: the loss is finite for every finite error.

    Example:
        >>> import torch, detloss
        >>> detloss.log_cosh_loss(torch.tensor([0.5, 100.0]), torch.zeros(2), reduction="none")
        tensor([ 0.1201, 99.3069])

    Sources:
        Green, Bayesian Reconstructions from Emission Tomography Data Using a Modified EM Algorithm (1990),
        https://doi.org/10.1109/42.52985

    See also:
        `LogCoshLoss`, the module; `charbonnier_loss`.
    """
    return loss("log_cosh_loss", elementwise.log_cosh, pred, target, weight, reduction, normalizer)


def loss(
    name: str,
    formula: Callable[..., Any],
    pred: Tensor,
    target: Tensor,
    weight: float | Tensor | None,
    reduction: Reduction,
    normalizer: float | Tensor | None,
    *parameters: float,
) -> Tensor:
    """Evaluate a formula of single numbers, the operands checked."""
    checks.pair("pred", pred, "target", target)
    return evaluate(
        name,
        ElementwiseRequest(formula),
        pred,
        target,
        operands=("pred", "target"),
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=parameters,
    )


class L1Loss(LossModule, function=l1_loss):
    """Module of `l1_loss`."""


class L2Loss(LossModule, function=l2_loss):
    """Module of `l2_loss`; ``MSELoss`` is an alias."""


MSELoss = L2Loss


class SmoothL1Loss(LossModule, function=smooth_l1_loss):
    """Module of `smooth_l1_loss`."""


class CharbonnierLoss(LossModule, function=charbonnier_loss):
    """Module of `charbonnier_loss`."""


class BalancedL1Loss(LossModule, function=balanced_l1_loss):
    """Module of `balanced_l1_loss`."""


class LogCoshLoss(LossModule, function=log_cosh_loss):
    """Module of `log_cosh_loss`."""
