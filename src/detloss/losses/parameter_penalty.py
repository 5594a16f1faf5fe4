"""Penalty on the size of a model's parameters."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from detloss.engine import checks
from detloss.losses.regression import l1_loss, l2_loss


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


class ParameterPenalty(nn.Module):
    """Module of `parameter_penalty`; the call takes the parameters or the model."""

    def __init__(self, *, l1: float = 0.0, l2: float = 0.0) -> None:
        super().__init__()
        self.l1, self.l2 = checks.number("l1", l1, 0.0), checks.number("l2", l2, 0.0)

    def forward(self, parameters: nn.Module | Tensor | Iterable[Tensor]) -> Tensor:
        return parameter_penalty(parameters, l1=self.l1, l2=self.l2)

    def extra_repr(self) -> str:
        return f"l1={self.l1}, l2={self.l2}"
