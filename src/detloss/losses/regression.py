"""Losses of numbers: L1, L2 (MSE), smooth L1, and the L1 and L2 penalties on parameters."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from detloss.engine import checks
from detloss.engine.autograd import evaluate
from detloss.formulas import elementwise
from detloss.kernels.interface import ElementwiseRequest
from detloss.losses.module import LossModule

OPERANDS = ("pred", "target")


def l1_loss(
    pred: Tensor,
    target: Tensor,
    *,
    weight: float | Tensor | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Absolute error, the same pull however large the error is.

    ``loss = |pred - target|``

    When to choose it: outliers in the targets must not dominate. Its slope does not shrink near the target, so
    the last small errors are corrected coarsely; `smooth_l1_loss` mends that.

    Args:
        pred: (...), any floating dtype.
        target: The shape of ``pred``; same unit.
        weight: A factor an entry: a scalar, or as many dimensions as ``pred`` and broadcasting to it; 0 is absent.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum over the normaliser.
        normalizer: What a mean divides by; by default the number of entries.

    Returns:
        The shape of ``pred`` for ``"none"``, else a scalar; the dtype of ``pred`` (float32 for a reduced 16-bit loss).

    Raises:
        TypeError: An operand is no floating tensor, or an option has the wrong type.
        ValueError: Shapes, devices, the weight's shape or the reduction do not fit.

    Edge cases:
        No entries, or a normaliser of 0: 0, attached to the graph. The derivative at 0 is 0.

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
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Squared error, not half of it; ``mse_loss`` is its second name.

    ``loss = (pred - target)^2``

    When to choose it: errors are small and their noise is normal. One outlier pulls as hard as its size; for boxes
    in pixels large objects then outweigh small ones, which is why detectors left it.

    Args:
        pred: (...), any floating dtype.
        target: The shape of ``pred``; same unit.
        weight: A factor an entry: a scalar, or as many dimensions as ``pred`` and broadcasting to it; 0 is absent.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum over the normaliser.
        normalizer: What a mean divides by; by default the number of entries.

    Returns:
        The shape of ``pred`` for ``"none"``, else a scalar; the dtype of ``pred`` (float32 for a reduced 16-bit
        loss); the unit of ``pred``, squared.

    Raises:
        TypeError: An operand is no floating tensor, or an option has the wrong type.
        ValueError: Shapes, devices, the weight's shape or the reduction do not fit.

    Edge cases:
        No entries, or a normaliser of 0: 0, attached to the graph. optax and TFOD mean half of this by "L2".

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
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """L2 near the target and L1 far from it, joined at ``beta`` without a corner.

    ``loss = d^2 / (2 beta) where |d| < beta, else |d| - beta / 2``, with ``d = pred - target``

    When to choose it: box regression by numbers, as in Fast and Faster R-CNN. ``beta`` is the error, in the unit of
    ``pred``, below which the pull fades.

    Args:
        pred: (...), any floating dtype.
        target: The shape of ``pred``; same unit.
        beta: Where the two parts meet, at least 0; 0 is L1.
        weight: A factor an entry: a scalar, or as many dimensions as ``pred`` and broadcasting to it; 0 is absent.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum over the normaliser.
        normalizer: What a mean divides by; by default the number of entries.

    Returns:
        The shape of ``pred`` for ``"none"``, else a scalar; the dtype of ``pred`` (float32 for a reduced 16-bit loss).

    Raises:
        TypeError: An operand is no floating tensor, or an option has the wrong type.
        ValueError: Shapes, devices, the weight's shape, ``beta`` or the reduction do not fit.

    Edge cases:
        No entries, or a normaliser of 0: 0, attached to the graph.

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
    """A cost on the size of a model's parameters, to be added to its loss.

    ``penalty = l1 * sum |w| + l2 * sum w^2``

    When to choose it: L1 to make parameters exactly zero (sparse models), L2 to keep them small. With SGD, L2 equals
    weight decay of ``2 * l2``; with Adam it does not (use AdamW's own decay there).

    Args:
        parameters: A module (all its parameters), one tensor, or any iterable of tensors.
        l1: Weight of the absolute values, at least 0.
        l2: Weight of the squares, at least 0.

    Returns:
        A scalar in the dtype of the first parameter (float32 for 16-bit ones), differentiable.

    Raises:
        TypeError: A parameter is no floating tensor, or a weight is no number.
        ValueError: A weight is negative, or there are no parameters.

    Edge cases:
        The derivative of ``|w|`` at 0 is 0. Biases and norms are parameters too: pass those you mean.

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
    # Hundreds of tensors add up: in float64 where the processor has it at full speed.
    return total.sum(dtype=torch.float64 if total.device.type == "cpu" else total.dtype).to(total.dtype)


class L1Loss(LossModule, function=l1_loss):
    """Module of `l1_loss`."""


class L2Loss(LossModule, function=l2_loss):
    """Module of `l2_loss`; ``MSELoss`` is its second name."""


MSELoss = L2Loss


class SmoothL1Loss(LossModule, function=smooth_l1_loss):
    """Module of `smooth_l1_loss`."""


class ParameterPenalty(nn.Module):
    """Module of `parameter_penalty`; its call takes the parameters or the model."""

    def __init__(self, *, l1: float = 0.0, l2: float = 0.0) -> None:
        super().__init__()
        self.l1, self.l2 = checks.number("l1", l1, 0.0), checks.number("l2", l2, 0.0)

    def forward(self, parameters: nn.Module | Tensor | Iterable[Tensor]) -> Tensor:
        return parameter_penalty(parameters, l1=self.l1, l2=self.l2)

    def extra_repr(self) -> str:
        return f"l1={self.l1}, l2={self.l2}"
