"""Regression losses of numbers, L1, L2 (MSE) and smooth L1, and the penalty on parameters."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from detloss.engine import checks
from detloss.engine.autograd import evaluate
from detloss.formulas import elementwise
from detloss.kernels.interface import ElementwiseRequest
from detloss.losses.module import LossModule
from detloss.types import Reduction

OPERANDS = ("pred", "target")


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
    checks.pair("pred", pred, "target", target)
    return evaluate(
        "l1_loss",
        ElementwiseRequest(elementwise.l1),
        pred,
        target,
        operands=OPERANDS,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
    )


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
    checks.pair("pred", pred, "target", target)
    return evaluate(
        "l2_loss",
        ElementwiseRequest(elementwise.l2),
        pred,
        target,
        operands=OPERANDS,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
    )


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
    checks.pair("pred", pred, "target", target)
    return evaluate(
        "smooth_l1_loss",
        ElementwiseRequest(elementwise.smooth_l1),
        pred,
        target,
        operands=OPERANDS,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=[checks.number("beta", beta, 0.0)],
    )


def parameter_penalty(parameters: nn.Module | Tensor | Iterable[Tensor], *, l1: float = 0.0, l2: float = 0.0) -> Tensor:
    r"""L1 and L2 regularization of a model's parameters, a term to add to its loss.

    .. math:: P = \lambda_1 \sum |w| + \lambda_2 \sum w^2

    When to choose it: L1 makes parameters exactly zero (sparse models), L2 keeps them small. With SGD, L2 equals weight
    decay of ``2 * l2``. With Adam it does not: use AdamW's weight decay there.

    Args:
        parameters: A module (all its parameters), a tensor, or an iterable of tensors.
        l1: Weight of the absolute values, at least 0.
        l2: Weight of the squares, at least 0.

    Returns:
        A differentiable scalar in the dtype of the first parameter (float32 for 16-bit parameters).

    Raises:
        TypeError: A parameter is not a floating tensor, or a weight is not a number.
        ValueError: A weight is negative, or there are no parameters.

    Edge cases:
        The derivative of the absolute value at 0 is 0. Biases and normalization layers are parameters, too: pass an
        iterable to leave them out.

    Example:
        >>> import torch, detloss
        >>> detloss.parameter_penalty(torch.tensor([3.0, -4.0]), l1=1.0, l2=0.5)
        tensor(19.5000)

    Sources:
        Tibshirani, Regression Shrinkage and Selection via the Lasso (1996), https://www.jstor.org/stable/2346178;
        Hoerl and Kennard, Ridge Regression (1970), https://doi.org/10.1080/00401706.1970.10488634

    See also:
        `ParameterPenalty`, the module.
    """
    if isinstance(parameters, nn.Module):
        parameters = parameters.parameters()
    tensors = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if not tensors:
        raise ValueError("parameters: expected at least one tensor, got none")
    weights = checks.number("l1", l1, 0.0), checks.number("l2", l2, 0.0)
    terms = []
    for k, tensor in enumerate(tensors):
        checks.floating_tensor(f"parameters[{k}]", tensor)
        origin = tensor.new_zeros(()).expand_as(tensor)
        for loss, factor in zip((l1_loss, l2_loss), weights):
            if factor:
                terms.append(loss(tensor, origin, weight=factor, reduction="sum").to(tensors[0].device))
    if not terms:
        return l1_loss(tensors[0], tensors[0].detach(), weight=0.0, reduction="sum")
    total = torch.stack(terms)
    # Sum over possibly hundreds of tensors: in float64 where it is fast.
    return total.sum(dtype=torch.float64 if total.device.type == "cpu" else total.dtype).to(total.dtype)


class L1Loss(LossModule, function=l1_loss):
    """Module of `l1_loss`."""


class L2Loss(LossModule, function=l2_loss):
    """Module of `l2_loss`; ``MSELoss`` is an alias."""


MSELoss = L2Loss


class SmoothL1Loss(LossModule, function=smooth_l1_loss):
    """Module of `smooth_l1_loss`."""


class ParameterPenalty(nn.Module):
    """Module of `parameter_penalty`; the call takes the parameters or the model."""

    def __init__(self, *, l1: float = 0.0, l2: float = 0.0) -> None:
        super().__init__()
        self.l1, self.l2 = checks.number("l1", l1, 0.0), checks.number("l2", l2, 0.0)

    def forward(self, parameters: nn.Module | Tensor | Iterable[Tensor]) -> Tensor:
        return parameter_penalty(parameters, l1=self.l1, l2=self.l2)

    def extra_repr(self) -> str:
        return f"l1={self.l1}, l2={self.l2}"
